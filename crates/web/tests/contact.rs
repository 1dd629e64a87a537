//! Contacts (R11): what the link in their mail opens, and what it does not.

mod scene;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use countersign_control::{Actor, Reservation};
use countersign_core::Position;
use countersign_journal::{RequestId, Verdict, Window};
use scene::{Answer, ORIGIN, Scene};

/// First Bob, then Vera or Walt from outside; statements only Vera.
const POLICY: &str = r#"
person = [
  { handle = "root", role = "administrator" },
  { handle = "alice", name = "Alice Ahrens", email = "alice@example.test" },
  { handle = "bob", name = "Bob Brandt", email = "bob@example.test" },
]
contact = [{ name = "Vera Vendor", email = "Vera@Vendor.test" }, { name = "Walt", email = "walt@example.test" }]
group = [{ name = "dba", members = ["alice"], managers = ["bob"] }]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }, { device = "prod-db", name = "report" }]
workflow = [
  { name = "outside", level = [{ managers_of = "dba" }, { contacts = ["Vera Vendor", "Walt"], approvals = 2 }] },
  { name = "vendor", level = [{ contacts = ["Vera Vendor"] }] },
]
rule = [
  { name = "prod", act = "connect", outcome = "approve", groups = ["dba"], accounts = ["app@prod-db"], workflow = "outside", emergency = true },
  { name = "report", act = "connect", outcome = "allow", groups = ["dba"], accounts = ["report@prod-db"] },
  { name = "writes", act = "query", outcome = "approve", groups = ["dba"], kinds = ["update"], workflow = "vendor" },
]
"#;
const VERA: &str = "vera@vendor.test";
const WALT: &str = "walt@example.test";

async fn start() -> Scene {
    Scene::start_with(POLICY, &["alice", "bob"]).await
}

/// A request that Bob approved; the second level is open.
async fn second_level(scene: &Scene) -> RequestId {
    let request = scene.ask("alice").await;
    approve(scene, request, 0).await;
    request
}

async fn approve(scene: &Scene, request: RequestId, epoch: u32) {
    let at = Position { track: 0, level: 0, epoch };
    let bob = scene.actor("bob").await;
    scene.control.decide(&bob, request, at, Verdict::Approve, None, "").await.expect("approved");
}

/// The latest link to an address.
async fn link(scene: &Scene, to: &str) -> String {
    scene.links_to(to).await.pop().unwrap_or_else(|| panic!("no mail to {to}"))
}

async fn status(scene: &Scene, request: RequestId) -> &'static str {
    scene.control.request(&scene.actor("root").await, request).await.expect("visible").status
}

/// What the page says when there is nothing to decide.
fn closed(answer: &Answer, words: &str) {
    assert!(answer.text.contains(words), "`{words}` is missing: {}", answer.text);
    for shown in ["class=\"decide\"", "Alice", "4711", "app@prod-db"] {
        assert!(!answer.text.contains(shown), "`{shown}` is shown: {}", answer.text);
    }
}

/// What a link that is none says, whatever it is about.
fn nothing(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    closed(answer, "This link opens nothing");
    assert!(!answer.text.contains("#1") && !answer.text.contains("Vera"), "{}", answer.text);
}

#[tokio::test]
async fn r11_r38_the_link_opens_one_request_and_a_post_decides_it() {
    let scene = start().await;
    let request = scene.ask("alice").await;
    assert!(scene.links_to(VERA).await.is_empty(), "her level is not open");
    approve(&scene, request, 0).await;
    let (vera, walt) = (link(&scene, VERA).await, link(&scene, WALT).await);
    for look in 0..3 {
        let method = if look == 1 { Method::HEAD } else { Method::GET };
        let page = scene.browse(method, &vera, "", "").await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(page.headers[header::REFERRER_POLICY], "no-referrer");
        assert!(!page.headers.contains_key(header::SET_COOKIE), "{:?}", page.headers);
        if look == 1 {
            continue;
        }
        for shown in [
            "Alice Ahrens",
            "connect to app@prod-db",
            "ticket 4711: price fix",
            "Vera Vendor, you decide this one request",
        ] {
            assert!(page.text.contains(shown), "`{shown}` is missing: {}", page.text);
        }
        for led in ["<a ", "<script", "/requests/", "datetime-local"] {
            assert!(!page.text.contains(led), "`{led}` is there: {}", page.text);
        }
    }
    assert_eq!(status(&scene, request).await, "Pending", "looking decides nothing");

    let done = scene.post(&vera, "", "verdict=approve&comment=fine+with+us").await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, vera.as_str()), "{}", done.text);
    let result = scene.get(&vera, "").await;
    closed(&result, "You approved request");
    closed(&result, "The request still waits for its approvers.");
    let twice = scene.post(&vera, "", "verdict=reject").await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    closed(&twice, "Your approval counts.");
    assert_eq!(status(&scene, request).await, "Pending", "her level needs two");

    assert_eq!(scene.post(&walt, "", "verdict=approve").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, request).await, "Approved");
    closed(&scene.get(&vera, "").await, "The request was approved.");
    let seen = scene.get(&format!("/requests/{}", request.0), "alice").await;
    for shown in ["contact Vera Vendor or contact Walt", "<strong>Vera Vendor</strong> approved", "fine with us"] {
        assert!(seen.text.contains(shown), "`{shown}` is missing: {}", seen.text);
    }
    let told = scene.get("/audit", "root").await;
    assert!(told.text.contains("Vera Vendor (contact) approved"), "{}", told.text);
}

