//! Builds views from published state, the directory and decrypted texts, for one actor.

use super::eye::Eye;
use super::levels::narrowed;
use super::values::values;
use super::*;
use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::gate::Unit;
use crate::store::kind;
use crate::words;
use countersign_core::refusal::status_word;
use countersign_core::{Case, Directory, Grant, GrantKind, GrantStage, Request, Roster, State, Status};
use countersign_journal::{Act, ActionFacts, Commitment, Language, Run, Watch};

impl Control {
    /// One request, whole.
    ///
    /// # Errors
    /// `NotFound` when there is none or the actor may not see it; trouble.
    pub async fn request(&self, actor: &Actor, id: RequestId) -> Result<RequestView, Fault> {
        let case = self.seen(actor, id).await?;
        self.build(actor, case).await
    }

    /// How many requests the actor can decide now.
    #[must_use]
    pub fn waiting_for(&self, actor: &Actor) -> usize {
        let (state, directory) = (self.state(), self.directory());
        let eye = self.eye(&state, &directory, actor);
        state.waiting().filter(|r| eye.position(r).is_some()).count()
    }

    /// What the actor sees of a state.
    pub(super) fn eye<'a>(&self, state: &'a State, directory: &'a Roster, actor: &'a Actor) -> Eye<'a> {
        Eye { state, directory, now: self.now(), actor }
    }

    pub(super) async fn build(&self, actor: &Actor, case: Case) -> Result<RequestView, Fault> {
        let directory = self.directory();
        let connect = self.connect_of(&case.request).await?;
        let Case { request, grant, sessions } = case;
        let (statement, change) = match &request.act {
            Act::Connect => (None, None),
            Act::Run(run) => (Some(self.statement(run, connect.as_ref().map(|r| r.id), grant.as_ref()).await?), None),
            Act::Administer(change) => (None, Some(self.change_view(change, &request.status, grant.as_ref()).await?)),
            Act::Watch(_) => (None, None),
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
            what: change.as_ref().map_or_else(|| what(&request), |c| words::changed(&c.changes)),
            account: request.target.account,
            target: request.target.label(),
            database: request.target.database.clone(),
            reason: self.reason(&request, connect.as_ref()).await?,
            made_at: request.at,
            window: grant.as_ref().map_or(request.terms.window, |g| g.terms.window),
            narrowed: narrowed(&directory, &request),
            status: status_word(&request.status),
            settled_at: request.settled_at,
            expired: (request.status == Status::Expired).then(|| words::expiry(&request.expiry)),
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
            watch: watch_view(&directory, &request),
            plan: self.plan_view(&request, grant.as_ref()).await?,
            change,
            digest: request.digest,
            comments,
            position,
            may,
            sessions: sessions.iter().map(|s| s.id).collect(),
        })
    }

    /// Why: a statement is asked for under the reason of the connection it was held in.
    pub(crate) async fn reason(&self, request: &Request, connect: Option<&Request>) -> Result<Option<String>, Fault> {
        match request.reason.or(connect.and_then(|r| r.reason)) {
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
        let unit: Unit = self.decoded(&run.text).await?.unwrap_or_default();
        let outcome = match grant.map(|g| (g.used_in, &g.outcome)) {
            Some((Some(_), Some(outcome))) => words::run_outcome(outcome),
            Some((Some(_), None)) => "running".to_owned(),
            _ => String::new(),
        };
        Ok(StatementView {
            language: run.facts.language,
            texts: unit.texts(),
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
    pub(crate) async fn refusal_words(&self, request: &Request) -> String {
        let said = match request.comments.last() {
            Some((person, comment)) => {
                let comment = self.shown(comment).await.unwrap_or_default();
                format!(": {} wrote: {comment}", words::name(&self.directory(), *person))
            }
            None if request.status == Status::Expired => format!(": {}", words::expiry(&request.expiry)),
            None => String::new(),
        };
        format!("request {} is {}{said}", request.id, status_word(&request.status))
    }
}

/// What is asked for, without the asker.
pub(crate) fn what(request: &Request) -> String {
    let target = request.target.label();
    match &request.act {
        Act::Administer(_) => "change the configuration".to_owned(),
        Act::Watch(watch) if watch.typed => {
            format!("see everything that was typed in {} on {target}, passwords included", watch.session)
        }
        Act::Watch(watch) => format!("watch {} on {target}", watch.session),
        Act::Connect => {
            let plan = request.plan.as_ref().map(|p| match p.steps.len() {
                1 => " and run one planned statement".to_owned(),
                many => format!(" and run {many} planned statements"),
            });
            let database = match request.target.database.as_str() {
                "" => String::new(),
                name => format!(" (database {name})"),
            };
            format!("connect to {target}{database}{}", plan.unwrap_or_default())
        }
        Act::Run(run) if run.facts.language == Language::Shell => words::command(&run.facts, &target),
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

fn watch_view(directory: &Directory, request: &Request) -> Option<WatchView> {
    match &request.act {
        Act::Watch(Watch { session, whose, typed }) => {
            Some(WatchView { session: *session, whose: person_view(directory, *whose), typed: *typed })
        }
        Act::Connect | Act::Run(_) | Act::Administer(_) => None,
    }
}

/// How many statements of which kinds.
fn statements(facts: &ActionFacts) -> String {
    let kinds = words::kinds(facts);
    match (facts.statements.len(), facts.kinds().len()) {
        (0, _) => kinds,
        (1, 1) => format!("one {kinds}"),
        (1, _) => format!("one statement ({kinds})"),
        (many, _) => format!("{many} statements ({kinds})"),
    }
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
    let once = matches!(grant.kind, GrantKind::Once { .. } | GrantKind::Change { .. });
    debug_assert!(!once || stage != "In use", "a one-use grant is never in use for long");
    GrantView { id: grant.id, window: grant.terms.window, stage, ended }
}
