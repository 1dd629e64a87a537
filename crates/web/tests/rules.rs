//! Rules through the pages: read, searched, made, changed and removed in a form, with what all of them together say.

mod scene;

use axum::http::{Method, StatusCode};
use scene::{Scene, edited, form};

/// Every key of a rule that both kinds have.
const BOTH: [(&str, &str); 18] = [
    ("do", "plan"),
    ("known", ""),
    ("name", "night work"),
    ("outcome", "approve"),
    ("people", "Carol, bob"),
    ("groups", "dba"),
    ("devices", "prod-db"),
    ("accounts", "app@prod-db\r\nreport@prod-db"),
    ("workflow", "two"),
    ("exclude_people", "audrey"),
    ("exclude_groups", "dba"),
    ("second_factor", "true"),
    ("automatic_zone", "UTC"),
    ("automatic_open", "Mon 09:00-10:00"),
    ("automatic_any_start", "true"),
    ("emergency", "true"),
    ("emergency_countdown_s", "60"),
    ("device_groups", ""),
];

/// Those of a connection, and what the file says of each.
const CONNECT: [(&str, &str, &str); 14] = [
    ("duration_max_minutes", "90", "duration_max_minutes = 90"),
    ("ahead_max_minutes", "1440", "ahead_max_minutes = 1440"),
    ("hours_zone", "Europe/Berlin", "zone = \"Europe/Berlin\""),
    ("hours_open", "Mon-Fri 07:00-19:00\r\nSat 22:00-02:00", "\"Sat 22:00-02:00\""),
    ("reason_chars_min", "12", "reason_chars_min = 12"),
    ("reasons", "repair\r\nrelease", "reasons = [\"release\", \"repair\"]"),
    ("ticket", "true", "ticket = true"),
    ("exclusive", "false", "exclusive = false"),
    ("sessions_max", "2", "sessions_max = 2"),
    ("reset_after_use", "true", "reset_after_use = true"),
    ("recording", "strict", "recording = \"strict\""),
    ("recording_kept_days", "90", "recording_kept_days = 90"),
    ("recording_export", "false", "recording_export = false"),
    ("act", "connect", "act = \"connect\""),
];

/// Those of a statement.
const QUERY: [(&str, &str, &str); 8] = [
    ("kinds", "update", "kinds = [\"update\", \"copy_in\"]"),
    ("kinds", "copy_in", "kinds = [\"update\", \"copy_in\"]"),
    ("tables", "customers\r\nbilling.*", "tables = [\"customers\", \"billing.*\"]"),
    ("functions", "pg_sleep", "functions = [\"pg_sleep\"]"),
    ("unknown", "dba-manager", "unknown = \"dba-manager\""),
    ("transaction_hold_max_s", "30", "transaction_hold_max_s = 30"),
    ("same_session", "true", "same_session = true"),
    ("act", "query", "act = \"query\""),
];

/// What the file says of the keys of both.
const SAID: [&str; 7] = [
    "people = [\"carol\", \"bob\"]",
    "accounts = [\"app@prod-db\", \"report@prod-db\"]",
    "exclude_people = [\"audrey\"]",
    "second_factor = true",
    "any_start = true",
    "emergency = true",
    "emergency_countdown_s = 60",
];

