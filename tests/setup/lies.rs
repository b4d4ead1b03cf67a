//! A daemon that lies: ids that lead to other files, tokens that are commands, names that steer a terminal. Nothing of
//! it is believed, and nothing is written.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::console::{Console, Printed, start, until};
use crate::liar::{Liar, OTHER_WALLET, SESSION, WALLET, good_token, token_of};

/// What somebody's shell runs at login.
const BASHRC: &str = "alias ll='ls -l'\n";

/// A name that hides words, steers a terminal, ends its line, and goes on for ever.
fn hostile_name() -> String {
    format!("a\u{202e}b\u{1b}[2Jc\nd\u{9b}31m\u{200b}\u{e0041}\u{feff}{}", "x".repeat(5_000))
}

/// What is kept of it.
fn seen_of_it() -> String {
    format!("ab [2Jc d 31m{}…", "x".repeat(50))
}

fn wallet(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "chain": "ethereum", "environment": "testnet", "status": "ACTIVE" })
}

/// One that has these wallets, and opens a session with this token.
fn daemon_with(wallets: Vec<Value>, token: impl Fn() -> String + Send + Sync + 'static) -> Liar {
    Liar::start(move |route| {
        let session = json!({ "id": SESSION, "expiresAt": 0 });
        Some(match route {
            "GET /health" => (200, json!({ "status": "healthy", "version": "2.15.0\u{202e}\u{9b}" })),
            "GET /v1/wallets" => (200, json!({ "items": wallets })),
            "GET /v1/sessions" => (200, json!({ "data": [], "total": 0 })),
            "POST /v1/sessions" => (201, json!({ "id": SESSION, "token": token() })),
            "GET /v1/connect-info" => (200, json!({ "session": session, "wallets": wallets })),
            "GET /v1/wallet/address" => (200, json!({ "name": hostile_name() })),
            route if route == format!("DELETE /v1/sessions/{SESSION}") => (204, Value::Null),
            _ => return None,
        })
    })
}

fn home_with_bashrc(console: &Console) {
    fs::write(console.home().join(".bashrc"), BASHRC).expect("a home");
}

/// Runs a command against that daemon.
fn run(console: &Console, daemon: &Liar, arguments: &[&str]) -> Printed {
    let mut command = console.command(&[arguments, &["--base-url", daemon.base_url()]].concat());
    console.finish(command.env("WAIAAS_MASTER_PASSWORD", "a password").env_remove("WAIAAS_BASE_URL"))
}

/// Nothing was opened, and nothing written.
#[track_caller]
fn assert_untouched(console: &Console, daemon: &Liar) {
    assert_eq!(daemon.times_asked("POST /v1/sessions"), 0, "a session was opened");
    assert_eq!(console.names(), [""; 0]);
    let names: Vec<_> =
        fs::read_dir(console.home()).expect("a home").map(|entry| entry.expect("one").file_name()).collect();
    assert_eq!(names, [".bashrc"]);
    assert_eq!(fs::read_to_string(console.home().join(".bashrc")).expect("it is there"), BASHRC);
}

/// Ids that are none, most of which are the paths of other files.
fn odd_ids(console: &Console) -> Vec<String> {
    let absolute = console.home().join(".bashrc").display().to_string();
    let ids =
        ["../../home/.bashrc", "..", ".", "", "default", "a\nb", "../../../../../../tmp/x", "\u{202e}", "\0"];
    let ids = ids.into_iter().map(str::to_owned);
    ids.chain([absolute, format!("{WALLET}/.."), format!("{WALLET}\n"), WALLET.replace('-', "")]).collect()
}

#[test]
fn a_wallet_whose_id_is_the_path_of_another_file_is_not_believed() {
    let console = Console::new();
    home_with_bashrc(&console);
    for id in odd_ids(&console) {
        for before in [vec![], vec![wallet(WALLET, "good")]] {
            let wallets = [before, vec![wallet(&id, "trading-bot")]].concat();
            let daemon = daemon_with(wallets, good_token);
            for arguments in [
                &["setup", "--all", "--yes"][..],
                &["setup", "--yes"],
                &["setup", "--wallet", WALLET, "--yes"],
                &["setup", "--all", "--print", "--yes"],
                &["setup", "--all", "--client", "cursor", "--yes"],
            ] {
                let printed = run(&console, &daemon, arguments);
                assert_eq!(printed.code, 1, "{id:?} {arguments:?}: {printed:?}");
                assert!(
                    printed.stderr.contains("wallet id") && printed.stderr.contains("is not a UUID"),
                    "{printed:?}"
                );
                assert!(printed.stderr.contains("Nothing was changed."), "{printed:?}");
                assert_eq!(printed.stdout, "", "{printed:?}");
            }
            assert_untouched(&console, &daemon);
        }
    }
}

