//! One line typed at a terminal in raw mode: what it becomes, and what is shown of it.

/// What Ctrl-C sends.
pub(super) const INTERRUPT: u8 = 0x03;
/// What Ctrl-D sends.
const END: u8 = 0x04;
const ESCAPE: u8 = 0x1B;
/// Longest line, in bytes.
const BYTES_MAX: usize = 2_000;

/// A line while it is typed.
#[derive(Default)]
pub(super) struct Line {
    text: Vec<u8>,
    /// Whether the keys of a function key are being skipped.
    skips: bool,
}

impl Line {
    /// What is shown of these keys; and the line if they end it, without text where they give it up.
    pub(super) fn typed(&mut self, keys: &[u8]) -> (String, Option<Option<String>>) {
        let mut shown = Vec::new();
        for key in keys {
            match *key {
                b'\r' | b'\n' => {
                    let text = String::from_utf8_lossy(&self.text).trim().to_owned();
                    shown.extend_from_slice(b"\r\n");
                    return (readable(&shown), Some(Some(text)));
                }
                INTERRUPT | END => {
                    shown.extend_from_slice(b"\r\n");
                    return (readable(&shown), Some(None));
                }
                // Function keys are sent as an escape and more, up to a letter or tilde (ECMA-48, 5.4).
                ESCAPE => self.skips = true,
                key if self.skips => self.skips = !(key.is_ascii_alphabetic() || key == b'~'),
                0x08 | 0x7F => shown.extend_from_slice(self.erased()),
                key if key >= b' ' && self.text.len() < BYTES_MAX => {
                    self.text.push(key);
                    shown.push(key);
                }
                _ => {}
            }
        }
        (readable(&shown), None)
    }

    /// Takes the last character back; what is shown of that.
    fn erased(&mut self) -> &'static [u8] {
        while let Some(byte) = self.text.pop() {
            if byte & 0xC0 != 0x80 {
                return b"\x08 \x08";
            }
        }
        b""
    }
}

fn readable(shown: &[u8]) -> String {
    String::from_utf8_lossy(shown).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a line becomes, keys given in these pieces.
    fn line(pieces: &[&[u8]]) -> Option<Option<String>> {
        let mut line = Line::default();
        pieces.iter().find_map(|keys| line.typed(keys).1)
    }

    #[test]
    fn a_line_is_what_was_typed_and_not_taken_back() {
        let text = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(line(&[b"disk is ", b"full\r"]), text("disk is full"));
        assert_eq!(line(&[b"disj\x7Fk\n"]), text("disk"));
        assert_eq!(line(&["é\u{8}e".as_bytes(), b"\r"]), text("e"));
        assert_eq!(line(&[b"\xC3", b"\xA9\r"]), text("é"));
        assert_eq!(line(&[b"a\x1B[Db\x1B[3~c\r"]), text("abc"), "keys that move are no text");
        assert_eq!(line(&[b"a\x07\x00\tb\r"]), text("ab"));
        assert_eq!(line(&[b"a\x03"]), Some(None));
        assert_eq!(line(&[b"\x04"]), Some(None));
        assert_eq!(line(&[b"\x7F\x7F"]), None);
        let long = [b'x'; 3_000];
        assert_eq!(line(&[&long, b"\r"]).flatten().map(|text| text.len()), Some(BYTES_MAX));
    }

    #[test]
    fn what_is_shown_holds_no_escape_sequence() {
        let (shown, _) = Line::default().typed(b"a\x1B]0;title\x07\x1B[31mb\x9B2Jc");
        assert!(!shown.contains('\x1B') && !shown.contains('\x07') && !shown.contains('\u{9B}'), "{shown:?}");
    }
}
