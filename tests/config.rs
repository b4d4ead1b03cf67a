//! What the configuration means: where the token is looked for, and what is taken where nothing is said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use waiaas_mcp::config::{Config, RawConfig, SETTINGS};
use waiaas_mcp::log::Level;
use waiaas_mcp::secret::Token;
use waiaas_mcp::session::TokenPlace;
use waiaas_mcp::time::Timestamp;
use waiaas_mcp::wallet::toolsets::{Selection, Toolset};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_330_449);
const WALLET: &str = "01a20238-6332-7cad-839a-3b627b30d86b";

fn token(session_id: &str) -> String {
    let payload =
        URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{session_id}","iat":1795330000,"exp":1795330300}}"#));
    format!("wai_sess_e30.{payload}.c2ln")
}

fn resolve(said: &[(&str, &str)]) -> Config {
    let mut raw = RawConfig::new(Some(PathBuf::from("/home/me/.waiaas")));
    for (variable, value) in said {
        raw.say_variable(variable, value);
    }
    raw.resolve(NOW)
}

/// The place of a token in a configuration without problems.
fn place(said: &[(&str, &str)]) -> TokenPlace {
    let config = resolve(said);
    assert_eq!(config.problems, []);
    config.token_place
}

#[test]
fn nothing_said_means_the_defaults() {
    let config = resolve(&[]);
    assert_eq!(config.problems, []);
    assert_eq!(config.base_url.as_str(), "http://127.0.0.1:3100");
    assert_eq!(config.toolsets, Selection::ALL);
    assert_eq!((config.wallet_id, config.wallet_name), (None, None));
    assert_eq!((config.read_only, config.call_time_max), (false, Duration::from_secs(60)));
    assert_eq!(config.log_level, Level::Info);
    let expected = TokenPlace {
        write: PathBuf::from("/home/me/.waiaas/mcp-token"),
        read_fallback: None,
        only_session: None,
        bootstrap: None,
    };
    assert_eq!(config.token_place, expected);
}

#[test]
fn everything_said_is_taken() {
    let config = resolve(&[
        ("WAIAAS_BASE_URL", "http://localhost:4000//"),
        ("WAIAAS_WALLET_ID", &WALLET.to_uppercase()),
        ("WAIAAS_WALLET_NAME", "main"),
        ("WAIAAS_MCP_TOOLSETS", "nft"),
        ("WAIAAS_MCP_READ_ONLY", "1"),
        ("WAIAAS_MCP_TIMEOUT", "5"),
        ("WAIAAS_MCP_LOG", "debug"),
    ]);
    assert_eq!(config.problems, []);
    assert_eq!(config.base_url.as_str(), "http://localhost:4000");
    assert_eq!(config.wallet_id.as_deref(), Some(WALLET));
    assert_eq!(config.wallet_name.as_deref(), Some("main"));
    assert!(config.toolsets.includes(Toolset::Nft, None) && !config.toolsets.includes(Toolset::Core, None));
    assert_eq!((config.read_only, config.call_time_max), (true, Duration::from_secs(5)));
    assert_eq!(config.log_level, Level::Debug);
}

/// Whoever wrote something else may have meant yes: nothing that acts is shown.
#[test]
fn only_reading_is_on_where_nobody_can_tell() {
    for (word, expected) in
        [("1", true), ("TRUE", true), ("Yes", true), ("off", false), ("No", false), ("0", false)]
    {
        let config = resolve(&[("WAIAAS_MCP_READ_ONLY", word)]);
        assert_eq!((config.read_only, config.problems), (expected, Vec::new()), "{word}");
    }
    for word in ["maybe", "2", " 1", "ja", "~off"] {
        let config = resolve(&[("WAIAAS_MCP_READ_ONLY", word)]);
        assert_eq!((config.read_only, config.problems.len()), (true, 1), "{word}");
    }
}

#[test]
fn a_log_level_is_taken_in_any_case() {
    for (word, level) in
        [("DEBUG", Level::Debug), ("Warn", Level::Warn), ("eRROR", Level::Error), ("INFO", Level::Info)]
    {
        let config = resolve(&[("WAIAAS_MCP_LOG", word)]);
        assert_eq!((config.log_level, config.problems), (level, Vec::new()), "{word}");
    }
}

