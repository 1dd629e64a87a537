//! The vault: seals, opens and tags bytes under keys that never leave it.
//!
//! Its one entrance is [`Vault::call`] with messages, so that it can become a process of its own. Envelopes are
//! AES-256-GCM with a fresh nonce; the associated data binds what the bytes are, of which row, in which version, so
//! that swapped rows do not open. Tags are HMAC-SHA-256 (RFC 2104) under a key of their own. Purpose keys come from the
//! root key by HKDF-SHA-256 (RFC 5869).

use crate::dice;
use crate::fault::Fault;
use crate::marks::Mark;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use ssh_key::certificate::{Builder, Certificate};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{PrivateKey, PublicKey};
use std::path::Path;
use zeroize::Zeroizing;

/// Argon2id for the passphrase: 64 MiB, 3 passes, 1 lane (RFC 9106 §4, second recommended option, one lane).
const PASSPHRASE_COST: (u32, u32, u32) = (65_536, 3, 1);
/// Longest file the vault will read as a key.
const KEY_FILE_BYTES: usize = 32;

/// What the key of links is derived for.
const LINKS: &[u8] = b"countersign link v1";
/// What the key of words is derived for.
const WORDS: &[u8] = b"countersign word v1";
/// What the key that SSH clients know us by is derived for.
const HOST_KEY: &[u8] = b"countersign ssh host key v1";
/// What the key is derived for by which our own authority signs certificates for SSH targets.
const AUTHORITY: &[u8] = b"countersign ssh user authority v1";
/// Bytes of a purpose key.
const KEY_BYTES: usize = 32;

/// What a sealed value is for; each purpose has a key of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A target secret.
    Secret,
    /// A text the journal commits to.
    Text,
    /// A second-factor secret.
    SecondFactor,
    /// A session's transcript.
    Transcript,
    /// What was typed in a session.
    Typed,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Purpose::Secret => b"countersign secret v1",
            Purpose::Text => b"countersign text v1",
            Purpose::SecondFactor => b"countersign second factor v1",
            Purpose::Transcript => b"countersign transcript v1",
            Purpose::Typed => b"countersign typed v1",
        }
    }
}

/// What can be asked of the vault.
#[derive(Debug)]
pub enum Call {
    /// Seal these bytes.
    Seal {
        /// What they are.
        purpose: Purpose,
        /// Which row they belong to.
        row: String,
        /// In which version.
        version: u64,
        /// The bytes.
        plain: SecretSlice<u8>,
    },
    /// Open these.
    Open {
        /// What they are said to be.
        purpose: Purpose,
        /// Which row they were found in.
        row: String,
        /// In which version.
        version: u64,
        /// The bytes.
        sealed: Vec<u8>,
    },
    /// Tag a link: only who holds the root key can say what its tag is.
    Tag {
        /// Everything the link stands for.
        link: Vec<u8>,
    },
    /// Mark words to find texts by: who reads the marks cannot tell the words.
    Mark {
        /// The words.
        words: Vec<String>,
    },
    /// Tell what the key is made of that SSH clients know us by: the same for as long as the root key is.
    HostKey,
    /// Tell the public key of the authority that SSH targets may trust.
    Authority,
    /// Have the authority sign a certificate. It signs nothing else, so that whoever asks has no use of its key but this.
    Certify {
        /// What the certificate says.
        says: Box<Builder>,
    },
}

/// What the vault answers.
#[derive(Debug)]
pub enum Answer {
    /// Sealed bytes.
    Sealed(Vec<u8>),
    /// Opened bytes.
    Opened(SecretSlice<u8>),
    /// The tag of a link, 32 bytes.
    Tagged(SecretSlice<u8>),
    /// The marks of words, in their order.
    Marks(Vec<Mark>),
    /// The seed of an Ed25519 key (RFC 8032), 32 bytes.
    Seed(SecretSlice<u8>),
    /// A public key.
    Public(Box<PublicKey>),
    /// A certificate that the authority signed.
    Certified(Box<Certificate>),
}

/// Where the root key comes from.
#[derive(Debug)]
pub enum RootKey {
    /// A passphrase, with the salt kept beside the data.
    Passphrase(SecretString),
    /// A file of 32 bytes, kept apart from the data.
    File(std::path::PathBuf),
}

/// What is kept beside the data to recognise the root key: nothing secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seal {
    salt: String,
    check: String,
}

/// The vault, unsealed.
pub struct Vault {
    keys: [LessSafeKey; 5],
    links: hmac::Key,
    words: hmac::Key,
    host_key: SecretSlice<u8>,
    authority: PrivateKey,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(unsealed)")
    }
}

impl Vault {
    /// Makes a new vault and what must be kept to unseal it again.
    ///
    /// # Errors
    /// When the key file cannot be read or made, or the system gives no random bytes.
    pub fn create(root: &RootKey) -> Result<(Vault, Seal), Fault> {
        if let RootKey::File(path) = root {
            make_key_file(path)?;
        }
        let salt = data_encoding::HEXLOWER.encode(&dice::bytes::<16>()?);
        let vault = Vault::derive(root, &salt)?;
        let check = data_encoding::HEXLOWER.encode(&vault.seal(Purpose::Secret, "check", 0, b"countersign")?);
        Ok((vault, Seal { salt, check }))
    }

