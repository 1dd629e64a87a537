//! Statements to be run in a session, as somebody hands them in: a script that PostgreSQL's own parser takes apart, or a
//! list of exact texts.

use countersign_control::{Fault, Script};
use countersign_inspect::sql;
use countersign_journal::{PLAN_BYTES_MAX, PLAN_STEPS_MAX, StepOrder};
use serde::Deserialize;

/// A plan as it is handed in.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    /// One text of many statements.
    Script(String),
    /// Each statement exactly as it will be sent.
    Listed(Vec<String>),
}

/// Reads a plan; one without statements is none.
pub(crate) fn script(texts: Texts, order: StepOrder) -> Result<Option<Script>, Fault> {
    let texts = match texts {
        Texts::Script(script) if script.len() > PLAN_BYTES_MAX => {
            return Err(Fault::Input(format!("a plan has at most {PLAN_BYTES_MAX} bytes of text")));
        }
        Texts::Script(script) => {
            let told = |why: String| Fault::Input(format!("the script of statements to be run {why}"));
            sql::statements(&script).map_err(told)?
        }
        Texts::Listed(texts) => texts,
    };
    if texts.len() > PLAN_STEPS_MAX {
        return Err(countersign_core::Refusal::BadPlan(texts.len()).into());
    }
    let statements: Vec<_> = texts
        .into_iter()
        .map(|text| {
            let facts = sql::facts(&text);
            (text, facts)
        })
        .collect();
    Ok((!statements.is_empty()).then_some(Script { order, statements }))
}

/// In which order: a form's checkbox says something when it is checked.
pub(crate) fn order(in_any: &str) -> StepOrder {
    if in_any.is_empty() { StepOrder::Listed } else { StepOrder::Any }
}
