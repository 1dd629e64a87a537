//! Prepared statements: what preparing and describing them may already run, and their parsing again before they are
//! released. The target reads the literals of a text by the settings of the moment it is parsed; those that were approved
//! are those of its release.

use super::catalogue::Names;
use super::hold::{No, Waiting};
use super::message::{self, Frontend, Malformed, put};
use super::pipeline::{Expect, For, Pipeline, Statement};
use super::relay::{End, FIRST_OWN_TYPE, Relay};
use bytes::{BufMut, Bytes, BytesMut};
use countersign_core::digest::UnitPart;
use countersign_journal::ActionFacts;
use std::collections::HashSet;

/// A prepared statement to be parsed again, under its own name.
pub(super) struct Anew {
    name: Vec<u8>,
    sql: Vec<u8>,
    types: Vec<u32>,
}

/// What a unit binds that was prepared before it, as far as its text was seen.
///
/// # Errors
/// When a message cannot be read, which those of a unit can.
pub(super) fn prepared_before(messages: &[Bytes], parts: &[UnitPart]) -> Result<Vec<Anew>, Malformed> {
    let (mut known, mut anew) = (HashSet::new(), Vec::new());
    let mut parts = parts.iter();
    for bytes in messages {
        match message::frontend(bytes)? {
            Frontend::Parse { name, .. } => drop(known.insert(name.to_vec())),
            Frontend::Bind(bind) => {
                let Some(part) = parts.next() else { continue };
                if !part.sql.is_empty() && known.insert(bind.statement.to_vec()) {
                    let (sql, types) = (part.sql.clone(), part.parameter_types.clone());
                    anew.push(Anew { name: bind.statement.to_vec(), sql, types });
                }
            }
            _ => {}
        }
    }
    Ok(anew)
}

impl Anew {
    /// Close and Parse, whose answers are ours.
    pub(super) fn write(&self, pipeline: &mut Pipeline, out: &mut BytesMut) {
        let Anew { name, sql, types } = self;
        put(b'C', &[b"S", &name[..], b"\0"].concat(), out);
        let mut body = [&name[..], b"\0", &sql[..], b"\0"].concat();
        body.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX)); // as many as such a message brought
        types.iter().for_each(|oid| body.put_u32(*oid));
        put(b'P', &body, out);
        let parsed = pipeline.parsed(sql, types);
        pipeline.expect(Expect::CloseStatement(name.clone()), For::Us);
        pipeline.expect(Expect::Parse(name.clone(), parsed), For::Us);
    }
}

impl Relay {
    /// Whether the target may run code when it only prepares a text: it reads literals of types of the user's own then,
    /// and their checks with them.
    pub(super) fn may_run_when_parsed(&mut self, sql: &[u8]) -> bool {
        if !self.restricted {
            return false;
        }
        let facts = self.facts(sql);
        // A text that cannot be read may hold such a literal wherever it has a quotation.
        let quotes = sql.iter().any(|b| matches!(b, b'\'' | b'$'));
        let unread = facts.statements.is_empty() && !facts.unknown.is_empty() && quotes;
        unread || facts.statements.iter().any(|s| s.composite_literals)
    }

    /// The same for a prepared statement that is described: the target may prepare it anew for that.
    pub(super) fn may_run_when_described(&mut self, name: &[u8]) -> Option<Statement> {
        let meant = self.pipeline.meaning(name);
        meant.into_iter().find(|statement| match statement {
            Statement::Known(sql, _) => self.may_run_when_parsed(sql),
            Statement::Opaque | Statement::Misread => self.restricted,
        })
    }

    /// What nobody saw may run code when it is described, unless the target skips that. Returns whether it may go.
    pub(super) async fn refuse_unseen(&mut self, bytes: &Bytes) -> Result<bool, End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            return Ok(true);
        }
        let words = "what this statement is was not seen, and describing it may run code; prepare it again";
        self.refuse_parse(bytes, b"", No::privilege(words)).await?;
        Ok(false)
    }

    /// A Parse that may run code goes only once the session has said that it does not, and only if nothing about it is in
    /// doubt: functions and operators may take types of the user's own too. Returns whether it may.
    pub(super) async fn slow_parse(&mut self, bytes: &Bytes, sql: &[u8], types: &[u32]) -> Result<bool, End> {
        self.quiesce().await?;
        if self.pipeline.has_failed() {
            return Ok(true); // the target skips it
        }
        let facts = (*self.facts(sql)).clone();
        let declared = types.iter().any(|oid| *oid >= FIRST_OWN_TYPE);
        let certain = match self.meaning_of(&facts).await? {
            Ok(answers) => answers.refine(&facts, &Names::of(&facts)).unknown.is_empty(),
            Err(_) => false,
        };
        if certain && !declared {
            return Ok(true);
        }
        let words = match facts.statements.is_empty() {
            true => {
                "this cannot be read, and preparing it may already run code; correct it, or send it as a simple query"
            }
            false => "preparing this may already run code of a type of your own; send it as a simple query",
        };
        self.refuse_parse(bytes, sql, No::privilege(words)).await?;
        Ok(false)
    }

    /// A session may not prepare more: the gateway keeps every text.
    pub(super) async fn refuse_more_statements(&mut self, bytes: &Bytes, sql: &[u8]) -> Result<(), End> {
        self.quiesce().await?;
        let words = "too many or too long prepared statements in this session; close some".to_owned();
        self.refuse_parse(bytes, sql, No { code: "53400", words, hint: String::new() }).await
    }

    async fn refuse_parse(&mut self, bytes: &Bytes, sql: &[u8], no: No) -> Result<(), End> {
        let facts = ActionFacts::default();
        let waiting =
            Waiting { messages: vec![bytes.clone()], parts: vec![UnitPart::alone(sql)], facts, simple: false };
        self.refuse(waiting, no).await
    }
}
