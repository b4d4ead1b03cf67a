//! The HTTP client against a server that says exactly what a test tells it to.

#![allow(clippy::print_stdout, reason = "a skipped test says why")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use waiaas_mcp::http::base_url::BaseUrl;
use waiaas_mcp::http::cancelled::Cancelled;
use waiaas_mcp::http::client::Http;
use waiaas_mcp::http::{Credential, HttpFaultKind, Request, Transport as _};
use waiaas_mcp::secret::Token;

const TIME_MAX: Duration = Duration::from_secs(20);

/// A client of a server that answers every request with `answer`, and what heads the server was sent, each with the
/// number of its connection.
fn client_of(answer: String) -> (Http, Receiver<(usize, String)>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().expect("an address")));
    let (report, heads) = channel();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let (answer, report) = (answer.clone(), report.clone());
            thread::spawn(move || {
                serve(stream, &answer, |head| {
                    let _ = report.send((number, head));
                })
            });
        }
    });
    (Http::new(base.expect("a good URL")), heads)
}

fn serve(mut stream: TcpStream, answer: &str, mut report: impl FnMut(String)) {
    let mut head = Vec::new();
    let mut buffer = [0; 64 * 1024];
    while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
        head.extend_from_slice(&buffer[..bytes]);
        if head.ends_with(b"\r\n\r\n") {
            report(String::from_utf8(std::mem::take(&mut head)).expect("a head is text"));
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn answer_with(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{headers}\r\n{{}}")
}

#[test]
fn a_line_of_any_length_reaches_the_daemon_whole() {
    let (http, heads) = client_of(answer_with(""));
    for length in [10, 1900, 2000, 2048, 5000, 60_000] {
        let target = format!("/v1/wallet/balance?x={}", "y".repeat(length));
        let token = Token::new(format!("wai_sess_a.{}.c", "z".repeat(length)));
        for (request, credential) in [
            (Request::get(&target), Credential::None),
            (Request::get("/v1/wallet/balance"), Credential::Session(&token)),
        ] {
            let answer = http.send(&request, credential, TIME_MAX).expect("an answer");
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"{}".as_slice()), "{length}");
            let (_, head) = heads.recv_timeout(TIME_MAX).expect("a head");
            assert!(head.starts_with(&format!("GET {} HTTP/1.1\r\n", request.target)), "{length}");
            let is_there = head.contains(&format!(": Bearer {}\r\n", token.expose()));
            assert_eq!(is_there, matches!(credential, Credential::Session(_)), "{length}");
        }
    }
}

#[test]
fn ordinary_requests_share_a_connection_and_a_long_one_has_its_own() {
    let (http, heads) = client_of(answer_with(""));
    let long = format!("/v1/x?{}", "y".repeat(4000));
    let connections: Vec<usize> = ["/v1/a", "/v1/b", &long, "/v1/c"]
        .iter()
        .map(|target| {
            http.send(&Request::get(*target), Credential::None, TIME_MAX).expect("an answer");
            heads.recv_timeout(TIME_MAX).expect("a head").0
        })
        .collect();
    assert_eq!(connections, [0, 0, 1, 0]);
}

#[test]
fn an_answers_headers_are_bounded() {
    for (bytes, is_taken) in [(100, true), (7000, true), (9000, false), (1_000_000, false)] {
        let (http, _heads) = client_of(answer_with(&format!("x-long: {}\r\n", "v".repeat(bytes))));
        let outcome = http.send(&Request::get("/health"), Credential::None, TIME_MAX);
        assert_eq!(outcome.is_ok(), is_taken, "{bytes}");
        if let Err(fault) = outcome {
            assert!(fault.sent && fault.kind == HttpFaultKind::Broken, "{bytes}: {fault:?}");
        }
    }
}

#[test]
fn whether_a_request_was_sent_is_told_by_the_connection() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let sent = |scheme: &str, repeatable| {
        let base = BaseUrl::parse(&format!("{scheme}://{address}")).expect("a good URL");
        let request = Request { repeatable, ..Request::get("/health") };
        let fault = Http::new(base).send(&request, Credential::None, Duration::from_millis(300));
        fault.expect_err("nobody answers").sent
    };
    // It is connected to, because the system accepts, and says nothing.
    for repeatable in [true, false] {
        assert!(sent("http", repeatable), "it may have been read");
        assert!(!cfg!(feature = "tls") || !sent("https", repeatable), "the handshake did not end");
    }
    drop(listener);
    assert!(!sent("http", false), "nobody listens");
    assert!(!cfg!(feature = "tls") || !sent("https", false), "nobody listens");
}

