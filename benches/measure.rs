//! Measures the built program beside the floor, interleaved in one run, so that a noisy machine disturbs both
//! alike: spawn to the answer of `initialize`, resident memory when idle, and the time from the end of stdin
//! to the end of the process.
//!
//! `scripts/measure` builds both and calls this with their paths. Exits 1 if a figure is missed.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a measuring program reads clocks, prints, and ends at the first surprise"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Rounds of one process each; the median of these is quoted.
const ROUNDS: usize = 200;

/// Rounds that warm the page cache and are not counted.
const WARM_UP_ROUNDS: usize = 10;

/// How long a process idles before its memory is read: long enough for its threads to settle.
const SETTLE: Duration = Duration::from_millis(100);

/// Processes whose memory is read.
const MEMORY_ROUNDS: usize = 10;

const INITIALIZE: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"measure","version":"1"}}}
"#;

struct Round {
    start: Duration,
    exit: Duration,
    rss_kb: Option<u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [program, floor, limits @ ..] = arguments.as_slice() else {
        println!("usage: measure PROGRAM FLOOR [START_RATIO_MAX RSS_MB_MAX]");
        return ExitCode::from(2);
    };
    let limit = |index: usize| limits.get(index).map(|limit| limit.parse::<f64>().unwrap());

    let data_dir = std::env::temp_dir().join(format!("waiaas-mcp-measure-{}", std::process::id()));
    std::fs::create_dir_all(&data_dir).unwrap();
    for _ in 0..WARM_UP_ROUNDS {
        round(program, &data_dir, Duration::ZERO);
        round(floor, &data_dir, Duration::ZERO);
    }
    let (mut ours, mut theirs): (Vec<Round>, Vec<Round>) = Default::default();
    for _ in 0..ROUNDS {
        ours.push(round(program, &data_dir, Duration::ZERO));
        theirs.push(round(floor, &data_dir, Duration::ZERO));
    }
    let memory = |path: &str| {
        Rank::Median.of((0..MEMORY_ROUNDS).map(|_| round(path, &data_dir, SETTLE).rss_kb.unwrap() as f64))
            / 1024.0
    };
    let (our_rss, floor_rss) = (memory(program), memory(floor));
    std::fs::remove_dir_all(&data_dir).unwrap();

    println!("{ROUNDS} rounds, interleaved            program      floor    ratio");
    let row = |what: &str, of: fn(&Round) -> Duration, rank: Rank| {
        let micros = |rounds: &[Round]| rank.of(rounds.iter().map(|round| of(round).as_secs_f64() * 1e6));
        let (ours, theirs) = (micros(&ours), micros(&theirs));
        println!("{what:<32} {ours:>10.0} {theirs:>10.0} {:>8.2}", ours / theirs);
        ours / theirs
    };
    row("spawn to initialize, median, µs", |round| round.start, Rank::Median);
    let start_ratio = row("  quickest tenth, µs", |round| round.start, Rank::QuickestTenth);
    row("end of stdin to exit, median, µs", |round| round.exit, Rank::Median);
    println!(
        "{:<32} {our_rss:>10.2} {floor_rss:>10.2} {:>8.2}",
        "resident memory, idle, MB",
        our_rss / floor_rss
    );

    let mut missed = false;
    let mut check = |what: &str, value: f64, limit: Option<f64>| {
        if limit.is_some_and(|limit| value > limit) {
            println!("missed: {what} {value:.2} is above {:.2}", limit.unwrap());
            missed = true;
        }
    };
    // Noise of a shared machine only ever adds time, so the quickest tenth is what is held.
    check("start ratio", start_ratio, limit(0));
    check("idle memory in MB", our_rss, limit(1));
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One process: spawned, asked to initialize, left alone for `settle`, ended.
fn round(path: &str, data_dir: &Path, settle: Duration) -> Round {
    let before = Instant::now();
    let mut child = Command::new(path)
        .env_clear()
        .env("WAIAAS_DATA_DIR", data_dir)
        // Nobody listens on port 9 of this machine: the daemon is down.
        .env("WAIAAS_BASE_URL", "http://127.0.0.1:9")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(INITIALIZE).unwrap();
    let mut answer = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    let start = before.elapsed();
    assert!(answer.contains("protocolVersion"), "{path} answered {answer:?}");

    let mut rss_kb = None;
    if !settle.is_zero() {
        std::thread::sleep(settle);
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        rss_kb = line.trim().trim_end_matches(" kB").parse().ok();
    }
    let before = Instant::now();
    drop(input);
    assert!(child.wait().unwrap().success(), "{path} did not end well");
    Round { start, exit: before.elapsed(), rss_kb }
}

/// Which of many values is quoted.
#[derive(Clone, Copy)]
enum Rank {
    Median,
    QuickestTenth,
}

impl Rank {
    fn of(self, values: impl Iterator<Item = f64>) -> f64 {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values[match self {
            Rank::Median => values.len() / 2,
            Rank::QuickestTenth => values.len() / 10,
        }]
    }
}
