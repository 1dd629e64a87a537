//! A calendar of one account, for showing.

use super::PersonView;
use countersign_journal::{RequestId, Timestamp, Window};
use serde::Serialize;

/// Some days of one account, for somebody who may ask for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CalendarView {
    /// `account@device`.
    pub target: String,
    /// The days.
    pub window: Window,
    /// When this was so.
    pub now: Timestamp,
    /// Whether nobody else can use the account while they do.
    pub exclusive: bool,
    /// When the rules allow access, in order.
    pub open: Vec<Window>,
    /// What is reserved or asked for, in order.
    pub reserved: Vec<ReservedView>,
    /// What of the open hours can still be reserved, in order.
    pub free: Vec<Window>,
}

/// A period in which somebody has, or asks for, the account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ReservedView {
    /// When.
    pub window: Window,
    /// Whether it is the reader's own.
    pub mine: bool,
    /// The request; none where the reader may not see it.
    pub request: Option<RequestId>,
    /// Whose it is; none where the reader may not see it.
    pub person: Option<PersonView>,
    /// `Pending`, `To be used` or `In use`; empty where the reader may not see it.
    pub status: &'static str,
    /// Why; none where there is none or the reader may not see it.
    pub reason: Option<String>,
}
