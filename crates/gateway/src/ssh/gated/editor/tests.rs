use super::*;
use crate::ssh::gated::draw::seen;

const SIZE: Size = Size { columns: 20, rows: 6 };

fn editor() -> Editor {
    let mut editor = Editor::new(SIZE, vec!["ls".to_owned(), "lsblk".to_owned(), "uptime".to_owned()]);
    editor.begin("$ ".to_owned());
    editor
}

/// All that was sent by these bytes, and what is left.
fn sent(bytes: &str) -> (Vec<String>, String) {
    let (mut editor, mut rest, mut sent) = (editor(), bytes.as_bytes(), Vec::new());
    while !rest.is_empty() {
        let (taken, happened) = editor.typed(rest);
        rest = &rest[taken..];
        match happened {
            Some(Happened::Sent(text)) => sent.push(text),
            Some(Happened::Dropped) => editor.begin("$ ".to_owned()),
            _ => {}
        }
    }
    (sent, editor.text)
}

fn sends(bytes: &str, expected: &str) {
    assert_eq!(sent(bytes), (vec![expected.to_owned()], String::new()), "{bytes:?}");
}

#[test]
fn keys_edit_the_text_that_is_sent() {
    sends("ls -l\r", "ls -l");
    sends("l\x1B[Ds\x1B[C\x7F\x1B[H\x1B[3~ls\r", "ls");
    sends("rm x\x15ls\r", "ls");
    sends("ls x y\x17\x17z\r", "ls z");
    sends("a b\x01\x0B\x19\x19\r", "a ba b");
    sends("ls x\x02\x04y\r", "ls y");
    sends("one two\x1Bb\x1Bdtoo\r", "one too");
    sends("größe日\x7F\x02\x02\x04\r", "gröe");
    sends("rm x\x03ls\r", "ls");
    sends("ls\x1B]0;x\x07\x1B[31m\x00\x07 a\r", "ls a");
    assert_eq!(sent("ls\x1B").1, "ls");
}

#[test]
fn r63_a_text_goes_on_until_it_is_complete_and_is_one() {
    sends("echo 'a\rb'\r", "echo 'a\nb'");
    sends("if true\rthen ls\rfi\r", "if true\nthen ls\nfi");
    sends("cat <<E\rx\rE\r", "cat <<E\nx\nE");
    sends("ls \\\r-l\r", "ls \\\n-l");
    sends("\x1B[200~ls\nrm x\n\x1B[201~\r", "ls\nrm x\n");
    let (all, rest) = sent("ls\nrm x\nid");
    assert_eq!((all.len(), rest.as_str()), (2, "id"), "without brackets each line is one");
    assert_eq!(sent("\x1B[200~ls\nrm x\n").0, Vec::<String>::new(), "nothing but Enter sends what was pasted");
}

#[test]
fn arrows_go_through_the_history_and_through_lines() {
    assert_eq!(sent("a\rb\rc\x1B[A\x1B[A\r").0, ["a", "b", "a"]);
    assert_eq!(sent("a\rb\rc\x1B[A\x1B[A\x1B[B\x1B[B\r").0, ["a", "b", "c"]);
    assert_eq!(sent("\x1B[Aa\r\x1B[B\x1B[A\x1B[A\x1B[A\r").0, ["a", "a"]);
    sends("\x1B[200~ab\ncd\x1B[201~\x1B[AX\x1B[BY\r", "abX\ncdY");
    let many: String = (0..600).map(|n| format!("echo {n}\r")).collect();
    let mut editor = editor();
    let mut rest = many.as_bytes();
    while !rest.is_empty() {
        rest = &rest[editor.typed(rest).0..];
    }
    assert_eq!((editor.history.len(), editor.history[0].as_str()), (HISTORY_MAX, "echo 100"));
    for n in 0..30 {
        editor.remember(&format!("echo {n} {}", "x".repeat(TEXT_BYTES_MAX - 10)));
    }
    let kept: usize = editor.history.iter().map(String::len).sum();
    assert!(kept <= HISTORY_BYTES_MAX && kept == editor.history_bytes && editor.history.len() < 30, "{kept}");
}

#[test]
fn tab_completes_by_what_may_run_and_what_was_typed() {
    sends("up\t-p\r", "uptime -p");
    assert_eq!(sent("cat /srv/app/log\rtail /s\t\r").0[1], "tail /srv/app/log ");
    sends("x\ty\r", "xy");
    let mut editor = editor();
    editor.typed(b"l\t");
    assert_eq!(editor.text, "ls");
    let offered = editor.typed(b"\x7F\t").1.or_else(|| editor.typed(b"\t").1);
    assert_eq!(offered, None, "`ls` is a word of its own, to which a letter may be added");
}

