//! A real control plane in a temporary folder, with people, a target, and a router that answers as it would behind
//! TLS.

#![allow(dead_code, reason = "each test program uses its part")]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use countersign_control::{Actor, Clock, Control, Entry, Gate, Hold, Reservation, RootKey, Settings, Unit, install};
use countersign_core::digest::UnitPart;
use countersign_inspect::sql;
use countersign_journal::{AccountId, RequestId, Window};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt;

/// Requests asked for so far by this test.
static ASKED: AtomicU64 = AtomicU64::new(0);

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";
/// The origin pages are served from.
pub const ORIGIN: &str = "https://gate.example.test:8443";
/// Most bytes of an answer a test reads.
const ANSWER_BYTES_MAX: usize = 8 << 20;

const POLICY: &str = r#"
person = [
  { handle = "root", name = "Ruth Root", role = "administrator" },
  { handle = "audrey", name = "Audrey Auditor", role = "auditor" },
  { handle = "alice", name = "Alice Ahrens", email = "alice@example.test" },
  { handle = "bob", name = "Bob Brandt", email = "bob@example.test" },
  { handle = "carol", name = "Carol Chen", email = "carol@example.test" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }, { device = "prod-db", name = "report" }]
workflow = [{ name = "dba-manager", level = [{ managers_of = "dba" }] }, { name = "two", level = [{ managers_of = "dba" }, { people = ["carol"] }] }]
rule = [
  { name = "prod needs two", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], workflow = "two", reason_chars_min = 10, duration_max_minutes = 240 },
  { name = "reports are open", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["report@prod-db"] },
  { name = "writes are held", act = "query", outcome = "approve", groups = ["dba"], kinds = ["update", "delete"], workflow = "dba-manager", unknown = "dba-manager" },
]
"#;

/// Everything a test needs.
pub struct Scene {
    /// The control plane.
    pub control: Control,
    /// Its clock.
    pub clock: Clock,
    /// What answers.
    pub router: Router,
    pub credentials: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its text.
    pub text: String,
}

impl Answer {
    /// Where it leads.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).and_then(|l| l.to_str().ok()).unwrap_or_default()
    }
}

impl Scene {
    /// What a form planned is proposed, and is in force, as root alone decides.
    pub async fn put_in_force(&self, planned: &str) {
        let done = self.press(planned, "root", &[("do", "propose")]).await;
        assert!(done.location().contains("?done=applied"), "{}", done.text);
    }

