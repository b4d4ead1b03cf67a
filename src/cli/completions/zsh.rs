//! The completions of zsh: specifications for its own `_arguments`.
//!
//! Used by `completions`. Pure. Refuses to run this program while somebody types.

use std::fmt::Write as _;

use crate::cli::grammar::{Grammar, TypedOption, Words};

const BEGIN: &str = "#compdef waiaas-mcp
# Completions of waiaas-mcp for zsh. Save this file as _waiaas-mcp in a directory of $fpath.
_waiaas-mcp() {
  local curcontext=\"$curcontext\" context state state_descr line
  local -a common commands
  typeset -A opt_args
";

const END: &str = "  esac
}
if [ \"$funcstack[1]\" = _waiaas-mcp ]; then
  _waiaas-mcp \"$@\"
else
  compdef _waiaas-mcp waiaas-mcp
fi
";

/// The whole file.
pub(super) fn script(grammar: &Grammar) -> String {
    let mut text = String::from(BEGIN);
    text.push_str("  common=(\n");
    for option in &grammar.common {
        let _ = writeln!(text, "    {}", specification(option));
    }
    text.push_str("  )\n  commands=(\n");
    for command in &grammar.commands {
        let _ = writeln!(text, "    '{}:{}'", command.name, escaped(command.about));
    }
    text.push_str("  )\n  _arguments -C $common");
    // The first command is meant where none is typed.
    for option in grammar.commands.iter().take(1).flat_map(|command| &command.options) {
        let _ = write!(text, " {}", specification(option));
    }
    text.push_str(" '1:command:->command' '*::argument:->rest' && return\n  case $state in\n");
    text.push_str("    command) _describe command commands ;;\n    rest)\n      case $line[1] in\n");
    for command in &grammar.commands {
        let _ = write!(text, "        {}) _arguments $common", command.name);
        for option in &command.options {
            let _ = write!(text, " \\\n          {}", specification(option));
        }
        for (place, operand) in command.operands.iter().enumerate() {
            let optional = if operand.required { "" } else { ":" };
            let (number, name, action) = (place + 1, operand.name, action(&operand.words));
            let _ = write!(text, " \\\n          '{number}:{optional}{name}:{action}'");
        }
        text.push_str(" ;;\n");
    }
    text.push_str("      esac ;;\n");
    text.push_str(END);
    text
}

/// `'--log=[error, warn …]:LEVEL:(error warn)'`
fn specification(option: &TypedOption) -> String {
    let (typed, about) = (option.typed(), escaped(option.about));
    match (&option.value, option.short) {
        (Some((name, words)), _) => format!("'*{typed}=[{about}]:{name}:{}'", action(words)),
        (None, Some(short)) => format!("'(- *)'{{-{short},{typed}}}'[{about}]'"),
        (None, None) => format!("'{typed}[{about}]'"),
    }
}

fn action(words: &Words) -> String {
    match words {
        Words::Free => " ".to_owned(),
        Words::Files => "_files".to_owned(),
        Words::Directories => "_files -/".to_owned(),
        Words::OneOf(words) => format!("({})", words.join(" ")),
    }
}

/// Within single quotes and brackets.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\'' => escaped.push_str("'\\''"),
            '[' | ']' | ':' | '\\' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}
