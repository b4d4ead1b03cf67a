//! Which tools there are now, and their list as it is sent.
//!
//! Used by the server. The catalogue, narrowed by what the user chose; the list's text is made when it is first asked
//! for, which is after the answer to `initialize`, and kept. Refuses to know what a call does.

use crate::mcp::era::Era;
use crate::mcp::types::{Tool, ToolAnnotations};
use crate::wallet::catalogue;
use crate::wallet::schema::{hints, input_schema};
use crate::wallet::spec::{Effect, ToolSpec};
use crate::wallet::toolsets::Selection;

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
    /// The JSON array of the tools, once for each era that asked.
    lists: Vec<(Era, String)>,
}

impl Toolbox {
    /// The tools of this choice. Several servers can stand beside each other in one client, each for its own wallet,
    /// so a wallet's name is put before each description.
    pub fn new(choice: ToolChoice, wallet_name: Option<&str>) -> Toolbox {
        let prefix = wallet_name.map(|name| format!("[{name}] ")).unwrap_or_default();
        Toolbox { choice, prefix, lists: Vec::new() }
    }

    /// The tool of this name, if it is to be seen.
    pub fn find(&self, name: &str) -> Option<&'static ToolSpec> {
        catalogue::find(name).filter(|spec| self.shows(spec))
    }

    /// The JSON array of all tools, in the catalogue's order.
    pub fn list(&mut self, era: Era) -> &str {
        let index = self.lists.iter().position(|(made_for, _)| *made_for == era).unwrap_or_else(|| {
            self.lists.push((era, self.written(era)));
            self.lists.len() - 1
        });
        &self.lists[index].1
    }

    fn shows(&self, spec: &ToolSpec) -> bool {
        self.choice.toolsets.includes(spec.toolset, None)
            && (!self.choice.read_only || spec.effect == Effect::Read)
    }

    fn written(&self, era: Era) -> String {
        let shown = catalogue::tools().iter().filter(|spec| self.shows(spec));
        let tools: Vec<String> = shown
            .map(|spec| {
                let tool = Tool {
                    name: &spec.name,
                    title: &spec.title,
                    description: &format!("{}{}", self.prefix, spec.description),
                    input_schema: &input_schema(spec),
                    annotations: annotations(spec),
                };
                tool.to_json(era)
            })
            .collect();
        format!("[{}]", tools.join(","))
    }
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
        let toolbox = Toolbox::new(read_only, None);
        assert!(toolbox.find("send_token").is_none());
        assert!(toolbox.find("get_balance").is_some());
        let nft = Selection::parse("nft").expect("a toolset");
        assert!(
            Toolbox::new(ToolChoice { toolsets: nft, read_only: false }, None).find("get_balance").is_none()
        );
    }
}
