//! Lists, from the latest back: of requests, of sessions, and the audit. What is alive comes from the state, what is over
//! from rows, each asked for what it may be; whether it is in the list is then said of both by one function.

use super::eye::Eye;
use super::*;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::marks::{self, Mark};
use crate::store::{Sought, Whose, kind};
use crate::words;
use countersign_core::refusal::status_word;
use countersign_core::{Case, Grant, Permission, Request, Session, Status, may_watch};
use countersign_journal::{Event, canonical};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Requests or sessions listed at most.
const REQUESTS_MAX: usize = 200;
/// Rows read at a time for one list, at least and at most, and in all for it.
const ROWS_LEAST: usize = 50;
const ROWS_PAGE: usize = 250;
const ROWS_MAX: usize = 5_000;
/// Requests that are alive asked for their words at a time.
const ALIVE_PAGE: usize = 1_000;
/// Audit lines listed at most.
const AUDIT_MAX: usize = 500;
/// Entries looked through for one audit search.
const AUDIT_SCAN_MAX: usize = 50_000;
/// Entries read at a time while searching.
const AUDIT_PAGE: u32 = 1_000;

/// What is found, latest first.
type Found = BTreeMap<Reverse<RequestId>, Case>;

impl Control {
    /// Requests that match, latest first. A text is found by its words, all of which must be there.
    ///
    /// # Errors
    /// When the actor may not list that scope, or trouble.
    pub async fn requests(&self, actor: &Actor, query: &RequestQuery) -> Result<Vec<RequestView>, Fault> {
        if query.scope == Scope::All {
            actor.require(Permission::ListRequests)?;
        }
        let limit = query.limit.clamp(1, REQUESTS_MAX);
        let text = query.text.trim();
        let marks = self.marks_in([text])?;
        let mut found = Found::new();
        if text.is_empty() || !marks.is_empty() {
            // The state first: what leaves it meanwhile has its row by then.
            self.alive(actor, query, &marks, limit, &mut found).await?;
            self.over(actor, query, &marks, limit, &mut found).await?;
        }
        if let Some(case) = self.numbered(text).await?
            && query.before.is_none_or(|before| case.request.id < before)
            && self.lists(actor, query, &case)
        {
            found.insert(Reverse(case.request.id), case);
        }
        let mut views = Vec::new();
        for case in found.into_values().take(limit) {
            views.push(self.build(actor, case).await?);
        }
        Ok(views)
    }

    /// The request whose number a text is.
    async fn numbered(&self, text: &str) -> Result<Option<Case>, Fault> {
        match text.strip_prefix('#').unwrap_or(text).parse() {
            Ok(number) => self.case(RequestId(number)).await,
            Err(_) => Ok(None),
        }
    }

    /// Whether a request is in a list, its text aside.
    fn lists(&self, actor: &Actor, query: &RequestQuery, case: &Case) -> bool {
        let (state, directory) = (self.state(), self.directory());
        fits(&self.eye(&state, &directory, actor), query, &case.request, case.grant.as_ref())
    }

    /// What is in the list and alive.
    async fn alive(
        &self,
        actor: &Actor,
        query: &RequestQuery,
        marks: &[Mark],
        limit: usize,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let before = query.before.unwrap_or(RequestId(u64::MAX));
        let most = if marks.is_empty() { limit } else { usize::MAX };
        let fitting: Vec<RequestId> = {
            let (state, directory) = (self.state(), self.directory());
            let eye = self.eye(&state, &directory, actor);
            let alive = state.requests.range(..before).rev().map(|(_, r)| r);
            alive.filter(|r| fits(&eye, query, r, state.grant_of(r))).map(|r| r.id).take(most).collect()
        };
        let mut ids: Vec<RequestId> = Vec::new();
        for page in fitting.chunks(ALIVE_PAGE) {
            if marks.is_empty() {
                ids.extend(page);
            } else {
                ids.extend(self.0.store.marked(page, marks).await?);
            }
            if ids.len() >= limit {
                break;
            }
        }
        for id in ids {
            found.extend(self.case(id).await?.map(|case| (Reverse(id), case)));
        }
        Ok(())
    }

