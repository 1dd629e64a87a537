//! The life of one channel of SFTP: both directions at once, so that nobody waits for an answer to ask the next question.

use super::facts::{Home, Operation};
use super::held::{Ended, Together, Waits};
use super::table::{Step, Table};
use super::upload::Upload;
use super::wire::{self, Code, Frames, Overlong};
use crate::enter::{Asked, Client, Gone};
use crate::ssh::command::REFUSED;
use crate::ssh::forward::{Wish, Wished, With, with};
use crate::ssh::session::{Opened, Session};
use crate::ssh::talk::{Hear, Heard, Talk, Tell};
use bytes::{Bytes, BytesMut};
use countersign_control::{Cleared, Gate, Judgement, Recorded};
use countersign_core::digest::UnitPart;
use countersign_target::ssh::{Running, Said, Says, Told};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

/// What a client may send before its session is open.
const AHEAD_BYTES_MAX: usize = 64 << 10;
/// What may wait for a client to take it; the target is read no further until it took some.
const ANSWERS_BYTES_MAX: usize = 4 << 20;
/// What is taken of a client while earlier requests wait for the target; and how much where answers wait for the client. A
/// connection reads and writes by turns: were nothing more read, no answer would be written, and neither side would go on.
/// Some clients ask for a whole file before they take anything, in 45 bytes for each 32 KiB.
const WAITING_BYTES_MAX: usize = 2 << 20;
const BEFORE_ANSWERS_BYTES_MAX: usize = 8 << 20;
/// The version a client must speak at least: whoever speaks a later one speaks ours too.
const VERSION_MIN: u32 = wire::VERSION;

const TARGET_LEFT: &str = "the target takes no more";
const GARBLED: &str = "what the target sends is not SFTP";

/// A channel in which a client asked for SFTP.
pub(in crate::ssh) struct Files {
    session: Arc<Session>,
    front: Front,
    /// What was asked for in it before.
    wished: Wished,
}

/// The client's side.
struct Front {
    talk: Talk,
    frames: Frames,
}

/// What comes from the client.
struct Asking<'f> {
    hear: &'f mut Hear,
    frames: &'f mut Frames,
    /// What came last, while earlier requests waited.
    last: Option<Next>,
}

/// What comes from the target.
struct Answering {
    says: Says,
    frames: Frames,
}

/// What comes next from the client.
enum Next {
    Bytes,
    /// It asks no more, and waits for answers.
    Enough,
    Left,
}

/// What is written to the client.
pub(super) enum Word {
    /// Packets.
    Answers(Bytes),
    /// A line of ours: many clients show none of the words in an answer.
    Words(String),
}

