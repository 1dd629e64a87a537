//! A client's channel: what it says, and what is said to it.

use super::line::{self, Line};
use super::session::{Opened, Session};
use crate::enter::{Asked, Client, Gone};
use bytes::Bytes;
use countersign_inspect::show::is_invisible;
use countersign_target::ssh::Size;
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How much input is kept of a client that waits, in bytes and in pieces.
const EARLY_BYTES_MAX: usize = 64 << 10;
const EARLY_MAX: usize = 64;
/// The same of one that types while a line runs.
const AHEAD_MAX: usize = 1_024;
/// How long a client has to take the last word.
pub(super) const LAST_WORD_WAIT: Duration = Duration::from_secs(10);
/// What stands before an answer.
const PROMPT: &str = "> ";
/// Longest side of a terminal.
const SIDE_MAX: u16 = 1_000;
/// The size of a terminal of which none is told.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// The client's side of a channel.
pub(super) struct Talk {
    pub(super) hear: Hear,
    pub(super) tell: Tell,
}

/// What the client says.
pub(super) struct Hear {
    read: ChannelReadHalf,
    terminal: bool,
    /// What came from a client without a terminal while it waited: input, which is not to be lost.
    early: VecDeque<Heard>,
    early_bytes: usize,
    /// The size its terminal got meanwhile.
    resized: Option<Size>,
    /// What came while a line of a gated shell ran: keys for its next prompt.
    ahead: VecDeque<Heard>,
    ahead_bytes: usize,
    /// Whether it left.
    left: bool,
}

/// What is said to the client.
pub(super) struct Tell {
    write: ChannelWriteHalf<Msg>,
    terminal: bool,
    /// What a gated shell shows in its terminal, and records.
    screen: Option<Screen>,
}

/// A terminal in which all is ours to draw and is recorded.
struct Screen {
    session: Arc<Session>,
    /// Its number in the transcript.
    number: u64,
    /// Whether the cursor stands behind something in its line.
    within_line: AtomicBool,
}

/// One thing the client says.
pub(super) enum Heard {
    /// Something was typed, or sent as input.
    Typed(Bytes),
    /// There is no more input.
    NoMore,
    /// Its terminal has another size.
    Resized(Size),
    /// It left.
    Left,
}

impl Talk {
    /// With a channel whose client has a terminal, or none.
    pub(super) fn new(channel: Channel<Msg>, terminal: bool) -> Talk {
        let (read, write) = channel.split();
        Talk {
            hear: Hear {
                read,
                terminal,
                early: VecDeque::new(),
                early_bytes: 0,
                resized: None,
                ahead: VecDeque::new(),
                ahead_bytes: 0,
                left: false,
            },
            tell: Tell { write, terminal, screen: None },
        }
    }

    /// The last word, and the channel's end; for a client that takes them.
    pub(super) async fn end(self, said: Option<&str>, status: u32) {
        let ended = async {
            if let Some(words) = said {
                self.tell.say(words).await;
            }
            // Whoever left needs no end.
            let write = &self.tell.write;
            let _ = write.exit_status(status).await;
            let _ = write.eof().await;
            let _ = write.close().await;
        };
        let _ = tokio::time::timeout(LAST_WORD_WAIT, ended).await;
    }
}

impl Client for Talk {
    async fn ask(&mut self, question: &str) -> Asked {
        if !self.hear.terminal {
            return Asked::Nobody;
        }
        self.tell.say(question).await;
        self.tell.echo(PROMPT).await;
        let mut line = Line::default();
        loop {
            let bytes = match self.hear.fresh().await {
                Heard::Typed(bytes) => bytes,
                Heard::Resized(size) => {
                    self.hear.resized = Some(size);
                    continue;
                }
                Heard::NoMore | Heard::Left => return Asked::Gone,
            };
            let (echo, ended) = line.typed(&bytes);
            self.tell.echo(&echo).await;
            match ended {
                Some(Some(text)) => return Asked::Given(text),
                Some(None) => return Asked::Gone,
                None => {}
            }
        }
    }