    /// What is in the list and over.
    async fn over(
        &self,
        actor: &Actor,
        query: &RequestQuery,
        marks: &[Mark],
        limit: usize,
        found: &mut Found,
    ) -> Result<(), Fault> {
        // Nobody decides what is over.
        let decidable = query.for_me || query.scope == Scope::ForMe;
        let Some(status) = status_of(&query.status).filter(|_| !decidable) else { return Ok(()) };
        let sought = Sought {
            before: query.before.unwrap_or(RequestId(u64::MAX)),
            marks: marks.to_vec(),
            person: (query.scope == Scope::Mine).then_some(actor.person),
            status,
            kind: query.kind.clone(),
            from: query.from,
            until: query.until,
        };
        if query.scope != Scope::MyDecisions {
            return self.walk(actor, query, sought, limit, found).await;
        }
        let decides = marks::of_authority(&self.state(), &self.directory(), actor.person, self.now());
        for mark in decides {
            let marks = marks.iter().copied().chain([mark]).collect();
            self.walk(actor, query, Sought { marks, ..sought.clone() }, limit, found).await?;
        }
        Ok(())
    }

    /// Walks rows from the latest back until enough are in the list.
    async fn walk(
        &self,
        actor: &Actor,
        query: &RequestQuery,
        mut sought: Sought,
        limit: usize,
        found: &mut Found,
    ) -> Result<(), Fault> {
        let (mut read, mut enough) = (0, 0);
        while enough < limit && read < ROWS_MAX {
            let page = self.0.store.over(&sought, limit.clamp(ROWS_LEAST, ROWS_PAGE)).await?;
            let Some(last) = page.last() else { break };
            sought.before = last.request.id;
            read += page.len();
            for case in page {
                if self.lists(actor, query, &case) {
                    enough += 1;
                    found.insert(Reverse(case.request.id), case);
                }
            }
        }
        Ok(())
    }

    /// Sessions, live ones first, then the latest.
    ///
    /// # Errors
    /// Trouble only; a member sees their own and those they could revoke.
    pub async fn sessions(&self, actor: &Actor, live_only: bool) -> Result<Vec<SessionView>, Fault> {
        let mut list = self.sessions_alive(actor, live_only);
        if !live_only {
            self.sessions_over(actor, &mut list).await?;
        }
        let mut list: Vec<SessionView> = list.into_values().take(REQUESTS_MAX).collect();
        list.sort_by_key(|s| (s.closed_at.is_some(), Reverse(s.opened_at)));
        let closed: Vec<SessionId> = list.iter().filter(|s| s.closed_at.is_some()).map(|s| s.id).collect();
        let erased = self.0.store.erased(&closed).await?;
        list.iter_mut().for_each(|s| s.erased_at = erased.get(&s.id).copied());
        Ok(list)
    }

    fn sessions_alive(&self, actor: &Actor, live_only: bool) -> BTreeMap<Reverse<SessionId>, SessionView> {
        let (state, directory) = (self.state(), self.directory());
        let eye = self.eye(&state, &directory, actor);
        let view = |session: &Session| {
            let grant = state.grants.get(&session.grant)?;
            let request = state.requests.get(&grant.request)?;
            let wanted = !live_only || session.closed.is_none();
            let seen = wanted && eye.may_see_sessions(request);
            seen.then(|| (Reverse(session.id), session_view(&eye, session, grant)))
        };
        state.sessions.values().rev().filter_map(view).take(REQUESTS_MAX).collect()
    }

