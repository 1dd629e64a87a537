//! What a policy demands that the people there cannot give: workflows nobody can satisfy, found before somebody needs
//! them (DESIGN §5). The live decision asks the same directory; this looks ahead and changes nothing.

use crate::directory::{About, Directory};
use crate::roster::Roster;
use crate::ruling::plan_of;
use countersign_journal::{AccountId, Authority, Level, Outcome, PersonId, Policy, Rule, WorkflowId};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that somebody cannot get approved.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Warning {
    /// The rule, by name.
    pub rule: String,
    /// Which level has too few, counted from 1; none when each has enough and all together have not, because one person
    /// counts once per request.
    pub level: Option<usize>,
    /// Whom it concerns; nobody in particular when it concerns everyone.
    pub requesters: BTreeSet<PersonId>,
}

/// Everything that cannot be approved as things are.
#[must_use]
pub fn warnings(policy: &Policy, directory: &Roster) -> Vec<Warning> {
    let mut all = Vec::new();
    for rule in &policy.rules {
        let own = (rule.outcome == Outcome::Approve).then_some(rule.workflow);
        for workflow in own.into_iter().chain(rule.unknown.map(Some)) {
            all.extend(lacking(policy, directory, rule, workflow));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// What one workflow of a rule lacks, and for whom.
fn lacking(policy: &Policy, directory: &Roster, rule: &Rule, workflow: Option<WorkflowId>) -> Vec<Warning> {
    let levels = plan_of(policy, rule, workflow).levels;
    let accounts = accounts(rule, directory, &levels);
    let (special, any_other) = distinct(directory, &levels, &accounts, requesters(rule, directory));
    let lacks = |requester: PersonId| -> BTreeSet<Option<usize>> {
        let about = accounts.iter().map(|account| About { requester, account: *account });
        about.filter_map(|about| too_few(directory, &levels, about)).collect()
    };
    let for_all = any_other.map(lacks).unwrap_or_default();
    let mut concerned: BTreeMap<Option<usize>, BTreeSet<PersonId>> =
        for_all.iter().map(|level| (*level, BTreeSet::new())).collect();
    for requester in special {
        for level in &lacks(requester) - &for_all {
            concerned.entry(level).or_default().insert(requester);
        }
    }
    let warning = |(level, requesters)| Warning { rule: rule.name.clone(), level, requesters };
    concerned.into_iter().map(warning).collect()
}

/// Requesters for whom the answer may be their own, and one who stands for all others: it differs only for those who
/// hold an authority themselves, and where the line manager decides.
fn distinct(
    directory: &Roster,
    levels: &[Level],
    accounts: &[AccountId],
    all: BTreeSet<PersonId>,
) -> (BTreeSet<PersonId>, Option<PersonId>) {
    if levels.iter().any(|l| l.authority == Authority::LineManager) {
        return (all, None);
    }
    let about = accounts.iter().map(|account| About { requester: PersonId(0), account: *account });
    let holders = |about| levels.iter().flat_map(move |l: &Level| directory.named(&l.authority, about));
    let holders: BTreeSet<PersonId> = about.flat_map(holders).collect();
    (&all & &holders, all.difference(&holders).next().copied())
}

/// Everyone enabled whom a rule concerns, those aside whom it leaves out.
fn requesters(rule: &Rule, directory: &Roster) -> BTreeSet<PersonId> {
    let members = |groups: &BTreeSet<_>| groups.iter().flat_map(|g| directory.members(*g)).collect::<BTreeSet<_>>();
    let named = &rule.subjects.persons | &members(&rule.subjects.groups);
    let left_out = &rule.exclusions.persons | &members(&rule.exclusions.groups);
    let everyone = rule.subjects.is_empty();
    let enabled = directory.people.keys().copied().filter(|p| directory.enabled(*p).is_some());
    enabled.filter(|p| (everyone || named.contains(p)) && !left_out.contains(p)).collect()
}

/// The accounts a rule concerns; one stands for all where no level depends on it.
fn accounts(rule: &Rule, directory: &Roster, levels: &[Level]) -> Vec<AccountId> {
    let depends = |l: &Level| matches!(l.authority, Authority::AccountOwners | Authority::AccountManagers);
    let concerned = directory.accounts.keys().copied().filter(|id| {
        let target = directory.target_facts(*id, None);
        target.is_some_and(|t| crate::ruling::covers(&rule.targets, &t))
    });
    if levels.iter().any(depends) { concerned.collect() } else { vec![AccountId(0)] }
}

/// The level that too few can decide; or, inside, none where all levels together need more people than there are.
pub(crate) fn too_few(directory: &Directory, levels: &[Level], about: About) -> Option<Option<usize>> {
    let holders: Vec<BTreeSet<PersonId>> = levels.iter().map(|l| directory.named(&l.authority, about)).collect();
    let short = (1..).zip(levels).zip(&holders).find(|((_, l), h)| h.len() < needed(l));
    if let Some(((number, _), _)) = short {
        return Some(Some(number));
    }
    let places: Vec<&BTreeSet<PersonId>> =
        levels.iter().zip(&holders).flat_map(|(l, h)| std::iter::repeat_n(h, needed(l))).collect();
    (!all_placed(&places)).then_some(None)
}

fn needed(level: &Level) -> usize {
    level.approvals.max(1) as usize
}

/// Whether every place can be given to a person of its own: augmenting paths. Who has more candidates than there are
/// places never needs more of them.
fn all_placed(places: &[&BTreeSet<PersonId>]) -> bool {
    let mut given: BTreeMap<PersonId, usize> = BTreeMap::new();
    (0..places.len()).all(|place| give(places, place, &mut given, &mut BTreeSet::new()))
}

fn give(
    places: &[&BTreeSet<PersonId>],
    place: usize,
    given: &mut BTreeMap<PersonId, usize>,
    asked: &mut BTreeSet<PersonId>,
) -> bool {
    for person in places[place].iter().take(places.len() + 1) {
        if !asked.insert(*person) {
            continue;
        }
        let free = match given.get(person).copied() {
            None => true,
            Some(other) => give(places, other, given, asked),
        };
        if free {
            given.insert(*person, place);
            return true;
        }
    }
    false
}
