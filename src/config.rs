//! The configuration: what was said by options and the environment, and what it means.
//!
//! Used by the command line. The only file that reads the environment. First [`RawConfig`] collects what was
//! said and where, then [`Config`] is resolved from it without looking anywhere. Every problem names its source;
//! a wrong value is never replaced silently, but it keeps nobody from starting either: what to do about
//! [`Config::problems`] is the caller's decision. Refuses to read token files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::base_url::BaseUrl;
use crate::http::percent_encoded;
use crate::ids::WalletId;
use crate::log::Level;
use crate::secret::{Password, Token};
use crate::session::{Session, TokenPlace};
use crate::text;
use crate::time::Timestamp;
use crate::wallet::toolsets::{self, Selection, UnknownToolset};

pub mod said;
pub mod service_manager;
mod values;

use values::{shown, switch, why_not_a_path};

/// Time for one call of the daemon unless `WAIAAS_MCP_TIMEOUT` says otherwise.
const CALL_TIME_DEFAULT: Duration = Duration::from_secs(60);

/// Longest time for one call, in seconds: a day. More is a typing error.
const CALL_SECONDS_MAX: u64 = 86_400;

/// Where the master password may be. Not in [`SETTINGS`]: only the commands that make sessions look for it.
pub const MASTER_PASSWORD: &str = "WAIAAS_MASTER_PASSWORD";

/// One thing that can be configured: the row from which help and parsing follow.
#[derive(Debug)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The option of the command line that beats it, without dashes, and the name of its value.
    pub option: Option<(&'static str, &'static str)>,
    /// What it means, in a few words.
    pub about: &'static str,
}

/// Everything that can be configured, in the order of the help.
pub static SETTINGS: [Setting; 9] = [
    Setting {
        variable: "WAIAAS_BASE_URL",
        option: Some(("base-url", "URL")),
        about: "the daemon, default http://127.0.0.1:3100",
    },
    Setting {
        variable: "WAIAAS_DATA_DIR",
        option: Some(("data-dir", "DIR")),
        about: "where token files live, default ~/.waiaas",
    },
    Setting {
        variable: "WAIAAS_WALLET_ID",
        option: Some(("wallet", "ID")),
        about: "the wallet: its token file, and the default of every tool",
    },
    Setting {
        variable: "WAIAAS_MCP_LOG",
        option: Some(("log", "LEVEL")),
        about: "error, warn, info (default) or debug",
    },
    Setting {
        variable: "WAIAAS_SESSION_TOKEN",
        option: None,
        about: "a token to start with, used when no usable one is in the file",
    },
    Setting { variable: "WAIAAS_WALLET_NAME", option: None, about: "shown in front of every description" },
    Setting { variable: "WAIAAS_MCP_TOOLSETS", option: None, about: "which tools, default all" },
    Setting { variable: "WAIAAS_MCP_READ_ONLY", option: None, about: "on: only tools that change nothing" },
    Setting {
        variable: "WAIAAS_MCP_TIMEOUT",
        option: None,
        about: "seconds for one call of the daemon, default 60",
    },
];

/// What was said, and where. Not `Debug`: one of the values is a token.
#[derive(Clone, Default)]
pub struct RawConfig {
    /// By variable.
    said: BTreeMap<&'static str, Said>,
    /// The directory for data where none was said: `None` if there is no home directory.
    default_data_dir: Option<PathBuf>,
}

#[derive(Clone)]
struct Said {
    /// `WAIAAS_BASE_URL` or `--base-url`.
    source: String,
    value: OsString,
}

/// What it means. Where something is wrong it holds the default, and `problems` is not empty.
#[derive(Clone, Debug)]
pub struct Config {
    /// The daemon.
    pub base_url: BaseUrl,
    /// Where this process finds its token.
    pub token_place: TokenPlace,
    /// The directory under which token files are kept.
    pub data_dir: PathBuf,
    /// The wallet that calls are about unless they say otherwise.
    pub wallet_id: Option<WalletId>,
    /// For people who run several of these, as [`text::wallet_name`] leaves it.
    pub wallet_name: Option<String>,
    /// Which tools are shown.
    pub toolsets: Selection,
    /// Only tools that change nothing are shown.
    pub read_only: bool,
    /// Time for one call of the daemon.
    pub call_time_max: Duration,
    /// What is logged.
    pub log_level: Level,
    /// What is wrong, if anything.
    pub problems: Vec<ConfigProblem>,
}

