//! People, groups, devices and accounts through the pages: found, added, changed and taken away in forms.

mod scene;

use axum::http::{Method, StatusCode};
use countersign_control::Entry;
use countersign_journal::{RequestId, SessionEnd};
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
    assert!(
        gone.text.contains("Workflow <code>two</code>, level 2, is decided by <code>carol</code> and nobody else"),
        "{}",
        gone.text
    );
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
        gone.text.contains("Rule <code>hers</code> speaks of <code>audrey</code> and nobody else"),
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
    wrong(&answer, "handle", "has characters that no name people type may have", "Dora N.");
    wrong(&answer, "email", "This is no e-mail address", "value=\"dora\"");
    wrong(&answer, "manager", "Nobody signs in as <code>nobody</code>", "Dora N.");
    wrong(
        &post("/people", &[("handle", "alice")]).await,
        "handle",
        "There is a person <code>alice</code> already",
        "alice",
    );
    wrong(&post("/groups", &[("name", "dba")]).await, "name", "There is a group <code>dba</code> already", "dba");
    let group = [("name", "new"), ("members", "alice ghost"), ("groups", "ghosts")];
    wrong(&post("/groups", &group).await, "members", "Nobody signs in as <code>ghost</code>", "alice ghost");
    wrong(&post("/groups", &group).await, "groups", "Nothing is called <code>ghosts</code>", "alice ghost");
    let device = [("name", "new-db"), ("host", ""), ("port", "70000"), ("database", "shop"), ("ca", "no pem")];
    let answer = post("/devices", &device).await;
    wrong(&answer, "host", "Enter the host name", "new-db");
    wrong(&answer, "port", "<code>70000</code> is not a whole number that fits here", "new-db");
    wrong(&answer, "ca", "no certificate in PEM form", "no pem");
    wrong(
        &post("/device-groups", &[("name", "g"), ("devices", "none")]).await,
        "devices",
        "Nothing is called <code>none</code>",
        "none",
    );
    let account = [("name", "app"), ("device", "prod-db"), ("owners", "ghost")];
    wrong(&post("/accounts", &account).await, "name", "There is an account <code>app@prod-db</code> already", "ghost");
    // What only the whole of it shows is said there too.
    put_in_force(&scene, "/people", &[("known", "alice"), ("name", "Alice"), ("manager", "bob")], "~ person alice")
        .await;
    let loops = post("/people", &[("known", "bob"), ("manager", "alice")]).await;
    wrong(&loops, "manager", "would be their own line manager; name somebody else", "value=\"alice\"");
    put_in_force(&scene, "/groups", &[("name", "outer"), ("groups", "dba")], "+ group outer").await;
    let within = post("/groups", &[("known", "dba"), ("members", "carol"), ("groups", "outer")]).await;
    wrong(&within, "groups", "would be a member of itself; take one of them out", "carol");
    assert!(!loops.text.contains("the file") && !within.text.contains("the file"), "nobody wrote one");
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
        ("/groups", "on call", "names group <code>on call</code>"),
        ("/devices", "stage-db", "names device <code>stage-db</code>"),
        ("/device-groups", "staging", "names device group <code>staging</code>"),
    ] {
        let kept = scene.fill(path, "root", &form(&[("known", known), ("do", "remove")])).await;
        assert!(kept.status == StatusCode::BAD_REQUEST && kept.text.contains(words), "{words}: {}", kept.text);
    }
    put_in_force(&scene, "/accounts", &[("known", "app@stage-db"), ("do", "remove")], "- account app@stage-db").await;
}

