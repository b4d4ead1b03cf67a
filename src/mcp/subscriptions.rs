//! Which resources the client of a handshake connection wants to hear of (`resources/subscribe`).
//!
//! Used by the server. Pure. Refuses to know which resources exist: only known ones may be handed in, which is what
//! bounds the list.

/// The subscriptions of one connection.
#[derive(Debug, Default)]
pub struct Subscriptions {
    uris: Vec<&'static str>,
}

impl Subscriptions {
    /// The client wants to hear of `uri`. Saying so twice is saying it once.
    pub fn subscribe(&mut self, uri: &'static str) {
        if !self.contains(uri) {
            self.uris.push(uri);
        }
    }

    /// The client wants to hear of it no more.
    pub fn unsubscribe(&mut self, uri: &str) {
        self.uris.retain(|subscribed| *subscribed != uri);
    }

    /// Whether the client wants to hear of it.
    pub fn contains(&self, uri: &str) -> bool {
        self.uris.contains(&uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscribing_twice_is_subscribing_once() {
        let mut subscriptions = Subscriptions::default();
        subscriptions.subscribe("a");
        subscriptions.subscribe("a");
        subscriptions.unsubscribe("b");
        assert!(subscriptions.contains("a") && !subscriptions.contains("b"));
        subscriptions.unsubscribe("a");
        assert!(!subscriptions.contains("a"));
    }
}
