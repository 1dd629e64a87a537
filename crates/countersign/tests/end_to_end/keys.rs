//! People's own SSH keys: the real `ssh` with keys of `ssh-keygen`, and, for what it does not do by itself, a client of our own.

use crate::ssh::{FREE, Web};
use crate::world::{SOON, eventually, has};
use countersign_harness::{Ran, Ssh, SshKey};
use russh::client::{self, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate, load_secret_key};
use russh::{SendError, Signer};
use serde_json::{Value, json};
use std::sync::Arc;

pub const ED25519: [&str; 2] = ["-t", "ed25519"];
pub const RSA: [&str; 4] = ["-t", "rsa", "-b", "3072"];

impl Web {
    pub fn key(&self, name: &str, kind: &[&str]) -> SshKey {
        SshKey::new(self.path(name), kind).unwrap_or_else(|error| panic!("{error}"))
    }

    fn register(&self, person: &str, key: &SshKey) -> Value {
        let password = self.world.server.password(person);
        let line = key.public().expect("readable");
        self.world.done(person, "/keys", &json!({ "name": "laptop", "key": line, "password": password }))
    }

    /// Somebody's key that is registered.
    pub fn registered(&self, person: &str, name: &str, kind: &[&str]) -> SshKey {
        self.world.api(person);
        let key = self.key(name, kind);
        self.register(person, &key);
        key
    }

    /// An ssh as a person that brings keys and no token.
    pub fn with_keys(&self, person: &str, keys: &[&SshKey]) -> Ssh {
        self.ssh(person).with_keys(keys)
    }

    fn cli(&self, person: &str, words: &[&str]) -> Ran {
        self.world.server.cli(person, words).expect("it runs")
    }

    pub fn user(&self, person: &str) -> String {
        format!("{person}+{}@web-01", self.sshd.user())
    }
}

pub fn tries(ssh: &Ssh) -> Ran {
    ssh.run("echo ran", "").expect("ssh runs")
}

/// What a client that is refused hears, behind its own name.
pub fn refused(ssh: &Ssh) -> String {
    let ran = tries(ssh);
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 255), "{}", ran.stderr);
    ran.stderr.rsplit("127.0.0.1: ").next().unwrap_or_default().trim().to_owned()
}

pub fn gets_in(ssh: &Ssh) {
    let ran = tries(ssh);
    assert_eq!((ran.stdout.as_str(), ran.code), ("ran\n", 0), "{}", ran.stderr);
}

/// R52: a person's own key signs them in, whatever kind it is of, and nothing opens by it that the rules do not open.
#[test]
fn r52_ones_own_key_opens_what_the_rules_open() {
    let web = Web::new(&[FREE]);
    let ecdsa = ["256", "384", "521"].map(|bits| ["-t", "ecdsa", "-b", bits]);
    let kinds: [&[&str]; 5] = [&ED25519, &ecdsa[0], &ecdsa[1], &ecdsa[2], &RSA];
    for (n, kind) in kinds.iter().enumerate() {
        gets_in(&web.with_keys("alice", &[&web.registered("alice", &format!("own-{n}"), kind)]));
    }
    let token = web.ssh("alice");
    gets_in(&token);
    let listed = web.world.get("alice", "/keys");
    assert!(listed.as_array().is_some_and(|keys| keys.len() == 5), "{listed}");
    assert!(listed.as_array().into_iter().flatten().all(|key| key["used_at"].is_number()), "{listed}");
    // A rule that no longer speaks for her: the account is as none to her.
    let own = web.with_keys("alice", &[&web.registered("alice", "own", &ED25519)]);
    gets_in(&own);
    web.world.apply(&[&web.device()]);
    has(&refused(&own), "Permission denied");
}

/// R52: a key opens nothing for others, nor when it is removed or its person disabled; none is told from another.
#[test]
fn r52_no_other_key_opens_and_none_is_told_from_another() {
    let web = Web::new(&[FREE]);
    let (own, others) = (web.registered("alice", "own", &ED25519), web.registered("bob", "others", &ED25519));
    let (unknown, authority) = (web.key("unknown", &ED25519), web.key("authority", &ED25519));
    let public_only = web.key("public-only", &ED25519);
    web.register("alice", &public_only);
    std::fs::remove_file(public_only.path()).expect("it was there");
    let alice = |key: &SshKey| web.with_keys("alice", &[key]);
    let never = refused(&alice(&unknown));
    assert_eq!(never, "Permission denied (publickey,keyboard-interactive,password).");
    assert_eq!(refused(&alice(&others)), never, "another person's");
    let public_half = web.ssh("alice").with_keys(&[&public_only]);
    has(&refused(&public_half), "Permission denied");
    for user in [web.user("nobody"), "alice+root@web-99".to_owned(), "bob".to_owned(), web.user("mia")] {
        assert_eq!(refused(&alice(&own).with_user(&user)), never, "{user}");
    }
    // A certificate, of whichever key, counts for nothing.
    let certified = |key: &SshKey| {
        key.certify(&authority, &web.user("alice")).expect("signed");
        let mut ssh = alice(key);
        ssh.options = vec!["-o".to_owned(), "PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com".to_owned()];
        ssh
    };
    assert_eq!(refused(&certified(&unknown)), never);
    assert_eq!(refused(&certified(&own)), never, "not even of her own");
    gets_in(&alice(&own));

    let number = web.world.get("alice", "/keys")[0]["number"].to_string();
    assert_ne!(web.cli("bob", &["keys", "remove", "7"]).code, 0);
    assert_eq!(web.cli("alice", &["keys", "remove", &number]).code, 0);
    assert_eq!(refused(&alice(&own)), never, "removed");
    let bob = web.with_keys("bob", &[&others]);
    gets_in(&bob);
    web.disable("bob");
    assert_eq!(refused(&bob), never, "disabled");
}

