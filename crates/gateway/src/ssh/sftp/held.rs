//! What waits for approval in one channel of SFTP, and how what was approved is done. Other operations go on meanwhile.

use super::errand::Errand;
use super::facts::{self, Operation, words};
use super::serve::{Stage, Transfer, Word};
use super::table::{Kind, SAME_NUMBER, failed};
use super::upload::{self, Upload, Whole};
use super::wire::{self, Answer, Asks, Code};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use countersign_control::{Contents, Fault, Gate, Judgement, Pass, Permit, Recorded, Release, Settled, Unit};
use countersign_core::digest::UnitPart;
use countersign_journal::{ActionFacts, RunOutcome};
use data_encoding::HEXLOWER;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::{MutexGuard, mpsc};

const TOO_MANY: &str = "too much waits for approval in this channel; send less at a time";
const BY_ITS_PATH: &str =
    "somebody would have to approve this: set it by its path, or while the file is opened for that";
const NOT_THERE: &str = "nothing of this is on the target before it is approved";
const CHANGED: &str = "the rules were changed meanwhile; send it again";

/// Something that is to wait.
pub(super) enum Waits {
    /// A request as it came.
    Operation { id: u32, number: u64, operation: Operation, opens: Option<Kind>, packet: Bytes },
    /// The closing of an upload.
    Upload { id: u32, upload: Box<Upload> },
}

/// What people are asked.
struct Question<'w> {
    number: u64,
    operation: &'w Operation,
    unit: &'w Unit,
    facts: &'w ActionFacts,
    /// What is to be read before the right is used up.
    contents: Option<&'w Contents>,
}

/// How something that waited ended before it was done.
pub(super) enum Ended {
    /// Nothing was sent; the sentence says why.
    No(String),
    /// The channel must end, and why.
    Trouble(String),
    /// The channel is at its end.
    Over,
}

/// The right to do something. The gate is locked with it, so that nothing comes between the right and the transcript's having it.
pub(super) struct Right<'t> {
    pub(super) gate: MutexGuard<'t, Gate>,
    pub(super) pass: Pass,
    pub(super) recorded: Recorded,
    release: Option<Release>,
}

/// All that waits in a channel, each brought on whenever it may go on.
pub(super) struct Together<'t> {
    transfer: &'t Transfer<'t>,
    to_come: mpsc::UnboundedReceiver<Waits>,
    all: Vec<Pursued<'t>>,
}

/// One of them, or why the channel must end.
type Pursued<'t> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 't>>;

