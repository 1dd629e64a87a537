//! `verify`: checks an export without a server.

use crate::failure::Failure;
use crate::say;
use countersign_journal::Head;
use countersign_verify::Fault;
use std::fs::File;
use std::path::Path;

pub(crate) fn verify(path: &Path, expect: Option<Head>) -> Result<(), Failure> {
    let file = File::open(path).map_err(|e| Failure::Usage(format!("`{}` cannot be read: {e}", path.display())))?;
    match countersign_verify::verify(file, expect) {
        Ok(report) => {
            say(&report.to_string());
            Ok(())
        }
        Err(fault @ Fault::Trouble { .. }) => Err(Failure::Trouble(fault.to_string())),
        Err(fault) => Err(Failure::Refused(fault.to_string())),
    }
}
