//! Certificates of people's SSH keys, made by `ssh-keygen`: which sign in, and which do not. And what clients are told before.

use crate::keys::{ED25519, RSA, connected, connected_as, gets_in, loaded, refused};
use crate::ssh::{FREE, Web};
use crate::world::{SOON, has};
use countersign_harness::{Ssh, SshKey};
use russh::client;
use russh::keys::{Certificate, PublicKeyOrCertificate};
use std::sync::{Arc, Mutex};

const REFUSED: &str = "Permission denied (publickey,keyboard-interactive,password).";

/// A server in front of which these keys sign for people.
fn certified(authorities: &[&str]) -> (Web, Vec<SshKey>) {
    let web = Web::new(&[FREE]);
    web.world.api("alice");
    let keys: Vec<SshKey> = authorities.iter().map(|name| web.key(name, &ED25519)).collect();
    let lines: Vec<String> = keys.iter().map(|key| key.public().expect("readable")).collect();
    listing(&web, &lines);
    (web, keys)
}

/// Puts in force that these keys, each as one line, sign for people.
fn listing(web: &Web, lines: &[String]) {
    web.world.apply(&[&web.device(), FREE, &parameters(lines)]);
}

fn parameters(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("\"{}\"", line.trim())).collect();
    format!("[parameters]\n\"ssh.user.ca\" = [{}]\n", lines.join(", "))
}

impl Web {
    /// An ssh of alice's that shows a certificate and nothing else.
    fn showing(&self, key: &SshKey) -> Ssh {
        let mut ssh = self.with_keys("alice", &[key]);
        let kinds = "ssh-ed25519-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com";
        ssh.options = vec!["-o".to_owned(), format!("PubkeyAcceptedAlgorithms={kinds}")];
        ssh
    }

    /// The same with a new certificate of a key.
    fn shows(&self, key: &SshKey, by: &SshKey, further: &[&str]) -> Ssh {
        key.certify_with(by, further).unwrap_or_else(|error| panic!("{error}"));
        self.showing(key)
    }
}

/// R52: who has a certificate of a listed authority for themselves gets in, and the audit says by which; each thing that is
/// asked of it keeps somebody out.
#[test]
fn r52_a_certificate_signs_in_whom_a_listed_authority_named() {
    let (web, keys) = certified(&["other", "people"]);
    let (people, own, stranger) = (&keys[1], web.key("own", &ED25519), web.key("stranger", &ED25519));
    for further in [
        &["-n", "alice", "-z", "4711"][..],
        &["-n", "root,alice", "-V", "-1m:+1h", "-O", "source-address=192.0.2.0/24,127.0.0.0/8"],
        &["-n", "alice", "-O", "clear"],
    ] {
        gets_in(&web.shows(&own, people, further));
    }
    let audit = web.world.get("ada", "/audit?kind=certificate_used").to_string();
    has(&audit, "alice signed in from 127.0.0.1 over SSH by the certificate `test`, serial 4711, of SHA256:");
    assert_eq!(audit.matches("by the certificate `test`").count(), 3, "{audit}");
    for (what, by, further) in [
        ("another authority", &stranger, &["-n", "alice"][..]),
        ("over", people, &["-n", "alice", "-V", "20200101:20200102"]),
        ("not yet", people, &["-n", "alice", "-V", "+1d:+2d"]),
        ("of a host", people, &["-n", "alice", "-h"]),
        ("for nobody in particular", people, &[]),
        ("another's", people, &["-n", "bob,root"]),
        ("with a command", people, &["-n", "alice", "-O", "force-command=true"]),
        ("with what nobody knows", people, &["-n", "alice", "-O", "critical:else=1"]),
        ("for elsewhere", people, &["-n", "alice", "-O", "source-address=192.0.2.0/24"]),
    ] {
        assert_eq!(refused(&web.shows(&own, by, further)), REFUSED, "{what}");
    }
    // The certificate of one key proves nothing to whoever has another.
    own.certify(people, "alice").expect("signed");
    std::fs::copy(web.path("own-cert.pub"), web.path("stranger-cert.pub")).expect("copied");
    assert_eq!(refused(&web.showing(&stranger)), REFUSED);
    gets_in(&web.showing(&own));
    web.disable("alice");
    listing(&web, &[]);
    assert_eq!(refused(&web.showing(&own)), REFUSED, "disabled, and no authority any more");
}

