//! What an operation on files is to the rules: a command with a program of our own name, and the paths it reads and writes.

use super::wire::{Asks, Attributes, flags};
use countersign_journal::{ActionFacts, CommandFacts, Language};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Longest path.
pub(super) const PATH_BYTES_MAX: usize = 4096;
/// What is told of a folder, or lists it, is told of nothing within: such a path stands for that, so that a rule on a file
/// does not speak of every folder above it.
const ITSELF: &str = "*";

const READ: &str = "sftp-read";
const WRITE: &str = "sftp-write";
const RENAME: &str = "sftp-rename";
const REMOVE: &str = "sftp-remove";
const MAKE_FOLDER: &str = "sftp-mkdir";
const REMOVE_FOLDER: &str = "sftp-rmdir";
const SET: &str = "sftp-setstat";
const LINK: &str = "sftp-link";
const LIST: &str = "sftp-list";
const STAT: &str = "sftp-stat";

/// An operation that the rules are asked about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Operation {
    /// As the transcript has it.
    pub(super) text: String,
    pub(super) facts: ActionFacts,
    /// Its first path, plain or as it was written.
    pub(super) path: String,
    /// Whether it changes something on the target.
    pub(super) changes: bool,
}

impl Operation {
    /// Whether a path of it goes up from where nobody knows what is above.
    pub(super) fn climbs(&self) -> bool {
        self.paths().any(|path| goes_up(path))
    }

    /// Whether it shows this path as it is.
    pub(super) fn names(&self, path: &str) -> bool {
        self.paths().any(|asked| {
            asked == path || asked.strip_suffix(ITSELF) == Some(&format!("{}/", path.trim_end_matches('/')))
        })
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.facts.commands.iter().flat_map(|c| c.reads.iter().chain(&c.writes))
    }
}

/// Whether a change of one of these paths may change what is at the other: they are the same, one is in the other, or nobody
/// here knows where it leads.
pub(super) fn meet(one: &str, other: &str) -> bool {
    let is_plain = |path: &str| path.starts_with('/') && !goes_up(path);
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !is_plain(one) || !is_plain(other) || within(one, other) || within(other, one)
}

/// Where relative paths begin: what the server calls `.`, in parts; none where it did not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Home(Option<Vec<String>>);

/// A path of an operation.
struct Named {
    /// As it is shown.
    shown: String,
    /// As the rules are asked: plain, or as it was written, which they take for any.
    asked: String,
}

impl Home {
    pub(super) fn new(told: &[u8]) -> Home {
        let told = std::str::from_utf8(told).ok().and_then(|told| told.strip_prefix('/'));
        let parts = told.map(|told| told.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect());
        Home(parts)
    }

    /// A path without empty parts, `.` and `..`; none where only the target knows: it is relative and nobody told to what, or
    /// goes up from what `may_be_left` does not vouch for.
    fn walked(&self, written: &str, may_be_left: impl Fn(&[&str], &[String]) -> bool) -> Option<String> {
        let home = self.0.as_deref();
        let mut parts: Vec<&str> = match written.strip_prefix('/') {
            Some(_) => Vec::new(),
            None => home?.iter().map(String::as_str).collect(),
        };
        for part in written.split('/') {
            match part {
                "" | "." => {}
                ".." if may_be_left(&parts, home.unwrap_or_default()) => drop(parts.pop()),
                ".." => return None,
                name => parts.push(name),
            }
        }
        Some(format!("/{}", parts.join("/")))
    }

    /// A path to what is opened or changed. What stands before `..` may be a link that leads elsewhere, but not the folders
    /// in which the server said it is.
    fn named(&self, written: &str) -> Named {
        let is_above = |parts: &[&str], home: &[String]| {
            parts.len() <= home.len() && parts.iter().zip(home).all(|(part, known)| part == known)
        };
        let plain = self.walked(written, is_above);
        let shown = plain.clone().unwrap_or_else(|| written.to_owned());
        Named { shown, asked: plain.unwrap_or_else(|| written.to_owned()) }
    }

