//! `keep --install` and `--uninstall`: writes the service's file and runs the system's commands, and says what was done.
//!
//! Used by `keep`, and by `doctor`, which wants to know whether there is a service. What is written and run is said in
//! `service`. Both may be run again and again. Exits with 0 only if the service runs, or is gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Installation, Removal, Service, Step, installation, is_ours, programs, removal};
use crate::cli::arguments::Input;
use crate::cli::keep::replace;
use crate::cli::{Failure, NOT_DONE, output};
use crate::config::{self, Config, UserDirectories, service_manager};
use crate::session::TokenPlace;
use crate::session::token_file::TokenFile;
use crate::time::{Clock, SystemClock};

/// Longest file of a service that is looked at, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Writes the service and starts it.
///
/// # Errors
/// [`Failure`] if it cannot be written.
pub(in crate::cli::keep) fn install(input: &Input, config: &Config) -> Result<ExitCode, Failure> {
    let directories = UserDirectories::from_environment();
    let user_name = service_manager::user_name();
    let service = service(input, config)?;
    let installation =
        installation(directories.system, &directories, user(), user_name.as_deref(), &service)?;
    make_data_directory(config)?;
    let has_changed = write(&installation)?;
    let done = if has_changed { "Wrote" } else { "Unchanged:" };
    output::print(&format!("{done} {}\n", installation.file.display()))?;
    let clock = SystemClock::start();
    let start = (installation.start)(&installation.names, has_changed);
    let started = start.iter().try_for_each(|step| run(step, &clock));
    match started.and_then(|()| run(&(installation.check)(&installation.names), &clock)) {
        Ok(()) => {
            output::print("The service runs, and starts whenever you log in.\n")?;
            for hint in &installation.hints {
                output::print(&format!("{hint}\n"))?;
            }
            output::print("To see it: waiaas-mcp status. To undo it: waiaas-mcp keep --uninstall\n")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            let by_hand: Vec<String> = start.iter().filter(|step| !step.may_fail).map(Step::typed).collect();
            output::complain(
                &format!("the service does not run: {why}"),
                &format!("When you are logged in, run: {}", by_hand.join(" && ")),
            );
            Ok(ExitCode::from(NOT_DONE))
        }
    }
}

/// Ends the service and takes it away.
///
/// # Errors
/// [`Failure`] if its file cannot be removed.
pub(in crate::cli::keep) fn uninstall() -> Result<ExitCode, Failure> {
    let directories = UserDirectories::from_environment();
    let Removal { file, links, before, after } = removal(directories.system, &directories, user())?;
    let is_there = holds_ours(&file)?;
    if !is_there && links.iter().all(|link| link.symlink_metadata().is_err()) {
        output::print("There is no service to take away.\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let clock = SystemClock::start();
    let stopped = before.iter().try_for_each(|step| run(step, &clock));
    for path in links.iter().chain(is_there.then_some(&file)) {
        match fs::remove_file(path) {
            Ok(()) => output::print(&format!("Removed {}\n", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot("be removed", path, &error.to_string())),
        }
    }
    let forgotten = after.iter().try_for_each(|step| run(step, &clock));
    output::print("Sessions are renewed while a client runs. Token files stay as they are.\n")?;
    match stopped.and(forgotten) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(why) => {
            output::complain(
                &format!("the service may run still: {why}"),
                "It does not start again. It ends when you log out, or end the process that `waiaas-mcp status` names.",
            );
            Ok(ExitCode::from(NOT_DONE))
        }
    }
}

/// Whether the service of this user is installed.
pub(in crate::cli) fn is_installed() -> bool {
    let directories = UserDirectories::from_environment();
    super::file(directories.system, &directories).is_ok_and(|file| holds_ours(&file).unwrap_or_default())
}

fn run(step: &Step, clock: &dyn Clock) -> Result<(), String> {
    match programs::run(step, clock) {
        Err(why) if !step.may_fail => Err(why),
        _ => Ok(()),
    }
}

/// What the service runs: this program, and everything that was said here and now, as options.
fn service(input: &Input, config: &Config) -> Result<Service, Failure> {
    let program = config::own_path().map_err(|error| Failure {
        what: format!("the path of this program is not known: {error}"),
        advice: "Start it by its whole path.".to_owned(),
    })?;
    let data_dir = whole(&config.data_dir)?;
    let mut arguments =
        ["keep", "--base-url", config.base_url.as_str(), "--data-dir"].map(str::to_owned).to_vec();
    arguments.push(data_dir.clone());
    match &config.wallet_id {
        Some(id) if !input.has("all") => arguments.extend(["--wallet".to_owned(), id.to_string()]),
        // Said, so that a variable in the service manager's environment does not say something else.
        _ => arguments.push("--all".to_owned()),
    }
    arguments.extend(["--log", config.log_level.name()].map(str::to_owned));
    let mut writes = vec![data_dir];
    if let Some(metrics) = input.path("metrics") {
        let metrics = PathBuf::from(metrics);
        arguments.extend(["--metrics".to_owned(), whole(&metrics)?]);
        let directory = metrics.parent().filter(|parent| !parent.as_os_str().is_empty());
        writes.push(whole(directory.unwrap_or(Path::new(".")))?);
    }
    Ok(Service { program: text(&program)?, arguments, writes, version: env!("CARGO_PKG_VERSION") })
}

/// The whole path, without `..`, which systemd does not take.
fn whole(path: &Path) -> Result<String, Failure> {
    let goes_up = path.components().any(|part| part == std::path::Component::ParentDir);
    let whole = if goes_up { fs::canonicalize(path) } else { std::path::absolute(path) };
    text(&whole.map_err(|error| cannot("be found", path, &error.to_string()))?)
}

fn text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| cannot("be written into the file of a service", path, "it is not Unicode"))
}

/// The service may write there only if it is there when the service starts.
fn make_data_directory(config: &Config) -> Result<(), Failure> {
    let place = TokenPlace::of_wallet(&config.data_dir, None);
    let made = TokenFile::new(place).make_directory();
    made.map_err(|fault| cannot("be made", &config.data_dir, &fault.detail))
}

/// Writes the file, if it is not so already. Whether it was.
fn write(installation: &Installation) -> Result<bool, Failure> {
    let file = &installation.file;
    if !holds_ours(file)? && file.symlink_metadata().is_ok() {
        return Err(Failure {
            what: format!("{} was not written by this program", file.display()),
            advice: "Move it away, and run this again.".to_owned(),
        });
    }
    let before = replace::beginning(file, FILE_BYTES_MAX).ok().flatten();
    if before.as_ref() == Some(&installation.bytes) {
        return Ok(false);
    }
    let directory = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| cannot("be made", directory, &error.to_string()))?;
    replace::replace(file, &installation.bytes)
        .map_err(|error| cannot("be written", file, &error.to_string()))?;
    Ok(true)
}

/// Whether there is a file that was written here. What is no regular file is none of ours and is not touched.
fn holds_ours(file: &Path) -> Result<bool, Failure> {
    match replace::beginning(file, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(bytes.is_some_and(|bytes| is_ours(&bytes))),
        Err(error) => Err(cannot("be looked at", file, &error.to_string())),
    }
}

fn cannot(what: &str, path: &Path, why: &str) -> Failure {
    Failure {
        what: format!("{} cannot {what}: {why}", path.display()),
        advice: "Look at its owner, its mode, and what stands in its place.".to_owned(),
    }
}

#[cfg(unix)]
fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn user() -> u32 {
    0
}
