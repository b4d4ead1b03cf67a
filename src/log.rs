//! The log: one line on stderr for one event, `[waiaas-mcp:session] level=info event=renewal.succeeded …`.
//!
//! Used by every module that does something. What may be logged is decided by type: a value must be [`Loggable`], and
//! tokens, passwords and bodies are not. Somebody may read along ([`read_along`]), and gets the same events in pieces.
//! What commands say to people goes the same way ([`say`]), so that nothing in the program ever waits for stderr.

use std::fmt::{self, Write as _};
use std::panic;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::text::is_hidden;
use crate::time::Timestamp;

mod backlog;
mod sink;

/// How much a reader needs to see an event. Ordered: a lower one is shown wherever a higher one is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// Something does not work and a person has to act.
    Error,
    /// Something is odd and the program goes on.
    Warn,
    /// A change of state.
    Info,
    /// Each decision.
    Debug,
}

/// Which part of the program speaks; it is the prefix of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Area {
    /// `[waiaas-mcp]`: the server and the command line.
    Server,
    /// `[waiaas-mcp:session]`: the token and its renewal.
    Session,
    /// `[waiaas-mcp:api]`: requests to the daemon.
    Api,
}

/// What may stand in a log line. Deliberately not implemented for `String`, `&str` of unknown origin, tokens
/// or bodies: text from outside goes through [`Foreign`], which takes its teeth out.
pub trait Loggable {
    /// Writes the value. The caller quotes it where it needs quoting.
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result;
}

/// Text from outside (a code of the daemon, an operating system's message), made safe to print: control
/// characters and invisible ones become `?`, and at most [`FOREIGN_CHARS_MAX`] characters are shown.
pub struct Foreign<'a>(pub &'a str);

/// Longest piece of foreign text in a log line, in characters: enough for any code or message of an operating
/// system, too little for a body.
pub const FOREIGN_CHARS_MAX: usize = 120;

/// How long somebody who has said something waits for it to be read: a reader that reads at all does so within
/// milliseconds, and a person who waits for a command does not notice it.
const SETTLE_TIME_MAX: Duration = Duration::from_millis(250);

/// How every session token begins.
const TOKEN_PREFIX: &str = "wai_sess_";

/// The threshold. One for the process, set once at start from `WAIAAS_MCP_LOG`.
static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// One event, as somebody who reads along gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Who speaks.
    pub area: Area,
    /// How urgent it is.
    pub level: Level,
    /// What happened.
    pub name: &'static str,
    /// The fields as they stand in the line, without quotes.
    pub fields: Vec<(&'static str, String)>,
}

type Reader = Box<dyn Fn(Event) + Send>;

/// Who reads along. One for the process, like the threshold.
static READER: Mutex<Option<Reader>> = Mutex::new(None);

/// How many levels the reader wants, counted from the most urgent one.
static LEVELS_READ: AtomicU8 = AtomicU8::new(0);

/// Shows events of this level and the more urgent ones from now on.
pub fn set_threshold(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Hands events to `reader` too, once [`set_reading`] says which. It must neither wait nor log.
pub fn read_along(reader: impl Fn(Event) + Send + 'static) {
    *READER.lock() = Some(Box::new(reader));
}

/// Which events the reader gets: those of this level and the more urgent ones, whatever is shown; or none.
pub fn set_reading(level: Option<Level>) {
    LEVELS_READ.store(level.map_or(0, |level| level as u8 + 1), Ordering::Relaxed);
}

/// Writes one event, if its level is shown. Never waits: where nobody reads, lines are lost and counted, because the
/// log must never be a reason to stop serving.
pub fn event(area: Area, level: Level, name: &'static str, fields: &[(&'static str, &dyn Loggable)]) {
    if level as u8 <= THRESHOLD.load(Ordering::Relaxed) {
        sink::write(&line(area, level, name, fields));
    }
    if (level as u8) < LEVELS_READ.load(Ordering::Relaxed)
        && let Some(reader) = &*READER.lock()
    {
        let fields = fields.iter().map(|(key, value)| (*key, text_of(*value))).collect();
        reader(Event { area, level, name, fields });
    }
}

/// Writes lines for a person, and waits a little until they are there: what is printed to stdout afterwards comes after
/// them on a terminal too. They are lost if nobody reads.
pub fn say(text: &str) {
    sink::write(text);
    settle();
}

/// Gives what was logged a little time to be written: the program is about to end.
pub fn settle() {
    sink::settle(SETTLE_TIME_MAX);
}

/// From now on a panic is one line in the log that says where it happened, and not what with: a panic's message
/// may quote anything.
pub fn panics_by_place() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        event(Area::Server, Level::Error, "panic", &[("at", &Foreign(&place.unwrap_or_default()))]);
    }));
}

fn text_of(value: &dyn Loggable) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail; a failing value is shown as far as it came.
    let _ = value.write(&mut text);
    text
}

