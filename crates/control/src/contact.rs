//! What a contact can do (R11): look at one request by the link in a mail, and decide one level of it. The link is derived
//! when the mail is written and never stored: a tag over the request, the level, its epoch, and who was written to at which
//! address. What it opens is asked of the engine each time, so that it is worth something only while that level is theirs.
//!
//! Nobody signs in by it: the actor made here to look at the one request never leaves this file.

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::view::RequestView;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_core::state::Track;
use countersign_core::{Position, Request, Role, Status, Vote, approvers, open_at, open_for};
use countersign_journal::{Digest, Evidence, PersonId, RequestId, Timestamp, Verdict};
use secrecy::ExposeSecret;
use std::collections::BTreeSet;
use std::fmt;

/// What the tag of a link is over begins with this.
const DOMAIN: &[u8] = b"countersign answer v1";
/// Bytes of a tag that stand in a link: 160 bits.
const TAG_BYTES: usize = 20;
/// Longest text read as a link.
const LINK_CHARS_MAX: usize = 160;

/// The address a letter leads to. That of a contact decides, so none is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    pub(crate) fn new(address: String) -> Link {
        Link(address)
    }

    /// The address, to be written into the letter.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

/// What a link opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkView {
    /// Whose it is, by name.
    pub contact: String,
    /// About which request.
    pub request: RequestId,
    /// The request, while the level is theirs to decide; nothing of it otherwise.
    pub card: Option<RequestView>,
    /// What they said on this level, and when.
    pub said: Option<(Verdict, Timestamp)>,
    /// What happened meanwhile, in sentences.
    pub meanwhile: Vec<&'static str>,
}

/// What a link says it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    request: RequestId,
    at: Position,
    contact: PersonId,
}

impl Place {
    /// The place and the tag of a link's last part.
    fn read(link: &str) -> Option<(Place, Vec<u8>)> {
        let parts: Vec<&str> = link.split('.').collect();
        let [request, track, level, epoch, contact, tag] = parts[..] else { return None };
        let at = Position { track: track.parse().ok()?, level: level.parse().ok()?, epoch: epoch.parse().ok()? };
        let place = Place { request: RequestId(request.parse().ok()?), at, contact: PersonId(contact.parse().ok()?) };
        Some((place, data_encoding::BASE32_NOPAD.decode(tag.to_uppercase().as_bytes()).ok()?))
    }

    fn written(&self, tag: &[u8]) -> String {
        let Position { track, level, epoch } = self.at;
        let tag = data_encoding::BASE32_NOPAD.encode(tag).to_lowercase();
        format!("{}.{track}.{level}.{epoch}.{}.{tag}", self.request.0, self.contact.0)
    }

    /// Everything the link stands for. The request's digest is in it, so that a number that a restored store gives out
    /// again is another request.
    fn bytes(&self, digest: &Digest, address: &str) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        bytes.push(0);
        bytes.extend_from_slice(&self.request.0.to_be_bytes());
        for number in [self.at.track, self.at.level, self.at.epoch] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(&self.contact.0.to_be_bytes());
        bytes.extend_from_slice(&digest.0);
        bytes.extend_from_slice(address.as_bytes());
        bytes
    }
}

impl Control {
    /// Where the letter of a contact leads: to the level that is theirs to decide. A letter that asks nothing leads to the
    /// first level that names them; one that asks what is no longer asked leads nowhere.
    pub(crate) fn contact_link(&self, request: &Request, contact: PersonId, asks: bool) -> Result<Option<Link>, Fault> {
        let directory = self.directory();
        let Some(known) = directory.contact(contact) else { return Ok(None) };
        let at = {
            let (state, now) = (self.state(), self.now());
            let named = |track: &Track, level: usize| {
                let authority = track.levels.get(level).map(|l| &l.authority);
                authority.is_some_and(|a| approvers(&state, &directory, now, a, request.about()).contains(&contact))
            };
            let levels = |track: &Track| (0..track.levels.len()).find(|level| named(track, *level));
            let any = (0..).zip(&request.tracks).find_map(|(track, known)| {
                let level = u32::try_from(levels(known)?).ok()?;
                Some(Position { track, level, epoch: known.epoch })
            });
            open_for(&state, &directory, now, request, contact).or(any.filter(|_| !asks))
        };
        let Some(at) = at else { return Ok(None) };
        let place = Place { request: request.id, at, contact };
        let tag = self.short_tag(&place, &request.digest, &known.email)?;
        Ok(Some(Link::new(format!("{}/answer/{}", self.page_address(), place.written(&tag)))))
    }