#[tokio::test]
async fn r38_only_our_own_page_posts_an_answer() {
    let scene = start().await;
    let request = second_level(&scene).await;
    let vera = link(&scene, VERA).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
        let foreign = scene.browser(Method::POST, &vera, "").header(name, value);
        let foreign = foreign.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = scene.send(foreign.body(Body::from("verdict=reject")).expect("a request")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let looked = scene.get(&format!("{vera}?verdict=reject"), "").await;
    assert_eq!((looked.status, status(&scene, request).await), (StatusCode::OK, "Pending"));
    let ours = scene.browser(Method::POST, &vera, "").header("origin", ORIGIN);
    let ours = ours.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let done = scene.send(ours.body(Body::from("verdict=reject")).expect("a request")).await;
    assert_eq!((done.status, status(&scene, request).await), (StatusCode::SEE_OTHER, "Disapproved"));
    closed(&scene.get(&vera, "").await, "You rejected request");
}

/// The parts of a link: request, track, level, epoch, contact, tag.
fn parts(link: &str) -> Vec<String> {
    link.strip_prefix("/answer/").expect("a link").split('.').map(str::to_owned).collect()
}

fn written(parts: &[String]) -> String {
    format!("/answer/{}", parts.join("."))
}

#[tokio::test]
async fn r11_a_link_is_for_nothing_else_and_a_forged_one_tells_nothing() {
    let scene = start().await;
    let (first, second) = (second_level(&scene).await, second_level(&scene).await);
    let (vera, walt) = (scene.links_to(VERA).await, scene.links_to(WALT).await);
    let good = parts(&vera[0]);
    let of = |n: usize, text: &str| {
        let mut changed = good.clone();
        changed[n] = text.to_owned();
        written(&changed)
    };
    let tag = good[5].clone();
    let flipped = format!("{}{}", if tag.starts_with('a') { 'b' } else { 'a' }, &tag[1..]);
    let forged = [
        of(0, &second.0.to_string()),
        of(0, "99"),
        of(1, "1"),
        of(2, "0"),
        of(3, "1"),
        of(4, &parts(&walt[0])[4]),
        of(4, "1"),
        of(5, &flipped),
        of(5, &tag[..16]),
        of(5, ""),
        of(5, &parts(&vera[1])[5]),
        of(5, &"a".repeat(200)),
        written(&good[..5]),
        "/answer/none".to_owned(),
    ];
    let before = scene.control.head();
    for wrong in &forged {
        nothing(&scene.get(wrong, "").await);
        nothing(&scene.post(wrong, "", "verdict=approve").await);
    }
    assert_eq!(scene.control.head(), before, "nothing was written");
    assert_eq!((status(&scene, first).await, status(&scene, second).await), ("Pending", "Pending"));
    let shouted = written(&[&good[..5], &[tag.to_uppercase()]].concat());
    assert_eq!(scene.get(&shouted, "").await.status, StatusCode::OK, "some mail programs change the case");
}

/// R33: what was asked under an old epoch is asked anew, by a new mail.
#[tokio::test]
async fn r11_r33_a_link_from_before_an_approval_was_taken_back_is_over() {
    let scene = start().await;
    let request = second_level(&scene).await;
    let old = link(&scene, VERA).await;
    scene.control.retract(&scene.actor("bob").await, request).await.expect("taken back");
    closed(&scene.get(&old, "").await, "It is not your turn yet");
    assert_eq!(scene.post(&old, "", "verdict=approve").await.status, StatusCode::CONFLICT);
    approve(&scene, request, 1).await;
    let new = link(&scene, VERA).await;
    assert_ne!(new, old);
    closed(&scene.get(&old, "").await, "use the link in the latest mail");
    let refused = scene.post(&old, "", "verdict=approve").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text.contains("role=\"alert\""), "{}", refused.text);
    assert_eq!(scene.post(&new, "", "verdict=approve").await.status, StatusCode::SEE_OTHER);
}

