//! The pages in Debian's Chromium, on the real server before a real PostgreSQL: the main job between several people's
//! browsers at once, and every page at both sizes.

use countersign_harness::countersign::Options;
use countersign_harness::{
    Answer, Api, Countersign, MailSink, Postgres, Psql, Terminal, browser, random_password, wait_until,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// How long anything may take that should take milliseconds.
const SOON: Duration = Duration::from_secs(30);
/// Who signs in.
const PEOPLE: [&str; 6] = ["alice", "ben", "mia", "dora", "dave", "ada"];

const POLICY: &str = r#"
[[person]]
handle = "ada"
name = "Ada Okafor"
email = "ada@shop.example"
role = "administrator"
[[person]]
handle = "alice"
name = "Alice Adams"
email = "alice@shop.example"
[[person]]
handle = "ben"
name = "Ben Ortiz"
email = "ben@shop.example"
[[person]]
handle = "mia"
name = "Mia Laurent"
email = "mia@shop.example"
[[person]]
handle = "dora"
name = "Dora Novak"
email = "dora@shop.example"
[[person]]
handle = "dave"
name = "Dave Lindqvist"

[[group]]
name = "developers"
members = ["alice", "ben"]
managers = ["mia"]
[[group]]
name = "dba"
members = ["dora", "dave"]

[[role]]
name = "log readers"
permissions = ["PAM.Reports.List", "PAM.Sessions.List"]
people = ["dora"]
groups = ["dba"]

[[workflow]]
name = "dba"
[[workflow.level]]
members_of = "dba"

[[rule]]
name = "reserve-prod"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["prod-db"]
reason_chars_min = 10
duration_max_minutes = 240
[[rule]]
name = "customers-change"
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

/// What waits on the page that every README reader sees.
const CORRECTION: &str = "\
UPDATE customers
   SET city = 'Istanbul', -- as on the delivery note
       changes = changes + 1
 WHERE id = 2";
/// What only a reader who sees hidden characters understands: a right-to-left override and a zero-width space.
const DISGUISED: &str = "DELETE FROM customers WHERE name = 'Wei\u{202E} nehC' AND city <> 'Por\u{200B}to'";

/// A shop's database and Countersign before it.
struct Shop {
    server: Countersign,
    postgres: &'static Postgres,
}

impl Shop {
    fn open() -> Self {
        Self::with(POLICY, Options::default())
    }

    fn with(policy: &str, options: Options) -> Self {
        let postgres = Postgres::shared();
        let password = random_password().expect("randomness");
        postgres.create_database("shop").expect("a database");
        postgres.create_login("app_rw", &password).expect("a login");
        let sql = format!("ALTER SCHEMA public OWNER TO app_rw; SET ROLE app_rw; {TABLES}");
        postgres.psql("shop", &sql).expect("tables");
        let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
        let server = Countersign::start(binary, options).unwrap_or_else(|error| panic!("{error}"));
        let (port, ca) = (postgres.port(), postgres.ca_pem());
        let mut policy = policy.to_owned();
        let _ = write!(
            policy,
            "[[device]]\nname = \"prod-db\"\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"shop\"\n\
             ca = \"\"\"\n{ca}\"\"\"\n\
             [[account]]\ndevice = \"prod-db\"\nname = \"app_rw\"\npassword = \"{password}\""
        );
        server.apply(&policy).unwrap_or_else(|error| panic!("{error}\n{policy}"));
        for person in PEOPLE.iter().filter(|person| **person != "ada") {
            server.sign_up(person).unwrap_or_else(|error| panic!("{error}"));
        }
        Self { server, postgres }
    }

    /// Runs a browser script; what it prints belongs to the test's output.
    fn run(&self, script: &str) {
        self.run_with(script, "");
    }

    /// The same, with the link of a mail.
    fn run_with(&self, script: &str, link: &str) {
        let passwords: Value = PEOPLE.iter().map(|who| ((*who).to_owned(), json!(self.server.password(who)))).collect();
        let (address, passwords) = (self.server.page_address(), passwords.to_string());
        let env = [
            ("COUNTERSIGN_ADDRESS", address.as_str()),
            ("COUNTERSIGN_PASSWORDS", passwords.as_str()),
            ("COUNTERSIGN_LINK", link),
        ];
        let ran = browser::run_script(Path::new(script), &env).unwrap_or_else(|error| panic!("{script}: {error}"));
        println!("{}", ran.stdout);
        assert!(ran.succeeded(), "{script}:\n{}\n{}", ran.stdout, ran.stderr);
    }

    fn api(&self, person: &str) -> Api {
        self.server.api(person).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Asks for a session on `prod-db`; the request's number.
    fn reserve(&self, person: &str, minutes: u32, reason: &str) -> u64 {
        let wanted = json!({ "target": "prod-db", "minutes": minutes, "reason": reason });
        let made = self.api(person).post("/requests", &wanted).and_then(Answer::success);
        number(&made.unwrap_or_else(|error| panic!("{person} reserves: {error}")))
    }

    fn decide(&self, person: &str, request: u64, verdict: &str, comment: &str) {
        let body = json!({ "verdict": verdict, "comment": comment });
        let answer = self.api(person).post(&format!("/requests/{request}/decision"), &body).and_then(Answer::success);
        answer.unwrap_or_else(|error| panic!("{person} decides {request}: {error}"));
    }

    /// Ada proposes what is in force with some of it replaced.
    fn propose(&self, replaced: &[(&str, &str)], reason: &str) {
        let shown = self.server.cli("ada", &["policy"]).and_then(|ran| ran.output("countersign policy"));
        let mut file = shown.unwrap_or_else(|error| panic!("{error}"));
        for (old, new) in replaced {
            assert!(file.contains(old), "{old} is in force: {file}");
            file = file.replace(old, new);
        }
        let path = std::env::temp_dir().join(format!("countersign-change-{}.toml", std::process::id()));
        std::fs::write(&path, file).expect("the file can be written");
        let path = path.display().to_string();
        let ran = self.server.cli("ada", &["apply", &path, "--reason", reason]);
        ran.and_then(|ran| ran.output("countersign apply")).unwrap_or_else(|error| panic!("{error}"));
        std::fs::remove_file(path).expect("the file can be removed");
    }

    fn terminal(&self, person: &str) -> Terminal {
        let psql = self.server.psql(person, "prod-db").unwrap_or_else(|error| panic!("{error}"));
        Terminal::open(&Psql { within: SOON, ..psql }).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits until so many statements wait for dora; the number of the latest.
    fn held(&self, many: usize) -> u64 {
        let dora = self.api("dora");
        let latest = wait_until(SOON, || {
            let inbox = dora.get("/requests?scope=for_me").and_then(Answer::success).ok()?;
            let held: Vec<_> = inbox.as_array()?.iter().filter(|view| view["kind"] == "query").map(number).collect();
            (held.len() == many).then(|| held.into_iter().max())?
        });
        latest.unwrap_or_else(|| panic!("not {many} held statements"))
    }
}

fn number(view: &Value) -> u64 {
    view["id"].as_u64().unwrap_or_else(|| panic!("no number in {view}"))
}

fn say(psql: &mut Terminal, sql: &str) {
    psql.say(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

#[test]
fn r38_r60_the_main_job_between_browsers() {
    let shop = Shop::open();
    shop.run("main_job.mjs");
    let changes = shop.postgres.psql("shop", "SELECT changes FROM customers WHERE id = 2");
    assert_eq!(changes.expect("an answer").trim(), "1");
}

#[test]
fn every_page_is_accessible_and_fits_both_sizes() {
    let shop = Shop::open();
    let refused = shop.reserve("ben", 240, "just looking around a little");
    shop.decide("mia", refused, "reject", "Please say what for; the replica is open to you without asking.");
    let granted = shop.reserve("alice", 120, "Ticket 4711: wrong city for customer 2, reported by support");
    shop.decide("mia", granted, "approve", "Fine, and please not during the import.");
    shop.reserve("ben", 60, "Ticket 4720: orders of last week are missing in the export, must compare the rows");

    let mut earlier = shop.terminal("alice");
    say(&mut earlier, "SELECT id, name, city FROM customers WHERE id = 2");
    earlier.begin(DISGUISED).expect("psql reads");
    let disguised = shop.held(1);
    shop.decide("dora", disguised, "reject", "There are hidden characters in it.");
    earlier.end().expect("the statement is answered");

    let mut now = shop.terminal("alice");
    say(&mut now, "SELECT id, name, city\n  FROM customers\n WHERE city LIKE 'Izm%'");
    say(&mut now, "SELECT count(*), sum(total) FROM orders WHERE customer = 2");
    now.begin(CORRECTION).expect("psql reads");
    shop.held(1);
    shop.propose(&[("handle = \"dave\"", "handle = \"dave\"\nrole = \"administrator\"")], "");
    let an_hour =
        [("duration_max_minutes = 240", "duration_max_minutes = 60"), ("\"update\"", "\"insert\", \"update\"")];
    shop.propose(&an_hour, "Two hours were never needed; and orders were inserted by hand last week");
    shop.run("pages.mjs");
}

/// Decisions are sent while the page looks for changes, and are what was tapped; no change is missed.
#[test]
fn r31_a_tap_counts_whatever_the_page_is_doing() {
    let three = POLICY.replace("members = [\"alice\", \"ben\"]", "members = [\"alice\", \"ben\", \"dave\"]");
    let shop = Shop::with(&three, Options::default());
    let [first, second, third] = [("alice", "first"), ("ben", "second"), ("dave", "third")].map(|(person, which)| {
        shop.reserve(person, 60, &format!("The {which} of three tickets, which is about customer 2"))
    });
    shop.run("hurry.mjs");
    let status = |request| {
        let view = shop.api("mia").get(&format!("/requests/{request}")).and_then(Answer::success);
        view.unwrap_or_else(|error| panic!("{request}: {error}"))["status"].clone()
    };
    assert_eq!([first, second, third].map(status), ["Approved", "Approved", "Canceled"]);
}

/// R11: what a contact sees, without signing in, and decides by keyboard.
#[test]
fn r11_a_contact_decides_in_a_browser() {
    let mail = MailSink::start().expect("a mail server");
    let outside = "[[contact]]\nname = \"Vera Vendor\"\nemail = \"vera@vendor.example\"\n\n[[workflow]]\nname = \"dba\"\n\
                   [[workflow.level]]\ncontacts = [\"Vera Vendor\"]\n";
    let members = "[[workflow]]\nname = \"dba\"\n[[workflow.level]]\nmembers_of = \"dba\"\n";
    assert!(POLICY.contains(members));
    let options = Options { mail_port: Some(mail.port()), ..Options::default() };
    let shop = Shop::with(&POLICY.replace(members, outside), options);
    let granted = shop.reserve("alice", 120, "Ticket 4711: wrong city for customer 2, reported by support");
    shop.decide("mia", granted, "approve", "");
    let mut alice = shop.terminal("alice");
    alice.begin(DISGUISED).expect("psql reads");
    let link = wait_until(SOON, || {
        let told = mail.messages().ok()?.into_iter().find(|m| m.to == ["vera@vendor.example"])?;
        told.text.split_whitespace().find(|w| w.contains("/answer/")).map(str::to_owned)
    });
    shop.run_with("contact.mjs", &link.expect("the contact is written to"));
    let said = alice.end().expect("the statement is answered");
    assert!(said.err.contains("Not with hidden characters in it."), "{}", said.err);
}
