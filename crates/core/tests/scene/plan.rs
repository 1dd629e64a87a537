//! Plans in scripts: `plan:a,b` in order, `plan:a+b` in any. `a` to `m` are updates of `customers`, `n` to `y` reads, and
//! `z` is a text that cannot be understood.

use super::number;
use countersign_core::{Input, Planned};
use countersign_journal::{
    ActionFacts, Attempt, ChangePlan, Commitment, Digest, Name, PlanStep, RelationUse, SessionId, StatementFacts,
    StatementKind, StepOrder,
};

/// A plan of units.
pub fn of(units: &str) -> ChangePlan {
    let order = if units.contains('+') { StepOrder::Any } else { StepOrder::Listed };
    let step = |unit: &str| PlanStep {
        sql: ChangePlan::digest_of(unit.as_bytes()),
        facts: facts(unit, None, "customers"),
        held: false,
    };
    ChangePlan { order, texts: Commitment(Digest::ZERO), steps: units.split([',', '+']).map(step).collect() }
}

/// `planned UNIT in SESSION [touching SCHEMA.TABLE] [doubtful] [executing] [fetching]`
pub fn used(unit: &str, rest: &[&str]) -> Input {
    let session = SessionId(number(rest[1]));
    let touching = rest.iter().find_map(|w| w.split_once('.')).unwrap_or(("public", "customers"));
    let mut facts = facts(unit, Some(touching.0), touching.1);
    if rest.contains(&"doubtful") {
        facts.unknown.insert("a trigger runs code of its own".into());
    }
    for statement in &mut facts.statements {
        statement.prepared.extend(rest.contains(&"executing").then(|| "p".to_owned()));
        statement.cursors.extend(rest.contains(&"fetching").then(|| "c".to_owned()));
    }
    let sql = ChangePlan::digest_of(unit.as_bytes());
    Input::Planned(Planned { session, sql, attempt: Attempt(Digest([7; 32])), facts })
}

fn facts(unit: &str, schema: Option<&str>, table: &str) -> ActionFacts {
    let kind = match unit {
        "z" => return ActionFacts::opaque("a DO block"),
        unit if unit < "n" => StatementKind::Update,
        _ => StatementKind::Select,
    };
    let relation = Name { schema: schema.map(str::to_owned), name: table.to_owned() };
    let statement = StatementFacts {
        kinds: [kind].into(),
        relations: [RelationUse { kind, relation }].into(),
        ..StatementFacts::default()
    };
    ActionFacts { statements: vec![statement], ..ActionFacts::default() }
}
