//! What a terminal showed, as cells. A terminal emulator takes what the target sent; what leaves here is the characters of its
//! cells, none that anybody would not see, and colours in sequences written here. So nothing a target sends reaches the
//! terminal of whoever looks at it later: no title, link, clipboard, question or movement.

use countersign_inspect::show::is_invisible;
use std::fmt::Write;

/// A terminal is drawn in these sizes, whatever the recording says. Two columns hold a wide character, and with one line
/// only the emulator counts below zero.
const COLUMNS: (u64, u64) = (2, 500);
const ROWS: (u64, u64) = (2, 200);
/// Highest part of a colour.
const COLOUR_MAX: u16 = 255;
/// Stands for what a cell cannot show.
const UNSEEN: char = '\u{FFFD}';

/// A terminal that draws nothing by itself.
pub(crate) struct Screen {
    emulator: vt100::Parser,
    counted: Counted,
    /// The lines as they were drawn last.
    drawn: Vec<String>,
}

impl Screen {
    /// An empty one of that many columns and lines.
    pub(crate) fn new((columns, rows): (u64, u64)) -> Screen {
        let (columns, rows) = within(columns, rows);
        Screen { emulator: vt100::Parser::new(rows, columns, 0), counted: Counted::default(), drawn: Vec::new() }
    }

    /// Takes an event of an asciicast: output or another size. Others change nothing.
    pub(crate) fn take(&mut self, what: &str, data: &str) {
        match what {
            "o" => {
                let (rows, columns) = self.emulator.screen().size();
                self.emulator.process(&self.counted.within(data.as_bytes(), rows.max(columns)));
            }
            "r" => {
                let size = data.split_once('x').and_then(|(c, r)| Some((c.parse().ok()?, r.parse().ok()?)));
                let Some((columns, rows)) = size.map(|(columns, rows)| within(columns, rows)) else { return };
                // A new one is shown what the old one shows: resized, the old one would keep halves of wide characters,
                // and fail over them.
                let shows = self.emulator.screen().state_formatted();
                self.emulator = vt100::Parser::new(rows, columns, 0);
                self.emulator.process(&shows);
                // What the old one was in the midst of, the new one knows nothing of.
                self.counted = Counted::default();
                self.drawn.clear();
            }
            _ => {}
        }
    }

    /// Its lines without colours, up to the last that is not empty.
    pub(crate) fn text(&self) -> String {
        self.lines(|_| String::new()).join("\n")
    }

    /// The same with colours, for a terminal.
    pub(crate) fn painted(&self) -> String {
        self.lines(sgr).iter().map(|line| format!("{line}\x1b[0m\n")).collect()
    }

    /// What to write to a terminal that shows what was drawn last, so that it shows this. Its own size may be smaller: lines
    /// are then cut, not wrapped.
    pub(crate) fn changes(&mut self) -> String {
        let screen = self.emulator.screen();
        let (rows, _) = screen.size();
        let lines: Vec<String> = (0..rows).map(|row| line(screen, row, sgr)).collect();
        let mut changes = String::from("\x1b[?7l");
        if self.drawn.is_empty() {
            changes.push_str("\x1b[0m\x1b[2J");
        }
        for (number, line) in (1..).zip(&lines) {
            if self.drawn.get(number - 1) != Some(line) {
                let _ = write!(changes, "\x1b[{number};1H\x1b[0m\x1b[2K{line}");
            }
        }
        let (row, column) = screen.cursor_position();
        let _ = write!(changes, "\x1b[0m\x1b[?7h\x1b[{};{}H", row + 1, column + 1);
        self.drawn = lines;
        changes
    }

    /// Goes below what was drawn.
    pub(crate) fn leave(&self) -> String {
        format!("\x1b[{};1H\n", self.drawn.len())
    }

    fn lines(&self, ink: fn(&vt100::Cell) -> String) -> Vec<String> {
        let screen = self.emulator.screen();
        let written = (0..screen.size().0).rev().find(|row| !line(screen, *row, |_| String::new()).is_empty());
        (0..written.map_or(0, |last| last + 1)).map(|row| line(screen, row, ink)).collect()
    }
}

