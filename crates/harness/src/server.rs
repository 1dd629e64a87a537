//! A server process that cannot outlive its test.
//!
//! Between the test and the server stands a keeper, a small shell in a process group of its own that holds the
//! reading end of a pipe. When the test drops the server, ends or is killed, the pipe closes; the keeper then
//! stops the server by its pid and removes its private folder. If the keeper itself is killed, the kernel kills
//! the server (`setpriv --pdeathsig`). So there is no case that leaves a server behind, and statics, which Rust
//! never drops, are covered too.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::{HarnessError, program, wait_until};

/// How long a server may take to end before it is killed; the keeper uses the same number.
const STOP_WITHIN: Duration = Duration::from_secs(10);
/// How long the keeper may take to name the server's pid.
const PID_WITHIN: Duration = Duration::from_secs(10);
/// Characters of a log quoted in an error.
const LOG_TAIL_BYTES: usize = 2_000;

/// `$1` the stop signal, `$2` the private folder, `$3` the pid file, `$4` seconds to stop, then the command. A file that may grow
/// no more (`prlimit --fsize`) is an error to the command, as on a full disk, and not its end.
const KEEPER: &str = r#"
signal=$1 folder=$2 pid_file=$3 stop_s=$4
shift 4
trap '' XFSZ
"$@" </dev/null &
server=$!
trap : TERM INT HUP
echo "$server" >"$pid_file.new" && mv "$pid_file.new" "$pid_file"
read -r word
kill -s "$signal" "$server" 2>/dev/null
( sleep "$stop_s"; kill -s KILL "$server" ) 2>/dev/null &
bailiff=$!
wait "$server"
kill -s KILL "$bailiff" 2>/dev/null
[ "$word" = keep ] || rm -rf "$folder"
"#;

/// Which account a server runs under.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RunAs {
    /// The account of the test.
    Caller,
    /// The account `postgres` when the test is root, else the account of the test: PostgreSQL and PgBouncer
    /// refuse to be root.
    PostgresIfRoot,
}

/// How to run a server.
pub(crate) struct Plan<'a> {
    /// Name for messages and the log file.
    pub name: &'static str,
    /// The program.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The private folder; removed when the server ends for good.
    pub folder: &'a Path,
    /// The account.
    pub run_as: RunAs,
    /// The signal that stops it in an orderly way, without `SIG`.
    pub stop_signal: &'static str,
    /// The signal the kernel sends it when the keeper is killed, without `SIG`.
    pub orphan_signal: &'static str,
}

/// A running server and its keeper. Dropping it stops the server, waits for it and removes its folder.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    pid: u32,
    log: PathBuf,
    keeper: Child,
    pipe: Option<ChildStdin>,
}

impl Server {
    pub(crate) fn start(plan: Plan<'_>) -> Result<Self, HarnessError> {
        let setpriv = program::find("setpriv", "util-linux")?;
        let log = plan.folder.join(format!("{}.log", plan.name));
        let pid_file = plan.folder.join(format!("{}.pid", plan.name));
        let _ = fs::remove_file(&pid_file);
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(HarnessError::system(format!("open the log `{}`", log.display())))?;
        let errors = output.try_clone().map_err(HarnessError::system("share a log file"))?;

        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper", plan.stop_signal]).arg(plan.folder).arg(&pid_file);
        command.arg(STOP_WITHIN.as_secs().to_string());
        command.arg(setpriv).args(["--pdeathsig", plan.orphan_signal]).args(identity(plan.run_as)).arg("--");
        command.arg(plan.program).args(&plan.arguments);
        let mut keeper = command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(HarnessError::system(format!("start the keeper of `{}`", plan.name)))?;
        let pipe = keeper.stdin.take();
        let mut server = Self { name: plan.name, pid: 0, log, keeper, pipe };
        server.pid = wait_until(PID_WITHIN, || fs::read_to_string(&pid_file).ok()?.trim().parse().ok())
            .ok_or_else(|| server.late("its start", PID_WITHIN))?;
        Ok(server)
    }

    /// The process id of the server itself.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The end of what the server wrote to its log.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned()
    }

    /// Whether the server process is still there.
    pub(crate) fn is_running(&self) -> bool {
        // The state follows the name, which is in parentheses and may hold anything (proc(5)); `Z` has ended.
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with(['Z', 'X']))
    }

    /// Waits until `ready` says so, and fails early when the server has ended.
    pub(crate) fn wait_ready(&self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<(), HarnessError> {
        let answer = wait_until(within, || match (ready(), self.is_running()) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        });
        match answer {
            Some(true) => Ok(()),
            Some(false) => {
                Err(HarnessError::Failed { program: self.name.to_owned(), code: -1, stderr: self.log_tail() })
            }
            None => Err(self.late("readiness", within)),
        }
    }

    /// Stops the server and waits for it, but leaves its folder.
    pub(crate) fn stop_keeping_folder(mut self) {
        if let Some(pipe) = &mut self.pipe {
            // A keeper that is gone has nothing to keep; the drop below waits for it either way.
            let _ = pipe.write_all(b"keep\n");
        }
    }

    fn late(&self, what: &str, waited: Duration) -> HarnessError {
        HarnessError::Late { what: format!("{what} of `{}`", self.name), waited, log: self.log_tail() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.pipe = None;
        let ended = wait_until(STOP_WITHIN * 2, || self.keeper.try_wait().transpose());
        if ended.is_none() {
            let _ = self.keeper.kill();
            let _ = self.keeper.wait();
        }
    }
}

/// A new private folder for a component, owned by the account that will run it.
pub(crate) fn private_folder(name: &str, run_as: RunAs) -> Result<tempfile::TempDir, HarnessError> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("countersign-{name}-"))
        .tempdir()
        .map_err(HarnessError::system("make a private folder"))?;
    hand_over(folder.path(), run_as)?;
    Ok(folder)
}

/// Gives a file or folder to the account that will run the component.
pub(crate) fn hand_over(path: &Path, run_as: RunAs) -> Result<(), HarnessError> {
    if identity(run_as).is_empty() {
        return Ok(());
    }
    let chown = program::find("chown", "coreutils")?;
    let mut command = Command::new(chown);
    command.arg("-R").arg("postgres:postgres").arg(path);
    program::run(&mut command, "", STOP_WITHIN)?.output("chown")?;
    Ok(())
}

/// A command that runs to its end under the account of a component.
pub(crate) fn command_as(run_as: RunAs, program: &Path) -> Result<Command, HarnessError> {
    let mut command = Command::new(program::find("setpriv", "util-linux")?);
    command.args(identity(run_as)).arg("--").arg(program).current_dir("/");
    Ok(command)
}

fn identity(run_as: RunAs) -> &'static [&'static str] {
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    match run_as {
        RunAs::PostgresIfRoot if is_root => &["--reuid=postgres", "--regid=postgres", "--init-groups"],
        RunAs::PostgresIfRoot | RunAs::Caller => &[],
    }
}
