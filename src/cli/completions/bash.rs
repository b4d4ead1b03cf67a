//! The completions of bash: one function, for bash 3.2 and later, without the package bash-completion.
//!
//! Used by `completions`. Pure. Refuses to run this program while somebody types: everything is in the script.

use std::fmt::Write as _;

use crate::cli::grammar::{Grammar, Words};

const BEGIN: &str = r#"# Completions of waiaas-mcp for bash. Source this file, or save it as
# ~/.local/share/bash-completion/completions/waiaas-mcp
# No word has a blank in it, and paths are split at line ends only.
# shellcheck disable=SC2207
_waiaas_mcp() {
    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD - 1]}"
    local command='' position=0 index=1 words='' IFS=$' \t\n'
    COMPREPLY=()
    # An equals sign is a word of its own here.
    if [ "$cur" = '=' ]; then
        cur=''
    elif [ "$prev" = '=' ]; then
        prev="${COMP_WORDS[COMP_CWORD - 2]}"
    fi
    while [ "$index" -lt "$COMP_CWORD" ]; do
        case "${COMP_WORDS[index]}" in
"#;

const AFTER_OPTIONS_WITH_A_VALUE: &str = r#"
                index=$((index + 1))
                if [ "${COMP_WORDS[index]}" = '=' ]; then index=$((index + 1)); fi
                ;;
            -*) ;;
            *) if [ -z "$command" ]; then command="${COMP_WORDS[index]}"; else position=$((position + 1)); fi ;;
        esac
        index=$((index + 1))
    done
"#;

const END: &str = r#"    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _waiaas_mcp waiaas-mcp
"#;

/// The whole file.
pub(super) fn script(grammar: &Grammar) -> String {
    let mut text = String::from(BEGIN);
    let valued: Vec<String> = grammar.valued_options().iter().map(|long| format!("--{long}")).collect();
    let _ = write!(text, "            {})", valued.join(" | "));
    text.push_str(AFTER_OPTIONS_WITH_A_VALUE);
    text.push_str("    case \"$command:$prev\" in\n");
    for option in &grammar.common {
        if let Some((_, words)) = &option.value {
            let _ = writeln!(text, "        *:{}) {} ;;", option.typed(), offered(words));
        }
    }
    for command in &grammar.commands {
        for option in &command.options {
            if let Some((_, words)) = &option.value {
                let _ = writeln!(text, "        {}:{}) {} ;;", command.name, option.typed(), offered(words));
            }
        }
    }
    text.push_str("        *)\n            case \"$command:$position:$cur\" in\n");
    for (index, command) in grammar.commands.iter().enumerate() {
        // The first command is meant where none is typed.
        let none = if index == 0 { ":*:-* | " } else { "" };
        let options = grammar.typed_options(command).join(" ");
        let _ = writeln!(text, "                {none}{}:*:-*) words='{options}' ;;", command.name);
        for (place, operand) in command.operands.iter().enumerate() {
            if operand.words != Words::Free {
                let offered = offered(&operand.words);
                let _ = writeln!(text, "                {}:{place}:*) {offered} ;;", command.name);
            }
        }
    }
    let names: Vec<&str> = grammar.commands.iter().map(|command| command.name).collect();
    let _ = writeln!(text, "                :*) words='{}' ;;", names.join(" "));
    text.push_str("            esac\n            ;;\n    esac\n");
    text.push_str(END);
    text
}

/// The statement that offers these.
fn offered(words: &Words) -> String {
    let paths = |what: &str| {
        format!(
            "compopt -o filenames 2>/dev/null; IFS=$'\\n'; \
             COMPREPLY=($(compgen {what} -- \"$cur\")); return"
        )
    };
    match words {
        Words::Free => "return".to_owned(),
        Words::Files => paths("-f"),
        Words::Directories => paths("-d"),
        Words::OneOf(words) => format!("words='{}'", words.join(" ")),
    }
}
