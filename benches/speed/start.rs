//! From spawn to the answer of `initialize`, and from the end of stdin to the end of the process.

use std::path::Path;
use std::time::Duration;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::prng::Prng;
use crate::table::{Rank, Row, Table};
use crate::{Contestants, Size};

/// Rounds that warm the page cache and are not counted.
const WARM_UP_ROUNDS: usize = 10;

/// Times of many processes, in microseconds.
#[derive(Default)]
struct Times {
    start: Vec<f64>,
    exit: Vec<f64>,
}

impl Times {
    fn round(&mut self, program: &Path, data_dir: &Path, base_url: &str) {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let (client, start) = Client::start(program, data_dir, base_url);
        self.start.push(micros(start));
        self.exit.push(micros(client.end()));
    }
}

pub(crate) fn measure(size: Size, contestants: &Contestants, daemon: &Daemon, table: &mut Table) {
    let (program, data_dir) = (&contestants.program, daemon.data_dir());
    // Nobody listens on port 9 of this machine.
    let daemons = [daemon.base_url(), "http://127.0.0.1:9", daemon.hanging_url()];
    let mut runs: Vec<(&Path, &str)> = daemons.iter().map(|url| (program.as_path(), *url)).collect();
    runs.push((&contestants.floor, daemons[0]));
    runs.extend(contestants.rmcp.as_deref().map(|path| (path, daemons[0])));
    let mut times: Vec<Times> = runs.iter().map(|_| Times::default()).collect();
    let mut prng = Prng::new(1);
    for round in 0..WARM_UP_ROUNDS + size.pick(60, 300) {
        // In another order every round: who comes after whom makes a difference.
        let mut order: Vec<usize> = (0..runs.len()).collect();
        order.sort_by_cached_key(|_| prng.next());
        for at in order {
            let (path, base_url) = runs[at];
            times[at].round(path, data_dir, base_url);
        }
        if round + 1 == WARM_UP_ROUNDS {
            times.iter_mut().for_each(|times| *times = Times::default());
        }
    }
    let [ours @ .., floor] = &times[..=daemons.len()] else {
        unreachable!("the floor comes after the daemons")
    };
    let rmcp = times.get(daemons.len() + 1);
    let sdk = |rank: Rank| rmcp.map(|times| rank.of(times.start.iter().copied()));
    for (state, times) in ["up", "down", "hanging"].iter().zip(ours) {
        for (rank, name) in [(Rank::Median, "median"), (Rank::QuickestTenth, "quickest tenth")] {
            let (own, least) = (rank.of(times.start.iter().copied()), rank.of(floor.start.iter().copied()));
            table.push(
                Row::new(format!("spawn to initialize, daemon {state}, {name}"), "µs", own)
                    .beside_floor(least)
                    .beside_rmcp(sdk(rank))
                    .at_most(own / least, 1.3, 2.0),
            );
        }
    }
    let exit = |times: &Times| Rank::Median.of(times.exit.iter().copied()) / 1e3;
    table.push(
        Row::new("end of stdin to exit, daemon up, median", "ms", exit(&ours[0]))
            .beside_floor(exit(floor))
            .beside_rmcp(rmcp.map(exit))
            .at_most(exit(&ours[0]), 10.0, 20.0),
    );
}
