//! Simulated years: the renewal's own loop in a model world, thousands of seeds in seconds.
//!
//! Each failure names its seed; `WAIAAS_SEED=n` runs that one alone. `scripts/simulate N` runs more.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests print what they simulated"
)]

use std::collections::BTreeMap;

mod support;
use support::model::{GENESIS_MS, Troubles, World};
use support::prng::Prng;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const MS_PER_YEAR: f64 = 365.0 * DAY_MS as f64;

/// Lives of tokens, in seconds: from the daemon's shortest to a year; `None` is unlimited.
const LIVES_S: [Option<i64>; 7] =
    [Some(300), Some(301), Some(3_600), Some(86_400), Some(604_800), Some(31_536_000), None];

/// Seeds of the ordinary test run.
const SEEDS: u64 = 2_000;

/// Steps of one troubled history: most are the minute's wake-ups of 16 processes.
const STEPS_MAX: u64 = 8_000;

/// Once troubles are over: the longest wait, the longest request, and a wait after that.
const RECOVERY_MAX_MS: i64 = 3 * MINUTE_MS;

fn seeds(ordinary: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().map(|text: String| text.parse::<u64>().unwrap());
    match (number("WAIAAS_SEED"), number("WAIAAS_SEEDS"), number("WAIAAS_FIRST_SEED")) {
        (Some(one), ..) => vec![one],
        (None, Some(count), first) => (0..count).map(|n| n + first.unwrap_or(0)).collect(),
        _ => (0..ordinary).collect(),
    }
}

/// A history of trouble, then peace. Returns the simulated time.
fn history(seed: u64) -> (World, i64) {
    let mut dice = Prng::new(seed ^ 0x5eed);
    let life_s = *dice.pick(&LIVES_S);
    let processes = usize::try_from(*dice.pick(&[1, 1, 2, 3, 16])).unwrap();
    let mut troubles = Troubles::some(&mut dice);
    let lifetime =
        life_s.filter(|_| dice.chance(200)).map(|life| life * dice.between(1, 4) + dice.between(0, life));
    let max_renewals = dice.chance(100).then(|| u32::try_from(dice.between(1, 5)).unwrap());
    let sends_dates = dice.chance(900);
    let clock = (*dice.pick(&[0, 0, -400_000, 1_500, 400_000]), *dice.pick(&[0, 0, 20, -20]));
    if !sends_dates {
        // Who is told nothing of the daemon's clock has only his own: then it must be right.
        troubles.clock_steps = 0;
    }
    let mut world = World::new(seed, troubles, processes, life_s, (lifetime, max_renewals));
    world.trace = std::env::var_os("WAIAAS_TRACE").is_some();
    world.daemon.sends_dates = sends_dates;
    if sends_dates {
        (world.daemon.clock_ahead_ms, world.daemon.clock_gains_ppm) = clock;
        world.run_setup();
    }

    // Long enough for many renewals of short lives, bounded in steps for long ones.
    let length_ms = life_s.map_or(DAY_MS, |life| (life * 20_000).clamp(DAY_MS / 4, 4 * DAY_MS));
    let end_ms = GENESIS_MS + length_ms;
    let mut next_trouble_ms = GENESIS_MS;
    while world.now_ms < end_ms && world.violations.is_empty() && world.steps < STEPS_MAX {
        if next_trouble_ms <= world.next_ms() {
            world.now_ms = world.now_ms.max(next_trouble_ms);
            world.trouble();
            let index = usize::try_from(world.rng.next() % world.processes.len() as u64).unwrap();
            world.call(index);
            next_trouble_ms = world.now_ms + world.rng.between(1_000, 30 * MINUTE_MS);
        } else {
            world.advance();
        }
    }
    peace(&mut world, life_s);
    let simulated_ms = world.now_ms - GENESIS_MS;
    (world, simulated_ms)
}

