//! What a change would lead to, before anybody proposes it: what nobody could approve or could never hold, and which of the
//! latest requests would be ruled on otherwise (R93).

use super::Desired;
use crate::control::Control;
use crate::fault::Fault;
use crate::store::Sought;
use crate::view::{PastView, authority_words, level_words, person_view, ruling_words, what};
use crate::words;
use countersign_core::monitor::{self, Lack, Warning, Why};
use countersign_core::what_if::{Ground, what_if};
use countersign_core::{Directory, Endpoint, Permission, Request, Roster, Rulebook, Ruling};
use countersign_journal::{ActMatch, Authority, Outcome, PersonId, Policy, RequestId, Subjects, Targets};
use std::collections::{BTreeMap, BTreeSet};

/// Requests looked at, the latest.
const REQUESTS_MAX: usize = 1_000;
/// People named in one sentence.
const NAMES_MAX: usize = 5;

/// What a change would open to many and should not pass by accident, one sentence each.
fn opened(old: &Policy, before: &Directory, desired: &Desired) -> Vec<String> {
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

/// Devices that are spoken to by what is no longer safe, one sentence each.
fn weak(directory: &Directory) -> Vec<String> {
    let weak = directory.devices.values().filter_map(|device| match &device.endpoint {
        Endpoint::Ssh(at) if !at.legacy_algorithms.is_empty() => Some((&device.name, &at.legacy_algorithms)),
        _ => None,
    });
    let said = weak.map(|(name, allowed)| {
        let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
        format!(
            "device `{name}`: {} may be agreed on with it, so that whoever is on the way to it may come to read or change \
             what is sent; bring it up to date, and take out what it no longer needs",
            allowed.join(", ")
        )
    });
    said.collect()
}

/// What is wrong, with what it comes from, and what to do.
fn warning(warning: &Warning, directory: &Directory) -> String {
    let Warning { rules, workflow, lack, people } = warning;
    let whom = whom(people, directory);
    let (first, beside) = (rules.first().map_or("", String::as_str), rules.get(1));
    let named = workflow.as_ref().map(|w| format!(" (workflow `{w}`)")).unwrap_or_default();
    let demands = beside.map(|b| format!(", where rule `{b}` demands a second factor too")).unwrap_or_default();
    let at = |level: &usize| format!("rule `{first}`{named}, level {level}");
    let few = |authority, needed: &u32, why: &Why| too_few(directory, authority, *needed, *why);
    match lack {
        Lack::Level { level, authority, needed, why } => {
            let (cause, remedy) = few(authority, needed, why);
            format!("{}: too few people can decide it for {whom}{demands}: {cause}; {remedy}", at(level))
        }
        Lack::Escalation { level, authority, needed, why } => {
            let (cause, remedy) = few(authority, needed, why);
            format!(
                "{}: when its time is over it escalates to {}, of whom too few can decide it for {whom}{demands}: \
                 {cause}; {remedy}",
                at(level),
                authority_words(directory, authority)
            )
        }
        Lack::Rejections { level, authority, needed } => format!(
            "{}: it takes {needed} rejections of {}, and there are not so many, so that nothing {whom} ask{} for could be \
             turned down there; require fewer, or name more people",
            at(level),
            authority_words(directory, authority),
            if people.len() > 1 { "" } else { "s" },
        ),
        Lack::Together => format!(
            "rule `{first}`{named}: its levels together need more people than there are for {whom}; one person counts \
             once: name more people, or require fewer approvals"
        ),
        Lack::NoPassword => format!(
            "{whom} cannot sign in, having no password, and decide in rule{} {}; make them a link on the page People",
            if rules.len() > 1 { "s" } else { "" },
            quoted(rules)
        ),
        Lack::Hours | Lack::Reasons => never_together(rules, *lack == Lack::Hours, &whom),
    }
}

/// Rules that meet and can never hold together.
fn never_together(rules: &[String], hours: bool, whom: &str) -> String {
    let (names, both) = (quoted(rules), "change whom or what one of them is for");
    match (rules.len() > 1, hours) {
        (true, true) => format!(
            "rules {names}: their allowed hours never overlap, so that {whom} could never connect where they meet; change \
             the hours of one of them, or {both}"
        ),
        (true, false) => format!(
            "rules {names}: their lists of reasons have none in common, so that no reason of {whom} would ever do where \
             they meet; add one they share, or {both}"
        ),
        (false, _) => format!("rule {names}: its hours never open for {whom}; change them"),
    }
}

/// Why too few can approve, and what to do about it.
fn too_few(directory: &Directory, authority: &Authority, needed: u32, why: Why) -> (String, &'static str) {
    let who = authority_words(directory, authority);
    let takes = if needed == 1 { "1 approval".to_owned() } else { format!("{needed} approvals") };
    match why {
        Why::Few => (
            format!("it takes {takes} of {who}, not counting whoever asks"),
            "add people there, name others, or require fewer approvals",
        ),
        Why::Password => (
            format!("it takes {takes} of {who}, and not so many have a password to sign in with"),
            "make them a link on the page People, or name others",
        ),
        Why::SecondFactor => (
            format!("it takes {takes} with a second factor of {who}, and not so many have set one up"),
            "have them set it up on their profile page, name others, or demand none",
        ),
    }
}

fn quoted(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|n| format!("`{n}`")).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let behind = if more > 0 { format!(" and {more} others") } else { String::new() };
    format!("{}{behind}", shown.join(", "))
}

