//! Runs a Playwright script of `tests/browser/` with Debian's Chromium. Must not know the pages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::program::{self, Ran};
use crate::{HarnessError, run};

/// How long a script may take.
const SCRIPT_WITHIN: Duration = Duration::from_secs(220);

/// Runs `node <script>` in `tests/browser/`; `script` is relative to that folder. The script finds its settings
/// in `env` and reports by its exit code.
///
/// # Errors
/// [`HarnessError::Missing`] or [`HarnessError::MissingNpmPackages`] when a part is not installed; a failed
/// script is in [`Ran`].
pub fn run_script(script: &Path, env: &[(&str, &str)]) -> Result<Ran, HarnessError> {
    let node = program::find("node", "nodejs")?;
    program::find("chromium", "chromium")?;
    let folder = folder();
    if !folder.join("node_modules/playwright-core").is_dir() {
        return Err(HarnessError::MissingNpmPackages { folder });
    }
    let mut command = Command::new(node);
    command.arg(script).envs(env.iter().copied()).current_dir(&folder);
    run(&mut command, "", SCRIPT_WITHIN)
}

/// Where the scripts live.
pub fn folder() -> PathBuf {
    program::workspace().join("tests/browser")
}

/// Where screenshots go.
pub fn screenshots() -> PathBuf {
    program::workspace().join("target/screenshots")
}