/// After the troubles: within a bound whoever finds a good token serves it, and whoever can be renewed is, once
/// a cycle.
fn peace(world: &mut World, life_s: Option<i64>) {
    if !world.violations.is_empty() {
        return;
    }
    world.heal();
    let mut good = world.file_is_good();
    let bound_ms = world.now_ms + RECOVERY_MAX_MS;
    while world.now_ms < bound_ms {
        world.advance();
        good &= world.file_is_good();
    }
    let everybody_serves = (0..world.processes.len()).all(|index| world.serves(index));
    if good && !everybody_serves {
        world
            .violations
            .push("a good token stood in the file for three minutes and was not served".to_owned());
    }
    if !world.file_is_renewable() {
        return;
    }
    let (began_ms, before) = (world.now_ms, world.daemon.ledger.clone());
    let until_ms = began_ms
        + life_s
            .filter(|life| life * 1_000 <= DAY_MS)
            .map_or(60 * MINUTE_MS, |life| (life * 2_000).min(DAY_MS));
    while world.now_ms < until_ms {
        world.advance();
        if !world.file_is_renewable() {
            return; // A limit was reached.
        }
    }
    for index in 0..world.processes.len() {
        if !world.serves(index) {
            world.violations.push(format!("process {index} serves nothing although all is well"));
        }
    }
    if world.forgotten_leftover() {
        world.violations.push("a crashed process's token was never picked up".to_owned());
    }
    let after = &world.daemon.ledger;
    let (granted, requests) = (after.granted - before.granted, after.requests - before.requests);
    let cycles = life_s.map_or(0, |life| (world.now_ms - began_ms) / (life * 600));
    // The first cycle may be due at once; each process may learn once that its token is a copy.
    if granted > u64::try_from(cycles).unwrap() + 1 || requests - granted > world.processes.len() as u64 {
        world.violations.push(format!("{requests} requests, {granted} granted, in {cycles} quiet cycles"));
    }
}

#[test]
fn thousands_of_troubled_histories_lose_nothing() {
    let mut violated = Vec::new();
    let mut struck: BTreeMap<String, u64> = BTreeMap::new();
    let (mut simulated_ms, mut steps, mut granted, mut count) = (0_i64, 0_u64, 0_u64, 0_u64);
    for seed in seeds(SEEDS) {
        let (world, passed_ms) = history(seed);
        violated.extend(world.violations.first().map(|what| format!("seed {seed}: {what}")));
        simulated_ms += passed_ms;
        steps += world.steps;
        world.struck.iter().for_each(|(place, times)| *struck.entry(place.clone()).or_insert(0) += times);
        granted += world.daemon.ledger.granted;
        count += 1;
    }
    println!(
        "{count} histories, {:.1} simulated years, {steps} steps, {granted} renewals, {} violations",
        simulated_ms as f64 / MS_PER_YEAR,
        violated.len()
    );
    assert!(violated.is_empty(), "{:#?}", &violated[..violated.len().min(20)]);
    println!("{} kinds of trouble struck in the middle of something: {struck:?}", struck.len());
    assert!(granted > 0, "nothing was ever renewed: the simulation proves nothing");
}

#[test]
fn undisturbed_processes_make_one_request_a_cycle_for_ever() {
    for (life_s, processes, days) in [(300, 1, 20), (300, 16, 2), (3_600, 2, 30), (86_400, 3, 100)] {
        let mut world = World::new(7, Troubles::NONE, processes, Some(life_s), (None, None));
        let days_ms = days * DAY_MS;
        while world.now_ms < GENESIS_MS + days_ms {
            world.advance();
            assert!(world.violations.is_empty(), "{:?}", world.violations);
        }
        let ledger = &world.daemon.ledger;
        assert_eq!(ledger.requests, ledger.granted, "every request is granted");
        let cycles = u64::try_from(days_ms / (life_s * 600)).unwrap();
        assert!(ledger.granted <= cycles + 1, "{} renewals in {cycles} cycles", ledger.granted);
        assert!(ledger.granted >= cycles * 9 / 10, "{} renewals in {cycles} cycles", ledger.granted);
        assert!((0..processes).all(|index| world.serves(index)));
    }
}

/// The control experiment: without the lock the same processes trip over each other, so the lock is what keeps
/// them apart and the model can tell.
#[test]
fn without_the_lock_sixteen_processes_race() {
    let mut world = World::new(7, Troubles::NONE, 16, Some(300), (None, None));
    world.without_lock = true;
    while world.now_ms < GENESIS_MS + DAY_MS {
        world.advance();
    }
    assert!(world.daemon.ledger.mismatched > 100, "only {} races in a day", world.daemon.ledger.mismatched);
}

#[test]
fn the_absolute_lifetime_causes_no_storm() {
    for lifetime_s in [310, 400, 500, 620, 700, 900, 1_000] {
        let mut world = World::new(3, Troubles::NONE, 1, Some(300), (Some(lifetime_s), None));
        while world.now_ms < GENESIS_MS + lifetime_s * 1000 + 5 * MINUTE_MS {
            world.advance();
        }
        let undisturbed = u64::try_from(lifetime_s / 180).unwrap();
        assert!(
            world.daemon.ledger.requests <= undisturbed + 2,
            "{} requests in a lifetime of {lifetime_s} s",
            world.daemon.ledger.requests
        );
    }
}
