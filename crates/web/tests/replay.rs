//! The page that replays a terminal: what it says of a recording, who reads it, and what it alone may run.

mod scene;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use countersign_control::{Entry, Gate, Recorded};
use countersign_journal::SessionEnd;
use countersign_web::{Surface, table_lines};
use scene::{Answer, Scene};
use std::collections::BTreeSet;

const PAGE: &str = "/sessions/{id}/terminals/{number}";

/// Alice's open session.
async fn session(scene: &Scene) -> Gate {
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    let Ok(Entry::Open(gate)) = opened else { panic!("not open to her") };
    *gate
}

async fn recorded(gate: &mut Gate, what: &[Recorded]) {
    what.iter().for_each(|what| gate.record(1, what.clone()));
    gate.hand_over().await.expect("written");
}

fn shown(text: &str) -> Recorded {
    Recorded::Shown(text.as_bytes().to_vec())
}

fn has(answer: &Answer, words: &str) {
    assert!(answer.text.contains(words), "`{words}` is missing: {}", answer.text);
}

async fn readings(scene: &Scene) -> usize {
    let audit = scene.api(Method::GET, "/audit?kind=transcript_read", "root", "").await;
    audit.text.matches("\"transcript_read\"").count()
}

/// R70: an empty recording, one that goes on, one that is over and one that was changed are told apart in words.
#[tokio::test]
async fn r70_the_page_says_what_there_is_of_a_recording() {
    let scene = Scene::start().await;
    let mut gate = session(&scene).await;
    let path = format!("/sessions/{}/terminals/1", gate.session().0);
    assert_eq!(scene.get(&path, "alice").await.status, StatusCode::NOT_FOUND, "nothing is recorded");
    recorded(&mut gate, &[Recorded::Terminal { columns: 80, rows: 24 }]).await;
    has(&scene.get(&path, "alice").await, "Live: what the terminal shows appears here at once.");
    recorded(&mut gate, &[shown("<b>secret</b>")]).await;
    let page = scene.get(&format!("{path}?so_far=yes"), "audrey").await;
    for words in ["So far: the command is still open.", "Alice Ahrens", "report@prod-db", "192.0.2.7", "so far</dd>"] {
        has(&page, words);
    }
    for link in ["/transcript", "/terminals/1/cast"] {
        has(&page, &format!("/sessions/{}{link}\"", gate.session().0));
    }
    has(&page, "\">Request #");
    recorded(&mut gate, &[Recorded::Outcome("exit status 0".into())]).await;
    assert!(!scene.get(&path, "alice").await.text.contains("So far: "), "it is over");
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    assert!(!scene.get(&path, "alice").await.text.contains("secret"), "what was shown is not in the page");
    for person in ["bob", "carol"] {
        assert_eq!(scene.get(&path, person).await.status, StatusCode::NOT_FOUND, "{person}");
        assert_eq!(scene.get(&format!("{path}/cast"), person).await.status, StatusCode::NOT_FOUND, "{person}");
    }
    assert_eq!(scene.get(&path.replace("/1", "/2"), "alice").await.status, StatusCode::NOT_FOUND);

    let file = scene.authority_file().with_file_name("transcripts").join("1.transcript");
    let whole = std::fs::read(&file).expect("there");
    for changed in [&whole[..whole.len() - 20], &[&whole[..], &whole[..]].concat(), &[]] {
        std::fs::write(&file, changed).expect("written");
        has(&scene.get(&path, "alice").await, "This recording is damaged, or not the one the journal names");
        assert_eq!(scene.get(&format!("{path}/cast"), "alice").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    std::fs::remove_file(&file).expect("removed");
    has(&scene.get(&path, "alice").await, "This recording is damaged, or not the one the journal names");
}

/// R70: the transcript leads to what is recorded, and only to that.
#[tokio::test]
async fn r70_the_transcript_leads_to_what_is_recorded() {
    let scene = Scene::start().await;
    let (mut gate, _hold) = scene.hold("update customers set visits = 0").await;
    let transcript = format!("/sessions/{}/transcript", gate.session().0);
    assert!(!scene.get(&transcript, "alice").await.text.contains("Replay"));
    recorded(&mut gate, &[shown("hello")]).await;
    has(&scene.get(&transcript, "alice").await, &format!("href=\"/sessions/{}/terminals/1\"", gate.session().0));
}

/// R70: looking at a recording is one entry of the audit: the page is none, what it fetches is.
#[tokio::test]
async fn r70_a_recording_that_is_looked_at_is_noted_once() {
    let scene = Scene::start().await;
    let mut gate = session(&scene).await;
    recorded(&mut gate, &[shown("hello")]).await;
    let path = format!("/sessions/{}/terminals/1", gate.session().0);
    let before = readings(&scene).await;
    scene.get(&path, "audrey").await;
    assert_eq!(readings(&scene).await, before);
    let cast = scene.get(&format!("{path}/cast"), "audrey").await;
    has(&cast, "\"hello\"");
    assert_eq!(cast.headers[header::CONTENT_TYPE], "application/x-asciicast");
    assert_eq!(readings(&scene).await, before + 1);
}

/// The player's WebAssembly may run on its page, and on no other; nothing else is looser there.
#[tokio::test]
async fn only_the_page_of_the_player_runs_webassembly() {
    let scene = Scene::start().await;
    let mut gate = session(&scene).await;
    recorded(&mut gate, &[shown("hello")]).await;
    let policy = |answer: &Answer| {
        let policy = answer.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
        policy.split("; ").map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let everywhere = policy(&scene.get("/sessions", "root").await);
    let mut of_player = None;
    for line in table_lines().into_iter().filter(|l| l.method == "GET" && l.path != "/live") {
        let path = line.path.replace("{id}", "1").replace("{number}", "1").replace("{account}", "1");
        let path = path.replace("{name}", "player.js").replace(['{', '}'], "");
        let answer = match line.surface {
            Surface::Api => scene.api(Method::GET, path.trim_start_matches("/api/v1"), "root", "").await,
            Surface::Page | Surface::Asset => scene.get(&path, "root").await,
        };
        match line.path {
            PAGE => of_player = Some(policy(&answer)),
            _ => assert_eq!(policy(&answer), everywhere, "{}", line.path),
        }
    }
    let of_player = of_player.expect("it is a route");
    let differs: Vec<_> = everywhere.symmetric_difference(&of_player).map(String::as_str).collect();
    assert_eq!(differs, ["script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'"]);
    let none = scene.get("/sessions/1/terminals/9", "root").await;
    assert_eq!((none.status, policy(&none)), (StatusCode::NOT_FOUND, everywhere));
}

/// R70: the pages lead to a file of what they show, and say which rules keep it here where some do.
#[tokio::test]
async fn r70_the_pages_export_what_no_rule_keeps_here() {
    let scene = Scene::start().await;
    let mut gate = session(&scene).await;
    recorded(&mut gate, &[shown("hello"), Recorded::Outcome("exit status 0".into())]).await;
    let session = format!("/sessions/{}", gate.session().0);
    for (page, name) in [("/transcript", "session-1.jsonl"), ("/terminals/1", "session-1-command-1.cast")] {
        let export = format!("{session}{}/export", page.trim_start_matches("/transcript"));
        let form = format!("<form method=\"post\" action=\"{export}\" data-saves><button>Export");
        has(&scene.get(&format!("{session}{page}"), "audrey").await, &form);
        let file = scene.post(&export, "audrey", "").await;
        assert_eq!(file.status, StatusCode::OK, "{}", file.text);
        assert_eq!(file.headers[header::CONTENT_DISPOSITION], format!("attachment; filename=\"{name}\"").as_str());
        assert_eq!(scene.post(&export, "carol", "").await.status, StatusCode::NOT_FOUND);
    }
    gate.close(SessionEnd::ClientLeft).await.expect("closed");

    let rule = "name=stays&act=connect&outcome=allow&groups=dba&accounts=report%40prod-db&recording_export=false";
    let planned = scene.fill("/rules", "root", rule).await;
    has(&planned, "recording_export = false");
    scene.put_in_force(&planned.text).await;
    // What she has is what the rules were when she was given it.
    let sessions = scene.control.sessions(&scene.actor("audrey").await, false).await.expect("told");
    let surrender = format!("/requests/{}/surrender", sessions[0].request.0);
    assert_eq!(scene.api(Method::POST, &surrender, "alice", "{}").await.status, StatusCode::OK);
    let mut gate = self::session(&scene).await;
    recorded(&mut gate, &[shown("hello"), Recorded::Outcome("exit status 0".into())]).await;
    for page in ["/sessions/2/transcript", "/sessions/2/terminals/1"] {
        let told = scene.get(page, "audrey").await;
        has(&told, "It is not exported: rule “stays” forbids it.");
        assert!(!told.text.contains("/export\""), "{}", told.text);
        let export = format!("{}/export", page.trim_end_matches("/transcript"));
        let refused = scene.post(&export, "audrey", "").await;
        assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
        has(&refused, "What this session recorded is not exported, by ");
    }
}

/// A session that ended without a root has a page that says so, and no file.
#[tokio::test]
async fn r70_the_page_says_that_nobody_can_tell_whether_it_is_whole() {
    let scene = Scene::start().await;
    // What is in its place already keeps a session from being recorded, which ends it at once.
    let folder = scene.authority_file().with_file_name("transcripts");
    std::fs::write(folder.join("1.transcript"), "").expect("written");
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    assert!(opened.is_err());
    let page = scene.get("/sessions/1/transcript", "audrey").await;
    has(&page, "Nobody can tell whether this is whole");
    assert!(!page.text.contains("/export\""), "{}", page.text);
    let refused = scene.post("/sessions/1/export", "audrey", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    has(&refused, "Nobody can tell whether what this session recorded is whole");
    let refused = scene.api(Method::GET, "/sessions/1/export", "audrey", "").await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    has(&refused, "\"unchecked\"");
    let mut gate = session(&scene).await;
    recorded(&mut gate, &[shown("hello")]).await;
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    assert!(!scene.get("/sessions/2/transcript", "audrey").await.text.contains("Nobody can tell"));
}

/// Nothing on a page of another site exports in the name of who looks at it: no link, and no form.
#[tokio::test]
async fn r70_no_other_site_exports_in_somebodys_name() {
    let scene = Scene::start().await;
    let mut gate = session(&scene).await;
    recorded(&mut gate, &[shown("hello"), Recorded::Outcome("exit status 0".into())]).await;
    let exported = async || {
        scene.api(Method::GET, "/audit?kind=exported", "root", "").await.text
            + &scene.api(Method::GET, "/audit?kind=recording_exported", "root", "").await.text
    };
    for (page, api) in [
        ("/sessions/1/export", "/sessions/1/export"),
        ("/sessions/1/terminals/1/export", "/sessions/1/terminals/1/export"),
        ("/audit/export", "/export"),
    ] {
        for (method, path, status) in [
            (Method::GET, page.to_owned(), StatusCode::METHOD_NOT_ALLOWED),
            (Method::POST, page.to_owned(), StatusCode::FORBIDDEN),
            (Method::GET, format!("/api/v1{api}"), StatusCode::FORBIDDEN),
            (Method::HEAD, format!("/api/v1{api}"), StatusCode::FORBIDDEN),
        ] {
            let from_elsewhere = scene.browser(method.clone(), &path, "audrey").header("sec-fetch-site", "cross-site");
            let answer = scene.send(from_elsewhere.body(Body::empty()).expect("a request")).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
            assert!(!answer.text.contains("hello"), "{method} {path}");
        }
    }
    assert_eq!(exported().await, "[][]");
    let by_program = scene.api(Method::GET, "/sessions/1/export", "audrey", "").await;
    assert_eq!(by_program.status, StatusCode::OK, "{}", by_program.text);
    assert!(exported().await.contains("recording_exported"));
}
