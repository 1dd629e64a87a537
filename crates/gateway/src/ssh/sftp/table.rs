//! What is open and what is on its way in one channel: which handles were given out for what, which requests wait for their
//! answers, and what went through each file. It does no input or output.

use super::facts::{self, Home, Operation, operation};
use super::wire::{Answer, Asks, Code, Unread, answer, request};
use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use std::collections::{HashMap, HashSet};

/// Files and folders that are open at a time.
pub(super) const HANDLES_MAX: usize = 512;
/// Requests that wait for their answers; a client that asks more is read no further until there are fewer.
pub(super) const ASKED_MAX: usize = 1024;

/// Operations that wait for approval at a time, uploads that are still being sent included.
pub(super) const HELD_MAX: usize = 64;

/// What is to be done with a packet of the client.
#[derive(Debug)]
pub(super) enum Step {
    /// It goes by what was judged before.
    Pass,
    /// The rules are asked; if they let it through it was [`Table::begun`].
    Judge { id: u32, operation: Operation, opens: Option<Kind> },
    /// It goes to an upload that is not on the target yet.
    Upload { id: u32, number: u64 },
    /// No, whatever the rules say.
    Refuse { id: u32, code: Code, why: &'static str },
    /// There is nobody to say no to.
    End(&'static str),
}

/// What a request that is on its way will have done.
/// Numbers are those of the transcript.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    /// It was not sent yet: somebody must approve it.
    Held,
    /// We asked, for an upload that was approved.
    Ours,
    Nothing,
    Changed(u64),
    Opened(u64),
    Read(u64, u64),
    Written(u64),
    Closed(u64),
}

/// What a handle stands for, and what may be done with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Folder,
    File {
        reads: bool,
        writes: bool,
    },
    /// What is written is kept here until it is approved.
    Upload,
}

/// What is open.
struct Open {
    kind: Kind,
    /// Its path, plain or as it was written.
    path: String,
    read: Passed,
    written: Passed,
}

/// What went through a file in one direction.
struct Passed {
    bytes: u64,
    /// Of all bytes from the first on; none once they did not follow each other.
    digest: Option<Context>,
    /// Whether the end was seen.
    ended: bool,
}

/// An answer that was not asked for, or that nobody can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoAnswer;

/// What the transcript says became of which number.
type Outcome = (u64, String);

pub(super) struct Table {
    home: Home,
    asked: HashMap<u32, Waiting>,
    /// Requests whose answers somebody here waits for.
    awaited: HashSet<u32>,
    /// Paths of what waits for approval, or is being done since it was approved.
    held: HashMap<u64, Vec<String>>,
    /// The last number of a request of ours; they go down from the highest, clients begin with the lowest.
    last_own: u32,
    handles: HashMap<Vec<u8>, u64>,
    /// By number in the transcript, closed ones until their closing is answered; those that are being opened have no handle.
    open: HashMap<u64, Open>,
}

impl Table {
    pub(super) fn new(home: Home) -> Table {
        let (asked, awaited, held) = (HashMap::new(), HashSet::new(), HashMap::new());
        Table { home, asked, awaited, held, last_own: u32::MAX, handles: HashMap::new(), open: HashMap::new() }
    }

    /// How many requests may still be sent on their way.
    pub(super) fn places(&self) -> usize {
        ASKED_MAX.saturating_sub(self.asked.len())
    }

    /// What is to be done with a packet of the client. One that passes is on its way.
    pub(super) fn asked(&mut self, packet: &[u8]) -> Step {
        let request = match request(packet) {
            Ok(request) => request,
            Err(Unread::Nameless) => return Step::End("a packet is too short to be one"),
            Err(Unread::Unknown { id }) => {
                return Step::Refuse { id, code: Code::Unsupported, why: "this is not known here" };
            }
            Err(Unread::Broken { id }) => {
                return Step::Refuse { id, code: Code::BadMessage, why: "this is not as it should be written" };
            }
        };
        let id = request.id;
        let refuse = |code, why| Step::Refuse { id, code, why };
        if self.asked.contains_key(&id) {
            return refuse(Code::BadMessage, SAME_NUMBER);
        }
        if let Some(number) = self.upload(&request.asks) {
            return Step::Upload { id, number };
        }
        let step = match operation(&request.asks, &self.home) {
            Err(why) => refuse(Code::PermissionDenied, why),
            Ok(Some(operation)) => self.judged(id, &request.asks, operation),
            Ok(None) if self.writes_to_held(&request.asks) => refuse(Code::Failure, IN_USE),
            Ok(None) => self.by_handle(id, request.asks).unwrap_or_else(|(code, why)| refuse(code, why)),
        };
        match step {
            Step::Judge { operation, .. } if self.is_held(&operation) => refuse(Code::Failure, IN_USE),
            step => step,
        }
    }

