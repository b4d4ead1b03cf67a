//! One handler for each method.
//!
//! Used by `dispatch`. A handler answers at once, or hands back work for the call pool: whatever may wait for the
//! daemon or the disk. Refuses to know threads, batches and the order of answers.

use std::borrow::Cow;
use std::sync::Arc;

use crate::json::{self, Object, RawValue};
use crate::mcp::HandshakeVersion;
use crate::mcp::era::Era;
use crate::mcp::error::{ErrorCode, ErrorObject, shown};
use crate::mcp::message::{Params, RequestId};
use crate::mcp::types::{
    self, Cache, CallToolResult, Implementation, Resource, ServerCapabilities, discover_result,
    initialize_result,
};

use super::Server;
use super::call::Cancelled;
use super::composed::{Task, is_repeatable};
use super::resources::{self, SESSION_STATUS};
use super::toolbox::NoTool;

/// How long a client without a handshake may keep a list. Such a client is not told of changes.
const LIST_CACHE: Cache = Cache::Millis(30_000);

/// How long it may keep what the server says of itself: it changes with the program's version only.
const DISCOVER_CACHE: Cache = Cache::Millis(3_600_000);

/// For the model, once per connection. Clients cut it at 2,048 characters.
const INSTRUCTIONS: &str = "\
Tools of a WAIaaS wallet daemon on the user's side: balances, transfers, signatures. Call connect_info first: it \
lists the wallets, their networks and what the policies allow. Amounts are integers in the smallest unit (wei, \
lamports, drops) as strings. A send that answers PENDING is not done: follow it with get_transaction. A result with \
status outcome_unknown must not be repeated before list_transactions was checked. A result with session_expired or \
daemon_unavailable can be tried again once the user has done what it says; no restart is needed. Every action_ tool \
takes gas_condition with the members it has in send_token.";

/// What a handler comes to.
pub(super) enum Reply {
    /// The result, as JSON text.
    Now(String),
    /// The result will come from the call pool.
    Later(Later),
    /// The result is the list of tools, which may grow in a moment.
    List(Era),
}

/// A request that has to wait for somebody.
pub(super) struct Later {
    /// Which form its result has.
    pub form: Form,
    /// It changes nothing.
    pub repeatable: bool,
    /// Does it. Blocks.
    pub work: Box<dyn FnOnce(&Cancelled) -> CallToolResult + Send>,
}

/// What a request's result looks like, whatever its text is.
#[derive(Clone)]
pub(super) struct Form {
    era: Era,
    server: Arc<Implementation>,
    kind: FormKind,
}

#[derive(Clone)]
enum FormKind {
    /// The result of a tool.
    Call,
    /// The text of a resource.
    Contents(Resource),
    /// A JSON array of resources.
    Resources,
}

impl Form {
    /// The result of the request, as JSON text.
    pub(super) fn result(&self, outcome: &CallToolResult) -> String {
        match &self.kind {
            FormKind::Call => outcome.to_json(self.era, &self.server),
            FormKind::Contents(resource) => resource.read_result(outcome, self.era, &self.server),
            FormKind::Resources => {
                // If the list was lost, those that are there without asking.
                let is_list = outcome.text.starts_with('[');
                let list = if is_list { outcome.text.clone() } else { resources::list(None, self.era) };
                types::result(self.era, &self.server, LIST_CACHE).raw("resources", &list).finish()
            }
        }
    }
}

/// What is declared, and served. Without a handshake there is no way yet to hear of a change.
fn capabilities(era: Era) -> ServerCapabilities {
    let notifies = era != Era::Stateless;
    ServerCapabilities {
        tools_list_changed: notifies,
        // The resources do not change by themselves yet; declaring it promises no more than to say so if they did.
        resources_list_changed: notifies,
        resources_subscribe: notifies,
    }
}

impl Server {
    /// Answered from what is in memory, whatever disk and daemon do.
    pub(super) fn initialize(&mut self, params: &Params) -> Reply {
        let [requested] = params.members(["protocolVersion"]);
        let version: HandshakeVersion = self.lifecycle.initialize(requested);
        let capabilities = capabilities(Era::Handshake(version));
        Reply::Now(initialize_result(version, capabilities, &self.implementation, INSTRUCTIONS))
    }

    pub(super) fn discover(&self, era: Era) -> Reply {
        let capabilities = capabilities(era);
        Reply::Now(discover_result(era, DISCOVER_CACHE, capabilities, &self.implementation, INSTRUCTIONS))
    }

    pub(super) fn ping(&self, era: Era) -> Reply {
        Reply::Now(self.result(era, Cache::Uncacheable).finish())
    }

    pub(super) fn list_tools(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        only_page(params)?;
        Ok(if self.list_may_wait() { Reply::List(era) } else { Reply::Now(self.list_now(era)) })
    }

