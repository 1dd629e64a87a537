//! A shop's database, a few people, and Countersign between them.

use countersign_harness::countersign::Options;
use countersign_harness::{
    Answer, Api, Countersign, MailSink, Postgres, Psql, Said, TicketStandIn, random_password, wait_until,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything may take that should take milliseconds; generous, for a loaded machine.
pub const SOON: Duration = Duration::from_secs(30);

/// Sessions of developers need their manager.
pub const CONNECT_APPROVED: &str = r#"
[[rule]]
name = "reserve-prod"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["prod-db"]
reason_chars_min = 10
duration_max_minutes = 240
"#;

/// Sessions of developers need nobody.
pub const CONNECT_ALLOWED: &str = r#"
[[rule]]
name = "free-prod"
act = "connect"
outcome = "allow"
groups = ["developers"]
devices = ["prod-db"]
"#;

/// Any member of `dba` decides.
pub const DBA: &str = r#"
[[workflow]]
name = "dba"
[[workflow.level]]
members_of = "dba"
"#;

/// What changes customers needs a member of `dba`, and so does what nobody can read.
pub const CUSTOMERS_HELD: &str = r#"
[[rule]]
name = "customers"
act = "query"
outcome = "approve"
groups = ["developers"]
devices = ["prod-db"]
kinds = ["update", "delete", "truncate", "drop", "alter"]
tables = ["customers"]
workflow = "dba"
unknown = "dba"
"#;

const TABLES: &str = "\
    CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, city text NOT NULL, changes int NOT NULL DEFAULT 0);
    CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, total numeric NOT NULL);
    INSERT INTO customers VALUES (1, 'Anna Lindt', 'Zurich'), (2, 'Emre Kaya', 'Izmir'), (3, 'Wei Chen', 'Porto');
    INSERT INTO orders SELECT n, 1 + n % 3, n * 10 FROM generate_series(1, 30) n;";

/// Everything one test needs. Dropping it stops everything.
pub struct World {
    pub server: Countersign,
    pub postgres: &'static Postgres,
    pub database: String,
    pub mail: Option<MailSink>,
    password: String,
    people: Mutex<BTreeMap<String, Api>>,
}

impl World {
    /// A world with these rules and workflows in force.
    pub fn new(rules: &[&str]) -> Self {
        Self::build(rules, Options::default(), None)
    }

    /// As [`World::new`], with a mail server.
    pub fn with_mail(rules: &[&str]) -> Self {
        let mail = MailSink::start().expect("a mail server");
        Self::build(rules, Options { mail_port: Some(mail.port()), ..Options::default() }, Some(mail))
    }

    /// As [`World::new`], with a ticket system.
    pub fn with_tickets(rules: &[&str], tickets: &TicketStandIn) -> Self {
        let tickets = Some((tickets.port(), tickets.ca_pem().to_owned()));
        Self::build(rules, Options { tickets, ..Options::default() }, None)
    }

    /// As [`World::new`], with a store of recordings behind that port, in which our key has that secret.
    pub fn with_store(rules: &[&str], port: u16, secret: &str) -> Self {
        Self::build(rules, Options { store: Some((port, secret.to_owned())), ..Options::default() }, None)
    }

    fn build(rules: &[&str], options: Options, mail: Option<MailSink>) -> Self {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let number = WORLDS.fetch_add(1, Ordering::Relaxed);
        let postgres = Postgres::shared();
        let (database, password) = (format!("shop{number}"), random_password().expect("randomness"));
        postgres.create_database(&database).expect("a database");
        // One login per world: worlds share the server, and who is connected must be told apart.
        postgres.create_login(&login(&database), &password).expect("a login");
        let sql = format!("ALTER SCHEMA public OWNER TO app_{database}; SET ROLE app_{database}; {TABLES}");
        postgres.psql(&database, &sql).expect("tables");
        let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
        let server = Countersign::start(binary, options).unwrap_or_else(|error| panic!("{error}"));
        let world = Self { server, postgres, database, mail, password, people: Mutex::new(BTreeMap::new()) };
        world.apply(rules);
        world
    }

    /// Puts other rules and workflows in force; people and device stay.
    pub fn apply(&self, rules: &[&str]) {
        let file = self.file(rules);
        self.server.apply(&file).unwrap_or_else(|error| panic!("{error}\n{file}"));
    }

