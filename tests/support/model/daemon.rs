//! The model daemon: sessions, renewals in the real one's order of checks, its own clock, two secrets, a kill
//! switch. Its ledger judges who lost what.

use std::collections::BTreeMap;
use std::time::Duration;

use waiaas_mcp::session::Session;
use waiaas_mcp::session::answers::RenewalAnswer;
use waiaas_mcp::time::Timestamp;

use super::GENESIS_MS;

/// Tokens of the former secret go on working for this long.
const FORMER_SECRET_MS: i64 = 5 * 60_000;

/// One session at the daemon.
pub(crate) struct Row {
    pub(crate) newest: Session,
    ttl_s: i64,
    absolute_end_s: Option<i64>,
    pub(crate) max_renewals: Option<u32>,
    renewals: u32,
    pub(crate) revoked: bool,
}

struct Issued {
    id: String,
    iat_s: i64,
    exp_s: Option<i64>,
    secret: u32,
}

/// What the daemon saw.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) requests: u64,
    pub(crate) granted: u64,
    pub(crate) too_early: u64,
    pub(crate) mismatched: u64,
}

pub(crate) struct Daemon {
    pub(crate) is_up: bool,
    /// Its clock runs this far ahead of true time, and gains so many millionths.
    pub(crate) clock_ahead_ms: i64,
    pub(crate) clock_gains_ppm: i64,
    /// Whether its answers carry a `Date` header.
    pub(crate) sends_dates: bool,
    /// The kill switch is on until this true time.
    pub(crate) locked_until_ms: i64,
    pub(crate) ledger: Ledger,
    pub(crate) rows: BTreeMap<String, Row>,
    issued: BTreeMap<String, Issued>,
    secret: u32,
    secret_since_ms: i64,
    ttl_s: Option<i64>,
    limits: (Option<i64>, Option<u32>),
}

impl Daemon {
    /// `ttl_s`: `None` for unlimited sessions. `limits`: absolute lifetime in seconds, renewals.
    pub(crate) fn new(ttl_s: Option<i64>, limits: (Option<i64>, Option<u32>)) -> Daemon {
        Daemon {
            is_up: true,
            clock_ahead_ms: 0,
            clock_gains_ppm: 0,
            sends_dates: true,
            locked_until_ms: 0,
            ledger: Ledger::default(),
            rows: BTreeMap::new(),
            issued: BTreeMap::new(),
            secret: 0,
            secret_since_ms: i64::MIN / 2,
            ttl_s,
            limits,
        }
    }

    fn clock_ms(&self, true_ms: i64) -> i64 {
        true_ms + self.clock_ahead_ms + (true_ms - GENESIS_MS) / 1_000 * self.clock_gains_ppm / 1_000
    }

    fn clock_s(&self, true_ms: i64) -> i64 {
        self.clock_ms(true_ms).div_euclid(1000)
    }

    pub(crate) fn date(&self, true_ms: i64) -> Option<Timestamp> {
        self.sends_dates.then(|| Timestamp::from_unix_seconds(self.clock_s(true_ms)))
    }

    fn issue(&mut self, true_ms: i64, id: &str, iat_s: i64, exp_s: Option<i64>) -> Session {
        let text = format!("{}{}", crate::support::token(id, iat_s, exp_s), self.issued.len());
        let session = Session::parse(&text, Timestamp::from_unix_millis(self.clock_ms(true_ms))).unwrap();
        self.issued.insert(text, Issued { id: id.to_owned(), iat_s, exp_s, secret: self.secret });
        session
    }

    pub(crate) fn new_session(&mut self, true_ms: i64) -> Session {
        let id = format!("session-{}", self.rows.len());
        let now_s = self.clock_s(true_ms);
        let absolute_end_s = self.limits.0.map(|lifetime| now_s + lifetime);
        let exp_s = self.ttl_s.map(|ttl| absolute_end_s.map_or(now_s + ttl, |end| end.min(now_s + ttl)));
        let newest = self.issue(true_ms, &id, now_s, exp_s);
        let row = Row {
            newest: newest.clone(),
            ttl_s: exp_s.map_or(0, |exp| exp - now_s),
            absolute_end_s,
            max_renewals: self.limits.1,
            renewals: 0,
            revoked: false,
        };
        self.rows.insert(id, row);
        newest
    }

