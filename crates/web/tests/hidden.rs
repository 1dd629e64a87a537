//! What somebody whom nothing concerns is told: the same of what is there as of what is not, by page and by API, for
//! accounts, people, requests, sessions and lent rights.

mod scene;

use axum::http::Method;
use countersign_journal::Window;
use scene::{Answer, Scene};

const POLICY: &str = r#"
person = [
  { handle = "root", role = "super_administrator" }, { handle = "alice" }, { handle = "bob" }, { handle = "stan" },
  { handle = "otto" },
]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }, { device = "prod-db", name = "report" }]
workflow = [{ name = "managers", level = [{ managers_of = "dba", choose = true }] }]
rule = [
  { name = "prod", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], workflow = "managers", emergency = true },
  { name = "report", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["report@prod-db"] },
  { name = "writes", act = "query", outcome = "approve", groups = ["dba"], kinds = ["update"], workflow = "managers" },
]
"#;

/// How a call is made: by whom, the method, the path and the body with `~` for what is probed.
struct Probe {
    who: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

const fn stan(method: &'static str, path: &'static str, body: &'static str) -> Probe {
    Probe { who: "stan", method, path, body }
}

async fn tried(scene: &Scene, probe: &Probe, what: &str) -> (Answer, String) {
    let (path, body) = (probe.path.replace('~', &encoded(what)), probe.body.replace('~', what));
    let method: Method = probe.method.parse().expect("a method");
    let answer = match path.strip_prefix("/api/v1") {
        Some(path) => scene.api(method, path, probe.who, &body).await,
        None => scene.browse(method, &path, probe.who, &body).await,
    };
    // What was typed may be repeated.
    let page = answer.text.split_once("</head>").map_or(answer.text.as_str(), |(_, body)| body);
    let told = without(&without(page, what), &encoded(what));
    (answer, told)
}

/// A text without a word, where that stands alone.
fn without(text: &str, word: &str) -> String {
    let (mut left, mut end) = (String::new(), 0);
    for (at, _) in text.match_indices(word) {
        let beside = [text[..at].chars().next_back(), text[at + word.len()..].chars().next()];
        if !beside.into_iter().flatten().any(char::is_alphanumeric) {
            left.push_str(&text[end..at]);
            left.push('~');
            end = at + word.len();
        }
    }
    left.push_str(&text[end..]);
    left
}

fn encoded(what: &str) -> String {
    what.replace('@', "%40")
}

/// Insists that what is there and what is not are told alike.
async fn alike(scene: &Scene, there: &str, not_there: &str, probes: &[Probe]) {
    for probe in probes {
        let (found, told) = tried(scene, probe, there).await;
        let (missing, else_told) = tried(scene, probe, not_there).await;
        let which = format!("{} {} {}", probe.method, probe.path, probe.body);
        assert_eq!(found.status, missing.status, "{which}: {} / {}", found.text, missing.text);
        assert!(!found.status.is_success() || !probe.path.starts_with("/api"), "{which}: {}", found.text);
        assert_eq!(told, else_told, "{which}");
        assert_eq!(found.location().replace(there, "~"), missing.location().replace(not_there, "~"), "{which}");
    }
}

const BY_LABEL: [Probe; 8] = [
    stan("GET", "/api/v1/access/~/preview", ""),
    stan("GET", "/api/v1/access/~/calendar", ""),
    stan("POST", "/api/v1/tokens", r#"{"target":"~"}"#),
    stan("POST", "/api/v1/tokens", r#"{"target":"~","reason":"because"}"#),
    stan("POST", "/api/v1/requests", r#"{"target":"~","minutes":60,"reason":"because"}"#),
    stan("POST", "/api/v1/requests", r#"{"target":"~","minutes":60,"reason":"because","plan":["SELECT 1"]}"#),
    stan("GET", "/api/v1/explain?target=~", ""),
    stan("GET", "/api/v1/explain?target=~&sql=SELECT%201", ""),
];

const BY_ACCOUNT_NUMBER: [Probe; 4] = [
    stan("GET", "/access/~/reserve", ""),
    stan("POST", "/access/~/reserve", "reason=because&start=&end=2099-01-01T00:00&zone=UTC"),
    stan("GET", "/access/~/connect", ""),
    stan("POST", "/access/~/connect", ""),
];

const BY_REQUEST: [Probe; 21] = [
    stan("GET", "/api/v1/requests/~", ""),
    stan("POST", "/api/v1/requests/~/decision", r#"{"verdict":"approve","position":{"track":0,"level":0,"epoch":0}}"#),
    stan("POST", "/api/v1/requests/~/decision", r#"{"verdict":"reject"}"#),
    stan("POST", "/api/v1/requests/~/withdraw", ""),
    stan("POST", "/api/v1/requests/~/retract", ""),
    stan("POST", "/api/v1/requests/~/revoke", r#"{"reason":"because"}"#),
    stan("POST", "/api/v1/requests/~/revoke", r#"{"reason":""}"#),
    stan("POST", "/api/v1/requests/~/surrender", ""),
    stan("POST", "/api/v1/requests/~/edit", r#"{"reset_after_use":true}"#),
    stan("POST", "/api/v1/requests/~/escalate", r#"{"position":{"track":0,"level":0,"epoch":0}}"#),
    stan("POST", "/api/v1/requests/~/emergency", r#"{"reason":"down"}"#),
    stan("POST", "/api/v1/requests/~/stop", r#"{"reason":"no"}"#),
    stan("GET", "/requests/~", ""),
    stan("POST", "/requests/~/decision", "verdict=approve&track=0&level=0&epoch=0"),
    stan("POST", "/requests/~/withdraw", ""),
    stan("POST", "/requests/~/retract", ""),
    stan("POST", "/requests/~/revoke", "reason=because"),
    stan("POST", "/requests/~/surrender", ""),
    stan("POST", "/requests/~/edit", "reset_after_use=yes"),
    stan("POST", "/requests/~/escalate", "track=0&level=0&epoch=0"),
    stan("POST", "/requests/~/emergency", "reason=down"),
];

#[tokio::test]
async fn what_is_there_and_what_is_not_are_told_alike() {
    let scene = Scene::start_with(POLICY, &["alice", "bob", "stan"]).await;
    let (now, bob) = (scene.control.now(), scene.actor("bob").await);
    let pending = scene.ask("alice").await.0.to_string();
    // Numbers that stand on no page for another reason.
    let mut sessions = Vec::new();
    for visits in 0..5 {
        sessions.push(scene.hold(&format!("update customers set visits = {visits}")).await.0);
    }
    let day = Window::new(now, now.plus(86_400)).expect("a day");
    for _ in 0..5 {
        scene.control.delegate(&bob, "root", day).await.expect("lent");
    }

    alike(&scene, "app@prod-db", "app@none-db", &BY_LABEL).await;
    alike(&scene, "report@prod-db", "none@prod-db", &BY_LABEL).await;
    let numbers = [scene.account("app@prod-db").0.to_string(), "7777".to_owned()];
    alike(&scene, &numbers[0], &numbers[1], &BY_ACCOUNT_NUMBER).await;
    alike(&scene, "app@prod-db", "app@none-db", &[stan("GET", "/why?target=~", "")]).await;
    alike(&scene, &pending, "7777", &BY_REQUEST).await;
    let session = sessions[4].session().0.to_string();
    let transcripts = [
        stan("GET", "/api/v1/sessions/~/transcript", ""),
        stan("GET", "/sessions/~/transcript", ""),
        stan("GET", "/api/v1/sessions/~/terminals/1", ""),
        stan("GET", "/sessions/~/terminals/1", ""),
        stan("GET", "/sessions/~/terminals/1/cast", ""),
        stan("GET", "/api/v1/sessions/~/export", ""),
        stan("POST", "/sessions/~/export", ""),
        stan("GET", "/api/v1/sessions/~/terminals/1/export", ""),
        stan("POST", "/sessions/~/terminals/1/export", ""),
    ];
    alike(&scene, &session, "7777", &transcripts).await;
    let lent = [stan("POST", "/api/v1/delegations/~/end", ""), stan("POST", "/delegations/~/end", "")];
    alike(&scene, "5", "7777", &lent).await;
    let people = [
        stan("GET", "/api/v1/explain?person=~&target=app%40prod-db", ""),
        stan("GET", "/why?person=~&target=app%40prod-db", ""),
        Probe { who: "alice", ..stan("GET", "/api/v1/explain?person=~&target=app%40prod-db", "") },
        Probe {
            who: "alice",
            ..stan("POST", "/api/v1/requests", r#"{"target":"app@prod-db","minutes":60,"reason":"x","ask_whom":["~"]}"#)
        },
    ];
    alike(&scene, "otto", "rolf", &people).await;
}

/// Whom a rule speaks of is told what it says, a no included.
#[tokio::test]
async fn whom_a_rule_speaks_of_is_told_which() {
    let deny = r#"rule = [
  { name = "not stan", act = "connect", outcome = "deny", people = ["stan"], accounts = ["app@prod-db"] },"#;
    let policy = POLICY.replace("rule = [", deny);
    let scene = Scene::start_with(&policy, &["alice", "bob", "stan"]).await;
    let body = r#"{"target":"app@prod-db","minutes":60,"reason":"because"}"#;
    let told = scene.api(Method::POST, "/requests", "stan", body).await;
    assert!(told.text.contains("denied by `not stan`"), "{}", told.text);
    let told = scene.api(Method::GET, "/explain?target=app%40prod-db", "stan", "").await;
    assert!(told.text.contains("not stan"), "{}", told.text);
}
