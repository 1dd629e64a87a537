//! How long recordings are kept (R70): erased when the rules say so, by the clock of the control plane, and never by halves.

use countersign_control::view::AuditQuery;
use countersign_control::{
    Actor, Away, Clock, Control, Entry, Fault, Gate, Has, Objects, Recorded, RootKey, Settings, install,
};
use countersign_journal::{SessionEnd, SessionId};
use secrecy::ExposeSecret;
use sqlx::any::AnyPoolOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

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
        let gate = self.open_session().await;
        let session = gate.session();
        gate.close(SessionEnd::ClientLeft).await.expect("closed");
        session
    }

    async fn open_session(&self) -> Gate {
        let account = self.control.account_by_label("app@db").expect("an account");
        let opened = self.control.open_session(self.ada.person, account, None, "test").await;
        let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
        gate.record(1, Recorded::Shown(b"what was shown".to_vec()));
        gate.hand_over().await.expect("written");
        *gate
    }

    /// What the audit has of a kind.
    async fn audit(&self, kind: &str) -> Vec<String> {
        let query = AuditQuery { text: String::new(), kind: kind.into(), before: None, limit: 100 };
        let lines = self.control.audit(&self.ada, &query).await.expect("told");
        lines.into_iter().map(|line| line.sentence).collect()
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

    /// Another server on what is on the disk now, as after a crash of this one, in which `meanwhile` happens to it.
    async fn after_a_crash(&self, meanwhile: impl FnOnce(&Path)) -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["data", "data/transcripts"] {
            std::fs::create_dir(folder.path().join(part)).expect("made");
            for entry in std::fs::read_dir(self.folder.path().join(part)).expect("there") {
                let entry = entry.expect("there");
                if entry.file_type().expect("of a kind").is_file() {
                    std::fs::copy(entry.path(), folder.path().join(part).join(entry.file_name())).expect("copied");
                }
            }
        }
        std::fs::copy(self.folder.path().join("key"), folder.path().join("key")).expect("copied");
        meanwhile(&folder.path().join("data"));
        let (settings, root) = settings(&folder);
        let control = Control::open(settings, &root, self.clock.clone()).await.expect("it starts");
        Scene { control, clock: self.clock.clone(), ada: self.ada.clone(), folder }
    }

    /// The same data folder after a crash, in which `meanwhile` happens.
    async fn started_again(self, meanwhile: impl FnOnce(&PathBuf, &SessionId), session: SessionId) -> Scene {
        let file = self.file(session);
        let Scene { control, clock, ada, folder } = self;
        drop(control);
        meanwhile(&file, &session);
        let (settings, root) = settings(&folder);
        let mut control = None;
        // What was going on when the last handle went still has the folder for a while.
        until("it starts", async || {
            control = Control::open(settings.clone(), &root, clock.clone()).await.ok();
            control.is_some()
        })
        .await;
        Scene { control: control.expect("it starts"), clock, ada, folder }
    }
}

async fn gone(file: PathBuf) {
    until(&format!("`{}` is gone", file.display()), async || !file.exists()).await;
}

/// What is done beside the test is looked for again and again.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..3_000 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is not so within half a minute: {what}");
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

/// A clock that is set ahead erases nothing at once: not while the server runs, and it goes by the time that passed.
#[tokio::test]
async fn r70_a_clock_that_is_set_ahead_erases_nothing_before_its_time() {
    let scene = scene("recording_kept_days = 2\n").await;
    scene.clock.advance(HOUR);
    let session = scene.session().await;
    scene.clock.set_forward(DAY * 400);
    scene.later(Duration::ZERO).await;
    assert!(!scene.control.transcript(&scene.ada, session).await.expect("still there").is_empty());
    scene.later(DAY * 2 - MINUTE * 10).await;
    assert!(!scene.control.transcript(&scene.ada, session).await.expect("still there").is_empty());
    assert!(scene.file(session).exists() && scene.audit("recording_erased").await.is_empty());
    scene.later(MINUTE * 20).await;
    scene.gone(session).await;
}

