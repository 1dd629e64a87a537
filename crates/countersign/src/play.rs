//! Replays a recording in this terminal, as fast as it was or as asked; the target's bytes go through [`crate::screen`], and
//! nothing else is printed of them.

use crate::client::{Client, Load};
use crate::command::get;
use crate::failure::Failure;
use crate::line::{Format, Play};
use crate::screen::Screen;
use crate::{say, show};
use serde_json::Value;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::time::Duration;

/// Longest line of a recording that is read, in bytes: what was shown at once, as JSON writes it.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Most of a recording that is read, in bytes.
const RECORDING_BYTES_MAX: usize = 2 << 30;
/// What follows within this many seconds is drawn at once.
const FRAME_S: f64 = 0.015;

/// Plays what was asked for.
pub(crate) fn play(wanted: &Play, format: Format) -> Result<(), Failure> {
    let Some(number) = number(wanted)? else { return Ok(()) };
    let recording = Recording::read(wanted.session, number)?;
    if format == Format::Json {
        recording.lines.iter().for_each(|line| say(&show::json(line)));
        return Ok(());
    }
    let mut screen = Screen::new(recording.size());
    let terminal = std::io::stdout().is_terminal();
    if terminal && !wanted.at_once {
        recording.play(&mut screen, wanted);
    } else {
        recording.events().for_each(|event| screen.take(event.what, event.data));
        match terminal {
            true => show_raw(&screen.painted()),
            false => say(&screen.text()),
        }
    }
    for (at, mark) in recording.marks() {
        eprintln!("{}:{:02} {}", at as u64 / 60, at as u64 % 60, show::line(mark));
    }
    Ok(())
}

/// Which command; nothing when there are several, which are then listed.
fn number(wanted: &Play) -> Result<Option<u64>, Failure> {
    if wanted.number.is_some() {
        return Ok(wanted.number);
    }
    let lines = get(&format!("/sessions/{}/transcript", wanted.session), &[])?;
    let recorded: Vec<&Value> = lines.as_array().into_iter().flatten().filter(|l| l["recorded"] == true).collect();
    let mut numbers: Vec<u64> = recorded.iter().filter_map(|line| line["statement"].as_u64()).collect();
    numbers.dedup();
    match numbers[..] {
        [] => Err(Failure::Refused(format!("session {} has no recording", wanted.session))),
        [only] => Ok(Some(only)),
        _ => {
            let recorded = Value::Array(recorded.into_iter().cloned().collect());
            say(&show::transcript(&recorded));
            eprintln!("Name one of them: countersign play {} NUMBER", wanted.session);
            Ok(None)
        }
    }
}

/// An asciicast v3, read whole: playing takes longer than an answer may.
struct Recording {
    lines: Vec<Value>,
}

/// One line of it.
struct Event<'r> {
    after_s: f64,
    what: &'r str,
    data: &'r str,
}

impl Recording {
    fn read(session: u64, number: u64) -> Result<Recording, Failure> {
        let path = format!("/sessions/{session}/terminals/{number}");
        let mut answer = Client::signed_in()?.send("GET", &path, &[], Load::Nothing)?;
        Self::of(BufReader::new(answer.body_mut().as_reader()))
    }

    fn of(mut from: impl BufRead) -> Result<Recording, Failure> {
        let damaged = |why: String| Failure::Trouble(format!("the recording cannot be read: {why}"));
        let (mut lines, mut read) = (Vec::<Value>::new(), 0);
        loop {
            let mut line = Vec::new();
            from.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(|e| damaged(e.to_string()))?;
            read += line.len();
            if line.is_empty() {
                break;
            }
            if read > RECORDING_BYTES_MAX {
                return Err(damaged("it is too long to be played here".into()));
            }
            lines.push(serde_json::from_slice(&line).map_err(|e| damaged(e.to_string()))?);
        }
        match lines.first() {
            Some(header) if header["version"] == 3 => Ok(Recording { lines }),
            _ => Err(damaged("it is no asciicast v3".into())),
        }
    }

    /// Columns and lines of its terminal when it began.
    fn size(&self) -> (u64, u64) {
        let term = &self.lines[0]["term"];
        (term["cols"].as_u64().unwrap_or_default(), term["rows"].as_u64().unwrap_or_default())
    }

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.lines.iter().skip(1).filter_map(|line| {
            Some(Event { after_s: line[0].as_f64()?, what: line[1].as_str()?, data: line[2].as_str()? })
        })
    }

    /// When something was held, released or over, in seconds since the beginning, and its words.
    fn marks(&self) -> impl Iterator<Item = (f64, &str)> {
        let events = self.events().scan(0.0, |at, event| {
            *at += event.after_s;
            Some((*at, event))
        });
        events.filter(|(_, event)| event.what == "m").map(|(at, event)| (at, event.data))
    }

    /// Draws what changed, then waits as long as nothing did.
    fn play(&self, screen: &mut Screen, pace: &Play) {
        let mut owed_s = 0.0;
        for event in self.events() {
            owed_s += event.after_s.clamp(0.0, pace.idle) / pace.speed;
            if owed_s >= FRAME_S {
                show_raw(&screen.changes());
                std::thread::sleep(Duration::from_secs_f64(owed_s));
                owed_s = 0.0;
            }
            screen.take(event.what, event.data);
        }
        show_raw(&screen.changes());
        show_raw(&screen.leave());
    }
}

/// Writes what [`Screen`] drew; who closed standard output early wants no more.
fn show_raw(drawn: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(drawn.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAST: &str = "{\"version\":3,\"term\":{\"cols\":20,\"rows\":2}}\n[1.5,\"o\",\"one\\r\\n\"]\n[61.0,\"m\",\"held #4\"]\n\
                        [0.1,\"o\",\"two\"]\n[0,\"r\",\"10x2\"]\n";

    #[test]
    fn a_recording_is_read_line_by_line() {
        let recording = Recording::of(CAST.as_bytes()).expect("whole");
        assert_eq!(recording.size(), (20, 2));
        assert_eq!(recording.marks().collect::<Vec<_>>(), [(62.5, "held #4")]);
        let mut screen = Screen::new(recording.size());
        recording.events().for_each(|event| screen.take(event.what, event.data));
        assert_eq!(screen.text(), "one\ntwo");
        for cut in [0, 10, CAST.len() - 3] {
            let told = Recording::of(&CAST.as_bytes()[..cut]).err().map(|f| f.to_string()).unwrap_or_default();
            assert!(told.contains("the recording cannot be read"), "{cut}: {told}");
        }
    }
}
