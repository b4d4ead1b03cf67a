//! What stands on one line of a YAML file: a member's name, a scalar, a flow collection.
//!
//! Used by the reader of YAML. Pure. Whatever is not certain to be what it looks like is refused with a reason.

use super::Value;

/// Deepest nesting of flow collections. The reader calls itself, and the stack is finite.
const FLOW_DEPTH_MAX: u32 = 16;

/// The member's name at the start of a line, and where its value begins.
pub(super) fn name(line: &str) -> Result<(String, usize), String> {
    let missing = || "there is no member's name with a colon".to_owned();
    let (name, length) = match line.chars().next() {
        Some('"' | '\'') => quoted(line)?,
        Some(first) if is_indicator(first, line) => return Err(unclear(first)),
        _ => {
            let is_end = |at: usize| matches!(line.as_bytes().get(at + 1), None | Some(b' '));
            let colon =
                line.match_indices(':').map(|(at, _)| at).find(|at| is_end(*at)).ok_or_else(missing)?;
            if without_comment(&line[..colon]).len() < line[..colon].trim_end().len() {
                return Err(missing());
            }
            (line[..colon].trim_end().to_owned(), line[..colon].trim_end().len())
        }
    };
    if name == "<<" {
        return Err("there is a merge key".to_owned());
    }
    let rest = line[length..].trim_start_matches(' ');
    let after = rest.strip_prefix(':').filter(|after| after.is_empty() || after.starts_with(' '));
    let after = after.ok_or_else(missing)?;
    Ok((name, line.len() - after.trim_start_matches(' ').len()))
}

/// The text without the comment at its end, and without white space there.
pub(super) fn without_comment(text: &str) -> &str {
    if text.starts_with('#') {
        return "";
    }
    let comment = text.match_indices('#').map(|(at, _)| at).find(|at| text[..*at].ends_with([' ', '\t']));
    text[..comment.unwrap_or(text.len())].trim_end()
}

/// What stands behind the `|` or `>` of a block scalar.
pub(super) struct BlockHeader {
    /// The indentation of its text, counted from that of its member, if it is said.
    pub(super) indent: Option<usize>,
    /// Whether empty lines at its end belong to it.
    pub(super) keeps_end: bool,
}

/// Reads the header of a block scalar.
pub(super) fn block_header(text: &str) -> Result<BlockHeader, String> {
    let mut header = BlockHeader { indent: None, keeps_end: false };
    let mut has_chomping = false;
    for c in without_comment(&text[1..]).chars() {
        match c {
            '+' | '-' if !has_chomping => {
                has_chomping = true;
                header.keeps_end = c == '+';
            }
            '1'..='9' if header.indent.is_none() => {
                header.indent = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
            }
            _ => return Err("this is not the beginning of a block scalar".to_owned()),
        }
    }
    Ok(header)
}

/// A scalar or a flow collection that fills the rest of its line, but for a comment.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let (value, length) = match text.chars().next() {
        Some('"' | '\'') => {
            let (string, length) = quoted(text)?;
            (Value::String(string), length)
        }
        Some('[' | '{') => Flow { text, at: 0 }.read()?,
        Some(first) if is_indicator(first, text) => return Err(unclear(first)),
        _ => {
            let plain = without_comment(text);
            if plain.contains(": ") || plain.ends_with(':') || plain.contains('\t') {
                return Err("a value contains a colon and no quotes".to_owned());
            }
            (plain_value(plain), plain.len())
        }
    };
    let rest = &text[length..];
    match without_comment(rest).is_empty() && !rest.starts_with('#') {
        true => Ok(value),
        false => Err("something stands behind a value".to_owned()),
    }
}

/// Whether a plain scalar cannot begin with this.
fn is_indicator(first: char, text: &str) -> bool {
    let alone = matches!(text.as_bytes().get(1), None | Some(b' '));
    "&*!|>%@`{}[],#\"'\t".contains(first) || ("-?:".contains(first) && alone)
}

fn unclear(first: char) -> String {
    match first {
        '&' => "there is an anchor".to_owned(),
        '*' => "there is an alias".to_owned(),
        '!' => "there is a tag".to_owned(),
        '{' | '[' => "this is written in flow style".to_owned(),
        other => format!("a value begins with {other}"),
    }
}