/// What becomes of a packet of the client.
enum Verdict<'p> {
    Go(Cleared<'p>),
    /// It is answered here, now or once somebody decided.
    Here(Option<Vec<u8>>, Option<String>),
    /// It goes to an upload that is not on the target yet.
    Upload(u32, u64),
    End(&'static str),
}

impl Files {
    pub(in crate::ssh) fn new(session: Arc<Session>, talk: Talk, wished: Wished) -> Files {
        Files { session, front: Front { talk, frames: Frames::default() }, wished }
    }

    pub(in crate::ssh) async fn live(self) {
        let Files { session, mut front, wished } = self;
        let (said, status) = match transfer(&session, &mut front, wished).await {
            Ok(()) => (None, 0),
            Err(why) => (Some(why), REFUSED),
        };
        front.talk.end(said.as_deref(), status).await;
    }
}

impl Client for Front {
    async fn ask(&mut self, _: &str) -> Asked {
        Asked::Nobody
    }

    async fn waits(&mut self, words: &str, page: &str) {
        self.talk.waits(words, page).await;
    }

    /// Resolves when the client left, or sends more than anybody does before it is answered. What it sends is kept.
    async fn gone(&mut self) -> Gone {
        let mut asking = Asking { hear: &mut self.talk.hear, frames: &mut self.frames, last: None };
        while asking.frames.bytes() <= AHEAD_BYTES_MAX {
            match asking.next().await {
                Next::Bytes => {}
                Next::Enough | Next::Left => break,
            }
        }
        Gone::Left
    }
}

/// Brings a channel to its end; or says why it had to end.
async fn transfer(session: &Session, front: &mut Front, wished: Wished) -> Result<(), String> {
    let opened = session.opened(front).await?;
    let wishes = wished.settled((session, opened), With::Files, &front.talk.tell).await?;
    let _place = session.place().await;
    if !wishes.is_empty() {
        let mut gate = opened.gate.lock().await;
        for (name, value) in wishes.iter().map(Wish::setting) {
            gate.record(0, Recorded::Note(format!("files with {name}: {value}")));
        }
        gate.hand_over().await.map_err(|fault| fault.to_string())?;
    }
    let begun = opened.target.subsystem("sftp", &with(&wishes)).await;
    let Running { says, told } = begun.map_err(|fault| fault.to_string())?;
    let mut answering = Answering { says, frames: Frames::default() };
    let passed = pass_on(session, opened, front, &told, &mut answering).await;
    // Until the target says that it ended, it keeps its place.
    let ended = async { while !matches!(answering.says.next().await, Ok(Said::Closed) | Err(_)) {} };
    tokio::join!(told.no_more(), ended);
    if opened.is_cut() {
        return Err(opened.gate.lock().await.end_words().await);
    }
    passed
}

async fn pass_on(
    session: &Session,
    opened: &Opened,
    front: &mut Front,
    told: &Told,
    answering: &mut Answering,
) -> Result<(), String> {
    let Talk { hear, tell } = &mut front.talk;
    let mut asking = Asking { hear, frames: &mut front.frames, last: None };
    let greeted = tokio::select! {
        greeted = greet(opened, &mut asking, told, answering) => greeted?,
        () = opened.cut() => None,
    };
    let Some((home, greeting)) = greeted else { return Ok(()) };
    let (waiting, mut to_write) = mpsc::unbounded_channel();
    let (held, to_hold) = mpsc::unbounded_channel();
    let transfer = Transfer {
        session,
        opened,
        told,
        turn: tokio::sync::Mutex::new(()),
        table: Mutex::new(Table::new(home)),
        fewer: Notify::new(),
        more: Notify::new(),
        room: Semaphore::new(ANSWERS_BYTES_MAX),
        waiting,
        uploads: Mutex::default(),
        held,
        awaited: Mutex::default(),
        stage: watch::Sender::new(Stage::Open),
    };
    let mut together = Together::new(&transfer, to_hold);
    transfer.tell(Word::Answers(greeting.into())).await;
    let passed = tokio::select! {
        passed = transfer.ask(&mut asking) => passed,
        passed = transfer.hear(answering) => passed,
        () = transfer.write(&mut to_write, tell) => Ok(()),
        why = together.go_on() => Err(why),
        () = opened.cut() => Ok(()),
    };
    transfer.stage.send_replace(Stage::Over);
    together.end().await;
    transfer.left_open().await;
    passed
}

/// Agrees on the version with both sides, and asks the target where relative paths begin. Nothing if the client left.
async fn greet(
    opened: &Opened,
    asking: &mut Asking<'_>,
    told: &Told,
    answering: &mut Answering,
) -> Result<Option<(Home, Vec<u8>)>, String> {
    let Some(first) = asking.packet().await? else { return Ok(None) };
    if wire::begun(&first).is_none_or(|version| version < VERSION_MIN) {
        return Err("the client does not begin as SFTP of version 3 or later does".to_owned());
    }
    frame(opened, told, &wire::init()).await?;
    let greeting = wire::greeting(&answering.packet().await?).ok_or("the target does not speak SFTP of version 3")?;
    frame(opened, told, &wire::real_path(b".")).await?;
    let home = answering.packet().await?;
    Ok(Some((Home::new(wire::first_name(&home).unwrap_or_default()), greeting)))
}

async fn frame(opened: &Opened, told: &Told, packet: &[u8]) -> Result<(), String> {
    let cleared = Bytes::copy_from_slice(opened.gate.lock().await.framing(packet).bytes());
    if told.input(cleared).await { Ok(()) } else { Err(TARGET_LEFT.to_owned()) }
}

fn overlong(_: Overlong) -> String {
    format!("a packet is empty or longer than {} bytes", wire::PACKET_BYTES_MAX)
}

impl Asking<'_> {
    async fn next(&mut self) -> Next {
        if let Some(last) = self.last.take() {
            return last;
        }
        loop {
            match self.hear.next().await {
                Heard::Typed(bytes) => {
                    self.frames.add(&bytes);
                    return Next::Bytes;
                }
                Heard::NoMore => return Next::Enough,
                Heard::Left => return Next::Left,
                Heard::Resized(_) => {}
            }
        }
    }

    /// The next packet; nothing if the client left before.
    async fn packet(&mut self) -> Result<Option<Bytes>, String> {
        loop {
            if let Some(packet) = self.frames.next().map_err(overlong)? {
                return Ok(Some(packet));
            }
            match self.next().await {
                Next::Bytes => {}
                Next::Enough | Next::Left => return Ok(None),
            }
        }
    }
}

