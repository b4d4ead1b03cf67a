//! `demo`: a show for a newcomer. It starts a sandbox daemon with short-lived tokens and this very program as
//! its client's server, over real pipes, and tells what happens: a renewal, a token replaced behind its back,
//! an outage.
//!
//! Used by the command line. Everything shown has happened: a step that does not happen ends the demo with
//! exit code 1. It does not look into the server: it knows what a client and an operator can see. Interrupted, it takes
//! everything away that it has made.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use super::arguments::Input;
use super::signals::{self, Stop};
use super::{Failure, output};
use crate::config::Config;
use crate::sandbox::{self, Sandbox, SessionLimits};
use crate::time::{Clock as _, SystemClock};

mod client;

use client::{Client, Outcome};

/// Life of the demo's tokens, in seconds: real ones live for days; a viewer has half a minute.
const TOKEN_LIFE_S: u64 = 5;

/// Longest wait for any one step: two lives.
const STEP_TIME_MAX: Duration = Duration::from_secs(10);

/// Pause between two of the calls that go on all the time.
const CALL_PAUSE: Duration = Duration::from_millis(200);

/// How long the daemon is away: past the time at which the token is due.
const OUTAGE: Duration = Duration::from_millis(3_500);

/// Renewals that are waited for at first.
const RENEWALS_SHOWN: usize = 2;

pub(super) fn run(_input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    let stop = signals::stop_requests()?;
    let played = play(&stop);
    if played.is_err() && stop.is_requested() {
        // By now server, daemon and directory are gone.
        return Ok(stop.end());
    }
    played
}

fn play(stop: &Stop) -> Result<ExitCode, Failure> {
    let sandbox =
        Sandbox::start(sandbox::Options { ttl_s: Some(TOKEN_LIFE_S), ..sandbox::Options::default() })
            .map_err(|error| failed(&format!("the sandbox daemon did not start: {error}")))?;
    let mut show = Show { clock: SystemClock::start(), sandbox, calls: 0 };
    show.introduce()?;
    let mut client =
        Client::start(&show.sandbox, stop).map_err(|error| failed(&format!("no server: {error}")))?;
    show.greet(&mut client)?;
    show.renewals(&mut client)?;
    show.replaced_token(&mut client)?;
    show.outage(&mut client)?;
    show.farewell(client)?;
    Ok(ExitCode::SUCCESS)
}

/// The stage: where things happen, and since when.
struct Show {
    clock: SystemClock,
    sandbox: Sandbox,
    calls: u32,
}

impl Show {
    fn introduce(&self) -> Result<(), Failure> {
        output::print(
            "A WAIaaS wallet gives an AI agent a session token that expires. Watch a server that never loses it.\n",
        )?;
        self.chapter("a sandbox wallet daemon and its token (no real daemon, no money)")?;
        self.tell(&format!("the daemon listens on {}", self.sandbox.base_url()))?;
        self.tell(&format!("its token lives for {TOKEN_LIFE_S} s, a real one for days, and stands in a file"))
    }

    fn greet(&mut self, client: &mut Client) -> Result<(), Failure> {
        self.chapter("an MCP client starts `waiaas-mcp serve` and talks to it over its pipes")?;
        let before = self.clock.now().mono;
        let initialized = client.initialize(STEP_TIME_MAX).map_err(|what| failed(&what))?;
        let after = self.clock.now().mono.saturating_sub(before);
        self.tell(&format!("initialize   {initialized}, answered {} ms after its start", after.as_millis()))?;
        let tools = client.count_tools(STEP_TIME_MAX).map_err(|what| failed(&what))?;
        self.tell(&format!("tools/list   {tools} tools"))?;
        let balance = self.call(client)?;
        self.tell(&format!("get_balance  {}", balance.shown()))?;
        match balance {
            Outcome::Result(_) => Ok(()),
            other => Err(failed(&format!("get_balance was answered {}", other.shown()))),
        }
    }

    fn renewals(&mut self, client: &mut Client) -> Result<(), Failure> {
        self.chapter("the token is renewed at 60 % of its life, while calls go on")?;
        for number in 1..=RENEWALS_SHOWN {
            self.call_until(client, "renewal.succeeded", true)?;
            let in_file = std::fs::read_to_string(self.sandbox.token_file()).unwrap_or_default();
            if !self.sandbox.ledger().is_newest(&in_file) {
                return Err(failed("the token file does not hold the daemon's newest token"));
            }
            self.tell(&format!(
                "renewal {number}: the new token is in the file; {} calls so far, none failed",
                self.calls
            ))?;
        }
        Ok(())
    }

