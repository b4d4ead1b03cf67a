//! Entries and directories that the cases share.

use std::path::PathBuf;

use waiaas_mcp::cli::clients::{Client, Entry, Plan, Target, find, plan};
use waiaas_mcp::config::{System, UserDirectories};
use waiaas_mcp::ids::WalletId;

/// A wallet of the examples.
pub(crate) const WALLET: &str = "0193f3a8-7c51-7d20-9b1e-5a1f00c0ffee";

/// An entry with everything in it.
pub(crate) fn entry(key: &str) -> Entry {
    let target = Target {
        command: "/opt/waiaas/bin/waiaas-mcp".into(),
        data_dir: "/home/ada/.waiaas".into(),
        base_url: None,
        wallet_id: WalletId::parse(WALLET),
        wallet_name: Some("Ada's \"main\" wallet".to_owned()),
    };
    Entry::new(key, &target).expect("all of it is Unicode")
}

/// Directories of somebody whose home is this.
pub(crate) fn directories(system: System, home: impl Into<PathBuf>) -> UserDirectories {
    let home = home.into();
    let app_data = (system == System::Windows).then(|| home.join("AppData").join("Roaming"));
    let none = None;
    UserDirectories {
        system,
        home: Some(home),
        xdg_config: none.clone(),
        app_data,
        codex_home: none,
        search_path: Vec::new(),
    }
}

/// A client by its name.
pub(crate) fn client(name: &str) -> &'static Client {
    find(name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

/// An entry with as little in it as possible.
pub(crate) fn small(key: &str) -> Entry {
    let target = Target { command: "/bin/waiaas-mcp".into(), data_dir: "/data".into(), ..Target::default() };
    Entry::new(key, &target).expect("Unicode")
}

/// What two entries mean for Cursor's file in this home directory.
pub(crate) fn plan_both(home: &tempfile::TempDir) -> Plan {
    let directories = directories(System::Linux, home.path());
    plan(client("cursor"), &directories, &[small("waiaas"), small("waiaas-b")]).expect("a good file")
}
