//! What requests are found by: marks, of which the store keeps which requests have them, in order.
//!
//! A word is marked by a tag under a key of the vault, so that whoever reads the database learns which requests share a
//! word and not which word it is: reasons and statements stay sealed. Whoever erases a text takes the marks of its words
//! away and writes those of the facts again. Those who decide a request are marked openly; the journal names them too.

use crate::control::Control;
use crate::fault::Fault;
use crate::vault::{Answer, Call, Vault};
use crate::view::what;
use countersign_core::{Case, Directory, Request, Roster, State};
use countersign_journal::{Authority, Digest, Module, PersonId, Timestamp};
use std::collections::{BTreeSet, HashSet};

/// Shortest and longest word that is marked, in characters.
const WORD_CHARS: std::ops::RangeInclusive<usize> = 2..=64;
/// Different words that are marked of one request; the facts of a request come before what was written.
const WORDS_MAX: usize = 64;

/// What a request can be found by.
pub(crate) type Mark = i64;

/// The different words of some texts as they are marked: runs of letters and digits, in lower case.
pub(crate) fn words<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let runs = texts.into_iter().flat_map(|t| t.split(|c: char| !c.is_alphanumeric()));
    let words = runs.filter(|w| WORD_CHARS.contains(&w.chars().take(WORD_CHARS.end() + 1).count()));
    let mut seen = HashSet::new();
    words.map(str::to_lowercase).filter(|w| seen.insert(w.clone())).take(WORDS_MAX).collect()
}

/// The marks of words.
pub(crate) fn of_words(vault: &Vault, words: Vec<String>) -> Result<Vec<Mark>, Fault> {
    match vault.call(Call::Mark { words })? {
        Answer::Marks(marks) => Ok(marks),
        _ => Err(Fault::trouble("the vault answered another question")),
    }
}

/// Everything a request is found by: who asks for what, by today's names, and the marks of what was written.
pub(crate) fn of_request(
    vault: &Vault,
    directory: &Directory,
    request: &Request,
    written: &[Mark],
) -> Result<Vec<Mark>, Fault> {
    let name = directory.people.get(&request.person.id).map(|p| p.name.as_str());
    let what = what(request);
    let texts = [request.person.handle.as_str(), name.unwrap_or_default(), &what];
    let given = [&request.choice, &request.ticket];
    let words = words(texts.into_iter().chain(given.into_iter().flatten().map(String::as_str)));
    let mut marks = of_words(vault, words)?;
    let known: HashSet<Mark> = marks.iter().copied().collect();
    marks.extend(written.iter().filter(|mark| !known.contains(mark)).take(WORDS_MAX.saturating_sub(known.len())));
    Ok(marks)
}

/// Everybody who decided the request, was told of it, or has an authority that decides it.
pub(crate) fn of_deciders(case: &Case) -> BTreeSet<Mark> {
    let request = &case.request;
    let persons = request.tracks.iter().flat_map(|t| t.told.iter().copied().chain(t.votes.iter().map(|v| v.approver)));
    let levels = request.tracks.iter().flat_map(|t| t.levels.iter().map(|l| &l.authority));
    let escalated = request.tracks.iter().filter_map(|t| t.escalated.as_ref()).map(|e| &e.to);
    let authorities = levels.chain(escalated).flat_map(|authority| {
        let (requester, account) = (request.person.id.0, request.target.account.0);
        match authority {
            Authority::Persons(named) => named.iter().map(|p| person(*p)).collect(),
            Authority::Members(group) => vec![mark("members", group.0)],
            Authority::Managers(group) => vec![mark("managers", group.0)],
            Authority::Administrators => vec![mark("administrators", 0)],
            Authority::LineManager => vec![mark("manager of", requester)],
            Authority::AccountOwners => vec![mark("owners", account)],
            Authority::AccountManagers => vec![mark("account managers", account)],
            Authority::Approvers(module) => vec![approver(*module)],
            // A contact sees one request, by a link that names it.
            Authority::Contacts(_) => Vec::new(),
        }
    });
    persons.map(person).chain(authorities).collect()
}

/// The marks of what somebody may decide: in their own name, by every authority they hold, and by what was lent to them.
pub(crate) fn of_authority(state: &State, directory: &Roster, who: PersonId, now: Timestamp) -> BTreeSet<Mark> {
    let all: Vec<PersonId> = state.lent_to(who, now).chain([who]).collect();
    let administrators = directory.administrators();
    let mut marks = BTreeSet::from([person(who)]);
    for holder in all {
        marks.insert(person(holder));
        marks.extend(directory.groups_of(holder).into_iter().map(|g| mark("members", g.0)));
        let managed = directory.groups.iter().filter(|(_, g)| g.managers.contains(&holder));
        marks.extend(managed.map(|(id, _)| mark("managers", id.0)));
        let led = directory.people.iter().filter(|(_, p)| p.manager == Some(holder));
        marks.extend(led.map(|(id, _)| mark("manager of", id.0)));
        let owned = directory.accounts.iter().filter(|(_, a)| a.owners.contains(&holder));
        marks.extend(owned.map(|(id, _)| mark("owners", id.0)));
        let kept = directory.accounts.iter().filter(|(_, a)| a.managers.contains(&holder));
        marks.extend(kept.map(|(id, _)| mark("account managers", id.0)));
        let approves = directory.approvers.iter().filter(|(_, named)| named.contains(&holder));
        marks.extend(approves.map(|(module, _)| approver(*module)));
        if administrators.contains(&holder) {
            marks.insert(mark("administrators", 0));
        }
    }
    marks
}

fn approver(module: Module) -> Mark {
    mark(module.name(), 0)
}

fn person(id: PersonId) -> Mark {
    mark("person", id.0)
}

fn mark(kind: &str, id: u64) -> Mark {
    let digest = Digest::of("countersign decider v1", &[kind.as_bytes(), &id.to_be_bytes()]);
    digest.0.first_chunk().map_or(0, |bytes| Mark::from_be_bytes(*bytes))
}

impl Control {
    /// The marks of words that were written, to go in with the request they are about.
    pub(crate) fn marks_in<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Result<Vec<Mark>, Fault> {
        of_words(&self.0.vault, words(texts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let check = |text: &str, expected: &[&str]| assert_eq!(words([text]), expected, "{text}");
        check("", &[]);
        check("Fix a PRICE, fix it!", &["fix", "price", "it"]);
        check("app@prod-db", &["app", "prod", "db"]);
        check("Ärger in Köln №7 42", &["ärger", "in", "köln", "42"]);
        check("UPDATE customers SET x1 = 'y'", &["update", "customers", "set", "x1"]);
        let (fits, long) = ("w".repeat(64), "w".repeat(65));
        check(&fits, &[&fits]);
        check(&long, &[]);
    }

    #[test]
    fn of_one_request_so_many_words_and_no_more() {
        let text: Vec<String> = (100..300).map(|n| n.to_string()).collect();
        assert_eq!(words([text.join(" ").as_str()]).len(), WORDS_MAX);
    }
}
