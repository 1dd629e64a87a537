//! Asking and deciding through pages and API, as browsers and programs do.

mod scene;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use countersign_journal::Head;
use scene::{ORIGIN, PASSWORD, Scene};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn decision(page: &str, verdict: &str) -> String {
    let fields = ["track", "level", "epoch"].map(|name| format!("{name}={}", hidden(page, name)));
    format!("{}&verdict={verdict}&next=/approvals&comment=seen", fields.join("&"))
}

/// R30, R31, R82: reserve by form, decide by form, on two levels.
#[tokio::test]
async fn a_reservation_is_asked_for_and_decided_by_forms() {
    let scene = Scene::start().await;
    let account = scene.account("app@prod-db").0;
    let form = scene.get(&format!("/access/{account}/reserve"), "alice").await;
    assert!(form.text.contains("managers of dba") && form.text.contains("Bob Brandt"), "who will be asked");
    let (start, end) = (hidden_input(&form.text, "start"), hidden_input(&form.text, "end"));
    let short = format!("reason=short&start={start}&end={end}&zone=UTC&database=shop");
    let again = scene.post(&format!("/access/{account}/reserve"), "alice", &short).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.text.contains("at least 10 characters is required") && again.text.contains(">short</textarea>"));
    let fine = short.replace("short", "price+fix%2C+ticket+4711");
    let sent = scene.post(&format!("/access/{account}/reserve"), "alice", &fine).await;
    assert_eq!(sent.location(), "/requests/2?done=asked&on=2", "{}", sent.text);

    let inbox = scene.get("/approvals", "bob").await;
    assert!(inbox.text.contains("price fix, ticket 4711") && inbox.text.contains("Level 1 of 2"), "{}", inbox.text);
    assert!(!scene.get("/approvals", "carol").await.text.contains("price fix"), "level 2 has not started");
    let first = decision(&inbox.text, "approve");
    let done = scene.post("/requests/2/decision", "bob", &first).await;
    assert_eq!(done.location(), "/approvals?done=approved&on=2", "{}", done.text);
    let twice = scene.post("/requests/2/decision", "bob", &first).await;
    assert_eq!(twice.status, StatusCode::CONFLICT, "a double click decides once");

    let second = decision(&scene.get("/approvals", "carol").await.text, "approve");
    let own = scene.post("/requests/2/decision", "alice", &second).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "nobody decides their own request (R38)");
    assert_eq!(scene.post("/requests/2/decision", "carol", &second).await.status, StatusCode::SEE_OTHER);
    let whole = scene.get("/requests/2", "alice").await;
    assert!(whole.text.contains("Approved · To be used") && whole.text.contains("seen"));
    assert!(scene.get("/", "alice").await.text.contains("To be used"));
}

fn hidden_input(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" type=\"datetime-local\" value=\"")).expect("the field");
    rest.split('"').next().unwrap_or_default().replace(':', "%3A")
}

/// Statements to be run are asked for by form, and the card shows all of them before anybody decides.
#[tokio::test]
async fn a_change_plan_is_asked_for_by_form_and_shown_whole() {
    let scene = Scene::start().await;
    let account = scene.account("app@prod-db").0;
    let reserve = format!("/access/{account}/reserve");
    let form = scene.get(&reserve, "alice").await;
    assert!(form.text.contains("Statements to be run") && form.text.contains("In any order"), "{}", form.text);
    let end = hidden_input(&form.text, "end");
    let filled = |script: &str| format!("reason=price+fix%2C+ticket+4711&end={end}&zone=UTC&script={script}");
    let wrong = scene.post(&reserve, "alice", &filled("update+set")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("not valid PostgreSQL") && wrong.text.contains(">update set</textarea>"));
    let script = "update+prices%0D%0Aset+net+%3D+9%3B%0D%0Ado+%24%24begin+end%24%24%3B";
    let sent = scene.post(&reserve, "alice", &filled(script)).await;
    assert_eq!(sent.location(), "/requests/2?done=asked&on=2", "{}", sent.text);
    let bob = scene.actor("bob").await;
    let view = scene.control.request(&bob, countersign_journal::RequestId(2)).await.expect("visible");
    let plan = view.plan.expect("a plan");
    let texts: Vec<_> = plan.steps.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["update prices\nset net = 9;", "do $$begin end$$;"], "a form's line ends are those psql sends");
    assert_eq!(view.tracks.len(), 1, "bob would decide both, so he is asked once");
    let card = scene.get("/requests/2", "bob").await.text;
    for part in [
        "and run 2 planned statements",
        "Planned statement 1 of 2",
        "Planned statement 2 of 2 · not understood",
        "update prices</li>",
        "which is not examined",
        "in this order",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
}

