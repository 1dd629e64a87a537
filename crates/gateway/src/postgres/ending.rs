//! The end of a session: the client is cut and what the target runs is cancelled at the same moment; if that does not
//! stop it, its backend is ended; then the session is closed.

use super::message::{self, Severity, report};
use super::relay::{End, Relay};
use super::wires::Wire;
use bytes::BytesMut;
use countersign_control::clock::monotonic;
use countersign_journal::SessionEnd;
use countersign_target::postgres::{Login, cancel, terminate};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the target has to stop what it runs after a cancel, before its backend is ended.
const STOP_WAIT: Duration = Duration::from_secs(1);
/// How long it is tried to stop what the target runs, before the session is closed all the same.
const STOP_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a last word to either side may take.
const LAST_WORD_WAIT: Duration = Duration::from_secs(1);

/// A FATAL for the client: SQLSTATE and words.
type LastWord = (&'static str, String);

impl Relay {
    /// Ends the session.
    pub(super) async fn finish(mut self, end: End) {
        let last_word = self.last_word(&end).await;
        let target_there = !matches!(end, End::TargetLeft);
        let running = target_there && !self.pipeline.is_idle();
        let cancelled = {
            let Relay { wires, login, key, .. } = &mut self;
            let cancelled = async { !running || cancel(&login.device, *key).await.is_ok() };
            tokio::join!(cancelled, say(&mut wires.client, last_word)).0
        };
        if running {
            self.stop_target(cancelled).await;
        }
        if target_there {
            self.leave_target().await;
        }
        let why = match end {
            End::ClientLeft | End::Fatal(..) => SessionEnd::ClientLeft,
            End::TargetLeft => SessionEnd::TargetLeft,
            End::Cut(why) => why,
        };
        if let Err(fault) = self.gate.close(why).await {
            tracing::error!("a session could not be closed: {fault}");
        }
    }

    /// What the client is told, if it is still there.
    async fn last_word(&self, end: &End) -> Option<LastWord> {
        let (code, words) = match end {
            End::ClientLeft => return None,
            End::TargetLeft => ("08006", "the target closed the connection".to_owned()),
            End::Fatal(code, words) => (*code, words.clone()),
            End::Cut(SessionEnd::GrantEnded) => {
                let why = tokio::time::timeout(LAST_WORD_WAIT, self.gate.end_words()).await;
                ("57P01", format!("{}; ask again on the page", why.unwrap_or_else(|_| "your access ended".into())))
            }
            End::Cut(SessionEnd::Interrupted) => ("57P01", self.gate.end_words().await),
            End::Cut(SessionEnd::Terminated) => ("57P01", "an administrator terminated this session".to_owned()),
            End::Cut(_) => ("57P01", "Countersign is stopping".to_owned()),
        };
        Some((code, words))
    }

    /// Disconnecting is not enough: what was cancelled must also have stopped, or its backend is ended. Ending it needs a
    /// sign-in of its own, which may fail for a while: until then it is cancelled again.
    async fn stop_target(&mut self, mut cancelled: bool) {
        let give_up = monotonic() + STOP_WAIT_MAX;
        loop {
            let stopped = tokio::time::timeout(STOP_WAIT, self.until_idle()).await;
            if cancelled && matches!(stopped, Ok(Ok(()))) {
                return;
            }
            let login = Login {
                device: &self.login.device,
                user: &self.login.login,
                password: &self.login.password,
                database: &self.login.database,
                parameters: &[],
            };
            match terminate(&login, self.key.process).await {
                Ok(true) => return,
                Ok(false) => tracing::error!("{}: the target's backend does not end", self.gate.session()),
                Err(fault) => tracing::error!("{}: {fault}", self.gate.session()),
            }
            if monotonic() >= give_up {
                return;
            }
            cancelled = cancel(&self.login.device, self.key).await.is_ok();
        }
    }

    /// Reads the target until it owes nothing; the client is gone.
    async fn until_idle(&mut self) -> Result<(), End> {
        while !self.pipeline.is_idle() {
            let target = &mut self.wires.target;
            match target.stream.read_buf(&mut target.input).await {
                Ok(n) if n > 0 => {
                    self.take_target().await?;
                    self.wires.client.output.clear();
                    if !self.pipeline.is_idle() && self.pipeline.has_failed() {
                        return Ok(());
                    }
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    async fn leave_target(&mut self) {
        let mut goodbye = BytesMut::new();
        message::put(b'X', &[], &mut goodbye);
        let target = &mut self.wires.target.stream;
        let left = async {
            target.write_all(&goodbye).await?;
            target.shutdown().await
        };
        // A target that no longer listens has left already.
        let _ = tokio::time::timeout(LAST_WORD_WAIT, left).await;
    }
}

/// Gives the client the answers that are still owed, says a last word, and closes its connection.
async fn say(client: &mut Wire<tokio_rustls::server::TlsStream<TcpStream>>, last_word: Option<LastWord>) {
    if let Some((code, words)) = last_word {
        report(Severity::Fatal, code, &words, "", &mut client.output);
    }
    let said = async {
        client.stream.write_all(&client.output).await?;
        client.stream.shutdown().await
    };
    // Whoever no longer listens misses it.
    let _ = tokio::time::timeout(LAST_WORD_WAIT, said).await;
}