#[test]
fn two_wallets_of_one_id_would_have_one_file() {
    let console = Console::new();
    home_with_bashrc(&console);
    let daemon = daemon_with(vec![wallet(WALLET, "a"), wallet(&WALLET.to_uppercase(), "b")], good_token);
    let printed = run(&console, &daemon, &["setup", "--all", "--yes"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    assert_untouched(&console, &daemon);
}

#[test]
fn whoever_reads_wallets_or_sessions_says_that_an_id_is_none() {
    let console = Console::new();
    run(&console, &daemon_with(vec![wallet(WALLET, "good")], good_token), &["setup", "--yes"]).assert_done();
    let before = fs::read_to_string(console.token_file()).expect("a token");
    let daemon = daemon_with(vec![wallet(WALLET, "good"), wallet("../../home/.bashrc", "odd")], good_token);
    for arguments in [&["status"][..], &["doctor"], &["refresh-token"], &["refresh-token", "--all"]] {
        let printed = run(&console, &daemon, arguments);
        assert_eq!(printed.code, 1, "{arguments:?}: {printed:?}");
        let told = format!("{}{}", printed.stdout, printed.stderr);
        assert!(told.contains("wallet id") && told.contains("is not a UUID"), "{arguments:?}: {told}");
    }
    assert_eq!(daemon.times_asked("POST /v1/sessions"), 0);
    assert_eq!(fs::read_to_string(console.token_file()).expect("a token"), before);

    let row =
        |id: &str, wallet_id: &str| json!({ "data": [{ "id": id, "walletId": wallet_id, "wallets": [] }] });
    for answer in [row("..", WALLET), row(SESSION, "../x"), row("../../v1/admin", WALLET), row("", WALLET)] {
        let daemon = Liar::start(move |route| match route {
            "GET /v1/wallets" => Some((200, json!({ "items": [wallet(WALLET, "good")] }))),
            "GET /v1/sessions" => Some((200, answer.clone())),
            _ => None,
        });
        let printed = run(&console, &daemon, &["refresh-token"]);
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains("is not a UUID"), "{printed:?}");
        let posts = daemon.asked().iter().filter(|asked| !asked.route.starts_with("GET ")).count();
        assert_eq!(posts, 0, "{:?}", daemon.asked());
    }
}

#[test]
fn a_session_of_an_odd_id_is_told_and_no_other_route_is_asked() {
    let console = Console::new();
    home_with_bashrc(&console);
    for id in ["..", ".", "", "../wallets", "x?y"] {
        let daemon = Liar::start(move |route| match route {
            "GET /v1/wallets" => Some((200, json!({ "items": [wallet(WALLET, "good")] }))),
            "POST /v1/sessions" => Some((201, json!({ "id": id, "token": good_token() }))),
            _ => None,
        });
        let printed = run(&console, &daemon, &["setup", "--yes"]);
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains("a session may have been opened"), "{printed:?}");
        let routes: Vec<String> = daemon.asked().into_iter().map(|asked| asked.route).collect();
        assert_eq!(routes, ["GET /health", "GET /v1/wallets", "POST /v1/sessions"]);
        assert_eq!(console.names(), ["mcp-token.lock"]);
    }
}

/// Parts of a token that a shell would run, or that no token has.
const ODD_PARTS: [&str; 12] =
    ["$(id)", "`id`", "x;id", "x|id", "x>y", "x&id", "x\\y", "\"x", "'x", "x/y", "x+y", ""];

#[test]
fn a_token_that_a_shell_could_run_is_refused_and_its_session_revoked() {
    let console = Console::new();
    home_with_bashrc(&console);
    for part in ODD_PARTS {
        for token in [token_of(part, "c2ln", 0), token_of("e30", part, 0)] {
            let daemon = daemon_with(vec![wallet(WALLET, "good")], move || token.clone());
            let printed = run(&console, &daemon, &["setup", "--yes"]);
            printed.assert_failed(
                1,
                "the daemon gave a token that cannot be used: it does not have the form of a session token",
                "Look at the daemon's log.",
            );
            assert_eq!(daemon.times_asked(&format!("DELETE /v1/sessions/{SESSION}")), 1, "{part}");
            assert_eq!(console.names(), ["mcp-token.lock"], "{part}");
        }
    }
}

