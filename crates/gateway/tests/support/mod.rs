//! A whole gateway on loopback for tests: a real PostgreSQL behind it, a real control plane, real certificates.

#![allow(dead_code, reason = "each test file uses a part")]

use bytes::{BufMut, BytesMut};
use countersign_control::view::{RequestQuery, RequestView, Scope};
use countersign_control::{Actor, Clock, Control, RootKey, Settings, install};
use countersign_core::{Device, Endpoint, Position, PostgresEndpoint};
use countersign_gateway::bind;
use countersign_gateway::postgres::Postgres as Protocol;
use countersign_harness::{Postgres, Psql};
use countersign_journal::{RequestId, Verdict};
use countersign_target::postgres::{BackendKey, Connected, Login, cancel, connect};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for anything in a test.
pub const WAIT: Duration = Duration::from_secs(20);

/// Says 10 as long as nobody changed customers.
pub const UNHARMED: &str = "SELECT count(*) FROM ONLY customers WHERE visits = 0";

/// Whether a statement did not run.
pub fn is_stopped(verdict: &str) -> bool {
    matches!(verdict, "held" | "refused" | "closed")
}

/// The rules most tests run under: alice may connect; what touches customers needs dora, unknowns too.
pub const RULES: &str = r#"
[[workflow]]
name = "dba"
[[workflow.level]]
people = ["dora"]

[[rule]]
name = "developers connect"
act = "connect"
outcome = "allow"
groups = ["developers"]

[[rule]]
name = "customers"
act = "query"
outcome = "approve"
workflow = "dba"
unknown = "dba"
tables = ["customers"]
kinds = ["insert", "update", "delete", "merge", "truncate", "alter", "drop", "copy_in"]
transaction_hold_max_s = 2
"#;

pub struct World {
    pub control: Control,
    pub port: u16,
    pub ca_pem: String,
    pub database: String,
    pub postgres: &'static Postgres,
    pub ada: Actor,
    pub alice: Actor,
    pub dora: Actor,
    folder: tempfile::TempDir,
    password: String,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

impl World {
    /// A world under [`RULES`].
    pub async fn start() -> World {
        World::start_with(RULES).await
    }

    pub async fn start_with(rules: &str) -> World {
        let postgres = Postgres::shared();
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = format!("shop_{}_{n}", std::process::id());
        let password = countersign_harness::random_password().expect("random");
        postgres.create_database(&database).expect("a database");
        postgres.create_login(&database, &password).expect("a login");
        postgres
            .psql(
                &database,
                &format!(
                    "CREATE TABLE customers (id int PRIMARY KEY, name text, visits int NOT NULL DEFAULT 0); \
             CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers ON DELETE CASCADE); \
             INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 10) n; \
             INSERT INTO orders SELECT n, n FROM generate_series(1, 10) n; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO \"{database}\"; GRANT ALL ON SCHEMA public TO \"{database}\""
                ),
            )
            .expect("a schema");
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let settings = Settings {
            data: data.clone(),
            page_address: "https://countersign.test".into(),
            postgres_address: ("localhost".into(), 0),
            ssh_address: None,
            ca_file: data.join("ca.pem"),
        };
        let root = RootKey::File(folder.path().join("key"));
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let installed = install(settings, &root, Clock::default(), &hosts, "ada").await.expect("installed");
        let control = installed.control;
        let ada = sign_up(&control, &installed.invitation, "ada").await;
        let file = format!(
            "{PEOPLE}\n[[device]]\nname = \"prod-db\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{database}\"\n\
             server_name = \"localhost\"\nca = '''{}'''\n[[account]]\ndevice = \"prod-db\"\nname = \"{database}\"\n\
             password = \"{password}\"\n{rules}",
            postgres.port(),
            postgres.ca_pem()
        );
        control.propose(&ada, &file, "", None).await.expect("applied");
        let link = control.invite(&ada, "alice").await.expect("invited");
        let alice = sign_up(&control, &link, "alice").await;
        let link = control.invite(&ada, "dora").await.expect("invited");
        let dora = sign_up(&control, &link, "dora").await;
        let pem = |name: &str| data.join(name);
        let certificates =
            CertificateDer::pem_file_iter(pem("server.pem")).expect("pem").map(|c| c.expect("pem")).collect();
        let key = PrivateKeyDer::from_pem_file(pem("server.key")).expect("pem");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .expect("a certificate");
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
        let bound = bind(([127, 0, 0, 1], 0).into()).await.expect("bound");
        let port = bound.local_addr().expect("an address").port();
        tokio::spawn(bound.serve(Protocol::new(Arc::new(tls)), control.clone(), std::future::pending()));
        let ca_pem = std::fs::read_to_string(pem("ca.pem")).expect("the authority");
        World { control, port, ca_pem, database, postgres, ada, alice, dora, folder, password }
    }