    /// The upload that a request is about.
    fn upload(&self, asks: &Asks<'_>) -> Option<u64> {
        if self.held.is_empty() {
            return None;
        }
        let (Asks::Close { handle }
        | Asks::Read { handle, .. }
        | Asks::Write { handle, .. }
        | Asks::State { handle }
        | Asks::Look { handle }
        | Asks::SetOpen { handle, .. }
        | Asks::Copy { to: handle, .. }) = asks
        else {
            return None;
        };
        let number = *self.handles.get(*handle)?;
        self.open.get(&number).is_some_and(|open| open.kind == Kind::Upload).then_some(number)
    }

    /// Whether it would change what somebody is asked to approve: what waits is not overtaken.
    fn is_held(&self, operation: &Operation) -> bool {
        let held = || self.held.values().flatten();
        operation.changes && operation.paths().any(|path| held().any(|other| facts::meet(path, other)))
    }

    /// The same by a handle that was given out before.
    fn writes_to_held(&self, asks: &Asks<'_>) -> bool {
        let (Asks::Write { handle, .. } | Asks::Copy { to: handle, .. }) = asks else { return false };
        let open = self.handles.get(*handle).and_then(|number| self.open.get(number));
        open.is_some_and(|open| self.held.values().flatten().any(|other| facts::meet(&open.path, other)))
    }

    fn judged(&self, id: u32, asks: &Asks<'_>, operation: Operation) -> Step {
        let opens = match asks {
            Asks::Open { flags, .. } => Some(Kind::File { reads: facts::reads(*flags), writes: facts::writes(*flags) }),
            Asks::OpenFolder { .. } => Some(Kind::Folder),
            _ => None,
        };
        if opens.is_some() && self.open.len() >= HANDLES_MAX {
            return Step::Refuse { id, code: Code::Failure, why: "too many files are open; close some" };
        }
        Step::Judge { id, operation, opens }
    }

    /// What goes by a handle that was given out.
    fn by_handle(&mut self, id: u32, asks: Asks<'_>) -> Result<Step, (Code, &'static str)> {
        let then = match asks {
            Asks::Close { handle } => {
                // From now on the client has no such handle; the server may give the same one out again.
                let number = self.handles.remove(handle).ok_or(UNKNOWN)?;
                Waiting::Closed(number)
            }
            Asks::Read { handle, offset } => Waiting::Read(self.file(handle, |reads, _| reads)?.0, offset),
            Asks::Write { handle, offset, data } => {
                let (number, open) = self.file(handle, |_, writes| writes)?;
                open.written.add(offset, data);
                Waiting::Written(number)
            }
            Asks::ReadFolder { handle } => match self.found(handle)?.1.kind {
                Kind::Folder => Waiting::Nothing,
                Kind::File { .. } | Kind::Upload => return Err((Code::Failure, "this is no folder")),
            },
            Asks::State { handle } | Asks::Look { handle } => {
                self.found(handle)?;
                Waiting::Nothing
            }
            Asks::SetOpen { handle, attributes } => {
                let operation = facts::set(&self.found(handle)?.1.path, &attributes);
                return Ok(Step::Judge { id, operation, opens: None });
            }
            Asks::Copy { from, to } => {
                self.file(from, |reads, _| reads)?;
                let (number, open) = self.file(to, |_, writes| writes)?;
                // What is copied on the target does not come by here.
                open.written.digest = None;
                Waiting::Written(number)
            }
            _ => Waiting::Nothing,
        };
        self.asked.insert(id, then);
        Ok(Step::Pass)
    }

