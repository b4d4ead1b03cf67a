//! Questions at a terminal: the password that is not shown, and the wallet that is chosen by its number. Each program
//! gets a terminal of its own from `script` (util-linux), which writes down all that appears on it.

#![cfg(all(target_os = "linux", feature = "setup"))]
#![allow(clippy::disallowed_methods, reason = "tests prepare and examine real files")]
#![allow(clippy::print_stdout, reason = "a skipped test says why")]

#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/console.rs"]
mod console;
#[allow(dead_code, reason = "each test program uses a part of the support")]
#[path = "support/liar.rs"]
mod liar;

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use console::{Console, until};
use liar::{Liar, OTHER_WALLET, SESSION, WALLET, good_token};
use serde_json::{Value, json};

/// A program at a terminal, and who sits there.
struct Seat {
    script: Child,
    shown: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
    /// So many bytes of what was shown have been answered.
    answered: usize,
}

impl Seat {
    /// `None` where there is no `script`.
    fn take(console: &Console, words: &str) -> Option<Seat> {
        if !Command::new("script").arg("--version").output().is_ok_and(|output| output.status.success()) {
            println!("skipped: there is no `script` to have a terminal from");
            return None;
        }
        let program =
            format!("'{}' {words}; stty -a | grep -o -- '-*echo ' ", env!("CARGO_BIN_EXE_waiaas-mcp"));
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &program, "/dev/null"]);
        let mut script = console.command_by(script, &[]);
        let mut script = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script runs");
        let shown = Arc::new(Mutex::new(String::new()));
        let reader = read(script.stdout.take().expect("a pipe"), Arc::clone(&shown));
        Some(Seat { script, shown, reader, answered: 0 })
    }

    fn shown(&self) -> String {
        self.shown.lock().expect("no panic holds it").clone()
    }

    /// Waits for a question that was not answered yet, and answers it. Returns what was shown since the last answer.
    fn answer(&mut self, question: &str, answer: &str) -> String {
        until(&format!("{question:?} is asked"), || self.shown()[self.answered..].contains(question));
        let shown = self.shown();
        let at = shown[self.answered..].find(question).expect("just seen") + self.answered;
        let since = shown[self.answered..at].to_owned();
        self.answered = at + question.len();
        let stdin = self.script.stdin.as_mut().expect("a pipe");
        stdin.write_all(answer.as_bytes()).and_then(|()| stdin.flush()).expect("somebody reads");
        since
    }

    /// Everything that was on the terminal, after the program and `stty` have ended.
    fn end(mut self, console: &Console) -> String {
        // Its end of input stays open until here: the end of a terminal's input would be an answer too.
        self.script.wait().expect("it ends");
        drop(self.script.stdin.take());
        self.reader.join().expect("it reads to the end");
        let shown = self.shown.lock().expect("no panic holds it").clone();
        console.assert_no_secret(&shown);
        assert!(shown.trim_end().ends_with("echo"), "{shown:?}");
        assert!(!shown.trim_end().ends_with("-echo"), "the terminal was left without echo: {shown:?}");
        shown
    }
}

fn read(mut stdout: ChildStdout, shown: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stdout.read(&mut bytes) {
            shown.lock().expect("no panic holds it").push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    })
}

const PASSWORD: &str = "Master password of the daemon:";

/// The last words of the question about clients.
const CLIENTS: &str = "or Enter for none:";

#[test]
fn the_password_is_asked_for_and_not_shown() {
    let console = Console::with_one_wallet();
    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    let password = console.sandbox.master_password().to_owned();
    seat.answer(PASSWORD, &format!("{password}\n"));
    seat.answer(CLIENTS, "\n");
    let shown = seat.end(&console);
    assert!(shown.contains("Wallet   trading-bot"), "{shown}");
    console.session_in(&console.token_file());
}

#[test]
fn a_wrong_password_can_be_typed_again() {
    let console = Console::with_one_wallet();
    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    let password = console.sandbox.master_password().to_owned();
    seat.answer(PASSWORD, "MARKER-wrong\n");
    let since = seat.answer(PASSWORD, "MARKER-wrong-too\n");
    assert!(since.contains("The daemon refuses this password. Once more:"), "{since:?}");
    // Mended while it is typed.
    seat.answer(PASSWORD, &format!("MARKER\u{15}{password}x\u{7f}\n"));
    seat.answer(CLIENTS, "\n");
    let shown = seat.end(&console);
    assert!(shown.contains("Wallet   trading-bot") && !shown.contains("MARKER"), "{shown}");
}

#[test]
fn three_wrong_passwords_are_enough() {
    let console = Console::with_one_wallet();
    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    for _ in 0..3 {
        seat.answer(PASSWORD, "MARKER-wrong\n");
    }
    let shown = seat.end(&console);
    assert!(shown.contains("waiaas-mcp: the daemon refuses the master password\r\nTry again: "), "{shown}");
    assert_eq!(console.times_asked("GET /v1/wallets"), 3);
    assert_eq!(console.open_sessions().len(), 0);
}

#[test]
fn ctrl_c_ends_the_question_and_leaves_the_terminal_as_it_was() {
    let console = Console::with_one_wallet();
    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    seat.answer(PASSWORD, "half\u{3}");
    let shown = seat.end(&console);
    assert!(shown.contains("waiaas-mcp: the question was not answered\r\nNothing was changed"), "{shown}");
    assert!(!shown.contains("half"), "{shown}");
    assert!(!console.data_dir().exists());
}