    /// A folder as it is listed, not what is in it.
    fn listed(&self, written: &str) -> Named {
        let Named { shown, asked } = self.named(written);
        let plain = asked.starts_with('/') && !goes_up(&asked);
        Named { asked: if plain { beneath(&asked, ITSELF) } else { asked }, shown }
    }

    /// A path of which something is told. Clients find out where `..` leads by asking for it.
    fn told(&self, written: &str) -> Named {
        match self.walked(written, |_, _| true) {
            Some(plain) => Named { asked: beneath(&plain, ITSELF), shown: plain },
            None => Named { shown: written.to_owned(), asked: written.to_owned() },
        }
    }
}

fn goes_up(path: &str) -> bool {
    path.split('/').any(|part| part == "..")
}

fn beneath(folder: &str, name: &str) -> String {
    format!("{}/{name}", folder.trim_end_matches('/'))
}

/// A path as text; why it is none.
fn text(path: &[u8]) -> Result<&str, &'static str> {
    if path.len() > PATH_BYTES_MAX {
        return Err("the path is longer than 4096 bytes");
    }
    let text = std::str::from_utf8(path).map_err(|_| "the path is not UTF-8; nobody could be shown it as it is")?;
    if text.contains('\0') { Err("the path has a byte that ends it") } else { Ok(text) }
}

