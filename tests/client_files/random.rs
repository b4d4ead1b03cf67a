//! Random files: whatever the editor agrees to, nothing but our entry changes, and others can still read it.

use waiaas_mcp::cli::clients::value::Value;
use waiaas_mcp::cli::clients::{CLIENTS, Client, Edit, Entry, edit};

use crate::judge::{in_order_of_names, judged, server, without};
use crate::prng::Prng;
use crate::support::{client, entry, small};

/// Random JSON documents in an ordinary run, and random damages to each real file.
const DOCUMENTS: u64 = 3_000;
const DAMAGES: u64 = 600;

/// A JSON document with comments, all sorts of white space and trailing commas.
struct Writer {
    random: Prng,
    text: String,
    comments: bool,
    newline: &'static str,
    key: u32,
}

impl Writer {
    fn document(seed: u64, comments: bool, top_key: &str) -> String {
        let mut random = Prng::new(seed);
        let newline = if random.chance(300) { "\r\n" } else { "\n" };
        let mut writer = Writer { random, text: String::new(), comments, newline, key: 0 };
        if writer.random.chance(200) {
            writer.text.push('\u{feff}');
        }
        writer.space();
        writer.object(0, Some(top_key));
        writer.space();
        writer.text
    }

    fn space(&mut self) {
        for _ in 0..self.random.between(0, 3) {
            let newline = self.newline;
            match self.random.between(0, if self.comments { 5 } else { 3 }) {
                0 => self.text.push_str("  "),
                1 => self.text.push('\t'),
                2 | 3 => self.text.push_str(newline),
                4 => self.text.extend(["// \"}], é", newline]),
                _ => self.text.push_str("/* {\" \n * // */"),
            }
        }
    }

    fn string(&mut self) -> String {
        let parts = ["a", "é", "\\\"", "\\\\", "\\u00e9", "//", "/*", "}", "{", "[", ",", ":", " ", "😀"];
        (0..self.random.between(0, 4)).map(|_| *self.random.pick(&parts)).collect()
    }

    fn value(&mut self, depth: u32) {
        match self.random.between(0, if depth > 4 { 4 } else { 7 }) {
            0 => {
                let string = self.string();
                self.text.extend(["\"", &string, "\""]);
            }
            1 => self.text.push_str("-1.50e+3"),
            2 => self.text.push_str("123456789012345678901"),
            3 => self.text.push_str("true"),
            4 => self.text.push_str("null"),
            5 => self.array(depth),
            _ => self.object(depth, None),
        }
    }

    fn array(&mut self, depth: u32) {
        self.text.push('[');
        self.items(|writer| writer.value(depth + 1));
        self.text.push(']');
    }

    fn object(&mut self, depth: u32, top_key: Option<&str>) {
        let mut servers = top_key.filter(|_| self.random.chance(700));
        self.text.push('{');
        self.items(|writer| {
            let name = match servers.filter(|_| writer.random.chance(500)) {
                Some(top_key) => top_key.to_owned(),
                None => {
                    writer.key += 1;
                    format!("{}{}", writer.string(), writer.key)
                }
            };
            writer.text.extend(["\"", &name, "\""]);
            writer.space();
            writer.text.push(':');
            writer.space();
            match servers.take_if(|servers| *servers == name) {
                Some(_) => writer.object(depth + 1, None),
                None => writer.value(depth + 1),
            }
        });
        self.text.push('}');
    }

    fn items(&mut self, mut item: impl FnMut(&mut Writer)) {
        let items = self.random.between(0, 3);
        for index in 0..items {
            self.space();
            item(self);
            self.space();
            if index + 1 < items || (self.comments && self.random.chance(300)) {
                self.text.push(',');
            }
        }
        self.space();
    }
}

/// Whether `new` is `old` with one thing inserted, or with a comma and one thing behind it. Where something is put
/// into an empty object, it takes the place of the white space there.
fn is_inserted(old: &str, new: &str) -> bool {
    let is_one = |old: &[u8], new: &[u8]| {
        let begin = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let rest = &old[begin..];
        let end = rest.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
        rest[..rest.len() - end].iter().all(u8::is_ascii_whitespace)
    };
    let (old, new) = (old.as_bytes(), new.as_bytes());
    let begin = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    is_one(old, new) || (new.get(begin) == Some(&b',') && is_one(&old[begin..], &new[begin + 1..]))
}

