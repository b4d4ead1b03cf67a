//! Session tokens: `wai_sess_` and a compact JWS signed with HS256 (RFC 7515, RFC 7519).
//!
//! Knows the form and the signature. Whether a session stands behind a token is the ledger's business.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::digests::{DIGEST_BYTES, hmac_sha256};
use super::json::{Json, object};

/// What every token begins with.
pub(super) const PREFIX: &str = "wai_sess_";

/// A key of HS256.
pub(super) type Secret = [u8; DIGEST_BYTES];

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Claims {
    /// The session's id (`sub`).
    pub(super) session_id: String,
    /// `iat`, Unix seconds.
    pub(super) issued_at: i64,
    /// `exp`, Unix seconds; none in a token of an unlimited session.
    pub(super) expires_at: Option<i64>,
}

/// The token that says `claims`, signed with `secret`.
pub(super) fn sign(claims: &Claims, secret: &Secret) -> String {
    let payload = object! { "sub": &claims.session_id, "iat": claims.issued_at };
    let payload = payload.with_some("exp", claims.expires_at).text();
    let signed =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(secret, signed.as_bytes()));
    format!("{PREFIX}{signed}.{signature}")
}

/// What a token says, if it has the form of one and one of `secrets` signed it.
pub(super) fn verify(token: &str, secrets: &[&Secret]) -> Option<Claims> {
    let (signed, signature) = token.strip_prefix(PREFIX)?.rsplit_once('.')?;
    if !signature_holds(signed, signature, secrets) {
        return None;
    }
    let (header, payload) = signed.split_once('.')?;
    if decode(header)?.get("alg")?.as_str()? != "HS256" {
        return None;
    }
    let payload = decode(payload)?;
    let expires_at = match payload.get("exp") {
        None => None,
        Some(exp) => Some(exp.as_i64()?),
    };
    Some(Claims {
        session_id: payload.get("sub")?.as_str()?.to_owned(),
        issued_at: payload.get("iat")?.as_i64()?,
        expires_at,
    })
}

fn signature_holds<S: AsRef<[u8]>>(signed: &str, signature: &str, secrets: &[S]) -> bool {
    URL_SAFE_NO_PAD.decode(signature).is_ok_and(|signature| {
        secrets.iter().any(|secret| signature == hmac_sha256(secret.as_ref(), signed.as_bytes()))
    })
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Secret = [7; 32];
    const FOREIGN: Secret = [8; 32];

    #[test]
    fn what_is_signed_is_read_back() {
        for expires_at in [Some(1_795_330_749), None] {
            let claims = Claims { session_id: "s-1".into(), issued_at: 1_795_330_449, expires_at };
            let token = sign(&claims, &OURS);
            assert_eq!(verify(&token, &[&FOREIGN, &OURS]), Some(claims));
            assert_eq!(verify(&token, &[&FOREIGN]), None);
            assert_eq!(token.split('.').count(), 3);
        }
    }

    #[test]
    fn foreign_forms_are_no_tokens() {
        let token = sign(&Claims { session_id: "s".into(), issued_at: 0, expires_at: None }, &OURS);
        let (start, _) = token.rsplit_once('.').expect("three parts");
        for text in
            ["", "abc", "wai_sess_garbage", "wai_sess_a.b.c", &token[9..], start, &format!("{token}A")]
        {
            assert_eq!(verify(text, &[&OURS]), None, "{text}");
        }
    }

    #[test]
    fn the_signature_is_that_of_rfc_7515_appendix_a_1() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .expect("base64url");
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                      eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(signature_holds(signed, signature, &[&key]));
        assert!(!signature_holds(signed, signature, &[&key[1..]]));
    }
}