/// A clock that is wrong when the server begins can be put right for an hour.
#[tokio::test]
async fn r70_nothing_is_erased_in_the_hour_after_a_start() {
    let scene = scene("recording_kept_days = 2\n").await;
    let session = scene.session().await;
    let scene = Scene { clock: Clock::set_ahead(DAY * 400), ..scene };
    let scene = scene.started_again(|_, _| {}, session).await;
    scene.later(MINUTE * 59).await;
    assert!(scene.file(session).exists() && scene.audit("recording_erased").await.is_empty());
    scene.later(MINUTE * 2).await;
    scene.gone(session).await;
}

/// What a crash cut and nobody can read any more is never told as if nothing had been recorded.
#[tokio::test]
async fn r70_what_cannot_be_read_after_a_crash_is_said() {
    let scene = scene("").await;
    let gate = scene.open_session().await;
    let session = gate.session();
    let whole = scene.after_a_crash(|_| {}).await;
    assert!(whole.audit("recording_unread").await.is_empty());
    assert!(!whole.control.transcript(&scene.ada, session).await.expect("there").is_empty());
    assert!(whole.audit("recording_torn").await.is_empty());
    let said =
        ["what session 1 recorded is missing or could not be read when the server began again, and stays as it is"];
    let missing = |path: &Path| std::fs::remove_file(path).expect("removed");
    let unreadable = |path: &Path| {
        missing(path);
        std::fs::create_dir(path).expect("made");
    };
    let changed = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).expect("there");
        bytes[at] ^= 0x80;
        std::fs::write(path, bytes).expect("written");
    };
    let (damaged, endless) = (|path: &Path| changed(path, 20), |path: &Path| changed(path, 0));
    let ways: [&dyn Fn(&Path); 4] = [&missing, &unreadable, &damaged, &endless];
    for (n, way) in ways.iter().enumerate() {
        let after = scene.after_a_crash(|data| way(&data.join("transcripts/1.transcript"))).await;
        assert_eq!(after.audit("recording_unread").await, said, "{n}");
        assert!(after.audit("recording_torn").await.is_empty(), "{n}");
        assert_eq!(after.file(session).exists(), n > 0);
        assert!(after.control.transcript(&scene.ada, session).await.is_err(), "{n}");
    }
}

/// Nothing leaves as a file of which nobody can tell whether it is whole; it is shown as it is.
#[tokio::test]
async fn r70_what_ended_without_a_root_is_shown_and_not_exported() {
    let scene = scene("").await;
    let gate = scene.open_session().await;
    let session = gate.session();
    let path = scene.file(session);
    assert!(scene.control.stays(&scene.ada, session).await.expect("told").may_leave(), "so far, while it is open");
    scene.control.export_transcript(&scene.ada, session).await.expect("so far");
    let after = scene.after_a_crash(|data| {
        std::fs::remove_file(data.join("transcripts/1.transcript")).expect("removed");
    });
    let after = after.await;
    std::fs::copy(&path, after.file(session)).expect("put back");
    assert!(!after.control.transcript(&scene.ada, session).await.expect("shown").is_empty());
    assert!(after.control.cast(&scene.ada, session, 1, false).await.is_ok());
    assert!(after.control.stays(&scene.ada, session).await.expect("told").unchecked);
    let before = after.audit("recording_exported").await.len();
    let told = after.control.export_transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Unchecked)), "{told:?}");
    assert!(matches!(after.control.export_cast(&scene.ada, session, 1).await, Err(Fault::Unchecked)));
    assert_eq!(after.audit("recording_exported").await.len(), before);
}