impl<'t> Together<'t> {
    pub(super) fn new(transfer: &'t Transfer<'t>, to_come: mpsc::UnboundedReceiver<Waits>) -> Together<'t> {
        Together { transfer, to_come, all: Vec::new() }
    }

    /// Goes on until one of them says why the channel must end.
    pub(super) async fn go_on(&mut self) -> String {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The channel is at its end: what was not sent is not sent any more, and what was is reported on.
    pub(super) async fn end(&mut self) {
        self.to_come.close();
        poll_fn(|cx| {
            // It ends already, whatever they say.
            let _ = self.poll(cx);
            if self.all.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        while let Poll::Ready(Some(waits)) = self.to_come.poll_recv(cx) {
            self.all.push(Box::pin(self.transfer.pursue(waits)));
        }
        let mut fault = None;
        self.all.retain_mut(|one| match one.as_mut().poll(cx) {
            Poll::Pending => true,
            Poll::Ready(done) => {
                fault = fault.take().or(done.err());
                false
            }
        });
        fault.map_or(Poll::Pending, Poll::Ready)
    }
}

/// What is asked for: in words, and the request as it came, byte for byte but for its number.
pub(super) fn unit(operation: &Operation, packet: &[u8]) -> Unit {
    let (name, asked) = wire::asked(packet);
    let mut text = operation.text.clone();
    if let Ok(request) = wire::request(packet) {
        text.push_str(&further(&request.asks, &name));
        let written = paths(&request.asks).into_iter().map(String::from_utf8_lossy);
        let elsewhere: Vec<String> =
            written.filter(|path| !operation.names(path)).map(|path| format!("{path:?}")).collect();
        if !elsewhere.is_empty() {
            text.push_str(&format!("\nwritten as {}", elsewhere.join(" ")));
        }
    }
    let sum = HEXLOWER.encode(digest(&SHA256, &asked).as_ref());
    let settings = [("request", name), ("packet", format!("SHA-256 {sum}"))];
    let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
    Unit { parts: vec![UnitPart::alone(text.as_bytes())], settings, objects: Vec::new() }
}

/// What else decides what is done.
fn further(asks: &Asks<'_>, name: &str) -> String {
    match asks {
        Asks::Open { flags, attributes, .. } => {
            format!("\nopened to {}{}", wire::flags::words(*flags), words(attributes))
        }
        Asks::MakeFolder { attributes, .. } => words(attributes),
        Asks::Rename { .. } | Asks::HardLink { .. } | Asks::SymbolicLink { .. } | Asks::Set { .. } => {
            format!("\nby {name}")
        }
        _ => String::new(),
    }
}

fn paths<'p>(asks: &Asks<'p>) -> Vec<&'p [u8]> {
    match *asks {
        Asks::Open { path, .. }
        | Asks::OpenFolder { path }
        | Asks::Set { path, .. }
        | Asks::Remove { path }
        | Asks::MakeFolder { path, .. }
        | Asks::RemoveFolder { path }
        | Asks::Stat { path }
        | Asks::Expand { path } => vec![path],
        Asks::Rename { from, to } | Asks::HardLink { from, to } => vec![from, to],
        Asks::SymbolicLink { one, other } => vec![one, other],
        _ => Vec::new(),
    }
}

impl<'t> Transfer<'t> {
    /// Has an operation wait; what its client is answered at once.
    ///
    /// # Errors
    /// Why it cannot wait.
    pub(super) fn hold(
        &self,
        gate: &Gate,
        (id, number): (u32, u64),
        (operation, opens): (&Operation, Option<Kind>),
        packet: &Bytes,
    ) -> Result<Option<Vec<u8>>, String> {
        match wire::request(packet).map(|request| request.asks) {
            Ok(Asks::Open { flags, .. }) if facts::writes(flags) => {
                upload::may_wait(flags)?;
                let spool = gate.spool().map_err(|fault| fault.to_string())?;
                let handle = self.table().spool(operation, number).ok_or(TOO_MANY)?;
                // A packet of its own: a part would keep all that came with it.
                let packet = Bytes::copy_from_slice(packet);
                self.uploads().insert(number, Upload::new(number, operation.clone(), packet, spool));
                Ok(Some(wire::handle(id, &handle)))
            }
            Ok(Asks::SetOpen { .. }) => Err(BY_ITS_PATH.to_owned()),
            _ if !self.table().hold(id, operation, number) => Err(TOO_MANY.to_owned()),
            _ => {
                let (operation, packet) = (operation.clone(), Bytes::copy_from_slice(packet));
                self.waits(Waits::Operation { id, number, operation, opens, packet });
                Ok(None)
            }
        }
    }