    /// Why rules cannot be put in force.
    pub fn refused(&self, rules: &[&str]) -> String {
        let answer = self.server.apply(&self.file(rules));
        answer.err().map(|error| error.to_string()).expect("these rules are refused")
    }

    /// The world with these rules, as a policy file.
    pub fn file(&self, rules: &[&str]) -> String {
        self.directory() + &rules.concat()
    }

    fn directory(&self) -> String {
        let mut file = String::new();
        for (handle, role) in [("ada", "administrator"), ("aron", "auditor")] {
            let _ = writeln!(file, "[[person]]\nhandle = \"{handle}\"\nrole = \"{role}\"");
        }
        for handle in ["alice", "bob", "mia", "dora", "dave"] {
            let _ = writeln!(file, "[[person]]\nhandle = \"{handle}\"\nemail = \"{handle}@shop.example\"");
        }
        let (port, ca, database, password) =
            (self.postgres.port(), self.postgres.ca_pem(), &self.database, &self.password);
        let login = login(database);
        let _ = writeln!(
            file,
            "[[group]]\nname = \"developers\"\nmembers = [\"alice\", \"bob\"]\nmanagers = [\"mia\"]\n\
             [[group]]\nname = \"dba\"\nmembers = [\"dora\", \"dave\"]\n\
             [[device]]\nname = \"prod-db\"\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"{database}\"\n\
             ca = \"\"\"\n{ca}\"\"\"\n\
             [[account]]\ndevice = \"prod-db\"\nname = \"{login}\"\npassword = \"{password}\""
        );
        file
    }

    /// The API as a person, who is signed up at the first call.
    pub fn api(&self, person: &str) -> Api {
        let mut people = self.people.lock().expect("no test thread panics while signing up");
        let api = people.entry(person.to_owned()).or_insert_with(|| {
            if person != "ada" {
                self.server.sign_up(person).unwrap_or_else(|error| panic!("{error}"));
            }
            self.server.api(person).unwrap_or_else(|error| panic!("{error}"))
        });
        api.clone()
    }

    /// `GET` that must succeed.
    pub fn get(&self, person: &str, path: &str) -> Value {
        let answer = self.api(person).get(path).and_then(Answer::success);
        answer.unwrap_or_else(|error| panic!("GET {path} as {person}: {error}"))
    }

    /// `POST` with whatever answer.
    pub fn post(&self, person: &str, path: &str, body: &Value) -> Answer {
        self.api(person).post(path, body).unwrap_or_else(|error| panic!("POST {path} as {person}: {error}"))
    }

    /// `POST` that must succeed.
    pub fn done(&self, person: &str, path: &str, body: &Value) -> Value {
        let answer = self.post(person, path, body).success();
        answer.unwrap_or_else(|error| panic!("POST {path} as {person}: {error}"))
    }

    /// Asks for an hour on `prod-db`; the request's number.
    pub fn reserve(&self, person: &str) -> u64 {
        let wanted = json!({ "target": "prod-db", "minutes": 60, "reason": "ticket 4711: wrong city" });
        number(&self.done(person, "/requests", &wanted)["id"])
    }

    /// Asks and has the manager approve; the request's number.
    pub fn reserved(&self, person: &str) -> u64 {
        let request = self.reserve(person);
        self.approve("mia", request);
        request
    }

    /// Decides, with whatever answer.
    pub fn decide(&self, person: &str, request: u64, verdict: &str, comment: &str) -> Answer {
        self.post(person, &format!("/requests/{request}/decision"), &json!({ "verdict": verdict, "comment": comment }))
    }

    /// Approves; must succeed.
    pub fn approve(&self, person: &str, request: u64) -> Value {
        let answer = self.decide(person, request, "approve", "").success();
        answer.unwrap_or_else(|error| panic!("{person} approves {request}: {error}"))
    }

    /// An attempt to approve by somebody who may not: refused, or the request is not even shown; nothing changes.
    pub fn cannot_decide(&self, person: &str, request: u64) {
        let before = self.request(request)["tracks"].clone();
        let answer = self.decide(person, request, "approve", "");
        assert!(matches!(answer.status, 404 | 409), "{person}: {} {}", answer.status, answer.body);
        assert_eq!(self.request(request)["tracks"], before);
    }

