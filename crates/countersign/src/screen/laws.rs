//! What holds for everything that a terminal shows. A test holds it against a few thousand recordings, `fuzz/` against as many as there
//! is time for.

use super::{COLUMNS, ROWS, Screen, hidden};

/// What a target may send to whoever looks at it.
pub(super) const HOSTILE: &str = "\x1b]0;title\x07\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\ \x1b]52;c;cm0gLXJm\x07\
    \x1b[6n\x1b[c\x1b[>c\x1b[18t\x1b[8;9999;9999t\x1b[21t\x1bP$qm\x1b\\\x1bPq#0~\x1b\\\x1b_Gf=100;AAAA\x1b\\\x1b]1337;File=:AA\x07\
    \x1b[?1049h\x1b[?1000h\x1b[?2004h\x1b[5i\x1b[4i\x1b#8\x1b%G\x1b(0qqq\x1b(B\x0e\x0f\x05\x07\r\n\
    \u{9b}31m\u{9d}0;c1\u{9c}\u{90}x\u{9c}\u{85}\u{202e}turned\u{202c}\u{200b}\u{2066}\u{feff}a\u{301}\u{1b}";

/// What moves, cuts, scrolls and fills a screen, in any order and at sizes that hardly hold it.
pub(super) const PIECES: [&str; 42] = [
    "a",
    "wide \u{4e16}\u{754c}",
    "a\u{301}",
    "\r\n",
    "\n",
    "\t",
    "\x08",
    "\x1b[999;999H",
    "\x1b[H",
    "\x1b[65535;65535H",
    "\x1b[999L",
    "\x1b[999M",
    "\x1b[999P",
    "\x1b[999@",
    "\x1b[999X",
    "\x1b[999S",
    "\x1b[999T",
    "\x1b[2;1r",
    "\x1b[1;1r",
    "\x1b[2;3r",
    "\x1b[r",
    "\x1bM",
    "\x1bD",
    "\x1b7",
    "\x1b8",
    "\x1b[?6h",
    "\x1b[?6l",
    "\x1b[?7l",
    "\x1b[?7h",
    "\x1b[?1049h",
    "\x1b[?1049l",
    "\x1b[999C",
    "\x1b[999A",
    "\x1b[1J",
    "\x1b[0J",
    "\x1b[1K",
    "\x1b[48;5;300m",
    "\x1bc",
    "\x1b[99b",
    "\x1b#8",
    "\x1bP",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Sizes are below these, and so much is shown at a time: what a screen is drawn like costs its cells each time.
const SIDES: (u64, u64) = (48, 12);
const PIECE_BYTES: usize = 24;

/// Recordings to begin with: two bytes for the size, then what is shown; a byte that no text has stands before another size.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let small = [&[9, 5][..], HOSTILE.as_bytes()].concat();
    let moved = PIECES.chunks(6).map(|pieces| [&[12, 4][..], pieces.concat().as_bytes(), &[0xFF, 7, 3], b"x"].concat());
    let slow = "\x0c\x04\x1b[99999@\x1b[99999L\x1b[99999S\x1b\u{e9}[99999@\x1b[9\u{e9}9999L".as_bytes().to_vec();
    [small, slow].into_iter().chain(moved).collect()
}

/// Holds for every recording.
///
/// # Panics
///
/// Where it does not hold.
pub(crate) fn law(data: &[u8]) {
    let [columns, rows, shown @ ..] = data else { return };
    let mut screen = Screen::new((u64::from(*columns) % SIDES.0, u64::from(*rows) % SIDES.1));
    for (nth, part) in shown.split(|byte| *byte == 0xFF).enumerate() {
        let shown = match (nth, part) {
            (1.., [columns, rows, shown @ ..]) => {
                screen.take("r", &format!("{}x{}", u64::from(*columns) % SIDES.0, u64::from(*rows) % SIDES.1));
                shown
            }
            _ => part,
        };
        for piece in shown.chunks(PIECE_BYTES) {
            screen.take("o", &String::from_utf8_lossy(piece));
            only_ours(&screen.changes());
        }
        is_text(&screen.text());
        only_ours(&screen.painted());
    }
    only_ours(&screen.changes());
    assert_eq!(screen.changes(), screen.changes(), "what is drawn once is drawn");
}

/// Lines of cells, no more and no longer than a terminal has.
fn is_text(text: &str) {
    assert!(!text.chars().any(|c| c != '\n' && hidden(c)), "{text:?}");
    let (columns, rows) = (SIDES.0.max(COLUMNS.0), SIDES.1.max(ROWS.0));
    let lines = text.lines().count() as u64;
    assert!(lines <= rows && text.lines().all(|line| line.chars().count() as u64 <= columns * CELL_CHARS_MAX));
}

/// Most characters in a cell: one, and what combines with it (the emulator keeps 22 bytes).
const CELL_CHARS_MAX: u64 = 22;

/// Fails unless every escape begins a colour, a weight, a movement or a clearing of ours.
pub(super) fn only_ours(drawn: &str) {
    let mut parts = drawn.split('\x1b');
    let first = parts.next().unwrap_or_default();
    for (part, text) in std::iter::once(("", first)).chain(parts.map(|part| {
        let (code, text) = part.split_at(part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1));
        (code, text)
    })) {
        let known = part.is_empty()
            || ["[?7l", "[?7h", "[2J", "[2K"].contains(&part)
            || part.strip_prefix('[').is_some_and(|rest| {
                rest.ends_with(['m', 'H']) && rest[..rest.len() - 1].chars().all(|c| c.is_ascii_digit() || c == ';')
            });
        assert!(known, "{part:?} in {drawn:?}");
        assert!(!text.chars().any(|c| c != '\n' && hidden(c)), "{text:?} in {drawn:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn r70_what_is_said_of_a_screen_holds_for_every_recording() {
        countersign_harness::hold_against(&super::seeds(), 1_500, super::law);
    }
}
