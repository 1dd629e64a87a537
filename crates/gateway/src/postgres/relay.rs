//! One session: messages from the client are judged one by one and sent on; the target's stream is scanned and
//! forwarded. What may simply go takes no other way than this file; what must wait goes through `hold`.

use super::backend::{Backend, Broken, Happened};
use super::cancel::Registered;
use super::catalogue::{Answers, Names, changes_meaning, only_transaction, with_doubts};
use super::message::{self, Bind, Frontend, Malformed};
use super::modes;
use super::overtaken::Found;
use super::pipeline::{CopyIn, Expect, For, Pipeline, Resets, Statement};
use super::unit::{Memory, may_hold};
use super::wires::{Wire, Wires};
use bytes::{Bytes, BytesMut};
use countersign_control::{Cleared, Cut, Fault, Gate, Judgement, Pass, Recorded, TargetLogin};
use countersign_core::digest::UnitPart;
use countersign_journal::facts::StatementFacts;
use countersign_journal::{ActionFacts, SessionEnd, StatementKind};
use countersign_target::postgres::{BackendKey, Connected, cancel};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Why a statement cannot even be held.
pub(super) const MISREAD: &str =
    "this statement was prepared while the server may have read text otherwise; prepare it again";
/// Portals whose statement number is remembered.
const PORTALS_MAX: usize = 1_000;

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    ClientLeft,
    TargetLeft,
    Cut(SessionEnd),
    /// The client is told this and disconnected: SQLSTATE and words.
    Fatal(&'static str, String),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> End {
        End::Fatal("58000", fault.to_string())
    }
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> End {
        End::Fatal("08P01", malformed.to_string())
    }
}

impl From<Broken> for End {
    fn from(broken: Broken) -> End {
        End::Fatal("08P01", broken.to_string())
    }
}

/// What came of one turn.
pub(super) enum Turn {
    Moved,
    CancelAsked,
}

/// One session.
pub(super) struct Relay {
    pub(super) wires: Wires,
    pub(super) pipeline: Pipeline,
    pub(super) backend: Backend,
    pub(super) memory: Memory,
    pub(super) gate: Gate,
    /// Cleared bytes that wait for the transcript.
    pub(super) staged: BytesMut,
    /// Everything the client sends up to the next Sync is dropped, as the target would.
    pub(super) skipping: bool,
    pub(super) number: u64,
    portals: HashMap<Vec<u8>, Portal>,
    /// Something that changes meaning was sent since the last Sync; an error takes it back without a word.
    pub(super) unsettled: bool,
    /// Counts what was sent that changes meaning.
    changes: u64,
    /// Counts Syncs and queries: what was sent between two of them fails or stands together.
    batch: u64,
    /// Whether a rule spoke of statements when this message was taken.
    pub(super) restricted: bool,
    /// By which generation of the rules messages are taken, and whether a transaction may be open that was begun under an
    /// earlier one.
    pub(super) generation: u64,
    pub(super) overtaken: bool,
    /// Cursors by name, each with the rules under which it was declared; and what declares one, until the target says so.
    cursors: HashMap<String, u64>,
    declaring: HashMap<u64, (String, u64)>,
    unread: Arc<ActionFacts>,
    cut: Cut,
    cancel: Registered,
    pub(super) login: TargetLogin,
    pub(super) key: BackendKey,
}

/// A Flush: the target sends what it has.
pub(super) const FLUSH: &[u8] = b"H\0\0\0\x04";

/// What is known of a portal whose Bind was sent, and of the moment it was.
#[derive(Clone)]
struct Portal {
    number: u64,
    facts: Arc<ActionFacts>,
    may_copy: bool,
    moment: Moment,
    batch: u64,
    /// Whether its text was read: a rule spoke of it then.
    read: bool,
}

/// What a judgement rests on: the rules, and everything that was sent that may change what names mean.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moment {
    generation: u64,
    changes: u64,
}