    /// What is asked of an upload that is not on the target yet; its answer, unless that waits, and a line for its client.
    pub(super) async fn upload(&self, id: u32, number: u64, packet: &[u8]) -> (Option<Vec<u8>>, Option<String>) {
        let no = |code, why: &str| (Some(wire::status(id, code, why)), None);
        let upload = self.uploads().remove(&number);
        let (Some(mut upload), Ok(request)) = (upload, wire::request(packet)) else {
            return no(Code::Failure, "no such handle is open");
        };
        let told = match request.asks {
            Asks::Close { .. } if !self.table().close_upload(id, number) => no(Code::BadMessage, SAME_NUMBER),
            Asks::Close { .. } => {
                self.waits(Waits::Upload { id, upload: Box::new(upload) });
                return (None, None);
            }
            Asks::Write { offset, data, .. } => {
                // One line is enough for all that is sent behind it.
                let was_whole = upload.is_whole();
                match upload.write(offset, data).await {
                    Ok(()) => no(Code::Ok, ""),
                    Err(why) => {
                        let said = was_whole.then(|| format!("{}: {why}", upload.wanted.operation.text));
                        (Some(wire::status(id, Code::Failure, &why)), said)
                    }
                }
            }
            Asks::State { .. } => (Some(wire::state(id, &upload.state())), None),
            Asks::SetOpen { attributes, .. } => {
                let operation = facts::set(&upload.wanted.operation.path, &attributes);
                let mut gate = self.opened.gate.lock().await;
                match gate.judge(&operation.facts) {
                    Judgement::Refuse(why) => {
                        gate.tried(upload.wanted.number);
                        let said = format!("{}: {why}", operation.text);
                        (Some(wire::status(id, Code::PermissionDenied, &why)), Some(said))
                    }
                    Judgement::Pass(_) | Judgement::Hold => match upload.set(attributes, operation.facts) {
                        Ok(()) => no(Code::Ok, ""),
                        Err(why) => no(Code::Failure, why),
                    },
                }
            }
            Asks::Look { .. } => no(Code::Unsupported, NOT_THERE),
            _ => no(Code::PermissionDenied, "it was not opened for this"),
        };
        self.uploads().insert(number, upload);
        told
    }

    /// Brings something that waits to its end; or says why the channel must end.
    async fn pursue(&self, waits: Waits) -> Result<(), String> {
        let (id, number, text, done) = match waits {
            Waits::Operation { id, number, operation, opens, packet } => {
                let done = self.operation((id, number), &operation, opens, &packet).await;
                (id, number, operation.text, done)
            }
            Waits::Upload { id, upload } => {
                let (number, text) = (upload.wanted.number, upload.wanted.operation.text.clone());
                (id, number, text, self.closing(id, *upload).await)
            }
        };
        self.table().let_go(id, number);
        match done {
            Ok(answer) => self.answer(answer).await,
            Err(Ended::No(why)) => {
                self.say(format!("{text}: {why}")).await;
                self.answer(wire::status(id, Code::PermissionDenied, &why).into()).await;
            }
            Err(Ended::Trouble(why)) => return Err(why),
            Err(Ended::Over) => {}
        }
        self.fewer.notify_one();
        Ok(())
    }

    /// A request that is sent as it came once it may be; what is answered.
    async fn operation(
        &self,
        (id, number): (u32, u64),
        operation: &Operation,
        opens: Option<Kind>,
        packet: &Bytes,
    ) -> Result<Bytes, Ended> {
        let unit = unit(operation, packet);
        let wanted = Question { number, operation, unit: &unit, facts: &operation.facts, contents: None };
        let Right { mut gate, pass, recorded, release } = self.right(&wanted).await?;
        let cleared = Bytes::copy_from_slice(gate.clear(pass, number, recorded, packet).bytes());
        let mut answers = self.awaits(id);
        self.table().begun(id, operation, opens, number);
        let handed_over = gate.hand_over().await;
        drop(gate);
        let sent = async {
            handed_over.map_err(|fault| Ended::Trouble(fault.to_string()))?;
            self.send(cleared).await?;
            answers.recv().await.ok_or(Ended::Over)
        };
        let answered = self.unless_over(sent).await;
        let outcome = match answered.as_deref().map(wire::answer) {
            Ok(Some((_, Answer::Status(code)))) if code != 0 => RunOutcome::Failed { code: failed(code) },
            Ok(Some(_)) => RunOutcome::Exited { status: 0 },
            Ok(None) | Err(_) => RunOutcome::Unknown,
        };
        // What failed the table says.
        let said = matches!(outcome, RunOutcome::Exited { .. }).then(|| "done".to_owned());
        self.ran(number, release, outcome, said).await;
        answered
    }

