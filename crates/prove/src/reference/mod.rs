//! The engine once more, as plainly as it can be said: lists that are walked from their beginning, and a copy of
//! everything that is thrown away when the answer is no. Slow, and written from DESIGN §5; it shares words with the
//! engine and no logic. [`history`](crate::history) compares both.
//!
//! It does not know changes of the configuration, change plans, watching, conditions of rules besides exclusive use and the number
//! of sessions, and how rules compose: those have judges of their own.

mod deciding;
mod using;

use countersign_core::{Directory, Input, Position, Status};
use countersign_journal::{
    AccountId, Attempt, Authority, Evidence, GrantId, Level, Note, PersonId, RequestId, SessionId, Timestamp, Verdict,
    Window,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What holds in a history from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who is there.
    pub directory: Directory,
    /// Who may escalate, revoke, and end what is lent: those who manage requests.
    pub managers: BTreeSet<PersonId>,
    /// The tracks of a session; none means that sessions are simply allowed.
    pub tracks: Vec<Vec<Level>>,
    /// The levels of a held statement.
    pub held: Vec<Level>,
    /// Whether a session needs the account for itself.
    pub exclusive: bool,
    /// The countdown of an emergency, in seconds, where sessions may be opened by one.
    pub emergency: Option<u64>,
    /// Sessions at a time under one grant.
    pub sessions_max: Option<u32>,
}

/// Everything that was said and came to be.
#[derive(Clone, Debug)]
pub struct Reference {
    setting: Arc<Setting>,
    requests: Vec<Asked>,
    grants: Vec<Granted>,
    sessions: Vec<Opened>,
    lent: Vec<Lent>,
    /// Who could have set each person's password, by links that were opened, and by the last one made since.
    opened_by: BTreeMap<PersonId, BTreeSet<PersonId>>,
    offered_by: BTreeMap<PersonId, BTreeSet<PersonId>>,
}

#[derive(Clone, Debug)]
struct Asked {
    who: PersonId,
    made: Timestamp,
    account: AccountId,
    /// The grant and session a held statement hangs on, and what it is.
    run: Option<(GrantId, Attempt)>,
    window: Window,
    lines: Vec<Line>,
    status: Status,
    settled: Timestamp,
    grant: Option<GrantId>,
    /// When an emergency opens, and whether it was stopped.
    urgent: Option<(Timestamp, bool)>,
    opened_urgently: bool,
    reviews: Vec<Said>,
    review_said_no: Option<Timestamp>,
}

/// The levels of one track.
#[derive(Clone, Debug)]
struct Line {
    levels: Vec<Level>,
    at: usize,
    epoch: u32,
    since: Timestamp,
    /// Who decides the level instead, and who said so.
    instead: Option<(Authority, Option<PersonId>)>,
    blocked: bool,
    votes: Vec<Said>,
}

#[derive(Clone, Debug)]
struct Said {
    line: usize,
    level: usize,
    who: PersonId,
    whose: Option<PersonId>,
    verdict: Verdict,
    window: Window,
}

#[derive(Clone, Debug)]
struct Granted {
    request: RequestId,
    window: Window,
    signed: Window,
    in_use: bool,
    over: bool,
    /// In which session its one use was made, and whether its outcome is known.
    used: Option<(SessionId, bool)>,
}

#[derive(Clone, Debug)]
struct Opened {
    grant: GrantId,
    closed: bool,
}

#[derive(Clone, Debug)]
struct Lent {
    from: PersonId,
    to: PersonId,
    window: Window,
    ended: bool,
}

/// What can be seen from outside, of the engine as of this: requests with who may decide where, grants that are over and
/// until when they last, and the sessions that are open.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Of each request its status, and each person's place to decide.
    pub requests: Vec<(Status, Vec<Option<Position>>)>,
    /// Of each grant whether it is over, and its window.
    pub grants: Vec<(bool, Window)>,
    /// The open sessions.
    pub sessions: Vec<SessionId>,
}

fn place(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

fn number(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX).saturating_add(1)
}