    /// Unseals an existing vault.
    ///
    /// # Errors
    /// When the passphrase or key file is not the one the vault was made with.
    pub fn unseal(root: &RootKey, seal: &Seal) -> Result<Vault, Fault> {
        let vault = Vault::derive(root, &seal.salt)?;
        let check = data_encoding::HEXLOWER.decode(seal.check.as_bytes()).map_err(Fault::trouble)?;
        match vault.open(Purpose::Secret, "check", 0, &check) {
            Ok(_) => Ok(vault),
            Err(_) => Err(Fault::Input("the passphrase or key file is not the one this vault was made with".into())),
        }
    }

    fn derive(root: &RootKey, salt: &str) -> Result<Vault, Fault> {
        let mut key = Zeroizing::new([0u8; 32]);
        match root {
            RootKey::Passphrase(passphrase) => {
                let (memory, passes, lanes) = PASSPHRASE_COST;
                let params = argon2::Params::new(memory, passes, lanes, Some(32)).map_err(Fault::trouble)?;
                argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
                    .hash_password_into(passphrase.expose_secret().as_bytes(), salt.as_bytes(), key.as_mut())
                    .map_err(Fault::trouble)?;
            }
            RootKey::File(path) => key.copy_from_slice(&*read_key_file(path)?),
        }
        let root = Salt::new(HKDF_SHA256, salt.as_bytes()).extract(key.as_ref());
        let key_for = |purpose: Purpose| {
            let key = UnboundKey::new(&AES_256_GCM, derived(&root, purpose.label())?.as_ref());
            key.map(LessSafeKey::new).map_err(|_| Fault::trouble("a purpose key could not be derived"))
        };
        Ok(Vault {
            keys: [
                key_for(Purpose::Secret)?,
                key_for(Purpose::Text)?,
                key_for(Purpose::SecondFactor)?,
                key_for(Purpose::Transcript)?,
                key_for(Purpose::Typed)?,
            ],
            links: hmac::Key::new(HMAC_SHA256, derived(&root, LINKS)?.as_ref()),
            words: hmac::Key::new(HMAC_SHA256, derived(&root, WORDS)?.as_ref()),
            host_key: SecretSlice::from(derived(&root, HOST_KEY)?.to_vec()),
            authority: PrivateKey::from(Ed25519Keypair::from_seed(&*derived(&root, AUTHORITY)?)),
        })
    }

    /// The vault's one entrance.
    ///
    /// # Errors
    /// When bytes do not open: another key, another row, another version, or changed.
    pub fn call(&self, call: Call) -> Result<Answer, Fault> {
        match call {
            Call::Seal { purpose, row, version, plain } => {
                self.seal(purpose, &row, version, plain.expose_secret()).map(Answer::Sealed)
            }
            Call::Open { purpose, row, version, sealed } => {
                self.open(purpose, &row, version, &sealed).map(Answer::Opened)
            }
            Call::Tag { link } => {
                Ok(Answer::Tagged(SecretSlice::from(hmac::sign(&self.links, &link).as_ref().to_vec())))
            }
            Call::Mark { words } => {
                let mark = |word: &String| marked(&hmac::sign(&self.words, word.as_bytes()));
                Ok(Answer::Marks(words.iter().map(mark).collect()))
            }
            Call::HostKey => Ok(Answer::Seed(self.host_key.clone())),
            Call::Authority => Ok(Answer::Public(Box::new(self.authority.public_key().clone()))),
            Call::Certify { says } => {
                let certificate = says.sign(&self.authority).map_err(Fault::trouble)?;
                Ok(Answer::Certified(Box::new(certificate)))
            }
        }
    }

    fn key(&self, purpose: Purpose) -> &LessSafeKey {
        &self.keys[purpose as usize]
    }

    fn seal(&self, purpose: Purpose, row: &str, version: u64, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let nonce = dice::bytes::<NONCE_LEN>()?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + 16);
        sealed.extend_from_slice(plain);
        self.key(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(row, version), &mut sealed)
            .map_err(|_| Fault::trouble("a value could not be sealed"))?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    fn open(&self, purpose: Purpose, row: &str, version: u64, sealed: &[u8]) -> Result<SecretSlice<u8>, Fault> {
        let wrong = || Fault::trouble(format!("sealed value `{row}` version {version} does not open"));
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let mut body = Zeroizing::new(body.to_vec());
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let plain = self.key(purpose).open_in_place(nonce, aad(row, version), &mut body).map_err(|_| wrong())?;
        Ok(SecretSlice::from(plain.to_vec()))
    }
}

