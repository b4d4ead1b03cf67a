//! The rules of renewing, case by case, in the order the daemon checks them.

use super::*;

const START: i64 = 1_795_330_449;

fn at(second: i64) -> Moment {
    Moment((START + second) * 1000)
}

fn book() -> (Ledger, Ids) {
    (Ledger::new([1; 32]), Ids::seeded(7))
}

fn terms(ttl_s: u64) -> Terms {
    Terms {
        wallets: vec!["w".into()],
        ttl_s: Some(ttl_s),
        max_renewals: 0,
        absolute_lifetime_s: 0,
        source: "api",
    }
}

fn renew(ledger: &mut Ledger, id: &str, token: &str, second: i64) -> Result<Issued, String> {
    let caller =
        ledger.authenticate(Some(&format!("Bearer {token}")), at(second)).map_err(|refusal| refusal.code)?;
    ledger.renew(id, &caller, at(second)).map_err(|refusal| refusal.code)
}

fn outcome(ledger: &mut Ledger, id: &str, token: &str, second: i64) -> String {
    renew(ledger, id, token, second).map_or_else(|code| code, |_| "granted".to_owned())
}

#[test]
fn a_token_is_renewed_from_the_middle_of_its_life_to_its_end() {
    for (second, expected) in [
        (0, RENEWAL_TOO_EARLY),
        (149, RENEWAL_TOO_EARLY),
        (150, "granted"),
        (299, "granted"),
        (300, TOKEN_EXPIRED),
    ] {
        let (mut ledger, mut ids) = book();
        let issued = ledger.create(terms(300), &mut ids, at(0));
        let id = ledger.sessions[0].id.clone();
        assert_eq!(outcome(&mut ledger, &id, &issued.token, second), expected, "{second}");
    }
}

#[test]
fn checks_come_in_the_daemons_order() {
    // Each row adds one more thing that is wrong, before the ones that already were.
    let (mut ledger, mut ids) = book();
    let limited = Terms { max_renewals: 1, absolute_lifetime_s: 170, ..terms(300) };
    let first = ledger.create(limited, &mut ids, at(0)).token;
    let id = ledger.sessions[0].id.clone();
    assert_eq!(outcome(&mut ledger, &id, &first, 10), RENEWAL_TOO_EARLY);
    assert_eq!(outcome(&mut ledger, &id, &first, 170), SESSION_ABSOLUTE_LIFETIME_EXCEEDED);
    let second = renew(&mut ledger, &id, &first, 150).expect("half of the life is gone").token;
    assert_eq!(
        outcome(&mut ledger, &id, &second, 151),
        RENEWAL_LIMIT_REACHED,
        "before the absolute end and the half"
    );
    assert_eq!(outcome(&mut ledger, &id, &first, 152), SESSION_RENEWAL_MISMATCH, "before the renewal limit");
    assert_eq!(outcome(&mut ledger, "another", &first, 152), SESSION_NOT_FOUND, "before the hash");
    ledger.revoke(&id).expect("the row is there");
    assert_eq!(outcome(&mut ledger, "another", &first, 152), SESSION_REVOKED, "before the id");
    ledger.sweep(at(400));
    assert_eq!(
        outcome(&mut ledger, "another", &first, 152),
        SESSION_NOT_FOUND,
        "the row before its revocation"
    );
    assert_eq!(outcome(&mut ledger, "another", &first, 300), TOKEN_EXPIRED, "exp before the row");
    assert_eq!(
        outcome(&mut ledger, "another", &format!("{first}x"), 300),
        INVALID_TOKEN,
        "signature before exp"
    );
}

#[test]
fn an_unlimited_session_needs_no_renewal() {
    let (mut ledger, mut ids) = book();
    let issued = ledger.create(Terms { ttl_s: None, ..terms(0) }, &mut ids, at(0));
    let id = ledger.sessions[0].id.clone();
    assert_eq!(outcome(&mut ledger, &id, &issued.token, 10_000_000), RENEWAL_NOT_REQUIRED);
}

