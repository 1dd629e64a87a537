//! Whether the login shell of an account reads commands as POSIX shells do. Where rules speak of commands they are judged by
//! that reading, and a shell of another family (fish, csh, a menu, PowerShell) would find other commands in the same text.
//!
//! It is asked with a line of built-in words that changes nothing. Its answer is not in the line, so that a shell that shows what
//! it is told does not give it, and has a random word in it, so that nothing a start-up file shows can be taken for it. A start-up
//! file that is made to lie can: it is the target's.

use super::{Connection, Running, Said, Start, With};
use crate::{STEP_WAIT, TargetFault, broken};
use tokio::time::timeout;

/// How much of what comes before the answer is looked through, in bytes.
const LOOKED_AT_MAX: usize = 64 * 1024;

/// What a login shell is asked, and what one answers that reads it as POSIX has it.
pub struct Question {
    text: String,
    answer: String,
}

impl Question {
    /// With a word that nobody can know beforehand: letters and digits.
    #[must_use]
    pub fn new(word: &str) -> Question {
        // Assignments, `case`, an expansion that cuts a suffix off, arithmetic and a substitution (POSIX, Shell Command
        // Language, 2.6 and 2.9).
        let text =
            format!("a={word}x; case \"$a\" in {word}?) echo \"countersign-$((6 * 7))-${{a%x}}-$(echo b)\";; esac");
        Question { text, answer: format!("countersign-42-{word}-b") }
    }

    /// The line.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn is_answered_by(&self, output: &[u8]) -> bool {
        output.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_end() == self.answer.as_bytes())
    }
}

/// How a login shell reads commands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// As POSIX has it.
    AsPosix,
    /// In another way.
    Otherwise,
    /// Nobody knows: it answered nothing in time.
    Unknown,
}

impl Connection {
    /// How the login shell reads; nothing before it was asked.
    #[must_use]
    pub fn login_shell_reads(&self) -> Option<Reads> {
        self.reads.get().copied()
    }

    /// Asks it, in a channel of its own that is closed when this returns, unless that is known. What came of it is kept for as long
    /// as the connection lasts; that it could not be asked, or was ended before it answered, is not.
    ///
    /// # Errors
    /// When `question` has none, the target runs no commands, or the answer was cut off.
    pub async fn ask_login_shell<E: From<TargetFault>>(
        &self,
        question: impl Future<Output = Result<Question, E>>,
    ) -> Result<Reads, E> {
        let asked = async {
            let question = question.await?;
            Ok(self.heard(&question).await?)
        };
        self.reads.get_or_try_init(|| asked).await.copied()
    }

    async fn heard(&self, question: &Question) -> Result<Reads, TargetFault> {
        let (command, with) = (Some(question.text.as_bytes()), &With::default());
        let Running { mut says, told } = self.start(Start { command, terminal: None, input: false, with }).await?;
        let answer = async {
            let (mut output, mut exited) = (Vec::new(), false);
            loop {
                match says.next().await? {
                    Said::Out(bytes) if output.len() < LOOKED_AT_MAX => {
                        output.extend_from_slice(&bytes);
                        if question.is_answered_by(&output) {
                            return Ok(Reads::AsPosix);
                        }
                    }
                    Said::Exited(_) => exited = true,
                    // What it said may come behind how it ended (RFC 4254, 6.10).
                    Said::Closed if exited => return Ok(Reads::Otherwise),
                    Said::Killed(_) | Said::Closed => {
                        return Err(broken(&self.device, "its login shell was ended before it answered a question"));
                    }
                    Said::Out(_) | Said::Error(_) => {}
                }
            }
        };
        let heard = timeout(STEP_WAIT, answer).await;
        if heard.is_err() {
            told.kill().await;
        }
        told.hang_up().await;
        if heard.is_err() {
            // Where it does not take that, the end of the session ends it, if it lets us.
            let _ = self.keep_an_end().await;
        }
        heard.unwrap_or(Ok(Reads::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Shells that are no packages of `scripts/setup.sh` take part where they are.
    #[test]
    fn r62_posix_shells_answer_in_one_way_and_others_in_none() {
        let question = Question::new("0a1b2c");
        let answers = |shell: &[&str]| {
            let ran = Command::new(shell[0]).args(&shell[1..]).args(["-c", question.text()]).output();
            ran.ok().map(|ran| question.is_answered_by(&ran.stdout))
        };
        for shell in [&["bash"][..], &["dash"], &["bash", "--posix"]] {
            assert_eq!(answers(shell), Some(true), "{shell:?}");
        }
        for shell in [&["zsh"][..], &["ksh"], &["mksh"], &["yash"], &["busybox", "sh"]] {
            assert_ne!(answers(shell), Some(false), "{shell:?}");
        }
        for shell in [&["fish"][..], &["tcsh"]] {
            assert_eq!(answers(shell), Some(false), "{shell:?}: is its package installed?");
        }
    }

    #[test]
    fn r62_only_the_whole_answer_counts() {
        let question = Question::new("0a1b2c");
        for (output, counts) in [
            ("countersign-42-0a1b2c-b\n", true),
            ("welcome\r\ncountersign-42-0a1b2c-b\r\nbye", true),
            ("countersign-42-0a1b2d-b\n", false),
            ("x countersign-42-0a1b2c-b\n", false),
            (question.text(), false),
            ("", false),
        ] {
            assert_eq!(question.is_answered_by(output.as_bytes()), counts, "{output:?}");
        }
    }
}
