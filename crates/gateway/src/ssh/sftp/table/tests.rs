use super::*;

fn text(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
}

fn packet(kind: u8, id: u32, parts: &[&[u8]]) -> Vec<u8> {
    text(&[&[kind][..], &id.to_be_bytes(), &parts.concat()].concat())
}

fn open(id: u32, flags: u32) -> Vec<u8> {
    packet(3, id, &[&text(b"/f"), &flags.to_be_bytes(), &[0; 4]])
}

fn write(id: u32, offset: u64, data: &[u8]) -> Vec<u8> {
    packet(6, id, &[&text(b"h"), &offset.to_be_bytes(), &text(data)])
}

fn status(id: u32, code: u32) -> Vec<u8> {
    packet(101, id, &[&code.to_be_bytes()])
}

fn data(id: u32, data: &[u8]) -> Vec<u8> {
    packet(103, id, &[&text(data)])
}

impl Table {
    /// As if the rules let it through.
    fn lets(&mut self, packet: &[u8], number: u64) {
        match self.asked(packet) {
            Step::Judge { id, operation, opens } => self.begun(id, &operation, opens, number),
            other => panic!("{other:?}"),
        }
    }

    /// What the transcript says of an answer that is the client's.
    fn hears(&mut self, packet: &[u8]) -> Result<Option<(u64, String)>, NoAnswer> {
        let (ours, outcome) = self.answered(packet)?;
        assert_eq!(ours, None);
        Ok(outcome)
    }

    fn passes(&mut self, packet: &[u8]) {
        assert!(matches!(self.asked(packet), Step::Pass));
    }

    fn code(&mut self, packet: &[u8]) -> Code {
        match self.asked(packet) {
            Step::Refuse { code, .. } => code,
            other => panic!("{other:?}"),
        }
    }

    /// A file that is open by the handle `h`.
    fn with_file(flags: u32) -> Table {
        let mut table = Table::new(Home::default());
        table.lets(&open(1, flags), 1);
        assert_eq!(table.hears(&packet(102, 1, &[&text(b"h")])), Ok(None));
        table
    }

    fn closed(&mut self) -> Option<String> {
        self.passes(&packet(4, 99, &[&text(b"h")]));
        self.hears(&status(99, 0)).expect("an answer").map(|(number, outcome)| {
            assert_eq!(number, 1);
            outcome
        })
    }
}

const SUM_OF_ABCD: &str = "88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589";

#[test]
fn r64_what_went_through_in_order_has_its_sum() {
    let mut table = Table::with_file(2);
    table.passes(&write(2, 0, b"ab"));
    table.passes(&write(3, 2, b"cd"));
    for id in [2, 3] {
        assert_eq!(table.hears(&status(id, 0)), Ok(None));
    }
    assert_eq!(table.closed(), Some(format!("wrote 4 bytes, SHA-256 {SUM_OF_ABCD}")));

    for (offset, answered) in [(3, 0), (0, 0), (2, 4)] {
        let mut table = Table::with_file(2);
        table.passes(&write(2, 0, b"ab"));
        table.passes(&write(3, offset, b"cd"));
        let _ = table.hears(&status(2, 0));
        let _ = table.hears(&status(3, answered));
        assert_eq!(table.closed(), Some("wrote 4 bytes, not in order".to_owned()), "{offset} {answered}");
    }
}

#[test]
fn r64_what_was_read_is_whole_only_up_to_its_end() {
    let read = |id, offset: u64| packet(5, id, &[&text(b"h"), &offset.to_be_bytes(), &[0, 0, 0, 2]]);
    let mut table = Table::with_file(1);
    for (id, offset) in [(2, 0), (3, 2), (4, 4)] {
        table.passes(&read(id, offset));
    }
    assert_eq!(table.hears(&data(2, b"ab")), Ok(None));
    assert_eq!(table.hears(&data(3, b"cd")), Ok(None));
    assert!(table.left_open()[0].1.contains("read the first 4 bytes, SHA-256 "));

    let mut table = Table::with_file(1);
    for (id, offset, answer) in [(2, 0, data(2, b"ab")), (3, 2, data(3, b"cd")), (4, 4, status(4, 1))] {
        table.passes(&read(id, offset));
        assert_eq!(table.hears(&answer), Ok(None));
    }
    assert_eq!(table.closed(), Some(format!("read 4 bytes, SHA-256 {SUM_OF_ABCD}")));
}

#[test]
fn r52_handles_are_what_they_were_given_out_for() {
    let by_handle = |kind, handle: &[u8]| packet(kind, 9, &[&text(handle)]);
    let mut table = Table::with_file(2);
    assert_eq!(table.code(&by_handle(8, b"other")), Code::Failure);
    assert_eq!(table.code(&packet(5, 9, &[&text(b"h"), &[0; 12]])), Code::PermissionDenied);
    assert_eq!(table.code(&by_handle(12, b"h")), Code::Failure);
    let copied = packet(200, 9, &[&text(b"copy-data"), &text(b"h"), &[0; 16], &text(b"h"), &[0; 8]]);
    assert_eq!(table.code(&copied), Code::PermissionDenied);
    // What is set of an open file is judged by its path.
    match table.asked(&packet(10, 9, &[&text(b"h"), &[0; 4]])) {
        Step::Judge { operation, .. } => assert_eq!(operation.text, "sftp-setstat /f"),
        other => panic!("{other:?}"),
    }
    table.passes(&by_handle(4, b"h"));
    assert_eq!(table.code(&packet(4, 10, &[&text(b"h")])), Code::Failure, "closed once is closed");
    assert_eq!(table.code(&write(10, 0, b"x")), Code::Failure);
    assert_eq!(Table::with_file(1).code(&write(2, 0, b"x")), Code::PermissionDenied);
}

