//! The loads: the real `ssh` and `sftp`, with what the gateway in between used meanwhile.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use countersign_harness::{HarnessError, run};

use super::place::{Place, Way};
use crate::load::{Kind, Sample};
use crate::process::cpu_seconds;

/// Connections of one run.
const CONNECTS: u32 = 10;
/// Bytes that go through a command, and by SFTP.
const COMMAND_BYTES: u64 = 256 << 20;
const FILE_BYTES: u64 = 512 << 20;
/// How long one run may take.
const WITHIN: Duration = Duration::from_secs(300);

/// All of them.
pub const LOADS: [Load; 5] = [Load::Connect, Load::Download, Load::Upload, Load::Get, Load::Put];

/// One kind of load.
#[derive(Clone, Copy)]
pub enum Load {
    /// Connects and runs `true`, again and again.
    Connect,
    /// `cat` of a file.
    Download,
    /// `cat` of what is sent.
    Upload,
    /// A file by SFTP, of which 64 parts are under way at a time, which is what `sftp` does.
    Get,
    /// The same up.
    Put,
}

impl Load {
    /// What it is called, with its units.
    pub fn kind(self) -> Kind {
        let name = match self {
            Self::Connect => "ssh_connect",
            Self::Download => "ssh_download",
            Self::Upload => "ssh_upload",
            Self::Get => "ssh_sftp_get",
            Self::Put => "ssh_sftp_put",
        };
        let (rate, cpu) = match self {
            Self::Connect => ("per_s", "cpu_us_per_connect"),
            _ => ("mb_per_s", "cpu_s_per_gb"),
        };
        Kind { name: name.to_owned(), rate, cpu }
    }

    /// Runs it once.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with the client's words.
    pub fn run(self, place: &Place, way: &Way) -> Result<Sample, HarnessError> {
        let used = || way.gateway.map(cpu_seconds).transpose();
        let mut load: Box<dyn FnMut() -> Result<(), HarnessError>> = match self {
            Self::Connect => Box::new(|| (0..CONNECTS).try_for_each(|_| ends(way.ssh.command()?.arg("true")))),
            Self::Download => {
                let file = place.file(COMMAND_BYTES)?;
                Box::new(move || ends(way.ssh.command()?.arg(format!("cat {}", file.display()))))
            }
            Self::Upload => {
                let file = open(&place.file(COMMAND_BYTES)?)?;
                Box::new(move || {
                    let again = file.try_clone().map_err(|source| trouble("open a file", source))?;
                    let mut ssh = way.ssh.command()?;
                    ends_with(ssh.arg("cat > /dev/null"), again.into())
                })
            }
            Self::Get | Self::Put => {
                let (from, to) = (place.file(FILE_BYTES)?, place.file(0)?);
                let verb = if matches!(self, Self::Get) { "get" } else { "put" };
                let line = format!("{verb} {} {}\n", from.display(), to.display());
                Box::new(move || run(&mut way.ssh.sftp_command()?, &line, WITHIN)?.output("sftp").map(drop))
            }
        };
        let (before, started) = (used()?, Instant::now());
        load()?;
        let (seconds, after) = (started.elapsed().as_secs_f64(), used()?);
        let cpu = before.zip(after).map(|(before, after)| after - before);
        let of =
            |bytes: u64| Sample { rate: bytes as f64 / 1e6 / seconds, cpu: cpu.map(|cpu| cpu * 1e9 / bytes as f64) };
        Ok(match self {
            Self::Connect => {
                let connects = f64::from(CONNECTS);
                Sample { rate: connects / seconds, cpu: cpu.map(|cpu| cpu * 1e6 / connects) }
            }
            Self::Download | Self::Upload => of(COMMAND_BYTES),
            Self::Get | Self::Put => of(FILE_BYTES),
        })
    }
}

fn ends(command: &mut Command) -> Result<(), HarnessError> {
    ends_with(command, Stdio::null())
}

fn ends_with(command: &mut Command, input: Stdio) -> Result<(), HarnessError> {
    let ran = command.stdin(input).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let ran = ran.and_then(std::process::Child::wait_with_output).map_err(|source| trouble("run `ssh`", source))?;
    if ran.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&ran.stderr).into_owned();
    Err(HarnessError::Failed { program: "ssh".to_owned(), code: ran.status.code().unwrap_or(-1), stderr })
}

fn open(path: &Path) -> Result<File, HarnessError> {
    File::open(path).map_err(|source| trouble("open a file", source))
}

fn trouble(what: &str, source: std::io::Error) -> HarnessError {
    HarnessError::System { what: what.to_owned(), source }
}