/// DESIGN §5: a fresh address decides nothing older than itself, and who is no contact any more decides nothing.
#[tokio::test]
async fn r11_r38_a_disabled_contact_and_an_old_address_decide_nothing() {
    let scene = start().await;
    let request = second_level(&scene).await;
    let (vera, walt) = (link(&scene, VERA).await, link(&scene, WALT).await);
    let root = scene.actor("root").await;
    let moved = POLICY.replace("Vera@Vendor.test", "vera@initech.test");
    scene.control.propose(&root, &moved, "", None).await.expect("applied");
    closed(&scene.get(&vera, "").await, "This address decides nothing here any more.");
    assert_eq!(scene.post(&vera, "", "verdict=approve").await.status, StatusCode::CONFLICT);
    assert_eq!(scene.get(&walt, "").await.status, StatusCode::OK);
    assert!(scene.links_to("vera@initech.test").await.is_empty(), "the fresh address is not asked what is older");
    assert_eq!(status(&scene, request).await, "Pending");
    let view = scene.control.request(&root, request).await.expect("visible");
    assert_eq!(view.tracks[0][1].stage, "blocked", "one of two is left");

    let younger = second_level(&scene).await;
    let new = link(&scene, "vera@initech.test").await;
    assert_eq!(scene.post(&new, "", "verdict=reject").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, younger).await, "Disapproved");
}

/// A contact has one request and nothing else: the link is no sign-in, and no person's powers come with it.
#[tokio::test]
async fn r38_a_link_signs_nobody_in() {
    let mut scene = start().await;
    let request = second_level(&scene).await;
    let vera = link(&scene, VERA).await;
    let token = vera.strip_prefix("/answer/").expect("a link").to_owned();
    scene.carry("vera", &token);
    for path in ["/", "/approvals", "/my-requests", "/audit", &format!("/requests/{}", request.0)] {
        let answer = scene.get(path, "vera").await;
        assert!(answer.location().starts_with("/sign-in"), "{path}: {} {}", answer.status, answer.text);
    }
    for (method, path) in [(Method::GET, "/me"), (Method::GET, "/requests"), (Method::POST, "/requests")] {
        assert_eq!(scene.api(method, path, "vera", "{}").await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for more in ["/withdraw", "/retract", "/revoke", "/stop", "/decision"] {
        assert_eq!(scene.post(&format!("{vera}{more}"), "", "reason=x").await.status, StatusCode::NOT_FOUND, "{more}");
    }
    let invited = scene.control.invite(&scene.actor("root").await, VERA).await;
    assert!(invited.is_err(), "a contact gets no password");
    assert!(!scene.get("/people", "root").await.text.contains("Vera"), "nor stands among people");
}

/// The exact text, hidden characters made visible, as everybody else's card has it.
#[tokio::test]
async fn r31_a_contact_sees_the_statement_whole_and_as_text() {
    let scene = start().await;
    let text = "update customers set note = '<script>alert(1)</script>' -- \u{202e}";
    let (_gate, hold) = scene.hold(text).await;
    let vera = link(&scene, VERA).await;
    let page = scene.get(&vera, "").await;
    for shown in ["&#60;script&#62;alert(1)&#60;/script&#62;", "U+202E", "run one UPDATE", "update customers"] {
        assert!(page.text.contains(shown), "`{shown}` is missing: {}", page.text);
    }
    let long = format!("verdict=approve&comment={}", "x".repeat(4_001));
    let refused = scene.post(&vera, "", &long).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("At most 4000 characters") && refused.text.contains(&"x".repeat(4_001)), "kept");
    assert_eq!(scene.post(&vera, "", "verdict=approve").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, hold.request).await, "Approved");
}

