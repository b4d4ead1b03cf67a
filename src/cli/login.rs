//! The way in: the daemon is there, and the master password is its own.
//!
//! Used by the commands that make sessions. Looks for the daemon first, because nobody wants to type a password for
//! nothing. Refuses to know what is done with it.

use std::time::Duration;

use super::arguments::Input;
use super::operator::answers::{Refusal, Wallet};
use super::operator::{self, Operator};
use super::password::{self, Source};
use super::{Failure, output};
use crate::http::Transport;

/// How often a password can be typed.
const ATTEMPTS_MAX: u32 = 3;

/// A password that the daemon has accepted, and what it was first used for.
pub(super) struct Login<'t> {
    pub(super) operator: Operator<'t>,
    /// All wallets of the daemon.
    pub(super) wallets: Vec<Wallet>,
}

/// # Errors
/// [`Failure`] if the daemon is not there, there is no password, or it is wrong.
pub(super) fn log_in<'t>(
    input: &Input,
    transport: &'t dyn Transport,
    base_url: &str,
    call_time_max: Duration,
) -> Result<Login<'t>, Failure> {
    operator::health(transport).map_err(|refusal| refusal.failure(base_url))?;
    let mut attempt = 1;
    loop {
        let (password, source) = password::obtain(input)?;
        let operator = Operator::new(transport, password, call_time_max);
        match operator.wallets() {
            Ok(wallets) => return Ok(Login { operator, wallets }),
            Err(refusal)
                if refusal.is_wrong_password() && source == Source::Terminal && attempt < ATTEMPTS_MAX =>
            {
                attempt += 1;
                output::remark("The daemon refuses this password. Once more:");
            }
            Err(refusal) => return Err(advised(&refusal, source, base_url)),
        }
    }
}

/// The failure; of a wrong password with the place where it is to be mended.
fn advised(refusal: &Refusal, source: Source, base_url: &str) -> Failure {
    let failure = refusal.failure(base_url);
    if !refusal.is_wrong_password() {
        return failure;
    }
    let place = match source {
        Source::File => "Look at the file that --password-file names",
        Source::Stdin => "Look at what is written to stdin",
        Source::Environment => "Look at WAIAAS_MASTER_PASSWORD",
        Source::Terminal => "Try again",
    };
    Failure {
        advice: format!("{place}: it must be the password that the daemon was set up with."),
        ..failure
    }
}
