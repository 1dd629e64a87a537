//! How many files this process, and what it starts, may have open.

use crate::error::HarnessError;
use crate::program::run;
use std::fs;
use std::process::Command;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

/// Raises the limit as far as anybody may without being asked, and says how far that is.
///
/// # Errors
/// [`HarnessError::Missing`] or [`HarnessError::System`] when it can be neither told nor raised.
pub fn raise_file_limit() -> Result<usize, HarnessError> {
    let limits = fs::read_to_string("/proc/self/limits").map_err(HarnessError::system("read the limits"))?;
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    let most = files.split_whitespace().nth(1).unwrap_or_default();
    let mut raise = Command::new("prlimit");
    raise.args(["--pid", &std::process::id().to_string(), &format!("--nofile={most}:{most}")]);
    let ran = run(&mut raise, "", WITHIN)?;
    match (ran.code, most.parse()) {
        (0, Ok(most)) => Ok(most),
        // As good as none.
        (0, Err(_)) => Ok(usize::MAX),
        _ => Err(HarnessError::system("raise the limit of open files")(std::io::Error::other(ran.stderr))),
    }
}