    pub fn file(&self, rules: &str) -> String {
        format!(
            "{PEOPLE}\n[[device]]\nname = \"prod-db\"\nhost = \"127.0.0.1\"\nport = {}\ndatabase = \"{}\"\n\
             server_name = \"localhost\"\nca = '''{}'''\n[[account]]\ndevice = \"prod-db\"\nname = \"{}\"\n\
             password = \"{}\"\n{rules}",
            self.postgres.port(),
            self.database,
            self.postgres.ca_pem(),
            self.database,
            self.password
        )
    }

    pub async fn token(&self, who: &Actor) -> (String, String) {
        let account = self.control.account_by_label("prod-db").expect("an account");
        let view = self.control.issue_token(who, account, "").await.expect("a token");
        (view.user, view.token.expose_secret().to_owned())
    }

    /// A real psql for a person.
    pub async fn psql(&self, who: &Actor) -> Psql {
        let (user, token) = self.token(who).await;
        Psql::new(self.port, &user, &token, &self.database, &self.folder.path().join("data/ca.pem"))
    }

    /// A client that sends what it is told, byte for byte.
    pub async fn raw(&self, who: &Actor) -> Raw {
        self.raw_with(who, &[]).await
    }

    /// The same with start-up parameters.
    pub async fn raw_with(&self, who: &Actor, parameters: &[(&str, &str)]) -> Raw {
        self.try_raw(who, &self.database, parameters).await.expect("connected")
    }

    /// The same to any database; what went wrong otherwise.
    pub async fn try_raw(&self, who: &Actor, database: &str, parameters: &[(&str, &str)]) -> Result<Raw, String> {
        let (user, token) = self.token(who).await;
        let device = self.gateway();
        let password = SecretString::from(token);
        let parameters: Vec<(String, String)> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let login = Login { device: &device, user: &user, password: &password, database, parameters: &parameters };
        Ok(Raw { connected: connect(&login).await.map_err(|fault| fault.to_string())? })
    }

    /// The gateway as a place to connect to.
    fn gateway(&self) -> Device {
        Device {
            name: "gateway".into(),
            host: "127.0.0.1".into(),
            port: self.port,
            endpoint: Endpoint::Postgresql(PostgresEndpoint {
                database: self.database.clone(),
                ca_pem: self.ca_pem.clone(),
                server_name: "localhost".into(),
            }),
        }
    }

    /// Asks to cancel what the client with this key waits for.
    pub async fn cancel(&self, key: BackendKey) {
        cancel(&self.gateway(), key).await.expect("the request was taken");
    }

    /// A connection to the gateway before anything was said.
    pub async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.expect("connected")
    }

    /// Another session still gets its answer.
    pub async fn others_live(&self) {
        let mut other = self.raw(&self.alice).await;
        other.send(&[query("SELECT 1")]).await;
        assert_eq!(other.answer().await, ["T", "D", "SELECT 1", "Z I"], "another session still works");
    }

    /// Runs SQL on the target itself, past the gateway.
    pub fn truth(&self, sql: &str) -> String {
        self.postgres.psql(&self.database, sql).expect("the target answers").trim().to_owned()
    }

