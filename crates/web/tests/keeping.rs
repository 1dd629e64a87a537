//! What pages and API say of recordings that are kept no longer (R70).

mod scene;

use axum::http::{Method, StatusCode};
use countersign_control::{Entry, Recorded};
use countersign_journal::SessionEnd;
use scene::Scene;
use std::time::Duration;

/// Where a rule keeps recordings for two days, they are gone after that, and everybody who may ask is told when and why.
#[tokio::test]
async fn r70_what_is_kept_no_longer_is_told_as_erased() {
    let mut scene = Scene::start().await;
    let rules = "name=short&act=connect&outcome=allow&groups=dba&accounts=report%40prod-db&recording_kept_days=2";
    let planned = scene.fill("/rules", "root", rules).await.text;
    scene.put_in_force(&planned).await;
    let alice = scene.actor("alice").await;
    let opened = scene.control.open_session(alice.person, scene.account("report@prod-db"), None, "192.0.2.7").await;
    let Ok(Entry::Open(mut gate)) = opened else { panic!("not open to her") };
    gate.record(1, Recorded::Terminal { columns: 80, rows: 24 });
    gate.record(1, Recorded::Shown(b"a secret".to_vec()));
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    let list = scene.get("/sessions?show=all", "audrey").await;
    assert!(list.text.contains("/sessions/1/transcript"), "{}", list.text);

    scene.clock.advance(Duration::from_secs(2 * 86_400));
    for handle in ["audrey", "alice", "bob", "root"] {
        scene.sign_in(handle).await;
    }
    for who in ["audrey", "alice"] {
        for path in ["/sessions/1/transcript", "/sessions/1/terminals/1", "/sessions/1/terminals/1/cast"] {
            let told = scene.get(path, who).await;
            assert_eq!(told.status, StatusCode::GONE, "{path}: {}", told.text);
            for words in ["What this session recorded was erased on 20", "the rules of its request keep it no longer"] {
                assert!(told.text.contains(words), "{words}: {}", told.text);
            }
            assert!(!told.text.contains("a secret"));
        }
        let told = scene.api(Method::GET, "/sessions/1/transcript", who, "").await;
        assert!(told.status == StatusCode::GONE && told.text.contains("\"code\":\"erased\""), "{}", told.text);
        let list = scene.get("/sessions?show=all", who).await;
        assert!(list.text.contains("Recording erased"), "{}", list.text);
        assert!(!list.text.contains("/sessions/1/transcript"), "{}", list.text);
    }
    assert_eq!(scene.get("/sessions/1/transcript", "bob").await.status, StatusCode::NOT_FOUND, "others learn nothing");
    let audit = scene.get("/audit?kind=recording_erased", "audrey").await;
    let words = "what session 1 recorded was erased: the rules of #";
    assert!(audit.text.contains(words) && audit.text.contains("keep it for 2 days"), "{}", audit.text);
}
