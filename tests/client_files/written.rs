//! Entries put into files of every format: what stands there afterwards, to the byte.

use waiaas_mcp::cli::clients::value::Value;
use waiaas_mcp::cli::clients::{CLIENTS, Client, Edit, Entry, Target, edit};
use waiaas_mcp::ids::WalletId;

use crate::judge::{in_order_of_names, judged, server, without};
use crate::support::{WALLET, client, entry, small};

/// A file as its client's users have it, and the same with our entry.
const FILES: [(&str, &str, &str); 9] = [
    ("claude-desktop", include_str!("files/claude-desktop.in"), include_str!("files/claude-desktop.out")),
    ("claude-code", include_str!("files/claude-code.in"), include_str!("files/claude-code.out")),
    ("cursor", include_str!("files/cursor.in"), include_str!("files/cursor.out")),
    ("vscode", include_str!("files/vscode.in"), include_str!("files/vscode.out")),
    ("windsurf", include_str!("files/windsurf.in"), include_str!("files/windsurf.out")),
    ("zed", include_str!("files/zed.in"), include_str!("files/zed.out")),
    ("codex", include_str!("files/codex.in"), include_str!("files/codex.out")),
    ("gemini", include_str!("files/gemini.in"), include_str!("files/gemini.out")),
    ("goose", include_str!("files/goose.in"), include_str!("files/goose.out")),
];

/// The text with the entry added; every claim of the editor is checked by another reader.
pub(crate) fn added(client: &Client, old: &str, entry: &Entry) -> String {
    let new = match edit(client, old, entry) {
        Ok(Edit::Edited(new)) => new,
        other => panic!("{}: {old:?}: {other:?}", client.name),
    };
    let before = judged(client, old).unwrap_or_else(|| panic!("nobody else can read {old:?}"));
    let after = judged(client, &new).unwrap_or_else(|| panic!("nobody else can read {new}"));
    assert_eq!(without(&after, client, entry.key()), without(&before, client, entry.key()), "{new}");
    let written = server(&after, client, entry.key());
    assert_eq!(written, Some(in_order_of_names(&entry.value(client))), "{new}");
    assert_eq!(edit(client, &new, entry), Ok(Edit::Unchanged), "a second time: {new}");
    new
}

