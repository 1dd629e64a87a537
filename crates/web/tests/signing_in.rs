//! Signing in, what every answer carries, and the stream that ends with the session.

mod scene;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use futures_util::StreamExt;
use scene::{PASSWORD, Scene};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let scene = Scene::start().await;
    let away = scene.get("/requests/7?x=1", "").await;
    assert_eq!(away.location(), "/sign-in?next=/requests/7%3Fx%3D1");
    let wrong = scene.post("/sign-in", "", "handle=alice&password=guess&next=/approvals").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(
        wrong.text.contains("is not right") && wrong.text.contains("value=\"alice\"") && !wrong.text.contains("guess")
    );
    let password = PASSWORD.replace(' ', "+");
    for (next, led) in [("/approvals", "/approvals"), ("//evil.example", "/"), ("https://evil.example", "/")] {
        let form = format!("handle=alice&password={password}&next={next}");
        let entered = scene.post("/sign-in", "", &form).await;
        assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, led));
        let cookie = entered.headers[header::SET_COOKIE].to_str().expect("text");
        assert!(cookie.starts_with("__Host-countersign="), "{cookie}");
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
    }
    let left = scene.post("/sign-out", "alice", "").await;
    assert_eq!(left.location(), "/sign-in");
    assert!(left.headers[header::SET_COOKIE].to_str().is_ok_and(|c| c.contains("Max-Age=0")));
    assert_eq!(scene.get("/", "alice").await.location(), "/sign-in");
}

#[tokio::test]
async fn looking_at_a_one_time_link_uses_nothing_up() {
    let scene = Scene::start().await;
    let link = scene.control.invite(&scene.actor("root").await, "carol").await.expect("invited");
    let path = link.strip_prefix(scene::ORIGIN).expect("a link of this site");
    for _ in 0..3 {
        assert_eq!(scene.get(path, "").await.status, StatusCode::OK);
    }
    let differ = scene.post(path, "", "password=a+new+long+one&again=another+long+one").await;
    assert_eq!(differ.status, StatusCode::UNPROCESSABLE_ENTITY);
    let set = scene.post(path, "", "password=a+new+long+one&again=a+new+long+one").await;
    assert_eq!(set.location(), "/sign-in?welcome=1", "{}", set.text);
    assert_eq!(scene.get(path, "").await.status, StatusCode::UNAUTHORIZED, "it works once");
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let scene = Scene::start().await;
    for path in ["/", "/sign-in", "/nowhere", "/api/v1/me", "/api/v1/nowhere", "/assets/app.css", "/assets/nothing.css"]
    {
        let answer = scene.get(path, "alice").await;
        let policy = answer.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        assert!(answer.headers.contains_key("strict-transport-security"), "{path}");
        let kept = answer.headers["cache-control"].to_str().expect("text");
        assert_eq!(kept.contains("immutable"), path == "/assets/app.css", "{path}: {kept}");
        assert!(kept.contains("immutable") || kept == "no-store", "{path}: {kept}");
        assert!(!answer.text.contains(" style=") && !answer.text.contains(" onclick="), "{path}: nothing inline");
    }
}

/// A stream says that something changed, and is over when its session is.
#[tokio::test]
async fn the_stream_follows_changes_and_ends_with_the_session() {
    let scene = Scene::start().await;
    let request = scene.browser(Method::GET, "/live", "bob").body(Body::empty()).expect("a request");
    let mut stream = scene.stream(request).await.into_body().into_data_stream();
    let mut said = async || {
        let chunk = tokio::time::timeout(SOON, stream.next()).await.expect("in time");
        chunk.map(|bytes| String::from_utf8_lossy(&bytes.expect("sent")).into_owned())
    };
    assert!(said().await.is_some_and(|event| event.contains("event: change")), "the first, at once");
    scene.ask("alice").await;
    assert!(said().await.is_some_and(|event| event.contains("event: change")));
    scene.control.sign_out(scene.credential("bob")).await.expect("signed out");
    let mut last = said().await;
    while last.as_ref().is_some_and(|event| event.contains("event: change")) {
        last = said().await;
    }
    assert!(last.is_some_and(|event| event.contains("event: ended")));
    assert_eq!(said().await, None);
}