    fn replaced_token(&mut self, client: &mut Client) -> Result<(), Failure> {
        self.chapter("an operator revokes the session and puts another token into the file")?;
        let refused_before = self.sandbox.ledger().tally.calls_refused;
        self.revoke_all();
        let limits = SessionLimits { ttl_s: Some(TOKEN_LIFE_S), ..SessionLimits::default() };
        let issued = self.sandbox.new_session(limits);
        self.sandbox
            .replace_token_file(&issued.token)
            .map_err(|error| failed(&format!("the token file could not be replaced: {error}")))?;
        let outcome = self.call(client)?;
        let refused = self.sandbox.ledger().tally.calls_refused.saturating_sub(refused_before);
        self.tell(&format!("get_balance  {}", outcome.shown()))?;
        match outcome {
            Outcome::Result(_) if refused == 1 => self.tell(
                "the daemon answered 401; the call looked at the file, found the new token, and succeeded",
            ),
            Outcome::Result(_) => {
                Err(failed(&format!("{refused} calls were refused where one was expected")))
            }
            other => Err(failed(&format!("the call that met the 401 ended as {}", other.shown()))),
        }
    }

    fn outage(&mut self, client: &mut Client) -> Result<(), Failure> {
        self.chapter("the daemon goes away, just when the token is to be renewed")?;
        self.call_until(client, "renewal.succeeded", true)?;
        self.sandbox.go_down();
        let back_at = self.clock.now().mono.saturating_add(OUTAGE);
        let mut unavailable = 0;
        while self.clock.now().mono < back_at {
            match self.call(client)? {
                Outcome::Unavailable => unavailable += 1,
                other => return Err(failed(&format!("a call without a daemon ended as {}", other.shown()))),
            }
            client.pause(CALL_PAUSE);
        }
        self.tell(&format!(
            "{unavailable} calls said at once that the daemon is unavailable; the server stays"
        ))?;
        self.sandbox
            .come_back()
            .map_err(|error| failed(&format!("the daemon did not come back: {error}")))?;
        let outcome = self.call(client)?;
        self.tell(&format!("the daemon is back: get_balance  {}", outcome.shown()))?;
        if !matches!(outcome, Outcome::Result(_)) {
            return Err(failed("the first call after the outage did not succeed"));
        }
        self.call_until(client, "renewal.succeeded", true)?;
        self.tell("the renewal that the outage held up was made good")
    }

    fn farewell(&mut self, client: Client) -> Result<(), Failure> {
        self.chapter("the client closes the pipe")?;
        let memory = client.memory_mb();
        let renewals = self.sandbox.ledger().tally.renewals_granted;
        let before = self.clock.now().mono;
        client.end(STEP_TIME_MAX).map_err(|what| failed(&what))?;
        let after = self.clock.now().mono.saturating_sub(before);
        self.tell(&format!("the server ended {} ms later, with exit code 0", after.as_millis()))?;
        let memory = memory.map(|mb| format!(", {mb:.1} MB of memory")).unwrap_or_default();
        output::print(&format!(
            "\n{} calls, {renewals} renewals, one replaced token, one outage: no token lost, no restart{memory}.\n\
             Try it by hand:  waiaas-mcp serve --sandbox   in your MCP client's configuration.\n",
            self.calls
        ))
    }

    /// Calls on and on until the server reports `event`. With `must_succeed` every call on the way must.
    fn call_until(&mut self, client: &mut Client, event: &str, must_succeed: bool) -> Result<(), Failure> {
        let deadline = self.clock.now().mono.saturating_add(STEP_TIME_MAX);
        client.forget_events();
        while !client.has_told(event) {
            let outcome = self.call(client)?;
            if must_succeed && !matches!(outcome, Outcome::Result(_)) {
                return Err(failed(&format!("a call ended as {}", outcome.shown())));
            }
            if self.clock.now().mono > deadline {
                return Err(failed(&format!("{event} was not seen within {} s", STEP_TIME_MAX.as_secs())));
            }
            client.pause(CALL_PAUSE);
        }
        Ok(())
    }

    fn call(&mut self, client: &mut Client) -> Result<Outcome, Failure> {
        self.calls += 1;
        client.get_balance(STEP_TIME_MAX).map_err(|what| failed(&what))
    }

    fn revoke_all(&self) {
        for session in self.sandbox.ledger().sessions {
            self.sandbox.revoke(&session.id);
        }
    }

    fn chapter(&self, title: &str) -> Result<(), Failure> {
        output::print(&format!("\n{title}\n"))
    }

    fn tell(&self, line: &str) -> Result<(), Failure> {
        let passed = self.clock.now().mono.as_secs_f64();
        output::print(&format!("  {passed:6.2} s  {line}\n"))
    }
}

fn failed(what: &str) -> Failure {
    Failure {
        what: format!("the demo failed: {what}"),
        advice: "Run it again with WAIAAS_MCP_LOG=debug, and report what it prints.".to_owned(),
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        failed(&error.to_string())
    }
}
