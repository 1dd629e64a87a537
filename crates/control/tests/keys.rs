//! Signing in over SSH: people's keys, who registers them, what they open, and when they end; and passwords, which never do
//! alone.

use countersign_control::view::AuditQuery;
use countersign_control::{
    Actor, Clock, Control, Fault, KeyRefusal, Proven, RootKey, Settings, SignInRefusal, install,
};
use countersign_core::Refusal;
use data_encoding::{BASE32_NOPAD, BASE64};
use secrecy::{ExposeSecret, SecretString};
use ssh_key::private::Ed25519Keypair;
use ssh_key::{PrivateKey, certificate};
use std::time::Duration;

const PASSWORD: &str = "correct horse battery";
const WRONG: &str = "incorrect horse battery";
/// Alice reaches one of two servers, and a database.
const POLICY: &str = r#"
person = [{ handle = "ada", role = "administrator" }, { handle = "alice" }, { handle = "bob" }]
group = [{ name = "dba", members = ["alice", "bob"] }]
device = [
  { name = "web-01", protocol = "ssh", host = "localhost", host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOFiuqAoJj9r+YtnC7+ZuLD3eMT7QLKFS0Jtvzj6PDTa" },
  { name = "web-02", protocol = "ssh", host = "localhost", host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOFiuqAoJj9r+YtnC7+ZuLD3eMT7QLKFS0Jtvzj6PDTa" },
  { name = "db", host = "localhost", database = "shop", ca = "" },
]
account = [{ device = "web-01", name = "root" }, { device = "web-02", name = "root" }, { device = "db", name = "app" }]
rule = [{ name = "open", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["root@web-01", "app@db"] }]
"#;

struct Scene {
    control: Control,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let settings = Settings {
            ca_file: data.join("ca.pem"),
            data,
            page_address: "https://countersign.test".into(),
            postgres_address: ("localhost".into(), 5432),
            ssh_address: Some(("localhost".into(), 22)),
        };
        let (clock, root) = (Clock::default(), RootKey::File(folder.path().join("key")));
        let hosts = ["localhost".to_owned()];
        let installed = install(settings, &root, clock.clone(), &hosts, "ada").await.expect("installed");
        let scene = Scene { control: installed.control, clock, _folder: folder };
        scene.accept(&installed.invitation).await;
        let ada = scene.actor("ada").await;
        scene.control.propose(&ada, POLICY, "", None).await.expect("applied");
        for handle in ["alice", "bob"] {
            scene.accept(&scene.control.invite(&ada, handle).await.expect("invited")).await;
        }
        scene
    }

    async fn accept(&self, link: &str) {
        let token = link.rsplit('/').next().expect("a token");
        self.control.accept_invitation(token, PASSWORD.into()).await.expect("set");
    }

    async fn actor(&self, handle: &str) -> Actor {
        let session = self.control.sign_in(handle, PASSWORD.into(), None, "test").await.expect("signed in");
        self.control.actor(session.cookie.expose_secret()).await.expect("an actor")
    }

    /// Sets a second factor; the secret of its authenticator.
    async fn use_second_factor(&self, actor: &Actor) -> SecretString {
        let setup = self.control.begin_second_factor(actor, PASSWORD.into()).await.expect("begun");
        let code = self.code(&setup.secret);
        self.control.finish_second_factor(actor, &code).await.expect("confirmed");
        setup.secret
    }

    /// What an authenticator shows now.
    fn code(&self, secret: &SecretString) -> String {
        let secret = BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).expect("base32");
        let totp = totp_rs::Builder::new().with_secret(secret).build().expect("a secret");
        totp.generate(u64::try_from(self.control.now().0 / 1_000_000).expect("after 1970")).to_string()
    }

    /// Whom a password and a code prove.
    async fn types(&self, user: &str, password: &str, code: &str) -> Option<Proven> {
        self.control.password_proved(user, password.into(), code, "192.0.2.1").await.expect("no trouble")
    }

    async fn add(&self, actor: &Actor, n: u8) -> Result<(), Fault> {
        self.control.add_key(actor, PASSWORD.into(), "laptop", &key(n)).await
    }

    async fn fingerprints(&self, actor: &Actor) -> Vec<String> {
        self.control.keys(actor).await.expect("readable").into_iter().map(|key| key.fingerprint).collect()
    }

    /// Whom a key proves under a user name.
    async fn proves(&self, user: &str, fingerprint: &str) -> Option<Proven> {
        let offered = self.control.key_owner(user, fingerprint).await.expect("no trouble");
        let proved = self.control.key_proved(user, fingerprint).await.expect("no trouble");
        assert_eq!(offered, proved);
        proved
    }
}

