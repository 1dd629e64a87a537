//! What a change would lead to, before anybody proposes it: what nobody could approve, and which of the latest requests
//! would be ruled on otherwise (R93).

use super::Desired;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::Sought;
use crate::view::{PastView, authority_words, person_view, what};
use crate::words;
use countersign_core::monitor::{self, Warning};
use countersign_core::what_if::{Ground, what_if};
use countersign_core::{Directory, Permission, Request, Roster, Rulebook, Ruling};
use countersign_journal::{ActMatch, Outcome, Policy, RequestId, Subjects, Targets};
use std::collections::BTreeMap;

/// Requests looked at, the latest.
const REQUESTS_MAX: usize = 1_000;
/// People named in one sentence.
const NAMES_MAX: usize = 5;

/// What nobody can approve, one sentence each.
pub(super) fn warnings(policy: &Policy, directory: &Roster) -> Vec<String> {
    monitor::warnings(policy, directory).iter().map(|w| warning(w, directory)).collect()
}

/// What a change would open to many and should not pass by accident, one sentence each.
pub(super) fn opened(old: &Policy, before: &Directory, desired: &Desired) -> Vec<String> {
    let new = desired.policy.rules.iter().filter(|rule| !old.rules.contains(rule));
    let everybody = new.filter(|r| {
        r.outcome == Outcome::Allow && matches!(r.acts, ActMatch::Connect) && r.subjects == Subjects::default()
    });
    let mut opened: Vec<String> = everybody
        .map(|rule| {
            let what = if rule.targets == Targets::default() { "every account" } else { "what it names" };
            format!(
                "rule `{}`: everybody may connect to {what} without asking, unless another rule demands more",
                rule.name
            )
        })
        .collect();
    let grants = |directory: &Directory| !directory.who_may(Permission::GrantRoles).is_empty();
    if grants(before) && !grants(&desired.directory) {
        opened.push(
            "nobody could grant roles any more as a super administrator does: every administrator could change roles, \
             their own too"
                .to_owned(),
        );
    }
    opened
}

fn warning(warning: &Warning, directory: &Directory) -> String {
    let names: Vec<String> = warning.requesters.iter().map(|p| words::name(directory, *p)).collect();
    let whom = match names.len() {
        0 => "anybody".to_owned(),
        few if few <= NAMES_MAX => names.join(", "),
        many => format!("{} and {} others", names[..NAMES_MAX].join(", "), many - NAMES_MAX),
    };
    let rule = &warning.rule;
    match warning.level {
        Some(level) => format!("rule `{rule}`, level {level}: too few people can decide it for {whom}"),
        None => format!(
            "rule `{rule}`: its levels together need more people than there are for {whom}; one person counts once"
        ),
    }
}

impl Control {
    /// How many of the latest requests were looked at, and those that would be ruled on otherwise.
    pub(super) async fn past(
        &self,
        policy: &Rulebook,
        directory: &Roster,
        desired: &Desired,
    ) -> Result<(usize, Vec<PastView>), Fault> {
        let alive: Vec<Request> = self.state().requests.values().rev().take(REQUESTS_MAX).cloned().collect();
        let over = self.0.store.over(&Sought::default(), REQUESTS_MAX).await?;
        let over = over.into_iter().map(|case| (case.request.id, case.request));
        let all: BTreeMap<RequestId, Request> = over.chain(alive.into_iter().map(|r| (r.id, r))).collect();
        let latest: Vec<&Request> = all.values().rev().take(REQUESTS_MAX).collect();
        let (now, then) =
            (Ground { policy, directory }, Ground { policy: &desired.policy, directory: &desired.directory });
        let changed = what_if(latest.iter().copied(), now, then).into_iter().filter_map(|changed| {
            let request = all.get(&changed.request)?;
            let (before, after) = (demanded(directory, &changed.before), demanded(&desired.directory, &changed.after));
            let after = if before == after { format!("{after}, under other conditions") } else { after };
            let person = person_view(directory, request.person.id);
            Some(PastView { request: request.id, person, what: what(request), before, after })
        });
        Ok((latest.len(), changed.collect()))
    }
}

/// What a ruling demands, in words.
fn demanded(directory: &Directory, ruling: &Option<Ruling>) -> String {
    let Some(ruling) = ruling else { return "no: person or target is gone".to_owned() };
    match ruling.outcome {
        Outcome::Allow => "go ahead".to_owned(),
        Outcome::Justify => "a reason".to_owned(),
        Outcome::Deny => "no".to_owned(),
        Outcome::Approve => {
            let levels = |track: &countersign_journal::TrackPlan| {
                let all: Vec<String> = track.levels.iter().map(|l| authority_words(directory, &l.authority)).collect();
                all.join(", then ")
            };
            let tracks: Vec<String> = ruling.tracks.iter().map(levels).collect();
            format!("approval by {}", tracks.join("; and by "))
        }
    }
}
