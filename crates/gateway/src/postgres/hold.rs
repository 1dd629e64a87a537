//! The slow path: the session is asked what names mean, the unit is judged, and held until there is a verdict.
//!
//! It begins by waiting until the target owes nothing, so that its state is known, and from there goes step by step. What
//! was approved goes on in `release`.

use super::catalogue::{Answers, Depth, Names, only_transaction, with_doubts};
use super::lock::{Lock, shares_transaction};
use super::message::{self, Frontend, Malformed, Severity, put, report};
use super::pipeline::{Expect, For, Statement};
use super::plan::Now;
use super::prepared::Anew;
use super::relay::{AHEAD_BYTES_MAX, End, FLUSH, MISREAD, Relay, Turn};
use super::unit::may_hold;
use bytes::{Bytes, BytesMut};
use countersign_control::clock::monotonic;
use countersign_control::{Hold, Judgement, Permit, Settled};
use countersign_core::digest::UnitPart;
use countersign_journal::{ActionFacts, StatementKind};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::{Duration, Instant};

/// How often a waiting client is told that it waits.
const NOTICE_EVERY: Duration = Duration::from_secs(30);
/// Largest unit of the extended protocol that is held, in bytes.
const UNIT_BYTES_MAX: usize = 16 << 20;
/// Most messages in one.
const UNIT_MESSAGES_MAX: usize = 10_000;
/// A statement no target accepts: it makes an open transaction fail where a refusal must.
const NO_STATEMENT: &str = "COUNTERSIGN REFUSED";

/// A unit waiting to be judged.
pub(super) struct Waiting {
    /// What would be sent.
    pub(super) messages: Vec<Bytes>,
    pub(super) parts: Vec<UnitPart>,
    pub(super) facts: ActionFacts,
    pub(super) simple: bool,
}

/// What comes before our questions, in their transaction, and whether that goes on behind them.
#[derive(Default)]
pub(super) struct Before<'r> {
    pub(super) locks: &'r [Lock],
    /// Prepared statements that are to be parsed again.
    pub(super) anew: &'r [Anew],
    pub(super) goes_on: bool,
}

/// A no, for the client.
pub(super) struct No {
    pub(super) code: &'static str,
    pub(super) words: String,
    pub(super) hint: String,
}

impl No {
    pub(super) fn privilege(words: impl Into<String>) -> No {
        No { code: "42501", words: words.into(), hint: String::new() }
    }

    pub(super) fn overtaken() -> No {
        let words =
            "the rules on statements changed while this transaction was open; it is rolled back, begin it again";
        No { code: "40001", words: words.to_owned(), hint: String::new() }
    }

    /// Our question failed. When the client cancelled meanwhile, or its time was over, the target's words say so.
    fn unasked(why: &str) -> No {
        if let Some(words) = why.strip_suffix(" (57014)") {
            return No { code: "57014", words: words.to_owned(), hint: String::new() };
        }
        No::privilege(format!("the session could not be asked what this statement means: {why}"))
    }
}

