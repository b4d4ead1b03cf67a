//! The file that `--metrics` names: that it may be written at all, and writing it.
//!
//! Used by `keep`. What is in it is said in `metrics`. It is replaced whole, and readable by everybody. A metrics file
//! that cannot be written is told once, and never keeps a session from being renewed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::files::{COMMON, DIRECTORY};
use super::record::Record;
use super::{metrics, replace};
use crate::cli::Failure;
use crate::log::{self, Area, Foreign, Level};
use crate::time::Timestamp;

/// So many bytes tell a file of ours from another.
const BEGINNING_BYTES: u64 = 256;

/// The file, and what became of writing it last.
#[derive(Debug)]
pub(super) struct MetricsFile {
    path: PathBuf,
    written: String,
    fault: Option<String>,
}

impl MetricsFile {
    /// Looks at what is there already, and writes nothing yet.
    ///
    /// # Errors
    /// [`Failure`] if something else would be overwritten: a mistyped path must not cost anybody a file, least of all a
    /// token.
    pub(super) fn open(path: &OsStr, data_dir: &Path, now: Timestamp) -> Result<MetricsFile, Failure> {
        let path = PathBuf::from(path);
        let refused = |why: &str| Failure {
            what: format!("--metrics {}: {why}", path.display()),
            advice: "Name a file of its own, such as /var/lib/node_exporter/textfile_collector/waiaas.prom."
                .to_owned(),
        };
        if is_among_tokens(&path, data_dir) {
            return Err(refused("that is where tokens are kept"));
        }
        match replace::beginning(&path, BEGINNING_BYTES) {
            Ok(None) => {}
            Ok(Some(bytes)) if bytes.is_empty() || metrics::is_ours(&bytes) => {}
            Ok(Some(_)) => return Err(refused("it holds something else, and would be overwritten")),
            Err(error) => return Err(refused(&error.to_string())),
        }
        replace::sweep(&path, now);
        Ok(MetricsFile { path, written: String::new(), fault: None })
    }

    /// Writes it, if anything in it has changed or `anew` says so. `false` if it could not be written.
    pub(super) fn write(&mut self, records: &[Record], reachable: Option<bool>, anew: bool) -> bool {
        let text = metrics::text(records, reachable);
        if text == self.written && self.fault.is_none() && !anew {
            return true;
        }
        let fault = replace::replace(&self.path, text.as_bytes()).err().map(|error| error.to_string());
        if let Some(fault) = fault.as_ref().filter(|fault| self.fault.as_ref() != Some(*fault)) {
            let advice: &'static str =
                "look at the directory's owner and mode; sessions are renewed all the same";
            let path = self.path.display().to_string();
            let fields: [(&str, &dyn log::Loggable); 3] =
                [("file", &Foreign(&path)), ("error", &Foreign(fault)), ("advice", &advice)];
            log::event(Area::Server, Level::Error, "metrics.not_written", &fields);
        }
        self.written = text;
        self.fault = fault;
        self.fault.is_none()
    }
}

/// Whether the path is that of a token file, or of what lies beside one.
fn is_among_tokens(path: &Path, data_dir: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(directory) = real(directory) else { return false };
    let is_common =
        path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(COMMON.as_bytes()));
    real(&data_dir.join(DIRECTORY)).is_some_and(|tokens| tokens == directory)
        || (is_common && real(data_dir).is_some_and(|data_dir| data_dir == directory))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test prepares files")]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_000);

    #[test]
    fn nothing_else_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        fs::create_dir_all(data_dir.join(DIRECTORY)).unwrap();
        let open = |path: &Path| MetricsFile::open(path.as_os_str(), &data_dir, NOW);
        let refused = |path: &Path| open(path).err().map(|failure| failure.what).expect("it is refused");
        assert!(refused(&data_dir.join("mcp-token")).contains("where tokens are kept"));
        assert!(refused(&data_dir.join("mcp-token.lock")).contains("where tokens are kept"));
        assert!(refused(&data_dir.join(DIRECTORY).join("x")).contains("where tokens are kept"));
        let other = directory.path().join("notes");
        fs::write(&other, "my notes").unwrap();
        assert!(refused(&other).contains("it holds something else"));
        assert!(refused(directory.path()).contains("it is not a regular file"));
        let path = data_dir.join("waiaas.prom");
        let mut file = open(&path).unwrap();
        assert!(file.write(&[], Some(true), false));
        let mut again = open(&path).expect("it is ours");
        assert!(again.write(&[], Some(false), false));
        assert!(fs::read_to_string(&path).unwrap().ends_with("} 0\n"));
    }

    #[test]
    fn it_is_written_when_something_has_changed_and_after_a_failure() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("there/waiaas.prom");
        let mut file = MetricsFile::open(path.as_os_str(), directory.path(), NOW).unwrap();
        assert!(!file.write(&[], None, false), "its directory is not there");
        fs::create_dir(path.parent().unwrap()).unwrap();
        assert!(file.write(&[], None, false) && path.exists());
        fs::remove_file(&path).unwrap();
        assert!(file.write(&[], None, false) && !path.exists(), "nothing has changed");
        assert!(file.write(&[], None, true) && path.exists());
    }
}