    fn short_tag(&self, place: &Place, digest: &Digest, address: &str) -> Result<Vec<u8>, Fault> {
        let tag = self.tag(place.bytes(digest, address))?;
        Ok(tag.expose_secret()[..TAG_BYTES].to_vec())
    }

    /// What a link is for. A wrong tag and a request that does not exist are told alike.
    async fn place(&self, link: &str) -> Result<Place, Fault> {
        let read = Some(link).filter(|l| l.len() <= LINK_CHARS_MAX).and_then(Place::read);
        let (place, given) = read.ok_or(Fault::NotFound)?;
        let digest = self.case(place.request).await?.map(|case| case.request.digest);
        let address = self.directory().contacts.get(&place.contact).map(|c| c.email.clone());
        let there = digest.is_some() && address.is_some();
        let expected = self.short_tag(&place, &digest.unwrap_or(Digest::ZERO), &address.unwrap_or_default())?;
        let same = verify_slices_are_equal(&given, &expected).is_ok();
        if same && there { Ok(place) } else { Err(Fault::NotFound) }
    }

    /// What a link opens now: the request while the level is theirs, else what happened meanwhile. Looking decides nothing.
    ///
    /// # Errors
    /// `NotFound` when it is no link of ours; trouble.
    pub async fn linked(&self, link: &str) -> Result<LinkView, Fault> {
        let place = self.place(link).await?;
        let directory = self.directory();
        let request = self.case(place.request).await?.ok_or(Fault::NotFound)?.request;
        let open = open_at(&self.state(), &directory, self.now(), &request, place.at, place.contact);
        let known = directory.contacts.get(&place.contact).ok_or(Fault::NotFound)?;
        let mut view = LinkView {
            contact: known.name.clone(),
            request: place.request,
            card: None,
            said: None,
            meanwhile: Vec::new(),
        };
        if !known.enabled {
            view.meanwhile.push("This address decides nothing here any more.");
            return Ok(view);
        }
        if open {
            let actor = Actor {
                person: place.contact,
                handle: known.email.clone(),
                name: known.name.clone(),
                role: Role::Member,
                permissions: BTreeSet::new(),
                second_factor_at: None,
                has_second_factor: false,
            };
            view.card = Some(self.request(&actor, place.request).await?);
        } else {
            view.said = said(&request, &place);
            view.meanwhile = meanwhile(&request, &place, view.said.is_some());
        }
        Ok(view)
    }

    /// Decides the one level a link is for, or reviews it after an emergency. It is a vote like any other, with the
    /// evidence that a link is.
    ///
    /// # Errors
    /// `NotFound` when it is no link of ours; a refusal, or trouble.
    pub async fn decide_by_link(&self, link: &str, verdict: Verdict, comment: &str) -> Result<(), Fault> {
        let Place { request, at: position, contact: approver } = self.place(link).await?;
        let (comment, rows) = self.comment(comment)?;
        let vote = Vote { request, position, approver, verdict, terms: None, comment, evidence: Evidence::Link };
        self.vote(vote, rows).await
    }
}

