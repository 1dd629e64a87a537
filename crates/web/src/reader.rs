//! Times as the reader reads them: relative first, exact in their own zone, UTC where it is evidence.

use crate::cookie;
use crate::draw::Markup;
use crate::site::Site;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use countersign_control::Fault;
use countersign_journal::{Seconds, Timestamp, Window};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::convert::Infallible;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// How a form field writes a moment (HTML, local date and time string).
const FIELD: &str = "%Y-%m-%dT%H:%M";

/// Who reads a page, as far as times are concerned.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// When the page was made.
    pub(crate) now: Timestamp,
    /// The reader's zone by its IANA name; `UTC` while unknown.
    pub(crate) zone_name: String,
    zone: TimeZone,
}

impl FromRequestParts<Site> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Infallible> {
        let name = cookie::value(&parts.headers, cookie::ZONE).unwrap_or("UTC");
        Ok(Reader::new(site.control.now(), name))
    }
}

impl Reader {
    /// A reader in the zone of that name, in UTC when there is none.
    pub(crate) fn new(now: Timestamp, zone_name: &str) -> Reader {
        // Browsers that escape the slash in a cookie are believed.
        let zone_name = zone_name.replace("%2F", "/");
        match TimeZone::get(&zone_name) {
            Ok(zone) => Reader { now, zone_name, zone },
            Err(_) => Reader { now, zone_name: "UTC".to_owned(), zone: TimeZone::UTC },
        }
    }

    /// `in 12 min`, `3 h ago`, or the date when it is far.
    pub(crate) fn relative(&self, moment: &Timestamp) -> String {
        let seconds = moment.0.saturating_sub(self.now.0) / 1_000_000;
        match (seconds, seconds.unsigned_abs()) {
            (_, 0..=9) => "now".to_owned(),
            (1.., away) if away < 45 * 86_400 => format!("in {}", span(away)),
            (_, away) if away < 45 * 86_400 => format!("{} ago", span(away)),
            _ => self.written(*moment, "%-d %b %Y"),
        }
    }

    /// `Sun 22 Nov 2026, 14:05 CET`
    pub(crate) fn exact(&self, moment: &Timestamp) -> String {
        self.written(*moment, "%a %-d %b %Y, %H:%M %Z")
    }

    /// The same with seconds.
    pub(crate) fn to_the_second(&self, moment: &Timestamp) -> String {
        self.written(*moment, "%-d %b %Y, %H:%M:%S %Z")
    }

    /// `2026-11-22 13:05:07.123456Z`
    pub(crate) fn utc(&self, moment: &Timestamp) -> String {
        jiff::Timestamp::from_microsecond(moment.0)
            .map_or_else(|_| "never".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string())
    }

    /// A moment on a page: relative, exact on hover and for screen readers.
    pub(crate) fn time(&self, moment: &Timestamp) -> Markup {
        self.element(*moment, &self.relative(moment), &self.exact(moment))
    }

    /// How long it is until a moment, exact on hover: `29 min`.
    pub(crate) fn left(&self, moment: &Timestamp) -> Markup {
        self.element(*moment, &span(moment.seconds_since(self.now)), &self.exact(moment))
    }

    /// A moment on a page: exact, relative on hover.
    pub(crate) fn exact_time(&self, moment: &Timestamp) -> Markup {
        Markup(format!("<time datetime=\"{}\">{}</time>", iso(*moment), self.exact(moment)))
    }

    fn element(&self, moment: Timestamp, first: &str, exact: &str) -> Markup {
        let iso = iso(moment);
        Markup(format!("<time datetime=\"{iso}\" title=\"{exact}\">{first}<span class=\"sr\"> ({exact})</span></time>"))
    }

    /// `in 12 min, for 2 h`; `now, for another 40 min`; `over, it lasted 2 h`.
    pub(crate) fn period(&self, window: &Window) -> String {
        let length = window.seconds();
        if self.now < window.start {
            format!("{}, for {}", self.relative(&window.start), span(length))
        } else if self.now < window.end {
            format!("now, for another {}", span(window.end.seconds_since(self.now)))
        } else {
            format!("over; it was for {}", span(length))
        }
    }

    /// `Sun 22 Nov 2026, 14:05 – 16:05 CET`
    pub(crate) fn exact_period(&self, window: &Window) -> String {
        let day = |t| self.written(t, "%F");
        let end = if day(window.start) == day(window.end) { "%H:%M %Z" } else { "%a %-d %b %Y, %H:%M %Z" };
        format!("{} – {}", self.written(window.start, "%a %-d %b %Y, %H:%M"), self.written(window.end, end))
    }

    /// The moment as a form field holds it.
    pub(crate) fn field(&self, moment: &Timestamp) -> String {
        self.written(*moment, FIELD)
    }

