//! Signing in: what a guesser learns (nothing), what a lock-out does, and that a code or a link works once.

use countersign_control::{Actor, Clock, Control, Fault, RootKey, Settings, SignInRefusal, install};
use countersign_core::Protocol;
use countersign_journal::AccountId;
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;

const PASSWORD: &str = "correct horse battery";

struct Scene {
    control: Control,
    clock: Clock,
    link: String,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let settings = Settings {
        ca_file: data.join("ca.pem"),
        data,
        page_address: "https://countersign.test".into(),
        postgres_address: ("localhost".into(), 5432),
        ssh_address: None,
    };
    let clock = Clock::default();
    let root = RootKey::File(folder.path().join("key"));
    let installed = install(settings, &root, clock.clone(), &["localhost".to_owned()], "ada").await.expect("installed");
    let link = installed.invitation.rsplit('/').next().expect("a token").to_owned();
    Scene { control: installed.control, clock, link, _folder: folder }
}

impl Scene {
    async fn with_password() -> Scene {
        let scene = scene().await;
        scene.control.accept_invitation(&scene.link, PASSWORD.into()).await.expect("set");
        scene
    }

    async fn try_in(&self, handle: &str, password: &str, code: Option<&str>) -> Result<Actor, SignInRefusal> {
        match self.control.sign_in(handle, password.into(), code, "test").await {
            Ok(session) => Ok(self.control.actor(session.cookie.expose_secret()).await.expect("an actor")),
            Err(Fault::SignIn(refusal)) => Err(refusal),
            Err(other) => panic!("{other}"),
        }
    }

    /// An account that there is now.
    async fn account(&self, ada: &Actor) -> AccountId {
        let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate").cert.pem();
        let file = format!(
            "[[person]]\nhandle = \"ada\"\nrole = \"super_administrator\"\n[[device]]\nname = \"db\"\nhost = \"127.0.0.1\"\ndatabase = \"shop\"\nca = '''{authority}'''\n\
             [[account]]\ndevice = \"db\"\nname = \"app\"\npassword = \"of the target\"\n"
        );
        self.control.propose(ada, &file, "", None).await.expect("applied");
        self.control.account_by_label("db").expect("an account")
    }

    fn code(&self, secret: &SecretString) -> String {
        let secret = data_encoding::BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).expect("base32");
        let totp = totp_rs::Builder::new().with_secret(secret).build().expect("a secret");
        totp.generate(u64::try_from(self.control.now().0 / 1_000_000).expect("after 1970")).to_string()
    }
}

#[tokio::test]
async fn a_guesser_learns_nothing_and_is_locked_out() {
    let scene = Scene::with_password().await;
    assert_eq!(scene.try_in("nobody", PASSWORD, None).await, Err(SignInRefusal::Wrong));
    for _ in 0..4 {
        assert_eq!(scene.try_in("ada", "wrong password here", None).await, Err(SignInRefusal::Wrong));
    }
    // Case and spaces are the same name: no fresh count.
    assert_eq!(scene.try_in(" ADA ", "wrong password here", None).await, Err(SignInRefusal::Locked));
    assert_eq!(scene.try_in("ada", PASSWORD, None).await, Err(SignInRefusal::Locked), "the right password waits too");
    scene.clock.advance(Duration::from_secs(901));
    let ada = scene.try_in("ada", PASSWORD, None).await.expect("signed in");
    // Whoever has only a session guesses no more often.
    for _ in 0..5 {
        assert!(scene.control.begin_second_factor(&ada, "wrong password here".into()).await.is_err());
    }
    let locked = scene.control.begin_second_factor(&ada, PASSWORD.into()).await;
    assert!(matches!(locked, Err(Fault::SignIn(SignInRefusal::Locked))), "{locked:?}");
}

#[tokio::test]
async fn a_link_sets_one_password_and_ends() {
    let scene = scene().await;
    let short = scene.control.accept_invitation(&scene.link, "short".into()).await;
    assert!(matches!(short, Err(Fault::SignIn(SignInRefusal::PasswordLength))));
    scene.control.accept_invitation(&scene.link, PASSWORD.into()).await.expect("set");
    let again = scene.control.accept_invitation(&scene.link, "another password".into()).await;
    assert!(matches!(again, Err(Fault::SignIn(SignInRefusal::LinkOver))));
    assert!(scene.try_in("ada", PASSWORD, None).await.is_ok());
}

