//! A person at an open psql: statement by statement, with what each one made psql say. Errors show their code.

use std::time::Duration;

use crate::{HarnessError, LineReader, OnError, Psql, PsqlSession};

/// An open psql that goes on after errors. Dropping it kills it.
pub struct Terminal {
    session: PsqlSession,
    within: Duration,
    marks: u32,
}

/// What one statement made psql say, without the last line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// On standard output: rows and command tags.
    pub out: String,
    /// On standard error: notices and errors.
    pub err: String,
}

impl Terminal {
    /// Connects; every wait is as long as [`Psql::within`] at most.
    ///
    /// # Errors
    /// [`HarnessError::Late`] with psql's words when it cannot connect.
    pub fn open(psql: &Psql) -> Result<Self, HarnessError> {
        let psql = Psql { on_error: OnError::Continue, ..psql.clone() };
        let mut terminal = Self { session: psql.spawn("\\set VERBOSITY verbose")?, within: psql.within, marks: 0 };
        terminal.say("SELECT 'connected'")?;
        Ok(terminal)
    }

    /// Runs a statement to its end.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it does not end in time.
    pub fn say(&mut self, sql: &str) -> Result<Said, HarnessError> {
        self.begin(sql)?;
        self.end()
    }

    /// Sends a statement and does not wait; [`Terminal::end`] does.
    ///
    /// # Errors
    /// [`HarnessError::System`] when psql no longer reads.
    pub fn begin(&mut self, sql: &str) -> Result<(), HarnessError> {
        self.marks += 1;
        let (begin, end) = self.marks();
        self.session.send(&format!("\\echo {begin}\n\\warn {begin}\n{sql};\n\\echo {end}\n\\warn {end}"))
    }

    /// Waits for the end of the last statement.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it does not end in time, or psql ends before.
    pub fn end(&self) -> Result<Said, HarnessError> {
        let (begin, end) = self.marks();
        let between = |stream: &LineReader| -> Result<String, HarnessError> {
            let waited = stream.wait_for(&end, self.within);
            waited.map_err(|error| match error {
                HarnessError::Late { what, waited, .. } => {
                    HarnessError::Late { what, waited, log: self.session.stderr.text() }
                }
                other => other,
            })?;
            let text = stream.text();
            let (_, rest) = text.split_once(&begin).unwrap_or_default();
            Ok(rest.split_once(&end).map_or("", |(said, _)| said).trim_matches('\n').to_owned())
        };
        Ok(Said { out: between(&self.session.stdout)?, err: between(&self.session.stderr)? })
    }

    /// Waits for a line of notices or errors, of this statement or an earlier one, and returns it.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when it does not come in time.
    pub fn told(&self, text: &str) -> Result<String, HarnessError> {
        self.session.stderr.wait_for(text, self.within)
    }

    /// What the last statement has made psql say on standard error so far.
    pub fn told_so_far(&self) -> String {
        let text = self.session.stderr.text();
        let (begin, end) = self.marks();
        let rest = text.split_once(&begin).map_or("", |(_, rest)| rest);
        rest.split(&end).next().unwrap_or_default().trim_matches('\n').to_owned()
    }

    /// The process id of psql.
    pub fn pid(&self) -> u32 {
        self.session.pid()
    }

    fn marks(&self) -> (String, String) {
        (format!("--begin-{}--", self.marks), format!("--end-{}--", self.marks))
    }
}
