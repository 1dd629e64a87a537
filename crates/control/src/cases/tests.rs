//! What is over is in rows and nowhere else, and is told, listed and refused as if it were still in the state.

use crate::view::{AuditQuery, RequestQuery, Scope};
use crate::{Actor, Clock, Control, Entry, Fault, Reservation, RootKey, Settings, install};
use countersign_core::{Case, Position, Refusal, Status};
use countersign_journal::{RequestId, SessionEnd, Verdict, Window, canonical};
use secrecy::{ExposeSecret, SecretString};

const POLICY: &str = r#"
[[person]]
handle = "ada"
role = "administrator"
[[person]]
handle = "alice"
name = "Alice Novak"
[[person]]
handle = "mia"
[[person]]
handle = "zoe"
[[group]]
name = "developers"
members = ["alice"]
managers = ["mia", "alice"]
[[device]]
name = "prod-db"
host = "127.0.0.1"
database = "shop"
ca = ""
[[account]]
device = "prod-db"
name = "app"
[[rule]]
name = "ask"
act = "connect"
outcome = "approve"
groups = ["developers"]
"#;

const FIRST: Position = Position { track: 0, level: 0, epoch: 0 };

struct Scene {
    control: Control,
    clock: Clock,
    ada: Actor,
    alice: Actor,
    mia: Actor,
    zoe: Actor,
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

async fn signed_in(control: &Control, link: &str, handle: &str) -> Actor {
    let password = || SecretString::from("correct horse battery");
    control.accept_invitation(link.rsplit('/').next().expect("a token"), password()).await.expect("set");
    let session = control.sign_in(handle, password(), None, "test").await.expect("signed in");
    control.actor(session.cookie.expose_secret()).await.expect("an actor")
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, root) = settings(&folder);
    let clock = Clock::default();
    let installed = install(settings, &root, clock.clone(), &["localhost".to_owned()], "ada").await.expect("installed");
    let control = installed.control;
    let ada = signed_in(&control, &installed.invitation, "ada").await;
    control.propose(&ada, POLICY, "the beginning", None).await.expect("applied");
    let mut others = Vec::new();
    for handle in ["alice", "mia", "zoe"] {
        let link = control.invite(&ada, handle).await.expect("a link");
        others.push(signed_in(&control, &link, handle).await);
    }
    let [alice, mia, zoe] = others.try_into().expect("three");
    Scene { control, clock, ada, alice, mia, zoe, folder }
}

impl Scene {
    /// Alice asks for a minute that begins in so many.
    async fn asked(&self, minutes: u64, reason: &str) -> RequestId {
        let account = self.control.account_by_label("app@prod-db").expect("an account");
        let start = self.control.now().plus(60 * minutes);
        let window = Window::new(start, start.plus(60)).expect("a minute");
        self.control.reserve(&self.alice, Reservation::plain(account, window, reason)).await.expect("asked")
    }

    async fn decided(&self, request: RequestId, verdict: Verdict) -> Result<(), Fault> {
        self.control.decide(&self.mia, request, FIRST, verdict, None, "so be it").await
    }

    async fn withdrawn(&self, minutes: u64, reason: &str) -> RequestId {
        let request = self.asked(minutes, reason).await;
        self.control.withdraw(&self.alice, request).await.expect("withdrawn");
        request
    }

    async fn listed(&self, who: &Actor, query: RequestQuery) -> Vec<u64> {
        let query = RequestQuery { limit: if query.limit == 0 { 50 } else { query.limit }, ..query };
        let views = self.control.requests(who, &query).await.expect("a list");
        views.into_iter().map(|view| view.id.0).collect()
    }

    async fn found(&self, text: &str) -> Vec<u64> {
        self.listed(&self.ada, RequestQuery { scope: Scope::All, text: text.into(), ..RequestQuery::default() }).await
    }

    fn held(&self) -> Vec<u64> {
        self.control.state().requests.keys().map(|id| id.0).collect()
    }

    async fn database(&self) -> sqlx::AnyPool {
        let path = self.folder.path().join("data/countersign.db");
        sqlx::AnyPool::connect(&format!("sqlite://{}", path.display())).await.expect("the database")
    }

