//! What a policy demands that the people there cannot give: workflows nobody can satisfy, and rules that can never hold
//! together, found before somebody needs them (DESIGN §5). The live decision asks the same directory; this looks ahead and
//! changes nothing.

mod meeting;

use crate::directory::{About, Directory};
use crate::roster::Roster;
use crate::ruling::{covers, plan_of};
use countersign_journal::{
    AccountId, Authority, Evidence, Level, Outcome, PersonId, Policy, Rule, Timestamp, WorkflowId,
};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

/// Who can sign in, which the directory does not say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SignIn {
    /// Who has a password.
    pub password: BTreeSet<PersonId>,
    /// Who has a second factor too.
    pub second_factor: BTreeSet<PersonId>,
}

/// Something that cannot be approved, or cannot hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Warning {
    /// The rules it comes from, by name.
    pub rules: Vec<String>,
    /// The workflow of the first of them, by name, where a level of it lacks somebody.
    pub workflow: Option<String>,
    /// What is wrong.
    pub lack: Lack,
    /// Whom it concerns; nobody in particular when it concerns everyone.
    pub people: BTreeSet<PersonId>,
}

/// What is wrong. Levels count from 1.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lack {
    /// Too few can approve on a level.
    Level {
        /// Which.
        level: usize,
        /// Who decides it.
        authority: Authority,
        /// Approvals it requires.
        needed: u32,
        /// Why they are too few.
        why: Why,
    },
    /// A level has more rejections required than people who could reject.
    Rejections {
        /// Which.
        level: usize,
        /// Who decides it.
        authority: Authority,
        /// Rejections it requires.
        needed: u32,
    },
    /// Too few could approve once a level was escalated.
    Escalation {
        /// Which.
        level: usize,
        /// Who would decide it then.
        authority: Authority,
        /// Approvals it requires.
        needed: u32,
        /// Why they are too few.
        why: Why,
    },
    /// Each level has enough and all together have not, because one person counts once per request.
    Together,
    /// People are named to decide and cannot sign in.
    NoPassword,
    /// The hours of these rules never overlap.
    Hours,
    /// The lists of reasons of these rules have none in common.
    Reasons,
}

impl Lack {
    fn why(&self) -> Option<Why> {
        match self {
            Lack::Level { why, .. } | Lack::Escalation { why, .. } => Some(*why),
            _ => None,
        }
    }
}

/// Why too few can approve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Why {
    /// There are not more of them.
    Few,
    /// Not more of them have a password.
    Password,
    /// Not more of them have the second factor that is demanded.
    SecondFactor,
}

/// Everything that cannot be approved, or cannot hold, as things are.
#[must_use]
pub fn warnings(policy: &Policy, directory: &Roster, sign_in: &SignIn, now: Timestamp) -> Vec<Warning> {
    let (mut all, mut locked_out) = (Vec::new(), LockedOut::default());
    for rule in &policy.rules {
        let own = (rule.outcome == Outcome::Approve).then_some(rule.workflow);
        for workflow in own.into_iter().chain(rule.unknown.map(Some)) {
            let alone = Look { policy, directory, sign_in, rule, beside: None, workflow };
            all.extend(alone.lacking());
            locked_out.add(&alone);
            let stricter = policy.rules.iter().filter(|other| demands_more(rule, other));
            let beside = stricter.flat_map(|other| Look { beside: Some(other), ..alone }.lacking());
            all.extend(beside.filter(|w| w.lack.why() == Some(Why::SecondFactor)));
        }
    }
    all.extend(locked_out.warning());
    all.extend(meeting::never_held(policy, directory, now));
    all.sort();
    all.dedup();
    all
}

/// Whether another rule may meet with this one and demands stronger evidence of those who decide.
fn demands_more(rule: &Rule, other: &Rule) -> bool {
    discriminant(&rule.acts) == discriminant(&other.acts) && other.conditions.evidence > rule.conditions.evidence
}

/// Everybody named to decide who cannot sign in, and by which rules.
#[derive(Default)]
struct LockedOut {
    people: BTreeSet<PersonId>,
    rules: Vec<String>,
}

