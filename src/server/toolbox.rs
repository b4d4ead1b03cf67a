//! Which tools there are now, and their list as it is sent.
//!
//! Used by the server and by the command line. The catalogue and the actions of the daemon's providers, narrowed by what
//! the user chose; the list's text is made when it is first asked for, which is after the answer to `initialize`, and
//! kept until the actions change. Refuses to know what a call does, and where the actions come from.

use crate::mcp::era::Era;
use crate::mcp::types::{Tool, ToolAnnotations};
use crate::wallet::actions::{Action, NAME_PREFIX};
use crate::wallet::catalogue;
use crate::wallet::schema::{hints, input_schema};
use crate::wallet::spec::{Effect, ToolSpec};
use crate::wallet::toolsets::{Selection, Toolset};

/// What the user chose to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToolChoice {
    /// The groups.
    pub toolsets: Selection,
    /// Only tools that change nothing.
    pub read_only: bool,
}

/// The tools of one server.
#[derive(Debug)]
pub struct Toolbox {
    choice: ToolChoice,
    /// Put before each description.
    prefix: String,
    /// Those of the daemon's providers, as it last told them, hidden ones too.
    actions: Vec<Action>,
    /// The JSON array of the tools, once for each era that asked.
    lists: Vec<(Era, String)>,
}

/// There is no such tool to be seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoTool {
    /// The configuration hides it; why, as one clause.
    Hidden(String),
    /// Nobody knows it.
    Unknown,
}

impl Toolbox {
    /// The tools of this choice. Several servers can stand beside each other in one client, each for its own wallet,
    /// so a wallet's name is put before each description.
    pub fn new(choice: ToolChoice, wallet_name: Option<&str>) -> Toolbox {
        let prefix = wallet_name.map(|name| format!("[{name}] ")).unwrap_or_default();
        Toolbox { choice, prefix, actions: Vec::new(), lists: Vec::new() }
    }

    /// Whether actions of providers can be seen at all.
    pub fn wants_actions(&self) -> bool {
        self.choice.toolsets.includes_some(Toolset::Actions)
    }

    /// Replaces the actions. Whether the list has changed by that.
    pub fn set_actions(&mut self, actions: Vec<Action>) -> bool {
        let has_changed = !self.shown_actions(&actions).eq(self.shown_actions(&self.actions));
        self.actions = actions;
        if has_changed {
            self.lists.clear();
        }
        has_changed
    }

    fn shown_actions<'a>(&self, actions: &'a [Action]) -> impl Iterator<Item = &'a ToolSpec> {
        let shown = actions.iter().filter(|action| self.shows(&action.spec, Some(&action.provider)));
        shown.map(|action| &action.spec)
    }

    /// The tool of this name, if it is to be seen.
    ///
    /// # Errors
    /// [`NoTool`], with the way to see it if there is one.
    pub fn find(&self, name: &str) -> Result<&ToolSpec, NoTool> {
        let of_provider = || {
            let action = self.actions.iter().find(|action| action.spec.name == name)?;
            Some((&action.spec, Some(&*action.provider)))
        };
        match catalogue::find(name).map(|spec| (spec, None)).or_else(of_provider) {
            Some((spec, provider)) if self.shows(spec, provider) => Ok(spec),
            Some((spec, provider)) => Err(NoTool::Hidden(self.way_to(spec, provider))),
            // Nobody has asked the daemon which actions there are.
            None if name.starts_with(NAME_PREFIX) && !self.wants_actions() => {
                Err(NoTool::Hidden(way_to_set(Toolset::Actions.name())))
            }
            None => Err(NoTool::Unknown),
        }
    }

    /// What hides a tool, as advice.
    fn way_to(&self, spec: &ToolSpec, provider: Option<&str>) -> String {
        let set = match provider {
            Some(provider) => format!("{}:{provider}", spec.toolset.name()),
            None => spec.toolset.name().to_owned(),
        };
        match (self.choice.toolsets.includes(spec.toolset, provider), self.choice.read_only) {
            (false, false) => way_to_set(&set),
            (true, _) => {
                format!("it is not only reading ({}); WAIAAS_MCP_READ_ONLY hides it", spec.effect.name())
            }
            (false, true) => {
                format!("it is in the toolset {set} (WAIAAS_MCP_TOOLSETS); look at WAIAAS_MCP_READ_ONLY too")
            }
        }
    }

    /// The JSON array of all tools, in the catalogue's order.
    pub fn list(&mut self, era: Era) -> &str {
        let index = self.lists.iter().position(|(made_for, _)| *made_for == era).unwrap_or_else(|| {
            self.lists.push((era, self.written(era)));
            self.lists.len() - 1
        });
        &self.lists[index].1
    }

    fn shows(&self, spec: &ToolSpec, provider: Option<&str>) -> bool {
        self.choice.toolsets.includes(spec.toolset, provider)
            && (!self.choice.read_only || spec.effect == Effect::Read)
    }

    fn written(&self, era: Era) -> String {
        let known = catalogue::tools().iter().filter(|spec| self.shows(spec, None));
        let tools = known.chain(self.shown_actions(&self.actions)).map(|spec| {
            let tool = Tool {
                name: &spec.name,
                title: &spec.title,
                description: &format!("{}{}", self.prefix, spec.description),
                input_schema: &input_schema(spec),
                annotations: annotations(spec),
            };
            tool.to_json(era)
        });
        format!("[{}]", tools.collect::<Vec<String>>().join(","))
    }
}

