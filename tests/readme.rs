//! What the README and its neighbours say, held against the program: every command in a block is run here or by `.ci/run`,
//! every command, script and message that is named exists, and the table of tools is current.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test readme` writes the table of tools anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use waiaas_mcp::sandbox::{Options, Sandbox};

/// Commands that are not run here, and the text of `.ci/run` that runs them.
const RUN_BY_CI: [(&str, &str); 3] = [
    ("cargo run --release -- demo", "\"$binary\" demo"),
    ("cargo test", "cargo test --locked"),
    ("scripts/build-static", "binary=$(scripts/build-static"),
];

/// What people read.
const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];

/// The lines around the table of tools.
const TOOLS_BEGIN: &str =
    "<!-- tools: `UPDATE_SNAPSHOTS=1 cargo test --test readme` writes what is between these two lines -->\n";
const TOOLS_END: &str = "<!-- end of tools -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The blocks of a document in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("a block").to_owned()).collect()
}

/// What stands between back-ticks outside blocks.
fn spans(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2);
    let lines = prose.flat_map(str::lines);
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn help() -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_waiaas-mcp")).arg("--help").output().expect("the program runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn is_installed(name: &str) -> bool {
    Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// With a daemon, its master password and a home directory of their own.
#[test]
fn every_command_of_the_readme_does_what_it_says() {
    let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
    let home = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(home.path().join(".local/share/bash-completion/completions")).expect("a directory");
    let programs = Path::new(env!("CARGO_BIN_EXE_waiaas-mcp")).parent().expect("a directory");
    let ci = read(".ci/run");
    let readme = read("README.md");
    let mut run = 0;
    for command in
        blocks(&readme, "sh").iter().flat_map(|block| block.lines()).filter(|line| !line.is_empty())
    {
        if let Some((_, there)) = RUN_BY_CI.iter().find(|(known, _)| *known == command) {
            assert!(ci.contains(there), "{command}: .ci/run does not hold {there}");
            continue;
        }
        assert!(command.starts_with("waiaas-mcp "), "{command}: neither run here nor in RUN_BY_CI");
        if command.contains("| man ") && !is_installed("man") {
            continue;
        }
        let output = Command::new("sh")
            .args(["-e", "-c", command])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .env("HOME", home.path())
            .env("WAIAAS_BASE_URL", sandbox.base_url())
            .env("WAIAAS_DATA_DIR", sandbox.data_dir())
            .env("WAIAAS_MASTER_PASSWORD", sandbox.master_password())
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {} {said}", String::from_utf8_lossy(&output.stdout));
        run += 1;
    }
    assert!(run > 1, "the blocks were not found");
}

#[test]
fn every_command_and_script_that_is_named_exists() {
    let help = help();
    let readme = read("README.md");
    let rows = help.split("Commands:\n").nth(1).expect("the commands").lines();
    for name in rows.take_while(|row| row.starts_with("  ")).filter_map(|row| row.split_whitespace().next()) {
        let row = ["`", " "].map(|end| format!("\n| `waiaas-mcp {name}{end}"));
        let has_row =
            row.iter().any(|row| readme.contains(row)) || readme.contains(&format!("or `waiaas-mcp {name}`"));
        assert!(has_row, "README.md: the table of commands has no row for {name}");
    }
    for document in DOCUMENTS {
        let text = read(document);
        for span in spans(&text) {
            if let Some(rest) = span.strip_prefix("waiaas-mcp ") {
                let word = rest.split_whitespace().next().expect("a word");
                let is_known = help.contains(&format!("\n  {word} ")) || word.starts_with('-');
                assert!(is_known, "{document}: {span}: there is no such command");
            }
            if let Some(rest) = span.strip_prefix("scripts/") {
                let name = rest.split_whitespace().next().expect("a name");
                assert!(root().join("scripts").join(name).exists(), "{document}: {span} does not exist");
            }
        }
        for json in blocks(&text, "json") {
            serde_json::from_str::<Value>(&json)
                .unwrap_or_else(|error| panic!("{document}: {error}: {json}"));
        }
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().expect("a link")) {
            let is_elsewhere = link.starts_with("https://") || link.starts_with('#');
            assert!(is_elsewhere || root().join(link).exists(), "{document}: {link} does not exist");
        }
    }
}

#[test]
fn every_message_that_is_explained_is_one_of_the_program() {
    let readme = read("README.md");
    let section = readme.split("## When something goes wrong\n").nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let mut sources = String::new();
    collect(&root().join("src"), &mut sources);
    let mut explained = 0;
    for message in rows.map(|row| row.split('`').nth(1).expect("a message")) {
        assert!(sources.contains(message), "no source says: {message}");
        explained += 1;
    }
    assert!(explained > 10, "the table was not found");
}

fn collect(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path).expect("a source"));
        }
    }
}

#[test]
fn the_table_of_tools_is_what_the_program_prints() {
    let output = Command::new(env!("CARGO_BIN_EXE_waiaas-mcp"))
        .args(["tools", "--markdown"])
        .env_clear()
        .output()
        .expect("the program runs");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let readme = read("README.md");
    let (before, rest) = readme.split_once(TOOLS_BEGIN).expect("the line before the table");
    let (table, after) = rest.split_once(TOOLS_END).expect("the line after the table");
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, and a file under version control")]
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        fs::write(root().join("README.md"), format!("{before}{TOOLS_BEGIN}{printed}{TOOLS_END}{after}"))
            .expect("a writable README");
        return;
    }
    assert!(table == printed, "the table is stale: UPDATE_SNAPSHOTS=1 cargo test --test readme writes it");
}