/// A shell has replaced what it replaces, and knows where it is; only `~` in quotes is as wrong there as anywhere.
#[test]
fn a_directory_that_was_typed_is_taken_as_it_stands() {
    let typed = |path: &str| {
        let mut raw = RawConfig::new(None);
        let setting =
            SETTINGS.iter().find(|setting| setting.variable == "WAIAAS_DATA_DIR").expect("it is there");
        raw.say_option(setting, path.into());
        raw.resolve(NOW)
    };
    for path in ["w", "./w", "/x/$Y", "/x/it's", "/x/100%A%"] {
        assert_eq!(typed(path).problems, [], "{path}");
    }
    for path in ["~/w", "~", ""] {
        assert!(typed(path).problems[0].what.starts_with("--data-dir: "), "{path}");
    }
}

#[test]
fn a_wallet_has_a_file_of_its_own_and_reads_the_common_one() {
    let place = place(&[("WAIAAS_DATA_DIR", "/data"), ("WAIAAS_WALLET_ID", WALLET)]);
    assert_eq!(place.write, Path::new("/data/mcp-tokens").join(WALLET));
    assert_eq!(place.read_fallback, Some(PathBuf::from("/data/mcp-token")));
}

#[test]
fn with_a_directory_the_file_wins_over_the_environments_token() {
    // Neither a token of another session nor a useless one keeps the file from being used.
    for text in [token("s1"), "rubbish".to_owned()] {
        let place = place(&[("WAIAAS_DATA_DIR", "/data"), ("WAIAAS_SESSION_TOKEN", &text)]);
        assert_eq!(place.write, Path::new("/data/mcp-token"));
        assert_eq!((place.only_session, place.bootstrap), (None, Some(Token::new(text))));
    }
}

#[test]
fn without_a_directory_the_environments_session_keeps_to_itself() {
    for wallet in [None, Some(("WAIAAS_WALLET_ID", WALLET))] {
        let text = token("01a2/../x");
        let mut said = vec![("WAIAAS_SESSION_TOKEN", text.as_str())];
        said.extend(wallet);
        let place = place(&said);
        assert_eq!(place.write, Path::new("/home/me/.waiaas/mcp-tokens/session-01a2%2F..%2Fx"));
        assert_eq!(place.only_session.as_deref(), Some("01a2/../x"));
        assert_eq!((place.read_fallback, place.bootstrap), (None, Some(Token::new(text.clone()))));
    }
}

#[test]
fn without_a_home_a_directory_must_be_said() {
    let raw = RawConfig::new(None);
    let problems = raw.resolve(NOW).problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].what.starts_with("WAIAAS_DATA_DIR: "), "{}", problems[0]);
    let mut raw = raw;
    raw.say_variable("WAIAAS_DATA_DIR", "/data");
    assert_eq!(raw.resolve(NOW).problems, []);
}

#[test]
fn all_problems_are_told_and_none_shows_a_token() {
    let secret = token("MARKER");
    for setting in &SETTINGS {
        let config = resolve(&[(setting.variable, &secret)]);
        let told: String = config.problems.iter().map(ToString::to_string).collect();
        assert!(!told.contains("e30"), "{}: {told}", setting.variable);
    }
    let wrong = SETTINGS.iter().map(|setting| (setting.variable, "~wrong"));
    let problems = resolve(&wrong.collect::<Vec<_>>()).problems;
    let mut sources: Vec<&str> =
        problems.iter().filter_map(|problem| problem.what.split(':').next()).collect();
    sources.sort_unstable();
    assert_eq!(
        sources,
        [
            "WAIAAS_BASE_URL",
            "WAIAAS_DATA_DIR",
            "WAIAAS_MCP_LOG",
            "WAIAAS_MCP_READ_ONLY",
            "WAIAAS_MCP_TIMEOUT",
            "WAIAAS_MCP_TOOLSETS",
            "WAIAAS_WALLET_ID",
        ]
    );
}
