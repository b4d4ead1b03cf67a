//! Every limit and wait of the session, with its unit and its reason, and what must hold between them.
//!
//! Used by the whole pillar. Pure. Refuses to decide anything: it only says how much.

use std::time::Duration;

/// Longest piece of a token file that is read, in bytes (the contract's 64 KiB; a real token has about 250).
pub const TOKEN_FILE_BYTES_MAX: usize = 64 * 1024;

/// Largest token taken from a renewal's answer, in bytes. Also what the pre-flight reserves on the disk.
pub const NEW_TOKEN_BYTES_MAX: usize = 4 * 1024;

/// An `exp` further back than ten years is no `exp`, in milliseconds.
pub const EXPIRED_AGE_MAX_MS: i64 = 10 * 365 * DAY_MS;

/// The daemon's longest session is a year; a day is for clocks that differ. In milliseconds.
pub const LIFE_MAX_MS: i64 = 366 * DAY_MS;

/// A token is renewed when this part of its life is left, in percent. The daemon refuses while more than 50 %
/// is left; 40 % leaves the most time for retries.
pub const LIFE_LEFT_AT_RENEWAL_PERCENT: i64 = 40;

/// Longest sleep. After each the clocks are asked again, so that a suspended laptop, a stepped clock and a
/// life of 364 days are all just another wake-up.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// Shortest sleep, and the least time between two renewal requests of one process: whatever goes wrong, there
/// is no hot loop.
pub const WAIT_MIN: Duration = Duration::from_secs(1);

/// Wait after a renewal that got no usable answer.
pub const RETRY_WAIT: Duration = Duration::from_secs(60);

/// Wait after the daemon's first "too early": its clock is a little behind ours.
pub const TOO_EARLY_WAIT: Duration = Duration::from_secs(30);

/// Attempts without an answer until the state becomes `error`: the first and three more. Attempts go on.
pub const ATTEMPTS_MAX: u32 = 4;

/// Wait before the lock is asked for again, and before an unsaved token is written again.
pub const STORAGE_RETRY_WAIT: Duration = Duration::from_secs(5);

/// Longest wait for another process's lock. It holds the lock for one request, which is short unless the
/// daemon hangs; then waiting longer than this helps nobody.
pub const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);

/// How often the lock is tried during that wait.
pub const LOCK_POLL: Duration = Duration::from_millis(20);

/// Own deadline of the renewal request. Generous, because an answer that is not waited for is a token lost:
/// the daemon commits a renewal before it answers.
pub const RENEWAL_TIME_MAX: Duration = Duration::from_secs(30);

/// Deadline of the request that asks for the daemon's time.
pub const ASK_TIME_MAX: Duration = Duration::from_secs(5);

/// Least time between two questions for the daemon's time, when it did not answer.
pub const ASK_TIME_WAIT: Duration = Duration::from_secs(60);

/// Longest wait of a call for the file to be looked at, or for a renewal under way. Below the budgets of
/// clients, of which the shortest known is 60 s.
pub const RELOAD_WAIT_MAX: Duration = Duration::from_secs(20);

/// Longest wait for the published state at the very start: reading a file takes less than a millisecond, and a
/// daemon that hangs has nothing to say about it.
pub const SETTLE_WAIT_MAX: Duration = Duration::from_secs(1);

/// The daemon's `Date` counts whole seconds and travels: a smaller difference of the clocks is none. In
/// milliseconds.
pub const CLOCK_OFFSET_MIN_MS: i64 = 2_000;

/// If our two clocks moved by amounts that differ more than this, the machine was suspended or the wall clock
/// was set. In milliseconds.
pub const CLOCK_JUMP_MIN_MS: i64 = 2_000;

/// A renewal that lengthens the life by less than this part of it is the daemon clamping at the absolute
/// lifetime, in percent.
pub const GAIN_MIN_PERCENT: i64 = 5;

/// The same for lives of [`LONG_LIFE_MS`] and more, in milliseconds: below it the tail would be a storm.
pub const GAIN_MIN_MS: i64 = 30_000;

/// Lives from which on [`GAIN_MIN_MS`] counts, in milliseconds: the shortest the daemon hands out by itself.
pub const LONG_LIFE_MS: i64 = 300_000;

/// Once less than this part of the life is left, an unwritable file no longer holds a renewal back: part of
/// ten.
pub const LIFE_LEFT_UNPREPARED_DIVISOR: i64 = 10;

/// With little life left every wait shrinks to this part of it: part of four.
pub const LIFE_LEFT_WAIT_DIVISOR: i64 = 4;

/// Refused tokens that are remembered, so that they are not taken from the file again: the file's, the
/// environment's, and as many before them.
pub const REFUSED_TOKENS_MAX: usize = 4;

/// Age at which a temporary file of ours is rubbish, whoever left it. A write takes milliseconds.
pub const LEFTOVER_AGE_MAX: Duration = Duration::from_secs(5 * 60);

/// Directory entries looked at for leftovers: a data directory holds a handful.
pub const LEFTOVER_ENTRIES_MAX: usize = 10_000;

/// Attempts to put the temporary file in place, and the pause between them: a virus scanner or a slow network
/// file system lets go within that time.
pub const RENAME_ATTEMPTS_MAX: u32 = 3;

/// The pause between them.
pub const RENAME_PAUSE: Duration = Duration::from_millis(25);

/// How long the program's end waits for a renewal in flight: what its answer brings may exist nowhere else.
pub const SHUTDOWN_WAIT_MAX: Duration = Duration::from_secs(30);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const _: () = assert!(WAIT_MIN.as_millis() > 0, "a wait of zero is a hot loop");
const _: () = assert!(WAIT_MIN.as_millis() < TOO_EARLY_WAIT.as_millis());
const _: () = assert!(RETRY_WAIT.as_millis() <= WAIT_MAX.as_millis());
const _: () = assert!(LIFE_LEFT_AT_RENEWAL_PERCENT < 50, "the daemon refuses in the first half");
const _: () = assert!(NEW_TOKEN_BYTES_MAX < TOKEN_FILE_BYTES_MAX);
const _: () = assert!(LOCK_POLL.as_millis() < LOCK_WAIT_MAX.as_millis());
const _: () = assert!(LOCK_WAIT_MAX.as_millis() < RELOAD_WAIT_MAX.as_millis());
const _: () = assert!(RELOAD_WAIT_MAX.as_millis() < RENEWAL_TIME_MAX.as_millis());