    /// The closing of an upload, which is sent whole once it may be; what is answered.
    async fn closing(&self, id: u32, upload: Upload) -> Result<Bytes, Ended> {
        let (number, text) = (upload.wanted.number, UnitPart::alone(upload.wanted.operation.text.as_bytes()));
        let whole = match upload.whole().await {
            Ok(whole) => whole,
            Err(why) => {
                let noted = self.opened.gate.lock().await.refused(number, vec![text], &why).await;
                return Err(noted.map_or_else(trouble, |()| Ended::No(why)));
            }
        };
        let (unit, Whole { wanted, contents }) = (whole.unit(), &whole);
        let (operation, facts) = (&wanted.operation, &wanted.facts);
        let right = self.right(&Question { number, operation, unit: &unit, facts, contents: Some(contents) }).await?;
        let release = right.release;
        let mut errand = Errand::new(self);
        let sent = self.unless_over(errand.run(&whole, right)).await;
        let (outcome, said) = match (&sent, errand.failed) {
            (Ok(()), None) => (RunOutcome::Exited { status: 0 }, format!("wrote {}", upload::sum(contents))),
            (Ok(()), Some(code)) => (RunOutcome::Failed { code: failed(code) }, failed(code)),
            (Err(_), _) => (RunOutcome::Unknown, format!("cut off; {} bytes were sent", errand.bytes)),
        };
        self.ran(number, release, outcome, Some(said)).await;
        sent?;
        let answer = match errand.failed {
            None => wire::status(id, Code::Ok, ""),
            Some(code) => wire::status_of(id, code, &failed(code)),
        };
        Ok(answer.into())
    }

