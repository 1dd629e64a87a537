//! Who may do what from a terminal (R87): person × action, against a reviewed table. The real program is run with each
//! person's session, and psql through the gateway with the token it hands out. The command line is a client of the API: where
//! both have a line, it says what the table of pages and API says (`web/tests/golden/actions.txt`).
//!
//! Every try has a request of its own at the stage the action needs. `2fa` is that a fresh second factor is all that is
//! missing.

use crate::world::{Terminal, World, eventually, has, number};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// More people than every world has: they are the same, to Alice's request, as those of the other table.
const PEOPLE: &str = r#"
[[person]]
handle = "root"
role = "administrator"
[[person]]
handle = "dell"
[[person]]
handle = "eve"
[[person]]
handle = "olga"
[[person]]
handle = "hal"
[[person]]
handle = "stan"
[[person]]
handle = "nina"
[[contact]]
name = "Vera"
email = "vera@vendor.example"
[[group]]
name = "oncall"
members = ["eve"]
[[role]]
name = "helpdesk"
permissions = ["PAM.Requests.Manage", "PAM.Sessions.Terminate"]
people = ["hal"]
[[workflow]]
name = "three"
[[workflow.level]]
managers_of = "developers"
timeout = "30m"
escalate_to_members_of = "oncall"
[[workflow.level]]
people = ["dave"]
[[workflow.level]]
contacts = ["Vera"]
[[workflow]]
name = "two"
[[workflow.level]]
managers_of = "developers"
[[workflow.level]]
people = ["dave"]
[[rule]]
name = "prod"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["prod-db"]
workflow = "two"
[[rule]]
name = "at once"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["at-once"]
workflow = "three"
emergency = true
[[rule]]
name = "counting"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["counting"]
workflow = "three"
emergency = true
emergency_countdown_s = 600
"#;

/// Emergencies tried on each device: after a no there is none on the same account for a day, so that each is on another.
const EMERGENCIES: usize = 30;

/// The devices nobody connects to, and their accounts.
fn targets() -> String {
    let mut file = String::new();
    for device in ["at-once", "counting"] {
        let _ = writeln!(
            file,
            "[[device]]\nname = \"{device}\"\nhost = \"localhost\"\ndatabase = \"shop\"\nca = \"\"\n\
             [[account]]\ndevice = \"{device}\"\nname = \"app\"\nowners = [\"olga\"]"
        );
        for n in 0..EMERGENCIES {
            let _ = writeln!(file, "[[account]]\ndevice = \"{device}\"\nname = \"e{n}\"");
        }
    }
    file
}

/// Who tries, and what they are to Alice's request.
const WHO: [(&str, &str); 14] = [
    ("", "signed out"),
    ("stan", "stranger"),
    ("alice", "requester"),
    ("mia", "approver, level 1"),
    ("dave", "approver, level 2"),
    ("vera", "contact, level 3, by link"),
    ("dell", "delegate of level 1"),
    ("eve", "escalation target"),
    ("olga", "account owner"),
    ("hal", "role of one's own"),
    ("aron", "auditor"),
    ("ada", "administrator"),
    ("root", "super administrator"),
    ("nobody", "unknown session"),
];

/// How far Alice's request is before the try.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Pending,
    Escalated,
    Second,
    Third,
    Approved,
    Counting,
    Opened,
}

