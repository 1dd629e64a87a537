//! Recurring hours: weekdays and times of day in a named zone. The words only; what they mean on a given day is worked
//! out where decisions are made.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each variant is the day of its name")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Weekday {
    /// The whole week, from Monday.
    pub const ALL: [Weekday; 7] =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
}

/// One recurring opening. It belongs to the days it starts on; one whose end is not after its start ends on the day
/// after.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// The days it starts on.
    pub days: BTreeSet<Weekday>,
    /// First minute of the day inside, from 0 to 1439.
    pub from_minute: u16,
    /// First minute no longer inside, from 0 to 1440.
    pub until_minute: u16,
}

/// Openings in one zone; a moment is inside when any opening holds it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Hours {
    /// The zone by its name in the IANA time zone database, e.g. `Europe/Berlin`.
    pub zone: String,
    /// When it is open.
    pub openings: BTreeSet<Opening>,
}
