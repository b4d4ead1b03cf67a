//! What several tests need: tokens of the right form that no daemon signed.

#[allow(dead_code, reason = "each test file uses a part of the support")]
pub(crate) mod forks;
#[allow(dead_code, reason = "each test file uses a part of the support")]
pub(crate) mod model;
#[allow(dead_code, reason = "each test file uses a part of the support")]
pub(crate) mod odometer;
#[allow(dead_code, reason = "each test file uses a part of the support")]
pub(crate) mod prng;
#[allow(dead_code, reason = "each test file uses a part of the support")]
pub(crate) mod scene;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A token with these claims and a signature nobody can check. Times in Unix seconds; `None`: unlimited.
pub(crate) fn token(session_id: &str, issued_s: i64, expires_s: Option<i64>) -> String {
    let expires = expires_s.map(|exp| format!(r#","exp":{exp}"#)).unwrap_or_default();
    let claims = format!(r#"{{"sub":"{session_id}","iat":{issued_s}{expires}}}"#);
    format!("wai_sess_eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims))
}
