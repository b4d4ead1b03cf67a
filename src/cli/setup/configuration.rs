//! The clients' side of a session: the entries that make a client start this program with the right token file, and
//! the clients' files they go into.
//!
//! Used by `setup`. What is going to be done is planned, and asked for where it needs asking, before a session is made.
//! Refuses to know how a client's file is written; that is the table of clients' and the editors'.

use std::fmt::Write as _;

use super::Chosen;
use crate::cli::clients::plan::{Change, Written};
use crate::cli::clients::{self, CLIENTS, Client, Entry, Plan, Program, Target, show};
use crate::cli::operator::answers::Wallet;
use crate::cli::{Failure, output, terminal};
use crate::config::{self, Config, UserDirectories};
use crate::http::base_url::BaseUrl;

/// What the user said about clients.
pub(super) struct Wish {
    pub(super) clients: Vec<&'static Client>,
    /// Print instead of writing.
    pub(super) prints: bool,
    /// Every question is answered with yes.
    pub(super) agrees: bool,
}

/// What is going to be done for one client.
pub(super) struct Planned {
    client: &'static Client,
    /// Or why its file cannot be edited.
    plan: Result<Plan, Failure>,
    consent: bool,
}

/// Names of the clients, for the option.
pub(in crate::cli) fn names() -> Vec<&'static str> {
    CLIENTS.iter().map(|client| client.name).collect()
}

/// What an entry for this process would start, without a wallet.
///
/// # Errors
/// [`Failure`] if the operating system does not tell where this program is.
pub(in crate::cli) fn target(config: &Config) -> Result<Target, Failure> {
    let command = config::own_path().map_err(|error| Failure {
        what: format!("the path of this program is not known: {error}"),
        advice: "Start it by its whole path.".to_owned(),
    })?;
    let base_url = Some(config.base_url.as_str().to_owned()).filter(|url| url != BaseUrl::DEFAULT);
    Ok(Target { command, data_dir: config.data_dir.clone(), base_url, wallet_id: None, wallet_name: None })
}

/// An entry for each wallet. Keys are made for all wallets of the daemon, so that a wallet's key stays the same whichever
/// of them is set up when.
pub(super) fn entries(config: &Config, wallets: &[Wallet], chosen: &[Chosen]) -> Result<Vec<Entry>, Failure> {
    let target = target(config)?;
    let named: Vec<(&str, Option<&str>)> =
        wallets.iter().map(|wallet| (wallet.id.as_str(), Some(wallet.name.as_str()))).collect();
    let keys = clients::keys(&named);
    let entry = |chosen: &Chosen| {
        let wallet = &chosen.wallet;
        let wallet_id = chosen.is_own.then(|| wallet.id.clone());
        let wallet_name = Some(wallet.name.clone()).filter(|name| chosen.is_own && !name.is_empty());
        let target = Target { wallet_id, wallet_name, ..target.clone() };
        let at = wallets.iter().position(|candidate| candidate.id == wallet.id);
        let key = at.and_then(|at| keys.get(at)).map_or("waiaas", String::as_str);
        Entry::new(key, &target)
    };
    chosen.iter().map(entry).collect()
}

/// Which clients: those that were named, or the answer to a question.
///
/// # Errors
/// [`Failure`] if the question was not answered.
pub(super) fn wish(named: &[&str], prints: bool, agrees: bool) -> Result<Wish, Failure> {
    let mut clients: Vec<&'static Client> = named.iter().filter_map(|name| clients::find(name)).collect();
    if clients.is_empty() && !prints && !agrees && terminal::is_there() {
        clients = ask_which()?;
    }
    Ok(Wish { clients, prints, agrees })
}

fn ask_which() -> Result<Vec<&'static Client>, Failure> {
    let mut question = "Which clients are to be configured?\n".to_owned();
    for (index, client) in CLIENTS.iter().enumerate() {
        let _ = writeln!(question, "{:>3}  {}", index + 1, client.title);
    }
    let _ = write!(question, "Numbers with spaces between, or Enter for none: ");
    let read = |answer: &str| {
        let words = answer.split([' ', ',']).filter(|word| !word.is_empty());
        let by_number = |word: &str| CLIENTS.get(word.parse::<usize>().ok()?.checked_sub(1)?);
        words.map(|word| by_number(word).or_else(|| clients::find(word))).collect::<Option<Vec<_>>>()
    };
    for _ in 0..super::QUESTIONS_MAX {
        if let Some(clients) = read(&terminal::ask(&question)?) {
            return Ok(clients);
        }
        output::remark("That is none of them.");
    }
    Ok(Vec::new())
}

