//! Refusals: a correct no, with what it is about and what to do next. Shown to people as they stand.

use crate::state::Status;
use countersign_journal::{DelegationId, GrantId, PLAN_STEPS_MAX, RequestId, Seconds, SessionId, Timestamp};

/// Why the answer is no.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say what the variants mean")]
pub enum Refusal {
    #[error("this person is unknown or disabled; an administrator can enable them")]
    NobodyThere,
    /// Also when there is one and no rule speaks of it for this person: from a refusal nobody learns what there is.
    #[error(
        "there is no such account or device, or no rule allows this to you; check the name, or ask an administrator what you may reach"
    )]
    NoSuchTarget,
    #[error("request {0} does not exist")]
    NoSuchRequest(RequestId),
    #[error("{0} does not exist")]
    NoSuchGrant(GrantId),
    #[error("the session is not open")]
    NoSuchSession,
    /// Also when there is one and this person may not watch it.
    #[error("there is no such session, or none that you may watch")]
    NothingToWatch,
    #[error("watching {0} must be approved first; ask for it with a reason, then watch inside the window")]
    WatchNeedsRequest(SessionId),
    #[error(
        "what was typed in {0} must be approved for itself before anybody sees it; ask for it with a reason, then look inside the window"
    )]
    TypedNeedsRequest(SessionId),
    #[error("{}", not_exported(.rules))]
    ExportForbidden { rules: Vec<String> },
    #[error("a request to watch is for no password, and none is changed after it; leave `reset_after_use` out")]
    NothingToReset,
    #[error("{}", denied(.rules))]
    Denied { rules: Vec<String> },
    #[error("access to `{target}` must be requested first; reserve it on the page, then connect inside the window")]
    NeedsRequest { target: String },
    #[error("`{target}` is reserved from {start} (UTC) on; connect when the window begins", start = shown(.start))]
    TooEarly { target: String, start: Timestamp },
    #[error("{}", reason_missing(*.least, *.found))]
    ReasonTooShort { least: u32, found: u32 },
    #[error("at most {} may be asked for here; {} were", span(*.most), span(*.asked))]
    TooLong { most: u64, asked: u64 },
    #[error("the period is empty or already over; choose an end in the future, after the start")]
    NoPeriod,
    #[error("access may start at most {} ahead here; this starts in {}", span(*.most), span(*.asked))]
    TooFarAhead { most: u64, asked: u64 },
    #[error("access is possible only inside the allowed hours (zone {zone}); choose a period inside them")]
    OutsideHours { zone: String },
    #[error("choose one of the listed reasons: {}", list.join(", "))]
    ReasonNotListed { list: Vec<String> },
    #[error("a ticket id is required; give the one this work belongs to")]
    TicketMissing,
    #[error("a ticket id has 1 to 64 printable characters without spaces")]
    BadTicket,
    #[error("the period shares nothing with what other approvers signed; choose one that overlaps theirs")]
    NoCommonPeriod,
    #[error("the period is wider than what was asked for; approve what was asked or less")]
    WiderThanAsked,
    #[error(
        "{most} {what} of yours wait already, as many as one person may have; withdraw one, or wait for a decision"
    )]
    TooManyPending { most: usize, what: &'static str },
    #[error("nobody can decide this: {what}; an administrator must name an approver")]
    NobodyCanDecide { what: String },
    #[error("request {request} is no longer pending: {}", came_to(.status))]
    NotPending { request: RequestId, status: Status },
    #[error("this level was decided meanwhile; look at the request again")]
    LevelMoved,
    #[error("nobody decides their own request")]
    OwnRequest,
    #[error(
        "you and the requester may be one by a link to a password; somebody else must decide this, or make one of you a link"
    )]
    MayBeOne,
    #[error("you are not an approver of the open level of request {0}")]
    NotAnApprover(RequestId),
    #[error("your decision on this request already counts; one person counts once")]
    AlreadyCounted,
    #[error("this demands a second factor not older than five minutes; confirm it, then do it again")]
    EvidenceTooWeak,
    #[error("contacts decide by the link in their mail, and nobody else does")]
    NotByLink,
    #[error("only the requester of {0} can do this")]
    NotYours(RequestId),
    #[error("there is no approval of yours on request {0} to take back")]
    NothingToRetract(RequestId),
    #[error("request {request} cannot be revoked: {}", came_to(.status))]
    NotRevocable { request: RequestId, status: Status },
    #[error("only an approver of the request or an administrator can change or revoke it")]
    MayNotRevoke,
    #[error("it has been used already")]
    AlreadyUsed,
    #[error(
        "request {0} waits for its approvers, so nothing is granted that could be changed; an approver can approve less than was asked for, and the requester can withdraw it and ask anew"
    )]
    NotGrantedYet(RequestId),
    #[error("the terms of request {request} cannot be changed: {}", came_to(.status))]
    NotEditable { request: RequestId, status: Status },
    #[error("the grant is over")]
    GrantOver,
    #[error("the rule allows {most} at a time and so many sessions are open under this grant; close one first")]
    SessionsMax { most: u32 },
    #[error("this is wider than what was signed; ask for it with a new request")]
    WiderThanSigned,
    #[error("only an administrator can escalate a request by hand")]
    MayNotEscalate,
    #[error("this level has nobody to escalate to, or was escalated already")]
    NothingToEscalateTo,
    #[error("you escalated this level, so others decide it")]
    EscalatedByYou,
    #[error("the rules allow no emergency access here; wait for approval")]
    NoEmergencyHere,
    #[error("an emergency was declared on this request already")]
    EmergencyDeclared,
    #[error("approvers said no to this within a day; no emergency overrides that")]
    RefusedLately,
    #[error("no emergency is counting down on this request")]
    NothingToStop,
    #[error("nobody lends the right to decide to themselves")]
    LentToOneself,
    #[error("{0} does not exist")]
    NoSuchDelegation(DelegationId),
    #[error("this delegation is over")]
    DelegationOver,
    #[error("in exclusive use by another user")]
    InExclusiveUse,
    #[error("what is about to run is not what was approved")]
    NotWhatWasApproved,
    #[error("the approval holds only in the session it was asked in")]
    OtherSession,
    #[error("only a super administrator can change who has which role and what roles may do")]
    MayNotGrantRoles,
    #[error("the approved plan does not cover this: {0}")]
    NotPlanned(&'static str),
    #[error("statement {step} of the plan cannot be asked for: {}", denied(.rules))]
    StepDenied { step: usize, rules: Vec<String> },
    #[error("a plan has 1 to {PLAN_STEPS_MAX} statements; this has {0}")]
    BadPlan(usize),
    #[error("only an administrator can change policy and directory")]
    MayNotAdminister,
    #[error(
        "the configuration was changed after this was written; look at what is in force now, then propose it again"
    )]
    ChangedMeanwhile,
    #[error("the policy cannot be applied: {0}")]
    BadPolicy(String),
}

