//! A daemon that listens on a port of its own and does to each request what it was told to do.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::misbehaviours::{Act, GOOD};

/// Longest wait for a client that says nothing. Above every bound of a test.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Which requests suffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victims {
    /// All of them.
    All,
    /// Renewals; the others are answered well.
    Renewals,
}

pub(crate) struct HostileDaemon {
    base_url: String,
    asked: Arc<Mutex<Vec<String>>>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl HostileDaemon {
    pub(crate) fn start(act: Act, victims: Victims) -> HostileDaemon {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let is_absent = matches!(act, Act::Absent) && victims == Victims::All;
        // A port that was given back may be somebody else's a moment later; on this one nobody listens.
        let base_url = match listener.local_addr() {
            Ok(address) if !is_absent => format!("http://{address}"),
            _ => "http://127.0.0.1:1".to_owned(),
        };
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let streams = Arc::<Mutex<Vec<TcpStream>>>::default();
        let daemon = HostileDaemon { base_url, asked: Arc::clone(&asked), streams: Arc::clone(&streams) };
        if is_absent {
            return daemon;
        }
        // It ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (act, asked) = (act.clone(), Arc::clone(&asked));
                let also = stream.try_clone().expect("a descriptor");
                streams.lock().expect("no panic holds it").push(also);
                thread::spawn(move || serve(stream, &act, victims, &asked));
            }
        });
        daemon
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Ends every connection there is.
    pub(crate) fn hang_up(&self) {
        for stream in self.streams.lock().expect("no panic holds it").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many requests with this in their first line have come.
    pub(crate) fn times_asked(&self, part: &str) -> usize {
        self.asked.lock().expect("no panic holds it").iter().filter(|line| line.contains(part)).count()
    }
}

fn serve(mut stream: TcpStream, act: &Act, victims: Victims, asked: &Mutex<Vec<String>>) {
    let _ = stream.set_read_timeout(Some(SILENCE_MAX));
    let _ = stream.set_write_timeout(Some(SILENCE_MAX));
    if victims == Victims::All && matches!(act, Act::Slam | Act::Ignore) {
        asked.lock().expect("no panic holds it").push("something".to_owned());
        act.perform(&mut stream, b"");
        return;
    }
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    while let Some((line, token)) = read_request(&mut reader) {
        let is_victim = victims == Victims::All || line.starts_with("PUT ");
        let is_about_providers = line.contains("/v1/actions/providers");
        asked.lock().expect("no panic holds it").push(line);
        let stays = if is_victim {
            act.perform(&mut stream, &token)
        } else {
            let body = if is_about_providers { r#"{"providers":[]}"# } else { GOOD };
            let good = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            Act::SayAndStay(good.into_bytes()).perform(&mut stream, &token)
        };
        if !stays {
            return;
        }
    }
}

/// The request's line and its token.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut first, mut token, mut length) = (String::new(), Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value)) {
            Some((name, value)) if name == "content-length" => length = value.parse().ok()?,
            Some((name, value)) if name == "authorization" => {
                token = value.trim_start_matches("Bearer ").into()
            }
            _ if first.is_empty() => first = line.to_owned(),
            _ => {}
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    Some((first, token))
}