/// R2, R83: every key of a rule is in the form, what means nothing for its act is left out, and the form shows again what
/// it was given.
#[tokio::test]
async fn r2_r83_a_rule_is_made_changed_and_removed_in_a_form() {
    let scene = Scene::start().await;
    let pair = |(field, text, _): &(&'static str, &'static str, &'static str)| (*field, *text);
    let (connect, query): (Vec<_>, Vec<_>) = (CONNECT.iter().map(pair).collect(), QUERY.iter().map(pair).collect());
    let with = |first: &[(&'static str, &'static str)], rest: &[(&'static str, &'static str)]| {
        // The act that comes first is the one that is meant.
        let rest = rest.iter().filter(|(field, _)| *field != "act");
        form(&BOTH.iter().chain(first).chain(rest).copied().collect::<Vec<_>>())
    };
    let planned = scene.fill("/rules", "root", &with(&connect, &query)).await.text;
    let file = edited(&planned);
    let made = file.split("name = \"night work\"").nth(1).unwrap_or_else(|| panic!("it is made: {file}"));
    for line in SAID.into_iter().chain(CONNECT.map(|(_, _, line)| line)) {
        assert!(made.contains(line), "{line}: {made}");
    }
    assert!(!made.contains("tables") && !made.contains("same_session"), "a connection has no tables: {made}");
    let planned = scene.fill("/rules", "root", &with(&query, &connect)).await.text;
    assert!(planned.contains("+ rule night work"), "{planned}");
    let file = edited(&planned);
    let made = file.split("name = \"night work\"").nth(1).unwrap_or_else(|| panic!("it is made: {file}"));
    for line in SAID.into_iter().chain(QUERY.map(|(_, _, line)| line)) {
        assert!(made.contains(line), "{line}: {made}");
    }
    assert!(!made.contains("ticket") && !made.contains("duration"), "a statement has no ticket: {made}");
    scene.put_in_force(&planned).await;
    let again = scene.get("/rules/edit?name=night%20work", "root").await.text;
    for words in ["value=\"30\"", "Mon 09:00-10:00</textarea>", "value=\"copy_in\" checked", "billing.*</textarea>"] {
        assert!(again.contains(words), "{words}: {again}");
    }
    let shorter = form(&[("known", "night work"), ("name", "night work"), ("act", "connect"), ("outcome", "deny")]);
    let planned = scene.fill("/rules", "root", &shorter).await.text;
    assert!(planned.contains("~ rule night work"), "{planned}");
    let gone = scene.fill("/rules", "root", &form(&[("known", "night work"), ("do", "remove")])).await.text;
    assert!(gone.contains("- rule night work"), "{gone}");
    scene.put_in_force(&gone).await;
    assert_eq!(scene.get("/rules/edit?name=night%20work", "root").await.status, StatusCode::NOT_FOUND);
}

/// What is wrong stands beside its field, and what was typed is kept; nothing of it can be proposed.
#[tokio::test]
async fn r83_what_is_wrong_with_a_rule_is_said_beside_its_field() {
    let scene = Scene::start().await;
    let wrong = async |field: &str, text: &str, words: &str| {
        let act = if matches!(field, "kinds" | "unknown") { "query" } else { "connect" };
        let typed = form(&[("name", "odd"), ("act", act), ("outcome", "approve"), ("workflow", "two"), (field, text)]);
        let answer = scene.fill("/rules", "root", &typed).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        let beside = format!("id=\"{field}-wrong\"");
        assert!(answer.text.contains(&beside) || field == "kinds", "{field}: {}", answer.text);
        assert!(answer.text.contains(words) && answer.text.contains(text), "{words}: {}", answer.text);
    };
    wrong("people", "nobody", "Nobody signs in as <code>nobody</code>").await;
    wrong("groups", "ghosts", "Nothing is called <code>ghosts</code>").await;
    wrong("accounts", "app@nowhere", "Nothing is called <code>app@nowhere</code>").await;
    wrong("duration_max_minutes", "long", "is not a whole number").await;
    wrong("hours_open", "Monday", "write them as <code>Mon-Fri 09:00-17:00</code>").await;
    wrong("unknown", "three", "There is no workflow <code>three</code>").await;
    wrong("kinds", "rewrite", "is no kind of statement").await;
    let reason = form(&[("name", "why"), ("act", "query"), ("outcome", "justify"), ("groups", "dba")]);
    assert!(scene.fill("/rules", "root", &reason).await.text.contains("id=\"outcome-wrong\""), "a connection's reason");
    // What means nothing for the act is out of sight, and in nobody's way.
    let hidden = form(&[
        ("name", "odd"),
        ("act", "query"),
        ("outcome", "deny"),
        ("hours_open", "Monday"),
        ("sessions_max", "x"),
    ]);
    assert!(scene.fill("/rules", "root", &hidden).await.text.contains("+ rule odd"));
    let never = [("act", "connect"), ("outcome", "deny"), ("duration_max_minutes", "0")];
    let never = form(&[[("name", "never")].as_slice(), &never].concat());
    let never = scene.fill("/rules", "root", &never).await;
    assert!(
        never.status == StatusCode::UNPROCESSABLE_ENTITY
            && never.text.contains("id=\"duration_max_minutes-wrong\"")
            && never.text.contains("enter at least 1, or leave it empty"),
        "{}",
        never.text
    );
    let nameless = scene.fill("/rules", "root", &form(&[("name", " "), ("act", "connect"), ("outcome", "deny")])).await;
    assert!(nameless.text.contains("id=\"name-wrong\""), "{}", nameless.text);
    let taken = form(&[("name", "prod needs two"), ("act", "connect"), ("outcome", "deny")]);
    assert!(
        scene.fill("/rules", "root", &taken).await.text.contains("There is a rule <code>prod needs two</code> already")
    );
    // What only the whole of it shows is said above the form, which is kept.
    let managers = form(&[("name", "whose"), ("act", "connect"), ("outcome", "approve"), ("reason_chars_min", "77")]);
    let answer = scene.fill("/rules", "root", &managers).await;
    assert!(answer.text.contains("name a workflow") && answer.text.contains("value=\"77\""), "{}", answer.text);
    assert_eq!(scene.fill("/rules", "audrey", &managers).await.status, StatusCode::FORBIDDEN);
}

/// R93: the ruling as it is and as the draft would have it, by the function that decides.
#[tokio::test]
async fn r83_r93_the_combined_result_is_explained_with_the_draft() {
    let scene = Scene::start().await;
    let asked = [("do", "explain"), ("try_person", "alice"), ("try_target", "app@prod-db"), ("try_act", "connect")];
    let with = |more: &[(&str, &str)]| form(&asked.iter().chain(more).copied().collect::<Vec<_>>());
    let draft = with(&[("act", "connect"), ("outcome", "deny"), ("groups", "dba"), ("accounts", "app@prod-db")]);
    let page = scene.fill("/rules", "root", &draft).await.text;
    let (now, then) = page.split_once("With this draft").expect("both are shown");
    let now = now.split_once("In force").expect("both are shown").1;
    for words in ["Approval first", "prod needs two", "managers of dba", "Bob Brandt", "for at most 4 h"] {
        assert!(now.contains(words), "{words}: {now}");
    }
    assert!(then.contains("badge-bad") && then.contains("(this draft)") && then.contains("prod needs two"), "{then}");
    assert!(!then.contains("managers of dba"), "nobody decides what is denied: {then}");
    let milder = with(&[("name", "milder"), ("act", "connect"), ("outcome", "allow"), ("groups", "dba")]);
    let page = scene.fill("/rules", "root", &milder).await.text;
    let then = page.split_once("With this draft").expect("both are shown").1;
    assert!(then.contains("milder") && then.contains("Approval first"), "the strictest still holds: {then}");
    let held = form(&[
        ("do", "explain"),
        ("known", "writes are held"),
        ("name", "writes are held"),
        ("act", "query"),
        ("outcome", "deny"),
        ("groups", "dba"),
        ("kinds", "update"),
        ("try_person", "alice"),
        ("try_target", "app@prod-db"),
        ("try_act", "query"),
        ("try_sql", "update customers set city = 'x'"),
    ]);
    let page = scene.fill("/rules", "root", &held).await.text;
    let then = page.split_once("With this draft").expect("both are shown").1;
    assert!(then.contains("badge-bad") && page.contains("managers of dba"), "{page}");
    let other = page.replace('\n', " ");
    assert!(!other.contains("The same."), "{page}");
    let stranger = scene.fill("/rules", "root", &draft.replace("alice", "nobody")).await.text;
    assert!(stranger.contains("There is no person <code>nobody</code>"), "{stranger}");
}

/// R82: the list says who may do what and what it takes, and finds what speaks of somebody.
#[tokio::test]
async fn r82_rules_are_read_and_searched() {
    let scene = Scene::start().await;
    let all = scene.get("/rules", "audrey").await.text;
    for words in
        ["prod needs two", "members of dba", "on app@prod-db", "run UPDATE, DELETE", "managers of dba", "workflow two"]
    {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(!all.contains("New rule"), "an auditor makes none");
    let found = scene.get("/rules?target=report%40prod-db&act=connect", "root").await.text;
    assert!(found.contains("reports are open") && !found.contains("prod needs two"), "{found}");
    let carol = scene.get("/rules?person=carol", "root").await.text;
    assert!(carol.contains("No rule speaks of that"), "she is in no group: {carol}");
    assert!(scene.get("/rules?person=Alice", "root").await.text.contains("writes are held"));
    let nobody = scene.get("/rules?person=nobody", "root").await;
    assert!(nobody.status == StatusCode::BAD_REQUEST && nobody.text.contains("nobody"), "{}", nobody.text);
    assert_eq!(scene.get("/rules", "alice").await.status, StatusCode::FORBIDDEN);
}

/// C10, C12: a form complains of nothing before anything was entered, and where no rule speaks the pages say what holds.
#[tokio::test]
async fn what_no_rule_speaks_of_is_explained_and_an_empty_form_is_no_mistake() {
    let scene = Scene::start().await;
    let fresh = scene.get("/rules/edit", "root").await.text;
    assert!(fresh.contains("Once the rule says who") && !fresh.contains("this draft)"), "{fresh}");
    let touched = form(&[("do", "explain"), ("act", "connect"), ("outcome", "approve")]);
    assert!(scene.fill("/rules", "root", &touched).await.text.contains("name a workflow"));
    for (path, who) in [("/rules", "root"), ("/why?person=carol&target=app%40prod-db&sql=select+1", "root")] {
        let page = scene.get(path, who).await.text;
        assert!(
            page.contains("Without a rule nobody connects; in a session that is open, a statement or command runs"),
            "{page}"
        );
    }
    let asked = [("do", "explain"), ("name", "x"), ("act", "query"), ("outcome", "deny"), ("try_act", "query")];
    let asked = form(&asked.into_iter().chain([("try_sql", "select 42"), ("groups", "dba")]).collect::<Vec<_>>());
    let answer = scene.fill("/rules", "root", &asked).await.text;
    assert!(answer.contains("Asked about this text") && answer.contains(">42</span>"), "{answer}");
}

/// R93: why says every condition and what happens while nobody decides, nothing of that after a no, and which name is wrong.
#[tokio::test]
async fn r93_why_says_the_conditions_and_the_timeouts_and_nothing_after_a_no() {
    let scene = Scene::start().await;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("readable").file;
    let level = "managers_of = \"dba\"\n";
    let timed = file.replace(level, &format!("{level}timeout = \"30m\"\nescalate_to_members_of = \"dba\"\n"));
    let timed =
        timed.replace("reason_chars_min = 10", "reason_chars_min = 10\nemergency = true\nemergency_countdown_s = 600");
    let barred = "[[rule]]\nname = \"not carol\"\nact = \"connect\"\noutcome = \"deny\"\npeople = [\"carol\"]\n\
                  reason_chars_min = 10\nduration_max_minutes = 60\n";
    let done = scene.control.propose(&root, &format!("{timed}\n{barred}"), "", None).await.expect("applied");
    assert!(done.applied);
    let why = async |person: &str| scene.get(&format!("/why?person={person}&target=app%40prod-db"), "root").await;
    let asked = why("alice").await.text;
    for words in [
        "Demanded: approval first.</strong>",
        "a reason of at least 10 characters",
        "for at most 4 h",
        "an emergency opens after 10 min",
        "After <b>30 min</b> members of dba decide",
        "After <b>1 h</b> it expires",
    ] {
        assert_eq!(asked.matches(words).count(), 1, "{words}: {asked}");
    }
    let denied = why("carol").await.text;
    assert!(denied.contains("Demanded: no.</strong>") && denied.contains("not carol"), "{denied}");
    assert!(
        !denied.contains("characters") && !denied.contains("at most") && !denied.contains("Conditions"),
        "{denied}"
    );
    let told = scene.api(Method::GET, "/explain?person=carol&target=app%40prod-db", "root", "").await.text;
    assert!(told.contains("\"reason_chars_min\":null") && told.contains("\"conditions\":[]"), "{told}");
    let nobody = why("nobody").await;
    assert_eq!(nobody.status, StatusCode::BAD_REQUEST);
    assert!(nobody.text.contains("Nobody is called <code>nobody</code>"), "{}", nobody.text);
    let nowhere = scene.get("/why?person=alice&target=nowhere", "root").await.text;
    assert!(nowhere.contains("There is no such account or device"), "{nowhere}");
}