/// Whom it concerns, in words.
fn whom(people: &BTreeSet<PersonId>, directory: &Directory) -> String {
    let names: Vec<String> = people.iter().take(NAMES_MAX).map(|p| words::name(directory, *p)).collect();
    match people.len() {
        0 => "anybody".to_owned(),
        few if few <= NAMES_MAX => names.join(", "),
        many => format!("{} and {} others", names.join(", "), many - NAMES_MAX),
    }
}

impl Control {
    /// What whoever proposes or approves a change should not pass by: what nobody could approve with it, and what it would
    /// open to many.
    pub(super) async fn warnings_of_change(
        &self,
        old: &Policy,
        before: &Directory,
        desired: &Desired,
    ) -> Result<Vec<String>, Fault> {
        let mut said = self.warnings(&desired.policy, &desired.directory).await?;
        said.extend(opened(old, before, desired));
        Ok(said)
    }

    /// What cannot be approved, or cannot hold, one sentence each.
    pub(super) async fn warnings(&self, policy: &Policy, directory: &Roster) -> Result<Vec<String>, Fault> {
        let sign_in = self.0.store.sign_in().await?;
        let found = monitor::warnings(policy, directory, &sign_in, self.now());
        Ok(found.iter().map(|w| warning(w, directory)).chain(weak(directory)).collect())
    }

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
            let before = changed.before.as_ref().map(|ruling| (ruling, &**directory));
            let after = changed.after.as_ref().map(|ruling| (ruling, &*desired.directory));
            let (before, after) = otherwise(before, after);
            let person = person_view(directory, request.person.id);
            Some(PastView { request: request.id, person, what: what(request), before, after })
        });
        Ok((latest.len(), changed.collect()))
    }
}

/// A ruling, and who its ids are.
type Ruled<'r> = Option<(&'r Ruling, &'r Directory)>;

/// What two rulings that are not the same demand, in words: each with what of its terms the other has not.
fn otherwise(before: Ruled<'_>, after: Ruled<'_>) -> (String, String) {
    // After a no there are no terms, and nobody compares them with it.
    let (was, is) = match before.zip(after) {
        Some((before, after)) if before.0.outcome.max(after.0.outcome) != Outcome::Deny => {
            (terms(before), terms(after))
        }
        _ => (Vec::new(), Vec::new()),
    };
    let with = |ruled: Ruled<'_>, own: &[String], other: &[String]| {
        let more = own.iter().filter(|term| !other.contains(term)).map(|term| format!(", {term}"));
        std::iter::once(demanded(ruled)).chain(more).collect::<String>()
    };
    let (before, after) = (with(before, &was, &is), with(after, &is, &was));
    let after = if before == after { format!("{after}, in another workflow") } else { after };
    (before, after)
}

/// On what terms a ruling lets somebody in, and its levels decide.
fn terms((ruling, directory): (&Ruling, &Directory)) -> Vec<String> {
    let mut said = ruling_words(ruling);
    for (t, track) in (1..).zip(&ruling.tracks) {
        for (n, level) in (1..).zip(&track.levels) {
            let at = if ruling.tracks.len() > 1 { format!("track {t}, level {n}") } else { format!("level {n}") };
            said.extend(level_words(directory, level).into_iter().map(|term| format!("{at}: {term}")));
        }
    }
    said
}

/// What a ruling demands, in words.
fn demanded(ruled: Ruled<'_>) -> String {
    let Some((ruling, directory)) = ruled else { return "no: person or target is gone".to_owned() };
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
