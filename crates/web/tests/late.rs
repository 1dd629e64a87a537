//! Whoever comes late, with a page that was overtaken or for a request that has ended, is told what happened meanwhile, by
//! whom, and what is next.

mod scene;

use axum::http::{Method, StatusCode};
use scene::Scene;

const DECISION: &str = "track=0&level=0&epoch=0&next=/approvals&verdict=";

async fn decides(scene: &Scene, id: u64, who: &str, verdict: &str) -> scene::Answer {
    scene.post(&format!("/requests/{id}/decision"), who, &format!("{DECISION}{verdict}")).await
}

fn message(answer: &scene::Answer) -> String {
    let value: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
    value["error"]["message"].as_str().expect("a message").to_owned()
}

#[tokio::test]
async fn a_stale_page_says_what_happened_meanwhile_by_whom_and_what_is_next() {
    let scene = Scene::start().await;
    let id = scene.ask("alice").await.0;
    assert_eq!(decides(&scene, id, "bob", "approve").await.status, StatusCode::SEE_OTHER);
    let stale = decides(&scene, id, "bob", "reject").await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let told = "This level was decided meanwhile: Bob Brandt approved it on level 1, and it waits for Carol Chen now; \
        you can still take your approval back.";
    assert!(stale.text.contains(told), "{}", stale.text);
    let again = scene.api(Method::POST, &format!("/requests/{id}/decision"), "bob", "{\"verdict\":\"approve\"}").await;
    assert_eq!(message(&again), "your decision on this request already counts; one person counts once");
    let at = "\"position\":{\"track\":0,\"level\":1,\"epoch\":0}";
    let rejects = format!("{{\"verdict\":\"reject\",{at},\"comment\":\"not today\"}}");
    let path = format!("/requests/{id}/decision");
    assert_eq!(scene.api(Method::POST, &path, "carol", &rejects).await.status, StatusCode::OK);
    let late = decides(&scene, id, "bob", "approve").await;
    let told = format!("request #{id} is no longer pending: Carol Chen rejected it; nothing is asked of you any more");
    assert!(late.text.contains(&told[1..]), "{}", late.text);
    let late = scene.api(Method::POST, &path, "carol", &rejects).await;
    assert_eq!((late.status, message(&late)), (StatusCode::CONFLICT, told.clone()));
    let late = scene.api(Method::POST, &format!("/requests/{id}/withdraw"), "alice", "").await;
    assert_eq!(message(&late), told.replace("nothing is asked of you any more", "ask anew if you still need it"));
}

#[tokio::test]
async fn who_revokes_what_was_revoked_is_told_by_whom() {
    let scene = Scene::start().await;
    let id = scene.ask("alice").await.0;
    let (path, at) = (format!("/requests/{id}"), |n| format!("\"position\":{{\"track\":0,\"level\":{n},\"epoch\":0}}"));
    for (n, who) in [(0, "bob"), (1, "carol")] {
        let body = format!("{{\"verdict\":\"approve\",{}}}", at(n));
        assert_eq!(scene.api(Method::POST, &format!("{path}/decision"), who, &body).await.status, StatusCode::OK);
    }
    let decided = message(
        &scene
            .api(Method::POST, &format!("{path}/decision"), "bob", &format!("{{\"verdict\":\"reject\",{}}}", at(0)))
            .await,
    );
    let told = "no longer pending: Bob Brandt, Carol Chen approved it; you can still revoke it, or change its terms";
    assert!(decided.ends_with(told), "{decided}");
    let why = "{\"reason\":\"wrong day\"}";
    assert_eq!(scene.api(Method::POST, &format!("{path}/revoke"), "carol", why).await.status, StatusCode::OK);
    let late = message(&scene.api(Method::POST, &format!("{path}/revoke"), "root", why).await);
    assert_eq!(
        late,
        format!("request #{id} cannot be revoked: Carol Chen revoked it; nothing is asked of you any more")
    );
    // What waits is not granted yet, which is no end.
    let edit = "{\"end\":\"2100-01-01T00:00:00Z\",\"reason\":\"longer\"}";
    let waits = scene.ask("alice").await.0;
    let early = message(&scene.api(Method::POST, &format!("/requests/{waits}/edit"), "root", edit).await);
    assert!(early.contains("waits for its approvers, so nothing is granted"), "{early}");
    let withdrawn = scene.api(Method::POST, &format!("/requests/{waits}/withdraw"), "alice", "").await;
    assert_eq!(withdrawn.status, StatusCode::OK);
    let late = message(&scene.api(Method::POST, &format!("/requests/{waits}/edit"), "root", edit).await);
    assert!(late.contains("Alice Ahrens withdrew it"), "{late}");
}