/// What a client that must wait may send ahead, in bytes, before it is no longer read.
pub(super) const AHEAD_BYTES_MAX: usize = 1 << 20;
/// The number of the first type that is not the server's own (PostgreSQL source, `FirstNormalObjectId`).
pub(super) const FIRST_OWN_TYPE: u32 = 16_384;
/// What stands for the facts of a text that nobody needs to understand. Should somebody need to after all, it is opaque.
const UNREAD: &str = "the text came before a rule spoke of it, and was not read";

impl Relay {
    pub(super) fn new(
        client: tokio_rustls::server::TlsStream<TcpStream>,
        target: Connected,
        gate: Gate,
        cancel: Registered,
        login: TargetLogin,
    ) -> Relay {
        let mut pipeline = Pipeline::new(b'I');
        let mut reports = &target.parameter_status[..];
        while let Ok(Some(length)) = message::whole_length(reports) {
            let Some((report, rest)) = reports.split_at_checked(length) else { break };
            pipeline.reports(&report[message::HEADER..]);
            reports = rest;
        }
        Relay {
            cut: gate.cut(),
            wires: Wires { client: Wire::new(client, BytesMut::new()), target: Wire::new(target.stream, target.rest) },
            pipeline,
            backend: Backend::default(),
            memory: Memory::default(),
            staged: BytesMut::new(),
            skipping: false,
            number: 0,
            portals: HashMap::new(),
            unsettled: false,
            changes: 0,
            batch: 0,
            restricted: true,
            generation: 0,
            overtaken: false,
            cursors: HashMap::new(),
            declaring: HashMap::new(),
            unread: Arc::new(ActionFacts::opaque(UNREAD)),
            cancel,
            login,
            key: target.key,
            gate,
        }
    }

    /// Serves the session to its end.
    pub(super) async fn run(mut self) {
        let end = loop {
            if let Err(end) = self.step().await {
                break end;
            }
        };
        self.finish(end).await;
    }

    async fn step(&mut self) -> Result<(), End> {
        self.take_client().await?;
        self.hand_over().await?;
        // The client is listened to even while it must wait, so that its leaving is noticed.
        let listens = self.may_take() || self.wires.client.input.len() < AHEAD_BYTES_MAX;
        match self.turn(listens).await? {
            Turn::Moved => self.take_target().await,
            Turn::CancelAsked => self.cancel_running().await,
        }
    }

    /// Moves bytes until something was read, the client asked to cancel, or the session is cut.
    pub(super) async fn turn(&mut self, read_client: bool) -> Result<Turn, End> {
        tokio::select! {
            biased;
            why = self.cut.wait_for(Option::is_some) => {
                Err(End::Cut(why.ok().and_then(|w| *w).unwrap_or(SessionEnd::ServerStopped)))
            }
            () = self.cancel.asked.notified() => Ok(Turn::CancelAsked),
            moved = self.wires.turn(read_client) => moved.map(|()| Turn::Moved),
        }
    }

    /// What was cleared goes out once the transcript has it.
    pub(super) async fn hand_over(&mut self) -> Result<(), End> {
        self.gate.hand_over().await?;
        let staged = self.staged.split();
        if self.wires.target.output.is_empty() {
            self.wires.target.output = staged;
        } else {
            self.wires.target.output.extend_from_slice(&staged);
        }
        Ok(())
    }

    pub(super) fn stage(&mut self, cleared: &Cleared<'_>) {
        self.staged.extend_from_slice(cleared.bytes());
    }

    /// Sends something that executes nothing.
    pub(super) fn frame(&mut self, bytes: &[u8]) {
        let cleared = self.gate.framing(bytes);
        self.staged.extend_from_slice(cleared.bytes());
    }

