//! What people are told of the session: every event by its name, its level and its fields, and what to do where a
//! person has to do something. Scripts rely on the names.

use std::time::Duration;

use waiaas_mcp::log::{Level, Loggable};
use waiaas_mcp::session::SessionFault;
use waiaas_mcp::session::fault::{FileFault, FileFaultKind};
use waiaas_mcp::session::notice::{Decision, NotRenewable, Notice};
use waiaas_mcp::time::{Now, Timestamp};

const ENDS: Timestamp = Timestamp::from_unix_seconds(1_795_330_300);

/// The event as `level name key=value …`, without its advice; and the advice.
fn told(notice: &Notice) -> (String, Option<String>) {
    notice.describe(|level, name, fields| {
        let mut advice = None;
        let mut text = format!("{} {name}", level.name());
        for (key, value) in fields {
            let mut shown = String::new();
            Loggable::write(*value, &mut shown).expect("a string takes everything");
            match *key {
                "advice" => advice = Some(shown),
                _ => text.push_str(&format!(" {key}={shown}")),
            }
        }
        (text, advice)
    })
}

fn fault(kind: FileFaultKind) -> FileFault {
    FileFault { operation: "rename", kind, detail: "no way\n[waiaas-mcp] forged".to_owned() }
}

#[test]
fn every_event_has_its_name_its_level_and_its_fields() {
    let at = |wall_s: i64, mono_s: u64| Now {
        wall: Timestamp::from_unix_seconds(wall_s),
        mono: Duration::from_secs(mono_s),
    };
    let decision = Decision {
        usable: true,
        renewable: true,
        due: false,
        backing_off: false,
        unsaved: true,
        time_known: false,
    };
    let expires_at = Some(ENDS);
    let not_scheduled = |why| Notice::NotScheduled { why, expires_at };
    let cases = [
        (
            Notice::Decision(decision),
            "debug renewal.decision usable=true renewable=true due=false backing_off=false unsaved=true time_known=false",
        ),
        (
            Notice::Loaded { from: "file", expires_at },
            "info session.loaded from=file expires_at=2026-11-22T06:51:40Z",
        ),
        (
            Notice::Loaded { from: "environment", expires_at: None },
            "info session.loaded from=environment expires_at=none",
        ),
        (
            Notice::Scheduled {
                at: Timestamp::from_unix_seconds(1_795_330_180),
                within: Duration::from_millis(90_500),
                expires_at: ENDS,
            },
            "info renewal.scheduled at=2026-11-22T06:49:40Z in=90.5s expires_at=2026-11-22T06:51:40Z",
        ),
        (
            Notice::NotScheduled { why: NotRenewable::Unlimited, expires_at: None },
            "info renewal.not_scheduled why=the session has no end expires_at=none",
        ),
        (
            not_scheduled(NotRenewable::NotRequired),
            "info renewal.not_scheduled why=the daemon says that the session has no end \
             expires_at=2026-11-22T06:51:40Z",
        ),
        (
            not_scheduled(NotRenewable::Exhausted),
            "warn renewal.not_scheduled why=the session's renewal limit or lifetime is reached \
             expires_at=2026-11-22T06:51:40Z",
        ),
        (
            not_scheduled(NotRenewable::Clamped),
            "warn renewal.not_scheduled why=the session's lifetime ends with this token \
             expires_at=2026-11-22T06:51:40Z",
        ),
        (
            not_scheduled(NotRenewable::Superseded),
            "warn renewal.not_scheduled why=another token of this session was issued after it \
             expires_at=2026-11-22T06:51:40Z",
        ),
        (Notice::Attempt { number: 2 }, "info renewal.attempt number=2"),
        (
            Notice::Succeeded { renewals: 7, expires_at, saved: true },
            "info renewal.succeeded renewals=7 expires_at=2026-11-22T06:51:40Z",
        ),
        (
            Notice::Succeeded { renewals: 7, expires_at, saved: false },
            "info renewal.succeeded renewals=7 expires_at=2026-11-22T06:51:40Z saved=false",
        ),
        (
            Notice::Failed { code: "SYSTEM_LOCKED".to_owned(), next: Some(Duration::from_secs(60)) },
            "warn renewal.failed code=SYSTEM_LOCKED next_in=60s",
        ),
        (
            Notice::Failed { code: "odd\u{1b}[31m".to_owned(), next: None },
            "warn renewal.failed code=odd?[31m next_in=none",
        ),
        (Notice::Misconfigured { code: "http_302".to_owned() }, "error renewal.misconfigured code=http_302"),
        (Notice::ReloadAttempt, "info reload.attempt"),
        (
            Notice::Adopted { from: "file", same_session: true, expires_at },
            "info reload.adopted from=file same_session=true expires_at=2026-11-22T06:51:40Z",
        ),
        (Notice::ReloadUnchanged, "warn reload.unchanged"),
        (Notice::ReloadMissing, "warn reload.missing"),
        (Notice::ReloadInvalid { why: "it is empty" }, "warn reload.invalid why=it is empty"),
        (
            Notice::NoToken { why: "there is no token file" },
            "error session.missing why=there is no token file",
        ),
        (Notice::RecoveryStarted { state: "expired" }, "warn recovery.started state=expired"),
        (Notice::RecoverySucceeded, "info recovery.succeeded"),
        (Notice::Expired { why: "the daemon refused it" }, "error session.expired why=the daemon refused it"),
        (
            Notice::FileUnusable { why: "it is a symbolic link" },
            "warn token_file.unusable why=it is a symbolic link",
        ),
        (
            Notice::NotWritable { fault: fault(FileFaultKind::Full), unsaved: true },
            "error token_file.not_writable operation=rename error=no way?[waiaas-mcp] forged unsaved=true",
        ),
        (Notice::Saved, "info token_file.saved"),
        (Notice::InPlace, "warn token_file.in_place"),
        (Notice::SomebodyElse, "info token_file.somebody_else"),
        (Notice::LockTimedOut, "info lock.timed_out"),
        (Notice::LockUnsupported, "warn lock.unsupported"),
        (
            Notice::ClocksDisagree { before: at(1_000, 10), after: at(4_600, 20) },
            "info clock.jumped wall_ms=3600000 mono=10s",
        ),
        (
            Notice::ClocksDisagree { before: at(4_600, 20), after: at(1_000, 30) },
            "info clock.jumped wall_ms=-3600000 mono=10s",
        ),
    ];
    for (notice, expected) in cases {
        assert_eq!(told(&notice).0, expected, "{notice:?}");
    }
}

