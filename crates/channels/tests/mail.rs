//! Mail as people get it: a real control plane, a real SMTP server on loopback.

use countersign_channels::{MailConfig, Security, run};
use countersign_control::view::AuditQuery;
use countersign_control::{Actor, Clock, Control, Reservation, RootKey, Settings, install};
use countersign_harness::{Mail, MailSink, reserve_port};
use countersign_journal::{RequestId, Verdict, Window};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, block_in_place};

#[path = "mail/letters.rs"]
mod letters;
#[path = "mail/many.rs"]
mod many;

const SOON: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";

const POLICY: &str = r#"
person = [
  { handle = "root", role = "administrator" },
  { handle = "alice", name = "Alice", email = "alice@example.test" },
  { handle = "bob", name = "Bob", email = "bob@example.test" },
  { handle = "carol", name = "Carol", email = "carol@example.test" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }]
workflow = [{ name = "two", level = [{ managers_of = "dba" }, { people = ["carol"] }] }]
rule = [{ name = "prod", act = "connect", outcome = "approve", groups = ["dba"], workflow = "two" }]
"#;

/// A control plane with people in it.
struct World {
    control: Control,
    clock: Clock,
    root: Actor,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> World {
        World::with(POLICY).await
    }

    /// A world in which this policy file is in force.
    async fn with(policy: &str) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings {
            data: folder.path().join("data"),
            page_address: "https://gate.example.test:8443".into(),
            postgres_address: ("gate.example.test".into(), 5432),
            ssh_address: None,
            ca_file: folder.path().join("data/ca.pem"),
        };
        let (key, clock) = (RootKey::File(folder.path().join("key")), Clock::default());
        let hosts = ["localhost".to_owned()];
        let installed = install(settings, &key, clock.clone(), &hosts, "root").await.expect("installed");
        let control = installed.control;
        let root = enter(&control, &installed.invitation, "root").await;
        control.propose(&root, policy, "", None).await.expect("applied");
        World { control, clock, root, _folder: folder }
    }

    async fn person(&self, handle: &str) -> Actor {
        let link = self.control.invite(&self.root, handle).await.expect("invited");
        enter(&self.control, &link, handle).await
    }

    async fn ask(&self, reason: &str) -> RequestId {
        let alice = self.person("alice").await;
        self.control.reserve(&alice, self.an_hour(reason)).await.expect("asked")
    }

    /// What is reserved when nothing else matters.
    fn an_hour(&self, reason: &str) -> Reservation {
        let account = self.control.account_by_label("app@prod-db").expect("it is in the file");
        let now = self.control.now();
        Reservation::plain(account, Window::new(now, now.plus(3_600)).expect("an hour"), reason)
    }

    async fn decide(&self, approver: &Actor, request: RequestId, verdict: Verdict) {
        let view = self.control.request(approver, request).await.expect("visible");
        let position = view.position.expect("decidable").into();
        self.control.decide(approver, request, position, verdict, None, "fine").await.expect("decided");
    }

    /// Waits for an audit line of a kind and returns its sentence.
    async fn noted(&self, kind: &str) -> String {
        let query = AuditQuery { kind: kind.to_owned(), limit: 1, ..AuditQuery::default() };
        let mut changes = self.control.changes();
        let found = async {
            loop {
                let lines = self.control.audit(&self.root, &query).await.expect("readable");
                if let Some(line) = lines.into_iter().next() {
                    return line.sentence;
                }
                let _ = changes.recv().await;
            }
        };
        tokio::time::timeout(SOON, found).await.unwrap_or_else(|_| panic!("no `{kind}` in the audit"))
    }

    /// What the audit says somebody was told, a sentence each.
    async fn told(&self, handle: &str) -> Vec<String> {
        let query = AuditQuery { kind: "notification_sent".into(), limit: 100, ..AuditQuery::default() };
        let lines = self.control.audit(&self.root, &query).await.expect("readable");
        lines.into_iter().map(|line| line.sentence).filter(|said| said.starts_with(handle)).collect()
    }

    fn mail_through(&self, port: u16) -> Worker {
        let mail = MailConfig {
            server: "127.0.0.1".into(),
            port,
            security: Security::None,
            user: None,
            password: None,
            from: "Countersign <gate@example.test>".into(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let control = self.control.clone();
        let task = tokio::spawn(async move {
            let shutdown = async { drop(stopped.await) };
            run(control, mail, shutdown).await.expect("the configuration works");
        });
        Worker { stop, task }
    }
}

/// The worker under test; stopped and waited for.
struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    async fn stop(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(SOON, self.task).await.expect("it stops").expect("it did not panic");
    }
}

async fn enter(control: &Control, link: &str, handle: &str) -> Actor {
    let (_, token) = link.rsplit_once('/').expect("a link");
    control.accept_invitation(token, PASSWORD.into()).await.expect("the link counts");
    let session = control.sign_in(handle, PASSWORD.into(), None, "test").await.expect("signed in");
    use secrecy::ExposeSecret;
    control.actor(session.cookie.expose_secret()).await.expect("known")
}

fn arrived(sink: &MailSink, count: usize) -> Vec<Mail> {
    let mails = block_in_place(|| sink.wait_for(count, SOON)).expect("mail arrives");
    assert_eq!(mails.len(), count, "{mails:?}");
    mails
}

