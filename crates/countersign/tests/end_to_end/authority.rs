//! Certificates of our own authority in place of stored secrets, in front of a real sshd that trusts it, or does not.

use crate::forward::{naming, sent};
use crate::ssh::{FREE, Web};
use crate::world::has;
use countersign_harness::OpenSsh;
use std::collections::BTreeSet;

/// The server, and its login as an account that signs in with certificates.
fn certified(web: &Web) -> String {
    let whole = web.device();
    let (device, _) = whole.split_once("[[account]]").expect("a device and an account");
    let login = web.sshd.user();
    format!("{device}[[account]]\ndevice = \"web-01\"\nname = \"{login}\"\ncertificate = true\n")
}

/// A world in which alice reaches the server, and nothing but certificates signs in there.
fn web(sshd: OpenSsh) -> Web {
    let web = Web::in_front_of(sshd, &[FREE]);
    web.world.apply(&[&certified(&web), FREE]);
    web
}

/// The authority, as administrators are told it by API and command line alike.
fn authority(web: &Web) -> String {
    let told = web.world.get("ada", "/ssh/authority")["public_key"].as_str().unwrap_or_default().to_owned();
    let printed = web.world.server.cli("ada", &["authority"]).expect("it runs");
    assert_eq!((printed.stdout.trim_end(), printed.code), (told.as_str(), 0), "{}", printed.stderr);
    has(&told, "ssh-ed25519 AAAA");
    told
}

/// What lies between two words of a text.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let found = text.rsplit_once(before).and_then(|(_, rest)| rest.split_once(after));
    found.unwrap_or_else(|| panic!("`{before}` and `{after}` are not in:\n{text}")).0
}

/// The number of the latest session, what its transcript says, and the key and serial that its target was shown.
fn signed_in(web: &Web) -> (String, String, String) {
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let transcript = web.world.get("ada", &format!("/sessions/{session}/transcript")).to_string();
    let key = between(&transcript, "made for this: key ", ",").to_owned();
    let serial = between(&transcript, "serial ", ",").to_owned();
    (session, key, serial)
}

/// R52, R64: no secret is stored; each session has a key of its own, which the target logs with whose session it is.
#[test]
fn r52_r64_each_session_signs_in_with_a_certificate_of_its_own() {
    let web = web(OpenSsh::start().unwrap_or_else(|error| panic!("{error}")));
    let stranger = web.run("alice", "echo in");
    assert_eq!((stranger.stdout.as_str(), stranger.code), ("", 126));
    for words in
        ["does not take the certificate", "`TrustedUserCAKeys`", "`countersign authority`", "tell an administrator"]
    {
        has(&stranger.stderr, words);
    }

    web.sshd.trust(&authority(&web)).expect("it trusts us");
    let (mut keys, mut serials) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..2 {
        let ran = web.run("alice", "echo in");
        assert_eq!((ran.stdout.as_str(), ran.code), ("in\n", 0), "{}", ran.stderr);
        let (session, key, serial) = signed_in(&web);
        let log = web.sshd.log_tail();
        let id = format!("ED25519-CERT {key} ID countersign person=alice session={session} request=");
        has(&log, &id);
        has(between(&log, &id, "\n"), &format!("(serial {serial}) CA ED25519 SHA256:"));
        keys.insert(key);
        serials.insert(serial);
    }
    assert_eq!((keys.len(), serials.len()), (2, 2), "two sessions have two keys: {keys:?} {serials:?}");

    // What rules let through it may have: a terminal, and what is forwarded.
    let shown = web.ssh("alice").terminal("tty && echo shown").and_then(|t| t.finish(crate::world::SOON));
    has(&shown.expect("a terminal").stdout, "shown");
    web.world.apply(&[&certified(&web), FREE, &naming("forward-local", &[], "allow")]);
    let own_port = format!("127.0.0.1:{}", web.sshd.port());
    has(&sent(&web, &own_port, "").stdout, "SSH-2.0-OpenSSH");
    web.sshd.trust("").expect("it trusts nobody");
    assert_eq!(web.run("alice", "echo in").code, 126, "another authority, or none");
}

/// R52: it names the login it is for, and no other, so that the target's own list of principals holds.
#[test]
fn r52_a_certificate_is_for_the_login_of_its_account_and_no_other() {
    let list = "AuthorizedPrincipalsFile {folder}/principals\n";
    let web = web(OpenSsh::start_with(list).unwrap_or_else(|error| panic!("{error}")));
    web.sshd.trust(&authority(&web)).expect("it trusts us");
    for others in ["", "somebody-else\nalice\ncountersign\n"] {
        web.sshd.write("principals", others).expect("a list");
        let refused = web.run("alice", "echo in");
        assert_eq!((refused.stdout.as_str(), refused.code), ("", 126));
        has(&refused.stderr, "`AuthorizedPrincipalsFile`");
    }
    web.sshd.write("principals", &format!("{}\n", web.sshd.user())).expect("a list");
    assert_eq!(web.run("alice", "echo in").stdout, "in\n");
}

/// R2, R52: by the policy file an account goes from a secret to certificates and back; both at once, or certificates for a
/// database, are refused in words.
#[test]
fn r2_r52_an_account_goes_from_a_secret_to_certificates_and_back() {
    let web = Web::new(&[FREE]);
    let (secret, certificate) = (web.device(), certified(&web));
    let in_force = || web.world.server.cli("ada", &["policy"]).expect("it runs").stdout;
    let signs_in = || web.run("alice", "echo in").stdout == "in\n";
    assert!(signs_in() && !in_force().contains("certificate"));

    web.world.apply(&[&certificate, FREE]);
    has(&in_force(), "certificate = true");
    assert!(!signs_in(), "the stored secret does not stand in for a certificate");
    web.sshd.trust(&authority(&web)).expect("it trusts us");
    assert!(signs_in());

    web.sshd.trust("").expect("it trusts nobody");
    web.world.apply(&[&secret, FREE]);
    assert!(signs_in() && !in_force().contains("certificate"));

    let both = secret.replace("password = ", "certificate = true\npassword = ");
    has(&web.world.refused(&[&both, FREE]), "give `certificate` or `password`, not both");
    let database = "[[account]]\ndevice = \"prod-db\"\nname = \"other\"\ncertificate = true\n";
    has(&web.world.refused(&[&secret, database, FREE]), "`certificate` is for `protocol = \"ssh\"`");
}
