//! Who may do what with a request, a session or the configuration, by page and by API: person × action, against a
//! reviewed table (R87). Links in messages to people open the page and have nothing of their own. The link of a contact is
//! tried in place of every address and as a credential. What the command line and the gateway let people do is beside the
//! program, in `countersign/tests/golden`, and may not differ from this.
//!
//! Every try has a request of its own at the stage the action needs. `2fa` is that a fresh second factor is all that is
//! missing.

mod scene;

use axum::http::{Method, StatusCode};
use countersign_control::{Actor, Reservation};
use countersign_core::Position;
use countersign_journal::{RequestId, Verdict, Window};
use scene::{Answer, Scene};
use secrecy::ExposeSecret;
use std::fmt::Write;
use std::path::Path;

const POLICY: &str = r#"
person = [
  { handle = "root", role = "super_administrator" },
  { handle = "adam", role = "administrator" },
  { handle = "audrey", role = "auditor" },
  { handle = "alice" }, { handle = "bob" }, { handle = "carol" }, { handle = "dell" }, { handle = "eve" },
  { handle = "olga" }, { handle = "hal" }, { handle = "stan" }, { handle = "nina" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }, { name = "oncall", members = ["eve"] }]
role = [{ name = "helpdesk", permissions = ["PAM.Requests.Manage", "PAM.Sessions.Terminate"], people = ["hal"] }]
contact = [{ name = "Vera", email = "vera@example.test" }]
device = [
  { name = "prod-db", host = "localhost", database = "shop", ca = "" },
  { name = "at-once", host = "localhost", database = "shop", ca = "" },
  { name = "counting", host = "localhost", database = "shop", ca = "" },
]
workflow = [
  { name = "three", level = [{ managers_of = "dba", timeout = "30m", escalate_to_members_of = "oncall" }, { people = ["carol"] }, { contacts = ["Vera"] }] },
  { name = "dba-manager", level = [{ managers_of = "dba" }] },
]
rule = [
  { name = "prod", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], workflow = "three", emergency = true },
  { name = "at once", act = "connect", outcome = "approve", groups = ["dba"], devices = ["at-once"], workflow = "three", emergency = true },
  { name = "counting", act = "connect", outcome = "approve", groups = ["dba"], devices = ["counting"], workflow = "three", emergency = true, emergency_countdown_s = 600 },
  { name = "report", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["report@prod-db"] },
  { name = "writes", act = "query", outcome = "approve", groups = ["dba"], kinds = ["update"], workflow = "dba-manager" },
]
"#;

/// Emergencies tried on each device: after a no there is none on the same account for a day, so that each is on another.
const EMERGENCIES: usize = 90;

fn policy() -> String {
    let urgent = (0..EMERGENCIES).flat_map(|n| ["at-once", "counting"].map(|device| (device, format!("e{n}"))));
    let urgent = urgent.map(|(device, name)| format!("{{ device = \"{device}\", name = \"{name}\" }}"));
    let known = [
        "{ device = \"prod-db\", name = \"app\", owners = [\"olga\"] }",
        "{ device = \"prod-db\", name = \"report\" }",
    ];
    let accounts: Vec<String> = known.map(str::to_owned).into_iter().chain(urgent).collect();
    format!("{POLICY}account = [{}]\n", accounts.join(", "))
}

/// The contact, who has the link of their mail and nothing else.
const CONTACT: &str = "vera";

/// Who tries, and what they are to Alice's request.
const PEOPLE: [(&str, &str); 14] = [
    ("", "signed out"),
    ("stan", "stranger"),
    ("alice", "requester"),
    ("bob", "approver, level 1"),
    ("carol", "approver, level 2"),
    (CONTACT, "contact, level 3, by link"),
    ("dell", "delegate of level 1"),
    ("eve", "escalation target"),
    ("olga", "account owner"),
    ("hal", "role of one's own"),
    ("audrey", "auditor"),
    ("adam", "administrator"),
    ("root", "super administrator"),
    ("nobody", "unknown session"),
];

/// How far the request is before the try.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Level 1 is open.
    Pending,
    /// Level 1 was escalated by hand, by the super administrator.
    Escalated,
    /// Bob approved; level 2 is open.
    Second,
    /// Bob and Carol approved; level 3 is open.
    Third,
    /// All approved.
    Approved,
    /// An emergency counts down.
    Counting,
    /// An emergency opened before anybody approved.
    Opened,
}

impl Stage {
    /// Whether the contact was written to, who has level 3.
    fn is_the_contacts(self) -> bool {
        matches!(self, Stage::Third | Stage::Counting | Stage::Opened)
    }
}

