//! The registry of live sessions, each with a handle that cuts it.

use countersign_core::Effect;
use countersign_journal::{SessionEnd, SessionId};
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

/// Tells a gateway to cut a session, and why. Once cut, always cut.
pub type Cut = watch::Receiver<Option<SessionEnd>>;

/// Every live session of this node.
#[derive(Debug, Default)]
pub(crate) struct Live {
    sessions: Mutex<HashMap<SessionId, watch::Sender<Option<SessionEnd>>>>,
}

impl Live {
    pub(crate) fn register(&self, session: SessionId) -> Cut {
        let (sender, receiver) = watch::channel(None);
        self.sessions().insert(session, sender);
        receiver
    }

    pub(crate) fn forget(&self, session: SessionId) {
        self.sessions().remove(&session);
    }

    pub(crate) fn cut(&self, session: SessionId, why: SessionEnd) -> bool {
        match self.sessions().get(&session) {
            Some(sender) => {
                sender.send_if_modified(|cut| cut.is_none() && cut.replace(why).is_none());
                true
            }
            None => false,
        }
    }

    pub(crate) fn cut_all(&self, why: SessionEnd) {
        for sender in self.sessions().values() {
            sender.send_if_modified(|cut| cut.is_none() && cut.replace(why).is_none());
        }
    }

    pub(crate) fn follow(&self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Cut { session } = effect {
                self.cut(*session, SessionEnd::GrantEnded);
            }
        }
    }

    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, watch::Sender<Option<SessionEnd>>>> {
        self.sessions.lock().expect("no holder of this lock panics")
    }
}
