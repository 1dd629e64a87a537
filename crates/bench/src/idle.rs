//! What a session that does nothing costs in memory.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use countersign_harness::{HarnessError, wait_until};

use crate::process::resident_kib;
use crate::stage::{Stage, Way, connect_like};

/// Sessions.
const SESSIONS: u32 = 100;
/// How long they may take to open or to close.
const WITHIN: Duration = Duration::from_secs(60);
/// Each session asks once and then waits.
const SCRIPT: &str = "SELECT 1;\n\\sleep 600 s\n";

/// KiB of resident memory that each of 100 idle sessions adds to a gateway process that has served one before.
///
/// # Errors
/// [`HarnessError::Late`] when the sessions do not come about.
pub fn kib_per_session(stage: &Stage, way: &Way) -> Result<f64, HarnessError> {
    let gateway = way.gateway.unwrap_or_default();
    way.psql.run("SELECT 1")?.output("psql")?;
    settle(stage, 2)?;
    let before = resident_kib(gateway)?;
    let script = stage.countersign.scratch_dir().join("idle.sql");
    fs::write(&script, SCRIPT).map_err(|source| HarnessError::System { what: "write a script".to_owned(), source })?;
    let mut command = Command::new("pgbench");
    connect_like(&mut command, &way.psql).args(["-n", "-c", &SESSIONS.to_string(), "-j", "4", "-t", "1", "-f"]);
    command.arg(&script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let spawned = command.spawn().map_err(|source| HarnessError::System { what: "run `pgbench`".to_owned(), source });
    let clients = Clients(spawned?);
    let there = wait_until(WITHIN, || stage.sessions().ok().filter(|count| *count >= SESSIONS as usize));
    let idle = there.and_then(|_| wait_until(WITHIN, || all_idle(stage).ok().filter(|idle| *idle)));
    let after = resident_kib(gateway)?;
    drop(clients);
    settle(stage, SESSIONS as usize)?;
    idle.ok_or_else(|| late("100 idle sessions", stage))?;
    Ok((after - before) / f64::from(SESSIONS))
}

/// The clients, killed when they are no longer needed.
struct Clients(Child);

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn all_idle(stage: &Stage) -> Result<bool, HarnessError> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND state = 'idle'";
    Ok(stage.superuser().run(sql)?.output("psql")?.trim().parse::<usize>().unwrap_or(0) >= SESSIONS as usize)
}

/// Waits until the target has at most this many sessions; PgBouncer keeps those of its pool.
fn settle(stage: &Stage, most: usize) -> Result<(), HarnessError> {
    let settled = wait_until(WITHIN, || stage.sessions().ok().filter(|count| *count <= most));
    settled.map(drop).ok_or_else(|| late("the end of earlier sessions", stage))
}

fn late(what: &str, stage: &Stage) -> HarnessError {
    HarnessError::Late { what: what.to_owned(), waited: WITHIN, log: stage.countersign.log_tail() }
}
