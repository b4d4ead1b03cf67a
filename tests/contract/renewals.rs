//! Renewing over real TCP: races, what the ledger remembers, what takes a session away.

use std::sync::Barrier;
use std::thread;

use waiaas_mcp::sandbox::SessionLimits;

use crate::raw_http::{Wire, bearer, request};
use crate::scene::Scene;

#[test]
fn of_four_renewals_at_once_exactly_one_is_granted() {
    for round in 0..20 {
        let mut scene = Scene::new();
        scene.prepare("session 300");
        scene.prepare("180 s later");
        let target = format!("/v1/sessions/{}/renew", scene.session.id);
        let bytes = request("PUT", &target, &[bearer(&scene.token)], "");
        let barrier = Barrier::new(4);
        let mut codes: Vec<String> = thread::scope(|scope| {
            let one = || {
                let mut wire = Wire::open(&scene.sandbox.base_url());
                barrier.wait();
                wire.send(&bytes);
                wire.receive().unwrap().code()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        codes.sort();
        let mismatch = "SESSION_RENEWAL_MISMATCH";
        assert_eq!(codes, ["", mismatch, mismatch, mismatch], "round {round}");
        let ledger = scene.sandbox.ledger();
        assert_eq!(ledger.tally.renewals_granted, 1);
        assert_eq!(ledger.tally.renewals_refused[mismatch], 3);
        assert_eq!(ledger.tally.renewals.len(), 4);
        assert_eq!(ledger.session(&scene.session.id).unwrap().renewal_count, 1);
    }
}

#[test]
fn the_ledger_knows_the_newest_token() {
    let mut scene = Scene::new();
    scene.prepare("session 300");
    scene.prepare("180 s later");
    assert!(scene.sandbox.ledger().is_newest(&scene.token));
    scene.prepare("renewed");
    let ledger = scene.sandbox.ledger();
    assert!(!ledger.is_newest(&scene.token) && ledger.is_newest(&scene.session.token));
    let session = ledger.session(&scene.session.id).unwrap();
    assert_eq!(session.expires_at - session.issued_at, 300);
    let answer = scene.ask("GET", "/v1/wallet/address", &[bearer(&scene.token)], "");
    assert_eq!(answer.status, 200, "the former token works on ordinary routes");
    assert_eq!(scene.sandbox.ledger().tally.calls_refused, 0);
}

#[test]
fn sessions_may_be_as_short_as_a_second() {
    let mut scene = Scene::new();
    scene.prepare("session 1");
    assert_eq!(scene.renew(&scene.token).code(), "RENEWAL_TOO_EARLY");
    scene.prepare("1 s later");
    assert_eq!(scene.renew(&scene.token).code(), "TOKEN_EXPIRED");
}

#[test]
fn the_kill_switch_locks_and_its_end_leaves_the_sessions_revoked() {
    let mut scene = Scene::new();
    let address = |scene: &Scene| scene.ask("GET", "/v1/wallet/address", &[bearer(&scene.token)], "").code();
    scene.prepare("kill switch");
    assert_eq!(address(&scene), "SYSTEM_LOCKED");
    assert_eq!(scene.ask("GET", "/health", &[], "").status, 200);
    assert_eq!(scene.ask_as_operator("POST", "/v1/admin/kill-switch", "").code(), "KILL_SWITCH_ACTIVE");
    assert_eq!(scene.ask_as_operator("POST", "/v1/admin/recover", "").status, 200);
    assert_eq!(address(&scene), "SESSION_REVOKED");
    assert_eq!(scene.ask_as_operator("POST", "/v1/admin/recover", "").code(), "KILL_SWITCH_NOT_ACTIVE");
    scene.session = scene.sandbox.new_session(SessionLimits::default());
    scene.token = scene.session.token.clone();
    assert_eq!(address(&scene), "");
}

#[test]
fn the_token_file_is_private_at_first_and_foreign_after_setup() {
    let scene = Scene::new();
    let file = scene.sandbox.token_file();
    assert_eq!(std::fs::read_to_string(file).unwrap(), scene.token, "the token alone, no newline");
    let other = scene.sandbox.new_session(SessionLimits::default());
    let before = mode(file);
    scene.sandbox.replace_token_file(&other.token).unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), other.token);
    if cfg!(unix) {
        assert_eq!([mode(scene.sandbox.data_dir()), before], [0o700, 0o600]);
        // The umask of whoever runs the tests may take bits away, as from every foreign writer.
        assert_eq!(mode(file) & !0o644, 0);
    }
    let answer = scene.ask_as_operator(
        "POST",
        "/v1/mcp/tokens",
        &format!(r#"{{"walletId":"{}"}}"#, scene.sandbox.wallet_id()),
    );
    assert_eq!(answer.status, 201);
    assert!(!answer.body.contains("wai_sess_"), "the token is in the file, not in the answer");
    let written = scene.sandbox.data_dir().join("mcp-tokens").join(scene.sandbox.wallet_id());
    let token = std::fs::read_to_string(written).unwrap();
    assert_eq!(scene.ask("GET", "/v1/connect-info", &[bearer(&token)], "").status, 200);
}

#[cfg(unix)]
fn mode(path: &std::path::Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &std::path::Path) -> u32 {
    0
}

#[test]
fn a_temporary_directory_goes_with_the_sandbox_and_a_given_one_stays() {
    let scene = Scene::new();
    let temporary = scene.sandbox.data_dir().to_owned();
    assert!(temporary.exists());
    scene.sandbox.stop();
    assert!(!temporary.exists());

    let given = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let options = waiaas_mcp::sandbox::Options {
            data_dir: Some(given.path().join("deep/er")),
            ..waiaas_mcp::sandbox::Options::default()
        };
        let sandbox = waiaas_mcp::sandbox::Sandbox::start(options).unwrap();
        let token = std::fs::read_to_string(sandbox.token_file()).unwrap();
        assert!(sandbox.ledger().is_newest(&token), "the file holds the token of this run");
    }
    assert!(given.path().join("deep/er/mcp-token").exists());
}
