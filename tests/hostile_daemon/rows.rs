//! All rows: what daemons do wrong, from the connection to the code of an error.

use waiaas_mcp::http::RESPONSE_BYTES_MAX;

use super::misbehaviours::{Act, ELSEWHERE, EVIL, Expected, GOOD, Misbehaviour};

/// The longest body that is taken.
const TAKEN_BYTES: usize = RESPONSE_BYTES_MAX as usize;

/// An answer as it should be; more headers end with a line end each.
fn http(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// The head of an answer, then bytes as they are.
fn head(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    [head.replace('\n', "\r\n").as_bytes(), b"\r\n\r\n", body.as_ref()].concat()
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// All rows.
pub(crate) fn all() -> Vec<Misbehaviour> {
    let mut rows = Rows(Vec::new());
    rows.of_the_connection();
    rows.of_the_head();
    rows.of_the_length();
    rows.of_the_body();
    rows.of_the_status();
    rows.of_the_code();
    rows.0
}

struct Rows(Vec<Misbehaviour>);

impl Rows {
    fn add(&mut self, name: impl Into<String>, act: Act, expected: Expected) {
        self.0.push(Misbehaviour { name: name.into(), act, expected });
    }

    fn say(&mut self, name: impl Into<String>, bytes: Vec<u8>, expected: Expected) {
        self.add(name, Act::Say(bytes), expected);
    }

    fn of_the_connection(&mut self) {
        use Expected::*;
        let good = http("200 OK", "", GOOD);
        self.add("nobody listens", Act::Absent, NothingSent);
        self.add("closes before it reads", Act::Slam, Nothing);
        self.add("reads nothing and says nothing", Act::Ignore, Nothing);
        self.add("reads and says nothing", Act::SayAndHang(Vec::new()), Nothing);
        self.say("closes without an answer", Vec::new(), Nothing);
        self.say("closes in the head", b"HTTP/1.1 200 OK\r\nContent-Le".to_vec(), Nothing);
        self.say("closes after the head", head("HTTP/1.1 200 OK\nContent-Length: 30", ""), Nothing);
        self.say("closes in the body", good[..good.len() - 5].to_vec(), Nothing);
        self.add("stops in the head", Act::SayAndHang(b"HTTP/1.1 200 OK\r\n".to_vec()), Nothing);
        self.add("stops in the body", Act::SayAndHang(good[..good.len() - 5].to_vec()), Nothing);
        self.add("drips a head", Act::Drip(b"HTTP/1.1 200 OK\r\nX: ".to_vec()), Nothing);
        let one_byte_chunks = Act::Drip(b"1\r\n1\r\n".to_vec());
        self.add("drips what is no head", one_byte_chunks, Nothing);
        self.add(
            "says goodbye to a connection it keeps",
            Act::SayAndStay(http("200 OK", "Connection: close\r\n", GOOD)),
            Answer(GOOD.into()),
        );
        self.say(
            "keeps a connection that it closes",
            http("200 OK", "Connection: keep-alive\r\nKeep-Alive: timeout=600\r\n", GOOD),
            Answer(GOOD.into()),
        );
        let twice = [http("200 OK", "", GOOD), http("200 OK", "", EVIL)].concat();
        self.add("answers twice", Act::SayAndStay(twice), Answer(GOOD.into()));
        let more = [http("200 OK", "", GOOD), b"\r\nleft over".to_vec()].concat();
        self.add("says more than it should", Act::SayAndStay(more), Answer(GOOD.into()));
    }

    fn of_the_head(&mut self) {
        use Expected::*;
        let ok = format!("HTTP/1.1 200 OK\nContent-Length: {}", GOOD.len());
        self.say("is not HTTP", b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(), Nothing);
        self.say("is TLS", b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), Nothing);
        self.say("is zeros", vec![0; 4096], Nothing);
        self.say("is HTTP 0.9", GOOD.as_bytes().to_vec(), Nothing);
        self.say("is of another version", head(&ok.replace("1.1", "9.9"), GOOD), GoodOrNothing);
        self.say(
            "ends lines with line feeds",
            head(&ok, GOOD).into_iter().filter(|byte| *byte != b'\r').collect(),
            GoodOrNothing,
        );
        for (name, header) in [
            ("a header without a colon", "nonsense"),
            ("a header with a NUL", "X: a\0b"),
            ("a header that is not ASCII", "X: \u{e9}\u{4e2d}"),
            ("a folded header", "X: a\n b"),
            ("a header without a name", ": a"),
            ("a name with a space", "X Y: a"),
            ("a length twice", "Content-Length: 30"),
            ("two lengths", "Content-Length: 3"),
            ("gzip that is none", "Content-Encoding: gzip"),
            ("an encoding nobody knows", "Transfer-Encoding: rot13"),
            ("a charset nobody knows", "Content-Type: application/json; charset=klingon"),
            ("an upgrade", "Upgrade: h2c\nConnection: upgrade"),
            ("a cookie", "Set-Cookie: a=b"),
        ] {
            self.say(format!("says {name}"), head(&format!("{ok}\n{header}"), GOOD), GoodOrNothing);
        }
        for date in ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"] {
            self.say(
                format!("dates its answer {date:?}"),
                head(&format!("{ok}\nDate: {date}"), GOOD),
                Answer(GOOD.into()),
            );
        }
        self.say(
            "lives in the year 9999",
            head(&format!("{ok}\nDate: Fri, 31 Dec 9999 23:59:59 GMT"), GOOD),
            GoodOrExpired,
        );
        self.say("says 2 000 headers", head(&format!("{ok}{}", "\nX: y".repeat(2_000)), GOOD), GoodOrNothing);
        self.say(
            "says a header of 1 MB",
            head(&format!("{ok}\nX: {}", "y".repeat(1_000_000)), GOOD),
            Nothing,
        );
        self.add(
            "says headers for ever",
            Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(1_000)),
            Nothing,
        );
        self.add(
            "says a header for ever",
            Act::Flood(b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'y'; 8192]),
            Nothing,
        );
        let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
        self.say("says to go on, once", [&go_on[..], &http("200 OK", "", GOOD)].concat(), GoodOrNothing);
        self.say(
            "says to go on, 10 000 times",
            [go_on.repeat(10_000), http("200 OK", "", GOOD)].concat(),
            GoodOrNothing,
        );
        self.add("says to go on, for ever", Act::Flood(Vec::new(), go_on.repeat(100)), Nothing);
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        self.add("hints for ever", Act::Flood(Vec::new(), early.repeat(100)), Nothing);
        self.say(
            "changes the protocol",
            head("HTTP/1.1 101 Switching Protocols\nUpgrade: h2c", GOOD),
            Nothing,
        );
    }

    fn of_the_length(&mut self) {
        use Expected::*;
        for (name, length) in [
            ("too long", "1000".to_owned()),
            ("too short", "3".to_owned()),
            ("negative", "-1".to_owned()),
            ("no number", "many".to_owned()),
            ("beyond every integer", "9".repeat(40)),
            ("a terabyte", "1000000000000".to_owned()),
        ] {
            self.say(
                format!("tells a length that is {name}"),
                head(&format!("HTTP/1.1 200 OK\nContent-Length: {length}"), GOOD),
                Nothing,
            );
        }
        self.say(
            "tells a length with a sign",
            head(&format!("HTTP/1.1 200 OK\nContent-Length: +{}", GOOD.len()), GOOD),
            GoodOrNothing,
        );
        self.say("tells no length and closes", head("HTTP/1.1 200 OK", GOOD), Answer(GOOD.into()));
        self.add("tells no length and stays", Act::SayAndHang(head("HTTP/1.1 200 OK", GOOD)), Nothing);
        let chunked = |body: &str| head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", body);
        self.say(
            "sends chunks",
            chunked(&format!("{}{}0\r\n\r\n", chunk(&GOOD[..7]), chunk(&GOOD[7..]))),
            Answer(GOOD.into()),
        );
        for (name, body) in [
            ("a size that is none", format!("zz\r\n{GOOD}\r\n0\r\n\r\n")),
            ("a size beyond every integer", format!("{}\r\n{GOOD}", "f".repeat(40))),
            ("a size of -1", format!("-1\r\n{GOOD}\r\n0\r\n\r\n")),
            ("no last one", chunk(GOOD)),
            ("one too short", format!("3\r\n{GOOD}\r\n0\r\n\r\n")),
            ("one too long", format!("ff\r\n{GOOD}\r\n0\r\n\r\n")),
            ("not even the last one", String::new()),
        ] {
            self.say(format!("sends chunks: {name}"), chunked(&body), Nothing);
        }
        let head_of_chunks = chunked("");
        self.add(
            "sends chunks for ever",
            Act::Flood(head_of_chunks.clone(), chunk(&" ".repeat(8192)).into_bytes()),
            Nothing,
        );
        self.add(
            "sends a chunk's extension for ever",
            Act::Flood([&head_of_chunks[..], b"5;"].concat(), vec![b'x'; 8192]),
            Nothing,
        );
        self.add(
            "sends trailers for ever",
            Act::Flood([&head_of_chunks[..], b"0\r\n"].concat(), b"X: y\r\n".repeat(1_000)),
            Nothing,
        );
        self.say(
            "sends chunks and a length",
            head(
                &format!("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nContent-Length: {}", GOOD.len()),
                format!("{}0\r\n\r\n", chunk(GOOD)),
            ),
            GoodOrNothing,
        );
        self.add("sends a body for ever", Act::Flood(head("HTTP/1.1 200 OK", ""), vec![b' '; 8192]), Nothing);
        self.add("drips a body", Act::Drip(chunked(&chunk(GOOD))), Nothing);
        self.say("sends 5 MB", http("200 OK", "", format!("\"{}\"", "x".repeat(5_000_000))), Nothing);
        self.say(
            "sends an error of 5 MB",
            http("400 Bad", "", format!("{{\"code\":\"X\",\"message\":\"{}\"}}", "x".repeat(5_000_000))),
            Nothing,
        );
    }

    fn of_the_body(&mut self) {
        use Expected::*;
        for (name, body) in [
            ("nothing but the end of a line", b"\r\n".to_vec()),
            ("HTML", b"<!doctype html><title>It works!</title>".to_vec()),
            ("half JSON", GOOD.as_bytes()[..9].to_vec()),
            ("JSON twice", GOOD.repeat(2).into_bytes()),
            ("JSON and more", format!("{GOOD}x").into_bytes()),
            ("a NUL", format!("{GOOD}\0").into_bytes()),
            ("what is not UTF-8", b"{\"balance\":\"\xff\xfe\"}".to_vec()),
            ("UTF-16", GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00".to_vec()),
            ("a byte order mark", format!("\u{feff}{GOOD}").into_bytes()),
            ("a number that is none", b"{\"balance\":NaN}".to_vec()),
            ("nesting without an end", b"[".repeat(500_000)),
        ] {
            self.say(format!("sends {name}"), http("200 OK", "", body), Nothing);
        }
        let bodies = [
            ("null", "null".to_owned()),
            ("a string", "\"a\\u0000\\ud800\"".to_owned()),
            ("an array", "[]".to_owned()),
            ("a number of 400 digits", format!("{{\"balance\":{}}}", "9".repeat(400))),
            ("a member twice", r#"{"balance":"1","balance":"2","jsonrpc":"2.0","id":1,"error":{}}"#.to_owned()),
            ("nesting of 100 000", "[".repeat(100_000) + &"]".repeat(100_000)),
            ("objects in objects", "{\"a\":".repeat(20_000) + "1" + &"}".repeat(20_000)),
            ("the end of a line in JSON", "{\r\n\t\"balance\": \"1\"\n}\n".to_owned()),
            ("a result of its own", r#"{"content":[{"type":"text","text":"x"}],"isError":true,"providers":7,"status":"session_expired"}"#.to_owned()),
            ("providers that are odd", r#"{"providers":[7,null,{},{"name":1,"mcpExpose":true},{"name":"a","mcpExpose":true,"actions":[{},{"name":"b","inputSchema":{"type":["x"]}}]}]}"#.to_owned()),
            ("as many quotes as are taken", format!("\"{}\"", "\\\"".repeat(TAKEN_BYTES / 2 - 1))),
        ];
        for (name, body) in bodies {
            self.say(format!("sends {name}"), http("200 OK", "", &body), Answer(body));
        }
        // The value stays, and is seen.
        let hidden = "{\"symbol\":\"US\u{202e}CD\u{2028}\u{2029}\u{85}\u{7f}\u{e0041}\u{feff}\",\"n\":1.10}";
        let shown =
            "{\"symbol\":\"US\\u202eCD\\u2028\\u2029\\u0085\\u007f\\udb40\\udc41\\ufeff\",\"n\":1.10}";
        self.say("sends what nobody sees", http("200 OK", "", hidden), Answer(shown.into()));
        self.say("sends it all with 203", http("203 Other", "", GOOD), Answer(GOOD.into()));
        self.say("sends it all with 299", http("299 Odd", "", GOOD), Answer(GOOD.into()));
        let done = || Answer(r#"{"status":"ok"}"#.into());
        self.say("has nothing to say, 204", head("HTTP/1.1 204 No Content", ""), done());
        self.say(
            "says something with 204",
            head("HTTP/1.1 204 No Content\nContent-Length: 4", "null"),
            done(),
        );
        for status in ["200 OK", "201 Created", "202 Accepted", "203 Other", "205 Reset Content", "299 Odd"] {
            self.say(format!("has nothing to say, {status}"), http(status, "", ""), done());
        }
        self.say(
            "has nothing to say in chunks",
            head("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "0\r\n\r\n"),
            done(),
        );
        // That may be a crash before the body as well.
        self.say("closes after a head without a length", head("HTTP/1.1 200 OK", ""), Nothing);
    }

    fn of_the_status(&mut self) {
        use Expected::*;
        for status in ["1000 X", "20 X", "-200 X", "2OO OK", "\u{662}00 X", ""] {
            self.say(format!("answers {status:?}"), http(status, "", GOOD), Nothing);
        }
        self.say("answers 600", http("600 X", "", "{}"), Nothing);
        self.say(
            "answers 999 with a code",
            http("999 X", "", r#"{"code":"X","message":"m"}"#),
            Error("X".into()),
        );
        self.say("answers without a reason", http("200", "", GOOD), GoodOrNothing);
        for status in [300, 301, 302, 303, 307, 308] {
            let to = format!("Location: {ELSEWHERE}\r\n");
            self.say(
                format!("redirects with {status}"),
                http(&format!("{status} Gone"), &to, ""),
                Error(format!("HTTP_{status}")),
            );
        }
        self.say(
            "redirects to another host",
            http("302 F", "Location: http://192.0.2.1/\r\n", "{}"),
            Error("HTTP_302".into()),
        );
        self.say("has not changed", head("HTTP/1.1 304 Not Modified", ""), Error("HTTP_304".into()));
        for status in [400, 402, 403, 404, 405, 407, 408, 418, 421, 429, 431, 451] {
            self.say(
                format!("answers {status} in HTML"),
                http(&format!("{status} X"), "", "<html>"),
                Error(format!("HTTP_{status}")),
            );
        }
        for status in [500, 501, 502, 503, 504, 511, 599] {
            self.say(
                format!("answers {status} in HTML"),
                http(&format!("{status} X"), "", "<html>"),
                Nothing,
            );
        }
        for wait in [
            "5",
            "-1",
            "1e9",
            "99999999999999999999",
            "18446744073709551615",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "",
        ] {
            let bytes = http(
                "429 Slow",
                &format!("Retry-After: {wait}\r\n"),
                r#"{"code":"RATE_LIMITED","message":"m"}"#,
            );
            self.say(format!("asks to wait {wait:?}"), bytes, Error("RATE_LIMITED".into()));
        }
    }

    fn of_the_code(&mut self) {
        use Expected::*;
        let coded = |code: &str| format!(r#"{{"code":"{code}","message":"m","retryable":false}}"#);
        for code in [
            "INVALID_TOKEN",
            "TOKEN_EXPIRED",
            "SESSION_REVOKED",
            "SESSION_EXPIRED",
            "SESSION_NOT_FOUND",
            "AUTH_TOKEN_EXPIRED",
        ] {
            self.say(
                format!("refuses the token with {code}"),
                http("401 U", "", coded(code)),
                Session(code.into()),
            );
        }
        self.say(
            "does not find the session",
            http("404 N", "", coded("SESSION_NOT_FOUND")),
            Session("SESSION_NOT_FOUND".into()),
        );
        for code in ["INVALID_MASTER_PASSWORD", "INVALID_SIGNATURE", "WHATEVER", "", "invalid_token"] {
            self.say(format!("answers 401 {code:?}"), http("401 U", "", coded(code)), Error(code.into()));
        }
        self.say("answers 401 without a code", http("401 U", "", "{}"), Error("HTTP_401".into()));
        self.say(
            "answers 403 INVALID_TOKEN",
            http("403 F", "", coded("INVALID_TOKEN")),
            Error("INVALID_TOKEN".into()),
        );
        self.say("is locked", http("503 S", "", coded("SYSTEM_LOCKED")), KillSwitch);
        self.say("has its switch thrown", http("409 C", "", coded("KILL_SWITCH_ACTIVE")), KillSwitch);
        let bodies = [
            (r#"{"code":7,"message":[],"retryable":"no","details":null}"#.to_owned(), "HTTP_400"),
            (r#"{"error":"no object","code":"X"}"#.to_owned(), "X"),
            (r#"{"error":{"code":"X","message":"m","details":{"a":[1.10]}}}"#.to_owned(), "X"),
            (r#"{"code":"X","code":"Y","message":"m"}"#.to_owned(), "Y"),
            (r#"{"code":"X","requestId":{"a":[[[]]]},"hint":1e400,"details":"\ud800"}"#.to_owned(), "X"),
            (format!(r#"{{"code":"X","details":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000)), "X"),
            (format!(r#"{{"code":"{}","message":"m"}}"#, "X".repeat(100_000)), ""),
            (
                r#"{"code":"A\nlevel=error event=panic","message":"a\nb"}"#.to_owned(),
                "A\nlevel=error event=panic",
            ),
            ("[".repeat(500_000), "HTTP_400"),
            ("null".to_owned(), "HTTP_400"),
        ];
        for (body, code) in bodies {
            let name = format!("errs with {}", body.chars().take(60).collect::<String>());
            let code = if code.is_empty() { "X".repeat(100_000) } else { code.to_owned() };
            self.say(name, http("400 Bad", "", &body), Error(code));
        }
        let echo = r#"{"code":"THE-TOKEN","message":"m"}"#;
        let echoed = [b"HTTP/1.1 400 THE-TOKEN\r\nX-Token: THE-TOKEN\r\n\r\n", echo.as_bytes()].concat();
        self.say("says the token back", echoed, Error("THE-TOKEN".into()));
        let odd = r#"{"providers":[{"name":"THE-TOKEN","mcpExpose":true,"actions":[{"name":"THE-TOKEN"}]}]}"#;
        self.say("says the token back as a provider's name", head("HTTP/1.1 200 OK", odd), Echo);
        let broken = b"HTTP/1.1 THE-TOKEN\r\nTHE-TOKEN\r\n\r\nTHE-TOKEN".to_vec();
        self.say("says the token back and no HTTP", broken, Nothing);
    }
}
