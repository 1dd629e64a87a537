//! What people write is shown whole, on every page: a character that nobody would see is named in its place.

mod scene;

use axum::http::Method;
use countersign_control::Reservation;
use countersign_core::Position;
use countersign_journal::{Verdict, Window, is_invisible};
use countersign_web::{Surface, table_lines};
use scene::Scene;

const POLICY: &str = r#"
person = [
  { handle = "root", role = "super_administrator" },
  { handle = "alice", name = "Ali\u202Ece" }, { handle = "bob", name = "Bo\u200Bb" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }, { device = "prod-db", name = "report" }]
workflow = [{ name = "managers", level = [{ managers_of = "dba", choose = true }] }]
rule = [
  { name = "pro\u2066d", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], workflow = "managers", reasons = ["rep\u200Dair"] },
  { name = "report", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["report@prod-db"] },
  { name = "writes", act = "query", outcome = "approve", groups = ["dba"], kinds = ["update"], workflow = "managers" },
]
"#;

/// What stands between markup, and not in a field that is sent again.
fn text_of(page: &str) -> String {
    let mut text = String::new();
    for (n, part) in page.split("<textarea").enumerate() {
        let part = if n > 0 { part.split_once("</textarea>").map_or("", |(_, rest)| rest) } else { part };
        text.extend(part.split('<').map(|run| run.split_once('>').map_or(run, |(_, words)| words)));
    }
    text
}

#[tokio::test]
async fn no_page_hides_what_people_wrote() {
    let scene = Scene::start_with(POLICY, &["alice", "bob"]).await;
    let (now, alice, bob) = (scene.control.now(), scene.actor("alice").await, scene.actor("bob").await);
    let window = Window::new(now, now.plus(3_600)).expect("an hour");
    let wanted = Reservation {
        database: Some("sho\u{202e}p".into()),
        choice: "rep\u{200d}air".into(),
        ..Reservation::plain(scene.account("app@prod-db"), window, "bec\u{2067}ause\u{7}")
    };
    let id = scene.control.reserve(&alice, wanted).await.expect("asked");
    let at = Position { track: 0, level: 0, epoch: 0 };
    scene.control.decide(&bob, id, at, Verdict::Approve, None, "fi\u{202d}ne").await.expect("approved");
    let (_gate, hold) = scene.hold("update customers set note = 'a\u{202e}b'").await;
    let mut seen = String::new();
    let lines = table_lines();
    let pages = lines.iter().filter(|l| l.path != "/live");
    for line in pages.filter(|l| l.surface == Surface::Page && l.method == "GET") {
        let account = scene.account("app@prod-db").0.to_string();
        for id in [id, hold.request] {
            let path = line.path.replace("{id}", &id.0.to_string()).replace("{account}", &account);
            for who in ["root", "alice", "bob"] {
                let answer = scene.browse(Method::GET, &path, who, "").await;
                let text = text_of(&answer.text);
                let hidden = text.char_indices().find(|(_, c)| is_invisible(*c));
                assert!(hidden.is_none(), "{path} for {who} hides {hidden:?} in {text}");
                seen += &text;
            }
        }
    }
    for name in ["U+202E", "U+200B", "U+2066", "U+200D", "U+2067", "U+0007", "U+202D"] {
        assert!(seen.contains(name), "{name} is on no page");
    }
}