    async fn sessions_over(
        &self,
        actor: &Actor,
        list: &mut BTreeMap<Reverse<SessionId>, SessionView>,
    ) -> Result<(), Fault> {
        let whose: Vec<Whose> = {
            let (state, directory) = (self.state(), self.directory());
            if self.eye(&state, &directory, actor).sees_every_session() {
                vec![Whose::Everybody]
            } else {
                let decides = marks::of_authority(&state, &directory, actor.person, self.now());
                decides.into_iter().map(Whose::Marked).chain([Whose::Person(actor.person)]).collect()
            }
        };
        let mut found = BTreeMap::new();
        for whose in whose {
            found.extend(self.0.store.sessions(whose, REQUESTS_MAX).await?);
        }
        let mut cases: BTreeMap<RequestId, Option<Case>> = BTreeMap::new();
        let (mut listed, mut latest) = (0, found.into_iter().rev());
        while let Some((id, request)) = latest.next().filter(|_| listed < REQUESTS_MAX) {
            let case = match cases.entry(request) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.case(request).await?),
            };
            let (state, directory) = (self.state(), self.directory());
            let eye = self.eye(&state, &directory, actor);
            let Some(case) = case.as_ref().filter(|case| eye.may_see_sessions(&case.request)) else { continue };
            let session = case.sessions.iter().find(|s| s.id == id);
            if let (Some(session), Some(grant)) = (session, &case.grant) {
                listed += 1;
                list.insert(Reverse(id), session_view(&eye, session, grant));
            }
        }
        Ok(())
    }

    /// Audit lines that match, latest first.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn audit(&self, actor: &Actor, query: &AuditQuery) -> Result<Vec<AuditLine>, Fault> {
        actor.require(Permission::ListReports)?;
        let limit = query.limit.clamp(1, AUDIT_MAX);
        let text = query.text.trim().to_lowercase();
        let mut before = query.before.unwrap_or(u64::MAX);
        let (mut lines, mut scanned) = (Vec::new(), 0);
        while lines.len() < limit && scanned < AUDIT_SCAN_MAX {
            let page = self.0.store.entries_back(before, &query.kind, AUDIT_PAGE).await?;
            let Some(last) = page.last() else { break };
            before = last.seq;
            scanned += page.len();
            let directory = self.directory();
            for stored in page {
                let entry: countersign_journal::Entry = canonical::decode(&stored.bytes).map_err(Fault::trouble)?;
                let asker = match &entry.event {
                    Event::EmergencyConfirmed { request, .. } => {
                        self.case(*request).await?.map(|c| c.request.person.id)
                    }
                    _ => None,
                };
                let mut said = words::say(&entry.event, asker, &directory);
                if lines.len() < limit && (text.is_empty() || said.sentence.to_lowercase().contains(&text)) {
                    if let Some(grant) = said.grant {
                        said.request = self.case_of_grant(grant).await?.map(|case| case.request.id);
                    }
                    lines.push(AuditLine {
                        seq: entry.seq,
                        at: entry.at,
                        kind: stored.kind,
                        sentence: said.sentence,
                        request: said.request,
                        session: said.session,
                        leaf: Digest::leaf(&stored.bytes),
                    });
                }
            }
        }
        Ok(lines)
    }
}

/// Whether a request is in a list, its text aside.
fn fits(eye: &Eye<'_>, query: &RequestQuery, request: &Request, grant: Option<&Grant>) -> bool {
    eye.in_scope(request, query.scope)
        && (query.status.is_empty() || stands(request, grant, &query.status))
        && (query.kind.is_empty() || kind(&request.act) == query.kind)
        && query.from.is_none_or(|from| request.at >= from)
        && query.until.is_none_or(|until| request.at < until)
        && (!query.for_me || eye.position(request).is_some())
}

/// Whether a request has this status, or its grant is at this stage.
fn stands(request: &Request, grant: Option<&Grant>, wanted: &str) -> bool {
    let stage = grant.map(|g| grant_view(g).stage);
    let approved = request.status == Status::Approved;
    status_word(&request.status).eq_ignore_ascii_case(wanted)
        || (approved && stage.is_some_and(|stage| stage.eq_ignore_ascii_case(wanted)))
}

/// The status that what is over must have to stand as wanted: any where nothing is wanted, and none fits what only the
/// living can be.
fn status_of(wanted: &str) -> Option<Option<Status>> {
    let over = [Status::Approved, Status::Disapproved, Status::Canceled, Status::Expired, Status::Revoked];
    match wanted {
        "" => Some(None),
        wanted if wanted.eq_ignore_ascii_case("Ended") => Some(Some(Status::Approved)),
        wanted => over.into_iter().find(|s| status_word(s).eq_ignore_ascii_case(wanted)).map(Some),
    }
}

pub(super) fn session_view(eye: &Eye<'_>, session: &Session, grant: &Grant) -> SessionView {
    let (actor, closed) = (eye.actor, session.closed);
    SessionView {
        id: session.id,
        person: person_view(eye.directory, session.person),
        target: grant.target.label(),
        database: grant.target.database.clone(),
        request: grant.request,
        from: session.from.clone(),
        opened_at: session.opened_at,
        closed_at: closed.map(|(at, _)| at),
        ended: closed.map_or("", |(_, why)| words::session_end(why)),
        window_end: grant.terms.window.end,
        may_terminate: closed.is_none() && actor.may(Permission::TerminateSessions),
        may_watch: may_watch(eye.directory, actor.person, session.person),
        erased_at: None,
        alerts: session.alerts,
    }
}
