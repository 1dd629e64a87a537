//! What a terminal showed, as an asciicast v3 (docs.asciinema.org, asciicast v3): one line of JSON that says how large it was,
//! then one for each thing that happened, with the seconds since the one before. What was typed is not in it.

use crate::fault::Fault;
use crate::transcript::{Reading, Record, Recorded};
use countersign_journal::Timestamp;
use serde_json::json;

/// The size of a terminal of which none was told, as of a shell that reads a script.
const SIZE: (u16, u16) = (80, 24);

/// Lines are told together up to about so many bytes.
const LINES_BYTES: usize = 64 << 10;

/// The lines of one recording, read as they are wanted. There are none behind the last until more was shown.
pub(crate) struct Cast {
    reading: Reading,
    statement: u64,
    /// When the last line was.
    last: Timestamp,
    /// Whether it has a terminal; where it has none, lines end as in files.
    terminal: bool,
    /// The start of a character whose rest is still to come.
    begun: Vec<u8>,
    /// Records of the chunk that is being told.
    waiting: std::vec::IntoIter<Record>,
    header: Option<String>,
    over: bool,
}

impl Cast {
    /// The recording of one statement; nothing when it has none.
    pub(crate) fn begin(mut reading: Reading, statement: u64) -> Result<Option<Cast>, Fault> {
        while let Some(mut chunk) = reading.next()? {
            let found = chunk.iter().position(|r| r.statement == statement && begins(&r.what));
            let Some(found) = found else { continue };
            let first = &chunk[found];
            let (last, size) = (first.at, size(&first.what));
            let (columns, rows) = size.unwrap_or(SIZE);
            let header = json!({
                "version": 3,
                "term": { "cols": columns, "rows": rows },
                "timestamp": first.at.0 / 1_000_000,
            });
            let waiting = chunk.split_off(found + usize::from(size.is_some())).into_iter();
            let (terminal, header) = (size.is_some(), Some(header.to_string()));
            return Ok(Some(Cast {
                reading,
                statement,
                last,
                terminal,
                begun: Vec::new(),
                waiting,
                header,
                over: false,
            }));
        }
        Ok(None)
    }

    /// The next lines, each with its end, as far as they are there; nothing when none is.
    pub(crate) fn lines(&mut self) -> Result<String, Fault> {
        let mut lines = String::new();
        while lines.len() < LINES_BYTES
            && let Some(line) = self.next()
        {
            lines.push_str(&line?);
            lines.push('\n');
        }
        Ok(lines)
    }

    /// Whether no more can follow.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    fn told(&mut self, record: Record) -> Option<String> {
        let own = record.statement == self.statement;
        let (code, text) = match record.what {
            Recorded::Terminal { columns, rows } if own => ("r", format!("{columns}x{rows}")),
            Recorded::Shown(bytes) if own => ("o", self.text(&bytes)),
            Recorded::Outcome(outcome) if own => {
                self.over = true;
                ("m", outcome)
            }
            Recorded::Alert(words) if own => ("m", format!("alert: {words}")),
            // What else went on in the session meanwhile.
            Recorded::Held(request, _) => ("m", format!("held {request}")),
            Recorded::Released(request) => ("m", format!("released {request}")),
            Recorded::Refused(_, why) => ("m", why),
            _ => return None,
        };
        if text.is_empty() {
            return None;
        }
        let passed = u32::try_from(record.at.0.saturating_sub(self.last.0) / 1_000).unwrap_or_default();
        self.last.0 += i64::from(passed) * 1_000;
        Some(json!([f64::from(passed) / 1_000.0, code, text]).to_string())
    }

    /// Output as text. A character that came in two parts is told whole, and what is none is shown as such.
    fn text(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let rest = self.begun.split_off(whole(&self.begun));
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.begun, rest)).into_owned();
        if self.terminal { text } else { text.replace('\n', "\r\n") }
    }
}

impl Iterator for Cast {
    type Item = Result<String, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(header) = self.header.take() {
            return Some(Ok(header));
        }
        while !self.over {
            match self.waiting.next() {
                Some(record) => match self.told(record) {
                    Some(line) => return Some(Ok(line)),
                    None => continue,
                },
                None => match self.reading.next() {
                    Ok(Some(chunk)) => self.waiting = chunk.into_iter(),
                    Ok(None) => return None,
                    Err(fault) => {
                        self.over = true;
                        return Some(Err(fault));
                    }
                },
            }
        }
        None
    }
}

fn size(what: &Recorded) -> Option<(u16, u16)> {
    match what {
        Recorded::Terminal { columns, rows } => Some((*columns, *rows)),
        _ => None,
    }
}

fn begins(what: &Recorded) -> bool {
    matches!(what, Recorded::Terminal { .. } | Recorded::Shown(_))
}

/// How many of these bytes are whole characters, or none at all: the rest begins one (RFC 3629, 3).
fn whole(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(4).position(|byte| byte & 0xC0 != 0x80).map_or(0, |back| back + 1);
    let wanted = match bytes.len().checked_sub(last).and_then(|start| bytes.get(start)) {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => 0,
    };
    if wanted > last { bytes.len() - last } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_come_in_parts_are_told_whole() {
        for (bytes, told) in [
            (b"abc".as_slice(), 3),
            (b"", 0),
            (b"a\xC3", 1),
            (b"a\xC3\xA4", 3),
            (b"\xE2\x82", 0),
            (b"x\xF0\x9F\x98", 1),
            (b"\xF0\x9F\x98\x80", 4),
            (b"\xFF", 1),
            (b"\x80\x80\x80\x80\x80", 5),
            (b"\xC3\x80\x80", 3),
        ] {
            assert_eq!(whole(bytes), told, "{bytes:?}");
        }
    }
}