#[test]
fn a_wallet_is_chosen_by_its_number() {
    let console = Console::new();
    let [one, two, three] = console.sandbox.wallet_ids().map(str::to_owned);
    let password = format!("{}\n", console.sandbox.master_password());
    let which = "Which one? [1-3, or all]";
    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    seat.answer(PASSWORD, &password);
    for wrong in ["4\n", "\n"] {
        let list = seat.answer(which, wrong);
        for (number, id) in [(1, &one), (2, &two), (3, &three)] {
            assert!(list.contains(&format!("  {number}  {id}  ")), "{list}");
        }
    }
    let since = seat.answer(which, "2\n");
    assert!(since.contains("That is none of them."), "{since}");
    seat.answer(CLIENTS, "\n");
    let shown = seat.end(&console);
    assert!(shown.contains("Wallet   sol-bot"), "{shown}");
    assert_eq!(console.session_in(&console.token_file_of(&two)).wallet_ids, [two]);
    assert_eq!(console.open_sessions().len(), 1);

    let Some(mut seat) = Seat::take(&console, "setup") else { return };
    seat.answer(PASSWORD, &password);
    seat.answer(which, "all\n");
    seat.answer(CLIENTS, "\n");
    seat.end(&console);
    assert_eq!(console.open_sessions().len(), 3);
}

#[test]
fn clients_are_chosen_by_their_numbers_and_nothing_is_replaced_without_a_yes() {
    let console = Console::with_one_wallet();
    let password = format!("{}\n", console.sandbox.master_password());
    let file = console.home().join(".cursor/mcp.json");
    std::fs::create_dir(console.home().join(".cursor")).expect("a directory");
    let other = "{\"mcpServers\":{\"waiaas\":{\"command\":\"elsewhere\"}}}";
    std::fs::write(&file, other).expect("a file");
    for (answer, is_replaced) in [("\n", false), ("n\n", false), ("y\n", true)] {
        let Some(mut seat) = Seat::take(&console, "setup") else { return };
        seat.answer(PASSWORD, &password);
        seat.answer(CLIENTS, "10\n");
        let list = seat.answer(CLIENTS, "3\n");
        assert!(list.contains("That is none of them.") && list.contains("  3  Cursor"), "{list}");
        seat.answer("Replace it? [y/N]", answer);
        let shown = seat.end(&console);
        let now = std::fs::read_to_string(&file).expect("a file");
        assert_eq!(now != other, is_replaced, "{shown}");
        console.session_in(&console.token_file());
    }
    let Some(mut seat) = Seat::take(&console, "status") else { return };
    until("it ends", || seat.script.try_wait().expect("it runs").is_some());
    let shown = seat.end(&console);
    assert!(shown.contains("State    \u{1b}[32mactive\u{1b}[0m"), "coloured at a terminal: {shown:?}");
    let Some(seat) = Seat::take(&console, "status --base-url http://127.0.0.1:1; NO_COLOR=1 \"$0\" -c :")
    else {
        return;
    };
    assert!(seat.end(&console).contains("\u{1b}[31m"), "what is bad is red");
}

/// A daemon with these wallets, which opens a session for whatever password.
fn daemon_with(wallets: Value) -> Liar {
    Liar::start(move |route| match route {
        "GET /v1/wallets" => Some((200, json!({ "items": wallets }))),
        "POST /v1/sessions" => Some((201, json!({ "id": SESSION, "token": good_token() }))),
        _ => None,
    })
}

#[test]
fn nobody_is_asked_to_choose_among_wallets_whose_ids_are_none() {
    let console = Console::new();
    let daemon =
        daemon_with(json!([{ "id": WALLET, "name": "good" }, { "id": "../../home/x", "name": "odd" }]));
    let words = format!("setup --base-url {}", daemon.base_url());
    let Some(mut seat) = Seat::take(&console, &words) else { return };
    seat.answer(PASSWORD, "a password\n");
    let shown = seat.end(&console);
    assert!(shown.contains("wallet id \"../../home/x\" is not a UUID"), "{shown}");
    assert!(!shown.contains("Which one?"), "{shown}");
    assert_eq!(daemon.times_asked("POST /v1/sessions"), 0);
    assert!(!console.data_dir().exists());
}

#[test]
fn a_wallets_name_can_neither_steer_the_terminal_nor_stand_for_another_wallet() {
    let console = Console::new();
    let odd = "a\u{202e}b\u{1b}[2Jc\nd\u{9b}31m\u{200b}";
    let daemon = daemon_with(json!([
        { "id": WALLET, "name": odd },
        { "id": OTHER_WALLET, "name": "ab [2Jc d 31m" },
    ]));
    let words = format!("setup --base-url {}", daemon.base_url());
    let Some(mut seat) = Seat::take(&console, &words) else { return };
    seat.answer(PASSWORD, "a password\n");
    let which = "Which one? [1-2, or all]";
    let list = seat.answer(which, "ab [2Jc d 31m\n");
    assert!(list.contains(&format!("  1  {WALLET}  ab [2Jc d 31m")), "{list:?}");
    assert!(!list.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{200b}']), "{list:?}");
    // Both look like that.
    assert!(seat.answer(which, "1\n").contains("That is none of them."));
    seat.answer(CLIENTS, "\n");
    let shown = seat.end(&console);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{200b}']), "{shown:?}");
    assert!(
        console.token_file_of(WALLET).exists() && !console.token_file_of(OTHER_WALLET).exists(),
        "{shown}"
    );
}