    /// Scans what the target sent and writes down what became of statements.
    pub(super) async fn take_target(&mut self) -> Result<(), End> {
        let Wires { client, target } = &mut self.wires;
        self.backend.scan(&mut target.input, &mut client.output, &mut self.pipeline)?;
        for happened in std::mem::take(&mut self.backend.happened) {
            match happened {
                Happened::Finished(number, tag) => {
                    let declared = self.declaring.remove(&number).filter(|_| tag == "DECLARE CURSOR");
                    self.cursors.extend(declared);
                    self.gate.record(number, Recorded::Outcome(tag));
                }
                Happened::Failed(number, code, words) => {
                    self.memory.forget_meanings();
                    self.gate.record(number, Recorded::Outcome(format!("error {code}: {words}")));
                }
                Happened::ReleaseEnded(release, outcome) => self.gate.ran(release, outcome).await?,
                Happened::TakenBack(release) => self.gate.taken_back(release),
            }
        }
        if std::mem::take(&mut self.backend.errored) {
            // Which Binds the target skipped is not known: their portals may be what they were before.
            self.memory.forget_meanings();
            let failed = self.batch.saturating_sub(self.pipeline.batches_owed());
            self.portals.retain(|_, portal| portal.batch > failed);
        }
        Ok(())
    }

