//! Rules to a ruling (R2–R5, DESIGN §4). One function answers the live decision, `explain` and every preview.
//!
//! Deny is stricter than approve, approve than justify, justify than allow; the strictest holds. Where no rule
//! matches a connection the answer is deny; where none matches a statement under a connect grant it is allow, but what must be
//! named is refused where no rule names it; where none matches a change of the configuration, an administrator approves it. Of watching a session no rule speaks: a system
//! parameter says whether it must be approved, by the approvers of the module PAM Core (R71, R75).

use crate::commands;
use crate::hours;
use crate::planted::{self, Fault};
use crate::rulebook::Rulebook;
use countersign_journal::{
    Act, ActMatch, ActionFacts, Authority, Automatic, CommandFacts, Conditions, Emergency, Language, Level, Module,
    Name, NamePattern, Outcome, PersonFacts, Policy, RelationUse, Rule, RuleId, StatementFacts, StatementKind,
    StatementMatch, Subjects, TargetFacts, Targets, Timestamp, TrackPlan, WorkflowId,
};
use std::collections::BTreeSet;

/// What is asked of the rules.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// A session.
    Connect,
    /// A unit of statements under a connect grant.
    Run(&'a ActionFacts),
    /// A change of directory and policy.
    Administer,
    /// To watch a session.
    Watch {
        /// And to see what was typed in it.
        typed: bool,
    },
}

impl<'a> From<&'a Act> for Asked<'a> {
    fn from(act: &'a Act) -> Asked<'a> {
        match act {
            Act::Connect => Asked::Connect,
            Act::Run(run) => Asked::Run(&run.facts),
            Act::Administer(_) => Asked::Administer,
            Act::Watch(watch) => Asked::Watch { typed: watch.typed },
        }
    }
}

/// Why a rule counts, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The rule.
    pub rule: RuleId,
    /// Its name.
    pub name: String,
    /// What it demands of this person here.
    pub outcome: Outcome,
    /// Whether the person is on its exclusion list.
    pub excluded: bool,
    /// Whether it counts because the text could not be fully understood.
    pub unknown: bool,
}

/// The answer of all rules together, with the rules that produced it. Never a bare bool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// What is demanded.
    pub outcome: Outcome,
    /// The rules that spoke, in order of id.
    pub reasons: Vec<Reason>,
    /// Their conditions together.
    pub conditions: Conditions,
    /// What must be passed; empty unless the outcome is approve.
    pub tracks: Vec<TrackPlan>,
    /// When every approve rule approves by itself; `None` when one of them never does.
    pub automatic: Option<BTreeSet<Automatic>>,
    /// Whether every approve rule lets emergency access through, and the longest countdown of them.
    pub emergency: Option<Emergency>,
}

impl Ruling {
    /// The ids of the rules that spoke.
    #[must_use]
    pub fn rule_ids(&self) -> Vec<RuleId> {
        self.reasons.iter().map(|r| r.rule).collect()
    }

    /// The names of the rules that deny.
    #[must_use]
    pub fn denying(&self) -> Vec<String> {
        self.reasons.iter().filter(|r| r.outcome == Outcome::Deny).map(|r| r.name.clone()).collect()
    }

    /// This ruling on a session, with what the rules demand of each statement planned for it: whoever would have to
    /// approve one of them approves the plan. A plan that others must approve is never approved by itself and never
    /// opened by an emergency, since nobody would have approved its statements then.
    pub(crate) fn with_planned(mut self, runs: Vec<Ruling>) -> Ruling {
        let mut held = runs.into_iter().filter(|r| r.outcome == Outcome::Approve).peekable();
        if self.outcome == Outcome::Deny || held.peek().is_none() {
            return self;
        }
        (self.outcome, self.automatic, self.emergency) = (Outcome::Approve, None, None);
        for run in held {
            let new = |r: &Reason| self.reasons.iter().all(|known| known.rule != r.rule);
            let more: Vec<Reason> = run.reasons.into_iter().filter(new).collect();
            self.reasons.extend(more);
            self.tracks.extend(run.tracks);
        }
        self.reasons.sort_by_key(|r| r.rule);
        self.tracks = absorbed(self.tracks);
        self
    }

