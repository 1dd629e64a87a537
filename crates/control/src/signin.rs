//! Signing in: passwords (Argon2id), second factor (TOTP, RFC 6238), server-side sessions, one-time links, lock-out.
//! Pages, API and gateways share it.

use crate::ask::Actor;
use crate::control::Control;
use crate::dice;
use crate::fault::{Fault, SignInRefusal};
use crate::password::PASSWORD_CHARS;
use crate::store::{Login, Row};
use crate::vault::Purpose;
use crate::view::{PersonRow, PersonView};
use countersign_core::directory::address;
use countersign_core::{Input, Permission};
use countersign_journal::{Digest, Note, PersonId, Seconds, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::MutexGuard;

/// Failures before a lock-out.
const FAILURES_MAX: i64 = 5;
/// How long a lock-out lasts, in seconds.
const LOCK_S: Seconds = 900;
/// How long a web session lasts, in seconds.
const SESSION_S: Seconds = 12 * 3600;
/// How long a one-time link lasts, in seconds.
pub const INVITATION_S: Seconds = 3 * 24 * 3600;
/// Longest handle, in characters.
const HANDLE_CHARS_MAX: usize = 100;

/// Whether a password alone proves somebody who has no second factor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alone {
    /// It does; whoever has one is asked for its code.
    Does,
    /// It never does, and nobody learns why.
    Never,
}

/// A session just opened.
#[derive(Debug)]
pub struct NewSession {
    /// What the browser or client keeps.
    pub cookie: SecretString,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// A second factor being set up: shown once, counts only when confirmed by a code.
#[derive(Debug)]
pub struct SecondFactorSetup {
    /// The secret, base32.
    pub secret: SecretString,
    /// The same for authenticators that read a link.
    pub uri: SecretString,
}

impl Control {
    /// Signs a person in.
    ///
    /// # Errors
    /// A refusal that does not tell a guesser which part was wrong, or trouble.
    pub async fn sign_in(
        &self,
        handle: &str,
        password: SecretString,
        code: Option<&str>,
        from: &str,
    ) -> Result<NewSession, Fault> {
        let (_gate, login) = self.proves(handle, password, code, from, Alone::Does).await?;
        let (person, second_factor) = (login.person, login.totp.is_some());
        let cookie = dice::token()?;
        let expires_at = self.now().plus(SESSION_S);
        let rows = vec![
            Row::Login(login),
            Row::WebSession {
                token: hashed(&cookie),
                person,
                expires_at,
                second_factor_at: second_factor.then(|| self.now()),
            },
        ];
        self.note(Note::SignedIn { person, from: from.to_owned(), second_factor }, rows).await?;
        Ok(NewSession { cookie: cookie.into(), expires_at })
    }

    /// Whom a password and a code prove: their login as it is to be stored then, with the code used and all failures forgotten.
    /// No sign-in comes between while the gate is held.
    ///
    /// # Errors
    /// A refusal that does not tell a guesser which part was wrong, and counts; or trouble.
    pub(crate) async fn proves(
        &self,
        handle: &str,
        password: SecretString,
        code: Option<&str>,
        from: &str,
        alone: Alone,
    ) -> Result<(MutexGuard<'_, ()>, Login), Fault> {
        let handle = handle.trim().to_lowercase();
        let known = self.person_by_handle(&handle);
        let login = match known {
            Some(person) => self.0.store.login(person).await?,
            None => None,
        };
        let checked = login.and_then(|l| l.password);
        let right = self.password_matches(checked.clone(), password).await?;
        // One sign-in at a time from here on, so that failures are counted and a code is used once.
        let gate = self.0.sign_in_gate.lock().await;
        let login = match known {
            Some(person) => self.0.store.login(person).await?,
            None => None,
        };
        // A password that was replaced meanwhile proves nothing any more.
        let right = right && login.as_ref().is_some_and(|l| l.password == checked);
        let Some(login) = login else {
            let handle = handle.chars().take(HANDLE_CHARS_MAX).collect();
            self.note(Note::SignInFailed { handle, from: from.to_owned() }, Vec::new()).await?;
            return Err(SignInRefusal::Wrong.into());
        };
        if self.now() < login.locked_until {
            return Err(SignInRefusal::Locked.into());
        }
        let code = code.map(str::trim).filter(|c| !c.is_empty());
        let step = match (right, &login.totp, code, alone) {
            (true, Some(_), None, Alone::Does) => return Err(SignInRefusal::CodeNeeded.into()),
            (true, Some(_), Some(code), _) => self.code_step(&login, code)?,
            (true, None, _, Alone::Does) => Some(login.totp_step),
            _ => None,
        };
        match step {
            Some(totp_step) => Ok((gate, Login { totp_step, failures: 0, locked_until: Timestamp(0), ..login })),
            None => Err(self.sign_in_failed(login, handle, from).await),
        }
    }

