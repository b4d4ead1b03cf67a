//! Files beside the tests: data to compare with, and snapshots.

use std::path::PathBuf;

/// A file of `tests/data`.
pub(crate) fn data(name: &str) -> String {
    let path = directory("data").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares with a file of `tests/snapshots`, or replaces it if `UPDATE_SNAPSHOTS=1`. A missing one fails.
pub(crate) fn snapshot(name: &str, actual: &str) {
    let path = directory("snapshots").join(name);
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_SNAPSHOTS=1 writes it", path.display()));
    assert!(
        actual == expected,
        "{} differs; UPDATE_SNAPSHOTS=1 accepts\nexpected:\n{expected}\nactual:\n{actual}",
        path.display()
    );
}

/// The names of the files in a folder of `tests/snapshots`.
pub(crate) fn snapshots(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory("snapshots").join(folder)).expect("a folder of snapshots");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}
