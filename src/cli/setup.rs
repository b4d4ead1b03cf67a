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
use super::refresh_token::limits::asked_for;
use super::replacement::{self, Replaced, Tools, Wanted};
use super::{Failure, NOT_DONE, WRONG_USAGE, login, output, refresh_token, terminal};
use crate::config::Config;
use crate::http::client::Http;
use crate::session::TokenPlace;
use crate::session::events::FileView;
use crate::session::token_file::TokenFile;
use crate::time::{Clock as _, SystemClock, Timestamp};
use choice::{Choice, Said, choose};

mod choice;
mod configuration;

pub(super) use configuration::{names as client_names, target};

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
    replacement::let_signals_end()?;
    let clock = SystemClock::start();
    let transport = Http::new(config.base_url.clone());
    let base_url = config.base_url.as_str();
    let login = login::log_in(input, &transport, base_url, config.call_time_max)?;
    let chosen = chosen(input, &config, &login.wallets, clock.now().wall)?;
    warn_about_environment(&config);
    let entries = configuration::entries(&config, &login.wallets, &chosen)?;
    let wish = configuration::wish(&input.words("client"), input.has("print"), input.has("yes"))?;
    let planned = configuration::plan(&wish, &entries)?;
    let wanted = chosen.iter().map(|chosen| chosen.wanted(limits)).collect();
    let tools =
        Tools { operator: &login.operator, base_url, clock: &clock, keeps_old: input.has("keep-old") };
    let replaced = replacement::replace(wanted, &tools)?;
    let account = account(&replaced, limits, &clock);
    if wish.prints {
        // What is printed is to be pasted: nothing else stands on stdout.
        output::remark(account.trim_end());
        configuration::print(&wish, &entries)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(&account)?;
    let (told, is_done) = configuration::carry_out(&planned, &entries)?;
    output::print(&told)?;
    if wish.clients.is_empty() {
        output::remark(
            "waiaas-mcp: no client was configured: name one with --client, or see what to paste with --print",
        );
    }
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::from(NOT_DONE) })
}

/// The limits that were asked for.
fn limits(input: &Input) -> Result<Limits, Failure> {
    let ttl_s = if input.is_none("ttl") { Some(None) } else { input.number("ttl").map(Some) };
    let number = |option: &str| input.number(option).unwrap_or(0);
    asked_for(ttl_s, number("max-renewals"), number("lifetime"))
}

/// A wallet that is meant, and its token file.
struct Chosen {
    wallet: Wallet,
    place: TokenPlace,
    /// The file is the wallet's own, so that a server must be told the wallet to find it.
    is_own: bool,
}

impl Chosen {
    fn of_wallet(wallet: Wallet, data_dir: &Path) -> Chosen {
        let place = TokenPlace::of_wallet(data_dir, Some(&wallet.id));
        Chosen { wallet, place, is_own: true }
    }

    /// The only wallet there is. Its token goes where a server looks that is told no wallet; unless the token that is
    /// in use lies in the wallet's own file.
    fn only(wallet: Wallet, data_dir: &Path, now: Timestamp) -> Chosen {
        let place = TokenPlace::of_wallet(data_dir, None);
        let own = Chosen::of_wallet(wallet.clone(), data_dir);
        let read = |place: &TokenPlace| {
            TokenFile::new(TokenPlace { read_fallback: None, ..place.clone() }).read(now)
        };
        match (read(&place), read(&own.place)) {
            (FileView::Missing, FileView::Held(_)) => own,
            // A server of this wallet began with the shared file's token, and keeps it in its own since it renewed it.
            (FileView::Held(shared), FileView::Held(renewed)) if renewed.is_later_than(&shared) => own,
            _ => Chosen { wallet, place, is_own: false },
        }
    }

    fn wanted(&self, limits: Limits) -> Wanted {
        let Wallet { id, name, .. } = &self.wallet;
        Wanted {
            label: output::foreign(if name.is_empty() { id.as_str() } else { name }),
            wallet_ids: vec![id.clone()],
            limits,
            file: self.place.write.clone(),
        }
    }
}

/// The wallets that are meant.
fn chosen(
    input: &Input,
    config: &Config,
    wallets: &[Wallet],
    now: Timestamp,
) -> Result<Vec<Chosen>, Failure> {
    let said = match (&config.wallet_id, input.has("all")) {
        (_, true) => Said::All,
        (Some(id), false) => Said::One(id),
        (None, false) => Said::Nothing,
    };
    let chosen = match choose(wallets.to_vec(), said)? {
        Choice::Only(wallet) => return Ok(vec![Chosen::only(wallet, &config.data_dir, now)]),
        Choice::Chosen(chosen) => chosen,
        Choice::Open(wallets) => ask_which(&wallets)?,
    };
    let is_left_out = |wallet: &&Wallet| said == Said::All && !chosen.contains(wallet);
    for wallet in wallets.iter().filter(is_left_out) {
        output::remark(&format!(
            "waiaas-mcp: {}: left out, because it is not active",
            output::foreign(&wallet.name)
        ));
    }
    for wallet in chosen.iter().filter(|wallet| !wallet.is_active) {
        output::remark(&format!("waiaas-mcp: {}: this wallet is not active", output::foreign(&wallet.name)));
    }
    Ok(chosen.into_iter().map(|wallet| Chosen::of_wallet(wallet, &config.data_dir)).collect())
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

/// What was done, for people.
fn account(replaced: &[Replaced], limits: Limits, clock: &SystemClock) -> String {
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
    text
}
