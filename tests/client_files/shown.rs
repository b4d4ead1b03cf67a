//! What people are shown: places, snippets, commands.

use std::path::Path;

use waiaas_mcp::cli::clients::plan::ACTION_NAME_CHARS;
use waiaas_mcp::cli::clients::table::Format;
use waiaas_mcp::cli::clients::{CLIENTS, Entry, Target, add_command, keys, snippet};
use waiaas_mcp::config::System;

use crate::support::{WALLET, client, directories, entry};

#[test]
fn every_client_has_its_place_on_every_system() {
    let table: &[(&str, &str, &str, &str)] = &[
        (
            "claude-desktop",
            "Library/Application Support/Claude/claude_desktop_config.json",
            "AppData/Roaming/Claude/claude_desktop_config.json",
            ".config/Claude/claude_desktop_config.json",
        ),
        ("claude-code", ".claude.json", ".claude.json", ".claude.json"),
        ("cursor", ".cursor/mcp.json", ".cursor/mcp.json", ".cursor/mcp.json"),
        (
            "vscode",
            "Library/Application Support/Code/User/mcp.json",
            "AppData/Roaming/Code/User/mcp.json",
            ".config/Code/User/mcp.json",
        ),
        (
            "windsurf",
            ".codeium/windsurf/mcp_config.json",
            ".codeium/windsurf/mcp_config.json",
            ".codeium/windsurf/mcp_config.json",
        ),
        (
            "zed",
            ".config/zed/settings.json",
            "AppData/Roaming/Zed/settings.json",
            ".config/zed/settings.json",
        ),
        ("codex", ".codex/config.toml", ".codex/config.toml", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json", ".gemini/settings.json", ".gemini/settings.json"),
        (
            "goose",
            ".config/goose/config.yaml",
            "AppData/Roaming/Block/goose/config/config.yaml",
            ".config/goose/config.yaml",
        ),
    ];
    assert_eq!(table.len(), CLIENTS.len());
    for (client, (name, mac_os, windows, linux)) in CLIENTS.iter().zip(table) {
        assert_eq!(client.name, *name);
        for (system, below) in [(System::MacOs, mac_os), (System::Windows, windows), (System::Linux, linux)] {
            let path = client.path(&directories(system, "/home/ada"));
            assert_eq!(path.as_deref(), Some(Path::new("/home/ada").join(below).as_path()), "{name}");
        }
        let mut nowhere = directories(System::Linux, "/home/ada");
        nowhere.home = None;
        assert_eq!(client.path(&nowhere), None, "{name}: without a home directory");
    }
}

#[test]
fn directories_of_the_environment_come_before_those_in_the_home_directory() {
    let mut moved = directories(System::Linux, "/home/ada");
    moved.xdg_config = Some("/xdg".into());
    moved.codex_home = Some("/codex".into());
    for (name, path) in [
        ("zed", "/xdg/zed/settings.json"),
        ("goose", "/xdg/goose/config.yaml"),
        ("vscode", "/xdg/Code/User/mcp.json"),
        ("codex", "/codex/config.toml"),
        ("cursor", "/home/ada/.cursor/mcp.json"),
    ] {
        assert_eq!(client(name).path(&moved).as_deref(), Some(Path::new(path)), "{name}");
    }
    let mut mac = moved;
    mac.system = System::MacOs;
    assert_eq!(client("zed").path(&mac).as_deref(), Some(Path::new("/home/ada/.config/zed/settings.json")));
}

#[test]
fn every_snippet_is_read_by_others_as_the_entry() {
    for client in &CLIENTS {
        let entries = [entry("waiaas-main"), entry("waiaas-other")];
        let text = snippet(client, &entries);
        let read: serde_json::Value = match client.format {
            Format::Json | Format::Jsonc => serde_json::from_str(&text).expect(client.name),
            Format::Yaml => serde_yaml::from_str(&text).expect(client.name),
            Format::Toml => {
                let document: toml_edit::DocumentMut = text.parse().expect(client.name);
                let servers = &document[client.top_key];
                for entry in &entries {
                    let server = &servers[entry.key()];
                    assert_eq!(server["command"].as_str(), Some(entry.command()));
                    for (name, value) in entry.variables() {
                        assert_eq!(server["env"][name].as_str(), Some(value.as_str()), "{name}");
                    }
                }
                continue;
            }
        };
        for entry in &entries {
            let server = &read[client.top_key][entry.key()];
            let names = client.shape.names();
            assert_eq!(server[names.command], entry.command(), "{text}");
            assert_eq!(server[names.args], serde_json::json!([]), "{text}");
            let env = server[names.variables].as_object().expect("an object");
            assert_eq!(env.len(), entry.variables().len());
            for (name, value) in entry.variables() {
                assert_eq!(env[*name], *value, "{}: {text}", client.name);
            }
        }
    }
}

#[test]
fn snippets_look_as_their_clients_document_them() {
    let target = Target {
        command: "/usr/local/bin/waiaas-mcp".into(),
        data_dir: "/home/ada/.waiaas".into(),
        base_url: Some("https://wallet.example".to_owned()),
        ..Target::default()
    };
    let entries = [Entry::new("waiaas", &target).expect("Unicode")];
    let shown: String =
        CLIENTS.iter().map(|client| format!("== {}\n{}", client.name, snippet(client, &entries))).collect();
    assert_eq!(shown, include_str!("snippets.txt"), "compare with tests/client_files/snippets.txt:\n{shown}");
}

#[test]
fn add_commands_are_quoted_for_the_shell() {
    let entry = entry("waiaas");
    let shown = |name: &str| add_command(client(name), &entry, System::Linux);
    let env = |option: &str| {
        format!(
            "{option} WAIAAS_DATA_DIR=/home/ada/.waiaas {option} WAIAAS_WALLET_ID={WALLET} {option} \
             'WAIAAS_WALLET_NAME=Ada'\\''s \"main\" wallet'"
        )
    };
    let command = "/opt/waiaas/bin/waiaas-mcp";
    assert_eq!(
        shown("claude-code"),
        Some(format!("claude mcp add --scope user {} waiaas -- {command}", env("--env")))
    );
    assert_eq!(shown("codex"), Some(format!("codex mcp add waiaas {} -- {command}", env("--env"))));
    assert_eq!(shown("gemini"), Some(format!("gemini mcp add -s user {} waiaas {command}", env("-e"))));
    let code = shown("vscode").expect("VS Code has one");
    let json =
        code.strip_prefix("code --add-mcp '").and_then(|rest| rest.strip_suffix('\'')).expect("quoted");
    let json: serde_json::Value = serde_json::from_str(&json.replace("'\\''", "'")).expect("JSON");
    assert_eq!(json["env"]["WAIAAS_WALLET_NAME"], "Ada's \"main\" wallet");
    for name in ["claude-desktop", "cursor", "windsurf", "zed", "goose"] {
        assert_eq!(shown(name), None, "{name}");
    }
}

#[test]
fn a_name_that_some_shell_reads_between_quotes_is_left_out_of_a_command() {
    let shown = |name: &str, system| {
        let target = Target {
            command: "/opt/waiaas-mcp".into(),
            data_dir: "/data".into(),
            wallet_name: Some(name.to_owned()),
            ..Target::default()
        };
        let entry = Entry::new("waiaas", &target).expect("Unicode");
        ["claude-code", "codex", "gemini", "vscode"]
            .map(|name| add_command(client(name), &entry, system).expect("it has one"))
            .map(|command| command.contains("WAIAAS_WALLET_NAME"))
    };
    for name in ["main", "two words", "日本", "it's $(x) `y` \"z\" %A% ! ; & |"] {
        assert_eq!(shown(name, System::Linux), [true; 4], "{name}");
    }
    // In fish a backslash escapes a quote within quotes.
    assert_eq!(shown("a\\'; touch ran; '", System::Linux), [false; 4]);
    for name in ["main", "two words", "日本"] {
        assert_eq!(shown(name, System::Windows), [true; 4], "{name}");
    }
    for name in ["a\"b", "%COMSPEC%", "$(x)", "a`b", "a\\b", "a!b", "a&b", "it's", "\u{201c}&calc&\u{201d}"] {
        assert_eq!(shown(name, System::Windows), [false; 4], "{name}");
    }
}

#[test]
fn keys_are_short_safe_and_different() {
    assert_eq!(keys(&[(WALLET, Some("Main"))]), ["waiaas"]);
    let table = [
        ("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d10", Some("Main Wallet_2"), "waiaas-main-wallet-2"),
        ("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d11", Some("main wallet 2"), "waiaas-main-wallet-2-8e4a7d11"),
        // Made in the same minute: only the ends of the ids differ, and here not even their last eight digits.
        ("01a1f2c4-5b00-7c1e-9d3a-aaaa8e4a7d11", Some("main-wallet-2"), "waiaas-main-wallet-2-a8e4a7d11"),
        ("01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d12", None, "waiaas-8e4a7d12"),
        ("01a1f2c4-5b00-7c1e-9d3a-bbbb8e4a7d12", Some("日本"), "waiaas-b8e4a7d12"),
        (
            "01a1f2c4-5b00-7c1e-9d3a-2f6b8e4a7d13",
            Some("a name that is much too long for any client"),
            "waiaas-a-name-that-is-much",
        ),
    ];
    assert_eq!(keys(&table.map(|(id, name, _)| (id, name))), table.map(|(.., key)| key));
}

#[test]
fn a_key_that_makes_names_of_actions_too_long_is_told() {
    // The longest name among the actions that the daemon is shipped with.
    let providers = include_str!("../../src/sandbox/data/action-providers.json");
    let actions = waiaas_mcp::wallet::actions::read(providers).expect("a list").actions;
    assert_eq!(actions.iter().map(|action| action.spec.name.len()).max(), Some(ACTION_NAME_CHARS));
}

#[test]
fn a_dollar_is_refused_where_the_client_would_read_a_variable() {
    let with = |data_dir: &str| {
        let target =
            Target { command: "/bin/waiaas-mcp".into(), data_dir: data_dir.into(), ..Target::default() };
        Entry::new("waiaas", &target).expect("Unicode")
    };
    for (data_dir, client_name, is_refused) in [
        ("/home/$ada", "gemini", true),
        ("/home/${ada}", "cursor", true),
        ("/home/$ada", "cursor", false),
        ("/home/${ada}", "zed", false),
        ("/home/ada", "gemini", false),
    ] {
        let misread = with(data_dir).misread(client(client_name));
        assert_eq!(misread.is_some(), is_refused, "{data_dir} in {client_name}: {misread:?}");
    }
}

/// The lines around the table of clients in the README.
const README_BEGIN: &str = "<!-- clients: `UPDATE_SNAPSHOTS=1 cargo test --test client_files` writes what is between these two lines -->\n";
const README_END: &str = "<!-- end of clients -->\n";

#[test]
fn the_readme_tells_of_every_client_what_the_table_says() {
    let home = directories(System::Linux, "~");
    let rows = CLIENTS.iter().map(|client| {
        let path = client.path(&home).expect("a home directory");
        let command = add_command(client, &entry("waiaas"), System::Linux);
        let own = command.map_or_else(String::new, |command| {
            let words: Vec<&str> =
                command.split(' ').take_while(|word| !word.starts_with("--scope")).collect();
            let words = words.iter().take(if words[0] == "code" { 2 } else { 3 });
            format!("`{}`", words.copied().collect::<Vec<_>>().join(" "))
        });
        format!(
            "| {} | `{}` | `{}` | `{}` | {own} |\n",
            client.title,
            client.name,
            path.display(),
            client.top_key
        )
    });
    let head = "| client | NAME | its file on Linux | the entry stands below | its own command |\n|---|---|---|---|---|\n";
    let table = format!("{head}{}", rows.collect::<String>());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("a README");
    let (before, rest) = readme.split_once(README_BEGIN).expect("the line before the table");
    let (written, after) = rest.split_once(README_END).expect("the line after the table");
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        std::fs::write(path, format!("{before}{README_BEGIN}{table}{README_END}{after}")).expect("writable");
        return;
    }
    assert!(
        written == table,
        "the table is stale: UPDATE_SNAPSHOTS=1 cargo test --test client_files writes it"
    );
}

#[test]
fn the_entries_in_the_readme_are_those_that_are_written() {
    let target = Target {
        command: "/usr/local/bin/waiaas-mcp".into(),
        data_dir: "/home/you/.waiaas".into(),
        ..Target::default()
    };
    let entries = [Entry::new("waiaas", &target).expect("Unicode")];
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a README");
    for (name, language) in [("codex", "toml"), ("goose", "yaml")] {
        let block = format!("```{language}\n{}```\n", snippet(client(name), &entries));
        assert!(readme.contains(&block), "the README does not hold\n{block}");
    }
    let json = readme.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let wanted = snippet(client("claude-desktop"), &entries);
    assert_eq!(json, serde_json::from_str::<serde_json::Value>(&wanted).expect("JSON"));
}
