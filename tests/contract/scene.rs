//! A sandbox and a session, and the words in which a state before a request is told.

use serde_json::Value;
use waiaas_mcp::sandbox::{IssuedSession, Options, RateLimits, Sandbox, SessionLimits};

use crate::raw_http::{Answer, ask, bearer, master};

/// A sandbox in the state a recorded pair begins with.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) session: IssuedSession,
    /// The token the pair is asked with.
    pub(crate) token: String,
    offset_s: i64,
}

impl Scene {
    pub(crate) fn new() -> Scene {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        let session = sandbox.first_session().clone();
        Scene { token: session.token.clone(), session, sandbox, offset_s: 0 }
    }

    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[String], body: &str) -> Answer {
        ask(&self.sandbox.base_url(), method, target, headers, body)
    }

    pub(crate) fn ask_as_operator(&self, method: &str, target: &str, body: &str) -> Answer {
        self.ask(method, target, &[master(self.sandbox.master_password())], body)
    }

    pub(crate) fn take(&mut self, limits: SessionLimits) {
        self.session = self.sandbox.new_session(limits);
        self.token = self.session.token.clone();
    }

    /// Brings about one of the words in `given`.
    pub(crate) fn prepare(&mut self, step: &str) {
        let words: Vec<&str> = step.split(' ').collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let [trading, sol, _] = self.sandbox.wallet_ids().map(str::to_owned);
        match words[..] {
            ["session", "unlimited"] => self.take(SessionLimits::default()),
            ["session", "of", "two", "wallets"] => {
                self.take(SessionLimits { wallet_ids: vec![trading, sol], ..SessionLimits::default() });
            }
            ["session", ttl, ..] => {
                let named =
                    |name: &str| words.iter().position(|word| *word == name).map_or(0, |at| number(at + 1));
                self.take(SessionLimits {
                    ttl_s: Some(ttl.parse().unwrap()),
                    max_renewals: named("renewals"),
                    absolute_lifetime_s: named("lifetime").into(),
                    wallet_ids: Vec::new(),
                });
            }
            [_, "s", "later"] => {
                self.offset_s += i64::from(number(0));
                self.sandbox.set_clock_offset_s(self.offset_s);
            }
            ["renewed"] => {
                let answer = self.renew(&self.token);
                assert_eq!(answer.status, 200, "{}", answer.body);
                let body: Value = serde_json::from_str(&answer.body).unwrap();
                self.session.token = body["token"].as_str().unwrap().to_owned();
            }
            ["newest", "token"] => self.token = self.session.token.clone(),
            ["revoked"] => self.sandbox.revoke(&self.session.id),
            ["reissued"] => {
                let target = format!("/v1/admin/sessions/{}/reissue", self.session.id);
                assert_eq!(self.ask_as_operator("POST", &target, "").status, 200);
            }
            ["secret", "rotated"] => {
                assert_eq!(self.ask_as_operator("POST", "/v1/admin/rotate-secret", "").status, 200);
            }
            ["kill", "switch"] => {
                assert_eq!(self.ask_as_operator("POST", "/v1/admin/kill-switch", "").status, 200);
            }
            [_, "more", "sessions"] => {
                for _ in 0..number(0) {
                    self.sandbox.new_session(SessionLimits::default());
                }
            }
            ["address", "limit", _] => {
                let limits = RateLimits { address: Some(number(2)), session: None, transactions: None };
                self.sandbox.set_rate_limits(limits);
            }
            ["calls", "a", "minute:", _] => {
                let limits = RateLimits { address: None, session: Some(number(3)), transactions: None };
                self.sandbox.set_rate_limits(limits);
            }
            [_, "calls"] => {
                for _ in 0..number(0) {
                    let answer = self.ask("GET", "/v1/wallet/address", &[bearer(&self.token)], "");
                    assert_eq!(answer.status, 200);
                }
            }
            [_, "calls", "of", path] => {
                for _ in 0..number(0) {
                    assert_eq!(self.ask("GET", path, &[], "").status, 200);
                }
            }
            _ => panic!("unknown step {step}"),
        }
    }

    pub(crate) fn renew(&self, token: &str) -> Answer {
        self.ask("PUT", &format!("/v1/sessions/{}/renew", self.session.id), &[bearer(token)], "")
    }

    /// What a name in `names` stands for.
    pub(crate) fn id(&self, name: &str) -> String {
        let [trading, sol, _] = self.sandbox.wallet_ids();
        match name {
            "trading-bot" => trading.to_owned(),
            "sol-bot" => sol.to_owned(),
            "session" => self.session.id.clone(),
            "unknown" => "01a20238-ffff-7fff-8fff-ffffffffffff".to_owned(),
            _ => panic!("unknown name {name}"),
        }
    }
}
