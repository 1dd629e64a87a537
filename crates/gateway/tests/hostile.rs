//! Bad input: whatever is sent, the answer is a clean error or a closed connection, nothing unapproved runs, and other
//! sessions, one of them live all the while, do not notice.

mod support;

use countersign_gateway::bind;
use countersign_gateway::ssh::Ssh;
use countersign_harness::raise_file_limit;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use support::{Raw, World, bind_to, execute, message, parse, query, sync};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Half-open connections, of which the gateway keeps 256.
const HALF_OPEN: usize = 10_000;
/// Files that are open in a test besides: both ends of what is kept are.
const FILES_BESIDE: usize = 1_024;
/// So many connections are made before one waits for the gateway.
const AT_ONCE: usize = 64;
/// Less than a connection has to prove who it is, 30 s, of which the oldest has used what the others took to be made.
const GIVES_WAY_WITHIN: Duration = Duration::from_secs(10);
/// How long one has to prove who one is, where that is measured.
const PROOF_WAIT: Duration = Duration::from_millis(500);

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

async fn live(witness: &mut Raw, what: &str) {
    witness.send(&[query("SELECT 1")]).await;
    assert_eq!(witness.answer().await, ["T", "D", "SELECT 1", "Z I"], "{what}");
}

fn unharmed(world: &World, what: &str) {
    assert_eq!(world.truth("SELECT count(*) FROM customers WHERE visits = 0"), "10", "{what}");
}

/// The end of a conversation: every byte until the other side closes.
async fn to_the_end(tcp: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = tokio::time::timeout(support::WAIT, tcp.read_to_end(&mut all)).await;
    let _ = read.expect("the gateway closes in time");
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_messages_end_their_session_only() {
    let world = World::start().await;
    let mut witness = world.raw(&world.alice).await;
    let length = |tag: u8, n: i32| [&[tag][..], &n.to_be_bytes()].concat();
    let harm = query("UPDATE customers SET visits = 99");
    let startup =
        [&40i32.to_be_bytes()[..], &196_608i32.to_be_bytes(), b"user\0alice+prod-db\0database\0postgres\0\0"].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("length 3", length(b'Q', 3)),
        ("length 0", length(b'Q', 0)),
        ("length -1", length(b'Q', -1)),
        ("the least length", length(b'Q', i32::MIN)),
        ("1 GB", length(b'Q', 1 << 30)),
        ("16 MiB and one", length(b'Q', (16 << 20) + 1)),
        ("no terminator", message(b'Q', b"SELECT 1")),
        ("something behind the terminator", message(b'Q', b"SELECT 1\0UPDATE customers SET visits = 99\0")),
        ("an empty query message", message(b'Q', b"")),
        ("a Parse cut short", message(b'P', b"s\0SELECT 1\0\0\x05")),
        ("65,535 types, none there", message(b'P', b"s\0SELECT 1\0\xff\xff")),
        ("65,535 values, none there", message(b'B', b"\0s\0\0\0\xff\xff\0\0")),
        ("a value of 2 GB", message(b'B', b"\0s\0\0\0\0\x01\x7f\xff\xff\xff\0\0")),
        ("a value of -2 bytes", message(b'B', b"\0s\0\0\0\0\x01\xff\xff\xff\xfe\0\0")),
        ("a Bind with a rest", message(b'B', b"\0s\0\0\0\0\0\0\0more")),
        ("a Describe of nothing", message(b'D', b"X\0")),
        ("a Close of nothing", message(b'C', b"X\0")),
        ("an Execute cut short", message(b'E', b"\0\0")),
        ("a Sync with a body", message(b'S', b"UPDATE customers SET visits = 99")),
        ("a function call", message(b'F', b"\0\0\x04\xd2\0\0\0\0\0\0")),
        ("a password", message(b'p', b"secret\0")),
        ("an unknown tag", message(b'z', b"")),
        ("tag 0", message(0, b"")),
        ("a backend's message", message(b'Z', b"I")),
        ("a second start-up packet", startup),
        ("an SSLRequest", SSL_REQUEST.to_vec()),
        ("a CancelRequest in a session", vec![0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1]),
        ("noise", (0..=255u8).cycle().skip(128).take(5_000).collect()),
    ];
    for (what, bytes) in cases {
        let mut bad = world.raw(&world.alice).await;
        bad.push(&[bytes, harm.clone()].concat()).await;
        // Some read as the beginning of a longer message, which ends here.
        bad.push(&[0; 16 * 1024]).await;
        let verdict = bad.verdict().await;
        if verdict != "closed" {
            assert!(verdict.contains("08P01"), "{what}: {verdict}");
        }
        unharmed(&world, what);
        live(&mut witness, what).await;
    }
    world.others_live().await;
}