/// What the contact said on that level.
fn said(request: &Request, place: &Place) -> Option<(Verdict, Timestamp)> {
    let votes = request.tracks.get(place.at.track as usize).into_iter().flat_map(|t| &t.votes);
    let vote = votes.filter(|v| (v.level, v.approver) == (place.at.level, place.contact)).map(|v| (v.verdict, v.at));
    let reviews = request.reviews.iter().filter(|r| (r.track, r.level) == (place.at.track, place.at.level));
    let reviews = reviews.filter(|r| r.approver == place.contact).map(|r| (r.verdict, r.at));
    vote.chain(reviews).last()
}

/// What happened to the level since the link was written, and to the request.
fn meanwhile(request: &Request, place: &Place, answered: bool) -> Vec<&'static str> {
    let mut told = Vec::new();
    if request.was_emergency() {
        told.push("Access was opened by an emergency, before approval.");
        if !answered {
            told.push("Your level was reviewed already, or others have to.");
        }
    } else if request.status == Status::Pending && request.emergency.as_ref().is_some_and(|e| e.stopped_by.is_none()) {
        told.push("An emergency was declared. Open this link again once it has opened access, to review it.");
    } else if request.status == Status::Pending && !answered {
        told.extend(request.tracks.get(place.at.track as usize).map(|t| moved(t, place.at)));
    }
    told.push(match request.status {
        Status::Pending => "The request still waits for its approvers.",
        Status::Approved if request.automatic => "The request was approved automatically; nothing is asked of you.",
        Status::Approved => "The request was approved.",
        Status::Disapproved => "The request was rejected.",
        Status::Canceled => "The request was taken back by the person who made it.",
        Status::Expired => "The request expired: it was not decided in time, or is no longer possible.",
        Status::Revoked => "The access was taken away again.",
    });
    told
}

/// Why the level of a pending request is not the contact's to decide.
fn moved(track: &Track, at: Position) -> &'static str {
    match track.at.cmp(&at.level) {
        std::cmp::Ordering::Less => "It is not your turn yet; you will get a mail when it is.",
        std::cmp::Ordering::Greater => "Your level was decided meanwhile by others.",
        std::cmp::Ordering::Equal if track.escalated.is_some() => "Others decide in your place now.",
        std::cmp::Ordering::Equal if track.epoch != at.epoch => {
            "An approval was taken back and your level began anew; use the link in the latest mail."
        }
        std::cmp::Ordering::Equal => "You cannot decide this level any more.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place =
        Place { request: RequestId(12), at: Position { track: 0, level: 1, epoch: 3 }, contact: PersonId(7) };

    #[test]
    fn a_link_reads_back_as_it_was_written() {
        let link = PLACE.written(&[0xab; TAG_BYTES]);
        assert_eq!(link, "12.0.1.3.7.vov2xk5lvov2xk5lvov2xk5lvov2xk5l");
        assert_eq!(Place::read(&link), Some((PLACE, vec![0xab; TAG_BYTES])));
        for wrong in
            ["", "12", "12.0.1.3.7", "12.0.1.3.7.1", "a.0.1.3.7.aaaaaaaa", "12.0.1.3.7.aaaaaaaa.aaaaaaaa", "..."]
        {
            assert_eq!(Place::read(wrong), None, "{wrong}");
        }
    }

    /// Whatever the link is for is tagged: a change of anything is another link.
    #[test]
    fn everything_a_link_is_for_is_tagged() {
        let other = |change: fn(&mut Place)| {
            let mut place = PLACE;
            change(&mut place);
            place.bytes(&Digest::ZERO, "vera@example.test")
        };
        let all = [
            PLACE.bytes(&Digest::ZERO, "vera@example.test"),
            PLACE.bytes(&Digest([1; 32]), "vera@example.test"),
            PLACE.bytes(&Digest::ZERO, "walt@example.test"),
            other(|p| p.request = RequestId(13)),
            other(|p| p.at.track = 1),
            other(|p| p.at.level = 0),
            other(|p| p.at.epoch = 4),
            other(|p| p.contact = PersonId(8)),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn a_link_is_never_printed() {
        assert_eq!(format!("{:?}", Link::new("https://gate.example.test/answer/1".into())), "Link(..)");
    }
}
