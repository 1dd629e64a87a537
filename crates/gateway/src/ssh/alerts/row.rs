//! The row in which a terminal's cursor is, as far as it was written since it began: what a target shows of a line while it is
//! typed. It is no terminal: where one would have to be known, the row is lost until the next begins, and so is what stands in it.

/// Longest row that is kept, in characters, wrapped ones being one.
const ROW_CHARS_MAX: usize = 8 << 10;
/// Longest parameters of a sequence that are looked at, in bytes.
const PARAMETERS_MAX: usize = 16;

/// What was read of a sequence so far.
#[derive(Clone, PartialEq, Eq, Default)]
enum Within {
    #[default]
    Nothing,
    Escape,
    /// Behind `ESC (` and its like: one more byte.
    Charset,
    /// Behind `ESC [`, with the parameters so far.
    Control(Vec<u8>),
    /// In a string, up to its end.
    Text,
    TextEscape,
}

/// A row being written.
pub(super) struct Row {
    cells: Vec<char>,
    /// Where the next character goes.
    at: usize,
    /// Whether the cursor still stands on the last column: the row goes on with the next character only.
    at_edge: bool,
    columns: usize,
    within: Within,
    /// Bytes of a character whose rest is still to come.
    begun: Vec<u8>,
    /// Whether a program has the whole screen (xterm, `ctlseqs`: the alternate buffer).
    apart: bool,
}

impl Row {
    pub(super) fn new(columns: u16) -> Row {
        let mut row = Row {
            cells: Vec::new(),
            at: 0,
            at_edge: false,
            columns: 80,
            within: Within::Nothing,
            begun: Vec::new(),
            apart: false,
        };
        row.resize(columns);
        row
    }

    pub(super) fn resize(&mut self, columns: u16) {
        self.columns = usize::from(columns).max(2);
    }

    /// Where the cursor is.
    pub(super) fn cursor(&self) -> usize {
        self.at
    }

    /// Whether a program has the whole screen, in which there are no lines.
    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    /// What stands in it from there on, without blanks at its end.
    pub(super) fn from(&self, start: usize) -> String {
        let text: String = self.cells.get(start..).unwrap_or_default().iter().collect();
        text.trim_end().to_owned()
    }

    /// Whether it ends with this text, or has it in front of two blanks, behind which some shells show something of their own.
    pub(super) fn shows(&self, text: &str) -> bool {
        let row: String = self.cells.iter().collect();
        let ends = |rest: &str| rest.trim().is_empty() || rest.starts_with("  ");
        row.rmatch_indices(text).any(|(index, _)| ends(&row[index + text.len()..]))
    }

