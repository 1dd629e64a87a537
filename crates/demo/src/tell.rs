//! The narrator: what is done, what came, whether it is what should have come.

use std::io::IsTerminal;

use countersign_harness::HarnessError;

/// Why the demonstration ends early.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A step went otherwise than it should.
    #[error("step {step} misbehaved\n  expected: {expected}\n  came:     {came}")]
    Misbehaved {
        /// Its number.
        step: u32,
        /// What should have come.
        expected: String,
        /// What came.
        came: String,
    },
    /// A component is not there or failed.
    #[error(transparent)]
    Harness(#[from] HarnessError),
    /// A file of ours could not be used.
    #[error("could not {what}: {source}")]
    File {
        /// What was attempted, as a verb phrase.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Prints the story and checks it.
pub struct Narrator {
    step: u32,
    colours: bool,
}

impl Narrator {
    /// A narrator before the first step; uses colours only on a terminal.
    pub fn new() -> Self {
        Self { step: 0, colours: std::io::stdout().is_terminal() }
    }

    /// Begins the next step.
    pub fn step(&mut self, title: &str) {
        self.step += 1;
        println!("\n{}", self.coloured("1", &format!("{:2}  {title}", self.step)));
    }

    /// What somebody types.
    pub fn types(&self, who: &str, command: &str) {
        let mut lines = command.lines();
        println!("    {} {}", self.coloured("36", &format!("{who} $")), lines.next().unwrap_or_default());
        for line in lines {
            println!("      {}", line.trim_start());
        }
    }

    /// What a program answered.
    pub fn shows(&self, output: &str) {
        for line in output.trim_end().lines() {
            println!("    {} {}", self.coloured("2", "│"), line.trim_end());
        }
    }

    /// Ends with what was expected and what came, unless it holds; says it otherwise.
    ///
    /// # Errors
    /// [`DemoError::Misbehaved`] when it does not hold.
    pub fn check(&self, expected: &str, holds: bool, came: &str) -> Result<(), DemoError> {
        if holds {
            println!("    {} {expected}", self.coloured("32", "✓"));
            return Ok(());
        }
        let came = if came.trim().is_empty() { "nothing" } else { came.trim() };
        Err(DemoError::Misbehaved { step: self.step, expected: expected.to_owned(), came: came.to_owned() })
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
