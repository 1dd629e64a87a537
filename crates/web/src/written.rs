//! What somebody typed that would be run, read as its target would read it.

use countersign_control::{Actor, Control};
use countersign_core::Protocol;
use countersign_inspect::{shell, sql};
use countersign_journal::{ActionFacts, Language};

/// What is run on the target that a label stands for; statements where it stands for none that the actor may know of.
pub(crate) fn language(control: &Control, actor: &Actor, target: &str) -> Language {
    match control.account_for(actor, target).ok().and_then(|account| control.protocol_of(account)) {
        Some(Protocol::Ssh) => Language::Shell,
        Some(Protocol::Postgresql) | None => Language::Sql,
    }
}

/// The facts of a text for a target; nothing where nothing is typed.
pub(crate) fn facts(control: &Control, actor: &Actor, target: &str, text: &str) -> Option<ActionFacts> {
    (!text.trim().is_empty()).then(|| match language(control, actor, target) {
        Language::Shell => shell::facts(text),
        Language::Sql => sql::facts(text),
    })
}
