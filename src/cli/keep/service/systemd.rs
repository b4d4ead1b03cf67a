//! The unit of systemd's user manager, and the commands for it.
//!
//! Used by `service`. Pure (systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.syntax(7)). The hardening is
//! what a user manager can do without rights of its own: nothing that drops capabilities, which would keep the service
//! from starting at all where user namespaces are not allowed.

use std::path::{Path, PathBuf};

use super::{MARK, Service, Step};

/// The unit's name.
pub(super) const UNIT: &str = "waiaas-mcp-keep.service";

/// The unit's text.
pub(super) fn unit(service: &Service) -> String {
    let arguments: Vec<String> = service.arguments.iter().map(|text| argument(text)).collect();
    // Missing directories are no reason not to start: `-`.
    let writes: Vec<String> = service.writes.iter().map(|path| word(&format!("-{path}"))).collect();
    format!(
        "# {MARK} {version}: --install writes it anew, --uninstall takes it away.

[Unit]
Description=Keeps WAIaaS wallet sessions alive while no client runs

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} {arguments}
UnsetEnvironment=WAIAAS_SESSION_TOKEN WAIAAS_MASTER_PASSWORD
Restart=always
RestartSec=10
# Wrong usage or a wrong configuration: starting again changes nothing.
RestartPreventExitStatus=2
TimeoutStartSec=60
# A renewal that was sent is waited for.
TimeoutStopSec=60
WatchdogSec=180

UMask=0077
LimitCORE=0
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths={writes}
ProtectControlGroups=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
",
        version = service.version,
        program = program(&service.program),
        arguments = arguments.join(" "),
        writes = writes.join(" "),
    )
}

/// The program. Its path is taken as it is, without variables; but with a quote or a backslash in it systemd does not
/// take it at all, and then a shell, which does, puts the program in its own place.
fn program(path: &str) -> String {
    if path.contains(['"', '\'', '\\']) {
        return format!("/bin/sh -c {} {}", argument("exec \"$0\" \"$@\""), argument(path));
    }
    word(path)
}

/// One argument, which is searched for variables (`$NAME`).
fn argument(text: &str) -> String {
    word(&text.replace('$', "$$"))
}

/// One word of a value: quoted, and without specifiers (`%h` is the home directory).
fn word(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    format!("\"{escaped}\"")
}

fn systemctl(arguments: &[&str]) -> Step {
    Step::new("systemctl", &[&["--user"], arguments].concat())
}

pub(super) fn start(_names: &super::Names, restart: bool) -> Vec<Step> {
    let start = if restart { "restart" } else { "start" };
    vec![systemctl(&["daemon-reload"]), systemctl(&["enable", UNIT]), systemctl(&[start, UNIT])]
}

pub(super) fn check(_names: &super::Names) -> Step {
    systemctl(&["is-active", "--quiet", UNIT])
}

pub(super) fn stop() -> Vec<Step> {
    vec![systemctl(&["disable", "--now", UNIT])]
}

pub(super) fn forget() -> Vec<Step> {
    vec![systemctl(&["daemon-reload"]), systemctl(&["reset-failed", UNIT]).or_not()]
}

/// What `enable` has made, for a machine on which it cannot be undone by `disable`.
pub(super) fn links(unit: &Path) -> Vec<PathBuf> {
    unit.parent().map(|directory| directory.join("default.target.wants").join(UNIT)).into_iter().collect()
}

pub(super) fn hints() -> Vec<String> {
    vec![
        "It ends when you log out; `loginctl enable-linger` lets it run all the time.".to_owned(),
        "Its log: journalctl --user -u waiaas-mcp-keep".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::tests::odd;
    use super::*;

    /// The value of a setting, read as systemd.syntax(7) says, by code of its own: words, quotes, escapes, `%%`.
    fn words(unit: &str, setting: &str) -> Vec<String> {
        let line =
            unit.lines().find_map(|line| line.strip_prefix(&format!("{setting}="))).expect("a setting");
        let line = line.strip_prefix("/bin/sh -c ").unwrap_or(line);
        let mut words = Vec::new();
        let mut rest = line.chars().peekable();
        while let Some(c) = rest.next() {
            assert!(c == '"', "every word is quoted: {line}");
            let mut word = String::new();
            loop {
                match rest.next().expect("a closing quote") {
                    '"' => break,
                    '\\' => match rest.next() {
                        Some(c @ ('\\' | '"')) => word.push(c),
                        other => panic!("an escape that means something else: {other:?}"),
                    },
                    '%' => {
                        assert_eq!(rest.next(), Some('%'), "a specifier: {line}");
                        word.push('%');
                    }
                    c => word.push(c),
                }
            }
            words.push(word);
            assert!(matches!(rest.next(), None | Some(' ')), "{line}");
        }
        words
    }

    #[test]
    fn every_word_arrives_as_it_was_given() {
        let service = odd();
        let unit = unit(&service);
        let mut started = words(&unit, "ExecStart");
        for argument in &mut started {
            assert!(!argument.replace("$$", "").contains('$'), "a variable: {argument}");
            *argument = argument.replace("$$", "$");
        }
        assert_eq!(started.remove(0), "exec \"$0\" \"$@\"");
        assert_eq!(started.remove(0), service.program);
        assert_eq!(started, service.arguments);
        let writes: Vec<String> = service.writes.iter().map(|path| format!("-{path}")).collect();
        assert_eq!(words(&unit, "ReadWritePaths"), writes);
        assert!(
            unit.lines().all(|line| line.is_empty() || line.starts_with(['#', '[']) || line.contains('='))
        );
    }

    #[test]
    fn a_program_whose_path_systemd_takes_is_started_by_itself() {
        assert_eq!(program("/usr/local/bin/waiaas-mcp"), "\"/usr/local/bin/waiaas-mcp\"");
        assert_eq!(program("/a b/100%/$x"), "\"/a b/100%%/$x\"");
        for path in ["/a'b", "/a\"b", "/a\\b"] {
            assert!(program(path).starts_with("/bin/sh -c \"exec "), "{path}");
        }
    }

    #[test]
    fn a_changed_unit_is_restarted_and_an_unchanged_one_is_left_in_peace() {
        let names = super::super::Names { file: String::new(), user: 1000 };
        let typed = |restart| start(&names, restart).iter().map(Step::typed).collect::<Vec<_>>();
        assert_eq!(typed(true)[2], "systemctl --user restart waiaas-mcp-keep.service");
        assert_eq!(typed(false)[2], "systemctl --user start waiaas-mcp-keep.service");
        let links = links(Path::new("/c/systemd/user/waiaas-mcp-keep.service"));
        assert_eq!(links, [Path::new("/c/systemd/user/default.target.wants/waiaas-mcp-keep.service")]);
    }
}
