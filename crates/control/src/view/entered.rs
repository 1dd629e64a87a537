//! What was typed in a session: the one place that opens it. Whoever calls this has asked whether it may be seen.

use super::{Entered, TypedLine};
use crate::control::Control;
use crate::fault::Fault;
use crate::transcript::{Reading, Record, Recorded, row};
use crate::vault::Purpose;
use countersign_journal::{SessionId, Timestamp};
use secrecy::ExposeSecret;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// What is told as one line at most, in bytes.
const LINE_BYTES_MAX: usize = 16 << 10;
/// What is told of one session at most, in bytes; the last line says so.
const TYPED_BYTES_MAX: usize = 8 << 20;
/// And most lines of it.
const TYPED_LINES_MAX: usize = 50_000;

/// A line as it is put together.
struct Line {
    at: Timestamp,
    statement: u64,
    typed: Zeroizing<Vec<u8>>,
}

/// The lines of everything that was typed, in order: each ends with the key that ended it, or where something else was typed
/// into.
pub(super) fn lines(control: &Control, session: SessionId, mut reading: Reading) -> Result<Vec<TypedLine>, Fault> {
    let (mut lines, mut line, mut number, mut bytes): (Vec<TypedLine>, Option<Line>, _, _) = (Vec::new(), None, 0, 0);
    while let Some(chunk) = reading.next()? {
        for Record { at, statement, what } in chunk {
            let place = number;
            number += 1;
            let Recorded::Typed(sealed) = what else { continue };
            let typed = control.unseal(Purpose::Typed, &row(session), place, sealed)?;
            for byte in typed.expose_secret() {
                let ended = |line: &Line| line.statement != statement || line.typed.len() >= LINE_BYTES_MAX;
                lines.extend(line.take_if(|line| ended(line)).map(told));
                let begun = line.get_or_insert_with(|| Line { at, statement, typed: Zeroizing::default() });
                begun.typed.push(*byte);
                bytes += 1;
                if matches!(byte, b'\r' | b'\n') {
                    lines.extend(line.take().map(told));
                }
                if bytes == TYPED_BYTES_MAX || lines.len() == TYPED_LINES_MAX {
                    lines.extend(line.take().map(told));
                    let words = format!("(more was typed; {bytes} bytes are shown)");
                    lines.push(TypedLine { at, statement, text: Entered(Zeroizing::new(words)) });
                    return Ok(lines);
                }
            }
        }
    }
    lines.extend(line.map(told));
    Ok(lines)
}

fn told(line: Line) -> TypedLine {
    let text = Zeroizing::new(String::from_utf8_lossy(&line.typed).into_owned());
    TypedLine { at: line.at, statement: line.statement, text: Entered(text) }
}

impl std::fmt::Debug for Entered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entered(…)")
    }
}

impl Entered {
    /// What was typed, for whoever may see it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// For whoever may see it: nothing else asks.
impl Serialize for Entered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}
