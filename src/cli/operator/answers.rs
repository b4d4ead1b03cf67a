//! What the daemon answers to its operator: read, and put into words for people.
//!
//! Used by the commands that make sessions and by those that look around. Pure. Branches on the daemon's codes, as
//! the session does. Ids are typed here, and names made fit to be shown, because both go into files, environments and
//! commands. Refuses to know what is done about a refusal, and repeats no secret: the daemon's messages hold none, and
//! its bodies are not shown.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::cli::Failure;
use crate::cli::output::foreign;
use crate::http::daemon_error::DaemonError;
use crate::http::{HttpFault, HttpFaultKind, Response};
use crate::ids::{SessionId, WalletId};
use crate::session::Session;
use crate::text;
use crate::time::Timestamp;

/// What the daemon says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Health {
    /// Its version; text from outside.
    pub(in crate::cli) version: String,
    /// Its clock.
    pub(in crate::cli) date: Option<Timestamp>,
}

/// A wallet of the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Wallet {
    pub(in crate::cli) id: WalletId,
    /// The name that people gave it, without what cannot be seen: [`text::wallet_name`].
    pub(in crate::cli) name: String,
    /// `ethereum`, `solana`, …; empty where the daemon does not say.
    pub(in crate::cli) chain: String,
    /// `testnet` or `mainnet`; empty where the daemon does not say.
    pub(in crate::cli) environment: String,
    /// It can be used. `SUSPENDED` and whatever else there may be cannot.
    pub(in crate::cli) is_active: bool,
}

/// An active session as its operator sees it. Times in Unix seconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct ListedSession {
    pub(in crate::cli) id: SessionId,
    pub(in crate::cli) wallet_ids: Vec<WalletId>,
    /// How often it was renewed.
    pub(in crate::cli) renewals: u64,
    /// 0 = no limit.
    pub(in crate::cli) max_renewals: u64,
    /// 0 = never.
    pub(in crate::cli) expires_at: i64,
    /// 0 = never.
    pub(in crate::cli) absolute_expires_at: i64,
    pub(in crate::cli) created_at: i64,
    pub(in crate::cli) last_renewed_at: Option<i64>,
}

/// Why the daemon did not do what it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum Refusal {
    /// There was no complete answer.
    Unanswered(HttpFault),
    /// An error of the daemon.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its code, or `HTTP_` and the status where it gave none.
        code: String,
        /// Its message, with what is wrong with each argument; may be empty.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the daemon says.
    Unreadable {
        /// The HTTP status.
        status: u16,
    },
    /// A list with an id that is no UUID. Ids name files and routes: one that is something else may lead anywhere.
    ForeignId {
        /// Whose id it would be.
        of: &'static str,
        /// The id; text from outside.
        id: String,
    },
    /// A session was opened, and its token cannot be used.
    NoToken {
        /// The session's id.
        session_id: SessionId,
        /// Why.
        why: &'static str,
    },
}

/// The answer, if its status is that of a success.
pub(in crate::cli) fn accepted(response: Response) -> Result<Response, Refusal> {
    if (200..=299).contains(&response.status) { Ok(response) } else { Err(refusal(&response)) }
}

/// What an error says.
pub(in crate::cli) fn refusal(response: &Response) -> Refusal {
    let error = DaemonError::of(response);
    let details: Value = error.details.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let issues = details.get("issues").and_then(Value::as_array);
    let issues: Vec<String> = issues.into_iter().flatten().filter_map(issue).collect();
    let status = response.status;
    let code = match error.code {
        Some(code) => code,
        None if (200..=299).contains(&status) => return Refusal::Unreadable { status },
        None => format!("HTTP_{status}"),
    };
    let message = if issues.is_empty() { error.message.unwrap_or_default() } else { issues.join("; ") };
    Refusal::Refused { status, code, message, retry_after: error.retry_after }
}

/// `ttl: Number must be greater than or equal to 300`
fn issue(issue: &Value) -> Option<String> {
    let message = issue.get("message")?.as_str()?;
    let path = match issue.get("path") {
        Some(Value::String(path)) => path.clone(),
        Some(Value::Array(path)) => path.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
        _ => String::new(),
    };
    Some(if path.is_empty() { message.to_owned() } else { format!("{path}: {message}") })
}

/// `GET /health`.
pub(super) fn health(response: &Response) -> Result<Health, Refusal> {
    if response.status != 200 {
        return Err(refusal(response));
    }
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    let version = body.as_ref().and_then(|body| body.get("version")?.as_str());
    let version = version.ok_or(Refusal::Unreadable { status: response.status })?;
    Ok(Health { version: version.to_owned(), date: response.date })
}

