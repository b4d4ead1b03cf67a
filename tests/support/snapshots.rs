//! Snapshots: files that hold what was approved.

use std::path::PathBuf;

/// Compares with a file of `tests/snapshots`, or replaces it if `UPDATE_SNAPSHOTS=1`. A missing one fails.
pub(crate) fn check(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
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
