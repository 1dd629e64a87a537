//! A connection from the target for its client (`-L`, `-D`, `-W`, `-J`): what is asked, and the life of what was let through.

use super::TOO_MANY;
use super::relay::{Connected, Over, Passed, relay};
use super::right::{Right, Verdict, right};
use super::wish::Wish;
use crate::enter::{Asked, Client, Gone};
use crate::ssh::session::{Opened, Session};
use countersign_inspect::show::is_invisible;
use countersign_journal::RunOutcome;
use countersign_target::ssh::{Connection, Line};
use russh::server::{ChannelOpenHandle, Msg};
use russh::{Channel, ChannelOpenFailure};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED and SSH_OPEN_CONNECT_FAILED (RFC 4254, 5.1).
const PROHIBITED: u32 = 1;
const CONNECT_FAILED: u32 = 2;
/// Longest words for whoever is refused.
const WORDS_CHARS_MAX: usize = 512;
/// How long a target has to take that its connection is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// A channel that a client asks for.
pub(in crate::ssh) struct Forward {
    pub(in crate::ssh) wish: Wish,
    /// Where the client says it comes from.
    pub(in crate::ssh) from: (String, u32),
    pub(in crate::ssh) channel: Channel<Msg>,
    pub(in crate::ssh) reply: ChannelOpenHandle,
}

/// What was let through and reached.
struct Reached<'o> {
    opened: &'o Opened,
    right: Right,
    connection: Connection,
    line: Line,
}

/// Why there is none.
struct No {
    code: u32,
    why: String,
}

/// A client that asks for a channel that it does not have yet: nobody can be told or asked anything there.
pub(super) struct Door<'s> {
    pub(super) session: &'s Session,
    /// Whether it may wait for people.
    pub(super) waits: bool,
}

impl Client for Door<'_> {
    async fn ask(&mut self, _: &str) -> Asked {
        Asked::Nobody
    }

    async fn waits(&mut self, words: &str, page: &str) {
        self.session.say(format!("{words}: {page}"));
    }

    async fn gone(&mut self) -> Gone {
        if self.waits {
            self.session.leaves().await;
        }
        Gone::Left
    }
}

impl Forward {
    /// Refuses it, in words.
    pub(in crate::ssh) async fn refuse(self, why: &str) {
        reject(self.reply, why).await;
    }

    /// Brings it to its end.
    pub(in crate::ssh) async fn live(self, session: Arc<Session>) {
        let Some(_place) = session.forward_place() else { return self.refuse(TOO_MANY).await };
        let Forward { wish, from, channel, reply } = self;
        let Reached { opened, mut right, connection, line } = match reached(&session, &wish, &from).await {
            Ok(reached) => reached,
            Err(No { code, why }) => return answer_no(reply, code, &why).await,
        };
        reply.accept().await;
        let passed = Passed::default();
        let over = relay(channel, line, Connected::Alone, &passed, session.ends(opened)).await;
        right.ended(opened, how(over, &passed), RunOutcome::Exited { status: 0 }).await;
        // A target that reads nothing any more does not hear it.
        let _ = timeout(CLOSE_WAIT, connection.close()).await;
    }
}

/// How it ended, in words.
pub(super) fn how(over: Option<Over>, passed: &Passed) -> String {
    let how = match over {
        Some(Over::Closed) => "closed",
        Some(Over::Stalled) => "closed, since one side took nothing any more",
        None => "cut",
    };
    format!("{how}; {}", passed.words())
}

async fn reached<'o>(session: &'o Session, wish: &Wish, from: &(String, u32)) -> Result<Reached<'o>, No> {
    let no = |why: String| No { code: PROHIBITED, why };
    let opened = session.opened(&mut Door { session, waits: true }).await.map_err(no)?;
    let mut right = right(session, opened, wish, Verdict::Awaited).await.map_err(no)?;
    let reaches = async {
        let connection = session.another_for(opened, None).await?;
        let line = match wish {
            Wish::Local { host, port } => connection.to_port(host, u32::from(*port), (&from.0, from.1)).await,
            Wish::LocalSocket(path) => connection.to_socket(path).await,
            // Whoever asks for these asks for no channel.
            Wish::Remote { .. } | Wish::RemoteSocket(_) | Wish::Agent | Wish::Display(_) | Wish::Variable(..) => {
                return Err("this is no connection from the target".to_owned());
            }
        };
        line.map(|line| (connection, line)).map_err(|fault| fault.to_string())
    };
    let reached = tokio::select! {
        reached = reaches => reached,
        () = session.ends(opened) => Err("the session is over".to_owned()),
    };
    match reached {
        Ok((connection, line)) => Ok(Reached { opened, right, connection, line }),
        Err(why) => {
            right.ended(opened, format!("not reached: {why}"), RunOutcome::Unknown).await;
            Err(No { code: CONNECT_FAILED, why })
        }
    }
}

/// Refuses a channel, in words.
pub(in crate::ssh) async fn reject(reply: ChannelOpenHandle, why: &str) {
    answer_no(reply, PROHIBITED, why).await;
}

async fn answer_no(reply: ChannelOpenHandle, code: u32, why: &str) {
    let reason: String = why.replace(is_invisible, " ").chars().take(WORDS_CHARS_MAX).collect();
    reply.reject(ChannelOpenFailure::Other { code, reason }).await;
}
