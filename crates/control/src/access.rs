//! What a person may reach and what it would need: my access, previews, explain. The same ruling function as the live
//! decision answers all of them.

use crate::ask::{Actor, Reservation};
use crate::control::Control;
use crate::fault::Fault;
use crate::view::{AccessView, Explanation, LevelView, PersonView, Preview, ReasonView};
use countersign_core::ruling::Reason;
use countersign_core::{
    About, Asked, DIRECT_ACCESS_S, GrantStage, Input, Permission, Protocol, Refusal, Roster, Rulebook, Ruling, State,
    Status, approvers, rule,
};
use countersign_journal::{AccountId, Act, ActionFacts, Conditions, Outcome, PersonId, RequestId, TargetFacts, Window};
use std::collections::BTreeSet;

impl Control {
    /// Every target the rules let the actor reach or ask for.
    #[must_use]
    pub fn my_access(&self, actor: &Actor) -> Vec<AccessView> {
        self.access_of(actor.person)
    }

    /// Who somebody is who signed in over SSH, and every account there that the rules let them reach or ask for; nothing when
    /// they are disabled meanwhile.
    #[must_use]
    pub fn access_over_ssh(&self, person: PersonId) -> Option<(PersonView, Vec<AccessView>)> {
        let directory = self.directory();
        directory.enabled(person)?;
        let mut list = self.access_of(person);
        list.retain(|access| self.protocol_of(access.account) == Some(Protocol::Ssh));
        Some((crate::view::person_view(&directory, person), list))
    }

    fn access_of(&self, person: PersonId) -> Vec<AccessView> {
        let (directory, state) = (self.directory(), self.state());
        let Some(who) = directory.person_facts(person) else { return Vec::new() };
        let targets = directory.accounts.keys().filter_map(|a| directory.target_facts(*a, None));
        let mut list: Vec<AccessView> = targets
            .filter_map(|target| {
                let ruling = rule(&state.policy, &who, &target, Asked::Connect);
                (ruling.outcome != Outcome::Deny).then(|| self.access(&state, person, &target, &ruling))
            })
            .collect();
        list.sort_by(|a, b| a.target.cmp(&b.target));
        list
    }

    fn access(&self, state: &State, person: PersonId, target: &TargetFacts, ruling: &Ruling) -> AccessView {
        let mine = |r: &&countersign_core::Request| {
            r.person.id == person && matches!(r.act, Act::Connect) && r.target.account == target.account
        };
        let pending = state.waiting().find(mine);
        let grants = state.unended();
        let grant = grants
            .filter(|g| g.person == person && g.target.account == target.account)
            .filter(|g| g.kind == countersign_core::GrantKind::Connect && g.terms.window.end > self.now())
            .min_by_key(|g| (g.stage != GrantStage::InUse, g.terms.window.start));
        AccessView {
            account: target.account,
            target: target.label(),
            database: target.database.clone(),
            outcome: ruling.outcome,
            rules: ruling.reasons.iter().map(|r| r.name.clone()).collect(),
            grant: grant.map(crate::view::grant_view),
            pending: pending.map(|r| r.id),
        }
    }

    /// The account that a label stands for: one that a rule speaks of for the actor, or any for whoever may ask why for
    /// others. All that is said of the rest is what is said of labels that stand for nothing.
    ///
    /// # Errors
    /// When there is none.
    pub fn account_for(&self, actor: &Actor, label: &str) -> Result<AccountId, Fault> {
        let mut found = self.accounts_by_label(label.trim()).into_iter().filter(|a| self.knows(actor.person, *a));
        let first = found.next().filter(|_| found.next().is_none());
        first.ok_or(Fault::Refused(Refusal::NoSuchTarget))
    }

    /// Whether somebody may know that there is this account.
    pub(crate) fn knows(&self, person: PersonId, account: AccountId) -> bool {
        let directory = self.directory();
        let facts = directory.person_facts(person).zip(directory.target_facts(account, None));
        let spoken_of = |(person, target)| {
            let ruling = rule(&self.state().policy, &person, &target, Asked::Connect);
            !ruling.reasons.is_empty()
        };
        directory.permissions(person).contains(&Permission::ExplainOthers) || facts.is_some_and(spoken_of)
    }

    /// Whether approval is what a connection still needs, or only a reason; nothing when no rule lets this person ask.
    pub(crate) fn is_missing(&self, person: PersonId, account: AccountId) -> Option<bool> {
        let ruling = self.ruling_of(person, account)?;
        (ruling.outcome != Outcome::Deny).then_some(ruling.outcome == Outcome::Approve)
    }

    fn ruling_of(&self, person: PersonId, account: AccountId) -> Option<Ruling> {
        let directory = self.directory();
        let (who, target) = (directory.person_facts(person)?, directory.target_facts(account, None)?);
        Some(rule(&self.state().policy, &who, &target, Asked::Connect))
    }