/// What is tried: name, stage, what follows the request's address (none for looking), a page's form, the API's body.
type Try = (&'static str, Stage, &'static str, &'static str, &'static str);

const FIRST: &str = r#""position":{"track":0,"level":0,"epoch":0}"#;
const TRIES: [Try; 17] = [
    ("see, level 1 open", Stage::Pending, "", "", ""),
    (
        "approve level 1",
        Stage::Pending,
        "/decision",
        "verdict=approve&track=0&level=0&epoch=0",
        r#"{"verdict":"approve",P}"#,
    ),
    (
        "reject level 1",
        Stage::Pending,
        "/decision",
        "verdict=reject&track=0&level=0&epoch=0",
        r#"{"verdict":"reject",P}"#,
    ),
    (
        "approve level 1, escalated",
        Stage::Escalated,
        "/decision",
        "verdict=approve&track=0&level=0&epoch=1",
        r#"{"verdict":"approve","position":{"track":0,"level":0,"epoch":1}}"#,
    ),
    (
        "approve level 2",
        Stage::Second,
        "/decision",
        "verdict=approve&track=0&level=1&epoch=0",
        r#"{"verdict":"approve","position":{"track":0,"level":1,"epoch":0}}"#,
    ),
    ("see, level 3 open", Stage::Third, "", "", ""),
    (
        "approve level 3",
        Stage::Third,
        "/decision",
        "verdict=approve&track=0&level=2&epoch=0",
        r#"{"verdict":"approve","position":{"track":0,"level":2,"epoch":0}}"#,
    ),
    ("withdraw", Stage::Pending, "/withdraw", "", ""),
    ("take approval back", Stage::Second, "/retract", "", ""),
    ("escalate", Stage::Pending, "/escalate", "track=0&level=0&epoch=0", "{P}"),
    ("declare an emergency", Stage::Pending, "/emergency", "reason=down", r#"{"reason":"down"}"#),
    ("stop an emergency", Stage::Counting, "/stop", "reason=no", r#"{"reason":"no"}"#),
    (
        "review level 1",
        Stage::Opened,
        "/decision",
        "verdict=approve&track=0&level=0&epoch=0",
        r#"{"verdict":"approve",P}"#,
    ),
    (
        "review level 3",
        Stage::Opened,
        "/decision",
        "verdict=approve&track=0&level=2&epoch=0",
        r#"{"verdict":"approve","position":{"track":0,"level":2,"epoch":0}}"#,
    ),
    ("revoke", Stage::Approved, "/revoke", "reason=enough", r#"{"reason":"enough"}"#),
    ("change terms", Stage::Approved, "/edit", "reset_after_use=yes", r#"{"reset_after_use":true}"#),
    ("give back", Stage::Approved, "/surrender", "", ""),
];

struct Tries {
    scene: Scene,
    made: u64,
    /// Emergencies declared so far.
    declared: usize,
    /// The latest request, which makes room for the next.
    latest: Option<RequestId>,
    /// The latest link to the contact.
    link: String,
}

impl Tries {
    async fn new() -> Tries {
        let people = ["adam", "audrey", "alice", "bob", "carol", "dell", "eve", "olga", "hal", "stan"];
        let scene = Scene::start_with(&policy(), &people).await;
        let (bob, now) = (scene.actor("bob").await, scene.control.now());
        let day = Window::new(now, now.plus(86_400)).expect("a day");
        scene.control.delegate(&bob, "dell", day).await.expect("lent");
        Tries { scene, made: 0, declared: 0, latest: None, link: String::new() }
    }

    /// A request of Alice's, unlike every other, at a stage.
    async fn request(&mut self, stage: Stage) -> RequestId {
        self.made += 1;
        let (control, now) = (&self.scene.control, self.scene.control.now());
        let window = Window::new(now, now.plus(3_600 + self.made)).expect("an hour");
        let alice = self.scene.actor("alice").await;
        let label = match stage {
            Stage::Counting => format!("e{}@counting", self.declared),
            Stage::Opened => format!("e{}@at-once", self.declared),
            _ => "app@prod-db".to_owned(),
        };
        let wanted = Reservation::plain(self.scene.account(&label), window, "a reason");
        if let Some(latest) = self.latest.take() {
            // Whatever became of it.
            let _ = control.withdraw(&alice, latest).await;
        }
        let id = control.reserve(&alice, wanted).await.expect("asked");
        self.latest = Some(id);
        let at = |level| Position { track: 0, level, epoch: 0 };
        let approves = async |who: &str, level| {
            let actor: Actor = self.scene.actor(who).await;
            control.decide(&actor, id, at(level), Verdict::Approve, None, "").await.expect("approved");
        };
        match stage {
            Stage::Pending => {}
            Stage::Escalated => control.escalate(&self.scene.actor("root").await, id, at(0)).await.expect("escalated"),
            Stage::Second => approves("bob", 0).await,
            Stage::Third => {
                approves("bob", 0).await;
                approves("carol", 1).await;
            }
            Stage::Approved => {
                approves("bob", 0).await;
                approves("carol", 1).await;
                let link = self.mailed(id).await;
                assert_eq!(done(&self.scene.post(&link, "", "verdict=approve").await), "yes");
            }
            Stage::Counting | Stage::Opened => {
                self.declared += 1;
                let confirmed = Actor { second_factor_at: Some(now), ..alice };
                control.emergency(&confirmed, id, "down").await.expect("declared");
            }
        }
        if stage.is_the_contacts() {
            self.mailed(id).await;
        }
        id
    }

    /// The link to the contact about a request whose third level is open.
    async fn mailed(&mut self, id: RequestId) -> String {
        let of = format!("/answer/{}.", id.0);
        let links = self.scene.links_to("vera@example.test").await;
        self.link = links.into_iter().find(|l| l.starts_with(&of)).expect("the contact is written to");
        self.scene.sent().await;
        self.link.clone()
    }

    /// What the contact can try with: the link, whose numbers they can change, and nothing else.
    async fn by_link(&mut self, (_, stage, suffix, form, _): Try) -> &'static str {
        if self.link.is_empty() {
            self.request(Stage::Third).await;
        }
        let id = self.request(stage).await;
        let mut numbers: Vec<&str> = self.link.trim_start_matches("/answer/").split('.').collect();
        let (request, level) = (id.0.to_string(), form.split("level=").nth(1).map(|l| l[..1].to_owned()));
        numbers[0] = &request;
        numbers[2] = level.as_deref().unwrap_or(if stage.is_the_contacts() { "2" } else { "0" });
        let token = numbers.join(".");
        self.scene.carry(CONTACT, &token);
        let link = format!("/answer/{token}");
        let path = format!("/requests/{}{suffix}", id.0);
        let (by_page, by_link) = match suffix {
            "" => (self.scene.get(&path, CONTACT).await, self.scene.get(&link, "").await),
            "/decision" => (self.scene.post(&path, CONTACT, form).await, self.scene.post(&link, "", form).await),
            _ => {
                let own = format!("{link}{suffix}");
                (self.scene.post(&path, CONTACT, form).await, self.scene.post(&own, "", form).await)
            }
        };
        assert!(by_page.location().starts_with("/sign-in"), "the link signs nobody in: {path}");
        match suffix {
            "" if by_link.text.contains("class=\"decide\"") => "yes",
            _ => done(&by_link),
        }
    }

    async fn page(&mut self, who: &str, tried: Try) -> &'static str {
        if who == CONTACT {
            return self.by_link(tried).await;
        }
        let (_, stage, suffix, form, _) = tried;
        let path = format!("/requests/{}{suffix}", self.request(stage).await.0);
        match suffix {
            "" => seen(&self.scene.get(&path, who).await),
            _ => done(&self.scene.post(&path, who, form).await),
        }
    }

    async fn api(&mut self, who: &str, (_, stage, suffix, _, body): Try) -> &'static str {
        let path = format!("/requests/{}{suffix}", self.request(stage).await.0);
        let (method, body) = (if suffix.is_empty() { Method::GET } else { Method::POST }, body.replace('P', FIRST));
        seen(&self.scene.api(method, &path, who, &body).await)
    }
}

/// Whether a form did what it says.
fn done(answer: &Answer) -> &'static str {
    match answer.status {
        StatusCode::SEE_OTHER if answer.location().contains("done=") => "yes",
        StatusCode::SEE_OTHER if answer.location().starts_with("/answer/") => "yes",
        _ => refused(answer),
    }
}

