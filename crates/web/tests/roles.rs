//! Roles of one's own through the pages (R87): made, given, changed and taken away in a form, by whoever gives roles, and
//! approved by a second administrator like every change.

mod scene;

use axum::http::StatusCode;
use scene::{Answer, Scene, form};

const POLICY: &str = r#"
person = [
  { handle = "root", name = "Ruth Root", role = "super_administrator" }, { handle = "adam", role = "administrator" },
  { handle = "alice" }, { handle = "bob" }, { handle = "hal" },
]
group = [{ name = "on call", members = ["bob"] }]
role = [{ name = "help desk", permissions = ["PAM.Sessions.Terminate"], people = ["hal"] }]
"#;

async fn start() -> Scene {
    Scene::start_with(POLICY, &["adam", "alice", "bob", "hal"]).await
}

const READERS: [(&str, &str); 5] = [
    ("name", "log readers"),
    ("permissions", "PAM.Reports.List"),
    ("permissions", "PAM.Configuration.Read"),
    ("people", "alice"),
    ("groups", "on call"),
];

/// Root proposes what the form says; it waits for Adam, who approves.
async fn approved(scene: &Scene, fields: &[(&str, &str)], change: &str) {
    let planned = scene.fill("/roles", "root", &form(fields)).await.text;
    assert!(planned.contains(change), "{change}: {planned}");
    let asked = scene.press(&planned, "root", &[("do", "propose"), ("reason", "auditors asked for it")]).await;
    assert!(asked.location().contains("?done=asked"), "nothing is in force by one person: {}", asked.text);
    let request = asked.location().split('?').next().unwrap_or_default().to_owned();
    let card = scene.get(&request, "adam").await.text;
    assert!(card.contains(change), "the second administrator reads what changes: {card}");
    let decision = "verdict=approve&track=0&level=0&epoch=0";
    let done = scene.post(&format!("{request}/decision"), "adam", decision).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text);
}

async fn reads(scene: &Scene, who: &str, path: &str) -> bool {
    scene.get(path, who).await.status == StatusCode::OK
}

