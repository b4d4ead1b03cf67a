//! Many requests at once: memory afterwards, how many get through, and whether a ping has to wait behind them.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Client, call, id_of, ping};
use crate::daemon::Daemon;
use crate::table::{Rank, Row, Table};
use crate::{Contestants, Size};

/// Calls in flight.
const IN_FLIGHT: usize = 64;

/// Calls after which the memory is read.
const CALLS_BEFORE_MEMORY: usize = 2000;

/// How long the daemon takes for a call.
const LATENCY: Duration = Duration::from_millis(20);

/// The most that can get through, per second.
const IDEAL: f64 = IN_FLIGHT as f64 / 0.02;

/// Pause between two pings while calls are under way.
const PING_PAUSE: Duration = Duration::from_millis(10);

/// Pings have ids from here on.
const PING_IDS: usize = 1_000_000_000;

pub(crate) fn measure(size: Size, contestants: &Contestants, daemon: &Daemon, table: &mut Table) {
    daemon.answer_after(LATENCY);
    let loaded = |path: &Path| {
        let mut client = start(path, daemon);
        calls(&mut client, CALLS_BEFORE_MEMORY);
        let resident_mb = client.process().resident_mb();
        (client, resident_mb)
    };
    let (client, resident_mb) = loaded(&contestants.program);
    let rmcp = contestants.rmcp.as_deref().map(|path| loaded(path).1);
    table.push(
        Row::new("resident memory after 2,000 calls, 64 in flight", "MB", resident_mb)
            .beside_rmcp(rmcp)
            .at_most(resident_mb, 6.0, MEMORY_BOUND_MB),
    );
    let (rate, pings) = calls_and_pings(client, size.pick(6_000, 32_000));
    table.push(Row::new("calls a second, 64 in flight, daemon 20 ms", "/s", rate).at_least(
        rate / IDEAL,
        0.95,
        0.5,
    ));
    let waited = Rank::Percentile99.of(pings.iter().copied());
    table.push(Row::new("  ping meanwhile, 99th percentile", "ms", waited).at_most(waited, 5.0, 50.0));
    table.push(Row::new("  ping meanwhile, slowest", "ms", Rank::Highest.of(pings)));
    daemon.answer_after(Duration::ZERO);

    let pings = size.pick(50_000, 300_000);
    let rate = |path: &Path| {
        let mut client = start(path, daemon);
        Rank::Median.of((0..size.pick(3, 5)).map(|_| pipelined_pings(&mut client, pings)))
    };
    let program = rate(&contestants.program);
    table.push(
        Row::new("pipelined pings a second", "/s", program)
            .beside_floor(rate(&contestants.floor))
            .beside_rmcp(contestants.rmcp.as_deref().map(rate))
            .at_least(program, 100_000.0, 20_000.0),
    );
}

/// Where the memory after load fails a run.
const MEMORY_BOUND_MB: f64 = 7.0;

fn start(program: &Path, daemon: &Daemon) -> Client {
    let (mut client, _) = Client::start(program, daemon.data_dir(), daemon.base_url());
    client.initialized();
    client
}

/// So many calls, [`IN_FLIGHT`] at a time.
fn calls(client: &mut Client, count: usize) {
    let first: String = (0..IN_FLIGHT).map(call).collect();
    client.say(&first);
    let mut line = String::new();
    let (mut next, mut answered) = (IN_FLIGHT, 0);
    while answered < count {
        line.clear();
        assert!(client.output.read_line(&mut line).unwrap() > 0, "the program ended");
        if id_of(&line).is_none() {
            continue;
        }
        assert!(line.contains("0x"), "a call was answered {line:?}");
        answered += 1;
        if next < count {
            client.say(&call(next));
            next += 1;
        }
    }
}

/// So many calls, and pings between them: calls a second, and what each ping took in milliseconds.
fn calls_and_pings(client: Client, count: usize) -> (f64, Vec<f64>) {
    let Client { input, mut output, .. } = client;
    let input = Arc::new(Mutex::new(input));
    let sent: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let pinger = thread::spawn({
        let (input, sent, over) = (Arc::clone(&input), Arc::clone(&sent), Arc::clone(&over));
        move || {
            while !over.load(Ordering::Relaxed) {
                let mut times = sent.lock().unwrap();
                let line = ping(PING_IDS + times.len());
                let mut input = input.lock().unwrap();
                times.push(Instant::now());
                input.write_all(line.as_bytes()).unwrap();
                drop((input, times));
                thread::sleep(PING_PAUSE);
            }
        }
    });
    let say = |text: &str| input.lock().unwrap().write_all(text.as_bytes()).unwrap();
    let begun = Instant::now();
    say(&(0..IN_FLIGHT).map(call).collect::<String>());
    let (mut next, mut answered, mut waits) = (IN_FLIGHT, 0, Vec::new());
    let mut line = String::new();
    while answered < count {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the program ended");
        match id_of(&line) {
            None => {}
            Some(id) if id >= PING_IDS => {
                let now = Instant::now();
                let sent = sent.lock().unwrap()[id - PING_IDS];
                waits.push(now.duration_since(sent).as_secs_f64() * 1e3);
            }
            Some(_) => {
                assert!(line.contains("0x"), "a call was answered {line:?}");
                answered += 1;
                if next < count {
                    say(&call(next));
                    next += 1;
                }
            }
        }
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    pinger.join().unwrap();
    (rate, waits)
}

/// Writes as fast as answers are taken; pings a second.
fn pipelined_pings(client: &mut Client, count: usize) -> f64 {
    let lines: String = (0..count).map(ping).collect();
    let Client { input, output, .. } = client;
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || input.write_all(lines.as_bytes()).unwrap());
        let mut line = Vec::new();
        for _ in 0..count {
            line.clear();
            assert!(output.read_until(b'\n', &mut line).unwrap() > 0, "the program ended");
        }
    });
    count as f64 / begun.elapsed().as_secs_f64()
}
