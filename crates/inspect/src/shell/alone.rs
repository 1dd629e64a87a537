//! A text that is one program with its words and nothing else; and whether that program is one for a terminal.

use super::Reader;
use super::word::is_variable;

/// Longest text that is looked at, in bytes.
const BYTES_MAX: usize = 64 << 10;

/// A word of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// As it is written.
    pub raw: String,
    /// What it stands for; none where the target fills it in.
    pub literal: Option<String>,
}

/// When a program wants a terminal.
#[derive(Clone, Copy)]
enum When {
    Always,
    /// Where it is given no word that is no option, and none of these.
    Bare(&'static [&'static str]),
    /// Where none of these is among its words.
    Unless(&'static [&'static str]),
}

/// The one table of programs that are for somebody at a terminal.
const TERMINAL: &[(&str, When)] = &[
    ("vi vim nvim view vimdiff rvim nano pico emacs joe mcedit ed ex visudo vipw vigr sudoedit", When::Always),
    ("less more most pg man info", When::Always),
    ("htop atop watch mc tmux screen byobu script su login passwd", When::Always),
    ("ssh telnet ftp sftp lftp mosh", When::Always),
    ("top", When::Unless(&["-b"])),
    ("bash sh dash ash zsh ksh mksh yash fish csh tcsh rbash", When::Bare(&["-c", "-s", "--version", "--help"])),
    (
        "python python2 python3 perl ruby node nodejs php lua irb ipython tclsh dc",
        When::Bare(&["-V", "-v", "--version"]),
    ),
    ("psql", When::Unless(&["-c", "-f", "-l", "--command", "--file", "--list"])),
    ("mysql mariadb sqlite3 mongo mongosh redis-cli", When::Bare(&["-e", "--execute"])),
];
/// Options of `sudo` that make it a shell.
const SUDO_SHELL: [&str; 4] = ["-i", "-s", "--login", "--shell"];

/// The words of a text that is nothing but words, behind variables set for them; nothing where it is more, or less.
#[must_use]
pub fn alone(text: &str) -> Option<Vec<Written>> {
    if text.len() > BYTES_MAX || text.chars().any(|c| c.is_control() && c != '\t') {
        return None;
    }
    let mut reader = Reader::new(text, 0);
    let mut words = Vec::new();
    loop {
        reader.blanks();
        match reader.word().ok()? {
            Some(word) => words.push(Written { raw: word.raw.to_owned(), literal: word.literal }),
            None => break,
        }
    }
    (reader.rest.is_empty() && !words.is_empty()).then_some(words)
}

/// Whether a text is one program, alone, that is for somebody at a terminal.
#[must_use]
pub fn wants_terminal(text: &str) -> bool {
    let Some(words) = alone(text) else { return false };
    let words: Vec<&str> = words
        .iter()
        .skip_while(|word| word.raw.split_once('=').is_some_and(|(name, _)| is_variable(name)))
        .map(|word| word.literal.as_deref().unwrap_or("…"))
        .collect();
    wants(&words)
}

fn wants(words: &[&str]) -> bool {
    let Some((program, words)) = words.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or(program);
    if ["sudo", "doas"].contains(&name) {
        return sudo_wants(words);
    }
    let Some((_, when)) = TERMINAL.iter().find(|(names, _)| names.split(' ').any(|listed| listed == name)) else {
        return false;
    };
    match when {
        When::Always => true,
        When::Unless(those) => !words.iter().any(|word| those.contains(word)),
        When::Bare(those) => words.iter().all(|word| word.starts_with('-') && !those.contains(word)),
    }
}

/// Whether `sudo` is made a shell by these words, or runs a program for a terminal. `-u` and `-g` have a word of their own.
fn sudo_wants(words: &[&str]) -> bool {
    match words {
        [option, ..] if SUDO_SHELL.contains(option) => true,
        ["-u" | "-g", _, rest @ ..] => sudo_wants(rest),
        [option, rest @ ..] if option.starts_with('-') => sudo_wants(rest),
        rest => wants(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_words_alone_is_told_from_any_other() {
        let words = |text| alone(text).map(|words| words.into_iter().map(|w| w.literal).collect::<Vec<_>>());
        let some = |words: &[&str]| Some(words.iter().map(|w| Some((*w).to_owned())).collect::<Vec<_>>());
        assert_eq!(words(" cd '/srv/a b' "), some(&["cd", "/srv/a b"]));
        assert_eq!(words("export A='b c'"), some(&["export", "A=b c"]));
        assert_eq!(words("cd $X"), Some(vec![Some("cd".to_owned()), None]));
        for text in ["", " ", "a; b", "a | b", "a > b", "a &", "(a)", "a\nb", "'a", "a # b", "a $'b'"] {
            assert_eq!(words(text), None, "{text:?}");
        }
    }

    #[test]
    fn r63_programs_for_a_terminal_are_a_list() {
        for text in [
            "vim x",
            "/usr/bin/vi",
            "vim $X",
            "less *.log",
            "TERM=x top",
            "bash -l",
            "bash",
            "sh -i",
            "sudo -i",
            "sudo -u a -s",
            "sudo su -",
            "sudo vim x",
            "python3",
            "psql -U a b",
            "mysql",
            "ssh h",
            "man ls",
            "watch ls",
            "python3 -i",
        ] {
            assert!(wants_terminal(text), "{text}");
        }
        for text in [
            "ls",
            "vim x | cat",
            "ls; vim",
            "echo vim",
            "bash -c ls",
            "bash x.sh",
            "sh -s",
            "python3 x.py",
            "psql -c x",
            "mysql -e x",
            "top -b",
            "sudo ls",
            "man ls > x",
            "",
            "vim x &",
            "sudo",
        ] {
            assert!(!wants_terminal(text), "{text}");
        }
    }
}
