//! Access tokens for people's database clients: bound to person and account, 15 minutes to connect, checked by SCRAM
//! (RFC 5802, RFC 7677), so that the token itself never crosses the wire and is not stored.

use crate::ask::Actor;
use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::ssh::Proven;
use crate::store::{Row, StoredToken};
use crate::vault::{Answer, Call};
use crate::view::TokenView;
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use countersign_core::{Device, Protocol};
use countersign_journal::{AccountId, Note, PersonId, Seconds, TargetFacts};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::num::NonZeroU32;

/// How long a token may open connections, in seconds.
const TOKEN_S: Seconds = 900;
/// What people call the certificate of the authority once they saved it beside their client, and the pages hand it out as.
pub const CA_FILE: &str = "countersign-ca.pem";
/// PBKDF2 rounds: the least RFC 7677 asks for. A token has 160 random bits, so more would only slow people down.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");

/// What a gateway needs for SCRAM, and whom success proves. For an unknown user it is made up, the same each time, and
/// proves nobody.
#[derive(Clone, Debug)]
pub struct Scram {
    /// Salt.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
    /// H(ClientKey).
    pub stored_key: Vec<u8>,
    /// HMAC key for the server's proof.
    pub server_key: Vec<u8>,
    /// Whom a right proof proves, and for which account; nobody for a made-up verifier.
    pub proves: Option<(PersonId, AccountId)>,
}

impl Control {
    /// Issues a token for an account; an older one for the same account stops working. A reason given with it asks for the
    /// access too, where that is all the rules want.
    ///
    /// # Errors
    /// When there is no such account, a reason cannot get the access, or trouble.
    pub async fn issue_token(&self, actor: &Actor, account: AccountId, reason: &str) -> Result<TokenView, Fault> {
        let directory = self.directory();
        let target = directory.target_facts(account, None).ok_or(Fault::NotFound)?;
        if !reason.trim().is_empty() && !self.has_grant(actor.person, account, None) {
            self.justify(actor.person, account, None, reason).await?;
        }
        let token = dice::token()?;
        let salt = dice::bytes::<16>()?.to_vec();
        let (stored_key, server_key) = verifier(token.as_bytes(), &salt);
        let expires_at = self.now().plus(TOKEN_S);
        let row = Row::Token(StoredToken { person: actor.person, account, salt, stored_key, server_key, expires_at });
        self.note(Note::TokenIssued { person: actor.person, target: target.label() }, vec![row]).await?;
        let user = format!("{}+{}", actor.handle, target.label());
        let (command, known_host) = self.client(&user, &target);
        Ok(TokenView { token: token.into(), user, command, known_host, expires_at })
    }

    /// The command that connects, and the line by which an SSH client knows us.
    fn client(&self, user: &str, target: &TargetFacts) -> (String, Option<String>) {
        match self.protocol_of(target.account) {
            Some(Protocol::Ssh) => {
                let Some(command) = self.ssh_command(user) else {
                    return ("(this server takes no SSH connections)".to_owned(), None);
                };
                let known = self.0.settings.ssh_address.as_ref().zip(self.0.ssh_host_key.get());
                let known = known.map(|((host, port), key)| match port {
                    22 => format!("{host} {key}"),
                    port => format!("[{host}]:{port} {key}"),
                });
                (command, known)
            }
            Some(Protocol::Postgresql) | None => {
                let (host, port) = &self.0.settings.postgres_address;
                let database = &target.database;
                let login = format!("host={host} port={port} user={user} dbname={database}");
                (format!("psql \"{login} sslmode=verify-full sslrootcert={CA_FILE}\""), None)
            }
        }
    }

    /// The command by which this user name connects; nothing where this server takes no SSH connections.
    #[must_use]
    pub fn ssh_command(&self, user: &str) -> Option<String> {
        let (host, port) = self.0.settings.ssh_address.as_ref()?;
        Some(format!("ssh -p {port} {user}@{host}"))
    }

