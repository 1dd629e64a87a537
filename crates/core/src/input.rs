//! Inputs: what the world asks of the engine. Imperative, with every fact and every die already cast.

use crate::roster::Roster;
use crate::rulebook::Rulebook;
use countersign_journal::{
    AccountId, ActionFacts, Alert, Attempt, Change, ChangePlan, Commitment, DelegationId, Digest, Event, Evidence,
    Exported, GrantId, Note, PersonId, RequestId, RunOutcome, SessionEnd, SessionId, TargetFacts, Terms, Timestamp,
    Verdict, Watch, Window,
};
use std::collections::BTreeSet;

/// One thing to decide on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Input {
    /// Replace directory and policy together. The directory handed to `decide` is still the old one.
    Apply {
        /// The new directory.
        directory: Roster,
        /// The new policy.
        policy: Rulebook,
        /// The grant of the request that proposed them; none at set-up, before there is an administrator.
        under: Option<GrantId>,
        /// Target secrets stored with them, and as which version.
        secrets: Vec<(AccountId, u64)>,
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
    /// Somebody entitled changes the terms of a grant (R37).
    Edit {
        /// Of which request.
        request: RequestId,
        /// Who says so.
        by: PersonId,
        /// The new terms.
        terms: Terms,
        /// Why.
        reason: Option<Commitment>,
    },
    /// An administrator lets others decide a level that has escalation settings (R17).
    Escalate {
        /// Of which request.
        request: RequestId,
        /// What the administrator saw open.
        position: Position,
        /// Who says so.
        by: PersonId,
    },
    /// The requester declares an emergency (R39).
    Emergency(EmergencyCall),
    /// An approver stops an emergency that has not opened yet.
    StopEmergency {
        /// Of which request.
        request: RequestId,
        /// Who says so.
        by: PersonId,
        /// With what comment.
        comment: Option<Commitment>,
    },
    /// A person lends the right to decide (R42).
    Delegate {
        /// Whose right.
        from: PersonId,
        /// Who may use it.
        to: PersonId,
        /// When.
        window: Window,
    },
    /// A delegation ends early.
    EndDelegation {
        /// Which.
        delegation: DelegationId,
        /// Who says so.
        by: PersonId,
    },
    /// Somebody makes a one-time link that can replace a person's password.
    MakeLink {
        /// Whose password.
        person: PersonId,
        /// Who makes it.
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
    /// A gateway is about to send a statement of an approved plan.
    Planned(Planned),
    /// Somebody is about to watch a session, live or later.
    Watch {
        /// Which, and whose it is.
        watch: Watch,
        /// Who says so.
        by: PersonId,
        /// Where it leaves as a file: what does.
        export: Option<Export>,
    },
    /// What became of a released unit.
    Ran {
        /// Which grant was used.
        grant: GrantId,
        /// Which statement of its plan; none for a grant of one use.
        step: Option<u32>,
        /// What became of it.
        outcome: RunOutcome,
    },
    /// What somebody typed into a free shell would not have been let run as a command of its own.
    Alert(Alert),
    /// Time has passed.
    Tick,
    /// What is kept no longer at that moment may be erased. Erasing cannot be undone, so that whoever asks must be sure that the
    /// moment came, whatever a clock says.
    Erase {
        /// No later than now.
        until: Timestamp,
    },
    /// Something for the audit.
    Note(Note),
}

/// What is to leave as a file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Export {
    /// What of the session.
    pub what: Exported,
    /// The rules that forbid it, as the request has it that the session was opened under.
    pub forbidden_by: BTreeSet<String>,
}

/// A request to be made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ask {
    /// Who asks.
    pub person: PersonId,
    /// For what.
    pub act: AskAct,
    /// Why; the text lives elsewhere.
    pub reason: Option<Commitment>,
    /// Characters of the reason.
    pub reason_chars: u32,
    /// The reason chosen from a list.
    pub choice: Option<String>,
    /// The ticket it belongs to, checked by whoever asks.
    pub ticket: Option<String>,
    /// Whom to ask, on levels that leave the choice (R12); empty means everybody.
    pub chosen: BTreeSet<PersonId>,
    /// The statements to be run, for a session; whether they are held is not yet said.
    pub plan: Option<Box<ChangePlan>>,
    /// Makes the digest unpredictable.
    pub nonce: [u8; 32],
}

impl Ask {
    /// An ask without reason, choice or ticket: by a gateway, under a grant that has them.
    #[must_use]
    pub fn plain(person: PersonId, act: AskAct, nonce: [u8; 32]) -> Ask {
        Ask {
            person,
            act,
            reason: None,
            reason_chars: 0,
            choice: None,
            ticket: None,
            chosen: BTreeSet::new(),
            plan: None,
            nonce,
        }
    }
}

/// A statement about to be sent under a plan.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Planned {
    /// In which session.
    pub session: SessionId,
    /// What the gateway computed from its exact text.
    pub sql: Digest,
    /// What it computed from everything that decides what it does.
    pub attempt: Attempt,
    /// What it is found to be and touch in the session.
    pub facts: ActionFacts,
}

/// An emergency declared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EmergencyCall {
    /// For which request.
    pub request: RequestId,
    /// Who says so.
    pub by: PersonId,
    /// Why; nothing opens without.
    pub reason: Option<Commitment>,
    /// How it was said.
    pub evidence: Evidence,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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
    /// A change of directory and policy.
    Administer(Change),
    /// To watch a session.
    Watch {
        /// Which, and whose it is.
        watch: Watch,
        /// On what, as resolved when it was opened.
        target: Box<TargetFacts>,
        /// When.
        window: Window,
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
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
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
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Decision {
    /// To be committed together, in order.
    pub events: Vec<Event>,
    /// For the asker.
    pub answer: Answer,
}

/// What a decision was about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// Nothing to name.
    Done,
    /// A request was made, or an identical one joined.
    Request(RequestId),
    /// A session was opened.
    Session(SessionId),
    /// The right to decide was lent.
    Delegation(DelegationId),
    /// A statement of a grant's plan was used.
    Step(GrantId, u32),
    /// An alert was written; whether no more are.
    Alerted {
        /// Whether it says that more came.
        last: bool,
    },
}
