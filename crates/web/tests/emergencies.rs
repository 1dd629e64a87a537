//! An emergency that counts down (R39), on the pages and by API: everybody concerned sees when it opens, any approver stops
//! it, and one that nobody stops opens.

mod scene;

use axum::http::{Method, StatusCode};
use countersign_control::{Actor, Entry};
use countersign_journal::RequestId;
use scene::Scene;
use std::time::Duration;

const COUNTDOWN_S: u64 = 600;

const POLICY: &str = r#"
person = [
  { handle = "root", role = "super_administrator" }, { handle = "alice", name = "Alice Ahrens" },
  { handle = "bob", name = "Bob Brandt" }, { handle = "carol", name = "Carol Chen" }, { handle = "stan" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }]
workflow = [{ name = "two", level = [{ managers_of = "dba" }, { people = ["carol"] }] }]
rule = [{ name = "prod", act = "connect", outcome = "approve", groups = ["dba"], workflow = "two", emergency = true, emergency_countdown_s = 600 }]
"#;

/// What the card says while it counts down, and the button that stops it.
const OPENS: &str = "unless an approver stops it";
const STOPS: &str = "Stop the emergency";

/// Alice's emergency on a request of hers, counting down.
async fn declared() -> (Scene, RequestId) {
    let scene = Scene::start_with(POLICY, &["alice", "bob", "carol", "stan"]).await;
    let request = scene.ask("alice").await;
    let alice = scene.actor("alice").await;
    let confirmed = Actor { second_factor_at: Some(scene.control.now()), ..alice };
    scene.control.emergency(&confirmed, request, "customers cannot pay").await.expect("declared");
    (scene, request)
}

/// Whether Alice gets in now.
async fn gets_in(scene: &Scene) -> bool {
    let alice = scene.actor("alice").await.person;
    let opened = scene.control.open_session(alice, scene.account("app@prod-db"), None, "192.0.2.7").await;
    matches!(opened, Ok(Entry::Open(_)))
}

fn of(request: RequestId) -> String {
    format!("/requests/{}", request.0)
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "`{part}` is not in: {text}");
}

/// R39: an approver stops it from the card in their list, and nothing opens.
#[tokio::test]
async fn r39_a_countdown_is_seen_and_stopped_from_the_card() {
    let (scene, request) = declared().await;
    for (who, path) in [("alice", of(request)), ("bob", "/approvals".into()), ("carol", of(request))] {
        let page = scene.get(&path, who).await.text;
        has(&page, "customers cannot pay");
        has(&page, OPENS);
        assert_eq!(page.contains(STOPS), who != "alice", "only approvers are offered to stop it: {who}");
    }
    assert!(!gets_in(&scene).await, "it only counts down");
    let stop = format!("{}/stop", of(request));
    assert_eq!(scene.post(&stop, "alice", "reason=mine").await.status, StatusCode::CONFLICT, "not one's own");
    assert_eq!(scene.post(&stop, "stan", "reason=no").await.status, StatusCode::NOT_FOUND, "no approver");

    let done = scene.post(&stop, "bob", "reason=it+can+wait").await;
    let led = scene.get(done.location(), "bob").await.text;
    has(&led, "You stopped the emergency on");
    has(&led, "Stopped by Bob Brandt before it opened.");
    scene.clock.advance(Duration::from_secs(COUNTDOWN_S + 1));
    assert!(!gets_in(&scene).await, "what was stopped never opens");
    let page = scene.get(&of(request), "carol").await.text;
    assert!(page.contains("Pending") && !page.contains(OPENS) && !page.contains(STOPS), "{page}");
}

/// R39, R85: a program of an approver of a later level stops it by API.
#[tokio::test]
async fn r39_a_countdown_is_stopped_by_the_api() {
    let (scene, request) = declared().await;
    let told = scene.api(Method::GET, &of(request), "carol", "").await.text;
    has(&told, "\"opened\":false");
    let (stop, why) = (format!("{}/stop", of(request)), r#"{"reason":"it can wait"}"#);
    assert_eq!(scene.api(Method::POST, &stop, "stan", why).await.status, StatusCode::NOT_FOUND, "no approver");
    assert_eq!(scene.api(Method::POST, &stop, "alice", why).await.status, StatusCode::CONFLICT, "not one's own");
    let done = scene.api(Method::POST, &stop, "carol", why).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    has(&done.text, "\"handle\":\"carol\"");
    scene.clock.advance(Duration::from_secs(COUNTDOWN_S + 1));
    assert!(!gets_in(&scene).await, "what was stopped never opens");
    let again = scene.api(Method::POST, &stop, "bob", why).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    has(&again.text, "no emergency is counting down");
}

/// R39: one that nobody stops opens, is marked, and cannot be stopped any more, only reviewed.
#[tokio::test]
async fn r39_a_countdown_that_nobody_stops_opens() {
    let (scene, request) = declared().await;
    scene.clock.advance(Duration::from_secs(COUNTDOWN_S - 1));
    assert!(!gets_in(&scene).await, "a second is left");
    scene.clock.advance(Duration::from_secs(2));
    assert!(gets_in(&scene).await, "the countdown is over");
    let late = scene.post(&format!("{}/stop", of(request)), "bob", "reason=late").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    has(&late.text, "No emergency is counting down");
    let page = scene.get(&of(request), "bob").await.text;
    has(&page, "2 of its levels still to be reviewed");
    assert!(!page.contains(OPENS) && !page.contains(STOPS), "{page}");
    let review = "verdict=approve&track=0&level=0&epoch=0";
    let done = scene.post(&format!("{}/decision", of(request)), "bob", review).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
    has(&scene.get(&of(request), "carol").await.text, "1 of its levels still to be reviewed");
}
