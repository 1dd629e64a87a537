//! Signing in over SSH: whom a user name names, and what proves that it is them. What is proved is who somebody is; what that
//! opens is for the rules.

use crate::control::Control;
use crate::fault::Fault;
use crate::signin::Alone;
use crate::store::Row;
use countersign_core::Protocol;
use countersign_journal::{AccountId, Note, PersonId};
use secrecy::SecretString;

/// Longest name that is noted of somebody who is refused, in characters.
const TARGET_CHARS_MAX: usize = 200;

/// Who somebody is, and where they want to go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proven {
    /// Who.
    pub person: PersonId,
    /// The account they named; who named none finds the list of theirs.
    pub account: Option<AccountId>,
}

impl Control {
    /// Whom a user name names, once they prove it: `person`, or `person+[account@]target` where they may know of that account.
    /// Somebody who is disabled is nobody.
    pub(crate) fn named_over_ssh(&self, user: &str) -> Option<Proven> {
        if user.contains(['+', '%']) {
            let (person, account) = self.person_and_account(user, Protocol::Ssh)?;
            return self.knows(person, account).then_some(Proven { person, account: Some(account) });
        }
        let person = self.person_by_handle(&user.to_lowercase())?;
        Some(Proven { person, account: None })
    }

    /// Whom a password and the code of a second factor prove, both asked of everybody: whoever has no second factor is proved by
    /// nothing, and all that is wrong is one refusal. It counts as a sign-in, and as a failed one, as on the page.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn password_proved(
        &self,
        user: &str,
        password: SecretString,
        code: &str,
        from: &str,
    ) -> Result<Option<Proven>, Fault> {
        let handle = user.split(['+', '%']).next().unwrap_or_default();
        let from = format!("{from} over SSH");
        let (_gate, login) = match self.proves(handle, password, Some(code), &from, Alone::Never).await {
            Ok(proved) => proved,
            Err(Fault::SignIn(_) | Fault::Busy) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let person = login.person;
        let named = self.named_over_ssh(user).filter(|named| named.person == person);
        let note = match named {
            Some(_) => Note::SignedIn { person, from, second_factor: true },
            None => {
                let (who, target) = user.split_once(['+', '%']).unwrap_or((user, ""));
                let why = "no rule speaks of it for them, or it is not there".to_owned();
                let short = |text: &str| text.chars().take(TARGET_CHARS_MAX).collect();
                Note::ConnectRefused { who: short(who), target: short(target), from, why }
            }
        };
        self.note(note, vec![Row::Login(login)]).await?;
        Ok(named)
    }

    /// What clients are told before they sign in.
    #[must_use]
    pub fn ssh_banner(&self) -> Option<String> {
        let banner = &self.state().policy.parameters.ssh_banner;
        (!banner.is_empty()).then(|| banner.lines().map(|line| format!("{line}\r\n")).collect())
    }
}