/// A secret is shown when it is made; a wrong code leaves the second factor unset and says what to do.
#[tokio::test]
async fn a_second_factor_counts_only_when_a_code_proves_it() {
    let scene = Scene::start().await;
    for without in ["", "password=", "password=incorrect+horse+battery"] {
        let told = scene.post("/profile/second-factor", "bob", without).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "a session alone: {without}");
        assert!(told.text.contains("This password is not right") && !told.text.contains("otpauth://"), "{}", told.text);
    }
    let by_api = scene.api(Method::POST, "/second-factor", "bob", r#"{"password":"incorrect horse battery"}"#).await;
    assert_eq!(by_api.status, StatusCode::UNAUTHORIZED, "{}", by_api.text);
    assert_eq!(scene.api(Method::POST, "/second-factor", "bob", "").await.status, StatusCode::BAD_REQUEST);
    let begun = scene.post("/profile/second-factor", "bob", "password=correct+horse+battery").await;
    assert!(begun.text.contains("otpauth://") && begun.text.contains("id=\"secret\""), "{}", begun.text);
    let wrong = scene.post("/profile/second-factor/finish", "bob", "code=000+000").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("Wait for the next one") && !wrong.text.contains("otpauth://"));
    assert!(!scene.actor("bob").await.has_second_factor);
}

/// C7: whoever opens a link that is over reads that, and not that they should sign in first.
#[tokio::test]
async fn a_link_that_is_over_says_so() {
    let scene = Scene::start().await;
    let told = scene.get("/invitation/used-already", "").await;
    assert_eq!(told.status, StatusCode::UNAUTHORIZED);
    assert!(told.text.contains("<h1>This link no longer works</h1>") && told.text.contains("href=\"/sign-in\""));
    assert!(!told.text.contains("Sign in first"), "{}", told.text);
}

/// C17: the command works beside the certificate that the page hands out; it names no path of the server.
#[tokio::test]
async fn a_command_names_the_certificate_as_it_is_handed_out() {
    let scene = Scene::start().await;
    let connect = format!("/access/{}/connect", scene.account("report@prod-db").0);
    let page = scene.post(&connect, "alice", "").await.text;
    assert!(page.contains("sslrootcert=countersign-ca.pem") && page.contains("href=\"/ca.pem\" download"), "{page}");
    let folder = scene.authority_file().display().to_string();
    assert!(!page.contains(&folder), "{page}");
    let handed = scene.get("/ca.pem", "").await.headers["content-disposition"].to_str().expect("text").to_owned();
    assert!(handed.contains("countersign-ca.pem"), "{handed}");
}

/// C20: a password is changed by who knows the present one; other sessions end, this one stays, and it is in the audit.
#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let mut scene = Scene::start().await;
    let elsewhere = scene.credential("bob").to_owned();
    scene.sign_in("bob").await;
    let post = async |present: &str, new: &str, again: &str| {
        let fields = [("present", present), ("new", new), ("again", again)];
        scene.post("/profile/password", "bob", &scene::form(&fields)).await
    };
    let new = "quite another horse battery";
    for (present, new, again, field, words) in [
        ("incorrect horse battery", new, new, "present", "This password is not right"),
        (scene::PASSWORD, "short", "short", "new", "12"),
        (scene::PASSWORD, new, "another one than that", "again", "The two entries differ"),
    ] {
        let told = post(present, new, again).await;
        assert_eq!(told.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", told.text);
        assert!(told.text.contains(&format!("id=\"{field}-wrong\"")) && told.text.contains(words), "{}", told.text);
        assert!(!told.text.contains(new) && !told.text.contains(scene::PASSWORD), "no page shows a password");
    }
    assert!(scene.control.actor(&elsewhere).await.is_some(), "nothing was changed");
    let done = post(scene::PASSWORD, new, new).await;
    assert_eq!(done.location(), "/profile?done=password", "{}", done.text);
    assert!(scene.control.actor(&elsewhere).await.is_none(), "other sessions end");
    assert_eq!(scene.get("/profile", "bob").await.status, StatusCode::OK, "this one goes on");
    let old = scene.control.sign_in("bob", scene::PASSWORD.into(), None, "192.0.2.1").await;
    assert!(old.is_err(), "the old one is gone");
    scene.control.sign_in("bob", new.into(), None, "192.0.2.1").await.expect("the new one counts");
    assert!(scene.get("/audit", "root").await.text.contains("bob changed their password"));
    for _ in 0..5 {
        post("incorrect horse battery", new, new).await;
    }
    let locked = scene.control.sign_in("bob", new.into(), None, "192.0.2.1").await;
    assert!(locked.is_err(), "a guesser is stopped as at the sign-in: {locked:?}");
}

/// A file that holds a private key beside the certificate is shown to nobody.
#[tokio::test]
async fn the_authority_is_for_everybody_and_never_a_private_key() {
    let scene = Scene::start().await;
    let answer = scene.get("/ca.pem", "").await;
    assert!(answer.text.starts_with("-----BEGIN CERTIFICATE-----"), "{}", answer.text);
    let file = scene.authority_file();
    let key = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n";
    std::fs::write(&file, format!("{}{key}", answer.text)).expect("written");
    assert_eq!(scene.get("/ca.pem", "").await.status, StatusCode::NOT_FOUND);
}

/// A public key as OpenSSH writes it.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCp1fd+vwrBnwOBKcgMbLGkjntBHuvlb0RMORSCRvUt alice\u{202e}@laptop";
const FINGERPRINT: &str = "SHA256:LmZRxk5npTPtf1LftJppznMr0zC5+nanbEpglGwfPZA";