/// `GET /v1/wallets`.
pub(super) fn wallets(response: &Response) -> Result<Vec<Wallet>, Refusal> {
    let wallets = rows(response, "items", |item| wallet(item, response.status))?;
    let ids: BTreeSet<&WalletId> = wallets.iter().map(|wallet| &wallet.id).collect();
    // Two wallets would have one token file.
    if ids.len() < wallets.len() { Err(Refusal::Unreadable { status: response.status }) } else { Ok(wallets) }
}

/// A wallet, as the daemon writes one wherever it tells of it. `status` is that of the answer.
pub(in crate::cli) fn wallet(item: &Value, status: u16) -> Result<Wallet, Refusal> {
    let text = |member: &str| item.get(member).and_then(Value::as_str);
    let word = |member: &str| text(member).unwrap_or_default().to_owned();
    Ok(Wallet {
        id: wallet_id(text("id").ok_or(Refusal::Unreadable { status })?)?,
        name: text::wallet_name(text("name").unwrap_or_default()),
        chain: word("chain"),
        environment: word("environment"),
        is_active: text("status").is_none_or(|status| status == "ACTIVE"),
    })
}

fn wallet_id(id: &str) -> Result<WalletId, Refusal> {
    WalletId::parse(id).ok_or_else(|| Refusal::ForeignId { of: "wallet", id: id.to_owned() })
}

/// `GET /v1/sessions`.
pub(super) fn sessions(response: &Response) -> Result<Vec<ListedSession>, Refusal> {
    rows(response, "data", |row| session(row, Refusal::Unreadable { status: response.status }))
}

fn session(row: &Value, unreadable: Refusal) -> Result<ListedSession, Refusal> {
    let seconds = |member: &str| row.get(member).and_then(Value::as_i64);
    let count = |member: &str| row.get(member).and_then(Value::as_u64).unwrap_or(0);
    let id = row.get("id").and_then(Value::as_str).ok_or_else(|| unreadable.clone())?;
    let foreign_id = || Refusal::ForeignId { of: "session", id: id.to_owned() };
    let named = row.get("wallets").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of_wallet = |wallet: &Value| {
        wallet_id(wallet.get("id").and_then(Value::as_str).ok_or_else(|| unreadable.clone())?)
    };
    let mut wallet_ids: Vec<WalletId> = named.iter().map(of_wallet).collect::<Result<_, _>>()?;
    if let Some(only) = row.get("walletId").and_then(Value::as_str).filter(|_| wallet_ids.is_empty()) {
        wallet_ids.push(wallet_id(only)?);
    }
    Ok(ListedSession {
        id: SessionId::parse(id).ok_or_else(foreign_id)?,
        wallet_ids,
        renewals: count("renewalCount"),
        max_renewals: count("maxRenewals"),
        expires_at: seconds("expiresAt").unwrap_or(0),
        absolute_expires_at: seconds("absoluteExpiresAt").unwrap_or(0),
        created_at: seconds("createdAt").unwrap_or(0),
        last_renewed_at: seconds("lastRenewedAt"),
    })
}

/// `POST /v1/sessions`. The token's times are judged by the daemon's own clock where it is known. Without an id that a
/// session can have, nobody can say which session was opened.
pub(super) fn opened(response: &Response, now: Timestamp) -> Result<Session, Refusal> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(Value::as_str);
    let id = text("id").and_then(SessionId::parse);
    let id = id.ok_or(Refusal::Unreadable { status: response.status })?;
    let no_token = |why| Refusal::NoToken { session_id: id.clone(), why };
    let token = text("token").ok_or_else(|| no_token("it is missing"))?;
    let session = Session::parse(token, response.date.unwrap_or(now));
    let session = session.map_err(|fault| no_token(fault.reason()))?;
    if SessionId::parse(session.id()).as_ref() == Some(&id) {
        Ok(session)
    } else {
        Err(no_token("it belongs to another session"))
    }
}

/// The rows of a list; one that cannot be read makes the answer unreadable, because a wallet that is not seen is
/// worse than a question that is not answered.
fn rows<T>(
    response: &Response,
    member: &str,
    row: impl Fn(&Value) -> Result<T, Refusal>,
) -> Result<Vec<T>, Refusal> {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let rows = body.get(member).and_then(Value::as_array);
    rows.ok_or(Refusal::Unreadable { status: response.status })?.iter().map(row).collect()
}

impl Refusal {
    /// The master password is not the daemon's.
    pub(in crate::cli) fn is_wrong_password(&self) -> bool {
        matches!(self, Refusal::Refused { code, .. } if code == "INVALID_MASTER_PASSWORD")
    }

    /// The daemon may have done what it was asked for.
    pub(in crate::cli) fn may_be_done(&self) -> bool {
        match self {
            Refusal::Unanswered(fault) => fault.sent,
            // A failing gateway does not say whether the daemon behind it acted.
            Refusal::Refused { code, .. } => code.starts_with("HTTP_5"),
            Refusal::Unreadable { .. } | Refusal::NoToken { .. } => true,
            // Only lists are refused for it.
            Refusal::ForeignId { .. } => false,
        }
    }

