//! Tokens that the daemon refuses, and when it was last asked about each.
//!
//! Used by `renewal`. Pure. A refusal is a sample, not a verdict for ever: a daemon that was restarted or restored
//! may accept the token again, so it is asked now and then for as long as the token's own end lies ahead.

use std::collections::VecDeque;
use std::time::Duration;

use super::policy;
use crate::secret::Token;

/// What is known to be refused, oldest first.
#[derive(Debug, Default)]
pub(super) struct Refusals(VecDeque<Refusal>);

#[derive(Debug)]
struct Refusal {
    token: Token,
    /// On the monotonic clock.
    asked_at: Duration,
}

impl Refusals {
    pub(super) fn contains(&self, token: &Token) -> bool {
        self.0.iter().any(|refusal| refusal.token == *token)
    }

    /// The daemon refused this token just now. Of more than [`policy::REFUSED_TOKENS_MAX`] the oldest is forgotten.
    pub(super) fn add(&mut self, token: &Token, now: Duration) {
        self.0.retain(|refusal| refusal.token != *token);
        self.0.push_back(Refusal { token: token.clone(), asked_at: now });
        if self.0.len() > policy::REFUSED_TOKENS_MAX {
            self.0.pop_front();
        }
    }

    /// The daemon was asked about this token just now and gave no verdict.
    pub(super) fn asked(&mut self, token: &Token, now: Duration) {
        if self.contains(token) {
            self.add(token, now);
        }
    }

    /// When the daemon was last asked about this token; `None` if it is not refused.
    pub(super) fn asked_at(&self, token: &Token) -> Option<Duration> {
        self.0.iter().find(|refusal| refusal.token == *token).map(|refusal| refusal.asked_at)
    }

    /// The daemon accepts a token that it had refused. What it said of the others in that time counts no more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
