//! What stands before a whole text and only says where it runs and with which variables: `cd -- /srv && export A=b && …`.
//!
//! Every command behind it runs there, or not at all: so that it is no command of its own, and its directory is among what
//! each of them reads, where a word without a slash may name a file. Where anything could run elsewhere (behind `||` or `;`),
//! it is a command like any other.

use super::Reader;
use super::programs::{How, how};
use super::run::is_harmless;
use super::word::{Word, is_variable};
use crate::reason::quoted;
use countersign_journal::CommandFacts;
use std::collections::BTreeSet;

/// Where a text runs, and with which variables.
#[derive(Default)]
struct Context {
    directory: Option<String>,
    exported: BTreeSet<String>,
}

/// The text read within its context; nothing where it has none, or where that does not govern all of it.
pub(super) fn read(line: &str) -> Option<Reader<'_>> {
    let mut reader = Reader::new(line, 0);
    reader.blanks_and_lines();
    let mut context = Context::default();
    let begins = reader.rest.len();
    while reader.leads(&mut context) {}
    if begins == reader.rest.len() {
        return None;
    }
    loop {
        reader.pipeline().ok()?;
        reader.blanks();
        if !reader.eat("&&") {
            break;
        }
        reader.blanks_and_lines();
    }
    reader.blanks_and_lines();
    if !reader.rest.is_empty() || reader.commands.is_empty() {
        return None;
    }
    reader.within(&context);
    Some(reader)
}

impl<'t> Reader<'t> {
    /// Passes over one command that is context, and the `&&` behind it.
    fn leads(&mut self, context: &mut Context) -> bool {
        let mut ahead = Reader::new(self.rest, self.depth);
        let mut words: Vec<Word<'t>> = Vec::new();
        loop {
            ahead.blanks();
            match ahead.word() {
                Ok(Some(word)) => words.push(word),
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        if !ahead.eat("&&") {
            return false;
        }
        ahead.blanks_and_lines();
        let Some((program, words)) = words.split_first() else { return false };
        let is_context = match program.raw {
            "cd" => ahead.goes(words, context),
            "export" => ahead.exports(words, context),
            _ => false,
        };
        if is_context {
            self.rest = ahead.rest;
            ahead.doubts.into_iter().for_each(|why| self.doubt(why));
        }
        is_context
    }

    /// `cd` with one literal word, which is no option and no number of a list of directories.
    fn goes(&mut self, words: &[Word<'t>], context: &mut Context) -> bool {
        let ([directory] | [Word { raw: "--", .. }, directory]) = words else { return false };
        let Some(directory) = directory.literal.clone() else { return false };
        if directory.is_empty() || directory.starts_with(['-', '+']) || context.directory.is_some() {
            return false;
        }
        let command = CommandFacts { arguments: vec![Some(directory.clone())], ..CommandFacts::default() };
        self.named_later(&command, true);
        context.directory = Some(directory);
        true
    }

    /// `export` with names and literal values.
    fn exports(&mut self, words: &[Word<'t>], context: &mut Context) -> bool {
        for word in words {
            let Some((name, _)) = word.raw.split_once('=').filter(|(name, _)| is_variable(name)) else { return false };
            let Some(value) = word.literal.as_deref().and_then(|literal| literal.get(name.len() + 1..)) else {
                return false;
            };
            if !is_harmless(name) || !reads_alike(name, value) {
                self.doubt(format!("sets {}, which may change what a program does", quoted(name)));
            }
            context.exported.insert(name.to_owned());
        }
        !words.is_empty()
    }

    /// Puts what was read where the context says that it runs.
    fn within(&mut self, context: &Context) {
        let mut commands = std::mem::take(&mut self.commands);
        // One that goes elsewhere may do so before any other, in a loop.
        let stays = !commands.iter().any(may_go_elsewhere);
        for command in &mut commands {
            command.assignments.extend(context.exported.iter().cloned());
            let Some(directory) = &context.directory else { continue };
            if stays {
                for paths in [&mut command.reads, &mut command.writes] {
                    *paths = paths.iter().map(|path| joined(directory, path)).collect();
                }
                self.named_later(command, false);
            }
            command.reads.insert(directory.clone());
        }
        self.commands = commands;
    }
}

/// Whether a shell goes on reading text in the same way under this value: other alphabets take bytes together in which
/// UTF-8 has quotation marks.
pub(super) fn reads_alike(name: &str, value: &str) -> bool {
    let plain = ["", "C", "POSIX", "C.UTF-8", "C.utf8"].contains(&value);
    !["LANG", "LANGUAGE", "LC_ALL"].contains(&name) || plain || value.ends_with(".UTF-8") || value.ends_with(".utf8")
}

fn may_go_elsewhere(command: &CommandFacts) -> bool {
    let Some(name) = command.name() else { return command.program.is_none() && !command.arguments.is_empty() };
    let finds = || command.arguments.iter().any(|word| word.as_deref().is_none_or(|word| word.ends_with("dir")));
    name == "cd" || matches!(how(name), Some(How::Shell)) || (name == "find" && finds())
}

fn joined(directory: &str, path: &str) -> String {
    match path.starts_with('/') || path.is_empty() {
        true => path.to_owned(),
        false => format!("{}/{path}", directory.trim_end_matches('/')),
    }
}
