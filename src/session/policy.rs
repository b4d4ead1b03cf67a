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

/// The same as a time to wait.
pub const LIFE_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

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

/// Shortest wait for it, near the token's end.
pub const LOCK_WAIT_MIN: Duration = Duration::from_millis(100);

/// How often the lock is tried during that wait.
pub const LOCK_POLL: Duration = Duration::from_millis(20);

/// How long nothing is heard of a renewal request until another one is sent beside it. It is not given up: the daemon
/// commits a renewal before it answers, so an answer that is not waited for is a token lost.
pub const SILENCE_MAX: Duration = Duration::from_secs(30);

/// The same near the token's end, at least: a healthy daemon answers within milliseconds, a loaded one within a second.
pub const SILENCE_MIN: Duration = Duration::from_secs(2);

/// With little life left that silence shrinks to this part of it: part of three, so that two more can follow.
pub const LIFE_LEFT_SILENCE_DIVISOR: u32 = 3;

/// Renewal requests of one token that are unanswered at a time. The daemon grants one of them; more would only be more of
/// the same.
pub const IN_FLIGHT_MAX: usize = 4;

/// When a request that was sent beside another is given up. The first is not, because a daemon that goes on carries it out
/// first; but connections whose other end is gone without a word must not fill all places for the months of a long token.
pub const BESIDE_TIME_MAX: Duration = Duration::from_secs(600);

/// How long an answer is waited for beyond the end of the token that was to be renewed. The daemon may have renewed it in
/// time, and what it answers then is the session's only token.
pub const AFTER_END_MAX: Duration = Duration::from_secs(30);

/// How often people are told that an answer is still being waited for.
pub const WAITING_TOLD_EVERY: Duration = Duration::from_secs(60);

/// Deadline of a renewal that cannot have a thread of its own, and so holds the worker up.
pub const RENEWAL_INLINE_TIME_MAX: Duration = Duration::from_secs(30);

/// Deadline of the request that asks for the daemon's time.
pub const ASK_TIME_MAX: Duration = Duration::from_secs(5);

/// Samples of the daemon's time taken in a row: one, and another that confirms what contradicts our own clock; a third
/// where the first two differ.
pub const ASK_TIME_SAMPLES_MAX: u32 = 3;

/// Least time between two questions for the daemon's time that did not settle it, and between two measurements of a
/// difference on which something depends.
pub const ASK_TIME_WAIT: Duration = Duration::from_secs(60);

/// The same after a question that settled it: a new doubt is looked into soon, and a daemon whose every answer has another
/// `Date` is not asked all the time.
pub const ASK_TIME_AGAIN_WAIT: Duration = Duration::from_secs(5);

/// Deadline of the request that asks whether a token is accepted. A call may be waiting for it.
pub const INTROSPECTION_TIME_MAX: Duration = Duration::from_secs(5);

/// Least time between two such questions about a refused token, however often calls want to know: the contract's number.
pub const INTROSPECTION_WAIT: Duration = Duration::from_secs(5);

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

/// Lives whose last tenth is so short that two looks hardly fit into it, in milliseconds. Only tests have such tokens.
pub const SHORT_LIFE_MS: i64 = 20_000;

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

/// How long after its first breakdown the worker is started again. Each further one doubles it.
pub const RESTART_WAIT_MIN: Duration = Duration::from_secs(1);

/// The longest such wait; one that has worked for longer begins anew with the shortest.
pub const RESTART_WAIT_MAX: Duration = Duration::from_secs(60);

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
const _: () = assert!(RELOAD_WAIT_MAX.as_millis() < SILENCE_MAX.as_millis());
const _: () = assert!(WAIT_MIN.as_millis() < SILENCE_MIN.as_millis());
const _: () = assert!(SILENCE_MIN.as_millis() < SILENCE_MAX.as_millis());
