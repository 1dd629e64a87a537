//! The policy as decisions look rules up in it: the rules that concern a person and a target are found without walking
//! those that do not. It is made whole from a policy and never changes; a change makes another one.
//!
//! Must not decide anything: whether a rule concerns somebody is [`concerns`], and what it demands is `ruling`.

use crate::ruling::concerns;
use countersign_journal::{
    AccountId, DeviceGroupId, DeviceId, GroupId, PersonFacts, PersonId, Policy, Rule, TargetFacts,
};
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A rule that names more pairs of subject and target than this is filed under its subjects only.
const PAIRS_MAX: usize = 256;

/// A policy with its index. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Rulebook(Arc<Indexed>);

#[derive(Debug, Default)]
struct Indexed {
    policy: Policy,
    /// Where each rule stands, by whom and what it names.
    filed: HashMap<(Whom, What), Vec<usize>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Whom {
    Everyone,
    Person(PersonId),
    Group(GroupId),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum What {
    Everything,
    Device(DeviceId),
    Group(DeviceGroupId),
    Account(AccountId),
    /// More than is worth a line each.
    Many,
}

impl Rulebook {
    /// Indexes a policy.
    #[must_use]
    pub fn new(policy: Policy) -> Rulebook {
        let mut filed: HashMap<(Whom, What), Vec<usize>> = HashMap::new();
        for (n, rule) in policy.rules.iter().enumerate() {
            let (whom, what) = (whom_of(rule), what_of(rule));
            let what = if whom.len() * what.len() > PAIRS_MAX { vec![What::Many] } else { what };
            for pair in whom.iter().flat_map(|a| what.iter().map(move |b| (*a, *b))) {
                filed.entry(pair).or_default().push(n);
            }
        }
        Rulebook(Arc::new(Indexed { policy, filed }))
    }

    /// The rules that concern this person and this target, in the policy's order.
    pub fn concerning(&self, person: &PersonFacts, target: &TargetFacts) -> impl Iterator<Item = &Rule> {
        let whom =
            [Whom::Everyone, Whom::Person(person.id)].into_iter().chain(person.groups.iter().copied().map(Whom::Group));
        let what = [What::Everything, What::Many, What::Device(target.device), What::Account(target.account)];
        let what = what.into_iter().chain(target.device_groups.iter().copied().map(What::Group));
        let pairs = whom.flat_map(|a| what.clone().map(move |b| (a, b)));
        let found: BTreeSet<usize> = pairs.filter_map(|pair| self.0.filed.get(&pair)).flatten().copied().collect();
        found.into_iter().filter_map(|n| self.rules.get(n)).filter(|rule| concerns(rule, person, target))
    }
}

fn whom_of(rule: &Rule) -> Vec<Whom> {
    if rule.subjects.is_empty() {
        return vec![Whom::Everyone];
    }
    let people = rule.subjects.persons.iter().copied().map(Whom::Person);
    people.chain(rule.subjects.groups.iter().copied().map(Whom::Group)).collect()
}

fn what_of(rule: &Rule) -> Vec<What> {
    let targets = &rule.targets;
    if targets.is_everything() {
        return vec![What::Everything];
    }
    let devices = targets.devices.iter().copied().map(What::Device);
    let groups = targets.groups.iter().copied().map(What::Group);
    devices.chain(groups).chain(targets.accounts.iter().copied().map(What::Account)).collect()
}

impl Deref for Rulebook {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.0.policy
    }
}

impl From<Policy> for Rulebook {
    fn from(policy: Policy) -> Rulebook {
        Rulebook::new(policy)
    }
}

// The index follows from the policy.

impl PartialEq for Rulebook {
    fn eq(&self, other: &Rulebook) -> bool {
        **self == **other
    }
}

impl Eq for Rulebook {}

impl Hash for Rulebook {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (**self).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_journal::{ActMatch, Conditions, Digest, Outcome, RuleId, Subjects, Targets};
    use fastrand::Rng;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    fn some(rng: &mut Rng, most: u64) -> BTreeSet<u64> {
        (0..rng.usize(0..4)).map(|_| rng.u64(1..=most)).collect()
    }

    fn some_rule(rng: &mut Rng, id: u64) -> Rule {
        // Now and then one that names too much to be filed by every pair.
        let many = if rng.u8(0..20) == 0 { 300 } else { 0 };
        let people = some(rng, 5).into_iter().chain(100..100 + many);
        Rule {
            id: RuleId(id),
            name: String::new(),
            subjects: Subjects {
                persons: people.map(PersonId).collect(),
                groups: some(rng, 5).into_iter().map(GroupId).collect(),
            },
            targets: Targets {
                devices: some(rng, 5).into_iter().map(DeviceId).collect(),
                groups: some(rng, 5).into_iter().map(DeviceGroupId).collect(),
                accounts: some(rng, 5).into_iter().map(AccountId).collect(),
            },
            acts: ActMatch::Connect,
            outcome: Outcome::Allow,
            workflow: None,
            unknown: None,
            exclusions: Subjects::default(),
            conditions: Conditions::default(),
            automatic: None,
            emergency: None,
        }
    }

    /// What is found by the index is what walking all rules finds, in the same order.
    #[test]
    fn r8_exactly_the_rules_that_concern_somebody_are_found() {
        let (mut rng, mut found_any) = (Rng::with_seed(3), 0);
        for _ in 0..300 {
            let rules: Vec<Rule> = (1..=20).map(|id| some_rule(&mut rng, id)).collect();
            let book = Rulebook::new(Policy { rules, ..Policy::default() });
            for _ in 0..10 {
                let groups = some(&mut rng, 5).into_iter().map(GroupId).collect();
                let person = PersonFacts { id: PersonId(rng.u64(1..=6)), handle: String::new(), groups };
                let target = TargetFacts {
                    device: DeviceId(rng.u64(1..=6)),
                    device_name: String::new(),
                    device_groups: some(&mut rng, 5).into_iter().map(DeviceGroupId).collect(),
                    account: AccountId(rng.u64(1..=6)),
                    account_name: String::new(),
                    database: String::new(),
                    pin: Digest::ZERO,
                };
                let found: Vec<RuleId> = book.concerning(&person, &target).map(|r| r.id).collect();
                let walked = book.rules.iter().filter(|r| concerns(r, &person, &target));
                assert_eq!(found, walked.map(|r| r.id).collect::<Vec<_>>());
                found_any += found.len();
            }
        }
        assert!(found_any > 1_000, "the rules must not miss everybody");
    }

    #[test]
    fn books_are_one_as_their_policies_are() {
        let book =
            |id| Rulebook::new(Policy { rules: vec![some_rule(&mut Rng::with_seed(3), id)], ..Policy::default() });
        let hash = |book: Rulebook| BuildHasherDefault::<DefaultHasher>::default().hash_one(book);
        assert_eq!((book(1), hash(book(1))), (book(1), hash(book(1))));
        assert_ne!(book(1), book(2));
        assert_ne!(hash(book(1)), hash(book(2)));
    }
}
