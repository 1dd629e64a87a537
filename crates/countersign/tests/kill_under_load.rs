//! Fifty times the server is killed (SIGKILL) while four people's decisions pour in. Every decision that was
//! acknowledged is there afterwards, none is there twice, and the exported journal verifies.

use countersign_harness::countersign::Options;
use countersign_harness::{Api, Countersign, HarnessError, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const KILLS: usize = 50;
/// How long the decisions before one kill may take; they take milliseconds.
const SOON: Duration = Duration::from_secs(60);

const WORKERS: [(&str, &str); 4] = [("alice", "mia"), ("bob", "mia"), ("carol", "max"), ("dan", "max")];

const POLICY: &str = r#"
[[person]]
handle = "ada"
role = "administrator"
[[person]]
handle = "alice"
[[person]]
handle = "bob"
[[person]]
handle = "carol"
[[person]]
handle = "dan"
[[person]]
handle = "mia"
[[person]]
handle = "max"
[[group]]
name = "developers"
members = ["alice", "bob", "carol", "dan"]
managers = ["mia", "max"]
[[device]]
name = "prod-db"
host = "127.0.0.1"
database = "shop"
ca = """
CA"""
[[account]]
device = "prod-db"
name = "app"
password = "never used here"
[[rule]]
name = "reserve"
act = "connect"
outcome = "approve"
groups = ["developers"]
"#;

/// What was acknowledged: request number and verdict.
type Acknowledged = Mutex<BTreeMap<u64, &'static str>>;

#[test]
fn every_acknowledged_decision_survives_fifty_kills() -> Result<(), HarnessError> {
    let binary = Path::new(env!("CARGO_BIN_EXE_countersign"));
    let mut server = Countersign::start(binary, Options::default())?;
    let ca = std::fs::read_to_string(server.ca_path()).expect("the server's own root certificate");
    server.apply(&POLICY.replace("CA", &ca))?;
    let mut apis = BTreeMap::new();
    for person in ["alice", "bob", "carol", "dan", "mia", "max"] {
        server.sign_up(person)?;
        apis.insert(person, server.api(person)?);
    }
    let (acknowledged, stop) = (Acknowledged::default(), AtomicBool::new(false));
    let count = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for (requester, approver) in WORKERS {
            let (requester, approver) = (&apis[requester], &apis[approver]);
            let (acknowledged, stop, count) = (&acknowledged, &stop, &count);
            scope.spawn(move || {
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    // Lost answers and closed ports are the point; the next round tries again.
                    if let Some((request, verdict)) = ask_and_decide(requester, approver, round) {
                        acknowledged.lock().expect("no worker panics").insert(request, verdict);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let killed = kill_again_and_again(&mut server, &count);
        stop.store(true, Ordering::Relaxed);
        killed
    })?;
    let acknowledged = acknowledged.into_inner().expect("no worker panics");
    assert!(acknowledged.len() >= KILLS, "only {} decisions", acknowledged.len());
    check(&server, &acknowledged)
}

fn kill_again_and_again(server: &mut Countersign, count: &AtomicUsize) -> Result<(), HarnessError> {
    for kill in 0..KILLS {
        // Between one and eight decisions, so that the kill meets another moment each time.
        let enough = count.load(Ordering::Relaxed) + 1 + kill % 8;
        let came = wait_until(SOON, || (count.load(Ordering::Relaxed) >= enough).then_some(()));
        assert!(came.is_some(), "no decisions before kill {kill}: {}", server.log_tail());
        server.kill()?;
        server.restart()?;
    }
    Ok(())
}

/// One request and the decision on it, if both were acknowledged.
fn ask_and_decide(requester: &Api, approver: &Api, round: usize) -> Option<(u64, &'static str)> {
    let wanted = json!({ "target": "prod-db", "minutes": 60 + round, "reason": format!("round {round}") });
    let request = success(requester, "/requests", &wanted)?["id"].as_u64()?;
    let (verdict, status) = if round.is_multiple_of(3) { ("reject", "Disapproved") } else { ("approve", "Approved") };
    let decision = json!({ "verdict": verdict, "comment": "seen" });
    let view = success(approver, &format!("/requests/{request}/decision"), &decision)?;
    assert_eq!(view["status"], status, "{view}");
    Some((request, status))
}

fn success(api: &Api, path: &str, body: &Value) -> Option<Value> {
    api.post(path, body).ok()?.success().ok()
}

/// Every acknowledged decision is in the journal once, and the journal holds together.
fn check(server: &Countersign, acknowledged: &BTreeMap<u64, &str>) -> Result<(), HarnessError> {
    let ada = server.api("ada")?;
    let mut votes: BTreeMap<u64, usize> = BTreeMap::new();
    let mut before = u64::MAX >> 1;
    loop {
        let page = ada.get(&format!("/audit?kind=voted&limit=500&before={before}"))?.success()?;
        let Some(last) = page.as_array().and_then(|lines| lines.last()) else { break };
        before = last["seq"].as_u64().expect("a position");
        for line in page.as_array().into_iter().flatten() {
            *votes.entry(line["request"].as_u64().expect("a vote is on a request")).or_default() += 1;
        }
    }
    for (request, status) in acknowledged {
        assert_eq!(votes.get(request), Some(&1), "votes on request {request}");
        let view = ada.get(&format!("/requests/{request}"))?.success()?;
        assert_eq!(view["status"], *status, "request {request}");
    }
    let twice: Vec<_> = votes.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "decided twice: {twice:?}");
    let path = server.scratch_dir().join("export").display().to_string();
    server.cli("ada", &["export", &path])?.output("export")?;
    let verified = server.cli("ada", &["verify", &path])?;
    assert_eq!(verified.code, 0, "{}", verified.stderr);
    println!("{} acknowledged decisions, {} votes: {}", acknowledged.len(), votes.len(), verified.stdout.trim());
    Ok(())
}