fn reason_missing(least: u32, found: u32) -> String {
    match (least, found) {
        (0 | 1, _) => "give a reason".to_owned(),
        (_, 0) => format!("give a reason of at least {least} characters"),
        _ => format!("a reason of at least {least} characters is required; it has {found}"),
    }
}

fn denied(rules: &[String]) -> String {
    if rules.is_empty() {
        "no rule allows this; an administrator can add one".to_owned()
    } else {
        let names: Vec<String> = rules.iter().map(|r| format!("`{r}`")).collect();
        format!("denied by {}; an administrator can change the rule", names.join(", "))
    }
}

fn not_exported(rules: &[String]) -> String {
    if rules.is_empty() {
        return "what was typed in a session is never exported".to_owned();
    }
    let names: Vec<String> = rules.iter().map(|r| format!("`{r}`")).collect();
    format!(
        "what this session recorded is not exported, by {}; it can be watched here, and an administrator can change the rule for \
         later sessions",
        names.join(", ")
    )
}

/// What a request came to, in the words of the pages.
fn came_to(status: &Status) -> &'static str {
    match status {
        Status::Pending => "it is pending",
        Status::Approved => "it was approved",
        Status::Disapproved => "it was rejected",
        Status::Canceled => "it was withdrawn",
        Status::Expired => "it has expired",
        Status::Revoked => "it was revoked",
    }
}

/// The one word people know a status by.
#[must_use]
pub fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Pending => "Pending",
        Status::Approved => "Approved",
        Status::Disapproved => "Disapproved",
        Status::Canceled => "Canceled",
        Status::Expired => "Expired",
        Status::Revoked => "Revoked",
    }
}

/// A length of time in its largest units.
#[must_use]
pub fn span(seconds: Seconds) -> String {
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, if seconds / 86_400 == 1 { "day" } else { "days" }, seconds % 86_400 / 3_600, "h"),
    }
}

/// A moment as `YYYY-MM-DD HH:MM`, from the civil calendar (proleptic Gregorian, no zone rules needed for UTC).
#[must_use]
pub fn shown(moment: &Timestamp) -> String {
    let minutes = moment.0.div_euclid(60_000_000);
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_in_utc() {
        assert_eq!(shown(&Timestamp(0)), "1970-01-01 00:00");
        assert_eq!(shown(&Timestamp(1_709_208_000_000_000)), "2024-02-29 12:00");
        assert_eq!(shown(&Timestamp(1_795_327_260_000_000)), "2026-11-22 06:01");
    }
}
