//! Who wants to hear of which changes: the client of a handshake connection (`resources/subscribe`), and streams
//! that were opened without one (`subscriptions/listen`).
//!
//! Used by the server. Pure. Refuses to know which resources exist and when they change.

use std::borrow::Cow;

use super::error::ErrorObject;
use super::message::{Outgoing, Params, RequestId};
use super::types::ServerCapabilities;
use crate::json::{self, Object, RawValue};

/// Most streams of one connection, and most resources that it subscribes to, or that one stream names. A client
/// needs one stream, and a few resources.
pub const SUBSCRIPTIONS_MAX: usize = 64;

/// The member of `_meta` that says to which stream a notification belongs: the id of the request that opened it.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// Something that clients may want to hear of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The list of tools.
    Tools,
    /// The list of prompts.
    Prompts,
    /// The list of resources.
    Resources,
    /// What the resource of this URI says.
    Resource(Cow<'static, str>),
}

/// What one stream is to hear of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Vec<String>,
}

/// The subscriptions of one connection.
#[derive(Debug, Default)]
pub struct Subscriptions {
    uris: Vec<String>,
    streams: Vec<(RequestId, Filter)>,
}

/// There are too many already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl Subscriptions {
    /// The client of the connection wants to hear of `uri`. Saying so twice is saying it once.
    ///
    /// # Errors
    /// [`Full`], beyond [`SUBSCRIPTIONS_MAX`].
    pub fn subscribe(&mut self, uri: &str) -> Result<(), Full> {
        if self.contains(uri) {
            return Ok(());
        }
        if self.uris.len() >= SUBSCRIPTIONS_MAX {
            return Err(Full);
        }
        self.uris.push(uri.to_owned());
        Ok(())
    }

    /// It wants to hear of it no more.
    pub fn unsubscribe(&mut self, uri: &str) {
        self.uris.retain(|subscribed| subscribed != uri);
    }

    fn contains(&self, uri: &str) -> bool {
        self.uris.iter().any(|subscribed| subscribed == uri)
    }

    /// Opens a stream: what is to be sent first.
    ///
    /// # Errors
    /// [`Full`], beyond [`SUBSCRIPTIONS_MAX`].
    pub fn listen(&mut self, id: RequestId, filter: Filter) -> Result<Outgoing, Full> {
        if self.streams.len() >= SUBSCRIPTIONS_MAX {
            return Err(Full);
        }
        let params = Object::new().raw("_meta", &meta(&id)).raw("notifications", &filter.to_json()).finish();
        self.streams.push((id, filter));
        Ok(Outgoing::notification("notifications/subscriptions/acknowledged", Some(&params)))
    }

    /// Closes the streams of this id, of which nothing more is sent.
    pub fn cancel(&mut self, id: &RequestId) {
        self.streams.retain(|(open, _)| open != id);
    }

    /// Closes all streams: the id of each, which gets a last result.
    pub fn end(&mut self) -> Vec<RequestId> {
        self.uris.clear();
        std::mem::take(&mut self.streams).into_iter().map(|(id, _)| id).collect()
    }

    /// Whether any stream is open.
    pub fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// What is to be sent because of a change. `to_connection`: the client of the connection takes notifications
    /// that belong to no stream.
    pub fn notifications(&self, change: &Change, to_connection: bool) -> Vec<Outgoing> {
        let is_asked_for = match change {
            Change::Resource(uri) => self.contains(uri),
            Change::Tools | Change::Prompts | Change::Resources => true,
        };
        let plain = (to_connection && is_asked_for).then(|| change.notification(None));
        let streams = self.streams.iter().filter(|(_, filter)| filter.takes(change));
        plain.into_iter().chain(streams.map(|(id, _)| change.notification(Some(id)))).collect()
    }
}

fn meta(id: &RequestId) -> String {
    Object::new().raw(SUBSCRIPTION_ID, id.as_json()).finish()
}

