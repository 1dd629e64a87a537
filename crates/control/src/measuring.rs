//! For measuring: a store with as many requests as years would bring. What is written here is in no journal, so it decides
//! nothing, and the next start takes it away.

use crate::control::Control;
use crate::fault::Fault;
use crate::writer::{found_by, rows_of};
use countersign_core::Case;
use countersign_journal::{GrantId, RequestId};

/// Numbers above all that will ever be given out in a measurement.
const NUMBERS_FROM: u64 = 1 << 40;
/// Requests written by one commit.
const AT_ONCE: u64 = 5_000;
/// How many of them share a word that the others do not have.
const LOT: u64 = 1_000;

impl Control {
    /// Writes the rows of a request that is over `many` times more, found by the same words, by `even` or `odd`, and by one of a
    /// lot of their own: `lot0`, `lot1` and so on.
    ///
    /// # Errors
    /// When there is no such request, or trouble.
    pub async fn repeat_for_measuring(&self, pattern: RequestId, many: u64) -> Result<(), Fault> {
        let pattern = self.case(pattern).await?.filter(Case::is_over).ok_or(Fault::NotFound)?;
        let text = match &pattern.request.reason {
            Some(reason) => self.shown(reason).await?,
            None => String::new(),
        };
        let mut rows = Vec::new();
        for n in 0..many {
            let mut case = pattern.clone();
            case.request.id = RequestId(NUMBERS_FROM + n);
            case.request.grant = case.request.grant.map(|_| GrantId(NUMBERS_FROM + n));
            case.sessions.clear();
            let written =
                self.marks_in([text.as_str(), &format!("lot{}", n / LOT), ["even", "odd"][usize::from(n % 2 == 1)]])?;
            rows.push(found_by(&self.0.vault, &self.directory(), &case.request, &written)?);
            rows.extend(rows_of(case));
            if (n + 1) % AT_ONCE == 0 || n + 1 == many {
                self.0.store.commit(&[], &std::mem::take(&mut rows)).await?;
            }
        }
        Ok(())
    }
}
