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
        assert_eq!(table.answered(&packet(102, 1, &[&text(b"h")])), Ok(None));
        table
    }

    fn closed(&mut self) -> Option<String> {
        self.passes(&packet(4, 99, &[&text(b"h")]));
        self.answered(&status(99, 0)).expect("an answer").map(|(number, outcome)| {
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
        assert_eq!(table.answered(&status(id, 0)), Ok(None));
    }
    assert_eq!(table.closed(), Some(format!("wrote 4 bytes, SHA-256 {SUM_OF_ABCD}")));

    for (offset, answered) in [(3, 0), (0, 0), (2, 4)] {
        let mut table = Table::with_file(2);
        table.passes(&write(2, 0, b"ab"));
        table.passes(&write(3, offset, b"cd"));
        let _ = table.answered(&status(2, 0));
        let _ = table.answered(&status(3, answered));
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
    assert_eq!(table.answered(&data(2, b"ab")), Ok(None));
    assert_eq!(table.answered(&data(3, b"cd")), Ok(None));
    assert!(table.left_open()[0].1.contains("read the first 4 bytes, SHA-256 "));

    let mut table = Table::with_file(1);
    for (id, offset, answer) in [(2, 0, data(2, b"ab")), (3, 2, data(3, b"cd")), (4, 4, status(4, 1))] {
        table.passes(&read(id, offset));
        assert_eq!(table.answered(&answer), Ok(None));
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
    assert_eq!(table.answered(&status(3, 2)), Ok(Some((3, "no such file (status 2)".to_owned()))));
    table.lets(&open(5000, 1), 5000);
}

#[test]
fn only_answers_to_what_was_asked_are_taken() {
    let mut table = Table::with_file(1);
    assert_eq!(table.answered(&status(1, 0)), Err(NoAnswer), "answered already");
    assert_eq!(table.answered(&packet(17, 1, &[])), Err(NoAnswer));
    table.lets(&open(2, 1), 2);
    assert_eq!(table.answered(&data(2, b"x")), Err(NoAnswer));
    table.lets(&open(3, 1), 3);
    assert_eq!(table.answered(&packet(102, 3, &[&text(b"h")])), Err(NoAnswer), "the handle is in use");
}
