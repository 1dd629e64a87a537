//! Bytes of a terminal to keys. What is no key that edits a line is dropped: other control characters, sequences by which a
//! terminal answers or reports, and what is no UTF-8. What is pasted between brackets (`CSI 200 ~` … `CSI 201 ~`) is text,
//! line feeds among it.

/// Longest parameters of a sequence that are looked at, in bytes.
const PARAMETERS_MAX: usize = 16;

/// One key, or one character of a text that is pasted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Char(char),
    /// Every key that ends a line: Enter, Ctrl-J, Ctrl-M, Ctrl-O, Enter of the keypad.
    Enter,
    Tab,
    Left,
    Right,
    Up,
    Down,
    Home,
    End,
    WordLeft,
    WordRight,
    Backspace,
    Delete,
    WordBackspace,
    WordDelete,
    CutToEnd,
    CutToStart,
    PutBack,
    Clear,
    /// Ctrl-R, Ctrl-S: nothing here is searched.
    Search,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    Close,
}

/// What was read of a sequence so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Within {
    #[default]
    Nothing,
    /// Behind an escape.
    Escape,
    /// Behind `ESC [`, with the parameters so far.
    Control(String),
    /// Behind `ESC O`.
    Single,
    /// In a report of the mouse, of which so many bytes are still to come.
    Mouse(u8),
    /// In a string that a terminal answers with, up to its end (ECMA-48, 5.6).
    Text,
    /// Behind an escape in such a string.
    TextEscape,
}

/// Reads keys.
#[derive(Default)]
pub(super) struct Keys {
    within: Within,
    pasted: bool,
    /// Whether the last byte was a carriage return: a line feed behind it is no key of its own.
    returned: bool,
    /// Bytes of a character whose rest is still to come.
    begun: Vec<u8>,
}

impl Keys {
    /// The key that is complete with this byte.
    pub(super) fn press(&mut self, byte: u8) -> Option<Key> {
        let returned = std::mem::take(&mut self.returned);
        match std::mem::take(&mut self.within) {
            Within::Nothing => {}
            Within::Escape => return self.escaped(byte),
            Within::Control(parameters) if byte >= b' ' => return self.control(parameters, byte),
            Within::Single if byte == b'M' && !self.pasted => return Some(Key::Enter),
            Within::Single if byte >= b' ' => return self.function("", byte),
            Within::Mouse(left) => {
                self.within = if left > 1 { Within::Mouse(left - 1) } else { Within::Nothing };
                return None;
            }
            Within::Text if byte == 0x07 => return None,
            Within::Text | Within::TextEscape if byte == 0x1B => {
                self.within = Within::TextEscape;
                return None;
            }
            Within::Text if byte >= b' ' => {
                self.within = Within::Text;
                return None;
            }
            // An escape ends a string, whatever it begins.
            Within::TextEscape if byte >= b' ' => return if byte == b'\\' { None } else { self.escaped(byte) },
            // A control character ends a sequence, and is one.
            _ => {}
        }
        match byte {
            b'\n' if returned => None,
            0x00..=0x1F | 0x7F => {
                self.begun.clear();
                self.returned = byte == b'\r';
                self.sign(byte)
            }
            _ => self.character(byte).map(Key::Char),
        }
    }

    fn sign(&mut self, byte: u8) -> Option<Key> {
        match (byte, self.pasted) {
            (0x1B, _) => {
                self.within = Within::Escape;
                None
            }
            (b'\r' | b'\n', true) => Some(Key::Char('\n')),
            (b'\t', true) => Some(Key::Char('\t')),
            (_, true) => None,
            (b'\r' | b'\n' | 0x0F, false) => Some(Key::Enter),
            (b'\t', false) => Some(Key::Tab),
            (byte, false) => Some(match byte {
                0x01 => Key::Home,
                0x02 => Key::Left,
                0x03 => Key::Interrupt,
                0x04 => Key::Close,
                0x05 => Key::End,
                0x06 => Key::Right,
                0x08 | 0x7F => Key::Backspace,
                0x0B => Key::CutToEnd,
                0x0C => Key::Clear,
                0x0E => Key::Down,
                0x10 => Key::Up,
                0x12 | 0x13 => Key::Search,
                0x15 => Key::CutToStart,
                0x17 => Key::WordBackspace,
                0x19 => Key::PutBack,
                _ => return None,
            }),
        }
    }

