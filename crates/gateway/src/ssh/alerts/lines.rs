//! Lines that are typed at a terminal, and shown by the target: keys in, what it shows in, lines out. It does nothing else.
//!
//! A line counts once the target has shown it. What is typed behind something that stands in a row (a prompt) counts by that row
//! alone: where that ends without it, it may be a password, and is dropped: nobody judges it. What is typed ahead of its prompt
//! waits for a row that shows it. Where the shell brought something into the line that was not typed (history, completion), the line
//! is what is shown, from where the cursor stood when it began.

use super::row::{Row, Said};
use crate::ssh::gated::editor::{Editor, Happened};
use countersign_target::ssh::Size;
use std::collections::VecDeque;

/// Longest text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Rows of one text that are looked at: an open quotation may be none of a shell's.
const TEXT_ROWS_MAX: usize = 16;
/// Texts that wait to be shown, and their bytes.
const WAITING_MAX: usize = 64;
const WAITING_BYTES_MAX: usize = 16 << 10;
/// Rows that end before a text is given up that was typed ahead.
const ROWS_MAX: u32 = 1_000;
/// Bytes of a text that keys which edit or end it may look through, for each byte that was typed, and at once.
const LOOKS_PER_BYTE: usize = 64;
const LOOKS_MAX: usize = 1 << 20;

/// Reads lines.
pub(super) struct Lines {
    editor: Editor,
    row: Row,
    /// Where the line began; nowhere before its first key.
    began: Option<Began>,
    /// The row in which one was sent or dropped last: what is typed behind that is for another row.
    used: Option<u64>,
    /// How many lines of a text that goes on were shown.
    shown: usize,
    /// Where these lines end in it, in bytes.
    breaks: Vec<usize>,
    waiting: VecDeque<Waiting>,
    /// Bytes that keys may still look through; where they need more, the text is given up.
    looks: usize,
}

/// Where the cursor stood when a line began: in which row, and how far in it.
#[derive(Clone, Copy)]
struct Began {
    row: u64,
    column: usize,
}

/// A text that was sent and is still to be shown.
struct Waiting {
    text: Sent,
    /// Rows that may still end before it is given up.
    rows: u32,
}

enum Sent {
    /// As it was typed; lines of it that were shown are before `rest`. If the row shows something else from `instead` on, that.
    Typed { text: String, rest: usize, instead: Option<usize> },
    /// What stands in the row from there on.
    From(usize),
}