/// What can be read but not understood is held or refused, or the target itself refuses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_nobody_can_read_are_held() {
    let world = World::start().await;
    let mut witness = world.raw(&world.alice).await;
    let terms = format!("UPDATE customers SET visits = 99 WHERE {}id = 1", "1 = 1 AND ".repeat(100_000));
    let long = format!("UPDATE customers SET visits = 99 /*{}*/", "x".repeat(10 << 20));
    let deep = format!("UPDATE customers SET visits = {}99{}", "(".repeat(20_000), ")".repeat(20_000));
    let almost = format!("SELECT 1 /*{}*/; UPDATE customers SET visits = 99", "x".repeat((16 << 20) - 100));
    let texts: Vec<(&str, Vec<u8>)> = vec![
        ("100,000 terms", terms.into_bytes()),
        ("10 MB", long.into_bytes()),
        ("20,000 brackets", deep.into_bytes()),
        ("almost 16 MiB", almost.into_bytes()),
        ("not UTF-8", b"UPDATE customers SET visits = 99 -- \xff\xfe".to_vec()),
        ("overlong UTF-8", b"UPDATE customers SET visits = 99 -- \xc0\xa7".to_vec()),
        ("a surrogate", b"UPDATE customers SET visits = 99 -- \xed\xa0\x80".to_vec()),
        ("hidden characters", "UPDATE customers SET visits = 99 -- \u{202e}\u{200b}".as_bytes().to_vec()),
        ("an open comment", b"SELECT 1; UPDATE customers SET visits = 99 /*".to_vec()),
        ("an open string", b"UPDATE customers SET visits = 99 '".to_vec()),
    ];
    for (what, text) in texts {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&message(b'Q', &[&text[..], b"\0"].concat())).await;
        let verdict = alice.verdict().await;
        assert!(matches!(verdict.as_str(), "held" | "refused" | "closed"), "{what}: {verdict}");
        let mut bob = world.raw(&world.alice).await;
        bob.push(
            &[message(b'P', &[b"\0", &text[..], b"\0\0\0"].concat()), bind_to("", "", &[]), execute(""), sync()]
                .concat(),
        )
        .await;
        let verdict = bob.verdict().await;
        assert!(
            matches!(verdict.as_str(), "held" | "refused" | "closed") || verdict.starts_with("E "),
            "{what}: {verdict}"
        );
        unharmed(&world, what);
        live(&mut witness, what).await;
    }
    for empty in [
        query(""),
        query(";"),
        query("-- nothing"),
        [parse("", ""), bind_to("", "", &[]), execute(""), sync()].concat(),
    ] {
        let mut alice = world.raw(&world.alice).await;
        alice.push(&empty).await;
        assert_eq!(alice.verdict().await, "Z I");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_beginnings_get_nothing() {
    let world = World::start().await;
    let mut witness = world.raw(&world.alice).await;
    let packet =
        |code: u32, body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], &code.to_be_bytes(), body].concat();
    let plain = packet(196_608, b"user\0alice+prod-db\0\0");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a start-up packet without TLS", plain.clone()),
        ("plain text right behind the SSLRequest", [&SSL_REQUEST[..], &plain].concat()),
        (
            "a query right behind the SSLRequest",
            [&SSL_REQUEST[..], &query("UPDATE customers SET visits = 99")].concat(),
        ),
        ("protocol 2", packet(131_072, b"\0")),
        ("replication", packet(196_608, b"user\0alice+prod-db\0replication\0database\0\0")),
        ("not UTF-8", packet(196_608, b"user\0\xff\0\0")),
        ("length 1 GB", vec![0x40, 0, 0, 0]),
        ("length -1", vec![0xff; 8]),
        ("length 3", vec![0, 0, 0, 3]),
        ("length 4", vec![0, 0, 0, 4]),
        ("a web browser", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("a broken TLS handshake", [&[0x16, 3, 1, 0x40, 0][..], &[0xaa; 64]].concat()),
        ("a cancel for nobody", vec![0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1]),
        ("a cancel with a long secret", packet(80_877_102, &[7; 200])),
    ];
    for (what, bytes) in cases {
        let mut tcp = world.tcp().await;
        tcp.write_all(&bytes).await.expect("sent");
        if what == "length 1 GB" {
            tcp.shutdown().await.expect("shut");
        }
        let _ = tcp.shutdown().await;
        let answer = to_the_end(&mut tcp).await;
        assert!(!answer.windows(4).any(|w| w == b"R\0\0\0"), "{what}: nobody is asked to sign in without TLS");
        unharmed(&world, what);
        live(&mut witness, what).await;
    }
    for replication in ["database", "true", "on", "1", "yes", "x"] {
        let refused = world.try_raw(&world.alice, &world.database, &[("replication", replication)]).await;
        assert!(refused.is_err(), "replication={replication}");
    }
    world.others_live().await;
}