#[tokio::test]
async fn a_link_grows_old() {
    let scene = scene().await;
    scene.clock.advance(Duration::from_secs(3 * 24 * 3600 + 1));
    let late = scene.control.accept_invitation(&scene.link, PASSWORD.into()).await;
    assert!(matches!(late, Err(Fault::SignIn(SignInRefusal::LinkOver))));
}

#[tokio::test]
async fn a_code_counts_once() {
    let scene = Scene::with_password().await;
    let ada = scene.try_in("ada", PASSWORD, None).await.expect("signed in");
    let wrong = scene.control.begin_second_factor(&ada, "incorrect horse battery".into()).await;
    assert!(matches!(wrong, Err(Fault::SignIn(SignInRefusal::Wrong))), "a session alone is not enough: {wrong:?}");
    let setup = scene.control.begin_second_factor(&ada, PASSWORD.into()).await.expect("begun");
    let wrong = scene.control.finish_second_factor(&ada, "000000").await;
    let first = scene.code(&setup.secret);
    assert!(wrong.is_err() || first == "000000");
    scene.control.finish_second_factor(&ada, &first).await.expect("confirmed");
    assert_eq!(scene.try_in("ada", PASSWORD, None).await, Err(SignInRefusal::CodeNeeded));
    assert_eq!(scene.try_in("ada", PASSWORD, Some(&first)).await, Err(SignInRefusal::Wrong), "used when it was set");
    scene.clock.advance(Duration::from_secs(60));
    let second = scene.code(&setup.secret);
    let actor = scene.try_in("ada", PASSWORD, Some(&second)).await.expect("signed in");
    assert!(actor.second_factor_at.is_some());
    assert_eq!(scene.try_in("ada", PASSWORD, Some(&second)).await, Err(SignInRefusal::Wrong), "the same code again");
}

#[tokio::test]
async fn a_session_ends_by_itself_and_when_signed_out() {
    let scene = Scene::with_password().await;
    let session = scene.control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
    let cookie = session.cookie.expose_secret();
    scene.control.sign_out(cookie).await.expect("signed out");
    assert_eq!(scene.control.actor(cookie).await, None);
    let session = scene.control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
    scene.clock.advance(Duration::from_secs(12 * 3600 + 1));
    assert_eq!(scene.control.actor(session.cookie.expose_secret()).await, None);
}

/// Whoever has a session guesses the password by changing it no more often than by signing in; and what was given out before
/// the change opens nothing behind it.
#[tokio::test]
async fn a_password_that_is_changed_is_not_guessed_and_ends_links_and_tokens() {
    let scene = Scene::with_password().await;
    let session = scene.control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
    let cookie = session.cookie.expose_secret();
    let ada = scene.control.actor(cookie).await.expect("an actor");
    let change = |present: &str| scene.control.change_password(&ada, cookie, present.into(), "another password".into());
    for _ in 0..5 {
        assert!(change("wrong password here").await.is_err());
    }
    let locked = change(PASSWORD).await;
    assert!(matches!(locked, Err(Fault::SignIn(SignInRefusal::Locked))), "{locked:?}");
    scene.clock.advance(Duration::from_secs(901));
    let link = scene.control.invite(&ada, "ada").await.expect("a link");
    let proves =
        async || scene.control.scram("ada+app@db", Protocol::Postgresql).await.expect("a verifier").proves.is_some();
    let account = scene.account(&ada).await;
    scene.control.issue_token(&ada, account, "").await.expect("a token");
    assert!(proves().await);
    let elsewhere = scene.control.scram("ada+app@db", Protocol::Ssh).await.expect("a verifier");
    assert_eq!(elsewhere.proves, None, "a token of a database is none of a server");
    change(PASSWORD).await.expect("changed");
    assert!(!proves().await, "an access token outlives the password it was got by");
    let link = link.rsplit('/').next().expect("a token");
    let over = scene.control.accept_invitation(link, "a third password".into()).await;
    assert!(matches!(over, Err(Fault::SignIn(SignInRefusal::LinkOver))), "{over:?}");
    assert!(scene.try_in("ada", "another password", None).await.is_ok());
}
