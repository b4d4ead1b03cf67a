//! One call after the other: what the way through the program adds to a call of the daemon, in round trips of the
//! floor.

use std::time::Instant;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::table::{Rank, Row, Table};
use crate::{Contestants, Size};

/// Requests of one kind before it is another kind's turn: few, so that noise meets all alike.
const BLOCK: usize = 50;

pub(crate) fn measure(size: Size, contestants: &Contestants, daemon: &Daemon, table: &mut Table) {
    let start = |path| Client::start(path, daemon.data_dir(), daemon.base_url()).0;
    let mut program = start(&contestants.program);
    // The floor would answer the end of the handshake too.
    let mut floor = start(&contestants.floor);
    let mut rmcp = contestants.rmcp.as_deref().map(start);
    for client in [Some(&mut program), rmcp.as_mut()].into_iter().flatten() {
        client.initialized();
    }
    let mut direct = daemon.connect();
    let (mut through, mut beside, mut least, mut sdk, mut pings) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..=size.pick(10, 100) {
        // The first round warms up.
        let is_counted = round > 0;
        block(&mut through, is_counted, || program.call(7));
        block(&mut beside, is_counted, || direct.call());
        block(&mut least, is_counted, || floor.ping(1));
        block(&mut pings, is_counted, || program.ping(8));
        if let Some(rmcp) = &mut rmcp {
            block(&mut sdk, is_counted, || rmcp.call(7));
        }
    }
    let of = |rank: Rank, times: &Vec<f64>| rank.of(times.iter().copied());
    for (rank, name, goal) in [(Rank::Median, "median", 2.0), (Rank::Percentile99, "99th percentile", 4.0)] {
        let added = of(rank, &through) - of(rank, &beside);
        let floor = of(rank, &least);
        // On a loaded machine others decide this. What the program itself costs is held by counting instructions.
        table.push(
            Row::new(format!("added to a daemon call, {name}"), "µs", added).beside_floor(floor).at_most(
                added / floor,
                goal,
                f64::INFINITY,
            ),
        );
    }
    let (own, floor) = (of(Rank::Median, &pings), of(Rank::Median, &least));
    table.push(Row::new("ping round trip, median", "µs", own).beside_floor(floor));
    if rmcp.is_some() {
        let (own, sdk) = (of(Rank::Median, &through), of(Rank::Median, &sdk));
        let what = "tool call round trip, median (rmcp asks no daemon)";
        table.push(Row::new(what, "µs", own).beside_rmcp(Some(sdk)));
    }
}

/// So many of one kind, one after the other; what each took, in microseconds.
fn block(times: &mut Vec<f64>, is_counted: bool, mut one: impl FnMut()) {
    for _ in 0..BLOCK {
        let before = Instant::now();
        one();
        if is_counted {
            times.push(before.elapsed().as_secs_f64() * 1e6);
        }
    }
}