    /// Counts a failure, and says what it led to.
    pub(crate) async fn sign_in_failed(&self, login: Login, handle: String, from: &str) -> Fault {
        let failures = login.failures + 1;
        let locked = failures >= FAILURES_MAX;
        let locked_until = if locked { self.now().plus(LOCK_S) } else { login.locked_until };
        let failures = if locked { 0 } else { failures };
        let rows = vec![Row::Login(Login { failures, locked_until, ..login })];
        match self.note(Note::SignInFailed { handle, from: from.to_owned() }, rows).await {
            Ok(()) => if locked { SignInRefusal::Locked } else { SignInRefusal::Wrong }.into(),
            Err(trouble) => trouble,
        }
    }

    /// The time step a code belongs to, if it is right and newer than the last one used.
    fn code_step(&self, login: &Login, code: &str) -> Result<Option<i64>, Fault> {
        let Some(sealed) = login.totp.clone() else { return Ok(None) };
        let totp = totp(self.unseal(Purpose::SecondFactor, &row(login.person), 1, sealed)?.expose_secret())?;
        let seconds = u64::try_from(self.now().0 / 1_000_000).unwrap_or(0);
        let step = totp.check(code, seconds).and_then(|s| i64::try_from(s).ok());
        Ok(step.filter(|s| *s > login.totp_step))
    }

    /// Who a cookie belongs to, if its session is not over and the person is enabled.
    pub async fn actor(&self, cookie: &str) -> Option<Actor> {
        let (person, second_factor_at, _) = self.0.store.web_session(&hashed(cookie), self.now()).await.ok()??;
        let has_second_factor = self.0.store.login(person).await.ok()?.is_some_and(|l| l.totp.is_some());
        let directory = self.directory();
        let known = directory.enabled(person)?;
        Some(Actor {
            person,
            handle: known.handle.clone(),
            name: known.name.clone(),
            role: known.role,
            permissions: directory.permissions(person),
            second_factor_at,
            has_second_factor,
        })
    }

    /// Ends a web session.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn sign_out(&self, cookie: &str) -> Result<(), Fault> {
        let token = hashed(cookie);
        match self.0.store.web_session(&token, self.now()).await? {
            Some((person, ..)) => self.note(Note::SignedOut { person }, vec![Row::WebSessionEnded { token }]).await,
            None => Ok(()),
        }
    }

    /// Makes the second factor of a web session fresh again.
    ///
    /// # Errors
    /// When the code is wrong or was used, or trouble.
    pub async fn confirm_second_factor(&self, cookie: &str, code: &str) -> Result<(), Fault> {
        let token = hashed(cookie);
        let _gate = self.0.sign_in_gate.lock().await;
        let session = self.0.store.web_session(&token, self.now()).await?;
        let (person, _, expires_at) = session.ok_or(SignInRefusal::Wrong)?;
        let login = self.0.store.login(person).await?.ok_or(SignInRefusal::Wrong)?;
        if self.now() < login.locked_until {
            return Err(SignInRefusal::Locked.into());
        }
        let Some(totp_step) = self.code_step(&login, code.trim())? else {
            let handle = crate::words::name(&self.directory(), person);
            return Err(self.sign_in_failed(login, handle, "page").await);
        };
        let second_factor_at = Some(self.now());
        let rows = vec![
            Row::Login(Login { totp_step, ..login }),
            Row::WebSession { token, person, expires_at, second_factor_at },
        ];
        self.note(Note::SignedIn { person, from: "page".into(), second_factor: true }, rows).await
    }

