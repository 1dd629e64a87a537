//! Planted faults: each puts one known mistake of other approval engines back, so that a test can show that the
//! simulation would have found it. Outside tests every hook is the constant `false` and leaves nothing behind.

#[cfg(test)]
use std::cell::Cell;

/// A mistake that can be planted. Each names the guard it takes away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The requester's own vote counts.
    OwnVoteCounts,
    /// One person's second vote on a request counts too.
    OnePersonCountsTwice,
    /// A retract voids the votes of its level, and keeps those of later levels.
    RetractKeepsLaterVotes,
    /// A session opens under a grant whose window is over or has not begun.
    WindowNotAsked,
    /// A grant for one use can be used again.
    OneUseTwice,
    /// What is about to run is not compared with what was approved.
    AttemptNotCompared,
    /// Who lent the right to decide votes beside the borrower.
    LenderCountsToo,
    /// Who escalated a level by hand decides it.
    EscalatorDecides,
    /// A level escalates although too few there could decide it.
    EscalatesToNobody,
    /// An edit goes beyond what was signed.
    EditWidens,
    /// One of several approve rules lets an emergency through.
    OneRuleAllowsEmergency,
    /// One of several approve rules approves by itself for all of them.
    OneRuleApprovesByItself,
    /// A rejected review of an emergency leaves the access as it is.
    RejectedReviewChangesNothing,
    /// A level that lost its approvers waits and nobody is told.
    NobodyLeftRaisesNoAlarm,
    /// An administrator changes policy and directory alone although there is another.
    AdministersAlone,
    /// Who may be the requester by a link to a password decides for them.
    LinkLendsAuthority,
    /// A statement of a plan runs again.
    StepTwice,
    /// What is put in force is not compared with what was approved.
    ChangeNotCompared,
    /// A level is decided by those its workflow names today, not by those it named when the request was made.
    LevelsNotFrozen,
    /// What was approved is released although the grant of its session has ended.
    EndedGrantReleases,
    /// Exclusive use keeps nobody out.
    ExclusiveNotAsked,
    /// Two sessions get the same number.
    NumberGivenTwice,
    /// What was disapproved or has expired can still be withdrawn.
    EndsTwice,
    /// A vote counts without the evidence its level demands.
    EvidenceNotAsked,
    /// What a rule allowed goes on although the rules now demand approval.
    AllowedOutlivesItsRule,
    /// A contact's vote counts without the link, and a link for somebody else.
    ContactWithoutLink,
    /// A session opens although its target is another host now than was approved.
    PinNotAsked,
    /// A case is released from the state while a session under its grant is open.
    ReleasedTooEarly,
    /// A session is watched without the approval that the parameter demands.
    WatchNotAsked,
    /// What was typed in a session is seen as what it showed is.
    TypedNotAsked,
    /// What a session recorded is erased before the days are over for which it is kept.
    ErasedTooEarly,
    /// What a session recorded is exported although a rule forbids it.
    ExportNotAsked,
}

#[cfg(test)]
thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Whether `fault` is planted in this thread.
#[cfg(test)]
pub(crate) fn is(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// Nothing is ever planted outside tests.
#[cfg(not(test))]
pub(crate) const fn is(_: Fault) -> bool {
    false
}

/// Runs `work` with `fault` planted, and takes it out again.
#[cfg(test)]
pub(crate) fn with<T>(fault: Fault, work: impl FnOnce() -> T) -> T {
    PLANTED.set(Some(fault));
    let result = work();
    PLANTED.set(None);
    result
}
