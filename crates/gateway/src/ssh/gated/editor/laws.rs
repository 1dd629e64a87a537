//! What holds whatever is typed at a gated shell, and what a terminal shows of it. Tests hold it against a few thousand ways of typing,
//! `fuzz/` against as many as there is time for.

use super::{CHOICES_MAX, Editor, HISTORY_BYTES_MAX, HISTORY_MAX, Happened, TEXT_BYTES_MAX};
use countersign_inspect::shell::is_complete;
use countersign_inspect::show::is_invisible;
use countersign_target::ssh::Size;

const PROMPT: &str = "alice@web-01:~$ ";
/// Bytes that no text has: another size of the terminal comes, or nothing is drawn for a while.
const RESIZED: u8 = 0xFF;
const UNSEEN: u8 = 0xFE;

/// Ways of typing to begin with: columns and rows, then keys.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let typed: [&[u8]; 14] = [
        b"ls -l\r",
        b"l\x1B[Ds\x1B[C\x7F\x1B[H\x1B[3~ls\r\x1B[A\x1B[A\x1B[B\r",
        "gr\u{FFFD}öße 日本\x02\x02\x04\x1Bb\x1Bd\x17\x15\x19\x19\x0B".as_bytes(),
        b"ls\x1B]0;x\x07\x1B[31m\x00\x07 a\x1B[M !!\x1B[<0;3;4M\r",
        b"\x1B[200~ls\nrm x\n\t\x03\x04\x1B[201~\r",
        b"if true\rthen ls\rfi\rup\t\tls\t\t\x0C",
        b"cat <<E\rx\rE\r\x03\x04",
        b"x \x1BOM\x0F\n\r\n\x1B\r\x1B[1\r\x1BP1$r0m\x1B\\",
        "a\u{202e}b\u{200b}\u{ff52}\u{ff4d}\u{a0}e\u{301}\u{1f468}\u{200d}\u{1f469}".as_bytes(),
        b"echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xFF\x05\x03bbbbbbbbbbbbb\x01\xFF\x20\x02x",
        b"one 'two\rthree\r\x1B[A\x1B[A\x1B[1;5D\x1B[1;5C\x05\x01\x1B[B",
        b"\xFF\xFE\xC0\x80\xED\xA0\x80\xF0\x9F\xF0\xC3\xA9\xE2\x82b",
        b"**\x18B00000000000000\x1B[?1;2c\x1B[24;80R",
        b"a\xFEb\xFE\r",
    ];
    typed.iter().map(|keys| [&[20, 6][..], keys].concat()).collect()
}

/// Holds for whatever is typed.
///
/// # Panics
///
/// Where it does not hold.
pub fn law(data: &[u8]) {
    let [columns, rows, keys @ ..] = data else { return };
    let mut desk = Desk::new(size(*columns, *rows));
    let mut rest = keys;
    while let [byte, others @ ..] = rest {
        match (*byte, others) {
            (RESIZED, [columns, rows, others @ ..]) => {
                desk.resize(size(*columns, *rows));
                rest = others;
            }
            (UNSEEN, _) => {
                desk.seen = !desk.seen;
                rest = others;
            }
            _ => {
                let end = rest
                    .iter()
                    .skip(1)
                    .position(|byte| [RESIZED, UNSEEN].contains(byte))
                    .map_or(rest.len(), |at| at + 1);
                desk.types(&rest[..end.min(1 + usize::from(*byte) % 9)]);
                rest = &rest[end.min(1 + usize::from(*byte) % 9)..];
            }
        }
    }
}

/// An editor at its terminal; and another, at which each key is pressed by itself and nothing is drawn.
struct Desk {
    editor: Editor,
    other: Editor,
    terminal: vt100::Parser,
    size: Size,
    /// Whether what is typed is drawn at once.
    seen: bool,
}

impl Desk {
    fn new(size: Size) -> Desk {
        let editor = || {
            let mut editor = Editor::new(size, ["ls", "lsblk", "uptime"].map(str::to_owned).to_vec());
            editor.begin(PROMPT.to_owned());
            editor
        };
        Desk { editor: editor(), other: editor(), terminal: terminal(size), size, seen: true }
    }

    /// A terminal of another size shows anew what it is told from then on.
    fn resize(&mut self, size: Size) {
        self.editor.resize(size);
        only_ours(&self.editor.draw(), self.size);
        self.size = size;
        self.clear();
    }

    fn clear(&mut self) {
        self.terminal = terminal(self.size);
        self.editor.forget_drawing();
        self.draw();
    }

    fn types(&mut self, mut keys: &[u8]) {
        while !keys.is_empty() {
            let (taken, happened) = self.editor.typed(keys);
            assert!((1..=keys.len()).contains(&taken));
            let (alone, rest) = keys.split_at(taken);
            keys = rest;
            let mut apart = None;
            for key in alone {
                assert_eq!(apart, None, "what happened, happened by the last key that was taken");
                let stood = self.other.text.clone();
                apart = self.other.typed(std::slice::from_ref(key)).1;
                if let Some(Happened::Sent(text)) = &apart {
                    assert_eq!(*text, stood, "what is sent is what stood there");
                }
            }
            assert_eq!(happened, apart, "keys are the same one by one");
            self.is_sound();
            match happened {
                Some(happened) => self.happened(happened),
                None if self.seen => self.draw(),
                None => {}
            }
        }
    }