    /// The seed of the key by which SSH clients know us. Only the gateway asks for it.
    ///
    /// # Errors
    /// Trouble only.
    pub fn ssh_host_seed(&self) -> Result<SecretSlice<u8>, Fault> {
        match self.0.vault.call(Call::HostKey)? {
            Answer::Seed(seed) => Ok(seed),
            _ => Err(Fault::trouble("the vault answered another question")),
        }
    }

    /// Remembers the public key made of that seed, so that people are told it.
    pub fn known_to_ssh_by(&self, public: String) {
        // It is the same every time.
        let _ = self.0.ssh_host_key.set(public);
    }

    /// Whom a token proves that was given as a password, for the account it is for; nobody where it is not right.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn token_owner(&self, user: &str, token: &SecretString) -> Result<Option<Proven>, Fault> {
        let known = self.scram(user, Protocol::Ssh).await?;
        let (stored_key, _) = verifier(token.expose_secret().as_bytes(), &known.salt);
        let right = constant_time::verify_slices_are_equal(&stored_key, &known.stored_key).is_ok();
        let (person, account) = match known.proves {
            Some(proved) if right => proved,
            _ => return Ok(None),
        };
        Ok(Some(Proven { person, account: Some(account) }))
    }

    /// The SCRAM verifier for a user name as a client of this protocol gave it.
    ///
    /// # Errors
    /// Trouble only: an unknown user gets a made-up verifier.
    pub async fn scram(&self, user: &str, protocol: Protocol) -> Result<Scram, Fault> {
        if let Some((person, account)) = self.person_and_account(user, protocol)
            && let Some(token) = self.0.store.token(person, account).await?
            && self.now() < token.expires_at
        {
            return Ok(Scram {
                salt: token.salt,
                iterations: ITERATIONS.get(),
                stored_key: token.stored_key,
                server_key: token.server_key,
                proves: Some((person, account)),
            });
        }
        let made_up =
            countersign_journal::Digest::of("countersign mock scram v1", &[user.as_bytes(), &self.0.mock_key]);
        let (stored_key, server_key) = (dice::bytes::<32>()?.to_vec(), dice::bytes::<32>()?.to_vec());
        Ok(Scram { salt: made_up.0[..16].to_vec(), iterations: ITERATIONS.get(), stored_key, server_key, proves: None })
    }

    /// `person+[account@]target`: the first `+` (or `%`, where a driver eats the `+`), the last `@`.
    pub(crate) fn person_and_account(&self, user: &str, protocol: Protocol) -> Option<(PersonId, AccountId)> {
        let (handle, label) = user.split_once(['+', '%'])?;
        let (person, account) = (self.person_by_handle(&handle.to_lowercase())?, self.account_by_label(label)?);
        (self.protocol_of(account)? == protocol).then_some((person, account))
    }

    /// How the device of an account is spoken to.
    #[must_use]
    pub fn protocol_of(&self, account: AccountId) -> Option<Protocol> {
        let directory = self.directory();
        let device = directory.accounts.get(&account).and_then(|a| directory.devices.get(&a.device));
        device.map(Device::protocol)
    }

    /// The account meant by `account@device`, or by a device with only one account.
    #[must_use]
    pub fn account_by_label(&self, label: &str) -> Option<AccountId> {
        let mut found = self.accounts_by_label(label).into_iter();
        found.next().filter(|_| found.next().is_none())
    }

    /// The accounts that a label can stand for.
    pub(crate) fn accounts_by_label(&self, label: &str) -> Vec<AccountId> {
        let directory = self.directory();
        let (account, device) = match label.rsplit_once('@') {
            Some((account, device)) => (Some(account), device),
            None => (None, label),
        };
        let found = directory.accounts.iter().filter(|(_, a)| {
            directory.devices.get(&a.device).is_some_and(|d| d.name == device) && account.is_none_or(|n| a.name == n)
        });
        found.map(|(id, _)| *id).collect()
    }
}

fn verifier(token: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut salted = [0u8; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, token, &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
    let server_key = hmac::sign(&key, b"Server Key");
    (stored_key.as_ref().to_vec(), server_key.as_ref().to_vec())
}
