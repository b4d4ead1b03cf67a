//! A daemon that says whatever it is told to say, on a port of its own, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use waiaas_mcp::time::{Clock as _, SystemClock};

/// Longest wait for a client that says nothing. Above every bound of a test.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A wallet's id as a daemon makes it.
pub(crate) const WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";
pub(crate) const OTHER_WALLET: &str = "01a20238-63ed-7046-b399-42367a3cddf8";

/// The id of the session that it opens.
pub(crate) const SESSION: &str = "01a20238-65b7-7d3f-808b-d0cdea77429e";

/// What it answers to `METHOD /path`; a 404 where it has nothing to say.
type Answers = dyn Fn(&str) -> Option<(u16, Value)> + Send + Sync;

pub(crate) struct Liar {
    base_url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `METHOD /path`, without the query.
    pub(crate) route: String,
    /// The head as it came.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Liar {
    /// It is healthy, whatever else it says.
    pub(crate) fn start(answers: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static) -> Liar {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let liar = Liar { base_url, asked: Arc::clone(&asked) };
        let answers: Arc<Answers> = Arc::new(answers);
        // It ends with the test program.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answers, asked) = (Arc::clone(&answers), Arc::clone(&asked));
                thread::spawn(move || serve(stream, &*answers, &asked));
            }
        });
        liar
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic holds it").clone()
    }

    pub(crate) fn times_asked(&self, route: &str) -> usize {
        self.asked().iter().filter(|asked| asked.route == route).count()
    }
}

/// Claims of the session, of which this part of an hour is over.
fn claims(age_s: i64) -> String {
    let issued = SystemClock::start().now().wall.unix_seconds() - age_s;
    format!(r#"{{"sub":"{SESSION}","iat":{issued},"exp":{}}}"#, issued + 3600)
}

/// A token of the session with this header and signature, whatever stands in them.
pub(crate) fn token_of(header: &str, signature: &str, age_s: i64) -> String {
    format!("wai_sess_{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(claims(age_s)))
}

/// A token as a daemon makes it.
pub(crate) fn good_token() -> String {
    token_of("e30", "c2lnbmF0dXJl", 0)
}

fn serve(mut stream: TcpStream, answers: &Answers, asked: &Mutex<Vec<Asked>>) {
    let _ = stream.set_read_timeout(Some(SILENCE_MAX));
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    while let Some(request) = read_request(&mut reader) {
        let health = (request.route == "GET /health")
            .then(|| (200, json!({ "status": "healthy", "version": "2.15.0" })));
        let (status, body) = answers(&request.route).or(health).unwrap_or_else(|| {
            (404, json!({ "code": "NOT_FOUND", "message": "nothing", "retryable": false }))
        });
        asked.lock().expect("no panic holds it").push(request);
        let body = if status == 204 { String::new() } else { body.to_string() };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = head.split([' ', '?']);
    let route = format!("{} {}", words.next()?, words.next()?);
    Some(Asked { route, head, body: String::from_utf8_lossy(&body).into_owned() })
}
