//! How long recordings are kept (R70): erased when the rules say so, by the clock of the control plane, and never by halves.

use countersign_control::{Actor, Clock, Control, Entry, Fault, Recorded, RootKey, Settings, install};
use countersign_journal::{SessionEnd, SessionId};
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

struct Scene {
    control: Control,
    clock: Clock,
    ada: Actor,
    folder: tempfile::TempDir,
}

fn settings(folder: &tempfile::TempDir) -> (Settings, RootKey) {
    let data = folder.path().join("data");
    let settings = Settings {
        ca_file: data.join("ca.pem"),
        data,
        page_address: "https://countersign.test".into(),
        postgres_address: ("localhost".into(), 5432),
        ssh_address: None,
    };
    (settings, RootKey::File(folder.path().join("key")))
}

/// Ada may connect, and what she does is kept for so many days, or for ever.
fn policy(kept: &str) -> String {
    format!(
        "[[person]]\nhandle = \"ada\"\nrole = \"administrator\"\n\
         [[device]]\nname = \"db\"\nhost = \"127.0.0.1\"\ndatabase = \"d\"\nca = \"\"\n\
         [[account]]\ndevice = \"db\"\nname = \"app\"\n\
         [[rule]]\nname = \"free\"\nact = \"connect\"\noutcome = \"allow\"\n{kept}"
    )
}

async fn scene(kept: &str) -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let ((settings, root), clock) = (settings(&folder), Clock::default());
    let installed = install(settings, &root, clock.clone(), &["localhost".to_owned()], "ada").await.expect("installed");
    let control = installed.control;
    let link = installed.invitation.rsplit('/').next().expect("a token").to_owned();
    control.accept_invitation(&link, "correct horse battery".into()).await.expect("set");
    let session = control.sign_in("ada", "correct horse battery".into(), None, "test").await.expect("signed in");
    let ada = control.actor(session.cookie.expose_secret()).await.expect("an actor");
    control.propose(&ada, &policy(kept), "", None).await.expect("applied");
    Scene { control, clock, ada, folder }
}

impl Scene {
    /// A session with something in it, which is over.
    async fn session(&self) -> SessionId {
        let account = self.control.account_by_label("app@db").expect("an account");
        let opened = self.control.open_session(self.ada.person, account, None, "test").await;
        let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
        gate.record(1, Recorded::Shown(b"what was shown".to_vec()));
        let session = gate.session();
        gate.close(SessionEnd::ClientLeft).await.expect("closed");
        session
    }

    fn file(&self, session: SessionId) -> PathBuf {
        self.folder.path().join(format!("data/transcripts/{}.transcript", session.0))
    }

    /// Has the engine look at the clock.
    async fn later(&self, by: Duration) {
        self.clock.advance(by);
        let account = self.control.account_by_label("app@db").expect("an account");
        self.control.turned_away(self.ada.person, account, "test", "to wake the engine").await.expect("noted");
    }

    /// Waits until there is no such file.
    async fn gone(&self, session: SessionId) {
        gone(self.file(session)).await;
    }

    /// The same data folder after a crash, in which `meanwhile` happens.
    async fn started_again(self, meanwhile: impl FnOnce(&PathBuf, &SessionId), session: SessionId) -> Scene {
        let file = self.file(session);
        let Scene { control, clock, ada, folder } = self;
        drop(control);
        meanwhile(&file, &session);
        let (settings, root) = settings(&folder);
        let mut control = Control::open(settings.clone(), &root, clock.clone()).await;
        for _ in 0..500 {
            if control.is_ok() {
                break;
            }
            // What was going on when the last handle went still has the folder.
            tokio::time::sleep(Duration::from_millis(10)).await;
            control = Control::open(settings.clone(), &root, clock.clone()).await;
        }
        Scene { control: control.expect("it starts"), clock, ada, folder }
    }
}

async fn gone(file: PathBuf) {
    for _ in 0..3_000 {
        if !file.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("`{}` is still there", file.display());
}

#[tokio::test]
async fn r70_a_recording_is_erased_when_its_days_are_over_and_not_before() {
    let scene = scene("recording_kept_days = 2\n").await;
    let session = scene.session().await;
    scene.later(DAY * 2 - Duration::from_secs(60)).await;
    assert!(scene.file(session).exists());
    assert!(!scene.control.transcript(&scene.ada, session).await.expect("still there").is_empty());
    scene.later(Duration::from_secs(60)).await;
    scene.gone(session).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Erased(_))), "{told:?}");
    assert!(matches!(scene.control.cast(&scene.ada, session, 1, false).await, Err(Fault::Erased(_))));
    assert!(matches!(scene.control.recording(&scene.ada, session, 1).await, Err(Fault::Erased(_))));
}

/// R8, R20: a session is under the rules its request was made under, and without any it is kept for ever.
#[tokio::test]
async fn r70_without_a_rule_that_says_it_nothing_is_erased() {
    let scene = scene("").await;
    let before = scene.session().await;
    scene.control.propose(&scene.ada, &policy("recording_kept_days = 1\n"), "", None).await.expect("applied");
    let since = scene.session().await;
    scene.later(DAY * 3_000).await;
    // The grant was made before the rule, and so are its sessions.
    assert!(scene.file(before).exists() && scene.file(since).exists());
    let after = scene.session().await;
    scene.later(DAY).await;
    scene.gone(after).await;
    assert!(scene.file(before).exists() && scene.file(since).exists());
}

/// The journal says it first; what a crash left behind is taken away at the next start, and once more does no harm.
#[tokio::test]
async fn r70_what_a_crash_left_between_journal_and_disk_is_erased_at_the_start() {
    let scene = scene("recording_kept_days = 1\n").await;
    let session = scene.session().await;
    let file = scene.file(session);
    let kept = std::fs::read(&file).expect("there");
    // What is no file cannot be taken away.
    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("made");
    scene.later(DAY).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Erased(_))), "the journal has it: {told:?}");
    assert!(file.exists());
    let back = |file: &PathBuf, _: &SessionId| {
        std::fs::remove_dir(file).expect("removed");
        std::fs::write(file, &kept).expect("written");
    };
    let scene = scene.started_again(back, session).await;
    scene.gone(session).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Erased(_))), "{told:?}");
    let scene = scene.started_again(|_, _| {}, session).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Erased(_))), "{told:?}");
}
