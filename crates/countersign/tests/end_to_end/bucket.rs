//! Recordings in a store outside: a server that speaks the protocol of S3, checks every signature and keeps objects in a folder.

use crate::ssh::{FREE, Web, device};
use crate::world::{SOON, World, eventually, has, number};
use countersign_channels::{Bucket, StoreConfig};
use countersign_control::{Clock, Control, Entry, Fault, Recorded, RootKey, Settings, install};
use countersign_harness::{OpenSsh, random_password, reserve_port, wait_until};
use countersign_journal::SessionEnd;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use secrecy::ExposeSecret;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The store, which can be away.
struct Store {
    folder: TempDir,
    port: u16,
    secret: String,
    running: Option<Runtime>,
}

impl Store {
    fn start() -> Store {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("records")).expect("a bucket");
        let (port, secret) = (reserve_port().expect("a port"), random_password().expect("randomness"));
        let mut store = Store { folder, port, secret, running: None };
        store.come_back();
        store
    }

    fn come_back(&mut self) {
        let files = s3s_fs::FileSystem::new(self.folder.path()).expect("a store");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single("gate", self.secret.as_str()));
        let (service, port) = (service.build(), self.port);
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", port))).expect("its port is free");
        runtime.spawn(serve(listener, service));
        self.running = Some(runtime);
    }

    fn go_away(&mut self) {
        self.running.take().expect("it is there").shutdown_background();
    }

    /// Where it keeps what was recorded in a session.
    fn object(&self, session: u64) -> PathBuf {
        self.folder.path().join(format!("records/gate-1/{session}.transcript"))
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let connection = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
        let service = service.clone();
        tokio::spawn(async move {
            // Whoever asked may have left.
            let _ = connection.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// A server one reaches by SSH, whose recordings go to that store.
fn in_front_of(store: &Store, secret: &str) -> Web {
    let sshd = OpenSsh::start().unwrap_or_else(|error| panic!("{error}"));
    let device = device(&sshd, &sshd.host_key().expect("a host key"));
    Web { world: World::with_store(&[&device, FREE], store.port, secret), sshd }
}

/// A shell of Alice's that says something and ends; the number of its session.
fn said(web: &Web, line: &str, answer: &str) -> u64 {
    let mut shell = web.ssh("alice").terminal("").expect("ssh starts");
    shell.send(&format!("{line}\nexit\n")).expect("typed");
    shell.stdout.wait_for(answer, SOON).expect("it runs");
    assert_eq!(shell.finish(SOON).expect("an end").code, 0);
    number(&web.world.get("ada", "/sessions")[0]["id"])
}

fn here(web: &Web, session: u64) -> PathBuf {
    web.world.server.data_dir().join(format!("transcripts/{session}.transcript"))
}

/// Waits until the store has it, and nobody else.
fn brought(web: &Web, store: &Store, session: u64) {
    eventually("the store has it, and it is not here any more", || {
        (store.object(session).exists() && !here(web, session).exists()).then_some(())
    });
}

/// R70: what a closed session recorded is in the store alone, sealed, and read from there; what was changed there is refused.
#[test]
fn r70_recordings_are_kept_in_the_store_and_replayed_from_there() {
    let mut store = Store::start();
    let mut web = in_front_of(&store, &store.secret);
    let session = said(&web, "echo hello-$((6 * 7))", "hello-42");
    brought(&web, &store, session);
    let kept = std::fs::read(store.object(session)).expect("there");
    assert!(!String::from_utf8_lossy(&kept).contains("hello"), "it is sealed");
    let audit = web.world.get("ada", "/audit?kind=recording_stored").to_string();
    has(
        &audit,
        &format!(
            "what session {session} recorded is kept at s3://records/gate-1/{session}.transcript at http://127.0.0.1:{}",
            store.port
        ),
    );

    let (transcript, cast) = (format!("/sessions/{session}/transcript"), format!("/sessions/{session}/terminals/1"));
    let whole = |web: &Web| {
        has(&web.world.get("ada", &transcript).to_string(), "login-shell");
        let cast = web.world.api("aron").get(&cast).expect("an answer");
        assert_eq!(cast.status, 200);
        has(&cast.text, "hello-42");
        let played = web.world.server.cli("ada", &["play", &session.to_string(), "1"]).expect("it runs");
        has(&played.stdout, "hello-42");
    };
    whole(&web);
    web.world.server.kill().expect("gone");
    web.world.server.restart().expect("it starts again");
    whole(&web);

    for changed in [kept.len() / 2, kept.len() - 1] {
        let mut bytes = kept.clone();
        bytes[changed] ^= 1;
        std::fs::write(store.object(session), bytes).expect("written");
        for path in [&transcript, &cast] {
            let told = web.world.api("ada").get(path).expect("an answer");
            assert_eq!(told.status, 503, "{}", told.text);
            has(&told.text, "is damaged, or not what the journal names, so nothing of it is shown");
        }
        let played = web.world.server.cli("ada", &["play", &session.to_string(), "1"]).expect("it runs");
        has(&played.stderr, "not what the journal names");
    }
    std::fs::write(store.object(session), &kept[..kept.len() - 30]).expect("written");
    assert_eq!(web.world.api("ada").get(&transcript).expect("an answer").status, 503, "what is cut off");
    std::fs::write(store.object(session), &kept).expect("written");
    whole(&web);
    store.go_away();
    let told = web.world.api("ada").get(&transcript).expect("an answer");
    assert_eq!(told.status, 503);
    has(&told.text, "kept in a store that does not answer now");
}

/// R70: while the store is away, or does not take our key, recordings stay here, are replayed from here, and go there later.
#[test]
fn r70_what_the_store_does_not_take_waits_here_and_is_not_lost() {
    let mut store = Store::start();
    let mut web = in_front_of(&store, &store.secret);
    store.go_away();
    let first = said(&web, "echo first-$((6 * 7))", "first-42");
    eventually("the log says that it waits", || {
        web.world.server.log_tail().contains("recordings wait to be erased or brought").then_some(())
    });
    assert!(here(&web, first).exists());
    has(&web.world.api("ada").get(&format!("/sessions/{first}/terminals/1")).expect("an answer").text, "first-42");
    web.world.server.kill().expect("gone");
    web.world.server.restart().expect("it starts again");
    let second = said(&web, "echo second-$((6 * 7))", "second-42");
    assert!(here(&web, first).exists() && here(&web, second).exists());
    store.come_back();
    for (session, words) in [(first, "first-42"), (second, "second-42")] {
        brought(&web, &store, session);
        let cast = web.world.api("ada").get(&format!("/sessions/{session}/terminals/1")).expect("an answer");
        has(&cast.text, words);
    }

    let stranger = in_front_of(&store, "another secret of that key");
    let refused = said(&stranger, "echo third-$((6 * 7))", "third-42");
    eventually("the log says that it waits", || {
        stranger.world.server.log_tail().contains("recordings wait to be erased or brought").then_some(())
    });
    assert!(here(&stranger, refused).exists(), "a key that is refused takes nothing away");
    has(&stranger.world.api("ada").get("/sessions/1/terminals/1").expect("an answer").text, "third-42");
}

/// R70: an object of another's that has the name already is left as it is, and so is what is here.
#[test]
fn r70_what_is_there_under_that_name_is_not_written_over() {
    let store = Store::start();
    let web = in_front_of(&store, &store.secret);
    std::fs::create_dir_all(store.object(1).parent().expect("a folder")).expect("made");
    std::fs::write(store.object(1), "what another server recorded").expect("written");
    let session = said(&web, "echo hello-$((6 * 7))", "hello-42");
    assert_eq!(session, 1);
    eventually("the log says why it waits", || {
        web.world.server.log_tail().contains("is there already and is something else").then_some(())
    });
    assert!(here(&web, 1).exists());
    assert_eq!(std::fs::read(store.object(1)).expect("there"), b"what another server recorded");
}

/// R70: a server that is set up with another store says so of what is in the first, and tells nothing of that other store's objects,
/// even where they are the same; with the first one again it is replayed.
#[test]
fn r70_what_is_in_another_store_is_refused_in_words() {
    let (store, other) = (Store::start(), Store::start());
    let mut web = in_front_of(&store, &store.secret);
    let session = said(&web, "echo hello-$((6 * 7))", "hello-42");
    brought(&web, &store, session);
    std::fs::create_dir_all(other.object(session).parent().expect("a folder")).expect("made");
    std::fs::copy(store.object(session), other.object(session)).expect("copied");
    let config = web.world.server.data_dir().join("countersign.toml");
    let first = std::fs::read_to_string(&config).expect("there");
    let set_up = |web: &mut Web, file: &str| {
        web.world.server.kill().expect("gone");
        std::fs::write(&config, file).expect("written");
        web.world.server.restart().expect("it starts again");
    };
    let to_other = first.replace(&format!("127.0.0.1:{}", store.port), &format!("127.0.0.1:{}", other.port));
    assert_ne!(first, to_other);
    set_up(&mut web, &to_other);
    for path in ["transcript", "terminals/1"] {
        let told = web.world.api("ada").get(&format!("/sessions/{session}/{path}")).expect("an answer");
        assert_eq!(told.status, 503, "{}", told.text);
        has(&told.text, "is kept in another store than the one this server is set up with");
    }
    let played = web.world.server.cli("ada", &["play", &session.to_string(), "1"]).expect("it runs");
    has(&played.stderr, "another store");
    set_up(&mut web, &first);
    has(&web.world.api("ada").get(&format!("/sessions/{session}/terminals/1")).expect("an answer").text, "hello-42");
}

/// R70: what is larger than one piece goes there in several, and comes back whole.
#[test]
fn r70_a_long_recording_goes_there_in_pieces() {
    let store = Store::start();
    let web = in_front_of(&store, &store.secret);
    let session = said(&web, "head -c 12000000 /dev/urandom | base64 -w 0; echo; echo end-$((6 * 7))", "end-42");
    brought(&web, &store, session);
    assert!(std::fs::metadata(store.object(session)).expect("there").len() > 9 << 20, "more than one piece");
    // The transcript is told once all of it was found to be what the journal names.
    has(&web.world.get("ada", &format!("/sessions/{session}/transcript")).to_string(), "login-shell");
}

/// R70: what is kept no longer is erased in the store as well; and while the store is away, once it is back.
#[test]
fn r70_erasing_a_recording_erases_its_object() {
    let mut store = Store::start();
    let runtime = Runtime::new().expect("a runtime");
    let (control, clock, folder) = runtime.block_on(in_process(&store));
    let session = runtime.block_on(closed_session(&control));
    let object = store.object(session);
    let file = folder.path().join(format!("data/transcripts/{session}.transcript"));
    let moved = wait_until(SOON, || (object.exists() && !file.exists()).then_some(()));
    assert!(moved.is_some(), "the store has it");
    store.go_away();
    clock.advance(Duration::from_secs(86_400));
    runtime.block_on(woken(&control));
    let ada = runtime.block_on(control.sign_in("ada", PASSWORD.into(), None, "test")).expect("signed in");
    let ada = runtime.block_on(control.actor(ada.cookie.expose_secret())).expect("an actor");
    let told = runtime.block_on(control.transcript(&ada, countersign_journal::SessionId(session)));
    assert!(matches!(told, Err(Fault::Erased(_))), "{told:?}");
    assert!(object.exists(), "nobody could say it to the store");
    store.come_back();
    let gone = wait_until(SOON, || (!object.exists()).then_some(()));
    assert!(gone.is_some(), "the object is erased");
}

const PASSWORD: &str = "correct horse battery";

/// A control plane in this process, whose clock can be moved, and where what Ada does is kept for a day.
async fn in_process(store: &Store) -> (Control, Clock, TempDir) {
    let (folder, clock) = (tempfile::tempdir().expect("a folder"), Clock::default());
    let data = folder.path().join("data");
    let settings = Settings {
        ca_file: data.join("ca.pem"),
        data,
        page_address: "https://countersign.test".into(),
        postgres_address: ("localhost".into(), 5432),
        ssh_address: None,
    };
    let root = RootKey::File(folder.path().join("key"));
    let installed = install(settings, &root, clock.clone(), &["localhost".to_owned()], "ada").await.expect("installed");
    let control = installed.control;
    let link = installed.invitation.rsplit('/').next().expect("a token").to_owned();
    control.accept_invitation(&link, PASSWORD.into()).await.expect("set");
    let session = control.sign_in("ada", PASSWORD.into(), None, "test").await.expect("signed in");
    let ada = control.actor(session.cookie.expose_secret()).await.expect("an actor");
    let policy = "[[person]]\nhandle = \"ada\"\nrole = \"administrator\"\n\
        [[device]]\nname = \"db\"\nhost = \"127.0.0.1\"\ndatabase = \"d\"\nca = \"\"\n\
        [[account]]\ndevice = \"db\"\nname = \"app\"\n\
        [[rule]]\nname = \"a day\"\nact = \"connect\"\noutcome = \"allow\"\nrecording_kept_days = 1\n";
    control.propose(&ada, policy, "", None).await.expect("applied");
    let bucket = Bucket::new(StoreConfig {
        store: "s3://records/gate-1".into(),
        endpoint: Some(format!("http://127.0.0.1:{}", store.port)),
        region: "here".into(),
        access_key: "gate".into(),
        secret_key: store.secret.clone().into(),
        ca_pem: None,
    });
    control.keep_recordings_in(Arc::new(bucket.expect("a store")));
    (control, clock, folder)
}

async fn closed_session(control: &Control) -> u64 {
    let account = control.account_by_label("app@db").expect("an account");
    let opened = control.open_session(countersign_journal::PersonId(1), account, None, "test").await;
    let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
    gate.record(1, Recorded::Shown(b"what was shown".to_vec()));
    let session = gate.session().0;
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    session
}

/// Has the engine look at the clock.
async fn woken(control: &Control) {
    let account = control.account_by_label("app@db").expect("an account");
    control.turned_away(countersign_journal::PersonId(1), account, "test", "to wake it").await.expect("noted");
}
