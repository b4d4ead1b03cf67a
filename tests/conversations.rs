//! Plays the conversations in `tests/conversations`: a client's lines, the server's lines, and what happens around
//! them. The whole server runs, with the real session worker and a token file; only the daemon is a script.
//!
//! A conversation is read line by line:
//!
//! - `> TEXT`: the client sends this line.
//! - `< TEXT`: the server's next message is this one; `[..]` stands for any text.
//! - `* …`: something else happens, see [`Play::direct`].
//! - `# …` and empty lines: for the reader.
//!
//! At the end the client closes its side; the server must end and must have nothing more to say.

#[path = "support/stage.rs"]
mod stage;

use std::path::Path;

use stage::Play;

#[test]
fn every_conversation_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of conversations")
        .map(|entry| entry.expect("an entry of it").path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "conversations are missing");
    for file in files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("a readable conversation");
        let mut play = Play::default();
        for (index, line) in text.lines().enumerate() {
            if let Err(why) = play.line(line) {
                panic!("{name}:{}: {line}\n{why}", index + 1);
            }
        }
        if let Err(why) = play.end() {
            panic!("{name}: at the end: {why}");
        }
    }
}