    /// Begins to set a second factor; it counts once [`Control::finish_second_factor`] confirmed it. A session is not
    /// enough: whoever found one open would make it theirs for good.
    ///
    /// # Errors
    /// When the password is wrong, which counts as a failed sign-in, or a second factor is set already; trouble.
    pub async fn begin_second_factor(&self, actor: &Actor, password: SecretString) -> Result<SecondFactorSetup, Fault> {
        let (_gate, login) = self.asked_again(actor, password).await?;
        if login.totp.is_some() {
            return Err(Fault::Input(
                "a second factor is set already; an administrator can make a new link to replace it".into(),
            ));
        }
        let secret = dice::bytes::<20>()?;
        let sealed = self.seal(Purpose::SecondFactor, &row(actor.person), 1, &secret)?;
        let pending = Login { totp_pending: Some(sealed), ..login };
        self.submit_rows(vec![Row::Login(pending)]).await?;
        let base32 = data_encoding::BASE32_NOPAD.encode(&secret);
        let uri = format!("otpauth://totp/Countersign:{}?secret={base32}&issuer=Countersign", actor.handle);
        Ok(SecondFactorSetup { secret: base32.into(), uri: uri.into() })
    }

    /// Asks for the password again, for what opens a way in that stays: whoever found a session open has it for a while only.
    /// No sign-in comes between while the gate is held.
    ///
    /// # Errors
    /// When the password is wrong, which counts as a failed sign-in, or trouble.
    pub(crate) async fn asked_again(
        &self,
        actor: &Actor,
        password: SecretString,
    ) -> Result<(MutexGuard<'_, ()>, Login), Fault> {
        let checked = self.0.store.login(actor.person).await?.ok_or(Fault::NotFound)?.password;
        let right = self.password_matches(checked.clone(), password).await?;
        let gate = self.0.sign_in_gate.lock().await;
        let login = self.0.store.login(actor.person).await?.ok_or(Fault::NotFound)?;
        if self.now() < login.locked_until {
            return Err(SignInRefusal::Locked.into());
        }
        // One that was replaced meanwhile is not the password any more.
        if !right || login.password != checked {
            return Err(self.sign_in_failed(login, actor.handle.clone(), "page").await);
        }
        Ok((gate, login))
    }

    /// Confirms a second factor with a code it made.
    ///
    /// # Errors
    /// When the code is wrong, or trouble.
    pub async fn finish_second_factor(&self, actor: &Actor, code: &str) -> Result<(), Fault> {
        let _gate = self.0.sign_in_gate.lock().await;
        let login = self.0.store.login(actor.person).await?.ok_or(Fault::NotFound)?;
        let pending = Login { totp: login.totp_pending.clone(), totp_step: 0, ..login };
        let step = self.code_step(&pending, code.trim())?.ok_or(SignInRefusal::Wrong)?;
        let confirmed = Login { totp_pending: None, totp_step: step, ..pending };
        self.note(Note::SecondFactorSet { person: actor.person }, vec![Row::Login(confirmed)]).await
    }

    /// Whom a one-time link is for.
    pub async fn invitation(&self, token: &str) -> Option<PersonView> {
        let person = self.0.store.invitation(&hashed(token), self.now()).await.ok()??;
        self.directory().enabled(person).map(|p| PersonView {
            id: person,
            handle: p.handle.clone(),
            name: p.name.clone(),
        })
    }

    /// Sets a password through a one-time link; every session, access token, SSH key and other link
    /// of the person ends, what they lent and borrowed too, and a second factor is cleared.
    ///
    /// # Errors
    /// When the link is over, the password too short or too long, or trouble.
    pub async fn accept_invitation(&self, token: &str, password: SecretString) -> Result<(), Fault> {
        if !PASSWORD_CHARS.contains(&password.expose_secret().chars().count()) {
            return Err(SignInRefusal::PasswordLength.into());
        }
        let token = hashed(token);
        let hash = self.hash_password(password, dice::bytes::<16>()?).await?;
        let _gate = self.0.sign_in_gate.lock().await;
        let person = self.0.store.invitation(&token, self.now()).await?.ok_or(SignInRefusal::LinkOver)?;
        self.directory().enabled(person).ok_or(SignInRefusal::LinkOver)?;
        let login = Login {
            person,
            password: Some(hash),
            totp: None,
            totp_pending: None,
            totp_step: 0,
            failures: 0,
            locked_until: Timestamp(0),
        };
        let rows = vec![
            Row::Login(login),
            Row::InvitationsEnded { person },
            Row::WebSessionsEnded { person },
            Row::TokensEnded { person },
            Row::KeysEnded { person },
        ];
        self.note(Note::PasswordSet { person }, rows).await
    }

