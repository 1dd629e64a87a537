//! Watching sessions where that has to be approved (R71–R75): the parameter, its approvers, the request, the three lists, the
//! audit, and watching live.

mod scene;

use axum::body::{Body, BodyDataStream};
use axum::http::{Method, StatusCode};
use countersign_control::{Entry, Gate, Recorded};
use countersign_core::digest::UnitPart;
use countersign_journal::SessionEnd;
use futures_util::StreamExt;
use scene::{Answer, Scene};

/// A scene in which bob and carol approve watching, and Alice's open session with something in it.
async fn guarded() -> (Scene, Gate) {
    let scene = Scene::start().await;
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
    recorded(&mut gate, &[Recorded::Terminal { columns: 80, rows: 24 }, shown("a secret was shown")]).await;
    switch_on(&scene).await;
    (scene, *gate)
}

async fn switch_on(scene: &Scene) {
    let planned = scene.fill("/parameters", "root", "timeouts=30m&watch_approval=yes&approvers=bob+carol").await.text;
    assert!(planned.contains("~ parameters"), "{planned}");
    scene.put_in_force(&planned).await;
}

async fn recorded(gate: &mut Gate, what: &[Recorded]) {
    what.iter().for_each(|what| gate.record(1, what.clone()));
    gate.hand_over().await.expect("written");
}

fn shown(text: &str) -> Recorded {
    Recorded::Shown(text.as_bytes().to_vec())
}

#[track_caller]
fn has(answer: &Answer, words: &str) {
    assert!(answer.text.contains(words), "`{words}` is missing: {}", answer.text);
}

#[track_caller]
fn has_not(answer: &Answer, words: &str) {
    assert!(!answer.text.contains(words), "`{words}` is there: {}", answer.text);
}

/// Asks to watch session 1, and gives the number of the request.
async fn asked(scene: &Scene, who: &str) -> String {
    let asked = scene.post("/sessions/1/watch", who, "reason=to+see+what+went+wrong&minutes=60").await;
    let location = asked.location().to_owned();
    let number = location.trim_start_matches("/requests/").split('?').next().unwrap_or_default();
    assert!(location.contains("?done=asked") && !number.is_empty(), "{location}: {}", asked.text);
    number.to_owned()
}

async fn decide(scene: &Scene, number: &str, who: &str, verdict: &str) -> Answer {
    let form = format!("track=0&level=0&epoch=0&verdict={verdict}&next=/approvals&comment=&zone=UTC");
    scene.post(&format!("/requests/{number}/decision"), who, &form).await
}

/// An answer that goes on.
struct Live {
    body: BodyDataStream,
    read: String,
}