fn way_to_set(set: &str) -> String {
    format!("it is in the toolset {set}; add that to WAIAAS_MCP_TOOLSETS")
}

/// The wallet's hints in the protocol's words.
fn annotations(spec: &ToolSpec) -> ToolAnnotations {
    let hints = hints(spec);
    ToolAnnotations {
        read_only_hint: Some(hints.read_only),
        destructive_hint: hints.destructive,
        idempotent_hint: hints.idempotent,
        open_world_hint: Some(hints.open_world),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::HandshakeVersion;
    use crate::wallet::actions;
    use serde_json::Value;

    fn listed(choice: ToolChoice, wallet_name: Option<&str>) -> Vec<Value> {
        let mut toolbox = Toolbox::new(choice, wallet_name);
        serde_json::from_str(toolbox.list(Era::Handshake(HandshakeVersion::NEWEST))).expect("a JSON array")
    }

    #[test]
    fn a_wallets_name_stands_before_every_description() {
        let all = ToolChoice { toolsets: Selection::ALL, read_only: false };
        for tool in listed(all.clone(), Some("trading-bot")) {
            assert!(tool["description"].as_str().expect("text").starts_with("[trading-bot] "), "{tool}");
        }
        for tool in listed(all, None) {
            assert!(!tool["description"].as_str().expect("text").starts_with('['), "{tool}");
        }
    }

    #[test]
    fn what_is_not_shown_cannot_be_called() {
        let read_only = ToolChoice { toolsets: Selection::ALL, read_only: true };
        let tools = listed(read_only.clone(), None);
        assert!(!tools.is_empty());
        for tool in &tools {
            assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        }
        let toolbox = Toolbox::new(read_only.clone(), None);
        assert!(toolbox.find("get_balance").is_ok());
        let hidden = |choice: ToolChoice, name: &str| match Toolbox::new(choice, None).find(name) {
            Err(NoTool::Hidden(why)) => why,
            other => panic!("{name}: {other:?}"),
        };
        assert!(hidden(read_only, "send_token").contains("WAIAAS_MCP_READ_ONLY"));
        let nft = ToolChoice { toolsets: Selection::parse("nft").expect("a toolset"), read_only: false };
        assert!(hidden(nft.clone(), "get_balance").contains("toolset core; add that to WAIAAS_MCP_TOOLSETS"));
        assert!(hidden(ToolChoice { read_only: true, ..nft }, "send_token").contains("READ_ONLY"));
        assert_eq!(toolbox.find("no_such_tool"), Err(NoTool::Unknown));
    }

    #[test]
    fn a_hidden_action_says_how_to_see_it() {
        let body = r#"{"providers":[{"name":"x","mcpExpose":true,"actions":[{"name":"a"}]}]}"#;
        let table = [
            ("core", false, "it is in the toolset actions; add that to WAIAAS_MCP_TOOLSETS"),
            ("actions:y", false, "it is in the toolset actions:x; add that to WAIAAS_MCP_TOOLSETS"),
            ("actions:x", true, "it is not only reading (spend); WAIAAS_MCP_READ_ONLY hides it"),
        ];
        for (choice, read_only, way) in table {
            let toolsets = Selection::parse(choice).expect("a choice");
            let mut toolbox = Toolbox::new(ToolChoice { toolsets, read_only }, None);
            if toolbox.wants_actions() {
                assert!(!toolbox.set_actions(actions::read(body).expect("providers").actions), "{choice}");
            }
            assert_eq!(toolbox.find("action_x_a"), Err(NoTool::Hidden(way.to_owned())), "{choice}");
        }
        let all = Toolbox::new(ToolChoice { toolsets: Selection::ALL, read_only: false }, None);
        assert_eq!(all.find("action_x_a"), Err(NoTool::Unknown), "the daemon has not told yet");
    }

    #[test]
    fn actions_are_listed_behind_the_catalogue_and_chosen_by_provider() {
        let body = r#"{"providers":[
            {"name":"x","mcpExpose":true,"actions":[{"name":"b"},{"name":"a"}]},
            {"name":"across_bridge","mcpExpose":true,"actions":[{"name":"quote"}]}]}"#;
        let found = || actions::read(body).expect("providers").actions;
        let era = Era::Handshake(HandshakeVersion::NEWEST);
        let names = |choice: &str, read_only| {
            let toolsets = Selection::parse(choice).expect("a choice");
            let mut toolbox = Toolbox::new(ToolChoice { toolsets, read_only }, Some("w"));
            let before = toolbox.list(era).len();
            let has_changed = toolbox.set_actions(found());
            assert!(!toolbox.set_actions(found()), "the same again is no change");
            assert_eq!(toolbox.list(era).len() > before, has_changed);
            let tools: Vec<Value> = serde_json::from_str(toolbox.list(era)).expect("a JSON array");
            let names = tools.iter().filter_map(|tool| tool["name"].as_str());
            names.filter(|name| name.starts_with("action_")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(names("all", false), ["action_x_b", "action_x_a", "action_across_bridge_quote"]);
        assert_eq!(names("core,actions:x", false), ["action_x_b", "action_x_a"]);
        assert_eq!(names("actions", true), ["action_across_bridge_quote"]);
        assert!(names("core,nft", false).is_empty());
    }

    #[test]
    fn the_shipped_providers_fit_their_budget() {
        /// Bytes of `tools/list` with the 68 actions of the shipped providers.
        /// What the daemon's own descriptions of its actions are longer than the sandbox's, measured on the same list
        /// (81,536 bytes with the ones recorded from the daemon 2.15.0, 71,183 with the sandbox's).
        const LONGER_AT_THE_DAEMON: usize = 81_536 - 71_183;
        const BYTES_MAX: usize = 82_000 - LONGER_AT_THE_DAEMON;
        let body = include_str!("../sandbox/data/action-providers.json");
        let found = actions::read(body).expect("providers");
        assert!(found.odd.is_empty(), "{:?}", found.odd);
        let mut toolbox = Toolbox::new(ToolChoice { toolsets: Selection::ALL, read_only: false }, None);
        assert!(toolbox.set_actions(found.actions));
        let list = toolbox.list(Era::Stateless);
        let tools: Vec<Value> = serde_json::from_str(list).expect("a JSON array");
        assert_eq!(tools.len(), 128);
        assert!(list.len() + 300 <= BYTES_MAX, "{} bytes", list.len());
    }
}
