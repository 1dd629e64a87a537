//! An upload that was approved, on its way to the target: opened, written, its attributes set, closed, in requests of our own
//! between those of the client.

use super::held::{Ended, Right};
use super::serve::Transfer;
use super::upload::Whole;
use super::wire::{self, Answer, Code};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Bytes of one write: what every server takes (draft-ietf-secsh-filexfer-02, 3).
const WRITE_BYTES: usize = 32 << 10;
/// Writes that wait for their answers.
const WRITES_MAX: usize = 64;

/// An upload on its way.
pub(super) struct Errand<'t> {
    transfer: &'t Transfer<'t>,
    answers: mpsc::UnboundedReceiver<Bytes>,
    answered: mpsc::UnboundedSender<Bytes>,
    /// Requests that wait for their answers.
    waiting: usize,
    /// The status of the first that failed.
    pub(super) failed: Option<u32>,
    /// How many bytes were sent.
    pub(super) bytes: u64,
}

impl<'t> Errand<'t> {
    pub(super) fn new(transfer: &'t Transfer<'t>) -> Errand<'t> {
        let (answered, answers) = mpsc::unbounded_channel();
        Errand { transfer, answers, answered, waiting: 0, failed: None, bytes: 0 }
    }

    /// Sends it all; what failed is in [`Errand::failed`].
    pub(super) async fn run(&mut self, whole: &Whole, right: Right<'_>) -> Result<(), Ended> {
        let Some(handle) = self.opened(whole, right).await? else { return Ok(()) };
        let written = self.written(whole, &handle).await;
        if written.is_ok() {
            for set in &whole.wanted.sets {
                self.settle(0).await?;
                if self.failed.is_some() {
                    break;
                }
                let id = self.id();
                self.send(&wire::set_open(id, &handle, set)).await?;
            }
        }
        self.settle(0).await?;
        let id = self.id();
        self.send(&wire::close(id, &handle)).await?;
        self.settle(0).await?;
        written
    }

    /// The target's handle; nothing where it does not open the file.
    async fn opened(&mut self, whole: &Whole, right: Right<'_>) -> Result<Option<Vec<u8>>, Ended> {
        let Right { mut gate, pass, recorded, .. } = right;
        let packet = wire::numbered(&whole.wanted.opens, self.id());
        let cleared = Bytes::copy_from_slice(gate.clear(pass, whole.wanted.number, recorded, &packet).bytes());
        gate.hand_over().await.map_err(|fault| Ended::Trouble(fault.to_string()))?;
        drop(gate);
        self.transfer.send(cleared).await?;
        let answer = self.answer().await?;
        Ok(match wire::answer(&answer) {
            Some((_, Answer::Handle(handle))) => Some(handle.to_vec()),
            Some((_, Answer::Status(code))) if code != Code::Ok as u32 => {
                self.failed = Some(code);
                None
            }
            _ => return Err(Ended::Trouble("what the target sends is not SFTP".to_owned())),
        })
    }

    async fn written(&mut self, whole: &Whole, handle: &[u8]) -> Result<(), Ended> {
        let mut reading = whole.contents.read();
        while self.failed.is_none()
            && let Some(chunk) = reading.next().await.map_err(|fault| Ended::Trouble(fault.to_string()))?
        {
            let mut packets = Vec::with_capacity(chunk.len() + chunk.len() / 64);
            for data in chunk.chunks(WRITE_BYTES) {
                packets.extend_from_slice(&wire::write(self.id(), handle, self.bytes, data));
                self.bytes += data.len() as u64;
            }
            self.send(&packets).await?;
            self.settle(WRITES_MAX).await?;
        }
        Ok(())
    }

    /// The number of the next request, which is on its way.
    fn id(&mut self) -> u32 {
        self.waiting += 1;
        self.transfer.own_id(&self.answered)
    }

    /// Sends what goes by the handle that was opened.
    async fn send(&self, packets: &[u8]) -> Result<(), Ended> {
        let framed = Bytes::copy_from_slice(self.transfer.opened.gate.lock().await.framing(packets).bytes());
        self.transfer.send(framed).await
    }

    async fn answer(&mut self) -> Result<Bytes, Ended> {
        self.waiting -= 1;
        self.answers.recv().await.ok_or(Ended::Over)
    }

    /// Waits until no more than so many requests have no answer.
    async fn settle(&mut self, most: usize) -> Result<(), Ended> {
        while self.waiting > most {
            let answer = self.answer().await?;
            let code = match wire::answer(&answer) {
                Some((_, Answer::Status(code))) => code,
                _ => Code::Failure as u32,
            };
            if code != Code::Ok as u32 {
                self.failed.get_or_insert(code);
            }
        }
        Ok(())
    }
}
