//! Files on a disk: links, modes, what stands in the way, and what is left when something goes wrong.

#![cfg(unix)]

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use waiaas_mcp::cli::clients::plan::{Change, Written};
use waiaas_mcp::cli::clients::{Edit, Plan, edit, plan};
use waiaas_mcp::config::System;

use crate::prng::Prng;
use crate::support::{client, directories, entry, small};

const OLD: &str = "{\n  // mine\n  \"mcpServers\": {}\n}\n";

/// A home directory with Cursor's in it.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        let home = Home(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(home.path(".cursor")).expect("a directory");
        home
    }

    /// With Cursor's file in it.
    fn with(text: impl AsRef<[u8]>) -> Home {
        let home = Home::new();
        fs::write(home.file(), text).expect("a file");
        home
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn file(&self) -> PathBuf {
        self.path(".cursor/mcp.json")
    }

    fn backup(&self) -> PathBuf {
        self.path(".cursor/mcp.json.bak")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("the file")
    }

    fn plan(&self) -> Plan {
        plan_in(self.0.path()).unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    /// What stands in Cursor's directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path(".cursor")).expect("the directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn plan_in(home: &Path) -> Result<Plan, waiaas_mcp::cli::Failure> {
    plan(client("cursor"), &directories(System::Linux, home), &[small("waiaas")])
}

fn expected(old: &str) -> String {
    match edit(client("cursor"), old, &small("waiaas")) {
        Ok(Edit::Edited(new)) => new,
        other => panic!("{other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o7777
}

#[test]
fn a_missing_file_is_made_private_and_without_a_backup() {
    let home = Home::new();
    let plan = home.plan();
    assert!(!plan.directory_missing && !plan.needs_consent());
    assert_eq!(plan.write(false), Ok(Written::Created));
    assert_eq!(home.text(), expected(""));
    assert_eq!(mode(&home.file()), 0o600);
    assert_eq!(home.names(), ["mcp.json"]);
}

#[test]
fn a_missing_directory_is_made_with_consent_only() {
    let home = Home::new();
    fs::remove_dir(home.path(".cursor")).expect("it is empty");
    let plan = home.plan();
    assert!(plan.directory_missing && plan.needs_consent());
    let failure = plan.write(false).expect_err("no consent");
    assert!(failure.what.contains("is Cursor installed?") && failure.advice.contains("--yes"), "{failure:?}");
    assert!(!home.path(".cursor").exists());
    assert_eq!(plan.write(true), Ok(Written::Created));
    assert_eq!(home.text(), expected(""));
    assert_eq!(mode(&home.path(".cursor")), 0o700);
}

#[test]
fn a_file_keeps_its_mode_and_its_former_text_beside_it_and_a_second_time_nothing_is_touched() {
    for bits in [0o644, 0o600, 0o640, 0o755] {
        let home = Home::with(OLD);
        fs::set_permissions(home.file(), Permissions::from_mode(bits)).expect("it is ours");
        assert_eq!(home.plan().write(false), Ok(Written::Changed(home.backup())));
        assert_eq!(home.text(), expected(OLD));
        assert_eq!(fs::read_to_string(home.backup()).expect("a backup"), OLD);
        assert_eq!((mode(&home.file()), mode(&home.backup())), (bits, bits));
        assert_eq!(home.names(), ["mcp.json", "mcp.json.bak"]);

        let before = fs::metadata(home.file()).expect("the file");
        fs::remove_file(home.backup()).expect("the backup");
        let again = home.plan();
        assert_eq!(again.changes, [("waiaas".to_owned(), Change::Nothing)]);
        assert_eq!(again.write(true), Ok(Written::Nothing));
        let after = fs::metadata(home.file()).expect("the file");
        assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
        assert_eq!(home.names(), ["mcp.json"], "a backup of nothing");
    }
}

#[test]
fn another_entry_is_replaced_with_consent_only_and_a_new_one_added_without() {
    let old = r#"{"mcpServers":{"waiaas":{"command":"npx","args":["-y","@waiaas/mcp"],"env":{"WAIAAS_DATA_DIR":"/data"}}}}"#;
    let home = Home::with(old);
    let plan = home.plan();
    assert_eq!(plan.changes, [("waiaas".to_owned(), Change::Replace)]);
    assert!(plan.needs_consent());
    assert_eq!(plan.write(false), Ok(Written::Nothing));
    assert_eq!((home.text().as_str(), home.names().len()), (old, 1));
    assert_eq!(plan.write(true), Ok(Written::Changed(home.backup())));
    assert!(home.text().contains("/bin/waiaas-mcp") && !home.text().contains("npx"));

    let home = Home::with(old);
    let both = crate::support::plan_both(&home.0);
    assert_eq!(both.changes, [("waiaas".to_owned(), Change::Replace), ("waiaas-b".to_owned(), Change::Add)]);
    assert_eq!(both.write(false), Ok(Written::Changed(home.backup())));
    assert!(home.text().contains("npx") && home.text().contains("waiaas-b"), "{}", home.text());
}

#[test]
fn a_symbolic_link_stays_one_and_its_target_is_written() {
    let home = Home::new();
    fs::create_dir(home.path("dotfiles")).expect("a directory");
    let target = home.path("dotfiles/cursor.json");
    fs::write(&target, OLD).expect("a file");
    fs::set_permissions(&target, Permissions::from_mode(0o640)).expect("it is ours");
    symlink("../dotfiles/second", home.file()).expect("a link");
    symlink("cursor.json", home.path("dotfiles/second")).expect("a link");
    assert_eq!(home.plan().write(false), Ok(Written::Changed(home.backup())));
    assert_eq!(fs::read_link(home.file()).expect("still a link"), Path::new("../dotfiles/second"));
    assert_eq!(fs::read_link(home.path("dotfiles/second")).expect("still a link"), Path::new("cursor.json"));
    assert_eq!(fs::read_to_string(&target).expect("the target"), expected(OLD));
    assert_eq!(mode(&target), 0o640);
    assert_eq!(fs::read_to_string(home.backup()).expect("a backup"), OLD);
    assert_eq!(fs::read_dir(home.path("dotfiles")).expect("a directory").count(), 2, "something was left");
}

/// Puts something in the way, and says what it is called.
type Obstacle = (fn(&Home), &'static str);

#[test]
fn what_stands_in_the_way_is_named_and_nothing_is_written() {
    let obstacles: &[Obstacle] = &[
        (|home| fs::create_dir(home.file()).expect("a directory"), "not a regular file"),
        (|home| symlink("nowhere", home.file()).expect("a link"), "leads nowhere"),
        (|home| symlink("mcp.json", home.file()).expect("a link"), "leads nowhere"),
        (|home| symlink("/dev/full", home.file()).expect("a link"), "not a regular file"),
        (|home| symlink("/dev/zero", home.file()).expect("a link"), "not a regular file"),
        (
            |home| {
                let made = Command::new("mkfifo").arg(home.file()).status().expect("mkfifo");
                assert!(made.success());
            },
            "not a regular file",
        ),
        (|home| fs::write(home.file(), b"{\"a\":\"\xff\"}").expect("a file"), "not UTF-8 from byte 7 on"),
        (|home| fs::write(home.file(), "{\n  x").expect("a file"), "line 2, column 3"),
        (
            |home| {
                let file = fs::File::create(home.file()).expect("a file");
                file.set_len(17 * 1024 * 1024).expect("a sparse file");
            },
            "larger than 16 MiB",
        ),
        (
            |home| {
                fs::remove_dir(home.path(".cursor")).expect("it is empty");
                fs::write(home.path(".cursor"), "").expect("a file");
            },
            "cannot be examined",
        ),
    ];
    for (put, what) in obstacles {
        let home = Home::new();
        put(&home);
        let failure = plan_in(home.0.path()).expect_err(what);
        assert!(failure.what.contains(what), "{failure:?}");
        assert!(failure.what.contains(".cursor") && !failure.what.contains('\n'), "{failure:?}");
        assert!(!failure.advice.is_empty() && !failure.advice.contains('\n'), "{failure:?}");
    }
}

#[test]
fn a_backup_that_cannot_be_made_keeps_the_file_as_it_is() {
    let home = Home::with(OLD);
    fs::create_dir_all(home.backup().join("full")).expect("a directory");
    let failure = home.plan().write(true).expect_err("a directory is in its place");
    assert!(failure.what.contains("mcp.json.bak cannot be replaced"), "{failure:?}");
    assert_eq!(home.text(), OLD);
    assert_eq!(home.names(), ["mcp.json", "mcp.json.bak"]);
}

#[test]
fn a_file_that_changed_since_it_was_read_is_not_overwritten() {
    let home = Home::with(OLD);
    let plan = home.plan();
    let theirs = OLD.replace("mine", "theirs");
    fs::write(home.file(), &theirs).expect("it is ours");
    let failure = plan.write(true).expect_err("it changed");
    assert!(failure.what.contains("another program has just changed it"), "{failure:?}");
    assert_eq!((home.text(), home.names().len()), (theirs, 1));

    let home = Home::new();
    let plan = home.plan();
    fs::write(home.file(), OLD).expect("it is ours");
    plan.write(true).expect_err("it is there");
    assert_eq!((home.text().as_str(), home.names().len()), (OLD, 1));
}

#[test]
fn a_write_protected_file_stays_so() {
    let home = Home::with(OLD);
    fs::set_permissions(home.file(), Permissions::from_mode(0o444)).expect("it is ours");
    let failure = home.plan().write(true).expect_err("it is protected");
    assert!(failure.what.ends_with("is write-protected"), "{failure:?}");
    assert_eq!((home.text().as_str(), home.names().len()), (OLD, 1));
}

#[test]
fn root_leaves_a_file_to_its_owner() {
    let home = Home::with(OLD);
    if std::os::unix::fs::chown(home.file(), Some(12_345), Some(23_456)).is_err() {
        return; // Only root may give files away, and only root needs to give them back.
    }
    home.plan().write(true).expect("root may");
    for path in [home.file(), home.backup()] {
        let metadata = fs::metadata(path).expect("a file");
        assert_eq!((metadata.uid(), metadata.gid()), (12_345, 23_456));
    }
}

/// Names the home directory for [`a_process_of_its_own`].
const CHILD: &str = "CLIENT_FILES_HOME";

/// Runs [`a_process_of_its_own`] for this home directory, by another program if one is given.
fn child(by: &[&str], home: &Path) -> Command {
    let this = std::env::current_exe().expect("this program");
    let words = by.iter().map(OsStr::new).chain([this.as_os_str()]);
    let words: Vec<&OsStr> = words.collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).args(["--exact", "disk::a_process_of_its_own", "--nocapture", "-q"]);
    command.env(CHILD, home).env("RUST_BACKTRACE", "0");
    command
}

/// What other tests start, kill and take rights from: it writes two entries in turn, as often as the home directory's
/// file `times` says, and tells what went wrong. Without a home directory it has nothing to do.
#[test]
fn a_process_of_its_own() {
    let Some(home) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let times = fs::read_to_string(home.join("times")).ok().and_then(|times| times.parse().ok());
    let directories = directories(System::Linux, &home);
    for time in 0..times.unwrap_or(1_u64) {
        let entry = if time % 2 == 0 { small("waiaas") } else { entry("waiaas") };
        let done = plan(client("cursor"), &directories, &[entry]).and_then(|plan| plan.write(true));
        if let Err(failure) = done {
            panic!("FAILED {} / {}", failure.what, failure.advice);
        }
    }
}

/// The complaint of a child, or nothing if it had none.
fn complaint(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    let complaint = said.lines().find_map(|line| line.split_once("FAILED ")).map(|(_, rest)| rest.to_owned());
    assert_eq!(output.status.success(), complaint.is_none(), "{said}");
    complaint.unwrap_or_default()
}

/// Root without the rights that make it root. `None` where that cannot be had.
fn by_nobody_special(home: &Home) -> Option<Vec<&'static str>> {
    if fs::metadata(home.path(".cursor")).expect("a directory").uid() != 0 {
        return Some(Vec::new());
    }
    let words = vec![
        "setpriv",
        "--bounding-set=-dac_override,-dac_read_search",
        "--inh-caps=-dac_override,-dac_read_search",
    ];
    let works = Command::new(words[0]).args(&words[1..]).arg("true").status();
    works.is_ok_and(|status| status.success()).then_some(words)
}

#[test]
fn an_unwritable_directory_and_an_unreadable_file_are_named_and_nothing_is_left() {
    for (path, bits, what) in [
        (".cursor", 0o500, "mcp.json cannot be written"),
        (".cursor", 0o000, "mcp.json cannot be examined"),
        (".cursor/mcp.json", 0o200, "mcp.json cannot be opened"),
    ] {
        let home = Home::with(OLD);
        let Some(by) = by_nobody_special(&home) else { return };
        fs::set_permissions(home.path(path), Permissions::from_mode(bits)).expect("it is ours");
        let complaint = complaint(&mut child(&by, home.0.path()));
        fs::set_permissions(home.path(path), Permissions::from_mode(0o700)).expect("it is ours");
        assert!(complaint.contains(what), "{complaint:?}");
        assert!(complaint.contains("/ Make the file and its directory accessible"), "{complaint:?}");
        assert_eq!((home.text().as_str(), home.names().len()), (OLD, 1), "{complaint}");
    }
}

#[test]
fn a_full_disk_and_a_read_only_one_keep_the_file_as_it_is() {
    let namespace = ["unshare", "--user", "--map-root-user", "--mount"];
    let works = Command::new("unshare")
        .args(&namespace[1..])
        .args(["mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status();
    if !works.is_ok_and(|status| status.success()) {
        return; // No mount of one's own can be had here.
    }
    let prepare = |spoil: &str| {
        format!(
            "mount -t tmpfs -o size=16k none \"$0/.cursor\"; cd \"$0/.cursor\"; printf '{{}}' >mcp.json; {spoil}; \
             \"$@\"; status=$?; [ \"$(cat mcp.json)\" = '{{}}' ] && [ \"$(ls -A | grep -v filler)\" = mcp.json ] || exit 9; \
             exit $status"
        )
    };
    for (spoil, what, advice) in [
        ("head -c 40000 /dev/zero >filler 2>/dev/null", "No space left on device", "Free some space"),
        ("mount -o remount,ro . && [ ! -w . ]", "Read-only file system", "Make the file"),
    ] {
        let home = Home::new();
        let script = prepare(spoil);
        let path = home.0.path().to_str().expect("Unicode");
        let by = [&namespace[..], &["sh", "-c", &script, path]].concat();
        let complaint = complaint(&mut child(&by, home.0.path()));
        assert!(complaint.contains(what) && complaint.contains(advice), "{complaint:?}");
    }
}

#[test]
fn a_crash_at_any_moment_leaves_the_old_file_or_the_new_one() {
    let home = Home::with(OLD);
    fs::write(home.path("times"), "1000000").expect("a file");
    let texts = {
        let first = expected(OLD);
        let Ok(Edit::Different { replaced: second, .. }) = edit(client("cursor"), &first, &entry("waiaas"))
        else {
            panic!("the entries are the same");
        };
        let Ok(Edit::Different { replaced: third, .. }) = edit(client("cursor"), &second, &small("waiaas"))
        else {
            panic!("the entries are the same");
        };
        [OLD.to_owned(), first, second, third]
    };
    let mut random = Prng::new(7);
    let mut seen = [0; 4];
    for kill in 0..40 {
        let mut child = child(&[], home.0.path());
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let writes = fs::metadata(home.file()).expect("the file").ino();
        let begun = Instant::now();
        // Not before it has written once, or the loop would only test how a process starts.
        while fs::metadata(home.file()).expect("never missing").ino() == writes {
            assert!(begun.elapsed() < Duration::from_secs(30), "it writes nothing");
            std::thread::yield_now();
        }
        let until = Instant::now() + Duration::from_micros(random.next() % 5_000);
        while Instant::now() < until {
            let text = home.text();
            let found = texts.iter().position(|candidate| *candidate == text);
            seen[found.unwrap_or_else(|| panic!("torn while it was written:\n{text}"))] += 1;
        }
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        let (text, backup) = (home.text(), fs::read_to_string(home.backup()).expect("a backup"));
        assert!(texts.contains(&text), "kill {kill}: torn:\n{text}");
        assert!(texts.contains(&backup), "kill {kill}: a torn backup:\n{backup}");
    }
    assert!(seen[1] + seen[3] > 0 && seen[2] > 0, "it was never seen at work: {seen:?}");
}