    /// What happened and what to do. `base_url` is where the daemon was looked for.
    pub(in crate::cli) fn failure(&self, base_url: &str) -> Failure {
        let (what, advice) = match self {
            Refusal::Unanswered(fault) => return unanswered(fault, base_url),
            Refusal::Refused { code, message, retry_after, .. } => {
                return refused(code, &foreign(message), *retry_after, base_url);
            }
            Refusal::Unreadable { status } => (
                format!("what answers at {base_url} ({status}) does not speak like a WAIaaS daemon"),
                "Look at --base-url and WAIAAS_BASE_URL: another program may listen there.",
            ),
            Refusal::ForeignId { of, id } => (
                format!(
                    "the answer of {base_url} cannot be used: its {of} id \"{}\" is not a UUID",
                    foreign(id)
                ),
                "Nothing was changed. Look at --base-url and WAIAAS_BASE_URL: another program may listen there.",
            ),
            Refusal::NoToken { why, .. } => {
                (format!("the daemon gave a token that cannot be used: {why}"), "Look at the daemon's log.")
            }
        };
        Failure { what, advice: advice.to_owned() }
    }
}

fn unanswered(fault: &HttpFault, base_url: &str) -> Failure {
    let detail = foreign(&fault.detail);
    let advice = match fault.kind {
        HttpFaultKind::Unreachable => "Start the daemon, or name it with --base-url or WAIAAS_BASE_URL.",
        HttpFaultKind::TimedOut => "Look whether the daemon hangs, or start it anew.",
        HttpFaultKind::Broken | HttpFaultKind::TooLarge => {
            "Look at --base-url and WAIAAS_BASE_URL: another program may listen there."
        }
    };
    let what = match fault.kind {
        HttpFaultKind::Unreachable => format!("the daemon at {base_url} cannot be reached: {detail}"),
        _ => format!("the daemon at {base_url} gave no answer: {detail}"),
    };
    Failure { what, advice: advice.to_owned() }
}

fn refused(code: &str, message: &str, retry_after: Option<Duration>, base_url: &str) -> Failure {
    let wait = retry_after.map_or_else(
        || "Wait a minute, then try again.".to_owned(),
        |wait| format!("Wait {} s, then try again.", wait.as_secs()),
    );
    let (what, advice) = match code {
        "INVALID_MASTER_PASSWORD" => (
            "the daemon refuses the master password".to_owned(),
            "It is the password that the daemon was set up with.".to_owned(),
        ),
        "MASTER_PASSWORD_LOCKED" => {
            ("after too many wrong passwords the daemon accepts none for a while".to_owned(), wait)
        }
        "SYSTEM_LOCKED" if message.contains("localhost") => (
            format!("the daemon at {base_url} answers only to 127.0.0.1, localhost and [::1]"),
            "Name it so in --base-url or WAIAAS_BASE_URL; a proxy before it must send such a Host header."
                .to_owned(),
        ),
        "SYSTEM_LOCKED" | "KILL_SWITCH_ACTIVE" => (
            "the daemon is locked: its kill switch was thrown".to_owned(),
            "Recover it on its admin page, which leaves all sessions revoked; then run `waiaas-mcp setup`."
                .to_owned(),
        ),
        "KEYSTORE_LOCKED" => (
            "the daemon's keystore is locked".to_owned(),
            "Unlock it, which is done by starting the daemon with its master password; then try again."
                .to_owned(),
        ),
        "SHUTTING_DOWN" => {
            ("the daemon is shutting down".to_owned(), "Start it anew, then try again.".to_owned())
        }
        "SESSION_LIMIT_EXCEEDED" => (
            format!("the wallet has as many sessions as the daemon allows: {message}"),
            "Revoke one on the daemon's admin page, or raise its setting max_sessions_per_wallet.".to_owned(),
        ),
        "WALLET_NOT_FOUND" => (
            "the daemon does not know the wallet".to_owned(),
            "Run `waiaas-mcp setup` without --wallet: it lists the wallets that there are.".to_owned(),
        ),
        "ACTION_VALIDATION_FAILED" => (
            format!("the daemon refuses such a session: {message}"),
            "Look at --ttl (5 minutes to 1 year, or none), --max-renewals and --lifetime.".to_owned(),
        ),
        "RATE_LIMITED" => ("the daemon has been asked too often in the last minute".to_owned(), wait),
        _ => {
            let code = foreign(code);
            let what = if message.is_empty() {
                format!("the daemon answered {code}")
            } else {
                format!("the daemon answered {code}: {message}")
            };
            (what, "Look at the daemon's log.".to_owned())
        }
    };
    Failure { what, advice }
}
