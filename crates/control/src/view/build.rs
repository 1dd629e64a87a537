//! Builds views from published state, the directory and decrypted texts, for one actor.

use super::eye::Eye;
use super::values::{in_one_line, values};
use super::*;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::gate::Unit;
use crate::transcript::{self, Recorded};
use crate::words;
use countersign_core::Permission;
use countersign_core::digest::UnitPart;
use countersign_core::refusal::status_word;
use countersign_core::{Directory, Grant, GrantKind, GrantStage, Request, Roster, State, Status};
use countersign_journal::{Act, ActionFacts, Commitment, Entry, Note, Run, canonical};

/// Requests listed at most.
const REQUESTS_MAX: usize = 200;
/// Audit lines listed at most.
const AUDIT_MAX: usize = 500;
/// Entries looked through for one audit search.
const AUDIT_SCAN_MAX: usize = 50_000;
/// Entries read at a time while searching.
const AUDIT_PAGE: u32 = 1_000;

impl Control {
    /// One request, whole.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not see it; trouble.
    pub async fn request(&self, actor: &Actor, id: RequestId) -> Result<RequestView, Fault> {
        let found = {
            let (state, directory) = (self.state(), self.directory());
            let eye = self.eye(&state, &directory, actor);
            let request = state.requests.get(&id).filter(|r| eye.may_see(r)).cloned();
            request.map(|r| (state.grant_of(&r).cloned(), sessions_under(&state, &r), connect_request(&state, &r), r))
        };
        let (grant, sessions, connect, request) = found.ok_or(Fault::NotFound)?;
        self.build(actor, request, grant, sessions, connect).await
    }

    /// Requests that match, latest first.
    ///
    /// # Errors
    /// When the actor may not list that scope, or trouble.
    pub async fn requests(&self, actor: &Actor, query: &RequestQuery) -> Result<Vec<RequestView>, Fault> {
        if query.scope == Scope::All {
            actor.require(Permission::ListRequests)?;
        }
        let before = query.before.unwrap_or(RequestId(u64::MAX));
        let limit = query.limit.clamp(1, REQUESTS_MAX);
        let ids: Vec<RequestId> = {
            let (state, directory) = (self.state(), self.directory());
            let eye = self.eye(&state, &directory, actor);
            let fits = |r: &&Request| {
                eye.in_scope(r, query.scope)
                    && (query.status.is_empty() || stands(&state, r, &query.status))
                    && (query.kind.is_empty() || kind(&r.act) == query.kind)
                    && query.from.is_none_or(|from| r.at >= from)
                    && query.until.is_none_or(|until| r.at < until)
                    && (!query.for_me || eye.position(r).is_some())
            };
            state
                .requests
                .range(..before)
                .rev()
                .map(|(_, r)| r)
                .filter(fits)
                .map(|r| r.id)
                .take(AUDIT_SCAN_MAX)
                .collect()
        };
        let text = query.text.trim().to_lowercase();
        let mut views = Vec::new();
        for id in ids {
            let view = self.request(actor, id).await?;
            if text.is_empty() || searchable(&view).contains(&text) {
                views.push(view);
            }
            if views.len() == limit {
                break;
            }
        }
        Ok(views)
    }

    /// How many requests the actor can decide now.
    #[must_use]
    pub fn waiting_for(&self, actor: &Actor) -> usize {
        let (state, directory) = (self.state(), self.directory());
        let eye = self.eye(&state, &directory, actor);
        state.waiting().filter(|r| eye.position(r).is_some()).count()
    }