/// Numbers in control sequences (ECMA-48, 5.4), none above what the terminal has, or a colour: the emulator does a thing as often as
/// it is told to, and `CSI 65535 @` would cost it half a second.
#[derive(Default)]
struct Counted {
    place: Place,
    /// The number that is being read.
    number: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    #[default]
    Text,
    Escape,
    /// Within parameters, and whether they are those of a mode of somebody's own, which is a name and no count.
    Parameters {
        own: bool,
    },
}

impl Counted {
    /// The same bytes with no number above `most`, which is never less than a colour needs.
    fn within(&mut self, bytes: &[u8], most: u16) -> Vec<u8> {
        let mut counted = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match (self.place, byte) {
                (Place::Parameters { .. }, b'0'..=b'9') => {
                    let digit = u32::from(byte - b'0');
                    self.number = Some(self.number.unwrap_or_default().saturating_mul(10).saturating_add(digit));
                    continue;
                }
                // Done at once in the midst of a sequence, or nothing to the emulator there.
                (Place::Parameters { .. } | Place::Escape, 0..=0x17 | 0x19 | 0x1C..=0x1F | 0x7F..) => {
                    counted.push(*byte);
                    continue;
                }
                _ => self.end_number(&mut counted, most.max(COLOUR_MAX)),
            }
            self.place = match (self.place, byte) {
                (_, 0x1B) => Place::Escape,
                (Place::Escape, b'[') => Place::Parameters { own: false },
                (Place::Parameters { .. }, b'?') => Place::Parameters { own: true },
                (Place::Parameters { own }, b' '..=b'>') => Place::Parameters { own },
                _ => Place::Text,
            };
            counted.push(*byte);
        }
        counted
    }

    fn end_number(&mut self, counted: &mut Vec<u8>, most: u16) {
        let most = u32::from(if self.place == (Place::Parameters { own: true }) { u16::MAX } else { most });
        if let Some(number) = self.number.take() {
            counted.extend_from_slice(number.min(most).to_string().as_bytes());
        }
    }
}

fn within(columns: u64, rows: u64) -> (u16, u16) {
    let within = |n: u64, (least, most): (u64, u64)| u16::try_from(n.clamp(least, most)).unwrap_or(u16::MAX);
    (within(columns, COLUMNS), within(rows, ROWS))
}

/// The cells of one line in their inks, without what is blank at its end.
fn line(screen: &vt100::Screen, row: u16, ink: fn(&vt100::Cell) -> String) -> String {
    let (mut line, mut last, mut end) = (String::new(), String::new(), 0);
    for column in 0..screen.size().1 {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else { continue };
        let ink = ink(cell);
        if ink != last {
            line.push_str(&ink);
            last = ink;
        }
        match cell.has_contents() {
            true => line.extend(seen(cell.contents())),
            false => line.push(' '),
        }
        let blank = !cell.has_contents() || cell.contents() == " ";
        if !blank || cell.bgcolor() != vt100::Color::Default || cell.inverse() {
            end = line.len();
        }
    }
    line.truncate(end);
    line
}

/// The characters of a cell that can be seen; one of those at least.
fn seen(contents: &str) -> impl Iterator<Item = char> {
    let none = contents.chars().all(hidden);
    contents.chars().filter(|c| !hidden(*c)).chain(none.then_some(UNSEEN))
}

