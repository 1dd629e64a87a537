//! Windows as people and programs give them.

use countersign_control::Fault;
use countersign_control::view::RequestView;
use countersign_core::Refusal;
use countersign_journal::{Timestamp, Window};

/// The asked window with the parts an approver changed; `None` when nothing was.
pub(crate) fn narrowed(
    seen: &RequestView,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<Option<Window>, Fault> {
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let window = Window::new(start.unwrap_or(seen.window.start), end.unwrap_or(seen.window.end));
    window.map(Some).ok_or(Fault::Refused(Refusal::NoPeriod))
}
