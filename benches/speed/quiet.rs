//! A program that nobody asks anything: its memory, its threads, and how often it wakes.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::table::{Rank, Row, Table};
use crate::{Contestants, Size};

/// How long a process is left alone before it is looked at.
const SETTLE: Duration = Duration::from_millis(300);

/// What was seen of one process.
struct Quiet {
    resident_mb: f64,
    threads: f64,
    wake_ups: f64,
}

pub(crate) fn measure(size: Size, contestants: &Contestants, daemon: &Daemon, table: &mut Table) {
    let watched = Duration::from_secs(size.pick(5, 20) as u64);
    let look = |path: &Path| Quiet::of(path, daemon, size.pick(3, 10), watched);
    let (program, floor) = (look(&contestants.program), look(&contestants.floor));
    let rmcp = contestants.rmcp.as_deref().map(look);
    let of_rmcp = |figure: fn(&Quiet) -> f64| rmcp.as_ref().map(figure);
    table.push(
        Row::new("resident memory, idle", "MB", program.resident_mb)
            .beside_floor(floor.resident_mb)
            .beside_rmcp(of_rmcp(|quiet| quiet.resident_mb))
            .at_most(program.resident_mb, 3.5, 3.5),
    );
    table.push(
        Row::new("threads, idle", "", program.threads)
            .beside_floor(floor.threads)
            .beside_rmcp(of_rmcp(|quiet| quiet.threads)),
    );
    table.push(
        Row::new("wake-ups a second, idle", "/s", program.wake_ups)
            .beside_floor(floor.wake_ups)
            .beside_rmcp(of_rmcp(|quiet| quiet.wake_ups))
            .at_most(program.wake_ups, 1.0, 1.0),
    );
}

impl Quiet {
    /// The memory is the median of several processes; the last one is watched for a while.
    fn of(program: &Path, daemon: &Daemon, processes: usize, watched: Duration) -> Quiet {
        let start = || {
            let (mut client, _) = Client::start(program, daemon.data_dir(), daemon.base_url());
            client.initialized();
            thread::sleep(SETTLE);
            client
        };
        let resident_mb = Rank::Median.of((0..processes).map(|_| {
            let client = start();
            let resident_mb = client.process().resident_mb();
            client.end();
            resident_mb
        }));
        let client = start();
        let before = client.process().wake_ups();
        thread::sleep(watched);
        let after = client.process().wake_ups();
        let new = |(thread, count): (&_, &u64)| count - before.get(thread).copied().unwrap_or(0);
        let wake_ups: u64 = after.iter().map(new).sum();
        let threads = client.process().threads() as f64;
        client.end();
        Quiet { resident_mb, threads, wake_ups: wake_ups as f64 / watched.as_secs_f64() }
    }
}