/// R52, R62: a server one reaches by SSH, pinned by its host key, and a rule on what is run there; the rule is explained.
#[tokio::test]
async fn r52_r62_an_ssh_server_and_its_commands_are_set_up_in_forms() {
    let scene = Scene::start().await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOFiuqAoJj9r+YtnC7+ZuLD3eMT7QLKFS0Jtvzj6PDTa";
    let device = [("name", "web-01"), ("protocol", "ssh"), ("host", "web.internal"), ("host_key", "not a key")];
    let told = scene.fill("/devices", "root", &form(&device)).await.text;
    assert!(told.contains("This is no public key") && told.contains("not a key"), "{told}");
    let device =
        [("name", "web-01"), ("protocol", "ssh"), ("host", "web.internal"), ("host_key", key), ("ca", "left over")];
    put_in_force(&scene, "/devices", &device, "+ device web-01").await;
    put_in_force(&scene, "/accounts", &[("name", "root"), ("device", "web-01")], "+ account root@web-01").await;
    let page = scene.get("/devices?text=web", "root").await.text;
    assert!(page.contains("web.internal:22") && page.contains("SSH"), "{page}");
    let again = scene.get("/devices/edit?name=web-01", "root").await.text;
    assert!(again.contains(key) && !again.contains("left over"), "{again}");

    // Algorithms that are no longer modern are allowed by name, and shown with a warning.
    let old = |names: &'static str| {
        [
            ("known", "web-01"),
            ("protocol", "ssh"),
            ("host", "web.internal"),
            ("host_key", key),
            ("legacy_algorithms", names),
        ]
    };
    let refused = scene.fill("/devices", "root", &form(&old("hmac-sha1\nrc4"))).await;
    wrong(&refused, "legacy_algorithms", "<code>rc4</code> is none of these", "hmac-sha1");
    let planned = scene.fill("/devices", "root", &form(&old("hmac-sha1\nssh-rsa"))).await.text;
    assert!(planned.contains("hmac-sha1, ssh-rsa may be agreed on with it"), "{planned}");
    scene.put_in_force(&planned).await;
    let page = scene.get("/devices?text=web", "root").await.text;
    assert!(page.contains("Legacy algorithms") && page.contains("hmac-sha1, ssh-rsa"), "{page}");
    put_in_force(&scene, "/devices", &old(""), "~ device web-01").await;
    let page = scene.get("/devices?text=web", "root").await.text;
    assert!(!page.contains("Legacy algorithms"), "{page}");

    // Instead of a password it may sign in with certificates, which is switched on and off in its form.
    let authority = scene.control.ssh_authority().expect("an authority");
    let account = format!("/accounts/{}", scene.account("root@web-01").0);
    let certified = || async { scene.get(&account, "root").await.text.contains("value=\"true\" checked") };
    assert!(again.contains(&authority) && scene.get(&account, "root").await.text.contains(&authority), "{again}");
    assert!(
        !scene.get(&format!("/accounts/{}", scene.account("app@prod-db").0), "root").await.text.contains(&authority)
    );
    assert!(!certified().await && page.contains("No password stored"));
    put_in_force(&scene, &account, &[("certificate", "true")], "~ account root@web-01").await;
    let page = scene.get("/devices?text=web", "root").await.text;
    assert!(certified().await && page.contains("Certificate") && !page.contains("No password stored"), "{page}");
    put_in_force(&scene, &account, &[("owners", "bob")], "~ account root@web-01").await;
    assert!(!certified().await, "what is not ticked is not so");
    let certified = [("name", "deploy"), ("device", "web-01"), ("certificate", "true")];
    put_in_force(&scene, "/accounts", &certified, "+ account deploy@web-01").await;
    assert!(scene.get("/devices?text=web", "root").await.text.contains("Certificate"));

    let rule = [
        ("name", "removals"),
        ("act", "run"),
        ("outcome", "approve"),
        ("groups", "dba"),
        ("devices", "web-01"),
        ("programs", "rm\nshred"),
        ("paths", "/srv/"),
        ("tables", "left over"),
    ];
    let ask = [("do", "explain"), ("try_person", "alice"), ("try_target", "root@web-01"), ("try_act", "run")];
    let explain = |command: &'static str| form(&[rule.as_slice(), ask.as_slice(), &[("try_sql", command)]].concat());
    let held = scene.fill("/rules", "root", &explain("rm -r /srv/old")).await.text;
    assert!(held.contains("rm -r /srv/old") && held.contains("removals"), "{held}");
    put_in_force(&scene, "/rules", &rule, "+ rule removals").await;
    let said = scene.get("/rules", "root").await.text;
    assert!(said.contains("run the command rm, shred that touches /srv/"), "{said}");
    let why = |command: &str| format!("/why?person=alice&target=root%40web-01&sql={command}");
    let held = scene.get(&why("rm+-r+%2Fsrv%2Fold"), "root").await.text;
    assert!(held.contains("approval first") && held.contains("removals"), "{held}");
    let free = scene.get(&why("ls+%2Ftmp"), "root").await.text;
    assert!(free.contains("go ahead") && !free.contains("approval first"), "{free}");
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

