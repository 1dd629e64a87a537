//! A journal under construction: events at moments, and the words to write them down with.

use countersign_journal::*;
use std::collections::BTreeSet;

/// The first line of an export, written out on purpose.
pub const MAGIC: &[u8] = b"countersign journal v1\n";

pub const ALICE: PersonId = PersonId(1);
pub const BOB: PersonId = PersonId(2);
pub const CAROL: PersonId = PersonId(3);
pub const DAVE: PersonId = PersonId(4);
pub const ERIN: PersonId = PersonId(5);

/// Events in order, each with its moment. The chain is computed when the export is made: whoever changes a story has
/// recomputed the chain.
#[derive(Clone, Default)]
pub struct Story {
    pub lines: Vec<(i64, Event)>,
    now: i64,
}

impl Story {
    /// From now on it is this moment.
    pub fn at(&mut self, now: i64) -> &mut Story {
        self.now = now;
        self
    }

    pub fn tell(&mut self, event: Event) -> &mut Story {
        self.lines.push((self.now, event));
        self
    }

    /// The entries' canonical bytes and the head.
    pub fn entries(&self) -> (Vec<Vec<u8>>, Head) {
        let mut chain = Chain::default();
        let all = self.lines.iter().map(|(at, event)| chain.append(Timestamp(*at), event.clone()).1).collect();
        (all, chain.head())
    }

    /// The file and the head.
    pub fn export(&self) -> (Vec<u8>, Head) {
        let (entries, head) = self.entries();
        (file(&entries), head)
    }

    /// The one entry a test speaks of: the `nth` (from 0) that fits.
    pub fn find(&self, nth: usize, fits: impl Fn(&Event) -> bool) -> usize {
        let all = self.lines.iter().enumerate().filter(|(_, (_, event))| fits(event)).map(|(seq, _)| seq);
        all.clone().nth(nth).expect("the story has such an entry")
    }

    /// Changes entry `seq` and returns its number.
    pub fn change(&mut self, seq: usize, change: impl Fn(&mut Event)) -> usize {
        change(&mut self.lines[seq].1);
        seq
    }

    /// Puts an entry at `seq`, at the moment of the one before it.
    pub fn insert(&mut self, seq: usize, event: Event) -> usize {
        let at = self.lines[seq - 1].0;
        self.lines.insert(seq, (at, event));
        seq
    }

    /// Removes entry `seq`; what followed it now has its number.
    pub fn remove(&mut self, seq: usize) -> usize {
        self.lines.remove(seq);
        seq
    }
}

/// Entries as a file.
pub fn file(entries: &[Vec<u8>]) -> Vec<u8> {
    let framed =
        entries.iter().flat_map(|e| [&u32::try_from(e.len()).expect("small").to_be_bytes(), e.as_slice()].concat());
    MAGIC.iter().copied().chain(framed).collect()
}

pub fn window(start: i64, end: i64) -> Terms {
    Terms::in_window(Window { start: Timestamp(start), end: Timestamp(end) })
}

pub fn people(all: &[PersonId]) -> BTreeSet<PersonId> {
    all.iter().copied().collect()
}

pub fn persons(all: &[PersonId], approvals: u32) -> Level {
    let authority = Authority::Persons(people(all));
    Level { approvals, ..Level::of(authority) }
}

pub fn members(group: u64, approvals: u32) -> Level {
    let authority = Authority::Members(GroupId(group));
    Level { approvals, evidence: Evidence::SecondFactor, ..Level::of(authority) }
}

pub fn digest(request: u64) -> Digest {
    Digest::of("test request", &[&request.to_be_bytes()])
}

pub fn attempt(text: &str) -> Attempt {
    Attempt(Digest::of("test attempt", &[text.as_bytes()]))
}

