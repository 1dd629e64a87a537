//! Inputs: what the world asks of the engine. Imperative, with every fact and every die already cast.

use crate::directory::Directory;
use countersign_journal::{
    AccountId, ActionFacts, Attempt, Commitment, Digest, Event, Evidence, GrantId, Note, PersonId, Policy, RequestId,
    RunOutcome, SessionEnd, SessionId, Terms, Verdict, Window,
};

/// One thing to decide on.
#[derive(Clone, Debug)]
pub enum Input {
    /// Replace directory and policy together. The directory handed to `decide` is still the old one.
    Apply {
        /// The new directory.
        directory: Box<Directory>,
        /// The new policy.
        policy: Policy,
        /// Who applies them; nobody at set-up.
        by: Option<PersonId>,
    },
    /// A person asks.
    Ask(Ask),
    /// An approver answers.
    Vote(Vote),
    /// The requester takes a request back (R34).
    Withdraw {
        /// Which.
        request: RequestId,
        /// Who says so.
        by: PersonId,
    },
    /// An approver takes an approval back (R33).
    Retract {
        /// Of which request.
        request: RequestId,
        /// Who says so.
        by: PersonId,
    },
    /// Somebody entitled takes an approved request away (R35).
    Revoke {
        /// Which.
        request: RequestId,
        /// Who says so.
        by: PersonId,
        /// Why.
        reason: Option<Commitment>,
    },
    /// The holder gives a grant back (R55).
    Surrender {
        /// Which.
        grant: GrantId,
        /// Who says so.
        by: PersonId,
    },
    /// A client wants a session.
    Open {
        /// Whose.
        person: PersonId,
        /// On which account.
        account: AccountId,
        /// In which database, if the client named one.
        database: Option<String>,
        /// From which address.
        from: String,
        /// Makes the digest of a request made on the spot unpredictable.
        nonce: [u8; 32],
    },
    /// A session is over.
    Close {
        /// Which.
        session: SessionId,
        /// Why.
        why: SessionEnd,
        /// Root of its transcript.
        transcript: Option<Digest>,
        /// Records in it.
        records: u64,
    },
    /// A gateway is about to send a released unit.
    Clear {
        /// Under which one-use grant.
        grant: GrantId,
        /// In which session.
        session: SessionId,
        /// What it computed from the bytes it holds.
        attempt: Attempt,
    },
    /// What became of a released unit.
    Ran {
        /// Which grant was used.
        grant: GrantId,
        /// What became of it.
        outcome: RunOutcome,
    },
    /// Time has passed.
    Tick,
    /// Something for the audit.
    Note(Note),
}

/// A request to be made.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who asks.
    pub person: PersonId,
    /// For what.
    pub act: AskAct,
    /// Why; the text lives elsewhere.
    pub reason: Option<Commitment>,
    /// Characters of the reason.
    pub reason_chars: u32,
    /// Makes the digest unpredictable.
    pub nonce: [u8; 32],
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum AskAct {
    /// A session.
    Connect {
        /// On which account.
        account: AccountId,
        /// In which database, if named.
        database: Option<String>,
        /// When.
        window: Window,
    },
    /// A held unit.
    Run {
        /// The session it is held in.
        session: SessionId,
        /// Which bytes under which settings.
        attempt: Attempt,
        /// The text, kept elsewhere.
        text: Commitment,
        /// What it is and touches.
        facts: ActionFacts,
    },
}

/// Which level of which track, in which epoch, an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Position {
    /// Track, from 0.
    pub track: u32,
    /// Level, from 0.
    pub level: u32,
    /// Epoch of the track.
    pub epoch: u32,
}

/// An answer to be counted.
#[derive(Clone, Debug)]
pub struct Vote {
    /// On which request.
    pub request: RequestId,
    /// What the approver saw open.
    pub position: Position,
    /// Who.
    pub approver: PersonId,
    /// Which way.
    pub verdict: Verdict,
    /// Under which terms; none means as asked.
    pub terms: Option<Terms>,
    /// With what comment.
    pub comment: Option<Commitment>,
    /// How it was made.
    pub evidence: Evidence,
}

/// A yes: what happens, and what to tell the asker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// To be committed together, in order.
    pub events: Vec<Event>,
    /// For the asker.
    pub answer: Answer,
}

/// What a decision was about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Nothing to name.
    Done,
    /// A request was made, or an identical one joined.
    Request(RequestId),
    /// A session was opened.
    Session(SessionId),
}