#[test]
fn near_the_absolute_end_tokens_shrink() {
    let (mut ledger, mut ids) = book();
    let mut token = ledger.create(Terms { absolute_lifetime_s: 240, ..terms(300) }, &mut ids, at(0)).token;
    let id = ledger.sessions[0].id.clone();
    // The token's life after each renewal, when each comes as early as it may.
    for (second, life) in [(200, 40), (220, 20), (230, 10), (235, 5), (238, 2), (239, 1)] {
        token = renew(&mut ledger, &id, &token, second).expect("half of the life is gone").token;
        assert_eq!(ledger.sessions[0].expires_at - START - second, life);
        assert_eq!(ledger.sessions[0].expires_at, START + 240);
    }
}

#[test]
fn only_renewing_compares_the_hash() {
    let (mut ledger, mut ids) = book();
    let old = ledger.create(terms(300), &mut ids, at(0)).token;
    let id = ledger.sessions[0].id.clone();
    let copy = ledger.reissue(&id, at(1)).expect("active").token;
    let new = renew(&mut ledger, &id, &old, 200).expect("half of the life is gone").token;
    for token in [&old, &copy, &new] {
        assert!(ledger.authenticate(Some(&format!("Bearer {token}")), at(299)).is_ok());
    }
    assert_eq!(outcome(&mut ledger, &id, &copy, 299), SESSION_RENEWAL_MISMATCH);
    assert_eq!(ledger.sessions[0].tokens_issued, 3);
}

#[test]
fn tokens_of_one_second_and_one_end_are_identical() {
    let (mut ledger, mut ids) = book();
    let token = ledger.create(terms(300), &mut ids, at(0)).token;
    let id = ledger.sessions[0].id.clone();
    assert_eq!(ledger.reissue(&id, at(0)).expect("active").token, token);
}

#[test]
fn a_rotated_secret_is_accepted_for_five_minutes_and_renewed_into_the_new_one() {
    let (mut ledger, mut ids) = book();
    let old = ledger.create(terms(600), &mut ids, at(0)).token;
    let id = ledger.sessions[0].id.clone();
    ledger.rotate_secret([2; 32], at(100)).expect("the first rotation");
    assert_eq!(ledger.rotate_secret([3; 32], at(101)).expect_err("too soon").code, "ROTATION_TOO_RECENT");
    let new = renew(&mut ledger, &id, &old, 399).expect("within the five minutes").token;
    let code = |token: &str, second| {
        let checked = ledger.authenticate(Some(&format!("Bearer {token}")), at(second));
        checked.map_or_else(|refusal| refusal.code, |_| "accepted".into())
    };
    assert_eq!(code(&old, 399), "accepted");
    assert_eq!(code(&old, 400), INVALID_TOKEN);
    assert_eq!(code(&new, 400), "accepted");
}

#[test]
fn the_kill_switch_revokes_for_good() {
    let (mut ledger, mut ids) = book();
    let token = ledger.create(Terms { ttl_s: None, ..terms(0) }, &mut ids, at(0)).token;
    assert_eq!(ledger.recover().expect_err("not locked").code, "KILL_SWITCH_NOT_ACTIVE");
    ledger.lock(at(1)).expect("not locked yet");
    assert_eq!(ledger.lock(at(2)).expect_err("locked").code, "KILL_SWITCH_ACTIVE");
    ledger.recover().expect("locked");
    let checked = ledger.authenticate(Some(&format!("Bearer {token}")), at(3));
    assert_eq!(checked.err().map(|refusal| refusal.code).as_deref(), Some(SESSION_REVOKED));
}

#[test]
fn no_terms_overflow() {
    for (ttl_s, absolute_lifetime_s) in [(u64::MAX, u64::MAX), (u64::MAX, 1), (1, u64::MAX)] {
        let (mut ledger, mut ids) = book();
        let issued = ledger.create(Terms { absolute_lifetime_s, ..terms(ttl_s) }, &mut ids, at(0));
        let id = ledger.sessions[0].id.clone();
        let _ = outcome(&mut ledger, &id, &issued.token, 1);
    }
}