/// R52: an authority with an RSA key signs with SHA-2; keys of registered people do as before, behind others that do not.
#[test]
fn r52_authorities_sign_with_what_is_taken_and_other_keys_do_as_before() {
    let web = Web::new(&[FREE]);
    let (rsa, own) = (web.key("rsa", &RSA), web.key("own", &ED25519));
    listing(&web, &[rsa.public().expect("readable")]);
    gets_in(&web.shows(&own, &rsa, &["-t", "rsa-sha2-512", "-n", "alice"]));
    assert_eq!(refused(&web.shows(&own, &rsa, &["-t", "ssh-rsa", "-n", "alice"])), REFUSED, "SHA-1");
    let wrong: Vec<SshKey> = (0..5).map(|n| web.key(&format!("wrong-{n}"), &ED25519)).collect();
    let registered = web.registered("alice", "registered", &ED25519);
    let keys: Vec<&SshKey> = wrong.iter().chain([&registered]).collect();
    gets_in(&web.with_keys("alice", &keys));
    let told = web.world.refused(&[
        &web.device(),
        FREE,
        &parameters(&[std::fs::read_to_string(web.path("own-cert.pub")).expect("there")]),
    ]);
    has(&told, "parameter `ssh.user.ca`: key 1: certificates are not taken");
}

/// R35: an authority that is taken out lets nobody in any more; a session goes on, for its grant stands.
#[test]
fn r35_an_authority_that_is_taken_out_lets_nobody_in() {
    let (web, keys) = certified(&["people"]);
    let own = web.key("own", &ED25519);
    own.certify(&keys[0], "alice").expect("signed");
    let ssh = web.with_keys("alice", &[&own]).shared();
    let first = ssh.spawn("echo begun; sleep 600").expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    listing(&web, &[]);
    gets_in(&ssh);
    assert_eq!(refused(&web.showing(&own)), REFUSED);
    web.disable("alice");
    assert_ne!(first.finish(SOON).expect("an end").code, 0, "it ends with its person");
}

/// R52: what is changed in a certificate, or signed with another key than its own, proves nothing: `ssh` would not even show it.
#[tokio::test]
async fn r52_a_certificate_that_was_tampered_with_proves_nothing() {
    let (web, keys) = certified(&["people"]);
    let own = web.key("own", &ED25519);
    own.certify(&keys[0], "alice").expect("signed");
    let text = std::fs::read_to_string(web.path("own-cert.pub")).expect("a certificate");
    let certificate = Certificate::from_openssh(&text).expect("a certificate");
    let bytes = certificate.to_bytes().expect("bytes");
    let name_at = bytes.windows(5).position(|five| five == b"alice").expect("the principal");
    let mut renamed = bytes.clone();
    renamed[name_at..name_at + 5].copy_from_slice(b"mallo");
    let key = Arc::new(loaded(&own));
    for (bytes, user, accepted) in [(&bytes, "alice", true), (&renamed, "alice", false), (&renamed, "mallo", false)] {
        let certificate = Certificate::from_bytes(bytes).expect("readable");
        let answer = connected(&web).await.authenticate_openssh_cert(user, key.clone(), certificate).await;
        assert_eq!(answer.is_ok_and(|answer| answer.success()), accepted, "{user}");
    }
    let other = Arc::new(loaded(&web.key("other", &ED25519)));
    let answer = connected(&web).await.authenticate_openssh_cert("alice", other, certificate).await;
    assert!(!answer.is_ok_and(|answer| answer.success()), "signed with another key");
}

/// Keeps what it is told before it signs in.
struct Listening(Arc<Mutex<String>>);

impl client::Handler for Listening {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }

    async fn auth_banner(&mut self, banner: &str, _: &mut client::Session) -> Result<(), russh::Error> {
        self.0.lock().expect("not poisoned").push_str(banner);
        Ok(())
    }
}

/// R52: what the configuration says is told to everybody who connects, before they prove anything.
#[tokio::test]
async fn r52_a_banner_is_shown_before_the_sign_in() {
    let web = Web::new(&[FREE]);
    for (line, expected) in [
        ("", ""),
        ("\"ssh.banner\" = \"For staff only.\\nAll is recorded.\"\n", "For staff only.\r\nAll is recorded.\r\n"),
    ] {
        web.world.apply(&[&web.device(), FREE, &format!("[parameters]\n{line}")]);
        let heard = Arc::default();
        let mut client = connected_as(&web, Listening(Arc::clone(&heard))).await;
        assert!(!client.authenticate_none("nobody").await.expect("an answer").success());
        assert_eq!(*heard.lock().expect("not poisoned"), expected);
    }
    for wrong in ["\\u001b[2J".to_owned(), "x".repeat(2_001)] {
        let told = web.world.refused(&[&web.device(), FREE, &format!("[parameters]\n\"ssh.banner\" = \"{wrong}\"\n")]);
        has(&told, "parameter `ssh.banner`: it has at most 2000 characters, all of them visible");
    }
}