    /// Whether tracks that were passed contain every approval this ruling demands.
    pub(crate) fn is_met_by<'l>(&self, passed: impl Iterator<Item = &'l [Level]> + Clone) -> bool {
        self.tracks.iter().all(|t| passed.clone().any(|levels| absorbs(levels, &t.levels)))
    }

    /// What the risk of a session would come to with this unit, where that is more than the rules bear, and how much they do.
    #[must_use]
    pub fn risks_too_much(&self, so_far: u64) -> Option<(u64, u32)> {
        let risk = so_far.saturating_add(u64::from(self.conditions.risk));
        self.conditions.risk_max.filter(|most| risk > u64::from(*most)).map(|most| (risk, most))
    }

    /// Whether a request made at `now`, for access from `start` on, is approved by itself (R6): every approve rule must
    /// say so for itself.
    #[must_use]
    pub fn approves_itself(&self, now: Timestamp, start: Timestamp) -> bool {
        let open = |a: &Automatic, at| hours::closes(&a.hours, at).is_some();
        self.outcome == Outcome::Approve
            && self
                .automatic
                .as_ref()
                .is_some_and(|all| all.iter().all(|a| open(a, now) && (a.any_start || open(a, start))))
    }
}

/// What the policy demands of this person, on this target, for this act.
#[must_use]
pub fn rule(book: &Rulebook, person: &PersonFacts, target: &TargetFacts, asked: Asked<'_>) -> Ruling {
    rule_among(book, book.concerning(person, target), person, asked)
}

/// Whether the rule speaks of this person and this target at all.
#[must_use]
pub(crate) fn concerns(rule: &Rule, person: &PersonFacts, target: &TargetFacts) -> bool {
    speaks_of(rule, person) && covers(&rule.targets, target)
}

/// Whether the rule speaks of this person, on whatever target.
#[must_use]
pub fn speaks_of(rule: &Rule, person: &PersonFacts) -> bool {
    rule.subjects.is_empty() || names(&rule.subjects, person)
}

/// The same as [`rule`] over rules already known to concern the person and target.
pub fn rule_among<'r>(
    policy: &Policy,
    applicable: impl Iterator<Item = &'r Rule>,
    person: &PersonFacts,
    asked: Asked<'_>,
) -> Ruling {
    let mut matches: Vec<Match<'_>> = applicable.filter_map(|r| matched(r, person, asked)).collect();
    matches.sort_by_key(|m| m.rule.id);
    let strictest = matches.iter().map(|m| m.outcome).max();
    let strictest = if is_unnamed(&matches, asked) { Some(Outcome::Deny) } else { strictest };
    let outcome = strictest.unwrap_or(match asked {
        Asked::Connect => Outcome::Deny,
        Asked::Run(_) => Outcome::Allow,
        Asked::Administer => Outcome::Approve,
        // What was typed is seen by nobody alone, whatever the parameter says.
        Asked::Watch { typed } if (typed && !planted::is(Fault::TypedNotAsked)) || policy.parameters.watch_approval => {
            Outcome::Approve
        }
        Asked::Watch { .. } => Outcome::Allow,
    });
    let mut conditions = combined(matches.iter().map(|m| &m.rule.conditions));
    // Of several rules the one that finds it riskiest holds, as everywhere.
    conditions.risk = matches.iter().map(|m| m.rule.conditions.risk.saturating_mul(m.times)).max().unwrap_or_default();
    let approving = || matches.iter().filter(|m| outcome == Outcome::Approve && m.outcome == Outcome::Approve);
    let mut tracks = absorbed(approving().flat_map(|m| m.tracks(policy)).collect());
    if matches.is_empty() && outcome == Outcome::Approve {
        let authority = match asked {
            Asked::Watch { .. } => Authority::Approvers(Module::PamCore),
            Asked::Connect | Asked::Run(_) | Asked::Administer => Authority::Administrators,
        };
        tracks.push(TrackPlan { workflow: None, levels: vec![Level::of(authority)] });
    }
    for level in tracks.iter_mut().flat_map(|t| &mut t.levels) {
        level.evidence = level.evidence.max(conditions.evidence);
    }
    let automatic = approving().map(|m| m.rule.automatic.clone().filter(|_| !m.unknown));
    let automatic = of_all(automatic, Fault::OneRuleApprovesByItself).filter(|_| !matches.is_empty());
    let emergency = of_all(approving().map(|m| m.rule.emergency), Fault::OneRuleAllowsEmergency);
    Ruling {
        outcome,
        automatic,
        emergency: emergency.and_then(|all| all.last().copied()),
        conditions,
        tracks,
        reasons: matches.into_iter().map(Match::reason).collect(),
    }
}