    /// Makes a one-time link for a person; those made for them before are over.
    ///
    /// # Errors
    /// When the actor may not, there is no such person, or that person may do more than the actor.
    pub async fn invite(&self, actor: &Actor, handle: &str) -> Result<String, Fault> {
        actor.require(Permission::InvitePeople)?;
        let person = self.person_by_handle(handle).ok_or(Fault::NotFound)?;
        // Whoever has the link can become that person: nobody gains what they may not do themselves.
        if !self.directory().permissions(person).is_subset(&actor.permissions) {
            return Err(Fault::NotPermitted);
        }
        let _gate = self.0.sign_in_gate.lock().await;
        if self.0.store.login(person).await?.is_some() {
            let made = Input::MakeLink { person, by: actor.person };
            self.submit(made, vec![Row::InvitationsEnded { person }]).await?;
        }
        self.make_invitation(person, Some(actor.person)).await
    }

    /// Makes a one-time link for a person on the server's own machine, where whoever runs it could be anybody. It ends what
    /// earlier links made possible.
    ///
    /// # Errors
    /// When there is no such person, or trouble.
    pub async fn invite_as_operator(&self, handle: &str) -> Result<String, Fault> {
        let person = self.person_by_handle(handle).ok_or_else(|| Fault::Input(format!("there is no `{handle}`")))?;
        let made = Input::MakeLink { person, by: PersonId::OPERATOR };
        self.submit(made, vec![Row::InvitationsEnded { person }]).await?;
        self.make_invitation(person, None).await
    }

    pub(crate) async fn make_invitation(&self, person: PersonId, by: Option<PersonId>) -> Result<String, Fault> {
        let token = dice::token()?;
        let expires_at = self.now().plus(INVITATION_S);
        let link = Row::Invitation { token: hashed(&token), person, expires_at };
        let rows = vec![Row::InvitationsEnded { person }, link];
        self.note(Note::InvitationMade { person, by }, rows).await?;
        Ok(format!("{}/invitation/{token}", self.page_address()))
    }

    /// Everybody, for administrators.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn people(&self, actor: &Actor) -> Result<Vec<PersonRow>, Fault> {
        actor.require(Permission::InvitePeople)?;
        let directory = self.directory();
        let mut rows = Vec::new();
        for (id, person) in &directory.people {
            let login = self.0.store.login(*id).await?;
            rows.push(PersonRow {
                person: PersonView { id: *id, handle: person.handle.clone(), name: person.name.clone() },
                role: person.role,
                enabled: person.enabled,
                email: person.email.clone(),
                manager: person.manager.map(|m| crate::words::name(&directory, m)),
                groups: directory.groups_of(*id).iter().map(|g| directory.groups[g].name.clone()).collect(),
                has_password: login.as_ref().is_some_and(|l| l.password.is_some()),
                has_second_factor: login.as_ref().is_some_and(|l| l.totp.is_some()),
            });
        }
        Ok(rows)
    }

    pub(crate) fn person_by_handle(&self, handle: &str) -> Option<PersonId> {
        let directory = self.directory();
        directory
            .people
            .iter()
            .find(|(id, p)| p.handle == handle && directory.enabled(**id).is_some())
            .map(|(id, _)| *id)
    }

    /// The enabled contact with this address.
    pub(crate) fn contact_by_address(&self, text: &str) -> Option<PersonId> {
        let email = address(text);
        self.directory().contacts.iter().find(|(_, c)| c.enabled && c.email == email).map(|(id, _)| *id)
    }

    pub(crate) async fn submit_rows(&self, rows: Vec<Row>) -> Result<(), Fault> {
        self.submit(countersign_core::Input::Tick, rows).await.map(|_| ())
    }
}

/// Tokens are stored as digests, so that whoever reads the store cannot use them.
pub(crate) fn hashed(token: &str) -> String {
    Digest::of("countersign web token v1", &[token.as_bytes()]).to_string()
}

fn row(person: PersonId) -> String {
    format!("second factor of {person}")
}

fn totp(secret: &[u8]) -> Result<totp_rs::Totp, Fault> {
    totp_rs::Builder::new().with_secret(secret.to_vec()).build().map_err(Fault::trouble)
}

#[cfg(test)]
mod tests;
