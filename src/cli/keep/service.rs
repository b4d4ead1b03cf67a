//! `keep` as a service of this user: what is installed where, and how it is started and taken away.
//!
//! Used by `keep --install` and `--uninstall`, and by `doctor`. Pure: `install` does it, `programs` runs the system's own
//! commands. Each system has its file: `systemd`, `launchd`, `task`. No token and no password goes into any of them, and
//! neither do variables of the environment: everything is an option, so that what the service does can be read in its
//! file and does not depend on who starts it.

use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::config::{System, UserDirectories};

mod install;
mod launchd;
mod programs;
mod systemd;
mod task;

pub(in crate::cli) use install::is_installed;
pub(super) use install::{install, uninstall};

/// The service's name, in the way of each system.
const NAME: &str = "waiaas-mcp-keep";

/// In every file that is written here, so that nobody else's is overwritten or removed. Two dashes would end a comment
/// of XML.
const MARK: &str = "Written by `waiaas-mcp keep`";

/// What the service runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Service {
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    /// Directories that it writes into.
    pub(super) writes: Vec<String>,
    /// The program's version. Another one makes another file, so that installing again after an update starts anew.
    pub(super) version: &'static str,
}

/// Everything about the service on one system.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    /// The file that is written, and its bytes.
    pub(super) file: PathBuf,
    pub(super) bytes: Vec<u8>,
    /// What makes it run, whatever was there before. `restart`: its file has changed.
    pub(super) start: fn(&Names, restart: bool) -> Vec<Step>,
    /// Whether it runs.
    pub(super) check: fn(&Names) -> Step,
    pub(super) names: Names,
    /// For people, afterwards.
    pub(super) hints: Vec<String>,
}

/// How the service is called in commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Names {
    pub(super) file: String,
    /// The user's number, where a system wants it.
    pub(super) user: u32,
}

/// What takes it away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Removal {
    pub(super) file: PathBuf,
    /// Links to the file that are removed with it.
    pub(super) links: Vec<PathBuf>,
    pub(super) before: Vec<Step>,
    pub(super) after: Vec<Step>,
}

/// A command of the system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
    /// It may fail: what it does may have been done already.
    pub(super) may_fail: bool,
}

impl Step {
    fn new(program: &'static str, arguments: &[&str]) -> Step {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Step { program, arguments, may_fail: false }
    }

    fn or_not(self) -> Step {
        Step { may_fail: true, ..self }
    }

    /// As it is typed, for a person who has to do it by hand.
    pub(super) fn typed(&self) -> String {
        let quoted = |argument: &String| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@".contains(c);
            if argument.chars().all(is_plain) { argument.clone() } else { format!("\"{argument}\"") }
        };
        let words: Vec<String> = self.arguments.iter().map(quoted).collect();
        format!("{} {}", self.program, words.join(" "))
    }
}

/// How this service is installed on this system.
///
/// # Errors
/// [`Failure`] if a directory is not known, or something cannot be written in the system's format.
pub(super) fn installation(
    system: System,
    directories: &UserDirectories,
    user: u32,
    user_name: Option<&str>,
    service: &Service,
) -> Result<Installation, Failure> {
    for text in [&service.program].into_iter().chain(&service.arguments).chain(&service.writes) {
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
            return Err(Failure {
                what: format!("{text:?} cannot be written into the file of a service"),
                advice: "Use paths without line breaks and other control characters.".to_owned(),
            });
        }
    }
    let file = file(system, directories)?;
    let names = Names { file: file.to_string_lossy().into_owned(), user };
    Ok(match system {
        System::Linux => Installation {
            bytes: systemd::unit(service).into_bytes(),
            start: systemd::start,
            check: systemd::check,
            names,
            hints: systemd::hints(),
            file,
        },
        System::MacOs => Installation {
            bytes: launchd::agent(service, &log_file(directories)?).into_bytes(),
            start: launchd::start,
            check: launchd::check,
            names,
            hints: launchd::hints(),
            file,
        },
        System::Windows => Installation {
            bytes: task::bytes(&task::definition(service, user_name)?),
            start: task::start,
            check: task::check,
            names,
            hints: task::hints(),
            file,
        },
    })
}

/// How it is taken away.
///
/// # Errors
/// [`Failure`] if the directory is not known.
pub(super) fn removal(system: System, directories: &UserDirectories, user: u32) -> Result<Removal, Failure> {
    let file = file(system, directories)?;
    let names = Names { file: file.to_string_lossy().into_owned(), user };
    let (before, after, links) = match system {
        System::Linux => (systemd::stop(), systemd::forget(), systemd::links(&file)),
        System::MacOs => (launchd::stop(&names), Vec::new(), Vec::new()),
        System::Windows => (task::stop(), Vec::new(), Vec::new()),
    };
    Ok(Removal { file, links, before, after })
}