    fn escaped(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.within = Within::Control(String::new()),
            b'O' => self.within = Within::Single,
            b']' | b'P' | b'_' | b'^' | b'X' => self.within = Within::Text,
            0x1B => self.within = Within::Escape,
            0x03 | 0x04 | b'\r' | b'\n' => return self.press(byte),
            _ if self.pasted => {}
            b'b' => return Some(Key::WordLeft),
            b'f' => return Some(Key::WordRight),
            b'd' => return Some(Key::WordDelete),
            0x08 | 0x7F => return Some(Key::WordBackspace),
            _ => {}
        }
        None
    }

    fn control(&mut self, mut parameters: String, byte: u8) -> Option<Key> {
        if !(0x40..=0x7E).contains(&byte) {
            if parameters.len() < PARAMETERS_MAX {
                parameters.push(char::from(byte));
            }
            self.within = Within::Control(parameters);
            return None;
        }
        match (parameters.as_str(), byte) {
            ("200", b'~') => self.pasted = true,
            ("201", b'~') => self.pasted = false,
            ("", b'M') => self.within = Within::Mouse(3),
            _ => return self.function(&parameters, byte),
        }
        None
    }

    /// A key by the sequence that terminals send for it (xterm, `ctlseqs`, PC-style function keys).
    fn function(&self, parameters: &str, last: u8) -> Option<Key> {
        if self.pasted {
            return None;
        }
        let by_word = ["1;5", "1;3", "5", "3"].contains(&parameters);
        Some(match (parameters, last) {
            (_, b'C') if by_word => Key::WordRight,
            (_, b'D') if by_word => Key::WordLeft,
            ("3;5" | "3;3", b'~') => Key::WordDelete,
            ("", b'A') => Key::Up,
            ("", b'B') => Key::Down,
            ("", b'C') => Key::Right,
            ("", b'D') => Key::Left,
            ("", b'H') | ("1" | "7", b'~') => Key::Home,
            ("", b'F') | ("4" | "8", b'~') => Key::End,
            ("3", b'~') => Key::Delete,
            _ => return None,
        })
    }

    /// The character that is complete with this byte. What is none is dropped, and so are control characters.
    fn character(&mut self, byte: u8) -> Option<char> {
        self.begun.push(byte);
        match std::str::from_utf8(&self.begun) {
            Ok(text) => {
                let found = text.chars().next().filter(|c| !c.is_control());
                self.begun.clear();
                found
            }
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.begun.clear();
                // It may be, or begin, the next one.
                match byte {
                    0x20..=0x7E => return Some(char::from(byte)),
                    0xC2..=0xF4 => self.begun.push(byte),
                    _ => {}
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        bytes.iter().filter_map(|byte| keys.press(*byte)).collect()
    }

    fn text(bytes: &[u8]) -> String {
        let char = |key| match key {
            Key::Char(c) => c,
            Key::Enter => '⏎',
            _ => '·',
        };
        keys(bytes).into_iter().map(char).collect()
    }

    #[test]
    fn r63_what_terminals_report_is_no_key() {
        assert_eq!(text(b"a\x1B[M !!b\x1B[M#!!c\r"), "abc\u{23CE}", "clicks, as X10 told them");
        assert_eq!(text(b"a\x1B[<0;3;4Mb"), "ab", "and as is told today");
        assert_eq!(text(b"\x1BOM"), "\u{23CE}", "the key pad's");
        let pasted = text(b"\x1B]52;c;\x1B[200~echo a\nrm b\n\x1B[201~");
        assert_eq!(pasted, "echo a\nrm b\n", "what is pasted behind an answer that was cut off is pasted");
    }

    #[test]
    fn r63_every_way_to_end_a_line_is_enter() {
        for bytes in [&b"\r"[..], b"\n", b"\x0F", b"\r\n", b"\x1BOM", b"\x1B\r", b"\x1B[1\r", b"\x1B]0;x\r"] {
            assert_eq!(keys(bytes), [Key::Enter], "{bytes:?}");
        }
        assert_eq!(text(b"a\r\nb\n\nc\r\r"), "a⏎b⏎⏎c⏎⏎");
    }

    #[test]
    fn r63_what_is_pasted_between_brackets_is_text() {
        assert_eq!(text(b"\x1B[200~a\rb\nc\r\nd\x03\x04\x0F\x1B[A\x1Bf\te\x1B[201~\r"), "a\nb\nc\nd\te⏎");
        assert_eq!(text(b"\x1B[200~a\x1B[201~b\n"), "ab⏎");
        assert_eq!(text(b"\x1B[200~a\x1BOMb\x1B[201~"), "ab", "nor is the key pad's Enter");
    }

    #[test]
    fn what_is_no_key_is_dropped() {
        for bytes in [
            &b"\x1B[?1;2c"[..],
            b"\x1B[24;80R",
            b"\x1B]lname\x1B\\",
            b"\x1B]0;rm -rf\x07",
            b"\x1BP1$r0m\x1B\\",
            b"\x1B_x\x1B\\",
            b"\x1B[<0;1;1M",
            b"\x1B[I",
            b"\x1B[999999999999999999999999999999z",
            b"\x00\x07\x1A\x18\x1D",
            b"\xC2\x9B\xC2\x85",
            b"\xFF\xFE\xC0\x80\xED\xA0\x80",
        ] {
            assert_eq!(keys(bytes), [], "{bytes:?}");
        }
        assert_eq!(text(b"**\x18B00000000000000"), "**B00000000000000", "as zmodem begins");
        assert_eq!(text("é日\u{202e}".as_bytes()), "é日\u{202e}");
        assert_eq!(text(b"\xC3a\xE2\x82b\xF0\xC3\xA9"), "abé");
    }

    #[test]
    fn no_more_is_kept_of_a_sequence_than_any_key_has() {
        let mut keys = Keys::default();
        for byte in b"\x1B[".iter().chain(&[b'9'; 1_000]) {
            assert_eq!(keys.press(*byte), None);
        }
        assert_eq!(keys.within, Within::Control("9".repeat(PARAMETERS_MAX)));
    }

    #[test]
    fn keys_that_move_are_known_by_their_sequences() {
        assert_eq!(
            keys(b"\x1B[A\x1BOB\x1B[1;5C\x1Bb\x1B[3~"),
            [Key::Up, Key::Down, Key::WordRight, Key::WordLeft, Key::Delete]
        );
        assert_eq!(
            keys(b"\x01\x05\x0B\x15\x17\x0C\x03\x04\x7F"),
            [
                Key::Home,
                Key::End,
                Key::CutToEnd,
                Key::CutToStart,
                Key::WordBackspace,
                Key::Clear,
                Key::Interrupt,
                Key::Close,
                Key::Backspace,
            ]
        );
    }
}
