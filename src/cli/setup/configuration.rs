//! The clients' side of a session: the entries that make a client start this program with the right token file.
//!
//! Used by `setup`. Refuses to know how a client's file is written; that is the table of clients' and the editors'.

use super::Chosen;
use crate::cli::clients::{self, CLIENTS, Client, Entry, Target, show};
use crate::cli::{Failure, output};
use crate::config::{self, Config, System, UserDirectories};
use crate::http::base_url::BaseUrl;

/// Names of the clients, for the option.
pub(in crate::cli) fn names() -> Vec<&'static str> {
    CLIENTS.iter().map(|client| client.name).collect()
}

/// An entry for each wallet. Keys are made for all wallets of the daemon, so that a wallet's key stays the same whichever
/// of them is set up when.
pub(super) fn entries(
    config: &Config,
    wallets: &[super::Wallet],
    chosen: &[Chosen],
) -> Result<Vec<Entry>, Failure> {
    let command = config::own_path().map_err(|error| Failure {
        what: format!("the path of this program is not known: {error}"),
        advice: "Start it by its whole path.".to_owned(),
    })?;
    let named: Vec<(&str, Option<&str>)> =
        wallets.iter().map(|wallet| (wallet.id.as_str(), Some(wallet.name.as_str()))).collect();
    let keys = clients::keys(&named);
    let entry = |chosen: &Chosen| {
        let wallet = &chosen.wallet;
        let told = |text: &String| (chosen.is_own && !text.is_empty()).then(|| text.clone());
        let target = Target {
            command: command.clone(),
            data_dir: config.data_dir.clone(),
            base_url: Some(config.base_url.as_str().to_owned()).filter(|url| url != BaseUrl::DEFAULT),
            wallet_id: told(&wallet.id),
            wallet_name: told(&wallet.name),
        };
        let at = wallets.iter().position(|candidate| candidate.id == wallet.id);
        let key = at.and_then(|at| keys.get(at)).map_or("waiaas", String::as_str);
        Entry::new(key, &target)
    };
    chosen.iter().map(entry).collect()
}

/// Prints what to put into the files of these clients; without any, in the form that most of them read.
pub(super) fn print(names: &[&str], entries: &[Entry]) -> Result<(), Failure> {
    let directories = UserDirectories::from_environment();
    let named: Vec<&Client> = names.iter().filter_map(|name| clients::find(name)).collect();
    let clients = if named.is_empty() { vec![&CLIENTS[0]] } else { named };
    for client in clients {
        let place =
            client.path(&directories).map(|path| format!(" ({})", path.display())).unwrap_or_default();
        output::remark(&format!("\n{}{place}:", client.title));
        show_one(client, entries, directories.system)?;
    }
    Ok(())
}

fn show_one(client: &Client, entries: &[Entry], system: System) -> Result<(), Failure> {
    if let Some(failure) = entries.iter().find_map(|entry| entry.misread(client)) {
        return Err(failure);
    }
    output::print(&show::snippet(client, entries))?;
    for command in entries.iter().filter_map(|entry| show::add_command(client, entry, system)) {
        output::remark(&format!("or type: {command}"));
    }
    Ok(())
}
