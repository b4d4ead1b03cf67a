//! What the clients' files say about us.
//!
//! Used by `doctor`. A check for each client that names this program or the Node program, and one more if none does.
//! Refuses to judge clients that have nothing to do with us.

use super::report::Check;
use crate::config::Config;
use crate::ids::WalletId;

#[cfg(feature = "setup")]
pub(super) use with_files::checks;

/// This build cannot read clients' files.
#[cfg(not(feature = "setup"))]
pub(super) fn checks(_config: &Config, _wallet_files: &[WalletId]) -> Vec<Check> {
    vec![Check::skipped("client", "the files of MCP clients", "this program was built without `setup`")]
}

#[cfg(feature = "setup")]
mod with_files {
    use super::{Check, Config, WalletId};
    use crate::cli::clients::inspect::{CommandState, FileState, Inspected, Inspection};
    use crate::cli::clients::recognise::Difference;
    use crate::cli::clients::{self, CLIENTS, Program, Target};
    use crate::cli::output::foreign;
    use crate::cli::setup;
    use crate::config::UserDirectories;

    const NAME: &str = "client";

    /// `wallet_files`: the wallets that have a token file of their own.
    pub(in super::super) fn checks(config: &Config, wallet_files: &[WalletId]) -> Vec<Check> {
        let directories = UserDirectories::from_environment();
        let Ok(target) = setup::target(config) else { return Vec::new() };
        let target =
            Target { wallet_id: config.wallet_id.clone(), wallet_name: config.wallet_name.clone(), ..target };
        let inspections = CLIENTS.iter().map(|client| clients::inspect(client, &directories, &target));
        let checks: Vec<Check> =
            inspections.flat_map(|inspection| of_client(&inspection, wallet_files)).collect();
        if !checks.is_empty() {
            return checks;
        }
        let none = Check::good(NAME, "the files of MCP clients", "none names this program");
        vec![none.warning("Run `waiaas-mcp setup --client NAME`, or see what to paste with --print.")]
    }

    fn of_client(inspection: &Inspection, wallet_files: &[WalletId]) -> Vec<Check> {
        let path = inspection.path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        if let FileState::Unreadable(failure) = &inspection.state {
            let check =
                Check::good(NAME, format!("{} of {}", path, inspection.client.title), failure.what.clone());
            return vec![check.warning(failure.advice.clone())];
        }
        inspection
            .servers
            .iter()
            .map(|inspected| of_server(inspected, wallet_files, inspection.client.title, &path))
            .collect()
    }

    fn of_server(inspected: &Inspected, wallet_files: &[WalletId], title: &str, path: &str) -> Check {
        let Inspected { server, command, differences } = inspected;
        let key = foreign(&server.key);
        let check = |found: String| Check::good(NAME, format!("{title}, entry {key} in {path}"), found);
        let command_text = foreign(&server.command);
        if server.has_token {
            return check("a session token stands in it".to_owned())
                .failed("Take it out, revoke its session, and run `waiaas-mcp setup --client`: the token file is for it.");
        }
        if server.program == Program::Node {
            return check(format!("it starts the Node program ({command_text})"))
                .warning("Replace it with an entry of this program, or remove it: both keep the same kind of token file.");
        }
        match command {
            CommandState::Missing => {
                return check(format!("there is no {command_text}"))
                    .failed("Run `waiaas-mcp setup --client` again: it writes the path of this program.");
            }
            CommandState::NotExecutable => {
                return check(format!("{command_text} cannot be run"))
                    .failed(format!("Run `chmod +x {command_text}`."));
            }
            CommandState::BareName { is_found: false } => {
                return check(format!("{command_text} is in no directory of PATH"))
                    .failed("Write its whole path: clients start with a short PATH.");
            }
            CommandState::BareName { is_found: true } => {
                return check(format!("{command_text} is found here, and perhaps not by the client"))
                    .warning("Write its whole path: clients start with a short PATH.");
            }
            CommandState::ThisProgram | CommandState::AnotherProgram => {}
        }
        if let Some(off) = &server.off {
            return check(format!("it is switched off: {}", foreign(off)))
                .warning("Switch it on in the client.");
        }
        if let Some(wallet_id) = own_wallet(differences, wallet_files) {
            return check(format!(
                "it is for wallet {wallet_id}, whose own token file `doctor --wallet {wallet_id}` looks at"
            ));
        }
        if let Some(difference) = differences.first() {
            let value = |value: &Option<String>| value.as_deref().map_or("not set".to_owned(), foreign);
            return check(format!(
                "{} is {} there, and {} here",
                difference.variable,
                value(&difference.found),
                value(&difference.expected)
            ))
            .warning("It uses another token file or daemon than these checks looked at: run `doctor` with the same options.");
        }
        if *command == CommandState::AnotherProgram {
            return check(format!("it starts another copy of this program, {command_text}"));
        }
        check("it starts this program with this token file".to_owned())
    }

    /// The wallet of an entry that differs from these checks only in being for one, which has its token file.
    fn own_wallet(differences: &[Difference], wallet_files: &[WalletId]) -> Option<WalletId> {
        match differences {
            [Difference { variable: "WAIAAS_WALLET_ID", found: Some(wallet_id), expected: None }] => {
                WalletId::parse(wallet_id).filter(|id| wallet_files.contains(id))
            }
            _ => None,
        }
    }
}