    /// Asks for access from now on with nothing but a reason, for somebody who proved who they are.
    ///
    /// # Errors
    /// When a reason is not enough, or this one does not do.
    pub async fn justify(
        &self,
        person: PersonId,
        account: AccountId,
        database: Option<String>,
        reason: &str,
    ) -> Result<(), Fault> {
        if self.is_missing(person, account) != Some(false) {
            return Err(Fault::Input("a reason is not enough here: reserve the access, and wait for approval".into()));
        }
        self.ask_now(person, account, database, reason).await.map(|_| ())
    }

    /// Asks for access from now on, for somebody who proved who they are and waits.
    ///
    /// # Errors
    /// When it cannot be asked for, or this reason does not do.
    pub async fn ask_now(
        &self,
        person: PersonId,
        account: AccountId,
        database: Option<String>,
        reason: &str,
    ) -> Result<RequestId, Fault> {
        let ruling = self.ruling_of(person, account).ok_or(Fault::NotFound)?;
        let lasts = ruling.conditions.duration_max_s.map_or(DIRECT_ACCESS_S, |most| most.min(DIRECT_ACCESS_S));
        let now = self.now();
        let window = Window::new(now, now.plus(lasts)).ok_or(Refusal::NoPeriod)?;
        let wanted = Reservation { database, ..Reservation::plain(account, window, reason) };
        self.ask(person, wanted).await
    }

    /// Why a request that somebody waits for leads to nothing; nothing while it still may.
    ///
    /// # Errors
    /// When there is no such request, or trouble.
    pub async fn came_to_nothing(&self, request: RequestId) -> Result<Option<String>, Fault> {
        let case = self.case(request).await?.ok_or(Fault::NotFound)?;
        Ok(match case.request.status {
            Status::Pending | Status::Approved => None,
            _ => Some(self.refusal_words(&case.request).await),
        })
    }

    /// Takes back a request of one's own that one no longer waits for.
    ///
    /// # Errors
    /// A refusal when it was settled meanwhile.
    pub async fn unask(&self, person: PersonId, request: RequestId) -> Result<(), Fault> {
        self.submit(Input::Withdraw { request, by: person }, Vec::new()).await.map(|_| ())
    }

    /// Whether there is a grant to open a session under now.
    #[must_use]
    pub fn has_grant(&self, person: PersonId, account: AccountId, database: Option<&str>) -> bool {
        let Some(target) = self.directory().target_facts(account, database.filter(|d| !d.is_empty())) else {
            return false;
        };
        let now = self.now();
        self.state().connect_grants(person, &target).any(|g| g.is_live(now))
    }

    /// What a connection would need of this actor, and who would be asked.
    ///
    /// # Errors
    /// When there is no such account, or no rule speaks of it for this actor.
    pub fn preview_connect(&self, actor: &Actor, account: AccountId) -> Result<Preview, Fault> {
        let directory = self.directory();
        let person = directory.person_facts(actor.person).ok_or(Fault::NotFound)?;
        let target = directory.target_facts(account, None).ok_or(Fault::NotFound)?;
        let ruling = rule(&self.state().policy, &person, &target, Asked::Connect);
        if ruling.outcome == Outcome::Deny && !actor.may(Permission::ExplainOthers) {
            return Err(Fault::NotFound);
        }
        Ok(self.preview(&directory, About { requester: actor.person, account }, whole(ruling, Asked::Connect)).0)
    }

    /// What an act would need of anybody: the ruling, its rules, the levels, and who could decide now (R93).
    ///
    /// # Errors
    /// When the actor may not ask about others, or there is no such person or account; the message names which.
    pub fn explain(
        &self,
        actor: &Actor,
        handle: &str,
        account: AccountId,
        facts: Option<&ActionFacts>,
    ) -> Result<Explanation, Fault> {
        // Asked before anybody looks whether there is such a person.
        if handle != actor.handle {
            actor.require(Permission::ExplainOthers)?;
        }
        let nobody = || Fault::Input(format!("nobody is called `{handle}`; write the handle of the person"));
        let person = self.person_by_handle(handle).ok_or_else(nobody)?;
        let directory = self.directory();
        let target = directory.target_facts(account, None).ok_or(Fault::NotFound)?;
        let policy = self.state().policy.clone();
        let asked = facts.map_or(Asked::Connect, Asked::Run);
        self.explained(&policy, &directory, person, &target, asked).ok_or(Fault::NotFound)
    }

    /// What a policy and a directory, in force or not, say of somebody; nothing when they do not know the person.
    pub(crate) fn explained(
        &self,
        policy: &Rulebook,
        directory: &Roster,
        person: PersonId,
        target: &TargetFacts,
        asked: Asked<'_>,
    ) -> Option<Explanation> {
        let who = directory.person_facts(person)?;
        let ruling = whole(rule(policy, &who, target, asked), asked);
        let conditions = crate::view::ruling_words(&ruling);
        let about = About { requester: person, account: target.account };
        let (preview, reasons) = self.preview(directory, about, ruling);
        let act = match asked {
            Asked::Connect => "connect".to_owned(),
            Asked::Run(facts) => crate::words::kinds(facts),
            Asked::Administer => "change the configuration".to_owned(),
            Asked::Watch { typed: false } => "watch a session".to_owned(),
            Asked::Watch { typed: true } => "see what was typed in a session".to_owned(),
        };
        let person = crate::view::person_view(directory, person);
        Some(Explanation { person, target: target.label(), act, preview, reasons, conditions })
    }

