//! A form that was opened before somebody else's change came into force takes nothing back unseen: every form carries what
//! it was made from.

mod scene;

use axum::http::{Method, StatusCode};
use scene::{Answer, Scene, form};

/// The value of a hidden field or a box on a page.
fn value<'p>(page: &'p str, name: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    rest.split('"').next().unwrap_or_default()
}

async fn in_force(scene: &Scene) -> (String, String) {
    let found = scene.control.configuration(&scene.actor("root").await).await.expect("an administrator reads it");
    (found.file, found.base.to_string())
}

/// Root changes the file alone; it is in force at once.
async fn change(scene: &Scene, old: &str, new: &str) {
    let (file, _) = in_force(scene).await;
    assert!(file.contains(old), "{old}: {file}");
    let root = scene.actor("root").await;
    let done = scene.control.propose(&root, &file.replacen(old, new, 1), "meanwhile", None).await.expect("proposed");
    assert!(done.applied);
}

#[track_caller]
fn shown_again(answer: &Answer, removed: &str, added: &str) {
    assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    let other = format!("removed: </span>{removed}");
    for words in ["Changed while you were editing", "<strong>Ruth Root</strong> changed it", other.as_str(), added] {
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
}

/// What each form is of: where it stands, where it goes, what it says, what another changes meanwhile, and what of the form
/// is kept.
type Case =
    (&'static str, &'static str, &'static [(&'static str, &'static str)], (&'static str, &'static str), &'static str);

const CASES: [Case; 8] = [
    (
        "/groups/edit?name=dba",
        "/groups",
        &[("known", "dba"), ("members", "alice"), ("managers", "bob carol")],
        ("members = [\"alice\"]", "members = [\"audrey\"]"),
        "bob carol",
    ),
    (
        "/rules/edit?name=writes%20are%20held",
        "/rules",
        &[
            ("known", "writes are held"),
            ("name", "writes are held"),
            ("act", "query"),
            ("outcome", "approve"),
            ("groups", "dba"),
            ("kinds", "update"),
            ("workflow", "dba-manager"),
            ("tables", "customers"),
        ],
        ("kinds = [\"update\", \"delete\"]", "kinds = [\"update\", \"delete\", \"merge\"]"),
        "customers",
    ),
    (
        "/people/edit?name=carol",
        "/people",
        &[("known", "carol"), ("name", "Carol Cheng"), ("role", "member")],
        ("email = \"carol@example.test\"", "email = \"chen@example.test\""),
        "Carol Cheng",
    ),
    (
        "/devices/edit?name=prod-db",
        "/devices",
        &[
            ("known", "prod-db"),
            ("host", "db.example.test"),
            ("database", "shop"),
            ("ca", "-----BEGIN CERTIFICATE-----"),
        ],
        ("database = \"shop\"", "database = \"shop2\""),
        "db.example.test",
    ),
    (
        "/workflows/edit?name=two",
        "/workflows",
        &[("known", "two"), ("who-0", "people"), ("named-0", "bob"), ("approvals-0", "1"), ("rejections-0", "1")],
        ("people = [\"carol\"]", "people = [\"audrey\"]"),
        "value=\"bob\"",
    ),
    (
        "/parameters",
        "/parameters",
        &[("timeouts", "2h")],
        ("[[person]]", "[parameters]\n\"approval.workflow.level.timeout.period.values\" = [\"10m\"]\n[[person]]"),
        "value=\"2h\"",
    ),
    (
        "/accounts/ID",
        "/accounts/ID",
        &[("owners", "carol"), ("managers", "")],
        ("name = \"report\"", "name = \"report\"\nowners = [\"bob\"]"),
        "value=\"carol\"",
    ),
    (
        "/accounts/ID",
        "/accounts",
        &[("known", "report@prod-db"), ("do", "remove")],
        ("name = \"report\"", "name = \"report\"\nowners = [\"bob\"]"),
        "report@prod-db",
    ),
];

/// A1: whoever opened a form earlier sees what was changed meanwhile and by whom, and nothing is planned or proposed before
/// they took it up.
#[tokio::test]
async fn r83_no_form_takes_back_unseen_what_another_changed() {
    for (stands, goes, fields, (old, new), kept) in CASES {
        let scene = Scene::start().await;
        let id = scene.account("report@prod-db").0.to_string();
        let (stands, goes) = (stands.replace("ID", &id), goes.replace("ID", &id));
        let opened = scene.get(&stands, "root").await.text;
        let base = value(&opened, "base").to_owned();
        change(&scene, old, new).await;
        let (file, now) = in_force(&scene).await;
        let sent = |seen: &[(&'static str, &str)]| {
            let base = [("base", base.as_str())];
            form(&fields.iter().copied().chain(base).chain(seen.iter().copied()).collect::<Vec<_>>())
        };
        let again = scene.post(&goes, "root", &sent(&[])).await;
        assert_eq!(again.status, StatusCode::CONFLICT, "{goes}: {}", again.text);
        for words in ["Changed while you were editing", "<strong>Ruth Root</strong> changed it", "added: </span>", kept]
        {
            assert!(again.text.contains(words), "{goes}, {words}: {}", again.text);
        }
        assert_eq!(value(&again.text, "base"), base, "{goes}: what it was made from stays");
        assert_eq!(value(&again.text, "seen"), now, "{goes}");
        assert_eq!(scene.post(&goes, "root", &sent(&[])).await.status, StatusCode::CONFLICT, "{goes}: not by itself");
        let taken_up = scene.post(&goes, "root", &sent(&[("seen", &now)])).await;
        assert_ne!(taken_up.status, StatusCode::CONFLICT, "{goes}: {}", taken_up.text);
        assert!(!taken_up.text.contains("Changed while you were editing"), "{goes}: {}", taken_up.text);
        assert_eq!(in_force(&scene).await.0, file, "nothing is in force by looking");
    }
}

/// What others changed elsewhere stands in nobody's way, and a form that does not say what it was made from is refused.
#[tokio::test]
async fn r83_changes_elsewhere_are_kept_and_no_form_goes_without_its_base() {
    let scene = Scene::start().await;
    let base = value(&scene.get("/groups/edit?name=dba", "root").await.text, "base").to_owned();
    change(&scene, "email = \"carol@example.test\"", "email = \"chen@example.test\"").await;
    let fields = [("known", "dba"), ("members", "alice carol"), ("managers", "bob")];
    let planned = scene.post("/groups", "root", &format!("{}&base={base}", form(&fields))).await;
    assert!(planned.status == StatusCode::OK && planned.text.contains("~ group dba"), "{}", planned.text);
    assert!(planned.text.contains("chen@example.test"), "the other change is in the draft: {}", planned.text);
    let bare = scene.post("/groups", "root", &form(&fields)).await;
    assert!(bare.status == StatusCode::BAD_REQUEST && !bare.text.contains("~ group dba"), "{}", bare.text);
    let unknown = scene.post("/groups", "root", &format!("{}&base=77.77", form(&fields))).await;
    assert!(unknown.status == StatusCode::CONFLICT && unknown.text.contains("cannot be said"), "{}", unknown.text);
}

/// A2: a second Propose of a file written before another's change does not go through either.
#[tokio::test]
async fn a_second_proposal_of_a_stale_file_takes_nothing_back() {
    let scene = Scene::start().await;
    let (file, base) = in_force(&scene).await;
    change(&scene, "email = \"carol@example.test\"", "email = \"chen@example.test\"").await;
    let (there, now) = in_force(&scene).await;
    let mine = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");
    let send = async |act: &str, page: Option<&str>, seen: &str| {
        let base = page.map_or(base.as_str(), |page| value(page, "base"));
        let fields = [("do", act), ("planned", now.as_str()), ("base", base), ("file", mine.as_str()), ("seen", seen)];
        scene.post("/configuration", "root", &form(&fields)).await
    };
    let looked = send("plan", None, "").await.text;
    assert!(looked.contains("Changed while you were editing"), "before it is proposed, too: {looked}");
    let first = send("propose", None, "").await;
    shown_again(&first, "email = &#34;carol@example.test&#34;", "added: </span>duration_max_minutes = 60");
    assert!(first.text.contains("Your draft, not in force"), "{}", first.text);
    let second = send("propose", Some(&first.text), "").await;
    assert_eq!(second.status, StatusCode::CONFLICT, "{}", second.text);
    assert_eq!(in_force(&scene).await.0, there, "nothing was taken back");
    let seen = send("propose", Some(&second.text), &now).await;
    assert!(seen.location().contains("?done=applied"), "{}", seen.text);
}

/// R83: a program that says from which version its file was written is told who changed what since, and with which request.
#[tokio::test]
async fn r83_a_program_is_told_who_changed_what_since_its_version() {
    let scene = Scene::start().await;
    let (file, base) = in_force(&scene).await;
    let mine = file.replace("duration_max_minutes = 240", "duration_max_minutes = 60");
    let sent =
        async |path: &str, base: &str| scene.api(Method::POST, &format!("{path}?base={base}"), "root", &mine).await;
    assert_eq!(sent("/plan", &base).await.status, StatusCode::OK);
    change(&scene, "email = \"carol@example.test\"", "email = \"chen@example.test\"").await;
    let (there, now) = in_force(&scene).await;
    for path in ["/plan", "/apply"] {
        let stale = sent(path, &base).await;
        assert_eq!(stale.status, StatusCode::CONFLICT, "{path}: {}", stale.text);
        for words in [&format!("changed since version {base}"), "Ruth Root at 20", "with #2 (~ person carol)"] {
            assert!(stale.text.contains(words), "{path}, {words}: {}", stale.text);
        }
        let unknown = sent(path, "77.77").await;
        assert!(unknown.status == StatusCode::CONFLICT && unknown.text.contains("cannot be said"), "{}", unknown.text);
        assert_eq!(sent(path, "soon").await.status, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(in_force(&scene).await.0, there, "nothing was taken back");
    assert_eq!(sent("/apply", &now).await.status, StatusCode::OK);
}
