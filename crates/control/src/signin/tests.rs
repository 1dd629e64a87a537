use super::*;
use crate::{Clock, RootKey, Settings, install};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A server in which ada has a password, and its folder.
async fn signed_up() -> (Control, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let settings = Settings {
        ca_file: data.join("ca.pem"),
        data,
        page_address: "https://countersign.test".into(),
        postgres_address: ("localhost".into(), 5432),
        ssh_address: None,
    };
    let (root, hosts) = (RootKey::File(folder.path().join("key")), ["localhost".to_owned()]);
    let installed = install(settings, &root, Clock::default(), &hosts, "ada").await.expect("installed");
    let link = installed.invitation.rsplit('/').next().expect("a token").to_owned();
    installed.control.accept_invitation(&link, PASSWORD.into()).await.expect("set");
    (installed.control, folder)
}

/// Whoever floods the sign-in fills the line; the next is told to come again, and the line empties.
#[tokio::test]
async fn a_flood_of_passwords_fills_a_line_and_no_more() {
    let (control, _folder) = signed_up().await;
    let running = [control.0.hashing.take().await.expect("a turn"), control.0.hashing.take().await.expect("a turn")];
    let flood = |n: usize| {
        let control = control.clone();
        tokio::spawn(async move { control.sign_in(&format!("nobody{n}"), "wrong".into(), None, "test").await })
    };
    let waiting: Vec<_> = (0..crate::control::HASHING_WAITING_MAX).map(flood).collect();
    while control.0.hashing.places_left() > 0 {
        tokio::task::yield_now().await;
    }
    let told = control.sign_in("ada", PASSWORD.into(), None, "test").await;
    assert!(matches!(told, Err(Fault::Busy)), "{told:?}");
    for one in waiting {
        one.abort();
        assert!(one.await.is_err(), "it waits while others have their turns");
    }
    drop(running);
    control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
}

/// What was the password when it was typed, and was replaced while it was looked at, proves nothing: not on the page, not where
/// it is asked for again, and not where it is changed.
#[tokio::test]
async fn a_password_that_is_replaced_meanwhile_proves_nothing() {
    let (control, _folder) = signed_up().await;
    let session = control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
    let cookie = session.cookie.expose_secret().to_owned();
    let ada = control.actor(&cookie).await.expect("an actor");
    let stored = control.0.store.login(ada.person).await.expect("readable").expect("a login");
    let replaced = control.hash_password("another password".into(), [7; 16]).await.expect("hashed");
    for way in 0..3 {
        let running =
            [control.0.hashing.take().await.expect("a turn"), control.0.hashing.take().await.expect("a turn")];
        let (before, theirs) = (control.0.hashing.places_left(), control.clone());
        let (ada, cookie) = (ada.clone(), cookie.clone());
        let types = tokio::spawn(async move {
            match way {
                0 => theirs.sign_in("ada", PASSWORD.into(), None, "test").await.map(drop),
                1 => theirs.begin_second_factor(&ada, PASSWORD.into()).await.map(drop),
                _ => theirs.change_password(&ada, &cookie, PASSWORD.into(), "a third password".into()).await,
            }
        });
        // It waits for its turn, and knows what to compare with.
        while control.0.hashing.places_left() == before {
            tokio::task::yield_now().await;
        }
        let meanwhile = Login { password: Some(replaced.clone()), ..stored.clone() };
        control.submit_rows(vec![Row::Login(meanwhile)]).await.expect("stored");
        drop(running);
        let told = types.await.expect("it ends");
        assert!(matches!(told, Err(Fault::SignIn(SignInRefusal::Wrong))), "{way}: {told:?}");
        control.submit_rows(vec![Row::Login(stored.clone())]).await.expect("stored");
    }
    control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
}
