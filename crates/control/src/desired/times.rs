//! Periods and hours as people write them in the file: `30m`, `Mon-Fri 09:00-17:00`.

use super::file::{AutomaticEntry, HoursEntry, ParametersEntry};
use crate::certificate;
use crate::fault::Fault;
use countersign_journal::{Automatic, Hours, Opening, Parameters, Seconds, Weekday, is_invisible};
use std::collections::BTreeSet;

/// Longest text before sign-in, in characters.
const BANNER_CHARS_MAX: usize = 2_000;

/// The system parameters, or their defaults.
pub(super) fn parameters(entry: &ParametersEntry) -> Result<Parameters, Fault> {
    let what = "parameter `approval.workflow.level.timeout.period.values`";
    let mut parameters = Parameters { watch_approval: entry.watch_approval, ..Parameters::default() };
    if let Some(list) = &entry.timeout_periods {
        parameters.timeout_periods_s = list.iter().map(|p| period(p, what)).collect::<Result<_, _>>()?;
    }
    parameters.ssh_user_ca = certificate::authorities(&entry.ssh_user_ca)
        .map_err(|wrong| Fault::Input(format!("parameter `ssh.user.ca`: {wrong}")))?;
    parameters.ssh_banner = banner(&entry.ssh_banner)?;
    Ok(parameters)
}

/// Lines that a terminal shows as they are.
fn banner(text: &str) -> Result<String, Fault> {
    let text = text.trim_end();
    let shown = |c: char| c == '\n' || !(c.is_control() || is_invisible(c));
    if text.chars().count() > BANNER_CHARS_MAX || !text.chars().all(shown) {
        let wrong = format!("it has at most {BANNER_CHARS_MAX} characters, all of them visible or ends of lines");
        return Err(Fault::Input(format!("parameter `ssh.banner`: {wrong}")));
    }
    Ok(text.to_owned())
}

/// `45s`, `30m`, `2h` or `1d` in seconds.
pub(super) fn period(text: &str, what: &str) -> Result<Seconds, Fault> {
    period_read(text).map_err(|wrong| Fault::Input(format!("{what}: {wrong}")))
}

/// The same, or what is wrong and how it is written.
pub(super) fn period_read(text: &str) -> Result<Seconds, String> {
    let units = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
    let read = units.iter().find_map(|(unit, seconds)| {
        let number = text.trim().strip_suffix(*unit)?.trim().parse::<u64>().ok()?;
        number.checked_mul(*seconds)
    });
    read.ok_or_else(|| format!("`{text}` is not a period; write `45s`, `30m`, `2h` or `1d`"))
}

/// The inverse of [`period`], in the largest unit that fits.
pub(super) fn said(seconds: Seconds) -> String {
    let units = [('d', 86_400), ('h', 3_600), ('m', 60)];
    let fits = units.iter().find(|(_, length)| seconds > 0 && seconds.is_multiple_of(*length));
    fits.map_or_else(|| format!("{seconds}s"), |(unit, length)| format!("{}{unit}", seconds / length))
}

/// The inverse of [`hours`].
pub(super) fn hours_entry(hours: &Hours) -> HoursEntry {
    HoursEntry { zone: hours.zone.clone(), open: hours.openings.iter().map(opening_said).collect() }
}

/// The inverse of [`automatic`].
pub(super) fn automatic_entry(automatic: &Automatic) -> AutomaticEntry {
    let HoursEntry { zone, open } = hours_entry(&automatic.hours);
    AutomaticEntry { zone, open, any_start: automatic.any_start }
}

fn opening_said(opening: &Opening) -> String {
    let days: Vec<String> = opening.days.iter().map(|d| format!("{d:?}")).collect();
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{} {}-{}", days.join(","), clock(opening.from_minute), clock(opening.until_minute))
}

/// When access is possible.
pub(super) fn hours(entry: &HoursEntry, what: &str) -> Result<Hours, Fault> {
    openings(&entry.zone, &entry.open, &format!("{what}, `hours`"))
}

/// When a request is approved at once.
pub(super) fn automatic(entry: &AutomaticEntry, what: &str) -> Result<Automatic, Fault> {
    let hours = openings(&entry.zone, &entry.open, &format!("{what}, `automatic`"))?;
    Ok(Automatic { hours, any_start: entry.any_start })
}

fn openings(zone: &str, open: &[String], what: &str) -> Result<Hours, Fault> {
    let opening = |text: &String| {
        read(text).ok_or_else(|| {
            let example = "`Mon-Fri 09:00-17:00` or `Sat,Sun 22:00-06:00`";
            Fault::Input(format!("{what}: `{text}` are no hours; write them as {example}"))
        })
    };
    Ok(Hours { zone: zone.to_owned(), openings: open.iter().map(opening).collect::<Result<_, _>>()? })
}

/// Whether a line names days and times.
pub(super) fn is_opening(text: &str) -> bool {
    read(text).is_some()
}

fn read(text: &str) -> Option<Opening> {
    let (days, times) = text.trim().split_once(' ')?;
    let (from, until) = times.trim().split_once('-')?;
    let days = days.split(',').map(day_range).collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    Some(Opening { days, from_minute: minute(from)?, until_minute: minute(until)? })
}

/// `Mon` or `Mon-Fri`; a range may go over the end of the week.
fn day_range(text: &str) -> Option<BTreeSet<Weekday>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let at = |name: &str| Weekday::ALL.iter().position(|d| format!("{d:?}").eq_ignore_ascii_case(name.trim()));
    let (first, last) = (at(first)?, at(last)?);
    let length = (last + 7 - first) % 7;
    Some((0..=length).map(|n| Weekday::ALL[(first + n) % 7]).collect())
}

/// `09:00` in minutes; `24:00` is the end of the day.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    (minutes < 60 && total <= 1440).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_hours_are_read_or_refused_with_an_example() {
        assert_eq!(period("30m", "level 1").ok(), Some(1_800));
        assert_eq!(period(" 2h", "level 1").ok(), Some(7_200));
        let wrong = period("soon", "level 1").expect_err("no period").to_string();
        assert!(wrong.contains("level 1") && wrong.contains("`30m`"), "{wrong}");
        let week = read("Fri-Mon 22:00-06:00").expect("hours");
        assert_eq!(week.days, [Weekday::Fri, Weekday::Sat, Weekday::Sun, Weekday::Mon].into());
        assert_eq!((week.from_minute, week.until_minute), (22 * 60, 6 * 60));
        assert_eq!(read("Mon 00:00-24:00").map(|o| o.until_minute), Some(1440));
        for text in ["Mon", "Mon 9-17", "Mon 09:00-25:00", "Someday 09:00-17:00", "Mon 09:60-17:00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