impl LockedOut {
    fn add(&mut self, look: &Look<'_>) {
        let levels = look.levels();
        let (accounts, all) = (look.accounts(&levels), look.requesters());
        let mut named = look.holders(&levels, &accounts);
        if authorities(&levels).any(|a| a == Authority::LineManager) {
            named.extend(all.iter().filter_map(|p| look.directory.people.get(p)?.manager));
        }
        let people = named.into_iter().filter(|p| look.directory.enabled(*p).is_some());
        let out: BTreeSet<PersonId> = people.filter(|p| !look.sign_in.password.contains(p)).collect();
        if !out.is_empty() && !self.rules.contains(&look.rule.name) {
            self.rules.push(look.rule.name.clone());
        }
        self.people.extend(out);
    }

    fn warning(self) -> Option<Warning> {
        let LockedOut { people, rules } = self;
        (!people.is_empty()).then_some(Warning { rules, workflow: None, lack: Lack::NoPassword, people })
    }
}

/// Who decides levels, or would after an escalation.
fn authorities(levels: &[Level]) -> impl Iterator<Item = Authority> + '_ {
    levels.iter().flat_map(|l| [Some(l.authority.clone()), escalation(l)]).flatten()
}

fn escalation(level: &Level) -> Option<Authority> {
    level.timeout.as_ref().and_then(|t| t.action.target())
}

/// One workflow of a rule, alone or where the rule meets another one.
#[derive(Clone, Copy)]
struct Look<'p> {
    policy: &'p Policy,
    directory: &'p Roster,
    sign_in: &'p SignIn,
    rule: &'p Rule,
    beside: Option<&'p Rule>,
    workflow: Option<WorkflowId>,
}