#[test]
fn a_token_that_a_shell_could_run_is_never_sent() {
    let console = Console::new();
    fs::create_dir_all(console.data_dir()).expect("a directory");
    let daemon = daemon_with(vec![wallet(WALLET, "good")], good_token);
    let is_sent =
        || daemon.asked().iter().any(|asked| asked.head.to_ascii_lowercase().contains("\nauthorization:"));
    for part in ODD_PARTS {
        let token = token_of(part, "c2ln", 0);
        fs::write(console.token_file(), &token).expect("a token file");
        let printed = run(&console, &daemon, &["call", "get_address"]);
        assert!(printed.stdout.contains("session_expired"), "{part}: {printed:?}");
        assert_eq!(run(&console, &daemon, &["status"]).code, 1, "{part}");
        fs::remove_file(console.token_file()).expect("it was there");
        let mut command = console.command(&["call", "get_address", "--base-url", daemon.base_url()]);
        let printed = console.finish(command.env("WAIAAS_SESSION_TOKEN", &token));
        assert!(printed.stdout.contains("session_expired"), "{part}: {printed:?}");
        assert!(!is_sent(), "{part}: {:?}", daemon.asked());
    }
    // The same daemon is asked with one that is good.
    fs::write(console.token_file(), good_token()).expect("a token file");
    run(&console, &daemon, &["call", "get_address"]).assert_done();
    assert!(is_sent());
}

#[test]
fn a_renewals_token_that_a_shell_could_run_is_not_kept() {
    let console = Console::new();
    fs::create_dir_all(console.data_dir()).expect("a directory");
    let daemon = Liar::start(|route| match route {
        "GET /v1/wallet/address" => Some((200, json!({ "address": "0x1" }))),
        route if route == format!("PUT /v1/sessions/{SESSION}/renew") => {
            Some((200, json!({ "id": SESSION, "token": token_of("$(id)", "c2ln", 0) })))
        }
        _ => None,
    });
    let before = token_of("e30", "c2ln", 3000);
    fs::write(console.token_file(), &before).expect("a token file");
    let mut command = console.command(&["serve", "--base-url", daemon.base_url()]);
    let server = start(command.stdin(Stdio::piped()));
    let renewal = format!("PUT /v1/sessions/{SESSION}/renew");
    until("the renewal is asked for", || daemon.times_asked(&renewal) > 0);
    let printed = console.end(server);
    assert!(printed.stderr.contains("code=token_malformed"), "{printed:?}");
    assert_eq!(fs::read_to_string(console.token_file()).expect("a token"), before);
}

/// Nothing that a terminal would obey, or that nobody sees. Colours are only for terminals, and this is none.
#[track_caller]
fn assert_plain(printed: &Printed) {
    for c in printed.stdout.chars().chain(printed.stderr.chars()).filter(|c| *c != '\n') {
        let is_plain = !c.is_control() && !"\u{202e}\u{200b}\u{e0041}\u{feff}".contains(c);
        let [stdout, stderr] = [&printed.stdout, &printed.stderr].map(|text| text.replace("xxxx", ""));
        assert!(is_plain, "{c:?} in {stdout:?} {stderr:?}");
    }
}

/// The value that a client's file has for the wallet's name. The entry is the last thing in each of these files.
fn name_in(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    if is_toml {
        let document: toml_edit::DocumentMut = text.parse().expect("TOML");
        let servers = document["mcp_servers"].as_table().expect("a table");
        let entry = servers.iter().find(|(key, _)| key.contains("2jc")).expect("an entry").1;
        return entry["env"]["WAIAAS_WALLET_NAME"].as_str().expect("text").to_owned();
    }
    // JSON is YAML.
    let document: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    fn found(value: &Value) -> Option<&str> {
        let members = value.as_object()?;
        let own =
            members.get("WAIAAS_WALLET_NAME").and_then(Value::as_str).filter(|name| name.contains("[2J"));
        own.or_else(|| members.values().find_map(found))
    }
    found(&document).unwrap_or_else(|| panic!("no name in {text}")).to_owned()
}

