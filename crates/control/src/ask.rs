//! Asking and deciding for one actor: pages, API and command line come through here, and through nothing else.

use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::permission::{Permission, may};
use countersign_core::{Answer, Ask, AskAct, Input, Position, Role, Vote};
use countersign_journal::{
    AccountId, Evidence, PersonId, RequestId, SessionEnd, SessionId, Terms, Timestamp, Verdict, Window,
};

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
    /// When they last showed a second factor in this session.
    pub second_factor_at: Option<Timestamp>,
    /// Whether they have set one.
    pub has_second_factor: bool,
}

impl Actor {
    /// Whether the actor's role includes a permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        may(self.role, permission)
    }

    pub(crate) fn require(&self, permission: Permission) -> Result<(), Fault> {
        if self.may(permission) { Ok(()) } else { Err(Fault::NotPermitted) }
    }

    fn evidence(&self, now: Timestamp) -> Evidence {
        match self.second_factor_at {
            Some(at) if now.seconds_since(at) <= SECOND_FACTOR_FRESH_S => Evidence::SecondFactor,
            _ => Evidence::SignedIn,
        }
    }
}

impl Control {
    /// Asks for a session in a window (R30). An identical pending request is joined.
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn ask_connect(
        &self,
        actor: &Actor,
        account: AccountId,
        database: Option<&str>,
        window: Window,
        reason: &str,
    ) -> Result<RequestId, Fault> {
        let words = self.words(reason)?;
        let (reason, reason_chars, rows) = match words {
            Some((commitment, chars, row)) => (Some(commitment), chars, vec![row]),
            None => (None, 0, Vec::new()),
        };
        let act = AskAct::Connect { account, database: database.map(str::to_owned), window };
        let ask = Ask { person: actor.person, act, reason, reason_chars, nonce: dice::bytes()? };
        match self.submit(Input::Ask(ask), rows).await? {
            Answer::Request(request) => Ok(request),
            Answer::Done | Answer::Session(_) => Err(Fault::trouble("the engine answered another question")),
        }
    }

    /// Decides on the level the actor saw (R31, R32).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn decide(
        &self,
        actor: &Actor,
        request: RequestId,
        position: Position,
        verdict: Verdict,
        window: Option<Window>,
        comment: &str,
    ) -> Result<(), Fault> {
        let (comment, rows) = match self.words(comment)? {
            Some((commitment, _, row)) => (Some(commitment), vec![row]),
            None => (None, Vec::new()),
        };
        let vote = Vote {
            request,
            position,
            approver: actor.person,
            verdict,
            terms: window.map(|window| Terms { window }),
            comment,
            evidence: actor.evidence(self.now()),
        };
        self.submit(Input::Vote(vote), rows).await.map(|_| ())
    }

    /// The requester takes a request back (R34).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn withdraw(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        self.submit(Input::Withdraw { request, by: actor.person }, Vec::new()).await.map(|_| ())
    }

    /// An approver takes an approval back (R33).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn retract(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        self.submit(Input::Retract { request, by: actor.person }, Vec::new()).await.map(|_| ())
    }

    /// The holder gives the grant of a request back (R55).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn surrender(&self, actor: &Actor, request: RequestId) -> Result<(), Fault> {
        let grant = self.state().requests.get(&request).and_then(|r| r.grant).ok_or(Fault::NotFound)?;
        self.submit(Input::Surrender { grant, by: actor.person }, Vec::new()).await.map(|_| ())
    }

    /// Somebody entitled takes an approved request away (R35).
    ///
    /// # Errors
    /// A refusal, or trouble.
    pub async fn revoke(&self, actor: &Actor, request: RequestId, reason: &str) -> Result<(), Fault> {
        let (reason, rows) = match self.words(reason)? {
            Some((commitment, _, row)) => (Some(commitment), vec![row]),
            None => return Err(Fault::Input("say why you revoke; the requester will read it".into())),
        };
        self.submit(Input::Revoke { request, by: actor.person, reason }, rows).await.map(|_| ())
    }

    /// An administrator ends one live session; its grant stays.
    ///
    /// # Errors
    /// When the actor may not, or the session is not live.
    pub async fn terminate(&self, actor: &Actor, session: SessionId) -> Result<(), Fault> {
        actor.require(Permission::Administer)?;
        if self.0.live.cut(session, SessionEnd::Terminated) { Ok(()) } else { Err(Fault::NotFound) }
    }
}
