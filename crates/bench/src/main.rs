//! `make bench`: the same loads direct, through PgBouncer and through Countersign, and over SSH direct, over a jump host and
//! through Countersign, interleaved in one run. Prints tables, writes `target/bench.json` and `target/bench-ssh.json`, and
//! judges nothing: the machine decides too much.

mod cut;
mod decisions;
mod idle;
mod load;
mod process;
mod report;
mod rulings;
mod ssh;
mod stage;

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use countersign_harness::{HarnessError, countersign};

use crate::load::Load;
use crate::report::Report;
use crate::stage::{Stage, Way};

/// The loads.
const LOADS: [Load; 7] = [
    Load::Select { protocol: "simple", clients: 1 },
    Load::Select { protocol: "simple", clients: 16 },
    Load::Select { protocol: "prepared", clients: 1 },
    Load::Select { protocol: "prepared", clients: 16 },
    Load::Connect { clients: 4 },
    Load::CopyOut { table: "wide", rows: 150_000, row_bytes: 1_000 },
    Load::CopyOut { table: "narrow", rows: 1_000_000, row_bytes: 97 },
];

fn main() -> ExitCode {
    let done = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => run().and_then(|()| ssh()),
        [word] if word == "--scale" => scale(),
        [word] if word == "--ssh" => ssh(),
        _ => {
            eprintln!(
                "countersign-bench: one argument: `--scale`, which leaves the gateway out, or `--ssh`, for that alone"
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What depends on the size of an organisation and its history only.
fn scale() -> Result<(), HarnessError> {
    let mut report = Report::new([], &[]);
    report.put("fsync_before_per_s", process::durable_appends_per_second(&stage::target_folder())?);
    engine(&mut report)?;
    println!("{}", report.table());
    Ok(())
}

fn engine(report: &mut Report) -> Result<(), HarnessError> {
    rulings::measure(report);
    let system = |source| HarnessError::System { what: "make a folder".to_owned(), source };
    let folder = tempfile::tempdir_in(stage::target_folder()).map_err(system)?;
    decisions::measure(folder.path(), report).map_err(|fault| HarnessError::System {
        what: "ask and decide".to_owned(),
        source: std::io::Error::other(fault.to_string()),
    })
}

fn run() -> Result<(), HarnessError> {
    let program = countersign::build()?;
    let started = Instant::now();
    eprintln!("load average before: {}; starting the components", process::load_average());
    let mut stage = Stage::set_up(&program)?;
    let ways = stage.ways()?;
    let mut report = Report::new(LOADS.map(Load::kind), &ways.iter().map(|way| way.name).collect::<Vec<_>>());
    report.put("fsync_before_per_s", process::durable_appends_per_second(&stage::target_folder())?);
    interleaved(&ways, &mut report)?;
    revokes(&stage, &mut report)?;
    idle_sessions(&mut stage, &mut report)?;
    engine(&mut report)?;
    report.put("fsync_after_per_s", process::durable_appends_per_second(&stage::target_folder())?);
    report.put("run_s", started.elapsed().as_secs_f64());
    shown(&report, "bench.json")
}

fn ssh() -> Result<(), HarnessError> {
    let program = countersign::build()?;
    let started = Instant::now();
    eprintln!("load average before: {}; starting what SSH needs", process::load_average());
    let mut report = ssh::measure(&program)?;
    report.put("run_s", started.elapsed().as_secs_f64());
    shown(&report, "bench-ssh.json")
}

fn shown(report: &Report, file: &str) -> Result<(), HarnessError> {
    println!("{}", report.table());
    let path = stage::target_folder().join(file);
    let text = format!("{:#}\n", report.json());
    fs::write(&path, text)
        .map_err(|source| HarnessError::System { what: format!("write `{}`", path.display()), source })
}

/// Each load over all ways and back, A B C C B A, so that what the machine does meanwhile falls on all.
fn interleaved(ways: &[Way], report: &mut Report) -> Result<(), HarnessError> {
    for (load, kind) in LOADS.iter().enumerate() {
        eprintln!("{}", kind.name());
        for way in ways {
            kind.prove(way)?;
        }
        for way in (0..ways.len()).chain((0..ways.len()).rev()) {
            let sample = kind.run(&ways[way])?;
            eprintln!("    {:22}{:>10.0}", ways[way].name, sample.rate);
            report.add(load, way, sample);
        }
    }
    Ok(())
}

fn revokes(stage: &Stage, report: &mut Report) -> Result<(), HarnessError> {
    eprintln!("revoke");
    let cuts = cut::measure(stage)?;
    report.put("revoke_answered_ms", Report::median(cuts.answered_ms));
    report.put("revoke_client_cut_ms", Report::median(cuts.client_cut_ms));
    report.put("revoke_statement_stopped_ms", Report::median(cuts.stopped_ms));
    Ok(())
}

/// Fresh processes, one after the other: what they kept from earlier loads would hide what sessions need.
fn idle_sessions(stage: &mut Stage, report: &mut Report) -> Result<(), HarnessError> {
    eprintln!("idle sessions");
    stage.bouncer = None;
    stage.countersign.restart()?;
    let ways = stage.ways()?;
    if let Some(way) = ways.iter().find(|way| way.gateway.is_some()) {
        report.put("idle_session_kib_countersign", idle::kib_per_session(stage, way)?);
    }
    let bouncer = stage.fresh_bouncer()?;
    let way = Way { name: "pgbouncer", psql: bouncer.psql(), gateway: Some(bouncer.pid()) };
    report.put("idle_session_kib_pgbouncer", idle::kib_per_session(stage, &way)?);
    Ok(())
}
