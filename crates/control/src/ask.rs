//! Asking and deciding for one actor: pages, API and command line come through here, and through nothing else.

use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::plan::Script;
use crate::store::Row;
use crate::view::eye::Eye;
use countersign_core::{
    Answer, Ask, AskAct, Case, EmergencyCall, Input, Permission, Position, Protocol, Refusal, Role, Vote, is_ticket,
};
use countersign_journal::{
    AccountId, Act, Commitment, DelegationId, Evidence, PersonId, RequestId, SessionEnd, SessionId, Terms, Timestamp,
    Verdict, Window,
};
use std::collections::BTreeSet;

/// How long a second factor counts as fresh, in seconds (DESIGN §6, A2).
pub const SECOND_FACTOR_FRESH_S: u64 = 300;

/// Somebody signed in, as resolved for one call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Who.
    pub person: PersonId,
    /// How they sign in.
    pub handle: String,
    /// How people call them.
    pub name: String,
    /// Their role now.
    pub role: Role,
    /// What they may do now, by their role and others given to them.
    pub permissions: BTreeSet<Permission>,
    /// When they last showed a second factor in this session.
    pub second_factor_at: Option<Timestamp>,
    /// Whether they have set one.
    pub has_second_factor: bool,
}

impl Actor {
    /// Whether the actor has a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub(crate) fn require(&self, permission: Permission) -> Result<(), Fault> {
        if self.may(permission) { Ok(()) } else { Err(Fault::NotPermitted) }
    }

    /// Whether the actor has a second factor and must show it again before what demands it wherever there is one.
    #[must_use]
    pub fn must_confirm(&self, now: Timestamp) -> bool {
        self.has_second_factor && self.evidence(now) != Evidence::SecondFactor
    }

    fn evidence(&self, now: Timestamp) -> Evidence {
        match self.second_factor_at {
            Some(at) if now.seconds_since(at) <= SECOND_FACTOR_FRESH_S => Evidence::SecondFactor,
            _ => Evidence::SignedIn,
        }
    }
}

/// Longest reason of a rule's list, in bytes.
const CHOICE_BYTES_MAX: usize = 200;
/// Longest name of a database, in bytes; the target keeps no longer ones.
const DATABASE_BYTES_MAX: usize = 63;

/// Names go into the journal as they are: short, and without characters that nobody sees.
fn named(what: &str, text: &str, most: usize) -> Result<(), Fault> {
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(Fault::Input(format!("`{what}` has at most {most} bytes and no control characters")));
    }
    Ok(())
}

/// What somebody asks for when they reserve a session (R30).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// On which account.
    pub account: AccountId,
    /// In which database; none means the device's.
    pub database: Option<String>,
    /// When.
    pub window: Window,
    /// Why, in their words.
    pub reason: String,
    /// The reason chosen from a rule's list; empty means none.
    pub choice: String,
    /// The ticket it belongs to; empty means none.
    pub ticket: String,
    /// Whom to ask, by handle or the address of a contact, where a level leaves the choice; empty means everybody (R12).
    pub ask_whom: Vec<String>,
    /// The statements to be run (a change plan); an empty script is none.
    pub script: Option<Script>,
}

impl Reservation {
    /// A reservation with a reason and nothing else.
    #[must_use]
    pub fn plain(account: AccountId, window: Window, reason: impl Into<String>) -> Reservation {
        Reservation {
            account,
            database: None,
            window,
            reason: reason.into(),
            choice: String::new(),
            ticket: String::new(),
            ask_whom: Vec::new(),
            script: None,
        }
    }
}