/// A plain scalar: what is no word and no number is a string.
fn plain_value(text: &str) -> Value {
    let is_number = || {
        let digits = text.trim_start_matches(['+', '-', '.']);
        let begins = digits.starts_with(|c: char| c.is_ascii_digit());
        begins && (text.parse::<f64>().is_ok() || text.starts_with("0x") || text.starts_with("0o"))
    };
    match text {
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        "" | "~" | "null" | "Null" | "NULL" => Value::null(),
        _ if is_number() || text.starts_with('.') => Value::Other(text.to_owned()),
        _ => Value::String(text.to_owned()),
    }
}

/// A quoted scalar at the start of `text`, and its length with the quotes.
fn quoted(text: &str) -> Result<(String, usize), String> {
    let no_end = || "a string does not end on its line".to_owned();
    let mut string = String::new();
    let mut chars = text.char_indices();
    let quote = chars.next().map(|(_, quote)| quote);
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if quote == Some('\'') => {
                if !text[at + 1..].starts_with('\'') {
                    return Ok((string, at + 1));
                }
                chars.next();
                string.push('\'');
            }
            '"' if quote == Some('"') => return Ok((string, at + 1)),
            '\\' if quote == Some('"') => {
                let (_, escape) = chars.next().ok_or_else(no_end)?;
                string.push(escaped(escape, &mut chars).ok_or("there is an escape that is not understood")?);
            }
            c => string.push(c),
        }
    }
    Err(no_end())
}

fn escaped(escape: char, chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let digits = match escape {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '0' => return Some('\0'),
        'a' => return Some('\u{7}'),
        'b' => return Some('\u{8}'),
        't' | '\t' => return Some('\t'),
        'n' => return Some('\n'),
        'v' => return Some('\u{b}'),
        'f' => return Some('\u{c}'),
        'r' => return Some('\r'),
        'e' => return Some('\u{1b}'),
        '"' | '\\' | '/' | ' ' => return Some(escape),
        _ => return None,
    };
    let mut code = 0_u32;
    for _ in 0..digits {
        let digit = chars.next()?.1.to_digit(16)?;
        code = code.checked_mul(16)?.checked_add(digit)?;
    }
    char::from_u32(code)
}

/// A flow collection on one line.
struct Flow<'t> {
    text: &'t str,
    at: usize,
}

impl Flow<'_> {
    fn read(mut self) -> Result<(Value, usize), String> {
        let value = self.value(0)?;
        Ok((value, self.at))
    }

    fn skip(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    fn take(&mut self, c: char) -> bool {
        self.skip();
        let is_next = self.text[self.at..].starts_with(c);
        self.at += if is_next { c.len_utf8() } else { 0 };
        is_next
    }

    fn value(&mut self, depth: u32) -> Result<Value, String> {
        let unclear_flow = || "this is written in flow style, and not simply".to_owned();
        if depth > FLOW_DEPTH_MAX {
            return Err(unclear_flow());
        }
        if self.take('[') {
            let mut items = Vec::new();
            while !self.take(']') {
                items.push(self.value(depth + 1)?);
                if !self.take(',') && !self.text[self.at..].starts_with(']') {
                    return Err(unclear_flow());
                }
            }
            return Ok(Value::List(items));
        }
        if self.take('{') {
            let mut members: Vec<(String, Value)> = Vec::new();
            while !self.take('}') {
                let Value::String(name) = self.scalar(true)? else { return Err(unclear_flow()) };
                let is_new = !members.iter().any(|(candidate, _)| *candidate == name);
                let separated = self.text[self.at..].starts_with(": ");
                if !is_new || !separated || name == "<<" {
                    return Err(unclear_flow());
                }
                self.at += 1;
                members.push((name, self.value(depth + 1)?));
                if !self.take(',') && !self.text[self.at..].starts_with('}') {
                    return Err(unclear_flow());
                }
            }
            return Ok(Value::Map(members));
        }
        self.scalar(false)
    }

    fn scalar(&mut self, is_name: bool) -> Result<Value, String> {
        self.skip();
        let rest = &self.text[self.at..];
        if rest.starts_with(['"', '\'']) {
            let (string, length) = quoted(rest)?;
            self.at += length;
            self.skip();
            return Ok(Value::String(string));
        }
        let end = rest.find([',', ']', '}', '[', '{', ':', '#']).unwrap_or(rest.len());
        let plain = rest[..end].trim_end();
        let stops = rest[end..].starts_with([',', ']', '}']) || (is_name && rest[end..].starts_with(':'));
        match plain.chars().next() {
            Some(first) if !is_indicator(first, plain) && stops => {
                self.at += end;
                Ok(if is_name { Value::String(plain.to_owned()) } else { plain_value(plain) })
            }
            _ => Err("this is written in flow style, and not simply".to_owned()),
        }
    }
}
