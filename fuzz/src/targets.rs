//! What is fuzzed: one function for each kind of text that comes from outside. Each takes any bytes, and panics if what
//! the program makes of them breaks a promise; that it returns at all is one of the promises.
//!
//! Used by the fuzz targets beside this file, and by the ordinary tests, which play the kept corpora.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::str::from_utf8;
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use waiaas_mcp::http::daemon_error::DaemonError;
use waiaas_mcp::http::{Request, Response};
use waiaas_mcp::ids::WalletId;
use waiaas_mcp::mcp::HandshakeVersion;
use waiaas_mcp::mcp::era::Era;
use waiaas_mcp::mcp::stdio::Connection;
use waiaas_mcp::mcp::types::CallToolResult;
use waiaas_mcp::server::render::{self, Advice};
use waiaas_mcp::server::toolbox::{ToolChoice, Toolbox};
use waiaas_mcp::server::{self, ConfigProblem, ServerEnd, Settings, resources};
use waiaas_mcp::session::answers::{self, RenewalAnswer};
use waiaas_mcp::session::clock_offset::DaemonTime;
use waiaas_mcp::session::events::FileView;
use waiaas_mcp::session::token_file::TokenFile;
use waiaas_mcp::session::{Session, TokenPlace, policy, schedule};
use waiaas_mcp::time::Timestamp;
use waiaas_mcp::wallet::actions::{self, Action};
use waiaas_mcp::wallet::binding::{Defaults, bind};
use waiaas_mcp::wallet::spec::ToolSpec;
use waiaas_mcp::wallet::toolsets::{Selection, Toolset};
use waiaas_mcp::wallet::{catalogue, connected};

/// The moment at which everything is looked at, so that an input means the same for ever.
const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_449);
const TIME: DaemonTime = DaemonTime { earliest: NOW, latest: NOW, is_known: true };

/// Lines from a client, from the first byte to the end of input: the line parser, the choice of the era, the dispatcher and
/// the handlers. Each answer is one line of JSON-RPC, a request has one answer at most, and the server goes on to the end.
pub fn line(data: &[u8]) {
    // Files in memory: nobody has to read while the server writes, and no other thread is waited for.
    let mut input = tempfile::tempfile_in(in_memory()).expect("a file");
    let mut output = tempfile::tempfile_in(in_memory()).expect("a file");
    input.write_all(data).and_then(|()| input.rewind()).expect("it can be written");
    let connection = Connection::over(input.into(), output.try_clone().expect("the same file").into());
    let settings = Settings {
        name: "waiaas-fuzz".to_owned(),
        wallet_name: None,
        // A list of all tools costs more than everything else that a line can ask for.
        tools: only(Toolset::Core),
        // Nobody is asked, so every call is answered by the server itself.
        daemon: Err(ConfigProblem { message: "no daemon".to_owned(), hint: "none".to_owned() }),
    };
    let end = server::run(connection.expect("a connection"), settings, |_| {});
    assert_eq!(end, ServerEnd::InputEnded);
    let mut text = String::new();
    output.rewind().and_then(|()| output.read_to_string(&mut text)).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'), "half a line");
    let mut answers = 0;
    for line in text.lines() {
        if line.starts_with('[') {
            let batch: Vec<&RawValue> = serde_json::from_str(line).expect("an array");
            assert!(batch.into_iter().all(|message| answered(message.get())), "only answers");
            answers += 1;
        } else if answered(line) {
            answers += 1;
        }
    }
    assert!(answers <= data.split(|byte| *byte == b'\n').count(), "more answers than lines");
}

fn in_memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Looks at one message of the server. Whether it is an answer. An id is compared as text: it may be a string that is not
/// Unicode, which is sent back as it came.
fn answered(text: &str) -> bool {
    let message: BTreeMap<String, &RawValue> = serde_json::from_str(text).expect("one object");
    let is_object = |name| message.get(name).is_some_and(|value| value.get().starts_with('{'));
    assert_eq!(message["jsonrpc"].get(), "\"2.0\"");
    let is_answer = !message.contains_key("method");
    assert!(!is_answer || is_object("result") != is_object("error"), "a result or an error");
    is_answer
}