    /// Everything stops, somebody does `meanwhile`, and the server starts again.
    async fn restarted(self, meanwhile: &[&'static str]) -> Scene {
        let Scene { control, clock, ada, alice, mia, zoe, folder } = self;
        let stopped = std::sync::Arc::downgrade(&control.0);
        drop(control);
        while stopped.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
        let (settings, root) = settings(&folder);
        let control = Control::open(settings, &root, clock.clone()).await.expect("opened");
        let mut scene = Scene { control, clock, ada, alice, mia, zoe, folder };
        if !meanwhile.is_empty() {
            let database = scene.database().await;
            for sql in meanwhile {
                sqlx::query(*sql).execute(&database).await.expect("done");
            }
            database.close().await;
            scene = Box::pin(scene.restarted(&[])).await;
        }
        scene
    }
}

/// The change that began it was put in force, and so is over as well: it is request 1.
#[tokio::test]
async fn only_what_is_alive_stays_in_memory() {
    let scene = scene().await;
    assert_eq!(scene.held(), [0; 0]);
    let taken_back = scene.withdrawn(1, "a first try").await;
    let waits = scene.asked(2, "a second try").await;
    let rejected = scene.asked(3, "a third try").await;
    scene.decided(rejected, Verdict::Reject).await.expect("rejected");
    let granted = scene.asked(4, "a fourth try").await;
    scene.decided(granted, Verdict::Approve).await.expect("approved");
    assert_eq!(scene.held(), [waits.0, granted.0]);
    let card = scene.control.request(&scene.alice, rejected).await.expect("her own");
    assert_eq!((card.status, card.reason.as_deref()), ("Disapproved", Some("a third try")));
    assert_eq!(card.comments[0].1, "so be it");
    let card = scene.control.request(&scene.mia, taken_back).await.expect("she was told");
    assert_eq!(card.status, "Canceled");
    assert!(matches!(scene.control.request(&scene.zoe, rejected).await, Err(Fault::NotFound)));
    scene.clock.advance(std::time::Duration::from_secs(600));
    scene
        .control
        .note(countersign_journal::Note::SignedOut { person: scene.ada.person }, Vec::new())
        .await
        .expect("noted");
    assert_eq!(scene.held(), [0; 0], "windows ended");
}

/// Whatever is said of a request that is over gets the answer it would get were it still in the state.
#[tokio::test]
async fn what_is_over_is_refused_as_ever() {
    let scene = scene().await;
    let request = scene.asked(1, "once").await;
    scene.decided(request, Verdict::Reject).await.expect("rejected");
    let Scene { control, alice, mia, .. } = &scene;
    let head = control.head();
    let refused = |done: Result<(), Fault>| match done {
        Err(Fault::Refused(refusal) | Fault::Meanwhile { refusal, .. }) => refusal,
        other => panic!("{other:?}"),
    };
    let over = Refusal::NotPending { request, status: Status::Disapproved };
    assert_eq!(refused(scene.decided(request, Verdict::Approve).await), over);
    assert_eq!(refused(control.withdraw(alice, request).await), over);
    assert_eq!(refused(control.withdraw(mia, request).await), Refusal::NotYours(request));
    assert_eq!(refused(control.emergency(alice, request, "now").await), over);
    let not_revocable = Refusal::NotRevocable { request, status: Status::Disapproved };
    assert_eq!(refused(control.revoke(mia, request, "no").await), not_revocable);
    assert_eq!(refused(control.retract(mia, request).await), Refusal::NothingToRetract(request));
    let none = RequestId(9_000);
    assert!(matches!(control.retract(mia, none).await, Err(Fault::NotFound)), "never made");
    assert_eq!(control.head(), head, "nothing was written down");
}

/// Whoever can write the database gains no access by it, and loses nobody theirs: from a row nothing follows.
#[tokio::test]
async fn a_row_that_was_changed_leads_to_nothing() {
    let scene = scene().await;
    let [rejected, granted, alive] =
        [scene.asked(5, "one").await, scene.asked(6, "two").await, scene.asked(7, "three").await];
    scene.decided(rejected, Verdict::Reject).await.expect("rejected");
    scene.decided(granted, Verdict::Approve).await.expect("approved");
    let case = async |id| scene.control.case(id).await.expect("read").expect("there");
    let mut another: Case = case(rejected).await;
    another.request.id = alive;
    let mut waits: Case = case(rejected).await;
    waits.request.status = Status::Pending;
    waits.request.tracks[0].votes.clear();
    let mut lives: Case = case(granted).await;
    lives.request.id = rejected;
    lives.grant.iter_mut().for_each(|g| g.request = rejected);
    let (head, database) = (scene.control.head(), scene.database().await);
    for forged in [another, waits, lives] {
        let write = sqlx::query("UPDATE requests SET bytes = $1 WHERE id = $2");
        let id = i64::try_from(rejected.0).expect("small");
        write.bind(canonical::encode(&forged)).bind(id).execute(&database).await.expect("written");
        let voted = scene.decided(rejected, Verdict::Approve).await;
        let withdrawn = scene.control.withdraw(&scene.alice, rejected).await;
        let revoked = scene.control.revoke(&scene.mia, rejected, "no").await;
        for done in [voted, withdrawn, revoked] {
            assert!(matches!(done, Err(Fault::Trouble(_))), "{:?}: {done:?}", forged.request.status);
        }
        assert_eq!(scene.control.head(), head);
    }
    scene.decided(alive, Verdict::Approve).await.expect("what is alive is as it was");
}

#[tokio::test]
async fn lists_have_what_is_alive_and_what_is_over() {
    let scene = scene().await;
    let begun = scene.control.now();
    let a = scene.withdrawn(1, "first").await.0;
    let b = scene.asked(2, "second").await.0;
    scene.clock.advance(std::time::Duration::from_secs(5));
    let later = scene.control.now();
    let c = scene.asked(3, "third").await.0;
    scene.decided(RequestId(c), Verdict::Reject).await.expect("rejected");
    let all = || RequestQuery { scope: Scope::All, ..RequestQuery::default() };
    let check = async |query: RequestQuery, expected: &[u64]| {
        assert_eq!(scene.listed(&scene.ada, query.clone()).await, expected, "{query:?}");
    };
    check(all(), &[c, b, a, 1]).await;
    check(RequestQuery { limit: 2, ..all() }, &[c, b]).await;
    check(RequestQuery { before: Some(RequestId(b)), ..all() }, &[a, 1]).await;
    check(RequestQuery { limit: 1, before: Some(RequestId(b)), ..all() }, &[a]).await;
    check(RequestQuery { kind: "change".into(), ..all() }, &[1]).await;
    check(RequestQuery { kind: "connect".into(), ..all() }, &[c, b, a]).await;
    check(RequestQuery { kind: "connect".into(), status: "canceled".into(), ..all() }, &[a]).await;
    check(RequestQuery { status: "Pending".into(), ..all() }, &[b]).await;
    check(RequestQuery { status: "Ended".into(), ..all() }, &[1]).await;
    check(RequestQuery { status: "In use".into(), ..all() }, &[]).await;
    check(RequestQuery { from: Some(later), ..all() }, &[c]).await;
    check(RequestQuery { until: Some(later), from: Some(begun), ..all() }, &[b, a]).await;
    check(RequestQuery { until: Some(countersign_journal::Timestamp(0)), ..all() }, &[]).await;
    check(RequestQuery { for_me: true, ..all() }, &[]).await;
    let scope = |scope| RequestQuery { scope, ..RequestQuery::default() };
    assert_eq!(scene.listed(&scene.alice, scope(Scope::Mine)).await, [c, b, a]);
    assert_eq!(scene.listed(&scene.mia, scope(Scope::MyDecisions)).await, [c, b, a]);
    assert_eq!(scene.listed(&scene.mia, scope(Scope::ForMe)).await, [b]);
    assert_eq!(scene.listed(&scene.zoe, scope(Scope::MyDecisions)).await, [0; 0]);
    assert_eq!(scene.listed(&scene.alice, scope(Scope::MyDecisions)).await, [0; 0], "nobody decides their own");
    let denied = scene.control.requests(&scene.zoe, &all()).await;
    assert!(matches!(denied, Err(Fault::NotPermitted)), "{denied:?}");
}

#[tokio::test]
async fn sessions_that_are_over_are_listed_and_read() {
    let scene = scene().await;
    let request = scene.asked(0, "a session").await;
    scene.decided(request, Verdict::Approve).await.expect("approved");
    let account = scene.control.account_by_label("app@prod-db").expect("an account");
    let opened = scene.control.open_session(scene.alice.person, account, None, "192.0.2.1").await;
    let Ok(Entry::Open(gate)) = opened else { panic!("not opened") };
    let session = gate.session();
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    scene.control.surrender(&scene.alice, request).await.expect("given back");
    assert_eq!(scene.held(), [0; 0]);
    let sessions = async |who| scene.control.sessions(who, false).await.expect("a list");
    for who in [&scene.alice, &scene.ada, &scene.mia] {
        let list = sessions(who).await;
        assert_eq!(list.len(), 1, "{}", who.handle);
        assert_eq!((list[0].id, list[0].request, list[0].ended), (session, request, "the client left"));
    }
    assert_eq!(sessions(&scene.zoe).await, []);
    assert_eq!(scene.control.sessions(&scene.ada, true).await.expect("a list"), [], "none is live");
    assert_eq!(scene.control.transcript(&scene.alice, session).await.expect("her own").len(), 2);
    let card = scene.control.request(&scene.mia, request).await.expect("she decided it");
    assert_eq!(card.sessions, [session]);
    let told = scene.control.audit(&scene.ada, &AuditQuery { limit: 50, ..AuditQuery::default() }).await.expect("told");
    let closed = told.iter().find(|line| line.kind == "session_opened").expect("the opening");
    assert_eq!(closed.request, Some(request), "found by the grant it names");
}

#[tokio::test]
async fn a_search_is_for_whole_words_that_are_all_there() {
    let scene = scene().await;
    let over = scene.withdrawn(1, "Fix the price of Xylophones").await.0;
    let alive = scene.asked(2, "fix the xylophones").await.0;
    let check = async |text: &str, expected: &[u64]| assert_eq!(scene.found(text).await, expected, "{text}");
    check("xylophones", &[alive, over]).await;
    check("XYLOPHONES fix", &[alive, over]).await;
    check("price xylophones", &[over]).await;
    check("xylo", &[]).await;
    check("xylophones trumpets", &[]).await;
    check("app@prod-db", &[alive, over, 1]).await;
    check("app@stage-db", &[]).await;
    check("novak", &[alive, over]).await;
    check("beginning", &[1]).await;
    check(&format!("#{over}"), &[over]).await;
    check("!", &[]).await;
    let mine = RequestQuery { text: "xylophones".into(), ..RequestQuery::default() };
    assert_eq!(scene.listed(&scene.alice, mine.clone()).await, [alive, over]);
    assert_eq!(scene.listed(&scene.zoe, mine.clone()).await, [0; 0]);
    let decided = RequestQuery { scope: Scope::MyDecisions, status: "Canceled".into(), ..mine };
    assert_eq!(scene.listed(&scene.mia, decided).await, [over]);
}

/// A search must not undo what sealing is for: no word of a text is in the database.
#[tokio::test]
async fn no_word_of_a_reason_is_in_the_database() {
    let scene = scene().await;
    scene.withdrawn(1, "Xylophones").await;
    assert_eq!(scene.found("xylophones").await.len(), 1);
    for file in ["countersign.db", "countersign.db-wal"] {
        let bytes = std::fs::read(scene.folder.path().join("data").join(file)).expect("the database");
        let lower = bytes.to_ascii_lowercase();
        assert!(!lower.windows(10).any(|w| w == b"xylophones"), "{file}");
    }
}

/// Rows are made of the journal: without them, as in a data folder of before there were any, they are made again.
#[tokio::test]
async fn rows_that_are_missing_are_made_again() {
    let scene = scene().await;
    let over = scene.withdrawn(1, "Fix the price").await.0;
    let alive = scene.asked(2, "fix the xylophones").await.0;
    let gone = ["DELETE FROM requests", "DELETE FROM sessions", "DELETE FROM marks"];
    let scene = scene.restarted(&gone).await;
    assert_eq!(scene.held(), [alive]);
    assert_eq!(scene.found("fix").await, [alive, over]);
    assert_eq!(scene.found("").await, [alive, over, 1]);
    assert_eq!(
        scene.listed(&scene.mia, RequestQuery { scope: Scope::MyDecisions, ..RequestQuery::default() }).await,
        [alive, over]
    );
    let scene = scene
        .restarted(&["INSERT INTO requests SELECT id + 50, at, person, kind, status, NULL, bytes FROM requests"])
        .await;
    assert_eq!(scene.found("").await, [alive, over, 1], "rows that are in no journal are gone");
    assert_eq!(scene.control.versions(&scene.ada).await.expect("versions").len(), 1);
}
