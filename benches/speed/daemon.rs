//! A daemon that answers everything with the same object after a set time, and a directory with a token for it.
//!
//! A thread for each connection and nothing else: what it costs must not be taken for a cost of the program.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tempfile::TempDir;

/// Life of the token: nothing is due while it is measured.
const TOKEN_LIFE_S: u64 = 7 * 86_400;

/// The answer to everything: a wallet's address, and for whoever looks for them no actions.
const BODY: &str = r#"{"walletId":"00000000-0000-4000-8000-000000000000","network":"ethereum-sepolia","address":"0x0000000000000000000000000000000000000000","providers":[]}"#;

/// Room for a request, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// The daemon, for as long as the measuring program runs.
pub(crate) struct Daemon {
    base_url: String,
    hanging_url: String,
    delay_us: Arc<AtomicU64>,
    directory: TempDir,
}

impl Daemon {
    /// One that answers at once, and beside it one that accepts and says nothing.
    pub(crate) fn start() -> Daemon {
        let delay_us = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_us);
        let base_url = listen(move |stream| {
            let delay = Arc::clone(&delay);
            // The client closes whenever it likes.
            thread::spawn(move || drop(serve(stream, &delay)));
        });
        let mut silent = Vec::new();
        let hanging_url = listen(move |stream| silent.push(stream));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("mcp-token"), token()).unwrap();
        Daemon { base_url, hanging_url, delay_us, directory }
    }

    /// The one that answers.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The one that says nothing.
    pub(crate) fn hanging_url(&self) -> &str {
        &self.hanging_url
    }

    /// Where the token lies.
    pub(crate) fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// From now on an answer leaves so long after its request has come.
    pub(crate) fn answer_after(&self, delay: Duration) {
        self.delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
    }

    /// A client of the daemon without anything between.
    pub(crate) fn connect(&self) -> Direct {
        let stream = TcpStream::connect(self.base_url.trim_start_matches("http://")).unwrap();
        stream.set_nodelay(true).unwrap();
        Direct { stream, buffer: vec![0; REQUEST_BYTES_MAX] }
    }
}

/// See [`Daemon::connect`].
pub(crate) struct Direct {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Direct {
    /// The same request that a tool call comes to.
    pub(crate) fn call(&mut self) {
        let request = "GET /v1/wallet/address HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\
                       authorization: Bearer wai_sess_a.b.c\r\n\r\n";
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut filled = 0;
        while !self.buffer[..filled].ends_with(BODY.as_bytes()) {
            let bytes = self.stream.read(&mut self.buffer[filled..]).unwrap();
            assert!(bytes > 0, "the daemon closed");
            filled += bytes;
        }
    }
}

fn listen(mut take: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().flatten().for_each(&mut take));
    base_url
}

fn serve(mut stream: TcpStream, delay_us: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ndate: {date}\r\nconnection: keep-alive\r\n\
         content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    let mut buffer = [0; REQUEST_BYTES_MAX];
    loop {
        let mut filled = 0;
        // Requests of calls that only read have no body.
        while !buffer[..filled].ends_with(b"\r\n\r\n") {
            let bytes = stream.read(&mut buffer[filled..])?;
            if bytes == 0 {
                return Ok(());
            }
            filled += bytes;
        }
        let came = Instant::now();
        let delay = Duration::from_micros(delay_us.load(Ordering::Relaxed));
        thread::sleep(delay.saturating_sub(came.elapsed()));
        stream.write_all(answer.as_bytes())?;
    }
}

/// A token of the form that the program reads. Nobody here checks its signature.
fn token() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let payload = format!(r#"{{"sub":"measured","iat":{now},"exp":{}}}"#, now + TOKEN_LIFE_S);
    format!("wai_sess_eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(payload))
}