/// R52, R90: a key is registered on one's own profile, shown there by its fingerprint, and taken back; the audit has both.
#[tokio::test]
async fn r52_a_key_is_registered_and_removed_on_the_profile() {
    let scene = Scene::start().await;
    let form =
        |name: &str, key: &str, password: &str| scene::form(&[("name", name), ("key", key), ("password", password)]);
    let right = form("my laptop", KEY, PASSWORD);
    assert_eq!(scene.post("/profile/keys", "", &right).await.location(), "/sign-in");
    for (name, key, password, told) in [
        ("my laptop", KEY, "incorrect horse battery", "This password is not right"),
        ("", KEY, PASSWORD, "The name of a key has 1 to 60 characters"),
        ("my laptop", "ssh-rsa AAAA", PASSWORD, "not one public key as OpenSSH writes it"),
        ("my laptop", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret half", PASSWORD, "This is a private key"),
    ] {
        let answer = scene.post("/profile/keys", "alice", &form(name, key, password)).await;
        assert!(answer.status.is_client_error() && answer.text.contains(told), "{told}: {}", answer.text);
        assert!(!answer.text.contains("secret half") && !answer.text.contains(FINGERPRINT), "{}", answer.text);
    }
    let done = scene.post("/profile/keys", "alice", &right).await;
    assert_eq!(done.location(), "/profile?done=key", "{}", done.text);
    let page = scene.get("/profile", "alice").await.text;
    for shown in [FINGERPRINT, "my laptop", "ssh-ed25519", "never used"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("@laptop"), "comments are not kept: {page}");
    assert!(!scene.get("/profile", "bob").await.text.contains(FINGERPRINT), "others' keys are not shown");
    let others = scene.post("/profile/keys", "bob", &right).await;
    assert_eq!(others.status, StatusCode::CONFLICT);
    assert!(others.text.contains("registered already") && !others.text.contains("Alice"), "{}", others.text);
    assert_eq!(scene.post("/profile/keys/1/remove", "bob", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.post("/profile/keys/1/remove", "alice", "").await.location(), "/profile?done=unkey");
    assert!(scene.get("/profile", "alice").await.text.contains("No key is registered"));
    let audit = scene.get("/audit", "root").await.text;
    assert!(audit.contains(&format!("alice registered the SSH key {FINGERPRINT}")), "{audit}");
    assert!(audit.contains(&format!("alice removed the SSH key {FINGERPRINT}")), "{audit}");
}

/// R52: the same by the API, and with a second factor only while it is fresh.
#[tokio::test]
async fn r52_a_key_is_registered_by_the_api_with_a_fresh_second_factor() {
    let scene = Scene::start().await;
    let body = |password: &str| serde_json::json!({ "name": "laptop", "key": KEY, "password": password }).to_string();
    let wrong = scene.api(Method::POST, "/keys", "alice", &body("incorrect horse battery")).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED, "{}", wrong.text);
    let added = scene.api(Method::POST, "/keys", "alice", &body(PASSWORD)).await;
    let listed: serde_json::Value = serde_json::from_str(&added.text).expect("JSON");
    assert_eq!((listed[0]["number"].as_u64(), listed[0]["fingerprint"].as_str()), (Some(1), Some(FINGERPRINT)));
    assert_eq!(scene.api(Method::GET, "/keys", "bob", "").await.text, "[]");
    assert_eq!(scene.api(Method::DELETE, "/keys/1", "bob", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.api(Method::DELETE, "/keys/1", "alice", "").await.text, "[]");
    let alice = scene.actor("alice").await;
    let setup = scene.control.begin_second_factor(&alice, PASSWORD.into()).await.expect("begun");
    let code = scene.code(&setup.secret);
    scene.control.finish_second_factor(&alice, &code).await.expect("set");
    let stale = scene.api(Method::POST, "/keys", "alice", &body(PASSWORD)).await;
    assert!(
        stale.status == StatusCode::CONFLICT && stale.text.contains("second factor not older than"),
        "{}",
        stale.text
    );
    let page = scene.get("/profile", "alice").await.text;
    assert!(page.contains("/profile?confirm=/profile") && !page.contains("id=\"key-name\""), "{page}");
    let form = scene::form(&[("name", "a"), ("key", KEY), ("password", PASSWORD)]);
    assert_eq!(scene.post("/profile/keys", "alice", &form).await.status, StatusCode::CONFLICT);
    scene.clock.advance(Duration::from_secs(30));
    let code = scene.code(&setup.secret);
    scene.control.confirm_second_factor(scene.credential("alice"), &code).await.expect("fresh");
    let added = scene.api(Method::POST, "/keys", "alice", &body(PASSWORD)).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.text);
}
