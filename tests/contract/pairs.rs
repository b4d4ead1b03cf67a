//! Every recorded pair of request and answer, over real TCP.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::raw_http::{bearer, master};
use crate::scene::Scene;

/// Whether a text fits a recorded one: `{u1}` is an id, the same one each time; `#` a number; `…` any text.
fn fits(recorded: &str, text: &str, ids: &mut BTreeMap<String, String>) -> bool {
    if let Some(rest) = recorded.strip_prefix('…') {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.into_iter().any(|at| fits(rest, &text[at..], &mut ids.clone()));
    }
    if let Some(rest) = recorded.strip_prefix('#') {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        return digits > 0 && fits(rest, &text[digits..], ids);
    }
    if let Some((name, rest)) = recorded.strip_prefix("{u").and_then(|rest| rest.split_once('}')) {
        let Some(id) = text.get(..36) else { return false };
        let known = ids.entry(name.to_owned()).or_insert_with(|| id.to_owned());
        return known == id && fits(rest, &text[36..], ids);
    }
    match (recorded.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some(expected), Some(found)) if expected == found => {
            fits(&recorded[expected.len_utf8()..], &text[found.len_utf8()..], ids)
        }
        _ => false,
    }
}

#[test]
fn every_recorded_pair_is_answered_as_recorded() {
    let pairs = include_str!("pairs.jsonl");
    let mut replayed = 0;
    for line in pairs.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| pair[name].as_str().unwrap_or("").to_owned();
        let mut scene = Scene::new();
        for step in pair["given"].as_array().unwrap() {
            scene.prepare(step.as_str().unwrap());
        }
        let mut ids = BTreeMap::new();
        let (mut target, mut body) = (text("request"), text("body"));
        for (name, stands_for) in pair["names"].as_object().into_iter().flatten() {
            let id = scene.id(stands_for.as_str().unwrap());
            target = target.replace(&format!("{{{name}}}"), &id);
            body = body.replace(&format!("{{{name}}}"), &id);
            ids.insert(name[1..].to_owned(), id);
        }
        let (method, target) = target.split_once(' ').unwrap();
        let mut headers = match text("credential").as_str() {
            "none" => Vec::new(),
            "master" => vec![master(scene.sandbox.master_password())],
            "wrong master" => vec![master("wrong")],
            "token" => vec![bearer(&scene.token)],
            other => vec![format!("Authorization: {other}")],
        };
        headers.extend(pair["host"].as_str().map(|host| format!("Host: {host}")));

        let answer = scene.ask(method, target, &headers, &body);

        let name = text("name");
        assert_eq!(u64::from(answer.status), pair["status"].as_u64().unwrap(), "{name}: {}", answer.body);
        for (header, expected) in pair["headers"].as_object().unwrap() {
            let found = answer.header(header).unwrap_or("");
            assert!(fits(expected.as_str().unwrap(), found, &mut ids), "{name}: {header}: {found}");
        }
        let expected = text("answer");
        assert!(
            fits(&expected, &answer.body, &mut ids),
            "{name}\nrecorded {expected}\nanswered {}",
            answer.body
        );
        let request_id = answer.header("x-request-id").unwrap_or("");
        assert_eq!(request_id.len(), 36, "{name}: every answer has an x-request-id");
        if answer.body.contains("\"requestId\"") {
            assert!(answer.body.contains(request_id), "{name}: the header is the body's requestId");
        }
        assert!(
            answer.header("date").is_some_and(|date| date.ends_with(" GMT")),
            "{name}: every answer has a Date"
        );
        replayed += 1;
    }
    assert_eq!(replayed, 49);
}
