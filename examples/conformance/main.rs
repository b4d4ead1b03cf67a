//! The server's engine with other things to serve: the tools, resources and prompts that the official conformance
//! suite asks for by name. It shows that the engine knows nothing of wallets, and is used by `scripts/conformance`.
//!
//! What the product does not serve (prompts, questions to the client, results that ask for input) is made here, out
//! of the same seam.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use waiaas_mcp::mcp::era::Era;
use waiaas_mcp::mcp::error::{ErrorCode, ErrorObject};
use waiaas_mcp::mcp::message::{Params, Response};
use waiaas_mcp::mcp::stdio::Connection;
use waiaas_mcp::mcp::types::{self, Cache, Implementation, ServerCapabilities};
use waiaas_mcp::server::handlers::{no_resource, only_page, text};
use waiaas_mcp::server::serve;
use waiaas_mcp::server::service::{About, Asked, News, Reply, Service, Standing};

mod client;
mod input;
mod prompts;
mod resources;
mod tools;

use client::Client;

/// How long lists and texts may be kept: they never change.
const CACHE: Cache = Cache::Millis(1_000);

fn main() -> io::Result<()> {
    serve(Connection::stdio()?, Box::new(Fixture::new()), |_| {});
    Ok(())
}

struct Fixture {
    about: About,
    news: VecDeque<News>,
    client: Client,
    seal: input::Seal,
}

impl Fixture {
    fn new() -> Fixture {
        let implementation = Implementation {
            name: "conformance".to_owned(),
            title: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let capabilities = ServerCapabilities {
            tools_list_changed: true,
            resources_list_changed: true,
            resources_subscribe: true,
            prompts: Some(true),
            completions: true,
            logging: true,
        };
        Fixture {
            about: About { implementation, capabilities, instructions: "For tests only." },
            news: VecDeque::new(),
            client: Client::default(),
            seal: input::Seal::default(),
        }
    }

    /// A result of these members.
    fn result(&self, era: Era, cache: Cache, members: &Value) -> Reply {
        Reply::Now(complete(era, &self.about.implementation, cache, members))
    }

    fn read(&self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let [uri] = asked.params.members(["uri"]);
        let uri = text(uri, "uri")?;
        let contents = resources::read(&uri).ok_or_else(|| no_resource(asked.era, &uri))?;
        Ok(self.result(asked.era, CACHE, &json!({ "contents": [contents] })))
    }

    fn prompt(&self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let name = text(asked.params.members(["name"])[0], "name")?;
        if name == prompts::ASKS_FOR_INPUT {
            return self.result_with_input(asked, input::prompt(asked.params));
        }
        let messages = prompts::messages(&name, &arguments(asked.params))
            .ok_or_else(|| ErrorObject::invalid_params(format!("Unknown prompt: {name}")))?;
        Ok(self.result(asked.era, Cache::Uncacheable, &json!({ "messages": messages })))
    }

    fn result_with_input(
        &self,
        asked: &Asked<'_>,
        outcome: Result<input::Outcome, ErrorObject>,
    ) -> Result<Reply, ErrorObject> {
        if asked.era != Era::Stateless {
            return Err(ErrorObject::method_not_found(asked.method));
        }
        Ok(match outcome? {
            input::Outcome::Complete(members) => self.result(asked.era, Cache::Uncacheable, &members),
            input::Outcome::Required(members) => Reply::Now(members.to_string()),
        })
    }
}

impl Service for Fixture {
    fn about(&self) -> &About {
        &self.about
    }

    fn request(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let era = asked.era;
        let list = |fixture: &Fixture, name: &str, list: Value| {
            only_page(asked.params)?;
            Ok(fixture.result(era, CACHE, &json!({ name: list })))
        };
        match asked.method {
            "tools/list" => list(self, "tools", tools::list()),
            "tools/call" => self.call(asked),
            "resources/list" => list(self, "resources", resources::list()),
            "resources/templates/list" => list(self, "resourceTemplates", resources::templates()),
            "resources/read" => self.read(asked),
            "prompts/list" => list(self, "prompts", prompts::list()),
            "prompts/get" => self.prompt(asked),
            "completion/complete" => {
                Ok(Reply::Now(types::completion_result(era, &self.about.implementation, &["paris", "park"])))
            }
            unknown => Err(ErrorObject::method_not_found(unknown)),
        }
    }

    fn resource(&self, uri: &str) -> Option<Standing> {
        resources::read(uri).map(|_| Standing::Changing)
    }

    fn news(&mut self, _: Duration, _: bool) -> Option<News> {
        self.news.pop_front()
    }

    fn answered(&mut self, response: Response) {
        self.client.answered(response);
    }
}

/// The JSON text of a complete result.
fn complete(era: Era, server: &Implementation, cache: Cache, members: &Value) -> String {
    let mut result = types::result(era, server, cache);
    for (name, value) in members.as_object().into_iter().flatten() {
        result.raw(name, &value.to_string());
    }
    result.finish()
}

/// The arguments of a call or a prompt; none if there are none.
fn arguments(params: &Params) -> Value {
    member(params, "arguments")
}

/// A member of the params; null if there is none.
fn member(params: &Params, name: &str) -> Value {
    let [value] = params.members([name]);
    value.and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
}

/// Whether the client has declared a capability with this request.
fn can(params: &Params, capability: &str) -> bool {
    member(params, "_meta")["io.modelcontextprotocol/clientCapabilities"][capability].is_object()
}

fn missing_capability(capability: &str) -> ErrorObject {
    let data = json!({ "requiredCapabilities": { capability: {} } }).to_string();
    let message = format!("The client lacks the capability {capability}");
    ErrorObject::new(ErrorCode::MissingRequiredClientCapability, message).with_data(data)
}
