//! Why a command did not do what was asked, by who is to blame, and the exit code that says so.

use countersign_control::Fault;
use std::process::ExitCode;

/// A command that failed. The text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A correct no.
    #[error("{0}")]
    Refused(String),
    /// The command, or a file it names, is wrong.
    #[error("{0}")]
    Usage(String),
    /// The world failed.
    #[error("{0}")]
    Trouble(String),
}

impl Failure {
    /// 1 for a refusal, 2 for wrong usage, 3 for trouble.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Refused(_) => ExitCode::from(1),
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Trouble(_) => ExitCode::from(3),
        }
    }
}

/// Whoever runs `init` or `serve` is the administrator, who may know what failed.
impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        match fault {
            Fault::Trouble(what) => Failure::Trouble(what),
            no => Failure::Refused(no.to_string()),
        }
    }
}
