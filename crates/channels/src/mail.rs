//! The mail worker: looks into the outbox, sends, reports.

use crate::message;
use crate::plain::{cut, line};
use countersign_control::{Control, Fault, Letter};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;

/// How often the outbox is looked into when nothing changes: what is due again is due by the clock.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Least time between two looks, however much changes.
const LOOK_APART: Duration = Duration::from_millis(50);
/// How long one message may take, from connecting to the server's last answer.
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// Longest note on why a message did not leave, in characters.
const WHY_CHARS_MAX: usize = 300;

/// How the way to the mail server is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// TLS after STARTTLS (RFC 3207); without it nothing is sent.
    StartTls,
    /// Nothing; only for a server on this machine.
    None,
}

/// Where mail is handed over, and in whose name.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// The server's name or address.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the way there is protected.
    pub security: Security,
    /// The name to sign in with, if any.
    pub user: Option<String>,
    /// The password that goes with it.
    pub password: Option<SecretString>,
    /// The sender: `gate@example.com` or `Countersign <gate@example.com>`.
    pub from: String,
}

/// Why mail cannot be sent at all. The configuration is to blame.
#[derive(Debug, thiserror::Error)]
pub enum MailFault {
    /// Mail would cross a network unprotected.
    #[error("mail to `{server}` would leave this machine unprotected; set `security` to `tls` or `starttls`")]
    Unprotected {
        /// The server.
        server: String,
    },
    /// Half of a sign-in.
    #[error("mail has a user without a password, or a password without a user; give both or neither")]
    HalfSignIn,
    /// No usable sender.
    #[error(
        "the sender `{from}` is not an address ({why}); write `gate@example.com` or `Countersign <gate@example.com>`"
    )]
    Sender {
        /// As configured.
        from: String,
        /// What is wrong.
        why: String,
    },
    /// The server's name cannot be checked against a certificate, or this machine has no certificate authorities.
    #[error(
        "mail to `{server}` cannot be protected ({why}); check the name, and this machine's certificate authorities"
    )]
    Tls {
        /// The server.
        server: String,
        /// What is wrong.
        why: String,
    },
}

impl MailConfig {
    /// Finds what would keep every message from leaving, without speaking to the server.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn check(&self) -> Result<(), MailFault> {
        Post::new(self).map(|_| ())
    }
}

/// Sends what is due, soon after a change and every few seconds, until `shutdown` is done. A message that is being
/// handed over is finished first.
///
/// # Errors
/// At once, when the configuration cannot work; never later.
pub async fn run(control: Control, mail: MailConfig, shutdown: impl Future<Output = ()>) -> Result<(), MailFault> {
    let post = Post::new(&mail)?;
    let mut shutdown = pin!(shutdown);
    let mut changes = control.changes();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            _ = ticks.tick() => {}
            changed = changes.recv() => if changed == Err(RecvError::Closed) { return Ok(()) },
        }
        // One look answers all changes before it.
        changes = changes.resubscribe();
        match deliver(&control, &post, shutdown.as_mut()).await {
            Ok(Round::Done) => {}
            Ok(Round::Stopped) => return Ok(()),
            // Logged where it was met; the letters stay due.
            Err(_) => tracing::warn!("the outbox could not be worked on; trying again"),
        }
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            () = tokio::time::sleep(LOOK_APART) => {}
        }
    }
}

enum Round {
    Done,
    Stopped,
}

async fn deliver(
    control: &Control,
    post: &Post,
    mut shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<Round, Fault> {
    for letter in control.letters().await? {
        let stopping = tokio::select! {
            biased;
            () = shutdown.as_mut() => true,
            () = std::future::ready(()) => false,
        };
        if stopping {
            return Ok(Round::Stopped);
        }
        match post.send(control, &letter).await {
            Sent::Arrived => control.letter_sent(&letter).await?,
            Sent::Failed(why) => failed(control, &letter, why).await?,
            Sent::Silence => {
                // A server that does not answer this message keeps the others waiting for as long: they stay due.
                let why = format!("the mail server did not answer within {} s", SEND_WITHIN.as_secs());
                failed(control, &letter, why).await?;
                return Ok(Round::Done);
            }
        }
    }
    Ok(Round::Done)
}

async fn failed(control: &Control, letter: &Letter, why: String) -> Result<(), Fault> {
    let why = cut(line(&why), WHY_CHARS_MAX);
    tracing::warn!(letter = letter.id, why, "a message did not leave");
    control.letter_failed(letter, &why).await
}

/// What became of one try.
enum Sent {
    Arrived,
    Failed(String),
    Silence,
}

/// A checked configuration.
struct Post {
    from: Mailbox,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl Post {
    fn new(mail: &MailConfig) -> Result<Post, MailFault> {
        let server = mail.server.trim().to_owned();
        let from = mail.from.parse::<Mailbox>();
        let from = from.map_err(|e| MailFault::Sender { from: mail.from.clone(), why: e.to_string() })?;
        let parameters = || {
            TlsParameters::new(server.clone()).map_err(|e| MailFault::Tls { server: server.clone(), why: chain(&e) })
        };
        let tls = match mail.security {
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::StartTls => Tls::Required(parameters()?),
            Security::None if is_loopback(&server) => Tls::None,
            Security::None => return Err(MailFault::Unprotected { server }),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(SEND_WITHIN));
        match (&mail.user, &mail.password) {
            (Some(user), Some(password)) => {
                builder = builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
            }
            (None, None) => {}
            _ => return Err(MailFault::HalfSignIn),
        }
        Ok(Post { from, transport: builder.build() })
    }

    async fn send(&self, control: &Control, letter: &Letter) -> Sent {
        let message = match message::write(letter, &self.from, control.page_address(), control.now()) {
            Ok(message) => message,
            Err(why) => return Sent::Failed(why),
        };
        match tokio::time::timeout(SEND_WITHIN, self.hand_over(message)).await {
            Ok(Ok(())) => Sent::Arrived,
            Ok(Err(e)) if e.is_timeout() => Sent::Silence,
            Ok(Err(e)) => Sent::Failed(chain(&e)),
            Err(_) => Sent::Silence,
        }
    }

    async fn hand_over(&self, message: Message) -> Result<(), lettre::transport::smtp::Error> {
        self.transport.send(message).await.map(|_| ())
    }
}

fn is_loopback(server: &str) -> bool {
    server == "localhost" || server.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An error with its causes; each names itself only.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_cannot_work_is_told_at_once() {
        let fine = MailConfig {
            server: "127.0.0.1".into(),
            port: 25,
            security: Security::None,
            user: None,
            password: None,
            from: "Countersign <gate@example.test>".into(),
        };
        let check = |mail: MailConfig| mail.check().err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(check(fine.clone()), "");
        assert_eq!(check(MailConfig { server: "localhost".into(), ..fine.clone() }), "");
        let afar = check(MailConfig { server: "mail.example.test".into(), ..fine.clone() });
        assert!(afar.contains("unprotected") && afar.contains("`starttls`"), "{afar}");
        let nameless = check(MailConfig { from: "Countersign".into(), ..fine.clone() });
        assert!(nameless.contains("`Countersign` is not an address"), "{nameless}");
        let half = check(MailConfig { user: Some("gate".into()), ..fine });
        assert!(half.contains("give both or neither"), "{half}");
    }
}
