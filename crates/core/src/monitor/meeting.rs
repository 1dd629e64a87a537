//! Rules that meet on the same act, and whose conditions can never hold together: hours that never overlap, lists of reasons
//! that share none.

use super::{Lack, Warning};
use crate::hours;
use crate::permission::Permission;
use crate::roster::Roster;
use crate::ruling::{covers, leaves_out, speaks_of};
use countersign_journal::{
    ActMatch, Hours, Outcome, PersonFacts, PersonId, Policy, Rule, Seconds, TargetFacts, Timestamp, Window,
};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of people and targets, those alike taken together, that are looked at.
const MEETINGS_MAX: usize = 10_000;
/// How far ahead hours are compared: long enough for every weekday, and then for every change of clocks.
const AHEAD_S: [Seconds; 2] = [8 * 86_400, 366 * 86_400];

/// What can never hold, for whom.
pub(super) fn never_held(policy: &Policy, directory: &Roster, now: Timestamp) -> Vec<Warning> {
    let facts = || directory.people.keys().filter_map(|p| directory.person_facts(*p));
    let accounts: Vec<TargetFacts> =
        directory.accounts.keys().filter_map(|a| directory.target_facts(*a, None)).collect();
    let may = |p: &PersonFacts| directory.may(p.id, Permission::ProposeChanges);
    let mut found = of_act(policy, &ActMatch::Connect, &facts().collect::<Vec<_>>(), &accounts, now);
    let configuration = [TargetFacts::configuration()];
    found.extend(of_act(policy, &ActMatch::Administer, &facts().filter(may).collect::<Vec<_>>(), &configuration, now));
    found
}

/// The rules on one act that demand something here, by their places.
type Places = BTreeSet<usize>;

fn of_act(
    policy: &Policy,
    act: &ActMatch,
    people: &[PersonFacts],
    targets: &[TargetFacts],
    now: Timestamp,
) -> Vec<Warning> {
    let demands = |r: &&Rule| {
        let c = &r.conditions;
        r.acts == *act && (!c.hours.is_empty() || c.reasons.is_some() || r.outcome == Outcome::Deny)
    };
    let rules: Vec<&Rule> = policy.rules.iter().filter(demands).collect();
    let denies = |r: &Rule| r.outcome == Outcome::Deny;
    let places = |holds: &dyn Fn(&Rule) -> bool| -> Places {
        (0..).zip(&rules).filter(|(_, r)| holds(r)).map(|(n, _)| n).collect()
    };
    let mut alike: BTreeMap<Places, BTreeSet<PersonId>> = BTreeMap::new();
    for person in people {
        let spoken_of = places(&|r| speaks_of(r, person) && !(denies(r) && leaves_out(r, person)));
        alike.entry(spoken_of).or_default().insert(person.id);
    }
    let covered: BTreeSet<Places> = targets.iter().map(|t| places(&|r| covers(&r.targets, t))).collect();
    let mut meetings: BTreeMap<Places, BTreeSet<PersonId>> = BTreeMap::new();
    let pairs = alike.iter().flat_map(|one| covered.iter().map(move |places| (one, places)));
    for ((spoken_of, whom), covering) in pairs.take(MEETINGS_MAX) {
        meetings.entry(spoken_of & covering).or_default().extend(whom);
    }
    // Where a rule denies, nothing was to be had anyway.
    meetings.retain(|places, _| !places.iter().any(|n| denies(rules[*n])));
    let mut found: BTreeMap<(Vec<String>, Lack), BTreeSet<PersonId>> = BTreeMap::new();
    for (places, whom) in meetings {
        let met: Vec<&Rule> = places.iter().map(|n| rules[*n]).collect();
        let lacks = [(Lack::Hours, fewest(&met, |r| never_open(r, now))), (Lack::Reasons, fewest(&met, share_none))];
        for (lack, names) in lacks.into_iter().filter_map(|(lack, names)| Some((lack, names?))) {
            found.entry((names, lack)).or_default().extend(&whom);
        }
    }
    let everybody = |whom: BTreeSet<PersonId>| if whom.len() == people.len() { BTreeSet::new() } else { whom };
    let warning = |((rules, lack), whom)| Warning { rules, workflow: None, lack, people: everybody(whom) };
    found.into_iter().map(warning).collect()
}

/// The names of the fewest of these rules that cannot hold together; nothing when all of them can.
fn fewest(rules: &[&Rule], fails: impl Fn(&[&Rule]) -> bool) -> Option<Vec<String>> {
    if !fails(rules) {
        return None;
    }
    let mut kept = rules.to_vec();
    for rule in rules {
        let without: Vec<&Rule> = kept.iter().copied().filter(|r| r.id != rule.id).collect();
        if fails(&without) {
            kept = without;
        }
    }
    Some(kept.iter().map(|r| r.name.clone()).collect())
}

/// Whether there is no moment of the year ahead that the hours of all these rules hold.
fn never_open(rules: &[&Rule], now: Timestamp) -> bool {
    let all: BTreeSet<&Hours> = rules.iter().flat_map(|r| &r.conditions.hours).collect();
    let open = |ahead: Seconds| {
        let window = Window { start: now, end: now.plus(ahead) };
        !hours::open_within(all.iter().copied(), &window).is_empty()
    };
    !all.is_empty() && !AHEAD_S.into_iter().any(open)
}

/// Whether the lists of reasons of these rules have none in common.
fn share_none(rules: &[&Rule]) -> bool {
    let mut lists = rules.iter().filter_map(|r| r.conditions.reasons.as_ref());
    let Some(first) = lists.next().cloned() else { return false };
    lists.fold(first, |sum, list| &sum & list).is_empty()
}
