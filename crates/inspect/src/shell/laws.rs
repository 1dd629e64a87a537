//! What holds for every text that is read as a line of a shell. Tests hold it against a few thousand texts, `fuzz/` against as
//! many as there is time for.

use super::{COMMANDS_MAX, DOUBTS_MAX, alone, facts, is_complete, variable, wants_terminal};
use crate::show::is_invisible;
use countersign_journal::{ActionFacts, CommandFacts};

/// Ways around a filter that others fell for, and each construct that is read.
const SEEDS: &[&str] = &[
    "sudo -u a env TZ=b timeout 5 rm -rf '/x y' 2>&1 | tee /z",
    "if [ a = b ]; then for f in $(ls *); do rm \"$f\"; done; fi >x",
    "find / -exec sh -c 'rm {}' \\; `id \\`x\\``",
    "cd -- '/srv/a b' && export TZ='UTC' && { ls; rm x\n} >> log",
    "while read a; do { b || ! c; } & done; (cd /etc && cat < shadow)",
    "cat <<E\na\nE\n",
    "r\\m $'\\x72' \u{ff52}\u{ff4d} ${X:-a} !! fc",
    "echo cm0gLXJm | base64 -d | bash -i",
    "vi +':!sh' x; find . -delete; . ./x; awk 'BEGIN{system(\"id\")}'",
    "xargs -n 1 rm -f < l; bash -lc 'bind -x a'; alias ls=rm",
    "case x in x) rm b;; esac; f() { id; }; [[ a ]]; ((1)); ls <(id) &> x",
    "A='b' PATH=/x ls # c",
    "ls a\\\nb \"a\\b\" 'a''b' ~root =rm {a,b} a=~",
    "ssh h id; docker exec c sh; ip netns exec n id; tar xf a --to-command=id",
];

/// Texts to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Holds for every text.
///
/// # Panics
///
/// Where it does not hold.
pub fn law(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let told = facts(&text);
    assert_eq!(told, facts(&text), "the same text says the same");
    is_bounded(&told);
    told.commands.iter().for_each(|command| comes_from(command, &text));
    if told.unknown.is_empty() {
        is_certain(&told, &text);
    }
    within_context(&told, &text);
    if let Some((first, second)) = text.split_once('\n') {
        line_by_line(&told, first, second);
    }
    if let Some((name, value)) = text.split_once('=') {
        is_bounded(&variable(name, value));
    }
}

/// No more is told than may be, and nothing that could not be shown.
fn is_bounded(told: &ActionFacts) {
    assert!(told.commands.len() <= COMMANDS_MAX && told.unknown.len() <= DOUBTS_MAX + 1);
    for why in &told.unknown {
        assert!(!why.is_empty() && !why.chars().any(|c| c.is_control() || is_invisible(c)), "{why:?}");
    }
}

/// Programs and words are made of characters of the text, in their order: nothing is told that does not stand there.
fn comes_from(command: &CommandFacts, text: &str) {
    for word in command.program.iter().chain(command.arguments.iter().flatten()) {
        let mut left = text.chars();
        assert!(word.chars().all(|c| left.any(|other| other == c)), "{word:?} does not stand in {text:?}");
    }
}

/// What is certain is whole, and stays what it is with blanks around it; with a comment behind it nobody is sure.
fn is_certain(told: &ActionFacts, text: &str) {
    assert!(is_complete(text), "{text:?} is certain, and yet not whole");
    for other in [format!("{text} "), format!("{text}\n"), format!(" {text}"), format!("\n{text}\t\n")] {
        if other.len() <= super::LINE_BYTES_MAX {
            assert_eq!(&facts(&other), told, "blanks around {text:?}");
        }
    }
    assert!(!facts(&format!("{text} # x")).unknown.is_empty(), "a comment behind {text:?}");
    if let Some(words) = alone(text) {
        assert!(words.iter().all(|word| word.literal.is_some()), "{text:?}");
        assert!(wants_terminal(text) == wants_terminal(&format!(" {text} ")));
    }
}

/// What a gated shell puts in front of a line neither hides nor adds a command.
fn within_context(told: &ActionFacts, text: &str) {
    let carried = facts(&format!("cd -- '/srv' && {{ {text}\n}}"));
    is_bounded(&carried);
    if told.unknown.is_empty() && carried.unknown.is_empty() && !has_context(text) {
        let named = |facts: &ActionFacts| facts.commands.iter().map(named).collect::<Vec<_>>();
        assert_eq!(named(told), named(&carried), "behind a directory: {text:?}");
        assert!(carried.commands.iter().all(|command| command.reads.contains("/srv")), "{text:?} reads it");
    }
}

/// Two lines are as certain as each, and run what each runs: neither hides the other.
fn line_by_line(told: &ActionFacts, first: &str, second: &str) {
    let (one, two) = (facts(first), facts(second));
    let certain = [&one, &two].iter().all(|facts| facts.unknown.is_empty());
    if certain && !has_context(first) && !has_context(second) && one.commands.len() + two.commands.len() <= COMMANDS_MAX
    {
        let both = [one.commands, two.commands].concat();
        assert_eq!((&told.commands, told.unknown.len()), (&both, 0), "{first:?} and {second:?}");
    }
}

/// Whether it may begin with what only says where the rest runs, and is a command of its own elsewhere.
fn has_context(text: &str) -> bool {
    let begins = text.trim_start();
    begins.starts_with("cd") || begins.starts_with("export")
}

fn named(command: &CommandFacts) -> (Option<String>, Vec<Option<String>>) {
    (command.program.clone(), command.arguments.clone())
}

#[cfg(test)]
mod tests {
    #[test]
    fn r63_what_is_said_of_a_line_holds_for_every_text() {
        countersign_harness::hold_against(&super::seeds(), 6_000, super::law);
    }
}
