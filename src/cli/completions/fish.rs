//! The completions of fish: one `complete` for each word that can be typed.
//!
//! Used by `completions`. Pure. Refuses to run this program while somebody types.

use std::fmt::Write as _;

use crate::cli::grammar::{Grammar, TypedOption, Words};

/// The whole file.
pub(super) fn script(grammar: &Grammar) -> String {
    let mut text = String::from(
        "# Completions of waiaas-mcp for fish. Save this file as ~/.config/fish/completions/waiaas-mcp.fish\n\
         complete -c waiaas-mcp -f\n",
    );
    let names: Vec<&str> = grammar.commands.iter().map(|command| command.name).collect();
    let none_typed = format!("not __fish_seen_subcommand_from {}", names.join(" "));
    for command in &grammar.commands {
        let (name, about) = (command.name, quoted(command.about));
        let _ = writeln!(text, "complete -c waiaas-mcp -n '{none_typed}' -a {name} -d {about}");
    }
    for option in &grammar.common {
        let _ = writeln!(text, "complete -c waiaas-mcp {}", specification(option));
    }
    for (index, command) in grammar.commands.iter().enumerate() {
        let seen = format!("__fish_seen_subcommand_from {}", command.name);
        // The first command is meant where none is typed.
        let condition = if index == 0 { format!("{seen}; or {none_typed}") } else { seen };
        for option in &command.options {
            let _ = writeln!(text, "complete -c waiaas-mcp -n '{condition}' {}", specification(option));
        }
        for operand in &command.operands {
            if let Words::OneOf(words) = &operand.words {
                let words = words.join(" ");
                // Offered until one is there.
                let condition = format!("{condition}; and not __fish_seen_subcommand_from {words}");
                let _ = writeln!(text, "complete -c waiaas-mcp -n '{condition}' -a '{words}'");
            }
        }
    }
    text
}

/// `-l log -x -a 'error warn' -d 'error, warn …'`
fn specification(option: &TypedOption) -> String {
    let short = option.short.map(|short| format!("-s {short} ")).unwrap_or_default();
    let value = match &option.value {
        None => String::new(),
        Some((_, Words::Free)) => "-x ".to_owned(),
        Some((_, Words::Files)) => "-r -F ".to_owned(),
        Some((_, Words::Directories)) => "-x -a '(__fish_complete_directories)' ".to_owned(),
        Some((_, Words::OneOf(words))) => format!("-x -a '{}' ", words.join(" ")),
    };
    format!("{short}-l {} {value}-d {}", option.long, quoted(option.about))
}

/// In single quotes, as fish reads them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