async fn open(scene: &Scene, path: &str, who: &str) -> Live {
    let request = scene.browser(Method::GET, path, who).header("sec-fetch-site", "same-origin");
    let answer = scene.stream(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    Live { body: answer.into_body().into_data_stream(), read: String::new() }
}

impl Live {
    async fn more(&mut self) -> bool {
        let Some(part) = self.body.next().await else { return false };
        self.read.push_str(&String::from_utf8_lossy(&part.expect("no fault")));
        true
    }

    /// Reads until these words came; what follows them is left.
    async fn until(&mut self, words: &str) {
        loop {
            if let Some((_, rest)) = self.read.split_once(words) {
                self.read = rest.split_once('\n').map_or(rest, |(_, rest)| rest).to_owned();
                return;
            }
            assert!(self.more().await, "it ended before `{words}`: {}", self.read);
        }
    }

    /// Reads until it ends.
    async fn rest(mut self) -> String {
        while self.more().await {}
        self.read
    }
}

const EVERYTHING: [&str; 3] =
    ["/sessions/1/transcript", "/sessions/1/terminals/1/cast", "/sessions/1/terminals/1/cast?follow=true"];

/// R71, R75: the switch and the approvers are system parameters, and the switch is not had without an approver.
#[tokio::test]
async fn r71_r75_the_switch_and_the_approvers_are_system_parameters() {
    let scene = Scene::start().await;
    let page = scene.get("/parameters", "root").await;
    for words in ["Enable approval flow for session videos", "Module PAM Core", "value=\"30m 2h 1d\""] {
        has(&page, words);
    }
    for (typed, words) in [
        ("watch_approval=yes&approvers=", "no session could be watched; name at least two."),
        ("watch_approval=yes&approvers=bob+nobody", "Nobody is called <code>nobody</code>"),
    ] {
        let wrong = scene.fill("/parameters", "root", &format!("timeouts=30m&{typed}")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", wrong.text);
        has(&wrong, words);
        has(&wrong, "id=\"approvers-wrong\"");
        has(&wrong, "name=\"watch_approval\" value=\"yes\" checked");
    }
    switch_on(&scene).await;
    let page = scene.get("/parameters", "audrey").await;
    for words in ["name=\"watch_approval\" value=\"yes\" checked", "value=\"bob carol\"", "readonly"] {
        has(&page, words);
    }
    assert_eq!(scene.get("/parameters", "alice").await.status, StatusCode::FORBIDDEN);
}

/// R71: with the switch on nobody sees anything of a session without an approved, justified request: not who administers, not
/// who audits, not whose it is, not who decides.
#[tokio::test]
async fn r71_nobody_watches_without_an_approved_request() {
    let (scene, _gate) = guarded().await;
    for who in ["root", "audrey", "alice"] {
        for path in EVERYTHING {
            let answer = scene.get(path, who).await;
            has_not(&answer, "a secret");
            if path.ends_with("transcript") {
                assert_eq!(answer.location(), "/sessions/1/watch", "{who}");
            } else {
                assert_eq!(answer.status, StatusCode::CONFLICT, "{who} {path}");
            }
        }
        let page = scene.get("/sessions/1/terminals/1", who).await;
        assert_eq!(page.location(), "/sessions/1/watch", "{who}");
        let page = scene.get("/sessions/1/watch", who).await;
        has(&page, "Watching a session must be approved here");
        has_not(&page, "a secret");
        for path in ["/sessions/1/transcript", "/sessions/1/terminals/1", "/sessions/1/terminals/1?follow=true"] {
            let answer = scene.api(Method::GET, path, who, "").await;
            assert_eq!(answer.status, StatusCode::CONFLICT, "{who} {path}: {}", answer.text);
            has(&answer, "must be approved first");
        }
    }
    // Who decides for others and may not see sessions learns nothing of any.
    for path in EVERYTHING {
        assert_eq!(scene.get(path, "bob").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(scene.post("/sessions/1/watch", "bob", "reason=look&minutes=60").await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.post("/sessions/7/watch", "root", "reason=look&minutes=60").await.status, StatusCode::NOT_FOUND);
    let audit = scene.api(Method::GET, "/audit?kind=transcript_read", "root", "").await;
    assert_eq!(audit.text.trim(), "[]");
}

/// R71, R72: the request with its reason, the card, the decision, the viewing, the lists.
#[tokio::test]
async fn r71_r72_a_viewing_is_asked_for_approved_and_listed() {
    let (scene, _gate) = guarded().await;
    let silent = scene.post("/sessions/1/watch", "audrey", "reason=&minutes=60").await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    has(&silent, "Give a reason.");
    let number = asked(&scene, "audrey").await;
    has(&scene.get("/sessions/1/watch", "audrey").await, "You asked to watch it");
    let inbox = scene.get("/approvals", "bob").await;
    for words in ["watch session 1 on report@prod-db", "to see what went wrong", "Alice Ahrens", "as often as wanted"] {
        has(&inbox, words);
    }
    assert_eq!(
        decide(&scene, &number, "audrey", "approve").await.status,
        StatusCode::CONFLICT,
        "nobody decides their own"
    );
    let approved = decide(&scene, &number, "bob", "approve").await;
    assert!(approved.location().contains("done=approved"), "{}", approved.text);
    has(&scene.get(&format!("/requests/{number}"), "audrey").await, "href=\"/sessions/1/transcript\">");
    has(&scene.get("/sessions/1/watch", "audrey").await, "You may watch it now");
    has(&scene.get("/sessions/1/transcript", "audrey").await, "Transcript of session 1");
    has(&scene.get("/sessions/1/terminals/1/cast", "audrey").await, "a secret was shown");
    has_not(&scene.get("/sessions/1/terminals/1/cast", "root").await, "a secret");

    for (path, who, there) in [
        ("/session-videos", "audrey", true),
        ("/session-videos", "root", false),
        ("/session-videos/approvals", "bob", true),
        ("/session-videos/approvals", "alice", false),
        ("/session-videos/history", "root", true),
    ] {
        let list = scene.get(path, who).await;
        assert_eq!(list.status, StatusCode::OK, "{path} {who}");
        assert_eq!(list.text.contains("watch session 1 on report@prod-db"), there, "{path} {who}: {}", list.text);
    }
    for (path, who) in [("/session-videos", "bob"), ("/session-videos/history", "alice")] {
        assert_eq!(scene.get(path, who).await.status, StatusCode::FORBIDDEN, "{path} {who}");
    }
    let others = scene.get("/session-videos/history", "root").await;
    has_not(&others, "connect to report@prod-db");
}

/// R73: who approved and who disapproved watching is in the audit by name, and so is each viewing, with what allowed it.
#[tokio::test]
async fn r73_decisions_and_viewings_are_in_the_audit_by_name() {
    let (scene, _gate) = guarded().await;
    let first = asked(&scene, "audrey").await;
    decide(&scene, &first, "carol", "reject").await;
    let second = asked(&scene, "audrey").await;
    decide(&scene, &second, "bob", "approve").await;
    scene.get("/sessions/1/transcript", "audrey").await;
    let audit = scene.get("/audit", "root").await;
    for words in [
        &format!("carol rejected #{first} on level 1, to watch a session"),
        &format!("bob approved #{second} on level 1, to watch a session"),
        "audrey watched session 1 under grant",
        "asks for watching session 1 on report@prod-db",
    ] {
        has(&audit, words);
    }
}

/// R74: what is watched live ends with the right to watch it, and with the session.
#[tokio::test]
async fn r74_a_live_view_goes_on_until_it_may_not() {
    let (scene, mut gate) = guarded().await;
    let number = asked(&scene, "root").await;
    decide(&scene, &number, "bob", "approve").await;
    has(&scene.get("/sessions/1/terminals/1", "root").await, "Live: what the terminal shows appears here at once.");
    let mut live = open(&scene, "/sessions/1/terminals/1/cast?follow=true", "root").await;
    live.until("a secret was shown").await;
    recorded(&mut gate, &[shown("and another one")]).await;
    live.until("and another one").await;
    let revoked = scene.post(&format!("/requests/{number}/revoke"), "bob", "reason=enough").await;
    assert!(revoked.location().contains("done=revoked"), "{}", revoked.text);
    recorded(&mut gate, &[shown("a third")]).await;
    assert!(!live.rest().await.contains("a third"), "it was taken away");

    let again = asked(&scene, "root").await;
    decide(&scene, &again, "bob", "approve").await;
    let mut live = open(&scene, "/sessions/1/terminals/1/cast?follow=true", "root").await;
    live.until("a third").await;
    recorded(&mut gate, &[shown("the last")]).await;
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    assert!(live.rest().await.contains("the last"), "what was shown last is not lost");
}

/// R71: who has another right besides the one by which they began does not go on by it: that would be a viewing which stands
/// nowhere.
#[tokio::test]
async fn r71_a_live_view_ends_with_the_very_right_it_began_by() {
    let (scene, mut gate) = guarded().await;
    let first = asked(&scene, "root").await;
    decide(&scene, &first, "bob", "approve").await;
    let mut live = open(&scene, "/sessions/1/terminals/1/cast?follow=true", "root").await;
    live.until("a secret was shown").await;
    let second = asked(&scene, "root").await;
    assert_ne!(first, second);
    decide(&scene, &second, "carol", "approve").await;
    recorded(&mut gate, &[shown("and another one")]).await;
    live.until("and another one").await;
    scene.post(&format!("/requests/{first}/revoke"), "bob", "reason=enough").await;
    recorded(&mut gate, &[shown("a third")]).await;
    assert!(!live.rest().await.contains("a third"), "it went on by a right that is not in the audit");
    has(&scene.get("/sessions/1/terminals/1/cast", "root").await, "a third");
    let audit = scene.api(Method::GET, "/audit?kind=transcript_read", "root", "").await;
    assert_eq!(audit.text.matches("under grant").count(), 2, "{}", audit.text);
}

/// R71: what is being sent stops too when it may not be watched any more, live or not.
#[tokio::test]
async fn r71_a_recording_that_is_being_sent_ends_with_the_right_to_it() {
    let (scene, mut gate) = guarded().await;
    let much = "x".repeat(60_000);
    recorded(&mut gate, &[shown(&much), shown(&much), shown(&much), shown("the very end")]).await;
    let number = asked(&scene, "root").await;
    decide(&scene, &number, "bob", "approve").await;
    let mut sent = open(&scene, "/sessions/1/terminals/1/cast", "root").await;
    sent.until("a secret was shown").await;
    scene.post(&format!("/requests/{number}/revoke"), "bob", "reason=enough").await;
    assert!(!sent.rest().await.contains("the very end"), "it was taken away");
}

/// Whoever watches so many at once is told to come again, and may once others are given up.
#[tokio::test]
async fn so_many_are_watched_at_once_and_no_more() {
    let (scene, _gate) = guarded().await;
    let number = asked(&scene, "root").await;
    decide(&scene, &number, "bob", "approve").await;
    let path = "/sessions/1/terminals/1/cast?follow=true";
    let mut views = Vec::new();
    for _ in 0..16 {
        views.push(open(&scene, path, "root").await);
    }
    assert_eq!(scene.get(path, "root").await.status, StatusCode::SERVICE_UNAVAILABLE);
    views.pop();
    open(&scene, path, "root").await;
}

/// R75: an approver who leaves is left out where they approve, and who is the only one is not.
#[tokio::test]
async fn r75_an_approver_who_leaves_is_left_out() {
    let (scene, _gate) = guarded().await;
    let approved_by = |who: &str| format!("timeouts=30m&watch_approval=yes&approvers={who}");
    let planned = scene.fill("/parameters", "root", &approved_by("bob+audrey")).await;
    scene.put_in_force(&planned.text).await;
    let planned = scene.fill("/people", "root", "known=audrey&do=remove").await;
    has(&planned, "- person audrey");
    has(&planned, "~ parameters");
    let planned = scene.fill("/parameters", "root", &approved_by("audrey")).await;
    scene.put_in_force(&planned.text).await;
    let last = scene.fill("/people", "root", "known=audrey&do=remove").await;
    has(&last, "Module PAM Core is approved by <code>audrey</code> and nobody else");
}

/// R74: whoever was signed out watches nothing any more.
#[tokio::test]
async fn r74_a_live_view_ends_with_the_session_of_who_watches() {
    let (scene, mut gate) = guarded().await;
    let number = asked(&scene, "root").await;
    decide(&scene, &number, "bob", "approve").await;
    let mut live = open(&scene, "/sessions/1/terminals/1/cast?follow=true", "root").await;
    live.until("a secret was shown").await;
    scene.post("/sign-out", "root", "").await;
    assert_eq!(live.rest().await.trim(), "", "it ends although the session it shows goes on");
    recorded(&mut gate, &[shown("later")]).await;
}

/// R71: what was typed has a page of its own, asked for and approved for itself while watching needs nobody, with control keys
/// drawn as what they are.
#[tokio::test]
async fn r71_what_was_typed_is_asked_for_and_seen_on_a_page_of_its_own() {
    let scene = Scene::start().await;
    let planned = scene.fill("/parameters", "root", "timeouts=30m&approvers=bob+carol").await.text;
    scene.put_in_force(&planned).await;
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
    recorded(&mut gate, &[Recorded::Terminal { columns: 80, rows: 24 }, shown("password:")]).await;
    for key in ["h", "unter2<b>\r", "\u{3}exit"] {
        let _cleared = gate.typed(1, key.as_bytes()).expect("recorded");
    }
    gate.hand_over().await.expect("written");
    has(&scene.get("/sessions/1/transcript", "audrey").await, "/sessions/1/watch?typed=yes");
    for who in ["root", "audrey", "alice"] {
        let told = scene.get("/sessions/1/typed", who).await;
        assert_eq!(told.location(), "/sessions/1/watch?typed=yes", "{who}: {}", told.text);
    }
    assert_eq!(scene.get("/sessions/1/typed", "carol").await.status, StatusCode::NOT_FOUND);
    let page = scene.get("/sessions/1/watch?typed=yes", "audrey").await;
    has(&page, "passwords are among it");
    has(&page, "name=\"typed\" value=\"yes\"");
    let asked = scene.post("/sessions/1/watch", "audrey", "typed=yes&reason=it+was+used+elsewhere&minutes=60").await;
    let number = asked.location().trim_start_matches("/requests/").split('?').next().unwrap_or_default().to_owned();
    let card = scene.get(&format!("/requests/{number}"), "bob").await;
    has(&card, "Shows everything that was typed in this session, passwords included");
    decide(&scene, &number, "bob", "approve").await;
    has(&scene.get(&format!("/requests/{number}"), "audrey").await, "/sessions/1/typed");
    let page = scene.get("/sessions/1/typed", "audrey").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    for words in ["unter2&#60;b&#62;", "\u{240D}", "\u{2403}", "exit"] {
        has(&page, words);
    }
    assert!(!page.text.contains('\u{3}'));
    has(&scene.get("/audit?kind=typed_read", "root").await, "saw everything that was typed in session 1 under grant");
    assert_eq!(scene.get("/sessions/1/typed", "root").await.location(), "/sessions/1/watch?typed=yes");
    // It takes a place to watch from, as whatever is read of sessions does.
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(open(&scene, "/sessions/1/terminals/1/cast?follow=true", "audrey").await);
    }
    for path in ["/sessions/1/typed", "/sessions/1/transcript"] {
        assert_eq!(scene.get(path, "audrey").await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(scene.get("/sessions/1/transcript", "alice").await.status, StatusCode::OK, "others have theirs");
    }
    drop(held);
    assert_eq!(scene.get("/sessions/1/typed", "audrey").await.status, StatusCode::OK);
}

/// R74: a terminal that goes on is said to be watched live, and one that is over replayed.
#[tokio::test]
async fn r74_the_transcript_says_what_is_live() {
    let scene = Scene::start().await;
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
    let part = UnitPart {
        sql: b"login-shell".to_vec(),
        parameter_types: Vec::new(),
        parameter_formats: Vec::new(),
        parameters: Vec::new(),
        result_formats: Vec::new(),
        row_limits: Vec::new(),
    };
    recorded(&mut gate, &[Recorded::Allowed(part), shown("hello")]).await;
    has(&scene.get("/sessions/1/transcript", "alice").await, "Watch live");
    let crashed = scene.after_a_crash().await;
    let cut = crashed.get("/sessions/1/transcript", "alice").await;
    has(&cut, "Replay<span");
    has_not(&cut, "Watch live");
    recorded(&mut gate, &[Recorded::Outcome("exit status 0".into())]).await;
    let over = scene.get("/sessions/1/transcript", "alice").await;
    has(&over, "Replay<span");
    has_not(&over, "Watch live");
}