/// What a loss of power tore off is said, and what is before it counts; so is a length that reaches beyond the file.
#[tokio::test]
async fn r70_what_was_torn_off_by_a_crash_is_said_and_the_rest_counts() {
    let scene = scene("").await;
    let mut gate = scene.open_session().await;
    let session = gate.session();
    let whole = std::fs::metadata(scene.file(session)).expect("there").len();
    gate.record(1, Recorded::Outcome("exit status 0".into()));
    gate.hand_over().await.expect("written");
    let before = scene.after_a_crash(|data| cut(data, whole)).await;
    assert!(before.audit("recording_torn").await.is_empty(), "between two frames nobody can tell");
    let expected = before.control.transcript(&scene.ada, session).await.expect("there");
    let all = std::fs::metadata(scene.file(session)).expect("there").len();
    for left in [whole + 1, whole + 4, whole + 5, all - 1] {
        let after = scene.after_a_crash(|data| cut(data, left)).await;
        let said = "what session 1 recorded ended in the middle of something when the server began again: what is before that counts";
        assert_eq!(after.audit("recording_torn").await, [said], "{left} of {all}");
        assert!(after.audit("recording_unread").await.is_empty());
        let told = after.control.transcript(&scene.ada, session).await.expect("what is whole");
        assert_eq!(told, expected, "{left} of {all}");
    }
    let longer = |data: &Path| {
        let path = data.join("transcripts/1.transcript");
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[2] = 0xFF;
        std::fs::write(&path, bytes).expect("written");
    };
    assert_eq!(scene.after_a_crash(longer).await.audit("recording_torn").await.len(), 1);
}

/// Leaves so many bytes of what the first session recorded.
fn cut(data: &Path, left: u64) {
    let file = File::options().write(true).open(data.join("transcripts/1.transcript")).expect("there");
    file.set_len(left).expect("cut");
}

/// A store of objects in memory.
struct Shelf {
    name: &'static str,
    /// Whether its places are written as they were when they did not tell one store from another.
    untold: bool,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// Sessions whose objects are larger than what is read.
    huge: Mutex<BTreeSet<String>>,
    /// How many wait for an object that does not come.
    waiting: Mutex<Option<usize>>,
    comes: Condvar,
}

impl Shelf {
    fn new(name: &'static str) -> Arc<Shelf> {
        Shelf::of(name, false)
    }

    fn of(name: &'static str, untold: bool) -> Arc<Shelf> {
        let (objects, huge, waiting, comes) = Default::default();
        Arc::new(Shelf { name, untold, objects, huge, waiting, comes })
    }

    /// From now on no object comes until it is let come.
    fn hold(&self) {
        *self.waiting.lock().expect("whole") = Some(0);
    }

    fn let_come(&self) {
        *self.waiting.lock().expect("whole") = None;
        self.comes.notify_all();
    }

    fn wait(&self) {
        let mut waiting = self.waiting.lock().expect("whole");
        waiting.iter_mut().for_each(|n| *n += 1);
        drop(self.comes.wait_while(waiting, |waiting| waiting.is_some()).expect("whole"));
    }

    fn object(&self, session: SessionId) -> Option<Vec<u8>> {
        self.objects.lock().expect("whole").get(&format!("{}.transcript", session.0)).cloned()
    }

    fn put(&self, session: SessionId, bytes: Vec<u8>) {
        self.objects.lock().expect("whole").insert(format!("{}.transcript", session.0), bytes);
    }
}

impl Objects for Shelf {
    fn place(&self, name: &str) -> String {
        if self.untold { format!("shelf/{name}") } else { format!("shelf/{name} at {}", self.name) }
    }

    fn has_place(&self, place: &str, name: &str) -> Has {
        match place {
            place if place == format!("shelf/{name} at {}", self.name) => Has::Yes,
            place if place == format!("shelf/{name}") => Has::Perhaps,
            _ => Has::No,
        }
    }

