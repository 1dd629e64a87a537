//! `replay`: tells an export again, entry by entry, without a server.

use crate::failure::Failure;
use crate::show::line;
use crate::verify::{judged, opened};
use countersign_control::Replay;
use countersign_journal::RequestId;
use std::io::{BufWriter, Write as _, stdout};
use std::path::Path;

/// Which entries are told.
pub(crate) struct Wanted {
    pub(crate) request: Option<u64>,
    pub(crate) from: u64,
    pub(crate) to: Option<u64>,
}

pub(crate) fn replay(path: &Path, wanted: &Wanted) -> Result<(), Failure> {
    let (mut replay, mut out) = (Replay::default(), BufWriter::new(stdout().lock()));
    countersign_verify::entries(opened(path)?, |entry| replay.learn(entry)).map_err(judged)?;
    let read = countersign_verify::entries(opened(path)?, |entry| {
        let step = replay.step(entry);
        let about = wanted.request.is_none_or(|id| step.request == Some(RequestId(id)));
        if !about || step.seq < wanted.from || wanted.to.is_some_and(|to| step.seq > to) {
            return;
        }
        let at = jiff::Timestamp::from_microsecond(step.at.0).map(|t| format!("{t:.0}")).unwrap_or_default();
        // Who closed standard output early wants no more.
        let _ = writeln!(out, "{:>6}  {at}  {}", step.seq, line(&step.sentence));
        for change in step.changes {
            let _ = writeln!(out, "{:>28}  - {}", "", line(&change));
        }
    });
    let _ = out.flush();
    read.map_err(judged)
}
