//! What holds for every stream of SFTP, and for every conversation about files. Tests hold it against a few thousand of them,
//! `fuzz/` against as many as there is time for.

use super::facts::{Home, Operation, PATH_BYTES_MAX, meet, operation, reads, writes};
use super::table::{ASKED_MAX, HANDLES_MAX, HELD_MAX, Kind, Step, Table};
use super::wire::{
    Answer, Asks, Frames, HANDLE_BYTES_MAX, PACKET_BYTES_MAX, Request, answer, asked, attributes, begun, close,
    first_name, greeting, handle, numbered, request, set_open, write,
};
use std::collections::HashMap;

/// What the target called `.`.
const HOME: &str = "/home/alice";

/// Conversations to begin with: each turn is a byte that says whose, the length of a packet, and its bytes.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let (path, int, long) = (text(b"/srv/../x"), [0, 0, 0, 2], [0; 8]);
    let asks = |turn, kind, parts: &[&[u8]]| turned(turn, kind, 7, &parts.concat());
    let extended = |name: &[u8], rest: &[&[u8]]| asks(0, 200, &[&text(name), &rest.concat()]);
    let opened = [asks(0, 3, &[&text(b"/f"), &[0, 0, 0, 3], &[0; 4]]), turned(2, 102, 7, &text(b"h"))].concat();
    let written = asks(0, 6, &[&text(b"h"), &long, &text(b"data")]);
    let mut all = vec![
        [&opened[..], &written, &turned(2, 101, 7, &[&[0; 12][..]].concat())].concat(),
        [&opened[..], &asks(0, 5, &[&text(b"h"), &long, &int]), &turned(2, 103, 7, &text(b"data"))].concat(),
        [&opened[..], &asks(0, 4, &[&text(b"h")]), &turned(2, 101, 7, &[0; 12]), &written].concat(),
        [&opened[..], &extended(b"copy-data", &[&text(b"h"), &long, &long, &text(b"h"), &long])].concat(),
        [asks(4, 13, &[&text(b"/f/x")]), asks(0, 18, &[&text(b"/f"), &text(b"g")])].concat(),
        // An upload: kept, written, stated, closed, decided.
        [
            &asks(8, 3, &[&text(b"/f"), &[0, 0, 0, 26], &[0; 4]])[..],
            &asks(0, 6, &[&text(b"countersign 1"), &long, &text(b"data")]),
            &asks(0, 8, &[&text(b"countersign 1")]),
            &asks(0, 4, &[&text(b"countersign 1")]),
            &[3, 0],
        ]
        .concat(),
        // Opened to be read, and written to; the other way round; and a folder.
        [&asks(0, 3, &[&text(b"/f"), &[0, 0, 0, 1], &[0; 4]])[..], &turned(2, 102, 7, &text(b"h")), &written].concat(),
        [
            &asks(0, 3, &[&text(b"/f"), &[0, 0, 0, 2], &[0; 4]])[..],
            &turned(2, 102, 7, &text(b"h")),
            &asks(0, 5, &[&text(b"h"), &long, &int]),
        ]
        .concat(),
        [&asks(0, 11, &[&text(b"/d")])[..], &turned(2, 102, 7, &text(b"h")), &asks(0, 12, &[&text(b"h")]), &written]
            .concat(),
        // One handle given out twice.
        [&opened[..], &turned(0, 11, 8, &text(b"/d")), &turned(2, 102, 8, &text(b"h"))].concat(),
        asks(0, 9, &[&path, &[0, 0, 0, 15], &long, &int, &int, &int, &int, &int]),
        asks(0, 10, &[&text(b"h"), &[0; 4]]),
        asks(0, 14, &[&path, &[0; 4]]),
        asks(0, 20, &[&text(b"../a"), &text(b"b/c")]),
        extended(b"posix-rename@openssh.com", &[&path, &text(b"/a//b/.")]),
        extended(b"lsetstat@openssh.com", &[&path, &[0; 4]]),
        extended(b"expand-path@openssh.com", &[&text(b"~/x")]),
        extended(b"limits@openssh.com", &[]),
        turned(2, 2, 3, &[text(b"vendor-id"), text(b"x"), text(b"copy-data"), text(b"1")].concat()),
        turned(2, 104, 7, &[&[0, 0, 0, 1][..], &path, &path, &[0; 4]].concat()),
    ];
    all.extend([7, 8, 11, 12, 13, 15, 16, 17, 19].map(|kind| asks(0, kind, &[&path])));
    all
}