    /// The right to do what is wanted, once somebody approved it.
    async fn right(&self, wanted: &Question<'_>) -> Result<Right<'_>, Ended> {
        let permit = self.permit(wanted).await?;
        if let Some(contents) = wanted.contents {
            let checked = self.unless_over(async { Ok(contents.check().await) }).await?;
            if let Err(fault) = checked {
                tracing::error!(?fault, "an upload that was approved is not sent");
                return Err(Ended::No(fault.to_string()));
            }
        }
        let mut gate = self.opened.gate.lock().await;
        match permit {
            None => match gate.judge(wanted.facts) {
                Judgement::Pass(pass) => {
                    let recorded = Recorded::Allowed(wanted.unit.parts[0].clone());
                    Ok(Right { gate, pass, recorded, release: None })
                }
                Judgement::Refuse(why) => {
                    gate.tried(wanted.number);
                    Err(Ended::No(why))
                }
                Judgement::Hold => Err(Ended::No(CHANGED.to_owned())),
            },
            Some(_) if self.is_over() => Err(Ended::Over),
            Some(permit) => {
                let recorded = permit.recorded(&wanted.unit.parts);
                let spent = gate.spend(permit, wanted.unit).await;
                let (pass, release) = spent.map_err(|fault| Ended::No(fault.to_string()))?;
                Ok(Right { gate, pass, recorded, release: Some(release) })
            }
        }
    }

    /// The permit to do what is wanted; nothing where the rules ask for none any more.
    async fn permit(&self, wanted: &Question<'_>) -> Result<Option<Permit>, Ended> {
        let Question { number, operation, unit, facts, .. } = wanted;
        let mut gate = self.opened.gate.lock().await;
        let mut hold = match gate.judge(facts) {
            Judgement::Pass(_) => return Ok(None),
            Judgement::Refuse(why) => {
                gate.tried(*number);
                let noted = gate.refused(*number, unit.parts.clone(), &why).await;
                return Err(noted.map_or_else(trouble, |()| Ended::No(why)));
            }
            Judgement::Hold => match gate.hold(*number, unit, (*facts).clone()).await {
                Ok(hold) => hold,
                Err(fault) => return Err(Ended::No(fault.to_string())),
            },
        };
        drop(gate);
        self.say(format!("{}: {}", operation.text, hold.words())).await;
        let settled = tokio::select! {
            biased;
            // The request stays: the same, sent again, finds it or its approval.
            () = self.reaches(Stage::Leaving) => return Err(Ended::Over),
            settled = hold.settled() => settled,
        };
        match settled {
            Settled::Approved(permit) => {
                self.say(format!("{} is approved", hold.request)).await;
                Ok(Some(permit))
            }
            Settled::Refused(why) => {
                let mut gate = self.opened.gate.lock().await;
                gate.record(*number, Recorded::Outcome(format!("not done: {why}")));
                Err(gate.hand_over().await.map_or_else(trouble, |()| Ended::No(why)))
            }
        }
    }

    async fn ran(&self, number: u64, release: Option<Release>, outcome: RunOutcome, said: Option<String>) {
        let mut gate = self.opened.gate.lock().await;
        if let Some(said) = said {
            gate.record(number, Recorded::Outcome(said));
        }
        let noted = match release {
            Some(release) => gate.ran(release, outcome).await,
            None => Ok(()),
        };
        if let Err(fault) = noted.and(gate.hand_over().await) {
            tracing::error!("what became of an operation on files could not be noted: {fault}");
        }
    }

    /// Does something for as long as the channel lives.
    async fn unless_over<T>(&self, does: impl Future<Output = Result<T, Ended>>) -> Result<T, Ended> {
        tokio::select! {
            biased;
            () = self.reaches(Stage::Over) => Err(Ended::Over),
            done = does => done,
        }
    }

    async fn say(&self, words: String) {
        self.tell_unless_over(Word::Words(words)).await;
    }

    async fn answer(&self, packet: Bytes) {
        self.tell_unless_over(Word::Answers(packet)).await;
    }

    /// Nobody writes to the client any more where the channel is at its end, and there is no room to wait for.
    async fn tell_unless_over(&self, word: Word) {
        tokio::select! {
            () = self.reaches(Stage::Over) => {}
            () = self.tell(word) => {}
        }
    }
}

fn trouble(fault: Fault) -> Ended {
    Ended::Trouble(fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Home, operation};
    use super::*;

    fn text(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat()
    }

    /// What is asked for by a packet of this kind.
    fn asked(kind: u8, id: u32, rest: &[&[u8]]) -> Unit {
        let packet = text(&[&[kind][..], &id.to_be_bytes(), &rest.concat()].concat());
        let request = wire::request(&packet).expect("a request");
        let operation = operation(&request.asks, &Home::new(b"/home/app")).expect("text").expect("it is judged");
        unit(&operation, &packet)
    }

    fn sets(path: &str, mode: u32) -> Unit {
        asked(9, 7, &[&text(path.as_bytes()), &[0, 0, 0, 4], &mode.to_be_bytes()])
    }

    /// R61: what is approved is the packet, byte for byte but for its number, also where the words are the same; and what the
    /// words are not, is shown beside them.
    #[test]
    fn r61_what_waits_is_the_packet_byte_for_byte() {
        let words = |unit: &Unit| String::from_utf8_lossy(&unit.parts[0].sql).into_owned();
        let (one, other) = (sets("/x", 0o600), sets("/x", 0o100_600));
        assert_eq!(words(&one), words(&other));
        assert_ne!(one.settings, other.settings);
        assert_eq!(one.settings, sets("/x", 0o600).settings);
        let (from, to) = (text(b"/a"), text(b"/b"));
        assert_eq!(asked(18, 7, &[&from, &to]).settings, asked(18, 8, &[&from, &to]).settings);
        assert_eq!(words(&one), "sftp-setstat /x mode=0600\nby SSH_FXP_SETSTAT");
        assert_eq!(
            words(&sets("x", 0o600)),
            "sftp-setstat /home/app/x mode=0600\nby SSH_FXP_SETSTAT\nwritten as \"x\""
        );
    }
}
