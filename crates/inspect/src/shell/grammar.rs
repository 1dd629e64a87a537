//! What stands between words: lists, pipelines, redirections, and the compound commands that all shells share.

use super::word::{Word, ends_word, is_variable};
use super::{COMMANDS_MAX, Read, Reader};
use crate::reason::quoted;
use countersign_journal::CommandFacts;

/// Words that begin or end something in one shell or another, and so are no programs unless something of them is
/// quoted. (`time` is in the table of programs: whether a word or a program, it runs what follows.)
const RESERVED: &[&str] = &[
    "!",
    "-",
    "[[",
    "]]",
    "{",
    "}",
    "always",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "end",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "namespace",
    "nocorrect",
    "noglob",
    "repeat",
    "select",
    "then",
    "until",
    "while",
];

/// Whether a shell could take `word` for part of its grammar where a command begins.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Names of loop variables that mean nothing to any shell or program: one small letter, and some words.
fn is_loop_variable(name: &str) -> bool {
    (name.len() == 1 && name.starts_with(|c: char| c.is_ascii_lowercase())) || ["file", "item", "name"].contains(&name)
}

/// Paths behind which bash opens a connection.
const CONNECTIONS: [&str; 2] = ["/dev/tcp/", "/dev/udp/"];

impl<'t> Reader<'t> {
    /// Reads the text to its end, or as far as it can be read.
    pub(super) fn whole(&mut self) {
        // Why reading stopped is among the doubts.
        let _ = self.list(&[""]);
    }