    /// A copy of the session's newest token: it works, has the same end, and cannot be renewed.
    pub(crate) fn reissue(&mut self, true_ms: i64, id: &str) -> Option<Session> {
        let now_s = self.clock_s(true_ms);
        let exp_s = self.rows.get(id)?.newest.expires_at()?.unix_seconds();
        (exp_s > now_s).then(|| self.issue(true_ms, id, now_s, Some(exp_s)))
    }

    pub(crate) fn rotate_secret(&mut self, true_ms: i64) {
        self.secret += 1;
        self.secret_since_ms = true_ms;
    }

    /// The kill switch revokes every session there is.
    pub(crate) fn pull_kill_switch(&mut self, until_ms: i64) {
        self.locked_until_ms = until_ms;
        self.rows.values_mut().for_each(|row| row.revoked = true);
    }

    pub(crate) fn is_locked(&self, true_ms: i64) -> bool {
        true_ms < self.locked_until_ms
    }

    /// Whether an ordinary route accepts this token now.
    pub(crate) fn accepts(&self, true_ms: i64, session: &Session) -> bool {
        let Some(issued) = self.issued.get(session.token().expose()) else { return false };
        let is_signed = issued.secret == self.secret
            || (issued.secret + 1 == self.secret && true_ms < self.secret_since_ms + FORMER_SECRET_MS);
        is_signed
            && issued.exp_s.is_none_or(|exp| self.clock_s(true_ms) < exp)
            && !self.rows[&issued.id].revoked
    }

    /// The checks in the real daemon's order.
    pub(crate) fn renew(&mut self, true_ms: i64, session: &Session) -> RenewalAnswer {
        self.ledger.requests += 1;
        if self.is_locked(true_ms) {
            return RenewalAnswer::Unavailable { retry_after: None, counts: false };
        }
        if !self.accepts(true_ms, session) {
            return RenewalAnswer::Refused;
        }
        let now_s = self.clock_s(true_ms);
        let row = &self.rows[session.id()];
        let Some(&Issued { iat_s, exp_s: Some(exp_s), .. }) = self.issued.get(session.token().expose())
        else {
            return RenewalAnswer::NotRequired;
        };
        if row.newest.token() != session.token() {
            self.ledger.mismatched += 1;
            return RenewalAnswer::Superseded;
        }
        if row.max_renewals.is_some_and(|max| row.renewals >= max)
            || row.absolute_end_s.is_some_and(|end| now_s >= end)
        {
            return RenewalAnswer::Exhausted;
        }
        let ttl = exp_s - iat_s;
        if (now_s - iat_s) * 2 < ttl {
            self.ledger.too_early += 1;
            return RenewalAnswer::TooEarly;
        }
        let new_exp = row.absolute_end_s.map_or(now_s + ttl, |end| end.min(now_s + ttl));
        let new = self.issue(true_ms, session.id(), now_s, Some(new_exp));
        self.ledger.granted += 1;
        let row = self.rows.get_mut(session.id()).unwrap();
        row.newest = new.clone();
        row.ttl_s = ttl;
        row.renewals += 1;
        RenewalAnswer::Granted(new)
    }

    pub(crate) fn is_newest(&self, session: &Session) -> bool {
        self.rows.get(session.id()).is_some_and(|row| row.newest.token() == session.token())
    }

    /// Whether it would renew this token, when the time comes, and that for several cycles yet.
    pub(crate) fn is_renewable(&self, true_ms: i64, session: &Session) -> bool {
        let Some(row) = self.rows.get(session.id()) else { return false };
        let is_of_present_secret =
            self.issued.get(session.token().expose()).is_some_and(|issued| issued.secret == self.secret);
        self.accepts(true_ms, session)
            && is_of_present_secret
            && self.is_newest(session)
            && row.max_renewals.is_none_or(|max| row.renewals < max)
            && row.absolute_end_s.is_none_or(|end| self.clock_s(true_ms) + row.ttl_s * 2 < end)
    }
}

/// An answer that says "not now".
pub(crate) fn unavailable(retry_after_s: Option<u64>) -> RenewalAnswer {
    RenewalAnswer::Unavailable { retry_after: retry_after_s.map(Duration::from_secs), counts: true }
}
