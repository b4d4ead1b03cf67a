//! The command line: what can be typed, and who does it.
//!
//! Used by `main`. [`COMMANDS`] is the only source: parsing and the help follow from it. Refuses to do anything
//! by itself; each command is a file of its own.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::RawConfig;
use crate::log;
use crate::time::{Clock as _, SystemClock};
use arguments::{Command, Flag, Input, Operand, Parsed, Value};

#[cfg(feature = "setup")]
pub mod clients;
pub mod sandbox;
pub mod signals;

mod arguments;
mod call;
mod completions;
mod daemon;
mod demo;
mod doctor;
mod duration;
mod grammar;
mod help;
mod keep;
#[cfg(not(feature = "setup"))]
mod left_out;
mod login;
mod man;
mod operator;
mod output;
#[cfg(unix)]
mod parents;
mod password;
mod process;
mod refresh_token;
mod replacement;
mod serve;
#[cfg(feature = "setup")]
mod setup;
mod status;
mod survey;
#[cfg(unix)]
mod suspicion;
mod terminal;
mod tools;

#[cfg(not(feature = "setup"))]
use left_out as setup;

/// Why a command ended without having done what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// One line.
    pub what: String,
    /// One line.
    pub advice: String,
}

/// What this program is, in one line.
const ABOUT: &str = env!("CARGO_PKG_DESCRIPTION");

/// The answer to `--version`.
const VERSION: &str = concat!("waiaas-mcp ", env!("CARGO_PKG_VERSION"), "\n");

/// Exit code of wrong usage and of a wrong configuration.
const WRONG_USAGE: u8 = 2;

/// Exit code of a command that could not do what it was asked for.
const NOT_DONE: u8 = 1;

const ALL: Flag = Flag {
    long: "all",
    value: None,
    about: "every wallet, each with a session of its own",
    excludes: &["wallet"],
};

const PASSWORD_FILE: Flag = Flag {
    long: password::OPTION,
    value: Some(Value::File),
    about: "holds the master password; - is stdin",
    excludes: &[],
};