/// Ten thousand connections that say nothing keep nobody out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_keep_nobody_out() {
    let most = raise_file_limit().expect("as many files as there may be").saturating_sub(FILES_BESIDE).max(1);
    let world = World::start().await;
    let mut witness = world.raw(&world.alice).await;
    let mut half_open = VecDeque::new();
    for n in 0..HALF_OPEN {
        let mut tcp = world.tcp().await;
        if n % 2 == 0 {
            let _ = tcp.write_all(&SSL_REQUEST).await;
        }
        half_open.push_back(tcp);
        if half_open.len() > most {
            half_open.pop_front();
        }
        if n % AT_ONCE == 0 {
            // Faster than they are accepted, each that finds no room would cost a second.
            let newest = half_open.back_mut().expect("it was put there");
            assert_eq!(newest.read_u8().await.expect("TLS is offered"), b'S');
        }
        if n % 1_000 == 0 {
            live(&mut witness, "with half-open connections").await;
        }
    }
    live(&mut witness, "with 10,000 half-open connections").await;
    world.others_live().await;
    let oldest = half_open.front_mut().expect("there are many");
    let ended = tokio::time::timeout(GIVES_WAY_WITHIN, oldest.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "the oldest gave way long before its time was over");
    drop(half_open);
    world.others_live().await;
}

/// One who never reads slows nobody down but their own session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_holds_up_nobody() {
    let world = World::start().await;
    let mut deaf = world.raw(&world.alice).await;
    deaf.push(&query("SELECT repeat('x', 10000) FROM generate_series(1, 100000)")).await;
    let mut talker = world.raw(&world.alice).await;
    for _ in 0..2_000 {
        talker.push(&[parse("", "SELECT 1"), bind_to("", "", &[]), execute("")].concat()).await;
    }
    let mut witness = world.raw(&world.alice).await;
    let begun = Instant::now();
    for _ in 0..50 {
        live(&mut witness, "beside a client that never reads").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    talker
        .push(&[parse("h", "UPDATE customers SET visits = 99"), bind_to("", "h", &[]), execute(""), sync()].concat())
        .await;
    assert_eq!(talker.verdict().await, "held");
    unharmed(&world, "behind 2,000 statements without Sync");
}