#[test]
fn a_random_json_file_keeps_every_byte() {
    let mut added = 0;
    for seed in 0..DOCUMENTS {
        let client = client(if seed % 3 == 0 { "claude-code" } else { "zed" });
        let old = Writer::document(seed, client.name == "zed", client.top_key);
        let ours = entry("waiaas");
        match edit(client, &old, &ours) {
            Ok(Edit::Edited(new)) => {
                assert!(is_inserted(&old, &new), "seed {seed}:\n{old}\n--- became\n{new}");
                check(client, &old, &new, &ours, &format!("seed {seed}"));
                added += 1;
            }
            other => panic!("seed {seed}: {other:?}:\n{old}"),
        }
    }
    assert_eq!(added, DOCUMENTS);
}

/// Where others can read the old file, they read the same in the new one, and our entry.
fn check(client: &Client, old: &str, new: &str, ours: &Entry, what: &str) {
    let Some(before) = judged(client, old) else { return };
    let after = judged(client, new).unwrap_or_else(|| panic!("{what}: nobody can read\n{new}"));
    let key = ours.key();
    assert_eq!(
        without(&after, client, key),
        without(&before, client, key),
        "{what}:\n{old}\n--- became\n{new}"
    );
    let written = server(&after, client, key).unwrap_or(Value::null());
    let wanted = in_order_of_names(&ours.value(client));
    for name in [client.shape.names().command, client.shape.names().args] {
        assert_eq!(written.get(name), wanted.get(name), "{what}: {new}");
    }
}

/// A file with a few lines or characters moved, doubled, taken away or put in.
fn damaged(random: &mut Prng, text: &str) -> String {
    let mut text = text.to_owned();
    let bits = [
        "{", "}", "[", "]", "\"", "'", ",", ":", ": ", "#", " #", "//", "/*", "*/", "\n", "\n  ", "  ", "\t",
        "- ", "-", "=", ".", "\\", "|", ">", "&a ", "*a", "!t ", "---\n", "1", "a", "é", "\r\n", "\"\"\"",
        "'''", "[[", "]]", "waiaas", "null",
    ];
    for _ in 0..random.between(1, 3) {
        let length = i64::try_from(text.len()).expect("a small file");
        let mut place = || {
            let at = usize::try_from(random.between(0, length)).expect("a place");
            (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
        };
        let (one, other) = (place(), place());
        let (from, to) = (one.min(other), one.max(other));
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let line = if lines.is_empty() { String::new() } else { random.pick(&lines).to_string() };
        match random.between(0, 4) {
            0 => text.insert_str(from, random.pick::<&str>(&bits)),
            1 => {
                let end = text[from..to].char_indices().nth(3).map_or(to, |(at, _)| from + at);
                text.replace_range(from..end, "");
            }
            2 => text = text.replacen(&line, "", 1),
            3 => text = text.replacen(&line, &line.repeat(2), 1),
            _ => text.insert_str(text[..from].rfind('\n').map_or(0, |at| at + 1), &line),
        }
    }
    text
}

#[test]
fn a_damaged_file_is_refused_or_edited_as_others_read_it() {
    let (mut edited, mut refused, mut unread) = (0_u64, 0_u64, Vec::new());
    for client in &CLIENTS {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client_files/files");
        let whole = std::fs::read_to_string(format!("{directory}/{}.out", client.name)).expect("a file");
        let old = std::fs::read_to_string(format!("{directory}/{}.in", client.name)).expect("a file");
        for seed in 0..DAMAGES {
            let mut random = Prng::new(seed);
            let base = if seed % 2 == 0 { &old } else { &whole };
            let old = damaged(&mut random, base);
            let ours = small("waiaas");
            let what = format!("{}, seed {seed}", client.name);
            match edit(client, &old, &ours) {
                Ok(Edit::Edited(new)) => {
                    check(client, &old, &new, &ours, &what);
                    edited += 1;
                }
                Ok(Edit::Different { replaced, .. }) => {
                    check(client, &old, &replaced, &ours, &what);
                    edited += 1;
                }
                Ok(Edit::Unchanged) => edited += 1,
                Err(_) => {
                    refused += 1;
                    continue;
                }
            }
            if judged(client, &old).is_none() {
                unread.push(format!("{what}:\n{old}"));
            }
        }
    }
    assert!(edited > 500 && refused > 500, "the damages are too small or too large: {edited}, {refused}");
    assert!(unread.is_empty(), "only we can read these: {}", unread.join("\n=====\n"));
}
