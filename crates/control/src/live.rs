//! The registry of live sessions, each with a handle that cuts it, and with word that its transcript has grown.

use countersign_core::Effect;
use countersign_journal::{SessionEnd, SessionId};
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// Tells a gateway to cut a session, and why. Once cut, always cut.
pub type Cut = watch::Receiver<Option<SessionEnd>>;

/// Says that a transcript has grown, to whoever watches it live.
pub(crate) type Grows = watch::Sender<()>;

/// Every live session of this node.
#[derive(Debug, Default)]
pub(crate) struct Live {
    sessions: Mutex<HashMap<SessionId, Handles>>,
}

#[derive(Debug)]
struct Handles {
    cut: watch::Sender<Option<SessionEnd>>,
    grown: watch::Receiver<()>,
}

impl Handles {
    fn cut(&self, why: SessionEnd) {
        self.cut.send_if_modified(|cut| cut.is_none() && cut.replace(why).is_none());
    }
}

impl Live {
    pub(crate) fn register(&self, session: SessionId) -> (Cut, Grows) {
        let ((cut, receiver), (grows, grown)) = (watch::channel(None), watch::channel(()));
        self.sessions().insert(session, Handles { cut, grown });
        (receiver, grows)
    }

    pub(crate) fn forget(&self, session: SessionId) {
        self.sessions().remove(&session);
    }

    pub(crate) fn cut(&self, session: SessionId, why: SessionEnd) -> bool {
        self.sessions().get(&session).map(|handles| handles.cut(why)).is_some()
    }

    pub(crate) fn cut_all(&self, why: SessionEnd) {
        self.sessions().values().for_each(|handles| handles.cut(why));
    }

    /// When the transcript of a live session grows.
    pub(crate) fn grown(&self, session: SessionId) -> Option<watch::Receiver<()>> {
        self.sessions().get(&session).map(|handles| handles.grown.clone())
    }

    pub(crate) fn follow(&self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Cut { session } = effect {
                self.cut(*session, SessionEnd::GrantEnded);
            }
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Handles>> {
        self.sessions.lock().expect("no holder of this lock panics")
    }
}
