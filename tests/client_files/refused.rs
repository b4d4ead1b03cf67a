//! Files that are left alone: what is said about them, and where.

use waiaas_mcp::cli::clients::{CLIENTS, edit};

use crate::support::{client, small};

#[test]
fn what_cannot_be_edited_safely_is_refused_with_its_place() {
    let table: &[(&str, &str, usize, usize, &str)] = &[
        ("cursor", "{", 1, 2, "name in quotes is missing"),
        ("cursor", "{\n  \"a\": \n}", 3, 1, "not a JSON value"),
        ("cursor", "{\n  \"a\": 1\n  \"b\": 2\n}", 3, 3, "a comma"),
        ("cursor", "{\"a\" 1}", 1, 6, "a colon"),
        ("cursor", "{\"a\":1} x", 1, 9, "behind the end"),
        ("cursor", "{'a':1}", 1, 2, "name in quotes"),
        ("cursor", "{\"a\":\"b}", 1, 6, "does not end"),
        ("cursor", "{\"a\":\"\\q\"}", 1, 6, "not a JSON string"),
        ("cursor", "{\"a\":\"\\ud800\"}", 1, 6, "not a JSON string"),
        ("cursor", "{\"a\":01}", 1, 6, "not a JSON value"),
        ("cursor", "{\"a\":.5}", 1, 6, "not a JSON value"),
        ("cursor", "{\"a\":NaN}", 1, 6, "not a JSON value"),
        ("cursor", "{\"é\":1,,}", 1, 8, "name in quotes"),
        ("cursor", "{\"a\":[1 2]}", 1, 9, "a comma"),
        ("cursor", "{\"a\":[,]}", 1, 7, "not a JSON value"),
        ("cursor", "{ /* c }", 1, 3, "comment does not end"),
        ("cursor", "\u{feff}{\"a\":1,\r\n\"b\":2,\r\n\"a\":3}", 3, 1, "second member \"a\""),
        ("cursor", "{\"x\":[{\"b\":2,\"\\u0062\":3}]}", 1, 14, "second member \"b\""),
        ("cursor", "{\"mcpServers\":{}, \"mcpServers\":{}}", 1, 19, "second member"),
        ("cursor", "[]", 1, 1, "no object"),
        ("cursor", "null", 1, 1, "no object"),
        ("cursor", "{\"mcpServers\":null}", 1, 15, "not an object"),
        ("cursor", "{\n\"mcpServers\":[\n]}", 2, 14, "not an object"),
        ("claude-desktop", "{\n// c\n}", 2, 1, "a comment, which this client does not read"),
        ("claude-desktop", "{\"a\":1,}", 1, 8, "a comma before the end"),
        ("claude-code", "{\"a\":[1,]}", 1, 9, "a comma before the end"),
        ("codex", "a = ", 1, 5, ""),
        ("codex", "a = 1\nb = x\n", 2, 5, ""),
        ("codex", "a = 1\na = 2\n", 2, 1, "\"a\" is defined twice"),
        ("codex", "[a]\n[b]\n[a]\n", 3, 1, "\"a\" is defined twice"),
        ("codex", "a = 1\n[a.b]\n", 2, 1, "\"a\" is not a table"),
        ("codex", "a = \"x\n", 1, 7, ""),
        ("codex", "[a\n", 1, 3, ""),
        ("codex", "a = {b = 1, b = 2}\n", 1, 13, "\"b\" is defined twice"),
        ("codex", "mcp_servers = {}\n", 1, 1, "not written as a table"),
        ("codex", "x = 1\n[[mcp_servers]]\n", 2, 1, "not written as a table"),
        (
            "codex",
            "[mcp_servers.waiaas]\ncommand = 'x'\n[b]\n[mcp_servers.waiaas.env]\n",
            1,
            1,
            "spread over",
        ),
        ("codex", "mcp_servers.waiaas.command = 'x'\n", 1, 1, "spread over"),
        ("codex", "[[mcp_servers.waiaas]]\n", 1, 1, "spread over"),
        ("goose", "extensions: {}\n", 1, 1, "not written as an indented list"),
        ("goose", "a: 1\nextensions: {developer: {enabled: true}}\n", 2, 1, "not written as"),
        ("goose", "extensions:\n- a\n", 1, 1, "not written as"),
        ("goose", "extensions: text\n", 1, 1, "not written as"),
        ("goose", "extensions: &all\n  a: 1\n", 1, 13, "an anchor"),
        ("goose", "a: &x 1\nextensions:\n  b: *x\n", 1, 4, "an anchor"),
        ("goose", "extensions:\n  b: *x\n", 2, 6, "an alias"),
        ("goose", "extensions:\n  <<: x\n", 2, 3, "a merge key"),
        ("goose", "extensions: !map\n  b: 1\n", 1, 13, "a tag"),
        ("goose", "extensions:\n\ta: 1\n", 2, 1, "a tab"),
        ("goose", "extensions:\n  a: 1\n   b: 2\n", 3, 4, "several lines"),
        ("goose", "extensions:\n  a:\n    c: 1\n   b: 2\n", 4, 4, "indented differently"),
        ("goose", "extensions:\n  a: 1\n b: 2\n", 3, 2, "indented differently"),
        ("goose", "a: 1\n---\nextensions:\n", 2, 1, "more than one document"),
        ("goose", "a: 1\n...\n", 2, 1, "more than one document"),
        ("goose", "%YAML 1.2\n---\na: 1\n", 1, 1, "directives"),
        ("goose", "a: \"x\n  y\"\n", 1, 4, "does not end on its line"),
        ("goose", "a: x\n  y\n", 2, 3, "several lines"),
        ("goose", "a: [1,\n  2]\n", 1, 4, "flow style"),
        ("goose", "a: b: c\n", 1, 4, "a colon and no quotes"),
        ("goose", "a: 1\nb: 2\na: 3\n", 3, 1, "second member \"a\""),
        ("goose", "extensions:\n  a: {b: 1, b: 2}\n", 2, 6, "flow style"),
        ("goose", "- a\n", 1, 1, "does not begin with a member"),
        ("goose", "just text\n", 1, 1, "no member's name"),
        ("goose", "? a\n: b\n", 1, 1, "begins with ?"),
        ("goose", "a: 'x' y\n", 1, 4, "behind a value"),
        ("goose", "a: \"\\q\"\n", 1, 4, "escape"),
        ("goose", "a: @x\n", 1, 4, "begins with @"),
        ("goose", "a: | x\n  y\n", 1, 4, "block scalar"),
    ];
    for (name, text, line, column, reason) in table {
        let refusal = edit(client(name), text, &small("waiaas")).expect_err(text);
        assert_eq!(refusal.position, Some((*line, *column)), "{name}: {text:?}: {}", refusal.reason);
        assert!(refusal.reason.contains(reason), "{name}: {text:?}: {}", refusal.reason);
        assert!(!refusal.reason.contains('\n'), "one line: {}", refusal.reason);
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    for (name, text) in [
        ("cursor", deep("[", "]")),
        ("cursor", deep("{\"a\":", "}")),
        ("codex", format!("a = {}", deep("[", "]"))),
        ("codex", format!("a = {}", deep("{a = ", "}"))),
        ("codex", (0..20_000).map(|n| format!("k{n} = 1\n")).collect()),
        ("codex", (0..20_000).map(|n| format!("[k{n}]\n")).collect()),
        ("goose", format!("a: {}", deep("[", "]"))),
        ("goose", (0..1000).map(|n| format!("{}a:\n", " ".repeat(n))).collect()),
        ("goose", (0..10_000).map(|n| format!("k{n}: 1\n")).collect()),
        ("goose", "a:\n- b\n".repeat(40_000)),
    ] {
        assert!(edit(client(name), &text, &small("waiaas")).is_err(), "{name}: {}", &text[..20]);
    }
}

#[test]
fn binary_rubbish_is_refused_by_every_client() {
    for client in &CLIENTS {
        for text in ["\0", "\u{1}\u{2}", "}{", "PK\u{3}\u{4}", "\u{feff}\u{feff}x"] {
            assert!(edit(client, text, &small("waiaas")).is_err(), "{}: {text:?}", client.name);
        }
    }
}
