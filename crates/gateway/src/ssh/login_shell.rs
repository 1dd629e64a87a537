//! Asking the login shell of a target whether it reads commands as they are read here, before the first of them that rules
//! restrict is sent there: once on each connection, and not at all where nothing restricts.

use super::session::Opened;
use countersign_control::{Gate, Recorded, dice};
use countersign_target::ssh::{Connection, Question};

/// Whether commands that rules restrict may be sent by this connection.
///
/// # Errors
/// Why not, in words for whoever sends them.
pub(super) async fn ask(opened: &Opened, target: &Connection) -> Result<(), String> {
    let posix = match target.reads_as_posix() {
        Some(posix) => posix,
        None => asked(opened, target).await?,
    };
    if posix {
        return Ok(());
    }
    let label = opened.gate.lock().await.target_label();
    Err(format!(
        "the login shell of `{label}` does not read commands as POSIX shells do, so that nobody can tell what they would be \
         there; none runs where rules restrict commands: have its login given a shell such as sh, bash, zsh or ksh"
    ))
}

async fn asked(opened: &Opened, target: &Connection) -> Result<bool, String> {
    let question = Question::new(&dice::token().map_err(|fault| fault.to_string())?);
    note(&mut *opened.gate.lock().await, format!("asks the login shell how it reads: {}", question.text())).await?;
    let posix = target.ask_login_shell(&question).await.map_err(|fault| fault.to_string())?;
    let came = if posix { "it reads as POSIX shells do" } else { "it does not read as POSIX shells do" };
    note(&mut *opened.gate.lock().await, came.to_owned()).await?;
    Ok(posix)
}

/// What is sent to the target stands in the transcript before it is.
async fn note(gate: &mut Gate, what: String) -> Result<(), String> {
    gate.record(0, Recorded::Note(what));
    gate.hand_over().await.map_err(|fault| fault.to_string())
}