/// Data of a COPY is data, whatever it looks like; what stands behind it is judged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copy_data_that_looks_like_messages_is_data() {
    let world = World::start().await;
    world.truth(&format!("CREATE TABLE notes (t text); GRANT ALL ON notes TO \"{}\"", world.database));
    let harm = query("UPDATE customers SET visits = 99");
    let done = || message(b'c', b"");
    let data = |bytes: &[u8]| message(b'd', bytes);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a message as data", [data(b"Q\\000\\000UPDATE customers SET visits = 99\n"), done()].concat()),
        (
            "the end of data, then a statement",
            [data(b"a\n\\.\n"), data(b"UPDATE customers SET visits = 99;\n"), done(), harm.clone()].concat(),
        ),
        ("a statement in place of data", harm.clone()),
        ("a statement after data", [data(b"a\n"), harm.clone()].concat()),
        ("a failed copy, then a statement", [message(b'f', b"no\0"), harm.clone()].concat()),
        ("done twice, then a statement", [done(), done(), harm.clone()].concat()),
        (
            "syncs and flushes in the data",
            [data(b"a\n"), sync(), support::flush(), sync(), done(), harm.clone()].concat(),
        ),
        ("empty data", [data(b""), data(b""), done(), harm.clone()].concat()),
        ("bad data, then a statement", [data(b"a\tb\tc\n"), data(b"more\n"), done(), harm.clone()].concat()),
        ("a prepared statement in place of data", [parse("", "SELECT 1"), harm.clone()].concat()),
    ];
    for (what, bytes) in cases {
        for pipelined in [true, false] {
            let mut alice = world.raw(&world.alice).await;
            alice.push(&query("COPY notes FROM STDIN")).await;
            if !pipelined {
                alice.copying().await;
            }
            alice.push(&bytes).await;
            let mut verdict = alice.verdict().await;
            if what != "a message as data" {
                for _ in 0..4 {
                    if matches!(verdict.as_str(), "held" | "refused" | "closed") || verdict.contains("08P01") {
                        break;
                    }
                    verdict = alice.verdict().await;
                }
                assert!(
                    matches!(verdict.as_str(), "held" | "refused" | "closed") || verdict.contains("08P01"),
                    "{what}: {verdict}"
                );
            }
            unharmed(&world, what);
        }
    }
    world.others_live().await;
}

/// The gateway keeps a text until the target confirms it: behind a mebibyte of them it asks for that itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_on_their_way_are_confirmed_before_there_are_too_many() {
    let world = World::start().await;
    let mut alice = world.raw(&world.alice).await;
    let long = format!("SELECT '{}'", "x".repeat(600 << 10));
    for name in ["a", "b", "c"] {
        alice.push(&parse(name, &long)).await;
    }
    assert_eq!(alice.next().await.0, b'1', "without a Sync or a Flush of the client's");
    world.others_live().await;
}

/// R52: whoever says a little at a time has no longer to prove who they are than somebody who says nothing.
#[tokio::test]
async fn r52_a_byte_at_a_time_buys_no_time() {
    let world = World::start().await;
    let bound = bind(([127, 0, 0, 1], 0).into()).await.expect("bound").proved_within(PROOF_WAIT);
    let at = bound.local_addr().expect("an address");
    let ssh = Ssh::new(&world.control).expect("a key");
    tokio::spawn(bound.serve(ssh, world.control.clone(), std::future::pending()));
    let mut tcp = TcpStream::connect(at).await.expect("accepted");
    let (mut read, mut write) = tcp.split();
    let says = async {
        // Slower than would end the line in time, which is at most 255 bytes long (RFC 4253, 4.2).
        for byte in b"SSH-2.0-a-client-that-takes-its-time-to-say-who-it-is-and-what-it-is-for" {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(PROOF_WAIT / 10).await;
        }
        false
    };
    let mut said = Vec::new();
    let is_sent_away = tokio::select! {
        // A reset is an end as well.
        _ = read.read_to_end(&mut said) => true,
        late = says => late,
    };
    assert!(is_sent_away && said.starts_with(b"SSH-2.0-"));
}