/// Looks at the clients' files, and asks for what needs consent. Nothing is written.
///
/// # Errors
/// [`Failure`] if a question was not answered.
pub(super) fn plan(wish: &Wish, entries: &[Entry]) -> Result<Vec<Planned>, Failure> {
    if wish.prints {
        return Ok(Vec::new());
    }
    let directories = UserDirectories::from_environment();
    let mut planned = Vec::new();
    for client in &wish.clients {
        let plan = clients::plan(client, &directories, entries);
        let consent = match &plan {
            Ok(plan) if plan.needs_consent() && !wish.agrees && terminal::is_there() => {
                terminal::agrees(&asked(plan))?
            }
            _ => wish.agrees,
        };
        planned.push(Planned { client, plan, consent });
    }
    Ok(planned)
}

fn asked(plan: &Plan) -> String {
    if plan.directory_missing {
        return format!("{} is not there. Create it for {}?", plan.path.display(), plan.client.title);
    }
    let replaced = plan.changes.iter().filter(|(_, change)| *change == Change::Replace);
    let keys: Vec<&str> = replaced.map(|(key, _)| key.as_str()).collect();
    format!("{} has another entry {}. Replace it?", plan.path.display(), keys.join(", "))
}

/// Writes what was planned. Returns what is to be told of what was done, and whether all of it was.
///
/// # Errors
/// [`Failure`] if stdout cannot be written.
pub(super) fn carry_out(planned: &[Planned], entries: &[Entry]) -> Result<(String, bool), Failure> {
    let (mut told, mut is_done) = (String::new(), true);
    for Planned { client, plan, consent } in planned {
        let written = match plan {
            Ok(plan) => plan.write(*consent).map(|written| (plan, written)),
            Err(failure) => Err(failure.clone()),
        };
        let left_out =
            |plan: &Plan| !consent && plan.changes.iter().any(|(_, change)| *change == Change::Replace);
        match written {
            Ok((plan, _)) if left_out(plan) => {
                is_done = false;
                output::complain(
                    &format!(
                        "{} has another entry of this name, which was left as it is",
                        plan.path.display()
                    ),
                    "Say --yes to replace it, or change it by hand to this:",
                );
                show_one(client, entries)?;
            }
            Ok((plan, written)) => {
                let _ = writeln!(told, "Client   {}", said(plan, &written));
                remark(plan, entries);
            }
            Err(failure) => {
                is_done = false;
                output::complain(&failure.what, &failure.advice);
                if !entries.iter().any(|entry| entry.misread(client).is_some()) {
                    show_one(client, entries)?;
                }
            }
        }
    }
    Ok((told, is_done))
}

fn said(plan: &Plan, written: &Written) -> String {
    let (title, path) = (plan.client.title, plan.path.display());
    match written {
        Written::Nothing => format!("{title}: unchanged, {path} has it already"),
        Written::Created => format!("{title}: {path} is made. {}", plan.client.after_writing),
        Written::Changed(backup) => {
            format!(
                "{title}: {path} is changed, as it was: {}. {}",
                backup.display(),
                plan.client.after_writing
            )
        }
    }
}

/// What is worth knowing besides.
fn remark(plan: &Plan, entries: &[Entry]) {
    let remarks = plan.client.remarks.iter().map(|remark| (*remark).to_owned());
    for text in plan.warnings.iter().cloned().chain(remarks) {
        output::remark(&format!("waiaas-mcp: {text}"));
    }
    for server in &plan.neighbours {
        let whose = if server.program == Program::Node { "of the Node program " } else { "" };
        output::remark(&format!(
            "waiaas-mcp: the entry {} {whose}in {} uses the same token file; you need only one of them",
            output::foreign(&server.key),
            plan.path.display()
        ));
    }
    alternatives(plan.client, entries);
}

/// The client's own command.
fn alternatives(client: &Client, entries: &[Entry]) {
    let system = UserDirectories::from_environment().system;
    for command in entries.iter().filter_map(|entry| show::add_command(client, entry, system)) {
        output::remark(&format!("{} has a command for it as well: {command}", client.title));
    }
}

/// Prints what to put into the files of these clients; without any, in the form that most of them read.
///
/// # Errors
/// [`Failure`] if stdout cannot be written, or a client would misread an entry.
pub(super) fn print(wish: &Wish, entries: &[Entry]) -> Result<(), Failure> {
    let directories = UserDirectories::from_environment();
    let clients = if wish.clients.is_empty() { vec![&CLIENTS[0]] } else { wish.clients.clone() };
    for client in clients {
        if let Some(failure) = entries.iter().find_map(|entry| entry.misread(client)) {
            return Err(failure);
        }
        let place =
            client.path(&directories).map(|path| format!(" ({})", path.display())).unwrap_or_default();
        output::remark(&format!("\n{}{place}:", client.title));
        show_one(client, entries)?;
    }
    Ok(())
}

fn show_one(client: &Client, entries: &[Entry]) -> Result<(), Failure> {
    output::print(&show::snippet(client, entries))?;
    alternatives(client, entries);
    Ok(())
}