/// Relays a port to the mail server from now on, as if the server came up there.
fn comes_up(port: u16, sink: &MailSink) {
    let (listener, upstream) = (TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("free"), sink.port());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).expect("the sink listens");
            for (mut from, mut to) in [(&client, &server), (&server, &client)].map(|(a, b)| (copy(a), copy(b))) {
                std::thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Both);
                });
            }
        }
    });
}

fn copy(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a stream can be shared")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_level_is_told_when_its_turn_comes_and_the_requester_in_the_end() {
    let (world, sink) = (World::start().await, MailSink::start().expect("a mail server"));
    let worker = world.mail_through(sink.port());
    let (bob, carol) = (world.person("bob").await, world.person("carol").await);

    let request = world.ask("restore order 4711").await;
    let mails = arrived(&sink, 1);
    assert_eq!(mails[0].to, ["bob@example.test"]);
    assert_eq!(mails[0].from, "gate@example.test");
    let asks = "[Countersign] Alice asks: connect to app@prod-db (database shop) · #";
    assert!(mails[0].subject.starts_with(asks), "{}", mails[0].subject);
    let expected = format!(
        "Alice asks to connect to app@prod-db (database shop).\n\nReason: restore order 4711\n\n\
         Open {request}: https://gate.example.test:8443/requests/{}\n\n\
         -- \nYou get this because a workflow names you as an approver.",
        request.0
    );
    let text = mails[0].text.replace('\r', "");
    let (when, rest): (Vec<&str>, Vec<&str>) = text.trim_end().split("\n\n").partition(|l| l.starts_with("When: "));
    assert_eq!(rest.join("\n\n"), expected);
    assert!(when.len() == 1 && when[0].ends_with(" (UTC)"), "{when:?}");
    assert!(mails[0].raw.contains("Auto-Submitted: auto-generated"), "{}", mails[0].raw);
    assert!(mails[0].raw.contains("multipart/alternative"), "{}", mails[0].raw);
    world.noted("notification_sent").await;
    assert_eq!(world.control.letters().await.expect("readable"), [], "nobody else is told yet");

    world.decide(&bob, request, Verdict::Approve).await;
    let mails = arrived(&sink, 2);
    assert_eq!(mails[1].to, ["carol@example.test"]);

    world.decide(&carol, request, Verdict::Approve).await;
    let mails = arrived(&sink, 3);
    assert_eq!(mails[2].to, ["alice@example.test"]);
    assert!(mails[2].text.starts_with("Your request to connect to app@prod-db"), "{}", mails[2].text);
    assert!(mails[2].text.contains("Carol approved it."), "{}", mails[2].text);
    let ids: std::collections::BTreeSet<_> = mails.iter().map(message_id).collect();
    assert_eq!(ids.len(), 3);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_could_not_leave_arrives_once_when_the_server_is_back() {
    let (world, sink) = (World::start().await, MailSink::start().expect("a mail server"));
    let port = reserve_port().expect("a port");
    let worker = world.mail_through(port);
    world.ask("restore").await;
    let told = world.noted("notification_failed").await;
    assert!(told.starts_with("bob could not be told of"), "{told}");
    assert_eq!(sink.messages().expect("readable"), []);

    comes_up(port, &sink);
    world.clock.advance(Duration::from_secs(16));
    arrived(&sink, 1);
    world.noted("notification_sent").await;
    // Stopped and started again, and much later: it still is one message.
    worker.stop().await;
    world.clock.advance(Duration::from_secs(3_000));
    let worker = world.mail_through(port);
    assert_eq!(world.control.letters().await.expect("readable"), []);
    worker.stop().await;
    arrived(&sink, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_given_up_on_in_time() {
    let world = World::start().await;
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let worker = world.mail_through(silent.local_addr().expect("bound").port());
    world.ask("restore").await;
    let told = world.noted("notification_failed").await;
    assert!(told.ends_with("the mail server did not answer within 10 s"), "{told}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_cannot_write_headers_lines_or_markup() {
    let (world, sink) = (World::start().await, MailSink::start().expect("a mail server"));
    let worker = world.mail_through(sink.port());
    world.ask("<b>now</b>\r\nBcc: eve@example.test\n\nOpen #1: https://evil.example.test\u{202e}\u{1b}[2J").await;
    let mail = &arrived(&sink, 1)[0];
    let shown =
        "Reason: <b>now</b>\n  | Bcc: eve@example.test\n  | \n  | Open #1: https://evil.example.test<U+202E>␛[2J\n";
    assert!(mail.text.replace('\r', "").contains(shown), "{}", mail.text);
    assert_eq!(mail.to, ["bob@example.test"]);
    let (head, _) = mail.raw.split_once("\n\n").or_else(|| mail.raw.split_once("\r\n\r\n")).expect("a body");
    assert!(!head.contains("Bcc"), "{head}");
    assert!(mail.raw.contains("&lt;b&gt;now&lt;/b&gt;"), "{}", mail.raw);
    worker.stop().await;
}

fn message_id(mail: &Mail) -> String {
    let line = mail.raw.lines().find(|l| l.to_lowercase().starts_with("message-id:"));
    line.expect("every mail has one").to_owned()
}
