//! The daemon itself: a request and the time in, an answer out.
//!
//! The order of checks is the daemon's: host, kill switch, address limit, credential, session limit, then the route.
//! Pure: knows no socket and no clock; what has to be written to disk is part of the reply.

use super::answers::about;
use super::answers::actions;
use super::answers::assets;
use super::answers::identity;
use super::answers::nfts;
use super::answers::operator;
use super::answers::sending;
use super::answers::signing;
use super::answers::smart_account;
use super::answers::transactions;
use super::answers::venues;
use super::answers::wallet_connect;
use super::answers::wallets;
use super::chain::Chain;
use super::clock::Moment;
use super::http::{Request, Response};
use super::ids::Ids;
use super::json::Json;
use super::ledger::{Caller, Ledger};
use super::refusals::*;
use super::tally::Tally;

/// The whole state of the daemon.
pub(super) struct Daemon {
    pub(super) ledger: Ledger,
    pub(super) chain: Chain,
    pub(super) ids: Ids,
    pub(super) tally: Tally,
    pub(super) started: Moment,
    pub(super) base_url: String,
    /// As shown in answers.
    pub(super) data_dir: String,
    pub(super) master_password: String,
}

/// One request on its way to its handler.
pub(super) struct Call<'a> {
    pub(super) request: &'a Request,
    pub(super) path: Vec<&'a str>,
    pub(super) now: Moment,
    /// On routes that take a session token.
    pub(super) caller: Option<Caller>,
}

/// A successful answer.
pub(super) struct Answer {
    status: u16,
    body: String,
    /// A token the daemon writes to the file of this wallet before it answers.
    token_file: Option<(String, String)>,
}

/// What comes of a request.
pub(super) struct Reply {
    pub(super) response: Response,
    pub(super) token_file: Option<(String, String)>,
}

type Outcome = Result<Answer, Refusal>;
type Handler = fn(&mut Daemon, &Call<'_>) -> Outcome;

/// Which credential a route takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Session,
    /// A session token, and the request counts as a transaction or action.
    Sending,
    MasterPassword,
    /// The master password if there is one, else a session token.
    Either,
}

impl Answer {
    pub(super) fn ok(body: &Json) -> Answer {
        Answer { status: 200, body: body.text(), token_file: None }
    }

    pub(super) fn created(body: &Json) -> Answer {
        Answer { status: 201, ..Answer::ok(body) }
    }

    /// The daemon's JSON as it stands.
    pub(super) fn text(body: &str) -> Answer {
        Answer { status: 200, body: body.to_owned(), token_file: None }
    }

    /// Before it is sent, `token` is written to the wallet's file.
    pub(super) fn writing_token(mut self, wallet_id: &str, token: String) -> Answer {
        self.token_file = Some((wallet_id.to_owned(), token));
        self
    }
}

impl Call<'_> {
    /// The place of the caller's session. Only on routes that take a session token.
    pub(super) fn session(&self) -> Result<usize, Refusal> {
        let caller = self.caller.as_ref().ok_or_else(|| Refusal::new(INVALID_TOKEN))?;
        Ok(caller.session)
    }
}

impl Daemon {
    /// Does everything for one request.
    pub(super) fn answer(&mut self, request: &Request, now: Moment) -> Reply {
        self.ledger.sweep(now);
        let request_id = self.ids.uuid(now);
        let outcome = self.checked(request, now);
        self.tally.count(request, now, outcome.as_ref().map_or_else(|refusal| refusal.code.as_str(), |_| ""));
        let (response, token_file) = match outcome {
            Ok(Some(answer)) => (Response::json(answer.status, answer.body), answer.token_file),
            Ok(None) => (Response::text(404, "text/plain; charset=UTF-8", "404 Not Found"), None),
            Err(refusal) => {
                let response = Response::json(refusal.status(), refusal.body(&request_id).text());
                let retry_after = refusal.retry_after_s.map(|seconds| seconds.to_string());
                (
                    retry_after
                        .into_iter()
                        .fold(response, |response, wait| response.header("Retry-After", wait)),
                    None,
                )
            }
        };
        let response = response.header("x-request-id", request_id).header("Date", now.http_date());
        Reply { response, token_file }
    }

