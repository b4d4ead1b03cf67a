//! What befalls a world: outages, bad disks, jumping clocks, kills, power cuts, and other hands at the file.
//!
//! A trouble strikes at once, or lies in ambush until a process is in the middle of something.

use waiaas_mcp::session::events::{Action, FileView};

use super::super::prng::Prng;
use super::{Pending, World};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// How often each kind of trouble strikes, per thousand chances.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Troubles {
    /// Renewal requests that get no answer because they never arrive.
    pub(crate) lost_requests: u64,
    /// Renewal answers that are lost after the commit.
    pub(crate) lost_answers: u64,
    /// Renewal requests that are carried out and never answered, over a connection that stays open.
    pub(crate) silences: u64,
    /// 429 and 5xx.
    pub(crate) refusals: u64,
    /// Answers whose `Date` is wrong.
    pub(crate) stray_dates: u64,
    /// Calls that are answered 401 although nothing is wrong with their token.
    pub(crate) stray_401s: u64,
    // Per world event:
    /// The daemon goes away for a while.
    pub(crate) outages: u64,
    /// The daemon is stopped for a while, and then goes on.
    pub(crate) freezes: u64,
    /// The disk is full or read-only for a while.
    pub(crate) bad_disk: u64,
    /// The wall clock is set.
    pub(crate) clock_steps: u64,
    /// The machine sleeps.
    pub(crate) suspends: u64,
    /// A process is killed, and started again.
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    /// An operator runs setup.
    pub(crate) setups: u64,
    /// The operator puts a copy of the newest token into the file.
    pub(crate) reissues: u64,
    /// The daemon's secret is rotated.
    pub(crate) rotations: u64,
    /// The kill switch is pulled, and the operator runs setup after a while.
    pub(crate) kill_switches: u64,
    /// The token file is deleted or overwritten with rubbish.
    pub(crate) vandals: u64,
}

impl Troubles {
    pub(crate) const NONE: Troubles = Troubles {
        lost_requests: 0,
        lost_answers: 0,
        silences: 0,
        freezes: 0,
        refusals: 0,
        stray_dates: 0,
        stray_401s: 0,
        outages: 0,
        bad_disk: 0,
        clock_steps: 0,
        suspends: 0,
        kills: 0,
        power_cuts: 0,
        setups: 0,
        reissues: 0,
        rotations: 0,
        kill_switches: 0,
        vandals: 0,
    };

