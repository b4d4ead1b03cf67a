//! `waiaas-mcp sandbox`: the sandbox daemon in the foreground, until it is told to stop.
//!
//! Its first line says, as one JSON object, where everything is. Refuses to know who stops it.

use std::convert::Infallible;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crossbeam_channel::Receiver;
use serde_json::Value;

use super::arguments::Input;
use super::{Failure, output, signals};
use crate::config::Config;
use crate::sandbox::{Options, Sandbox};

/// The command: options, signals, stdout.
pub(super) fn command(input: &Input, _config: Config) -> Result<ExitCode, Failure> {
    let usual = Options::default();
    let number = |long| input.number(long);
    let options = Options {
        // The parser has checked the bounds.
        port: number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(usual.port),
        ttl_s: number("ttl").or(usual.ttl_s),
        max_renewals: number("max-renewals")
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(usual.max_renewals),
        absolute_lifetime_s: number("lifetime").unwrap_or(usual.absolute_lifetime_s),
        // The environment's directory holds real tokens: only the option counts.
        data_dir: input.setting("WAIAAS_DATA_DIR").map(PathBuf::from),
    };
    let failure = |error: io::Error| Failure {
        what: format!("the sandbox cannot run: {error}"),
        advice: "Look whether the port is free and the data directory can be written.".to_owned(),
    };
    let stop = signals::stop_requests().map_err(failure)?;
    run(options, stop.requested(), &mut output::writer()).map_err(failure)?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the sandbox, writes the line to `out`, and runs until `stop` is closed.
///
/// # Errors
/// If the port is taken, the data directory cannot be written, or nobody reads `out`.
pub fn run(options: Options, stop: &Receiver<Infallible>, out: &mut impl Write) -> io::Result<()> {
    let sandbox = Sandbox::start(options)?;
    writeln!(out, "{}", first_line(&sandbox))?;
    out.flush()?;
    let _ = stop.recv();
    sandbox.stop();
    Ok(())
}

fn first_line(sandbox: &Sandbox) -> String {
    let text = |text: &str| Value::from(text).to_string();
    format!(
        r#"{{"baseUrl":{},"dataDir":{},"tokenFile":{},"walletId":{},"masterPassword":{}}}"#,
        text(&sandbox.base_url()),
        text(&sandbox.data_dir().to_string_lossy()),
        text(&sandbox.token_file().to_string_lossy()),
        text(sandbox.wallet_id()),
        text(sandbox.master_password()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_where_everything_is() {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        drop(sender);
        let mut out = Vec::new();
        run(Options::default(), &receiver, &mut out).expect("starts and stops");
        let text = String::from_utf8(out).expect("UTF-8");
        let line: Value = serde_json::from_str(text.lines().next().expect("one line")).expect("JSON");
        for member in ["baseUrl", "dataDir", "tokenFile", "walletId", "masterPassword"] {
            assert!(line[member].as_str().is_some_and(|value| !value.is_empty()), "{member}: {line}");
        }
        assert!(
            !std::path::Path::new(line["dataDir"].as_str().expect("text")).exists(),
            "it is removed at the end"
        );
    }
}