#[test]
fn a_text_has_a_limit() {
    let mut editor = editor();
    let much = "x".repeat(TEXT_BYTES_MAX + 10);
    let mut rest = much.as_bytes();
    while !rest.is_empty() {
        rest = &rest[editor.typed(rest).0..];
    }
    assert_eq!(editor.text.len(), TEXT_BYTES_MAX);
    editor.typed(b"\x01\x0B\x19\x19");
    assert_eq!(editor.text.len(), TEXT_BYTES_MAX);
    assert_eq!(editor.typed(b"\r").1, Some(Happened::TooLong), "what was cut is not sent");
}

/// A terminal, as far as the editor needs one.
struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn take(&mut self, drawn: &str) {
        let mut rest = drawn;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' => self.column = 0,
                '\n' => {
                    self.row += 1;
                    self.cells.resize(self.cells.len().max(self.row + 1), Vec::new());
                }
                '\x1B' => {
                    let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a sequence ends");
                    let number = rest[1..end].parse().unwrap_or(1);
                    match &rest[end..=end] {
                        "A" => self.row = self.row.checked_sub(number).expect("the cursor stays within"),
                        "C" => self.column += number,
                        "J" => {
                            self.cells.truncate(self.row + 1);
                            self.cells[self.row].truncate(self.column);
                        }
                        other => panic!("{other}"),
                    }
                    rest = &rest[end + 1..];
                }
                c => self.put(c),
            }
        }
    }

    fn put(&mut self, c: char) {
        let width = unicode_width::UnicodeWidthChar::width(c).expect("nothing else is drawn");
        let row = &mut self.cells[self.row];
        row.resize(row.len().max(self.column + width), ' ');
        row[self.column] = c;
        if width == 2 {
            row[self.column + 1] = '\0';
        }
        self.column += width;
        assert!(self.column <= usize::from(SIZE.columns), "a row ends before the terminal would end it");
    }

    fn text(&self) -> String {
        self.cells.iter().flatten().filter(|c| **c != '\0').collect()
    }
}

/// Whatever is typed: nothing panics, the cursor stays within, and what is shown is the text.
#[test]
fn what_is_shown_is_what_is_typed() {
    const SEED: u64 = 0xed17;
    const KEYS: &[&str] = &[
        "a",
        "b ",
        "ls -l",
        "日本",
        "é",
        "\u{202e}",
        "\u{ff52}",
        "\t",
        "'",
        "\r",
        "\x7F",
        "\x1B[A",
        "\x1B[B",
        "\x1B[C",
        "\x1B[D",
        "\x1B[H",
        "\x1B[F",
        "\x1B[3~",
        "\x1Bb",
        "\x1Bf",
        "\x1Bd",
        "\x17",
        "\x15",
        "\x0B",
        "\x19",
        "\x04",
        "\x1B[200~x\ny\x1B[201~",
        "\x1B]0;x\x07",
        "\x1B",
        "\x1B[",
        "a long text that needs rows",
    ];
    let mut dice = fastrand::Rng::with_seed(SEED);
    for round in 0..3_000 {
        let (mut editor, mut sent) = (editor(), false);
        let mut screen = Screen { cells: vec![Vec::new()], row: 0, column: 0 };
        for _ in 0..dice.usize(1..25) {
            let mut bytes = dice.choice(KEYS).expect("there are keys").as_bytes().to_vec();
            if dice.u8(..20) == 0 {
                bytes.push(dice.u8(..));
            }
            let happened = editor.typed(&bytes).1;
            assert!(editor.text.is_char_boundary(editor.at) && editor.text.len() <= TEXT_BYTES_MAX);
            if happened.is_some() {
                sent = true;
                break;
            }
            screen.take(&editor.draw());
        }
        let whole = Drawing::new("$ ", &editor.text, editor.at, 20);
        if sent || whole.rows.len() > usize::from(SIZE.rows) {
            continue;
        }
        let expected = format!("$ {}", seen(&editor.text.replace('\n', "\u{1}")).replace("<U+0001>", "> "));
        assert_eq!(screen.text(), expected, "round {round} of seed {SEED:#x}");
        assert_eq!((screen.row, screen.column), (whole.row, whole.column), "round {round} of seed {SEED:#x}");
    }
}

#[test]
fn any_bytes_are_taken() {
    const SEED: u64 = 0xb17e5;
    let mut dice = fastrand::Rng::with_seed(SEED);
    for _ in 0..3_000 {
        let bytes: Vec<u8> =
            (0..dice.usize(..60)).map(|_| if dice.bool() { dice.u8(..32) } else { dice.u8(..) }).collect();
        let (mut editor, mut rest) = (editor(), bytes.as_slice());
        while !rest.is_empty() {
            let (taken, happened) = editor.typed(rest);
            rest = &rest[taken..];
            editor.resize(Size { columns: dice.u16(1..30), rows: dice.u16(1..5) });
            let drawn = editor.draw();
            assert!(drawn.chars().all(|c| !c.is_control() || "\r\n\x1B".contains(c)), "{drawn:?}");
            if let Some(Happened::Sent(text)) = happened {
                assert!(text.chars().all(|c| !c.is_control() || "\n\t".contains(c)), "{text:?}");
                editor.leave(&text);
                editor.begin("$ ".to_owned());
            }
        }
    }
}