#[test]
fn where_a_person_has_to_act_the_event_says_how() {
    let not_scheduled = |why| Notice::NotScheduled { why, expires_at: Some(ENDS) };
    let cases = [
        (not_scheduled(NotRenewable::Exhausted), "setup"),
        (not_scheduled(NotRenewable::Clamped), "setup"),
        (not_scheduled(NotRenewable::Superseded), "setup"),
        (Notice::NoToken { why: "" }, "setup"),
        (Notice::Expired { why: "its end has passed" }, "setup"),
        (Notice::Misconfigured { code: String::new() }, "WAIAAS_BASE_URL"),
        (Notice::InPlace, "mount its directory"),
        (Notice::NotWritable { fault: fault(FileFaultKind::Full), unsaved: false }, "free some space"),
        (Notice::NotWritable { fault: fault(FileFaultKind::ReadOnly), unsaved: false }, "writable"),
        (Notice::NotWritable { fault: fault(FileFaultKind::Denied), unsaved: false }, "the right to write"),
        (
            Notice::NotWritable { fault: fault(FileFaultKind::MountPoint), unsaved: false },
            "mount the data directory",
        ),
        (
            Notice::NotWritable { fault: fault(FileFaultKind::Other), unsaved: false },
            "look at the data directory",
        ),
    ];
    for (notice, how) in cases {
        let advice = told(&notice).1.unwrap_or_default();
        assert!(advice.contains(how), "{notice:?}: {advice}");
    }
    // What nobody can do anything about asks nobody to do anything.
    for notice in [not_scheduled(NotRenewable::Unlimited), not_scheduled(NotRenewable::NotRequired)] {
        assert_eq!(told(&notice).1, None);
    }
}

#[test]
fn an_error_always_says_what_to_do() {
    let errors = [
        Notice::NoToken { why: "" },
        Notice::Expired { why: "" },
        Notice::Misconfigured { code: String::new() },
        Notice::NotWritable { fault: fault(FileFaultKind::Other), unsaved: true },
    ];
    for notice in errors {
        let is_error = notice.describe(|level, _, _| level == Level::Error);
        assert!(is_error && told(&notice).1.is_some(), "{notice:?}");
    }
}

#[test]
fn why_a_token_is_none_is_told_apart() {
    let reasons = [
        (SessionFault::Empty, "it is empty"),
        (SessionFault::TooLarge, "it is larger than 64 KiB"),
        (SessionFault::Form, "it does not have the form of a session token"),
        (SessionFault::Payload, "its claims cannot be read"),
        (SessionFault::SessionId, "it names no session"),
        (SessionFault::Expiry, "its times make no sense"),
    ];
    for (fault, reason) in reasons {
        assert_eq!((fault.reason(), fault.to_string().as_str()), (reason, reason));
    }
}
