//! The real `psql`, run to its end or kept open line by line. Must not know what it connects to: PostgreSQL
//! itself, PgBouncer or a gateway.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::program::{self, Ran};
use crate::{HarnessError, wait_until};

/// How long [`Psql::run`] may take unless told otherwise.
const RUN_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of output kept per stream; what comes after is read and dropped.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// How results are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `-A -t`: values only, separated by `|`.
    Bare,
    /// psql's own tables.
    Table,
}

/// What psql does after a statement failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Ends with code 3, or 1 for a single string (`ON_ERROR_STOP=1`).
    Stop,
    /// Goes on with the next statement.
    Continue,
}

/// One way to connect with psql; always `sslmode=verify-full`, never the user's own psql settings.
#[derive(Clone, Debug)]
pub struct Psql {
    /// Host name; must be in the server's certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password, passed in the environment.
    pub password: String,
    /// Database name.
    pub database: String,
    /// File with the root certificate.
    pub ca: PathBuf,
    /// Options of the connection, as `PGOPTIONS`.
    pub options: String,
    /// Layout of results.
    pub layout: Layout,
    /// What happens after an error.
    pub on_error: OnError,
    /// How long [`Psql::run`] may take before psql is killed.
    pub within: Duration,
}

impl Psql {
    /// A connection to `127.0.0.1` with bare output that stops at the first error.
    pub fn new(port: u16, user: &str, password: &str, database: &str, ca: &Path) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            ca: ca.to_owned(),
            options: String::new(),
            layout: Layout::Bare,
            on_error: OnError::Stop,
            within: RUN_WITHIN,
        }
    }

    /// Runs `psql -c sql`: all of `sql` travels as one simple query.
    ///
    /// # Errors
    /// Only trouble with psql itself; a failed statement is in [`Ran`].
    pub fn run(&self, sql: &str) -> Result<Ran, HarnessError> {
        program::run(self.command()?.args(["-c", sql]), "", self.within)
    }

    /// Opens a psql that stays connected, and sends it `sql` (as lines; each statement travels alone).
    ///
    /// # Errors
    /// [`HarnessError::Missing`] or [`HarnessError::System`] when psql cannot be started.
    pub fn spawn(&self, sql: &str) -> Result<PsqlSession, HarnessError> {
        let mut child = self
            .command()?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(HarnessError::system("run `psql`"))?;
        let mut session = PsqlSession {
            stdin: child.stdin.take(),
            stdout: LineReader::start(child.stdout.take().expect("stdout was piped above")),
            stderr: LineReader::start(child.stderr.take().expect("stderr was piped above")),
            child,
        };
        session.send(sql)?;
        Ok(session)
    }

    fn command(&self) -> Result<Command, HarnessError> {
        let mut command = Command::new(program::find("psql", "postgresql-client")?);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().envs([
            ("PATH", path.as_os_str()),
            ("LC_ALL", OsStr::new("C.UTF-8")),
            ("PGHOST", OsStr::new(&self.host)),
            ("PGUSER", OsStr::new(&self.user)),
            ("PGPASSWORD", OsStr::new(&self.password)),
            ("PGDATABASE", OsStr::new(&self.database)),
            ("PGOPTIONS", OsStr::new(&self.options)),
            ("PGSSLMODE", OsStr::new("verify-full")),
            ("PGSSLROOTCERT", self.ca.as_os_str()),
        ]);
        command.env("PGPORT", self.port.to_string()).args(["-X", "-w"]);
        if self.on_error == OnError::Stop {
            command.args(["-v", "ON_ERROR_STOP=1"]);
        }
        if self.layout == Layout::Bare {
            command.args(["-A", "-t"]);
        }
        Ok(command)
    }
}

/// An open psql. Dropping it kills it.
#[derive(Debug)]
pub struct PsqlSession {
    /// What it has written to standard output.
    pub stdout: LineReader,
    /// What it has written to standard error: notices and errors.
    pub stderr: LineReader,
    stdin: Option<ChildStdin>,
    child: Child,
}

impl PsqlSession {
    /// The process id of psql.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line; a statement runs at its semicolon.
    ///
    /// # Errors
    /// [`HarnessError::System`] when psql no longer reads.
    pub fn send(&mut self, sql: &str) -> Result<(), HarnessError> {
        let Some(stdin) = &mut self.stdin else { return Ok(()) };
        stdin
            .write_all(sql.as_bytes())
            .and_then(|()| stdin.write_all(b"\n"))
            .map_err(HarnessError::system("send a statement to `psql`"))
    }

