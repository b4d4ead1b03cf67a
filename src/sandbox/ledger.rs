//! The book of sessions: who may speak, what a renewal answers, what the kill switch takes away.
//!
//! Bug for bug as the daemon's contract has it (sections 3 to 6). Pure: every function is told what time it is.
//! Refuses to know HTTP and what the routes do.

use super::clock::Moment;
use super::digests::sha256;
use super::ids::Ids;
use super::rates::{RateLimits, Window};
use super::refusals::*;
use super::tokens::{Claims, PREFIX, Secret, sign, verify};

/// How long tokens of the former secret go on being accepted after a rotation, in milliseconds.
const FORMER_SECRET_MS: i64 = 300_000;

/// How often the daemon deletes expired sessions, in milliseconds.
const SWEEP_EVERY_MS: i64 = 60_000;

/// Active sessions one wallet may have (`max_sessions_per_wallet`; the most the daemon's setting allows).
const SESSIONS_PER_WALLET_MAX: usize = 50;

/// What a new session is to be.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Ids of the wallets, not empty; the first is the session's own.
    pub(super) wallets: Vec<String>,
    /// Life of each token in seconds; none = unlimited.
    pub(super) ttl_s: Option<u64>,
    /// 0 = no limit.
    pub(super) max_renewals: u32,
    /// Seconds; 0 = none.
    pub(super) absolute_lifetime_s: u64,
    /// `api` or `mcp`.
    pub(super) source: &'static str,
}

/// A row of the book. Times are Unix seconds, 0 = none.
pub(super) struct Session {
    pub(super) id: String,
    pub(super) terms: Terms,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
    pub(super) absolute_end: i64,
    pub(super) renewal_count: u32,
    pub(super) last_renewed_at: Option<i64>,
    /// `iat` of the token whose hash is stored.
    pub(super) issued_at: i64,
    pub(super) token_hash: [u8; 32],
    pub(super) tokens_issued: u32,
    pub(super) revoked: bool,
    /// The row was deleted after its end. It is kept here so that tests can look back at it.
    pub(super) deleted: bool,
    requests: Window,
    sends: Window,
}

/// Whom a valid token speaks for.
pub(super) struct Caller {
    /// Place of the session in the book.
    pub(super) session: usize,
    claims: Claims,
    token_hash: [u8; 32],
}

/// A token just issued.
pub(super) struct Issued {
    pub(super) session: usize,
    pub(super) token: String,
}

/// The book.
pub(super) struct Ledger {
    pub(super) sessions: Vec<Session>,
    pub(super) limits: RateLimits,
    /// When the kill switch was thrown, Unix seconds.
    pub(super) locked_at: Option<i64>,
    secret: Secret,
    former_secret: Option<(Secret, Moment)>,
    address_requests: Window,
    swept_at: Option<Moment>,
}

impl Ledger {
    /// An empty book.
    pub(super) fn new(secret: Secret) -> Ledger {
        Ledger {
            sessions: Vec::new(),
            limits: RateLimits::default(),
            locked_at: None,
            secret,
            former_secret: None,
            address_requests: Window::default(),
            swept_at: None,
        }
    }

    /// Opens a session on any terms: what may not be asked for over HTTP is checked there.
    pub(super) fn create(&mut self, terms: Terms, ids: &mut Ids, now: Moment) -> Issued {
        let created_at = now.seconds();
        let end = |span: u64| created_at.saturating_add(i64::try_from(span).unwrap_or(i64::MAX));
        let id = ids.uuid(now);
        let expires_at = terms.ttl_s.map(end);
        let claims = Claims { session_id: id.clone(), issued_at: created_at, expires_at };
        let token = sign(&claims, &self.secret);
        self.sessions.push(Session {
            id,
            created_at,
            expires_at: expires_at.unwrap_or(0),
            absolute_end: if terms.absolute_lifetime_s == 0 { 0 } else { end(terms.absolute_lifetime_s) },
            renewal_count: 0,
            last_renewed_at: None,
            issued_at: created_at,
            token_hash: sha256(token.as_bytes()),
            tokens_issued: 1,
            revoked: false,
            deleted: false,
            requests: Window::default(),
            sends: Window::default(),
            terms,
        });
        Issued { session: self.sessions.len() - 1, token }
    }