/// Tries on a request: name, stage, and the words of the command with `#` for its number.
const TRIES: [(&str, Stage, &[&str]); 17] = [
    ("see, level 1 open", Stage::Pending, &["show", "#"]),
    ("approve level 1", Stage::Pending, &["approve", "#"]),
    ("reject level 1", Stage::Pending, &["reject", "#"]),
    ("approve level 1, escalated", Stage::Escalated, &["approve", "#"]),
    ("approve level 2", Stage::Second, &["approve", "#"]),
    ("see, level 3 open", Stage::Third, &["show", "#"]),
    ("approve level 3", Stage::Third, &["approve", "#"]),
    ("withdraw", Stage::Pending, &["withdraw", "#"]),
    ("take approval back", Stage::Second, &["retract", "#"]),
    ("escalate", Stage::Pending, &["escalate", "#"]),
    ("declare an emergency", Stage::Pending, &["emergency", "#", "--reason", "down"]),
    ("stop an emergency", Stage::Counting, &["stop", "#"]),
    ("review an emergency", Stage::Opened, &["approve", "#"]),
    ("revoke", Stage::Approved, &["revoke", "#", "--reason", "enough"]),
    ("change terms", Stage::Approved, &["edit", "#", "--reset-after-use"]),
    ("give back", Stage::Approved, &["surrender", "#"]),
    ("lend the right to decide", Stage::Pending, &["delegate", "nina", "--start", "FROM", "--until", "UNTIL"]),
];

/// Tries without a request, in files of the test.
const ELSEWHERE: [(&str, &[&str]); 7] = [
    ("make a one-time link", &["invite", "nina"]),
    ("change a role", &["apply", "role.toml", "--reason", "no audit"]),
    ("read the audit", &["audit"]),
    ("copy the journal", &["export", "journal"]),
    ("ask why for the requester", &["explain", "alice", "app@at-once", "connect"]),
    ("read the configuration", &["policy"]),
    ("propose changes", &["plan", "empty.toml"]),
];

struct Tries {
    world: World,
    /// When it began, by the server's clock.
    began: u64,
    declared: usize,
    latest: Option<u64>,
}

impl Tries {
    fn new() -> Tries {
        let world = World::with_mail(&[PEOPLE, &targets()]);
        for (who, _) in WHO.iter().filter(|(who, _)| !["", "vera", "nobody"].contains(who)) {
            world.api(who);
        }
        world.api("alice").use_second_factor().unwrap_or_else(|error| panic!("{error}"));
        let now = number(&world.done("alice", "/requests", &asked("app@at-once", 60))["made_at"]);
        world.done("mia", "/delegations", &json!({ "to": "dell", "end": rfc3339(now + 24 * HOUR) }));
        let tries = Tries { world, began: now, declared: 0, latest: None };
        tries.make_super_administrator();
        tries.prepare();
        tries
    }

    /// Root gives roles from now on; before, nobody could have made a link for whoever may do more than Ada.
    fn make_super_administrator(&self) {
        let file = self.world.file(&[&PEOPLE.replacen("administrator", "super_administrator", 1), &targets()]);
        let path = self.file("super.toml", &file);
        let ran = self.world.server.cli("ada", &["apply", &path, "--reason", "somebody must"]).expect("it runs");
        assert!(ran.succeeded(), "{}", ran.stderr);
        self.world.approve("root", number(&self.world.inbox("root")[0]["id"]));
    }

    /// The sessions of those who are not people, and the files that are proposed.
    fn prepare(&self) {
        let id = self.request(Stage::Third, 0);
        let mail = self.world.mail.as_ref().expect("a mail server");
        let link = eventually("the contact is written to", || {
            let told = mail.messages().ok()?.into_iter().find(|m| m.to == ["vera@vendor.example"])?;
            told.text.split_whitespace().find(|w| w.contains("/answer/")).map(str::to_owned)
        });
        let token = link.rsplit('/').next().unwrap_or_default();
        assert!(token.starts_with(&format!("{id}.")), "{link}");
        self.carry("vera", token);
        self.carry("nobody", "made-up");
        let ran = self.world.server.cli("root", &["policy"]).expect("it runs");
        let role = ran.stdout.replace("\"PAM.Requests.Manage\"", "\"PAM.Requests.List\"");
        assert_ne!(role, ran.stdout);
        self.file("role.toml", &role);
        self.file("empty.toml", "");
    }

    /// A credential that is no session, where the command line looks for one.
    fn carry(&self, who: &str, token: &str) {
        let _ = self.world.server.cli(who, &["logout"]);
        let path = self.world.server.scratch_dir().join("homes").join(who).join("session.json");
        let (server, ca) = (self.world.server.page_address(), self.world.server.ca_path());
        std::fs::write(&path, json!({ "server": server, "ca": ca, "token": token }).to_string()).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("private");
    }