    /// The text and what is kept beside it are within their limits, and the cursor is between two of its characters.
    fn is_sound(&self) {
        let Editor { text, at, history, history_bytes, cut, .. } = &self.editor;
        assert_eq!((text, at), (&self.other.text, &self.other.at));
        assert!(text.is_char_boundary(*at) && text.len() <= TEXT_BYTES_MAX && cut.len() <= TEXT_BYTES_MAX);
        assert!(history.len() <= HISTORY_MAX && *history_bytes <= HISTORY_BYTES_MAX);
        assert_eq!(history.iter().map(String::len).sum::<usize>(), *history_bytes);
        assert!(!text.chars().any(|c| c.is_control() && !['\n', '\t'].contains(&c)), "{text:?}");
    }

    fn happened(&mut self, happened: Happened) {
        match happened {
            Happened::Sent(text) => {
                assert!(text.len() <= TEXT_BYTES_MAX && is_complete(&text), "{text:?}");
                only_ours(&self.editor.leave(&text), self.size);
            }
            Happened::Offered(words) => {
                assert!((1..=CHOICES_MAX).contains(&words.len()));
                self.clear();
                return;
            }
            Happened::Cleared => {
                self.clear();
                return;
            }
            Happened::Closed => assert!(self.editor.text.is_empty(), "nothing that was typed is lost"),
            Happened::Dropped | Happened::TooLong => {}
        }
        self.editor.begin(PROMPT.to_owned());
        self.other.begin(PROMPT.to_owned());
        self.clear();
    }

    /// What is drawn shows the text at a terminal, whatever it showed before, and the cursor at its place.
    fn draw(&mut self) {
        let drawn = self.editor.draw();
        only_ours(&drawn, self.size);
        // The emulator leaves out what stands for damaged text, which other terminals show.
        let emulated = |text: &str| text.replace('\u{FFFD}', "?");
        self.terminal.process(emulated(&drawn).as_bytes());
        let drawing = &self.editor.drawn;
        assert!(drawing.row < drawing.rows.len() && drawing.rows.len() <= usize::from(self.size.rows).max(1));
        if self.size.columns < 10 || self.size.rows < 2 {
            return;
        }
        let screen = self.terminal.screen();
        let shows: Vec<String> = screen.rows(0, self.size.columns).collect();
        for (nth, row) in drawing.rows.iter().enumerate() {
            assert!(row.width <= usize::from(self.size.columns));
            assert_eq!(shows[nth].trim_end(), emulated(&row.text).trim_end(), "row {nth} of {:?}", self.editor.text);
        }
        assert!(shows[drawing.rows.len()..].iter().all(String::is_empty), "nothing below: {shows:?}");
        self.is_all_there(&shows);
        let (row, column) = screen.cursor_position();
        assert_eq!((usize::from(row), usize::from(column)), (drawing.row, drawing.column), "{:?}", self.editor.text);
    }

    /// Where a text is of plain characters and finds room, it stands there behind its prompt, character by character.
    fn is_all_there(&self, shows: &[String]) {
        let (columns, rows) = (usize::from(self.size.columns), usize::from(self.size.rows));
        let line = format!("{PROMPT}{}", self.editor.text);
        if !line.chars().all(|c| (' '..='~').contains(&c)) || line.len() >= columns * rows {
            return;
        }
        let wrapped = line.as_bytes().chunks(columns).map(|row| String::from_utf8_lossy(row).trim_end().to_owned());
        for (nth, row) in wrapped.enumerate() {
            assert_eq!(shows[nth].trim_end(), row, "row {nth} of {line:?}");
        }
    }
}

/// A size, small enough to be looked at often.
fn size(columns: u8, rows: u8) -> Size {
    Size { columns: u16::from(columns) % 48 + 1, rows: u16::from(rows) % 12 + 1 }
}

fn terminal(size: Size) -> vt100::Parser {
    vt100::Parser::new(size.rows.max(2), size.columns.max(2), 0)
}

/// Fails unless every control is a line's end, or a movement or clearing of ours, and every character can be seen.
fn only_ours(drawn: &str, size: Size) {
    let mut rest = drawn.chars();
    while let Some(c) = rest.next() {
        if c == '\x1B' {
            assert_eq!(rest.next(), Some('['), "{drawn:?} at {size:?}");
            let last = rest.find(|c| !c.is_ascii_digit());
            assert!(last.is_some_and(|last| "AJC".contains(last)), "{drawn:?} at {size:?}");
        } else {
            assert!(['\r', '\n'].contains(&c) || !(c.is_control() || is_invisible(c)), "{c:?} in {drawn:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn r63_what_is_said_of_a_gated_shell_holds_whatever_is_typed() {
        countersign_harness::hold_against(&super::seeds(), 10_000, super::law);
    }
}
