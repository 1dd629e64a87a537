//! The row in which a terminal's cursor is, as far as it was written since it began: what a target shows of a line while it is
//! typed. It is no terminal: where one would have to be known, the row is lost until the next begins, and so is what stands in it.

/// Longest row that is kept, in characters, wrapped ones being one.
const ROW_CHARS_MAX: usize = 8 << 10;
/// Longest parameters of a sequence that are looked at, in bytes.
const PARAMETERS_MAX: usize = 16;
/// Widest terminal: so much of a row is moved by one sequence at most.
const COLUMNS_MAX: usize = 500;
/// Gaps in front of which the end of a line is looked for, from the last one on.
const GAPS_MAX: usize = 8;

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
    /// How many began before it.
    number: u64,
    /// Cells that were moved, filled or read, of all rows: what its bytes cost beside a step for each.
    work: u64,
}

/// What a row says, read once.
pub(super) struct Said {
    text: String,
    /// Where a line may end in it, in bytes.
    ends: Vec<usize>,
}

impl Said {
    /// Whether it ends with this text, or has it in front of two blanks, behind which some shells show something of their own.
    pub(super) fn shows(&self, text: &str) -> bool {
        self.ends.iter().any(|end| self.text[..*end].ends_with(text))
    }
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
            number: 0,
            work: 0,
        };
        row.resize(columns);
        row
    }

    pub(super) fn resize(&mut self, columns: u16) {
        self.columns = usize::from(columns).clamp(2, COLUMNS_MAX);
    }

    /// Where the cursor is.
    pub(super) fn cursor(&self) -> usize {
        self.at
    }

    /// Whether a program has the whole screen, in which there are no lines.
    pub(super) fn is_apart(&self) -> bool {
        self.apart
    }

    /// Another one for each row that begins.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What stands in it from there on, without blanks at its end.
    pub(super) fn from(&mut self, start: usize) -> String {
        let cells = self.cells.get(start..).unwrap_or_default();
        self.work += cells.len() as u64;
        let text: String = cells.iter().collect();
        text.trim_end().to_owned()
    }

    /// What it says.
    pub(super) fn said(&mut self) -> Said {
        let text = self.from(0);
        let mut ends = vec![text.len()];
        let mut rest = text.as_str();
        while let Some(gap) = rest.rfind("  ").filter(|_| ends.len() <= GAPS_MAX) {
            rest = rest[..gap].trim_end();
            ends.push(rest.len());
        }
        Said { text, ends }
    }

    #[cfg(test)]
    pub(super) fn work(&self) -> u64 {
        self.work
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
                self.moves(self.line().0);
            }
            0x08 => self.moves(self.at.saturating_sub(1)),
            b'\t' => self.moves_within((self.at / 8 + 1) * 8),
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
        self.number += 1;
    }

    /// Where the line of the terminal in which the cursor is begins, and where the next one does.
    fn line(&self) -> (usize, usize) {
        let at = if self.at_edge { self.at.saturating_sub(1) } else { self.at };
        let start = at / self.columns * self.columns;
        (start, start + self.columns)
    }

    /// Moves to the right, up to the last column.
    fn moves_within(&mut self, at: usize) {
        self.moves(at.min(self.line().1 - 1));
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
        let count = number.unwrap_or(1).clamp(1, COLUMNS_MAX);
        match byte {
            b'C' | b'a' => self.moves_within(self.at + count),
            b'D' => self.moves(self.at.saturating_sub(count)),
            b'A' => self.moves(self.at.saturating_sub(count * self.columns)),
            // Below what was written there is another row.
            b'B' => self.moves((self.at + count * self.columns).min(self.cells.len().max(self.at))),
            b'G' | b'`' => self.moves_within(self.line().0 + count - 1),
            b'K' | b'J' => self.erase(number.unwrap_or(0), byte == b'J'),
            b'P' | b'@' | b'X' => self.shifts(count, byte),
            // Somewhere else on the screen.
            b'H' | b'f' | b'd' | b'E' | b'F' => self.begin(),
            _ => {}
        }
    }

    /// Deletes characters at the cursor, makes room for some, or blanks them, as terminals do: in the line in which it is.
    fn shifts(&mut self, count: usize, how: u8) {
        let (at, end) = (self.at, self.line().1);
        if at >= end.min(self.cells.len()) {
            return;
        }
        let makes_room = if how == b'@' { count } else { 0 };
        let end = end.min(self.cells.len() + makes_room).min(ROW_CHARS_MAX);
        if self.cells.len() < end {
            self.cells.resize(end, ' ');
        }
        let cells = &mut self.cells[at..end];
        self.work += cells.len() as u64;
        let count = count.min(cells.len());
        match how {
            b'@' => {
                cells.rotate_right(count);
                cells[..count].fill(' ');
            }
            b'P' => {
                cells.rotate_left(count);
                let kept = cells.len() - count;
                cells[kept..].fill(' ');
            }
            _ => cells[..count].fill(' '),
        }
    }

    /// Erases up to its end, or in the line of the cursor up to it, or all of that. Where the whole screen is erased, a row begins.
    fn erase(&mut self, what: usize, screen: bool) {
        if what == 0 {
            return self.cells.truncate(self.at);
        }
        if screen {
            return self.begin();
        }
        let (start, end) = self.line();
        let end = if what == 1 { self.at + 1 } else { end }.min(self.cells.len());
        let cells = &mut self.cells[start.min(end)..end];
        self.work += cells.len() as u64;
        cells.fill(' ');
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
            self.work += (self.at - self.cells.len()) as u64;
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
    fn r63_no_sequence_moves_more_than_a_line_of_a_terminal() {
        for sequence in [
            "\x1B[8192C",
            "\x1B[9999@",
            "\x1B[9999P",
            "\x1B[9999X",
            "\x1B[B",
            "\t",
            "\x1B[2K",
            "\x1B[2Jx",
            "\x1B[1K",
            "\x1B[K\x1B[C",
            "\r\x1B[Gx",
            "\r\x1B[999Gx",
        ] {
            for columns in [0, 80, 65_535] {
                let mut row = Row::new(columns);
                let bytes = format!("{}{}", "x".repeat(ROW_CHARS_MAX - 100), format!("{sequence}y").repeat(20_000));
                bytes.bytes().for_each(|byte| _ = row.takes(byte));
                let most = 200 * bytes.len() as u64;
                assert!(row.work() <= most, "{sequence:?} in {columns}: {} of {most}", row.work());
                assert!(row.cells.len() <= ROW_CHARS_MAX);
            }
        }
    }

    #[test]
    fn r63_what_is_shown_is_at_the_end_of_its_row() {
        let mut row = Row::new(80);
        "root@web:~# rm -rf x      12:30".bytes().for_each(|byte| _ = row.takes(byte));
        let said = row.said();
        assert!(said.shows("rm -rf x") && said.shows("12:30") && said.shows(""));
        assert!(!said.shows("root") && !said.shows("rm -rf") && !said.shows("x  "));
    }
}
