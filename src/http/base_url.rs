//! The daemon's address, checked once: `http` to this machine only, `https` anywhere.
//!
//! Used by the configuration, which names the variable or option in its error, and by the client. Pure.
//! Refuses to know whether anybody listens there.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A checked base URL without a trailing slash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseUrl(String);

/// Why a text is not a usable base URL: what is wrong, then what to write instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BaseUrlError {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// `http` to a host that is not this machine would show the token to the network.
    PlainHttp,
    /// This build has no TLS.
    NoTls,
    /// `user:password@`.
    UserInfo,
    /// `?` or `#`.
    QueryOrFragment,
    /// No host, a bad port, or a character that has no place in a URL.
    Malformed,
}

impl BaseUrl {
    /// Where a daemon listens unless it is told otherwise.
    pub const DEFAULT: &str = "http://127.0.0.1:3100";

    /// Checks a base URL. Trailing slashes are ignored; a path is kept, for a daemon behind a proxy.
    ///
    /// # Errors
    /// [`BaseUrlError`], whose text does not say where the URL came from: the caller knows.
    pub fn parse(text: &str) -> Result<BaseUrl, BaseUrlError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(BaseUrlError::Scheme),
        };
        if rest.contains(['?', '#']) {
            return Err(BaseUrlError::QueryOrFragment);
        }
        let rest = rest.trim_end_matches('/');
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !br#"\"<>^`{|}"#.contains(&byte)) {
            return Err(BaseUrlError::Malformed);
        }
        let host = host_of(authority).ok_or(BaseUrlError::Malformed)?;
        if !secure && !is_loopback(host) {
            return Err(BaseUrlError::PlainHttp);
        }
        if secure && !cfg!(feature = "tls") {
            return Err(BaseUrlError::NoTls);
        }
        let scheme = if secure { "https" } else { "http" };
        Ok(BaseUrl(format!("{scheme}://{}{path}", authority.to_ascii_lowercase())))
    }

    /// Whether the way there is encrypted.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The URL without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The host of `host[:port]`, brackets included; `None` if either is malformed.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = if let Some(end) = authority.find(']') {
        let (host, rest) = authority.split_at(end + 1);
        host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
        (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port_is_good = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    (!host.is_empty() && port_is_good).then_some(host)
}

/// Names and addresses that reach this machine only. `localhost` never leaves it (RFC 6761 section 6.3): the
/// client resolves it by itself.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for BaseUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BaseUrlError::Scheme => "the daemon's address must start with http:// or https://",
            BaseUrlError::PlainHttp => {
                "plain http is for this machine only (127.0.0.1, localhost, [::1]); use https for another host"
            }
            BaseUrlError::NoTls => "this build has no https; use a build with the feature `tls`",
            BaseUrlError::UserInfo => "the daemon's address must not hold a user name or password",
            BaseUrlError::QueryOrFragment => "the daemon's address must not hold a query or a fragment",
            BaseUrlError::Malformed => "the daemon's address is not a URL; write it like http://127.0.0.1:3100",
        })
    }
}

impl std::error::Error for BaseUrlError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_addresses() {
        let table = [
            ("http://127.0.0.1:3100", "http://127.0.0.1:3100"),
            (" http://127.0.0.1:3100/// ", "http://127.0.0.1:3100"),
            ("HTTP://LocalHost:3100/", "http://localhost:3100"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:3100", "http://[::1]:3100"),
        ];
        for (text, expected) in table {
            assert_eq!(BaseUrl::parse(text).map(|url| url.0), Ok(expected.to_owned()), "{text}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn https_goes_anywhere() {
        for text in ["https://wallet.example", "https://10.0.0.7:8443/waiaas", "https://[2001:db8::1]"] {
            assert_eq!(BaseUrl::parse(text).map(|url| url.0), Ok(text.to_owned()));
        }
    }

    #[test]
    fn unusable_addresses() {
        use BaseUrlError::*;
        let table = [
            ("127.0.0.1:3100", Scheme),
            ("file:///etc/passwd", Scheme),
            ("http://10.0.0.7:3100", PlainHttp),
            ("http://localhost.example", PlainHttp),
            ("http://127.0.0.1.example", PlainHttp),
            ("http://0.0.0.0:3100", PlainHttp),
            ("http://me:secret@127.0.0.1", UserInfo),
            ("http://127.0.0.1:3100/?a=b", QueryOrFragment),
            ("http://127.0.0.1:3100#x", QueryOrFragment),
            ("http://", Malformed),
            ("http://:3100", Malformed),
            ("http://127.0.0.1:0", Malformed),
            ("http://127.0.0.1:99999", Malformed),
            ("http://127.0.0.1:31+1", Malformed),
            ("http://127.0.0.1 evil", Malformed),
            ("http://127.0.0.1\\evil", Malformed),
            ("http://[::1", Malformed),
            ("http://[::1]x", Malformed),
        ];
        for (text, expected) in table {
            assert_eq!(BaseUrl::parse(text), Err(expected), "{text}");
        }
    }
}