    /// The next whole message the client sent, if one is there.
    pub(super) fn next_message(&mut self) -> Result<Option<Bytes>, End> {
        let input = &mut self.wires.client.input;
        match message::whole_length(input)? {
            Some(length) if input.len() >= length => Ok(Some(input.split_to(length).freeze())),
            Some(length) => {
                input.reserve(length - input.len());
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Whether the next message may be looked at. One batch is on its way at a time: what waits here is judged by the
    /// rules of the moment it is sent, and a cut leaves nothing behind that the target would still begin.
    fn may_take(&self) -> bool {
        !self.pipeline.is_full() && (!self.pipeline.owes_batch() || self.pipeline.copy_in != CopyIn::No)
    }

    async fn take_client(&mut self) -> Result<(), End> {
        while self.may_take() {
            let Some(bytes) = self.next_message()? else { break };
            self.take(bytes).await?;
        }
        Ok(())
    }

    async fn take(&mut self, bytes: Bytes) -> Result<(), End> {
        self.notice_rules();
        let read = message::frontend(&bytes)?;
        if matches!(read, Frontend::Terminate) {
            return Err(End::ClientLeft);
        }
        if self.skipping && read != Frontend::Sync {
            return Ok(());
        }
        let copying = self.pipeline.copy_in != CopyIn::No;
        let copies = matches!(read, Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail);
        if copies && !copying {
            return Ok(()); // of a COPY that is over: the target ignores it too
        }
        if self.overtaken && !copying {
            let parts = if let Frontend::Query(sql) = read { vec![UnitPart::alone(sql)] } else { Vec::new() };
            if self.fail_overtaken(Found::by(&read), parts).await? {
                return Ok(());
            }
        }
        match read {
            Frontend::CopyData | Frontend::CopyDone | Frontend::CopyFail => self.copies(&read, &bytes),
            // The target ignores both while it takes COPY data.
            Frontend::Sync | Frontend::Flush if copying => {}
            Frontend::Sync => {
                self.skipping = false;
                self.batch_ends();
                self.expect_and_frame(Expect::Sync, &bytes);
            }
            Frontend::Flush => self.frame(&bytes),
            _ if copying => return Err(Malformed::Unexpected(char::from(bytes[0])).into()),
            Frontend::Query(sql) => self.query(&bytes, sql).await?,
            Frontend::Bind(bind) => self.bind(&bytes, &bind).await?,
            Frontend::Parse { name, sql, types } => {
                if self.pipeline.must_confirm() {
                    self.quiesce().await?;
                }
                if self.pipeline.holds_too_much() {
                    return self.refuse_more_statements(&bytes, sql).await;
                }
                if self.may_run_when_parsed(sql) && !self.slow_parse(&bytes, sql, &types).await? {
                    return Ok(());
                }
                let statement = self.pipeline.parsed(sql, &types);
                self.expect_and_frame(Expect::Parse(name.to_vec(), statement), &bytes);
            }
            Frontend::DescribeStatement(name) => {
                let goes = match self.may_run_when_described(name) {
                    None => true,
                    Some(Statement::Known(sql, types)) => self.slow_parse(&bytes, &sql, &types).await?,
                    Some(_) => self.refuse_unseen(&bytes).await?,
                };
                if !goes {
                    return Ok(());
                }
                self.expect_and_frame(Expect::Describe, &bytes);
            }
            Frontend::DescribePortal => self.expect_and_frame(Expect::Describe, &bytes),
            Frontend::CloseStatement(name) => self.expect_and_frame(Expect::CloseStatement(name.to_vec()), &bytes),
            Frontend::ClosePortal(portal) => {
                self.portals.remove(portal);
                self.expect_and_frame(Expect::ClosePortal, &bytes);
            }
            Frontend::Execute { portal, .. } if self.may_execute_now(portal) => self.send_execute(&bytes, portal),
            Frontend::Execute { portal, .. } => self.slow_execute(&bytes, portal).await?,
            Frontend::Terminate => {}
        }
        Ok(())
    }

    /// Data of a COPY, or its end. One that was begun under other rules takes no more.
    fn copies(&mut self, read: &Frontend<'_>, bytes: &[u8]) {
        if self.overtaken && *read != Frontend::CopyFail {
            return self.fail_copy();
        }
        if *read != Frontend::CopyData {
            self.pipeline.copy_ends();
        }
        self.frame(bytes);
        if *read != Frontend::CopyData {
            self.frame(FLUSH); // what became of it is awaited before any Sync
        }
    }

    /// A Sync or a simple query ends an implicit transaction: what was set in it only is taken back.
    pub(super) fn batch_ends(&mut self) {
        self.batch += 1;
        if std::mem::take(&mut self.unsettled) {
            self.memory.forget_meanings();
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { generation: self.gate.generation(), changes: self.changes }
    }

    /// Whether a portal may be executed without another look: its Bind was sent in the same batch, so that it stands or
    /// the target skips both, and nothing its judgement rests on has changed since.
    fn may_execute_now(&mut self, portal: &[u8]) -> bool {
        let now = self.moment();
        let same = |p: &Portal| p.read && p.batch == self.batch && p.moment == now;
        !self.restricted || self.portals.get(portal).is_some_and(same)
    }

    /// Whether a portal may still be executed; the target owes nothing, so that what is known of it is so. The target
    /// looks up a query's names when it is bound, but a command's, and the triggers of a change, only when it is executed.
    pub(super) fn may_still_execute(&mut self, portal: &[u8]) -> bool {
        let now = self.moment();
        let reads = |p: &Portal| p.facts.kinds().iter().all(|k| *k == StatementKind::Select);
        let fixed = |p: &Portal| p.facts.unknown.is_empty() && reads(p);
        let still =
            |p: &Portal| (p.read && p.moment == now) || (p.read && p.moment.generation == now.generation && fixed(p));
        self.portals.get(portal).is_some_and(still)
    }

    pub(super) fn send_execute(&mut self, bytes: &[u8], portal: &[u8]) {
        let (number, may_copy) = self.executes(portal);
        self.expect_and_frame(Expect::Execute(number), bytes);
        if may_copy {
            self.pipeline.expect_copy();
            self.frame(FLUSH);
        }
    }

    /// A portal is executed: only now does what it changes change. Returns its number and whether it may take COPY data.
    pub(super) fn executes(&mut self, portal: &[u8]) -> (u64, bool) {
        match self.portals.get(portal).cloned() {
            Some(Portal { number, facts, may_copy, .. }) => {
                self.note_changes(&facts);
                self.declares(number, &facts);
                (number, may_copy)
            }
            None => {
                self.note_changes(&ActionFacts::opaque("a portal whose Bind was not seen"));
                (0, true)
            }
        }
    }

    fn expect_and_frame(&mut self, what: Expect, bytes: &[u8]) {
        self.pipeline.expect(what, For::Client);
        self.frame(bytes);
    }

    async fn query(&mut self, bytes: &Bytes, sql: &[u8]) -> Result<(), End> {
        self.number += 1;
        let facts = self.facts(sql);
        match self.judged(&facts, sql) {
            Some(Judgement::Pass(pass)) => {
                self.send_query(pass, &facts, bytes, sql);
                Ok(())
            }
            _ => self.slow_query(bytes, sql).await,
        }
    }

    pub(super) fn send_query(&mut self, pass: Pass, facts: &ActionFacts, bytes: &[u8], sql: &[u8]) {
        self.note_changes(facts);
        self.declares(self.number, facts);
        self.batch_ends();
        self.pipeline.expect(Expect::Query(self.number), For::Client);
        if may_hold(sql, b"copy") {
            self.pipeline.expect_copy();
        }
        let cleared = self.gate.clear(pass, self.number, Recorded::Allowed(UnitPart::alone(sql)), bytes);
        self.staged.extend_from_slice(cleared.bytes());
    }

    async fn bind(&mut self, bytes: &Bytes, bind: &Bind<'_>) -> Result<(), End> {
        self.number += 1;
        // Every text the name may stand for must be one that may go.
        let mut passed = None;
        for statement in self.pipeline.meaning(bind.statement) {
            let (facts, part) = self.bound(&statement, bind);
            match self.judged(&facts, &part.sql) {
                Some(Judgement::Pass(pass)) => passed = Some((pass, facts, part)),
                _ => return self.slow_bind(bytes).await,
            }
        }
        match passed {
            Some((pass, facts, part)) => {
                self.send_bind(pass, &facts, part, bytes, bind.portal);
                Ok(())
            }
            None => self.slow_bind(bytes).await,
        }
    }

    pub(super) fn send_bind(&mut self, pass: Pass, facts: &ActionFacts, part: UnitPart, bytes: &[u8], portal: &[u8]) {
        self.note_changes(facts);
        self.name_portal(portal, facts, &part);
        self.pipeline.expect(Expect::Bind, For::Client);
        let cleared = self.gate.clear(pass, self.number, Recorded::Allowed(part), bytes);
        self.staged.extend_from_slice(cleared.bytes());
    }

    pub(super) fn name_portal(&mut self, portal: &[u8], facts: &ActionFacts, part: &UnitPart) {
        if self.portals.len() >= PORTALS_MAX {
            self.portals.clear();
        }
        let may_copy = part.sql.is_empty() || may_hold(&part.sql, b"copy");
        let moment = Moment { generation: self.gate.judged_generation(), changes: self.changes };
        let (batch, read) = (self.batch, self.restricted);
        let known = Portal { number: self.number, facts: Arc::new(facts.clone()), may_copy, moment, batch, read };
        self.portals.insert(portal.to_vec(), known);
    }

    /// What a bind would run: its facts and its exact text and values.
    pub(super) fn bound(&mut self, statement: &Statement, bind: &Bind<'_>) -> (Arc<ActionFacts>, UnitPart) {
        match statement {
            Statement::Known(sql, types) => {
                let mut facts = self.facts(sql);
                if let Some(own) = types.iter().find(|t| **t >= FIRST_OWN_TYPE) {
                    let why = format!("binds a value of type number {own}, which is none of the server's own");
                    Arc::make_mut(&mut facts).unknown.insert(why);
                }
                (facts, bind.part(sql, types))
            }
            Statement::Opaque => {
                let name = String::from_utf8_lossy(bind.statement).into_owned();
                let why = format!("runs the prepared statement `{name}`, whose text was not seen");
                let mut facts = ActionFacts::opaque(why);
                let kinds = [StatementKind::Execute].into();
                facts.statements.push(StatementFacts { kinds, prepared: [name].into(), ..StatementFacts::default() });
                (Arc::new(facts), bind.part(b"", &[]))
            }
            Statement::Misread => (Arc::new(ActionFacts::opaque(MISREAD)), bind.part(b"", &[])),
        }
    }

    pub(super) fn facts(&mut self, sql: &[u8]) -> Arc<ActionFacts> {
        if self.restricted { self.memory.facts(sql) } else { self.unread.clone() }
    }

    /// What the rules say, if everything the text names is known; nothing when the session must be asked first.
    pub(super) fn judged(&mut self, facts: &ActionFacts, sql: &[u8]) -> Option<Judgement> {
        if !self.restricted {
            return self.gate.judge_unread();
        }
        if only_transaction(facts, sql) || (facts.unknown.is_empty() && modes::only(sql)) {
            return Some(self.gate.judge(facts));
        }
        let names = Names::of(facts);
        let answers = self.known_meaning(&names)?;
        Some(self.gate.judge(&with_doubts(answers.refine(facts, &names))))
    }

    /// What names mean, if that is known and the target reads text as we do.
    pub(super) fn known_meaning(&self, names: &Names) -> Option<Arc<Answers>> {
        self.memory.meaning(names).filter(|_| self.pipeline.reads_as_we_do())
    }

    /// What is sent now may change what comes later means.
    pub(super) fn note_changes(&mut self, facts: &ActionFacts) {
        if !self.restricted {
            return; // once a rule speaks, everything before it is forgotten
        }
        if changes_meaning(facts) {
            self.unsettled = true;
            self.changes += 1;
            self.memory.forget_meanings();
        }
        let kinds = facts.kinds();
        let prepares = [StatementKind::Prepare, StatementKind::Deallocate, StatementKind::Other];
        if !facts.unknown.is_empty() || prepares.iter().any(|k| kinds.contains(k)) {
            self.pipeline.forget_statements();
        }
        if !facts.unknown.is_empty() {
            self.pipeline.reading_may_change(Resets::Anything);
        } else if kinds.contains(&StatementKind::Set) || kinds.contains(&StatementKind::Transaction) {
            self.pipeline.reading_may_change(Resets::ToEarlier);
        }
    }

    /// A statement that is sent may declare a cursor, under the rules it was judged by. That it did is known by its tag only.
    pub(super) fn declares(&mut self, number: u64, facts: &ActionFacts) {
        let [statement] = facts.statements.as_slice() else { return };
        let named = statement.cursors.first().filter(|_| statement.kinds.contains(&StatementKind::Declare));
        let Some(name) = named.filter(|_| self.restricted) else { return };
        if self.cursors.len() + self.declaring.len() >= PORTALS_MAX {
            (self.cursors, self.declaring) = (HashMap::new(), HashMap::new());
        }
        self.declaring.insert(number, (name.clone(), self.gate.judged_generation()));
    }

    /// Whether a unit moves, or stands on, a cursor that was not declared under these rules: its query was read by other
    /// settings, or not at all.
    pub(super) fn moves_unseen_cursor(&mut self, facts: &ActionFacts) -> bool {
        let now = self.gate.generation();
        let declares = |s: &StatementFacts| s.kinds.contains(&StatementKind::Declare);
        let mut moved = facts.statements.iter().filter(|s| !declares(s)).flat_map(|s| &s.cursors);
        moved.any(|name| self.cursors.get(name) != Some(&now))
    }

    /// Cancels what runs now. Nothing is sent to the target until it took the request, so that a late signal cannot
    /// hit a later statement.
    pub(super) async fn cancel_running(&mut self) -> Result<(), End> {
        if !self.pipeline.is_idle()
            && let Err(fault) = cancel(&self.login.device, self.key).await
        {
            tracing::warn!("a cancel did not reach the target: {fault}");
        }
        Ok(())
    }
}