    fn bring(&self, name: &str, mut file: &File) -> Result<(), Away> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|e| Away(e.to_string()))?;
        self.objects.lock().expect("whole").insert(name.to_owned(), bytes);
        Ok(())
    }

    fn fetch(&self, name: &str, out: &mut dyn Write) -> Result<bool, Away> {
        self.wait();
        if self.huge.lock().expect("whole").contains(name) {
            return out.write_all(&vec![0; (1 << 30) + 1]).map_err(|e| Away(e.to_string())).map(|()| true);
        }
        let found = self.objects.lock().expect("whole").get(name).cloned();
        let Some(bytes) = found else { return Ok(false) };
        out.write_all(&bytes).map_err(|e| Away(e.to_string())).map(|()| true)
    }

    fn erase(&self, name: &str) -> Result<(), Away> {
        self.objects.lock().expect("whole").remove(name);
        Ok(())
    }
}

/// An object under the same name in another store is neither shown nor erased, even where it is the same.
#[tokio::test]
async fn r70_another_store_is_never_taken_for_the_one_the_journal_names() {
    let scene = scene("recording_kept_days = 1\n").await;
    let (ours, other) = (Shelf::new("ours"), Shelf::new("another"));
    scene.control.keep_recordings_in(ours.clone());
    let session = scene.session().await;
    scene.gone(session).await;
    assert!(!scene.control.transcript(&scene.ada, session).await.expect("from the store").is_empty());
    other.put(session, ours.object(session).expect("brought"));

    let scene = scene.started_again(|_, _| {}, session).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::OtherStore)), "without any: {told:?}");
    scene.control.keep_recordings_in(other.clone());
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::OtherStore)), "{told:?}");
    let told = scene.control.recording(&scene.ada, session, 1).await;
    assert!(matches!(told, Err(Fault::OtherStore)), "{told:?}");
    scene.later(DAY + HOUR).await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Erased(_))), "{told:?}");
    // Behind it something else is erased, which shows that its turn came.
    let next = scene.session().await;
    scene.gone(next).await;
    scene.later(DAY + HOUR).await;
    until("what was brought there is erased there", async || other.object(next).is_none()).await;
    assert!(other.object(session).is_some(), "and nothing else is");
    let scene = scene.started_again(|_, _| {}, session).await;
    scene.control.keep_recordings_in(ours.clone());
    until("it is erased once its store is set up again", async || ours.object(session).is_none()).await;
}

/// Where a place was written as before it told the store, only what the journal names is shown and erased.
#[tokio::test]
async fn r70_of_a_place_without_its_store_only_what_the_journal_names_is_erased() {
    let scene = scene("recording_kept_days = 1\n").await;
    let before = Shelf::of("ours", true);
    scene.control.keep_recordings_in(before.clone());
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(scene.session().await);
        scene.gone(sessions[sessions.len() - 1]).await;
    }
    let [first, changed, huge, absent, last] = sessions[..] else { panic!("five") };
    let scene = scene.started_again(|_, _| {}, first).await;
    let now = Shelf::new("ours");
    for (session, object) in [(first, first), (changed, first), (huge, huge), (last, last)] {
        now.put(session, before.object(object).expect("brought"));
    }
    now.huge.lock().expect("whole").insert(format!("{}.transcript", huge.0));
    scene.control.keep_recordings_in(now.clone());
    assert!(!scene.control.transcript(&scene.ada, first).await.expect("from the store").is_empty());
    for session in [changed, huge, absent] {
        let told = scene.control.transcript(&scene.ada, session).await;
        assert!(matches!(told, Err(Fault::Damaged)), "{told:?}");
    }
    scene.later(DAY + HOUR).await;
    // The last one's turn comes behind that of the others, whatever is wrong with them.
    until("what the journal names is erased", async || now.object(last).is_none()).await;
    assert!(now.object(first).is_none() && now.object(changed).is_some() && now.object(huge).is_some());

    let scene = scene.started_again(|_, _| {}, first).await;
    now.put(absent, before.object(absent).expect("brought"));
    scene.control.keep_recordings_in(now.clone());
    until("what was not there counts as erased by nobody", async || now.object(absent).is_none()).await;
}