fn line(area: Area, level: Level, name: &'static str, fields: &[(&'static str, &dyn Loggable)]) -> String {
    let mut line = format!("[{}] level={} event={name}", area.name(), level.name());
    for (key, value) in fields {
        let text = text_of(*value);
        let quoted = text.is_empty() || text.contains([' ', '"', '=']);
        let _ = if quoted { write!(line, " {key}={text:?}") } else { write!(line, " {key}={text}") };
    }
    line.push('\n');
    line
}

impl Area {
    /// The name in front of each line.
    pub fn name(self) -> &'static str {
        match self {
            Area::Server => "waiaas-mcp",
            Area::Session => "waiaas-mcp:session",
            Area::Api => "waiaas-mcp:api",
        }
    }
}

impl Level {
    /// All levels, most urgent first.
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// The word used in `WAIAAS_MCP_LOG` and in the lines.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Text of the program's own source: always safe.
impl Loggable for &'static str {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        f.write_str(self)
    }
}

impl Loggable for Foreign<'_> {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let printable = |c: char| if is_hidden(c) { '?' } else { c };
        // A daemon that quotes a token does not get it into the log.
        let without_token = self.0.split(TOKEN_PREFIX).next().unwrap_or_default();
        without_token.chars().take(FOREIGN_CHARS_MAX).try_for_each(|c| f.write_char(printable(c)))?;
        if without_token.len() < self.0.len() { f.write_str("[token]") } else { Ok(()) }
    }
}

impl Loggable for Path {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        // A path is not cut: a person has to find the file.
        let printable = |c: char| if is_hidden(c) { '?' } else { c };
        self.to_string_lossy().chars().try_for_each(|c| f.write_char(printable(c)))
    }
}

impl Loggable for std::path::PathBuf {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        self.as_path().write(f)
    }
}

/// Whole seconds and milliseconds, `12.5s`.
impl Loggable for Duration {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "{}s", self.as_millis() as f64 / 1000.0)
    }
}

macro_rules! loggable_by_display {
    ($($kind:ty),*) => {$(
        impl Loggable for $kind {
            fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    )*};
}
loggable_by_display!(bool, u8, u16, u32, u64, usize, i64, Timestamp);

impl<T: Loggable> Loggable for Option<T> {
    fn write(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            Some(value) => value.write(f),
            None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_area_level_event_and_fields() {
        let at = Timestamp::from_unix_seconds(1_795_330_449);
        let wait = Duration::from_millis(1500);
        let line = line(
            Area::Session,
            Level::Info,
            "renewal.scheduled",
            &[("at", &at), ("in", &wait), ("why", &"the token is young"), ("none", &None::<u64>)],
        );
        assert_eq!(
            line,
            "[waiaas-mcp:session] level=info event=renewal.scheduled at=2026-11-22T06:54:09Z in=1.5s \
             why=\"the token is young\" none=none\n"
        );
    }

    #[test]
    fn somebody_who_reads_along_gets_what_was_asked_for_whatever_is_shown() {
        /// Of this test alone, among all that other tests of this process log meanwhile.
        const NAME: &str = "test.read_along";
        let (sender, receiver) = std::sync::mpsc::channel();
        read_along(move |event| {
            let _ = sender.send(event);
        });
        let log = |level| event(Area::Api, level, NAME, &[("why", &"a b"), ("none", &None::<u64>)]);
        let read = || receiver.try_iter().filter(|event| event.name == NAME).collect::<Vec<_>>();
        log(Level::Error);
        assert!(read().is_empty(), "nobody has asked");
        set_reading(Some(Level::Debug));
        log(Level::Debug);
        let fields = vec![("why", "a b".to_owned()), ("none", "none".to_owned())];
        assert_eq!(read(), [Event { area: Area::Api, level: Level::Debug, name: NAME, fields }]);
        set_reading(Some(Level::Warn));
        log(Level::Info);
        log(Level::Error);
        assert_eq!(read().len(), 1);
        set_reading(None);
        log(Level::Error);
        assert!(read().is_empty());
    }

    #[test]
    fn a_token_that_the_daemon_quotes_is_not_logged() {
        let line = line(Area::Api, Level::Warn, "odd", &[("code", &Foreign("bad wai_sess_a.b.c here"))]);
        assert!(line.ends_with("code=\"bad [token]\"\n"), "{line}");
    }

    #[test]
    fn text_from_outside_can_neither_forge_a_line_nor_colour_a_terminal_nor_fill_it() {
        let hostile = format!("x\n[waiaas-mcp] level=error\u{1b}[31m\u{202e}{}", "y".repeat(10_000));
        let line = line(Area::Api, Level::Warn, "odd", &[("code", &Foreign(&hostile))]);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line}");
        assert!(line.len() < 2 * FOREIGN_CHARS_MAX + 100, "{}", line.len());
    }
}