    /// Whether the rules could let somebody run this, at once or once it is approved. The gate of a session says whether it may.
    #[must_use]
    pub fn might_run(&self, person: PersonId, account: AccountId, facts: &ActionFacts) -> bool {
        let directory = self.directory();
        let found = directory.person_facts(person).zip(directory.target_facts(account, None));
        found.is_some_and(|(who, target)| {
            rule(&self.state().policy, &who, &target, Asked::Run(facts)).outcome != Outcome::Deny
        })
    }

    /// Who can decide a pending request now, by handle.
    #[must_use]
    pub fn deciders(&self, request: RequestId) -> Vec<String> {
        let (directory, state) = (self.directory(), self.state());
        let Some(request) = state.requests.get(&request).filter(|r| r.status == Status::Pending) else {
            return Vec::new();
        };
        let open = request.tracks.iter().filter_map(countersign_core::state::Track::authority);
        let mut handles: Vec<String> = open
            .flat_map(|authority| approvers(&state, &directory, self.now(), authority, request.about()))
            .map(|p| crate::words::name(&directory, p))
            .collect();
        handles.sort();
        handles.dedup();
        handles
    }

    /// Whom the rules let this person choose among, when they ask for a connection.
    pub(crate) fn choices(&self, person: PersonId, account: AccountId) -> BTreeSet<PersonId> {
        let directory = self.directory();
        let facts = directory.person_facts(person).zip(directory.target_facts(account, None));
        let Some((who, target)) = facts else { return BTreeSet::new() };
        let ruling = rule(&self.state().policy, &who, &target, Asked::Connect);
        self.choose(&directory, About { requester: person, account }, &ruling)
    }

    fn choose(&self, directory: &Roster, about: About, ruling: &Ruling) -> BTreeSet<PersonId> {
        let (state, now) = (self.state(), self.now());
        let left = ruling.tracks.iter().flat_map(|t| &t.levels).filter(|l| l.choose);
        left.flat_map(|l| approvers(&state, directory, now, &l.authority, about)).collect()
    }

    fn preview(&self, directory: &Roster, about: About, ruling: Ruling) -> (Preview, Vec<ReasonView>) {
        let (state, now) = (self.state(), self.now());
        let level = |level: &countersign_journal::Level| LevelView {
            authority: crate::view::authority_words(directory, &level.authority),
            approvers: approvers(&state, directory, now, &level.authority, about)
                .into_iter()
                .map(|p| crate::view::person_view(directory, p))
                .collect(),
            approvals: level.approvals,
            rejections: level.rejections,
            stage: "waiting",
            epoch: 0,
            due: None,
            then: crate::view::then_words(directory, level, false),
            times: crate::view::times(directory, level),
            escalated: String::new(),
            votes: Vec::new(),
        };
        let choose = self.choose(directory, about, &ruling);
        let conditions = &ruling.conditions;
        let preview = Preview {
            choose: choose.into_iter().map(|p| crate::view::person_view(directory, p)).collect(),
            outcome: ruling.outcome,
            rules: ruling.reasons.iter().map(|r| r.name.clone()).collect(),
            tracks: ruling.tracks.iter().map(|t| t.levels.iter().map(level).collect()).collect(),
            reason_chars_min: conditions.reason_chars_min,
            duration_max_s: conditions.duration_max_s,
            ahead_max_s: conditions.ahead_max_s,
            reasons: conditions.reasons.iter().flatten().cloned().collect(),
            ticket: conditions.ticket,
            hours: conditions.hours.iter().map(crate::words::hours).collect(),
            automatic: ruling.approves_itself(now, now),
            emergency: ruling.emergency.is_some(),
            exclusive: conditions.exclusive,
        };
        (preview, ruling.reasons.iter().map(reason_view).collect())
    }
}

/// A ruling as it is told: nothing comes with a no, and where anything is demanded a reason is; a statement has that of its
/// connection.
fn whole(ruling: Ruling, asked: Asked<'_>) -> Ruling {
    let Ruling { outcome, conditions, .. } = ruling;
    let conditions = match (outcome, asked) {
        (Outcome::Deny, _) => Conditions::default(),
        (Outcome::Justify | Outcome::Approve, Asked::Connect | Asked::Administer) => {
            Conditions { reason_chars_min: Some(conditions.reason_chars_min.unwrap_or(1)), ..conditions }
        }
        _ => conditions,
    };
    Ruling { outcome, conditions, ..ruling }
}

fn reason_view(reason: &Reason) -> ReasonView {
    let note = match (reason.excluded, reason.unknown) {
        (true, _) => "excluded",
        (false, true) => "not understood",
        (false, false) => "",
    };
    ReasonView { rule: reason.name.clone(), outcome: reason.outcome, note }
}
