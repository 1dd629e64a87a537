//! The calendar of a target: what is reserved, what is open, what is free, by page and by API, and who sees how much of it.

mod scene;

use axum::http::{Method, StatusCode};
use countersign_control::Reservation;
use countersign_journal::{RequestId, Timestamp, Window};
use scene::Scene;
use serde_json::Value;

const POLICY: &str = r#"
person = [
  { handle = "root", name = "Ruth Root", role = "administrator" },
  { handle = "audrey", name = "Audrey Auditor", role = "auditor" },
  { handle = "alice", name = "Alice Ahrens" },
  { handle = "carol", name = "Carol Chen" },
  { handle = "bob", name = "Bob Brandt" },
]
group = [{ name = "dba", members = ["alice", "carol"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }, { device = "prod-db", name = "report" }, { device = "prod-db", name = "owner" }]
rule = [
  { name = "app", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], hours = { zone = "UTC", open = ["Mon-Sun 06:00-18:00"] } },
  { name = "report", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["report@prod-db"], exclusive = false, ahead_max_minutes = 2880 },
]
"#;

async fn open() -> Scene {
    Scene::start_with(POLICY, &["audrey", "alice", "carol", "bob"]).await
}

/// Midnight in UTC, so many days from now.
fn midnight(scene: &Scene, days: u64) -> Timestamp {
    let now = scene.control.now();
    Timestamp(now.0 - now.0.rem_euclid(86_400_000_000)).plus(days * 86_400)
}

/// Two days from now, from one hour to another.
fn hours(scene: &Scene, from: u64, until: u64) -> Window {
    let day = midnight(scene, 2);
    Window::new(day.plus(from * 3_600), day.plus(until * 3_600)).expect("not empty")
}

async fn reserve(scene: &Scene, who: &str, target: &str, window: Window) -> RequestId {
    let actor = scene.actor(who).await;
    let wanted = Reservation::plain(scene.account(target), window, "ticket 4711: price fix");
    scene.control.reserve(&actor, wanted).await.expect("asked")
}