impl Lines {
    pub(super) fn new(size: Size) -> Lines {
        let editor = Editor::new(size, Vec::new()).with_text_max(TEXT_BYTES_MAX);
        Lines {
            editor,
            row: Row::new(size.columns),
            began: None,
            used: None,
            shown: 0,
            breaks: Vec::new(),
            waiting: VecDeque::new(),
            looks: LOOKS_MAX,
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.row.resize(size.columns);
    }

    /// Takes keys, before the target does.
    pub(super) fn typed(&mut self, bytes: &[u8]) {
        if self.row.is_apart() {
            return self.begin();
        }
        for byte in bytes {
            let began = Began { row: self.row.number(), column: self.row.cursor() };
            self.began = self.began.or(Some(began));
            self.press(*byte);
        }
        self.breaks = self.editor.text().match_indices('\n').map(|(index, _)| index).collect();
    }

    fn press(&mut self, byte: u8) {
        self.looks = (self.looks + LOOKS_PER_BYTE).min(LOOKS_MAX);
        let before = self.editor.text().len();
        // A byte of a character costs a step; any other key may look through all of the text.
        let edits = byte.is_ascii_control();
        if edits && !self.may_look(before) {
            self.begin();
        }
        let (_, happened) = self.editor.typed(&[byte]);
        let after = self.editor.text().len();
        match happened {
            Some(Happened::Sent(text)) => self.sent(text),
            Some(Happened::Dropped | Happened::TooLong | Happened::Closed) => self.begin(),
            Some(Happened::Cleared | Happened::Offered(_)) | None => {
                let moved = !edits && byte.is_ascii() && after <= before;
                let too_many = edits && self.editor.text().matches('\n').count() >= TEXT_ROWS_MAX;
                if too_many || (moved && !self.may_look(before)) {
                    self.begin();
                }
            }
        }
    }

    fn may_look(&mut self, bytes: usize) -> bool {
        let left = self.looks.checked_sub(bytes);
        self.looks = left.unwrap_or_default();
        left.is_some()
    }

    /// Takes what the target shows; texts that were shown whole.
    pub(super) fn shown(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for byte in bytes {
            if self.row.takes(*byte) {
                found.extend(self.ended());
                self.row.begin();
            }
        }
        found
    }

    fn begin(&mut self) {
        self.editor.begin(String::new());
        self.editor.take_brought();
        self.editor.forget();
        (self.began, self.used, self.shown) = (None, Some(self.row.number()), 0);
        self.breaks.clear();
    }

    fn sent(&mut self, text: String) {
        let (brought, began) = (self.editor.take_brought(), self.began.take());
        let rest = self.rest();
        self.shown = 0;
        // Nothing that was typed stays but what still waits to be shown.
        self.editor.forget();
        self.breaks.clear();
        // Behind a prompt, as it seems, which is for this text: nothing that was typed before it waits, and no row ended since.
        let row = self.row.number();
        let used = self.used.replace(row) == Some(row);
        let here = began.filter(|began| began.row == row && began.column > 0 && !used);
        let here = here.map(|began| began.column).filter(|_| self.waiting.is_empty() && !text.contains('\n'));
        // What is not shown at its Enter may be a password, and what begins with blanks is in the row for another reason.
        let instead = here.filter(|column| self.row.from(*column).starts_with(|c: char| !c.is_whitespace()));
        let (text, bytes) = match here {
            Some(column) if brought => (Sent::From(column), 0),
            _ if brought || (text.trim().is_empty() && instead.is_none()) => return,
            _ => {
                let bytes = text.len();
                (Sent::Typed { text, rest, instead }, bytes)
            }
        };
        let waiting: usize = self.waiting.iter().map(|waiting| waiting.text.bytes()).sum();
        if self.waiting.len() < WAITING_MAX && waiting + bytes <= WAITING_BYTES_MAX {
            let rows = if here.is_some() { 1 } else { ROWS_MAX };
            self.waiting.push_back(Waiting { text, rows });
        }
    }

    /// Where the lines of the text begin that were not shown yet.
    fn rest(&self) -> usize {
        self.shown.checked_sub(1).and_then(|last| self.breaks.get(last)).map_or(0, |end| end + 1)
    }

    /// A row ended: the text that is whole by that. Those before it were not shown, and are forgotten.
    fn ended(&mut self) -> Option<String> {
        if self.waiting.is_empty() && self.breaks.len() <= self.shown {
            return None;
        }
        let said = self.row.said();
        if let Some(end) = self.breaks.get(self.shown) {
            let line = self.editor.text().get(self.rest()..*end).unwrap_or_default();
            self.shown += usize::from(said.shows(line.trim_end()));
        }
        let mut whole = None;
        for (index, waiting) in self.waiting.iter_mut().enumerate() {
            waiting.rows -= 1;
            // Each row is the end of one text at most.
            if whole.is_none() {
                whole = waiting.text.within(&mut self.row, &said).map(|text| (index, text));
            }
        }
        if let Some((index, _)) = &whole {
            self.waiting.drain(..=*index);
        }
        self.waiting.retain(|waiting| waiting.rows > 0);
        whole.map(|(_, text)| text).filter(|text| !text.is_empty())
    }
}

impl Sent {
    fn bytes(&self) -> usize {
        if let Sent::Typed { text, .. } = self { text.len() } else { 0 }
    }