    /// Sends `SIGINT`, as Ctrl-C does: psql asks the server to cancel the running statement and, since its input is
    /// no terminal, then ends with code 3.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] when psql has already ended.
    pub fn interrupt(&self) -> Result<(), HarnessError> {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", "kill -s INT \"$1\"", "sh"]).arg(self.pid().to_string());
        program::run(&mut kill, "", RUN_WITHIN)?.output("kill").map(drop)
    }

    /// Closes its input and waits for its end.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it has not ended in time; it is killed then.
    pub fn finish(mut self, within: Duration) -> Result<Ran, HarnessError> {
        self.stdin = None;
        ended("psql", &mut self.child, &self.stdout, &self.stderr, within)
    }
}

impl Drop for PsqlSession {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program whose output is read wrote, once it has ended.
pub(crate) fn ended(
    program: &str,
    child: &mut Child,
    stdout: &LineReader,
    stderr: &LineReader,
    within: Duration,
) -> Result<Ran, HarnessError> {
    let status = wait_until(within, || child.try_wait().transpose());
    let status = status.ok_or_else(|| stderr.late(&format!("the end of `{program}`"), within))?;
    let status = status.map_err(HarnessError::system(format!("wait for `{program}`")))?;
    let (stdout, stderr) = (stdout.text_to_end(within), stderr.text_to_end(within));
    Ok(Ran { stdout, stderr, code: status.code().unwrap_or(-1) })
}

/// Reads one output stream of a process in the background and lets a test wait for a line.
#[derive(Debug)]
pub struct LineReader {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    /// The lines.
    text: String,
    /// The line that has not ended yet.
    begun: Vec<u8>,
    ended: bool,
}

impl LineReader {
    /// Starts reading; ends by itself when the stream ends.
    pub(crate) fn start(stream: impl Read + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            let mut stream = stream;
            let mut bytes = [0; 8 << 10];
            while let Ok(read @ 1..) = stream.read(&mut bytes) {
                writer.lock().takes(&bytes[..read]);
                writer.changed.notify_all();
            }
            let mut seen = writer.lock();
            let begun = seen.begun.len();
            seen.ends(begun);
            seen.ended = true;
            drop(seen);
            writer.changed.notify_all();
        });
        Self { shared }
    }

    /// Every line read so far.
    pub fn text(&self) -> String {
        self.shared.lock().text.clone()
    }

    /// Everything read so far, also of a line that has not ended: a prompt, say.
    pub fn so_far(&self) -> String {
        let seen = self.shared.lock();
        seen.text.clone() + &String::from_utf8_lossy(&seen.begun)
    }

    /// The first line that contains `text`, waiting for it at most `within`.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when the deadline passed or the stream ended without such a line.
    pub fn wait_for(&self, text: &str, within: Duration) -> Result<String, HarnessError> {
        let mut found = None;
        self.wait_while(within, |seen| {
            found = seen.text.lines().find(|line| line.contains(text)).map(str::to_owned);
            found.is_none() && !seen.ended
        });
        found.ok_or_else(|| self.late(&format!("a line with `{text}`"), within))
    }

    /// Everything up to the end of the stream, waiting for it at most `within`.
    pub fn text_to_end(&self, within: Duration) -> String {
        self.wait_while(within, |seen| !seen.ended);
        self.text()
    }

    fn late(&self, what: &str, waited: Duration) -> HarnessError {
        HarnessError::Late { what: what.to_owned(), waited, log: self.text() }
    }

    fn wait_while(&self, within: Duration, mut missing: impl FnMut(&Seen) -> bool) {
        let deadline = Instant::now() + within;
        let mut seen = self.shared.lock();
        while missing(&seen) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.changed.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Seen {
    fn takes(&mut self, bytes: &[u8]) {
        let before = self.begun.len();
        self.begun.extend_from_slice(bytes);
        if let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') {
            self.ends(before + last + 1);
        }
    }

    /// So many bytes are whole lines.
    fn ends(&mut self, bytes: usize) {
        let rest = self.begun.split_off(bytes);
        let lines = std::mem::replace(&mut self.begun, rest);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            if self.text.len() + line.len() <= OUTPUT_BYTES_MAX {
                self.text.push_str(&String::from_utf8_lossy(line));
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