/// Holds for every stream and conversation.
///
/// # Panics
///
/// Where it does not hold.
pub fn law(data: &[u8]) {
    stream(data);
    let mut talk = Talk::new();
    let mut rest = data;
    while let [turn, length, others @ ..] = rest {
        let (inside, others) = others.split_at(others.len().min(usize::from(*length)));
        rest = others;
        let packet = text(inside);
        // The length of a packet is never nothing: the loop that reads them ends there.
        if !inside.is_empty() {
            a_packet(&packet);
        }
        if !talk.goes_on(*turn, &packet) {
            break;
        }
    }
    let numbers: Vec<u64> = talk.table.left_open().into_iter().map(|(number, _)| number).collect();
    assert!(numbers.is_sorted_by(|one, other| one < other), "each is told once: {numbers:?}");
}

/// However a stream is cut, its packets come out whole and in their order, none longer than any may be.
fn stream(data: &[u8]) {
    let step = usize::from(data.first().copied().unwrap_or_default()) + 1;
    let cut = |step: usize| {
        let (mut frames, mut packets, mut bytes) = (Frames::default(), Vec::new(), 0);
        for piece in data.chunks(step) {
            frames.add(piece);
            loop {
                match frames.next() {
                    Ok(Some(packet)) => {
                        assert!((5..=4 + PACKET_BYTES_MAX).contains(&packet.len()));
                        bytes += packet.len();
                        packets.push(packet);
                    }
                    Ok(None) => break,
                    Err(_) => return (packets, false),
                }
            }
        }
        assert_eq!(bytes + frames.bytes(), data.len(), "nothing is lost");
        (packets, true)
    };
    let (packets, whole) = cut(step);
    assert_eq!((&packets, whole), (&cut(usize::MAX).0, cut(data.len().max(1)).1));
    assert!(data.starts_with(&packets.concat()));
    packets.iter().for_each(|packet| a_packet(packet));
}

/// A packet is read the same each time, and as a whole or not at all; what is read of it is what was written.
fn a_packet(packet: &[u8]) {
    let read = request(packet);
    assert_eq!(read, request(packet));
    if let Ok(Request { id, asks }) = &read {
        let other = numbered(packet, id ^ 1);
        assert_eq!(request(&other).as_ref().map(|request| (request.id, &request.asks)), Ok((id ^ 1, asks)));
        assert_eq!(asked(&other), asked(packet), "its number is no part of what is asked");
        assert!(request(&[packet, &[0]].concat()).is_err(), "nothing stands behind it");
        assert!(request(&packet[..packet.len() - 1]).is_err(), "nothing of it is missing");
        if let Some(fields) = fields(*id, asks, packet) {
            assert_eq!(fields, packet, "{asks:?}");
        }
        for home in [Home::default(), Home::new(HOME.as_bytes())] {
            if let Ok(Some(operation)) = operation(asks, &home) {
                is_told(asks, &operation);
            }
        }
    }
    match answer(packet) {
        Some((id, Answer::Handle(given))) => {
            assert!(given.len() <= HANDLE_BYTES_MAX);
            assert!(packet[4..].starts_with(&handle(id, given)[4..]));
        }
        Some((_, Answer::Data(data))) => assert!(data.len() <= packet.len() - 13),
        _ => {}
    }
    if let Some(told) = greeting(packet) {
        assert!(told.len() <= packet.len() && greeting(&told) == Some(told), "what is passed on says what is known");
    }
    let _ = (begun(packet), first_name(packet));
}