/// What the rules are asked for a request; nothing where it goes by what was opened before.
///
/// # Errors
/// Why nobody can be asked.
pub(super) fn operation(asks: &Asks<'_>, home: &Home) -> Result<Option<Operation>, &'static str> {
    Ok(Some(match asks {
        Asks::Open { path, flags, .. } => opened(*flags, &home.named(text(path)?)),
        Asks::OpenFolder { path } => reading(LIST, Some(&home.listed(text(path)?))),
        Asks::Stat { path } => reading(STAT, Some(&home.told(text(path)?))),
        Asks::Expand { path } => reading(STAT, Some(&expanded(text(path)?, home))),
        Asks::Who => reading(STAT, None),
        Asks::Set { path, attributes } => set(&home.named(text(path)?).asked, attributes),
        Asks::Remove { path } => writing(REMOVE, &[home.named(text(path)?)]),
        Asks::MakeFolder { path, .. } => writing(MAKE_FOLDER, &[home.named(text(path)?)]),
        Asks::RemoveFolder { path } => writing(REMOVE_FOLDER, &[home.named(text(path)?)]),
        Asks::Rename { from, to } => writing(RENAME, &[home.named(text(from)?), home.named(text(to)?)]),
        // Both name one file from then on: whoever may not write one of them may not have the other.
        Asks::HardLink { from, to } => writing(LINK, &[home.named(text(from)?), home.named(text(to)?)]),
        Asks::SymbolicLink { one, other } => linked(text(one)?, text(other)?, home),
        Asks::Close { .. }
        | Asks::Read { .. }
        | Asks::Write { .. }
        | Asks::ReadFolder { .. }
        | Asks::State { .. }
        | Asks::Look { .. }
        | Asks::SetOpen { .. }
        | Asks::Copy { .. }
        | Asks::Limits => return Ok(None),
    }))
}

/// Attributes of a path, which is plain or as it was written.
pub(super) fn set(path: &str, attributes: &Attributes) -> Operation {
    let mut whole = writing(SET, &[Named { shown: path.to_owned(), asked: path.to_owned() }]);
    whole.text.push_str(&words(attributes));
    whole
}

/// Attributes in words, each behind a blank.
pub(super) fn words(attributes: &Attributes) -> String {
    let Attributes { size, owner, mode, times } = attributes;
    let said = [
        size.map(|size| format!(" size={size}")),
        owner.map(|(user, group)| format!(" owner={user}:{group}")),
        mode.map(|mode| format!(" mode={:04o}", mode & 0o7777)),
        times.map(|(read, changed)| format!(" times={read}:{changed}")),
    ];
    said.into_iter().flatten().collect()
}

/// Whether a file that is opened so may be read. One that may not be written is.
pub(super) fn reads(flags: u32) -> bool {
    flags & flags::READ != 0 || flags & flags::WRITE == 0
}

/// Whether a file that is opened so may be written, or is changed by it.
pub(super) fn writes(flags: u32) -> bool {
    flags & (flags::WRITE | flags::CHANGE) != 0
}

/// One that is read and written is both, for rules that name one of them.
fn opened(flags: u32, path: &Named) -> Operation {
    let paths = || BTreeSet::from([path.asked.clone()]);
    let mut commands = Vec::new();
    if reads(flags) {
        commands.push(command(READ, paths(), BTreeSet::new()));
    }
    if writes(flags) {
        commands.push(command(WRITE, BTreeSet::new(), paths()));
    }
    let programs: Vec<&str> = commands.iter().filter_map(CommandFacts::name).collect();
    whole(&programs.join(" "), &[&path.shown], commands.clone(), writes(flags))
}

fn reading(program: &'static str, path: Option<&Named>) -> Operation {
    let reads = path.iter().map(|path| path.asked.clone()).collect();
    let shown: Vec<&str> = path.iter().map(|path| path.shown.as_str()).collect();
    whole(program, &shown, vec![command(program, reads, BTreeSet::new())], false)
}

fn writing(program: &'static str, paths: &[Named]) -> Operation {
    let shown: Vec<&str> = paths.iter().map(|path| path.shown.as_str()).collect();
    let writes = paths.iter().map(|path| path.asked.clone()).collect();
    whole(program, &shown, vec![command(program, BTreeSet::new(), writes)], true)
}

/// A link and where it leads, whichever is which. A relative one leads from the folder in which the link stands.
fn linked(one: &str, other: &str, home: &Home) -> Operation {
    let mut whole = writing(LINK, &[home.named(one), home.named(other)]);
    for (link, leads) in [(one, other), (other, one)] {
        if !leads.starts_with('/') {
            let folder = link.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder });
            let path = if folder.is_empty() { leads.to_owned() } else { beneath(folder, leads) };
            whole.facts.commands[0].writes.insert(home.named(&path).asked);
        }
    }
    whole
}

/// A path that may begin with `~`, the login's own home, which is where it begins without.
fn expanded(written: &str, home: &Home) -> Named {
    match written.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => home.told(rest.trim_start_matches('/')),
        Some(_) => Named { shown: written.to_owned(), asked: written.to_owned() },
        None => home.told(written),
    }
}

/// What changes files may change what is run later: to a rule that does not name it, it may run anything.
fn command(program: &str, reads: BTreeSet<String>, writes: BTreeSet<String>) -> CommandFacts {
    let unlisted = !writes.is_empty();
    CommandFacts { program: Some(program.to_owned()), reads, writes, unlisted, ..CommandFacts::default() }
}

fn whole(program: &str, paths: &[&str], commands: Vec<CommandFacts>, changes: bool) -> Operation {
    let mut text = program.to_owned();
    for path in paths {
        text.push(' ');
        // Quoted where it could be taken for something else.
        let plain =
            !path.is_empty() && !path.contains(|c: char| c.is_whitespace() || c.is_control() || "\"\\".contains(c));
        let said = if plain { write!(text, "{path}") } else { write!(text, "{path:?}") };
        said.expect("a text takes everything");
    }
    let path = paths.first().map(|path| (*path).to_owned()).unwrap_or_default();
    let facts = ActionFacts { language: Language::Shell, commands, ..ActionFacts::default() };
    Operation { text, facts, path, changes }
}

#[cfg(test)]
mod tests;