impl Look<'_> {
    /// What it lacks, and for whom.
    fn lacking(&self) -> Vec<Warning> {
        let levels = self.levels();
        let accounts = self.accounts(&levels);
        let (special, any_other) = self.distinct(&levels, &accounts);
        let lacks = |requester: PersonId| -> BTreeSet<Lack> {
            let about = accounts.iter().map(|account| About { requester, account: *account });
            about.flat_map(|about| self.lacks(&levels, about)).collect()
        };
        let for_all = any_other.map(lacks).unwrap_or_default();
        let mut concerned: BTreeMap<Lack, BTreeSet<PersonId>> =
            for_all.iter().map(|lack| (lack.clone(), BTreeSet::new())).collect();
        for requester in special {
            for lack in &lacks(requester) - &for_all {
                concerned.entry(lack).or_default().insert(requester);
            }
        }
        let rules: Vec<String> = [Some(self.rule), self.beside].into_iter().flatten().map(|r| r.name.clone()).collect();
        let workflow = self.workflow.and_then(|id| self.policy.workflow(id)).map(|w| w.name.clone());
        let all = self.requesters();
        let everyone =
            |people: BTreeSet<PersonId>| if people.len() > 1 && people == all { BTreeSet::new() } else { people };
        let warning = |(lack, people)| Warning {
            rules: rules.clone(),
            workflow: workflow.clone(),
            lack,
            people: everyone(people),
        };
        concerned.into_iter().map(warning).collect()
    }

    /// Its levels, with the evidence the rules demand.
    fn levels(&self) -> Vec<Level> {
        let mut levels = plan_of(self.policy, self.rule, self.workflow).levels;
        let demanded = [Some(self.rule), self.beside].into_iter().flatten().map(|r| r.conditions.evidence).max();
        for level in &mut levels {
            level.evidence = level.evidence.max(demanded.unwrap_or_default());
        }
        levels
    }

    /// Everything that lacks for one requester and account.
    fn lacks(&self, levels: &[Level], about: About) -> BTreeSet<Lack> {
        let (mut lacks, mut usable) = (BTreeSet::new(), Vec::new());
        for (level, plan) in (1..).zip(levels) {
            let (authority, needed) = (plan.authority.clone(), plan.approvals.max(1));
            let holders = self.directory.named(&authority, about);
            if (plan.rejections as usize) > holders.len().max(1) {
                lacks.insert(Lack::Rejections { level, authority: authority.clone(), needed: plan.rejections });
            }
            match self.usable(plan, &authority, holders) {
                Ok(able) => usable.push(able),
                Err(why) => {
                    lacks.insert(Lack::Level { level, authority, needed, why });
                }
            }
            let to = escalation(plan);
            let short = to.map(|to| (self.usable(plan, &to, self.directory.named(&to, about)), to));
            if let Some((Err(why), authority)) = short {
                lacks.insert(Lack::Escalation { level, authority, needed, why });
            }
        }
        if usable.len() == levels.len() && !all_together(levels, &usable) {
            lacks.insert(Lack::Together);
        }
        lacks
    }

    /// Those who can give an approval that counts; or why they are too few.
    fn usable(
        &self,
        level: &Level,
        authority: &Authority,
        mut holders: BTreeSet<PersonId>,
    ) -> Result<BTreeSet<PersonId>, Why> {
        let outside = matches!(authority, Authority::Contacts(_));
        let demands: [(Why, bool, Option<&BTreeSet<PersonId>>); 3] = [
            (Why::Few, true, None),
            (Why::Password, !outside, Some(&self.sign_in.password)),
            (Why::SecondFactor, level.evidence >= Evidence::SecondFactor, Some(&self.sign_in.second_factor)),
        ];
        for (why, _, among) in demands.into_iter().filter(|(_, demanded, _)| *demanded) {
            holders.retain(|p| among.is_none_or(|among| among.contains(p)));
            if holders.len() < needed(level) {
                return Err(why);
            }
        }
        Ok(holders)
    }

    /// Everybody its levels and their escalations name, whoever asks.
    fn holders(&self, levels: &[Level], accounts: &[AccountId]) -> BTreeSet<PersonId> {
        let about = accounts.iter().map(|account| About { requester: PersonId(0), account: *account });
        about.flat_map(|about| authorities(levels).flat_map(move |a| self.directory.named(&a, about))).collect()
    }

    /// Requesters for whom the answer may be their own, and one who stands for all others: it differs only for those who
    /// hold an authority themselves, and where the line manager decides.
    fn distinct(&self, levels: &[Level], accounts: &[AccountId]) -> (BTreeSet<PersonId>, Option<PersonId>) {
        let all = self.requesters();
        if authorities(levels).any(|a| a == Authority::LineManager) {
            return (all, None);
        }
        let holders = self.holders(levels, accounts);
        (&all & &holders, all.difference(&holders).next().copied())
    }

    /// Everyone enabled whom it concerns, those aside whom the rule leaves out.
    fn requesters(&self) -> BTreeSet<PersonId> {
        let (rule, directory) = (self.rule, self.directory);
        let members = |groups: &BTreeSet<_>| groups.iter().flat_map(|g| directory.members(*g)).collect::<BTreeSet<_>>();
        let left_out = &rule.exclusions.persons | &members(&rule.exclusions.groups);
        let named = [Some(rule), self.beside].into_iter().flatten().filter(|r| !r.subjects.is_empty());
        let named: Vec<_> = named.map(|r| &r.subjects.persons | &members(&r.subjects.groups)).collect();
        let enabled = directory.people.keys().copied().filter(|p| directory.enabled(*p).is_some());
        enabled.filter(|p| named.iter().all(|n| n.contains(p)) && !left_out.contains(p)).collect()
    }

    /// The accounts it concerns; one stands for all where no level depends on it.
    fn accounts(&self, levels: &[Level]) -> Vec<AccountId> {
        let depends = |a: Authority| matches!(a, Authority::AccountOwners | Authority::AccountManagers);
        let every = || [Some(self.rule), self.beside].into_iter().flatten();
        if !authorities(levels).any(depends) && every().all(|r| r.targets.is_everything()) {
            return vec![AccountId(0)];
        }
        let concerned = self.directory.accounts.keys().copied().filter(|id| {
            let target = self.directory.target_facts(*id, None);
            target.is_some_and(|t| every().all(|r| covers(&r.targets, &t)))
        });
        if authorities(levels).any(depends) { concerned.collect() } else { concerned.take(1).collect() }
    }
}

/// The level that too few can decide; or, inside, none where all levels together need more people than there are.
pub(crate) fn too_few(directory: &Directory, levels: &[Level], about: About) -> Option<Option<usize>> {
    let holders: Vec<BTreeSet<PersonId>> = levels.iter().map(|l| directory.named(&l.authority, about)).collect();
    let short = (1..).zip(levels).zip(&holders).find(|((_, l), h)| h.len() < needed(l));
    if let Some(((number, _), _)) = short {
        return Some(Some(number));
    }
    (!all_together(levels, &holders)).then_some(None)
}

/// Whether there are people enough for all levels together, given who can approve on each.
fn all_together(levels: &[Level], holders: &[BTreeSet<PersonId>]) -> bool {
    let places: Vec<&BTreeSet<PersonId>> =
        levels.iter().zip(holders).flat_map(|(l, h)| std::iter::repeat_n(h, needed(l))).collect();
    all_placed(&places)
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