    async fn waits(&mut self, words: &str, page: &str) {
        self.tell.say(&format!("{words}: {page}")).await;
    }

    async fn gone(&mut self) -> Gone {
        self.hear.gone().await
    }
}

impl Hear {
    pub(super) async fn next(&mut self) -> Heard {
        match self.resized.take().map(Heard::Resized).or_else(|| self.early.pop_front()) {
            Some(early) => early,
            None => self.fresh().await,
        }
    }

    async fn fresh(&mut self) -> Heard {
        let heard = self.next_message().await;
        self.left |= matches!(heard, Heard::Left);
        heard
    }

    async fn next_message(&mut self) -> Heard {
        while !self.left {
            return match self.read.wait().await {
                Some(ChannelMsg::Data { data }) if !data.is_empty() => Heard::Typed(data),
                Some(ChannelMsg::Eof) => Heard::NoMore,
                Some(ChannelMsg::WindowChange { col_width, row_height, .. }) => {
                    Heard::Resized(size(col_width, row_height))
                }
                Some(ChannelMsg::Close) | None => Heard::Left,
                // What it may ask for is answered where it asks.
                Some(_) => continue,
            };
        }
        Heard::Left
    }

    /// Gives back what was not taken; it comes next.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.early.push_front(Heard::Typed(Bytes::copy_from_slice(bytes)));
        }
    }

    /// Keeps what comes while a line runs, up to a limit.
    pub(super) fn keep(&mut self, heard: Heard) {
        match &heard {
            Heard::Typed(bytes) => {
                self.ahead_bytes += bytes.len();
                if self.ahead_bytes > EARLY_BYTES_MAX || self.ahead.len() >= AHEAD_MAX {
                    return;
                }
            }
            // The last of each is enough.
            other => self.ahead.retain(|kept| std::mem::discriminant(kept) != std::mem::discriminant(other)),
        }
        self.ahead.push_back(heard);
    }

    /// What was kept comes next.
    pub(super) fn recall(&mut self) {
        self.ahead_bytes = 0;
        while let Some(heard) = self.ahead.pop_back() {
            self.early.push_front(heard);
        }
    }

    /// Resolves when the client left or gave up. Keys go nowhere; other input is kept, up to a limit beyond which nothing more
    /// is heard until the wait is over.
    pub(super) async fn gone(&mut self) -> Gone {
        loop {
            match self.fresh().await {
                Heard::Left => return Gone::Left,
                Heard::Typed(bytes) if self.terminal => {
                    if bytes.contains(&line::INTERRUPT) {
                        return Gone::GaveUp;
                    }
                }
                Heard::Resized(size) => self.resized = Some(size),
                said => {
                    if let Heard::Typed(bytes) = &said {
                        self.early_bytes += bytes.len();
                    }
                    self.early.push_back(said);
                    if self.early_bytes > EARLY_BYTES_MAX || self.early.len() > EARLY_MAX {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// Keys that were typed in a terminal before anybody let them go anywhere go nowhere; whether Ctrl-C was among them.
    pub(super) async fn forget_keys(&mut self) -> bool {
        if !self.terminal {
            return false;
        }
        let gives_up = |heard: &Heard| matches!(heard, Heard::Typed(bytes) if bytes.contains(&line::INTERRUPT));
        let mut gave_up = self.early.iter().chain(&self.ahead).any(gives_up);
        let is_key = |heard: &Heard| matches!(heard, Heard::Typed(_));
        self.early.retain(|heard| !is_key(heard));
        self.ahead.retain(|heard| !is_key(heard));
        loop {
            tokio::select! {
                biased;
                said = self.fresh() => match said {
                    said @ Heard::Typed(_) => gave_up |= gives_up(&said),
                    Heard::Resized(size) => self.resized = Some(size),
                    Heard::NoMore => self.early.push_back(Heard::NoMore),
                    Heard::Left => {
                        self.early.push_back(Heard::Left);
                        return gave_up;
                    }
                },
                () = std::future::ready(()) => return gave_up,
            }
        }
    }
}

impl Tell {
    /// A line of ours, which nothing the target says can be mistaken for: it goes to the error output, marked.
    pub(super) async fn say(&self, words: &str) {
        // A terminal in raw mode goes to the start of a line only when told.
        let end = if self.terminal { "\r\n" } else { "\n" };
        let line = format!("countersign: {}{end}", words.replace(is_invisible, " "));
        let begins = if self.is_within_line() { "\r\n" } else { "" };
        let line = Bytes::from(format!("{begins}{line}"));
        if let Some(Err(why)) = self.record(&line).await {
            tracing::error!("what a person was told is not in the transcript: {why}");
        }
        // A client that left is noticed by whoever reads.
        let _ = self.write.extended_data_bytes(1, line).await;
    }

    /// From now on this is the terminal of a gated shell, which is recorded under this number.
    pub(super) fn records(&mut self, session: Arc<Session>, number: u64) {
        self.screen = Some(Screen { session, number, within_line: AtomicBool::new(false) });
    }

    /// Whether something stands before the cursor in its line.
    pub(super) fn is_within_line(&self) -> bool {
        self.screen.as_ref().is_some_and(|screen| screen.within_line.load(Ordering::Relaxed))
    }

    /// Draws in the terminal of a gated shell, once the transcript has it.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub(super) async fn draw(&self, drawn: String) -> Result<(), String> {
        if drawn.is_empty() {
            return Ok(());
        }
        let drawn = Bytes::from(drawn);
        self.record(&drawn).await.unwrap_or(Ok(()))?;
        let _ = self.write.data_bytes(drawn).await;
        Ok(())
    }

    /// Notes that this is shown in the terminal of a gated shell.
    async fn record(&self, shown: &[u8]) -> Option<Result<(), String>> {
        let screen = self.screen.as_ref()?;
        self.shows(shown);
        let mut gate = screen.session.gate()?.lock().await;
        let recorded = gate.shown(screen.number, shown);
        Some(recorded.and(gate.hand_over().await).map_err(|fault| fault.to_string()))
    }

    /// Minds where the cursor is.
    fn shows(&self, bytes: &[u8]) {
        if let (Some(screen), Some(last)) = (&self.screen, bytes.last()) {
            screen.within_line.store(*last != b'\n', Ordering::Relaxed);
        }
    }

    /// What somebody typed, or may type behind.
    async fn echo(&self, text: &str) {
        let _ = self.write.extended_data_bytes(1, Bytes::from(text.to_owned())).await;
    }

    /// Passes bytes on; whether they could be.
    pub(super) async fn bytes(&self, bytes: Bytes) -> bool {
        self.write.data_bytes(bytes).await.is_ok()
    }

    /// Passes output on; whether it could be.
    pub(super) async fn out(&self, bytes: Bytes, opened: &Opened) -> bool {
        self.shows(&bytes);
        tokio::select! {
            sent = self.write.data_bytes(bytes) => sent.is_ok(),
            () = opened.cut() => false,
        }
    }

    pub(super) async fn error(&self, bytes: Bytes, opened: &Opened) -> bool {
        tokio::select! {
            sent = self.write.extended_data_bytes(1, bytes) => sent.is_ok(),
            () = opened.cut() => false,
        }
    }
}

/// A size as the protocol has it, within reason. Zero is none (RFC 4254, 6.2), for which stands the usual one.
pub(super) fn size(columns: u32, rows: u32) -> Size {
    let side = |told: u32, usual: u16| match told {
        0 => usual,
        told => u16::try_from(told).unwrap_or(SIDE_MAX).min(SIDE_MAX),
    };
    Size { columns: side(columns, USUAL.columns), rows: side(rows, USUAL.rows) }
}
