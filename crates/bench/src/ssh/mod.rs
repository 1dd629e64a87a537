//! SSH: the same loads direct, over OpenSSH as a jump host (`ssh -J`), and through Countersign, interleaved in one run; then
//! what sessions cost, and how fast very many are cut.

mod client;
mod live;
mod load;
mod place;

use std::path::Path;

use countersign_harness::HarnessError;
use tokio::runtime::Runtime;

use self::load::{LOADS, Load};
use self::place::{Place, Way};
use crate::report::Report;

/// Measures everything.
///
/// # Errors
/// Whatever kept a component from starting, or a load from being what it should be.
pub fn measure(program: &Path) -> Result<Report, HarnessError> {
    let mut place = Place::set_up(program)?;
    let runtime =
        Runtime::new().map_err(|source| HarnessError::System { what: "start a runtime".to_owned(), source })?;
    let ways = place.ways()?;
    let mut report = Report::new(LOADS.map(Load::kind), &ways.iter().map(|way| way.name).collect::<Vec<_>>());
    interleaved(&place, &ways, &mut report)?;
    eprintln!("echo");
    runtime.block_on(client::echoes(&ways, &mut report))?;
    eprintln!("idle sessions, a slow sink");
    place.countersign.restart()?;
    live::memory(&place, &runtime, &mut report)?;
    for (name, session) in [("commands", live::Session::Command), ("shells", live::Session::Shell)] {
        eprintln!("revoke, {name}");
        live::cuts(&place, &runtime, name, session, &mut report)?;
    }
    Ok(report)
}

/// As in `main.rs`: A B C C B A, after each was run once to warm up.
fn interleaved(place: &Place, ways: &[Way], report: &mut Report) -> Result<(), HarnessError> {
    for (load, kind) in LOADS.iter().enumerate() {
        eprintln!("{}", kind.kind().name);
        for way in (0..ways.len()).chain((0..ways.len()).rev()) {
            let sample = kind.run(place, &ways[way])?;
            eprintln!("    {:22}{:>10.1}", ways[way].name, sample.rate);
            report.add(load, way, sample);
        }
    }
    Ok(())
}
