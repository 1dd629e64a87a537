//! People's own SSH keys: registered by themselves and by nobody else, read as OpenSSH writes them (sshd(8), AUTHORIZED_KEYS FILE
//! FORMAT; RFC 4253 §6.6), and known again by their fingerprint. Comments are not kept.

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use crate::ssh::Proven;
use crate::store::{Row, StoredKey};
use crate::view::KeyView;
use countersign_core::Refusal;
use countersign_journal::{Note, is_invisible};
use secrecy::SecretString;
use ssh_key::public::{KeyData, RsaPublicKey};
use ssh_key::{HashAlg, PublicKey};
use std::ops::RangeInclusive;

/// Longest text of a key, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 60;
/// Most keys of a person.
const KEYS_MAX: usize = 20;
/// Bits of an RSA key: the least that holds beyond 2030 (NIST SP 800-57), and the most that signatures are checked with.
const RSA_BITS: RangeInclusive<usize> = 3072..=8192;
/// The exponent every RSA key has that `ssh-keygen` makes; with a smaller one signatures may be made without the key.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];

/// Why a key is not registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRefusal {
    /// Its name is empty, too long, or has what nobody sees.
    #[error("the name of a key has 1 to 60 characters, all of them visible; choose another")]
    Name,
    /// It is longer than any key.
    #[error("this is longer than 16 KiB; paste the one line of the file that ends in `.pub`")]
    Length,
    /// It is the half that stays secret.
    #[error(
        "this is a private key, which is for you alone: make a new one, as this one was shown to a server, and paste the \
         line of the file that ends in `.pub`"
    )]
    Private,
    /// It cannot be read as a public key.
    #[error(
        "this is not one public key as OpenSSH writes it; paste the one line of the file that ends in `.pub`, such as \
         `ssh-ed25519 AAAA…`"
    )]
    Unread,
    /// It is a certificate.
    #[error(
        "certificates are not taken; paste the public key itself, from the file that ends in `.pub` but not in `-cert.pub`"
    )]
    Certificate,
    /// It is of another kind.
    #[error(
        "keys of this kind are not taken; make one with `ssh-keygen -t ed25519` (Ed25519, ECDSA, RSA from 3072 bits on and \
         security keys are taken)"
    )]
    Kind,
    /// It is an RSA key of another length.
    #[error(
        "this RSA key has {0} bits, and 3072 to 8192 are taken; make a key with `ssh-keygen -t ed25519` or `-t rsa -b 3072`"
    )]
    RsaBits(usize),
    /// It is an RSA key with an exponent of its own.
    #[error("this RSA key has an unusual exponent; make a key with `ssh-keygen -t ed25519` or `-t rsa -b 3072`")]
    RsaExponent,
    /// The person has as many as one may have.
    #[error("20 keys are registered, which is all one may have; remove one first")]
    TooMany,
    /// Somebody registered it, perhaps the person.
    #[error("this key is registered already, and each is one person's only; make another with `ssh-keygen -t ed25519`")]
    Taken,
}

