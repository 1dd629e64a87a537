//! Levels, votes, emergencies and delegations, for showing.

use super::build::person_view;
use super::{DelegationView, Due, EmergencyView, LevelView, NarrowedView, VoteView};
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use countersign_core::Permission;
use countersign_core::refusal::span;
use countersign_core::state::{Escalation, Track};
use countersign_core::{Delegation, Directory, Request, Roster, Status, approvers};
use countersign_journal::{Authority, Evidence, Level, Notice, NoticeScope, Verdict};

/// Delegations listed at most.
const DELEGATIONS_MAX: usize = 200;

impl Control {
    pub(super) async fn emergency_view(
        &self,
        directory: &Roster,
        request: &Request,
    ) -> Result<Option<EmergencyView>, Fault> {
        let Some(declared) = &request.emergency else { return Ok(None) };
        Ok(Some(EmergencyView {
            reason: self.shown(&declared.reason).await?,
            at: declared.at,
            opens_at: declared.opens_at,
            stopped_by: declared.stopped_by.map(|p| person_view(directory, p)),
            opened: request.was_emergency(),
            owed: request.debt().len(),
        }))
    }

    pub(super) async fn levels(
        &self,
        directory: &Roster,
        request: &Request,
        n: u32,
        track: &Track,
    ) -> Result<Vec<LevelView>, Fault> {
        let mut levels = Vec::new();
        for (at, level) in (0u32..).zip(&track.levels) {
            // The one that decides, or was deciding when the request ended.
            let open = at == track.at && !request.automatic;
            let escalation = track.escalated.as_ref().filter(|_| at == track.at);
            let authority = escalation.map_or(&level.authority, |e| &e.to);
            let able = {
                let state = self.state();
                approvers(&state, directory, self.now(), authority, request.about())
            };
            levels.push(LevelView {
                authority: authority_words(directory, &level.authority),
                approvers: able.into_iter().map(|p| person_view(directory, p)).collect(),
                approvals: level.approvals,
                rejections: level.rejections,
                stage: stage(request, n, at, track, open),
                epoch: track.epoch,
                due: track.due().filter(|_| open && request.status == Status::Pending),
                then: then_words(directory, level, escalation.is_some()),
                times: times(directory, level),
                escalated: escalation.map(|e| escalation_words(directory, e)).unwrap_or_default(),
                votes: self.votes(directory, request, n, at, track).await?,
            });
        }
        Ok(levels)
    }

    /// What was decided on a level, and what was said of it after an emergency.
    async fn votes(
        &self,
        directory: &Roster,
        request: &Request,
        n: u32,
        level: u32,
        track: &Track,
    ) -> Result<Vec<VoteView>, Fault> {
        let cast = track.votes.iter().filter(|v| v.level == level);
        let cast = cast.map(|v| (v.approver, v.behalf, v.verdict, v.comment, Some(v.terms.window), v.at));
        let reviews = request.reviews.iter().filter(|r| (r.track, r.level) == (n, level));
        let reviews = reviews.map(|r| (r.approver, r.behalf, r.verdict, r.comment, None, r.at));
        let mut votes = Vec::new();
        for (approver, behalf, verdict, comment, window, at) in cast.chain(reviews) {
            let comment = match &comment {
                Some(comment) => Some(self.shown(comment).await?),
                None => None,
            };
            votes.push(VoteView {
                approver: person_view(directory, approver),
                behalf: behalf.map(|p| person_view(directory, p)),
                verdict: if verdict == Verdict::Approve { "approved" } else { "rejected" },
                comment,
                window,
                at,
            });
        }
        Ok(votes)
    }

    /// Who lent the right to decide to whom: the actor's own, or everybody's for those who may read everything.
    #[must_use]
    pub fn delegations(&self, actor: &Actor) -> Vec<DelegationView> {
        let (directory, now) = (self.directory(), self.now());
        let state = self.state();
        let concerns =
            |d: &&Delegation| d.from == actor.person || d.to == actor.person || actor.may(Permission::ListRequests);
        let view = |d: &Delegation| {
            let over = d.ended_by.is_some() || now >= d.window.end;
            let both = [d.from, d.to].iter().all(|p| directory.enabled(*p).is_some());
            let involved = d.from == actor.person || d.to == actor.person || actor.may(Permission::ManageRequests);
            DelegationView {
                id: d.id,
                from: person_view(&directory, d.from),
                to: person_view(&directory, d.to),
                window: d.window,
                stage: if over {
                    "ended"
                } else if !both {
                    "suspended"
                } else if d.is_live(now) {
                    "live"
                } else {
                    "coming"
                },
                may_end: !over && involved,
            }
        };
        state.delegations.values().rev().filter(concerns).take(DELEGATIONS_MAX).map(view).collect()
    }
}