/// The packet that asks for this, written anew; nothing where not all of it is read, as of how much is to be read.
fn fields(id: u32, asks: &Asks<'_>, packet: &[u8]) -> Option<Vec<u8>> {
    let (kind, id_bytes) = (packet[4], id.to_be_bytes());
    let name = match kind {
        // The name of an extension is a field of its own.
        200 => text(&packet[13..13 + usize::from(packet[12])]),
        _ => Vec::new(),
    };
    let fields = match asks {
        Asks::Close { handle } => return Some(close(id, handle)),
        Asks::Write { handle, offset, data } => return Some(write(id, handle, *offset, data)),
        Asks::SetOpen { handle, attributes } => return Some(set_open(id, handle, attributes)),
        Asks::Open { path, flags, attributes: set } => {
            [text(path), flags.to_be_bytes().to_vec(), attributes(set)].concat()
        }
        Asks::Set { path, attributes: set } | Asks::MakeFolder { path, attributes: set } => {
            [text(path), attributes(set)].concat()
        }
        Asks::Rename { from, to } | Asks::HardLink { from, to } => [text(from), text(to)].concat(),
        Asks::SymbolicLink { one, other } => [text(one), text(other)].concat(),
        Asks::OpenFolder { path }
        | Asks::Remove { path }
        | Asks::RemoveFolder { path }
        | Asks::Stat { path }
        | Asks::Expand { path } => text(path),
        Asks::ReadFolder { handle } | Asks::State { handle } | Asks::Look { handle } => text(handle),
        Asks::Limits => Vec::new(),
        Asks::Read { .. } | Asks::Copy { .. } | Asks::Who => return None,
    };
    Some(text(&[&[kind][..], &id_bytes, &name, &fields].concat()))
}

/// What the rules are asked is about paths that are plain, or that nobody takes for plain; and it fits in a line.
fn is_told(asks: &Asks<'_>, operation: &Operation) {
    assert!(operation.text.starts_with("sftp-") && !operation.text.contains(char::is_control), "{:?}", operation.text);
    let commands = &operation.facts.commands;
    assert!(!commands.is_empty() && operation.facts.unknown.is_empty());
    assert_eq!(operation.changes, commands.iter().any(|command| !command.writes.is_empty()));
    assert!(
        commands.iter().all(|command| command.unlisted != command.writes.is_empty()),
        "what changes may run anything"
    );
    for path in operation.paths() {
        assert!(path.len() <= 2 * PATH_BYTES_MAX + HOME.len() + 4 && !path.contains('\0'));
        let goes_up = path.split('/').any(|part| part == "..");
        if path.starts_with('/') && !goes_up && path != "/" {
            let is_plain = path[1..].split('/').all(|part| !["", "."].contains(&part));
            assert!(is_plain, "{path:?} of {asks:?}");
        }
        assert!(meet(path, path) && meet(path, "/") && meet("/", path));
    }
    if let Asks::Open { flags, .. } = asks {
        assert!(reads(*flags) || writes(*flags), "a file is opened for something");
    }
}

/// A conversation, and what whoever listens knows of it.
struct Talk {
    table: Table,
    /// Requests without an answer, with what is opened by each.
    on_way: HashMap<u32, Option<Kind>>,
    /// What waits for approval: by its number, its request if it is one, and its paths.
    held: HashMap<u64, (Option<u32>, Vec<String>)>,
    /// What is open, for what.
    handles: HashMap<Vec<u8>, Kind>,
    number: u64,
}

impl Talk {
    fn new() -> Talk {
        let table = Table::new(Home::new(HOME.as_bytes()));
        Talk { table, on_way: HashMap::new(), held: HashMap::new(), handles: HashMap::new(), number: 0 }
    }

    /// A turn: the client asks, the target answers, or somebody decides. Whether the channel goes on.
    fn goes_on(&mut self, turn: u8, packet: &[u8]) -> bool {
        let goes_on = match turn % 4 {
            2 => self.answers(packet),
            3 => self.decides(turn),
            _ => self.asks(turn, packet),
        };
        assert!(!goes_on || self.table.places() == ASKED_MAX - self.on_way.len(), "each waits for one answer");
        assert!(self.held.len() <= HELD_MAX && self.handles.len() <= HANDLES_MAX + HELD_MAX);
        goes_on
    }

    fn asks(&mut self, turn: u8, packet: &[u8]) -> bool {
        if self.on_way.len() == ASKED_MAX {
            return true;
        }
        match self.table.asked(packet) {
            Step::End(_) => return false,
            Step::Refuse { .. } => {}
            Step::Pass => self.passes(packet),
            Step::Upload { id, number } => self.uploads(id, number, packet),
            Step::Judge { id, operation, opens } => {
                assert!(!self.on_way.contains_key(&id), "a number is one request's");
                let overtakes =
                    |path: &String| self.held.values().flat_map(|held| &held.1).any(|other| meet(path, other));
                assert!(!operation.changes || !operation.paths().any(overtakes), "what waits is not overtaken");
                self.judged(turn / 4, id, &operation, opens);
            }
        }
        true
    }