impl Change {
    fn notification(&self, stream: Option<&RequestId>) -> Outgoing {
        let method = match self {
            Change::Tools => "notifications/tools/list_changed",
            Change::Prompts => "notifications/prompts/list_changed",
            Change::Resources => "notifications/resources/list_changed",
            Change::Resource(_) => "notifications/resources/updated",
        };
        let mut params = Object::new();
        if let Some(id) = stream {
            params.raw("_meta", &meta(id));
        }
        if let Change::Resource(uri) = self {
            params.string("uri", uri);
        }
        let has_params = stream.is_some() || matches!(self, Change::Resource(_));
        Outgoing::notification(method, has_params.then(|| params.finish()).as_deref())
    }
}

impl Filter {
    /// What `subscriptions/listen` asks for, as far as it is served. `is_known` tells which resources exist.
    ///
    /// # Errors
    /// The params are not those of this method.
    pub fn parse(
        params: &Params,
        served: ServerCapabilities,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<Filter, ErrorObject> {
        let [asked] = params.members(["notifications"]);
        let wrong = |what: &str| ErrorObject::invalid_params(format!("Invalid params: {what}"));
        let names =
            ["toolsListChanged", "promptsListChanged", "resourcesListChanged", "resourceSubscriptions"];
        let asked = asked.and_then(|asked| json::members(asked.get(), names));
        let [tools, prompts, resources, uris] =
            asked.ok_or_else(|| wrong("notifications must be an object"))?;
        let flag = |value: Option<&RawValue>| match value.map(RawValue::get) {
            Some("true") => Ok(true),
            None | Some("false" | "null") => Ok(false),
            Some(_) => Err(wrong("what is listened to must be true or false")),
        };
        let uris = match uris.filter(|uris| !json::is_null(uris)) {
            None => Vec::new(),
            Some(uris) => serde_json::from_str::<Vec<String>>(uris.get())
                .map_err(|_| wrong("resourceSubscriptions must be an array of strings"))?,
        };
        let (tools, prompts, resources) = (flag(tools)?, flag(prompts)?, flag(resources)?);
        let mut filter = Filter {
            tools: tools && served.tools_list_changed,
            prompts: prompts && served.prompts == Some(true),
            resources: resources && served.resources_list_changed,
            uris: Vec::new(),
        };
        for uri in uris.into_iter().filter(|uri| served.resources_subscribe && is_known(uri)) {
            if filter.uris.len() < SUBSCRIPTIONS_MAX && !filter.uris.contains(&uri) {
                filter.uris.push(uri);
            }
        }
        Ok(filter)
    }

    fn takes(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(uri) => self.uris.iter().any(|subscribed| subscribed == uri),
        }
    }

    fn to_json(&self) -> String {
        let mut object = Object::new();
        for (name, is_taken) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if is_taken {
                object.bool(name, true);
            }
        }
        if !self.uris.is_empty() {
            object
                .raw("resourceSubscriptions", &json::array_of_strings(self.uris.iter().map(String::as_str)));
        }
        object.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::message::{Incoming, Message, Request};

    const SERVED: ServerCapabilities = ServerCapabilities {
        tools_list_changed: true,
        resources_list_changed: true,
        resources_subscribe: true,
        prompts: None,
        completions: false,
        logging: false,
    };

