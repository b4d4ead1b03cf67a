//! The service of a wallet: its tools, its resources, and what there is to tell about them.
//!
//! Used by the server, as the one service of the product. A method is answered at once, or hands back work for the
//! call pool: whatever may wait for the daemon or the disk. Refuses to know threads, batches and the order of answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use super::action_watch::ActionWatch;
use super::call::{Cancelled, Daemon};
use super::call_pool::Ongoing;
use super::composed::{Task, is_repeatable};
use super::handlers::{no_resource, only_page, text};
use super::render;
use super::resources::{self, SESSION_STATUS};
use super::service::{About, Asked, Later, Loss, News, Reply, Service, Standing, Turn};
use super::toolbox::{NoTool, ToolChoice, Toolbox};
use crate::mcp::era::Era;
use crate::mcp::error::{ErrorObject, shown};
use crate::mcp::logging::LoggingLevel;
use crate::mcp::message::Params;
use crate::mcp::stdio::Waker;
use crate::mcp::types::{
    self, Cache, CallToolResult, Implementation, Resource, ServerCapabilities, completion_result,
};
use crate::session::shared::Change as SessionChange;

mod log_reading;
mod news;
mod not_known_yet;

use log_reading::LogReading;

/// How long a client without a handshake may keep a list, if it does not listen to changes.
const LIST_CACHE: Cache = Cache::Millis(30_000);

/// For the model, once per connection. Clients cut it at 2,048 characters.
const INSTRUCTIONS: &str = "\
Tools of a WAIaaS wallet daemon on the user's side: balances, transfers, signatures. Call connect_info first: it \
lists the wallets, their networks and what the policies allow. Amounts are integers in the smallest unit (wei, \
lamports, drops) as strings. A send that answers PENDING is not done: follow it with get_transaction. A result with \
status outcome_unknown must not be repeated before list_transactions was checked. A result with session_expired or \
daemon_unavailable can be tried again once the user has done what it says; no restart is needed. Every action_ tool \
takes gas_condition with the members it has in send_token.";

/// What is declared, and served.
const CAPABILITIES: ServerCapabilities = ServerCapabilities {
    tools_list_changed: true,
    // The resources do not change by themselves; declaring it promises no more than to say so if they did.
    resources_list_changed: true,
    resources_subscribe: true,
    prompts: None,
    completions: true,
    logging: true,
};

/// What a server is made of.
pub struct Settings {
    /// `serverInfo.name`.
    pub name: String,
    /// Put before each tool's description.
    pub wallet_name: Option<String>,
    /// Which tools are shown.
    pub tools: ToolChoice,
    /// Where calls go. A wrong configuration does not keep the server from starting: each call explains it.
    pub daemon: Result<Daemon, ConfigProblem>,
}

/// Why no call can be served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigProblem {
    /// What is wrong, naming its source.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The service.
pub struct WalletService {
    about: About,
    implementation: Arc<Implementation>,
    daemon: Result<Arc<Daemon>, ConfigProblem>,
    toolbox: Toolbox,
    /// `None`: no actions are wanted, or nobody can be asked.
    actions: Option<ActionWatch>,
    session_changes: Receiver<SessionChange>,
    log: LogReading,
    /// What is still to be told.
    news: VecDeque<News>,
    /// The client has had a list of the tools.
    is_list_known: bool,
    /// Tell of the tools after the next look, whatever it finds: the session is another one.
    must_tell: bool,
    /// Nobody takes news any more.
    has_ended: bool,
}

