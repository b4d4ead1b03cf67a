//! The floor that this program is measured against: the least a stdio server can do. It reads a line and
//! writes a constant one, until its input ends. Used by `benches/speed` and nobody else.

use std::io::{self, BufRead as _, Write as _};

const ANSWER: &[u8] = br#"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"floor","version":"0"}}}
"#;

fn main() -> io::Result<()> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        output.write_all(ANSWER)?;
        output.flush()?;
        line.clear();
    }
    Ok(())
}