/// What ended because the rules changed says so, on the card, by API and in the audit.
#[tokio::test]
async fn r8_what_the_rules_ended_says_why() {
    let scene = Scene::start().await;
    let id = scene.ask("alice").await.0;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let stop =
        "\n[[rule]]\nname = \"audit week\"\nact = \"connect\"\noutcome = \"deny\"\naccounts = [\"app@prod-db\"]\n";
    scene.control.propose(&root, &format!("{file}{stop}"), "audit", None).await.expect("applied");
    let why = "the rules were changed, and it is denied by `audit week` now";
    let card = scene.get(&format!("/requests/{id}"), "alice").await.text;
    let shown = "The rules were changed, and it is denied by <code>audit week</code> now.";
    assert!(card.contains(&format!("<dd>{shown}</dd>")), "{card}");
    let view = scene.api(Method::GET, &format!("/requests/{id}"), "alice", "").await.text;
    assert!(view.contains(&format!("\"expired\":\"{why}\"")), "{view}");
    let audit = scene.get("/audit", "root").await.text;
    assert!(audit.contains(&format!("#{id} expired: {why}")), "{audit}");
    let late = decides(&scene, id, "bob", "approve").await.text;
    assert!(
        late.contains(&format!("is no longer pending: it expired: {}", &shown.replacen('T', "t", 1)[..40])),
        "{late}"
    );
}

/// Minutes are counted from the moment of asking, which is never the same: asked twice, it is one request, and the reason it
/// keeps is told where another was given.
#[tokio::test]
async fn r60_what_is_asked_for_twice_within_moments_is_one_request() {
    let scene = Scene::start().await;
    let asks = async |reason: &str, minutes: u32| {
        let body = format!("{{\"target\":\"app@prod-db\",\"minutes\":{minutes},\"reason\":\"{reason}\"}}");
        let answer = scene.api(Method::POST, "/requests", "alice", &body).await;
        let view: serde_json::Value = serde_json::from_str(&answer.text).expect("JSON");
        (view["id"].as_u64().expect("a number"), view["reason"].as_str().expect("a reason").to_owned())
    };
    let first = asks("price fix, ticket 4711", 60).await;
    assert_eq!(asks("price fix, ticket 4711", 60).await, first);
    assert_eq!(asks("another reason, ticket 1", 60).await, first, "the one that waits keeps its reason");
    assert_ne!(asks("price fix, ticket 4711", 90).await.0, first.0);
    let account = scene.account("app@prod-db").0;
    let later = scene.clock.now().plus(3_600).0 / 60_000_000 * 60;
    let form = format!("reason=price+fix+4711&start=&end={}&zone=UTC&database=shop", shown(later + 7_200));
    let path = format!("/access/{account}/reserve");
    let asked = scene.post(&path, "alice", &form).await;
    assert!(asked.location().contains("?done=asked"), "{}", asked.text);
    let again = scene.post(&path, "alice", &form.replace("price+fix", "typo+fix")).await;
    let told = asked.location().replace("done=asked", "done=joined");
    assert_eq!(again.location(), told);
    let page = scene.get(&told, "alice").await.text;
    assert!(page.contains("with the reason you gave then") && page.contains("price fix 4711"), "{page}");
}

/// An empty script is not silently none.
#[tokio::test]
async fn a_script_without_a_statement_is_refused() {
    let scene = Scene::start().await;
    for script in ["", "  ", "-- nothing yet"] {
        let body =
            serde_json::json!({ "target": "app@prod-db", "minutes": 60, "reason": "price fix 4711", "plan": script });
        let answer = scene.api(Method::POST, "/requests", "alice", &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{script:?}: {}", answer.text);
        assert!(message(&answer).contains("no statement"), "{script:?}: {}", answer.text);
    }
}

/// A moment as a form field.
fn shown(seconds: i64) -> String {
    let moment = countersign_journal::Timestamp(seconds * 1_000_000);
    countersign_core::refusal::shown(&moment).replace(' ', "T")
}
