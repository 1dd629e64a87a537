//! Prepared statements that are parsed again before they are released. The target reads the literals of a text by the
//! settings of the moment it is parsed; those that were approved are those of its release.

use super::message::{self, Frontend, Malformed, put};
use super::pipeline::{Expect, For, Pipeline};
use bytes::{BufMut, Bytes, BytesMut};
use countersign_core::digest::UnitPart;
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