/// Looking changes nothing, and other sites change nothing.
#[tokio::test]
async fn only_our_own_posts_decide() {
    let scene = Scene::start().await;
    let request = scene.ask("alice").await;
    let page = scene.get("/requests/2", "bob").await;
    let form = decision(&page.text, "approve");
    for method in [Method::GET, Method::HEAD] {
        let path = format!("/requests/2/decision?{form}");
        let looked = scene.browse(method, &path, "bob", "").await;
        assert_eq!(looked.status, StatusCode::METHOD_NOT_ALLOWED);
    }
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let foreign = scene.browser(Method::POST, "/requests/2/decision", "bob").header(name, value);
        let foreign = foreign.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = scene.send(foreign.body(Body::from(form.clone())).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let bob = scene.actor("bob").await;
    assert_eq!(scene.control.request(&bob, request).await.expect("visible").status, "Pending");
    let ours = scene.browser(Method::POST, "/requests/2/decision", "bob").header("origin", ORIGIN);
    let ours = ours.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(scene.send(ours.body(Body::from(form)).expect("a request")).await.status, StatusCode::SEE_OTHER);
}

/// The statement on the card is the statement, whatever it holds.
#[tokio::test]
async fn a_held_statement_is_shown_whole_and_as_text() {
    let scene = Scene::start().await;
    let text = "update customers set note = '<script>alert(1)</script>'\nwhere n\u{430}me = 1 -- \u{202e}";
    let (_gate, hold) = scene.hold(text).await;
    let page = scene.get(&format!("/requests/{}", hold.request.0), "bob").await;
    assert!(page.text.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{}", page.text);
    assert!(!page.text.contains("<script>alert"));
    assert!(page.text.contains("U+202E") && page.text.contains("U+0430"));
    assert_eq!(scene.get(&format!("/requests/{}", hold.request.0), "carol").await.status, StatusCode::NOT_FOUND);
}

/// R85: the whole path through the API.
#[tokio::test]
async fn programs_ask_and_decide_through_the_api() {
    let scene = Scene::start().await;
    let body = format!(r#"{{"handle":"alice","password":"{PASSWORD}"}}"#);
    let opened = scene.api(Method::POST, "/session", "", &body).await;
    assert!(json(&opened.text)["token"].as_str().is_some_and(|t| t.len() >= 20), "{}", opened.text);
    let wrong = scene.api(Method::POST, "/session", "", r#"{"handle":"alice","password":"guess"}"#).await;
    assert_eq!(
        (wrong.status, json(&wrong.text)["error"]["code"].as_str()),
        (StatusCode::UNAUTHORIZED, Some("sign_in"))
    );

    let ask = r#"{"target":"app@prod-db","minutes":60,"reason":"ticket 4711: price fix"}"#;
    let asked = scene.api(Method::POST, "/requests", "alice", ask).await;
    assert_eq!(
        (asked.status, json(&asked.text)["status"].as_str()),
        (StatusCode::OK, Some("Pending")),
        "{}",
        asked.text
    );
    for (body, message) in [
        (r#"{"target":"app@prod-db","reason":"x"}"#, "say how long"),
        (r#"{"target":"app@prod-db","minutes":1,"end":"2030-01-01T00:00:00Z","reason":"x"}"#, "not both"),
        (r#"{"target":"app@prod-db","start":"tomorrow","minutes":1,"reason":"x"}"#, "RFC 3339"),
        (r#"{"target":"app@prod-db","minutes":1,"surprise":1}"#, "surprise"),
    ] {
        let refused = scene.api(Method::POST, "/requests", "alice", body).await;
        assert_eq!(
            (refused.status, json(&refused.text)["error"]["code"].as_str()),
            (StatusCode::BAD_REQUEST, Some("bad_input"))
        );
        assert!(refused.text.contains(message), "{}", refused.text);
    }
    let inbox = json(&scene.api(Method::GET, "/requests?scope=for_me", "bob", "").await.text);
    let position = &inbox[0]["position"];
    let vote = format!(r#"{{"verdict":"approve","position":{position},"comment":"fine"}}"#);
    assert_eq!(scene.api(Method::POST, "/requests/2/decision", "bob", &vote).await.status, StatusCode::OK);
    let moved = scene.api(Method::POST, "/requests/2/decision", "bob", &vote).await;
    assert_eq!((moved.status, json(&moved.text)["error"]["code"].as_str()), (StatusCode::CONFLICT, Some("refused")));
    let last = scene.api(Method::POST, "/requests/2/decision", "carol", r#"{"verdict":"approve"}"#).await;
    assert_eq!(json(&last.text)["status"], "Approved", "{}", last.text);
    let revoked = scene.api(Method::POST, "/requests/2/revoke", "bob", r#"{"reason":"wrong database"}"#).await;
    assert_eq!(json(&revoked.text)["status"], "Revoked", "{}", revoked.text);
    assert_eq!(scene.api(Method::GET, "/requests/2", "nobody", "").await.status, StatusCode::UNAUTHORIZED);
}

/// The journal leaves with its head; a policy file may be larger than a form, and no larger than its limit.
#[tokio::test]
async fn files_come_and_go_within_their_limits() {
    let scene = Scene::start().await;
    let export = scene.api(Method::GET, "/export", "audrey", "").await;
    let head: Head = export.headers["x-countersign-head"].to_str().expect("text").parse().expect("a head");
    assert!(head.len > 5 && head.len <= scene.control.head().len && !export.text.is_empty());
    let large = format!("#{}\n", "x".repeat(200_000));
    let planned = scene.api(Method::POST, "/plan", "root", &large).await;
    assert!(planned.text.contains("administrator"), "it was read: {}", planned.text);
    let too_large = "#".repeat(1_100_000);
    assert!(scene.api(Method::POST, "/plan", "root", &too_large).await.text.contains("did not arrive whole"));
    let form = scene.post("/sign-in", "", &format!("handle=a&password={}", "x".repeat(70_000))).await;
    assert_eq!(form.status, StatusCode::PAYLOAD_TOO_LARGE);
}

/// R32, R37: approved with a reset after use, then shortened, on the page; the holder cannot.
#[tokio::test]
async fn r37_terms_are_changed_on_the_page() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    let first = decision(&scene.get("/requests/2", "bob").await.text, "approve");
    scene.post("/requests/2/decision", "bob", &first).await;
    let page = scene.get("/requests/2", "carol").await.text;
    let second = format!("{}&reset_after_use=yes", decision(&page, "approve"));
    assert_eq!(scene.post("/requests/2/decision", "carol", &second).await.status, StatusCode::SEE_OTHER);
    let page = scene.get("/requests/2", "bob").await.text;
    assert!(page.contains("The password is due for change.") && page.contains("Change its terms"), "{page}");
    assert!(
        !scene.get("/requests/2", "alice").await.text.contains("Change its terms"),
        "the holder surrenders instead"
    );
    let (was, zone) = (hidden(&page, "end_was").replace(':', "%3A"), "zone=UTC");
    let unchanged = scene.post("/requests/2/edit", "bob", &format!("{zone}&end={was}&end_was={was}&reason=")).await;
    assert!(unchanged.text.contains("othing was changed"), "{}", unchanged.text);
    let past = format!("{zone}&end=2020-01-01T00%3A00&end_was={was}&reason=done");
    assert_ne!(
        scene.post("/requests/2/edit", "bob", &past).await.status,
        StatusCode::SEE_OTHER,
        "ends before it begins"
    );
    let wider = format!("{zone}&end=2090-01-01T00%3A00&end_was={was}&reason=more");
    let refused = scene.post("/requests/2/edit", "bob", &wider).await;
    assert!(refused.text.contains("wider than what was signed"), "{}", refused.text);
    let escalated = scene.post("/requests/2/escalate", "bob", "track=0&level=0&epoch=0").await;
    assert!(escalated.text.contains("nly an administrator can escalate"), "{}", escalated.text);
    let stopped = scene.post("/requests/2/stop", "bob", "reason=").await;
    assert!(stopped.text.contains("o emergency is counting down"), "{}", stopped.text);
    let declared = scene.post("/requests/2/emergency", "alice", "reason=now").await;
    assert_eq!(declared.status, StatusCode::CONFLICT);
}

/// R80, R81: one page over all requests: found by kind, stage and day, decided, taken back, escalated, edited and revoked.
#[tokio::test]
async fn r80_r81_everything_is_found_and_acted_on_from_one_page() {
    let scene = Scene::start().await;
    let request = scene.ask("alice").await;
    let page = async |who: &str, query: &str| scene.get(&format!("/requests?{query}"), who).await.text;
    let row = format!("id=\"row-{}\"", request.0);
    for found in ["", "status=Pending", "kind=connect", "text=price+fix", "from=2020-01-01&until=2100-01-01"] {
        assert!(page("root", found).await.contains(&row), "{found}");
    }
    for missed in ["status=In+use", "kind=query", "text=nothing+like+it", "until=2020-01-01", "mine=yes"] {
        assert!(!page("root", missed).await.contains(&row), "{missed}");
    }
    assert!(page("root", "kind=change").await.contains("add person alice, add person audrey"), "of every kind");
    for list in ["/requests?from=soon", "/my-requests?until=2026-02-30", "/approvals?from=1"] {
        let none = scene.get(list, "root").await;
        assert_eq!(none.status, StatusCode::BAD_REQUEST, "{list}");
        assert!(none.text.contains("is not a day; write it as <code>2026-11-22</code>"), "{list}: {}", none.text);
    }

    let inbox = scene.get("/approvals", "bob").await.text;
    let first = decision(&inbox, "approve");
    assert_eq!(scene.post("/requests/2/decision", "bob", &first).await.status, StatusCode::SEE_OTHER);
    let decided = scene.get("/approvals?status=decided", "bob").await.text;
    assert!(decided.contains("/requests/2#retract"), "an approver cancels from the list: {decided}");
    assert!(!decided.contains("/requests/2/retract"), "and is asked first: {decided}");
    assert!(decided.contains("<td data-label=\"You\">Approved</td>"), "C13: one's own decision: {decided}");
    let second = decision(&scene.get("/approvals", "carol").await.text, "approve");
    assert_eq!(scene.post("/requests/2/decision", "carol", &second).await.status, StatusCode::SEE_OTHER);

    let ready = page("root", "status=To+be+used").await;
    assert!(ready.contains(&row) && ready.contains("/requests/2#revoke"), "{ready}");
    assert!(!page("audrey", "").await.contains("#revoke"), "an auditor acts on nothing");
    let done = scene.post("/requests/2/revoke", "root", "reason=the+incident+is+closed").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    assert!(page("root", "status=Revoked").await.contains(&row));
    assert_eq!(scene.get("/requests", "alice").await.status, StatusCode::FORBIDDEN);
}

/// R42: lent on the page, used by the borrower, ended early; nobody ends what is not theirs.
#[tokio::test]
async fn r42_the_right_to_decide_is_lent_and_taken_back_on_the_page() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    let lend = "to=carol&start=&end=2100-01-01T00:00&zone=UTC";
    assert_eq!(scene.post("/delegations", "bob", lend).await.status, StatusCode::CONFLICT, "not for ever");
    let now = scene.control.now();
    let tomorrow = jiff::Timestamp::from_microsecond(now.plus(86_400).0).expect("a moment").to_string();
    let lend = format!("to=carol&start=&end={}&zone=UTC", &tomorrow[..16]);
    assert_eq!(scene.post("/delegations", "bob", &lend).await.location(), "/delegations?done=lent");
    let shown = scene.get("/delegations", "carol").await.text;
    assert!(shown.contains("Bob Brandt") && shown.contains("live"), "{shown}");
    assert_eq!(scene.post("/delegations/1/end", "alice", "").await.status, StatusCode::CONFLICT, "not hers");
    assert!(scene.get("/delegations", "alice").await.text.contains("Nothing is lent"), "nor seen by her");
    let inbox = scene.get("/approvals", "carol").await.text;
    assert_eq!(
        scene.post("/requests/2/decision", "carol", &decision(&inbox, "approve")).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(scene.get("/requests/2", "bob").await.text.contains("</strong> for Bob Brandt approved"));
    assert_eq!(scene.post("/delegations/1/end", "bob", "").await.location(), "/delegations?done=unlent");
}

/// R42: what a disabled person lent or borrowed is nobody's to use, and is not shown as if it were.
#[tokio::test]
async fn r42_what_is_lent_to_or_by_a_disabled_person_is_not_shown_as_live() {
    let scene = Scene::start().await;
    let tomorrow = jiff::Timestamp::from_microsecond(scene.control.now().plus(86_400).0).expect("a moment").to_string();
    for (from, to) in [("bob", "alice"), ("alice", "bob")] {
        let lend = format!("to={to}&start=&end={}&zone=UTC", &tomorrow[..16]);
        assert_eq!(scene.post("/delegations", from, &lend).await.location(), "/delegations?done=lent", "{from}");
    }
    let shown = |text: &str, stage: &str| text.matches(&format!("· {stage}</span>")).count();
    let before = scene.get("/delegations", "bob").await.text;
    assert_eq!((shown(&before, "live"), shown(&before, "suspended")), (2, 0), "{before}");
    let planned = scene.fill("/people", "root", "known=alice&do=remove").await.text;
    scene.put_in_force(&planned).await;
    let after = scene.get("/delegations", "bob").await.text;
    assert_eq!((shown(&after, "live"), shown(&after, "suspended")), (0, 2), "{after}");
}

/// R12: the page offers whom to ask where a level leaves the choice, and only those are written to.
#[tokio::test]
async fn r12_the_page_offers_whom_to_ask() {
    let scene = Scene::start().await;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let choice = file.replacen("managers_of = \"dba\"", "people = [\"bob\", \"carol\"]\nchoose = true", 2);
    scene.control.propose(&root, &choice, "", None).await.expect("applied");
    let account = scene.account("app@prod-db").0;
    let form = scene.get(&format!("/access/{account}/reserve"), "alice").await.text;
    assert!(form.contains("name=\"ask.bob\"") && form.contains("name=\"ask.carol\""), "{form}");
    let (start, end) = (hidden_input(&form, "start"), hidden_input(&form, "end"));
    let ask = format!("reason=price+fix+4711&start={start}&end={end}&zone=UTC&database=shop&ask.bob=yes");
    let sent = scene.post(&format!("/access/{account}/reserve"), "alice", &ask).await;
    let id = sent.location().strip_prefix("/requests/").and_then(|rest| rest.split('?').next()).expect("a request");
    let view = json(&scene.api(Method::GET, &format!("/requests/{id}"), "bob", "").await.text);
    assert_eq!(view["status"], "Pending", "{view}");
    let nobody = ask.replace("ask.bob", "ask.nobody");
    assert!(
        scene
            .post(&format!("/access/{account}/reserve"), "alice", &nobody)
            .await
            .text
            .contains("is nobody you can choose to ask")
    );
}

/// Who sends the head of a request and leaves decides nothing with its body.
#[tokio::test]
async fn who_leaves_before_the_body_is_there_decides_nothing() {
    let scene = Scene::start().await;
    let account = scene.account("app@prod-db").0;
    let form = scene.get(&format!("/access/{account}/reserve"), "alice").await;
    let (start, end) = (hidden_input(&form.text, "start"), hidden_input(&form.text, "end"));
    let wanted = format!("reason=price+fix%2C+ticket+4711&start={start}&end={end}&zone=UTC&database=shop");
    let asked = scene.post(&format!("/access/{account}/reserve"), "alice", &wanted).await;
    assert_eq!(asked.location(), "/requests/2?done=asked&on=2", "{}", asked.text);
    let body = decision(&scene.get("/requests/2", "bob").await.text, "approve");
    let (control, credential) = (scene.control.clone(), scene.credentials["bob"].clone());
    let late = futures_util::stream::once(async move {
        control.sign_out(&credential).await.expect("signed out");
        Ok::<_, std::io::Error>(body)
    });
    let request = scene.browser(Method::POST, "/requests/2/decision", "bob").header("sec-fetch-site", "same-origin");
    let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = scene.send(request.body(Body::from_stream(late)).expect("a request")).await;
    assert_eq!(answer.location(), "/sign-in");
    assert!(scene.get("/requests/2", "alice").await.text.contains("Pending"));
}

/// A6: what taking an approval back does is said before it is done, with the word for it; who did it is said afterwards.
#[tokio::test]
async fn r33_taking_an_approval_back_says_what_it_does() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    let vote = async |who: &str| {
        let form = decision(&scene.get("/approvals", who).await.text, "approve");
        assert_eq!(scene.post("/requests/2/decision", who, &form).await.status, StatusCode::SEE_OTHER);
    };
    vote("bob").await;
    let page = scene.get("/requests/2", "bob").await.text;
    assert!(page.contains("Your level is open again") && page.contains("Nobody loses access"), "{page}");
    let back = scene.post("/requests/2/retract", "bob", "").await;
    assert_eq!(back.location(), "/requests/2?done=retracted&on=2");
    let said = scene.get(back.location(), "bob").await.text;
    assert!(said.contains("its level is open again") && !said.contains("has ended"), "{said}");
    assert!(said.contains("<strong>Bob Brandt</strong> took back the approval of level 1"), "{said}");
    vote("bob").await;
    vote("carol").await;
    // The page from before it was approved ends nothing.
    let stale = scene.post("/requests/2/retract", "bob", "").await;
    assert!(stale.status == StatusCode::BAD_REQUEST && stale.text.contains("approved meanwhile"), "{}", stale.text);
    assert!(scene.get("/requests/2", "alice").await.text.contains("To be used"));
    let page = scene.get("/requests/2", "bob").await.text;
    assert!(page.contains("Ends Alice Ahrens’s access now") && !page.contains("Take my approval back"), "{page}");
    let listed = scene.get("/approvals?status=decided", "bob").await.text;
    assert!(listed.contains("/requests/2#revoke") && !listed.contains("Take my approval back"), "{listed}");
    let done = scene.post("/requests/2/retract", "bob", "ends=access").await;
    assert_eq!(done.location(), "/requests/2?done=revoked&on=2");
    let said = scene.get("/requests/2", "carol").await.text;
    assert!(said.contains("<strong>Bob Brandt</strong> revoked it"), "{said}");
}

/// B7: more than was asked for is refused at the field, and what was typed is kept.
#[tokio::test]
async fn r32_nobody_approves_more_than_was_asked_for() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    let inbox = scene.get("/requests/2", "bob").await.text;
    let wider = decision(&inbox, "approve").replace("=seen", "=fine") + "&zone=UTC&end=2090-01-01T00:00";
    let answer = scene.post("/requests/2/decision", "bob", &wider).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    for words in ["id=\"period-2-wrong\"", "more than was asked for", "value=\"2090-01-01T00:00\"", ">fine</textarea>"]
    {
        assert!(answer.text.contains(words), "{words}: {}", answer.text);
    }
    assert!(!scene.get("/requests/2", "bob").await.text.contains("Bob Brandt</strong> approved"), "nothing was signed");
    let body = r#"{"verdict":"approve","position":{"track":0,"level":0,"epoch":0},"end":"2090-01-01T00:00:00Z"}"#;
    let programs = scene.api(Method::POST, "/requests/2/decision", "bob", body).await;
    assert!(programs.text.contains("more than was asked for"), "{} {}", programs.status, programs.text);
}

/// B10, C1: an approved request leads to the connection, and times are said in words that read.
#[tokio::test]
async fn an_approved_request_leads_to_the_connection() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    let connect = format!("class=\"button primary\" href=\"/access/{}/connect\"", scene.account("app@prod-db").0);
    assert!(!scene.get("/requests/2", "alice").await.text.contains(&connect), "not before it is approved");
    for who in ["bob", "carol"] {
        let form = decision(&scene.get("/approvals", who).await.text, "approve");
        scene.post("/requests/2/decision", who, &form).await;
    }
    assert!(scene.get("/requests/2", "alice").await.text.contains(&connect));
    assert!(!scene.get("/requests/2", "bob").await.text.contains(&connect), "nobody connects for another");
}

/// C1: a time limit reads as one.
#[tokio::test]
async fn a_time_limit_is_said_as_one() {
    let scene = Scene::start().await;
    let root = scene.actor("root").await;
    let file = scene.control.configuration(&root).await.expect("may").file;
    let timed = file.replace("managers_of = \"dba\"", "managers_of = \"dba\"\ntimeout = \"30m\"");
    scene.control.propose(&root, &timed, "", None).await.expect("applied");
    let id = scene.ask("alice").await;
    let page = scene.get(&format!("/requests/{}", id.0), "bob").await.text;
    assert_eq!(page.matches("If nobody decides within <time").count(), 2, "{page}");
    assert!(!page.contains("decides by") && !page.contains("Until <time"), "{page}");
}

/// B8: whoever decides later reads what those before left of the period, and by whom; as asked is then that.
#[tokio::test]
async fn r32_a_later_approver_sees_what_is_left_of_the_period() {
    let scene = Scene::start().await;
    let id = scene.ask("alice").await;
    let asked = scene.control.request(&scene.actor("bob").await, id).await.expect("seen").window;
    let until = asked.start.plus(1_800);
    let inbox = scene.get("/requests/2", "bob").await.text;
    assert!(!inbox.contains("narrowed by"), "{inbox}");
    let field = countersign_journal::Timestamp(until.0 / 60_000_000 * 60_000_000);
    let body = format!(
        r#"{{"verdict":"approve","position":{{"track":0,"level":0,"epoch":0}},"end":"{}"}}"#,
        jiff::Timestamp::from_microsecond(field.0).expect("a moment")
    );
    let done = scene.api(Method::POST, "/requests/2/decision", "bob", &body).await;
    assert!(done.status.is_success(), "{}", done.text);
    let seen = scene.get("/requests/2", "carol").await.text;
    assert!(seen.contains("narrowed by Bob Brandt"), "{seen}");
    let minute = jiff::Timestamp::from_microsecond(field.0).expect("a moment").strftime("%Y-%m-%dT%H:%M").to_string();
    assert!(seen.contains(&format!("name=\"end_was\" value=\"{minute}\"")), "{minute}: {seen}");
    scene.post("/requests/2/decision", "carol", &decision(&seen, "approve")).await;
    let grant = scene.control.request(&scene.actor("bob").await, id).await.expect("seen").grant.expect("approved");
    assert_eq!(grant.window.end, field, "as it was shown");
}

/// C3: a status has the word of the button that led to it, and says what came of it.
#[tokio::test]
async fn a_status_says_what_came_of_it_in_the_words_of_the_buttons() {
    let scene = Scene::start().await;
    scene.ask("alice").await;
    scene.post("/requests/2/withdraw", "alice", "").await;
    assert!(scene.get("/requests/2", "alice").await.text.contains("Withdrawn</span>"));
    scene.ask("alice").await;
    let inbox = scene.get("/approvals", "bob").await.text;
    scene.post("/requests/3/decision", "bob", &decision(&inbox, "reject")).await;
    assert!(scene.get("/requests/3", "alice").await.text.contains("Rejected</span>"));
    let list = scene.get("/my-requests", "alice").await.text;
    for words in [">Rejected</a>", ">Withdrawn</a>", ">Done or ended</a>"] {
        assert!(list.contains(words), "{words}: {list}");
    }
}