    fn found(&mut self, handle: &[u8]) -> Result<(u64, &mut Open), (Code, &'static str)> {
        let number = *self.handles.get(handle).ok_or(UNKNOWN)?;
        Ok((number, self.open.get_mut(&number).ok_or(UNKNOWN)?))
    }

    fn file(
        &mut self,
        handle: &[u8],
        may: impl Fn(bool, bool) -> bool,
    ) -> Result<(u64, &mut Open), (Code, &'static str)> {
        let found = self.found(handle)?;
        match found.1.kind {
            Kind::File { reads, writes } if may(reads, writes) => Ok(found),
            _ => Err((Code::PermissionDenied, "it was not opened for this")),
        }
    }

    /// Has a request wait for approval, and its paths with it; whether it may.
    pub(super) fn hold(&mut self, id: u32, operation: &Operation, number: u64) -> bool {
        let may = self.holds(operation, number);
        if may {
            self.asked.insert(id, Waiting::Held);
        }
        may
    }

    /// Opens an upload that is not on the target; its handle, or nothing where too much waits.
    pub(super) fn spool(&mut self, operation: &Operation, number: u64) -> Option<Vec<u8>> {
        let handle = format!("countersign {number}").into_bytes();
        if self.handles.contains_key(&handle) || !self.holds(operation, number) {
            return None;
        }
        self.handles.insert(handle.clone(), number);
        let (kind, path) = (Kind::Upload, operation.path.clone());
        self.open.insert(number, Open { kind, path, read: Passed::new(), written: Passed::new() });
        Some(handle)
    }

    fn holds(&mut self, operation: &Operation, number: u64) -> bool {
        let may = self.held.len() < HELD_MAX;
        if may {
            self.held.insert(number, operation.paths().cloned().collect());
        }
        may
    }

    /// An upload is whole, and its closing waits for approval; not where another request has that number.
    pub(super) fn close_upload(&mut self, id: u32, number: u64) -> bool {
        let may = !self.asked.contains_key(&id);
        if may {
            self.handles.retain(|_, open| *open != number);
            self.open.remove(&number);
            self.asked.insert(id, Waiting::Held);
        }
        may
    }

    /// What waited is over.
    pub(super) fn let_go(&mut self, id: u32, number: u64) {
        self.held.remove(&number);
        if let Some(Waiting::Held) = self.asked.get(&id) {
            self.asked.remove(&id);
        }
    }

    /// Whether something waits for approval, or is being done since it was approved.
    pub(super) fn pursues(&self) -> bool {
        self.held.len() > self.open.values().filter(|open| open.kind == Kind::Upload).count()
    }

    /// Somebody here waits for the answer to this request.
    pub(super) fn await_answer(&mut self, id: u32) {
        self.awaited.insert(id);
    }

    /// A number for a request of ours, which is on its way.
    pub(super) fn own(&mut self) -> u32 {
        while self.asked.contains_key(&self.last_own) {
            self.last_own = self.last_own.wrapping_sub(1);
        }
        let id = self.last_own;
        self.last_own = id.wrapping_sub(1);
        self.asked.insert(id, Waiting::Ours);
        self.awaited.insert(id);
        id
    }

    /// A request that the rules let through is on its way, under this number of the transcript.
    pub(super) fn begun(&mut self, id: u32, operation: &Operation, opens: Option<Kind>, number: u64) {
        let then = match opens {
            Some(kind) => {
                let path = operation.path.clone();
                self.open.insert(number, Open { kind, path, read: Passed::new(), written: Passed::new() });
                Waiting::Opened(number)
            }
            None if operation.changes => Waiting::Changed(number),
            None => Waiting::Nothing,
        };
        self.asked.insert(id, then);
    }

    /// Takes note of an answer; what the transcript says of it and of which number, and its own number where somebody here waits
    /// for it in place of the client.
    pub(super) fn answered(&mut self, packet: &[u8]) -> Result<(Option<u32>, Option<Outcome>), NoAnswer> {
        let (id, answer) = answer(packet).ok_or(NoAnswer)?;
        let waiting = self.asked.remove(&id).ok_or(NoAnswer)?;
        let ours = (!self.awaited.is_empty() && self.awaited.remove(&id)).then_some(id);
        Ok((ours, self.outcome(waiting, answer)?))
    }