impl Reference {
    /// Nothing was said yet.
    #[must_use]
    pub fn new(setting: Setting) -> Reference {
        let (requests, grants, sessions, lent) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (opened_by, offered_by) = (BTreeMap::new(), BTreeMap::new());
        Reference { setting: Arc::new(setting), requests, grants, sessions, lent, opened_by, offered_by }
    }

    /// Says something; whether the answer is yes. After a no everything is as it was.
    pub fn tell(&mut self, input: &Input, now: Timestamp) -> bool {
        let mut after = self.clone();
        let yes = after.hear(input, now).is_some();
        if yes {
            *self = after;
        }
        yes
    }

    fn hear(&mut self, input: &Input, now: Timestamp) -> Option<()> {
        match input {
            Input::Ask(ask) => self.asked(ask, now),
            Input::Vote(vote) => self.voted(vote, now),
            Input::Withdraw { request, by } => self.withdrawn(*request, *by, now),
            Input::Retract { request, by } => self.retracted(*request, *by, now),
            Input::Revoke { request, by, .. } => self.revoked(*request, *by, now),
            Input::Surrender { grant, by } => self.surrendered(*grant, *by, now),
            Input::Edit { request, by, terms, .. } => self.edited(*request, *by, terms.window, now),
            Input::Escalate { request, position, by } => self.escalated(*request, *position, *by, now),
            Input::Emergency(call) => {
                let fresh = call.evidence == Evidence::SecondFactor && call.reason.is_some();
                fresh.then_some(())?;
                self.declared(call.request, call.by, now)
            }
            Input::StopEmergency { request, by, .. } => self.stopped(*request, *by, now),
            Input::Delegate { from, to, window } => {
                let window = Window::new(window.start.max(now), window.end)?;
                (self.here(*from) && self.here(*to) && from != to).then_some(())?;
                self.lent.push(Lent { from: *from, to: *to, window, ended: false });
                Some(())
            }
            Input::EndDelegation { delegation, by } => {
                let (here, manages) = (self.here(*by), self.manages(*by));
                let lent = self.lent.get_mut(place(delegation.0)?)?;
                let may = manages || lent.from == *by || lent.to == *by;
                (here && may && !lent.ended && now < lent.window.end).then(|| lent.ended = true)
            }
            Input::MakeLink { person, by } => {
                self.linked(*person, Some(*by), now);
                Some(())
            }
            Input::Note(Note::PasswordSet { person }) => {
                self.linked(*person, None, now);
                Some(())
            }
            Input::Open { person, account, .. } => self.opened(*person, *account, now),
            Input::Close { session, .. } => self.closed(*session),
            Input::Clear { grant, session, attempt } => self.cleared(*grant, *session, *attempt, now),
            Input::Ran { grant, .. } => self.ran(*grant),
            Input::Tick => {
                self.time_passed(now);
                Some(())
            }
            Input::Apply { .. }
            | Input::Planned(_)
            | Input::Watch { .. }
            | Input::Alert(_)
            | Input::Erase { .. }
            | Input::Note(_) => None,
        }
    }

    /// What can be seen now.
    #[must_use]
    pub fn seen(&self, now: Timestamp) -> Seen {
        let directory = &self.setting.directory;
        let people: Vec<PersonId> = directory.people.keys().chain(directory.contacts.keys()).copied().collect();
        let placed = |n: usize| people.iter().map(|p| self.place_of(n, *p, now)).collect();
        let open = (0..self.sessions.len()).filter(|n| !self.sessions[*n].closed);
        Seen {
            requests: (0..self.requests.len()).map(|n| (self.requests[n].status, placed(n))).collect(),
            grants: self.grants.iter().map(|g| (g.over, g.window)).collect(),
            sessions: open.map(|n| SessionId(number(n))).collect(),
        }
    }

    fn here(&self, person: PersonId) -> bool {
        self.setting.directory.people.get(&person).is_some_and(|p| p.enabled)
    }

    /// Whether it is a contact who may be asked.
    fn outside(&self, person: PersonId) -> bool {
        self.setting.directory.contacts.get(&person).is_some_and(|c| c.enabled)
    }

    fn manages(&self, person: PersonId) -> bool {
        self.here(person) && self.setting.managers.contains(&person)
    }
}