/// Whether there was an answer.
fn seen(answer: &Answer) -> &'static str {
    if answer.status == StatusCode::OK { "yes" } else { refused(answer) }
}

fn refused(answer: &Answer) -> &'static str {
    assert!(!answer.status.is_server_error() && answer.status != StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    if answer.text.contains("second factor not older than") { "2fa" } else { "no" }
}

const WHY: &str = "/why?person=alice&target=app%40prod-db";
const WHY_API: &str = "/explain?person=alice&target=app%40prod-db";

/// The request that an answer or the address it leads to names.
fn made(answer: &Answer) -> Option<RequestId> {
    let json = serde_json::from_str::<serde_json::Value>(&answer.text).ok();
    let by_api = json.and_then(|json| json["id"].as_u64().or_else(|| json["request"].as_u64()));
    let by_page = answer.location().strip_prefix("/requests/").and_then(|l| l.split('?').next()?.parse().ok());
    by_api.or(by_page).map(RequestId)
}

/// What is tried without a request: to ask, to lend, to make a link, to change roles. What it leads to is taken back.
async fn anew(scene: &Scene, who: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let (alice, root) = (scene.actor("alice").await, scene.actor("root").await);
    let moment =
        |hours: u64| jiff::Timestamp::from_microsecond(scene.control.now().plus(hours * 3_600).0).expect("a moment");
    let local = |hours: u64| moment(hours).strftime("%Y-%m-%dT%H:%M").to_string();
    let mut rows = Vec::new();

    let reserve = format!("/access/{}/reserve", scene.account("app@prod-db").0);
    let page = scene.post(&reserve, who, &format!("reason=a+reason&end={}&zone=UTC&database=shop", local(2))).await;
    let body = r#"{"target":"app@prod-db","minutes":179,"reason":"a reason"}"#;
    let api = scene.api(Method::POST, "/requests", who, body).await;
    rows.push(("ask for a session", done(&page), seen(&api)));
    for id in [&page, &api].into_iter().filter_map(made) {
        scene.control.withdraw(&alice, id).await.expect("hers");
    }

    // Only for tomorrow, so that nobody decides anything by it today.
    let lend = format!("to=nina&start={}&end={}&zone=UTC", local(24), local(25));
    let body = format!(r#"{{"to":"nina","start":"{}","end":"{}"}}"#, moment(24), moment(25));
    let (page, api) =
        (scene.post("/delegations", who, &lend).await, scene.api(Method::POST, "/delegations", who, &body).await);
    rows.push(("lend the right to decide", done(&page), seen(&api)));

    let invite = "/people/nina/invitation";
    let (page, api) = (scene.post(invite, who, "").await, scene.api(Method::POST, invite, who, "").await);
    rows.push(("make a one-time link", seen(&page), seen(&api)));

    let role = "known=helpdesk&permissions=PAM.Sessions.Terminate&people=hal";
    let page = scene.fill("/roles", who, role).await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let file = file.replace("\"PAM.Requests.Manage\"", "\"PAM.Requests.List\"");
    let api = scene.api(Method::POST, "/apply?reason=a+reason", who, &file).await;
    rows.push(("change a role", if page.text.contains("~ role helpdesk") { "yes" } else { "no" }, seen(&api)));
    if let Some(id) = made(&api) {
        scene.control.withdraw(&root, id).await.expect("root's");
    }
    rows
}

/// What is tried on the configuration and on live sessions: once each, for nothing is used up by it.
async fn elsewhere(scene: &Scene, who: &str) -> Vec<(&'static str, &'static str, &'static str)> {
    let (gate, _hold) = scene.hold("update customers set visits = 0").await;
    let session = gate.session().0;
    let transcript = format!("/sessions/{session}/transcript");
    let read = |a: &Answer| if a.status == StatusCode::OK { "yes" } else { "no" };
    let mut rows = Vec::new();
    for (name, page, api) in [
        ("read a transcript", transcript.as_str(), transcript.as_str()),
        ("read the audit", "/audit", "/audit"),
        ("copy the journal", "/audit/export", "/export"),
        ("ask why for the requester", WHY, WHY_API),
        ("see roles", "/roles", "/roles"),
    ] {
        let method = if api == "/export" { Method::POST } else { Method::GET };
        let by_page = scene.browse(method, page, who, "").await;
        rows.push((name, read(&by_page), read(&scene.api(Method::GET, api, who, "").await)));
    }
    let configuration = "/configuration";
    let (page, api) = (scene.get(configuration, who).await, scene.api(Method::GET, configuration, who, "").await);
    rows.push(("read the configuration", read(&page), read(&api)));
    let plan = scene.post(configuration, who, "do=plan&base=1.2&file=").await;
    let proposes = |a: &Answer| if a.text.contains("nobody would be an administrator") { "yes" } else { "no" };
    rows.push(("propose changes", proposes(&plan), proposes(&scene.api(Method::POST, "/plan", who, "").await)));
    let terminate = format!("/sessions/{session}/terminate");
    let by_api = scene.api(Method::POST, &terminate, who, "").await;
    let (gate, _hold) = scene.hold("update customers set visits = 1").await;
    let by_page = scene.post(&format!("/sessions/{}/terminate", gate.session().0), who, "").await;
    rows.push(("terminate a session", done(&by_page), read(&by_api)));
    rows
}

/// R87, R31, R38, R42: the whole table.
#[tokio::test]
async fn r87_people_do_exactly_what_the_table_says() {
    let mut tries = Tries::new().await;
    let mut found =
        String::from("# person by person what they may do, by page and by API; one word where both say the same\n");
    for (who, what) in PEOPLE {
        writeln!(found, "\n{what}").expect("a text grows");
        let mut rows = Vec::new();
        for tried in TRIES {
            rows.push((tried.0, tries.page(who, tried).await, tries.api(who, tried).await));
        }
        rows.extend(anew(&tries.scene, who).await);
        rows.extend(elsewhere(&tries.scene, who).await);
        for (name, page, api) in rows {
            let both = if page == api { page.to_owned() } else { format!("page {page}, API {api}") };
            writeln!(found, "  {name:28} {both}").expect("a text grows");
        }
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/actions.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, expected, "review the difference, then run with UPDATE_GOLDEN=1");
}

/// Whoever has somebody's link can become them: nobody makes one for a person who may do more.
#[tokio::test]
async fn nobody_makes_a_link_for_somebody_who_may_do_more() {
    let scene = Tries::new().await.scene;
    let adam = scene.actor("adam").await;
    assert!(scene.control.invite(&adam, "root").await.is_err(), "a super administrator");
    assert!(scene.control.invite(&adam, "audrey").await.is_ok(), "an auditor");
    assert_eq!(scene.post("/people/root/invitation", "adam", "").await.status, StatusCode::FORBIDDEN);
}

/// R38: an administrator who makes a link to another's password gains no approver by it.
#[tokio::test]
async fn r38_a_link_to_the_second_administrator_gains_no_approval() {
    let scene = Tries::new().await.scene;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let change = file.replace("name = \"oncall\"", "name = \"on-call\"").replace("of = \"oncall\"", "of = \"on-call\"");
    let waits = scene.control.propose(&root, &change, "a better name", None).await.expect("adam can decide it");
    scene.control.invite(&root, "adam").await.expect("a link");
    let id = waits.request.expect("a request");
    let adam = scene.actor("adam").await;
    let at = Position { track: 0, level: 0, epoch: 0 };
    let decided = scene.control.decide(&adam, id, at, Verdict::Approve, None, "").await;
    assert!(decided.expect_err("not adam").to_string().contains("may be one by a link to a password"));
    assert_eq!(scene.control.configuration(&root).await.expect("may").file, file);
}

/// R38: whoever set another's password by a link stays behind it, though they change it as that person while a link of the
/// operator waits: a password that was changed is no link that was opened.
#[tokio::test]
async fn r38_changing_a_password_opens_no_link() {
    let scene = Tries::new().await.scene;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let change = file.replace("name = \"oncall\"", "name = \"on-call\"").replace("of = \"oncall\"", "of = \"on-call\"");
    let waits = scene.control.propose(&root, &change, "a better name", None).await.expect("adam can decide it");
    let link = scene.control.invite(&root, "adam").await.expect("a link");
    let known = || "a password that root knows".to_owned().into();
    scene.control.accept_invitation(link.rsplit('/').next().expect("a token"), known()).await.expect("set");
    scene.control.invite_as_operator("adam").await.expect("a link that waits");
    let session = scene.control.sign_in("adam", known(), None, "192.0.2.1").await.expect("signed in");
    let cookie = session.cookie.expose_secret();
    let adam = scene.control.actor(cookie).await.expect("an actor");
    let other = "another that root knows".to_owned().into();
    scene.control.change_password(&adam, cookie, known(), other).await.expect("changed");
    let (id, at) = (waits.request.expect("a request"), Position { track: 0, level: 0, epoch: 0 });
    let decided = scene.control.decide(&adam, id, at, Verdict::Approve, None, "").await;
    assert!(decided.expect_err("not adam").to_string().contains("may be one by a link to a password"));
}

/// A link kept back is worth nothing once another was made; and only opening that one ends what the first made possible.
#[tokio::test]
async fn r38_a_new_link_voids_those_made_before() {
    let scene = Tries::new().await.scene;
    let root = scene.actor("root").await;
    let kept = scene.control.invite(&root, "adam").await.expect("a link");
    let link = scene.control.invite(&root, "adam").await.expect("another link");
    let opened = |link: String| {
        let control = scene.control.clone();
        async move {
            let password = "another long password".to_owned().into();
            control.accept_invitation(link.rsplit('/').next().expect("a token"), password).await
        }
    };
    assert!(opened(kept.clone()).await.is_err(), "it was voided");
    opened(link).await.expect("the last one opens");
    assert!(opened(kept).await.is_err(), "and stays void");
}
