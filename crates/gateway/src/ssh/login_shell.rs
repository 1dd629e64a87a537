//! Asking the login shell of a target whether it reads commands as they are read here, before the first of them that rules
//! restrict is sent there: once on each connection, and not at all where nothing restricts.

use super::session::Opened;
use countersign_control::{Gate, Recorded, dice};
use countersign_target::TargetFault;
use countersign_target::ssh::{Connection, Question, Reads};

/// Whether commands that rules restrict may be sent by this connection.
///
/// # Errors
/// Why not, in words for whoever sends them.
pub(super) async fn ask(opened: &Opened, target: &Connection) -> Result<(), String> {
    let reads = match target.login_shell_reads() {
        Some(reads) => reads,
        None => tokio::select! {
            asked = asked(opened, target) => asked?,
            () = opened.cut() => return Err("the session is over".to_owned()),
        },
    };
    let label = opened.gate.lock().await.target_label();
    match reads {
        Reads::AsPosix => Ok(()),
        Reads::Otherwise => Err(format!(
            "the login shell of `{label}` does not read commands as POSIX shells do, so that nobody can tell what they would be \
             there; none runs where rules restrict commands: have its login given a shell such as sh, bash, zsh or ksh"
        )),
        Reads::Unknown => Err(format!(
            "the login shell of `{label}` did not answer a question, so that nobody can tell how it reads commands; none runs where \
             rules restrict commands: look at its start-up files, and connect again"
        )),
    }
}

async fn asked(opened: &Opened, target: &Connection) -> Result<Reads, String> {
    let mut asks = false;
    let question = async {
        asks = true;
        let question = Question::new(&dice::token().map_err(|fault| fault.to_string())?);
        note(&mut *opened.gate.lock().await, format!("asks the login shell how it reads: {}", question.text())).await?;
        Ok::<_, Trouble>(question)
    };
    let reads = target.ask_login_shell(question).await.map_err(|Trouble(why)| why)?;
    if asks {
        let came = match reads {
            Reads::AsPosix => "it reads as POSIX shells do",
            Reads::Otherwise => "it does not read as POSIX shells do",
            Reads::Unknown => "it did not answer in time",
        };
        note(&mut *opened.gate.lock().await, came.to_owned()).await?;
    }
    Ok(reads)
}

/// Why it could not be asked, in words.
struct Trouble(String);

impl From<String> for Trouble {
    fn from(why: String) -> Trouble {
        Trouble(why)
    }
}

impl From<TargetFault> for Trouble {
    fn from(fault: TargetFault) -> Trouble {
        Trouble(fault.to_string())
    }
}

/// What is sent to the target stands in the transcript before it is.
async fn note(gate: &mut Gate, what: String) -> Result<(), String> {
    gate.record(0, Recorded::Note(what));
    gate.hand_over().await.map_err(|fault| fault.to_string())
}
