//! Words: cut where every shell cuts them, and literal only if every shell reads the same characters.

use super::{Read, Reader};
use crate::reason::quoted;

/// A word.
pub(super) struct Word<'t> {
    /// As it is written.
    pub(super) raw: &'t str,
    /// What it stands for, unless the shell fills something in; then there is a doubt that says so.
    pub(super) literal: Option<String>,
}

/// Whether an unquoted `c` ends a word.
pub(super) fn ends_word(c: char) -> bool {
    " \t\n;&|<>()".contains(c)
}

/// Whether `c` stands for itself anywhere in an unquoted word.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./,:+@".contains(c)
}

/// The names a shell variable can have.
pub fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The literal of a word while it is read.
#[derive(Default)]
struct Made {
    text: String,
    filled_in: bool,
}

impl<'t> Reader<'t> {
    /// The word that begins here; none if none does.
    pub(super) fn word(&mut self) -> Read<Option<Word<'t>>> {
        let start = self.rest;
        if start.starts_with('#') {
            return self.stop("`#` may begin a comment or a word: what stands behind it is not read");
        }
        let mut made = Made::default();
        while let Some(c) = self.peek().filter(|c| !ends_word(*c)) {
            let before = &start[..start.len() - self.rest.len()];
            match c {
                '\'' => self.single_quoted(&mut made)?,
                '"' => self.double_quoted(&mut made)?,
                '\\' => self.escaped(&mut made)?,
                '$' => self.dollar(&mut made)?,
                '`' => self.backquoted(&mut made)?,
                _ if is_plain(c) => made.text += self.take_while(is_plain),
                _ => self.sign(c, before, &mut made),
            }
        }
        let raw = &start[..start.len() - self.rest.len()];
        let literal = (!made.filled_in).then_some(made.text);
        debug_assert!(literal.is_some() || !self.doubts.is_empty(), "whoever fills in says so");
        Ok((!raw.is_empty()).then_some(Word { raw, literal }))
    }

    /// Notes that the shell puts something in place of what stands here.
    fn fills_in(&mut self, made: &mut Made, why: impl Into<String>) {
        made.filled_in = true;
        self.doubt(why);
    }

    /// An unquoted character that means something to some shell, at least in some places.
    fn sign(&mut self, c: char, before: &str, made: &mut Made) {
        let sign = self.take(c.len_utf8());
        let alone = before.is_empty() && self.peek().is_none_or(ends_word);
        let made_before = made.text.clone();
        made.text.push(c);
        match c {
            // The grammar knows these where they stand alone.
            '{' | '}' | '!' | '[' if alone => {}
            '{' if before.is_empty()
                && self.rest.starts_with('}')
                && self.rest[1..].chars().next().is_none_or(ends_word) =>
            {
                made.text.push('}');
                self.take(1);
            }
            ']' if alone => {}
            // Nothing in quotations before it is nothing (`''=x` in zsh).
            '=' if alone || !(made_before.is_empty() || made_before.ends_with(['=', ':'])) => {}
            '%' if !made_before.is_empty() => {}
            '=' => self.fills_in(made, "`=` at the start of a word or value is filled in by zsh"),
            '%' => self.fills_in(made, "`%` at the start of a word names a job of the shell"),
            '*' | '?' | '[' | ']' => {
                self.fills_in(made, format!("{} is filled in with names of files of the target", quoted(sign)));
            }
            '{' | '}' => self.fills_in(made, "`{…}` is filled in by some shells"),
            '~' => self.fills_in(made, "`~` is filled in by the shell"),
            '!' => self.fills_in(made, "`!` is filled in from the history by some shells"),
            '#' | '^' => self.fills_in(made, format!("{} means something else to some shells", quoted(sign))),
            _ => self.fills_in(made, format!("holds U+{:04X} outside quotation marks", u32::from(c))),
        }
    }

    fn single_quoted(&mut self, made: &mut Made) -> Read<()> {
        let inside = &self.rest[1..];
        let Some(length) = inside.find('\'') else { return self.stop("ends inside a quotation") };
        made.text += &inside[..length];
        self.take(length + 2);
        self.quoted_characters(&inside[..length], made);
        if self.rest.starts_with('\'') {
            self.fills_in(made, "`''` between quotations is a quotation mark to some shells");
        }
        Ok(())
    }

    fn double_quoted(&mut self, made: &mut Made) -> Read<()> {
        self.take(1);
        loop {
            let plain = self.take_while(|c| !"\"$`\\!".contains(c));
            made.text += plain;
            self.quoted_characters(plain, made);
            match self.peek() {
                None => return self.stop("ends inside a quotation"),
                Some('$') => self.dollar_in_quotes(made)?,
                Some('`') => self.backquoted(made)?,
                Some('!') => {
                    self.take(1);
                    self.fills_in(made, "`!` is filled in from the history by some shells");
                }
                Some('\\') => {
                    self.take(1);
                    let after = self.peek().map_or(0, char::len_utf8);
                    self.take(after);
                    self.fills_in(made, "a backslash inside `\"…\"` does not mean the same to all shells and programs");
                }
                Some(_) => {
                    self.take(1);
                    return Ok(());
                }
            }
        }
    }

    /// Letters of any script may stand in quotations; signs that only look like others, or like nothing, may not.
    fn quoted_characters(&mut self, text: &str, made: &mut Made) {
        let odd = |c: &char| !c.is_ascii() && (!c.is_alphanumeric() || ('\u{ff00}'..='\u{ffef}').contains(c));
        if let Some(c) = text.chars().find(|c| odd(c) || crate::show::is_invisible(*c)) {
            self.fills_in(made, format!("holds U+{:04X}, which is not what it looks like", u32::from(c)));
        }
    }

    fn escaped(&mut self, made: &mut Made) -> Read<()> {
        self.take(1);
        let Some(c) = self.peek() else { return self.stop("ends with a backslash") };
        if c == '\n' {
            return self.stop("goes on in the next line behind a backslash");
        }
        self.take(c.len_utf8());
        made.text.push(c);
        if !c.is_ascii() || c.is_ascii_control() {
            self.fills_in(made, format!("holds U+{:04X} behind a backslash", u32::from(c)));
        }
        Ok(())
    }

    /// A `$` outside quotations, where it may also begin one.
    fn dollar(&mut self, made: &mut Made) -> Read<()> {
        if self.rest.starts_with("$'") || self.rest.starts_with("$\"") {
            return self.stop("`$` before a quotation: shells differ in where it ends and what it stands for");
        }
        self.dollar_in_quotes(made)
    }

    fn dollar_in_quotes(&mut self, made: &mut Made) -> Read<()> {
        self.take(1);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match self.peek() {
            Some('(') if self.rest.starts_with("((") => return self.stop("`$((…))` is computed by the shell"),
            Some('(') => {
                self.take(1);
                self.fills_in(made, "`$(…)` is filled in with what another command says");
                self.list(&[")"])?;
            }
            Some('{') => {
                let name = self.rest[1..].split(|c| !is_name(c)).next().unwrap_or_default();
                if !self.rest[1 + name.len()..].starts_with('}') {
                    return self.stop("`${…}` is filled in by the shell, in more than one step");
                }
                self.take(name.len() + 2);
                self.fills_in(made, format!("`${name}` is filled in by the shell"));
            }
            Some(c) if is_name(c) => {
                let name = self.take_while(is_name);
                self.fills_in(made, format!("`${name}` is filled in by the shell"));
            }
            Some(c) if "@*#?$!-".contains(c) => {
                self.take(1);
                self.fills_in(made, format!("`${c}` is filled in by the shell"));
            }
            _ => self.fills_in(made, "`$` means something to some shells"),
        }
        Ok(())
    }

    fn backquoted(&mut self, made: &mut Made) -> Read<()> {
        self.take(1);
        self.fills_in(made, "a command between backticks fills in what it says");
        let mut inner = String::new();
        loop {
            inner += self.take_while(|c| c != '`' && c != '\\');
            if self.eat("`") {
                break;
            }
            if self.rest.is_empty() {
                return self.stop("ends inside backticks");
            }
            self.take(1);
            if !self.rest.starts_with(['`', '\\', '$']) {
                inner.push('\\');
            }
            let c = self.peek().map_or(0, char::len_utf8);
            inner += self.take(c);
        }
        self.nested(&inner)
    }
}