    /// The checks that come before every route, then the route; none if there is no such route.
    fn checked(&mut self, request: &Request, now: Moment) -> Result<Option<Answer>, Refusal> {
        if !request.header("host").is_some_and(is_loopback) {
            return Err(Refusal::new(SYSTEM_LOCKED).saying("Only localhost access allowed"));
        }
        let Some(segments) = request.segments() else { return Ok(None) };
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let open_while_locked = matches!(&path[..], ["health"] | ["v1", "admin" | "owner", ..]);
        if self.ledger.locked_at.is_some() && !open_while_locked {
            return Err(Refusal::new(SYSTEM_LOCKED));
        }
        self.ledger.admit_address(now)?;
        let Some((needs, handler)) = find(&request.method, &path) else { return Ok(None) };
        let caller = self.credential(needs, request, &path, now)?;
        handler(self, &Call { request, path, now, caller }).map(Some)
    }

    fn credential(
        &mut self,
        needs: Needs,
        request: &Request,
        path: &[&str],
        now: Moment,
    ) -> Result<Option<Caller>, Refusal> {
        let master = request.header("x-master-password");
        match needs {
            Needs::Nothing => return Ok(None),
            Needs::MasterPassword | Needs::Either if master == Some(&self.master_password) => {
                return Ok(None);
            }
            Needs::Either if master.is_none() => {}
            Needs::MasterPassword if master.is_none() => {
                let message = "X-Master-Password header is required";
                return Err(Refusal::new(INVALID_MASTER_PASSWORD).saying(message));
            }
            Needs::MasterPassword | Needs::Either => return Err(Refusal::new(INVALID_MASTER_PASSWORD)),
            Needs::Session | Needs::Sending => {}
        }
        let caller = self.ledger.authenticate(request.header("authorization"), now)?;
        if is_limited_by_session(path) {
            self.ledger.admit_session(caller.session, needs == Needs::Sending, now)?;
        }
        Ok(Some(caller))
    }
}

/// Whether the Host header names this machine's loopback, with any port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "127.0.0.1" | "localhost" | "[::1]")
}

fn is_limited_by_session(path: &[&str]) -> bool {
    const GROUPS: [&str; 7] = ["wallet", "transactions", "actions", "x402", "erc8004", "erc8128", "rpc-evm"];
    matches!(path, ["v1", group, ..] if GROUPS.contains(group))
}