    /// Tries each in a session of its own; the last statement, or one before it, must be stopped, and nothing be harmed.
    pub async fn none_harms(&self, attempts: &[&[&str]]) {
        let all = "SELECT count(*) FROM customers";
        let rows = self.truth(all);
        for attempt in attempts {
            let mut alice = self.raw(&self.alice).await;
            let mut seen = Vec::new();
            for sql in *attempt {
                seen.push(alice.one(sql).await);
                if is_stopped(&seen[seen.len() - 1]) {
                    break;
                }
            }
            assert_eq!((&*self.truth(UNHARMED), self.truth(all)), ("10", rows.clone()), "{attempt:?}: {seen:?}");
            assert!(seen.last().is_some_and(|last| is_stopped(last)), "{attempt:?}: {seen:?}");
        }
        self.others_live().await;
    }

    /// The oldest request that waits for a person, as soon as there is one.
    pub async fn waiting(&self, who: &Actor) -> RequestView {
        let query = RequestQuery { scope: Scope::ForMe, limit: 10, ..RequestQuery::default() };
        let deadline = Instant::now() + WAIT;
        let mut changes = self.control.changes();
        loop {
            if let Some(view) = self.control.requests(who, &query).await.expect("a list").pop() {
                return view;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            tokio::time::timeout(left, changes.recv()).await.expect("a request in time").expect("a change");
        }
    }

    pub async fn decide(&self, who: &Actor, request: RequestId, verdict: Verdict, comment: &str) {
        let view = self.control.request(who, request).await.expect("the request");
        let position = Position::from(view.position.expect("it can be decided"));
        self.control.decide(who, request, position, verdict, None, comment).await.expect("decided");
    }

    /// Decides unless somebody was faster; whether it counted.
    pub async fn try_decide(&self, who: &Actor, request: RequestId, verdict: Verdict) -> bool {
        let Ok(view) = self.control.request(who, request).await else { return false };
        let Some(position) = view.position.map(Position::from) else { return false };
        self.control.decide(who, request, position, verdict, None, "").await.is_ok()
    }

    pub async fn nothing_waits(&self) -> bool {
        let query = RequestQuery { scope: Scope::ForMe, limit: 10, ..RequestQuery::default() };
        self.control.requests(&self.dora, &query).await.expect("a list").is_empty()
    }
}

const PEOPLE: &str = r#"
[[person]]
handle = "ada"
role = "administrator"
[[person]]
handle = "alice"
[[person]]
handle = "dora"
[[group]]
name = "developers"
members = ["alice"]
managers = ["dora"]
"#;

async fn sign_up(control: &Control, link: &str, handle: &str) -> Actor {
    let token = link.rsplit('/').next().expect("a token");
    let password = || SecretString::from("correct horse battery");
    control.accept_invitation(token, password()).await.expect("a password");
    let session = control.sign_in(handle, password(), None, "test").await.expect("signed in");
    control.actor(session.cookie.expose_secret()).await.expect("an actor")
}

/// A client without opinions.
pub struct Raw {
    connected: Connected,
}

impl Raw {
    pub async fn send(&mut self, messages: &[Vec<u8>]) {
        let bytes = messages.concat();
        self.connected.stream.write_all(&bytes).await.expect("sent");
        self.connected.stream.flush().await.expect("sent");
    }

    /// The next message: tag and body.
    pub async fn next(&mut self) -> (u8, Vec<u8>) {
        loop {
            let rest = &mut self.connected.rest;
            if rest.len() >= 5 {
                let length = u32::from_be_bytes([rest[1], rest[2], rest[3], rest[4]]) as usize + 1;
                if rest.len() >= length {
                    let message = rest.split_to(length);
                    return (message[0], message[5..].to_vec());
                }
            }
            let read = tokio::time::timeout(WAIT, self.connected.stream.read_buf(&mut self.connected.rest)).await;
            if read.expect("an answer in time").unwrap_or(0) == 0 {
                return (0, Vec::new());
            }
        }
    }

    /// Messages up to and including ReadyForQuery or the end, as `tag` or `E code`, notices left out.
    pub async fn answer(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let (tag, body) = self.next().await;
            match tag {
                0 => {
                    seen.push("closed".into());
                    return seen;
                }
                b'N' | b'S' => {}
                b'E' => seen.push(format!("E {}", field(&body, b'C'))),
                b'C' => seen.push(String::from_utf8_lossy(&body).trim_end_matches('\0').to_owned()),
                b'Z' => {
                    seen.push(format!("Z {}", char::from(body[0])));
                    return seen;
                }
                other => seen.push(char::from(other).to_string()),
            }
        }
    }