    /// Reads commands up to one of `ends`, and says which: `""` is the end of the text, `")"` stands for itself, the
    /// others are reserved words.
    pub(super) fn list(&mut self, ends: &[&'static str]) -> Read<&'static str> {
        self.deeper(|reader| {
            let mut empty = true;
            loop {
                reader.blanks_and_lines();
                match reader.end(ends) {
                    Some(end) if !empty || end.is_empty() => return Ok(end),
                    Some(_) => return reader.stop("has nothing where a command belongs"),
                    None => reader.and_or()?,
                }
                empty = false;
                reader.separator()?;
            }
        })
    }

    fn end(&mut self, ends: &[&'static str]) -> Option<&'static str> {
        let stands = |end: &&&str| match **end {
            "" => self.rest.is_empty(),
            end => {
                self.rest.strip_prefix(end).is_some_and(|rest| end == ")" || rest.chars().next().is_none_or(ends_word))
            }
        };
        let end = *ends.iter().find(stands)?;
        self.take(end.len());
        Some(end)
    }

    /// What ends a command in a list. The end of the text and a parenthesis are left for the list to find.
    fn separator(&mut self) -> Read<()> {
        self.blanks();
        let doubled = [";;", ";&", ";|", "&|", "&!", "&>", "&&"];
        if doubled.iter().any(|sign| self.rest.starts_with(sign)) {
            return self.stop(format!("{} is read differently by shells", quoted(&self.rest[..2])));
        }
        if self.eat(";") || self.eat("&") || self.eat("\n") || self.rest.is_empty() || self.rest.starts_with(')') {
            return Ok(());
        }
        self.stop("is not understood: a command goes on where it should end")
    }

    fn and_or(&mut self) -> Read<()> {
        loop {
            self.pipeline()?;
            self.blanks();
            if !self.eat("&&") && !self.eat("||") {
                return Ok(());
            }
            self.blanks_and_lines();
        }
    }

    pub(super) fn pipeline(&mut self) -> Read<()> {
        if self.rest.starts_with("! ") || self.rest.starts_with("!\t") {
            self.take(1);
            self.blanks();
        }
        loop {
            self.command()?;
            self.blanks();
            if self.rest.starts_with("||") {
                return Ok(());
            }
            if self.rest.starts_with("|&") {
                return self.stop("`|&` is read differently by shells");
            }
            if !self.eat("|") {
                return Ok(());
            }
            self.blanks_and_lines();
        }
    }

    /// The characters up to the end of the word that begins here, whatever they are.
    fn keyword(&self) -> &'t str {
        self.rest.split(ends_word).next().unwrap_or_default()
    }

    fn command(&mut self) -> Read<()> {
        let keyword = self.keyword();
        match keyword {
            "" if self.rest.starts_with("((") => return self.stop("`((…))` is computed by some shells"),
            "" if self.eat("(") => drop(self.list(&[")"])?),
            "{" if self.rest[1..].starts_with([' ', '\t', '\n']) => {
                self.take(1);
                self.list(&["}"])?;
            }
            "if" => self.branches()?,
            "while" | "until" => {
                self.take(keyword.len());
                self.list(&["do"])?;
                self.list(&["done"])?;
            }
            "for" => self.for_loop()?,
            _ if is_reserved(keyword) => return self.stop(format!("{} is not read here", quoted(keyword))),
            _ => return self.simple(),
        }
        self.redirections_behind()
    }

    fn branches(&mut self) -> Read<()> {
        self.take("if".len());
        loop {
            self.list(&["then"])?;
            match self.list(&["elif", "else", "fi"])? {
                "elif" => {}
                "else" => return self.list(&["fi"]).map(drop),
                _ => return Ok(()),
            }
        }
    }

    fn for_loop(&mut self) -> Read<()> {
        const SHAPE: &str = "is not understood: a loop of a shape that not all shells share";
        self.take("for".len());
        self.blanks();
        let name = self.keyword();
        if !is_variable(name) {
            return self.stop(SHAPE);
        }
        if !is_loop_variable(name) {
            self.doubt(format!("sets {}, which may mean something to the shell", quoted(name)));
        }
        self.take(name.len());
        self.blanks();
        if self.keyword() != "in" {
            return self.stop(SHAPE);
        }
        self.take("in".len());
        self.blanks();
        let mut words = 0;
        while let Some(word) = self.word()? {
            if self.argument(&word).is_some_and(|word| word.contains(['[', '$', '`'])) {
                self.doubt("has a word to loop over that a shell may take for a sum");
            }
            self.blanks();
            words += 1;
        }
        if words == 0 || !(self.eat(";") || self.eat("\n")) {
            return self.stop(SHAPE);
        }
        self.blanks_and_lines();
        if self.keyword() != "do" {
            return self.stop(SHAPE);
        }
        self.take("do".len());
        self.list(&["done"]).map(drop)
    }

    /// The redirections of a compound command, as a command without a program.
    fn redirections_behind(&mut self) -> Read<()> {
        let mut command = CommandFacts::default();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            return self.stop("is not understood: a number behind a parenthesis");
        }
        self.blanks();
        while self.redirects() {
            self.redirection(&mut command)?;
            self.blanks();
        }
        if !command.reads.is_empty() || !command.writes.is_empty() {
            self.push(command)?;
        }
        Ok(())
    }

    pub(super) fn push(&mut self, command: CommandFacts) -> Read<()> {
        if self.commands.len() == COMMANDS_MAX {
            return self.stop(format!("has more than {COMMANDS_MAX} commands"));
        }
        self.commands.push(command);
        Ok(())
    }

    fn simple(&mut self) -> Read<()> {
        let start = self.rest;
        let mut command = CommandFacts::default();
        let mut program: Option<Word<'t>> = None;
        loop {
            self.blanks();
            if self.rest.starts_with("<(") || self.rest.starts_with(">(") {
                self.take(2);
                self.doubt("`<(…)` and `>(…)` stand for a command to some shells");
                self.list(&[")"])?;
                command.arguments.push(None);
            } else if self.redirects() {
                self.redirection(&mut command)?;
            } else if let Some(word) = self.word()? {
                match word.raw.split_once('=').filter(|(name, _)| is_variable(name)) {
                    Some((name, _)) if program.is_none() => drop(command.assignments.insert(name.to_owned())),
                    _ if program.is_none() => program = Some(word),
                    _ => command.arguments.push(self.argument(&word)),
                }
            } else {
                break;
            }
        }
        if self.rest.starts_with('(') {
            return self.stop("`(` behind a word makes a function or a pattern");
        }
        if start.len() == self.rest.len() {
            return self.stop("has nothing where a command belongs");
        }
        let Some(program) = program else { return self.without_program(command) };
        command.program = program.literal;
        self.runs(command)
    }

    fn without_program(&mut self, command: CommandFacts) -> Read<()> {
        if command.assignments.is_empty() {
            self.doubt("redirects nothing: some shells run a program of their own there");
        }
        for name in &command.assignments {
            self.doubt(format!("changes the variable {} of the shell", quoted(name)));
        }
        self.push(command)
    }

    /// What `word` stands for as an argument.
    fn argument(&mut self, word: &Word<'t>) -> Option<String> {
        if ["{", "}", "!", "["].contains(&word.raw) {
            self.doubt(format!("{} as a word of its own is read differently by shells", quoted(word.raw)));
            return None;
        }
        word.literal.clone()
    }

    /// Whether a redirection begins here.
    fn redirects(&self) -> bool {
        self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(['<', '>'])
    }

    fn redirection(&mut self, command: &mut CommandFacts) -> Read<()> {
        if self.take_while(|c| c.is_ascii_digit()).len() > 1 {
            return self.stop("redirects a number above 9, which some shells take for a word");
        }
        if self.rest.starts_with("<<") {
            return self.stop("`<<` begins a text that is not read here");
        }
        if self.numeric_glob() {
            return self.stop("`<…-…>` is filled in with names of files by zsh");
        }
        if self.eat(">&") || self.eat("<&") {
            return self.duplicate();
        }
        let signs: [(&str, bool, bool); 5] =
            [("<>", true, true), (">>", false, true), (">|", false, true), ("<", true, false), (">", false, true)];
        let Some((_, reads, writes)) = signs.into_iter().find(|(sign, _, _)| self.eat(sign)) else {
            return self.stop("is not understood: a redirection of an unknown kind");
        };
        self.blanks();
        let Some(word) = self.word()? else { return self.stop("redirects to nothing that is read here") };
        let is_number = word.raw.chars().all(|c| c.is_ascii_digit());
        if is_number && self.rest.starts_with(['<', '>']) {
            return self.stop("is not understood: a number between redirections");
        }
        let Some(path) = self.argument(&word) else {
            self.doubt("redirects to or from a file whose name is filled in");
            return Ok(());
        };
        if path.is_empty() || CONNECTIONS.iter().any(|prefix| path.starts_with(prefix)) {
            self.doubt(format!("redirects to {}, which is no file to some shells", quoted(&path)));
        }
        if reads {
            command.reads.insert(path.clone());
        }
        if writes {
            command.writes.insert(path);
        }
        Ok(())
    }

    /// Whether zsh would take what stands here for the pattern of a number (`<1-9>`).
    fn numeric_glob(&self) -> bool {
        let digits = |text: &'t str| text.trim_start_matches(|c: char| c.is_ascii_digit());
        let upper = self.rest.strip_prefix('<').and_then(|rest| digits(rest).strip_prefix('-'));
        upper.is_some_and(|rest| digits(rest).starts_with('>'))
    }

    /// Behind `>&` or `<&`: one digit, or `-`, and then the end of the word.
    fn duplicate(&mut self) -> Read<()> {
        let word = self.keyword();
        let known = word == "-" || (word.len() == 1 && word.chars().all(|c| c.is_ascii_digit()));
        self.take(word.len());
        if known && !self.rest.starts_with(['<', '>', '(']) {
            return Ok(());
        }
        self.stop("`>&` is followed by what shells read differently")
    }
}