/// The table of routes.
fn find(method: &str, path: &[&str]) -> Option<(Needs, Handler)> {
    use Needs::{Either, MasterPassword, Nothing, Sending, Session};
    let ["v1", path @ ..] = path else {
        return match (method, path) {
            ("GET", ["health"]) => Some((Nothing, about::health)),
            ("GET", ["doc"]) => Some((Nothing, about::document)),
            _ => None,
        };
    };
    let row: (Needs, Handler) = match (method, path) {
        ("GET", ["nonce"]) => (Nothing, about::nonce),
        ("GET", ["skills", _]) => (Nothing, about::skill),
        ("GET", ["connect-info"]) => (Session, about::connect_info),
        ("GET", ["policies"]) => (Either, about::policies),

        ("PUT", ["sessions", _, "renew"]) => (Session, operator::renew),
        ("POST", ["sessions"]) => (MasterPassword, operator::create_session),
        ("GET", ["sessions"]) => (MasterPassword, operator::list_sessions),
        ("DELETE", ["sessions", _]) => (MasterPassword, operator::revoke_session),
        ("POST", ["mcp", "tokens"]) => (MasterPassword, operator::create_mcp_token),
        ("POST", ["admin", "sessions", _, "reissue"]) => (MasterPassword, operator::reissue),
        ("POST", ["admin", "rotate-secret"]) => (MasterPassword, operator::rotate_secret),
        ("POST", ["admin", "kill-switch"]) => (MasterPassword, operator::throw_kill_switch),
        ("GET", ["admin", "kill-switch"]) => (MasterPassword, operator::kill_switch),
        ("POST", ["admin", "recover"]) => (MasterPassword, operator::recover),
        ("GET", ["admin", "status"]) => (MasterPassword, operator::status),

        ("GET", ["wallets"]) => (Either, wallets::list),
        ("POST", ["wallets"]) => (MasterPassword, wallets::create),
        ("GET", ["wallets", _]) => (Either, wallets::detail),
        ("GET", ["wallets", _, "networks"]) => (Either, wallets::networks),
        ("GET", ["wallets", _, "credentials"]) => (MasterPassword, operator::credentials),
        ("GET", ["wallets", _, "actions"]) => (Session, actions::list),
        ("POST", ["wallets", _, "userop", "build"]) => (Session, smart_account::build),
        ("POST", ["wallets", _, "userop", "sign"]) => (Session, smart_account::sign),
        (
            "GET",
            ["wallets", _, "hyperliquid", "positions" | "orders" | "account" | "fills" | "sub-accounts"]
            | ["wallets", _, "hyperliquid", "spot", "balances"]
            | ["wallets", _, "hyperliquid", "sub-accounts", _, "positions"],
        ) => (Session, venues::hyperliquid_account),
        ("GET", ["wallets", _, "polymarket", "positions" | "orders" | "balance" | "pnl"]) => {
            (Session, venues::polymarket_account)
        }
        ("POST", ["wallets", _, "polymarket", "setup"]) => (Session, venues::polymarket_setup),
        ("GET", ["hyperliquid", "markets" | "funding-rates"] | ["hyperliquid", "spot", "markets"]) => {
            (Session, venues::hyperliquid_market)
        }
        ("GET", ["polymarket", "markets" | "events"] | ["polymarket", "markets", _]) => {
            (Session, venues::polymarket_market)
        }

        ("GET", ["wallet", "address"]) => (Session, wallets::address),
        ("GET", ["wallet", "balance"]) => (Session, assets::balance),
        ("GET", ["wallet", "assets"]) => (Session, assets::assets),
        ("GET", ["wallet", "incoming"]) => (Session, transactions::incoming),
        ("GET", ["wallet", "incoming", "summary"]) => (Session, transactions::incoming_summary),
        ("GET", ["wallet", "positions"]) => (Session, assets::positions),
        ("GET", ["wallet", "health-factor"]) => (Session, assets::health_factor),
        ("GET", ["wallet", "staking"]) => (Session, assets::staking),
        ("GET", ["wallet", "nfts"]) => (Session, nfts::list),
        ("GET", ["wallet", "nfts", _]) => (Session, nfts::detail),
        ("POST", ["wallet", "wc", "pair"]) => (Session, wallet_connect::pair),
        ("GET", ["wallet", "wc", "session"]) => (Session, wallet_connect::session),
        ("DELETE", ["wallet", "wc", "session"]) => (Session, wallet_connect::disconnect),
        ("GET", ["tokens"]) => (Session, assets::tokens),

        ("POST", ["transactions", "send"]) => (Sending, sending::send),
        ("POST", ["transactions", "simulate"]) => (Session, sending::simulate),
        ("POST", ["transactions", "sign"]) => (Session, signing::sign_transaction),
        ("POST", ["transactions", "sign-message"]) => (Session, signing::sign_message),
        ("GET", ["transactions"]) => (Session, transactions::list),
        ("GET", ["transactions", "pending"]) => (Session, transactions::pending),
        ("GET", ["transactions", _]) => (Session, transactions::detail),
        ("POST", ["utils", "encode-calldata"]) => (Session, signing::encode_calldata),

        ("GET", ["actions", "providers"]) => (Session, actions::providers),
        ("POST", ["actions", _, _]) => (Sending, actions::execute),

        ("POST", ["x402", "fetch"]) => (Session, identity::x402_fetch),
        ("GET", ["erc8004", "agent", _]) => (Session, identity::agent),
        ("GET", ["erc8004", "agent", _, "reputation"]) => (Session, identity::reputation),
        ("GET", ["erc8004", "validation", _]) => (Session, identity::validation),
        ("POST", ["erc8128", "sign"]) => (Session, identity::sign_request),
        ("POST", ["erc8128", "verify"]) => (Session, identity::verify_request),
        _ => return None,
    };
    Some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_let_in() {
        for host in ["127.0.0.1", "127.0.0.1:3100", "localhost", "LOCALHOST:1", "[::1]", "[::1]:3100"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example", "127.0.0.2", "localhost:x", "::1", "0.0.0.0"]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