    /// A file where commands run.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.world.server.scratch_dir().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    fn request(&self, stage: Stage, declared: usize) -> u64 {
        let world = &self.world;
        let target = match stage {
            Stage::Counting => format!("e{declared}@counting"),
            Stage::Opened => format!("e{declared}@at-once"),
            Stage::Approved => "prod-db".to_owned(),
            _ => "app@at-once".to_owned(),
        };
        let id = number(&world.done("alice", "/requests", &asked(&target, 120))["id"]);
        let at = json!({ "position": { "track": 0, "level": 0, "epoch": 0 } });
        match stage {
            Stage::Pending => {}
            Stage::Escalated => drop(world.done("root", &format!("/requests/{id}/escalate"), &at)),
            Stage::Second => drop(world.approve("mia", id)),
            Stage::Third | Stage::Approved => ["mia", "dave"].iter().for_each(|who| drop(world.approve(who, id))),
            Stage::Counting | Stage::Opened => {
                world.done("alice", &format!("/requests/{id}/emergency"), &json!({ "reason": "down" }));
            }
        }
        id
    }

    /// A request of Alice's at a stage, in the place of the one before.
    fn at(&mut self, stage: Stage) -> u64 {
        self.make_room();
        self.declared += usize::from(matches!(stage, Stage::Counting | Stage::Opened));
        let id = self.request(stage, self.declared);
        self.latest = Some(id);
        id
    }

    /// The request before takes no place any more, whatever became of it.
    fn make_room(&mut self) {
        let Some(latest) = self.latest.take() else { return };
        let withdrawn = self.world.post("alice", &format!("/requests/{latest}/withdraw"), &json!({}));
        if withdrawn.status != 200 {
            self.world.post("root", &format!("/requests/{latest}/revoke"), &json!({ "reason": "over" }));
        }
    }

    /// Runs a command as somebody.
    fn run(&self, who: &str, words: &[&str]) -> (&'static str, String) {
        let home = if who.is_empty() { "signed-out" } else { who };
        let ran = self.world.server.cli(home, words).unwrap_or_else(|error| panic!("{error}"));
        let reached = ran.stderr.contains("nobody would be an administrator");
        let word = match ran.code {
            0 => "yes",
            _ if reached => "yes",
            1 if ran.stderr.contains("second factor not older than") => "2fa",
            1 => "no",
            _ => panic!("{who}: {words:?}: {}", ran.stderr),
        };
        (word, ran.stdout)
    }

    fn on_requests(&mut self, who: &str, rows: &mut Vec<(&'static str, &'static str)>) {
        for (name, stage, words) in TRIES {
            let id = self.at(stage).to_string();
            // Only for tomorrow, so that nobody decides anything by it today.
            let (from, until) = (rfc3339(self.began + 24 * HOUR), rfc3339(self.began + 25 * HOUR));
            let put = |word: &&'static str| match *word {
                "#" => id.clone(),
                "FROM" => from.clone(),
                "UNTIL" => until.clone(),
                word => word.to_owned(),
            };
            let words: Vec<String> = words.iter().map(put).collect();
            rows.push((name, self.run(who, &words.iter().map(String::as_str).collect::<Vec<_>>()).0));
        }
    }

    fn elsewhere(&self, who: &str, rows: &mut Vec<(&'static str, &'static str)>) {
        let ask = ["request", "app@at-once", "--minutes", "179", "--reason", "a reason", "--json"];
        let (word, answer) = self.run(who, &ask);
        rows.push(("ask for a session", word));
        if word == "yes" {
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            self.world.done("alice", &format!("/requests/{}/withdraw", answer["id"]), &json!({}));
        }
        for (name, words) in ELSEWHERE {
            rows.push((name, self.run(who, words).0));
            let _ = std::fs::remove_file(self.world.server.scratch_dir().join("journal"));
        }
        for waits in self.world.inbox("ada").iter().filter(|view| view["kind"] == "administer") {
            self.world.done("root", &format!("/requests/{}/withdraw", waits["id"]), &json!({}));
        }
    }

    /// Whether somebody gets in with a token the command line hands out to them.
    fn connects(&self, who: &str) -> &'static str {
        let home = if who.is_empty() { "signed-out" } else { who };
        match self.world.server.psql(home, "prod-db") {
            Err(no) => {
                assert!(!no.to_string().contains("cannot be asked"), "{no}");
                "no"
            }
            Ok(psql) => match psql.run("SELECT 1").expect("psql runs").succeeded() {
                true => "yes",
                false => "no",
            },
        }
    }

    /// Tries through the gateway, and on a session of Alice's that is open.
    fn in_sessions(&mut self, who: &str, rows: &mut Vec<(&'static str, &'static str)>) {
        self.make_room();
        let id = number(&self.world.done("alice", "/requests", &asked("prod-db", 60))["id"]);
        rows.push(("connect, level 1 open", self.connects(who)));
        ["mia", "dave"].iter().for_each(|approver| drop(self.world.approve(approver, id)));
        rows.push(("connect, approved", self.connects(who)));
        let mut alice: Terminal = self.world.terminal("alice");
        has(&alice.say("SELECT 40 + 2").out, "42");
        let live = self.world.get("ada", "/sessions?live=true");
        let session = live[0]["id"].to_string();
        rows.push(("read a transcript", self.run(who, &["transcript", &session]).0));
        rows.push(("terminate a session", self.run(who, &["terminate", &session]).0));
        self.world.done("root", &format!("/requests/{id}/revoke"), &json!({ "reason": "over" }));
    }
}