/// A wrong value. Displayed on two lines: what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// One line, naming the source. Never quotes a token.
    pub what: String,
    /// One line.
    pub advice: String,
}

/// The path of this program, for the demo, which starts it once more.
///
/// # Errors
/// If the operating system does not tell.
pub fn own_path() -> std::io::Result<PathBuf> {
    std::env::current_exe()
}

/// Where the programs of this user keep their settings, as far as the files of MCP clients depend on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserDirectories {
    /// Whose habits apply.
    pub system: System,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, if it is an absolute path: a relative one is invalid and to be ignored.
    pub xdg_config: Option<PathBuf>,
    /// `APPDATA`, of Windows.
    pub app_data: Option<PathBuf>,
    /// `CODEX_HOME`.
    pub codex_home: Option<PathBuf>,
    /// The directories of `PATH`, where commands are found.
    pub search_path: Vec<PathBuf>,
}

/// An operating system with habits of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "their names")]
pub enum System {
    MacOs,
    Windows,
    /// Linux, and whatever follows its conventions.
    Linux,
}

impl UserDirectories {
    /// Those of this process.
    pub fn from_environment() -> UserDirectories {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let read = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
        let directory = |variable| read(variable).map(PathBuf::from);
        UserDirectories {
            system: match () {
                () if cfg!(target_os = "macos") => System::MacOs,
                () if cfg!(windows) => System::Windows,
                () => System::Linux,
            },
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            xdg_config: directory("XDG_CONFIG_HOME").filter(|directory| directory.is_absolute()),
            app_data: directory("APPDATA"),
            codex_home: directory("CODEX_HOME"),
            search_path: read("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
        }
    }
}

/// The daemon's master password, for the commands that make sessions. An empty one is the same as none. It is no
/// setting: nothing that serves ever holds it.
///
/// # Errors
/// [`ConfigProblem`] if it is not Unicode.
pub fn master_password() -> Result<Option<Password>, ConfigProblem> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let said = std::env::var_os(MASTER_PASSWORD).filter(|value| !value.is_empty());
    let problem = |_| ConfigProblem {
        what: format!("{MASTER_PASSWORD}: the value is not Unicode"),
        advice: "Write it in UTF-8, or use --password-file.".to_owned(),
    };
    said.map(|text| text.into_string().map(Password::new).map_err(problem)).transpose()
}

/// Whether output to a terminal may be coloured: not with `NO_COLOR` (no-color.org), and not where the terminal
/// knows no colours.
pub fn may_colour() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let read = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
    read("NO_COLOR").is_none() && read("TERM").is_some_and(|term| term != "dumb")
}

impl RawConfig {
    /// Nothing said. `default_data_dir` is taken where no directory will be said.
    pub fn new(default_data_dir: Option<PathBuf>) -> RawConfig {
        RawConfig { said: BTreeMap::new(), default_data_dir }
    }

    /// Reads the environment. An empty variable is the same as none, as in every shell.
    pub fn from_environment() -> RawConfig {
        #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
        let read = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
        let in_home = || Some(std::env::home_dir().filter(|home| home.is_absolute())?.join(".waiaas"));
        // Without HOME the system's user database is asked, which is slow and needless where a directory is said.
        if read("WAIAAS_DATA_DIR").is_some() {
            return RawConfig::new(None).with_environment(read);
        }
        let in_xdg = read("XDG_DATA_HOME").map(|home| PathBuf::from(home).join("waiaas"));
        // A relative path is invalid there and to be ignored (XDG Base Directory Specification).
        let in_xdg = in_xdg.filter(|directory| directory.is_absolute() && directory.is_dir());
        RawConfig::new(in_xdg.or_else(in_home)).with_environment(read)
    }