    /// The client's cancel key.
    pub fn key(&self) -> BackendKey {
        self.connected.key
    }

    /// Sends bytes even to someone who hung up.
    /// Sends one simple query and says what came of it.
    pub async fn one(&mut self, sql: &str) -> String {
        self.push(&query(sql)).await;
        self.verdict().await
    }

    pub async fn push(&mut self, bytes: &[u8]) {
        let _ = self.connected.stream.write_all(bytes).await;
        let _ = self.connected.stream.flush().await;
    }

    /// Reads until the target takes COPY data.
    pub async fn copying(&mut self) {
        loop {
            match self.next().await.0 {
                b'G' => return,
                tag => assert!(!matches!(tag, 0 | b'E'), "no COPY begins"),
            }
        }
    }

    /// What became of what was sent: `held`, `refused`, `closed`, or the answer.
    pub async fn verdict(&mut self) -> String {
        let mut seen = Vec::new();
        loop {
            let (tag, body) = self.next().await;
            match tag {
                0 => return "closed".into(),
                b'N' if field(&body, b'M').starts_with("held for approval") => return "held".into(),
                b'E' if field(&body, b'C') == "42501" => {
                    assert!(
                        !field(&body, b'M').starts_with("permission denied"),
                        "the target itself refused, so this tried nothing: {}",
                        field(&body, b'M')
                    );
                    return "refused".into();
                }
                b'E' => seen.push(format!("E {} {}", field(&body, b'C'), field(&body, b'M'))),
                b'C' => seen.push(String::from_utf8_lossy(&body).trim_end_matches('\0').to_owned()),
                b'Z' => {
                    seen.push(format!("Z {}", char::from(body[0])));
                    return seen.join(", ");
                }
                _ => {}
            }
        }
    }

    /// Waits for the notice that something is held, and returns the request's number.
    pub async fn held(&mut self) -> RequestId {
        loop {
            let (tag, body) = self.next().await;
            assert_ne!(tag, 0, "the connection closed while a hold was expected");
            assert_ne!(tag, b'E', "{}", field(&body, b'M'));
            if tag == b'N' {
                let words = field(&body, b'M');
                let number = words.split('#').nth(1).and_then(|t| t.split(',').next()).expect("a request number");
                return RequestId(number.parse().expect("a number"));
            }
        }
    }
}

fn field(body: &[u8], wanted: u8) -> String {
    let fields = body.split(|b| *b == 0).filter_map(|f| f.split_first());
    let mut found = fields.filter(|(kind, _)| **kind == wanted);
    found.next().map(|(_, t)| String::from_utf8_lossy(t).into_owned()).unwrap_or_default()
}

pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u8(tag);
    out.put_u32(body.len() as u32 + 4);
    out.extend_from_slice(body);
    out.to_vec()
}

pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &[sql.as_bytes(), b"\0"].concat())
}

pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

pub fn bind_to(portal: &str, statement: &str, values: &[&str]) -> Vec<u8> {
    let mut body = BytesMut::new();
    for text in [portal, statement] {
        body.extend_from_slice(text.as_bytes());
        body.put_u8(0);
    }
    body.put_u16(0);
    body.put_u16(values.len() as u16);
    for value in values {
        body.put_u32(value.len() as u32);
        body.extend_from_slice(value.as_bytes());
    }
    body.put_u16(0);
    message(b'B', &body)
}

pub fn execute(portal: &str) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0\0\0\0\0"].concat())
}

pub fn close(name: &str) -> Vec<u8> {
    message(b'C', &[b"S", name.as_bytes(), b"\0"].concat())
}

pub fn close_portal(name: &str) -> Vec<u8> {
    message(b'C', &[b"P", name.as_bytes(), b"\0"].concat())
}

pub fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub fn flush() -> Vec<u8> {
    message(b'H', b"")
}
