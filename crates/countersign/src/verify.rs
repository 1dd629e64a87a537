//! `verify`: checks an export without a server.

use crate::failure::Failure;
use crate::say;
use countersign_journal::Head;
use countersign_verify::Fault;
use std::fs::File;
use std::path::Path;

pub(crate) fn verify(path: &Path, expect: Option<Head>) -> Result<(), Failure> {
    let report = countersign_verify::verify(opened(path)?, expect).map_err(judged)?;
    say(&report.to_string());
    Ok(())
}

pub(crate) fn opened(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|e| Failure::Usage(format!("`{}` cannot be read: {e}", path.display())))
}

/// What is wrong with an export is a no; a file that cannot be read is trouble.
pub(crate) fn judged(fault: Fault) -> Failure {
    match fault {
        Fault::Trouble { .. } => Failure::Trouble(fault.to_string()),
        _ => Failure::Refused(fault.to_string()),
    }
}
