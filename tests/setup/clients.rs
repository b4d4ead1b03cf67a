//! The clients' entries: printed, written, or left alone.

use std::fs;
use std::process::Command;

use crate::console::Console;

#[test]
fn what_is_printed_can_be_pasted_and_holds_no_token() {
    let console = Console::with_one_wallet();
    let (data_dir, url) = (console.data_dir().display().to_string(), console.sandbox.base_url());
    let printed = console.run(&["setup", "--print"]);
    printed.assert_done();
    let pasted: serde_json::Value = serde_json::from_str(&printed.stdout).expect("JSON and nothing else");
    let entry = &pasted["mcpServers"]["waiaas"];
    assert_eq!(entry["command"], env!("CARGO_BIN_EXE_waiaas-mcp"));
    assert_eq!(entry["env"], serde_json::json!({ "WAIAAS_DATA_DIR": data_dir, "WAIAAS_BASE_URL": url }));
    assert!(printed.stderr.contains("Wallet   trading-bot\n"), "{printed:?}");

    let several = Console::new();
    let printed = several.run(&["setup", "--all", "--print", "--client", "vscode", "--client", "codex"]);
    printed.assert_done();
    let (json, toml) = printed.stdout.split_at(printed.stdout.find("\n[").expect("two forms") + 1);
    let pasted: serde_json::Value = serde_json::from_str(json).expect("JSON");
    for (name, id) in ["trading-bot", "sol-bot", "smart-bot"].into_iter().zip(several.sandbox.wallet_ids()) {
        let env = &pasted["servers"][format!("waiaas-{name}")]["env"];
        assert_eq!(
            (&env["WAIAAS_WALLET_ID"], &env["WAIAAS_WALLET_NAME"]),
            (&id.into(), &name.into()),
            "{json}"
        );
        assert!(toml.contains(&format!("[mcp_servers.waiaas-{name}]\n")), "{toml}");
    }
    assert!(
        printed.stderr.contains("\nCodex has a command for it as well: codex mcp add waiaas-sol-bot "),
        "{printed:?}"
    );
    several.run(&["setup", "--client", "emacs"]).assert_failed(
        2,
        "--client: \"emacs\" is not a known name",
        "Write one of claude-desktop, claude-code, cursor, vscode, windsurf, zed, codex, gemini, goose.",
    );
}

#[test]
fn a_clients_file_is_written_once_and_everything_else_in_it_stays() {
    let console = Console::with_one_wallet();
    let file = console.home().join(".cursor/mcp.json");
    fs::create_dir(console.home().join(".cursor")).expect("a directory");
    fs::write(&file, "{\n  // mine\n  \"mcpServers\": { \"other\": { \"command\": \"x\" } }\n}\n")
        .expect("a file");
    let printed = console.run(&["setup", "--client", "cursor"]);
    printed.assert_done();
    assert!(
        printed.stdout.contains(&format!("Client   Cursor: {} is changed", file.display())),
        "{printed:?}"
    );
    let written = fs::read_to_string(&file).expect("a file");
    assert!(
        written.contains("// mine") && written.contains("\"other\": { \"command\": \"x\" }"),
        "{written}"
    );
    assert!(
        written.contains(env!("CARGO_BIN_EXE_waiaas-mcp")) && !written.contains("wai_sess_"),
        "{written}"
    );
    let printed = console.run(&["setup", "--client", "cursor"]);
    printed.assert_done();
    assert!(printed.stdout.contains("Client   Cursor: unchanged"), "{printed:?}");
    assert_eq!(fs::read_to_string(&file).expect("a file"), written);
}

#[test]
fn several_wallets_have_an_entry_each() {
    let console = Console::new();
    console.run(&["setup", "--all", "--client", "claude-code", "--client", "codex", "--yes"]).assert_done();
    let json = fs::read_to_string(console.home().join(".claude.json")).expect("a file");
    let toml = fs::read_to_string(console.home().join(".codex/config.toml")).expect("a file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    for (name, id) in ["trading-bot", "sol-bot", "smart-bot"].into_iter().zip(console.sandbox.wallet_ids()) {
        assert_eq!(json["mcpServers"][format!("waiaas-{name}")]["env"]["WAIAAS_WALLET_ID"], id, "{json}");
        assert!(toml.contains(&format!("[mcp_servers.waiaas-{name}]")) && toml.contains(id), "{toml}");
    }
    // The entry works as it stands.
    let entry = &json["mcpServers"]["waiaas-sol-bot"];
    let mut command = Command::new(entry["command"].as_str().expect("a path"));
    command.arg("call").arg("get_address").env_clear();
    for (name, value) in entry["env"].as_object().expect("variables") {
        command.env(name, value.as_str().expect("text"));
    }
    let printed = console.finish(&mut command);
    assert!(printed.code == 0 && printed.stdout.contains("\"chain\":\"solana\""), "{printed:?}");
}

#[test]
fn a_key_that_cursor_counts_into_names_that_become_too_long_is_told() {
    let several = Console::new();
    let printed = several.run(&["setup", "--all", "--client", "cursor", "--yes"]);
    printed.assert_done();
    let told = "the key \"waiaas-trading-bot\" into every tool's name, and those of some actions become longer than 60";
    assert!(printed.stderr.contains(told), "{printed:?}");
    let one = Console::with_one_wallet();
    let printed = one.run(&["setup", "--client", "cursor", "--yes"]);
    assert!(printed.code == 0 && !printed.stderr.contains("become longer"), "{printed:?}");
}

/// The session is made all the same, and what could not be written is printed.
#[test]
fn a_clients_file_that_cannot_be_edited_is_left_alone_and_the_entry_is_printed() {
    let console = Console::with_one_wallet();
    fs::create_dir(console.home().join(".cursor")).expect("a directory");
    let file = console.home().join(".cursor/mcp.json");
    let other = "{\"mcpServers\":{\"waiaas\":{\"command\":\"elsewhere\"}}}";
    for (content, why) in
        [("{\"mcpServers\": [", "mcp.json: line 1, column"), (other, "has another entry of this name")]
    {
        fs::write(&file, content).expect("a file");
        let printed = console.run(&["setup", "--client", "cursor"]);
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.contains(why), "{printed:?}");
        assert!(
            printed.stdout.contains("\"mcpServers\": {") && printed.stdout.contains("Wallet   trading-bot"),
            "{printed:?}"
        );
        assert_eq!(fs::read_to_string(&file).expect("a file"), content);
        console.session_in(&console.token_file());
    }
    console.run(&["setup", "--client", "cursor", "--yes"]).assert_done();
    assert!(fs::read_to_string(&file).expect("a file").contains(env!("CARGO_BIN_EXE_waiaas-mcp")));
    // A client that is not installed.
    let printed = console.run(&["setup", "--client", "windsurf"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    assert!(printed.stderr.contains("is Windsurf installed?"), "{printed:?}");
    assert!(!console.home().join(".codeium").exists());
}
