//! Passwords: how they are kept and compared (Argon2id), and how whoever has one changes it.

use crate::ask::Actor;
use crate::control::Control;
use crate::dice;
use crate::fault::{Fault, SignInRefusal};
use crate::signin::hashed;
use crate::store::{Login, Row};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use countersign_journal::Note;
use secrecy::{ExposeSecret, SecretString};

/// Argon2id for passwords: 19 MiB, 2 passes, 1 lane (OWASP password storage, first recommendation).
const PASSWORD_COST: (u32, u32, u32) = (19_456, 2, 1);
/// Length of a password, in characters.
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=200;

impl Control {
    /// Changes the actor's password. Every other session, every access token and every link of theirs ends; the second factor
    /// and the SSH keys stay. It is no opened link: whoever knew the password before may still be behind it (R38).
    ///
    /// # Errors
    /// When the present password is wrong, which counts as a failed sign-in, or the new one is too short or too long; trouble.
    pub async fn change_password(
        &self,
        actor: &Actor,
        cookie: &str,
        present: SecretString,
        new: SecretString,
    ) -> Result<(), Fault> {
        if !PASSWORD_CHARS.contains(&new.expose_secret().chars().count()) {
            return Err(SignInRefusal::PasswordLength.into());
        }
        let person = actor.person;
        let checked = self.0.store.login(person).await?.ok_or(Fault::NotFound)?.password;
        let matches = self.password_matches(checked.clone(), present).await?;
        let hash = if matches { Some(self.hash_password(new, dice::bytes::<16>()?).await?) } else { None };
        let _gate = self.0.sign_in_gate.lock().await;
        let login = self.0.store.login(person).await?.ok_or(Fault::NotFound)?;
        if self.now() < login.locked_until {
            return Err(SignInRefusal::Locked.into());
        }
        // One that was replaced meanwhile is not the present one any more.
        let Some(password) = hash.filter(|_| login.password == checked) else {
            return Err(self.sign_in_failed(login, actor.handle.clone(), "page").await);
        };
        let token = hashed(cookie);
        let session = self.0.store.web_session(&token, self.now()).await?;
        let (_, second_factor_at, expires_at) = session.ok_or(SignInRefusal::Wrong)?;
        let rows = vec![
            Row::Login(Login { password: Some(password), failures: 0, ..login }),
            Row::InvitationsEnded { person },
            Row::TokensEnded { person },
            Row::WebSessionsEnded { person },
            Row::WebSession { token, person, expires_at, second_factor_at },
        ];
        self.note(Note::PasswordChanged { person }, rows).await
    }

    /// Takes as long for an unknown name as for a known one.
    pub(crate) async fn password_matches(&self, stored: Option<String>, password: SecretString) -> Result<bool, Fault> {
        let (salt, expected) = stored.as_deref().and_then(parse_hash).unwrap_or(([0; 16], String::new()));
        if password.expose_secret().chars().count() > *PASSWORD_CHARS.end() {
            return Ok(false);
        }
        let found = self.hash_password(password, salt).await?;
        let expected = if expected.is_empty() { String::new() } else { stored.unwrap_or_default() };
        Ok(verify_slices_are_equal(found.as_bytes(), expected.as_bytes()).is_ok())
    }

    pub(crate) async fn hash_password(&self, password: SecretString, salt: [u8; 16]) -> Result<String, Fault> {
        let _turn = self.0.hashing.take().await.ok_or(Fault::Busy)?;
        let hashed = tokio::task::spawn_blocking(move || {
            let (memory, passes, lanes) = PASSWORD_COST;
            let params = argon2::Params::new(memory, passes, lanes, Some(32))?;
            let mut out = [0u8; 32];
            argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params).hash_password_into(
                password.expose_secret().as_bytes(),
                &salt,
                &mut out,
            )?;
            Ok::<_, argon2::Error>(format!(
                "argon2id${}${}",
                data_encoding::HEXLOWER.encode(&salt),
                data_encoding::HEXLOWER.encode(&out)
            ))
        });
        hashed.await.map_err(Fault::trouble)?.map_err(Fault::trouble)
    }
}

fn parse_hash(stored: &str) -> Option<([u8; 16], String)> {
    let mut parts = stored.split('$').skip(1);
    let salt = data_encoding::HEXLOWER.decode(parts.next()?.as_bytes()).ok()?.try_into().ok()?;
    Some((salt, parts.next()?.to_owned()))
}