impl Web {
    /// Puts the same in force without one of the developers, who is disabled by that.
    pub fn disable(&self, handle: &str) {
        let person = |handle: &str| format!("[[person]]\nhandle = \"{handle}\"\nemail = \"{handle}@shop.example\"\n");
        let file = self.world.file(&[&self.device(), FREE]).replace(&person(handle), "");
        let other = if handle == "alice" { "bob" } else { "alice" };
        let file = file.replace("[\"alice\", \"bob\"]", &format!("[\"{other}\"]"));
        self.world.server.apply(&file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    }
}

/// R52: a client with several keys finds the right one, and no more are looked at than six; a token does behind them.
#[test]
fn r52_a_client_offers_six_keys_and_no_more() {
    let web = Web::new(&[FREE]);
    let wrong: Vec<SshKey> = (0..6).map(|n| web.key(&format!("wrong-{n}"), &ED25519)).collect();
    let own = web.registered("alice", "own", &ED25519);
    let behind = |wrong: &[SshKey]| {
        let keys: Vec<&SshKey> = wrong.iter().chain([&own]).collect();
        web.with_keys("alice", &keys)
    };
    gets_in(&behind(&wrong[..5]));
    has(&refused(&behind(&wrong)), "Permission denied");
    let mut token = behind(&wrong);
    token.methods = "publickey,password";
    gets_in(&token);
    let mut guess = behind(&wrong[..2]).with_password("no such token").expect("written");
    guess.methods = "password";
    has(&refused(&guess), "Permission denied");
}

/// R52: the command line registers, lists and removes; what is no key, or too weak a one, is refused with what to do.
#[test]
fn r52_keys_are_kept_by_the_command_line() {
    let web = Web::new(&[FREE]);
    web.world.api("alice");
    let (own, weak) = (web.key("own", &ED25519), web.key("weak", &["-t", "rsa", "-b", "2048"]));
    let password = web.path("password");
    std::fs::write(&password, web.world.server.password("alice")).expect("written");
    let add = |file: &str| web.cli("alice", &["keys", "add", file, "--password-file", &password.display().to_string()]);
    let added = add(&own.public_path().display().to_string());
    assert_eq!(added.code, 0, "{}", added.stderr);
    for shown in ["own", "ssh-ed25519", "SHA256:", "never"] {
        has(&added.stdout, shown);
    }
    let refused = add(&weak.public_path().display().to_string());
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    has(&refused.stderr, "2048 bits, and 3072 to 8192 are taken");
    has(&add(&own.path().display().to_string()).stderr, "private key");
    assert_eq!(web.cli("alice", &["keys"]).stdout, added.stdout);
    has(&web.cli("alice", &["keys", "remove", "1"]).stdout, "No SSH key is registered.");
}

/// R35: a session goes on when the key is removed by which it was opened, for its grant stands; it ends with its person.
#[test]
fn r35_a_session_outlives_its_key_and_not_its_person() {
    let web = Web::new(&[FREE]);
    let own = web.registered("alice", "own", &ED25519);
    let ssh = web.with_keys("alice", &[&own]).shared();
    let first = ssh.spawn("echo begun; sleep 600").expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    assert_eq!(web.cli("alice", &["keys", "remove", "1"]).code, 0);
    gets_in(&ssh);
    has(&refused(&web.with_keys("alice", &[&own])), "Permission denied");
    web.disable("alice");
    assert_ne!(first.finish(SOON).expect("an end").code, 0);
    eventually("no session is open", || {
        let live = web.world.get("ada", "/sessions?live=true");
        live.as_array().is_some_and(Vec::is_empty).then_some(())
    });
}

pub struct Client;

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

pub async fn connected(web: &Web) -> Handle<Client> {
    connected_as(web, Client).await
}

pub async fn connected_as<H: client::Handler<Error = russh::Error> + Send + 'static>(web: &Web, who: H) -> Handle<H> {
    let at = ("127.0.0.1", web.world.server.ssh_port());
    client::connect(Arc::default(), at, who).await.expect("connected")
}