    fn with_environment(mut self, read: impl Fn(&'static str) -> Option<OsString>) -> RawConfig {
        for setting in &SETTINGS {
            if let Some(value) = read(setting.variable) {
                self.say(setting, setting.variable.to_owned(), value);
            }
        }
        self
    }

    /// An option beats the environment.
    pub fn say_option(&mut self, setting: &'static Setting, value: OsString) {
        let source = setting.option.map_or(setting.variable.to_owned(), |(long, _)| format!("--{long}"));
        self.say(setting, source, value);
    }

    /// A variable, as if it stood in the environment.
    pub fn say_variable(&mut self, variable: &str, value: impl Into<OsString>) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.variable == variable) {
            self.say(setting, setting.variable.to_owned(), value.into());
        }
    }

    fn say(&mut self, setting: &'static Setting, source: String, value: OsString) {
        self.said.insert(setting.variable, Said { source, value });
    }

    /// What it means. `now` serves to read the claims of a token.
    pub fn resolve(&self, now: Timestamp) -> Config {
        let mut reader = Reader { raw: self, problems: Vec::new() };
        let wallet_id = reader.wallet_id();
        let base_url = reader.base_url();
        let (token_place, data_dir) = reader.token_place(wallet_id.as_ref(), now);
        let mut config = Config {
            base_url,
            token_place,
            data_dir,
            wallet_id,
            wallet_name: reader.read("WAIAAS_WALLET_NAME", |name| Ok(text::wallet_name(name))),
            toolsets: reader.toolsets(),
            read_only: reader.read_only(),
            call_time_max: reader.call_time_max(),
            log_level: reader.log_level(),
            problems: Vec::new(),
        };
        config.problems = reader.problems;
        // A name of which nothing can be seen is none.
        config.wallet_name = config.wallet_name.filter(|name| !name.is_empty());
        config
    }
}

/// What is wrong with a value, and what to do; the source is added by the caller, who knows it.
type Complaint = (String, String);

