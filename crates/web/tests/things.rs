//! People, groups, devices and accounts through the pages: found, added, changed and taken away in forms.

mod scene;

use axum::http::StatusCode;
use scene::{Answer, Scene, form};

const PEM: &str = "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n";

/// What a form would change is proposed, and is in force, as root alone decides.
async fn put_in_force(scene: &Scene, path: &str, fields: &[(&str, &str)], change: &str) {
    let planned = scene.fill(path, "root", &form(fields)).await.text;
    assert!(planned.contains(change), "{change}: {planned}");
    scene.put_in_force(&planned).await;
}

#[track_caller]
fn wrong(answer: &Answer, field: &str, words: &str, kept: &str) {
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", answer.text);
    for text in [&format!("id=\"{field}-wrong\""), words, kept] {
        assert!(answer.text.contains(text), "{text}: {}", answer.text);
    }
}

/// Somebody comes, moves, leaves and comes back, as the person they were.
#[tokio::test]
async fn r85_a_person_is_added_changed_disabled_and_enabled_in_a_form() {
    let scene = Scene::start().await;
    let dora = [
        ("handle", "Dora"),
        ("name", "Dora Novak"),
        ("email", "dora@example.test"),
        ("role", "member"),
        ("manager", "bob"),
    ];
    put_in_force(&scene, "/people", &dora, "+ person dora").await;
    let page = scene.get("/people?text=novak", "root").await.text;
    for words in ["Dora Novak", "dora@example.test", "managed by bob", "No password yet"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Carol Chen"), "only who was looked for: {page}");
    let root = scene.actor("root").await;
    let id = scene
        .control
        .people(&root)
        .await
        .expect("listed")
        .into_iter()
        .find(|r| r.person.handle == "dora")
        .map(|r| r.person.id);
    put_in_force(
        &scene,
        "/people",
        &[("known", "alice"), ("name", "Alice Ahrens-Novak"), ("role", "auditor")],
        "~ person alice",
    )
    .await;
    put_in_force(&scene, "/people", &[("known", "dora"), ("do", "remove")], "- person dora").await;
    assert!(scene.get("/people?text=dora", "root").await.text.contains("Disabled"));
    let again = scene.get("/people/edit?name=dora", "root").await.text;
    assert!(again.contains("value=\"Dora Novak\"") && again.contains("value=\"dora@example.test\""), "{again}");
    put_in_force(&scene, "/people", &dora, "+ person dora").await;
    let back = scene.control.people(&root).await.expect("listed").into_iter().find(|r| r.person.handle == "dora");
    assert_eq!(back.map(|r| (r.person.id, r.enabled)), id.map(|id| (id, true)), "the same person");
}

/// Whoever is left out leaves every list; where the list would mean something else without them, nothing is done.
#[tokio::test]
async fn r85_who_is_the_only_one_named_is_not_left_out() {
    let scene = Scene::start().await;
    let gone = scene.fill("/people", "root", &form(&[("known", "carol"), ("do", "remove")])).await;
    assert!(gone.text.contains("Workflow `two`, level 2, is decided by `carol` and nobody else"), "{}", gone.text);
    let only = form(&[("name", "hers"), ("act", "connect"), ("outcome", "allow"), ("people", "audrey")]);
    let planned = scene.fill("/rules", "root", &only).await.text;
    put_in_force(
        &scene,
        "/rules",
        &[("name", "hers"), ("act", "connect"), ("outcome", "allow"), ("people", "audrey")],
        "+ rule hers",
    )
    .await;
    assert!(planned.contains("+ rule hers"));
    let gone = scene.fill("/people", "root", &form(&[("known", "audrey"), ("do", "remove")])).await;
    assert!(
        gone.text.contains("Rule `hers` speaks of `audrey` and nobody else"),
        "never a rule for everyone: {}",
        gone.text
    );
    let alice = scene.fill("/people", "root", &form(&[("known", "alice"), ("do", "remove")])).await.text;
    assert!(alice.contains("- person alice") && alice.contains("~ group dba"), "{alice}");
}

/// What is wrong stands beside its field, and what was typed is kept.
#[tokio::test]
async fn r85_what_is_wrong_with_a_person_a_group_or_a_device_is_said_beside_its_field() {
    let scene = Scene::start().await;
    let post = async |path: &str, fields: &[(&str, &str)]| scene.fill(path, "root", &form(fields)).await;
    let person = [("handle", "do ra"), ("name", "Dora N."), ("email", "dora"), ("manager", "nobody")];
    let answer = post("/people", &person).await;
    wrong(&answer, "handle", "cannot be typed by everybody", "Dora N.");
    wrong(&answer, "email", "This is no e-mail address", "value=\"dora\"");
    wrong(&answer, "manager", "Nobody signs in as `nobody`", "Dora N.");
    wrong(&post("/people", &[("handle", "alice")]).await, "handle", "There is a person `alice` already", "alice");
    wrong(&post("/groups", &[("name", "dba")]).await, "name", "There is a group `dba` already", "dba");
    let group = [("name", "new"), ("members", "alice ghost"), ("groups", "ghosts")];
    wrong(&post("/groups", &group).await, "members", "Nobody signs in as `ghost`", "alice ghost");
    wrong(&post("/groups", &group).await, "groups", "Nothing is called `ghosts`", "alice ghost");
    let device = [("name", "new-db"), ("host", ""), ("port", "70000"), ("database", "shop"), ("ca", "no pem")];
    let answer = post("/devices", &device).await;
    wrong(&answer, "host", "Enter the host name", "new-db");
    wrong(&answer, "port", "`70000` is not a whole number that fits here", "new-db");
    wrong(&answer, "ca", "no certificate in PEM form", "no pem");
    wrong(
        &post("/device-groups", &[("name", "g"), ("devices", "none")]).await,
        "devices",
        "Nothing is called `none`",
        "none",
    );
    let account = [("name", "app"), ("device", "prod-db"), ("owners", "ghost")];
    wrong(&post("/accounts", &account).await, "name", "There is an account `app@prod-db` already", "ghost");
    // What only the whole of it shows is said above the form.
    let loops = post("/people", &[("known", "bob"), ("manager", "bob")]).await;
    assert!(loops.text.contains("their own line manager"), "{}", loops.text);
    for path in ["/people", "/groups", "/devices", "/device-groups", "/accounts"] {
        assert_eq!(scene.post(path, "audrey", "name=x").await.status, StatusCode::FORBIDDEN, "{path}");
    }
}

/// A group, a device with its pinned authority, a device group and an account on it, from nothing, then a rule that uses
/// them; what is still named cannot be removed.
#[tokio::test]
async fn r82_r85_groups_and_devices_are_made_in_forms() {
    let scene = Scene::start().await;
    put_in_force(
        &scene,
        "/groups",
        &[("name", "on call"), ("members", "carol"), ("groups", "dba"), ("managers", "bob")],
        "+ group on call",
    )
    .await;
    let page = scene.get("/groups?text=call", "audrey").await.text;
    assert!(page.contains("and whoever is in dba; 2 together") && page.contains("Bob Brandt"), "{page}");
    assert!(!page.contains("Edit"), "an auditor changes nothing");
    let device = [
        ("name", "stage-db"),
        ("host", "stage.internal"),
        ("port", "6432"),
        ("database", "shop"),
        ("ca", PEM),
        ("server_name", "db.internal"),
    ];
    put_in_force(&scene, "/devices", &device, "+ device stage-db").await;
    let again = scene.get("/devices/edit?name=stage-db", "root").await.text;
    for words in ["value=\"6432\"", "value=\"db.internal\"", "-----END CERTIFICATE-----"] {
        assert!(again.contains(words), "{words}: {again}");
    }
    put_in_force(&scene, "/device-groups", &[("name", "staging"), ("devices", "stage-db")], "+ device group staging")
        .await;
    put_in_force(
        &scene,
        "/accounts",
        &[("name", "app"), ("device", "stage-db"), ("owners", "carol")],
        "+ account app@stage-db",
    )
    .await;
    let page = scene.get("/devices?text=stage", "root").await.text;
    for words in ["stage.internal:6432", "in staging", "No password stored"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("prod-db"), "only what was looked for: {page}");
    let rule = [
        ("name", "staging"),
        ("act", "connect"),
        ("outcome", "approve"),
        ("groups", "on call"),
        ("device_groups", "staging"),
    ];
    put_in_force(&scene, "/rules", &rule, "+ rule staging").await;
    for (path, known, words) in [
        ("/groups", "on call", "names group `on call`"),
        ("/devices", "stage-db", "names device `stage-db`"),
        ("/device-groups", "staging", "names device group `staging`"),
    ] {
        let kept = scene.fill(path, "root", &form(&[("known", known), ("do", "remove")])).await;
        assert!(kept.status == StatusCode::BAD_REQUEST && kept.text.contains(words), "{words}: {}", kept.text);
    }
    put_in_force(&scene, "/accounts", &[("known", "app@stage-db"), ("do", "remove")], "- account app@stage-db").await;
}

/// R51: a reservation is reached from the list of devices, which has what one may reach and nothing else.
#[tokio::test]
async fn r51_r82_a_reservation_is_reached_from_the_devices() {
    let scene = Scene::start().await;
    let page = scene.get("/devices", "alice").await.text;
    let reserve = format!("/access/{}/reserve\"", scene.account("app@prod-db").0);
    assert!(page.contains(&reserve) && page.contains("needs approval"), "{page}");
    assert!(
        !page.contains("localhost:5432") && !page.contains("Device groups"),
        "the configuration is not told: {page}"
    );
    let none = scene.get("/devices", "carol").await.text;
    assert!(none.contains("No devices for you") && !none.contains("prod-db"), "{none}");
    let all = scene.get("/devices", "audrey").await.text;
    assert!(all.contains("localhost:5432") && all.contains("not for you") && !all.contains("New device"), "{all}");
    assert!(scene.get("/devices?text=nothing", "alice").await.text.contains("No device matches"));
}

/// A form takes no password: one that is sent all the same is in no file and on no page.
#[tokio::test]
async fn r85_a_form_never_carries_a_password() {
    let scene = Scene::start().await;
    let secret = "hunter2-hunter2";
    let fields = [("name", "batch"), ("device", "prod-db"), ("password", secret), ("password_file", secret)];
    let planned = scene.fill("/accounts", "root", &form(&fields)).await.text;
    assert!(planned.contains("+ account batch@prod-db") && !planned.contains(secret), "{planned}");
    let page = scene.get("/devices/account?device=prod-db", "root").await.text;
    assert!(page.contains("password_file") && !page.contains("type=\"password\""), "it says where it goes: {page}");
}