    /// Swarm: in each history some troubles never happen and some are frequent.
    pub(crate) fn some(dice: &mut Prng) -> Troubles {
        let mut some = |often: u64| if dice.chance(400) { often } else { 0 };
        Troubles {
            lost_requests: some(300),
            lost_answers: some(20),
            silences: some(30),
            freezes: some(60),
            refusals: some(200),
            stray_dates: some(200),
            stray_401s: some(100),
            outages: some(60),
            bad_disk: some(60),
            clock_steps: some(60),
            suspends: some(40),
            kills: some(80),
            power_cuts: some(40),
            setups: some(20),
            reissues: some(20),
            rotations: some(5),
            kill_switches: some(5),
            vandals: some(20),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Outage,
    Freeze,
    BadDisk,
    ClockStep,
    Suspend,
    Kill,
    PowerCut,
    Setup,
    Reissue,
    Rotation,
    KillSwitch,
    Vandal,
}

/// A trouble that waits for so many steps inside transactions.
pub(crate) struct Ambush {
    trouble: Trouble,
    steps: u64,
}

/// A transaction has about a dozen steps.
const AMBUSH_STEPS_MAX: u64 = 14;

impl World {
    /// Something happens in the world, or nothing.
    pub(crate) fn trouble(&mut self) {
        if self.now_ms >= self.outage_until_ms {
            self.daemon.is_up = true;
        }
        if self.now_ms >= self.bad_disk_until_ms {
            self.disk.writable = true;
        }
        let t = self.troubles;
        for (often, trouble) in [
            (t.outages, Trouble::Outage),
            (t.freezes, Trouble::Freeze),
            (t.bad_disk, Trouble::BadDisk),
            (t.clock_steps, Trouble::ClockStep),
            (t.suspends, Trouble::Suspend),
            (t.kills, Trouble::Kill),
            (t.power_cuts, Trouble::PowerCut),
            (t.setups, Trouble::Setup),
            (t.reissues, Trouble::Reissue),
            (t.rotations, Trouble::Rotation),
            (t.kill_switches, Trouble::KillSwitch),
            (t.vandals, Trouble::Vandal),
        ] {
            if often == 0 || !self.rng.chance(often) {
                continue;
            }
            if self.ambush.is_none() && self.rng.chance(500) {
                let steps = 1 + self.rng.next() % AMBUSH_STEPS_MAX;
                self.ambush = Some(Ambush { trouble, steps });
            } else {
                let index = usize::try_from(self.rng.next() % self.processes.len() as u64).unwrap();
                self.strike(trouble, index);
            }
        }
    }

    /// Whether an ambush struck, so that the process must not go on as if nothing had happened.
    pub(super) fn strikes(&mut self, index: usize) -> bool {
        if matches!(self.processes[index].pending, Pending::Do(Action::Wait { .. }) | Pending::Killed) {
            return false;
        }
        // Looking at the file is most of what happens; the rare steps are what the ambush is for.
        let is_rare = self.lock == Some(index) || self.rng.chance(20);
        let Some(ambush) = self.ambush.as_mut().filter(|_| is_rare) else { return false };
        ambush.steps -= 1;
        if ambush.steps > 0 {
            return false;
        }
        let trouble = ambush.trouble;
        self.ambush = None;
        let place = match &self.processes[index].pending {
            Pending::Do(action) => {
                let text = format!("{action:?}");
                text.split(['(', ' ']).next().unwrap_or_default().to_owned()
            }
            Pending::Store(storing) => format!("Store {:?}", storing.step),
            Pending::Killed => "Killed".to_owned(),
        };
        *self.struck.entry(format!("{trouble:?} at {place}")).or_default() += 1;
        self.strike(trouble, index);
        true
    }

    fn strike(&mut self, trouble: Trouble, index: usize) {
        match trouble {
            Trouble::Outage => {
                self.daemon.is_up = false;
                let lasts_ms = *self.rng.pick(&[5_000, 14_000, 10 * MINUTE_MS, 2 * HOUR_MS]);
                self.outage_until_ms = self.now_ms + lasts_ms;
            }
            Trouble::Freeze => {
                let lasts_ms = *self.rng.pick(&[3_000, 53_000, 100_000, 20 * MINUTE_MS]);
                self.frozen_until_ms = self.now_ms + lasts_ms;
            }
            Trouble::BadDisk => {
                self.disk.writable = false;
                self.bad_disk_until_ms = self.now_ms + *self.rng.pick(&[3_000, 70_000, 15 * MINUTE_MS]);
            }
            Trouble::ClockStep => {
                let by =
                    *self.rng.pick(&[-365 * DAY_MS, -HOUR_MS, -90_000, 2_500, 90_000, HOUR_MS, 365 * DAY_MS]);
                // The clock is set right as often as wrong.
                self.wall_offset_ms = if self.rng.chance(500) { 0 } else { by };
            }
            Trouble::Suspend => {
                let for_ms = *self.rng.pick(&[5_000, 2 * MINUTE_MS, 8 * HOUR_MS, 30 * DAY_MS]);
                self.suspend(for_ms);
            }
            Trouble::Kill => self.kill(index),
            Trouble::PowerCut => self.cut_power(),
            Trouble::Setup => self.run_setup(),
            Trouble::Reissue => self.run_reissue(),
            Trouble::Rotation => self.daemon.rotate_secret(self.now_ms),
            Trouble::KillSwitch => {
                let lasts_ms = *self.rng.pick(&[MINUTE_MS, HOUR_MS]);
                self.daemon.pull_kill_switch(self.now_ms + lasts_ms);
                self.run_setup();
            }
            Trouble::Vandal => {
                let rubbish = FileView::Unusable("it is rubbish");
                let view = if self.rng.chance(500) { FileView::Missing } else { rubbish };
                self.disk.foreign_write(self.now_ms, view);
            }
        }
    }

    /// Makes a session and puts its token into the file, as a foreign program does: without the lock.
    pub(crate) fn run_setup(&mut self) {
        let session = self.daemon.new_session(self.now_ms);
        self.disk.foreign_write(self.now_ms, FileView::Held(session));
    }

    /// Puts a copy of the newest token of the file's session into the file.
    pub(crate) fn run_reissue(&mut self) {
        let Some(id) = self.disk.file_session().map(|session| session.id().to_owned()) else { return };
        if let Some(copy) = self.daemon.reissue(self.now_ms, &id) {
            self.disk.foreign_write(self.now_ms, FileView::Held(copy));
        }
    }

    /// SIGKILL, at whatever it is doing; another one starts a little later.
    pub(crate) fn kill(&mut self, index: usize) {
        if self.lock == Some(index) {
            self.lock = None;
        }
        let process = &mut self.processes[index];
        process.pending = Pending::Killed;
        process.answers.clear();
        process.life = u64::MAX;
        process.served = None;
        process.known.clear();
        process.ready_ms = self.now_ms + self.rng.between(1, 3_000);
    }

    /// Power fails: every process dies and only what was synced is sure to be left.
    pub(crate) fn cut_power(&mut self) {
        for index in 0..self.processes.len() {
            self.kill(index);
        }
        self.disk.cut_power(&mut self.rng);
    }

    /// The machine sleeps: true time passes, the monotonic clock stands still, and so does every process.
    pub(crate) fn suspend(&mut self, for_ms: i64) {
        self.now_ms += for_ms;
        self.suspended_ms += for_ms;
        for process in &mut self.processes {
            process.ready_ms += for_ms;
            process.lock_deadline_ms += for_ms;
        }
    }

    pub(crate) fn step_wall_clock(&mut self, by_ms: i64) {
        self.wall_offset_ms += by_ms;
    }

    /// All troubles end.
    pub(crate) fn heal(&mut self) {
        self.troubles = Troubles::NONE;
        self.ambush = None;
        self.daemon.is_up = true;
        self.frozen_until_ms = self.now_ms;
        self.thaw();
        self.daemon.locked_until_ms = self.now_ms;
        self.disk.writable = true;
    }
}