    /// Whether the wallet may have one more session.
    pub(super) fn has_room(&self, wallet_id: &str, now: Moment) -> Result<(), Refusal> {
        let held = self.active(now).filter(|session| session.terms.wallets.iter().any(|id| id == wallet_id));
        if held.count() < SESSIONS_PER_WALLET_MAX {
            return Ok(());
        }
        let message =
            format!("Wallet {wallet_id} has reached session limit (max: {SESSIONS_PER_WALLET_MAX})");
        Err(Refusal::new(SESSION_LIMIT_EXCEEDED).saying(message))
    }

    /// The sessions that are neither revoked nor past their end.
    pub(super) fn active(&self, now: Moment) -> impl Iterator<Item = &Session> {
        let now = now.seconds();
        self.sessions
            .iter()
            .filter(move |session| !session.revoked && (session.expires_at == 0 || now < session.expires_at))
    }

    /// The place of a session that was not deleted.
    pub(super) fn find(&self, id: &str) -> Result<usize, Refusal> {
        let place = self.sessions.iter().rposition(|session| session.id == id && !session.deleted);
        place.ok_or_else(|| Refusal::new(SESSION_NOT_FOUND))
    }

    /// Checks the value of an Authorization header: prefix, signature, exp, row, revoked, in this order. The
    /// hash is not compared: every token of a session works until its own exp.
    pub(super) fn authenticate(&self, authorization: Option<&str>, now: Moment) -> Result<Caller, Refusal> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let Some(token) = token.filter(|token| token.starts_with(PREFIX)) else {
            let message = "Missing or invalid Authorization header. Expected: Bearer wai_sess_<token>";
            return Err(Refusal::new(INVALID_TOKEN).saying(message));
        };
        let former = self.former_secret.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        let secrets: Vec<&Secret> = std::iter::once(&self.secret).chain(former).collect();
        let claims = verify(token, &secrets).ok_or_else(|| Refusal::new(INVALID_TOKEN))?;
        // Whole seconds, no leeway: good in the second before exp, refused in the second of exp.
        if claims.expires_at.is_some_and(|expires_at| now.seconds() >= expires_at) {
            return Err(Refusal::new(TOKEN_EXPIRED));
        }
        let session = self.find(&claims.session_id)?;
        if self.sessions[session].revoked {
            return Err(Refusal::new(SESSION_REVOKED));
        }
        Ok(Caller { session, claims, token_hash: sha256(token.as_bytes()) })
    }

    /// Renews the caller's session: id match, unlimited, hash, renewal limit, absolute end, half of the life.
    pub(super) fn renew(&mut self, id: &str, caller: &Caller, now: Moment) -> Result<Issued, Refusal> {
        let session = &mut self.sessions[caller.session];
        if session.id != id {
            return Err(Refusal::new(SESSION_NOT_FOUND).saying("Cannot renew a different session"));
        }
        let Some(presented_end) = caller.claims.expires_at.filter(|_| session.expires_at != 0) else {
            return Err(Refusal::new(RENEWAL_NOT_REQUIRED));
        };
        if caller.token_hash != session.token_hash {
            return Err(Refusal::new(SESSION_RENEWAL_MISMATCH));
        }
        if session.terms.max_renewals > 0 && session.renewal_count >= session.terms.max_renewals {
            return Err(Refusal::new(RENEWAL_LIMIT_REACHED));
        }
        let now_s = now.seconds();
        if session.absolute_end != 0 && now_s >= session.absolute_end {
            return Err(Refusal::new(SESSION_ABSOLUTE_LIFETIME_EXCEEDED));
        }
        // The life of the token presented, so a clamped token renews into tokens that are ever shorter.
        let ttl = presented_end.saturating_sub(caller.claims.issued_at);
        if now_s.saturating_sub(caller.claims.issued_at).saturating_mul(2) < ttl {
            return Err(Refusal::new(RENEWAL_TOO_EARLY));
        }
        let end = now_s.saturating_add(ttl);
        session.expires_at = if session.absolute_end == 0 { end } else { end.min(session.absolute_end) };
        session.issued_at = now_s;
        session.last_renewed_at = Some(now_s);
        session.renewal_count = session.renewal_count.saturating_add(1);
        session.tokens_issued = session.tokens_issued.saturating_add(1);
        let claims =
            Claims { session_id: session.id.clone(), issued_at: now_s, expires_at: Some(session.expires_at) };
        let token = sign(&claims, &self.secret);
        session.token_hash = sha256(token.as_bytes());
        Ok(Issued { session: caller.session, token })
    }

    /// Another token of a session: same end, stored hash unchanged, so that the copy can never be renewed.
    pub(super) fn reissue(&mut self, id: &str, now: Moment) -> Result<Issued, Refusal> {
        let place = self.find(id)?;
        let session = &mut self.sessions[place];
        if session.revoked {
            return Err(Refusal::new(SESSION_REVOKED));
        }
        session.tokens_issued = session.tokens_issued.saturating_add(1);
        let expires_at = (session.expires_at != 0).then_some(session.expires_at);
        let claims = Claims { session_id: session.id.clone(), issued_at: now.seconds(), expires_at };
        Ok(Issued { session: place, token: sign(&claims, &self.secret) })
    }

    /// Revokes a session; says whether it already was.
    pub(super) fn revoke(&mut self, id: &str) -> Result<bool, Refusal> {
        let place = self.find(id)?;
        Ok(std::mem::replace(&mut self.sessions[place].revoked, true))
    }

    /// Signs with a new secret from now on. Tokens of the old one work five more minutes.
    pub(super) fn rotate_secret(&mut self, secret: Secret, now: Moment) -> Result<(), Refusal> {
        if self.former_secret.as_ref().is_some_and(|(_, until)| now < *until) {
            return Err(Refusal::new("ROTATION_TOO_RECENT"));
        }
        let former = std::mem::replace(&mut self.secret, secret);
        self.former_secret = Some((former, Moment(now.0.saturating_add(FORMER_SECRET_MS))));
        Ok(())
    }

    /// Throws the kill switch: everything is locked, every session revoked for good.
    pub(super) fn lock(&mut self, now: Moment) -> Result<(), Refusal> {
        if self.locked_at.is_some() {
            return Err(Refusal::new("KILL_SWITCH_ACTIVE"));
        }
        self.locked_at = Some(now.seconds());
        for session in &mut self.sessions {
            session.revoked = true;
        }
        Ok(())
    }

    /// Ends the kill switch. The sessions stay revoked.
    pub(super) fn recover(&mut self) -> Result<(), Refusal> {
        match self.locked_at.take() {
            Some(_) => Ok(()),
            None => Err(Refusal::new("KILL_SWITCH_NOT_ACTIVE")),
        }
    }

    /// Counts a request of this machine.
    pub(super) fn admit_address(&mut self, now: Moment) -> Result<(), Refusal> {
        limited(self.address_requests.admit(self.limits.address, now), "IP")
    }

    /// Counts a request of a session, and a transaction or action where it is one.
    pub(super) fn admit_session(&mut self, place: usize, sends: bool, now: Moment) -> Result<(), Refusal> {
        let session = &mut self.sessions[place];
        limited(session.requests.admit(self.limits.session, now), "Session")?;
        if sends {
            limited(session.sends.admit(self.limits.transactions, now), "Transaction")?;
        }
        Ok(())
    }

    /// Deletes sessions past their end, as the daemon's worker does once a minute.
    pub(super) fn sweep(&mut self, now: Moment) {
        let due = self.swept_at.is_none_or(|at| now.0.saturating_sub(at.0) >= SWEEP_EVERY_MS || now < at);
        if !due {
            return;
        }
        self.swept_at = Some(now);
        for session in &mut self.sessions {
            session.deleted |= session.expires_at != 0 && now.seconds() >= session.expires_at;
        }
    }
}

