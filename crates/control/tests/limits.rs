//! What people write has a limit, and goes in with an event or not at all.

use countersign_control::{Clock, Fault, Reservation, RootKey, Settings, install};
use countersign_core::Refusal;
use countersign_journal::{AccountId, Window};
use secrecy::ExposeSecret;

/// Reasons and comments: 4,000 characters, not bytes; more is refused before anything is decided.
#[tokio::test]
async fn a_reason_has_at_most_four_thousand_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let settings = Settings {
        ca_file: data.join("ca.pem"),
        data,
        page_address: "https://countersign.test".into(),
        postgres_address: ("localhost".into(), 5432),
        ssh_address: None,
    };
    let root = RootKey::File(folder.path().join("key"));
    let hosts = ["localhost".to_owned()];
    let installed = install(settings, &root, Clock::default(), &hosts, "ada").await.expect("installed");
    let control = installed.control;
    let link = installed.invitation.rsplit('/').next().expect("a token").to_owned();
    control.accept_invitation(&link, "correct horse battery".into()).await.expect("set");
    let session = control.sign_in("ada", "correct horse battery".into(), None, "test").await.expect("signed in");
    let ada = control.actor(session.cookie.expose_secret()).await.expect("an actor");
    let file = "[[person]]\nhandle = \"ada\"\nrole = \"administrator\"\n\
        [[device]]\nname = \"db\"\nhost = \"127.0.0.1\"\ndatabase = \"d\"\nca = \"\"\n\
        [[account]]\ndevice = \"db\"\nname = \"app\"\n\
        [[rule]]\nname = \"with a reason\"\nact = \"connect\"\noutcome = \"justify\"\nreason_chars_min = 5\n";
    control.propose(&ada, file, "", None).await.expect("applied");
    let account: AccountId = control.account_by_label("app@db").expect("an account");
    let window = Window::new(control.now(), control.now().plus(60)).expect("a minute");
    let head = control.head();
    let plain = || Reservation::plain(account, window, "a reason");
    for long in
        [Reservation { choice: "c".repeat(201), ..plain() }, Reservation { database: Some("d".repeat(64)), ..plain() }]
    {
        let long = control.reserve(&ada, long).await;
        assert!(matches!(long, Err(Fault::Input(_))), "{long:?}");
    }
    let long = control.reserve(&ada, Reservation::plain(account, window, "ü".repeat(4_001))).await;
    assert!(matches!(long, Err(Fault::Input(_))), "{long:?}");
    assert_eq!(control.head(), head, "nothing was written down");
    for (reason, seen) in [("\u{200b}".repeat(20), 0), (format!("a{}b", " \u{2800}".repeat(20)), 3)] {
        let unseen = control.reserve(&ada, Reservation::plain(account, window, reason)).await;
        let short = Refusal::ReasonTooShort { least: 5, found: seen };
        assert!(matches!(&unseen, Err(Fault::Refused(no)) if *no == short), "what nobody sees counts: {unseen:?}");
    }
    control.reserve(&ada, Reservation::plain(account, window, "ü".repeat(4_000))).await.expect("asked");
}