/// R39: after an emergency the link is for the review that is owed.
#[tokio::test]
async fn r39_a_contact_reviews_an_emergency_by_link() {
    let scene = start().await;
    let request = scene.ask("alice").await;
    let alice = scene.actor("alice").await;
    let confirmed = Actor { second_factor_at: Some(scene.control.now()), ..alice };
    scene.control.emergency(&confirmed, request, "customers cannot pay").await.expect("declared");
    let (vera, walt) = (link(&scene, VERA).await, link(&scene, WALT).await);
    let page = scene.get(&vera, "").await;
    for shown in ["customers cannot pay", "Access was opened by an emergency", "class=\"decide\""] {
        assert!(page.text.contains(shown), "`{shown}` is missing: {}", page.text);
    }
    assert_eq!(scene.post(&walt, "", "verdict=approve").await.status, StatusCode::SEE_OTHER);
    closed(&scene.get(&walt, "").await, "Access was opened by an emergency");
    assert_eq!(scene.post(&vera, "", "verdict=reject&comment=no").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, request).await, "Revoked", "one rejection of that level is enough");
    closed(&scene.get(&vera, "").await, "The access was taken away again.");
    closed(&scene.get(&walt, "").await, "You approved request");
}

/// A link about an emergency that still counts down is for the review that follows.
#[tokio::test]
async fn r39_the_link_of_a_later_level_waits_for_the_countdown() {
    let counts = POLICY.replace("emergency = true", "emergency = true, emergency_countdown_s = 60");
    let scene = Scene::start_with(&counts, &["alice", "bob"]).await;
    let request = scene.ask("alice").await;
    let alice = scene.actor("alice").await;
    let confirmed = Actor { second_factor_at: Some(scene.control.now()), ..alice };
    scene.control.emergency(&confirmed, request, "customers cannot pay").await.expect("declared");
    let vera = link(&scene, VERA).await;
    closed(&scene.get(&vera, "").await, "Open this link again once it has opened access");
    assert_eq!(scene.post(&vera, "", "verdict=reject").await.status, StatusCode::CONFLICT);
    scene.clock.advance(std::time::Duration::from_secs(61));
    // Anything that is decided lets the engine look at the clock first.
    scene.ask("alice").await;
    assert!(scene.get(&vera, "").await.text.contains("class=\"decide\""), "it is theirs to review now");
    assert_eq!(scene.post(&vera, "", "verdict=reject").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, request).await, "Revoked");
}

/// R12, R83: contacts are named in the form, and chosen like others.
#[tokio::test]
async fn r11_contacts_are_named_in_the_form_and_may_be_chosen() {
    let scene = start().await;
    let form = scene.get("/workflows/edit?name=outside", "root").await;
    assert!(
        form.text.contains("Contacts outside, by name") && form.text.contains("Vera Vendor, Walt"),
        "{}",
        form.text
    );
    let fields =
        "known=outside&who-0=contacts&named-0=Vera+Vendor%2C+Walt&approvals-0=1&rejections-0=1&mail-0=on&choose-0=on";
    let planned = scene.fill("/workflows", "root", fields).await;
    assert!(planned.text.contains("~ workflow outside"), "{}", planned.text);
    let strong = scene.fill("/workflows", "root", &format!("{fields}&second_factor-0=on")).await;
    assert!(
        strong.text.contains("cannot be asked of") && strong.text.contains("name people instead"),
        "{}",
        strong.text
    );
    let silent = scene.fill("/workflows", "root", &fields.replace("&mail-0=on", "")).await;
    assert!(silent.text.contains("is the only way to"), "{}", silent.text);

    let root = scene.actor("root").await;
    let chosen = POLICY.replace(
        "[{ managers_of = \"dba\" }, { contacts = [\"Vera Vendor\", \"Walt\"], approvals = 2 }]",
        "[{ contacts = [\"Vera Vendor\", \"Walt\"], choose = true }]",
    );
    scene.control.propose(&root, &chosen, "", None).await.expect("applied");
    let reserve = scene.get(&format!("/access/{}/reserve", scene.account("app@prod-db").0), "alice").await;
    assert!(reserve.text.contains("contact Vera Vendor or contact Walt"), "{}", reserve.text);
    assert!(reserve.text.contains("name=\"ask.walt@example.test\""), "{}", reserve.text);
    let (alice, now) = (scene.actor("alice").await, scene.control.now());
    let hour = Window::new(now, now.plus(3_600)).expect("an hour");
    let wanted = Reservation {
        ask_whom: vec![WALT.into()],
        ..Reservation::plain(scene.account("app@prod-db"), hour, "ticket 4711: price fix")
    };
    let request = scene.control.reserve(&alice, wanted).await.expect("asked");
    assert!(scene.links_to(VERA).await.is_empty(), "only the chosen one is asked");
    let walt = link(&scene, WALT).await;
    assert_eq!(scene.post(&walt, "", "verdict=approve").await.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&scene, request).await, "Approved");
}