#[test]
fn r52_so_many_are_open_and_asked_and_no_number_stands_for_two() {
    let mut table = Table::new(Home::default());
    for id in (0..).take(HANDLES_MAX) {
        table.lets(&open(id, 1), id.into());
    }
    assert_eq!(table.code(&open(5000, 1)), Code::Failure);
    assert_eq!(table.code(&open(3, 1)), Code::BadMessage);
    assert_eq!(table.places(), ASKED_MAX - HANDLES_MAX);
    // One that could not be opened leaves its place.
    assert_eq!(table.hears(&status(3, 2)), Ok(Some((3, "no such file (status 2)".to_owned()))));
    table.lets(&open(5000, 1), 5000);
}

fn rename(id: u32, from: &str, to: &str) -> Vec<u8> {
    packet(18, id, &[&text(from.as_bytes()), &text(to.as_bytes())])
}

impl Table {
    /// As if somebody had to approve it.
    fn holds_back(&mut self, packet: &[u8], number: u64) -> bool {
        match self.asked(packet) {
            Step::Judge { id, operation, .. } => self.hold(id, &operation, number),
            other => panic!("{other:?}"),
        }
    }
}

/// What waits keeps its number and its paths; whoever answers it answers what was never asked.
#[test]
fn what_waits_was_not_sent() {
    let mut table = Table::new(Home::default());
    assert!(table.holds_back(&rename(1, "/a/b", "/c"), 1) && table.pursues());
    for packet in [
        rename(2, "/x", "/a/b"),
        rename(2, "/a", "/x"),
        rename(2, "/c/d", "/x"),
        rename(2, "x", "/y"),
        rename(2, "/e/../a", "/y"),
    ] {
        assert_eq!(table.code(&packet), Code::Failure, "{packet:?}");
    }
    for (number, packet) in [(2, rename(2, "/a/bc", "/cd")), (3, packet(17, 3, &[&text(b"/a/b")]))] {
        table.lets(&packet, number);
    }
    assert_eq!(table.code(&rename(1, "/x", "/y")), Code::BadMessage);
    assert_eq!(table.answered(&status(1, 0)), Err(NoAnswer));
    // One that was answered here is over, with its paths.
    table.let_go(1, 1);
    assert!(!table.pursues());
    table.lets(&rename(1, "/a/b", "/c"), 4);
    for number in 10..10 + HELD_MAX as u64 {
        let path = format!("/h/{number}");
        assert!(table.holds_back(&rename(number as u32, &path, &path), number));
    }
    assert!(!table.holds_back(&rename(5000, "/h/x", "/h/y"), 5000), "so many and no more");
}

/// An upload's handle is ours, and what is asked by it goes nowhere but there; numbers of ours are no client's.
#[test]
fn an_upload_that_waits_is_ours() {
    let mut table = Table::new(Home::default());
    let Step::Judge { id: 1, operation, .. } = table.asked(&open(1, 26)) else { panic!("judged") };
    let handle = table.spool(&operation, 7).expect("a handle");
    let by = |kind, id, rest: &[u8]| packet(kind, id, &[&text(&handle), rest]);
    for packet in [by(4, 2, &[]), by(5, 2, &[0; 12]), by(6, 2, &[0; 12]), by(8, 2, &[]), by(10, 2, &[0; 4])] {
        assert!(matches!(table.asked(&packet), Step::Upload { id: 2, number: 7 }), "{packet:?}");
    }
    assert!(!table.pursues());
    assert!(table.close_upload(2, 7));
    assert!(table.pursues());
    assert_eq!(table.code(&by(6, 3, &[0; 12])), Code::Failure, "it was closed");
    assert_eq!(table.code(&open(3, 26)), Code::Failure, "it waits");
    table.lets(&packet(17, u32::MAX, &[&text(b"/x")]), 8);
    let (one, two) = (table.own(), table.own());
    assert_eq!((one, two), (u32::MAX - 1, u32::MAX - 2));
    assert_eq!(table.code(&packet(17, one, &[&text(b"/x")])), Code::BadMessage);
    assert_eq!(table.answered(&status(one, 0)), Ok((Some(one), None)));
    assert_eq!(table.answered(&status(one, 0)), Err(NoAnswer));
    // A target that gives the same handle out is not believed.
    let Step::Judge { operation, .. } = table.asked(&packet(3, 9, &[&text(b"/g"), &26_u32.to_be_bytes(), &[0; 4]]))
    else {
        panic!("judged")
    };
    let handle = table.spool(&operation, 10).expect("a handle");
    table.lets(&packet(3, 11, &[&text(b"/k"), &1_u32.to_be_bytes(), &[0; 4]]), 11);
    assert_eq!(table.answered(&packet(102, 11, &[&text(&handle)])), Err(NoAnswer));
}

#[test]
fn only_answers_to_what_was_asked_are_taken() {
    let mut table = Table::with_file(1);
    assert_eq!(table.hears(&status(1, 0)), Err(NoAnswer), "answered already");
    assert_eq!(table.hears(&packet(17, 1, &[])), Err(NoAnswer));
    table.lets(&open(2, 1), 2);
    assert_eq!(table.hears(&data(2, b"x")), Err(NoAnswer));
    table.lets(&open(3, 1), 3);
    assert_eq!(table.hears(&packet(102, 3, &[&text(b"h")])), Err(NoAnswer), "the handle is in use");
}
