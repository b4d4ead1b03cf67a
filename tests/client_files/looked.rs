//! What a client's file says about us: for the doctor, and for a warning before anything is written.

use std::fs;
use std::path::Path;

use waiaas_mcp::cli::clients::inspect::{CommandState, FileState, Inspected};
use waiaas_mcp::cli::clients::plan::Change;
use waiaas_mcp::cli::clients::{CLIENTS, Inspection, Program, Target, inspect, plan};
use waiaas_mcp::config::{System, UserDirectories};
use waiaas_mcp::ids::WalletId;

use crate::support::{WALLET, client, directories, entry, small};

/// What an entry for this process would start: the program is one that exists.
fn ours() -> Target {
    Target { command: "/bin/sh".into(), data_dir: "/data".into(), ..Target::default() }
}

/// A home directory in which this client's file says this.
fn home_of(name: &str, text: &str) -> (tempfile::TempDir, UserDirectories) {
    let home = tempfile::tempdir().expect("a temporary directory");
    let directories = directories(System::Linux, home.path());
    let path = client(name).path(&directories).expect("a home directory");
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(path, text).expect("a file");
    (home, directories)
}

fn looked(name: &str, text: &str) -> Inspection {
    let (_home, directories) = home_of(name, text);
    inspect(client(name), &directories, &ours())
}

fn servers(name: &str, text: &str) -> Vec<Inspected> {
    let inspection = looked(name, text);
    assert_eq!(inspection.state, FileState::Read, "{name}: {text}");
    inspection.servers
}