#[test]
fn a_wallets_name_is_one_short_line_of_what_can_be_seen_wherever_it_goes() {
    let console = Console::new();
    let wallets = vec![wallet(WALLET, &hostile_name()), wallet(OTHER_WALLET, "good")];
    let daemon = daemon_with(wallets, good_token);
    let clients = [
        ("claude-desktop", ".config/Claude/claude_desktop_config.json"),
        ("claude-code", ".claude.json"),
        ("cursor", ".cursor/mcp.json"),
        ("vscode", ".config/Code/User/mcp.json"),
        ("windsurf", ".codeium/windsurf/mcp_config.json"),
        ("zed", ".config/zed/settings.json"),
        ("codex", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json"),
        ("goose", ".config/goose/config.yaml"),
    ];
    for (client, file) in clients {
        let printed = run(&console, &daemon, &["setup", "--all", "--yes", "--client", client]);
        printed.assert_done();
        assert_plain(&printed);
        assert_eq!(name_in(&console.home().join(file)), seen_of_it(), "{client}");
        let printed = run(&console, &daemon, &["setup", "--all", "--yes", "--print", "--client", client]);
        printed.assert_done();
        assert_plain(&printed);
        assert!(printed.stdout.contains("ab [2Jc d 31m"), "{printed:?}");
    }
    let of_wallet = |arguments: &[&str]| run(&console, &daemon, &[arguments, &["--wallet", WALLET]].concat());
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["call", "get_address"],
        &["call", "connect_info"],
        &["refresh-token"],
    ] {
        assert_plain(&of_wallet(arguments));
    }
    assert!(of_wallet(&["status"]).stdout.contains(&seen_of_it()));
    // Among several wallets somebody has to choose, and both are listed.
    let unasked = run(&console, &daemon, &["setup", "--yes"]);
    assert_plain(&unasked);
    assert!(unasked.stderr.contains(&seen_of_it()), "{unasked:?}");
    // Without its wallet, a call lists both.
    assert_plain(&run(&console, &daemon, &["call", "list_credentials"]));
}

#[test]
fn a_printed_command_runs_nothing_of_a_wallets_name() {
    let console = Console::new();
    let names = [
        "x$(touch ran)`touch ran`; touch ran; #",
        "'; touch ran; '",
        "\"; touch ran; \"",
        "\\'; touch ran; '\\",
        "\\'$(touch ran)",
        "x\ntouch ran\n",
        "%COMSPEC% & touch ran & ! && touch ran",
    ];
    let bin = console.home().join("bin");
    fs::create_dir(&bin).expect("a directory");
    for client in ["claude", "codex", "gemini", "code"] {
        let stub = bin.join(client);
        fs::write(&stub, "#!/bin/sh\nexit 0\n").expect("a file");
        assert!(Command::new("chmod").arg("+x").arg(&stub).status().expect("chmod").success());
    }
    let shells = ["sh", "bash", "dash", "zsh", "fish"];
    let shells: Vec<&str> = shells
        .into_iter()
        .filter(|shell| {
            Command::new(shell).args(["-c", "exit 0"]).status().is_ok_and(|status| status.success())
        })
        .collect();
    for name in names {
        let daemon = daemon_with(vec![wallet(WALLET, name), wallet(OTHER_WALLET, "good")], good_token);
        for client in ["claude-code", "codex", "vscode"] {
            let printed = run(&console, &daemon, &["setup", "--all", "--yes", "--print", "--client", client]);
            printed.assert_done();
            let commands: Vec<&str> = printed
                .stderr
                .lines()
                .filter_map(|line| line.split_once("for it as well: "))
                .map(|(_, command)| command)
                .collect();
            assert_eq!(commands.len(), 2, "{printed:?}");
            for (command, shell) in
                commands.iter().flat_map(|command| shells.iter().map(move |shell| (command, shell)))
            {
                let mut run = Command::new(shell);
                run.args(["-c", command]).env_clear().env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
                let output = run.current_dir(console.home()).output().expect("a shell");
                assert!(output.status.success(), "{shell}: {command}: {output:?}");
                assert!(!console.home().join("ran").exists(), "{shell} ran something of {command}");
            }
        }
    }
}

#[test]
fn what_is_said_of_a_name_in_the_environment_is_one_short_line_too() {
    let daemon = daemon_with(vec![wallet(WALLET, "good")], good_token);
    let console = Console::new();
    let mut command = console.command(&["serve"]);
    command
        .env("WAIAAS_BASE_URL", daemon.base_url())
        .env("WAIAAS_WALLET_NAME", hostile_name().replace('\0', ""));
    let asked = concat!(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
        "\n",
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#,
        "\n"
    );
    let printed = console.finish_with(&mut command, asked);
    let answers: Vec<Value> =
        printed.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen = seen_of_it();
    let answer =
        |id: i64| answers.iter().find(|answer| answer["id"] == id).unwrap_or_else(|| panic!("{printed:?}"));
    assert_eq!(answer(1)["result"]["serverInfo"]["name"], format!("waiaas-{seen}"));
    assert_eq!(answer(1)["result"]["serverInfo"]["title"], format!("WAIaaS wallet {seen}"));
    for tool in answer(2)["result"]["tools"].as_array().expect("tools") {
        assert!(tool["description"].as_str().expect("text").starts_with(&format!("[{seen}] ")), "{tool}");
    }
}