/// An Ed25519 key, another for each number.
fn key(n: u8) -> String {
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).expect("short").to_be_bytes(), bytes].concat();
    format!("ssh-ed25519 {}", BASE64.encode(&[field(b"ssh-ed25519"), field(&[n; 32])].concat()))
}

fn refused(answer: &Result<(), Fault>, expected: KeyRefusal) {
    assert!(matches!(answer, Err(Fault::Key(refusal)) if *refusal == expected), "{answer:?}");
}

/// A key opens what its person could get a token for, and says no more than a token of what there is.
#[tokio::test]
async fn r52_a_key_proves_its_person_and_nobody_else() {
    let scene = Scene::start().await;
    let (alice, bob) = (scene.actor("alice").await, scene.actor("bob").await);
    scene.add(&alice, 1).await.expect("added");
    scene.add(&bob, 2).await.expect("added");
    let (hers, his) = (scene.fingerprints(&alice).await.remove(0), scene.fingerprints(&bob).await.remove(0));
    let account = scene.control.account_by_label("root@web-01").expect("an account");
    for user in ["alice+root@web-01", "ALICE+web-01", "alice%root@web-01"] {
        let proved = Proven { person: alice.person, account: Some(account) };
        assert_eq!(scene.proves(user, &hers).await, Some(proved), "{user}");
        assert_eq!(scene.proves(user, &his).await, None, "{user}");
    }
    let herself = Proven { person: alice.person, account: None };
    assert_eq!(scene.proves("Alice", &hers).await, Some(herself), "who names no account");
    assert_eq!(scene.proves("alice", &his).await, None);
    // No rule speaks of the second server; the third is a database; the others are none.
    for user in [
        "alice+root@web-02",
        "alice+app@db",
        "alice+root@web-03",
        "root@web-01",
        "nobody+root@web-01",
        "nobody",
        "alice+",
        "",
    ] {
        assert_eq!(scene.proves(user, &hers).await, None, "{user}");
    }
    assert_eq!(scene.proves("alice+root@web-01", "SHA256:nothing").await, None);
    // What a proof leaves is when it was, and no entry.
    let head = scene.control.head();
    scene.proves("alice+root@web-01", &hers).await.expect("proved");
    assert_eq!(scene.control.head(), head);
    assert!(scene.control.keys(&alice).await.expect("readable")[0].used_at.is_some());
    assert_eq!(scene.control.keys(&bob).await.expect("readable")[0].used_at, None);
}

/// A key is one person's: who has it is told to nobody, and nobody takes another's away.
#[tokio::test]
async fn r52_a_key_is_one_persons_only() {
    let scene = Scene::start().await;
    let (alice, bob) = (scene.actor("alice").await, scene.actor("bob").await);
    scene.add(&alice, 1).await.expect("added");
    let (again, others) = (scene.add(&alice, 1).await, scene.add(&bob, 1).await);
    refused(&again, KeyRefusal::Taken);
    refused(&others, KeyRefusal::Taken);
    let told = others.expect_err("refused").to_string();
    assert!(!told.contains("alice") && told == again.expect_err("refused").to_string(), "{told}");
    let none = scene.control.remove_key(&bob, 1).await;
    assert!(matches!(none, Err(Fault::NotFound)), "{none:?}");
    let hers = scene.fingerprints(&alice).await.remove(0);
    scene.control.remove_key(&alice, 1).await.expect("removed");
    assert_eq!(scene.proves("alice+root@web-01", &hers).await, None);
    scene.add(&bob, 1).await.expect("free again");
    assert_eq!(scene.proves("alice+root@web-01", &hers).await, None);
}

#[tokio::test]
async fn a_person_has_twenty_keys_at_most() {
    let scene = Scene::start().await;
    let alice = scene.actor("alice").await;
    for n in 1..=20 {
        scene.add(&alice, n).await.expect("added");
    }
    refused(&scene.add(&alice, 21).await, KeyRefusal::TooMany);
    scene.control.remove_key(&alice, 3).await.expect("removed");
    scene.add(&alice, 21).await.expect("room again");
    let numbers: Vec<u64> = scene.control.keys(&alice).await.expect("readable").iter().map(|key| key.number).collect();
    assert_eq!(numbers, (1..=21).filter(|n| *n != 3).collect::<Vec<u64>>());
}

