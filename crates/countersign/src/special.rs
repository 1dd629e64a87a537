//! Commands of the special paths: edits, escalation by hand, emergencies, lent rights to decide, watching. Each is one call of the
//! API; two look at the request first, for what the person need not know.

use crate::client::Load;
use crate::command::{get, post};
use crate::failure::Failure;
use crate::line::{Edit, Watch};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Changes the terms of a request.
pub(crate) fn edit(edit: &Edit) -> Result<Value, Failure> {
    let end = match edit.minutes {
        Some(minutes) => Some(end_after(edit, minutes)?),
        None => edit.until.clone(),
    };
    let body = json!({
        "start": edit.start,
        "end": end,
        "reset_after_use": edit.reset_after_use,
        "reason": edit.reason,
    });
    post(&format!("/requests/{}/edit", edit.number), Load::Json(body))
}

/// So many minutes after the start: the one given, or the one the request has.
fn end_after(edit: &Edit, minutes: u32) -> Result<String, Failure> {
    let start = match &edit.start {
        Some(text) => text.parse().map_err(|_| {
            Failure::Usage(format!("`{text}` is not a time: expected RFC 3339, such as 2026-11-22T14:00:00Z"))
        })?,
        None => start_of(&get(&format!("/requests/{}", edit.number), &[])?)?,
    };
    later(start, minutes)
}

fn start_of(seen: &Value) -> Result<Timestamp, Failure> {
    let start = seen["window"]["start"].as_i64().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    start.ok_or_else(|| {
        Failure::Trouble("the server sent a request without a start; is it a Countersign server?".into())
    })
}

fn later(start: Timestamp, minutes: u32) -> Result<String, Failure> {
    let end = start.checked_add(SignedDuration::from_mins(i64::from(minutes)));
    end.map(|end| end.to_string()).map_err(|_| Failure::Usage(format!("{minutes} minutes end after the calendar does")))
}

/// Escalates the level that is open now.
pub(crate) fn escalate(number: u64, track: Option<u32>) -> Result<Value, Failure> {
    let position = open_level(&get(&format!("/requests/{number}"), &[])?, number, track)?;
    post(&format!("/requests/{number}/escalate"), Load::Json(json!({ "position": position })))
}

/// Where the one open level is, or that of the track named.
fn open_level(seen: &Value, number: u64, track: Option<u32>) -> Result<Value, Failure> {
    let tracks = seen["tracks"].as_array().map_or(&[][..], Vec::as_slice);
    let open = (1u32..).zip(tracks).filter_map(|(n, levels)| {
        let levels = levels.as_array()?;
        let level = levels.iter().position(|l| l["stage"] == "open" || l["stage"] == "blocked")?;
        Some((n, json!({ "track": n - 1, "level": level, "epoch": levels[level]["epoch"] })))
    });
    let open: Vec<(u32, Value)> = open.filter(|(n, _)| track.is_none_or(|wanted| wanted == *n)).collect();
    match (open.as_slice(), track) {
        ([(_, position)], _) => Ok(position.clone()),
        ([], Some(track)) => Err(Failure::Refused(format!("#{number} has no open level in track {track}"))),
        ([], None) => Err(Failure::Refused(format!("#{number} has no open level to escalate"))),
        (many, _) => {
            let tracks: Vec<String> = many.iter().map(|(n, _)| n.to_string()).collect();
            let tracks = tracks.join(" and ");
            Err(Failure::Usage(format!("#{number} has open levels in tracks {tracks}; say which with --track")))
        }
    }
}

/// Declares an emergency.
pub(crate) fn emergency(number: u64, reason: &str) -> Result<Value, Failure> {
    post(&format!("/requests/{number}/emergency"), Load::Json(json!({ "reason": reason })))
}

/// Stops an emergency that has not opened yet.
pub(crate) fn stop(number: u64, comment: &str) -> Result<Value, Failure> {
    post(&format!("/requests/{number}/stop"), Load::Json(json!({ "reason": comment })))
}

/// Asks to watch a session, or to see what was typed in it.
pub(crate) fn watch(watch: &Watch) -> Result<Value, Failure> {
    let Watch { number, reason, typed, minutes } = watch;
    let body = json!({ "reason": reason, "minutes": minutes, "typed": typed });
    post(&format!("/sessions/{number}/watch"), Load::Json(body))
}

/// What was typed in a session.
pub(crate) fn typed(watch: &Watch) -> Result<Value, Failure> {
    get(&format!("/sessions/{}/typed", watch.number), &[])
}

/// Lends the right to decide.
pub(crate) fn delegate(to: &str, start: Option<&str>, until: &str) -> Result<Value, Failure> {
    post("/delegations", Load::Json(json!({ "to": to, "start": start, "end": until })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_count_from_the_start() {
        let seen = json!({ "window": { "start": 1_795_327_260_000_000_i64 } });
        let end = |minutes| later(start_of(&seen).expect("a start"), minutes).expect("a time");
        assert_eq!(end(0), "2026-11-22T06:01:00Z");
        assert_eq!(end(90), "2026-11-22T07:31:00Z");
        assert!(start_of(&json!({})).is_err());
    }

    #[test]
    fn the_open_level_is_found() {
        let level = |stage: &str, epoch: u32| json!({ "stage": stage, "epoch": epoch });
        let check = |tracks: Value, track: Option<u32>| {
            open_level(&json!({ "tracks": tracks }), 12, track).map_err(|told| told.to_string())
        };
        let at = |track: u32, level: usize, epoch: u32| Ok(json!({ "track": track, "level": level, "epoch": epoch }));
        let one = json!([[level("passed", 0), level("blocked", 3), level("waiting", 3)]]);
        assert_eq!(check(one.clone(), None), at(0, 1, 3));
        assert_eq!(check(one.clone(), Some(2)), Err("#12 has no open level in track 2".into()));
        let two = json!([[level("open", 0)], [level("passed", 1), level("open", 1)]]);
        assert_eq!(check(two.clone(), Some(2)), at(1, 1, 1));
        assert_eq!(check(two, None), Err("#12 has open levels in tracks 1 and 2; say which with --track".into()));
        assert_eq!(check(json!([[level("passed", 0)]]), None), Err("#12 has no open level to escalate".into()));
        assert_eq!(check(Value::Null, None), Err("#12 has no open level to escalate".into()));
    }
}