#[test]
fn a_file_is_missing_or_unreadable_or_read() {
    for client in &CLIENTS {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directories = directories(System::Linux, home.path());
        let path = client.path(&directories).expect("a home directory");
        let state = || inspect(client, &directories, &ours()).state;
        if client.name != "claude-code" {
            assert_eq!(state(), FileState::NoDirectory, "{}", client.name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        }
        assert_eq!(state(), FileState::Missing, "{}", client.name);
        fs::write(&path, "").expect("a file");
        assert_eq!(state(), FileState::Read, "{}", client.name);
        fs::write(&path, "}\n").expect("a file");
        let FileState::Unreadable(failure) = state() else { panic!("{}", client.name) };
        assert!(failure.what.contains("line 1, column 1: "), "{failure:?}");
        assert!(failure.what.contains(path.to_str().expect("Unicode")), "{failure:?}");
    }
    let mut nowhere = directories(System::Linux, "/");
    nowhere.home = None;
    assert_eq!(inspect(&CLIENTS[0], &nowhere, &ours()).path, None);
}

#[test]
fn an_entry_of_ours_is_found_in_every_clients_file_and_compared() {
    for client in &CLIENTS {
        let (_home, directories) = home_of(client.name, "");
        let entries = [small("waiaas"), entry("waiaas-ada")];
        plan(client, &directories, &entries).and_then(|plan| plan.write(true)).expect(client.name);
        let found = inspect(client, &directories, &ours()).servers;
        let [same, other] = &found[..] else { panic!("{}: {found:?}", client.name) };
        assert_eq!((same.server.key.as_str(), same.server.program), ("waiaas", Program::Ours));
        assert_eq!(same.differences, [], "{}", client.name);
        assert_eq!((same.server.off.as_deref(), same.server.has_token), (None, false));
        let variables: Vec<&str> = other.differences.iter().map(|difference| difference.variable).collect();
        assert_eq!(variables, ["WAIAAS_DATA_DIR", "WAIAAS_WALLET_ID"], "{}", client.name);
        assert_eq!(other.differences[1].found.as_deref(), Some(WALLET));
        assert_eq!(other.differences[0].expected.as_deref(), Some("/data"));
    }
}

#[test]
fn the_programs_are_told_apart() {
    let table = [
        (r#""command":"/opt/x/waiaas-mcp""#, Some(Program::Ours)),
        (r#""command":"waiaas-mcp","args":["serve"]"#, Some(Program::Ours)),
        (r#""command":"C:\\Program Files\\WAIaaS\\Waiaas-MCP.exe""#, Some(Program::Ours)),
        (r#""command":"npx","args":["-y","@waiaas/mcp"]"#, Some(Program::Node)),
        (r#""command":"npx","args":["--yes","@waiaas/mcp@2.15.0"]"#, Some(Program::Node)),
        (
            r#""command":"node","args":["C:\\x\\node_modules\\@waiaas\\mcp\\dist\\index.js"]"#,
            Some(Program::Node),
        ),
        (r#""command":"/x/node_modules/@waiaas/mcp/bin/waiaas-mcp""#, Some(Program::Node)),
        (r#""command":"npx","args":["-y","@other/mcp"]"#, None),
        (r#""url":"https://waiaas-mcp""#, None),
        (r#""command":7"#, None),
    ];
    for (entry, program) in table {
        let found = servers("cursor", &format!(r#"{{"mcpServers":{{"a":{{{entry}}}}}}}"#));
        let found: Vec<Program> = found.iter().map(|found| found.server.program).collect();
        assert_eq!(found, Vec::from_iter(program), "{entry}");
    }
}

#[test]
fn a_command_runs_or_it_is_said_why_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let program = directory.path().join("waiaas-mcp");
    fs::write(&program, "").expect("a file");
    let (_home, mut directories) = home_of("cursor", "");
    directories.search_path = vec!["/nowhere".into(), directory.path().into()];
    let state = |command: &Path, this: &Path| {
        let command = command.to_str().expect("Unicode");
        let text = format!(r#"{{"mcpServers":{{"a":{{"command":"{command}"}}}}}}"#);
        fs::write(client("cursor").path(&directories).expect("a home"), text).expect("a file");
        let target = Target { command: this.into(), ..ours() };
        inspect(client("cursor"), &directories, &target).servers[0].command
    };
    let sh = Path::new("/bin/sh");
    assert_eq!(state(&directory.path().join("x/waiaas-mcp"), sh), CommandState::Missing);
    assert_eq!(state(Path::new("./waiaas-mcp"), sh), CommandState::Missing);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(state(&program, sh), CommandState::NotExecutable);
        assert_eq!(state(Path::new("waiaas-mcp"), sh), CommandState::BareName { is_found: false });
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&program, &link).expect("a link");
        assert_eq!(state(&program, &link), CommandState::ThisProgram);
    }
    assert_eq!(state(&program, &program), CommandState::ThisProgram);
    assert_eq!(state(&program, sh), CommandState::AnotherProgram);
    assert_eq!(state(Path::new("waiaas-mcp"), sh), CommandState::BareName { is_found: true });
}

#[test]
fn what_is_switched_off_and_a_token_in_the_wrong_place_are_seen() {
    let server = r#""command":"/x/waiaas-mcp""#;
    let json = |top: &str, more: &str, rest: &str| format!(r#"{{"{top}":{{"w":{{{server}{more}}}}}{rest}}}"#);
    let table = [
        ("windsurf", json("mcpServers", r#","disabled":true"#, ""), Some("`disabled` is true")),
        ("windsurf", json("mcpServers", r#","disabled":false"#, ""), None),
        ("zed", json("context_servers", r#","enabled":false"#, ""), Some("`enabled` is false")),
        (
            "gemini",
            json("mcpServers", "", r#","mcp":{"excluded":["w"]}"#),
            Some("it stands in `mcp.excluded`"),
        ),
        (
            "gemini",
            json("mcpServers", "", r#","mcp":{"allowed":["v"]}"#),
            Some("it is missing in `mcp.allowed`"),
        ),
        ("gemini", json("mcpServers", "", r#","mcp":{"allowed":["w"],"excluded":[]}"#), None),
        ("cursor", json("mcpServers", "", r#","mcp":{"excluded":["w"]}"#), None),
        (
            "codex",
            "[mcp_servers.w]\ncommand = '/x/waiaas-mcp'\nenabled = false\n".to_owned(),
            Some("`enabled` is false"),
        ),
        (
            "goose",
            "extensions:\n  w:\n    cmd: /x/waiaas-mcp\n    enabled: false\n".to_owned(),
            Some("`enabled` is false"),
        ),
    ];
    for (name, text, off) in table {
        let found = servers(name, &text);
        assert_eq!(found[0].server.off.as_deref(), off, "{name}: {text}");
    }
    for (more, has_token) in [
        (r#","env":{"WAIAAS_SESSION_TOKEN":"wai_sess_a.b.c"}"#, true),
        (r#","args":["--token=wai_sess_a.b.c"]"#, true),
        (r#","env":{"WAIAAS_SESSION_TOKEN":"${input:token}"}"#, false),
    ] {
        let found = servers("cursor", &json("mcpServers", more, ""));
        assert_eq!(found[0].server.has_token, has_token, "{more}");
        assert!(!format!("{:?}", found[0].server).contains("wai_sess_"), "the token is shown");
    }
}

#[test]
fn claude_codes_projects_have_servers_of_their_own() {
    let text = r#"{"projects":{"/src/a":{"mcpServers":{"w":{"command":"/x/waiaas-mcp"}}},"/src/b":{}},
        "mcpServers":{"v":{"command":"/x/waiaas-mcp"}}}"#;
    let found = servers("claude-code", text);
    let found: Vec<_> =
        found.iter().map(|found| (found.server.key.as_str(), found.server.project.as_deref())).collect();
    assert_eq!(found, [("v", None), ("w", Some("/src/a"))]);
}

#[test]
fn an_address_is_compared_as_an_address_and_a_wallet_as_a_wallet() {
    let text = |env: &str| {
        format!(
            r#"{{"mcpServers":{{"w":{{"command":"/x/waiaas-mcp","env":{{"WAIAAS_DATA_DIR":"/data/"{env}}}}}}}}}"#
        )
    };
    let with = |base_url: Option<&str>, wallet: Option<&str>, env: &str| {
        let (_home, directories) = home_of("cursor", &text(env));
        let target = Target {
            base_url: base_url.map(str::to_owned),
            wallet_id: wallet.and_then(WalletId::parse),
            ..ours()
        };
        let servers = inspect(client("cursor"), &directories, &target).servers;
        servers[0].differences.iter().map(|difference| difference.variable).collect::<Vec<_>>()
    };
    let url = |url: &str| format!(r#","WAIAAS_BASE_URL":"{url}""#);
    assert!(with(None, None, "").is_empty());
    assert!(with(None, None, &url("http://127.0.0.1:3100/")).is_empty());
    assert!(with(Some("https://w.example"), None, &url("https://w.example/")).is_empty());
    assert_eq!(with(Some("https://w.example"), None, ""), ["WAIAAS_BASE_URL"]);
    let wallet = format!(r#","WAIAAS_WALLET_ID":"{}""#, WALLET.to_uppercase());
    assert!(with(None, Some(WALLET), &wallet).is_empty());
    assert_eq!(with(None, None, &wallet), ["WAIAAS_WALLET_ID"]);
    assert_eq!(with(None, Some(WALLET), ""), ["WAIAAS_WALLET_ID"]);
}

#[test]
fn the_node_program_on_the_same_token_is_pointed_out_before_anything_is_written() {
    let text = r#"{"mcpServers":{
        "waiaas-node":{"command":"npx","args":["-y","@waiaas/mcp"],"env":{"WAIAAS_DATA_DIR":"/data"}},
        "waiaas-wallet":{"command":"npx","args":["-y","@waiaas/mcp"],"env":{"WAIAAS_DATA_DIR":"/data","WAIAAS_WALLET_ID":"w"}},
        "waiaas-other":{"command":"npx","args":["-y","@waiaas/mcp"],"env":{"WAIAAS_DATA_DIR":"/elsewhere"}}}}"#;
    let (_home, directories) = home_of("cursor", text);
    let plan_of = |key: &str| plan(client("cursor"), &directories, &[small(key)]).expect("a good file");
    let neighbours: Vec<String> = plan_of("waiaas").neighbours.into_iter().map(|server| server.key).collect();
    assert_eq!(neighbours, ["waiaas-node"]);
    // Replacing it is the same entry under its key.
    let instead = plan_of("waiaas-node");
    assert_eq!(instead.changes, [("waiaas-node".to_owned(), Change::Replace)]);
    assert!(instead.neighbours.is_empty());
}

#[test]
fn warnings_name_long_tools_and_what_is_switched_off() {
    let warnings = |name: &str, text: &str, key: &str| {
        let (_home, directories) = home_of(name, text);
        plan(client(name), &directories, &[small(key)]).expect("a good file").warnings
    };
    let long = "waiaas-a-name-of-thirty-six-letters";
    assert!(warnings("cursor", "", "waiaas").is_empty());
    let found = warnings("cursor", "", long);
    assert!(found.len() == 1 && found[0].contains("longer than 60: the tool is left out"), "{found:?}");
    assert!(warnings("zed", "", long).is_empty());
    let off = r#"{"mcpServers":{"waiaas":{"command":"/bin/waiaas-mcp","env":{"WAIAAS_DATA_DIR":"/data"},"disabled":true}}}"#;
    assert_eq!(
        warnings("windsurf", off, "waiaas"),
        ["waiaas is switched off in this file: `disabled` is true."]
    );
    let excluded = r#"{"mcp":{"excluded":["waiaas"]}}"#;
    assert_eq!(warnings("gemini", excluded, "waiaas").len(), 1, "also before it is there");
}

#[test]
fn a_client_that_would_misread_a_path_gets_no_entry() {
    let (_home, directories) = home_of("gemini", "");
    let target = Target { command: "/b/waiaas-mcp".into(), data_dir: "/d$x".into(), ..Target::default() };
    let entry = waiaas_mcp::cli::clients::Entry::new("waiaas", &target).expect("Unicode");
    let failure = plan(client("gemini"), &directories, &[entry]).expect_err("a dollar");
    assert!(failure.what.contains("WAIAAS_DATA_DIR contains $"), "{failure:?}");
}