    /// Rejects; must succeed.
    pub fn reject(&self, person: &str, request: u64, comment: &str) {
        let answer = self.decide(person, request, "reject", comment).success();
        answer.unwrap_or_else(|error| panic!("{person} rejects {request}: {error}"));
    }

    /// A request as an auditor sees it.
    pub fn request(&self, request: u64) -> Value {
        self.get("ada", &format!("/requests/{request}"))
    }

    /// The status word of a request.
    pub fn status(&self, request: u64) -> String {
        self.request(request)["status"].as_str().unwrap_or_default().to_owned()
    }

    /// The stage of the grant of a request.
    pub fn stage(&self, request: u64) -> String {
        self.request(request)["grant"]["stage"].as_str().unwrap_or_default().to_owned()
    }

    /// What waits for a person's decision now.
    pub fn inbox(&self, person: &str) -> Vec<Value> {
        self.get(person, "/requests?scope=for_me").as_array().cloned().unwrap_or_default()
    }

    /// The held statement that waits for a person, once there is exactly one.
    pub fn held(&self, person: &str) -> Value {
        self.api(person);
        eventually("one held statement waits for a decision", || {
            let inbox = self.inbox(person);
            let held: Vec<_> = inbox.into_iter().filter(|view| view["kind"] == "query").collect();
            (held.len() == 1).then(|| held[0].clone())
        })
    }

    /// The number of the held statement that waits for a person.
    pub fn held_number(&self, person: &str) -> u64 {
        number(&self.held(person)["id"])
    }

    /// Runs SQL on the target itself, as its superuser.
    pub fn target(&self, sql: &str) -> String {
        self.postgres.psql(&self.database, sql).unwrap_or_else(|error| panic!("{error}"))
    }

    /// How often a customer was changed.
    pub fn changes(&self, customer: u32) -> String {
        self.target(&format!("SELECT changes FROM customers WHERE id = {customer}"))
    }

    /// How many backends on the target serve Countersign's login.
    pub fn backends(&self) -> String {
        self.target(&format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}'", login(&self.database)))
    }

    /// How many backends run a statement like this now.
    pub fn running(&self, like: &str) -> String {
        let login = login(&self.database);
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND usename";
        self.target(&format!("{sql} = '{login}' AND query LIKE '%{like}%'"))
    }

    /// A psql for `prod-db`.
    pub fn psql(&self, person: &str) -> Psql {
        self.api(person);
        self.server.psql(person, "prod-db").unwrap_or_else(|error| panic!("{error}"))
    }

    /// An open psql on `prod-db`.
    pub fn terminal(&self, person: &str) -> Terminal {
        let psql = Psql { within: SOON, ..self.psql(person) };
        Terminal(countersign_harness::Terminal::open(&psql).unwrap_or_else(|error| panic!("{error}")))
    }
}

/// The login on the target, one per world.
fn login(database: &str) -> String {
    format!("app_{database}")
}

/// A number in an answer.
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("`{value}` is not a number"))
}

/// Waits until `look` finds something; fails with `what` when it does not.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_until(SOON, look).unwrap_or_else(|| panic!("did not happen within {SOON:?}: {what}"))
}

/// Fails unless `text` has `part`.
pub fn has(text: &str, part: &str) {
    assert!(text.contains(part), "`{part}` is not in:\n{text}");
}

/// An open psql whose troubles fail the test.
pub struct Terminal(countersign_harness::Terminal);

impl Terminal {
    /// Runs a statement to its end.
    pub fn say(&mut self, sql: &str) -> Said {
        self.0.say(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Sends a statement and does not wait; [`Terminal::end`] does.
    pub fn begin(&mut self, sql: &str) {
        self.0.begin(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Sends a statement to a session that is being cut, which `psql` may have noticed and left by itself.
    pub fn try_begin(&mut self, sql: &str) {
        let _ = self.0.begin(sql);
    }

    /// Waits for the end of the last statement.
    pub fn end(&self) -> Said {
        self.0.end().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits for a line of notices or errors and returns it.
    pub fn told(&self, text: &str) -> String {
        self.0.told(text).unwrap_or_else(|error| panic!("{error}"))
    }
}
