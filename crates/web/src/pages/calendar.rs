//! A calendar of one account as rows of days, each cut into what is free, taken or closed. The days are the reader's.

use crate::reader::Reader;
use askama::Template;
use countersign_control::view::{CalendarView, ReservedView};
use countersign_journal::{Seconds, Timestamp, Window};
use std::collections::BTreeSet;

/// Days shown at a time.
pub(crate) const DAYS: i64 = 7;
/// Columns a day has: half hours.
const COLUMNS: usize = 48;
/// Minutes of one column.
const COLUMN_MIN: usize = 30;

/// The calendar, drawn.
#[derive(Template)]
#[template(path = "calendar.html")]
pub(crate) struct Calendar<'c> {
    reader: &'c Reader,
    view: &'c CalendarView,
    /// Where it stands: `/access/7/reserve`.
    page: String,
    days: Vec<Day<'c>>,
    from: String,
    earlier: Option<String>,
    later: String,
    /// How long what is chosen lasts, in minutes.
    usual_min: u64,
}

impl askama::filters::HtmlSafe for Calendar<'_> {}

struct Day<'c> {
    /// `Thu 26 Nov`
    words: String,
    today: bool,
    parts: Vec<Part<'c>>,
}

/// A stretch of a day in which nothing changes.
struct Part<'c> {
    window: Window,
    state: State,
    wanted: bool,
    held: Vec<&'c ReservedView>,
    columns: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Past,
    Closed,
    Free,
    Taken,
    /// Somebody has it, and so may others.
    Shared,
    /// Open, but further ahead than may be reserved.
    Far,
}

impl State {
    fn class(self) -> &'static str {
        match self {
            State::Past => "past",
            State::Closed => "closed",
            State::Free => "free",
            State::Taken => "taken",
            State::Shared => "shared",
            State::Far => "far",
        }
    }

    fn can_be_chosen(self) -> bool {
        matches!(self, State::Free | State::Shared)
    }
}

impl Part<'_> {
    /// How much of its text has room: columns are narrow.
    fn room(&self) -> &'static str {
        match self.columns {
            ..4 => "slim",
            4..9 => "short",
            _ => "",
        }
    }

    /// What it is, in a word or two.
    fn word(&self) -> &'static str {
        match self.state {
            State::Past => "Past",
            State::Closed => "Closed",
            State::Free => "Free",
            State::Far => "Too far ahead",
            State::Taken | State::Shared if self.held.iter().any(|h| h.mine) => "Yours",
            State::Taken => "Reserved",
            State::Shared => "Shared",
        }
    }
}

impl<'c> Calendar<'c> {
    /// The days from the reader's day of `from` on.
    pub(crate) fn of(
        view: &'c CalendarView,
        reader: &'c Reader,
        page: String,
        wanted: Option<Window>,
        usual_s: Seconds,
    ) -> Calendar<'c> {
        let from = view.window.start;
        let day = |n: i64| {
            let window = Window::new(reader.midnight(&from, n), reader.midnight(&from, n + 1))?;
            Some(Day {
                words: reader.day(&window.start),
                today: window.contains(view.now),
                parts: laid_out(parts(view, window, wanted), reader),
            })
        };
        let earlier = reader.midnight(&from, -DAYS).max(reader.midnight(&view.now, 0));
        Calendar {
            days: (0..DAYS).filter_map(day).collect(),
            from: reader.date(&from),
            earlier: (earlier < from).then(|| reader.date(&earlier)),
            later: reader.date(&reader.midnight(&from, DAYS)),
            usual_min: usual_s / 60,
            reader,
            view,
            page,
        }
    }

    /// `09:00–17:30`, the end of a day as `24:00`.
    fn clock(&self, part: &Part<'_>) -> String {
        let until = self.reader.clock(&part.window.end);
        format!("{}–{}", self.reader.clock(&part.window.start), if until == "00:00" { "24:00" } else { &until })
    }

    /// Where choosing a stretch leads without scripts: the same page with a period filled in.
    fn choose(&self, part: &Part<'_>) -> String {
        let (start, end) = self.chosen(part);
        format!("{}?from={}&start={start}&end={end}#when", self.page, self.from)
    }

    /// The period that choosing fills in, from the stretch's start on.
    fn chosen(&self, part: &Part<'_>) -> (String, String) {
        let end = part.window.end.min(part.window.start.plus(self.usual_min * 60));
        (self.reader.field(&part.window.start), self.reader.field(&end))
    }
}

/// The stretches of a day: cut wherever anything begins or ends, joined again where nothing changes.
fn parts<'c>(view: &'c CalendarView, day: Window, wanted: Option<Window>) -> Vec<Part<'c>> {
    let held = view.reserved.iter().map(|r| r.window);
    let windows = view.open.iter().chain(&view.free).copied().chain(held).chain(wanted);
    let edges = windows.flat_map(|w| [w.start, w.end]).chain([view.now, day.start, day.end]);
    let edges: BTreeSet<Timestamp> = edges.filter(|t| day.start <= *t && *t <= day.end).collect();
    let edges: Vec<Timestamp> = edges.into_iter().collect();
    let mut parts: Vec<Part<'c>> = Vec::new();
    for window in edges.windows(2).filter_map(|w| Window::new(w[0], w[1])) {
        let within = |all: &[Window]| all.iter().any(|w| w.contains(window.start));
        let held: Vec<&ReservedView> = view.reserved.iter().filter(|r| r.window.contains(window.start)).collect();
        let state = match (within(&view.free), within(&view.open)) {
            _ if window.start < view.now => State::Past,
            (true, _) if held.is_empty() => State::Free,
            (true, _) => State::Shared,
            (false, _) if !held.is_empty() => State::Taken,
            (false, true) => State::Far,
            (false, false) => State::Closed,
        };
        let held = if state == State::Past { Vec::new() } else { held };
        let wanted = wanted.is_some_and(|w| w.contains(window.start)) && state != State::Past;
        match parts.last_mut() {
            Some(last) if last.state == state && last.held == held && last.wanted == wanted => {
                last.window.end = window.end
            }
            _ => parts.push(Part { window, state, wanted, held, columns: 0 }),
        }
    }
    parts
}