impl Control {
    /// Asks for a session in a window (R30). An identical pending request is joined.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn reserve(&self, actor: &Actor, wanted: Reservation) -> Result<RequestId, Fault> {
        self.ask(actor.person, wanted).await
    }

    /// The same for a person who proved who they are otherwise.
    pub(crate) async fn ask(&self, person: PersonId, wanted: Reservation) -> Result<RequestId, Fault> {
        let ticket = Some(wanted.ticket.trim()).filter(|t| !t.is_empty());
        if !ticket.is_none_or(is_ticket) {
            return Err(Refusal::BadTicket.into());
        }
        named("choice", &wanted.choice, CHOICE_BYTES_MAX)?;
        named("database", wanted.database.as_deref().unwrap_or_default(), DATABASE_BYTES_MAX)?;
        self.check_ticket(ticket).await?;
        let (reason, reason_chars, mut rows) = self.reason_of(&wanted.reason)?;
        if wanted.script.is_some() && self.protocol_of(wanted.account) != Some(Protocol::Postgresql) {
            return Err(Fault::Input("a change plan is of statements; this target takes commands".into()));
        }
        let planned = wanted.script.as_ref().map(|script| self.commit_plan(script)).transpose()?.flatten();
        let plan = planned.map(|(plan, texts)| {
            rows.push(texts);
            Box::new(plan)
        });
        let chosen = self.chosen(person, wanted.account, &wanted.ask_whom)?;
        let given = |text: &str| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let statements = wanted.script.iter().flat_map(|s| &s.statements).map(|(text, _)| text.as_str());
        let written = self.marks_in([wanted.reason.as_str()].into_iter().chain(statements))?;
        let act = AskAct::Connect { account: wanted.account, database: wanted.database, window: wanted.window };
        let ask = Ask {
            person,
            act,
            reason,
            reason_chars,
            choice: given(&wanted.choice),
            ticket: ticket.map(str::to_owned),
            chosen,
            plan,
            nonce: dice::bytes()?,
        };
        match self.submit_written(Input::Ask(ask), rows, written).await? {
            Answer::Request(request) => Ok(request),
            _ => Err(Fault::trouble("the engine answered another question")),
        }
    }

    /// Whom the requester chose to ask, among those they may choose (R12). Nobody learns by it who else there is.
    fn chosen(&self, person: PersonId, account: AccountId, whom: &[String]) -> Result<BTreeSet<PersonId>, Fault> {
        if whom.is_empty() {
            return Ok(BTreeSet::new());
        }
        let among = self.choices(person, account);
        let find = |handle: &String| {
            let found = self.person_by_handle(handle).or_else(|| self.contact_by_address(handle));
            let nobody =
                || format!("`{handle}` is nobody you can choose to ask here; leave it out, and everybody is asked");
            found.filter(|p| among.contains(p)).ok_or_else(|| Fault::Input(nobody()))
        };
        whom.iter().map(find).collect()
    }

    /// A request that the actor may see; who may not is told what is told of one that was never made.
    pub(crate) async fn seen(&self, actor: &Actor, id: RequestId) -> Result<Case, Fault> {
        let case = self.case(id).await?.ok_or(Fault::NotFound)?;
        let (state, directory, now) = (self.state(), self.directory(), self.now());
        let eye = Eye { state: &state, directory: &directory, now, actor };
        if eye.may_see(&case.request) { Ok(case) } else { Err(Fault::NotFound) }
    }

    /// Decides on the level the actor saw (R31, R32), or reviews an emergency there (R39). Terms are as asked unless given.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn decide(
        &self,
        actor: &Actor,
        request: RequestId,
        position: Position,
        verdict: Verdict,
        terms: Option<Terms>,
        comment: &str,
    ) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        let (comment, rows) = self.comment(comment)?;
        let (approver, evidence) = (actor.person, actor.evidence(self.now()));
        let done = self.vote(Vote { request, position, approver, verdict, terms, comment, evidence }, rows).await;
        self.told(actor, request, done).await
    }

    /// Hands in an answer; the last approval of a change puts it in force. Whoever decides may leave; what was decided is
    /// put in force all the same.
    pub(crate) async fn vote(&self, vote: Vote, rows: Vec<Row>) -> Result<(), Fault> {
        let control = self.clone();
        let decided = async move {
            let request = vote.request;
            control.submit(Input::Vote(vote), rows).await?;
            let case = control.case(request).await?;
            if case.is_some_and(|case| matches!(case.request.act, Act::Administer(_))) {
                control.put_approved_in_force().await
            } else {
                Ok(())
            }
        };
        tokio::spawn(decided).await.map_err(Fault::trouble)?
    }

    /// The requester takes a request back (R34).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn withdraw(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        self.act(actor, request, Input::Withdraw { request, by: actor.person }, Vec::new()).await
    }

    /// An approver takes an approval back (R33).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn retract(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        self.act(actor, request, Input::Retract { request, by: actor.person }, Vec::new()).await
    }

    /// The holder gives the grant of a request back (R55).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn surrender(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        let case = self.seen(actor, request).await?;
        let grant = case.request.grant.ok_or(Fault::NotFound)?;
        self.act(actor, request, Input::Surrender { grant, by: actor.person }, Vec::new()).await
    }

    /// Somebody entitled takes an approved request away (R35).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn revoke(&self, actor: &Actor, request: RequestId, reason: &str) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        let (reason, rows) = match self.words(reason)? {
            Some((commitment, _, row)) => (Some(commitment), vec![row]),
            None => return Err(Fault::Input("say why you revoke; the requester will read it".into())),
        };
        self.act(actor, request, Input::Revoke { request, by: actor.person, reason }, rows).await
    }

    /// Somebody entitled changes the terms of an approved request (R37).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn edit(&self, actor: &Actor, request: RequestId, terms: Terms, reason: &str) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        let (reason, rows) = self.comment(reason)?;
        self.act(actor, request, Input::Edit { request, by: actor.person, terms, reason }, rows).await
    }

    /// An administrator lets others decide the level they saw open (R17).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn escalate(&self, actor: &Actor, request: RequestId, position: Position) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        self.act(actor, request, Input::Escalate { request, position, by: actor.person }, Vec::new()).await
    }

    /// The requester declares an emergency (R39).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn emergency(&self, actor: &Actor, request: RequestId, reason: &str) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        let (reason, rows) = self.comment(reason)?;
        let evidence = actor.evidence(self.now());
        let call = EmergencyCall { request, by: actor.person, reason, evidence };
        self.act(actor, request, Input::Emergency(call), rows).await
    }

    /// An approver stops an emergency that is still counting down.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn stop_emergency(&self, actor: &Actor, request: RequestId, comment: &str) -> Result<(), Fault> {
        self.seen(actor, request).await?;
        let (comment, rows) = self.comment(comment)?;
        self.act(actor, request, Input::StopEmergency { request, by: actor.person, comment }, rows).await
    }

    /// The actor lends the right to decide (R42).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn delegate(&self, actor: &Actor, to: &str, window: Window) -> Result<DelegationId, Fault> {
        let to = self.person_by_handle(to).ok_or_else(|| Fault::Input(format!("nobody is called `{to}`")))?;
        match self.submit(Input::Delegate { from: actor.person, to, window }, Vec::new()).await? {
            Answer::Delegation(delegation) => Ok(delegation),
            _ => Err(Fault::trouble("the engine answered another question")),
        }
    }

    /// The lender, the borrower or an administrator ends a delegation early.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn end_delegation(&self, actor: &Actor, delegation: DelegationId) -> Result<(), Fault> {
        self.submit(Input::EndDelegation { delegation, by: actor.person }, Vec::new()).await.map(|_| ())
    }

    /// A reason that may be empty, its length, and the row that keeps it.
    pub(crate) fn reason_of(&self, text: &str) -> Result<(Option<Commitment>, u32, Vec<Row>), Fault> {
        Ok(match self.words(text)? {
            Some((commitment, chars, row)) => (Some(commitment), chars, vec![row]),
            None => (None, 0, Vec::new()),
        })
    }

    /// A text that may be empty, and the row that keeps it.
    pub(crate) fn comment(&self, text: &str) -> Result<(Option<Commitment>, Vec<Row>), Fault> {
        Ok(match self.words(text)? {
            Some((commitment, _, row)) => (Some(commitment), vec![row]),
            None => (None, Vec::new()),
        })
    }

    /// An administrator ends one live session; its grant stays.
    ///
    /// # Errors
    /// When the actor may not, or the session is not live.
    pub async fn terminate(&self, actor: &Actor, session: SessionId) -> Result<(), Fault> {
        actor.require(Permission::TerminateSessions)?;
        if self.0.live.cut(session, SessionEnd::Terminated) { Ok(()) } else { Err(Fault::NotFound) }
    }
}