/// B6: the password of an account is typed into its form, proposed with it, and on no page, not even sealed for another.
#[tokio::test]
async fn r85_a_password_is_given_in_a_form_and_shown_by_no_page() {
    let scene = Scene::start().await;
    let secret = "hunter2-hunter2";
    let fields = [("name", "batch"), ("device", "prod-db"), ("password", secret)];
    let planned = scene.fill("/accounts", "root", &form(&fields)).await.text;
    assert!(planned.contains("+ account batch@prod-db"), "{planned}");
    assert!(planned.contains("~ secret of batch@prod-db: a new version is stored"), "{planned}");
    assert!(!planned.contains(secret), "{planned}");
    let other = planned.replace("value=\"batch\"", "value=\"batch2\"");
    let moved = scene.press(&other, "root", &[("do", "propose")]).await;
    assert!(
        moved.text.contains("type it again") && moved.location().is_empty(),
        "for this account only: {}",
        moved.text
    );
    let back = scene.press(&planned, "root", &[("do", "edit")]).await.text;
    assert!(back.contains("value=\"batch\"") && !back.contains("name=\"carried\""), "it is typed again: {back}");
    scene.put_in_force(&planned).await;
    let list = scene.get("/devices?text=batch", "root").await.text;
    let without = list.matches("No password stored").count();
    assert!(list.contains("batch") && without == 2, "the two others have none: {list}");

    let account = format!("/accounts/{}", scene.account("report@prod-db").0);
    let form_page = scene.get(&account, "root").await.text;
    assert!(
        form_page.contains("type=\"password\"") && form_page.contains("no page ever shows it again"),
        "{form_page}"
    );
    let planned = scene.fill(&account, "root", &form(&[("owners", "carol"), ("password", secret)])).await.text;
    assert!(planned.contains("~ secret of report@prod-db") && !planned.contains(secret), "{planned}");
    scene.clock.advance(std::time::Duration::from_secs(2 * 3_600));
    let late = scene.press(&planned, "root", &[("do", "propose")]).await;
    assert!(late.text.contains("type it again") && late.location().is_empty(), "not for ever: {}", late.text);
}

/// R50: once a use is over that was granted so, an account says that its password is due for change, until another is stored.
#[tokio::test]
async fn r50_an_account_says_since_when_its_password_is_due_for_change() {
    let scene = Scene::start().await;
    let root = scene.actor("root").await;
    let in_force = scene.api(Method::GET, "/configuration", "root", "").await.text;
    let in_force: serde_json::Value = serde_json::from_str(&in_force).expect("JSON");
    let file = in_force["file"].as_str().expect("a file");
    let resets = file.replace("name = \"reports are open\"", "name = \"reports are open\"\nreset_after_use = true");
    assert_ne!(resets, file);
    scene.control.propose(&root, &resets, "", None).await.expect("in force");

    let (alice, report) = (scene.actor("alice").await, scene.account("report@prod-db"));
    let opened = scene.control.open_session(alice.person, report, None, "192.0.2.7").await;
    let Ok(Entry::Open(gate)) = opened else { panic!("not open to her") };
    assert!(!scene.get("/accounts", "root").await.text.contains("due for change"), "it is in use");
    gate.close(SessionEnd::ClientLeft).await.expect("closed");
    let mine = scene.api(Method::GET, "/requests?scope=mine", "alice", "").await.text;
    let mine: serde_json::Value = serde_json::from_str(&mine).expect("JSON");
    let number = mine[0]["id"].as_u64().expect("her request");
    scene.control.surrender(&alice, RequestId(number)).await.expect("given back");
    let due = scene.get("/accounts", "root").await.text;
    let said = due.split("<section").find(|part| part.contains("due for change")).unwrap_or_else(|| panic!("{due}"));
    let after = format!("after <a href=\"/requests/{number}\">#{number}</a>");
    assert!(said.contains("report@prod-db") && said.contains(&after), "{said}");
    assert_eq!(due.matches("due for change").count(), 1, "{due}");

    let fields = form(&[("password", "a-new-one-of-it")]);
    let planned = scene.fill(&format!("/accounts/{}", report.0), "root", &fields).await.text;
    scene.put_in_force(&planned).await;
    assert!(!scene.get("/accounts", "root").await.text.contains("due for change"), "another is stored");
}