/// The key for one purpose.
fn derived(root: &Prk, label: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, Fault> {
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
    root.expand(&[label], Length(KEY_BYTES))
        .and_then(|okm| okm.fill(bytes.as_mut()))
        .map_err(|_| Fault::trouble("a purpose key could not be derived"))?;
    Ok(bytes)
}

/// The first 64 bits of a tag: two of a million words share a mark in one case of thirty million.
fn marked(tag: &hmac::Tag) -> Mark {
    tag.as_ref().first_chunk().map_or(0, |bytes| Mark::from_be_bytes(*bytes))
}

fn aad(row: &str, version: u64) -> Aad<Vec<u8>> {
    let mut bound = row.as_bytes().to_vec();
    bound.push(0);
    bound.extend_from_slice(&version.to_be_bytes());
    Aad::from(bound)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn read_key_file(path: &Path) -> Result<Zeroizing<[u8; KEY_FILE_BYTES]>, Fault> {
    let bytes = Zeroizing::new(
        std::fs::read(path)
            .map_err(|e| Fault::Input(format!("the key file `{}` cannot be read: {e}", path.display())))?,
    );
    let key = <[u8; KEY_FILE_BYTES]>::try_from(bytes.as_slice());
    key.map(Zeroizing::new)
        .map_err(|_| Fault::Input(format!("the key file `{}` must be {KEY_FILE_BYTES} bytes long", path.display())))
}

/// Makes the key file, readable by its owner only, unless it is there.
fn make_key_file(path: &Path) -> Result<(), Fault> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    if path.exists() {
        return read_key_file(path).map(|_| ());
    }
    let key = Zeroizing::new(dice::bytes::<KEY_FILE_BYTES>()?);
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(key.as_ref())?;
        file.sync_all()
    });
    made.map_err(|e| Fault::Input(format!("the key file `{}` cannot be made: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, RootKey, Vault, Seal) {
        let dir = tempfile::tempdir().expect("a folder");
        let root = RootKey::File(dir.path().join("key"));
        let (vault, seal) = Vault::create(&root).expect("made");
        (dir, root, vault, seal)
    }

    #[test]
    fn what_is_sealed_opens_only_as_itself() {
        let (_dir, _root, vault, _seal) = vault();
        let sealed = vault.seal(Purpose::Secret, "account 1", 1, b"hunter2").expect("sealed");
        let opened = |purpose, row, version| vault.open(purpose, row, version, &sealed);
        assert_eq!(opened(Purpose::Secret, "account 1", 1).expect("opens").expose_secret(), b"hunter2");
        assert!(opened(Purpose::Secret, "account 2", 1).is_err(), "another row");
        assert!(opened(Purpose::Secret, "account 1", 2).is_err(), "another version");
        assert!(opened(Purpose::Text, "account 1", 1).is_err(), "another purpose");
        let mut changed = sealed.clone();
        changed[NONCE_LEN] ^= 1;
        assert!(vault.open(Purpose::Secret, "account 1", 1, &changed).is_err(), "changed bytes");
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
    }

    #[test]
    fn a_tag_is_the_same_after_a_restart_and_another_under_another_key() {
        let (dir, root, vault, seal) = vault();
        let tag = |vault: &Vault, link: &[u8]| match vault.call(Call::Tag { link: link.to_vec() }).expect("tagged") {
            Answer::Tagged(tag) => tag.expose_secret().to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tag(&vault, b"a").len(), 32);
        assert_eq!(tag(&vault, b"a"), tag(&Vault::unseal(&root, &seal).expect("unsealed"), b"a"));
        assert_ne!(tag(&vault, b"a"), tag(&vault, b"b"));
        let (other, _) = Vault::create(&RootKey::File(dir.path().join("other"))).expect("made");
        assert_ne!(tag(&vault, b"a"), tag(&other, b"a"));
    }

    /// Words are found again after a restart, and told by nobody who has another key.
    #[test]
    fn a_word_has_one_mark_under_one_key() {
        let (dir, root, vault, seal) = vault();
        let marks = |vault: &Vault| match vault.call(Call::Mark { words: vec!["price".into(), "fix".into()] }) {
            Ok(Answer::Marks(marks)) => marks,
            other => panic!("{other:?}"),
        };
        let [price, fix] = marks(&vault)[..] else { panic!("one mark a word") };
        assert_ne!(price, fix);
        assert_eq!(marks(&Vault::unseal(&root, &seal).expect("unsealed")), [price, fix]);
        let (other, _) = Vault::create(&RootKey::File(dir.path().join("other"))).expect("made");
        assert_ne!(marks(&other), [price, fix]);
    }

    #[test]
    fn only_its_own_key_unseals_a_vault() {
        let (dir, root, _vault, seal) = vault();
        assert!(Vault::unseal(&root, &seal).is_ok());
        let (_other, _) = Vault::create(&RootKey::File(dir.path().join("other"))).expect("made");
        assert!(Vault::unseal(&RootKey::File(dir.path().join("other")), &seal).is_err());
        assert!(Vault::unseal(&RootKey::Passphrase("guess".into()), &seal).is_err());
    }
}
