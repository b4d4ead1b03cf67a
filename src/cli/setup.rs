//! `setup`: from the master password to a token file and a client that uses it.
//!
//! Used by the command line. Everything that can be asked is asked before anything is made; then the sessions, then the
//! clients' files. The token goes into the very file that `serve` reads when it is started with the same options.
//! Refuses to do anything by itself: it orchestrates.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::Input;
use super::operator::Limits;
use super::operator::answers::Wallet;
use super::refresh_token::limits::TTL_USUAL_S;
use super::replacement::{self, Replaced, Tools, Wanted};
use super::{Failure, WRONG_USAGE, login, output, refresh_token, terminal};
use crate::config::Config;
use crate::http::client::Http;
use crate::session::TokenPlace;
use crate::time::{Clock as _, SystemClock};
use choice::{Choice, Said, choose};

mod choice;

/// How often a question is asked that got no usable answer.
const QUESTIONS_MAX: u32 = 3;

/// Why a session should end.
const RECOMMENDATION: &str =
    "A token that expires and renews itself is safer than one that never dies: leave --ttl at its 7 days.";

pub(super) fn run(input: &Input, config: Config) -> Result<ExitCode, Failure> {
    let limits = match limits(input) {
        Ok(limits) => limits,
        Err(wrong) => {
            output::complain(&wrong.what, &wrong.advice);
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let clock = SystemClock::start();
    let transport = Http::new(config.base_url.clone());
    let base_url = config.base_url.as_str();
    let login = login::log_in(input, &transport, base_url, config.call_time_max)?;
    let chosen = chosen(input, &config, login.wallets.clone())?;
    warn_about_environment(&config);
    let wanted = chosen.iter().map(|chosen| Wanted { limits, ..chosen.clone() }).collect();
    let tools =
        Tools { operator: &login.operator, base_url, clock: &clock, keeps_old: input.has("keep-old") };
    let replaced = replacement::replace(wanted, &tools)?;
    report(&replaced, limits, &clock)?;
    Ok(ExitCode::SUCCESS)
}

/// The limits that were asked for. What could never take effect is refused: who asks for it relies on it.
fn limits(input: &Input) -> Result<Limits, Failure> {
    let limits = Limits {
        ttl_s: if input.is_none("ttl") { None } else { Some(input.number("ttl").unwrap_or(TTL_USUAL_S)) },
        max_renewals: input.number("max-renewals").unwrap_or(0),
        lifetime_s: input.number("lifetime").unwrap_or(0),
    };
    if limits.ttl_s.is_none() && (limits.max_renewals > 0 || limits.lifetime_s > 0) {
        let option = if limits.lifetime_s > 0 { "lifetime" } else { "max-renewals" };
        return Err(Failure {
            what: format!("--ttl none and --{option} contradict each other"),
            advice: "A token that never ends is never renewed, and only renewals are limited: give a --ttl."
                .to_owned(),
        });
    }
    Ok(limits)
}

/// The wallets that are meant, each with its token file.
fn chosen(input: &Input, config: &Config, wallets: Vec<Wallet>) -> Result<Vec<Wanted>, Failure> {
    let said = match (&config.wallet_id, input.has("all")) {
        (_, true) => Said::All,
        (Some(id), false) => Said::One(id),
        (None, false) => Said::Nothing,
    };
    let skipped = wallets.iter().filter(|wallet| !wallet.is_active).count();
    let chosen = match choose(wallets, said)? {
        Choice::Only(wallet) => {
            let file = file_of_only(&config.data_dir, &wallet.id);
            return Ok(vec![wanted(&wallet, file)]);
        }
        Choice::Chosen(chosen) => chosen,
        Choice::Open(wallets) => ask_which(&wallets)?,
    };
    for wallet in chosen.iter().filter(|wallet| !wallet.is_active) {
        output::remark(&format!("waiaas-mcp: the wallet {} is not active", output::foreign(&wallet.name)));
    }
    if said == Said::All && skipped > 0 && chosen.iter().all(|wallet| wallet.is_active) {
        output::remark(&format!("waiaas-mcp: {skipped} wallets are left out because they are not active"));
    }
    let of_wallet =
        |wallet: &Wallet| wanted(wallet, TokenPlace::of_wallet(&config.data_dir, Some(&wallet.id)));
    Ok(chosen.iter().map(of_wallet).collect())
}

fn wanted(wallet: &Wallet, place: TokenPlace) -> Wanted {
    let limits = Limits { ttl_s: None, max_renewals: 0, lifetime_s: 0 };
    let label = output::foreign(if wallet.name.is_empty() { &wallet.id } else { &wallet.name });
    Wanted { label, wallet_ids: vec![wallet.id.clone()], limits, file: place.write }
}

/// Where a server finds the token that is told no wallet; unless the only token there is belongs to the wallet.
fn file_of_only(data_dir: &Path, wallet_id: &str) -> TokenPlace {
    let (shared, own) =
        (TokenPlace::of_wallet(data_dir, None), TokenPlace::of_wallet(data_dir, Some(wallet_id)));
    if !shared.write.exists() && own.write.exists() { own } else { shared }
}

fn ask_which(wallets: &[Wallet]) -> Result<Vec<Wallet>, Failure> {
    if !terminal::is_there() {
        return Err(choice::unasked(wallets));
    }
    for _ in 0..QUESTIONS_MAX {
        let answer = terminal::ask(&choice::question(wallets))?;
        if let Some(chosen) = choice::answered(wallets, &answer) {
            return Ok(chosen);
        }
        output::remark("That is none of them.");
    }
    Err(choice::unasked(wallets))
}

/// A token in the environment decides where no directory is said: then the file that is written here is not read.
fn warn_about_environment(config: &Config) {
    if config.token_place.only_session.is_some() {
        output::remark(
            "waiaas-mcp: WAIAAS_SESSION_TOKEN is set and WAIAAS_DATA_DIR is not: a server with this environment keeps to \
             that session; unset it to use the new one",
        );
    }
}

fn report(replaced: &[Replaced], limits: Limits, clock: &SystemClock) -> Result<(), Failure> {
    let now = clock.now().wall;
    let sessions: Vec<String> = replaced.iter().map(|replaced| refresh_token::told(replaced, now)).collect();
    let mut text = sessions.join("\n");
    if limits.ttl_s.is_none() {
        text.push_str(&format!("\n{RECOMMENDATION}\n"));
    } else if let Some(replaced) = replaced.iter().find(|replaced| replaced.session.expires_at().is_none()) {
        output::complain(
            &format!(
                "{}: the daemon opened a session that never ends, though an end was asked for",
                replaced.label
            ),
            "Look at the daemon's version: it may read another name than ttl.",
        );
    }
    output::print(&text)
}
