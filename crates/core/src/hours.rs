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

/// The parts of `window` that all of these hours hold, in order, none touching the next; without hours it is all of it.
#[must_use]
pub fn open_within<'h>(all: impl IntoIterator<Item = &'h Hours>, window: &Window) -> Vec<Window> {
    all.into_iter().fold(vec![*window], |left, hours| shared(&left, &spans_of(hours, window)))
}

/// Every opening of the hours that reaches into `window`, in order, those that touch joined.
fn spans_of(hours: &Hours, window: &Window) -> Vec<Window> {
    let day = |zone: &TimeZone, at: Timestamp| {
        jiff::Timestamp::from_microsecond(at.0).ok().map(|t| t.to_zoned(zone.clone()).date())
    };
    let found = zone(&hours.zone).and_then(|zone| {
        let (first, last) = (day(&zone, window.start)?.yesterday().ok()?, day(&zone, window.end)?);
        let days = first.series(jiff::Span::new().days(1)).take_while(|d| *d <= last).take(OPENINGS_MAX);
        let spans = days.flat_map(|d| hours.openings.iter().filter_map(|o| span(o, d, &zone)).collect::<Vec<_>>());
        Some(spans.collect::<Vec<_>>())
    });
    let mut spans = found.unwrap_or_default();
    spans.sort_by_key(|w| w.start);
    let mut joined: Vec<Window> = Vec::new();
    for next in spans {
        match joined.last_mut() {
            Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
            _ => joined.push(next),
        }
    }
    joined
}

/// What two lists of windows have in common.
fn shared(some: &[Window], others: &[Window]) -> Vec<Window> {
    some.iter().flat_map(|a| others.iter().filter_map(move |b| a.intersection(b))).collect()
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

    /// What a calendar shows as open is what a reservation is let in for, and nothing else is.
    #[test]
    fn what_is_open_within_a_window_is_what_the_hours_cover() {
        let week = Window { start: moment("2026-10-22T10:00:00Z"), end: moment("2026-10-29T10:00:00Z") };
        let office = hours("Europe/Berlin", &Weekday::ALL[..5], 9 * 60, 17 * 60);
        let nights = hours("America/New_York", &Weekday::ALL, 22 * 60, 10 * 60);
        let always = hours("UTC", &Weekday::ALL, 0, 1440);
        assert_eq!(open_within([], &week), [week]);
        assert_eq!(open_within([&always], &week), [week], "openings that touch are one");
        assert_eq!(open_within([&hours("Nowhere/Land", &Weekday::ALL, 0, 1440)], &week), []);
        for all in [vec![&office], vec![&office, &nights], vec![&nights, &always]] {
            let open = open_within(all.iter().copied(), &week);
            assert!(open.iter().all(|w| all.iter().all(|h| covers(h, w))), "{open:?}");
            for minute in (week.start.0..week.end.0).step_by(900_000_000).map(Timestamp) {
                let held = all.iter().all(|h| closes(h, minute).is_some());
                assert_eq!(open.iter().any(|w| w.contains(minute)), held, "{minute:?}");
            }
        }
    }
}