/// Whether something of it must be named, and is by none of these that lets anything run.
fn is_unnamed(matches: &[Match<'_>], asked: Asked<'_>) -> bool {
    let Asked::Run(facts) = asked else { return false };
    let lets = |m: &Match<'_>, command: &CommandFacts| match &m.rule.acts {
        ActMatch::Command(wanted) => m.rule.outcome != Outcome::Deny && commands::names_it(wanted, command),
        _ => false,
    };
    let must_be_named = facts.commands.iter().filter(|command| command.is_named_only());
    let named = |command: &CommandFacts| matches.iter().any(|m| lets(m, command));
    !must_be_named.into_iter().all(named)
}

/// What every approve rule grants; `None` as soon as one of them does not.
fn of_all<T: Ord>(granted: impl Iterator<Item = Option<T>>, fault: Fault) -> Option<BTreeSet<T>> {
    if planted::is(fault) {
        return Some(granted.flatten().collect::<BTreeSet<T>>()).filter(|s| !s.is_empty());
    }
    granted.collect()
}

struct Match<'r> {
    rule: &'r Rule,
    outcome: Outcome,
    excluded: bool,
    unknown: bool,
    known: bool,
    /// How many statements or commands of a unit it speaks of.
    times: u32,
}

impl Match<'_> {
    fn reason(self) -> Reason {
        Reason {
            rule: self.rule.id,
            name: self.rule.name.clone(),
            outcome: self.outcome,
            excluded: self.excluded,
            unknown: self.unknown,
        }
    }

    /// The tracks this match demands: the rule's own for what it speaks of, and the one for what nobody understands. A
    /// unit that is both needs both.
    fn tracks(&self, policy: &Policy) -> Vec<TrackPlan> {
        let own = (self.known && self.rule.outcome == Outcome::Approve).then_some(self.rule.workflow);
        let unknown = self.unknown.then_some(self.rule.unknown);
        let demanded = own.into_iter().chain(unknown).filter(|_| self.outcome == Outcome::Approve);
        demanded.map(|workflow| plan_of(policy, self.rule, workflow)).collect()
    }
}

/// The levels of a rule's workflow, or of the default one.
#[must_use]
pub fn plan_of(policy: &Policy, rule: &Rule, workflow: Option<WorkflowId>) -> TrackPlan {
    let levels = match workflow {
        Some(id) => policy.workflow(id).map(|w| w.levels.clone()).unwrap_or_default(),
        None => default_levels(&rule.subjects),
    };
    TrackPlan { workflow, levels }
}

/// The workflow of a rule that names none: one level, the manager of the rule's one subject group (R10).
fn default_levels(subjects: &Subjects) -> Vec<Level> {
    let authority = subjects.groups.iter().next().map(|g| Authority::Managers(*g));
    authority.map(Level::of).into_iter().collect()
}

