//! Facts of texts, and what their names mean in this session, each remembered for as long as it can be relied on.

use super::catalogue::{Answers, Names};
use countersign_control::clock::monotonic;
use countersign_journal::{ActionFacts, RelationUse, StatementKind};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::time::{Duration, Instant};

/// Texts whose facts are remembered.
const TEXTS_MAX: usize = 1_024;
/// Longest text whose facts are remembered, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// Sets of names whose meaning is remembered.
const NAMES_MAX: usize = 256;
/// How long a meaning is relied on before the catalogue is asked again: other sessions may change it.
const MEANING_LASTS: Duration = Duration::from_secs(5);

/// Whether a text may hold a word, in any case. The grammar has no other way to write a keyword.
pub(super) fn may_hold(sql: &[u8], word: &[u8]) -> bool {
    sql.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word))
}

/// A view, or a rule on a table, gives what it shows another name under which it can be written. Another session may do
/// that between our question and the target's own look, so it counts as writing.
fn with_new_names(mut facts: ActionFacts, sql: &[u8]) -> ActionFacts {
    if may_hold(sql, b"view") || may_hold(sql, b"rule") {
        let making = facts.statements.iter_mut().filter(|s| s.kinds.contains(&StatementKind::Create));
        for statement in making {
            for kind in [StatementKind::Insert, StatementKind::Update, StatementKind::Delete] {
                statement.kinds.insert(kind);
                let shown: Vec<_> =
                    statement.relations.iter().filter(|u| u.kind == StatementKind::Select).cloned().collect();
                statement.relations.extend(shown.into_iter().map(|used| RelationUse { kind, ..used }));
            }
        }
    }
    facts
}

/// What is remembered of one session.
#[derive(Default)]
pub(super) struct Memory {
    facts: HashMap<Box<[u8]>, Arc<ActionFacts>>,
    meanings: HashMap<Names, (Instant, Arc<Answers>)>,
}

impl Memory {
    /// Facts of one text. Not UTF-8 cannot be read.
    pub(super) fn facts(&mut self, sql: &[u8]) -> Arc<ActionFacts> {
        if let Some(known) = self.facts.get(sql) {
            return known.clone();
        }
        let facts = Arc::new(match std::str::from_utf8(sql) {
            Ok(text) => with_new_names(countersign_inspect::sql::facts(text), sql),
            Err(_) => ActionFacts::opaque("the text is not UTF-8"),
        });
        if sql.len() <= TEXT_BYTES_MAX {
            if self.facts.len() >= TEXTS_MAX {
                self.facts.clear();
            }
            self.facts.insert(sql.into(), facts.clone());
        }
        facts
    }

    /// What names mean, if that was asked lately and nothing since could have changed it.
    pub(super) fn meaning(&self, names: &Names) -> Option<Arc<Answers>> {
        let (asked, answers) = self.meanings.get(names)?;
        (asked.elapsed() < MEANING_LASTS).then(|| answers.clone())
    }

    /// Moving a cursor runs its query, whatever that is by then: that is asked each time.
    pub(super) fn remember(&mut self, names: Names, answers: Arc<Answers>) {
        if names.stands_on_cursors() {
            return;
        }
        if self.meanings.len() >= NAMES_MAX {
            self.meanings.clear();
        }
        self.meanings.insert(names, (monotonic(), answers));
    }

    /// Something ran or failed that may have changed settings or catalogue.
    pub(super) fn forget_meanings(&mut self) {
        self.meanings.clear();
    }
}