/// What a request's result looks like, whatever its text is.
#[derive(Clone)]
struct Form {
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

impl WalletService {
    /// The service, which has asked nobody anything yet. `waker` is used whenever there is news.
    pub fn new(settings: Settings, waker: &Waker) -> WalletService {
        let toolbox = Toolbox::new(settings.tools, settings.wallet_name.as_deref());
        let daemon = settings.daemon.map(Arc::new);
        let watched = daemon.as_ref().ok().filter(|_| toolbox.wants_actions());
        let actions = watched.map(|daemon| ActionWatch::new(Arc::clone(daemon), waker.clone()));
        let implementation = Implementation {
            name: settings.name,
            title: settings.wallet_name.map(|name| format!("WAIaaS wallet {name}")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let session_changes = daemon.as_ref().map_or_else(
            |_| never(),
            |daemon| {
                let waker = waker.clone();
                daemon.session.changes(move || waker.wake())
            },
        );
        WalletService {
            implementation: Arc::new(implementation.clone()),
            about: About { implementation, capabilities: CAPABILITIES, instructions: INSTRUCTIONS },
            daemon,
            toolbox,
            actions,
            session_changes,
            log: LogReading::new(waker.clone()),
            news: VecDeque::new(),
            is_list_known: false,
            must_tell: false,
            has_ended: false,
        }
    }

    fn list_tools(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        only_page(asked.params)?;
        if let Some(time_max) = self.first_look_wait().filter(|_| asked.turn != Turn::Last) {
            return Ok(Reply::Wait(time_max));
        }
        self.is_list_known = true;
        let mut result = types::result(asked.era, &self.implementation, LIST_CACHE);
        Ok(Reply::Now(result.raw("tools", self.toolbox.list(asked.era)).finish()))
    }

    fn call_tool(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let [name, arguments] = asked.params.members(["name", "arguments"]);
        let name = text(name, "name")?;
        if self.toolbox.find(&name) == Err(NoTool::Unknown)
            && let Some(reply) = self.not_known_yet(&name, asked)
        {
            return Ok(reply);
        }
        let form = self.form(asked.era, FormKind::Call);
        let found = self.toolbox.find(&name);
        // With a wrong configuration nobody knows what was to be switched off.
        if let (Err(NoTool::Hidden(_)), Err(problem)) = (&found, &self.daemon) {
            return Ok(form.now(&problem.to_result()));
        }
        let spec = found.map_err(|none| match none {
            NoTool::Hidden(why) => {
                ErrorObject::invalid_params(format!("Tool {} is switched off: {why}", shown(&name)))
            }
            NoTool::Unknown => ErrorObject::invalid_params(format!("Unknown tool: {}", shown(&name))),
        })?;
        let daemon = match &self.daemon {
            Ok(daemon) => Arc::clone(daemon),
            Err(problem) => return Ok(form.now(&problem.to_result())),
        };
        Ok(match Task::of(spec, arguments, &daemon) {
            Task::Known(result) => form.now(&result),
            task => form.later(is_repeatable(spec), move |call| task.run(&daemon, call.cancelled())),
        })
    }

    fn list_resources(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        only_page(params)?;
        let form = self.form(era, FormKind::Resources);
        let list =
            move |daemon: Option<(&Daemon, &Cancelled)>| CallToolResult::text(resources::list(daemon, era));
        let Ok(daemon) = &self.daemon else { return Ok(form.now(&list(None))) };
        let daemon = Arc::clone(daemon);
        Ok(form.later(true, move |call| list(Some((&daemon, call.cancelled())))))
    }

    fn list_resource_templates(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        only_page(params)?;
        let templates = format!("[{}]", resources::SKILLS.to_json(era));
        let mut result = types::result(era, &self.implementation, LIST_CACHE);
        Ok(Reply::Now(result.raw("resourceTemplates", &templates).finish()))
    }

    fn read_resource(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let [uri] = params.members(["uri"]);
        let uri = text(uri, "uri")?;
        let resource = resources::find(&uri).ok_or_else(|| no_resource(era, &uri))?;
        let form = self.form(era, FormKind::Contents(resource.clone()));
        let daemon = match &self.daemon {
            Ok(daemon) => Arc::clone(daemon),
            Err(problem) => return Ok(form.now(&problem.to_result())),
        };
        // At once, so that it can be read however many calls hang.
        if resource.uri == SESSION_STATUS
            && let Some(status) = daemon.session.status()
        {
            return Ok(form.now(&CallToolResult::text(status.to_json())));
        }
        Ok(form.later(true, move |call| resources::read(&resource, &daemon, call.cancelled())))
    }

    fn complete(&self, era: Era, params: &Params) -> Result<Reply, ErrorObject> {
        let values = resources::completions(params)?;
        Ok(Reply::Now(completion_result(era, &self.implementation, &values)))
    }

    fn form(&self, era: Era, kind: FormKind) -> Form {
        Form { era, server: Arc::clone(&self.implementation), kind }
    }
}

impl Service for WalletService {
    fn about(&self) -> &About {
        &self.about
    }

    fn request(&mut self, asked: &Asked<'_>) -> Result<Reply, ErrorObject> {
        let (era, params) = (asked.era, asked.params);
        match asked.method {
            "tools/list" => self.list_tools(asked),
            "tools/call" => self.call_tool(asked),
            "resources/list" => self.list_resources(era, params),
            "resources/templates/list" => self.list_resource_templates(era, params),
            "resources/read" => self.read_resource(era, params),
            "completion/complete" => self.complete(era, params),
            unknown => Err(ErrorObject::method_not_found(unknown)),
        }
    }

    fn resource(&self, uri: &str) -> Option<Standing> {
        resources::find(uri).map(|resource| resources::standing(&resource))
    }

    fn begin(&mut self, now: Duration) {
        self.begin_to_watch(now);
    }

    fn heard(&mut self, now: Duration) {
        if let Some(watch) = &mut self.actions {
            watch.used(now);
        }
    }

    fn news(&mut self, now: Duration, is_heard: bool) -> Option<News> {
        self.look_around(now, is_heard);
        // What is logged comes first: it was said before it was done.
        self.log.next().or_else(|| self.news.pop_front())
    }

    fn time_left(&self, now: Duration) -> Option<Duration> {
        let look = self.actions.as_ref().filter(|_| !self.has_ended).and_then(|watch| watch.time_left(now));
        let worker = self.daemon.as_ref().ok().and_then(|daemon| daemon.session.tend());
        look.into_iter().chain(worker).min()
    }

    fn log_wanted(&mut self, least: Option<LoggingLevel>) {
        self.log.want(least);
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.session_changes = never();
        self.news.retain(|news| *news == News::Settled);
        self.log.want(None);
    }
}

impl Form {
    fn now(&self, outcome: &CallToolResult) -> Reply {
        Reply::Now(self.result(outcome))
    }

    /// `repeatable`: the work changes nothing.
    fn later(
        self,
        repeatable: bool,
        work: impl FnOnce(&Ongoing) -> CallToolResult + Send + 'static,
    ) -> Reply {
        let form = self.clone();
        let otherwise = move |loss| {
            form.result(&match loss {
                Loss::Busy => too_busy(),
                Loss::Broken => render::lost("an internal error of waiaas-mcp, see its log", repeatable),
                Loss::Ended => render::lost("waiaas-mcp was told to end before the answer came", repeatable),
            })
        };
        let work = move |call: &Ongoing| self.result(&work(call));
        Reply::Later(Later { work: Box::new(work), otherwise: Box::new(otherwise) })
    }

    /// The result of the request, as JSON text.
    fn result(&self, outcome: &CallToolResult) -> String {
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

fn too_busy() -> CallToolResult {
    render::own_error(
        "TOO_MANY_CALLS",
        "Too many calls are waiting; this one was not sent to the daemon",
        true,
        Some("Wait for some answers, then try again"),
    )
}

impl ConfigProblem {
    /// What every call is answered with.
    fn to_result(&self) -> CallToolResult {
        render::own_error("CONFIGURATION_ERROR", &self.message, false, Some(&self.hint))
    }
}
