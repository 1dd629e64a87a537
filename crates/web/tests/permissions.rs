//! Who may use which route, for pages and API alike: role × route, against a reviewed table.
//!
//! `yes` is that the route's own code is reached; what somebody may do with one request or session is decided behind
//! it, and tested in `deciding.rs`.

mod scene;

use axum::http::{Method, StatusCode};
use countersign_web::{RouteLine, Surface, table_lines};
use scene::{Answer, Scene};
use std::fmt::Write;
use std::path::Path;

const ROLES: [(&str, &str); 4] =
    [("signed out", ""), ("member", "carol"), ("auditor", "audrey"), ("administrator", "root")];

fn admitted(line: &RouteLine, answer: &Answer) -> bool {
    let sign_in = answer.status == StatusCode::SEE_OTHER && answer.location().starts_with("/sign-in");
    let signs_out = line.path == "/sign-out";
    // A wrong password is told with the same status; the route was reached.
    let signs_in = line.path.ends_with("/session") && line.method == "POST";
    let stopped = answer.status == StatusCode::FORBIDDEN || (answer.status == StatusCode::UNAUTHORIZED && !signs_in);
    let invitation = line.path.starts_with("/invitation/");
    match line.path {
        // Whoever is signed in already is led on by the route itself.
        "/sign-in" => true,
        _ if invitation => true,
        _ if signs_out => answer.headers.contains_key("set-cookie"),
        _ => !stopped && !sign_in,
    }
}

fn concrete(path: &str) -> String {
    path.replace("{id}", "1")
        .replace("{account}", "1")
        .replace("{target}", "app@prod-db")
        .replace("{handle}", "nobody")
        .replace("{token}", "none")
        .replace("{number}", "1")
        .replace("{name}", "app.css")
}

async fn probe(scene: &Scene, line: &RouteLine, handle: &str) -> bool {
    let method: Method = line.method.parse().expect("a method");
    let path = concrete(line.path);
    if line.path == "/live" {
        let request = scene.browser(method, &path, handle).body(axum::body::Body::empty()).expect("a request");
        return scene.stream(request).await.status() == StatusCode::OK;
    }
    let answer = match line.surface {
        Surface::Api => scene.api(method, path.strip_prefix("/api/v1").expect("an API path"), handle, "{}").await,
        Surface::Page | Surface::Asset => scene.browse(method, &path, handle, "").await,
    };
    assert!(answer.status != StatusCode::INTERNAL_SERVER_ERROR, "{} {path}: {}", line.method, answer.text);
    admitted(line, &answer)
}

/// R87: the whole table.
#[tokio::test]
async fn roles_reach_exactly_the_routes_of_the_table() {
    let mut scene = Scene::start().await;
    scene.ask("alice").await;
    let mut found =
        String::from("# role by role, `yes` where the route is reached: signed out, member, auditor, administrator\n");
    for line in table_lines() {
        let mut answers = Vec::new();
        for (_, handle) in ROLES {
            answers.push(if probe(&scene, &line, handle).await { "yes" } else { "no" });
            if !handle.is_empty() && scene.control.actor(scene.credential(handle)).await.is_none() {
                scene.sign_in(handle).await;
            }
        }
        writeln!(found, "{:6} {:44} {}", line.method, line.path, answers.join(" ")).expect("a text grows");
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/permissions.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &found).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, expected, "review the difference, then run with UPDATE_GOLDEN=1");
}