#[test]
fn what_was_cancelled_before_is_not_sent() {
    let (http, heads) = client_of(answer_with(""));
    let cancelled = Cancelled::default();
    cancelled.cancel();
    for repeatable in [true, false] {
        let request = Request { repeatable, ..Request::get("/v1/a") };
        let outcome = http.send_unless(&cancelled, &request, Credential::None, TIME_MAX);
        assert_eq!(outcome, Ok(None), "{repeatable}");
    }
    let outcome = http.send_unless(&Cancelled::default(), &Request::get("/v1/b"), Credential::None, TIME_MAX);
    assert_eq!(outcome.map(|response| response.is_some()), Ok(true), "the next one is");
    let (_, head) = heads.recv_timeout(TIME_MAX).expect("a head");
    assert!(head.starts_with("GET /v1/b "), "{head}");
}

#[test]
fn what_was_cancelled_while_it_was_connecting_is_not_sent() {
    /// More than the system lets wait for a listener of the standard library.
    const CONNECTIONS: usize = 200;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    let at_once = Duration::from_millis(100);
    let waiting: Vec<TcpStream> =
        (0..CONNECTIONS).map_while(|_| TcpStream::connect_timeout(&address, at_once).ok()).collect();
    if waiting.len() == CONNECTIONS {
        println!("skipped: this system lets more connections wait than {CONNECTIONS}");
        return;
    }
    let cancelled = Cancelled::default();
    let http = Http::new(BaseUrl::parse(&format!("http://{address}")).expect("a good URL"));
    let call = {
        let cancelled = cancelled.clone();
        let request = Request { repeatable: false, ..Request::get("/v1/a") };
        thread::spawn(move || http.send_unless(&cancelled, &request, Credential::None, TIME_MAX))
    };
    // It is connecting by now, or will be, and cannot before there is room.
    cancelled.cancel();
    drop(waiting);
    let came = thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 64];
            if let Ok(read @ 1..) = stream.read(&mut bytes) {
                return String::from_utf8_lossy(&bytes[..read]).into_owned();
            }
        }
        String::new()
    });
    assert_eq!(call.join().expect("it ends"), Ok(None));
    assert!(!came.is_finished(), "nothing was written to any connection");
}

#[test]
fn who_cancels_a_question_hangs_up_and_who_cancels_a_change_hears_it_out() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().expect("an address")));
    let http = Http::new(base.expect("a good URL"));
    let (report, heads) = channel();
    let (open, gate) = channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (report, gate) = (report.clone(), Arc::clone(&gate));
            thread::spawn(move || {
                serve(stream, &answer_with(""), |_| {
                    let _ = report.send(());
                    let _ = gate.lock().expect("no panic holds it").recv_timeout(TIME_MAX);
                })
            });
        }
    });
    let cancelled_on_its_way = |repeatable: bool, then: &dyn Fn()| {
        let cancelled = Cancelled::default();
        let request = Request { repeatable, ..Request::get("/v1/a") };
        thread::scope(|scope| {
            let call = scope.spawn(|| http.send_unless(&cancelled, &request, Credential::None, TIME_MAX));
            heads.recv_timeout(TIME_MAX).expect("it is asked");
            cancelled.cancel();
            then();
            call.join().expect("it ends")
        })
    };
    // The gate is shut: it ends all the same.
    let question = cancelled_on_its_way(true, &|| {});
    assert!(question.is_err_and(|fault| fault.sent && fault.kind == HttpFaultKind::Broken));
    open.send(()).expect("it waits");
    let change = cancelled_on_its_way(false, &|| open.send(()).expect("it waits"));
    assert_eq!(change.map(|response| response.map(|response| response.status)), Ok(Some(200)));
    // The next questions share a connection that nobody hangs up on any more.
    let cancelled = Cancelled::default();
    for _ in 0..2 {
        open.send(()).expect("it waits");
        let question = http.send_unless(&cancelled, &Request::get("/v1/b"), Credential::None, TIME_MAX);
        assert!(question.is_ok_and(|response| response.is_some()));
    }
    cancelled.cancel();
    open.send(()).expect("it waits");
    assert!(http.send(&Request::get("/v1/c"), Credential::None, TIME_MAX).is_ok(), "it was another's");
}