/// Where the service's file is.
///
/// # Errors
/// [`Failure`] if the directory is not known.
pub(super) fn file(system: System, directories: &UserDirectories) -> Result<PathBuf, Failure> {
    match system {
        System::Linux => {
            let config = directories.xdg_config.clone();
            let config = config.map_or_else(|| Ok(home(directories)?.join(".config")), Ok::<_, Failure>)?;
            Ok(config.join("systemd/user").join(systemd::UNIT))
        }
        System::MacOs => Ok(home(directories)?.join("Library/LaunchAgents").join(format!("{NAME}.plist"))),
        System::Windows => {
            let app_data = directories.app_data.clone();
            let app_data = app_data
                .map_or_else(|| Ok(home(directories)?.join("AppData").join("Roaming")), Ok::<_, Failure>)?;
            Ok(app_data.join("waiaas-mcp").join("keep.xml"))
        }
    }
}

/// Where the service's log goes on macOS, which keeps none for it.
fn log_file(directories: &UserDirectories) -> Result<String, Failure> {
    Ok(home(directories)?.join("Library/Logs").join(format!("{NAME}.log")).to_string_lossy().into_owned())
}

fn home(directories: &UserDirectories) -> Result<&Path, Failure> {
    directories.home.as_deref().ok_or_else(|| Failure {
        what: "there is no home directory to install a service in".to_owned(),
        advice: "Set HOME to it.".to_owned(),
    })
}

/// Text of an XML element.
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether these bytes were written here, in whichever encoding.
pub(super) fn is_ours(bytes: &[u8]) -> bool {
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    text.windows(MARK.len()).any(|window| window == MARK.as_bytes())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Everything that could break one of the formats.
    const ODD: &str = "/home/y o u/100% \"real\" $HOME/a'b\\c & <d>/\u{e9}";

    fn directories(system: System) -> UserDirectories {
        UserDirectories {
            system,
            home: Some(PathBuf::from("/home/you")),
            xdg_config: None,
            app_data: None,
            codex_home: None,
            search_path: Vec::new(),
        }
    }

    pub(super) fn odd() -> Service {
        Service {
            program: format!("{ODD}/waiaas-mcp"),
            arguments: ["keep", "--data-dir", ODD, ""].map(str::to_owned).to_vec(),
            writes: vec![ODD.to_owned()],
            version: "1.2.3",
        }
    }

    fn installed(system: System, service: &Service) -> Result<Installation, Failure> {
        installation(system, &directories(system), 1000, Some("HOST\\you"), service)
    }

    #[test]
    fn every_system_has_its_file_and_each_is_known_again() {
        let expected = [
            (System::Linux, "/home/you/.config/systemd/user/waiaas-mcp-keep.service"),
            (System::MacOs, "/home/you/Library/LaunchAgents/waiaas-mcp-keep.plist"),
            (System::Windows, "/home/you/AppData/Roaming/waiaas-mcp/keep.xml"),
        ];
        for (system, file) in expected {
            let installation = installed(system, &odd()).unwrap();
            assert_eq!(installation.file, Path::new(file));
            assert!(is_ours(&installation.bytes), "{system:?}");
            assert!(!installation.hints.is_empty());
            assert_eq!(removal(system, &directories(system), 1000).unwrap().file, Path::new(file));
            let none = UserDirectories { home: None, ..directories(system) };
            assert!(installation_file_fails(system, &none));
        }
        assert!(!is_ours(b"[Unit]\nDescription=another") && !is_ours(b""));
    }

    fn installation_file_fails(system: System, directories: &UserDirectories) -> bool {
        file(system, directories).is_err()
    }

    /// What was approved, for a reader and for the programs of `scripts/keep-judges`.
    pub(in crate::cli::keep) fn approved(name: &str, actual: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/keep").join(name);
        #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
        if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
            std::fs::write(&path, actual).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(actual == expected, "{name} differs; UPDATE_SNAPSHOTS=1 accepts\n{actual}");
    }

    #[test]
    fn the_files_are_those_that_were_approved() {
        approved("waiaas-mcp-keep.service", &systemd::unit(&odd()));
        approved("agent.plist", &launchd::agent(&odd(), "/home/you/Library/Logs/a&b.log"));
        approved("task.xml", &task::definition(&odd(), Some("HOST\\y&ou")).unwrap());
    }

    #[test]
    fn what_no_format_can_hold_is_refused() {
        for text in ["/a\nExecStart=/bin/evil", "/a\u{1b}[31m", "/a\u{7f}", "/a\u{85}", "/a\u{ffff}"] {
            let service = Service { arguments: vec![text.to_owned()], ..odd() };
            for system in [System::Linux, System::MacOs, System::Windows] {
                assert!(installed(system, &service).is_err(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_command_can_be_typed_as_it_is_shown() {
        let step = Step::new("schtasks", &["/Create", "/XML", "C:\\Users\\y o u\\keep.xml"]);
        assert_eq!(step.typed(), "schtasks /Create /XML \"C:\\Users\\y o u\\keep.xml\"");
    }
}