/// A request of Alice's for a session on an account; without levels it is simply allowed.
pub fn connect(request: u64, account: u64, terms: Terms, tracks: Vec<Vec<Level>>) -> RequestMade {
    let outcome = if tracks.is_empty() { Outcome::Allow } else { Outcome::Approve };
    RequestMade {
        request: RequestId(request),
        person: PersonFacts { id: ALICE, handle: "alice".into(), groups: [GroupId(1)].into() },
        target: TargetFacts {
            device: DeviceId(1),
            device_name: "prod-db".into(),
            device_groups: [].into(),
            account: AccountId(account),
            account_name: format!("app{account}"),
            database: "shop".into(),
            pin: Digest::of("test pin", &[]),
        },
        act: Act::Connect,
        reason: None,
        terms,
        ruling: RulingRecord { outcome, rules: vec![RuleId(1)], conditions: Conditions::default(), emergency: None },
        tracks: tracks.into_iter().map(|levels| TrackPlan { workflow: Some(WorkflowId(1)), levels }).collect(),
        automatic: None,
        choice: None,
        ticket: None,
        chosen: people(&[]),
        plan: None,
        digest: digest(request),
        nonce: [7; 32],
    }
}

/// A request of Alice's to run one statement, held in a session.
pub fn run(request: u64, under: u64, session: u64, account: u64, terms: Terms, text: &str) -> RequestMade {
    let held = Run {
        grant: GrantId(under),
        session: SessionId(session),
        attempt: attempt(text),
        text: Commitment::new(&[1; 32], text.as_bytes()),
        facts: ActionFacts::opaque("a test"),
        same_session: false,
    };
    let made = connect(request, account, terms, vec![vec![persons(&[BOB, CAROL], 1)]]);
    RequestMade { act: Act::Run(Box::new(held)), ..made }
}

pub fn made(request: RequestMade) -> Event {
    Event::RequestMade(Box::new(request))
}

pub fn started(request: u64, [track, level, epoch]: [u32; 3], approvers: &[PersonId]) -> Event {
    Event::LevelStarted {
        request: RequestId(request),
        track,
        level,
        epoch,
        approvers: people(approvers),
        informed: people(&[]),
        followers: people(&[]),
    }
}

pub fn voted(
    request: u64,
    [track, n, epoch]: [u32; 3],
    who: PersonId,
    verdict: Verdict,
    on: &Level,
    terms: Terms,
) -> Event {
    Event::Voted {
        request: RequestId(request),
        track,
        level: n,
        epoch,
        approver: who,
        verdict,
        terms,
        comment: None,
        evidence: Evidence::SecondFactor,
        authority: on.authority.clone(),
        digest: digest(request),
        behalf: None,
    }
}

pub fn approved(request: u64, grant: u64, terms: Terms) -> Event {
    Event::RequestApproved { request: RequestId(request), grant: GrantId(grant), terms }
}

pub fn opened(session: u64, grant: u64, first_use: bool) -> Event {
    Event::SessionOpened { session: SessionId(session), grant: GrantId(grant), from: "192.0.2.1".into(), first_use }
}

pub fn closed(session: u64) -> Event {
    Event::SessionClosed { session: SessionId(session), why: SessionEnd::ClientLeft, transcript: None, records: 0 }
}

pub fn used(grant: u64, session: u64, text: &str) -> Event {
    Event::Used { grant: GrantId(grant), session: SessionId(session), attempt: attempt(text) }
}

pub fn ran(grant: u64) -> Event {
    Event::Ran { grant: GrantId(grant), outcome: RunOutcome::Completed { rows: 1 } }
}

pub fn ended(grant: u64, how: GrantEnd) -> Event {
    Event::GrantEnded { grant: GrantId(grant), how }
}

pub fn revoked(request: u64, by: PersonId) -> Event {
    Event::RequestRevoked { request: RequestId(request), by, reason: None }
}

pub fn expired(request: u64) -> Event {
    Event::RequestExpired { request: RequestId(request), why: Expiry::Undecided }
}

pub fn canceled(request: u64) -> Event {
    Event::RequestCanceled { request: RequestId(request) }
}

pub fn disapproved(request: u64, by: PersonId) -> Event {
    Event::RequestDisapproved { request: RequestId(request), by }
}

pub fn retracted(request: u64, [track, level, epoch]: [u32; 3], by: PersonId) -> Event {
    Event::Retracted { request: RequestId(request), track, level, epoch, by }
}

pub fn installed() -> Event {
    Event::Noted(Note::Installed { name: "test".into() })
}

pub fn policy(version: u64) -> Event {
    Event::PolicyApplied { version, policy: Policy::default(), by: None, under: None }
}