#[test]
fn a_real_file_gets_the_entry_and_stays_otherwise_the_same_to_the_byte() {
    for (name, old, new) in FILES {
        let (client, entry) = (client(name), small("waiaas"));
        assert_eq!(added(client, old, &entry), new, "{name}");
        assert_eq!(added(client, &crlf(old), &entry), crlf(new), "{name} with CRLF");
        let bom = |text: &str| format!("\u{feff}{text}");
        assert_eq!(added(client, &bom(old), &entry), bom(new), "{name} with a byte order mark");
        let unended = old.trim_end();
        // Only there our entry is the last thing in the file.
        let expected = if name == "codex" { new } else { new.trim_end() };
        assert_eq!(added(client, unended, &entry), expected, "{name} without a last line end");
    }
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

#[test]
fn several_entries_stand_side_by_side_with_every_character_a_name_may_have() {
    for (name, old, _) in FILES {
        let client = client(name);
        let first = added(client, old, &entry("waiaas-one"));
        let second = added(client, &first, &entry("waiaas-two"));
        assert_eq!(edit(client, &second, &entry("waiaas-one")), Ok(Edit::Unchanged), "{name}");
    }
}

#[test]
fn every_name_survives_every_format() {
    let names = [
        "true",
        "No",
        "null",
        "~",
        "1",
        "0x1f",
        "1e3",
        ".5",
        "-",
        "- x",
        "? x",
        "a: b",
        "a #b",
        "#",
        "&a",
        "*a",
        "!a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "[a]",
        "{a}",
        "'",
        "\"",
        "\\",
        "\\n",
        "C:\\Users\\ada",
        " a",
        "a ",
        "",
        "é",
        "日本",
        "😀",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\u{1}",
        "\u{7f}",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{fffe}",
        "=",
        "<<",
        "2026-10-01",
        "12:30",
        "a,b",
        "a:b",
        "...",
        "---",
    ];
    for (name, old, _) in FILES {
        for wallet_name in names {
            let target = Target {
                command: format!("/bin/{wallet_name}/waiaas-mcp").into(),
                data_dir: "/data".into(),
                wallet_name: Some(wallet_name.to_owned()),
                ..Target::default()
            };
            let entry = Entry::new("waiaas", &target).expect("Unicode");
            added(client(name), old, &entry);
        }
    }
}

#[test]
fn an_entry_is_there_after_it_was_added_to_nothing() {
    for client in &CLIENTS {
        for (old, begins) in [("", ""), ("\n", ""), ("\u{feff}", "\u{feff}"), ("\r\n", "")] {
            let new = added(client, old, &small("waiaas"));
            assert!(new.starts_with(begins) && new.ends_with('\n'), "{}: {new:?}", client.name);
        }
    }
}

#[test]
fn the_style_of_a_json_file_is_kept() {
    let compact = r#""waiaas":{"command":"/bin/waiaas-mcp","args":[],"env":{"WAIAAS_DATA_DIR":"/data"}}"#;
    let spaced =
        r#""waiaas": {"command": "/bin/waiaas-mcp", "args": [], "env": {"WAIAAS_DATA_DIR": "/data"}}"#;
    let lines = |indent: &str| {
        format!(
            "{indent}\"waiaas\": {{\n{indent}  \"command\": \"/bin/waiaas-mcp\",\n{indent}  \"args\": [],\n\
             {indent}  \"env\": {{\n{indent}    \"WAIAAS_DATA_DIR\": \"/data\"\n{indent}  }}\n{indent}}}"
        )
    };
    let of_two = format!("  \"context_servers\": {{\n{}\n  }}", lines("    "));
    let table: Vec<(String, String)> = [
        ("{}", format!("{{\n{of_two}\n}}")),
        ("{ }\n", format!("{{\n{of_two}\n}}\n")),
        ("// c\n", format!("// c\n{{\n{of_two}\n}}\n")),
        ("{ // c\n}", format!("{{ // c\n{of_two}\n}}")),
        ("{/* c */}", format!("{{/* c */\n{of_two}\n}}")),
        (r#"{"a":1}"#, format!(r#"{{"a":1,"context_servers":{{{compact}}}}}"#)),
        (r#"{"a": 1, }"#, format!(r#"{{"a": 1, "context_servers": {{{spaced}}}, }}"#)),
        (r#"{"context_servers":{}}"#, format!(r#"{{"context_servers":{{{compact}}}}}"#)),
        (r#"{"context_servers":{"a":{}}}"#, format!(r#"{{"context_servers":{{"a":{{}},{compact}}}}}"#)),
        ("{\n  \"a\": 1\n}", format!("{{\n  \"a\": 1,\n{of_two}\n}}")),
        ("{\n  \"a\": 1 }", format!("{{\n  \"a\": 1,\n{of_two} }}")),
        ("{\n  \"a\": 1, // one\n}", format!("{{\n  \"a\": 1, // one\n{of_two},\n}}")),
        ("{\n  \"a\": 1 // one\n}", format!("{{\n  \"a\": 1, // one\n{of_two}\n}}")),
        ("{\n  \"a\": 1\n  // end\n}", format!("{{\n  \"a\": 1,\n{of_two}\n  // end\n}}")),
        ("{\n  \"a\": 1 /* b\n c */ // d\n}", format!("{{\n  \"a\": 1, /* b\n c */ // d\n{of_two}\n}}")),
        ("{\n  \"a\": 1\n  , // odd\n}", format!("{{\n  \"a\": 1\n  , // odd\n{of_two},\n}}")),
        (
            "{\n  \"context_servers\": {}\n}",
            format!("{{\n  \"context_servers\": {{\n{}\n  }}\n}}", lines("    ")),
        ),
        (
            "{\n  \"context_servers\": {\n    // none\n  }\n}",
            format!("{{\n  \"context_servers\": {{\n    // none\n{}\n  }}\n}}", lines("    ")),
        ),
        (
            "{\n  \"context_servers\": { \"a\": {} },\n}",
            format!("{{\n  \"context_servers\": {{ \"a\": {{}}, {spaced} }},\n}}"),
        ),
    ]
    .map(|(old, new)| (old.to_owned(), new))
    .into();
    for (old, new) in &table {
        assert_eq!(added(client("zed"), old, &small("waiaas")), *new, "{old:?}");
    }
}

#[test]
fn the_style_of_a_yaml_file_is_kept() {
    let lines = |indent: &str| {
        let lines = [
            "waiaas:",
            "  enabled: true",
            "  type: stdio",
            "  name: waiaas",
            "  description: WAIaaS wallet",
            "  cmd: /bin/waiaas-mcp",
            "  args: []",
            "  env_keys: []",
            "  envs:",
            "    WAIAAS_DATA_DIR: /data",
            "  timeout: 300",
        ];
        let wider = |line: &str| line.replace("  ", indent);
        lines.map(|line| format!("{indent}{}\n", wider(line))).concat()
    };
    let (two, four) = (lines("  "), lines("    "));
    let table = [
        ("a: 1", format!("a: 1\nextensions:\n{two}")),
        ("extensions:", format!("extensions:\n{}", two.trim_end())),
        ("extensions:\n", format!("extensions:\n{two}")),
        ("extensions: # none\n", format!("extensions: # none\n{two}")),
        ("---\nextensions:\nb: 1\n", format!("---\nextensions:\n{two}b: 1\n")),
        ("extensions:\n    a:\n        b: 1\n", format!("extensions:\n    a:\n        b: 1\n{four}")),
        ("\"extensions\":\n  a: {}\n\n# end\n", format!("\"extensions\":\n  a: {{}}\n{two}\n# end\n")),
        ("extensions:\n  a:\n    b: |\n      x\n\n\nc: 1\n", {
            format!("extensions:\n  a:\n    b: |\n      x\n{two}\n\nc: 1\n")
        }),
        ("extensions:\n  a:\n    b: |+\n      x\n\n\nc: 1\n", {
            format!("extensions:\n  a:\n    b: |+\n      x\n\n\n{two}c: 1\n")
        }),
        ("extensions:\n  a:\n    b:\n    - c: 1\n      d: 2\n    -   e: {f: [1, 'g']}\n", {
            format!("extensions:\n  a:\n    b:\n    - c: 1\n      d: 2\n    -   e: {{f: [1, 'g']}}\n{two}")
        }),
    ];
    for (old, new) in table {
        assert_eq!(added(client("goose"), old, &small("waiaas")), new, "{old:?}");
    }
}

#[test]
fn the_style_of_a_toml_file_is_kept() {
    let tables = "[mcp_servers.waiaas]\ncommand = \"/bin/waiaas-mcp\"\nargs = []\n\n[mcp_servers.waiaas.env]\n\
                  WAIAAS_DATA_DIR = \"/data\"\n";
    for (old, between) in [
        ("a = 1", "\n\n"),
        ("a = 1\n", "\n"),
        ("a = 1\n\n", ""),
        ("# c", "\n\n"),
        ("[mcp_servers]\n", "\n"),
        ("mcp_servers.other.command = 'x'\n", "\n"),
        (
            "a = [1979-05-27T07:32:00.99-07:00, 1979-05-27 07:32Z, 1979-05-27, 07:32:00, 1979-05-27t07:32:00]\n",
            "\n",
        ),
        (
            "a = [+1_000, 0xff, 0o7, 0b1, -inf, nan, 1e6, '''x\ny''', \"\\U0001F600\", {b = 1, 'c d' = 2}, []]\n",
            "\n",
        ),
        ("[mcp_servers]\nother = { command = 'x' }\n", "\n"),
        ("[[a]]\n[a.b]\n[[a]]\n[a.b]\n", "\n"),
    ] {
        let new = added(client("codex"), old, &small("waiaas"));
        assert_eq!(new, format!("{old}{between}{tables}"), "{old:?}");
    }
}

#[test]
fn an_entry_that_starts_the_same_is_left_alone_whatever_else_it_says() {
    for (name, old) in [
        (
            "zed",
            r#"{"context_servers":{"waiaas":{"source":"custom","command":"/bin/waiaas-mcp","env":{"WAIAAS_DATA_DIR":"/data"}}}}"#,
        ),
        (
            "cursor",
            r#"{"mcpServers":{"waiaas":{"env":{"X":"1","WAIAAS_DATA_DIR":"/data"},"command":"/bin/waiaas-mcp","args":[]}}}"#,
        ),
        (
            "gemini",
            r#"{"mcpServers":{"waiaas":{"command":"/bin/waiaas-mcp","env":{"WAIAAS_DATA_DIR":"/data"},"timeout":9,"trust":true}}}"#,
        ),
        ("codex", "[mcp_servers]\nwaiaas = { command = '/bin/waiaas-mcp', env.WAIAAS_DATA_DIR = '/data' }\n"),
        (
            "codex",
            "mcp_servers.waiaas.command = \"\\u002fbin/waiaas-mcp\"\nmcp_servers.waiaas.env.WAIAAS_DATA_DIR = \"/data\"\n",
        ),
        (
            "goose",
            "extensions:\n  waiaas: {cmd: /bin/waiaas-mcp, type: stdio, envs: {WAIAAS_DATA_DIR: /data}}\n",
        ),
    ] {
        assert_eq!(edit(client(name), old, &small("waiaas")), Ok(Edit::Unchanged), "{name}: {old}");
    }
}

#[test]
fn an_entry_for_another_daemon_wallet_or_directory_is_not_taken_for_ours() {
    let target = |change: fn(&mut Target)| {
        let mut target = Target {
            command: "/bin/waiaas-mcp".into(),
            data_dir: "/data".into(),
            wallet_id: WalletId::parse(WALLET),
            ..Target::default()
        };
        change(&mut target);
        target
    };
    let others: [fn(&mut Target); 6] = [
        |target| target.command = "/other/waiaas-mcp".into(),
        |target| target.data_dir = "/other".into(),
        |target| target.base_url = Some("https://other.example".to_owned()),
        |target| target.wallet_id = None,
        |target| target.wallet_id = WalletId::parse("0193f3a8-7c51-7d20-9b1e-5a1f00c0ff00"),
        |target| target.wallet_name = Some("other".to_owned()),
    ];
    let ours = Entry::new("waiaas", &target(|_| {})).expect("Unicode");
    for (name, old, _) in FILES {
        let client = client(name);
        for (index, change) in others.into_iter().enumerate() {
            let text = added(client, old, &Entry::new("waiaas", &target(change)).expect("Unicode"));
            match edit(client, &text, &ours) {
                Ok(Edit::Different { replaced, .. }) => {
                    assert_eq!(edit(client, &replaced, &ours), Ok(Edit::Unchanged), "{name}, {index}");
                }
                other => panic!("{name}, {index}: {other:?}"),
            }
        }
        let text = added(client, old, &ours).replace("WAIAAS_WALLET_ID", "WAIAAS_SESSION_TOKEN");
        match edit(client, &text, &ours) {
            Ok(Edit::Different { replaced, .. }) => {
                assert!(!replaced.contains("WAIAAS_SESSION_TOKEN"), "{name}: {replaced}")
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn another_entry_under_the_key_is_replaced_only_as_a_proposal_and_keeps_what_was_added_to_it() {
    struct Case {
        client: &'static str,
        old: &'static str,
        new: &'static str,
    }
    let cases = [
        Case {
            client: "zed",
            old: "{\n  \"context_servers\": {\n    \"waiaas\": { // mine\n      \"source\": \"custom\", \"command\": \"npx\",\n      \
                  \"args\": [\"@waiaas/mcp\"], \"env\": {\"WAIAAS_SESSION_TOKEN\": \"t\", \"WAIAAS_MCP_READ_ONLY\": \"1\"}\n    }, // end\n    \
                  \"b\": 1,\n  }\n}\n",
            new: "{\n  \"context_servers\": {\n    \"waiaas\": {\n      \"command\": \"/bin/waiaas-mcp\",\n      \"args\": [],\n      \
                  \"env\": {\n        \"WAIAAS_DATA_DIR\": \"/data\",\n        \"WAIAAS_MCP_READ_ONLY\": \"1\"\n      },\n      \
                  \"source\": \"custom\"\n    }, // end\n    \"b\": 1,\n  }\n}\n",
        },
        Case {
            client: "windsurf",
            old: r#"{"mcpServers":{"waiaas":{"serverUrl":"http://x","disabled":true},"b":{}}}"#,
            new: r#"{"mcpServers":{"waiaas":{"command":"/bin/waiaas-mcp","args":[],"env":{"WAIAAS_DATA_DIR":"/data"},"disabled":true},"b":{}}}"#,
        },
        Case {
            client: "claude-code",
            old: "{\n  \"mcpServers\": {\n    \"waiaas\": 7\n  }\n}",
            new: "{\n  \"mcpServers\": {\n    \"waiaas\": {\n      \"type\": \"stdio\",\n      \"command\": \"/bin/waiaas-mcp\",\n      \
                  \"args\": [],\n      \"env\": {\n        \"WAIAAS_DATA_DIR\": \"/data\"\n      }\n    }\n  }\n}",
        },
        Case {
            client: "codex",
            old: "[a]\nb = 1\n\n[mcp_servers.waiaas]\ncommand = \"old\" # old\nstartup_timeout_sec = 30\n[mcp_servers.waiaas.env]\n\
                  WAIAAS_WALLET_ID = \"w\" # gone\n\n# about c\n[c]\n",
            new: "[a]\nb = 1\n\n[mcp_servers.waiaas]\ncommand = \"/bin/waiaas-mcp\"\nargs = []\nstartup_timeout_sec = 30\n\n\
                  [mcp_servers.waiaas.env]\nWAIAAS_DATA_DIR = \"/data\"\n\n# about c\n[c]\n",
        },
        Case {
            client: "codex",
            old: "[mcp_servers]\nwaiaas = { command = \"old\", enabled = false } # c\nb = {}\n",
            new: "[mcp_servers]\nwaiaas = { command = \"/bin/waiaas-mcp\", args = [], env = { WAIAAS_DATA_DIR = \"/data\" }, \
                  enabled = false } # c\nb = {}\n",
        },
        Case {
            client: "goose",
            old: "extensions:\n    waiaas:\n        cmd: old\n        type: stdio\n        timeout: 60 # short\n        \
                  available_tools:\n        - get_balance\n\n    # b\n    b: {}\n",
            new: "extensions:\n    waiaas:\n        enabled: true\n        type: stdio\n        name: waiaas\n        \
                  description: WAIaaS wallet\n        cmd: /bin/waiaas-mcp\n        args: []\n        env_keys: []\n        \
                  envs:\n            WAIAAS_DATA_DIR: /data\n        timeout: 60\n        \
                  available_tools: [get_balance]\n\n    # b\n    b: {}\n",
        },
    ];
    for Case { client: name, old, new } in cases {
        let client = client(name);
        match edit(client, old, &small("waiaas")) {
            Ok(Edit::Different { theirs, replaced }) => {
                assert_eq!(replaced, new, "{name}");
                assert_ne!(theirs, Value::null());
                assert_eq!(edit(client, &replaced, &small("waiaas")), Ok(Edit::Unchanged), "{name}");
                let (before, after) = (judged(client, old).expect(old), judged(client, new).expect(new));
                assert_eq!(without(&before, client, "waiaas"), without(&after, client, "waiaas"), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
