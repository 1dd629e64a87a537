//! CancelRequest: which of our sessions a key belongs to. The target's own key never reaches a client.

use countersign_control::{Fault, dice};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

type Key = (i32, [u8; 4]);

/// The cancel keys given to clients.
#[derive(Clone, Default)]
pub(super) struct Cancels(Arc<Mutex<HashMap<Key, Arc<Notify>>>>);

/// One session's key; it stops working when this is dropped.
pub(super) struct Registered {
    cancels: Cancels,
    key: Key,
    /// Woken when the client asks to cancel.
    pub(super) asked: Arc<Notify>,
}

impl Cancels {
    pub(super) fn register(&self) -> Result<Registered, Fault> {
        let asked = Arc::new(Notify::new());
        loop {
            let key = (i32::from_be_bytes(dice::bytes()?), dice::bytes::<4>()?);
            let mut known = self.0.lock().expect("no holder of this lock panics");
            if let std::collections::hash_map::Entry::Vacant(free) = known.entry(key) {
                free.insert(asked.clone());
                return Ok(Registered { cancels: self.clone(), key, asked });
            }
        }
    }

    /// Wakes the session a key belongs to; an unknown key does nothing.
    pub(super) fn cancel(&self, process: i32, secret: &[u8]) {
        let Ok(secret) = <[u8; 4]>::try_from(secret) else { return };
        if let Some(asked) = self.0.lock().expect("no holder of this lock panics").get(&(process, secret)) {
            asked.notify_one();
        }
    }
}

impl Registered {
    /// The body of BackendKeyData.
    pub(super) fn body(&self) -> [u8; 8] {
        let mut body = [0; 8];
        body[..4].copy_from_slice(&self.key.0.to_be_bytes());
        body[4..].copy_from_slice(&self.key.1);
        body
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.cancels.0.lock().expect("no holder of this lock panics").remove(&self.key);
    }
}