impl Answering {
    /// More bytes, and whether any come.
    async fn next(&mut self) -> Result<bool, String> {
        loop {
            match self.says.next().await.map_err(|fault| fault.to_string())? {
                Said::Out(bytes) => {
                    self.frames.add(&bytes);
                    return Ok(true);
                }
                Said::Closed => return Ok(false),
                Said::Error(_) | Said::Exited(_) | Said::Killed(_) => {}
            }
        }
    }

    async fn packet(&mut self) -> Result<Bytes, String> {
        loop {
            if let Some(packet) = self.frames.next().map_err(|_| GARBLED)? {
                return Ok(packet);
            }
            if !self.next().await.unwrap_or(false) {
                return Err("the target does not speak SFTP".to_owned());
            }
        }
    }
}

/// How far a channel is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    Open,
    /// Its client asks no more, and does not wait for anybody's verdict: the requests stay.
    Leaving,
    Over,
}

/// What both directions share.
pub(super) struct Transfer<'t> {
    session: &'t Session,
    pub(super) opened: &'t Opened,
    told: &'t Told,
    /// Held by whoever sends to the target: two at once would mix their packets.
    turn: tokio::sync::Mutex<()>,
    table: Mutex<Table>,
    /// Told when fewer requests wait for answers.
    pub(super) fewer: Notify,
    /// Told when more answers wait for the client.
    more: Notify,
    /// Bytes that may still wait for the client, and those that do.
    room: Semaphore,
    waiting: mpsc::UnboundedSender<Word>,
    /// What is being uploaded and is not on the target, by its number in the transcript.
    uploads: Mutex<HashMap<u64, Upload>>,
    /// What is to wait for approval.
    held: mpsc::UnboundedSender<Waits>,
    /// Who waits here for the answers to which requests.
    awaited: Mutex<HashMap<u32, mpsc::UnboundedSender<Bytes>>>,
    /// How far the channel is.
    stage: watch::Sender<Stage>,
}

