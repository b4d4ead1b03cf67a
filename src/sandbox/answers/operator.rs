//! What the operator does: sessions, tokens, the kill switch. All but renewing takes the master password.

use serde_json::Value;

use super::super::ids::is_uuid;
use super::super::json::{Json, object};
use super::super::ledger::{Issued, Session, Terms};
use super::super::refusals::*;
use super::super::routes::{Answer, Call, Daemon};
use super::about::VERSION;

type Outcome = Result<Answer, Refusal>;

/// Bounds of a session's `ttl` over HTTP, in seconds.
const TTL_MIN_S: i64 = 300;
const TTL_MAX_S: i64 = 31_536_000;

/// The terms of a session that never ends.
pub(in super::super) fn unlimited(wallets: Vec<String>) -> Terms {
    Terms { wallets, ttl_s: None, max_renewals: 0, absolute_lifetime_s: 0, source: "api" }
}

/// PUT /v1/sessions/{id}/renew, with the session's own token.
pub(in super::super) fn renew(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let id = call.path[2];
    if !is_uuid(id) {
        return Err(not_a_uuid("id"));
    }
    let caller = call.caller.as_ref().ok_or_else(|| Refusal::new(INVALID_TOKEN))?;
    let Issued { session, token } = daemon.ledger.renew(id, caller, call.now)?;
    let session = &daemon.ledger.sessions[session];
    Ok(Answer::ok(&object! {
        "id": &session.id, "token": token, "expiresAt": session.expires_at, "renewalCount": session.renewal_count,
    }))
}

/// POST /v1/sessions
pub(in super::super) fn create_session(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let mut issues = Vec::new();
    let ttl = integer(&body, "ttl", TTL_MIN_S, TTL_MAX_S, &mut issues);
    let max_renewals = integer(&body, "maxRenewals", 0, i64::from(u32::MAX), &mut issues);
    let lifetime = integer(&body, "absoluteLifetime", 0, i64::MAX, &mut issues);
    let wallets = wallets_asked_for(&body, &mut issues);
    if !issues.is_empty() {
        return Err(Refusal::issues(issues));
    }
    for id in &wallets {
        daemon.chain.wallet(id).ok_or_else(|| Refusal::new(WALLET_NOT_FOUND))?;
        daemon.ledger.has_room(id, call.now)?;
    }
    let terms = Terms {
        wallets,
        ttl_s: ttl.map(i64::unsigned_abs),
        max_renewals: max_renewals.and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
        absolute_lifetime_s: lifetime.map_or(0, i64::unsigned_abs),
        source: "api",
    };
    let issued = daemon.ledger.create(terms, &mut daemon.ids, call.now);
    let session = &daemon.ledger.sessions[issued.session];
    Ok(Answer::created(&object! {
        "id": &session.id, "token": issued.token, "expiresAt": session.expires_at,
        "walletId": session.terms.wallets.first(), "wallets": named_wallets(daemon, session),
    }))
}

fn integer(body: &Value, name: &'static str, min: i64, max: i64, issues: &mut Vec<Json>) -> Option<i64> {
    let value = body.get(name)?;
    let Some(number) = value.as_i64() else {
        let received = if value.is_number() { "float" } else { type_name(value) };
        let expected = if value.is_number() { "integer" } else { "number" };
        issues.push(invalid_type(expected, received, &[name]));
        return None;
    };
    if number < min {
        issues.push(too_small(min, name));
    } else if number > max {
        issues.push(too_big(max, name));
    }
    Some(number)
}

fn wallets_asked_for(body: &Value, issues: &mut Vec<Json>) -> Vec<String> {
    let one = body.get("walletId");
    let several = body.get("walletIds").and_then(Value::as_array).filter(|ids| !ids.is_empty());
    let (asked, member): (Vec<&Value>, &str) = match (several, one) {
        (Some(several), _) => (several.iter().collect(), "walletIds"),
        (None, Some(one)) => (vec![one], "walletId"),
        (None, None) => {
            issues.push(issue("custom", "Either walletId or walletIds must be provided", &[]));
            return Vec::new();
        }
    };
    let mut wallets = Vec::new();
    for id in asked {
        match id.as_str().filter(|id| is_uuid(id)) {
            Some(id) => wallets.push(id.to_ascii_lowercase()),
            None => issues.push(object! {
                "validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": vec![member],
            }),
        }
    }
    wallets
}

