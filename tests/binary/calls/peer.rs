//! A daemon of a scene's own: a socket that does with each request what the scene wants, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{program, until};
use crate::player::{Player, pointed_at};

/// Longest wait for a client that says nothing. Above every bound of a scene.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What a request is answered with; `None`: nothing, for as long as the client stays.
pub(crate) type Reply = Option<(u16, String)>;

/// A body instead of which the connection ends.
pub(crate) const CUT: &str = "cut";

/// A request as it came.
pub(crate) struct Asked {
    /// `METHOD TARGET`.
    pub(crate) line: String,
    /// That of its token.
    pub(crate) session: String,
}

/// The daemon, and a token directory of its client's.
pub(crate) struct Peer {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
    directory: TempDir,
}

impl Peer {
    /// Each connection has a thread, so `reply` may wait.
    pub(crate) fn start(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Peer {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (told, reply) = (Arc::clone(&asked), Arc::new(reply));
        Peer::of_connections(asked, move |stream| serve(stream, &told, &*reply))
    }

    /// The same without HTTP: `meet` has the bare connection.
    #[cfg(feature = "tls")]
    pub(crate) fn bare(scheme: &str, meet: impl Fn(TcpStream) + Send + Sync + 'static) -> Peer {
        let mut peer = Peer::of_connections(Arc::default(), meet);
        peer.base_url = peer.base_url.replace("http", scheme);
        peer
    }

    fn of_connections(
        asked: Arc<Mutex<Vec<String>>>,
        meet: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let directory = tempfile::tempdir().expect("a directory");
        put_token(directory.path(), "s-1");
        let meet = Arc::new(meet);
        // It ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let meet = Arc::clone(&meet);
                let _ = stream.set_read_timeout(Some(SILENCE_MAX));
                thread::spawn(move || meet(stream));
            }
        });
        Peer { base_url, asked, directory }
    }

    /// Waits until a request with this in its first line has come.
    pub(crate) fn wait_for(&self, part: &str) {
        until(part, || self.times_asked(part) > 0);
    }

    /// How many requests with this in their first line have come.
    pub(crate) fn times_asked(&self, part: &str) -> usize {
        self.asked.lock().expect("no panic holds it").iter().filter(|line| line.contains(part)).count()
    }

    /// The first lines that are so.
    pub(crate) fn lines(&self, is_so: impl Fn(&str) -> bool) -> Vec<String> {
        self.asked.lock().expect("no panic holds it").iter().filter(|line| is_so(line)).cloned().collect()
    }

    /// Another session's token is put into the token file.
    pub(crate) fn put_token(&self, session: &str) {
        put_token(self.directory.path(), session);
    }

    /// Nothing is in the token file any more.
    pub(crate) fn remove_token(&self) {
        std::fs::remove_file(self.directory.path().join("mcp-token")).expect("it is there");
    }

    /// The command that serves its wallet.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        pointed_at(&mut command, &self.base_url, self.directory.path());
        command
    }

    /// Its client, after the handshake.
    pub(crate) fn player(&self, more: &[(&str, &str)]) -> Player {
        let mut player = Player::start(self.command().envs(more.iter().copied()));
        player.initialize();
        player
    }
}

/// A token that never ends.
fn put_token(directory: &Path, session: &str) {
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{session}","iat":1795330000}}"#));
    let temporary = directory.join("foreign.tmp");
    let token = format!("wai_sess_eyJhbGciOiJIUzI1NiJ9.{claims}.c2lnbmF0dXJl");
    #[expect(clippy::disallowed_methods, reason = "the scene is the operator here")]
    std::fs::write(&temporary, token).expect("a writable directory");
    std::fs::rename(temporary, directory.join("mcp-token")).expect("a rename within it");
}

fn serve(stream: TcpStream, told: &Mutex<Vec<String>>, reply: &dyn Fn(&Asked) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut stream = stream;
    while let Some(asked) = read_request(&mut reader) {
        told.lock().expect("no panic holds it").push(asked.line.clone());
        let Some((status, body)) = reply(&asked) else {
            // Until the client goes.
            let _ = reader.read_to_end(&mut Vec::new());
            return;
        };
        if body == CUT {
            return;
        }
        let head = format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n");
        let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut first, mut session, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
            Some((name, value)) if name == "content-length" => length = value.parse().ok()?,
            Some((name, value)) if name == "authorization" => session = session_of(value),
            _ if first.is_empty() => first = line.trim_end_matches(" HTTP/1.1").to_owned(),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some(Asked { line: first, session })
}

fn session_of(authorization: &str) -> String {
    let claims = authorization.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
    claims["sub"].as_str().unwrap_or_default().to_owned()
}
