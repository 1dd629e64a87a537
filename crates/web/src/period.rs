//! Terms as people and programs give them.

use countersign_control::Fault;
use countersign_control::view::RequestView;
use countersign_core::Refusal;
use countersign_journal::{Terms, Timestamp, Window};

/// The terms of a request with the parts an approver changed; `None` when nothing was. A reset after use can be switched
/// on, never off (R32).
pub(crate) fn changed(
    seen: &RequestView,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    reset_after_use: bool,
) -> Result<Option<Terms>, Fault> {
    if start.is_none() && end.is_none() && (!reset_after_use || seen.reset_after_use) {
        return Ok(None);
    }
    let window = Window::new(start.unwrap_or(seen.window.start), end.unwrap_or(seen.window.end));
    let window = window.ok_or(Fault::Refused(Refusal::NoPeriod))?;
    Ok(Some(Terms { window, reset_after_use: reset_after_use || seen.reset_after_use }))
}

/// The same for who approves, who may allow less than was asked for and never more.
pub(crate) fn narrowed(
    seen: &RequestView,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    reset_after_use: bool,
) -> Result<Option<Terms>, Fault> {
    let terms = changed(seen, start, end, reset_after_use)?;
    let wider = |t: &Terms| t.window.start < seen.window.start || t.window.end > seen.window.end;
    match terms.filter(wider) {
        Some(_) => {
            Err(Fault::Input("this is more than was asked for; choose a period inside the one asked for".into()))
        }
        None => Ok(terms),
    }
}
