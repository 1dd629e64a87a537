//! What a process has used, from `/proc`; what the disk costs, by trying.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use countersign_harness::HarnessError;

/// Ticks of `utime` and `stime` per second: `USER_HZ`, 100 on every Linux that matters (proc(5), time(7)).
const TICKS_PER_SECOND: f64 = 100.0;
/// Appends of the probe.
const APPENDS: u32 = 1_000;
/// Bytes of one append.
const APPEND_BYTES: usize = 256;

/// CPU seconds a process has used so far, all threads, user and system.
///
/// # Errors
/// [`HarnessError::System`] when there is no such process.
pub fn cpu_seconds(pid: u32) -> Result<f64, HarnessError> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    // The name is in parentheses and may hold anything; `utime` and `stime` are fields 14 and 15 (proc(5)).
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() / TICKS_PER_SECOND)
}

/// Resident memory of a process now, in KiB.
///
/// # Errors
/// [`HarnessError::System`] when there is no such process.
pub fn resident_kib(pid: u32) -> Result<f64, HarnessError> {
    let status = read(&format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    Ok(line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0.0))
}

/// Durable appends per second in a folder: 256 bytes and `fdatasync` each.
///
/// # Errors
/// [`HarnessError::System`] when the folder cannot be written.
pub fn durable_appends_per_second(folder: &Path) -> Result<f64, HarnessError> {
    let trouble = |source| HarnessError::System { what: format!("append durably in `{}`", folder.display()), source };
    let mut file: File = tempfile::tempfile_in(folder).map_err(trouble)?;
    let started = Instant::now();
    for _ in 0..APPENDS {
        file.write_all(&[b'x'; APPEND_BYTES]).and_then(|()| file.sync_data()).map_err(trouble)?;
    }
    Ok(f64::from(APPENDS) / started.elapsed().as_secs_f64())
}

/// The one-minute load average, as text.
pub fn load_average() -> String {
    let all = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    all.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn read(path: &str) -> Result<String, HarnessError> {
    fs::read_to_string(path).map_err(|source| HarnessError::System { what: format!("read `{path}`"), source })
}
