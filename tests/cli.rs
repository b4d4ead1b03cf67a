//! The command line as a person meets it: exit codes, stdout, and the whole of stderr.

#[path = "support/snapshots.rs"]
mod snapshots;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use waiaas_mcp::sandbox::{Options, Sandbox};

/// The program with an empty environment but for these variables.
fn waiaas_mcp(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waiaas-mcp"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command.envs(environment.iter().copied());
    command
}

fn output(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    waiaas_mcp(arguments, environment).output().expect("the program runs")
}

/// Exit code, stdout, stderr.
fn ends(arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = output(arguments, environment);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

#[test]
fn wrong_usage_says_what_is_wrong_and_what_can_be_typed() {
    const GENERAL: &str = "Type `waiaas-mcp --help` to see what can be typed.";
    const OF_TOOLS: &str = "Type `waiaas-mcp tools --help` to see what can be typed.";
    let table: [(&[&str], &str, &str); 9] = [
        (&["frob"], "there is no command \"frob\"", GENERAL),
        (&["Tools"], "there is no command \"Tools\"", GENERAL),
        (&["\u{1b}[31m"], "there is no command \"\\u{1b}[31m\"", GENERAL),
        (&["-x"], "there is no option -x", GENERAL),
        (&["tools", "--frob"], "there is no option --frob", OF_TOOLS),
        (&["tools", "extra"], "\"extra\" is one argument too many", OF_TOOLS),
        (&["tools", "--json=yes"], "unexpected argument for option '--json': \"yes\"", OF_TOOLS),
        (&["tools", "--log"], "missing argument for option '--log'", OF_TOOLS),
        (&["--log"], "missing argument for option '--log'", GENERAL),
    ];
    for (arguments, what, advice) in table {
        let expected = (2, String::new(), format!("waiaas-mcp: {what}\n{advice}\n"));
        assert_eq!(ends(arguments, &[]), expected, "{arguments:?}");
    }
}

#[test]
fn a_wrong_value_of_an_option_is_an_error_that_names_it() {
    const DURATION: &str = "Write seconds, or with a unit: 90m, 12h, 7d, 1y.";
    const NUMBER: &str = "Write a whole number.";
    let table = [
        ("--port", "65536", "\"65536\" is not a number from 0 to 65535", NUMBER),
        ("--port", "+1", "\"+1\" is not a number from 0 to 65535", NUMBER),
        ("--max-renewals", "many", "\"many\" is not a number from 0 to 4294967295", NUMBER),
        ("--ttl", "0", "\"0\" is not a duration of at least 1 s", DURATION),
        ("--ttl", "1w", "\"1w\" is not a duration of at least 1 s", DURATION),
        ("--lifetime", "", "\"\" is not a duration of at least 0 s", DURATION),
    ];
    for (option, value, what, advice) in table {
        let expected = (2, String::new(), format!("waiaas-mcp: {option}: {what}\n{advice}\n"));
        assert_eq!(ends(&["sandbox", option, value], &[]), expected);
    }
}

#[cfg(unix)]
#[test]
fn the_sandbox_says_where_everything_is_and_ends_when_it_is_told_to() {
    let directory = tempfile::tempdir().expect("a directory");
    let data_dir = directory.path().join("data").to_string_lossy().into_owned();
    // The environment's directory may hold real tokens: it is left alone.
    let environment = [("WAIAAS_DATA_DIR", "/nonexistent/real")];
    let mut child = waiaas_mcp(&["sandbox", "--ttl", "5m", "--data-dir", &data_dir], &environment)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let place: Value = serde_json::from_str(&line).expect("one JSON object");
    assert_eq!(place["dataDir"], data_dir);
    let token = std::fs::read_to_string(place["tokenFile"].as_str().expect("a path")).expect("a token file");
    assert!(token.starts_with("wai_sess_"));
    let address = place["baseUrl"].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
    TcpStream::connect(address).expect("it listens");
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill");
    assert!(told.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    TcpStream::connect(address).expect_err("it listens no more");
}

#[test]
fn a_wrong_value_of_the_environment_is_an_error_that_names_it() {
    const URL: &str = "Write it like http://127.0.0.1:3100.";
    const WHOLE: &str = "Write the whole path of the directory.";
    const SETS: &str = "Write all, or some of core, transactions, nft, defi, smart-account, walletconnect, agent-identity, hyperliquid, polymarket, admin, actions or actions:PROVIDER, separated by commas.";
    let table = [
        (
            "WAIAAS_BASE_URL",
            "127.0.0.1:3100",
            "the daemon's address must start with http:// or https://",
            URL,
        ),
        (
            "WAIAAS_BASE_URL",
            "http://10.0.0.7:3100",
            "plain http is for this machine only (127.0.0.1, localhost, [::1]); use https for another host",
            URL,
        ),
        (
            "WAIAAS_BASE_URL",
            "http://me:secret@127.0.0.1",
            "the daemon's address must not hold a user name or password",
            URL,
        ),
        (
            "WAIAAS_BASE_URL",
            "http://127.0.0.1:3100?a=b",
            "the daemon's address must not hold a query or a fragment",
            URL,
        ),
        (
            "WAIAAS_WALLET_ID",
            "main",
            "\"main\" is not the id of a wallet",
            "Write the wallet's UUID, which the daemon's admin page shows.",
        ),
        ("WAIAAS_MCP_TOOLSETS", "core,nfts", "\"nfts\" is not a toolset", SETS),
        (
            "WAIAAS_MCP_READ_ONLY",
            "maybe",
            "\"maybe\" is neither on nor off",
            "Write on to show only tools that change nothing, else off.",
        ),
        (
            "WAIAAS_MCP_TIMEOUT",
            "0",
            "\"0\" is not a number of seconds from 1 to 86400",
            "Write whole seconds, such as 60.",
        ),
        ("WAIAAS_MCP_LOG", "loud", "\"loud\" is not a log level", "Write one of error, warn, info, debug."),
        (
            "WAIAAS_SESSION_TOKEN",
            "wai_sess_MARKER",
            "this is not a session token: it does not have the form of a session token",
            "Copy the whole token, or set WAIAAS_DATA_DIR to use the token file there.",
        ),
        (
            "WAIAAS_DATA_DIR",
            "~/.waiaas",
            "\"~/.waiaas\" starts with ~, which only a shell understands",
            WHOLE,
        ),
        ("WAIAAS_DATA_DIR", "$HOME/w", "\"$HOME/w\" holds $HOME, which only a shell replaces", WHOLE),
        ("WAIAAS_DATA_DIR", "/x/${Y}/w", "\"/x/${Y}/w\" holds ${Y}, which only a shell replaces", WHOLE),
        (
            "WAIAAS_DATA_DIR",
            "%APPDATA%/w",
            "\"%APPDATA%/w\" holds %APPDATA%, which only a shell replaces",
            WHOLE,
        ),
        ("WAIAAS_DATA_DIR", "\"/w\"", "\"\\\"/w\\\"\" holds quotes, which only a shell takes away", WHOLE),
        ("WAIAAS_DATA_DIR", "/w ", "\"/w \" begins or ends with a blank", WHOLE),
        ("WAIAAS_DATA_DIR", "w", "\"w\" is relative, and nobody knows to what", WHOLE),
        ("WAIAAS_DATA_DIR", "./w", "\"./w\" is relative, and nobody knows to what", WHOLE),
    ];
    for (variable, value, what, advice) in table {
        let expected = (2, String::new(), format!("waiaas-mcp: {variable}: {what}\n{advice}\n"));
        assert_eq!(ends(&["tools"], &[(variable, value)]), expected);
    }
}

#[test]
fn all_wrong_values_are_told_at_once() {
    let (code, _, stderr) = ends(&["tools"], &[("WAIAAS_MCP_LOG", "x"), ("WAIAAS_MCP_TIMEOUT", "x")]);
    assert_eq!((code, stderr.lines().count()), (2, 4), "{stderr}");
}

#[test]
fn an_option_beats_the_environment_and_is_named_when_it_is_wrong() {
    let wrong = [("WAIAAS_MCP_LOG", "loud")];
    for arguments in [["tools", "--log", "warn"], ["--log", "warn", "tools"]] {
        assert_eq!(ends(&arguments, &wrong).0, 0, "{arguments:?}");
    }
    let expected =
        "waiaas-mcp: --log: \"quiet\" is not a log level\nWrite one of error, warn, info, debug.\n";
    let (code, stdout, stderr) = ends(&["tools", "--log=quiet"], &[("WAIAAS_MCP_LOG", "warn")]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (2, "", expected));
    let (code, _, stderr) = ends(&["tools", "--wallet", ""], &[]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("waiaas-mcp: --wallet: \"\" is not the id of a wallet\n"), "{stderr}");
}

#[test]
fn an_empty_variable_is_the_same_as_none() {
    for variable in ["WAIAAS_BASE_URL", "WAIAAS_WALLET_ID", "WAIAAS_MCP_READ_ONLY", "WAIAAS_MCP_TOOLSETS"] {
        assert_eq!(ends(&["tools"], &[(variable, "")]).0, 0, "{variable}");
    }
}

#[test]
fn the_help_is_as_it_was_approved() {
    let (code, overview, stderr) = ends(&["--help"], &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    snapshots::check("help/overview.txt", &overview);
    let commands = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    for command in commands.take_while(|line| line.starts_with("  ")) {
        let command = command.split_whitespace().next().expect("a name");
        let (code, help, stderr) = ends(&[command, "--help"], &[]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{command}");
        snapshots::check(&format!("help/{command}.txt"), &help);
        assert_eq!(ends(&[command, "-h"], &[]).1, help);
    }
}

#[test]
fn the_help_needs_no_good_configuration() {
    assert_eq!(ends(&["--help"], &[("WAIAAS_BASE_URL", "x")]).0, 0);
    let version = concat!("waiaas-mcp ", env!("CARGO_PKG_VERSION"), "\n");
    for option in ["--version", "-V"] {
        assert_eq!(ends(&[option], &[("WAIAAS_BASE_URL", "x")]), (0, version.to_owned(), String::new()));
    }
}

#[test]
fn tools_are_listed_for_people_and_for_programs() {
    let (code, text, stderr) = ends(&["tools"], &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    snapshots::check("tools.txt", &text);
    let (code, text, stderr) = ends(&["tools", "--json"], &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let tools: Vec<Value> = serde_json::from_str(&text).expect("an array");
    let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
    let known: Vec<&str> = waiaas_mcp::wallet::catalogue::tools().iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, known);
    assert!(tools.iter().all(|tool| tool["inputSchema"]["type"] == "object"));
    let (code, text, stderr) = ends(&["tools", "--json", "--markdown"], &[]);
    assert_eq!((code, text.as_str()), (2, ""));
    assert!(stderr.starts_with("waiaas-mcp: --json and --markdown contradict each other\n"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = waiaas_mcp(&["tools", "--json"], &[]).stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.expect("the program runs").wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Who started the server may be a launcher, and whoever holds the pipes its client.
#[cfg(unix)]
#[test]
fn serving_goes_on_when_its_parent_is_gone_and_ends_when_nobody_reads_though_stdin_is_still_open() {
    const TIME_MAX: Duration = Duration::from_secs(10);
    let (stdin, held_open) = std::io::pipe().expect("a pipe");
    let mut launcher = Command::new("sh")
        .args(["-c", "exec 3<&0; \"$0\" serve <&3 & wait", env!("CARGO_BIN_EXE_waiaas-mcp")])
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let mut stdout = BufReader::new(launcher.stdout.take().expect("a pipe"));
    let mut ping = || {
        (&held_open).write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").expect("it reads");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        assert!(line.contains("\"result\""), "{line}");
    };
    // The server has looked at its parents once it answers.
    ping();
    launcher.kill().expect("it runs");
    launcher.wait().expect("it ends");
    ping();
    drop(stdout);
    // Nobody can write to a pipe whose reader has ended. Blank lines say nothing.
    let (ended, end) = crossbeam_channel::bounded(1);
    std::thread::spawn(move || {
        while (&held_open).write_all(b"\n").is_ok() {
            let _ = crossbeam_channel::after(Duration::from_millis(10)).recv();
        }
        ended.send(())
    });
    end.recv_timeout(TIME_MAX).expect("it ends by itself");
}

#[test]
fn a_call_prints_the_tools_result_and_ends_with_its_outcome() {
    let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
    let url = sandbox.base_url();
    let data_dir = sandbox.data_dir().to_str().expect("UTF-8").to_owned();
    let call = |arguments: &[&str]| {
        let common = ["--base-url", &url, "--data-dir", &data_dir, "--log", "error", "call"];
        let (code, stdout, stderr) = ends(&[&common, arguments].concat(), &[]);
        assert_eq!(stderr, "", "{arguments:?}");
        (code, stdout)
    };
    let (code, balance) = call(&["get_balance", r#"{"network":"eip155:11155111"}"#]);
    let balance: Value = serde_json::from_str(&balance).expect("JSON");
    assert_eq!((code, &balance["network"]), (0, &Value::from("ethereum-sepolia")));
    let (code, info) = call(&["get_wallet_info"]);
    assert!(code == 0 && info.contains(r#""networks":["ethereum-sepolia","#), "{info}");
    let (code, missing) =
        call(&["get_transaction", r#"{"transaction_id":"01a20238-6332-7cad-839a-3b627b30d86b"}"#]);
    assert!(code == 1 && missing.contains(r#""code":"TX_NOT_FOUND""#), "{missing}");
    let (code, wrong) = call(&["get_tokens"]);
    assert_eq!(code, 1);
    assert!(wrong.contains("`network`: expected a string, got nothing"), "{wrong}");
    // What is to be said besides does not disturb who reads the result.
    let of_unknown = r#"{"network":"eip155:11155111","reason":"curious"}"#;
    let common = ["--base-url", &url, "--data-dir", &data_dir, "--log", "error"];
    let (code, stdout, stderr) = ends(&[&common[..], &["call", "get_balance", of_unknown]].concat(), &[]);
    assert_eq!((code, serde_json::from_str::<Value>(&stdout).ok()), (0, Some(balance)));
    assert_eq!(
        stderr,
        "waiaas-mcp: `reason` was ignored: it is unknown (known: network, display_currency, wallet_id)\n"
    );
    sandbox.go_down();
    let (code, unavailable) = call(&["get_balance"]);
    assert!(code == 0 && unavailable.starts_with(r#"{"status":"daemon_unavailable""#), "{unavailable}");
}

#[test]
fn a_call_that_cannot_be_meant_is_wrong_usage() {
    const OF_CALL: &str = "Type `waiaas-mcp call --help` to see what can be typed.";
    let table: [(&[&str], &str, &str); 4] = [
        (&["call"], "TOOL is missing", OF_CALL),
        (&["call", "frob"], "there is no tool \"frob\"", "Type `waiaas-mcp tools` to see the tools."),
        (
            &["call", "get_balance", "{network:all}"],
            "the arguments are not JSON",
            "Write one object in quotes, such as '{\"network\":\"all\"}'.",
        ),
        (
            &["call", "send_token", "{}"],
            "the configuration leaves send_token out",
            "Look at the environment: it is not only reading (spend); WAIAAS_MCP_READ_ONLY hides it.",
        ),
    ];
    for (arguments, what, advice) in table {
        let expected = (2, String::new(), format!("waiaas-mcp: {what}\n{advice}\n"));
        assert_eq!(ends(arguments, &[("WAIAAS_MCP_READ_ONLY", "1")]), expected, "{arguments:?}");
    }
}