impl Control {
    /// The actor's keys.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn keys(&self, actor: &Actor) -> Result<Vec<KeyView>, Fault> {
        Ok(self.0.store.keys(actor.person).await?.into_iter().map(KeyView::from).collect())
    }

    /// Registers a key of the actor's: whoever has it signs in as they do from now on. So the password is asked for again, and
    /// a second factor, where there is one, must be fresh.
    ///
    /// # Errors
    /// When the key cannot be registered, the password is wrong, which counts as a failed sign-in, or the second factor is not
    /// fresh; trouble.
    pub async fn add_key(&self, actor: &Actor, password: SecretString, name: &str, text: &str) -> Result<(), Fault> {
        if actor.must_confirm(self.now()) {
            return Err(Refusal::EvidenceTooWeak.into());
        }
        let (name, key) = (named(name)?, read(text)?);
        let (_gate, login) = self.asked_again(actor, password).await?;
        let (person, fingerprint) = (login.person, key.fingerprint(HashAlg::Sha256).to_string());
        if self.0.store.key(&fingerprint).await?.is_some() {
            return Err(KeyRefusal::Taken.into());
        }
        let keys = self.0.store.keys(person).await?;
        if keys.len() >= KEYS_MAX {
            return Err(KeyRefusal::TooMany.into());
        }
        let row = StoredKey {
            person,
            number: keys.last().map_or(0, |last| last.number) + 1,
            name,
            kind: key.algorithm().to_string(),
            fingerprint: fingerprint.clone(),
            added_at: self.now(),
            used_at: None,
        };
        self.note(Note::KeyAdded { person, fingerprint }, vec![Row::Key(row)]).await
    }

    /// Takes a key of the actor's back: it signs nobody in any more. Sessions that are open go on under their grants.
    ///
    /// # Errors
    /// When they have no such key, or trouble.
    pub async fn remove_key(&self, actor: &Actor, number: u64) -> Result<(), Fault> {
        let person = actor.person;
        let _gate = self.0.sign_in_gate.lock().await;
        let keys = self.0.store.keys(person).await?;
        let key = keys.into_iter().find(|key| key.number == number).ok_or(Fault::NotFound)?;
        let note = Note::KeyRemoved { person, fingerprint: key.fingerprint };
        self.note(note, vec![Row::KeyRemoved { person, number }]).await
    }

    /// Whom the key with this fingerprint may sign in under a user name, once they prove that they have it; nobody where it is
    /// not theirs, they are disabled, or there is no such account as far as they may know.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn key_owner(&self, user: &str, fingerprint: &str) -> Result<Option<Proven>, Fault> {
        let Some(named) = self.named_over_ssh(user) else { return Ok(None) };
        let theirs = self.0.store.key(fingerprint).await?.is_some_and(|key| key.person == named.person);
        Ok(theirs.then_some(named))
    }

    /// The same once they proved it: from then on the key was used.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn key_proved(&self, user: &str, fingerprint: &str) -> Result<Option<Proven>, Fault> {
        let owner = self.key_owner(user, fingerprint).await?;
        if owner.is_some() {
            let used = Row::KeyUsed { fingerprint: fingerprint.to_owned(), at: self.now() };
            self.submit_rows(vec![used]).await?;
        }
        Ok(owner)
    }
}

fn named(name: &str) -> Result<String, KeyRefusal> {
    let name = name.trim();
    let chars = name.chars().count();
    let seen = |c: char| c == ' ' || !(c.is_whitespace() || is_invisible(c));
    if (1..=NAME_CHARS_MAX).contains(&chars) && name.chars().all(seen) {
        Ok(name.to_owned())
    } else {
        Err(KeyRefusal::Name)
    }
}

/// A key as it is pasted: its algorithm and itself; what stands behind is a comment.
pub(crate) fn read(text: &str) -> Result<PublicKey, KeyRefusal> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(KeyRefusal::Length);
    }
    let text = text.trim();
    if text.contains("PRIVATE KEY") {
        return Err(KeyRefusal::Private);
    }
    let mut words = text.split_whitespace();
    let (Some(kind), Some(data), false) = (words.next(), words.next(), text.contains(['\n', '\r'])) else {
        return Err(KeyRefusal::Unread);
    };
    if kind.contains("-cert-v") {
        return Err(KeyRefusal::Certificate);
    }
    let key = PublicKey::from_openssh(&format!("{kind} {data}")).map_err(|_| KeyRefusal::Unread)?;
    fits(key.key_data()).map(|()| key)
}

/// Whether a key is of a kind that is taken.
pub(crate) fn fits(key: &KeyData) -> Result<(), KeyRefusal> {
    match key {
        KeyData::Ed25519(_) | KeyData::Ecdsa(_) | KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => Ok(()),
        KeyData::Rsa(rsa) => rsa_fits(rsa),
        _ => Err(KeyRefusal::Kind),
    }
}

fn rsa_fits(key: &RsaPublicKey) -> Result<(), KeyRefusal> {
    let modulus = key.n().as_positive_bytes().unwrap_or_default();
    let unused = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = (8 * modulus.len()).saturating_sub(unused as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(KeyRefusal::RsaBits(bits));
    }
    if key.e().as_positive_bytes() != Some(&RSA_EXPONENT) {
        return Err(KeyRefusal::RsaExponent);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