/// Everything that can be typed first. The first command is meant where none is typed.
static COMMANDS: [Command; 12] = [
    Command {
        name: "serve",
        about: "serve an MCP client on stdin and stdout (the default)",
        details: "Speaks MCP until stdin ends, and keeps the session token alive meanwhile. A missing daemon, token or \
                  good configuration is explained by every tool and keeps nobody from starting.",
        operands: &[],
        flags: &[Flag {
            long: "sandbox",
            value: None,
            about: "with a daemon of its own in the same process: every tool works, no money",
            excludes: &[],
        }],
        keeps_problems: true,
        run: serve::run,
    },
    Command {
        name: "setup",
        about: "open a session, write its token file, configure clients",
        details: "Asks the daemon for a session with its master password, which comes from --password-file, else from \
                  WAIAAS_MASTER_PASSWORD, else from you; never from the command line. Writes the token into the file that \
                  a server with the same options reads, which notices it by itself, and then revokes the session whose \
                  token was there. Tokens live for 7 days and renew themselves: that is safer than a token that never \
                  dies, which --ttl none gives.",
        operands: &[],
        flags: &[
            ALL,
            Flag {
                long: "ttl",
                value: Some(Value::DurationOrNone(1)),
                about: "life of a token, 5m to 1y, default 7d or the lifetime; none = it never ends",
                excludes: &[],
            },
            Flag {
                long: "max-renewals",
                value: Some(Value::Number(u32::MAX as u64)),
                about: "how often the session can be renewed, default 0 = no limit",
                excludes: &[],
            },
            Flag {
                long: "lifetime",
                value: Some(Value::Duration(0)),
                about: "when the session ends for good, 5m at least, default 0 = never",
                excludes: &[],
            },
            Flag {
                long: "keep-old",
                value: None,
                about: "do not revoke the session whose token is replaced",
                excludes: &[],
            },
            Flag {
                long: "client",
                value: Some(Value::Choice("NAME", setup::client_names)),
                about: "write this client's file; may be given several times",
                excludes: &[],
            },
            Flag {
                long: "print",
                value: None,
                about: "print what to put into clients' files instead of writing them",
                excludes: &[],
            },
            Flag {
                long: "yes",
                value: None,
                about: "replace other entries and make missing files without asking",
                excludes: &[],
            },
            PASSWORD_FILE,
        ],
        keeps_problems: false,
        run: setup::run,
    },
    Command {
        name: "refresh-token",
        about: "replace a session by a new one with the same limits",
        details: "Opens a new session with the limits of the one in the token file, writes its token there, and then \
                  revokes the old one. Servers notice the new token by themselves. The master password comes from \
                  --password-file, else from WAIAAS_MASTER_PASSWORD, else from you.",
        operands: &[],
        flags: &[ALL, PASSWORD_FILE],
        keeps_problems: false,
        run: refresh_token::run,
    },
    Command {
        name: "keep",
        about: "keep sessions alive while no client runs",
        details: "Renews the tokens of all token files of the data directory, or of one wallet's, until it is told to \
                  stop; files that appear later are taken up within a minute. Works beside servers on the same files: \
                  one of them renews. --once does what is due now and exits: with 0 if all tokens are usable and none is \
                  overdue, else with 1; it says nothing then but to a terminal. --install makes it a service of this \
                  user. The metrics are for node_exporter's textfile collector: written anew after each change, and \
                  readable by everybody (mode 0644), for they hold no token.",
        operands: &[],
        flags: &[
            Flag {
                long: "all",
                value: None,
                about: "every token file (the default), whatever WAIAAS_WALLET_ID says",
                excludes: &["wallet"],
            },
            Flag {
                long: "once",
                value: None,
                about: "do what is due now and exit, for cron and timers",
                excludes: &["install", "uninstall"],
            },
            Flag {
                long: "metrics",
                value: Some(Value::File),
                about: "write metrics for Prometheus there",
                excludes: &["uninstall"],
            },
            Flag {
                long: "install",
                value: None,
                about: "start it now and at every login, with these options",
                excludes: &["uninstall"],
            },
            Flag { long: "uninstall", value: None, about: "undo that", excludes: &[] },
        ],
        keeps_problems: false,
        run: keep::run,
    },
    Command {
        name: "status",
        about: "show which session is used, until when, and whether the daemon answers",
        details: "Never shows the token. With WAIAAS_MASTER_PASSWORD in the environment the daemon is also asked how often \
                  the session was renewed and when it ends for good. Exits with 0 if there is a token that has not \
                  expired and that the daemon does not refuse, whether the daemon answers or not; else with 1.",
        operands: &[],
        flags: &[Flag { long: "json", value: None, about: "one JSON object", excludes: &[] }],
        keeps_problems: false,
        run: status::run,
    },
    Command {
        name: "doctor",
        about: "look for what is wrong, and say what to do about it",
        details: "Looks at the daemon, the data directory, the token file and its session, the lock, and the files of MCP \
                  clients. Changes nothing. Exits with 0 if no check failed; a warning is no failure.",
        operands: &[],
        flags: &[Flag { long: "json", value: None, about: "one JSON object", excludes: &[] }],
        keeps_problems: false,
        run: doctor::run,
    },
    Command {
        name: "demo",
        about: "show what this program does, in half a minute",
        details: "Starts a sandbox daemon with short-lived tokens and this program as a client's server, and tells what \
                  happens: renewals, a token replaced behind its back, an outage. Needs nothing and leaves nothing.",
        operands: &[],
        flags: &[],
        keeps_problems: true,
        run: demo::run,
    },
    Command {
        name: "sandbox",
        about: "run a daemon to try things with, without money",
        details: "A wallet daemon of its own on this machine, with made-up wallets and a token file, until \
                  Ctrl-C. The first line says where everything is, as one JSON object. Without --data-dir \
                  everything is gone afterwards.",
        operands: &[],
        flags: &[
            Flag {
                long: "port",
                value: Some(Value::Number(65_535)),
                about: "port on 127.0.0.1, default any",
                excludes: &[],
            },
            Flag {
                long: "ttl",
                value: Some(Value::Duration(1)),
                about: "life of a token, default 1h",
                excludes: &[],
            },
            Flag {
                long: "max-renewals",
                value: Some(Value::Number(u32::MAX as u64)),
                about: "how often the session can be renewed, default 0 = no limit",
                excludes: &[],
            },
            Flag {
                long: "lifetime",
                value: Some(Value::Duration(0)),
                about: "when the session ends for good, default 0 = never",
                excludes: &[],
            },
        ],
        keeps_problems: false,
        run: sandbox::command,
    },
    Command {
        name: "tools",
        about: "list the tools",
        details: "The tools that are known without asking a daemon, by toolset, each with what it may change: \
                  nothing (read), nothing but what a signature authorises (sign), a setting (write), money (spend).",
        operands: &[],
        flags: &[
            Flag { long: "json", value: None, about: "one JSON array", excludes: &["markdown"] },
            Flag { long: "markdown", value: None, about: "one table, as in the README", excludes: &[] },
        ],
        keeps_problems: false,
        run: tools::run,
    },
    Command {
        name: "call",
        about: "call one tool",
        details: "Prints the tool's result. JSON is one object with the tool's arguments, none if left out. Exits \
                  with 1 if the result is an error. Interrupted, it waits two seconds for the result, lets a renewal of \
                  the token finish, and ends by the signal; a second one ends it at once.",
        operands: &[Operand { name: "TOOL", required: true }, Operand { name: "JSON", required: false }],
        flags: &[],
        keeps_problems: false,
        run: call::run,
    },
    Command {
        name: "completions",
        about: "print what a shell needs to complete what is typed",
        details: "SHELL is bash, zsh, fish or powershell. The first lines of what is printed say where it belongs.",
        operands: &[Operand { name: "SHELL", required: true }],
        flags: &[],
        keeps_problems: true,
        run: completions::run,
    },
    Command {
        name: "man",
        about: "print the manual page",
        details: "To read it: waiaas-mcp man | man -l -",
        operands: &[],
        flags: &[],
        keeps_problems: true,
        run: man::run,
    },
];

