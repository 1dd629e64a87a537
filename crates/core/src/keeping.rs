//! How long what sessions recorded is kept: where the rules of a request say so, so many days after a session's end, to the
//! second. Nothing is erased before its time, whatever became of the request, the rules and the people since.

use crate::planted::{self, Fault};
use countersign_journal::{Note, RequestId, Seconds, SessionId, Timestamp};
use std::collections::BTreeMap;

/// A day, in seconds.
const DAY_S: Seconds = 86_400;
/// Longest keeping that is not for ever, in days.
pub const KEPT_DAYS_MAX: u32 = 36_500;
/// Erased by one decision at most; the engine wants to be woken again at once for the rest.
const ERASED_AT_ONCE: usize = 256;

/// Closed sessions whose recordings end one day, in the order of time.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Keeping(BTreeMap<(Timestamp, SessionId), (RequestId, u32)>);

impl Keeping {
    /// A session has closed, and what it recorded is kept for so many days.
    pub(crate) fn closed(&mut self, at: Timestamp, session: SessionId, request: RequestId, kept_days: u32) {
        self.0.insert((until(at, kept_days), session), (request, kept_days));
    }

    /// It is erased. What is erased is among the first.
    pub(crate) fn erased(&mut self, session: SessionId) {
        if let Some(found) = self.0.keys().find(|(_, kept)| *kept == session).copied() {
            self.0.remove(&found);
        }
    }

    /// When the first is to be erased.
    pub(crate) fn first(&self) -> Option<Timestamp> {
        self.0.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is to be erased now.
    pub(crate) fn due(&self, now: Timestamp) -> impl Iterator<Item = Note> {
        let now = if planted::is(Fault::ErasedTooEarly) { Timestamp::MAX } else { now };
        let due = self.0.range(..=(now, SessionId(u64::MAX))).take(ERASED_AT_ONCE);
        due.map(|((_, session), (request, kept_days))| Note::RecordingErased {
            session: *session,
            request: *request,
            kept_days: *kept_days,
        })
    }
}

/// Until when what was recorded is kept at least.
fn until(closed: Timestamp, kept_days: u32) -> Timestamp {
    closed.plus(Seconds::from(kept_days) * DAY_S)
}
