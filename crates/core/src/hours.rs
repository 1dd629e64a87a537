//! What recurring hours mean on a given day (R6, R7). Time zone rules come from the database compiled in, so that the
//! same build gives the same answer everywhere.
//!
//! Daylight saving: a time of day that a change of clocks skips means as many minutes later, one that comes twice
//! means the first (RFC 5545 §3.3.5). An overnight opening belongs to the day it starts on.

use countersign_journal::{Hours, Opening, Timestamp, Weekday, Window};
use jiff::civil::{self, Date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use std::sync::LazyLock;

/// The zone rules this build carries.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// How many openings in a row one window may reach over.
const OPENINGS_MAX: usize = 4_000;

/// The zone of this name, if this build knows it.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    ZONES.get(name).ok()
}

/// When the opening that holds `moment` closes; `None` when the hours do not hold it, or name a zone nobody knows.
/// Openings that touch are not joined here.
#[must_use]
pub fn closes(hours: &Hours, moment: Timestamp) -> Option<Timestamp> {
    let zone = zone(&hours.zone)?;
    let today = jiff::Timestamp::from_microsecond(moment.0).ok()?.to_zoned(zone.clone()).date();
    let days = [today.yesterday().ok(), Some(today)];
    let spans = days.into_iter().flatten().flat_map(|day| hours.openings.iter().map(move |o| (o, day)));
    let holding = spans.filter_map(|(opening, day)| span(opening, day, &zone)).filter(|w| w.contains(moment));
    holding.map(|w| w.end).max()
}

/// Whether every moment of the window is inside.
#[must_use]
pub fn covers(hours: &Hours, window: &Window) -> bool {
    let mut reached = window.start;
    for _ in 0..OPENINGS_MAX {
        match closes(hours, reached) {
            Some(end) if end >= window.end => return true,
            Some(end) => reached = end,
            None => return false,
        }
    }
    false
}

/// The window of one opening that starts on `day`, if it does on that weekday.
fn span(opening: &Opening, day: Date, zone: &TimeZone) -> Option<Window> {
    let weekday = Weekday::ALL.get(usize::try_from(day.weekday().to_monday_zero_offset()).ok()?)?;
    if !opening.days.contains(weekday) {
        return None;
    }
    let overnight = opening.until_minute <= opening.from_minute;
    let last = if overnight { day.tomorrow().ok()? } else { day };
    Window::new(at(day, opening.from_minute, zone)?, at(last, opening.until_minute, zone)?)
}

/// A time of day as a moment; minute 1440 is the next midnight.
fn at(day: Date, minute: u16, zone: &TimeZone) -> Option<Timestamp> {
    let (day, minute) = if minute == 1440 { (day.tomorrow().ok()?, 0) } else { (day, minute) };
    let time = civil::time(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0);
    let moment = zone.to_ambiguous_zoned(day.to_datetime(time)).compatible().ok()?;
    Some(Timestamp(moment.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, days: &[Weekday], from: u16, until: u16) -> Hours {
        let opening = Opening { days: days.iter().copied().collect(), from_minute: from, until_minute: until };
        Hours { zone: zone.to_owned(), openings: [opening].into() }
    }

    fn moment(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().expect("a moment").as_microsecond())
    }

    #[track_caller]
    fn check(hours: &Hours, at: &str, closes_at: Option<&str>) {
        assert_eq!(closes(hours, moment(at)), closes_at.map(moment), "at {at}");
    }

    /// R6, R7: Berlin is an hour ahead of UTC in winter and two in summer.
    #[test]
    fn office_hours_follow_the_zone() {
        let office = hours("Europe/Berlin", &Weekday::ALL[..5], 9 * 60, 17 * 60);
        check(&office, "2026-11-24T08:00:00Z", Some("2026-11-24T16:00:00Z"));
        check(&office, "2026-11-24T07:59:59Z", None);
        check(&office, "2026-11-24T16:00:00Z", None);
        check(&office, "2026-07-01T07:00:00Z", Some("2026-07-01T15:00:00Z"));
        check(&office, "2026-11-28T10:00:00Z", None);
    }

    #[test]
    fn an_overnight_opening_belongs_to_the_day_it_starts_on() {
        let friday_night = hours("Europe/Berlin", &[Weekday::Fri], 22 * 60, 6 * 60);
        check(&friday_night, "2026-11-27T21:00:00Z", Some("2026-11-28T05:00:00Z"));
        check(&friday_night, "2026-11-28T04:59:00Z", Some("2026-11-28T05:00:00Z"));
        check(&friday_night, "2026-11-27T04:59:00Z", None);
        check(&friday_night, "2026-11-28T21:00:00Z", None);
    }

    /// Clocks go from 02:00 to 03:00 on 2026-03-29 and from 03:00 back to 02:00 on 2026-10-25.
    #[test]
    fn a_skipped_time_is_later_and_a_repeated_one_is_the_first() {
        let half_past_two = hours("Europe/Berlin", &[Weekday::Sun], 2 * 60 + 30, 5 * 60);
        check(&half_past_two, "2026-03-29T01:29:00Z", None);
        check(&half_past_two, "2026-03-29T01:30:00Z", Some("2026-03-29T03:00:00Z"));
        check(&half_past_two, "2026-10-25T00:30:00Z", Some("2026-10-25T04:00:00Z"));
        check(&half_past_two, "2026-10-25T00:29:00Z", None);
    }

    #[test]
    fn openings_that_touch_cover_a_window_together() {
        let always = hours("UTC", &Weekday::ALL, 0, 1440);
        let week = Window { start: moment("2026-11-23T10:00:00Z"), end: moment("2026-11-30T10:00:00Z") };
        assert!(covers(&always, &week));
        let weekdays = hours("UTC", &Weekday::ALL[..5], 0, 1440);
        assert!(!covers(&weekdays, &week), "Saturday is not covered");
        assert!(!covers(&hours("Nowhere/Land", &Weekday::ALL, 0, 1440), &week), "an unknown zone covers nothing");
    }
}