/// A session is not enough: whoever found one open would get in for good. Nor is one whose second factor is stale.
#[tokio::test]
async fn a_key_is_registered_with_the_password_and_a_fresh_second_factor() {
    let scene = Scene::start().await;
    let alice = scene.actor("alice").await;
    let with = |password: &'static str| {
        let (control, alice) = (scene.control.clone(), alice.clone());
        async move { control.add_key(&alice, password.into(), "laptop", &key(1)).await }
    };
    for _ in 0..4 {
        let wrong = with(WRONG).await;
        assert!(matches!(wrong, Err(Fault::SignIn(SignInRefusal::Wrong))), "{wrong:?}");
    }
    assert!(with(WRONG).await.is_err());
    let locked = with(PASSWORD).await;
    assert!(matches!(locked, Err(Fault::SignIn(SignInRefusal::Locked))), "a guesser is stopped: {locked:?}");
    scene.clock.advance(Duration::from_secs(901));
    scene.use_second_factor(&alice).await;
    let confirmed = |at| Actor { has_second_factor: true, second_factor_at: at, ..alice.clone() };
    for stale in [confirmed(None), confirmed(Some(scene.control.now()))] {
        scene.clock.advance(Duration::from_secs(301));
        let weak = scene.add(&stale, 1).await;
        assert!(matches!(weak, Err(Fault::Refused(Refusal::EvidenceTooWeak))), "{weak:?}");
    }
    assert!(scene.fingerprints(&alice).await.is_empty());
    scene.add(&confirmed(Some(scene.control.now())), 1).await.expect("added");
}

/// A disabled person signs in by no key; a new link ends the keys, for whoever had the password may have registered them, and a
/// changed password does not.
#[tokio::test]
async fn keys_end_with_a_link_and_rest_while_their_person_is_disabled() {
    let scene = Scene::start().await;
    let ada = scene.actor("ada").await;
    let session = scene.control.sign_in("alice", PASSWORD.into(), None, "test").await.expect("signed in");
    let alice = scene.control.actor(session.cookie.expose_secret()).await.expect("an actor");
    scene.add(&alice, 1).await.expect("added");
    let hers = scene.fingerprints(&alice).await.remove(0);
    let user = "alice+root@web-01";
    // Whoever is left out is disabled.
    let disabled = POLICY.replace("{ handle = \"alice\" }, ", "").replace("\"alice\", ", "");
    scene.control.propose(&ada, &disabled, "", None).await.expect("applied");
    assert_eq!(scene.proves(user, &hers).await, None);
    scene.control.propose(&ada, POLICY, "", None).await.expect("applied");
    assert!(scene.proves(user, &hers).await.is_some());
    let cookie = session.cookie.expose_secret();
    scene.control.change_password(&alice, cookie, PASSWORD.into(), "another password".into()).await.expect("changed");
    assert!(scene.proves(user, &hers).await.is_some());
    scene.accept(&scene.control.invite(&ada, "alice").await.expect("invited")).await;
    assert_eq!(scene.proves(user, &hers).await, None);
}