/// What JSON calls the type of a value.
pub(in super::super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wallet_name(daemon: &Daemon, id: &str) -> String {
    daemon.chain.wallet(id).map_or_else(String::new, |wallet| wallet.name.clone())
}

fn named_wallets(daemon: &Daemon, session: &Session) -> Vec<Json> {
    let wallets = session.terms.wallets.iter();
    wallets.map(|id| object! { "id": id, "name": wallet_name(daemon, id) }).collect()
}

/// GET /v1/sessions: the active ones.
pub(in super::super) fn list_sessions(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let number = |name: &str, usual: usize| {
        call.request.query(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let (limit, offset) = (number("limit", 50), number("offset", 0));
    if !(1..=200).contains(&limit) {
        let one = if limit == 0 { too_small(1, "limit") } else { too_big(200, "limit") };
        return Err(Refusal::issues(vec![one]));
    }
    let wallet = call.request.query("walletId");
    if let Some(id) = wallet {
        daemon.chain.wallet(id).ok_or_else(|| Refusal::new(WALLET_NOT_FOUND))?;
    }
    let of_wallet =
        |session: &&Session| wallet.is_none_or(|id| session.terms.wallets.iter().any(|held| held == id));
    let mut shown: Vec<&Session> = daemon.ledger.active(call.now).filter(of_wallet).collect();
    shown.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    let total = shown.len();
    let page: Vec<Json> = shown.iter().skip(offset).take(limit).map(|session| row(daemon, session)).collect();
    Ok(Answer::ok(&object! { "data": page, "total": total, "limit": limit, "offset": offset }))
}

fn row(daemon: &Daemon, session: &Session) -> Json {
    let first = session.terms.wallets.first().map_or("", String::as_str);
    object! {
        "id": &session.id, "walletId": first, "walletName": wallet_name(daemon, first),
        "wallets": named_wallets(daemon, session), "status": "ACTIVE", "renewalCount": session.renewal_count,
        "maxRenewals": session.terms.max_renewals, "expiresAt": session.expires_at,
        "absoluteExpiresAt": session.absolute_end, "createdAt": session.created_at,
        "lastRenewedAt": session.last_renewed_at, "source": session.terms.source,
        "tokenIssuedCount": session.tokens_issued,
    }
}

/// DELETE /v1/sessions/{id}
pub(in super::super) fn revoke_session(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let id = call.path[2];
    if !is_uuid(id) {
        return Err(not_a_uuid("id"));
    }
    let again = daemon.ledger.revoke(id)?;
    let body = object! { "id": id, "status": "REVOKED" };
    Ok(Answer::ok(&body.with_some("message", again.then_some("Session already revoked"))))
}

/// POST /v1/mcp/tokens: the daemon writes the token file itself; the token is not in the answer.
pub(in super::super) fn create_mcp_token(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let body = call.request.json()?;
    let mut issues = Vec::new();
    let ttl = integer(&body, "expiresIn", TTL_MIN_S, TTL_MAX_S, &mut issues);
    let wallets = wallets_asked_for(&body, &mut issues);
    if !issues.is_empty() {
        return Err(Refusal::issues(issues));
    }
    let wallet = wallets.first().and_then(|id| daemon.chain.wallet(id)).cloned();
    let wallet = wallet.ok_or_else(|| Refusal::new(WALLET_NOT_FOUND))?;
    daemon.ledger.has_room(&wallet.id, call.now)?;
    let terms =
        Terms { ttl_s: ttl.map(i64::unsigned_abs), source: "mcp", ..unlimited(vec![wallet.id.clone()]) };
    let issued = daemon.ledger.create(terms, &mut daemon.ids, call.now);
    let server = object! {
        "command": "npx", "args": vec!["@waiaas/mcp"],
        "env": object! {
            "WAIAAS_DATA_DIR": &daemon.data_dir, "WAIAAS_BASE_URL": &daemon.base_url,
            "WAIAAS_WALLET_ID": &wallet.id, "WAIAAS_WALLET_NAME": &wallet.name,
        },
    };
    let answer = object! {
        "walletId": &wallet.id, "walletName": &wallet.name,
        "tokenPath": format!("{}/mcp-tokens/{}", daemon.data_dir, wallet.id),
        "expiresAt": daemon.ledger.sessions[issued.session].expires_at,
        "claudeDesktopConfig": Json::Object(vec![(format!("waiaas-{}", wallet.name).into(), server)]),
    };
    Ok(Answer::created(&answer).writing_token(&wallet.id, issued.token))
}

/// POST /v1/admin/sessions/{id}/reissue
pub(in super::super) fn reissue(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let Issued { session, token } = daemon.ledger.reissue(call.path[3], call.now)?;
    let session = &daemon.ledger.sessions[session];
    Ok(Answer::ok(&object! {
        "token": token, "sessionId": &session.id, "tokenIssuedCount": session.tokens_issued,
        "expiresAt": session.expires_at,
    }))
}

/// POST /v1/admin/rotate-secret
pub(in super::super) fn rotate_secret(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let secret = daemon.ids.secret();
    daemon.ledger.rotate_secret(secret, call.now)?;
    let message = "Secret rotated. Tokens of the former secret are accepted for 5 more minutes.";
    Ok(Answer::ok(&object! { "rotatedAt": call.now.seconds(), "message": message }))
}

/// POST /v1/admin/kill-switch
pub(in super::super) fn throw_kill_switch(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    daemon.lock(call.now)?;
    Ok(Answer::ok(&object! { "state": "SUSPENDED", "activatedAt": call.now.seconds() }))
}

/// GET /v1/admin/kill-switch
pub(in super::super) fn kill_switch(daemon: &mut Daemon, _: &Call<'_>) -> Outcome {
    let since = daemon.ledger.locked_at;
    Ok(Answer::ok(&object! {
        "state": if since.is_some() { "SUSPENDED" } else { "ACTIVE" }, "activatedAt": since,
        "activatedBy": since.map(|_| "master"),
    }))
}

/// POST /v1/admin/recover. The wallets are resumed with it; the sessions stay revoked.
pub(in super::super) fn recover(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    daemon.recover()?;
    Ok(Answer::ok(&object! { "state": "ACTIVE", "recoveredAt": call.now.seconds() }))
}

/// GET /v1/admin/status, shortened to what is worth looking at here.
pub(in super::super) fn status(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    let state = if daemon.ledger.locked_at.is_some() { "SUSPENDED" } else { "ACTIVE" };
    Ok(Answer::ok(&object! {
        "status": "running", "version": VERSION,
        "uptime": call.now.seconds().saturating_sub(daemon.started.seconds()).max(0),
        "walletCount": daemon.chain.wallets.len(), "activeSessionCount": daemon.ledger.active(call.now).count(),
        "killSwitchState": state, "timestamp": call.now.seconds(),
    }))
}

/// GET /v1/wallets/{id}/credentials: none are kept.
pub(in super::super) fn credentials(daemon: &mut Daemon, call: &Call<'_>) -> Outcome {
    daemon.wallet_in_path(call, Some("walletId"))?;
    Ok(Answer::ok(&object! { "credentials": Vec::<Json>::new() }))
}

impl Daemon {
    /// Throws the kill switch: sessions revoked, wallets suspended, everything locked.
    pub(in super::super) fn lock(&mut self, now: super::super::clock::Moment) -> Result<(), Refusal> {
        self.ledger.lock(now)?;
        for wallet in &mut self.chain.wallets {
            wallet.suspended_at = Some(now.seconds());
        }
        Ok(())
    }

    /// Ends the kill switch.
    pub(in super::super) fn recover(&mut self) -> Result<(), Refusal> {
        self.ledger.recover()?;
        for wallet in &mut self.chain.wallets {
            wallet.suspended_at = None;
        }
        Ok(())
    }
}
