//! The commands as their operator types them: the program, a sandbox that it is pointed at, an empty data directory,
//! and everything that was printed. Nothing that is printed may hold a part of a secret.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crossbeam_channel::after;
use tempfile::TempDir;
use waiaas_mcp::sandbox::{Options, RateLimits, Sandbox, SessionSnapshot};
use waiaas_mcp::time::{Clock as _, SystemClock};

/// Longest wait for anything that has no bound of its own.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Pause between two looks at something that is waited for.
const POLL: Duration = Duration::from_millis(5);

/// So many characters of a secret in a row are a part of it, and no coincidence.
const SLICE_CHARS: usize = 12;

/// A sandbox, and a data directory without anything in it.
pub(crate) struct Console {
    pub(crate) sandbox: Sandbox,
    directory: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Console {
    pub(crate) fn new() -> Console {
        let sandbox = Sandbox::start(Options::default()).expect("a sandbox");
        sandbox.set_rate_limits(RateLimits { address: None, session: None, transactions: None });
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("home")).expect("a directory");
        Console { sandbox, directory }
    }

    /// One whose daemon has only one wallet.
    pub(crate) fn with_one_wallet() -> Console {
        let console = Console::new();
        console.sandbox.keep_wallets(&[console.sandbox.wallet_id()]);
        console
    }

    /// Does not exist at the start.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.data_dir().join("mcp-token")
    }

    pub(crate) fn token_file_of(&self, wallet_id: &str) -> PathBuf {
        self.data_dir().join("mcp-tokens").join(wallet_id)
    }

    /// The program with these arguments and an environment that points here, and no password in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_by(Command::new(env!("CARGO_BIN_EXE_waiaas-mcp")), arguments)
    }

    /// The same as the last words of another command.
    pub(crate) fn command_by(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).env_clear().env("HOME", self.home()).stdin(Stdio::null());
        command.env("WAIAAS_BASE_URL", self.sandbox.base_url()).env("WAIAAS_DATA_DIR", self.data_dir());
        command.env("PATH", "/usr/bin:/bin").env("TERM", "xterm");
        command
    }

    /// Runs it with the right password in the environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Printed {
        self.finish(self.command(arguments).env("WAIAAS_MASTER_PASSWORD", self.sandbox.master_password()))
    }

    /// Runs a command to its end.
    pub(crate) fn finish(&self, command: &mut Command) -> Printed {
        self.printed(command.output().expect("the program runs"))
    }

    /// Runs a command to its end with this on stdin.
    pub(crate) fn finish_with(&self, command: &mut Command, stdin: &str) -> Printed {
        let mut child = start(command.stdin(Stdio::piped()));
        // A program that reads nothing is free to.
        let _ = child.stdin.take().expect("a pipe").write_all(stdin.as_bytes());
        self.end(child)
    }

    /// The end of a program that was started with [`start`].
    pub(crate) fn end(&self, child: Child) -> Printed {
        self.printed(child.wait_with_output().expect("it ends"))
    }

    fn printed(&self, Output { status, stdout, stderr }: Output) -> Printed {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = status.code().unwrap_or_else(|| panic!("{status}"));
        let printed = Printed { code, stdout: text(stdout), stderr: text(stderr) };
        self.assert_no_secret(&printed.stdout);
        self.assert_no_secret(&printed.stderr);
        printed
    }

    /// No part of the password, and of no token that lies in the data directory.
    pub(crate) fn assert_no_secret(&self, text: &str) {
        let mut secrets =
            vec![self.sandbox.master_password().to_owned(), self.sandbox.first_session().token.clone()];
        let files = files_below(&self.data_dir()).into_iter();
        // Neither a pipe nor a huge file is a token.
        let is_token =
            |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|file| file.is_file() && file.len() < 4096);
        secrets.extend(files.filter(is_token).filter_map(|path| fs::read_to_string(path).ok()));
        for secret in secrets.iter().filter(|secret| secret.is_ascii() && secret.len() >= SLICE_CHARS) {
            for start in 0..=secret.len() - SLICE_CHARS {
                let slice = &secret[start..start + SLICE_CHARS];
                assert!(!text.contains(slice), "{slice} is a part of a secret: {text}");
            }
        }
    }

    /// The session whose token is in this file.
    pub(crate) fn session_in(&self, file: &Path) -> SessionSnapshot {
        let token = fs::read_to_string(file).expect("a token file");
        let ledger = self.sandbox.ledger();
        assert!(ledger.is_newest(&token), "{} holds no token that could be renewed", file.display());
        let sessions = ledger.sessions.iter();
        let hash = |session: &&SessionSnapshot| {
            let only = waiaas_mcp::sandbox::LedgerSnapshot {
                sessions: vec![(*session).clone()],
                tally: ledger.tally.clone(),
            };
            only.is_newest(&token)
        };
        sessions.into_iter().find(hash).expect("the session").clone()
    }

    /// Sessions that are neither revoked nor over, but for the sandbox's own first one.
    pub(crate) fn open_sessions(&self) -> Vec<SessionSnapshot> {
        let first = &self.sandbox.first_session().id;
        let sessions = self.sandbox.ledger().sessions.into_iter();
        sessions.filter(|session| session.id != *first && !session.revoked && !session.deleted).collect()
    }

    /// How often a route was asked for, `{id}` for any id.
    pub(crate) fn times_asked(&self, route: &str) -> u64 {
        self.sandbox.ledger().tally.requests.get(route).copied().unwrap_or(0)
    }

    /// Names below the data directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let root = self.data_dir();
        let files = files_below(&root).into_iter();
        let mut names: Vec<String> =
            files.map(|path| path.strip_prefix(&root).expect("below").display().to_string()).collect();
        names.sort();
        names
    }

    /// The program as somebody whom the mode of a directory binds: root without the rights that make it root. `None`
    /// where that cannot be had.
    pub(crate) fn bound_command(&self, arguments: &[&str]) -> Option<Command> {
        let is_root = fs::metadata(self.directory.path()).expect("a directory").uid() == 0;
        if !is_root {
            return Some(self.command(arguments));
        }
        let no_rights =
            ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
        let works = Command::new("setpriv").args(no_rights).arg("true").status();
        if !works.is_ok_and(|status| status.success()) {
            println!("skipped: this is root, and setpriv is not there or may not");
            return None;
        }
        let mut setpriv = Command::new("setpriv");
        setpriv.args(no_rights).arg::<&OsStr>(env!("CARGO_BIN_EXE_waiaas-mcp").as_ref());
        Some(self.command_by(setpriv, arguments))
    }
}

impl Printed {
    /// It failed with this code, and these are the two lines that it said last.
    #[track_caller]
    pub(crate) fn assert_failed(&self, code: i32, what: &str, advice: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let expected = format!("waiaas-mcp: {what}\n{advice}\n");
        assert!(self.stderr.ends_with(&expected), "expected {expected:?}, got {self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
    }

    #[track_caller]
    pub(crate) fn assert_done(&self) {
        assert_eq!(self.code, 0, "{self:?}");
    }
}

/// Starts a program whose output will be read at its end.
pub(crate) fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program runs")
}

/// Looks until it is so, for a bounded time.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = SystemClock::start();
    while !is_so() {
        assert!(clock.now().mono < TIME_MAX, "not so within {TIME_MAX:?}: {what}");
        let _ = after(POLL).recv();
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
