//! Contacts, told apart from people by what the journal itself says: who a level names as a contact decides that level, by
//! link, and does nothing else in the whole journal; and nobody else decides by link. The verifier has no directory, and
//! needs none for this.

use crate::ledger::{Wrong, ensure};
use crate::request::Request;
use countersign_journal::{Authority, Event, Evidence, Level, Note, PersonId, RequestMade, Verdict};
use std::collections::BTreeSet;

/// Who showed themselves as what.
#[derive(Default)]
pub(crate) struct Sides {
    people: BTreeSet<PersonId>,
    contacts: BTreeSet<PersonId>,
}

impl Sides {
    /// Learns from an entry, and insists that nobody is both.
    pub(crate) fn read(&mut self, event: &Event) -> Result<(), Wrong> {
        if let Event::RequestMade(made) = event {
            self.named(made)?;
        }
        acting(event).into_iter().try_for_each(|p| self.person(p))
    }

    fn named(&mut self, made: &RequestMade) -> Result<(), Wrong> {
        for level in made.tracks.iter().flat_map(|t| &t.levels) {
            match &level.authority {
                Authority::Contacts(named) => named.iter().try_for_each(|c| self.contact(*c))?,
                Authority::Persons(named) => named.iter().try_for_each(|p| self.person(*p))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn person(&mut self, id: PersonId) -> Result<(), Wrong> {
        self.people.insert(id);
        ensure(!self.contacts.contains(&id), || format!("`{id}` is a contact, and does what only people do"))
    }

    fn contact(&mut self, id: PersonId) -> Result<(), Wrong> {
        self.contacts.insert(id);
        ensure(!self.people.contains(&id), || format!("`{id}` is a person, and is named as a contact"))
    }

    /// A revoke by a contact is what follows from their own rejecting review.
    pub(crate) fn ensure_may_revoke(&mut self, request: &Request, by: PersonId) -> Result<(), Wrong> {
        let reviewed = request.reviews.get(&by).is_some_and(|b| b.verdict == Verdict::Reject);
        if self.contacts.contains(&by) && reviewed { Ok(()) } else { self.person(by) }
    }
}

/// Those an entry shows doing, or being told, what only people do or are.
fn acting(event: &Event) -> Vec<PersonId> {
    match event {
        Event::PolicyApplied { by, .. } | Event::DirectoryApplied { by, .. } => by.iter().copied().collect(),
        Event::RequestMade(made) => vec![made.person.id],
        Event::LevelStarted { informed, followers, .. } => informed.union(followers).copied().collect(),
        Event::Escalated { approvers, by, .. } => approvers.iter().chain(by).copied().collect(),
        Event::Voted { approver, behalf, authority, .. } | Event::Reviewed { approver, behalf, authority, .. } => {
            let own = Some(approver).filter(|_| !matches!(authority, Authority::Contacts(_)));
            own.into_iter().chain(behalf).copied().collect()
        }
        Event::Retracted { by, .. }
        | Event::EmergencyStopped { by, .. }
        | Event::DelegationEnded { by, .. }
        | Event::GrantEdited { by, .. } => vec![*by],
        Event::Delegated { from, to, .. } => vec![*from, *to],
        Event::LinkMade { person, by } => vec![*person, *by],
        Event::Noted(note) => noted(note),
        _ => Vec::new(),
    }
}

fn noted(note: &Note) -> Vec<PersonId> {
    match note {
        Note::SignedIn { person, .. }
        | Note::SignedOut { person }
        | Note::InvitationMade { person, .. }
        | Note::PasswordSet { person }
        | Note::PasswordChanged { person }
        | Note::SecondFactorSet { person }
        | Note::KeyAdded { person, .. }
        | Note::KeyRemoved { person, .. }
        | Note::CertificateUsed { person, .. }
        | Note::TokenIssued { person, .. } => vec![*person],
        Note::TranscriptRead { by, .. } => vec![*by],
        Note::Alerted { told, .. } => told.iter().copied().collect(),
        _ => Vec::new(),
    }
}

/// A contact decides by link, in nobody's name but their own; people never do.
pub(crate) fn by_link(
    who: PersonId,
    behalf: Option<PersonId>,
    authority: &Authority,
    evidence: Evidence,
) -> Result<(), Wrong> {
    let outside = matches!(authority, Authority::Contacts(_));
    ensure(outside == (evidence == Evidence::Link), || {
        format!(
            "`{who}` decides by {}",
            if outside { "other means than a contact has" } else { "link, and is no contact" }
        )
    })?;
    ensure(!outside || behalf.is_none(), || format!("`{who}` decides by a right of a contact, who lends none"))
}

/// Whether a level names somebody as a contact, where it names contacts.
pub(crate) fn is_told_rightly(level: &Level, told: &BTreeSet<PersonId>) -> bool {
    !matches!(&level.authority, Authority::Contacts(named) if !told.is_subset(named))
}