/// R87: from the form to what people may do, and back.
#[tokio::test]
async fn r87_a_role_is_made_changed_and_removed_in_a_form() {
    let scene = start().await;
    let page = scene.get("/roles/edit", "root").await.text;
    for words in ["read the audit <code", "PAM.Reports.List", "Groups whose members have it"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    approved(&scene, &READERS, "+ role log readers").await;
    for who in ["alice", "bob"] {
        assert!(reads(&scene, who, "/audit").await && reads(&scene, who, "/rules").await, "{who} has it");
    }
    let listed = scene.get("/roles", "root").await.text;
    assert!(listed.contains("Log readers") && listed.contains("alice, group on call"), "{listed}");

    let filled = scene.get("/roles/edit?name=log+readers", "root").await.text;
    for words in ["value=\"PAM.Reports.List\" checked", ">\nalice</textarea>", ">\non call</textarea>"] {
        assert!(filled.contains(words), "{words}: {filled}");
    }
    assert!(!filled.contains("value=\"PAM.Sessions.List\" checked"), "{filled}");
    let fewer = [("known", "log readers"), ("permissions", "PAM.Reports.List"), ("people", "alice")];
    approved(&scene, &fewer, "~ role log readers").await;
    assert!(reads(&scene, "alice", "/audit").await && !reads(&scene, "alice", "/rules").await, "less than before");
    assert!(!reads(&scene, "bob", "/audit").await, "no more given to the group");
    approved(&scene, &[("known", "log readers"), ("do", "remove")], "- role log readers").await;
    assert!(!reads(&scene, "alice", "/audit").await, "gone with the role");
}

/// R87: who gives no roles changes none, whichever way they try, once somebody does.
#[tokio::test]
async fn r87_only_super_administrators_reach_the_form_of_a_role() {
    let scene = start().await;
    let only = "Only a super administrator can change";
    let listed = scene.get("/roles", "adam").await.text;
    assert!(!listed.contains("/roles/edit") && listed.contains("Only a super administrator changes them"), "{listed}");
    let mut tried: Vec<Answer> = Vec::new();
    for path in ["/roles/edit", "/roles/edit?name=help%20desk"] {
        tried.push(scene.get(path, "adam").await);
    }
    let mine = [("known", "help desk"), ("permissions", "PAM.Roles.Grant"), ("people", "adam")];
    let proposes = [("do", "propose"), ("known", "help desk"), ("permissions", "PAM.Roles.Grant"), ("people", "adam")];
    for fields in [&READERS[..], &mine, &proposes, &[("known", "help desk"), ("do", "remove")]] {
        tried.push(scene.fill("/roles", "adam", &form(fields)).await);
    }
    for answer in tried {
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
        assert!(answer.text.contains(only) && !answer.text.contains("This would change"), "{}", answer.text);
    }
    for who in ["alice", "hal"] {
        assert_eq!(scene.get("/roles/edit", who).await.status, StatusCode::FORBIDDEN, "{who}");
        assert_eq!(scene.fill("/roles", who, &form(&READERS)).await.status, StatusCode::FORBIDDEN, "{who}");
    }
    let root = scene.actor("root").await;
    assert_eq!(scene.control.roles(&root).roles.len(), 5, "the four that are built in, and the help desk");
}

/// As long as nobody gives roles, administrators do.
#[tokio::test]
async fn r87_administrators_change_roles_while_nobody_gives_them() {
    let scene = Scene::start().await;
    let fields = [("name", "log readers"), ("permissions", "PAM.Reports.List"), ("people", "carol")];
    let planned = scene.fill("/roles", "root", &form(&fields)).await.text;
    scene.put_in_force(&planned).await;
    assert!(reads(&scene, "carol", "/audit").await);
}

/// What is wrong stands beside its field, and what was typed is kept; nothing of it is saved.
#[tokio::test]
async fn r87_what_is_wrong_with_a_role_is_said_beside_its_field() {
    let scene = start().await;
    for (field, fields, words) in [
        ("name", vec![("name", ""), ("permissions", "PAM.Reports.List")], "Give the role a name."),
        ("name", vec![("name", "help desk"), ("permissions", "PAM.Reports.List")], "There is a role"),
        ("name", vec![("name", "auditor"), ("permissions", "PAM.Reports.List")], "There is a role"),
        ("permissions", vec![("name", "readers")], "Choose at least one permission"),
        ("permissions", vec![("name", "readers"), ("permissions", "PAM.Nothing")], "is no permission"),
        (
            "people",
            vec![("name", "readers"), ("permissions", "PAM.Reports.List"), ("people", "zoe")],
            "Nobody signs in",
        ),
        ("groups", vec![("name", "readers"), ("permissions", "PAM.Reports.List"), ("groups", "dbas")], "Nothing is"),
    ] {
        let answer = scene.fill("/roles", "root", &form(&fields)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
        for text in [format!("id=\"{field}-wrong\""), words.to_owned()] {
            assert!(answer.text.contains(&text), "{text}: {}", answer.text);
        }
    }
    let unknown = scene.get("/roles/edit?name=nobody", "root").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

/// R83: a form that was opened before another's change takes nothing back unseen.
#[tokio::test]
async fn r87_no_form_of_a_role_takes_back_unseen_what_another_changed() {
    let scene = start().await;
    let before = scene.control.base();
    let mine = [("known", "help desk"), ("permissions", "PAM.Sessions.Terminate"), ("people", "hal alice")];
    approved(&scene, &[("known", "help desk"), ("permissions", "PAM.Sessions.List"), ("people", "hal")], "~ role")
        .await;
    let again = scene.post("/roles", "root", &format!("{}&base={before}", form(&mine))).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
    assert!(
        again.text.contains("Changed while you were editing") && again.text.contains("hal alice"),
        "{}",
        again.text
    );
}
