//! The walls of the house: which module may use which, what exists in one file only, what a pure file may not
//! name, and the form of every file. ARCHITECTURE.md says why; this test holds it up.
//!
//! It reads the sources as text: comments, strings and test modules are taken out first.

#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test that reads the sources")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level modules each top-level module may use, from the ground up.
const FLOORS: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("time", &[]),
    ("json", &[]),
    ("text", &[]),
    ("ids", &[]),
    ("log", &["time", "text"]),
    ("http", &["json", "secret", "time", "log"]),
    ("session", &["json", "ids", "secret", "time", "log", "http"]),
    ("wallet", &["http", "json", "text", "ids"]),
    ("mcp", &["log", "json"]),
    ("server", &["json", "text", "ids", "time", "log", "http", "session", "wallet", "mcp"]),
    ("sandbox", &[]),
    ("config", &["text", "ids", "secret", "time", "log", "http", "session", "wallet"]),
    (
        "cli",
        &[
            "json", "text", "ids", "secret", "time", "log", "http", "session", "wallet", "mcp", "server",
            "sandbox", "config",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// What may be named in these files only.
const ONE_FILE_EACH: &[(&str, &[&str])] = &[
    ("ureq", &["http/client.rs", "http/client/watched.rs"]),
    ("Instant", &["time.rs"]),
    ("SystemTime", &["time.rs", "sandbox/clock.rs"]),
    ("stdout", &["mcp/stdio.rs", "cli/output.rs", "cli/demo/client.rs", "cli/keep/service/programs.rs"]),
    ("stdin", &["mcp/stdio.rs", "cli/terminal.rs", "cli/demo/client.rs", "cli/keep/service/programs.rs"]),
    ("stderr", &["log/sink.rs", "cli/terminal.rs", "cli/demo/client.rs", "cli/keep/service/programs.rs"]),
    ("termios", &["cli/terminal.rs"]),
    ("lexopt", &["cli/arguments.rs"]),
    ("signal_hook", &["cli/signals.rs"]),
    (
        "rename",
        &["session/token_file.rs", "sandbox/token_file.rs", "cli/clients/file.rs", "cli/keep/replace.rs"],
    ),
    ("unsafe", &[]),
    ("exit", &[]),
];

/// Files that decide and do nothing.
const PURE: &[&str] = &[
    "secret.rs",
    "log/backlog.rs",
    "http.rs",
    "http/base_url.rs",
    "http/daemon_error.rs",
    "session.rs",
    "session/events.rs",
    "session/renewal.rs",
    "session/renewal/",
    "session/schedule.rs",
    "session/answers.rs",
    "session/policy.rs",
    "session/status.rs",
    "session/notice.rs",
    "session/fault.rs",
    "wallet.rs",
    "wallet/",
    "json.rs",
    "text.rs",
    "ids.rs",
    "mcp/message.rs",
    "mcp/framing.rs",
    "mcp/era.rs",
    "mcp/error.rs",
    "mcp/lifecycle.rs",
    "mcp/types.rs",
    "mcp/in_flight.rs",
    "mcp/logging.rs",
    "mcp/progress.rs",
    "mcp/subscriptions.rs",
    "server/render.rs",
    "server/batches.rs",
    "server/waiting.rs",
    "config/values.rs",
    "cli/arguments.rs",
    "cli/completions/",
    "cli/grammar.rs",
    "cli/help.rs",
    "cli/duration.rs",
    "cli/operator/answers.rs",
    "cli/refresh_token/limits.rs",
    "cli/suspicion.rs",
    "cli/setup/choice.rs",
    "cli/clients/value.rs",
    "cli/clients/table.rs",
    "cli/clients/entry.rs",
    "cli/clients/render.rs",
    "cli/clients/show.rs",
    "cli/clients/edit.rs",
    "cli/clients/recognise.rs",
    "cli/clients/jsonc.rs",
    "cli/clients/jsonc_edit.rs",
    "cli/clients/toml.rs",
    "cli/clients/yaml.rs",
    "cli/clients/yaml/",
    "cli/keep/files.rs",
    "cli/keep/metrics.rs",
    "cli/keep/record.rs",
    "cli/keep/service.rs",
    "cli/keep/service/systemd.rs",
    "cli/keep/service/launchd.rs",
    "cli/keep/service/task.rs",
    "cli/doctor/keeper.rs",
    "session/observed.rs",
];

/// What a pure file may not name.
const IMPURE: &[&str] = &[
    "Instant",
    "SystemTime",
    "SystemClock",
    "thread",
    "fs",
    "env",
    "Sender",
    "Receiver",
    "RwLock",
    "Mutex",
    "TcpStream",
];

/// Longest file and longest function, in lines without tests. A longer one is telling of a missing idea.
const FILE_LINES_MAX: usize = 450;
const FUNCTION_LINES_MAX: usize = 90;

struct Source {
    /// Relative to `src`.
    path: String,
    whole: String,
    /// Without comments, strings and the test module.
    code: String,
}

impl Source {
    fn top_module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    fn names(&self, word: &str) -> bool {
        words(&self.code).any(|found| found == word)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    files
        .into_iter()
        .map(|path| {
            let whole = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            let code = code_of(&whole);
            Source { path, whole, code }
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Takes out the test module, comments and string literals; keeps every line end.
fn code_of(whole: &str) -> String {
    let without_tests = whole.split("#[cfg(test)]").next().unwrap();
    let without_tests = without_tests.split("#[cfg(all(test, unix))]").next().unwrap();
    let mut code = String::new();
    for line in without_tests.lines() {
        let line = line.trim_start();
        if !line.starts_with("//") {
            let mut in_string = false;
            let mut escaped = false;
            for c in line.split(" // ").next().unwrap().chars() {
                match c {
                    '"' if !escaped => in_string = !in_string,
                    _ if in_string => {}
                    _ => code.push(c),
                }
                escaped = c == '\\' && !escaped;
            }
        }
        code.push('\n');
    }
    code
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The top-level modules named after `crate::`, also in a list of braces.
fn modules_used(code: &str) -> Vec<&str> {
    let mut used = Vec::new();
    for after in code.split("crate::").skip(1) {
        let list = match after.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap(),
            None => after.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap(),
        };
        used.extend(list.split(',').filter_map(|item| words(item).next()));
    }
    used
}

#[test]
fn a_module_uses_lower_floors_only() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.iter().copied().collect();
    for source in sources() {
        let module = source.top_module();
        let allowed =
            floors.get(module).unwrap_or_else(|| panic!("{module} stands on no floor: add it to FLOORS"));
        for used in modules_used(&source.code) {
            assert!(
                used == module || allowed.contains(&used) || !floors.contains_key(used),
                "src/{} uses crate::{used}, which {module} must not know",
                source.path
            );
        }
    }
}

#[test]
fn what_can_only_be_wrong_in_one_place_is_named_in_one_file() {
    let sources = sources();
    for (word, files) in ONE_FILE_EACH {
        for source in sources.iter().filter(|source| source.names(word)) {
            assert!(
                files.contains(&source.path.as_str()),
                "src/{} names {word}; only {files:?} may",
                source.path
            );
        }
    }
}

#[test]
fn the_environment_is_read_in_one_file() {
    for source in sources() {
        let reads = ["env::var", "env::vars", "env::args", "env::temp_dir", "env::current"]
            .iter()
            .any(|call| source.code.contains(call));
        let allowed = ["config.rs", "main.rs", "sandbox/directory.rs"].contains(&source.path.as_str())
            || source.path.starts_with("config/");
        assert!(!reads || allowed, "src/{} reads the environment; config.rs does that", source.path);
    }
}

/// The demo starts this program; `keep --install` the system's own commands for services.
#[test]
fn other_programs_are_started_in_two_files() {
    for source in sources() {
        let starts = source.code.contains("Command::new(");
        let allowed = ["cli/demo/client.rs", "cli/keep/service/programs.rs"].contains(&source.path.as_str());
        assert!(starts == allowed, "src/{}: starts another program: {starts}", source.path);
    }
}

#[test]
fn a_pure_file_names_nothing_impure() {
    for source in sources() {
        let is_pure = PURE.iter().any(|pure| match pure.ends_with('/') {
            true => source.path.starts_with(pure),
            false => source.path == *pure,
        });
        for word in IMPURE.iter().filter(|_| is_pure) {
            assert!(!source.names(word), "src/{} is pure and names {word}", source.path);
        }
    }
}

#[test]
fn each_pure_path_exists() {
    for pure in PURE {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(pure).exists(), "{pure} is gone");
    }
}

#[test]
fn every_file_says_what_it_is() {
    for source in sources() {
        let doc: Vec<&str> = source.whole.lines().take_while(|line| line.starts_with("//!")).collect();
        let text = doc.join(" ");
        assert!(
            text.len() > 80,
            "src/{} does not open with what it is, who uses it, what it refuses to know",
            source.path
        );
    }
}

#[test]
fn files_and_functions_fit_a_reader() {
    for source in sources() {
        let lines = source.code.lines().count();
        assert!(lines <= FILE_LINES_MAX, "src/{} has {lines} lines: which idea is missing?", source.path);
        let mut start = None;
        for (number, line) in source.whole.split("#[cfg(test)]").next().unwrap().lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let opens = words(line).any(|word| word == "fn") && !line.trim_start().starts_with("//");
            if opens && indent <= 4 && line.trim_end().ends_with(['{', '(']) {
                start = Some((number, indent, line.trim().to_owned()));
            }
            if let Some((first, at, name)) = &start
                && line.trim_end() == format!("{}}}", " ".repeat(*at))
            {
                let length = number - first + 1;
                assert!(length <= FUNCTION_LINES_MAX, "src/{}: {name} has {length} lines", source.path);
                start = None;
            }
        }
    }
}

#[test]
fn there_are_no_dead_files() {
    let sources = sources();
    for source in &sources {
        let (parent, name) = match source.path.rsplit_once('/') {
            Some((directory, file)) => (format!("{directory}.rs"), file.trim_end_matches(".rs")),
            None => ("lib.rs".to_owned(), source.path.trim_end_matches(".rs")),
        };
        if ["lib", "main"].contains(&name) {
            continue;
        }
        let declares = |parent: &Source| {
            parent.whole.lines().any(|line| {
                let line = line.trim();
                line.ends_with(&format!("mod {name};")) && !line.starts_with("//")
            })
        };
        assert!(
            sources.iter().any(|candidate| candidate.path == parent && declares(candidate)),
            "src/{} is declared nowhere",
            source.path
        );
    }
}