/// What is left of the window of a request that waits, when somebody who approved allowed less than was asked for.
pub(super) fn narrowed(directory: &Directory, request: &Request) -> Option<NarrowedView> {
    let asked = request.terms.window;
    let votes = request.tracks.iter().flat_map(|t| &t.votes).filter(|_| request.status == Status::Pending);
    let approvals: Vec<_> = votes.filter(|v| v.verdict == Verdict::Approve).collect();
    let window = approvals.iter().try_fold(asked, |left, v| left.intersection(&v.terms.window))?;
    let by = approvals.iter().filter(|v| v.terms.window.intersection(&asked) != Some(asked));
    let by: Vec<_> = by.map(|v| person_view(directory, v.approver)).collect();
    (window != asked).then_some(NarrowedView { window, by })
}

/// How far a level is, in one word.
fn stage(request: &Request, n: u32, level: u32, track: &Track, open: bool) -> &'static str {
    match (request.was_emergency(), open) {
        (true, _) if request.reviewed(n, level) => "reviewed",
        (true, _) => "to review",
        (false, true) if track.blocked => "blocked",
        (false, true) => "open",
        (false, false) if level < track.at && !request.automatic => "passed",
        (false, false) => "waiting",
    }
}

/// What the timeout of a level leads to.
pub(crate) fn then_words(directory: &Directory, level: &Level, escalated: bool) -> String {
    match level.timeout.as_ref().map(|t| t.action.target()) {
        None => String::new(),
        Some(Some(target)) if !escalated => format!("then {} decide", authority_words(directory, &target)),
        Some(_) => "then it expires".to_owned(),
    }
}

/// What happens while nobody decides a level, in order; an escalation gets a period of its own (R16).
pub(crate) fn times(directory: &Directory, level: &Level) -> Vec<Due> {
    let Some(timeout) = &level.timeout else { return Vec::new() };
    let due = |times: u64, escalated: bool| Due {
        after: span(timeout.after_s.saturating_mul(times)),
        then: then_words(directory, level, escalated).trim_start_matches("then ").to_owned(),
    };
    let first = due(1, false);
    if timeout.action.target().is_some() { vec![first, due(2, true)] } else { vec![first] }
}

/// What a level demands besides its authority, in words, one each; only what is not so of every level.
pub(crate) fn level_words(directory: &Directory, level: &Level) -> Vec<String> {
    let told = |notice: &Notice| {
        let of = match notice.scope {
            NoticeScope::All => "everything",
            NoticeScope::Approver => "what approvers are told",
            NoticeScope::Requester => "what the requester is told",
        };
        format!("{} are told {of}", authority_words(directory, &Authority::Members(notice.group)))
    };
    let mut said = Vec::new();
    for (least, what) in [(level.approvals, "approve"), (level.rejections, "reject")] {
        said.extend((least > 1).then(|| format!("{least} must {what}")));
    }
    said.extend((level.evidence == Evidence::SecondFactor).then(|| "a fresh second factor".to_owned()));
    said.extend(level.choose.then(|| "the requester chooses whom to ask".to_owned()));
    said.extend(times(directory, level).into_iter().map(|due| format!("after {} {}", due.after, due.then)));
    said.extend((!level.tools.mail).then(|| "no mail".to_owned()));
    said.extend(level.tools.sms.then(|| "by SMS".to_owned()));
    said.extend(level.notify.iter().map(told));
    said
}

fn escalation_words(directory: &Directory, escalation: &Escalation) -> String {
    let why = escalation.by.map_or_else(
        || "nobody decided in time, or nobody could".to_owned(),
        |p| format!("escalated by {}", person_view(directory, p).name),
    );
    format!("{} decide now: {why}", authority_words(directory, &escalation.to))
}

/// An authority in words.
pub(crate) fn authority_words(directory: &Directory, authority: &Authority) -> String {
    let group = |id| directory.groups.get(id).map_or_else(|| format!("{id}"), |g| g.name.clone());
    match authority {
        Authority::Persons(persons) => {
            let names: Vec<String> = persons.iter().map(|p| person_view(directory, *p).name).collect();
            names.join(" or ")
        }
        Authority::Members(id) => format!("members of {}", group(id)),
        Authority::Managers(id) => format!("managers of {}", group(id)),
        Authority::Administrators => "administrators".to_owned(),
        Authority::LineManager => "the requester's line manager".to_owned(),
        Authority::AccountOwners => "owners of the account".to_owned(),
        Authority::AccountManagers => "managers of the account".to_owned(),
        Authority::Approvers(module) => format!("approvers of {}", module.name()),
        Authority::Contacts(named) => {
            let names: Vec<String> = named.iter().map(|c| person_view(directory, *c).name).collect();
            format!("contact {}", names.join(" or contact "))
        }
    }
}