    /// What a form field holds, as a moment; `None` when it is no moment. A time that a clock change skips or repeats
    /// is read as RFC 5545 §3.3.5 reads it.
    pub(crate) fn read(&self, field: &str) -> Option<Timestamp> {
        let text = field.trim();
        let local: DateTime = text.get(..16).unwrap_or(text).parse().ok()?;
        let zoned = local.to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(zoned.timestamp().as_microsecond()))
    }

    /// The start of the reader's day that is `days` after that of the moment.
    pub(crate) fn midnight(&self, moment: &Timestamp, days: i64) -> Timestamp {
        let start = || {
            let day = jiff::Timestamp::from_microsecond(moment.0).ok()?.to_zoned(self.zone.clone()).date();
            let day = day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
            day.to_zoned(self.zone.clone()).ok()
        };
        start().map_or(*moment, |day| Timestamp(day.timestamp().as_microsecond()))
    }

    /// How many minutes the reader's day is old; the end of a day is the start of the next.
    pub(crate) fn minute(&self, moment: &Timestamp) -> usize {
        let number = |format: &str| self.written(*moment, format).parse::<usize>().unwrap_or_default();
        number("%H") * 60 + number("%M")
    }

    /// `Sun 22 Nov`
    pub(crate) fn day(&self, moment: &Timestamp) -> String {
        self.written(*moment, "%a %-d %b")
    }

    /// `14:05`
    pub(crate) fn clock(&self, moment: &Timestamp) -> String {
        self.written(*moment, "%H:%M")
    }

    /// `2026-11-22`
    pub(crate) fn date(&self, moment: &Timestamp) -> String {
        self.written(*moment, "%F")
    }

    /// The start of the day a date of an address names in the reader's zone; of no date, nothing.
    ///
    /// # Errors
    /// When it names no day.
    pub(crate) fn read_date(&self, text: &str) -> Result<Option<Timestamp>, Fault> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || Fault::Input(format!("`{text}` is not a day; write it as `2026-11-22`"));
        self.read(&format!("{text}T00:00")).map(Some).ok_or_else(wrong)
    }

    fn written(&self, moment: Timestamp, format: &str) -> String {
        match jiff::Timestamp::from_microsecond(moment.0) {
            Ok(t) => t.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_) => "never".to_owned(),
        }
    }
}

fn iso(moment: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(moment.0).map_or_else(|_| String::new(), |t| t.to_string())
}

/// A length of time in its one or two largest units: `2 h 30 min`, `3 days`.
pub(crate) fn span(seconds: Seconds) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let two = |large: i64, small: i64, small_unit: &str, large_unit: &str| {
        if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
    };
    let days = |n: i64| if n == 1 { "day" } else { "days" };
    match seconds {
        ..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, seconds % HOUR / MINUTE, "min", "h"),
        _ => two(seconds / DAY, seconds % DAY / HOUR, "h", days(seconds / DAY)),
    }
}

/// Reads a moment an API client wrote (RFC 3339).
pub(crate) fn rfc3339(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.trim().parse().ok()?;
    Some(Timestamp(moment.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 06:01:00 UTC
    const NOW: Timestamp = Timestamp(1_795_327_260_000_000);

    fn berlin() -> Reader {
        Reader::new(NOW, "Europe%2FBerlin")
    }

    #[test]
    fn moments_are_relative_then_exact() {
        let check = |s: i64, words: &str| assert_eq!(berlin().relative(&Timestamp(NOW.0 + s * 1_000_000)), words);
        check(0, "now");
        check(720, "in 12 min");
        check(-9_000, "2 h 30 min ago");
        check(3 * 86_400, "in 3 days");
        check(-90 * 86_400, "24 Aug 2026");
        assert_eq!(berlin().exact(&NOW), "Sun 22 Nov 2026, 07:01 CET");
        assert_eq!(berlin().utc(&NOW), "2026-11-22 06:01:00.000Z");
        assert_eq!(berlin().exact(&Timestamp::MAX), "never");
    }

    #[test]
    fn periods_say_when_and_how_long() {
        let window = |from, to| Window { start: NOW.plus(0).plus(from), end: NOW.plus(to) };
        assert_eq!(berlin().period(&window(720, 7_920)), "in 12 min, for 2 h");
        assert_eq!(berlin().period(&window(0, 2_400)), "now, for another 40 min");
        let over = Window { start: Timestamp(0), end: Timestamp(7_200_000_000) };
        assert_eq!(berlin().period(&over), "over; it was for 2 h");
        assert_eq!(berlin().exact_period(&window(0, 7_200)), "Sun 22 Nov 2026, 07:01 – 09:01 CET");
    }

    #[test]
    fn a_field_reads_back_in_the_readers_zone() {
        assert_eq!(berlin().field(&NOW), "2026-11-22T07:01");
        assert_eq!(berlin().read("2026-11-22T07:01"), Some(NOW));
        assert_eq!(berlin().read("2026-11-22T07:01:00"), Some(NOW));
        assert_eq!(berlin().read("tomorrow"), None);
        assert_eq!(Reader::new(NOW, "Nowhere/At_all").zone_name, "UTC");
        assert_eq!(rfc3339("2026-11-22T07:01:00+01:00"), Some(NOW));
    }
}
