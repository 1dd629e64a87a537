//! Alerts in free shells: what is typed there runs, and where the rules would not have let it run as a command of its own, that is
//! noted and told (R63). It is never in the way: nothing waits for it, and nothing is kept back or changed.

mod lines;
mod row;

use super::session::Opened;
use countersign_control::Raised;
use countersign_inspect::shell;
use countersign_target::ssh::Size;
use lines::Lines;
use std::sync::Mutex;
use tokio::sync::mpsc;

/// Lines that wait to be judged; what is typed faster than that is not looked at.
const WAITING_MAX: usize = 64;

/// What is typed and shown at a terminal.
pub(super) struct Alerts {
    lines: Mutex<Lines>,
    found: mpsc::Sender<String>,
}

/// Lines that were found, until nobody looks for any.
pub(super) struct Found(mpsc::Receiver<String>);

impl Alerts {
    pub(super) fn new(size: Size) -> (Alerts, Found) {
        let (found, waiting) = mpsc::channel(WAITING_MAX);
        (Alerts { lines: Mutex::new(Lines::new(size)), found }, Found(waiting))
    }

    /// Takes keys, before the target does.
    pub(super) fn typed(&self, bytes: &[u8]) {
        self.with(|lines| lines.typed(bytes));
    }

    /// Takes what the target shows.
    pub(super) fn shown(&self, bytes: &[u8]) {
        for line in self.with(|lines| lines.shown(bytes)).into_iter().flatten() {
            let _ = self.found.try_send(line);
        }
    }

    pub(super) fn resized(&self, size: Size) {
        self.with(|lines| lines.resize(size));
    }

    /// Nothing is looked at once no more is told.
    fn with<T>(&self, work: impl FnOnce(&mut Lines) -> T) -> Option<T> {
        let lines = self.lines.lock().ok().filter(|_| !self.found.is_closed());
        lines.map(|mut lines| work(&mut lines))
    }
}

impl Found {
    /// Judges lines as commands of their own, and raises alerts, until no more come or the session has its share. What is recorded
    /// has `number` in the transcript.
    pub(super) async fn judged(self, opened: &Opened, number: u64) {
        let Found(mut lines) = self;
        while let Some(line) = lines.recv().await {
            // Where keys and output go on meanwhile, nobody reads.
            let Ok(facts) = tokio::task::spawn_blocking(move || shell::facts(&line)).await else { continue };
            let Some(alert) = opened.gate.lock().await.alert(number, &facts) else { continue };
            let noted = match alert.raise().await {
                Ok(Raised::Nothing) => continue,
                Ok(Raised::Noted { mark, last }) => opened.gate.lock().await.mark(number, mark).await.map(|()| last),
                Err(fault) => Err(fault),
            };
            match noted {
                Ok(false) => {}
                Ok(true) => return,
                Err(fault) => tracing::error!("an alert could not be noted: {fault}"),
            }
        }
    }
}