struct Reader<'r> {
    raw: &'r RawConfig,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    /// The value of a setting, if one was said and it is good.
    fn read<T>(&mut self, variable: &'static str, parse: impl Fn(&str) -> Result<T, Complaint>) -> Option<T> {
        let said = self.raw.said.get(variable)?;
        let text = said.value.to_str();
        let not_unicode = || ("the value is not Unicode".to_owned(), "Write it in UTF-8.".to_owned());
        match text.ok_or_else(not_unicode).and_then(parse) {
            Ok(value) => Some(value),
            Err((what, advice)) => {
                self.problem(&said.source, &what, advice);
                None
            }
        }
    }

    fn problem(&mut self, source: &str, what: &str, advice: String) {
        self.problems.push(ConfigProblem { what: format!("{source}: {what}"), advice });
    }

    fn base_url(&mut self) -> BaseUrl {
        let url = self.read("WAIAAS_BASE_URL", |text| {
            let advice = || format!("Write it like {}.", BaseUrl::DEFAULT);
            BaseUrl::parse(text).map_err(|error| (error.to_string(), advice()))
        });
        url.unwrap_or_else(|| BaseUrl::parse(BaseUrl::DEFAULT).expect("the default is a good URL"))
    }

    fn wallet_id(&mut self) -> Option<WalletId> {
        self.read("WAIAAS_WALLET_ID", |text| {
            let text = text.trim();
            let complaint = || {
                let advice = "Write the wallet's UUID, which the daemon's admin page shows.";
                (format!("{} is not the id of a wallet", shown(text)), advice.to_owned())
            };
            WalletId::parse(text).ok_or_else(complaint)
        })
    }

    fn toolsets(&mut self) -> Selection {
        let selection = self.read("WAIAAS_MCP_TOOLSETS", |text| {
            Selection::parse(text).map_err(|UnknownToolset(word)| {
                (format!("{} is not a toolset", shown(&word)), toolsets::advice())
            })
        });
        selection.unwrap_or(Selection::ALL)
    }

    fn read_only(&mut self) -> bool {
        let read_only = self.read("WAIAAS_MCP_READ_ONLY", |text| {
            let advice = "Write on to show only tools that change nothing, else off.";
            let complaint = || (format!("{} is neither on nor off", shown(text)), advice.to_owned());
            switch(text).ok_or_else(complaint)
        });
        // Whoever wrote something there may have meant yes.
        read_only.unwrap_or(self.raw.said.contains_key("WAIAAS_MCP_READ_ONLY"))
    }

    fn call_time_max(&mut self) -> Duration {
        let time = self.read("WAIAAS_MCP_TIMEOUT", |text| {
            let seconds = text.trim().parse().ok().filter(|seconds| (1..=CALL_SECONDS_MAX).contains(seconds));
            let complaint = || {
                let what = format!("{} is not a number of seconds from 1 to {CALL_SECONDS_MAX}", shown(text));
                (what, "Write whole seconds, such as 60.".to_owned())
            };
            seconds.map(Duration::from_secs).ok_or_else(complaint)
        });
        time.unwrap_or(CALL_TIME_DEFAULT)
    }

    fn log_level(&mut self) -> Level {
        let level = self.read("WAIAAS_MCP_LOG", |text| {
            let names = Level::ALL.map(Level::name).join(", ");
            let complaint =
                || (format!("{} is not a log level", shown(text)), format!("Write one of {names}."));
            Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text)).ok_or_else(complaint)
        });
        level.unwrap_or(Level::Info)
    }

    /// Where the token is. A session given by the environment alone keeps to itself: it must not pick up the
    /// token of a wallet or of another session by accident.
    fn token_place(&mut self, wallet_id: Option<&WalletId>, now: Timestamp) -> (TokenPlace, PathBuf) {
        let token = self.read("WAIAAS_SESSION_TOKEN", |text| Ok(Token::new(text.trim().to_owned())));
        let said = self.data_dir();
        let by_environment =
            token.as_ref().filter(|_| said.is_none()).and_then(|token| self.session_id(token, now));
        let directory = said.or_else(|| self.raw.default_data_dir.clone()).unwrap_or_else(|| {
            let advice = "Set it to the directory where the daemon keeps its data.";
            self.problem(
                "WAIAAS_DATA_DIR",
                "it is not set and there is no home directory",
                advice.to_owned(),
            );
            PathBuf::new()
        });
        let place = match &by_environment {
            // The id is text from outside: encoded, it is one harmless file name.
            Some(session_id) => {
                let write =
                    directory.join("mcp-tokens").join(format!("session-{}", percent_encoded(session_id)));
                TokenPlace { write, read_fallback: None, only_session: None, bootstrap: None }
            }
            None => TokenPlace::of_wallet(&directory, wallet_id),
        };
        (TokenPlace { only_session: by_environment, bootstrap: token, ..place }, directory)
    }

    fn data_dir(&mut self) -> Option<PathBuf> {
        let said = self.raw.said.get("WAIAAS_DATA_DIR")?;
        let path = PathBuf::from(&said.value);
        // An option was typed into a shell, which has replaced what it replaces and knows where it is.
        let is_typed = said.source != "WAIAAS_DATA_DIR";
        let text = said.value.to_string_lossy();
        let why = match why_not_a_path(&text) {
            _ if text.is_empty() => Some("the path is empty".to_owned()),
            Some(why) if !is_typed || text.starts_with('~') => Some(format!("{} {why}", shown(&text))),
            _ if !is_typed && !path.is_absolute() => {
                Some(format!("{} is relative, and nobody knows to what", shown(&text)))
            }
            _ => None,
        };
        if let Some(what) = why {
            self.problem(&said.source, &what, "Write the whole path of the directory.".to_owned());
        }
        Some(path)
    }

    /// The session of the environment's token. It names the file, so a token that cannot be read is a problem
    /// here; elsewhere it is only a token that is of no use.
    fn session_id(&mut self, token: &Token, now: Timestamp) -> Option<String> {
        match Session::parse(token.expose(), now) {
            Ok(session) => Some(session.id().to_owned()),
            Err(fault) => {
                let advice = "Copy the whole token, or set WAIAAS_DATA_DIR to use the token file there.";
                let what = format!("this is not a session token: {}", fault.reason());
                self.problem("WAIAAS_SESSION_TOKEN", &what, advice.to_owned());
                None
            }
        }
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.advice)
    }
}

impl std::error::Error for ConfigProblem {}