impl Relay {
    /// A simple query that cannot go at once.
    pub(super) async fn slow_query(&mut self, bytes: &Bytes, sql: &[u8]) -> Result<(), End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            return Ok(()); // the target skips it
        }
        let facts = self.facts(sql);
        let waiting = Waiting {
            messages: vec![bytes.clone()],
            parts: vec![UnitPart::alone(sql)],
            facts: with_doubts((*facts).clone()),
            simple: true,
        };
        self.decide(waiting, sql).await
    }

    /// A Bind that cannot go at once. What its statement means is certain once the target owes nothing.
    pub(super) async fn slow_bind(&mut self, bytes: &Bytes) -> Result<(), End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            self.skipping = true; // as the target does
            return Ok(());
        }
        let Frontend::Bind(bind) = message::frontend(bytes)? else { return Err(Malformed::Body('B').into()) };
        let statement = self.pipeline.meaning(bind.statement).into_iter().next().unwrap_or(Statement::Opaque);
        let (facts, part) = self.bound(&statement, &bind);
        let sql = part.sql.clone();
        if statement == Statement::Misread {
            let waiting =
                Waiting { messages: vec![bytes.clone()], parts: vec![part], facts: (*facts).clone(), simple: false };
            return self.refuse(waiting, No::privilege(MISREAD)).await;
        }
        let one = Waiting { messages: vec![bytes.clone()], parts: vec![part], facts: (*facts).clone(), simple: false };
        self.decide(one, &sql).await
    }

    /// An Execute of a portal that was not bound just before: what is known of it is so once the target owes nothing.
    pub(super) async fn slow_execute(&mut self, bytes: &Bytes, portal: &[u8]) -> Result<(), End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            self.skipping = true; // as the target does
            return Ok(());
        }
        if self.may_still_execute(portal) {
            self.send_execute(bytes, portal);
            return Ok(());
        }
        let (parts, facts) = (Vec::new(), ActionFacts::default());
        let waiting = Waiting { messages: vec![bytes.clone()], parts, facts, simple: false };
        let words =
            "what this portal would do may have changed since it was bound; bind it again and execute it at once";
        self.refuse(waiting, No::privilege(words)).await
    }

    /// Asks the session, judges, and goes on accordingly.
    async fn decide(&mut self, mut waiting: Waiting, sql: &[u8]) -> Result<(), End> {
        if self.pipeline.transaction == b'E' && !only_transaction(&waiting.facts, sql) {
            let no = No {
                code: "25P02",
                words: "current transaction is aborted, commands ignored until end of transaction block".into(),
                hint: String::new(),
            };
            return self.refuse(waiting, no).await;
        }
        let mut asked = self.meaning_of(&waiting.facts).await?;
        if let Some(texts) = cursor_texts(&asked) {
            self.read_cursors(&mut waiting, texts);
            asked = self.meaning_of(&waiting.facts).await?;
        }
        let answers = match asked {
            Ok(answers) => answers,
            Err(why) => {
                return self.refuse(waiting, No::unasked(&why)).await;
            }
        };
        let refined = with_doubts(answers.refine(&waiting.facts, &Names::of(&waiting.facts)));
        if self.was_overtaken(&waiting).await? {
            return Ok(());
        }
        match self.gate.judge(&refined) {
            Judgement::Pass(pass) if waiting.simple => {
                self.send_query(pass, &waiting.facts, &waiting.messages[0], sql);
                Ok(())
            }
            Judgement::Pass(pass) => {
                let Frontend::Bind(bind) = message::frontend(&waiting.messages[0])? else { return Ok(()) };
                let part = waiting.parts.remove(0);
                self.send_bind(pass, &waiting.facts, part, &waiting.messages[0], bind.portal);
                Ok(())
            }
            Judgement::Refuse(why) => {
                self.gate.tried(self.number);
                self.refuse(waiting, No::privilege(why)).await
            }
            Judgement::Hold if waiting.simple => self.hold(waiting).await,
            Judgement::Hold => match self.collect(waiting).await? {
                Ok(mut unit) => {
                    let asked = self.meaning_of(&unit.facts).await?;
                    if let Some(texts) = cursor_texts(&asked).filter(|_| unit.parts.len() > 1) {
                        self.read_cursors(&mut unit, texts);
                    }
                    // It may be more than what was judged.
                    if let Judgement::Refuse(why) = self.gate.judge(&unit.facts) {
                        self.gate.tried(self.number);
                        return self.refuse(unit, No::privilege(why)).await;
                    }
                    self.hold(unit).await
                }
                Err((unit, no)) => self.refuse(unit, no).await,
            },
        }
    }

    /// Moving a cursor runs its query: what that is counts too.
    fn read_cursors(&mut self, waiting: &mut Waiting, texts: Vec<String>) {
        let mut own = std::mem::take(&mut waiting.facts);
        let unseen = self.moves_unseen_cursor(&own);
        let read = texts.iter().map(|text| (*self.facts(text.as_bytes())).clone());
        if unseen {
            own.unknown.insert("moves a cursor that was not declared under these rules".to_owned());
        }
        waiting.facts = ActionFacts::joined(read.chain([own]));
    }

    /// Waits until the target owes nothing. What comes next is judged by the rules of that moment.
    pub(super) async fn quiesce(&mut self) -> Result<(), End> {
        if !self.pipeline.is_idle() {
            self.frame(FLUSH);
        }
        self.hand_over().await?;
        self.drain().await?;
        self.notice_rules();
        Ok(())
    }

    pub(super) async fn drain(&mut self) -> Result<(), End> {
        while !self.pipeline.is_idle() {
            match self.turn(false).await? {
                Turn::Moved => self.take_target().await?,
                // What runs is cancelled; when it is a question of ours, the statement it was for is refused.
                Turn::CancelAsked => self.cancel_running().await?,
            }
        }
        Ok(())
    }

    /// What the unit's names mean now, asked in the session itself.
    pub(super) async fn meaning_of(&mut self, facts: &ActionFacts) -> Result<Result<Arc<Answers>, String>, End> {
        let names = Names::of(facts);
        if let Some(known) = self.known_meaning(&names) {
            return Ok(Ok(known));
        }
        let asked = self.ask(&names, Depth::Meaning, &Before::default()).await?;
        if let Ok(answers) = &asked {
            self.memory.remember(names, answers.clone());
        }
        Ok(asked)
    }

    /// Puts our questions to the target. Where a Sync of ours would end the client's portals, or the transaction that is
    /// to go on, a Flush is used.
    async fn ask(
        &mut self,
        names: &Names,
        depth: Depth,
        before: &Before<'_>,
    ) -> Result<Result<Arc<Answers>, String>, End> {
        let mut out = BytesMut::new();
        before.locks.iter().for_each(|lock| lock.write(&mut self.pipeline, &mut out));
        before.anew.iter().for_each(|statement| statement.write(&mut self.pipeline, &mut out));
        for question in names.questions(depth) {
            question.write(&mut out);
            let name = question.name().as_bytes().to_vec();
            let close = || Expect::CloseStatement(name.clone());
            let made = [close(), Expect::Parse(name.clone(), Statement::Opaque), Expect::Bind, Expect::Execute(0)];
            for what in made.into_iter().chain([Expect::ClosePortal, close()]) {
                self.pipeline.expect(what, For::Us);
            }
        }
        if self.sync_is_ours() && !before.goes_on {
            put(b'S', &[], &mut out);
            self.pipeline.expect(Expect::Sync, For::Us);
        } else {
            put(b'H', &[], &mut out);
        }
        self.backend.ask_anew();
        self.frame(&out);
        self.hand_over().await?;
        self.drain().await?;
        if let Some(why) = self.backend.our_failure.take() {
            return Ok(Err(why));
        }
        let answers = Answers::read(&self.backend.our_rows);
        Ok(answers.map(Arc::new).ok_or_else(|| "the answer was not understood".to_owned()))
    }

    pub(super) fn sync_is_ours(&self) -> bool {
        !self.pipeline.has_executed()
    }

    /// Gathers the rest of an extended unit, up to Sync or Flush.
    async fn collect(&mut self, first: Waiting) -> Result<Result<Waiting, (Waiting, No)>, End> {
        let mut unit = first;
        let mut size = unit.messages[0].len();
        let mut local: HashMap<Vec<u8>, Statement> = HashMap::new();
        // The portal bound last: only it may be executed, and it must be before anything else is sent.
        let mut bound = match message::frontend(&unit.messages[0])? {
            Frontend::Bind(bind) => bind.portal.to_vec(),
            _ => return Err(Malformed::Body('B').into()),
        };
        loop {
            let Some(bytes) = self.peek_message().await? else { continue };
            let read = message::frontend(&bytes)?;
            if !in_order(&read, &unit, &bound, &local) {
                let no =
                    No::privilege("needs approval, and is not sent as statements each executed right after its Bind");
                return Ok(Err((unit, no)));
            }
            if self.runs_unseen(&read, &local) {
                let no =
                    No::privilege("needs approval, together with one that may already run code when it is prepared");
                return Ok(Err((unit, no)));
            }
            match &read {
                Frontend::Sync | Frontend::Flush => return Ok(Ok(unit)),
                Frontend::Terminate => return Err(End::ClientLeft),
                Frontend::Query(_) | Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail => {
                    return Err(Malformed::Unexpected(char::from(bytes[0])).into());
                }
                Frontend::Parse { name, sql, types } => {
                    local.insert(name.to_vec(), self.pipeline.parsed(sql, types));
                }
                Frontend::CloseStatement(name) => {
                    local.insert(name.to_vec(), Statement::Opaque);
                }
                Frontend::Bind(bind) => {
                    let known = local.get(bind.statement).cloned();
                    let meant = || self.pipeline.meaning(bind.statement).into_iter().next();
                    let statement = known.or_else(meant).unwrap_or(Statement::Opaque);
                    let (facts, part) = self.bound(&statement, bind);
                    if statement == Statement::Misread {
                        return Ok(Err((unit, No::privilege(MISREAD))));
                    }
                    bound = bind.portal.to_vec();
                    unit.parts.push(part);
                    unit.facts = ActionFacts::joined([std::mem::take(&mut unit.facts), (*facts).clone()]);
                }
                Frontend::Execute { rows, .. } => {
                    if let Some(part) = unit.parts.last_mut() {
                        part.row_limits.push(*rows);
                    }
                }
                Frontend::DescribeStatement(_) | Frontend::DescribePortal | Frontend::ClosePortal(_) => {}
            }
            size += bytes.len();
            self.wires.client.input = self.wires.client.input.split_off(bytes.len());
            unit.messages.push(bytes);
            if size > UNIT_BYTES_MAX || unit.messages.len() > UNIT_MESSAGES_MAX {
                let no = No::privilege(
                    "needs approval, and is too large to be held as one unit; send fewer statements before Sync",
                );
                return Ok(Err((unit, no)));
            }
        }
    }

    /// Whether a message between the statements of a held unit may run code that is none of theirs.
    fn runs_unseen(&mut self, read: &Frontend<'_>, local: &HashMap<Vec<u8>, Statement>) -> bool {
        match read {
            Frontend::Parse { sql, .. } => self.may_run_when_parsed(sql),
            Frontend::DescribeStatement(name) => {
                !local.contains_key(*name) && self.may_run_when_described(name).is_some()
            }
            _ => false,
        }
    }

    /// The next whole message, left in the buffer; nothing when more had to be read first.
    async fn peek_message(&mut self) -> Result<Option<Bytes>, End> {
        let input = &self.wires.client.input;
        match message::whole_length(input)? {
            Some(length) if input.len() >= length => Ok(Some(Bytes::copy_from_slice(&input[..length]))),
            _ => {
                if let Turn::Moved = self.turn(true).await? {
                    self.take_target().await?;
                }
                Ok(None)
            }
        }
    }

    /// Why nobody can be asked to approve a unit as it was sent, if so.
    fn never_held(&mut self, waiting: &Waiting) -> Option<&'static str> {
        let unread = !waiting.facts.unknown.is_empty() && waiting.parts.iter().any(|p| may_hold(&p.sql, b"copy"));
        if waiting.facts.kinds().contains(&StatementKind::CopyIn) || (unread && waiting.facts.statements.is_empty()) {
            return Some("COPY FROM STDIN needs approval here, and its data cannot be shown beforehand; use INSERT");
        }
        if waiting.simple && self.facts(&waiting.parts[0].sql).statements.len() > 1 {
            return Some(
                "needs approval together with others in one text, where an earlier one may change what a later one means; \
                 send them one by one",
            );
        }
        (waiting.parts.len() > 1 && !shares_transaction(&waiting.facts)).then_some(
            "needs approval together with others up to one Sync, where an earlier one may change what a later one means; \
             send a Sync behind each",
        )
    }

    /// Holds a unit until it is approved, refused, withdrawn, or somebody leaves.
    async fn hold(&mut self, waiting: Waiting) -> Result<(), End> {
        if let Some(words) = self.never_held(&waiting) {
            return self.refuse(waiting, No::privilege(words)).await;
        }
        let now = match self.unit_now(&waiting, &Before::default()).await? {
            Ok(found) => found,
            Err(no) => return self.refuse(waiting, no).await,
        };
        let uncovered = match self.planned(&now) {
            Some(Ok(permit)) => return self.release(waiting, permit, &now.locks).await,
            Some(Err(why)) => format!(" ({why})"),
            None => String::new(),
        };
        let hold = match self.gate.hold(self.number, &now.unit, now.facts).await {
            Ok(hold) => hold,
            Err(countersign_control::Fault::Refused(why)) => {
                return self.refuse(waiting, No::privilege(why.to_string())).await;
            }
            Err(fault) => return Err(fault.into()),
        };
        match self.await_verdict(hold, &uncovered).await? {
            Ok(permit) => self.release(waiting, permit, &now.locks).await,
            Err(no) => self.refuse(waiting, no).await,
        }
    }

    /// The unit with settings and objects as they are at this moment.
    pub(super) async fn unit_now(&mut self, waiting: &Waiting, before: &Before<'_>) -> Result<Result<Now, No>, End> {
        let names = Names::of(&waiting.facts);
        let answers = match self.ask(&names, Depth::Everything, before).await? {
            Ok(answers) => answers,
            Err(why) => {
                return Ok(Err(No::unasked(&why)));
            }
        };
        let facts = with_doubts(answers.refine(&waiting.facts, &names));
        let unit = Now::unit(&waiting.parts, &answers);
        let unusual = answers.unusual(&self.login.login);
        Ok(Ok(Now { unit, facts, locks: answers.locks.clone(), unusual }))
    }

    async fn await_verdict(&mut self, mut hold: Hold, uncovered: &str) -> Result<Result<Permit, No>, End> {
        let in_transaction = self.pipeline.transaction == b'T' || !self.sync_is_ours();
        let longest = Duration::from_secs(self.gate.transaction_hold_max_s());
        let deadline = in_transaction.then(|| monotonic() + longest);
        let mut beat = tokio::time::interval(NOTICE_EVERY);
        loop {
            if said_goodbye(&self.wires.client.input) {
                return Err(End::ClientLeft);
            }
            if self.wires.client.input.len() >= AHEAD_BYTES_MAX {
                let words = format!("too much was sent behind a statement that waits; request {} stays", hold.request);
                return Ok(Err(No { hint: hold.address.clone(), ..No::privilege(words) }));
            }
            tokio::select! {
                biased;
                settled = hold.settled() => {
                    return Ok(match settled {
                        Settled::Approved(permit) => Ok(permit),
                        Settled::Refused(why) => Err(No { hint: hold.address.clone(), ..No::privilege(why) }),
                    });
                }
                turn = self.turn(true) => match turn? {
                    Turn::Moved => self.take_target().await?,
                    Turn::CancelAsked => {
                        let words = format!("canceling statement due to user request; request {} withdrawn", hold.request);
                        // When it was settled this very moment, the cancel still wins: nothing was sent.
                        let _ = hold.withdraw().await;
                        return Ok(Err(No { code: "57014", words, hint: String::new() }));
                    }
                },
                _ = beat.tick() => self.notice(&hold, uncovered),
                () = until(deadline) => {
                    let words = format!(
                        "request {} was not decided within {} s, the longest a statement may wait inside an open transaction; \
                         the request stays, send the same statement again once it is approved",
                        hold.request, longest.as_secs()
                    );
                    return Ok(Err(No { hint: hold.address.clone(), ..No::privilege(words) }));
                }
            }
        }
    }

    fn notice(&mut self, hold: &Hold, uncovered: &str) {
        let who = if hold.deciders.is_empty() { "nobody".to_owned() } else { hold.deciders.join(", ") };
        let words = format!("held for approval: request {}, {who} can decide{uncovered}", hold.request);
        report(Severity::Notice, "00000", &words, &hold.address, &mut self.wires.client.output);
    }

    /// Tells the client no. Client and target end up in the same transaction state: where a transaction is open, the
    /// target's is made to fail too.
    pub(super) async fn refuse(&mut self, waiting: Waiting, no: No) -> Result<(), End> {
        self.gate.refused(self.number, waiting.parts, &no.words).await?;
        let mut error = BytesMut::new();
        report(Severity::Error, no.code, &no.words, &no.hint, &mut error);
        let open = self.pipeline.transaction == b'T' || self.pipeline.has_executed();
        match (waiting.simple, open) {
            (true, false) => {
                let output = &mut self.wires.client.output;
                output.extend_from_slice(&error);
                put(b'Z', &[self.pipeline.transaction], output);
            }
            (true, true) => {
                self.fail_target(error, b'Q', &[NO_STATEMENT.as_bytes(), b"\0"].concat(), Expect::Query(0));
            }
            (false, _) if self.pipeline.has_failed() => {
                self.wires.client.output.extend_from_slice(&error);
                self.skipping = true;
            }
            (false, _) => {
                self.refuse_parse_with(error);
                self.skipping = true;
            }
        }
        Ok(())
    }

    /// Makes an extended batch fail, and with it the transaction it is in.
    pub(super) fn refuse_parse_with(&mut self, error: BytesMut) {
        let name = b"_countersign_refusal";
        let body = [&name[..], b"\0", NO_STATEMENT.as_bytes(), b"\0\0\0"].concat();
        self.fail_target(error, b'P', &body, Expect::Parse(name.to_vec(), Statement::Opaque));
    }

    fn fail_target(&mut self, error: BytesMut, tag: u8, body: &[u8], what: Expect) {
        self.backend.refusal = Some(error);
        self.pipeline.expect(what, For::Refusal);
        let mut out = BytesMut::new();
        put(tag, body, &mut out);
        self.frame(&out);
    }
}

