//! What a gated shell carries from line to line: the directory, and variables that were exported. Everything else ends with
//! its line. What it carries stands in front of the line, in the very text that is judged and sent.

use super::draw::seen;
use countersign_inspect::shell::{Written, alone};
use std::collections::BTreeMap;

/// Variables that are carried.
const VARIABLES_MAX: usize = 64;
/// Longest text in front of a line, in bytes.
const BYTES_MAX: usize = 16 << 10;
/// Words that change a shell, of which nothing stays.
const ENDS_WITH_ITS_LINE: &str = "alias unalias set source . exec eval umask ulimit shopt setopt unsetopt function readonly \
    declare typeset local trap bind hash enable builtin pushd popd dirs read mapfile fg bg jobs wait history fc";

/// What stays.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Carried {
    /// The directory: absolute, or from the one a login begins in; none is that one.
    directory: Option<String>,
    /// The one before, for `cd -`.
    before: Option<Option<String>>,
    variables: BTreeMap<String, String>,
}

/// What a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Nothing runs; the words, if any, are for whoever typed it.
    Kept(Option<String>),
    /// The shell is left, with a status of its own or with the last.
    Left(Option<u32>),
    /// It runs; the words say what of it does not stay.
    Runs(Option<String>),
}

impl Carried {
    /// What a line is, once it changed what is carried.
    pub(super) fn take(&mut self, line: &str) -> Line {
        if line.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Line::Kept(None);
        }
        let Some(words) = alone(line) else { return Line::Runs(background(line)) };
        let (program, words) = words.split_first().expect("there is a word");
        match (program.raw.as_str(), words) {
            ("cd", words) => self.goes(words),
            ("export", words) => self.exports(words),
            ("unset", words) => self.unsets(words),
            ("exit" | "logout", []) => Line::Left(None),
            ("exit" | "logout", [Written { literal: Some(status), .. }]) if status.parse::<u8>().is_ok() => {
                Line::Left(status.parse().ok())
            }
            (word, _) if ENDS_WITH_ITS_LINE.split_whitespace().any(|listed| listed == word) => {
                Line::Runs(Some(stays_not(&format!("what `{word}` changes"))))
            }
            (word, []) if word.contains('=') => Line::Runs(Some(stays_not("a variable that is not exported"))),
            _ => Line::Runs(None),
        }
    }

    /// The text that is judged and sent for a line: the line itself where nothing is carried.
    pub(super) fn text(&self, line: &str) -> String {
        match self.prelude() {
            prelude if prelude.is_empty() => line.to_owned(),
            prelude => format!("{prelude}{{ {line}\n}}"),
        }
    }

    /// The directory as a prompt shows it.
    pub(super) fn place(&self) -> String {
        match self.directory.as_deref() {
            None => "~".to_owned(),
            Some(directory) => seen(&directory.strip_prefix("./").map_or(directory.to_owned(), |d| format!("~/{d}"))),
        }
    }

    fn prelude(&self) -> String {
        let mut prelude = String::new();
        if let Some(directory) = &self.directory {
            prelude += &format!("cd -- {} && ", quoted(directory));
        }
        if !self.variables.is_empty() {
            let values = self.variables.iter().map(|(name, value)| format!(" {name}={}", quoted(value)));
            prelude += &format!("export{} && ", values.collect::<String>());
        }
        prelude
    }

    /// Puts a change in force, unless too much would be carried.
    fn becomes(&mut self, changed: Carried) -> Line {
        if changed.variables.len() > VARIABLES_MAX || changed.prelude().len() > BYTES_MAX {
            return Line::Kept(Some("that is more than is carried from line to line".to_owned()));
        }
        *self = changed;
        Line::Kept(None)
    }

    fn goes(&mut self, words: &[Written]) -> Line {
        let (word, options) = match words {
            [] => return self.goes_to(None),
            [word] => (word, true),
            [Written { raw, .. }, word] if raw == "--" => (word, false),
            _ => return Line::Runs(Some(only_literal())),
        };
        match (word.raw.as_str(), word.literal.as_deref()) {
            ("~", _) => self.goes_to(None),
            ("-", _) => match self.before.clone() {
                Some(before) => self.goes_to(before),
                None => Line::Kept(Some("there is no directory before this one".to_owned())),
            },
            (raw, None) => match raw.strip_prefix("~/").filter(|rest| rest.chars().all(is_plain)) {
                Some(rest) => self.goes_to(normal(rest)),
                None => Line::Runs(Some(only_literal())),
            },
            (_, Some("")) => Line::Kept(None),
            (_, Some(word)) if options && word.starts_with(['-', '+']) => Line::Runs(Some(only_literal())),
            (_, Some(word)) if word.starts_with('/') => self.goes_to(normal(word)),
            (_, Some(word)) => {
                let from = self.directory.as_deref().unwrap_or(".");
                self.goes_to(normal(&format!("{from}/{word}")))
            }
        }
    }

    fn goes_to(&mut self, directory: Option<String>) -> Line {
        let before = Some(self.directory.clone());
        self.becomes(Carried { directory, before, variables: self.variables.clone() })
    }

    fn exports(&mut self, words: &[Written]) -> Line {
        if words.is_empty() {
            let all = self.variables.iter().map(|(name, value)| seen(&format!("{name}={}", quoted(value))));
            let all: Vec<String> = all.collect();
            return Line::Kept(Some(if all.is_empty() { "nothing is exported".to_owned() } else { all.join(" ") }));
        }
        let mut changed = self.clone();
        for word in words {
            let named = word.raw.split_once('=').filter(|(name, _)| is_name(name));
            let Some(((name, _), literal)) = named.zip(word.literal.as_deref()) else {
                return Line::Runs(Some(
                    "`export` keeps names with literal values only: `export NAME='value'`".to_owned(),
                ));
            };
            changed.variables.insert(name.to_owned(), literal[name.len() + 1..].to_owned());
        }
        self.becomes(changed)
    }

    fn unsets(&mut self, words: &[Written]) -> Line {
        let known = |word: &Written| self.variables.contains_key(&word.raw);
        if words.is_empty() || !words.iter().all(known) {
            return Line::Runs(Some(stays_not("a variable that is unset, other than by `export`,")));
        }
        for word in words {
            self.variables.remove(&word.raw);
        }
        Line::Kept(None)
    }
}

