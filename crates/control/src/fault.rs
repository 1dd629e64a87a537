//! What can go wrong when something is asked of the control plane, by who is to blame.

use crate::keys::KeyRefusal;
use crate::view::Base;
use countersign_core::Refusal;
use countersign_journal::Timestamp;

/// Why a call did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// A correct no.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A correct no to somebody who was late: what others did to the request meanwhile, and what is next.
    #[error("{}: {happened}", late(.refusal))]
    Meanwhile {
        /// The no.
        refusal: Refusal,
        /// What happened, by whom, and what is next.
        happened: String,
    },
    /// The actor's role does not include this.
    #[error("your role does not include this; an administrator can change roles")]
    NotPermitted,
    /// There is no such thing, or the actor may not know of it.
    #[error("there is no such thing here, or you may not see it")]
    NotFound,
    /// What the session recorded was kept as long as the rules say, and is gone since.
    #[error(
        "what this session recorded was erased on {} (UTC): the rules of its request keep it no longer",
        countersign_core::refusal::shown(.0)
    )]
    Erased(Timestamp),
    /// What the session recorded is not what the journal names.
    #[error(
        "what this session recorded is damaged, or not what the journal names, so nothing of it is shown; tell an administrator"
    )]
    Damaged,
    /// What the session recorded is shown and no file of it leaves: it has no root by which it could be checked.
    #[error(
        "nobody can tell whether what this session recorded is whole, since it ended without a root in the journal, as after a \
         crash or on a full disk; it is shown as it is, and not exported"
    )]
    Unchecked,
    /// What the session recorded is in a store that does not answer.
    #[error(
        "what this session recorded is kept in a store that does not answer now; try again, or tell an administrator"
    )]
    Away,
    /// What the session recorded is in a store that is not the one that is set up.
    #[error(
        "what this session recorded is kept in another store than the one this server is set up with, so nothing of it is \
         shown; tell an administrator, who finds in the audit where it is"
    )]
    OtherStore,
    /// Signing in did not work.
    #[error("{0}")]
    SignIn(#[from] SignInRefusal),
    /// An SSH key cannot be registered.
    #[error("{0}")]
    Key(#[from] KeyRefusal),
    /// The ticket that was named is none, or nobody can tell.
    #[error("{0}")]
    Ticket(#[from] TicketRefusal),
    /// What was sent cannot be used.
    #[error("{0}")]
    Input(String),
    /// What was sent was made from a version that is not in force any more; others changed it meanwhile.
    #[error(
        "the configuration was changed since version {base}, from which this was written: {who}; look at what is in force \
         now, put your change into that, and propose it again"
    )]
    Stale {
        /// What it was made from.
        base: Base,
        /// Who changed what, with which requests.
        who: String,
    },
    /// So many ask for it at once that one more would only wait.
    #[error("too many ask for this at once; wait a few seconds, then try again")]
    Busy,
    /// The world failed; nothing was changed. The text is for the log.
    #[error("the server could not do this; nothing was changed, try again or ask an administrator")]
    Trouble(String),
}

/// What could not be done, without what it came to, which is told beside it.
fn late(refusal: &Refusal) -> String {
    match refusal {
        Refusal::LevelMoved => "this level was decided meanwhile".to_owned(),
        other => other.to_string().split(": ").next().unwrap_or_default().to_owned(),
    }
}

impl Fault {
    /// A failure of the world, logged where it is met.
    pub fn trouble(what: impl std::fmt::Display) -> Fault {
        let what = what.to_string();
        tracing::error!("{what}");
        Fault::Trouble(what)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(e: sqlx::Error) -> Fault {
        Fault::trouble(format!("the store failed: {e}"))
    }
}

/// Why nobody was signed in. The words do not tell a guesser which part was wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignInRefusal {
    /// Name, password or code is wrong.
    #[error("name, password or code is not right; try again, or ask an administrator for a new link")]
    Wrong,
    /// A second factor is set and no code was given.
    #[error("enter the six-digit code of your authenticator as well")]
    CodeNeeded,
    /// Too many failures.
    #[error("too many failed attempts; wait fifteen minutes and try again")]
    Locked,
    /// A one-time link that was used or is too old.
    #[error("this link was used already or is too old; ask an administrator for a new one")]
    LinkOver,
    /// A password that is too short or too long.
    #[error("a password has 12 to 200 characters; choose another")]
    PasswordLength,
}

/// Why a ticket does not do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TicketRefusal {
    /// The system that keeps tickets says no.
    #[error("ticket `{0}` is not one that work may be done under now; check its number and its state")]
    NotKnown(String),
    /// It could not be asked, or did not say.
    #[error("the ticket could not be checked, so nothing was asked for; try again, or tell an administrator")]
    NoAnswer,
}
