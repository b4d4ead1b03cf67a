//! `refresh-token`: a new session with the same limits in the place of the one that a token file holds.
//!
//! Used by the command line. What is replaced is what the file holds, whether the daemon still accepts it or not.
//! Refuses to replace a token that it only reads: the one file that wallets without their own fall back to.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::Input;
use super::operator::answers::{ListedSession, Wallet};
use super::replacement::{self, Replaced, Tools, Wanted};
use super::{Failure, duration, login, output};
use crate::config::Config;
use crate::http::client::Http;
use crate::ids::WalletId;
use crate::session::events::FileView;
use crate::session::token_file::TokenFile;
use crate::session::{Session, TokenPlace};
use crate::time::{Clock as _, SystemClock, Timestamp};
use limits::carried;

pub(super) mod limits;

/// Token files that `--all` looks at. A daemon has a handful of wallets.
const FILES_MAX: usize = 1000;

/// A token file, and whose it is.
struct Found {
    place: TokenPlace,
    /// From the file's name.
    wallet_id: Option<WalletId>,
    session: Session,
}

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    replacement::let_signals_end()?;
    let clock = SystemClock::start();
    let now = clock.now().wall;
    let found = if input.has("all") { all(&config.data_dir, now)? } else { vec![one(&config, now)?] };
    let transport = Http::new(config.base_url.clone());
    let base_url = config.base_url.as_str();
    let login = login::log_in(input, &transport, base_url, config.call_time_max)?;
    let listed = login.operator.sessions().map_err(|refusal| refusal.failure(base_url))?;
    let mut wanted = Vec::new();
    for found in found {
        let row = listed.iter().find(|row| *row.id == *found.session.id());
        wanted.push(successor(found, row, &login.wallets)?);
    }
    let tools = Tools { operator: &login.operator, base_url, clock: &clock, keeps_old: false };
    let replaced = replacement::replace(wanted, &tools)?;
    output::remark(
        "waiaas-mcp: constraints of the old sessions, if they had any, are not carried over: the daemon does not tell them",
    );
    output::print(
        &replaced.iter().map(|replaced| told(replaced, clock.now().wall)).collect::<Vec<_>>().join("\n"),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// The file of the configuration.
fn one(config: &Config, now: Timestamp) -> Result<Found, Failure> {
    // The file of a session that the environment names is read for that session only.
    if config.token_place.only_session.is_some() {
        return Err(Failure {
            what: "WAIAAS_SESSION_TOKEN says which session is used, and a new one would be another".to_owned(),
            advice: "Unset it and run `waiaas-mcp setup`, or set WAIAAS_DATA_DIR to the directory of a token file.".to_owned(),
        });
    }
    let mut place = TokenPlace { bootstrap: None, ..config.token_place.clone() };
    let fallback = place.read_fallback.take();
    let wallet_id = config.wallet_id.clone();
    let shown = place.write.display().to_string();
    match read(&place, now) {
        FileView::Held(session) => Ok(Found { place, wallet_id, session }),
        FileView::Missing => Err(Failure {
            what: format!("there is no token file {shown}"),
            advice: match fallback.filter(|fallback| fallback.exists()) {
                Some(fallback) => format!(
                    "Run `waiaas-mcp setup --wallet ID` for a session of its own; {} is refreshed without --wallet.",
                    fallback.display()
                ),
                None => "Run `waiaas-mcp setup`, or name another directory with --data-dir.".to_owned(),
            },
        }),
        FileView::Unusable(why) => Err(Failure {
            what: format!("{shown} holds no token: {why}"),
            advice: "Run `waiaas-mcp setup`, which replaces it.".to_owned(),
        }),
    }
}

/// Every token file there is: the one without a wallet, and those of wallets.
fn all(data_dir: &Path, now: Timestamp) -> Result<Vec<Found>, Failure> {
    let names =
        std::fs::read_dir(data_dir.join("mcp-tokens")).into_iter().flatten().flatten().take(FILES_MAX);
    // A name in capitals is another file than that wallet's.
    let of_wallet = |name: String| WalletId::parse(&name).filter(|id| **id == *name);
    let wallet_ids = names.filter_map(|entry| entry.file_name().into_string().ok().and_then(of_wallet));
    let places = wallet_ids.map(Some).chain([None]).map(|wallet_id| {
        let place = TokenPlace::of_wallet(data_dir, wallet_id.as_ref());
        (TokenPlace { read_fallback: None, ..place }, wallet_id)
    });
    let mut found = Vec::new();
    for (place, wallet_id) in places {
        match read(&place, now) {
            FileView::Held(session) => found.push(Found { place, wallet_id, session }),
            FileView::Missing => {}
            FileView::Unusable(why) => {
                output::remark(&format!("waiaas-mcp: {} is left alone: {why}", place.write.display()));
            }
        }
    }
    if found.is_empty() {
        return Err(Failure {
            what: format!("there is no token file in {}", data_dir.display()),
            advice: "Run `waiaas-mcp setup`, or name another directory with --data-dir.".to_owned(),
        });
    }
    Ok(found)
}

fn read(place: &TokenPlace, now: Timestamp) -> FileView {
    TokenFile::new(place.clone()).read(now)
}

/// What is to take the place of this session. The wallets of one that the daemon no longer lists are told by the name
/// of its file, or there is only one.
fn successor(found: Found, row: Option<&ListedSession>, wallets: &[Wallet]) -> Result<Wanted, Failure> {
    let carried = carried(&found.session, row);
    let only = || match wallets {
        [only] => Some(only.id.clone()),
        _ => None,
    };
    let wallet_ids = match row {
        Some(row) if !row.wallet_ids.is_empty() => row.wallet_ids.clone(),
        _ => found.wallet_id.clone().or_else(only).into_iter().collect(),
    };
    let file = found.place.write;
    if wallet_ids.is_empty() {
        return Err(Failure {
            what: format!(
                "the daemon no longer knows the session in {}, and so not its wallet",
                file.display()
            ),
            advice: "Run `waiaas-mcp setup`, which lets you choose the wallet.".to_owned(),
        });
    }
    let names: Vec<String> = wallet_ids.iter().map(|id| name(wallets, id)).collect();
    let label = names.join(", ");
    for note in &carried.notes {
        output::remark(&format!("waiaas-mcp: {label}: not carried over: {note}"));
    }
    Ok(Wanted { label, wallet_ids, limits: carried.limits, file })
}

/// What people call the wallet.
fn name(wallets: &[Wallet], id: &WalletId) -> String {
    let known = wallets.iter().find(|wallet| wallet.id == *id).filter(|wallet| !wallet.name.is_empty());
    output::foreign(known.map_or(id.as_str(), |wallet| &wallet.name))
}

/// One session, for people.
pub(super) fn told(replaced: &Replaced, now: Timestamp) -> String {
    let Replaced { label, file, session, former, revoked } = replaced;
    let expires = match session.expires_at() {
        None => "never".to_owned(),
        Some(at) => duration::instant(at, now),
    };
    let mut rows = vec![
        ("Wallet", label.clone()),
        ("Session", output::foreign(session.id())),
        ("Token", file.display().to_string()),
        ("Expires", expires),
    ];
    for id in former {
        let fate = if revoked.contains(id) { "revoked" } else { "still open" };
        rows.push(("Former", format!("{} {fate}", output::foreign(id))));
    }
    rows.iter().map(|(name, value)| format!("{name:8} {value}\n")).collect()
}
