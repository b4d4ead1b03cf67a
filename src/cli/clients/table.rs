//! The MCP clients whose configuration is known: one row each, from which everything else follows.
//!
//! Used by `setup`, `doctor` and the help. Pure. Where the files are and what the clients make of them was read in
//! their documentation and their sources; a limit that only users have reported is worded as one.

use std::path::PathBuf;

use crate::config::{System, UserDirectories};

/// One MCP client.
#[derive(Debug)]
pub struct Client {
    /// The word after `--client`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How its file is written.
    pub format: Format,
    /// The member of the file that holds the servers.
    pub top_key: &'static str,
    /// The form of an entry.
    pub shape: Shape,
    /// What it does to a `$` in an entry.
    pub expansion: Expansion,
    /// Its own command for adding a server.
    pub add_command: Option<AddCommand>,
    /// What the user does for a change to take effect. One sentence.
    pub after_writing: &'static str,
    /// What is worth knowing whatever the entry is. One sentence each.
    pub remarks: &'static [&'static str],
    /// How long a tool's name may become.
    pub name_limit: Option<NameLimit>,
    places: Places,
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// JSON to the letter: the client would not read a file with comments.
    Json,
    /// JSON with comments and trailing commas.
    Jsonc,
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

/// The form of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `command`, `args`, `env`.
    Plain,
    /// The same after `type`, which is `stdio`.
    Typed,
    /// goose's: more members, and `cmd` and `envs` for `command` and `env`.
    Goose,
}

/// How a shape calls what all of them have.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "their names")]
pub struct Names {
    pub command: &'static str,
    pub args: &'static str,
    pub variables: &'static str,
}

/// What a client does to a `$` in the values of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expansion {
    /// Nothing.
    None,
    /// `${NAME}` is replaced.
    Braces,
    /// `$NAME` is replaced as well.
    Dollar,
}

/// A client's own command for adding a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "their names")]
pub enum AddCommand {
    Claude,
    Code,
    Codex,
    Gemini,
}

/// How long a tool's name may become.
#[derive(Clone, Copy, Debug)]
pub struct NameLimit {
    /// Characters for the key, the tool's name and what the client puts around them.
    pub chars_max: usize,
    /// Characters that the client puts around them.
    pub around: usize,
    /// What becomes of a tool with a longer name.
    pub consequence: &'static str,
}

#[derive(Debug)]
struct Places {
    mac_os: Place,
    windows: Place,
    linux: Place,
}

#[derive(Debug)]
struct Place {
    base: Base,
    below: &'static [&'static str],
}

#[derive(Clone, Copy, Debug)]
enum Base {
    Home,
    /// `XDG_CONFIG_HOME`, else `.config` in the home directory.
    XdgConfig,
    AppData,
    /// `CODEX_HOME`, else `.codex` in the home directory.
    Codex,
}

impl Client {
    /// Its file in the user's scope. `None` if the directory is not known from which it follows, such as the
    /// home directory.
    pub fn path(&self, directories: &UserDirectories) -> Option<PathBuf> {
        let place = match directories.system {
            System::MacOs => &self.places.mac_os,
            System::Windows => &self.places.windows,
            System::Linux => &self.places.linux,
        };
        let in_home = |below: &str| Some(directories.home.as_ref()?.join(below));
        let base = match place.base {
            Base::Home => directories.home.clone(),
            Base::XdgConfig => directories.xdg_config.clone().or_else(|| in_home(".config")),
            Base::AppData => directories.app_data.clone(),
            Base::Codex => directories.codex_home.clone().or_else(|| in_home(".codex")),
        };
        Some(place.below.iter().fold(base?, |path, part| path.join(part)))
    }
}

impl Shape {
    /// How it calls what all of them have.
    pub fn names(self) -> Names {
        match self {
            Shape::Plain | Shape::Typed => Names { command: "command", args: "args", variables: "env" },
            Shape::Goose => Names { command: "cmd", args: "args", variables: "envs" },
        }
    }
}

/// The client of this name.
pub fn find(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.name == name)
}

/// The same place below the home directory everywhere.
const fn in_home(below: &'static [&'static str]) -> Places {
    Places {
        mac_os: Place { base: Base::Home, below },
        windows: Place { base: Base::Home, below },
        linux: Place { base: Base::Home, below },
    }
}