    /// The text, if the row shows the last of it.
    fn within(&mut self, row: &mut Row, said: &Said) -> Option<String> {
        match self {
            Sent::From(began) => Some(row.from(*began).trim().to_owned()),
            Sent::Typed { text, rest, instead } => {
                let left = text.get(*rest..).unwrap_or_default();
                let (line, behind) = left.split_once('\n').map_or((left, None), |(line, behind)| (line, Some(behind)));
                let line = line.trim_end();
                if !said.shows(line) || (line.is_empty() && instead.is_some()) {
                    let found = instead.map(|began| row.from(began).trim().to_owned());
                    // What stands for characters of a password is no line.
                    return found.filter(|found| found.chars().any(char::is_alphanumeric));
                }
                *rest = text.len() - behind.map_or(0, str::len);
                behind.is_none().then(|| std::mem::take(text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is typed (`>`) and shown (`<`), in order; the lines that come of it.
    fn lines(events: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(Size { columns: 80, rows: 24 });
        let mut found = Vec::new();
        for event in events {
            match event.split_at(1) {
                (">", keys) => lines.typed(keys.as_bytes()),
                (_, shown) => found.extend(lines.shown(shown.as_bytes())),
            }
        }
        found
    }

    #[test]
    fn r63_a_line_counts_once_it_is_shown() {
        assert_eq!(lines(&["<$ ", ">rm x", "<rm x", ">\r", "<\r\n$ "]), ["rm x"]);
        assert_eq!(lines(&["<$ ", ">rn\x7Fm x\r", "<rn\x08\x1B[Km x\r\n$ "]), ["rm x"], "as it was corrected");
        assert_eq!(lines(&[">make\rrm x\r", "<make\r\nrm x\r\nmade\r\n$ rm x\r\n"]), ["make", "rm x"], "once");
        assert_eq!(lines(&[">ls\rls\r", "<$ ls\r\n$ ls\r\n"]), ["ls", "ls"], "each for itself");
        assert_eq!(lines(&["<$ ", ">\r", "<\r\n$ ", ">  \r", "<  \r\n"]), [""; 0]);
        assert_eq!(lines(&["<$ ", ">rm x\x03", "<rm x^C\r\n$ ", ">ls\r", "<ls\r\n"]), ["ls"]);
        assert_eq!(lines(&["<$ ", ">rm x\x15ls\r", "<rm x\x08\x08\x08\x08\x1B[Kls\r\n"]), ["ls"]);
    }

    #[test]
    fn r63_what_is_not_shown_is_no_line() {
        assert_eq!(lines(&["<Password: ", ">rm -rf x\r", "<\r\n$ ", ">ls\r", "<ls\r\nrm -rf x\r\n"]), ["ls"]);
        assert_eq!(lines(&["<Password: ", ">secret\r", "<******\r\n"]), [""; 0]);
        assert_eq!(lines(&["<[sudo] password for root: ", ">root\r", "<\r\n"]), [""; 0], "nor what stands before it");
        let many = "row\r\n".repeat(ROWS_MAX as usize);
        assert_eq!(lines(&[">hunter2\r", &format!("<{many}hunter2\r\n")]), [""; 0], "nor what comes much later");
    }

    #[test]
    fn r63_what_a_shell_brings_in_is_what_it_shows() {
        assert_eq!(lines(&["<$ ", ">\x1B[A\r", "<rm x\r\n"]), ["rm x"], "history");
        assert_eq!(lines(&["<$ ", ">rm /et\t\r", "<rm /etc/\r\n"]), ["rm /etc/"], "completion");
        assert_eq!(lines(&["<$ ", ">\x12rm\r", "<\r(search)`rm': rm x\r\x1B[K$ rm x\r\n"]), ["rm x"]);
        assert_eq!(lines(&["<Password: ", ">secret\t\r", "<\r\n"]), [""; 0]);
        assert_eq!(
            lines(&[">make\r", "<make\r\n", ">\x1B[A\r", "<cc a\r\n$ rm x\r\n"]),
            ["make"],
            "but behind no prompt"
        );
        assert_eq!(lines(&["<cc a", ">\x1B[A", "<\r\n$ rm x", ">\r", "<\r\n"]), [""; 0], "nor in another row");
        assert_eq!(lines(&["<$ ", ">ls\r\x1B[A\r", "<ls\r\na\r\n$ ls\r\n"]), ["ls"], "nor what something waits before");
    }

    #[test]
    fn r63_what_keys_of_a_shell_brought_in_is_what_it_shows() {
        assert_eq!(lines(&["<$ ", ">r", "<r\x1B[90mm x\x1B[0m\x1B[3D", ">\x1B[C", "<m x", ">\r", "<\r\n"]), ["rm x"]);
        assert_eq!(lines(&["<$ ", ">rm \x1B.", "<rm x", ">\r", "<\r\n"]), ["rm x"]);
        assert_eq!(lines(&["<$ ", ">\x19", "<rm x", ">\r", "<\r\n"]), ["rm x"]);
        assert_eq!(lines(&["<$ ", ">\x1B[5~", "<rm x", ">\r", "<\r\n"]), ["rm x"]);
        assert_eq!(lines(&["<$           12:30\r\x1B[2C", ">\r", "<\r\n"]), [""; 0], "not what shells show beside");
        assert_eq!(
            lines(&["<Password: ", ">secret", "<******", ">\r", "<\r\n"]),
            [""; 0],
            "nor what stands for a password"
        );
        assert_eq!(lines(&["<Password: ", ">secret\r", "<wrong\r\n"]), [""; 0], "nor what comes behind its Enter");
    }

    #[test]
    fn r63_what_is_typed_at_a_prompt_counts_by_that_row_alone() {
        let shown_later = "<\r\npassword = rm x\r\nrm x\r\n";
        assert_eq!(lines(&["<Password: ", ">rm x\r", shown_later]), [""; 0]);
        assert_eq!(lines(&["<$ ", ">su\r", "<su\r\nPassword: ", ">rm x\r", shown_later]), ["su"]);
        assert_eq!(lines(&["<Password: ", ">rm x\r", "<\r\nAgain: ", ">rm x\r", shown_later]), [""; 0]);
        let ahead = [">su\rrm x\r", "<$ su\r\nPassword: \r\n$ ", ">ls\r", "<ls\r\nrm x\r\n"];
        assert_eq!(lines(&ahead), ["su", "ls"], "what is typed ahead waits until something later is shown");
        assert_eq!(lines(&["<$ ls", ">\x03rm x\r", "<^C\r\n$ rm x\r\n"]), ["rm x"], "also behind what was dropped");
        assert_eq!(lines(&["<$ ", ">\rrm x\r", "<\r\n$ rm x\r\n"]), ["rm x"], "and behind nothing");
    }

    #[test]
    fn r63_what_is_typed_and_shown_costs_so_much_a_byte() {
        let keys = [
            "\x15\x19\x19".repeat(100_000),
            format!("'{}", "x".repeat(4_000)) + &"\r\x7F".repeat(100_000),
            "x".repeat(4_000) + &"\x1Bb\x05".repeat(100_000),
            "x\x15\x19\x19\x15\x19\x19\x15\x19\x19\x15\x19\x19\r".repeat(40_000),
        ];
        for keys in keys {
            let mut lines = Lines::new(Size { columns: 80, rows: 24 });
            let mut looked = 0;
            for byte in keys.bytes() {
                let text = lines.editor.text().len();
                lines.typed(&[byte]);
                // Whatever is no character of the text may have looked through all of it.
                looked += if byte.is_ascii_control() { text.min(lines.editor.text().len()) } else { 0 };
                assert!(lines.editor.text().len() <= TEXT_BYTES_MAX && lines.breaks.len() < TEXT_ROWS_MAX);
            }
            assert!(looked <= LOOKS_MAX + LOOKS_PER_BYTE * keys.len(), "{looked} in {}", keys.len());
        }
        for shown in ["\x1B[8192C\n", "\x1B[9999@\n", "\x1B[499Cx\n", "xxxxxxxxxx\x1B[9999@", "\n"] {
            let mut lines = Lines::new(Size { columns: 500, rows: 24 });
            for _ in 0..100 {
                lines.typed("rm x\r".repeat(WAITING_MAX).as_bytes());
                lines.shown(shown.repeat(400).as_bytes());
            }
            let bytes = 100 * 400 * shown.len() as u64;
            assert!(lines.row.work() <= 200 * bytes, "{shown:?}: {} in {bytes}", lines.row.work());
        }
    }

    #[test]
    fn r63_nothing_of_what_was_typed_is_kept_to_be_put_back() {
        assert_eq!(lines(&[">rm x\x15\r", "<\r\n", ">\x19\r", "<rm x\r\n"]), [""; 0]);
    }

    #[test]
    fn r63_texts_of_several_lines_are_one() {
        let pasted = ">\x1B[200~for i in 1\ndo rm $i\ndone\x1B[201~\r";
        assert_eq!(lines(&["<$ ", pasted, "<for i in 1\r\ndo rm $i\r\ndone\r\n"]), ["for i in 1\ndo rm $i\ndone"]);
        let typed = [">echo 'a\r", "<$ echo 'a\r\n> ", ">b'\r", "<b'\r\n"];
        assert_eq!(lines(&typed), ["echo 'a\nb'"]);
        let open = format!(">'{}\r", "\r".repeat(TEXT_ROWS_MAX));
        assert_eq!(lines(&[&open, "<\r\n", ">rm x\r", "<rm x\r\n"]), ["rm x"], "an open quotation hides no more");
    }

    #[test]
    fn r63_what_has_the_whole_screen_is_typed_into_no_shell() {
        assert_eq!(lines(&["<$ \x1B[?1049h", ">rm x\r", "<rm x\r\n\x1B[?1049l$ ", ">ls\r", "<ls\r\n"]), ["ls"]);
    }

    #[test]
    fn r63_what_waits_is_bounded() {
        let mut lines = Lines::new(Size { columns: 80, rows: 24 });
        lines.typed("x\r".repeat(10_000).as_bytes());
        assert_eq!(lines.waiting.len(), WAITING_MAX);
        lines.typed("y".repeat(100_000).as_bytes());
        assert!(lines.editor.text().len() <= TEXT_BYTES_MAX);
        let mut lines = Lines::new(Size { columns: 80, rows: 24 });
        lines.typed(format!("{}\r", "z".repeat(TEXT_BYTES_MAX - 1)).repeat(8).as_bytes());
        assert!(lines.waiting.iter().map(|waiting| waiting.text.bytes()).sum::<usize>() <= WAITING_BYTES_MAX);
    }
}
