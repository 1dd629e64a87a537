//! Replay: a journal told again, entry by entry, with what each one changed. It is folded as the server folds it, needs no
//! server, and knows people by the names that the journal itself has.

use crate::view::authority_words;
use crate::words;
use countersign_core::refusal::{shown, status_word};
use countersign_core::state::Track;
use countersign_core::{Directory, GrantStage, Person, Role, State, apply};
use countersign_journal::{Entry, Event, RequestId, Timestamp};
use std::collections::BTreeSet;

/// A journal as far as it was told.
#[derive(Default)]
pub struct Replay {
    state: State,
    names: Directory,
}

/// One entry, told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// Its number.
    pub seq: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// What happened.
    pub sentence: String,
    /// The request it is about.
    pub request: Option<RequestId>,
    /// What is otherwise since then about that request.
    pub changes: Vec<String>,
}

impl Replay {
    /// Learns the names in an entry, which may come after entries about the same people.
    pub fn learn(&mut self, entry: &Entry) {
        if let Event::RequestMade(made) = &entry.event {
            let (handle, enabled, role) = (made.person.handle.clone(), true, Role::Member);
            let known = Person {
                name: handle.clone(),
                handle,
                email: None,
                enabled,
                role,
                manager: None,
                former_emails: BTreeSet::new(),
            };
            self.names.people.insert(made.person.id, known);
        }
    }

    /// Tells the next entry.
    pub fn step(&mut self, entry: &Entry) -> Step {
        let about = self.state.request_of(&entry.event).and_then(|id| self.state.requests.get(&id));
        let said = words::say(&entry.event, about.map(|r| r.person.id), &self.names);
        let request = said.request.or_else(|| self.state.grants.get(&said.grant?).map(|g| g.request));
        let was = self.picture(request);
        apply(&mut self.state, entry.at, &entry.event);
        let is = self.picture(request);
        Step {
            seq: entry.seq,
            at: entry.at,
            sentence: said.sentence,
            request,
            changes: is.difference(&was).cloned().collect(),
        }
    }

    /// What there is to say of a request now.
    fn picture(&self, request: Option<RequestId>) -> BTreeSet<String> {
        let Some(request) = request.and_then(|id| self.state.requests.get(&id)) else { return BTreeSet::new() };
        let mut all = BTreeSet::from([format!("{} is {}", request.id, status_word(&request.status))]);
        all.extend((1..).zip(&request.tracks).map(|(n, track)| self.track(n, track)));
        if let Some(grant) = self.state.grant_of(request) {
            let stage = match grant.stage {
                GrantStage::ToBeUsed => "to be used".to_owned(),
                GrantStage::InUse => "in use".to_owned(),
                GrantStage::Ended(how) => format!("over: {}", words::grant_end(how)),
            };
            let window = grant.terms.window;
            all.insert(format!("{} is {stage}, {} to {} (UTC)", grant.id, shown(&window.start), shown(&window.end)));
        }
        all
    }

    fn track(&self, n: u32, track: &Track) -> String {
        let Some(authority) = track.authority() else { return format!("track {n} is passed") };
        let decided: Vec<String> = track.votes.iter().map(|v| words::name(&self.names, v.approver)).collect();
        let told: Vec<String> = track.told.iter().map(|p| words::name(&self.names, *p)).collect();
        let (at, of) = (track.at + 1, track.levels.len());
        let mut said =
            format!("track {n} is on level {at} of {of}: {} decide", authority_words(&self.names, authority));
        for (word, names) in [("; told: ", told), ("; votes that stand: ", decided)] {
            if !names.is_empty() {
                said = said + word + &names.join(", ");
            }
        }
        said + if track.blocked { "; too few people can" } else { "" }
    }
}
