//! The completions of PowerShell: one argument completer with the words in tables.
//!
//! Used by `completions`. Pure. Refuses to run this program while somebody types.

use std::fmt::Write as _;

use crate::cli::grammar::{Grammar, TypedOption, Words};

const BEGIN: &str = "# Completions of waiaas-mcp for PowerShell. Add this to the file that $PROFILE names.
Register-ArgumentCompleter -Native -CommandName 'waiaas-mcp' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
";

const END: &str = r#"    $command = ''
    $position = 0
    $previous = ''
    foreach ($element in ($commandAst.CommandElements | Select-Object -Skip 1)) {
        if ($element.Extent.EndOffset -ge $cursorPosition) { break }
        $text = $element.Extent.Text
        if (-not $values.Contains($previous) -and -not $text.StartsWith('-')) {
            if ($command) { $position++ } else { $command = $text }
        }
        $previous = $text
    }
    if ($values.Contains($previous)) {
        $words = $values[$previous]
        # Paths are completed by PowerShell itself.
        if ($null -eq $words) { return }
    } elseif ($wordToComplete.StartsWith('-')) {
        $words = @($options[$command]) + $common
    } elseif ($command) {
        $words = $operands["${command}:$position"]
    } else {
        $words = $commands
    }
    foreach ($word in $words) {
        if ($word -and $word[0].StartsWith($wordToComplete, [StringComparison]::Ordinal)) {
            [System.Management.Automation.CompletionResult]::new($word[0], $word[0], 'ParameterValue', $word[1])
        }
    }
}
"#;

/// The whole file.
pub(super) fn script(grammar: &Grammar) -> String {
    let mut text = String::from(BEGIN);
    let commands = grammar.commands.iter().map(|command| pair(command.name, command.about));
    let _ = writeln!(text, "    $commands = {}", list(commands));
    let common: Vec<&TypedOption> = grammar.common.iter().collect();
    let _ = writeln!(text, "    $common = {}", list(common.iter().flat_map(|option| typed(option))));
    text.push_str("    $options = @{\n");
    for (index, command) in grammar.commands.iter().enumerate() {
        let options = list(command.options.iter().flat_map(typed));
        // The first command is meant where none is typed.
        if index == 0 {
            let _ = writeln!(text, "        '' = {options}");
        }
        let _ = writeln!(text, "        '{}' = {options}", command.name);
    }
    text.push_str("    }\n    $values = @{\n");
    let mut told: Vec<&str> = Vec::new();
    let own = grammar.commands.iter().flat_map(|command| &command.options);
    for option in grammar.common.iter().chain(own) {
        let Some((name, words)) = &option.value else { continue };
        if told.contains(&option.long) {
            continue;
        }
        told.push(option.long);
        let _ = writeln!(text, "        '{}' = {}", option.typed(), offered(words, name));
    }
    text.push_str("    }\n    $operands = @{\n");
    for command in &grammar.commands {
        for (place, operand) in command.operands.iter().enumerate() {
            let offered = offered(&operand.words, operand.name);
            let _ = writeln!(text, "        '{}:{place}' = {offered}", command.name);
        }
    }
    text.push_str("    }\n");
    text.push_str(END);
    text
}

fn typed(option: &TypedOption) -> Vec<String> {
    let short = option.short.map(|short| pair(&format!("-{short}"), option.about));
    short.into_iter().chain([pair(&option.typed(), option.about)]).collect()
}

/// `$null` for what only PowerShell or nobody can tell.
fn offered(words: &Words, name: &str) -> String {
    match words {
        Words::OneOf(words) => list(words.iter().map(|word| pair(word, name))),
        Words::Free | Words::Files | Words::Directories => "$null".to_owned(),
    }
}

/// An array, also if it has one element or none.
fn list(pairs: impl Iterator<Item = String>) -> String {
    let pairs: Vec<String> = pairs.collect();
    format!("@({})", pairs.iter().map(|pair| format!(",{pair}")).collect::<Vec<_>>().join("; "))
}

fn pair(word: &str, about: &str) -> String {
    format!("@('{word}', '{}')", about.replace('\'', "''"))
}