    /// Sends on what a form planned, as one of the buttons of the page that says what would change.
    pub async fn press(&self, planned: &str, handle: &str, more: &[(&str, &str)]) -> Answer {
        let (_, rest) = planned.split_once("<form class=\"panel form propose\"").unwrap_or_else(|| panic!("{planned}"));
        let rest = rest.split("</form>").next().unwrap_or_default();
        let attribute = |text: &str, name: &str| -> String {
            let (_, value) = text.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name}: {text}"));
            unescaped(value.split('"').next().unwrap_or_default())
        };
        let hidden = rest.split("<input type=\"hidden\"").skip(1);
        let hidden: Vec<_> = hidden.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect();
        let fields = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(more.iter().copied());
        self.post(&attribute(rest, "action"), handle, &form(&fields.collect::<Vec<_>>())).await
    }

    /// Where the authority's certificate is kept.
    pub fn authority_file(&self) -> std::path::PathBuf {
        self.folder.path().join("data/ca.pem")
    }

    /// Sets everything up and signs everybody in.
    pub async fn start() -> Scene {
        Scene::start_with(POLICY, &["audrey", "alice", "bob", "carol"]).await
    }

    /// The same with another policy, in which `root` may invite everybody.
    pub async fn start_with(policy: &str, people: &[&str]) -> Scene {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = settings(&folder);
        let (key, clock) = (RootKey::File(folder.path().join("key")), Clock::default());
        let installed =
            install(settings, &key, clock.clone(), &["localhost".to_owned()], "root").await.expect("installed");
        let control = installed.control;
        let router = countersign_web::router(control.clone());
        let mut scene = Scene { control, clock, router, credentials: BTreeMap::new(), folder };
        scene.enter("root", &installed.invitation).await;
        let root = scene.actor("root").await;
        scene.control.propose(&root, policy, "", None).await.expect("applied");
        for handle in people {
            let link = scene.control.invite(&root, handle).await.expect("invited");
            scene.enter(handle, &link).await;
        }
        scene
    }

    /// Another server on what is on the disk now, as after a crash of this one.
    pub async fn after_a_crash(&self) -> Scene {
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
        let (key, clock) = (RootKey::File(self.folder.path().join("key")), self.clock.clone());
        let control = Control::open(settings(&folder), &key, clock.clone()).await.expect("it starts");
        let router = countersign_web::router(control.clone());
        Scene { control, clock, router, credentials: self.credentials.clone(), folder }
    }

    async fn enter(&mut self, handle: &str, link: &str) {
        let token = link.rsplit('/').next().expect("a link ends in its token");
        self.control.accept_invitation(token, PASSWORD.into()).await.expect("a password is set");
        self.sign_in(handle).await;
    }

    /// Opens a session for a person and remembers it.
    pub async fn sign_in(&mut self, handle: &str) {
        let session = self.control.sign_in(handle, PASSWORD.into(), None, "192.0.2.1").await.expect("signed in");
        self.credentials.insert(handle.to_owned(), session.cookie.expose_secret().to_owned());
    }

    /// Has somebody carry a credential that is no session.
    pub fn carry(&mut self, handle: &str, credential: &str) {
        self.credentials.insert(handle.to_owned(), credential.to_owned());
    }

    /// What an authenticator with this secret shows now.
    pub fn code(&self, secret: &SecretString) -> String {
        let secret = data_encoding::BASE32_NOPAD.decode(secret.expose_secret().as_bytes()).expect("base32");
        let totp = totp_rs::Builder::new().with_secret(secret).build().expect("a secret");
        totp.generate(u64::try_from(self.control.now().0 / 1_000_000).expect("after 1970")).to_string()
    }

    /// The credential of a person's session.
    pub fn credential(&self, handle: &str) -> &str {
        &self.credentials[handle]
    }

    /// A person, as resolved now.
    pub async fn actor(&self, handle: &str) -> Actor {
        self.control.actor(self.credential(handle)).await.expect("still signed in")
    }

    /// An account by its label.
    pub fn account(&self, label: &str) -> AccountId {
        self.control.account_by_label(label).expect("it is in the file")
    }

    /// Somebody asks for an hour on `app@prod-db`.
    pub async fn ask(&self, handle: &str) -> RequestId {
        let now = self.control.now();
        // Each a little longer than the one before, for as long from now on would be the same wish again.
        let before = ASKED.fetch_add(1, Ordering::Relaxed);
        let window = Window::new(now, now.plus(3_600 + 2 * before)).expect("an hour");
        let actor = self.actor(handle).await;
        let account = self.account("app@prod-db");
        self.control
            .reserve(&actor, Reservation::plain(account, window, "ticket 4711: price fix"))
            .await
            .expect("asked")
    }

    /// Alice opens a session on the account that is open to her and is held there with `text`.
    pub async fn hold(&self, text: &str) -> (Gate, Hold) {
        let alice = self.actor("alice").await;
        let opened = self.control.open_session(alice.person, self.account("report@prod-db"), None, "192.0.2.7").await;
        let Ok(Entry::Open(gate)) = opened else { panic!("not open to her") };
        let mut gate = *gate;
        let part = UnitPart {
            sql: text.as_bytes().to_vec(),
            parameter_types: Vec::new(),
            parameter_formats: Vec::new(),
            parameters: Vec::new(),
            result_formats: Vec::new(),
            row_limits: vec![0],
        };
        let settings = vec![("search_path".to_owned(), "public".to_owned())];
        let unit = Unit { parts: vec![part], settings, objects: Vec::new() };
        let hold = gate.hold(1, &unit, sql::facts(text)).await.expect("held");
        (gate, hold)
    }

    /// Asks the router as a browser on our own pages would; `handle` empty means signed out.
    pub async fn browse(&self, method: Method, path: &str, handle: &str, form: &str) -> Answer {
        let request = self.browser(method, path, handle).header("sec-fetch-site", "same-origin");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).expect("a request")).await
    }

    /// A browser's request, without what says from which page it comes.
    pub fn browser(&self, method: Method, path: &str, handle: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match self.credentials.get(handle) {
            Some(credential) => request.header(header::COOKIE, format!("zone=UTC; __Host-countersign={credential}")),
            None => request,
        }
    }

    /// What the links in the mails to an address that are due now lead to, without what goes before; the latest last.
    pub async fn links_to(&self, address: &str) -> Vec<String> {
        let letters = self.control.letters().await.expect("readable");
        let to = letters.iter().filter(|l| l.address == address).map(|l| l.link.expose());
        to.map(|link| link.strip_prefix(ORIGIN).expect("our own").to_owned()).collect()
    }

    /// Everything that is due has left, so that what comes next is found among the first.
    pub async fn sent(&self) {
        for letter in self.control.letters().await.expect("readable") {
            self.control.letter_sent(&letter).await.expect("noted");
        }
    }

    /// Looks at a page.
    pub async fn get(&self, path: &str, handle: &str) -> Answer {
        self.browse(Method::GET, path, handle, "").await
    }

    /// Posts a form.
    pub async fn post(&self, path: &str, handle: &str, form: &str) -> Answer {
        self.browse(Method::POST, path, handle, form).await
    }

    /// Posts a form that changes the configuration, made from what is in force.
    pub async fn fill(&self, path: &str, handle: &str, form: &str) -> Answer {
        self.post(path, handle, &format!("{form}&base={}", self.control.base())).await
    }

    /// Calls the API as a program would.
    pub async fn api(&self, method: Method, path: &str, handle: &str, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(credential) = self.credentials.get(handle) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {credential}"));
        }
        let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    /// Sends a request and reads the answer whole.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.stream(request).await;
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.expect("an answer ends");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// Sends a request and leaves the answer's body to be read.
    pub async fn stream(&self, mut request: Request<Body>) -> axum::response::Response {
        let peer = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 9), 4_444));
        request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
        self.router.clone().oneshot(request).await.expect("a router always answers")
    }
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings {
        data: folder.path().join("data"),
        page_address: ORIGIN.into(),
        postgres_address: ("gate.example.test".into(), 5432),
        ssh_address: None,
        ca_file: folder.path().join("data/ca.pem"),
    }
}

/// Text as a form field.
pub fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The parts of a form, escaped.
pub fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, text)| format!("{}={}", escaped(name), escaped(text))).collect::<Vec<_>>().join("&")
}

/// The file that a form made, read back from the page that says what it would change.
pub fn edited(page: &str) -> String {
    let (_, rest) = page.split_once("<pre class=\"file mono\">").unwrap_or_else(|| panic!("no file: {page}"));
    unescaped(rest.split("</pre>").next().unwrap_or_default())
}

fn unescaped(text: &str) -> String {
    text.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")
}
