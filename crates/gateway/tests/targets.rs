//! Targets that are down, that are somebody else, or that do not take the login: the person reads what is wrong, and
//! the secret goes nowhere but to the pinned host.

mod support;

use countersign_harness::Ca;
use std::io::Read;
use std::net::TcpListener;
use support::{RULES, World};

/// What psql says once the policy file was changed in one place.
async fn told(world: &World, from: &str, to: &str) -> String {
    let file = world.file(RULES);
    assert!(file.contains(from), "`{from}` is in the file");
    world.control.propose(&world.ada, &file.replacen(from, to, 1), "", None).await.expect("applied");
    let psql = world.psql(&world.alice).await;
    let ran = tokio::task::spawn_blocking(move || psql.run("SELECT 1")).await.expect("joined").expect("psql ran");
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    ran.stderr
}

fn port_line(port: u16) -> String {
    format!("port = {port}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_down_is_named() {
    let world = World::start().await;
    let closed = countersign_harness::reserve_port().expect("a port");
    let told = told(&world, &port_line(world.postgres.port()), &port_line(closed)).await;
    assert!(told.contains("`prod-db` does not answer at 127.0.0.1"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_with_another_certificate_gets_nothing() {
    let world = World::start().await;
    let other = Ca::start().expect("an authority");
    let told = told(&world, world.postgres.ca_pem(), other.ca_pem()).await;
    assert!(told.contains("does not show the identity it is pinned to"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_without_tls_sees_an_offer_and_nothing_else() {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let heard = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut offer = [0; 8];
        stream.read_exact(&mut offer).expect("an offer of TLS");
        std::io::Write::write_all(&mut stream, b"N").expect("declined");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the end");
        (offer, rest)
    });
    let told = told(&world, &port_line(world.postgres.port()), &port_line(port)).await;
    assert!(told.contains("it does not offer TLS"), "{told}");
    let (offer, rest) = heard.join().expect("heard");
    assert_eq!(offer, [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f], "an SSLRequest");
    assert_eq!(rest, b"", "and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_refuses_the_login_is_named() {
    let world = World::start().await;
    let told = told(&world, "password = \"", "password = \"not-").await;
    assert!(told.contains("`prod-db` refused the login of the account"), "{told}");
}