const HOUR: u64 = 3_600_000_000;

fn asked(target: &str, minutes: u64) -> Value {
    json!({ "target": target, "minutes": minutes, "reason": "a reason that is long enough" })
}

fn rfc3339(micros: u64) -> String {
    jiff::Timestamp::from_microsecond(i64::try_from(micros).expect("a moment")).expect("a moment").to_string()
}

/// A table as (person, action) → what was found by API, or from a terminal.
fn lines(text: &str) -> BTreeMap<(&str, &str), &str> {
    let (mut found, mut who) = (BTreeMap::new(), "");
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            None => who = line,
            Some(row) => {
                let (action, words) = row.split_at(row.len().min(28));
                let words = words.trim();
                found.insert((who, action.trim()), words.rsplit("API ").next().unwrap_or(words));
            }
        }
    }
    found
}

/// R87, R85: the whole table.
#[test]
fn r87_the_command_line_does_exactly_what_the_table_says() {
    let mut tries = Tries::new();
    let mut found =
        String::from("# person by person what they may do from a terminal: by the command line, and by psql\n");
    for (who, what) in WHO {
        let mut rows = Vec::new();
        tries.on_requests(who, &mut rows);
        tries.elsewhere(who, &mut rows);
        tries.in_sessions(who, &mut rows);
        writeln!(found, "\n{what}").expect("a text grows");
        for (name, word) in rows {
            writeln!(found, "  {name:28} {word}").expect("a text grows");
        }
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/actions.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&tests, &found).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&tests).unwrap_or_default();
    assert_eq!(found, expected, "review the difference, then run with UPDATE_GOLDEN=1");
}

/// R87: no way in lets anybody do more than another.
#[test]
fn r87_the_command_line_says_what_the_api_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(here.join(path)).expect("the golden file is there");
    let (terminal, api) = (read("tests/golden/actions.txt"), read("../web/tests/golden/actions.txt"));
    let (terminal, api) = (lines(&terminal), lines(&api));
    let both = terminal.iter().filter_map(|(line, word)| api.get(line).map(|by_api| (line, word, by_api)));
    let mut compared = 0;
    for (line, by_terminal, by_api) in both {
        assert_eq!(by_terminal, by_api, "{line:?}");
        compared += 1;
    }
    assert_eq!(
        compared,
        14 * 26,
        "every action but connecting and reviewing, where a terminal names no level, is in both"
    );
}