async fn calendar(scene: &Scene, who: &str, target: &str) -> Value {
    let from = date(midnight(scene, 2));
    let answer = scene.api(Method::GET, &format!("/access/{target}/calendar?from={from}&days=1"), who, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    serde_json::from_str(&answer.text).expect("JSON")
}

/// `2026-11-26`
fn date(moment: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(moment.0).expect("a moment").strftime("%F").to_string()
}

fn windows(found: &Value) -> Vec<(u64, u64)> {
    let hour = |v: &Value| v.as_i64().expect("microseconds").rem_euclid(86_400_000_000) as u64 / 3_600_000_000;
    let all = found.as_array().expect("a list");
    all.iter().map(|w| (hour(&w["start"]), hour(&w["end"]))).collect()
}

/// R51, R82: hours the rules allow, what is reserved in them, and what is left where one at a time may use the account.
#[tokio::test]
async fn r51_r82_the_calendar_says_what_is_open_reserved_and_free() {
    let scene = open().await;
    assert_eq!(windows(&calendar(&scene, "alice", "app@prod-db").await["free"]), [(6, 18)]);
    let asked = reserve(&scene, "carol", "app@prod-db", hours(&scene, 9, 11)).await;
    let mine = reserve(&scene, "alice", "app@prod-db", hours(&scene, 14, 15)).await;
    let found = calendar(&scene, "alice", "app@prod-db").await;
    assert_eq!(found["exclusive"], true);
    assert_eq!(windows(&found["open"]), [(6, 18)]);
    assert_eq!(windows(&found["free"]), [(6, 9), (11, 14), (15, 18)]);
    let (others, own) = (&found["reserved"][0], &found["reserved"][1]);
    assert_eq!((&others["mine"], &others["person"], &others["reason"]), (&false.into(), &Value::Null, &Value::Null));
    assert_eq!((&others["request"], &others["status"]), (&Value::Null, &"".into()), "what others ask is not told");
    assert_eq!((&own["request"], &own["reason"]), (&mine.0.into(), &"ticket 4711: price fix".into()));
    for who in ["audrey", "root"] {
        let seen = calendar(&scene, who, "app@prod-db").await;
        assert_eq!(
            (&seen["reserved"][0]["request"], &seen["reserved"][0]["person"]["handle"]),
            (&asked.0.into(), &"carol".into())
        );
        assert_eq!(windows(&seen["open"]), [], "no rule lets {who} in");
    }
    let withdrawn = scene.post(&format!("/requests/{}/withdraw", asked.0), "carol", "next=/").await;
    assert_eq!(withdrawn.status, StatusCode::SEE_OTHER);
    assert_eq!(windows(&calendar(&scene, "alice", "app@prod-db").await["free"]), [(6, 14), (15, 18)], "given back");
}

/// Where several may use an account, what is reserved stays free; a rule's reach ahead ends what is.
#[tokio::test]
async fn r82_what_several_may_use_stays_free_within_reach() {
    let scene = open().await;
    reserve(&scene, "carol", "report@prod-db", {
        let now = scene.control.now();
        Window::new(now.plus(60), now.plus(3_600)).expect("an hour")
    })
    .await;
    let ask = async |days: u32| {
        let path = format!("/access/report@prod-db/calendar?days={days}");
        let answer = scene.api(Method::GET, &path, "alice", "").await;
        serde_json::from_str::<Value>(&answer.text).expect("JSON")
    };
    let found = ask(31).await;
    assert_eq!((found["exclusive"].clone(), found["free"].as_array().map(Vec::len)), (false.into(), Some(1)));
    assert_eq!(found["reserved"].as_array().map(Vec::len), Some(1));
    let later = date(midnight(&scene, 4));
    let far =
        scene.api(Method::GET, &format!("/access/report@prod-db/calendar?from={later}&days=1"), "alice", "").await;
    let far: Value = serde_json::from_str(&far.text).expect("JSON");
    assert_eq!((far["free"].as_array().map(Vec::len), far["open"].as_array().map(Vec::len)), (Some(0), Some(1)));
    for (path, words) in [
        ("?days=32", "1 to 31"),
        ("?days=0", "1 to 31"),
        ("?from=soon", "write a day like 2026-11-26"),
        ("?from=2026-11-26&till=1", "till"),
    ] {
        let path = format!("/access/report@prod-db/calendar{path}");
        let answer = scene.api(Method::GET, &path, "alice", "").await;
        assert!(answer.status == StatusCode::BAD_REQUEST && answer.text.contains(words), "{path}: {}", answer.text);
    }
    let hidden = scene.api(Method::GET, "/access/owner@prod-db/calendar", "alice", "").await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND, "what no rule lets one ask for is not told");
}

/// R82: the page has the same as a table that reads without scripts, in the reader's zone; choosing leads to the form.
#[tokio::test]
async fn r82_the_reserve_page_has_a_calendar_that_fills_the_form() {
    let scene = open().await;
    reserve(&scene, "carol", "app@prod-db", hours(&scene, 9, 11)).await;
    let page = format!("/access/{}/reserve", scene.account("app@prod-db").0);
    let from = date(midnight(&scene, 2));
    let shown = scene.get(&format!("{page}?from={from}"), "alice").await.text;
    for words in
        ["Free</span> <span class=\"clock\">06:00–09:00", "Reserved</span> <span class=\"clock\">09:00–11:00", "Closed"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(!shown.contains("Carol Chen"), "whose it is is not told: {shown}");
    assert!(scene.get(&format!("{page}?from={from}"), "carol").await.text.contains("Yours</span>"));
    let link = format!("{page}?from={from}&#38;start={from}T11:00&#38;end={from}T12:00#when");
    assert!(shown.contains(&link), "{link}: {shown}");
    let chosen = scene.get(&format!("{page}?from={from}&start={from}T11:00&end={from}T12:00"), "alice").await.text;
    assert!(chosen.contains(&format!("value=\"{from}T11:00\"")) && chosen.contains("wanted"), "{chosen}");
    assert_eq!(scene.get(&format!("{page}?from=soon"), "alice").await.status, StatusCode::BAD_REQUEST, "no day");
    let typed = format!("zone=UTC&start={from}T12:00&end={from}T11:00&reason=kept+as+typed");
    let wrong = scene.post(&page, "alice", &typed).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("kept as typed") && wrong.text.contains("id=\"calendar\""), "{}", wrong.text);
}
