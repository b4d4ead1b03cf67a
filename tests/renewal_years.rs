//! Simulated years: the renewal's own loop in a model world, thousands of seeds in seconds.
//!
//! Each failure names its seed; `WAIAAS_SEED=n` runs that one alone. `scripts/simulate N` runs more.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests print what they simulated"
)]

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
    // Swarm: in each history some troubles never happen and some are frequent.
    let mut some = |often: u64| if dice.chance(400) { often } else { 0 };
    let troubles = Troubles {
        lost_requests: some(300),
        lost_answers: some(20),
        refusals: some(200),
        outages: some(60),
        bad_disk: some(60),
        clock_steps: some(60),
        suspends: some(40),
        kills: some(80),
        power_cuts: some(20),
        setups: some(20),
        vandals: some(20),
    };
    let lifetime =
        life_s.filter(|_| dice.chance(200)).map(|life| life * dice.between(1, 4) + dice.between(0, life));
    let max_renewals = dice.chance(100).then(|| u32::try_from(dice.between(1, 5)).unwrap());
    let mut world = World::new(seed, troubles, processes, life_s, (lifetime, max_renewals));

    // Long enough for many renewals of short lives, bounded in steps for long ones.
    let length_ms = life_s.map_or(DAY_MS, |life| (life * 20_000).clamp(DAY_MS / 4, 4 * DAY_MS));
    let end_ms = GENESIS_MS + length_ms;
    let mut next_trouble_ms = GENESIS_MS;
    while world.now_ms < end_ms && world.violations.is_empty() && world.steps < 60_000 {
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

/// After the troubles: whoever can still be renewed is, and no call is refused from a bound on.
fn peace(world: &mut World, life_s: Option<i64>) {
    if !world.violations.is_empty() {
        return;
    }
    world.heal();
    let renewable = world.file_is_renewable();
    let bound_ms = world.now_ms + 3 * MINUTE_MS;
    while world.now_ms < bound_ms {
        world.advance();
    }
    let still_renewable = world.file_is_renewable();
    if !(renewable && still_renewable) {
        return;
    }
    let until_ms = world.now_ms + life_s.map_or(DAY_MS, |life| (life * 3_000).min(2 * DAY_MS));
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
}

#[test]
fn thousands_of_troubled_histories_lose_nothing() {
    let (mut simulated_ms, mut steps, mut granted, mut count) = (0_i64, 0_u64, 0_u64, 0_u64);
    for seed in seeds(SEEDS) {
        let (world, passed_ms) = history(seed);
        assert!(world.violations.is_empty(), "seed {seed}: {:?}", world.violations);
        simulated_ms += passed_ms;
        steps += world.steps;
        granted += world.ledger.granted;
        count += 1;
    }
    println!(
        "{count} histories, {:.1} simulated years, {steps} steps, {granted} renewals, 0 violations",
        simulated_ms as f64 / MS_PER_YEAR
    );
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
        let ledger = &world.ledger;
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
    assert!(world.ledger.mismatched > 100, "only {} races in a day", world.ledger.mismatched);
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
            world.ledger.requests <= undisturbed + 2,
            "{} requests in a lifetime of {lifetime_s} s",
            world.ledger.requests
        );
    }
}
