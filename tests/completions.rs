//! Completions and the manual page, as shells and man read them, against what the help says. Where a shell or a
//! formatter is not installed, what only it can judge is left out; `.ci/run` installs all but PowerShell.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use waiaas_mcp::wallet::catalogue;

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waiaas-mcp"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command.output().expect("the program runs")
}

fn printed(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = program(arguments);
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("UTF-8")
}

/// Whether a program is there to judge with.
fn is_installed(name: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test looks for another program")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Runs an installed program; panics with what it said if it fails.
fn judge(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(name)
        .args(arguments)
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{name} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The script of a shell, in a file.
fn script(shell: &str, directory: &Path) -> String {
    let path = directory.join(format!("waiaas-mcp.{shell}"));
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&path, printed(&["completions", shell])).expect("a writable directory");
    path.to_string_lossy().into_owned()
}

/// The names in the overview.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let rows = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let rows = rows.take_while(|line| line.starts_with("  "));
    rows.map(|row| row.split_whitespace().next().expect("a name").to_owned()).collect()
}

/// The options in a command's help, short and long.
fn options(command: &str) -> BTreeSet<String> {
    let help = printed(&[command, "--help"]);
    let rows = help.lines().filter(|line| line.starts_with("  -"));
    let words =
        rows.flat_map(|row| row.trim_start().split("  ").next().expect("an option").split([' ', ',']));
    words.filter(|word| word.starts_with('-')).map(str::to_owned).collect()
}

fn set(words: &str) -> BTreeSet<String> {
    words.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn an_unknown_shell_is_wrong_usage() {
    let output = program(&["completions", "tcsh"]);
    let said = "waiaas-mcp: \"tcsh\" is not a known shell\nWrite one of bash, zsh, fish, powershell.\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(2), said));
}

#[test]
fn every_script_has_every_command_and_every_option() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let script = printed(&["completions", shell]);
        assert!(script.is_ascii(), "{shell}: a shell may read it in any encoding");
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
            for option in options(&command) {
                let fish_form = option.replace("--", "-l ");
                let short_form = option.replacen('-', "-s ", 1);
                let there = script.contains(&option)
                    || (shell == "fish" && (script.contains(&fish_form) || script.contains(&short_form)));
                assert!(there, "{shell}: {command} {option}");
            }
        }
    }
}

/// What bash offers after these words, the last of which is being typed.
fn bash_offers(script: &str, words: &[&str]) -> BTreeSet<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let ask = format!(
        "source '{script}'; COMP_WORDS=(waiaas-mcp {}); COMP_CWORD={}; _waiaas_mcp; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len()
    );
    let offered = judge("bash", &["--norc", "--noprofile", "-c", &ask]);
    offered.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_offers_what_the_help_says() {
    if !is_installed("bash") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = script("bash", directory.path());
    let all = commands().into_iter().collect::<BTreeSet<_>>();
    assert_eq!(bash_offers(&script, &[""]), all);
    assert_eq!(bash_offers(&script, &["--log", "warn", ""]), all, "a value is no command");
    assert_eq!(bash_offers(&script, &["--log", "=", "warn", ""]), all, "nor with an equals sign");
    assert_eq!(bash_offers(&script, &["-"]), options("serve"), "serve is meant where nothing is typed");
    for command in commands() {
        assert_eq!(bash_offers(&script, &[&command, "-"]), options(&command), "{command}");
    }
    let tools: BTreeSet<String> = catalogue::tools().iter().map(|tool| tool.name.to_string()).collect();
    let levels = set("error warn info debug");
    let table: [(&[&str], BTreeSet<String>); 11] = [
        (&["t"], set("tools")),
        (&["refresh-token", "--wallet", ""], set("")),
        (&["call", ""], tools),
        (&["call", "get_bal"], set("get_balance")),
        (&["call", "get_balance", ""], set("")),
        (&["completions", ""], set("bash zsh fish powershell")),
        (&["--log", ""], levels.clone()),
        (&["tools", "--log", "="], levels),
        (&["tools", "--log", "=", "w"], set("warn")),
        (&["--base-url", ""], set("")),
        (&["sandbox", "--port", ""], set("")),
    ];
    for (words, offered) in table {
        assert_eq!(bash_offers(&script, words), offered, "{words:?}");
    }
    std::fs::create_dir(directory.path().join("a b")).expect("a directory");
    let typed = format!("{}/a", directory.path().display());
    let offered = bash_offers(&script, &["--data-dir", &typed]);
    assert_eq!(offered, BTreeSet::from([format!("{typed} b")]), "a directory with a blank");
    let offered =
        bash_offers(&script, &["setup", "--password-file", &format!("{}/w", directory.path().display())]);
    assert_eq!(offered, BTreeSet::from([script]), "a file");
}

#[test]
fn fish_offers_what_the_help_says() {
    if !is_installed("fish") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = script("fish", directory.path());
    let offers = |typed: &str| {
        let ask = format!("source {script}; complete -C 'waiaas-mcp {typed}'");
        let offered = judge("fish", &["--no-config", "-c", &ask]);
        let words = offered.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned);
        words.collect::<BTreeSet<String>>()
    };
    assert_eq!(offers(""), commands().into_iter().collect());
    for command in commands() {
        let long = options(&command).into_iter().filter(|option| option.starts_with("--"));
        assert_eq!(offers(&format!("{command} --")), long.collect(), "{command}");
    }
    assert_eq!(offers("call get_bal"), set("get_balance"));
    assert_eq!(offers("completions "), set("bash zsh fish powershell"));
    assert_eq!(offers("tools --log w"), set("warn"));
}

#[test]
fn zsh_reads_its_script() {
    if !is_installed("zsh") {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let script = script("zsh", directory.path());
    judge("zsh", &["-n", &script]);
    // The specifications are read by zsh's own completion system as the script is loaded.
    let load = format!(
        "autoload -Uz compinit && compinit -u -D && source {script} && whence -w _waiaas-mcp && print $_comps[waiaas-mcp]"
    );
    assert_eq!(judge("zsh", &["-f", "-c", &load]), "_waiaas-mcp: function\n_waiaas-mcp\n");
}

#[test]
fn the_manual_page_has_everything_and_is_read_without_a_warning() {
    let page = printed(&["man"]);
    assert!(page.is_ascii());
    for command in commands() {
        let name = command.replace('-', "\\-");
        assert!(page.contains(&format!(".SS \"{name}")), "{command}");
        for option in options(&command) {
            assert!(page.contains(&option.replace('-', "\\-")), "{command} {option}");
        }
    }
    let help = printed(&["--help"]);
    for variable in help.split_whitespace().filter(|word| word.starts_with("WAIAAS_")) {
        assert!(page.contains(variable), "{variable}");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("waiaas-mcp.1");
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&path, &page).expect("a writable directory");
    let path = path.to_string_lossy();
    for (name, arguments) in [
        ("groff", &["-man", "-Tutf8", "-ww", "-z", "-rCHECKSTYLE=3", &path][..]),
        ("mandoc", &["-T", "lint", "-W", "error", &path]),
        ("man", &["--warnings=w", "-l", &path]),
    ] {
        if is_installed(name) {
            judge(name, arguments);
        }
    }
}
