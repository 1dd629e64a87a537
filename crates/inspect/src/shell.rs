//! A shell line to [`ActionFacts`]: which programs it runs, with which words, reading and writing what.
//!
//! The line goes byte for byte to the login shell of a target that nobody here knows: bash, dash, zsh, a Korn shell,
//! yash, or busybox. So what is read here is not the language of one of them but what all of them read alike; whatever
//! one could read in another way is a doubt, in words for an approver. [`word`] cuts words and says which are literal,
//! [`grammar`] reads what stands between them, [`programs`] is the table of programs that run others, and [`run`]
//! follows those whose inner command can be read, and [`context`] what says where all of it runs. Targets whose login shell is of another family (fish, csh, those of
//! Windows and of network devices) are for the gateway to refuse.
//!
//! Two things are left to whoever asks. A program's name stands for what the target finds under it: an alias or function
//! made in a start-up file, or another `PATH`, is the target's state. And a relative path depends on the directory.
//!
//! Text is read from left to right without going back (but where it begins with what may be its context: then twice), by functions that nest no deeper than [`DEPTH_MAX`], so
//! that time grows with its length and the stack is bounded. Nothing read is kept: a line may hold secrets.

mod alone;
mod complete;
mod context;
mod environment;
mod grammar;
mod later;
#[cfg(any(test, fuzzing))]
pub mod laws;
mod programs;
mod run;
mod word;

pub use crate::reason::{DOUBTS_MAX, QUOTE_CHARS_MAX};
pub use alone::{Written, alone, wants_terminal};
pub use complete::is_complete;
pub use environment::{is_variable, set, variable};

use crate::reason;
use countersign_journal::{ActionFacts, CommandFacts, LOGIN_SHELL, Language};
use std::collections::BTreeSet;

/// Longest line that is read, in bytes. Linux lets no longer word be given to the login shell.
pub const LINE_BYTES_MAX: usize = 128 << 10;
/// Deepest nesting that is read: lists in lists, and commands that run commands.
pub const DEPTH_MAX: usize = 32;
/// Most commands in a line that is read.
pub const COMMANDS_MAX: usize = 1_000;

/// What `line`, a text for the login shell of a target, runs and touches.
///
/// Never fails: where it cannot be read on with certainty, reading ends, and the reason is among the unknown; what stands
/// before is told all the same. Empty text has no commands and no doubts.
#[must_use]
pub fn facts(line: &str) -> ActionFacts {
    if line.len() > LINE_BYTES_MAX {
        let why = format!("is too long to be understood: {} bytes of at most {LINE_BYTES_MAX}", line.len());
        return opaque(why);
    }
    if let Some(c) = line.chars().find(|c| c.is_control() && !['\n', '\t'].contains(c)) {
        return opaque(format!("holds the control character U+{:04X}", u32::from(c)));
    }
    let reader = context::read(line).unwrap_or_else(|| {
        let mut reader = Reader::new(line, 0);
        reader.whole();
        reader
    });
    ActionFacts {
        language: Language::Shell,
        commands: reader.commands,
        unknown: reader.doubts,
        ..ActionFacts::default()
    }
}

/// What a person types into something that runs: anything may come of it.
#[must_use]
pub fn typed() -> ActionFacts {
    let command = CommandFacts { program: Some(LOGIN_SHELL.to_owned()), unlisted: true, ..CommandFacts::default() };
    ActionFacts { language: Language::Shell, commands: vec![command], ..ActionFacts::default() }
}

fn opaque(why: String) -> ActionFacts {
    ActionFacts { language: Language::Shell, ..ActionFacts::opaque(why) }
}

/// Reading ends here; a doubt says why.
struct Stop;

type Read<T> = Result<T, Stop>;

/// A text being read.
struct Reader<'t> {
    /// What is still to be read.
    rest: &'t str,
    depth: usize,
    commands: Vec<CommandFacts>,
    doubts: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, depth: usize) -> Reader<'t> {
        Reader { rest: text, depth, commands: Vec::new(), doubts: BTreeSet::new() }
    }

    /// Reads `text`, which another shell will read, as part of this one.
    fn nested(&mut self, text: &str) -> Read<()> {
        self.deeper(|reader| {
            let mut inner = Reader::new(text, reader.depth);
            inner.whole();
            inner.doubts.into_iter().for_each(|why| reader.doubt(why));
            inner.commands.into_iter().try_for_each(|command| reader.push(command))
        })
    }

    /// Notes why we are not sure.
    fn doubt(&mut self, why: impl Into<String>) {
        reason::add(&mut self.doubts, why);
    }

    /// Notes why reading ends.
    fn stop<T>(&mut self, why: impl Into<String>) -> Read<T> {
        self.doubt(why);
        Err(Stop)
    }

    /// Runs `within` one level deeper.
    fn deeper<T>(&mut self, within: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEPTH_MAX {
            return self.stop("nests too deeply to be understood");
        }
        self.depth += 1;
        let read = within(self);
        self.depth -= 1;
        read
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Passes over `text` if it stands here.
    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// The next `bytes` bytes, passed over.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// The characters that are all `like` the first, passed over.
    fn take_while(&mut self, like: impl Fn(char) -> bool) -> &'t str {
        self.take(self.rest.find(|c| !like(c)).unwrap_or(self.rest.len()))
    }

    fn blanks(&mut self) {
        self.take_while(|c| [' ', '\t'].contains(&c));
    }

    fn blanks_and_lines(&mut self) {
        self.take_while(|c| [' ', '\t', '\n'].contains(&c));
    }
}