/// The clients, in the order in which they are listed.
pub static CLIENTS: [Client; 9] = [
    Client {
        name: "claude-desktop",
        title: "Claude Desktop",
        format: Format::Json,
        top_key: "mcpServers",
        shape: Shape::Plain,
        expansion: Expansion::None,
        add_command: None,
        after_writing: "Quit Claude Desktop and open it again: it reads the file at its start only.",
        remarks: &[],
        name_limit: None,
        places: Places {
            mac_os: Place {
                base: Base::Home,
                below: &["Library", "Application Support", "Claude", "claude_desktop_config.json"],
            },
            windows: Place { base: Base::AppData, below: &["Claude", "claude_desktop_config.json"] },
            linux: Place { base: Base::XdgConfig, below: &["Claude", "claude_desktop_config.json"] },
        },
    },
    Client {
        name: "claude-code",
        title: "Claude Code",
        format: Format::Json,
        top_key: "mcpServers",
        shape: Shape::Typed,
        expansion: Expansion::Braces,
        add_command: Some(AddCommand::Claude),
        after_writing: "Start Claude Code anew; /mcp shows the server there.",
        remarks: &[
            "Claude Code rewrites this file while it runs: its own command is the safer way, or close it before.",
        ],
        name_limit: Some(NameLimit {
            chars_max: 128,
            around: "mcp____".len(),
            consequence: "the tool is left out",
        }),
        places: in_home(&[".claude.json"]),
    },
    Client {
        name: "cursor",
        title: "Cursor",
        format: Format::Jsonc,
        top_key: "mcpServers",
        shape: Shape::Typed,
        expansion: Expansion::Braces,
        add_command: None,
        after_writing: "Restart Cursor.",
        remarks: &[concat!(
            "Cursor was reported to offer only the first 40 tools of all servers together: ",
            "WAIAAS_MCP_TOOLSETS=core in `env` makes them few."
        )],
        name_limit: Some(NameLimit { chars_max: 60, around: 0, consequence: "the tool is left out" }),
        places: in_home(&[".cursor", "mcp.json"]),
    },
    Client {
        name: "vscode",
        title: "VS Code",
        format: Format::Jsonc,
        top_key: "servers",
        shape: Shape::Typed,
        expansion: Expansion::Braces,
        add_command: Some(AddCommand::Code),
        after_writing: "VS Code asks whether you trust the server when it starts it for the first time.",
        remarks: &["This is the file of the default profile; another profile has a file of its own."],
        name_limit: Some(NameLimit { chars_max: 64, around: "mcp__".len(), consequence: "the name is cut" }),
        places: Places {
            mac_os: Place {
                base: Base::Home,
                below: &["Library", "Application Support", "Code", "User", "mcp.json"],
            },
            windows: Place { base: Base::AppData, below: &["Code", "User", "mcp.json"] },
            linux: Place { base: Base::XdgConfig, below: &["Code", "User", "mcp.json"] },
        },
    },
    Client {
        name: "windsurf",
        title: "Windsurf",
        format: Format::Json,
        top_key: "mcpServers",
        shape: Shape::Plain,
        expansion: Expansion::Braces,
        add_command: None,
        after_writing: "Press Refresh in the list of MCP servers, or restart Windsurf.",
        remarks: &[
            "Windsurf takes at most 100 tools of all servers together: WAIAAS_MCP_TOOLSETS=core in `env` makes them few.",
        ],
        name_limit: None,
        places: in_home(&[".codeium", "windsurf", "mcp_config.json"]),
    },
    Client {
        name: "zed",
        title: "Zed",
        format: Format::Jsonc,
        top_key: "context_servers",
        shape: Shape::Plain,
        expansion: Expansion::None,
        add_command: None,
        after_writing: "Zed notices the change by itself.",
        remarks: &[],
        name_limit: None,
        places: Places {
            mac_os: Place { base: Base::Home, below: &[".config", "zed", "settings.json"] },
            windows: Place { base: Base::AppData, below: &["Zed", "settings.json"] },
            linux: Place { base: Base::XdgConfig, below: &["zed", "settings.json"] },
        },
    },
    Client {
        name: "codex",
        title: "Codex",
        format: Format::Toml,
        top_key: "mcp_servers",
        shape: Shape::Plain,
        expansion: Expansion::None,
        add_command: Some(AddCommand::Codex),
        after_writing: "Start Codex anew.",
        remarks: &["Codex clears the environment: a variable that the server is to see must stand in `env`."],
        name_limit: Some(NameLimit {
            chars_max: 64,
            around: "mcp____".len(),
            consequence: "the name ends in a hash",
        }),
        places: Places {
            mac_os: Place { base: Base::Codex, below: &["config.toml"] },
            windows: Place { base: Base::Codex, below: &["config.toml"] },
            linux: Place { base: Base::Codex, below: &["config.toml"] },
        },
    },
    Client {
        name: "gemini",
        title: "Gemini CLI",
        format: Format::Jsonc,
        top_key: "mcpServers",
        shape: Shape::Plain,
        expansion: Expansion::Dollar,
        add_command: Some(AddCommand::Gemini),
        after_writing: "Start Gemini CLI anew.",
        remarks: &["mcp.allowed and mcp.excluded in the same file can switch the server off."],
        name_limit: Some(NameLimit {
            chars_max: 63,
            around: "mcp__".len(),
            consequence: "the name is cut in the middle",
        }),
        places: in_home(&[".gemini", "settings.json"]),
    },
    Client {
        name: "goose",
        title: "goose",
        format: Format::Yaml,
        top_key: "extensions",
        shape: Shape::Goose,
        expansion: Expansion::None,
        add_command: None,
        after_writing: "Start a new goose session.",
        remarks: &["goose recommends few tools: WAIAAS_MCP_TOOLSETS=core in `envs` makes them few."],
        name_limit: None,
        places: Places {
            mac_os: Place { base: Base::Home, below: &[".config", "goose", "config.yaml"] },
            windows: Place { base: Base::AppData, below: &["Block", "goose", "config", "config.yaml"] },
            linux: Place { base: Base::XdgConfig, below: &["goose", "config.yaml"] },
        },
    },
];
