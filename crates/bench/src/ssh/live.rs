//! What sessions cost in memory, and how long it takes to cut very many.

use std::process::Stdio;
use std::time::{Duration, Instant};

use countersign_harness::HarnessError;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::client::{self, failed};
use super::place::{Door, Place};
use crate::process::resident_kib;
use crate::report::Report;

/// Sessions that do nothing.
const IDLE: usize = 100;
/// Sessions that are cut.
const CUT: usize = 200;
/// How many begin at once.
const AT_ONCE: usize = 8;
/// How long all of them may take to be over.
const OVER_WITHIN: Duration = Duration::from_secs(120);
/// Takes 64 KiB ten times a second, for a while.
const SLOW: &str = "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do \
                    head -c 65536 > /dev/null; sleep 0.1; done";
/// How often memory is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What is sent to it.
const MUCH_BYTES: u64 = 256 << 20;

/// What is open when it is cut.
#[derive(Clone, Copy)]
pub enum Session {
    /// A command that waits for input.
    Command,
    /// A shell in a terminal, in which something runs.
    Shell,
}

/// KiB of resident memory that each of 100 idle sessions adds to a server that has served one before; and what an upload adds
/// that is hardly taken.
///
/// # Errors
/// What does not run.
pub fn memory(place: &Place, runtime: &Runtime, report: &mut Report) -> Result<(), HarnessError> {
    let door = place.door("free")?;
    let server = place.countersign.pid().unwrap_or_default();
    drop(begun(runtime, &door, 1, Session::Command)?);
    let before = resident_kib(server)?;
    let sessions = begun(runtime, &door, IDLE, Session::Command)?;
    report.put("ssh_idle_session_kib", (resident_kib(server)? - before) / IDLE as f64);
    drop(sessions);

    let ssh = place.countersign.ssh("alice", "free")?;
    let system = |what: &str| {
        let what = what.to_owned();
        move |source| HarnessError::System { what, source }
    };
    let much = std::fs::File::open(place.file(MUCH_BYTES)?).map_err(system("open a file"))?;
    let before = resident_kib(server)?;
    let mut most = before;
    let mut upload = ssh.command()?;
    upload.arg(SLOW).stdin(much).stdout(Stdio::null()).stderr(Stdio::null());
    let mut upload = upload.spawn().map_err(system("run `ssh`"))?;
    while upload.try_wait().map_err(system("wait for `ssh`"))?.is_none() {
        most = most.max(resident_kib(server)?);
        std::thread::sleep(LOOK_EVERY);
    }
    report.put("ssh_slow_sink_mib", (most - before) / 1024.0);
    Ok(())
}

/// Milliseconds from sending a revoke until nothing more passes in half of 200 sessions, and in the last; and until they were
/// told, which is once what they ran has ended on the target.
///
/// # Errors
/// What does not run, or is not cut in time.
pub fn cuts(
    place: &Place,
    runtime: &Runtime,
    name: &str,
    session: Session,
    report: &mut Report,
) -> Result<(), HarnessError> {
    let (alice, mia) = (place.countersign.api("alice")?, place.countersign.api("mia")?);
    let wanted = json!({ "target": "reserved", "minutes": 60, "reason": "to be revoked" });
    let request = alice.post("/requests", &wanted)?.success()?["id"].to_string();
    mia.post(&format!("/requests/{request}/decision"), &json!({ "verdict": "approve" }))?.success()?;
    let sessions = begun(runtime, &place.door("reserved")?, CUT, session)?;
    let over: JoinSet<_> = {
        let _inside = runtime.enter();
        let over = |mut session: client::Session| async move { session.types_to_the_end().await };
        sessions.into_iter().map(over).collect()
    };
    let started = Instant::now();
    mia.post(&format!("/requests/{request}/revoke"), &json!({ "reason": "measured" }))?.success()?;
    let answered = started.elapsed();
    let all = runtime.block_on(async { tokio::time::timeout(OVER_WITHIN, over.join_all()).await });
    let all = all.map_err(|_| failed("not all sessions were cut".to_owned()))?;
    report.put(&format!("ssh_revoke_{name}_answered_ms"), answered.as_secs_f64() * 1e3);
    let (cut, told): (Vec<Instant>, Vec<Instant>) = all.into_iter().unzip();
    for (what, at) in [("cut", cut), ("told", told)] {
        let mut after: Vec<f64> =
            at.iter().map(|at| at.saturating_duration_since(started).as_secs_f64() * 1e3).collect();
        after.sort_by(f64::total_cmp);
        report.put(&format!("ssh_revoke_{name}_half_{what}_ms"), after[CUT / 2 - 1]);
        report.put(&format!("ssh_revoke_{name}_last_{what}_ms"), after[CUT - 1]);
    }
    Ok(())
}

/// Begins so many sessions.
fn begun(runtime: &Runtime, door: &Door, many: usize, session: Session) -> Result<Vec<client::Session>, HarnessError> {
    let (command, terminal) = match session {
        Session::Command => ("echo begun; exec cat", false),
        Session::Shell => ("echo begun; sleep 600", true),
    };
    runtime.block_on(async {
        let mut all = Vec::new();
        while all.len() < many {
            let some = AT_ONCE.min(many - all.len());
            let mut beginning: JoinSet<_> = (0..some)
                .map(|_| {
                    let door = door.clone();
                    async move { client::Session::begin(&door, command, terminal).await }
                })
                .collect();
            while let Some(one) = beginning.join_next().await {
                all.push(one.map_err(|fault| failed(fault.to_string()))??);
            }
        }
        Ok(all)
    })
}