fn limited(admitted: Result<(), i64>, whose: &str) -> Result<(), Refusal> {
    admitted.map_err(|wait_s| {
        Refusal::new(RATE_LIMITED).saying(format!("{whose} rate limit exceeded")).retry_after(wait_s)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_795_330_449;

    fn at(second: i64) -> Moment {
        Moment((START + second) * 1000)
    }

    fn book() -> (Ledger, Ids) {
        (Ledger::new([1; 32]), Ids::seeded(7))
    }

    fn terms(ttl_s: u64) -> Terms {
        Terms {
            wallets: vec!["w".into()],
            ttl_s: Some(ttl_s),
            max_renewals: 0,
            absolute_lifetime_s: 0,
            source: "api",
        }
    }

    fn renew(ledger: &mut Ledger, id: &str, token: &str, second: i64) -> Result<Issued, String> {
        let caller = ledger
            .authenticate(Some(&format!("Bearer {token}")), at(second))
            .map_err(|refusal| refusal.code)?;
        ledger.renew(id, &caller, at(second)).map_err(|refusal| refusal.code)
    }

    fn outcome(ledger: &mut Ledger, id: &str, token: &str, second: i64) -> String {
        renew(ledger, id, token, second).map_or_else(|code| code, |_| "granted".to_owned())
    }

    #[test]
    fn a_token_is_renewed_from_the_middle_of_its_life_to_its_end() {
        for (second, expected) in [
            (0, RENEWAL_TOO_EARLY),
            (149, RENEWAL_TOO_EARLY),
            (150, "granted"),
            (299, "granted"),
            (300, TOKEN_EXPIRED),
        ] {
            let (mut ledger, mut ids) = book();
            let issued = ledger.create(terms(300), &mut ids, at(0));
            let id = ledger.sessions[0].id.clone();
            assert_eq!(outcome(&mut ledger, &id, &issued.token, second), expected, "{second}");
        }
    }

    #[test]
    fn checks_come_in_the_daemons_order() {
        // Each row adds one more thing that is wrong, before the ones that already were.
        let (mut ledger, mut ids) = book();
        let limited = Terms { max_renewals: 1, absolute_lifetime_s: 170, ..terms(300) };
        let first = ledger.create(limited, &mut ids, at(0)).token;
        let id = ledger.sessions[0].id.clone();
        assert_eq!(outcome(&mut ledger, &id, &first, 10), RENEWAL_TOO_EARLY);
        assert_eq!(outcome(&mut ledger, &id, &first, 170), SESSION_ABSOLUTE_LIFETIME_EXCEEDED);
        let second = renew(&mut ledger, &id, &first, 150).expect("half of the life is gone").token;
        assert_eq!(
            outcome(&mut ledger, &id, &second, 151),
            RENEWAL_LIMIT_REACHED,
            "before the absolute end and the half"
        );
        assert_eq!(
            outcome(&mut ledger, &id, &first, 152),
            SESSION_RENEWAL_MISMATCH,
            "before the renewal limit"
        );
        assert_eq!(outcome(&mut ledger, "another", &first, 152), SESSION_NOT_FOUND, "before the hash");
        ledger.revoke(&id).expect("the row is there");
        assert_eq!(outcome(&mut ledger, "another", &first, 152), SESSION_REVOKED, "before the id");
        ledger.sweep(at(400));
        assert_eq!(
            outcome(&mut ledger, "another", &first, 152),
            SESSION_NOT_FOUND,
            "the row before its revocation"
        );
        assert_eq!(outcome(&mut ledger, "another", &first, 300), TOKEN_EXPIRED, "exp before the row");
        assert_eq!(
            outcome(&mut ledger, "another", &format!("{first}x"), 300),
            INVALID_TOKEN,
            "signature before exp"
        );
    }

    #[test]
    fn an_unlimited_session_needs_no_renewal() {
        let (mut ledger, mut ids) = book();
        let issued = ledger.create(Terms { ttl_s: None, ..terms(0) }, &mut ids, at(0));
        let id = ledger.sessions[0].id.clone();
        assert_eq!(outcome(&mut ledger, &id, &issued.token, 10_000_000), RENEWAL_NOT_REQUIRED);
    }

    #[test]
    fn near_the_absolute_end_tokens_shrink() {
        let (mut ledger, mut ids) = book();
        let mut token =
            ledger.create(Terms { absolute_lifetime_s: 240, ..terms(300) }, &mut ids, at(0)).token;
        let id = ledger.sessions[0].id.clone();
        // The token's life after each renewal, when each comes as early as it may.
        for (second, life) in [(200, 40), (220, 20), (230, 10), (235, 5), (238, 2), (239, 1)] {
            token = renew(&mut ledger, &id, &token, second).expect("half of the life is gone").token;
            assert_eq!(ledger.sessions[0].expires_at - START - second, life);
            assert_eq!(ledger.sessions[0].expires_at, START + 240);
        }
    }

    #[test]
    fn only_renewing_compares_the_hash() {
        let (mut ledger, mut ids) = book();
        let old = ledger.create(terms(300), &mut ids, at(0)).token;
        let id = ledger.sessions[0].id.clone();
        let copy = ledger.reissue(&id, at(1)).expect("active").token;
        let new = renew(&mut ledger, &id, &old, 200).expect("half of the life is gone").token;
        for token in [&old, &copy, &new] {
            assert!(ledger.authenticate(Some(&format!("Bearer {token}")), at(299)).is_ok());
        }
        assert_eq!(outcome(&mut ledger, &id, &copy, 299), SESSION_RENEWAL_MISMATCH);
        assert_eq!(ledger.sessions[0].tokens_issued, 3);
    }

    #[test]
    fn tokens_of_one_second_and_one_end_are_identical() {
        let (mut ledger, mut ids) = book();
        let token = ledger.create(terms(300), &mut ids, at(0)).token;
        let id = ledger.sessions[0].id.clone();
        assert_eq!(ledger.reissue(&id, at(0)).expect("active").token, token);
    }

    #[test]
    fn a_rotated_secret_is_accepted_for_five_minutes_and_renewed_into_the_new_one() {
        let (mut ledger, mut ids) = book();
        let old = ledger.create(terms(600), &mut ids, at(0)).token;
        let id = ledger.sessions[0].id.clone();
        ledger.rotate_secret([2; 32], at(100)).expect("the first rotation");
        assert_eq!(ledger.rotate_secret([3; 32], at(101)).expect_err("too soon").code, "ROTATION_TOO_RECENT");
        let new = renew(&mut ledger, &id, &old, 399).expect("within the five minutes").token;
        let code = |token: &str, second| {
            let checked = ledger.authenticate(Some(&format!("Bearer {token}")), at(second));
            checked.map_or_else(|refusal| refusal.code, |_| "accepted".into())
        };
        assert_eq!(code(&old, 399), "accepted");
        assert_eq!(code(&old, 400), INVALID_TOKEN);
        assert_eq!(code(&new, 400), "accepted");
    }

    #[test]
    fn the_kill_switch_revokes_for_good() {
        let (mut ledger, mut ids) = book();
        let token = ledger.create(Terms { ttl_s: None, ..terms(0) }, &mut ids, at(0)).token;
        assert_eq!(ledger.recover().expect_err("not locked").code, "KILL_SWITCH_NOT_ACTIVE");
        ledger.lock(at(1)).expect("not locked yet");
        assert_eq!(ledger.lock(at(2)).expect_err("locked").code, "KILL_SWITCH_ACTIVE");
        ledger.recover().expect("locked");
        let checked = ledger.authenticate(Some(&format!("Bearer {token}")), at(3));
        assert_eq!(checked.err().map(|refusal| refusal.code).as_deref(), Some(SESSION_REVOKED));
    }

    #[test]
    fn no_terms_overflow() {
        for (ttl_s, absolute_lifetime_s) in [(u64::MAX, u64::MAX), (u64::MAX, 1), (1, u64::MAX)] {
            let (mut ledger, mut ids) = book();
            let issued = ledger.create(Terms { absolute_lifetime_s, ..terms(ttl_s) }, &mut ids, at(0));
            let id = ledger.sessions[0].id.clone();
            let _ = outcome(&mut ledger, &id, &issued.token, 1);
        }
    }
}