    fn request(id: &str, notifications: &str) -> Request {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"m","params":{{"notifications":{notifications}}}}}"#
        );
        match Incoming::parse(line.as_bytes()) {
            Some(Incoming::Single(Ok(Message::Request(request)))) => request,
            other => panic!("not a request: {other:?}"),
        }
    }

    fn parsed(notifications: &str) -> Result<String, i64> {
        let is_known = |uri: &str| uri.starts_with("x://");
        let filter = Filter::parse(&request("1", notifications).params, SERVED, is_known);
        filter.map(|filter| filter.to_json()).map_err(|error| error.code.number())
    }

    #[test]
    fn what_is_served_of_what_was_asked_for_is_acknowledged() {
        let many: Vec<String> = (0..1000).map(|at| format!("\"x://{at}\"")).collect();
        let many = parsed(&format!(r#"{{"resourceSubscriptions":[{}]}}"#, many.join(",")));
        assert_eq!(many.expect("a filter").matches("x://").count(), SUBSCRIPTIONS_MAX);
        let table = [
            ("{}", Ok("{}")),
            (r#"{"toolsListChanged":true,"promptsListChanged":true}"#, Ok(r#"{"toolsListChanged":true}"#)),
            (r#"{"toolsListChanged":false,"resourcesListChanged":null}"#, Ok("{}")),
            (r#"{"resourcesListChanged":true,"more":[1]}"#, Ok(r#"{"resourcesListChanged":true}"#)),
            (
                r#"{"resourceSubscriptions":["x://a","y://b","x://a"]}"#,
                Ok(r#"{"resourceSubscriptions":["x://a"]}"#),
            ),
            (r#"{"resourceSubscriptions":["y://b"]}"#, Ok("{}")),
            (r#"{"resourceSubscriptions":[1]}"#, Err(-32602)),
            (r#"{"resourceSubscriptions":"x://a"}"#, Err(-32602)),
            (r#"{"toolsListChanged":1}"#, Err(-32602)),
            ("[]", Err(-32602)),
            ("null", Err(-32602)),
        ];
        for (asked, expected) in table {
            assert_eq!(parsed(asked), expected.map(str::to_owned), "{asked}");
        }
    }

    #[test]
    fn a_stream_hears_of_what_it_asked_for_with_its_own_id_and_of_nothing_else() {
        let mut subscriptions = Subscriptions::default();
        let asked = [
            (r#""a""#, r#"{"toolsListChanged":true,"resourceSubscriptions":["x://r"]}"#),
            ("7", r#"{"resourcesListChanged":true}"#),
        ];
        for (id, notifications) in asked {
            let request = request(id, notifications);
            let filter = Filter::parse(&request.params, SERVED, |_| true).expect("a filter");
            let first = subscriptions.listen(request.id, filter).expect("room");
            assert_eq!(
                first.as_json(),
                format!(
                    r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"io.modelcontextprotocol/subscriptionId":{id}}},"notifications":{notifications}}}}}"#
                )
            );
        }
        let sent = |subscriptions: &Subscriptions, change: &Change, to_connection| {
            let sent = subscriptions.notifications(change, to_connection);
            sent.iter().map(|message| message.as_json().to_owned()).collect::<Vec<_>>()
        };
        let updated = Change::Resource("x://r".into());
        assert_eq!(
            sent(&subscriptions, &updated, true),
            [
                r#"{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"a"},"uri":"x://r"}}"#
            ]
        );
        assert_eq!(
            sent(&subscriptions, &Change::Tools, true),
            [
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
                r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"a"}}}"#
            ]
        );
        assert_eq!(sent(&subscriptions, &Change::Resources, false).len(), 1);
        assert!(sent(&subscriptions, &Change::Prompts, false).is_empty());
        let first = request(r#""\u0061""#, "{}").id;
        subscriptions.cancel(&first);
        assert!(sent(&subscriptions, &updated, true).is_empty(), "it was cancelled");
        assert_eq!(subscriptions.end().len(), 1);
        assert!(!subscriptions.has_streams());
    }

    #[test]
    fn subscribing_twice_is_subscribing_once() {
        let mut subscriptions = Subscriptions::default();
        let updated = Change::Resource("a".into());
        assert_eq!((subscriptions.subscribe("a"), subscriptions.subscribe("a")), (Ok(()), Ok(())));
        subscriptions.unsubscribe("b");
        assert_eq!(subscriptions.notifications(&updated, true).len(), 1);
        assert!(subscriptions.notifications(&updated, false).is_empty(), "nobody takes it");
        subscriptions.unsubscribe("a");
        assert!(subscriptions.notifications(&updated, true).is_empty());
    }

    #[test]
    fn subscriptions_are_bounded() {
        let mut subscriptions = Subscriptions::default();
        for at in 0..SUBSCRIPTIONS_MAX {
            assert!(subscriptions.subscribe(&at.to_string()).is_ok());
            assert!(subscriptions.listen(request("1", "{}").id, Filter::default()).is_ok());
        }
        assert_eq!(subscriptions.subscribe("one more"), Err(Full));
        assert!(subscriptions.listen(request("1", "{}").id, Filter::default()).is_err());
    }
}
