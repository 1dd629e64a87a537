//! Variables that a client sets for what it runs (RFC 4254, 6.4), as if they stood in front of it.

use super::context::reads_alike;
use super::run::is_harmless;
pub use super::word::is_variable;
use crate::reason::{self, quoted};
use countersign_journal::{ActionFacts, CommandFacts, Language, SET_ENVIRONMENT};

/// What setting a variable is to the rules: a command of its own, which must be named, and a doubt where it may change what a
/// program does.
#[must_use]
pub fn variable(name: &str, value: &str) -> ActionFacts {
    let (program, arguments) = (Some(SET_ENVIRONMENT.to_owned()), vec![Some(name.to_owned())]);
    let command = CommandFacts { program, arguments, ..CommandFacts::default() };
    let mut facts = ActionFacts { language: Language::Shell, commands: vec![command], ..ActionFacts::default() };
    let harmless = match name.starts_with("LC_") {
        true => reads_alike("LC_ALL", value),
        false => is_harmless(name) && reads_alike(name, value),
    };
    // A locale or time zone may be named by a path, at which anything may be.
    let harmless =
        harmless && !value.starts_with([':', '/']) && !value.contains("..") && (name == "TZ" || !value.contains('/'));
    if !harmless {
        reason::add(&mut facts.unknown, format!("sets {}, which may change what a program does", quoted(name)));
    }
    facts
}

/// Notes that this variable is set for all that runs.
pub fn set(facts: &mut ActionFacts, name: &str) {
    for command in &mut facts.commands {
        command.assignments.insert(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r62_a_variable_is_set_by_a_command_and_doubted_unless_it_is_harmless() {
        for (name, value, doubted) in [
            ("LANG", "en_US.UTF-8", false),
            ("LC_TIME", "C", false),
            ("TZ", "UTC", false),
            ("LC_CTYPE", "ja_JP.SJIS", true),
            ("LANG", "zh_CN.GB18030", true),
            ("LC_ALL", "/tmp/x.UTF-8", true),
            ("LANG", "../tmp/x.UTF-8", true),
            ("TZ", "Europe/Berlin", false),
            ("TZ", "/tmp/x", true),
            ("TZ", ":/tmp/x", true),
            ("PATH", "/tmp", true),
            ("LD_PRELOAD", "/tmp/x.so", true),
            ("GIT_PAGER", "sh", true),
            ("LINES", "1", true),
        ] {
            let facts = variable(name, value);
            assert_eq!(!facts.unknown.is_empty(), doubted, "{name}={value}");
            assert_eq!(facts.commands[0].arguments, [Some(name.to_owned())]);
            assert!(facts.commands[0].is_named_only());
        }
        let mut facts = crate::shell::facts("ls; cat x");
        set(&mut facts, "LANG");
        assert!(facts.commands.iter().all(|command| command.assignments.contains("LANG")));
    }
}