/// The text of a token and what its claims say: it is read or refused, and no time in it breaks the schedule.
pub fn token(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    // The form is easy to miss: the input is also taken as the payload of a token of the right form.
    let payload = base64url(data);
    for text in [text, &format!("wai_sess_a.{text}.b"), &format!("wai_sess_a.{payload}.b")] {
        let Ok(session) = Session::parse(text, NOW) else { continue };
        let kept = session.token().expose();
        assert_eq!(kept, text.trim());
        assert!(
            kept.len() <= policy::TOKEN_FILE_BYTES_MAX && kept.bytes().all(|byte| byte.is_ascii_graphic())
        );
        assert!(!matches!(session.id(), "" | "." | ".."), "the id stands in a path");
        assert!(!session.is_later_than(&session) && !session.supersedes(&session));
        assert!(!format!("{session:?}").contains(kept), "a token is shown");
        let (renew_at, end) = (schedule::renew_at(&session), session.expires_at());
        assert_eq!(renew_at.is_some(), end.is_some());
        for moment in [NOW, session.issued_at(), end.unwrap_or(NOW), Timestamp::from_unix_seconds(i64::MAX)] {
            session.is_expired(moment);
            schedule::life_left(&session, moment);
            schedule::is_last_tenth(&session, moment);
            assert!(schedule::shrunk(Duration::from_secs(60), &session, moment) <= Duration::from_secs(60));
        }
    }
}

fn base64url(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let sextets = |three: &[u8]| {
        let bits =
            three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        let text: Vec<char> = (0..=three.len())
            .map(|at| char::from(ALPHABET[usize::try_from(bits >> (18 - 6 * at) & 63).expect("six bits")]))
            .collect();
        text
    };
    data.chunks(3).flat_map(sextets).collect()
}