    fn outcome(&mut self, waiting: Waiting, answer: Answer<'_>) -> Result<Option<(u64, String)>, NoAnswer> {
        Ok(match (waiting, answer) {
            // It was never sent.
            (Waiting::Held, _) => return Err(NoAnswer),
            (Waiting::Opened(number), Answer::Handle(handle)) => {
                // One that is open already stands for nothing two ways.
                if self.handles.insert(handle.to_vec(), number).is_some() {
                    return Err(NoAnswer);
                }
                None
            }
            (Waiting::Opened(number), Answer::Status(code)) => {
                self.open.remove(&number);
                Some((number, failed(code)))
            }
            (Waiting::Opened(..), _) => return Err(NoAnswer),
            (Waiting::Changed(number), Answer::Status(code)) if code != Code::Ok as u32 => Some((number, failed(code))),
            (Waiting::Read(number, offset), Answer::Data(data)) => {
                self.read(number, |passed| passed.add(offset, data));
                None
            }
            (Waiting::Read(number, offset), Answer::Status(code)) if code == Code::EndOfFile as u32 => {
                self.read(number, |passed| passed.ended |= offset == passed.bytes);
                None
            }
            (Waiting::Written(number), Answer::Status(code)) if code != Code::Ok as u32 => {
                if let Some(open) = self.open.get_mut(&number) {
                    open.written.digest = None;
                }
                Some((number, failed(code)))
            }
            (Waiting::Closed(number), _) => self.open.remove(&number).and_then(|open| Some((number, open.summary()?))),
            _ => None,
        })
    }

    fn read(&mut self, number: u64, note: impl FnOnce(&mut Passed)) {
        if let Some(open) = self.open.get_mut(&number) {
            note(&mut open.read);
        }
    }

    /// What the transcript says of what was never closed.
    pub(super) fn left_open(&mut self) -> Vec<(u64, String)> {
        let mut left: Vec<_> = self
            .open
            .drain()
            .filter_map(|(number, open)| Some((number, format!("not closed; {}", open.summary()?))))
            .collect();
        left.sort_unstable();
        left
    }
}

pub(super) const SAME_NUMBER: &str = "another request of this number waits for its answer";
/// Why what waits is not overtaken.
const IN_USE: &str = "something on this path waits for approval in this channel; wait until it is decided";
const UNKNOWN: (Code, &str) = (Code::Failure, "no such handle is open");

/// A status of the target's in words.
pub(super) fn failed(code: u32) -> String {
    let words = match code {
        1 => "end of file",
        2 => "no such file",
        3 => "permission denied by the target",
        8 => "not supported by the target",
        _ => "failed",
    };
    format!("{words} (status {code})")
}

impl Open {
    /// What went through; nothing where nothing could be.
    fn summary(&self) -> Option<String> {
        let writes = match self.kind {
            Kind::Folder => return None,
            Kind::File { writes, .. } => writes,
            Kind::Upload => return Some("nothing of it was sent to the target".to_owned()),
        };
        let read = (self.read.bytes > 0).then(|| {
            let whole = if self.read.ended { "" } else { "the first " };
            self.read.told("read", whole)
        });
        let written = writes.then(|| self.written.told("wrote", ""));
        let parts: Vec<String> = read.into_iter().chain(written).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Passed {
    fn new() -> Passed {
        Passed { bytes: 0, digest: Some(Context::new(&SHA256)), ended: false }
    }

    fn add(&mut self, offset: u64, data: &[u8]) {
        match &mut self.digest {
            Some(digest) if offset == self.bytes => digest.update(data),
            _ => self.digest = None,
        }
        self.bytes += data.len() as u64;
    }

    fn told(&self, did: &str, whole: &str) -> String {
        match &self.digest {
            Some(digest) => {
                let digest = HEXLOWER.encode(digest.clone().finish().as_ref());
                format!("{did} {whole}{} bytes, SHA-256 {digest}", self.bytes)
            }
            None => format!("{did} {} bytes, not in order", self.bytes),
        }
    }
}

#[cfg(test)]
mod tests;