fn matched<'r>(rule: &'r Rule, person: &PersonFacts, asked: Asked<'_>) -> Option<Match<'r>> {
    let (selected, unknown) = match (&rule.acts, asked) {
        (ActMatch::Connect, Asked::Connect) | (ActMatch::Administer, Asked::Administer) => (1, false),
        (ActMatch::Run(wanted), Asked::Run(facts)) if facts.language == Language::Sql => {
            (facts.statements.iter().filter(|s| selects(wanted, s)).count(), !facts.unknown.is_empty())
        }
        (ActMatch::Command(wanted), Asked::Run(facts)) if facts.language == Language::Shell => (
            facts.commands.iter().filter(|c| commands::selects(wanted, c)).count(),
            !facts.unknown.is_empty() || facts.commands.iter().any(|c| commands::is_unknown_to(wanted, c)),
        ),
        _ => (0, false),
    };
    // What may be what a rule finds risky is as risky.
    let risky = rule.conditions.risk > 0 || rule.conditions.risk_max.is_some();
    let known = selected > 0 || (unknown && risky && rule.outcome <= Outcome::Justify);
    let times = u32::try_from(selected + usize::from(unknown)).unwrap_or(u32::MAX).max(1);
    let unknown = unknown && rule.outcome > Outcome::Justify;
    if !known && !unknown {
        return None;
    }
    let excluded = leaves_out(rule, person);
    let by_unknown = by_unknown(rule);
    let outcome = match (excluded, known, unknown) {
        (true, _, _) => Outcome::Allow,
        (false, true, false) => rule.outcome,
        (false, true, true) => rule.outcome.max(by_unknown),
        (false, false, _) => by_unknown,
    };
    Some(Match { rule, outcome, excluded, unknown, known, times })
}

/// What a rule demands of what nobody understands.
pub(crate) fn by_unknown(rule: &Rule) -> Outcome {
    if rule.unknown.is_some() { Outcome::Approve } else { Outcome::Deny }
}

/// Whether the person is on the rule's exclusion list.
#[must_use]
pub fn leaves_out(rule: &Rule, person: &PersonFacts) -> bool {
    names(&rule.exclusions, person)
}

fn names(subjects: &Subjects, person: &PersonFacts) -> bool {
    subjects.persons.contains(&person.id) || !subjects.groups.is_disjoint(&person.groups)
}

/// Whether the target is one of these.
#[must_use]
pub fn covers(targets: &Targets, target: &TargetFacts) -> bool {
    targets.is_everything()
        || targets.devices.contains(&target.device)
        || targets.accounts.contains(&target.account)
        || !targets.groups.is_disjoint(&target.device_groups)
}

fn selects(wanted: &StatementMatch, statement: &StatementFacts) -> bool {
    let kind = |k: &StatementKind| wanted.kinds.is_empty() || wanted.kinds.contains(k);
    // What is done to a relation may be of another kind than the statement: an update that reads a second table.
    let by_kind = statement.kinds.iter().any(kind) || statement.relations.iter().any(|u| kind(&u.kind));
    // And the statement's own may be one by which nothing is done to a relation: declaring a cursor for a query.
    let around = statement.kinds.iter().any(|k| kind(k) && statement.relations.iter().all(|u| u.kind != *k));
    let named = |u: &RelationUse| wanted.relations.iter().any(|p| fits(p, &u.relation));
    let by_relation =
        wanted.relations.is_empty() || statement.relations.iter().any(|u| (around || kind(&u.kind)) && named(u));
    // A name behind a dot may be a function applied to what stands before it.
    let dotted = statement.dotted.iter().map(|name| Name { schema: None, name: name.clone() });
    let mut functions = statement.functions.iter().cloned().chain(dotted);
    let by_function = wanted.functions.is_empty() || functions.any(|f| wanted.functions.iter().any(|p| fits(p, &f)));
    by_kind && by_relation && by_function
}

