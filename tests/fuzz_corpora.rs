//! Plays the kept corpora of the fuzz targets through the same functions that are fuzzed, so that an input that once
//! mattered matters for ever, also where no fuzzer is installed.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "names the input that fails")]

#[allow(unreachable_pub, reason = "elsewhere it is a library")]
#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// A target and its corpus's name.
type Target = (&'static str, fn(&[u8]));

#[test]
fn every_kept_input_keeps_the_promises() {
    let table: [Target; 6] = [
        ("line", targets::line),
        ("token", targets::token),
        ("daemon_response", targets::daemon_response),
        ("error_envelope", targets::error_envelope),
        ("path_binding", targets::path_binding),
        ("token_file", targets::token_file),
    ];
    for (name, target) in table {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let inputs: Vec<_> =
            fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
        assert!(inputs.len() >= 10, "{name}: the corpus is missing");
        for input in inputs {
            let data = fs::read(&input).expect("an input");
            // The file's name stands before what it breaks.
            println!("{}", input.display());
            target(&data);
        }
    }
}
