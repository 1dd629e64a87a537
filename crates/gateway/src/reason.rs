//! Waiting for a reason that is given on a page (R3).

use countersign_control::Control;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How long a connection waits for its reason.
pub(crate) const REASON_WAIT: Duration = Duration::from_secs(300);

/// Waits until there is a grant.
pub(crate) async fn given(control: &Control, granted: impl Fn() -> bool) {
    let mut changes = control.changes();
    while !granted() {
        if let Err(RecvError::Closed) = changes.recv().await {
            return;
        }
    }
}