    pub(super) fn tools_result(&mut self, era: Era) -> String {
        let mut result = self.result(era, LIST_CACHE);
        result.raw("tools", self.toolbox.list(era)).finish()
    }

    pub(super) fn call_tool(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let [name, arguments] = params.members(["name", "arguments"]);
        let name = text(name, "name")?;
        let spec = self.toolbox.find(&name).map_err(|none| match none {
            NoTool::Hidden(why) => {
                ErrorObject::invalid_params(format!("Tool {} is switched off: {why}", shown(&name)))
            }
            NoTool::Unknown => ErrorObject::invalid_params(format!("Unknown tool: {}", shown(&name))),
        })?;
        let form = self.form(era, FormKind::Call);
        let daemon = match &self.daemon {
            Ok(daemon) => Arc::clone(daemon),
            Err(problem) => return Ok(Reply::Now(form.result(&problem.to_result()))),
        };
        let task = match Task::of(spec, arguments, &daemon) {
            Task::Known(result) => return Ok(Reply::Now(form.result(&result))),
            task => task,
        };
        let work = Box::new(move |cancelled: &Cancelled| task.run(&daemon, cancelled));
        Ok(Reply::Later(Later { form, repeatable: is_repeatable(spec), work }))
    }

    pub(super) fn list_resources(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        only_page(params)?;
        let form = self.form(era, FormKind::Resources);
        let Ok(daemon) = &self.daemon else {
            return Ok(Reply::Now(form.result(&CallToolResult::text(resources::list(None, era)))));
        };
        let daemon = Arc::clone(daemon);
        let work = Box::new(move |_: &Cancelled| CallToolResult::text(resources::list(Some(&daemon), era)));
        Ok(Reply::Later(Later { form, repeatable: true, work }))
    }

    pub(super) fn list_resource_templates(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        only_page(params)?;
        let templates = format!("[{}]", resources::SKILLS.to_json(era));
        Ok(Reply::Now(self.result(era, LIST_CACHE).raw("resourceTemplates", &templates).finish()))
    }

    pub(super) fn read_resource(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let resource = known_resource(era, params)?;
        let form = self.form(era, FormKind::Contents(resource.clone()));
        let daemon = match &self.daemon {
            Ok(daemon) => Arc::clone(daemon),
            Err(problem) => return Ok(Reply::Now(form.result(&problem.to_result()))),
        };
        // At once, so that it can be read however many calls hang.
        if resource.uri == SESSION_STATUS
            && let Some(status) = daemon.session.status()
        {
            return Ok(Reply::Now(form.result(&CallToolResult::text(status.to_json()))));
        }
        let work = Box::new(move |cancelled: &Cancelled| resources::read(&resource, &daemon, cancelled));
        Ok(Reply::Later(Later { form, repeatable: true, work }))
    }

    pub(super) fn subscribe(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        // A skill never changes, so there is nothing to remember.
        if let Cow::Borrowed(uri) = known_resource(era, params)?.uri {
            self.subscriptions.subscribe(uri);
        }
        Ok(Reply::Now(self.result(era, Cache::Uncacheable).finish()))
    }

    pub(super) fn unsubscribe(&mut self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        self.subscriptions.unsubscribe(&known_resource(era, params)?.uri);
        Ok(Reply::Now(self.result(era, Cache::Uncacheable).finish()))
    }

    /// `notifications/cancelled`. The client expects no answer any more, also none that is ready by now.
    pub(super) fn cancel(&mut self, params: &Params) {
        let [id] = params.members(["requestId"]);
        if let Some(id) = id.and_then(RequestId::parse) {
            self.drop_cancelled(&id);
        }
    }

    fn result(&self, era: Era, cache: Cache) -> Object {
        types::result(era, &self.implementation, cache)
    }

    fn form(&self, era: Era, kind: FormKind) -> Form {
        Form { era, server: Arc::clone(&self.implementation), kind }
    }
}

/// Every list has one page, so no cursor was ever handed out.
fn only_page(params: &Params) -> Result<(), ErrorObject> {
    match params.members(["cursor"]) {
        [None] => Ok(()),
        [Some(_)] => {
            Err(ErrorObject::invalid_params("Invalid params: unknown cursor; the list has one page"))
        }
    }
}

fn text(value: Option<&RawValue>, name: &str) -> Result<String, ErrorObject> {
    let wrong = || ErrorObject::invalid_params(format!("Invalid params: {name} must be a string"));
    value.and_then(json::string).ok_or_else(wrong)
}

fn known_resource(era: Era, params: &Params) -> Result<Resource, ErrorObject> {
    let [uri] = params.members(["uri"]);
    let uri = text(uri, "uri")?;
    resources::find(&uri).cloned().or_else(|| resources::find_skill(&uri)).ok_or_else(|| {
        let code: ErrorCode = era.resource_not_found();
        ErrorObject::new(code, "Resource not found").with_data(Object::new().string("uri", &uri).finish())
    })
}