/// The name of a program of the line that the rule lists, and by a command of which it speaks.
#[must_use]
pub fn program_named<'f>(rule: &Rule, facts: &'f ActionFacts) -> Option<&'f str> {
    let ActMatch::Command(wanted) = &rule.acts else { return None };
    let spoken_of = facts.commands.iter().filter(|command| commands::selects(wanted, command));
    spoken_of.filter_map(CommandFacts::name).find(|name| wanted.programs.contains(*name))
}

/// A pattern fits a name whose schema is not known: what is not known is not excluded.
fn fits(pattern: &NamePattern, name: &Name) -> bool {
    let same = |wanted: &Option<String>, found: Option<&String>| match (wanted, found) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => true,
    };
    same(&pattern.schema, name.schema.as_ref()) && same(&pattern.name, Some(&name.name))
}

/// The smaller of two limits, either of which may be none.
fn fewest<N: Ord>(a: Option<N>, b: Option<N>) -> Option<N> {
    a.into_iter().chain(b).min()
}

fn combined<'c>(all: impl Iterator<Item = &'c Conditions>) -> Conditions {
    let shared = |a: Option<BTreeSet<String>>, b: &Option<BTreeSet<String>>| match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(b).cloned().collect()),
        (a, b) => a.or_else(|| b.clone()),
    };
    all.fold(Conditions::default(), |sum, c| Conditions {
        duration_max_s: fewest(sum.duration_max_s, c.duration_max_s),
        reason_chars_min: sum.reason_chars_min.max(c.reason_chars_min),
        exclusive: sum.exclusive || c.exclusive,
        recording: sum.recording.max(c.recording),
        transaction_hold_max_s: fewest(sum.transaction_hold_max_s, c.transaction_hold_max_s),
        same_session: sum.same_session || c.same_session,
        hours: &sum.hours | &c.hours,
        ahead_max_s: fewest(sum.ahead_max_s, c.ahead_max_s),
        reasons: shared(sum.reasons, &c.reasons),
        ticket: sum.ticket || c.ticket,
        reset_after_use: sum.reset_after_use || c.reset_after_use,
        sessions_max: fewest(sum.sessions_max, c.sessions_max),
        evidence: sum.evidence.max(c.evidence),
        interrupt_after: fewest(sum.interrupt_after, c.interrupt_after),
        risk: sum.risk.max(c.risk),
        risk_max: fewest(sum.risk_max, c.risk_max),
        // Evidence does not vanish before the last rule that speaks of it lets it.
        recording_kept_days: sum.recording_kept_days.max(c.recording_kept_days),
        export_forbidden_by: &sum.export_forbidden_by | &c.export_forbidden_by,
    })
}

/// Leaves out every track whose levels are, in order, levels of another with no lower demand.
fn absorbed(tracks: Vec<TrackPlan>) -> Vec<TrackPlan> {
    let mut kept: Vec<TrackPlan> = Vec::new();
    for track in tracks {
        if kept.iter().any(|k| absorbs(&k.levels, &track.levels)) {
            continue;
        }
        kept.retain(|k| !absorbs(&track.levels, &k.levels));
        kept.push(track);
    }
    kept
}

fn absorbs(wide: &[Level], narrow: &[Level]) -> bool {
    let mut rest = wide.iter();
    !narrow.is_empty() && narrow.iter().all(|n| rest.any(|w| demands_as_much(w, n)))
}

/// Where time runs out, both levels must end the same way: an escalation lets others decide, an expiry nobody.
fn demands_as_much(wide: &Level, narrow: &Level) -> bool {
    wide.authority == narrow.authority
        && wide.timeout == narrow.timeout
        && wide.notify.is_superset(&narrow.notify)
        && wide.approvals >= narrow.approvals
        && wide.rejections <= narrow.rejections
        && wide.evidence >= narrow.evidence
}

#[cfg(test)]
mod tests;