pub fn loaded(key: &SshKey) -> PrivateKey {
    load_secret_key(key.path(), None).expect("a key")
}

/// R52: RSA signs with SHA-2; what is signed with SHA-1 proves nothing.
#[tokio::test]
async fn r52_a_signature_with_sha1_proves_nothing() {
    let web = Web::new(&[FREE]);
    let own = Arc::new(loaded(&web.registered("alice", "own", &RSA)));
    for (hash, accepted) in [(None, false), (Some(HashAlg::Sha256), true), (Some(HashAlg::Sha512), true)] {
        let key = PrivateKeyWithHashAlg::new(own.clone(), hash);
        let answer = connected(&web).await.authenticate_publickey(web.user("alice"), key).await.expect("an answer");
        assert_eq!(answer.success(), accepted, "{hash:?}");
    }
}

/// Signs, after something else was done.
struct Late<'w> {
    key: PrivateKey,
    before: Box<dyn Fn() + Send + Sync + 'w>,
}

impl Signer for Late<'_> {
    type Error = LateFault;

    async fn auth_sign(&mut self, _: &AgentIdentity, _: Option<HashAlg>, data: Vec<u8>) -> Result<Vec<u8>, LateFault> {
        (self.before)();
        let signature = self.key.try_sign(&data).expect("signed");
        let mut signed = data;
        signature.encode_prefixed(&mut signed).expect("written");
        Ok(signed)
    }
}

#[derive(Debug)]
struct LateFault;

impl From<SendError> for LateFault {
    fn from(_: SendError) -> LateFault {
        LateFault
    }
}

/// R52: what was said of an offered key proves nothing: everything is asked again of the signature, which must be the key's own.
#[tokio::test]
async fn r52_only_the_signature_is_a_proof() {
    let web = Web::new(&[FREE]);
    let (own, other) = (web.registered("alice", "own", &ED25519), web.key("other", &ED25519));
    let shown: PublicKey = loaded(&own).public_key().clone();
    let answer = async |key: &SshKey, before: Box<dyn Fn() + Send + Sync + '_>| {
        let mut signer = Late { key: loaded(key), before };
        let mut client = connected(&web).await;
        let answer = client.authenticate_publickey_with(web.user("alice"), shown.clone(), None, &mut signer).await;
        answer.expect("an answer").success()
    };
    assert!(answer(&own, Box::new(|| ())).await);
    assert!(!answer(&other, Box::new(|| ())).await, "another's signature");
    let removed = || assert_eq!(web.cli("alice", &["keys", "remove", "1"]).code, 0);
    assert!(!answer(&own, Box::new(removed)).await, "removed between offer and signature");
}

/// R52: a client that goes on offering keys after it was told that no more are looked at is not let in by a right one.
#[tokio::test]
async fn r52_a_client_that_goes_on_offering_keys_is_not_heard() {
    let web = Web::new(&[FREE]);
    let own = loaded(&web.registered("alice", "own", &ED25519));
    let wrong = loaded(&web.key("wrong", &ED25519));
    for (tries, gets_in) in [(5, true), (6, false)] {
        let mut client = connected(&web).await;
        let mut last = false;
        for key in std::iter::repeat_n(&wrong, tries).chain([&own]) {
            let key = PrivateKeyWithHashAlg::new(Arc::new(key.clone()), None);
            last = client.authenticate_publickey(web.user("alice"), key).await.is_ok_and(|answer| answer.success());
        }
        assert_eq!(last, gets_in, "after {tries}");
    }
}

/// Somebody who signed in and sends into a channel in which nothing runs, or asks for ever, is sent away: what comes there
/// would be kept for nobody.
#[tokio::test]
async fn r52_nothing_is_kept_for_a_channel_in_which_nothing_runs() {
    let web = Web::new(&[FREE]);
    let own = web.registered("alice", "own", &ED25519);
    for asks in [false, true] {
        let mut client = connected(&web).await;
        let key = PrivateKeyWithHashAlg::new(std::sync::Arc::new(loaded(&own)), None);
        let answer = client.authenticate_publickey(web.user("alice"), key).await.expect("an answer");
        assert!(answer.success());
        let mut channel = client.channel_open_session().await.expect("a channel");
        for n in 0..200 {
            let sent = if asks {
                channel.set_env(false, format!("V{n}"), "x").await
            } else {
                channel.data_bytes(b"x".as_slice()).await
            };
            if sent.is_err() {
                break;
            }
        }
        let ended = async { while channel.wait().await.is_some() {} };
        tokio::time::timeout(SOON, ended).await.expect("it is sent away");
    }
}
