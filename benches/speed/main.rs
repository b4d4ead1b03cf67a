//! Measures the built program beside others, interleaved in one run, so that a noisy machine disturbs all alike.
//! `scripts/bench` and `scripts/soak` call it.
//!
//! - `table SIZE PROGRAM FLOOR [RMCP]`: every figure that the README quotes, with its goal.
//! - `soak CALLS PROGRAM`: that many calls against the sandbox while the session renews itself.
//!
//! Exits 1 if a figure is beyond its bound. A goal that is missed within the bound is printed as missed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measuring program reads clocks, prints, and ends at the first surprise"
)]

mod client;
mod daemon;
mod instructions;
mod load;
#[path = "../../tests/support/prng.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod prng;
mod process;
mod quiet;
mod round_trip;
mod soak;
mod start;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use daemon::Daemon;
use table::Table;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Enough to see that something broke.
    Small,
    /// Enough to be quoted.
    Full,
}

impl Size {
    /// One of two numbers.
    pub(crate) fn pick(self, small: usize, full: usize) -> usize {
        if self == Size::Small { small } else { full }
    }
}

/// What is measured: ours, and what stands beside it.
pub(crate) struct Contestants {
    pub(crate) program: PathBuf,
    /// The least a stdio program can do.
    pub(crate) floor: PathBuf,
    /// A minimal server on the Rust MCP SDK.
    pub(crate) rmcp: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["table", size @ ("small" | "full"), program, floor, rest @ ..] => {
            let size = if *size == "small" { Size::Small } else { Size::Full };
            let rmcp = rest.first().map(PathBuf::from);
            measure(size, &Contestants { program: program.into(), floor: floor.into(), rmcp })
        }
        ["soak", calls, program] => soak::run(calls.parse().unwrap(), program.as_ref()),
        _ => {
            println!("usage: speed table small|full PROGRAM FLOOR [RMCP]\n       speed soak CALLS PROGRAM");
            ExitCode::from(2)
        }
    }
}

fn measure(size: Size, contestants: &Contestants) -> ExitCode {
    let daemon = Daemon::start();
    let mut table = Table::default();
    start::measure(size, contestants, &daemon, &mut table);
    quiet::measure(size, contestants, &daemon, &mut table);
    load::measure(size, contestants, &daemon, &mut table);
    round_trip::measure(size, contestants, &daemon, &mut table);
    instructions::measure(size, &contestants.program, &daemon, &mut table);
    table.file_sizes(contestants);
    if table.print() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
