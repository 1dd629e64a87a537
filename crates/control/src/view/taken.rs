//! Who took an approval back, and when: the state keeps only the votes that stand, the journal keeps what was.

use super::{PersonView, RequestView, person_view};
use crate::control::Control;
use crate::fault::Fault;
use countersign_journal::{Entry, Event, Timestamp, canonical};
use serde::Serialize;

/// Entries of a kind looked through for one request, the latest first.
const LOOKED_AT_MAX: u32 = 2_000;

/// An approval that was taken back, or access that was taken away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TakenBack {
    /// Who.
    pub by: PersonView,
    /// When.
    pub at: Timestamp,
    /// Which level is open again, from 0; none when the access has ended.
    pub level: Option<u32>,
}

impl Control {
    /// What was taken back of a request, the earliest first.
    ///
    /// # Errors
    /// Trouble.
    pub async fn taken_back(&self, request: &RequestView) -> Result<Vec<TakenBack>, Fault> {
        // A level that was opened again is in a later epoch; nothing else is looked for.
        let again = request.tracks.iter().flatten().any(|level| level.epoch > 0);
        let kinds = [("retracted", again), ("request_revoked", request.status == "Revoked")];
        let mut taken = Vec::new();
        for (kind, _) in kinds.into_iter().filter(|(_, there)| *there) {
            for stored in self.0.store.entries_back(u64::MAX, kind, LOOKED_AT_MAX).await? {
                let Entry { at, event, .. } = canonical::decode(&stored.bytes).map_err(Fault::trouble)?;
                let found = match event {
                    Event::Retracted { request: id, by, level, .. } if id == request.id => Some((by, Some(level))),
                    Event::RequestRevoked { request: id, by, .. } if id == request.id => Some((by, None)),
                    _ => None,
                };
                taken.extend(found.map(|(by, level)| TakenBack { by: person_view(&self.directory(), by), at, level }));
            }
        }
        taken.sort_by_key(|t: &TakenBack| t.at);
        Ok(taken)
    }
}
