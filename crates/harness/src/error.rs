//! What can go wrong around a component. All of it is trouble: the machine is to blame, not the code under test.

use std::path::PathBuf;
use std::time::Duration;

/// Why a component could not be started or used.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A program is absent; the set-up script installs it.
    #[error("`{program}` is not installed: install the Debian package `{package}` or run `scripts/setup.sh full`")]
    Missing {
        /// The program that was looked for.
        program: String,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The npm packages of a folder are absent.
    #[error("`{folder}` has no npm packages: run `npm ci` there or `scripts/setup.sh full`")]
    MissingNpmPackages {
        /// The folder with the lock file.
        folder: PathBuf,
    },
    /// The operating system refused something.
    #[error("could not {what}: {source}")]
    System {
        /// What was attempted, as a verb phrase.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("`{program}` failed with code {code}: {stderr}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit code, -1 after a signal.
        code: i32,
        /// What it said.
        stderr: String,
    },
    /// Something did not happen within its deadline.
    #[error("{what} did not happen within {waited:?}: {log}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// The end of the log of the component in question.
        log: String,
    },
    /// A certificate could not be made.
    #[error("could not make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

impl HarnessError {
    /// Wraps an error of the operating system: `.map_err(HarnessError::system("read `x`"))`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
