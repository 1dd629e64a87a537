//! How fast a revoke works: until its answer, until the client is cut, until the statement has stopped on the target.

use std::time::{Duration, Instant};

use countersign_harness::{HarnessError, Psql, Terminal};
use serde_json::json;

use crate::stage::Stage;

/// Rounds.
const ROUNDS: u32 = 10;
/// How long one step may take.
const WITHIN: Duration = Duration::from_secs(20);

/// Milliseconds from sending the revoke, each round's.
#[derive(Default, Debug)]
pub struct Cuts {
    /// Until the API answered.
    pub answered_ms: Vec<f64>,
    /// Until psql had its FATAL.
    pub client_cut_ms: Vec<f64>,
    /// Until the target no longer ran the statement (looked at every millisecond).
    pub stopped_ms: Vec<f64>,
}

/// Plays reservation, approval, connection and revoke ten times.
///
/// # Errors
/// [`HarnessError::Late`] when something is not cut.
pub fn measure(stage: &Stage) -> Result<Cuts, HarnessError> {
    let (alice, mia) = stage.requester_and_approver()?;
    let mut watcher = Terminal::open(&Psql { within: WITHIN, ..stage.superuser() })?;
    let mut cuts = Cuts::default();
    for round in 0..ROUNDS {
        let wanted = json!({ "target": "reserved", "minutes": 60 + round, "reason": "to be revoked" });
        let request = alice.post("/requests", &wanted)?.success()?["id"].to_string();
        mia.post(&format!("/requests/{request}/decision"), &json!({ "verdict": "approve" }))?.success()?;
        let psql = Psql { within: WITHIN, ..stage.countersign.psql("alice", "reserved")? };
        let mut session = Terminal::open(&psql)?;
        session.begin(&format!("SELECT pg_sleep(600 + {round})"))?;
        watcher.begin(&watch(round))?;
        watcher.told(&format!("watching {round}"))?;

        let started = Instant::now();
        let elapsed_ms = move || started.elapsed().as_secs_f64() * 1e3;
        let (answered, cut, stopped) = std::thread::scope(|scope| {
            let revoke = scope.spawn(|| {
                let path = format!("/requests/{request}/revoke");
                let answer = mia.post(&path, &json!({ "reason": "measured" }))?.success();
                answer.map(|_| elapsed_ms())
            });
            let session = &session;
            let cut = scope.spawn(move || session.told("FATAL").map(|_| elapsed_ms()));
            let stopped = watcher.told(&format!("stopped {round}")).map(|_| elapsed_ms());
            (revoke.join(), cut.join(), stopped)
        });
        let whole = "the thread only waits";
        cuts.answered_ms.push(answered.expect(whole)?);
        cuts.client_cut_ms.push(cut.expect(whole)?);
        cuts.stopped_ms.push(stopped?);
        watcher.end()?;
    }
    Ok(cuts)
}

/// Waits on the target itself until the statement runs, says so, and says when it no longer does.
fn watch(round: u32) -> String {
    let runs = format!(
        "EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND usename = 'app' \
         AND query LIKE 'SELECT pg_sleep(600 + {round})%')"
    );
    let again = "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.001);";
    format!(
        "DO $$ BEGIN WHILE NOT {runs} LOOP {again} END LOOP; RAISE NOTICE 'watching {round}.'; \
         WHILE {runs} LOOP {again} END LOOP; RAISE NOTICE 'stopped {round}.'; END $$"
    )
}