/// Runs the program with the arguments after its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    log::panics_by_place();
    process::prepare();
    let code = run_parsed(arguments);
    log::settle();
    code
}

fn run_parsed(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match arguments::parse(&COMMANDS, arguments) {
        Ok(Parsed::Help(command)) => {
            finish(output::print(&help::text(&COMMANDS, command)).map(|()| ExitCode::SUCCESS))
        }
        Ok(Parsed::Version) => finish(output::print(VERSION).map(|()| ExitCode::SUCCESS)),
        Ok(Parsed::Run(input)) => run_command(&input),
        Err(failure) => {
            output::complain(&failure.what, &failure.advice);
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn run_command(input: &Input) -> ExitCode {
    let mut raw = RawConfig::from_environment();
    for (setting, value) in &input.settings {
        raw.say_option(setting, value.clone());
    }
    let config = raw.resolve(SystemClock::start().now().wall);
    if !config.problems.is_empty() && !input.command.keeps_problems {
        for problem in &config.problems {
            output::complain(&problem.what, &problem.advice);
        }
        return ExitCode::from(WRONG_USAGE);
    }
    log::set_threshold(config.log_level);
    finish((input.command.run)(input, config))
}

fn finish(result: Result<ExitCode, Failure>) -> ExitCode {
    result.unwrap_or_else(|failure| {
        output::complain(&failure.what, &failure.advice);
        ExitCode::from(NOT_DONE)
    })
}
