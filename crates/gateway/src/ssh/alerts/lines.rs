//! Lines that are typed at a terminal, and shown by the target: keys in, what it shows in, lines out. It does nothing else.
//!
//! A line counts once the target has shown it in a row that ended behind its Enter. What it does not show may be a password, and
//! is dropped: nobody judges it. Where a key brought something into the line that was not typed (history, completion), the line is
//! what is shown, from where the cursor stood when it began.

use super::row::Row;
use crate::ssh::gated::editor::{Editor, Happened};
use countersign_target::ssh::Size;
use std::collections::VecDeque;

/// Longest text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Rows of one text that are looked at: an open quotation may be none of a shell's.
const TEXT_ROWS_MAX: usize = 16;
/// Texts that wait to be shown.
const WAITING_MAX: usize = 64;
/// Rows that end before a text is given up.
const ROWS_MAX: u32 = 1_000;

/// Reads lines.
pub(super) struct Lines {
    editor: Editor,
    row: Row,
    /// Where the cursor stood when the line began; none before its first key.
    began: Option<usize>,
    /// How many lines of a text that goes on were shown.
    shown: usize,
    waiting: VecDeque<Waiting>,
}

/// A text that was sent and is still to be shown.
struct Waiting {
    text: Sent,
    /// Rows that ended since.
    rows: u32,
}

enum Sent {
    /// As it was typed; so many of its lines were shown.
    Typed(String, usize),
    /// What stands in the next row from there on.
    From(usize),
}

impl Lines {
    pub(super) fn new(size: Size) -> Lines {
        let (editor, row) = (Editor::new(size, Vec::new()), Row::new(size.columns));
        Lines { editor, row, began: None, shown: 0, waiting: VecDeque::new() }
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.row.resize(size.columns);
    }

    /// Takes keys, before the target does.
    pub(super) fn typed(&mut self, mut bytes: &[u8]) {
        if self.row.is_apart() {
            return self.begin();
        }
        while !bytes.is_empty() {
            self.began = self.began.or(Some(self.row.cursor()));
            let (taken, happened) = self.editor.typed(bytes);
            bytes = bytes.get(taken..).unwrap_or_default();
            match happened {
                Some(Happened::Sent(text)) => self.sent(text),
                Some(Happened::Dropped | Happened::TooLong | Happened::Closed) => self.begin(),
                Some(Happened::Cleared | Happened::Offered(_)) | None => {}
            }
            let text = self.editor.text();
            if text.len() > TEXT_BYTES_MAX || text.split('\n').count() > TEXT_ROWS_MAX {
                self.begin();
            }
        }
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
        (self.began, self.shown) = (None, 0);
    }

    fn sent(&mut self, text: String) {
        let (brought, began, shown) = (self.editor.take_brought(), self.began.take(), std::mem::take(&mut self.shown));
        // Nothing that was typed stays but what still waits to be shown.
        self.editor.forget_history();
        let text = match began {
            Some(began) if brought && !text.contains('\n') => Sent::From(began),
            _ if brought || text.trim().is_empty() => return,
            _ => Sent::Typed(text, shown),
        };
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(Waiting { text, rows: 0 });
        }
    }

    /// A row ended: the text that is whole by that. Those before it were not shown, and are forgotten.
    fn ended(&mut self) -> Option<String> {
        let row = &self.row;
        let begun = self.editor.text();
        let goes_on = begun.split('\n').nth(self.shown).filter(|_| begun.matches('\n').count() > self.shown);
        self.shown += usize::from(goes_on.is_some_and(|line| row.shows(line.trim_end())));
        let mut whole = None;
        for (index, waiting) in self.waiting.iter_mut().enumerate() {
            waiting.rows += 1;
            // Each row is the end of one text at most.
            if whole.is_none() {
                whole = waiting.text.within(row).map(|text| (index, text));
            }
        }
        if let Some((index, _)) = &whole {
            self.waiting.drain(..=*index);
        }
        self.waiting.retain(|waiting| waiting.rows < ROWS_MAX);
        whole.map(|(_, text)| text).filter(|text| !text.is_empty())
    }
}

impl Sent {
    /// The text, if the row shows the last of it.
    fn within(&mut self, row: &Row) -> Option<String> {
        match self {
            Sent::From(began) => Some(row.from(*began).trim().to_owned()),
            Sent::Typed(text, shown) => {
                let line = text.split('\n').nth(*shown).unwrap_or_default().trim_end();
                if !row.shows(line) {
                    return None;
                }
                *shown += 1;
                (text.split('\n').count() == *shown).then(|| std::mem::take(text))
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
        assert!(lines.editor.text().len() <= TEXT_BYTES_MAX + 64);
    }
}