/// Gives each stretch its columns: in proportion, none without any, all of the day together.
fn laid_out<'c>(mut parts: Vec<Part<'c>>, reader: &Reader) -> Vec<Part<'c>> {
    // More stretches than columns is more than anybody could read; the list below the calendar has all of them.
    parts.truncate(COLUMNS);
    let count = parts.len();
    let mut from = 0;
    for (n, part) in parts.iter_mut().enumerate() {
        let exact = (reader.minute(&part.window.end) + COLUMN_MIN / 2) / COLUMN_MIN;
        let until = if n + 1 == count { COLUMNS } else { exact.clamp(from + 1, COLUMNS - (count - n - 1)) };
        part.columns = until - from;
        from = until;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22 06:01:00 UTC, a Sunday
    const NOW: Timestamp = Timestamp(1_795_327_260_000_000);

    fn at(reader: &Reader, clock: &str) -> Timestamp {
        reader.read(clock).expect("a moment")
    }

    fn window(reader: &Reader, from: &str, to: &str) -> Window {
        Window::new(at(reader, from), at(reader, to)).expect("not empty")
    }

    fn reserved(window: Window, mine: bool) -> ReservedView {
        ReservedView { window, mine, request: None, person: None, status: "", reason: None }
    }

    /// `Free 07:01-12:00 (10)`, one a stretch.
    fn shown(view: &CalendarView, reader: &Reader, wanted: Option<Window>) -> Vec<String> {
        let calendar = Calendar::of(view, reader, "/access/1/reserve".into(), wanted, 3_600);
        let first = &calendar.days[0];
        let line = |p: &Part<'_>| format!("{} {} ({})", p.word(), calendar.clock(p), p.columns);
        first.parts.iter().map(line).collect()
    }

    #[test]
    fn a_day_is_cut_into_what_is_past_free_taken_and_closed() {
        let reader = Reader::new(NOW, "Europe/Berlin");
        let open = window(&reader, "2026-11-22T06:00", "2026-11-22T18:00");
        let noon = window(&reader, "2026-11-22T12:00", "2026-11-22T13:10");
        let free = [
            window(&reader, "2026-11-22T07:01", "2026-11-22T12:00"),
            window(&reader, "2026-11-22T13:10", "2026-11-22T18:00"),
        ];
        let view = CalendarView {
            target: "app@prod".into(),
            window: Window::new(reader.midnight(&NOW, 0), reader.midnight(&NOW, 7)).expect("a week"),
            now: NOW,
            exclusive: true,
            open: vec![open],
            reserved: vec![reserved(noon, false)],
            free: free.to_vec(),
        };
        let all = [
            "Past 00:00–07:01 (14)",
            "Free 07:01–12:00 (10)",
            "Reserved 12:00–13:10 (2)",
            "Free 13:10–18:00 (10)",
            "Closed 18:00–24:00 (12)",
        ];
        assert_eq!(shown(&view, &reader, None), all);
        let shared = CalendarView {
            reserved: vec![reserved(noon, true)],
            free: vec![window(&reader, "2026-11-22T07:01", "2026-11-22T18:00")],
            ..view
        };
        assert_eq!(shown(&shared, &reader, None)[2], "Yours 12:00–13:10 (2)");
        let days = Calendar::of(&shared, &reader, "/access/1/reserve".into(), None, 3_600).days;
        assert!(
            days.iter().all(|d| d.parts.iter().map(|p| p.columns).sum::<usize>() == COLUMNS),
            "each day has all of them"
        );
        assert_eq!(days[0].words, "Sun 22 Nov");
    }

    /// The day of 25 hours has its columns all the same, and everything in it is shown.
    #[test]
    fn a_day_of_another_length_is_laid_out_too() {
        for (day, hours) in [("2026-10-25T00:00", 25), ("2026-03-29T00:00", 23)] {
            let reader = Reader::new(NOW, "Europe/Berlin");
            let from = at(&reader, day);
            let week = Window::new(from, reader.midnight(&from, 7)).expect("a week");
            let first = Window::new(from, reader.midnight(&from, 1)).expect("a day");
            assert_eq!(first.seconds(), hours * 3_600);
            let minutes = |n: u64| Window::new(from.plus(n * 600), from.plus(n * 600 + 60)).expect("a minute");
            let view = CalendarView {
                target: String::new(),
                window: week,
                now: Timestamp(0),
                exclusive: true,
                open: vec![week],
                reserved: (0..12).map(|n| reserved(minutes(n), false)).collect(),
                free: Vec::new(),
            };
            let calendar = Calendar::of(&view, &reader, String::new(), None, 60);
            let day = &calendar.days[0].parts;
            assert_eq!(day.iter().map(|p| p.columns).sum::<usize>(), COLUMNS);
            assert!(day.len() == 24 && day.iter().all(|p| p.columns > 0));
        }
    }
}
