//! A client's channel: what it says, and what is said to it.

use super::line::{self, Line};
use super::session::Opened;
use crate::enter::{Asked, Client, Gone};
use bytes::Bytes;
use countersign_inspect::show::is_invisible;
use countersign_target::ssh::Size;
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::collections::VecDeque;
use std::time::Duration;

/// How much input is kept of a client that waits, in bytes and in pieces.
const EARLY_BYTES_MAX: usize = 64 << 10;
const EARLY_MAX: usize = 64;
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
}

/// What is said to the client.
pub(super) struct Tell {
    write: ChannelWriteHalf<Msg>,
    terminal: bool,
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
            hear: Hear { read, terminal, early: VecDeque::new(), early_bytes: 0, resized: None },
            tell: Tell { write, terminal },
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
        loop {
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

    /// Keys that were typed in a terminal before anybody let them go anywhere go nowhere.
    pub(super) async fn forget_keys(&mut self) {
        while self.terminal {
            tokio::select! {
                biased;
                said = self.fresh() => if let Heard::Left = said {
                    self.early.push_back(Heard::Left);
                    return;
                },
                () = std::future::ready(()) => return,
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
        // A client that left is noticed by whoever reads.
        let _ = self.write.extended_data_bytes(1, Bytes::from(line)).await;
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