fn stays_not(what: &str) -> String {
    format!("{what} ends with its line: only the directory (`cd`) and exported variables (`export`) stay")
}

fn only_literal() -> String {
    "only `cd` with one literal directory changes where later lines run".to_owned()
}

/// What somebody should know who sends something to the background.
fn background(line: &str) -> Option<String> {
    let line = line.trim_end();
    let sends = line.ends_with('&') && !line.ends_with("&&");
    sends.then(|| "there are no jobs here: what runs in the background is nothing later lines know of; Ctrl-C has the prompt back".to_owned())
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:+@".contains(c)
}

/// A directory without empty parts and dots, as a shell goes there: `..` takes back the part before it.
fn normal(path: &str) -> Option<String> {
    let root = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", None) if root => {}
            ("..", None | Some(&"..")) => parts.push(".."),
            ("..", Some(_)) => drop(parts.pop()),
            (part, _) => parts.push(part),
        }
    }
    match (root, parts.is_empty()) {
        (true, _) => Some(format!("/{}", parts.join("/"))),
        (false, true) => None,
        (false, false) => Some(format!("./{}", parts.join("/"))),
    }
}

/// A word that every shell reads as this text.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_inspect::shell::facts;

    fn kept(carried: &mut Carried, lines: &[&str]) {
        for line in lines {
            assert_eq!(carried.take(line), Line::Kept(None), "{line:?}");
        }
    }

    fn place(lines: &[&str]) -> (String, String) {
        let mut carried = Carried::default();
        kept(&mut carried, lines);
        (carried.place(), carried.text("ls"))
    }

    #[test]
    fn a_directory_is_carried_as_a_shell_would_go() {
        for (lines, shown, text) in [
            (&["cd /srv/app"][..], "/srv/app", "cd -- '/srv/app' && { ls\n}"),
            (&["cd /srv", "cd app/../x/./y"], "/srv/x/y", "cd -- '/srv/x/y' && { ls\n}"),
            (&["cd /srv", "cd ../../.."], "/", "cd -- '/' && { ls\n}"),
            (&["cd app"], "~/app", "cd -- './app' && { ls\n}"),
            (&["cd ~/app"], "~/app", "cd -- './app' && { ls\n}"),
            (&["cd app", "cd ../.."], "~/..", "cd -- './..' && { ls\n}"),
            (&["cd app", "cd .."], "~", "ls"),
            (&["cd /srv", "cd"], "~", "ls"),
            (&["cd /srv", "cd ~"], "~", "ls"),
            (&["cd /srv", "cd /etc", "cd -"], "/srv", "cd -- '/srv' && { ls\n}"),
            (&["cd -- '-x'"], "~/-x", "cd -- './-x' && { ls\n}"),
            (&["cd '/srv/it'\\''s'"], "/srv/it's", "cd -- '/srv/it'\\''s' && { ls\n}"),
            (&["", "  # cd /srv"], "~", "ls"),
        ] {
            assert_eq!(place(lines), (shown.to_owned(), text.to_owned()), "{lines:?}");
        }
        for line in ["cd $X", "cd -P /srv", "cd a b", "cd ~root", "cd /*"] {
            let mut carried = Carried::default();
            assert!(matches!(carried.take(line), Line::Runs(Some(_))), "{line}");
            assert_eq!(carried, Carried::default());
        }
        let odd = Carried { directory: Some("/\u{202e}x".to_owned()), ..Carried::default() };
        assert_eq!(odd.place(), "/<U+202E>x", "a prompt shows what nobody would see");
    }

    #[test]
    fn variables_are_carried_when_they_are_exported_as_literal_words() {
        let mut carried = Carried::default();
        kept(&mut carried, &["export A=b", "export B='c d' C=", "export A='it'\\''s'"]);
        assert_eq!(carried.text("ls"), "export A='it'\\''s' B='c d' C='' && { ls\n}");
        kept(&mut carried, &["unset B C", "cd /srv"]);
        assert_eq!(carried.text("ls"), "cd -- '/srv' && export A='it'\\''s' && { ls\n}");
        assert_eq!(carried.take("export"), Line::Kept(Some("A='it'\\''s'".to_owned())));
        for line in ["export A=$X", "export A", "export -n A", "unset PATH", "export 1A=b", "A=b"] {
            assert!(matches!(carried.clone().take(line), Line::Runs(Some(_))), "{line}");
        }
        let much = format!("export A='{}'", "x".repeat(BYTES_MAX));
        assert!(matches!(carried.take(&much), Line::Kept(Some(_))));
        assert!(carried.text("ls").len() < 100, "what is too much is not carried");
        let many: String = (0..=VARIABLES_MAX).map(|n| format!(" V{n}=x")).collect();
        assert!(matches!(carried.take(&format!("export{many}")), Line::Kept(Some(_))));
        assert!(carried.text("ls").len() < 100, "nor what is too many");
    }

    #[test]
    fn what_does_not_stay_is_said() {
        for line in ["alias ls=rm", "set -x", "source x", ". x", "exec bash", "bind -x a", "sleep 9 &"] {
            assert!(matches!(Carried::default().take(line), Line::Runs(Some(_))), "{line}");
        }
        assert_eq!(Carried::default().take("ls -l"), Line::Runs(None));
        assert_eq!(Carried::default().take("exit"), Line::Left(None));
        assert_eq!(Carried::default().take("exit 3"), Line::Left(Some(3)));
    }

    /// What is carried leaves nothing to doubt, and what is put in front is read as it is meant.
    #[test]
    fn r62_what_stands_in_front_is_read_as_context() {
        let mut carried = Carried::default();
        kept(&mut carried, &["cd '/srv/a b'", "export TZ=UTC"]);
        for (line, programs) in [("ls", 1), ("ls\nid", 2), ("if true; then ls; fi", 2), ("ls | wc", 2)] {
            let facts = facts(&carried.text(line));
            assert_eq!((facts.commands.len(), facts.unknown.len()), (programs, 0), "{facts:?}");
            assert!(facts.commands.iter().all(|command| command.reads.contains("/srv/a b")), "{facts:?}");
        }
        kept(&mut carried, &["export PATH=/tmp"]);
        assert!(!facts(&carried.text("ls")).unknown.is_empty(), "a variable that changes what runs is a doubt then");
    }
}