/// Whether the client, behind the end of what waits, only said that it leaves.
fn said_goodbye(input: &[u8]) -> bool {
    let end_of_unit = [b"S\0\0\0\x04", b"H\0\0\0\x04"].into_iter().find_map(|end| input.strip_prefix(&end[..]));
    end_of_unit.unwrap_or(input).first() == Some(&b'X')
}

/// The queries behind cursors a unit moves, when there are any.
fn cursor_texts(asked: &Result<Arc<Answers>, String>) -> Option<Vec<String>> {
    asked.as_ref().ok().map(|a| a.cursors.clone()).filter(|texts| !texts.is_empty())
}

/// Whether a message may come next in a held unit: each statement is executed right after its Bind, so that what is
/// approved is what runs, in that order; and a unit that runs a statement by its name brings no such name itself.
fn in_order(read: &Frontend<'_>, unit: &Waiting, bound: &[u8], local: &HashMap<Vec<u8>, Statement>) -> bool {
    let executed = unit.parts.last().is_some_and(|p| !p.row_limits.is_empty());
    let by_name = unit.facts.statements.iter().any(|s| !s.prepared.is_empty()) || !unit.facts.unknown.is_empty();
    let renames = local.keys().any(|name| !name.is_empty());
    match read {
        Frontend::Execute { portal, .. } => *portal == bound,
        Frontend::DescribeStatement(_) | Frontend::DescribePortal | Frontend::Terminate => true,
        Frontend::Sync | Frontend::Flush => executed && !(by_name && renames),
        _ => executed,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