    /// What the actor sees of a state.
    fn eye<'a>(&self, state: &'a State, directory: &'a Roster, actor: &'a Actor) -> Eye<'a> {
        Eye { state, directory, now: self.now(), actor }
    }

    async fn build(
        &self,
        actor: &Actor,
        request: Request,
        grant: Option<Grant>,
        sessions: Vec<SessionId>,
        connect: Option<RequestId>,
    ) -> Result<RequestView, Fault> {
        let directory = self.directory();
        let (statement, change) = match &request.act {
            Act::Connect => (None, None),
            Act::Run(run) => (Some(self.statement(run, connect, grant.as_ref()).await?), None),
            Act::Administer(change) => (None, Some(self.change_view(change, grant.as_ref()).await?)),
        };
        let mut comments = Vec::new();
        for (person, comment) in &request.comments {
            comments.push((person_view(&directory, *person), self.shown(comment).await?));
        }
        let mut tracks = Vec::new();
        for (n, track) in (0..).zip(&request.tracks) {
            tracks.push(self.levels(&directory, &request, n, track).await?);
        }
        let rules = self.rule_names(&request);
        let (position, may) = {
            let state = self.state();
            let eye = self.eye(&state, &directory, actor);
            (eye.position(&request), eye.may(&request, grant.as_ref()))
        };
        Ok(RequestView {
            id: request.id,
            person: person_view(&directory, request.person.id),
            kind: kind(&request.act),
            what: what(&request),
            target: request.target.label(),
            database: request.target.database.clone(),
            reason: self.reason(&request, connect).await?,
            made_at: request.at,
            window: grant.as_ref().map_or(request.terms.window, |g| g.terms.window),
            status: status_word(&request.status),
            settled_at: request.settled_at,
            rules,
            justified_only: request.tracks.is_empty(),
            automatic: request.automatic,
            choice: request.choice.clone(),
            ticket: request.ticket.clone(),
            reset_after_use: grant.as_ref().map_or(request.terms, |g| g.terms).reset_after_use,
            emergency: self.emergency_view(&directory, &request).await?,
            tracks,
            grant: grant.as_ref().map(grant_view),
            statement,
            plan: self.plan_view(&request, grant.as_ref()).await?,
            change,
            digest: request.digest,
            comments,
            position,
            may,
            sessions,
        })
    }

    /// Why: a statement is asked for under the reason of the connection it was held in.
    pub(crate) async fn reason(&self, request: &Request, connect: Option<RequestId>) -> Result<Option<String>, Fault> {
        let given = match (&request.reason, connect) {
            (None, Some(id)) => self.state().requests.get(&id).and_then(|r| r.reason),
            (given, _) => *given,
        };
        match given {
            Some(reason) => self.shown(&reason).await.map(Some),
            None => Ok(None),
        }
    }

    fn rule_names(&self, request: &Request) -> Vec<String> {
        let state = self.state();
        let name =
            |id| state.policy.rules.iter().find(|r| r.id == id).map_or_else(|| id.to_string(), |r| r.name.clone());
        request.ruling.rules.iter().map(|id| name(*id)).collect()
    }

    pub(crate) async fn statement(
        &self,
        run: &Run,
        connect: Option<RequestId>,
        grant: Option<&Grant>,
    ) -> Result<StatementView, Fault> {
        let unit = match self.text(&run.text).await? {
            Some(bytes) => canonical::decode::<Unit>(&bytes).map_err(Fault::trouble)?,
            None => Unit { parts: Vec::new(), settings: Vec::new(), objects: Vec::new() },
        };
        let outcome = match grant.map(|g| (g.used_in, &g.outcome)) {
            Some((Some(_), Some(outcome))) => words::run_outcome(outcome),
            Some((Some(_), None)) => "running".to_owned(),
            _ => String::new(),
        };
        Ok(StatementView {
            texts: unit.parts.iter().map(|p| String::from_utf8_lossy(&p.sql).into_owned()).collect(),
            parameters: unit.parts.iter().map(values).collect(),
            kinds: words::kind_words(&run.facts),
            touches: words::touches(&run.facts),
            unknown: run.facts.unknown.iter().cloned().collect(),
            settings: unit.settings,
            objects: unit.objects,
            session: run.session,
            connect_request: connect.unwrap_or_default(),
            outcome,
        })
    }

    pub(crate) async fn shown(&self, text: &Commitment) -> Result<String, Fault> {
        let text = self.text(text).await?;
        Ok(text.map_or_else(|| "(erased)".to_owned(), |t| String::from_utf8_lossy(&t).into_owned()))
    }

    /// Why a settled request did not release what was held, with the last comment.
    pub(crate) async fn refusal_words(&self, id: RequestId) -> String {
        let (status, last) = {
            let state = self.state();
            let Some(request) = state.requests.get(&id) else { return format!("request {id} is gone") };
            (request.status, request.comments.last().copied())
        };
        let said = match last {
            Some((person, comment)) => {
                let comment = self.shown(&comment).await.unwrap_or_default();
                format!(": {} wrote: {comment}", words::name(&self.directory(), person))
            }
            None => String::new(),
        };
        format!("request {id} is {}{said}", status_word(&status))
    }

    /// Sessions, live ones first, then the latest.
    ///
    /// # Errors
    /// Trouble only; a member sees their own and those they could revoke.
    pub async fn sessions(&self, actor: &Actor, live_only: bool) -> Result<Vec<SessionView>, Fault> {
        let directory = self.directory();
        let state = self.state();
        let eye = self.eye(&state, &directory, actor);
        let mut list = Vec::new();
        for session in state.sessions.values().rev() {
            let Some(grant) = state.grants.get(&session.grant) else { continue };
            let Some(request) = state.requests.get(&grant.request) else { continue };
            if (live_only && session.closed.is_some()) || !(eye.may_see(request) || actor.may(Permission::ListSessions))
            {
                continue;
            }
            let closed = session.closed;
            list.push(SessionView {
                id: session.id,
                person: person_view(&directory, session.person),
                target: grant.target.label(),
                database: grant.target.database.clone(),
                request: request.id,
                from: session.from.clone(),
                opened_at: session.opened_at,
                closed_at: closed.map(|(at, _)| at),
                ended: closed.map_or("", |(_, why)| words::session_end(why)),
                window_end: grant.terms.window.end,
                may_terminate: closed.is_none() && actor.may(Permission::TerminateSessions),
                may_read: actor.may(Permission::ReadTranscripts) || session.person == actor.person,
            });
            if list.len() == REQUESTS_MAX {
                break;
            }
        }
        list.sort_by_key(|s| (s.closed_at.is_some(), std::cmp::Reverse(s.opened_at)));
        Ok(list)
    }

    /// A session's transcript, for its person, auditors and administrators; the reading itself is in the audit.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not read it; trouble when it is not what the journal says.
    pub async fn transcript(&self, actor: &Actor, session: SessionId) -> Result<Vec<TranscriptLine>, Fault> {
        let (person, root) = {
            let state = self.state();
            let found = state.sessions.get(&session).ok_or(Fault::NotFound)?;
            (found.person, found.transcript)
        };
        if person != actor.person && !actor.may(Permission::ReadTranscripts) {
            return Err(Fault::NotFound);
        }
        let (records, found) = transcript::read(self, session)?;
        if root.is_some_and(|root| root != found) {
            return Err(Fault::trouble(format!("the transcript of {session} is not the one the journal names")));
        }
        self.note(Note::TranscriptRead { session, by: actor.person }, Vec::new()).await?;
        Ok(records.into_iter().map(line).collect())
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
            let (state, directory) = (self.state(), self.directory());
            for stored in page {
                let entry: Entry = canonical::decode(&stored.bytes).map_err(Fault::trouble)?;
                let said = words::say(&entry.event, &state, &directory);
                if lines.len() < limit && (text.is_empty() || said.sentence.to_lowercase().contains(&text)) {
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

fn sessions_under(state: &State, request: &Request) -> Vec<SessionId> {
    state.sessions.values().filter(|s| Some(s.grant) == request.grant).map(|s| s.id).collect()
}

pub(crate) fn connect_request(state: &State, request: &Request) -> Option<RequestId> {
    match &request.act {
        Act::Connect | Act::Administer(_) => None,
        Act::Run(run) => state.grants.get(&run.grant).map(|g| g.request),
    }
}

/// Whether a request has this status, or its grant is at this stage.
fn stands(state: &State, request: &Request, wanted: &str) -> bool {
    let stage = state.grant_of(request).map(|g| grant_view(g).stage);
    let approved = request.status == Status::Approved;
    status_word(&request.status).eq_ignore_ascii_case(wanted)
        || (approved && stage.is_some_and(|stage| stage.eq_ignore_ascii_case(wanted)))
}

/// The kind of a request, in one word.
fn kind(act: &Act) -> &'static str {
    match act {
        Act::Connect => "connect",
        Act::Run(_) => "query",
        Act::Administer(_) => "change",
    }
}

fn searchable(view: &RequestView) -> String {
    let texts = view.statement.iter().flat_map(|s| s.texts.iter().cloned());
    let texts = texts.chain(view.plan.iter().flat_map(|p| p.steps.iter().map(|s| s.text.clone())));
    let texts = texts.chain(view.change.iter().flat_map(|c| c.changes.iter().cloned()));
    let fixed = [
        view.id.to_string(),
        view.person.handle.clone(),
        view.person.name.clone(),
        view.what.clone(),
        view.reason.clone().unwrap_or_default(),
    ];
    fixed.into_iter().chain(texts).collect::<Vec<_>>().join("\n").to_lowercase()
}

/// What is asked for, without the asker.
pub(crate) fn what(request: &Request) -> String {
    let target = request.target.label();
    match &request.act {
        Act::Administer(_) => "change the configuration".to_owned(),
        Act::Connect => {
            let plan = request.plan.as_ref().map(|p| match p.steps.len() {
                1 => " and run one planned statement".to_owned(),
                many => format!(" and run {many} planned statements"),
            });
            format!("connect to {target} (database {}){}", request.target.database, plan.unwrap_or_default())
        }
        Act::Run(run) => {
            let writes: std::collections::BTreeSet<String> =
                run.facts.relations().map(|u| u.relation.to_string()).collect();
            let on = if writes.is_empty() {
                String::new()
            } else {
                format!(" on {}", writes.into_iter().collect::<Vec<_>>().join(", "))
            };
            format!("run {}{on} in {target}", statements(&run.facts))
        }
    }
}

/// How many statements of which kinds.
fn statements(facts: &ActionFacts) -> String {
    let kinds = words::kinds(facts.kinds());
    match (facts.statements.len(), facts.kinds().len()) {
        (0, _) => kinds,
        (1, 1) => format!("one {kinds}"),
        (1, _) => format!("one statement ({kinds})"),
        (many, _) => format!("{many} statements ({kinds})"),
    }
}

fn line(record: transcript::Record) -> TranscriptLine {
    let texts = |parts: &[UnitPart]| parts.iter().map(text_with_values).collect::<Vec<_>>().join("\n");
    let (text, kind, detail) = match record.what {
        Recorded::Note(note) => (String::new(), "session".to_owned(), note),
        Recorded::Allowed(part) => (text_with_values(&part), "allowed".to_owned(), String::new()),
        Recorded::Held(request, parts) => (texts(&parts), format!("held {request}"), String::new()),
        Recorded::Planned(request, parts) => (texts(&parts), format!("planned {request}"), String::new()),
        Recorded::Released(request) => (String::new(), format!("released {request}"), String::new()),
        Recorded::Refused(parts, why) => (texts(&parts), "refused".to_owned(), why),
        Recorded::Outcome(outcome) => (String::new(), "outcome".to_owned(), outcome),
    };
    TranscriptLine { at: record.at, statement: record.statement, text, kind, detail }
}

fn text_with_values(part: &UnitPart) -> String {
    let mut text = String::from_utf8_lossy(&part.sql).into_owned();
    for (n, value) in (1..).zip(values(part)) {
        text.push_str(&format!("\n  ${n} = {}", in_one_line(&value)));
    }
    text
}

/// A person or contact, for showing; the id stands in for somebody the directory no longer knows.
pub(crate) fn person_view(directory: &Directory, id: PersonId) -> PersonView {
    match (directory.people.get(&id), directory.contacts.get(&id)) {
        (Some(p), _) => PersonView { id, handle: p.handle.clone(), name: p.name.clone() },
        (None, Some(c)) => PersonView { id, handle: c.email.clone(), name: c.name.clone() },
        (None, None) => PersonView { id, handle: id.to_string(), name: id.to_string() },
    }
}

/// A grant, for showing.
pub(crate) fn grant_view(grant: &Grant) -> GrantView {
    let (stage, ended) = match grant.stage {
        GrantStage::ToBeUsed => ("To be used", ""),
        GrantStage::InUse => ("In use", ""),
        GrantStage::Ended(how) => ("Ended", words::grant_end(how)),
    };
    debug_assert!(grant.kind == GrantKind::Connect || stage != "In use", "a one-use grant is never in use for long");
    GrantView { id: grant.id, window: grant.terms.window, stage, ended }
}
