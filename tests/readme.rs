//! What the README says, held against the program.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test --test readme` writes the table of tools anew.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The lines around the table of tools.
const TOOLS_BEGIN: &str =
    "<!-- tools: `UPDATE_SNAPSHOTS=1 cargo test --test readme` writes what is between these two lines -->\n";
const TOOLS_END: &str = "<!-- end of tools -->\n";

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md")
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
    let readme = readme();
    let (before, rest) = readme.split_once(TOOLS_BEGIN).expect("the line before the table");
    let (table, after) = rest.split_once(TOOLS_END).expect("the line after the table");
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, and a file under version control")]
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        fs::write(path, format!("{before}{TOOLS_BEGIN}{printed}{TOOLS_END}{after}"))
            .expect("a writable README");
        return;
    }
    assert!(table == printed, "the table is stale: UPDATE_SNAPSHOTS=1 cargo test --test readme writes it");
}
