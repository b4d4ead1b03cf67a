//! The control route: what a test in another process may do to the sandbox, read from JSON.
//!
//! Reads and writes the words of the two routes; `sandbox.rs` carries them out.

use serde_json::Value;

use super::faults::{Fault, FaultKind};
use super::json::{Json, object};
use super::rates::RateLimits;
use super::{LedgerSnapshot, SessionLimits};

/// One thing to do.
#[derive(Debug)]
pub(super) enum Command {
    Inject(Fault),
    Heal,
    SetClockOffset(i64),
    /// Stop listening for so many milliseconds.
    GoDown(u64),
    NewSession(SessionLimits),
    Revoke(String),
    ReplaceTokenFile(String),
    SetRateLimits(RateLimits),
    KillSwitch,
    Recover,
}

/// The commands of a body, in a fixed order, or what is wrong with it.
pub(super) fn commands(body: &Value) -> Result<Vec<Command>, String> {
    let members = body.as_object().ok_or("the body must be an object")?;
    let mut commands = Vec::new();
    for (name, value) in members {
        commands.push(match name.as_str() {
            "inject" => Command::Inject(fault(value)?),
            "heal" => Command::Heal,
            "clockOffsetSeconds" => {
                Command::SetClockOffset(value.as_i64().ok_or("clockOffsetSeconds: an integer")?)
            }
            "goDownForMs" => Command::GoDown(value.as_u64().ok_or("goDownForMs: milliseconds")?),
            "newSession" => Command::NewSession(limits(value)),
            "revoke" => Command::Revoke(text(value, "revoke")?),
            "replaceTokenFile" => Command::ReplaceTokenFile(text(value, "replaceTokenFile")?),
            "rateLimits" => Command::SetRateLimits(rates(value)),
            "killSwitch" => Command::KillSwitch,
            "recover" => Command::Recover,
            other => return Err(format!("unknown command {other}")),
        });
    }
    Ok(commands)
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| format!("{name}: a string"))
}

fn small(value: Option<&Value>) -> Option<u32> {
    value.and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok())
}

fn limits(value: &Value) -> SessionLimits {
    let wallets = value.get("walletIds").and_then(Value::as_array).cloned().unwrap_or_default();
    SessionLimits {
        ttl_s: value.get("ttl").and_then(Value::as_u64),
        max_renewals: small(value.get("maxRenewals")).unwrap_or(0),
        absolute_lifetime_s: value.get("absoluteLifetime").and_then(Value::as_u64).unwrap_or(0),
        wallet_ids: wallets.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

/// A member that is null or missing means no limit.
fn rates(value: &Value) -> RateLimits {
    RateLimits {
        address: small(value.get("address")),
        session: small(value.get("session")),
        transactions: small(value.get("transactions")),
    }
}

fn fault(value: &Value) -> Result<Fault, String> {
    let member = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    let kind = match member("kind").as_deref() {
        Some("cut") => FaultKind::Cut,
        Some("hang") => FaultKind::Hang,
        Some("slow") => FaultKind::Slow { ms: number("ms").ok_or("slow: needs ms")? },
        Some("freeze") => FaultKind::Freeze { ms: number("ms").ok_or("freeze: needs ms")? },
        Some("wrongDate") => {
            let ahead_s = value.get("aheadSeconds").and_then(Value::as_i64);
            FaultKind::WrongDate { ahead_s: ahead_s.ok_or("wrongDate: needs aheadSeconds")? }
        }
        Some("cutBody") => FaultKind::CutBody,
        Some("redirect") => {
            FaultKind::Redirect { location: member("location").ok_or("redirect: needs location")? }
        }
        Some("garbage") => FaultKind::Garbage,
        Some("huge") => FaultKind::Huge { bytes: number("bytes").ok_or("huge: needs bytes")? },
        Some("empty") => FaultKind::Empty,
        Some("html") => FaultKind::Html,
        Some("code") => FaultKind::Code {
            status: number("status")
                .and_then(|status| u16::try_from(status).ok())
                .ok_or("code: needs status")?,
            code: member("code").ok_or("code: needs code")?,
            retry_after_s: small(value.get("retryAfter")),
        },
        other => return Err(format!("unknown kind of fault {}", other.unwrap_or("(none)"))),
    };
    Ok(Fault {
        method: member("method"),
        path_prefix: member("path").unwrap_or_default(),
        kind,
        after_commit: value.get("afterCommit").and_then(Value::as_bool).unwrap_or(false),
        times: small(value.get("times")),
    })
}

/// The answer of GET /sandbox/ledger.
pub(super) fn shown(snapshot: &LedgerSnapshot) -> Json {
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        Json::Object(counts.iter().map(|(key, count)| (key.clone().into(), Json::from(*count))).collect())
    };
    let sessions: Vec<Json> = snapshot
        .sessions
        .iter()
        .map(|session| {
            object! {
                "id": &session.id, "walletIds": session.wallet_ids.clone(), "renewalCount": session.renewal_count,
                "issuedAt": session.issued_at, "expiresAt": session.expires_at, "revoked": session.revoked,
                "deleted": session.deleted, "newestTokenHash": &session.newest_token_hash,
            }
        })
        .collect();
    let renewals: Vec<Json> = snapshot
        .tally
        .renewals
        .iter()
        .map(|renewal| {
            object! {
                "sessionId": &renewal.session_id, "atMs": renewal.at_ms, "refused": renewal.refused.as_ref(),
            }
        })
        .collect();
    object! {
        "sessions": sessions, "requests": counts(&snapshot.tally.requests),
        "renewalsGranted": snapshot.tally.renewals_granted,
        "renewalsRefused": counts(&snapshot.tally.renewals_refused),
        "callsRefused": snapshot.tally.calls_refused, "renewals": renewals,
    }
}
