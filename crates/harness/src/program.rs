//! Finding programs and running them to their end within a deadline.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::psql::LineReader;
use crate::{HarnessError, wait_until};

/// Folders searched after `PATH`: servers live in `sbin`, which an ordinary user's `PATH` leaves out.
const MORE_FOLDERS: [&str; 3] = ["/usr/bin", "/usr/sbin", "/usr/local/bin"];

/// What a finished program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// Everything it wrote to standard output.
    pub stdout: String,
    /// Everything it wrote to standard error.
    pub stderr: String,
    /// Its exit code, -1 after a signal.
    pub code: i32,
}

impl Ran {
    /// Whether it ended with code 0.
    pub fn succeeded(&self) -> bool {
        self.code == 0
    }

    /// The standard output of a success.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with its standard error otherwise.
    pub fn output(self, program: &str) -> Result<String, HarnessError> {
        if self.succeeded() {
            return Ok(self.stdout);
        }
        Err(HarnessError::Failed { program: program.to_owned(), code: self.code, stderr: self.stderr })
    }
}

/// Runs a command to its end with `input` on its standard input; kills it when `within` is over.
///
/// # Errors
/// [`HarnessError::System`] when it cannot be started, [`HarnessError::Late`] when it was killed.
pub fn run(command: &mut Command, input: &str, within: Duration) -> Result<Ran, HarnessError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(HarnessError::system(format!("run `{name}`")))?;
    let stdout = LineReader::start(child.stdout.take().expect("stdout was piped above"));
    let stderr = LineReader::start(child.stderr.take().expect("stderr was piped above"));
    let mut stdin = child.stdin.take().expect("stdin was piped above");
    let input = input.to_owned();
    // A program that does not read its input must not hold us; it may also end before it has read all of it.
    std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let status = wait_until(within, || child.try_wait().transpose());
    let Some(status) = status else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(HarnessError::Late { what: format!("the end of `{name}`"), waited: within, log: stderr.text() });
    };
    let status = status.map_err(HarnessError::system(format!("wait for `{name}`")))?;
    Ok(Ran {
        stdout: stdout.text_to_end(within),
        stderr: stderr.text_to_end(within),
        code: status.code().unwrap_or(-1),
    })
}

/// The path of an installed program.
pub(crate) fn find(program: &str, package: &'static str) -> Result<PathBuf, HarnessError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(MORE_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| HarnessError::Missing { program: program.to_owned(), package })
}

/// The root folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_names_its_package() {
        let error = find("no-such-program", "no-such-package").expect_err("it is not there");
        let text = error.to_string();
        assert!(text.contains("`no-such-program`") && text.contains("`no-such-package`"), "{text}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut sleep = Command::new("sleep");
        let ran = run(sleep.arg("600"), "", Duration::from_millis(50));
        assert!(matches!(ran, Err(HarnessError::Late { .. })), "{ran:?}");
    }

    #[test]
    fn input_output_and_code_come_through() {
        let mut shell = Command::new("sh");
        let ran = run(shell.args(["-c", "cat; echo oops >&2; exit 7"]), "in", Duration::from_secs(20));
        let expected = Ran { stdout: "in".to_owned(), stderr: "oops\n".to_owned(), code: 7 };
        assert_eq!(ran.expect("it ran"), expected);
    }
}