    fn judged(&mut self, ruling: u8, id: u32, operation: &Operation, opens: Option<Kind>) {
        self.number += 1;
        let paths = || operation.paths().cloned().collect();
        match ruling % 4 {
            0 => {
                self.table.begun(id, operation, opens, self.number);
                self.on_way.insert(id, opens);
            }
            1 if self.table.hold(id, operation, self.number) => {
                self.held.insert(self.number, (Some(id), paths()));
                self.on_way.insert(id, None);
            }
            2 if matches!(opens, Some(Kind::File { writes: true, .. })) => {
                if let Some(handle) = self.table.spool(operation, self.number) {
                    assert_eq!(self.handles.insert(handle, Kind::Upload), None);
                    self.held.insert(self.number, (None, paths()));
                }
            }
            _ => {}
        }
    }

    /// What passes goes by what was judged: a handle that was given out for just that.
    fn passes(&mut self, packet: &[u8]) {
        let Ok(Request { id, asks }) = request(packet) else { panic!("what nobody can read passes") };
        assert_eq!(self.on_way.insert(id, None), None, "a number is one request's");
        let kind = |handle: &[u8]| *self.handles.get(handle).expect("a handle that was given out");
        match asks {
            Asks::Read { handle, .. } => assert!(matches!(kind(handle), Kind::File { reads: true, .. })),
            Asks::Write { handle, .. } => assert!(matches!(kind(handle), Kind::File { writes: true, .. })),
            Asks::Copy { from, to } => {
                assert!(matches!(kind(from), Kind::File { reads: true, .. }));
                assert!(matches!(kind(to), Kind::File { writes: true, .. }));
            }
            Asks::ReadFolder { handle } => assert_eq!(kind(handle), Kind::Folder),
            Asks::State { handle } | Asks::Look { handle } => assert_ne!(kind(handle), Kind::Upload),
            Asks::Close { handle } => assert!(self.handles.remove(handle).is_some_and(|kind| kind != Kind::Upload)),
            Asks::Limits => {}
            other => panic!("{other:?} passes without being judged"),
        }
    }

    fn uploads(&mut self, id: u32, number: u64, packet: &[u8]) {
        let handle = format!("countersign {number}").into_bytes();
        assert_eq!(self.handles.get(&handle), Some(&Kind::Upload));
        let closes = matches!(request(packet), Ok(Request { asks: Asks::Close { .. }, .. }));
        if closes && self.table.close_upload(id, number) {
            self.handles.remove(&handle);
            self.on_way.insert(id, None);
            self.held.entry(number).and_modify(|held| held.0 = Some(id));
        }
    }

    /// An answer is to something that was sent, and opens what was judged.
    fn answers(&mut self, packet: &[u8]) -> bool {
        let Ok((ours, _)) = self.table.answered(packet) else { return false };
        assert_eq!(ours, None);
        let (id, answer) = answer(packet).expect("it was read");
        let opens = self.on_way.remove(&id).expect("it was asked");
        assert!(!self.held.values().any(|held| held.0 == Some(id)), "what waits was not sent");
        if let (Some(kind), Answer::Handle(handle)) = (opens, answer) {
            assert_eq!(self.handles.insert(handle.to_vec(), kind), None, "a handle stands for one thing");
        }
        true
    }

    /// The oldest that waits is over.
    fn decides(&mut self, turn: u8) -> bool {
        let oldest = self.held.iter().filter(|held| held.1.0.is_some()).map(|held| *held.0).min();
        if let Some((number, id)) = oldest.and_then(|number| Some((number, self.held.remove(&number)?.0?))) {
            self.table.let_go(id, number);
            self.on_way.remove(&id);
            if turn & 4 != 0 {
                let own = self.table.own();
                assert_eq!(self.on_way.insert(own, None), None, "a number of ours is nobody else's");
                let done = super::wire::status(own, super::wire::Code::Ok, "");
                assert_eq!(self.table.answered(&done).map(|told| told.0), Ok(Some(own)));
                self.on_way.remove(&own);
            }
        }
        true
    }
}

fn text(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

/// A turn of a conversation.
fn turned(turn: u8, kind: u8, id: u32, fields: &[u8]) -> Vec<u8> {
    let inside = [&[kind][..], &id.to_be_bytes(), fields].concat();
    [&[turn, u8::try_from(inside.len()).expect("short")][..], &inside].concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn r52_what_is_said_of_sftp_holds_for_every_conversation() {
        countersign_harness::hold_against(&super::seeds(), 20_000, super::law);
    }
}