impl Transfer<'_> {
    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("nobody panics with the table")
    }

    pub(super) fn uploads(&self) -> MutexGuard<'_, HashMap<u64, Upload>> {
        self.uploads.lock().expect("nobody panics with the uploads")
    }

    fn awaited(&self) -> MutexGuard<'_, HashMap<u32, mpsc::UnboundedSender<Bytes>>> {
        self.awaited.lock().expect("nobody panics with them")
    }

    /// Has something wait for approval.
    pub(super) fn waits(&self, waits: Waits) {
        // Nobody takes it any more only where the channel is at its end.
        let _ = self.held.send(waits);
    }

    /// What will be answered to a request.
    pub(super) fn awaits(&self, id: u32) -> mpsc::UnboundedReceiver<Bytes> {
        let (answered, answers) = mpsc::unbounded_channel();
        self.awaited().insert(id, answered);
        self.table().await_answer(id);
        answers
    }

    /// The number of a request of our own, and who waits for its answer.
    pub(super) fn own_id(&self, answered: &mpsc::UnboundedSender<Bytes>) -> u32 {
        let id = self.table().own();
        self.awaited().insert(id, answered.clone());
        id
    }

    pub(super) fn is_over(&self) -> bool {
        *self.stage.borrow() == Stage::Over
    }

    /// Resolves when the channel is so far.
    pub(super) async fn reaches(&self, stage: Stage) {
        let mut now = self.stage.subscribe();
        // The sender is ours.
        let _ = now.wait_for(|now| *now >= stage).await;
    }

    /// Sends packets to the target, unless the session is cut; waits while it takes no more.
    pub(super) async fn send(&self, packets: Bytes) -> Result<(), Ended> {
        let _turn = self.turn.lock().await;
        if self.opened.is_cut() {
            return Err(Ended::Over);
        }
        if self.told.input(packets).await { Ok(()) } else { Err(Ended::Trouble(TARGET_LEFT.to_owned())) }
    }

    /// From the client to the target, until the client leaves.
    async fn ask(&self, asking: &mut Asking<'_>) -> Result<(), String> {
        loop {
            let places = self.meanwhile(asking, self.places()).await;
            let mut batch = Vec::new();
            let mut over = None;
            while batch.len() < places && over.is_none() {
                match asking.frames.next() {
                    Ok(Some(packet)) => batch.push(packet),
                    Ok(None) => break,
                    Err(fault) => over = Some(overlong(fault)),
                }
            }
            if !batch.is_empty() {
                self.meanwhile(asking, self.pass(&batch)).await?;
            }
            match over {
                Some(why) => return Err(why),
                None if !batch.is_empty() => continue,
                None => {}
            }
            match asking.next().await {
                Next::Bytes => {}
                Next::Enough => {
                    self.stage.send_replace(Stage::Leaving);
                    // The target ends when it is told, and what was approved is still being done there.
                    tokio::select! {
                        () = self.none_waits() => self.told.no_more().await,
                        _ = asking.next() => return Ok(()),
                    }
                }
                Next::Left => return Ok(()),
            }
        }
    }

    /// Takes what the client sends while something waits, as far as there is room for it.
    async fn meanwhile<T>(&self, asking: &mut Asking<'_>, waits: impl Future<Output = T>) -> T {
        let mut waits = std::pin::pin!(waits);
        loop {
            let answers_wait = self.room.available_permits() < ANSWERS_BYTES_MAX;
            let most = if answers_wait { BEFORE_ANSWERS_BYTES_MAX } else { WAITING_BYTES_MAX };
            let takes = asking.last.is_none() && asking.frames.bytes() < most;
            tokio::select! {
                biased;
                done = &mut waits => return done,
                next = asking.next(), if takes => match next {
                    Next::Bytes => {}
                    last => asking.last = Some(last),
                },
                () = self.more.notified(), if !takes => {}
            }
        }
    }

    /// Waits until nothing waits for approval, or is being done since it was approved.
    async fn none_waits(&self) {
        loop {
            let fewer = self.fewer.notified();
            if !self.table().pursues() {
                return;
            }
            fewer.await;
        }
    }

    /// How many requests may be sent on their way; waits until it is one.
    async fn places(&self) -> usize {
        loop {
            let fewer = self.fewer.notified();
            let places = self.table().places();
            if places > 0 {
                return places;
            }
            fewer.await;
        }
    }

    /// Judges packets that came together, and sends on what may go once the transcript has it.
    async fn pass(&self, batch: &[Bytes]) -> Result<(), String> {
        let mut gate = self.opened.gate.lock().await;
        let (mut go, mut here, mut said, mut end) = (BytesMut::new(), Vec::new(), Vec::new(), None);
        let mut uploads = Vec::new();
        for packet in batch {
            match self.judged(&mut gate, packet).await? {
                Verdict::Go(cleared) => go.extend_from_slice(cleared.bytes()),
                Verdict::Here(answer, words) => {
                    here.extend(answer.unwrap_or_default());
                    said.extend(words);
                }
                Verdict::Upload(id, number) => uploads.push((id, number, packet)),
                Verdict::End(why) => {
                    end = Some(why);
                    break;
                }
            }
        }
        gate.hand_over().await.map_err(|fault| fault.to_string())?;
        // The target may take its time, and its answers need the gate.
        drop(gate);
        for (id, number, packet) in uploads {
            let (answer, words) = self.upload(id, number, packet).await;
            here.extend(answer.unwrap_or_default());
            said.extend(words);
        }
        for words in said {
            self.tell(Word::Words(words)).await;
        }
        self.tell(Word::Answers(here.into())).await;
        if !go.is_empty() && self.send(go.freeze()).await.is_err() {
            return Err(TARGET_LEFT.to_owned());
        }
        end.map_or(Ok(()), |why| Err(why.to_owned()))
    }

    async fn judged<'p>(&self, gate: &mut Gate, packet: &'p Bytes) -> Result<Verdict<'p>, String> {
        let step = self.table().asked(packet);
        let (id, operation, opens) = match step {
            Step::Pass => return Ok(Verdict::Go(gate.framing(packet))),
            Step::Upload { id, number } => return Ok(Verdict::Upload(id, number)),
            Step::Refuse { id, code, why } => return Ok(Verdict::Here(Some(wire::status(id, code, why)), None)),
            Step::End(why) => return Ok(Verdict::End(why)),
            Step::Judge { id, operation, opens } => (id, operation, opens),
        };
        let (number, part) = (self.session.number(), UnitPart::alone(operation.text.as_bytes()));
        let why = match gate.judge(&operation.facts) {
            Judgement::Pass(pass) => {
                self.table().begun(id, &operation, opens, number);
                return Ok(Verdict::Go(gate.clear(pass, number, Recorded::Allowed(part), packet)));
            }
            Judgement::Refuse(why) => {
                gate.tried(number);
                why
            }
            Judgement::Hold => match self.hold(gate, (id, number), (&operation, opens), packet) {
                Ok(answer) => return Ok(Verdict::Here(answer, None)),
                Err(why) => why,
            },
        };
        let why = explained(&operation, why);
        gate.refused(number, vec![part], &why).await.map_err(|fault| fault.to_string())?;
        let said = format!("{}: {why}", operation.text);
        Ok(Verdict::Here(Some(wire::status(id, Code::PermissionDenied, &why)), Some(said)))
    }

    /// From the target to the client, until the target ends.
    async fn hear(&self, answering: &mut Answering) -> Result<(), String> {
        while answering.next().await? {
            let (mut answers, mut outcomes) = (BytesMut::new(), Vec::new());
            while let Some(packet) = answering.frames.next().map_err(|_| GARBLED)? {
                let (ours, outcome) = self.table().answered(&packet).map_err(|_| GARBLED)?;
                outcomes.extend(outcome);
                match ours {
                    None => answers.extend_from_slice(&packet),
                    // Nobody waits any more only where the channel is at its end.
                    Some(id) => drop(self.awaited().remove(&id).map(|who| who.send(packet))),
                }
            }
            self.fewer.notify_one();
            self.note(outcomes).await?;
            self.tell(Word::Answers(answers.freeze())).await;
        }
        // All that was said is to be written before the end is.
        let most = u32::try_from(ANSWERS_BYTES_MAX).expect("so many permits there are");
        let _all = self.room.acquire_many(most).await.expect("never closed");
        Ok(())
    }

    async fn note(&self, outcomes: Vec<(u64, String)>) -> Result<(), String> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let mut gate = self.opened.gate.lock().await;
        for (number, outcome) in outcomes {
            gate.record(number, Recorded::Outcome(outcome));
        }
        gate.hand_over().await.map_err(|fault| fault.to_string())
    }

    async fn left_open(&self) {
        let left = self.table().left_open();
        if let Err(fault) = self.note(left).await {
            tracing::error!("what became of files could not be noted: {fault}");
        }
    }

    /// Has something written to the client in its turn: two that write at once would mix their packets.
    pub(super) async fn tell(&self, word: Word) {
        self.room.acquire_many(word.room()).await.expect("never closed").forget();
        // Nobody writes any more only where the channel is at its end.
        let _ = self.waiting.send(word);
        self.more.notify_one();
    }

    /// Writes what waits for the client, until it takes no more.
    async fn write(&self, to_write: &mut mpsc::UnboundedReceiver<Word>, tell: &Tell) {
        while let Some(word) = to_write.recv().await {
            let room = word.room();
            match word {
                Word::Answers(bytes) => {
                    if !tell.bytes(bytes).await {
                        return;
                    }
                }
                Word::Words(words) => tell.say(&words).await,
            }
            self.room.add_permits(room as usize);
        }
    }
}

impl Word {
    /// How much of the room it takes.
    fn room(&self) -> u32 {
        let bytes = match self {
            Word::Answers(bytes) => bytes.len(),
            Word::Words(words) => words.len(),
        };
        u32::try_from(bytes.min(ANSWERS_BYTES_MAX)).expect("so many permits there are")
    }
}

/// Why the rules say no, and what to do where it is only because of how it was written.
fn explained(operation: &Operation, why: String) -> String {
    if operation.climbs() { format!("{why}; behind `..` may be anything: write the path without it") } else { why }
}