    /// Takes a byte of what the terminal is sent; whether the row ended by it. It is there until the next byte.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        match std::mem::take(&mut self.within) {
            Within::Nothing => {}
            Within::Escape => {
                self.escaped(byte);
                return false;
            }
            Within::Charset => return false,
            Within::Control(parameters) if byte >= b' ' => {
                self.control(parameters, byte);
                return false;
            }
            Within::Text | Within::TextEscape if byte == 0x1B => {
                self.within = Within::TextEscape;
                return false;
            }
            Within::Text if byte != 0x07 => {
                self.within = Within::Text;
                return false;
            }
            Within::TextEscape if byte != b'\\' => {
                self.escaped(byte);
                return false;
            }
            Within::Text | Within::TextEscape => return false,
            // A control character in a sequence is one all the same.
            Within::Control(parameters) => self.within = Within::Control(parameters),
        }
        match byte {
            b'\n' => return !self.apart,
            b'\r' => {
                let column = if self.at_edge { self.at.saturating_sub(1) } else { self.at };
                self.moves(column / self.columns * self.columns);
            }
            0x08 => self.moves(self.at.saturating_sub(1)),
            b'\t' => self.moves((self.at / 8 + 1) * 8),
            0x1B => self.within = Within::Escape,
            0x00..=0x1F | 0x7F => {}
            _ => self.character(byte),
        }
        false
    }

    /// Begins the next one.
    pub(super) fn begin(&mut self) {
        self.cells.clear();
        self.moves(0);
    }

    fn moves(&mut self, at: usize) {
        self.at = at.min(ROW_CHARS_MAX);
        self.at_edge = false;
    }

    fn escaped(&mut self, byte: u8) {
        self.within = match byte {
            b'[' => Within::Control(Vec::new()),
            b']' | b'P' | b'_' | b'^' | b'X' => Within::Text,
            b'(' | b')' | b'*' | b'+' | b'#' | b'%' => Within::Charset,
            0x1B => Within::Escape,
            _ => Within::Nothing,
        };
        // Another row, or the whole screen (`RI`, `RIS`).
        if matches!(byte, b'M' | b'c') {
            self.begin();
        }
    }

    fn control(&mut self, mut parameters: Vec<u8>, byte: u8) {
        if !(0x40..=0x7E).contains(&byte) {
            if parameters.len() < PARAMETERS_MAX {
                parameters.push(byte);
            }
            self.within = Within::Control(parameters);
            return;
        }
        if let Some(modes) = parameters.strip_prefix(b"?") {
            let screen = modes.split(|b| *b == b';').any(|mode| [&b"47"[..], b"1047", b"1049"].contains(&mode));
            if screen && matches!(byte, b'h' | b'l') {
                self.apart = byte == b'h';
                self.begin();
            }
            return;
        }
        let number = std::str::from_utf8(&parameters).ok().and_then(|text| text.parse::<usize>().ok());
        let count = number.unwrap_or(1).clamp(1, ROW_CHARS_MAX);
        match byte {
            b'C' | b'a' => self.moves(self.at.saturating_add(count)),
            b'D' => self.moves(self.at.saturating_sub(count)),
            b'A' => self.moves(self.at.saturating_sub(count * self.columns)),
            b'B' => self.moves(self.at.saturating_add(count * self.columns)),
            b'G' | b'`' => self.moves(self.at / self.columns * self.columns + count - 1),
            b'K' | b'J' => self.erase(number.unwrap_or(0)),
            b'P' => drop(self.cells.drain(self.at.min(self.cells.len())..(self.at + count).min(self.cells.len()))),
            b'@' if self.at < self.cells.len() => {
                drop(self.cells.splice(self.at..self.at, std::iter::repeat_n(' ', count)));
                self.cells.truncate(ROW_CHARS_MAX);
            }
            b'X' => {
                let end = (self.at + count).min(self.cells.len());
                self.cells.get_mut(self.at.min(end)..end).into_iter().flatten().for_each(|cell| *cell = ' ');
            }
            // Somewhere else on the screen.
            b'H' | b'f' | b'd' | b'E' | b'F' => self.begin(),
            _ => {}
        }
    }

    /// Erases up to its end, up to the cursor, or all.
    fn erase(&mut self, what: usize) {
        if what == 0 {
            return self.cells.truncate(self.at);
        }
        let end = if what == 1 { (self.at + 1).min(self.cells.len()) } else { self.cells.len() };
        self.cells[..end].fill(' ');
    }

    fn character(&mut self, byte: u8) {
        self.begun.push(byte);
        let found = match std::str::from_utf8(&self.begun) {
            Ok(text) => text.chars().next(),
            Err(error) if error.error_len().is_none() => return,
            Err(_) => Some(char::REPLACEMENT_CHARACTER),
        };
        self.begun.clear();
        let Some(char) = found.filter(|_| self.at < ROW_CHARS_MAX) else { return };
        if self.cells.len() <= self.at {
            self.cells.resize(self.at + 1, ' ');
        }
        self.cells[self.at] = char;
        self.at += 1;
        self.at_edge = self.at.is_multiple_of(self.columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows that end, as they are then.
    fn rows(columns: u16, bytes: &str) -> Vec<String> {
        let mut row = Row::new(columns);
        let mut ended = Vec::new();
        for byte in bytes.bytes() {
            if row.takes(byte) {
                ended.push(row.from(0));
                row.begin();
            }
        }
        ended
    }

    #[test]
    fn r63_a_row_is_what_a_shell_shows_of_a_line() {
        for (shown, row) in [
            ("$ rm x\r\n", "$ rm x"),
            ("$ rn\x08\x1B[Km x\r\n", "$ rm x"),
            ("$ rn\x08 \x08m x\r\n", "$ rm x"),
            ("\x1B[?2004h$ \x1B[31mrm\x1B[0m x\x1B[?2004l\r\r\n", "$ rm x"),
            ("\x1B]0;title\x07$ rm x\r\n", "$ rm x"),
            ("\x1B]0;title\x1B\\$ rm x\r\n", "$ rm x"),
            ("$ m x\x08\x08\x08\x1B[@r\r\n", "$ rm x"),
            ("$ rrm x\x08\x08\x08\x08\x08\x1B[P\r\n", "$ rm x"),
            ("$ rm y\x08x\r\n", "$ rm x"),
            ("$ rm\x1B[1Cx\x1B(B\r\n", "$ rm x"),
            ("old\r\x1B[K$ rm x\r\n", "$ rm x"),
            ("somewhere\x1B[3;1H$ rm x\r\n", "$ rm x"),
            ("$ rm \u{e9}\r\n", "$ rm \u{e9}"),
            ("\n", ""),
        ] {
            assert_eq!(rows(80, shown), [row], "{shown:?}");
        }
    }

    #[test]
    fn r63_a_row_that_wraps_is_one() {
        assert_eq!(rows(10, "$ rm 56789 \rabc\r\n"), ["$ rm 56789abc"], "as readline wraps");
        assert_eq!(rows(10, "%123456789\r$ rm x    \r\n"), ["$ rm x"], "at the edge the row is the same");
        assert_eq!(rows(10, "$ rm 56789 \rabc\x1B[A\r$ ls\x1B[B\r\n"), ["$ ls 56789abc"], "and one goes back up");
    }

    #[test]
    fn r63_what_has_the_whole_screen_has_no_rows() {
        let shown = "\x1B[?1049h\x1B[Hrm x\r\n\x1B[?1049l$ ls\r\n";
        assert_eq!(rows(80, shown), ["$ ls"]);
        let mut row = Row::new(80);
        b"\x1B[?47h".iter().for_each(|byte| _ = row.takes(*byte));
        assert!(row.is_apart());
    }

    #[test]
    fn r63_a_row_is_bounded_whatever_is_sent() {
        let mut row = Row::new(0);
        for part in ["x".repeat(100_000), "\x1B[99999999999999999999C".repeat(99), "\x1B[9999@".repeat(99)] {
            part.bytes().for_each(|byte| _ = row.takes(byte));
            assert!(row.cells.len() <= ROW_CHARS_MAX && row.cursor() <= ROW_CHARS_MAX);
            row.begin();
        }
        let noise: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        noise.iter().for_each(|byte| _ = row.takes(*byte));
        assert!(row.begun.len() <= 4 && row.cells.len() <= ROW_CHARS_MAX);
    }

    #[test]
    fn r63_what_is_shown_is_at_the_end_of_its_row() {
        let mut row = Row::new(80);
        "root@web:~# rm -rf x      12:30".bytes().for_each(|byte| _ = row.takes(byte));
        assert!(row.shows("rm -rf x") && row.shows("12:30"));
        assert!(!row.shows("root") && !row.shows("rm -rf"));
    }
}