/// A password never does alone, and a code counts once; what is wrong is not told, and counts as on the page.
#[tokio::test]
async fn r52_a_password_needs_a_code_and_a_code_counts_once() {
    let scene = Scene::start().await;
    let (ada, alice) = (scene.actor("ada").await, scene.actor("alice").await);
    let account = scene.control.account_by_label("root@web-01");
    let herself = |account| Some(Proven { person: alice.person, account });
    for code in ["", "000000"] {
        assert_eq!(scene.types("alice", PASSWORD, code).await, None, "she has no second factor");
    }
    let secret = scene.use_second_factor(&alice).await;
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.types("alice", PASSWORD, "").await, None, "no code");
    let code = scene.code(&secret);
    assert_eq!(scene.types("alice", WRONG, &code).await, None);
    assert_eq!(scene.types("nobody", PASSWORD, &code).await, None);
    assert_eq!(scene.types("bob", PASSWORD, &code).await, None, "another's code");
    scene.clock.advance(Duration::from_secs(60));
    let code = scene.code(&secret);
    assert_eq!(scene.types("ALICE+root@web-01", PASSWORD, &code).await, herself(account));
    assert_eq!(scene.types("alice", PASSWORD, &code).await, None, "the same code again");
    let audit = scene.control.audit(&ada, &AuditQuery { limit: 500, ..AuditQuery::default() }).await.expect("readable");
    let said = |what: &str| audit.iter().filter(|line| line.sentence.contains(what)).count();
    assert_eq!(said("alice signed in from 192.0.2.1 over SSH with a second factor"), 1);
    assert_eq!(said("sign-in as `nobody` from 192.0.2.1 over SSH failed"), 1);
    // The code that was used again counted as the first failure.
    for _ in 0..4 {
        assert_eq!(scene.types("alice", WRONG, "000000").await, None);
    }
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.types("alice", PASSWORD, &scene.code(&secret)).await, None, "what is right waits, too");
    scene.clock.advance(Duration::from_secs(901));
    assert_eq!(scene.types("alice", PASSWORD, &scene.code(&secret)).await, herself(None));
    let disabled = POLICY.replace("{ handle = \"alice\" }, ", "").replace("\"alice\", ", "");
    scene.control.propose(&ada, &disabled, "", None).await.expect("applied");
    scene.clock.advance(Duration::from_secs(60));
    assert_eq!(scene.types("alice", PASSWORD, &scene.code(&secret)).await, None, "disabled");
}

/// What an authority says counts for somebody who is enabled, as long as it is listed, and the audit has it on one line.
#[tokio::test]
async fn r52_a_certificate_counts_while_its_authority_is_listed_and_its_person_enabled() {
    let scene = Scene::start().await;
    let (ada, alice) = (scene.actor("ada").await, scene.actor("alice").await);
    let pair = |n: u8| PrivateKey::from(Ed25519Keypair::from_seed(&[n; 32]));
    let now = u64::try_from(scene.control.now().0 / 1_000_000).expect("after 1970");
    let data = pair(9).public_key().key_data().clone();
    let mut builder = certificate::Builder::new(vec![7; 16], data, now - 60, now + 3_600).expect("times");
    builder.valid_principal("alice").expect("a name").serial(4711).expect("once");
    builder.key_id(format!("laptop\n\u{202e}{}", "x".repeat(200))).expect("once");
    let shown = builder.sign(&pair(1)).expect("signed");
    let proves =
        async |user: &str| scene.control.certificate_proved(user, &shown, "192.0.2.1").await.expect("no trouble");
    assert!(!scene.control.takes_certificates());
    assert_eq!(proves("alice").await, None);
    let listed =
        format!("parameters = {{ \"ssh.user.ca\" = [\"{}\"] }}\n", pair(1).public_key().to_openssh().expect("a line"));
    scene.control.propose(&ada, &(listed.clone() + POLICY), "", None).await.expect("applied");
    assert!(scene.control.takes_certificates());
    assert_eq!(proves("Alice").await, Some(Proven { person: alice.person, account: None }));
    let account = scene.control.account_by_label("root@web-01");
    assert_eq!(proves("alice+root@web-01").await, Some(Proven { person: alice.person, account }));
    for user in ["bob", "nobody", "alice+root@web-02", "alice+root@web-09"] {
        assert_eq!(proves(user).await, None, "{user}");
    }
    let audit = scene.control.audit(&ada, &AuditQuery { limit: 500, ..AuditQuery::default() }).await.expect("readable");
    let said: Vec<&str> = audit.iter().map(|l| l.sentence.as_str()).filter(|s| s.contains("certificate")).collect();
    let name = format!("laptopU+000AU+202E{}…", "x".repeat(92));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains(&format!(
            "alice signed in from 192.0.2.1 over SSH by the certificate `{name}`, serial 4711, of SHA256:"
        )),
        "{said:?}"
    );
    let disabled = POLICY.replace("{ handle = \"alice\" }, ", "").replace("\"alice\", ", "");
    scene.control.propose(&ada, &(listed.clone() + &disabled), "", None).await.expect("applied");
    assert_eq!(proves("alice").await, None, "disabled");
    scene.control.propose(&ada, &(listed + POLICY), "", None).await.expect("applied");
    assert!(proves("alice").await.is_some());
    scene.clock.advance(Duration::from_secs(3_600));
    assert_eq!(proves("alice").await, None, "over");
}
