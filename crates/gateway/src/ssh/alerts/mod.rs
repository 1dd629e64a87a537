//! Alerts in free shells: what is typed there runs, and where the rules would not have let it run as a command of its own, that is
//! noted and told (R63). It is never in the way: nothing waits for it, and nothing is kept back or changed. Where a line cannot be
//! judged or an alert cannot be noted, the recording says so.

mod lines;
mod row;

use super::session::Opened;
use countersign_control::{Fault, Raised, Recorded};
use countersign_core::Refusal;
use countersign_inspect::shell;
use countersign_journal::ActionFacts;
use countersign_target::ssh::Size;
use lines::Lines;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long lines that still wait may be judged once their shell ended.
const END_WAIT: Duration = Duration::from_secs(2);
/// Lines that wait to be judged; what is typed faster than that is not looked at.
const WAITING_MAX: usize = 64;

/// What is typed and shown at a terminal.
pub(super) struct Alerts {
    terminal: Mutex<Terminal>,
    found: mpsc::Sender<String>,
    missed: Arc<AtomicBool>,
}

struct Terminal {
    /// Nothing while no rule restricts.
    lines: Option<Lines>,
    size: Size,
}

/// Lines that were found, until nobody looks for any.
pub(super) struct Found {
    lines: mpsc::Receiver<String>,
    /// Whether one was not taken, since that was last said.
    missed: Arc<AtomicBool>,
}

impl Alerts {
    pub(super) fn new(size: Size) -> (Alerts, Found) {
        let (found, lines) = mpsc::channel(WAITING_MAX);
        let missed = Arc::new(AtomicBool::new(false));
        let terminal = Mutex::new(Terminal { lines: None, size });
        (Alerts { terminal, found, missed: missed.clone() }, Found { lines, missed })
    }

    /// Takes keys, before the target does, where rules restrict what runs.
    pub(super) fn typed(&self, restricted: bool, bytes: &[u8]) {
        self.with(restricted, |lines| lines.typed(bytes));
    }

    /// Takes what the target shows.
    pub(super) fn shown(&self, restricted: bool, bytes: &[u8]) {
        for line in self.with(restricted, |lines| lines.shown(bytes)).into_iter().flatten() {
            if self.found.try_send(line).is_err() {
                self.missed.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn resized(&self, size: Size) {
        if let Ok(mut terminal) = self.terminal.lock() {
            terminal.size = size;
            terminal.lines.iter_mut().for_each(|lines| lines.resize(size));
        }
    }

    /// Nothing is looked at while nothing restricts, of which nothing is known afterwards, and once no more is told.
    fn with<T>(&self, restricted: bool, work: impl FnOnce(&mut Lines) -> T) -> Option<T> {
        let mut terminal = self.terminal.lock().ok()?;
        let size = terminal.size;
        if !restricted || self.found.is_closed() {
            terminal.lines = None;
            return None;
        }
        Some(work(terminal.lines.get_or_insert_with(|| Lines::new(size))))
    }
}

/// How judging a line went.
enum Judged {
    /// Nothing is owed.
    Done,
    /// The session has its share.
    Enough,
    /// Nobody judged it, or what came of that could not be noted.
    Not,
}

impl Found {
    /// Judges lines as commands of their own, and raises alerts, while what they are typed into goes on; then for a moment. What is
    /// recorded has `number` in the transcript.
    pub(super) async fn judged_beside<T>(self, opened: &Opened, number: u64, goes_on: impl Future<Output = T>) -> T {
        let mut goes_on = std::pin::pin!(goes_on);
        let mut judged = Box::pin(self.judged(opened, number));
        let ended = tokio::select! {
            ended = &mut goes_on => ended,
            // The session has its share; nobody takes lines any more, and none is looked for.
            () = &mut judged => return goes_on.await,
        };
        let over = tokio::select! {
            biased;
            () = &mut judged => true,
            () = opened.cut() => false,
            () = tokio::time::sleep(END_WAIT) => false,
        };
        // It may have the gate.
        drop(judged);
        if !over {
            not_judged(opened, number).await;
        }
        ended
    }

    /// Judges lines until no more come or the session has its share.
    async fn judged(mut self, opened: &Opened, number: u64) {
        loop {
            let line = self.lines.recv().await;
            let is_last = line.is_none();
            let judged = match line {
                Some(line) => judged(opened, number, line).await,
                None => Judged::Done,
            };
            if matches!(judged, Judged::Not) | self.missed.swap(false, Ordering::Relaxed) {
                not_judged(opened, number).await;
            }
            if is_last || matches!(judged, Judged::Enough) {
                return;
            }
        }
    }
}

async fn judged(opened: &Opened, number: u64, line: String) -> Judged {
    // Where keys and output go on meanwhile, nobody reads.
    match tokio::task::spawn_blocking(move || shell::facts(&line)).await {
        Ok(facts) => raised(opened, number, &facts).await,
        Err(fault) => {
            tracing::error!("what was typed into a free shell could not be read: {fault}");
            Judged::Not
        }
    }
}

/// Asks the rules, and raises an alert where they would not have let it run.
async fn raised(opened: &Opened, number: u64, facts: &ActionFacts) -> Judged {
    let Some(alert) = opened.gate.lock().await.alert(number, facts) else { return Judged::Done };
    let noted = match alert.raise().await {
        Ok(Raised::Nothing) => return Judged::Done,
        Ok(Raised::Noted { mark, last }) => opened.gate.lock().await.mark(number, mark).await.map(|()| last),
        Err(fault) => Err(fault),
    };
    match noted {
        Ok(false) => Judged::Done,
        Ok(true) => Judged::Enough,
        // It ended meanwhile.
        Err(Fault::Refused(Refusal::NoSuchSession)) => Judged::Not,
        Err(fault) => {
            tracing::error!("an alert could not be noted: {fault}");
            Judged::Not
        }
    }
}

async fn not_judged(opened: &Opened, number: u64) {
    if let Err(fault) = opened.gate.lock().await.mark(number, Recorded::not_judged()).await {
        tracing::error!("that a line was not judged could not be recorded: {fault}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { columns: 80, rows: 24 };

    #[test]
    fn r63_a_line_for_which_there_is_no_place_is_missed() {
        let (alerts, found) = Alerts::new(SIZE);
        for _ in 0..WAITING_MAX {
            alerts.typed(true, b"rm x\r");
            alerts.shown(true, b"rm x\r\n");
        }
        assert!(!found.missed.load(Ordering::Relaxed), "each has its place");
        alerts.typed(true, b"rm x\r");
        alerts.shown(true, b"rm x\r\n");
        assert!(found.missed.load(Ordering::Relaxed));
        assert_eq!(found.lines.len(), WAITING_MAX);
    }

    /// What went on while no rule restricted is not known, such as that a program gave the screen back.
    #[test]
    fn r63_rules_that_begin_to_restrict_find_a_terminal_of_which_nothing_is_known() {
        let (alerts, mut found) = Alerts::new(SIZE);
        alerts.shown(true, b"$ \x1B[?1049h");
        alerts.shown(false, b"\x1B[?1049l$ ");
        alerts.typed(true, b"rm x\r");
        alerts.shown(true, b"rm x\r\n");
        assert_eq!(found.lines.try_recv().ok().as_deref(), Some("rm x"));
        assert!(found.lines.is_empty());
    }
}