/// R71: who hangs up leaves the place taken until what they wanted is read.
#[tokio::test(flavor = "multi_thread")]
async fn r70_a_place_to_watch_from_is_taken_until_nothing_is_read_any_more() {
    let scene = scene("").await;
    let shelf = Shelf::new("ours");
    scene.control.keep_recordings_in(shelf.clone());
    let session = scene.session().await;
    scene.gone(session).await;
    let open = scene.open_session().await;
    for way in ["transcript", "recording", "cast"] {
        shelf.hold();
        let (control, ada) = (scene.control.clone(), scene.ada.clone());
        let reading = tokio::spawn(async move {
            match way {
                "transcript" => control.transcript(&ada, session).await.map(|_| ()),
                "recording" => control.recording(&ada, session, 1).await.map(|_| ()),
                _ => control.cast(&ada, session, 1, false).await.map(|_| ()),
            }
        });
        until("it is being fetched", async || *shelf.waiting.lock().expect("whole") == Some(1)).await;
        reading.abort();
        assert!(reading.await.is_err_and(|e| e.is_cancelled()));
        let mut others = Vec::new();
        for _ in 0..15 {
            others.push(scene.control.cast(&scene.ada, open.session(), 1, false).await.expect("a place"));
        }
        let told = scene.control.cast(&scene.ada, open.session(), 1, false).await;
        // Whatever is told, no thread is left to wait.
        shelf.let_come();
        assert!(matches!(told, Err(Fault::Busy)), "{way}");
        let again = async || scene.control.cast(&scene.ada, open.session(), 1, false).await.is_ok();
        until(&format!("{way}: given back"), again).await;
    }
}

/// Where recordings are is looked up in rows made of the journal, which are made again where they do not match it.
#[tokio::test]
async fn r70_rows_of_what_was_brought_are_made_again_from_the_journal() {
    let scene = scene("").await;
    let shelf = Shelf::new("ours");
    scene.control.keep_recordings_in(shelf.clone());
    let session = scene.session().await;
    scene.gone(session).await;
    let url = format!("sqlite://{}", scene.folder.path().join("data/countersign.db").display());
    let database = AnyPoolOptions::new().connect(&url).await.expect("opened");
    sqlx::query("DELETE FROM stored").execute(&database).await.expect("done");
    database.close().await;
    let told = scene.control.transcript(&scene.ada, session).await;
    assert!(matches!(told, Err(Fault::Damaged)), "it is looked up there: {told:?}");
    let scene = scene.started_again(|_, _| {}, session).await;
    scene.control.keep_recordings_in(shelf.clone());
    assert!(!scene.control.transcript(&scene.ada, session).await.expect("from the store").is_empty());
}

/// What is gone is not due again because other rows are made again, as by an upgrade.
#[tokio::test]
async fn r70_what_is_gone_stays_gone_where_rows_of_stores_are_made_again() {
    let scene = scene("recording_kept_days = 1\n").await;
    let shelf = Shelf::new("ours");
    scene.control.keep_recordings_in(shelf.clone());
    let session = scene.session().await;
    scene.gone(session).await;
    scene.later(DAY + HOUR).await;
    let url = format!("sqlite://{}", scene.folder.path().join("data/countersign.db").display());
    let database = AnyPoolOptions::new().connect(&url).await.expect("opened");
    let count =
        async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&database).await.expect("a number") };
    let gone = "SELECT COUNT(*) FROM erased WHERE gone = 1";
    until("it is erased where it was kept", async || count(gone).await == 1).await;
    sqlx::query("DELETE FROM stored").execute(&database).await.expect("done");
    let _scene = scene.started_again(|_, _| {}, session).await;
    assert_eq!(count("SELECT COUNT(*) FROM stored").await, 1, "they are made again");
    assert_eq!(count(gone).await, 1, "and it is not due again");
    database.close().await;
}