/// What the daemon answers with a good status: to a call, to the question for its actions and its wallets, and to a
/// renewal. The first byte chooses the status.
pub fn daemon_response(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let statuses = [200, 201, 202, 203, 206, 299, 204, 205];
    let status = statuses[usize::from(*choice) % statuses.len()];
    let response = answer(status, body);
    for repeatable in [true, false] {
        let result = render::tool_result(Ok(response.clone()), repeatable);
        if body.is_empty() || [204, 205].contains(&status) {
            assert_eq!(result, CallToolResult::text(r#"{"status":"ok"}"#));
        } else if let Some(text) =
            from_utf8(body).ok().filter(|_| serde_json::from_slice::<&RawValue>(body).is_ok())
        {
            assert_eq!(result, CallToolResult::text(text), "byte for byte");
        } else {
            let word = if repeatable { "daemon_unavailable" } else { "outcome_unknown" };
            assert_eq!(object(&result.text)["status"], word);
        }
    }
    let held =
        Session::parse("wai_sess_a.eyJzdWIiOiJzIiwiaWF0IjoxNzk1MzMwMDAwLCJleHAiOjE3OTUzMzA1MDB9.b", NOW);
    let held = held.expect("a token");
    if let RenewalAnswer::Granted(session) = answers::classify(Ok(&answer(200, body)), &held, TIME).answer {
        assert_eq!(session.id(), held.id(), "another session's token");
    }
    let Ok(text) = from_utf8(body) else { return };
    if let Some(wallets) = connected::wallets(text) {
        let _ = connected::only(wallets);
    }
    connected::rpc_proxy(text, "w", "1");
    let Some(found) = actions::read(text) else { return };
    let names: Vec<String> = found.actions.iter().map(|action| action.spec.name.to_string()).collect();
    listed(found.actions, &names);
}

/// The daemon's actions in the list of tools, and called with the list itself for arguments.
fn listed(found: Vec<Action>, names: &[String]) {
    for Action { spec, .. } in &found {
        bound(spec, "{}");
        bound(spec, r#"{"network":"ethereum-mainnet","amount":1e999,"x":[{}]}"#);
    }
    let mut toolbox = Toolbox::new(only(Toolset::Actions), None);
    toolbox.set_actions(found);
    for era in [Era::Stateless, Era::Handshake(HandshakeVersion::V2024_11_05)] {
        let list: Value = serde_json::from_str(toolbox.list(era)).expect("JSON");
        let tools = list.as_array().expect("an array");
        assert_eq!(tools.len(), names.len());
        for tool in tools {
            let name = tool["name"].as_str().expect("a name");
            assert!(names.iter().any(|known| known == name) && name.len() <= 64);
            assert_eq!(tool["inputSchema"]["type"], "object");
            for forbidden in ["anyOf", "oneOf", "allOf", "$ref"] {
                assert!(tool["inputSchema"][forbidden].is_null(), "clients refuse {forbidden}");
            }
        }
    }
}

/// What the daemon answers with any other status: it becomes an object of the documented form. The first two bytes
/// choose the status, the third what else is known.
pub fn error_envelope(data: &[u8]) {
    let [high, low, more, body @ ..] = data else { return };
    let status = 300 + (u16::from(*high) << 8 | u16::from(*low)) % 300;
    let response = Response { retry_after: (more & 1 == 1).then_some(Duration::MAX), ..answer(status, body) };
    let advice = Advice { code: "INVALID_MASTER_PASSWORD", hint: "hint" };
    let code = DaemonError::of(&response).code;
    for repeatable in [true, false] {
        let results = [
            render::tool_result(Ok(response.clone()), repeatable),
            render::answer_advised(Ok(response.clone()), repeatable, advice).expect_err("no success").result,
        ];
        for CallToolResult { text, is_error, .. } in results {
            let told = object(&text);
            assert!(told["message"].is_string(), "{text}");
            assert!(told["retryable"].is_boolean(), "{text}");
            if is_error {
                assert_eq!(told["error"], true);
                let own = format!("HTTP_{status}");
                assert_eq!(told["code"], code.as_deref().unwrap_or(&own), "{text}");
            } else {
                let word = told["status"].as_str().expect("a status");
                let unknown = if repeatable { "daemon_unavailable" } else { "outcome_unknown" };
                assert!(word == "kill_switch_active" || (word == unknown && status >= 500), "{text}");
            }
        }
    }
    let held =
        Session::parse("wai_sess_a.eyJzdWIiOiJzIiwiaWF0IjoxNzk1MzMwMDAwLCJleHAiOjE3OTUzMzA1MDB9.b", NOW);
    let renewal = answers::classify(Ok(&response), &held.expect("a token"), TIME).answer;
    assert!(!matches!(renewal, RenewalAnswer::Granted(_)), "a refusal grants nothing");
}

/// Arguments of a call, for the tool that the first byte chooses: what is sent asks the row's route and no other.
pub fn path_binding(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else { return };
    let Ok(text) = from_utf8(text) else { return };
    let tools = catalogue::tools();
    bound(&tools[usize::from(*choice) % tools.len()], text);
    // The same text where a path is made of it without a schema.
    for uri in [text, &format!("waiaas://skills/{text}")] {
        if let Some(resource) = resources::find(uri) {
            assert!(resource.uri.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}

fn bound(spec: &ToolSpec, arguments: &str) {
    let raw = serde_json::from_str::<&RawValue>(arguments).ok();
    let wallet_id = WalletId::parse("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d11").expect("a UUID");
    let defaults = Defaults { wallet_id: Some("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d10") };
    for defaults in [defaults, Defaults::default()] {
        match bind(spec, raw, &defaults) {
            Err(error) => {
                let told = error.to_string();
                assert!(told.starts_with(&format!("wrong arguments for {}", spec.name)), "{told}");
                assert!(told.len() < 64 * 1024, "an answer as long as the question");
            }
            Ok(draft) => {
                let request = draft.with_wallet(&wallet_id);
                asks_the_route(spec, &request);
            }
        }
    }
}

fn asks_the_route(spec: &ToolSpec, request: &Request) {
    let Request { method, target, body, .. } = request;
    assert_eq!(*method, spec.endpoint.method);
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{target}");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    assert!(!query.contains('?'), "{target}");
    let (segments, route): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), spec.endpoint.path.split('/').collect());
    assert_eq!(segments.len(), route.len(), "{target}");
    for (segment, expected) in segments.iter().zip(&route) {
        if expected.starts_with('{') {
            assert!(!matches!(*segment, "" | "." | ".."), "{target}");
        } else {
            assert_eq!(segment, expected, "{target}");
        }
    }
    if let Some(body) = body {
        assert!(
            serde_json::from_str::<&RawValue>(body).is_ok_and(|body| body.get().starts_with('{')),
            "{body}"
        );
    }
}

/// What stands in the token file, in the file read instead of it, or in what a crashed process left beside it: the first
/// byte chooses. It is taken only if it is a token.
pub fn token_file(data: &[u8]) {
    thread_local!(static FILES: RefCell<Files> = RefCell::new(Files::new()));
    FILES.with_borrow_mut(|files| files.play(data));
}

struct Files {
    // Kept for the directory's sake.
    _directory: tempfile::TempDir,
    paths: [PathBuf; 3],
    file: TokenFile,
}

impl Files {
    fn new() -> Files {
        // In memory where that can be had: only the bytes matter here.
        let directory = tempfile::tempdir_in(in_memory());
        let directory = directory.expect("a directory");
        let paths =
            ["tokens/w", "mcp-token", "tokens/w.waiaas-mcp-left"].map(|name| directory.path().join(name));
        std::fs::create_dir(directory.path().join("tokens")).expect("a directory");
        let place = TokenPlace {
            write: paths[0].clone(),
            read_fallback: Some(paths[1].clone()),
            only_session: None,
            bootstrap: None,
        };
        Files { _directory: directory, paths, file: TokenFile::new(place) }
    }

    #[allow(clippy::disallowed_methods, reason = "a careless writer is what is played here")]
    fn play(&mut self, data: &[u8]) {
        let Some((choice, content)) = data.split_first() else { return };
        let choice = usize::from(*choice) % self.paths.len();
        std::fs::write(&self.paths[choice], content).expect("it can be written");
        let text = from_utf8(content).ok();
        let held = if choice == 2 {
            // Only a whole line was written to its end.
            let token = text.and_then(|text| text.split_once('\n')).map(|(token, _)| token);
            let swept = self.file.sweep(TIME, NOW).sessions.pop();
            if let Some(session) = &swept {
                // One without a line's end was cut to its length, unless reserved space still follows.
                let uncut = text.filter(|text| !text.contains('#'));
                let whole = token.or(uncut).and_then(|text| Session::parse(text, NOW).ok());
                assert_eq!(Some(session), whole.as_ref(), "a token that nobody wrote");
            }
            swept
        } else {
            let expected = text.and_then(|text| Session::parse(text, NOW).ok());
            match self.file.read(NOW) {
                FileView::Held(session) => {
                    assert_eq!(Some(&session), expected.as_ref());
                    Some(session)
                }
                FileView::Unusable(why) => {
                    assert!(expected.is_none() && !why.is_empty(), "{why}");
                    None
                }
                FileView::Missing => panic!("it is there"),
            }
        };
        if let Some(session) = held {
            assert!(content.len() <= policy::TOKEN_FILE_BYTES_MAX + policy::NEW_TOKEN_BYTES_MAX);
            assert!(session.token().expose().starts_with("wai_sess_"));
        }
        let _ = std::fs::remove_file(&self.paths[choice]);
    }
}

fn only(set: Toolset) -> ToolChoice {
    ToolChoice { toolsets: Selection::parse(set.name()).expect("its own name"), read_only: false }
}

fn answer(status: u16, body: &[u8]) -> Response {
    Response { status, body: body.to_vec(), date: None, retry_after: None }
}

fn object(text: &str) -> Value {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert!(value.is_object(), "{text}");
    value
}
