//! Instructions of a ping and of a tool call, as callgrind counts them: what one costs is the difference between so many
//! and twice as many, so that the start cancels out. A count is the same on an idle and on a loaded machine.
//!
//! Skipped where there is no valgrind.

use std::path::Path;
use std::process::Command;

use crate::Size;
use crate::client::Client;
use crate::daemon::Daemon;
use crate::table::{Row, Table};

/// Instructions of one ping, as recorded with rustc 1.95 on x86_64.
const PING_RECORDED: f64 = 7_000.0;

/// Instructions of one tool call on all threads, likewise. It was 86,500 until arguments and answers were typed at the border
/// and a cancelled call was looked at before each write; 86,500 stays the goal.
const CALL_RECORDED: f64 = 98_200.0;

/// How far a count may be above the recorded one, to leave room for another compiler. More is a regression.
const SLACK: f64 = 1.1;

pub(crate) fn measure(size: Size, program: &Path, daemon: &Daemon, table: &mut Table) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("no valgrind: instructions are not counted");
        return;
    }
    let requests = size.pick(300, 1000);
    let mut count = |what: &str, recorded: f64, one: fn(&mut Client, usize)| {
        let (once, twice) = (run(program, daemon, requests, one), run(program, daemon, 2 * requests, one));
        let each = (twice - once) / requests as f64;
        table.push(Row::new(what, "", each).at_most(each, recorded, recorded * SLACK));
    };
    count("instructions of a ping", PING_RECORDED, Client::ping);
    count("instructions of a tool call", CALL_RECORDED, Client::call);
}

/// The instructions of one whole process that is asked so many times.
fn run(program: &Path, daemon: &Daemon, requests: usize, one: fn(&mut Client, usize)) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("counts");
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(&file);
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind"]).arg(out).arg(program);
    command.env("WAIAAS_DATA_DIR", daemon.data_dir()).env("WAIAAS_BASE_URL", daemon.base_url());
    let (mut client, _) = Client::spawn(&mut command);
    client.initialized();
    (0..requests).for_each(|id| one(&mut client, id));
    client.end();
    let counts = std::fs::read_to_string(file).unwrap();
    let total = counts.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
    total.trim().parse().unwrap()
}