fn hidden(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Colours and weight of a cell (ECMA-48, 8.3.117).
fn sgr(cell: &vt100::Cell) -> String {
    let mut codes = String::from("\x1b[0");
    let weights = [(cell.bold(), 1), (cell.dim(), 2), (cell.italic(), 3), (cell.underline(), 4), (cell.inverse(), 7)];
    for (_, code) in weights.into_iter().filter(|(on, _)| *on) {
        let _ = write!(codes, ";{code}");
    }
    for (colour, code) in [(cell.fgcolor(), 38), (cell.bgcolor(), 48)] {
        let _ = match colour {
            vt100::Color::Default => Ok(()),
            vt100::Color::Idx(n) => write!(codes, ";{code};5;{n}"),
            vt100::Color::Rgb(r, g, b) => write!(codes, ";{code};2;{r};{g};{b}"),
        };
    }
    codes.push('m');
    codes
}

#[cfg(any(test, fuzzing))]
pub(crate) mod laws;

#[cfg(test)]
mod tests {
    use super::laws::{HOSTILE, PIECES, only_ours};
    use super::*;

    #[test]
    fn nothing_a_target_sends_gets_through_but_cells() {
        let mut screen = Screen::new((40, 5));
        let mut sent = HOSTILE.to_owned();
        sent.push_str(&String::from_utf8_lossy(b"\x18\xff\xfe\xc3\x28 end"));
        for (at, c) in sent.char_indices() {
            screen.take("o", &sent[at..at + c.len_utf8()]);
            only_ours(&screen.changes());
        }
        only_ours(&screen.painted());
        let text = screen.text();
        assert!(!text.chars().any(|c| c != '\n' && hidden(c)), "{text:?}");
        assert!(text.contains("turned") && text.contains("end"), "{text:?}");
        assert!(!text.contains("evil.example") && !text.contains("title"), "{text:?}");
    }

    #[test]
    fn whatever_order_it_comes_in_it_is_drawn() {
        let mut seed = 88_172_645_463_325_252_u64;
        let mut next = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        for _ in 0..300 {
            let mut screen = Screen::new((next(9), next(5)));
            for _ in 0..60 {
                match usize::try_from(next(45)).ok().and_then(|at| PIECES.get(at)) {
                    Some(piece) => screen.take("o", piece),
                    None => screen.take("r", &format!("{}x{}", next(9), next(6))),
                }
                only_ours(&screen.changes());
            }
        }
        for data in ["65535x65535", "x", "-1x9", "1", ""] {
            let mut screen = Screen::new((65_535, 65_535));
            screen.take("r", data);
            only_ours(&screen.changes());
        }
    }

    #[test]
    fn r70_nothing_is_done_more_often_than_a_terminal_has_columns() {
        let counted = |pieces: &[&str]| {
            let mut counted = Counted::default();
            let all: Vec<u8> = pieces.iter().flat_map(|piece| counted.within(piece.as_bytes(), 500)).collect();
            String::from_utf8(all).expect("text stays text")
        };
        assert_eq!(counted(&["\x1b[99999@12345\x1b[4294967296;07H"]), "\x1b[500@12345\x1b[500;7H");
        assert_eq!(counted(&["\x1b[99", "9", "99L", "é"]), "\x1b[500Lé", "however it is cut");
        assert_eq!(counted(&["\x1b[9\x0799\x079S\x1b[999\x189"]), "\x1b[\x07\x07500S\x1b[500\x189");
        assert_eq!(
            counted(&["\x1bé[99999@\x1b[é99999@\x1b[9é9999@é9999"]),
            "\x1bé[500@\x1b[é500@\x1b[é500@é9999",
            "what is no part"
        );
        assert_eq!(counted(&["\x1b[?1049h\x1b[?2004;1006l"]), "\x1b[?1049h\x1b[?2004;1006l", "a mode is no count");
        assert_eq!(counted(&["\x1b[38;2;255;0;10m\x1b[m\x1b[ 9q9"]), "\x1b[38;2;255;0;10m\x1b[m\x1b[ 9q9");
    }

    #[test]
    fn r70_no_number_is_shown_that_was_never_sent() {
        let mut screen = Screen::new((40, 3));
        for (what, data) in
            [("o", "\x1b["), ("r", "80x25"), ("o", "20261127 rows\r\n\x1b[99"), ("r", "40x3"), ("o", "A")]
        {
            screen.take(what, data);
        }
        assert_eq!(screen.text(), "20261127 rows\nA");
    }

    #[test]
    fn colours_are_kept_and_blanks_are_not() {
        let mut screen = Screen::new((20, 3));
        screen.take("o", "\x1b[1;31mred\x1b[0m plain   \r\n\r\n");
        assert_eq!(screen.text(), "red plain");
        assert_eq!(screen.painted(), "\x1b[0;1;38;5;1mred\x1b[0m plain\x1b[0m\n");
        screen.changes();
        screen.take("o", "two");
        assert_eq!(screen.changes(), "\x1b[?7l\x1b[3;1H\x1b[0m\x1b[2K\x1b[0mtwo\x1b[0m\x1b[?7h\x1b[3;4H");
    }
}
