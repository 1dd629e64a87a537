//! An upload that somebody must approve before the target knows of it: what is written is kept here, and what is asked for at its
//! end is that these bytes, with these flags and attributes, are written.

use super::facts::{self, Operation, words};
use super::held::unit;
use super::wire::{self, Asks, Attributes, flags};
use bytes::Bytes;
use countersign_control::{Contents, Spool, Unit};
use countersign_journal::ActionFacts;
use data_encoding::HEXLOWER;

/// Attributes that are set of one upload, in parts.
const SETS_MAX: usize = 16;

/// What is uploaded.
pub(super) struct Upload {
    pub(super) wanted: Wanted,
    spool: Spool,
    /// Why it is not whole.
    broken: Option<String>,
}

/// An upload that is whole.
pub(super) struct Whole {
    pub(super) wanted: Wanted,
    pub(super) contents: Contents,
}

/// What is to be done with the contents.
pub(super) struct Wanted {
    /// In the transcript.
    pub(super) number: u64,
    pub(super) operation: Operation,
    /// The request that opened it, as it came.
    pub(super) opens: Bytes,
    /// What is set of it once it is written, in order.
    pub(super) sets: Vec<Attributes>,
    /// What the rules are asked: that it is written, and what is set.
    pub(super) facts: ActionFacts,
}

/// Whether an upload that is opened so may wait.
///
/// # Errors
/// Why not: what it would become depends on what is there already.
pub(super) fn may_wait(opened: u32) -> Result<(), &'static str> {
    if facts::reads(opened) {
        Err(
            "somebody would have to approve this, and a file that waits for that is opened to be read or to be written, not both",
        )
    } else if opened & flags::APPEND != 0 {
        Err("somebody would have to approve this, and an upload that waits for that begins at the first byte")
    } else {
        Ok(())
    }
}

impl Upload {
    pub(super) fn new(number: u64, operation: Operation, opens: Bytes, spool: Spool) -> Upload {
        let facts = operation.facts.clone();
        let wanted = Wanted { number, operation, opens, sets: Vec::new(), facts };
        Upload { wanted, spool, broken: None }
    }

    /// Keeps what is written. It comes in order, so that what is asked for has no holes.
    pub(super) async fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), String> {
        let wrote = match self.takes(offset, data.len() as u64) {
            Ok(()) => self.spool.add(data).await.map_err(|fault| fault.to_string()),
            Err(why) => Err(why),
        };
        if let Err(why) = &wrote {
            self.broken.get_or_insert_with(|| why.clone());
        }
        wrote
    }

    fn takes(&self, offset: u64, bytes: u64) -> Result<(), String> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        self.spool.may_have(offset.saturating_add(bytes)).map_err(|fault| fault.to_string())?;
        if offset != self.spool.bytes() {
            return Err(
                "an upload that waits for approval is written in order, from the first byte to the last".to_owned()
            );
        }
        if self.wanted.sets.iter().any(|set| set.size.is_some()) {
            return Err("its size was set, and nothing is written behind that while it waits for approval".to_owned());
        }
        Ok(())
    }

    /// Takes attributes that are set once it is written.
    pub(super) fn set(&mut self, attributes: Attributes, facts: ActionFacts) -> Result<(), &'static str> {
        if attributes.size.is_some_and(|size| size != self.spool.bytes()) {
            return Err("an upload that waits for approval is as long as what was written");
        }
        if self.wanted.sets.len() >= SETS_MAX {
            return Err("attributes are set too often");
        }
        self.wanted.sets.push(attributes);
        self.wanted.facts = ActionFacts::joined([self.wanted.facts.clone(), facts]);
        Ok(())
    }

    pub(super) fn is_whole(&self) -> bool {
        self.broken.is_none()
    }

    /// What it is so far.
    pub(super) fn state(&self) -> Attributes {
        Attributes { size: Some(self.spool.bytes()), ..Attributes::default() }
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// Why it is not whole.
    pub(super) async fn whole(self) -> Result<Whole, String> {
        let Upload { wanted, spool, broken } = self;
        if let Some(why) = broken {
            return Err(format!("it is not whole: {why}"));
        }
        let contents = spool.whole().await.map_err(|fault| fault.to_string())?;
        Ok(Whole { wanted, contents })
    }
}

impl Whole {
    /// What is asked for.
    pub(super) fn unit(&self) -> Unit {
        let Whole { wanted, contents } = self;
        let mut unit = unit(&wanted.operation, &wanted.opens);
        let part = &mut unit.parts[0].sql;
        let told = format!(" ({})", told(contents));
        // Behind the first line, which names the path.
        let at = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        part.splice(at..at, told.into_bytes());
        for set in &wanted.sets {
            part.extend_from_slice(format!("\nthen sets:{}", words(set)).as_bytes());
            unit.settings.push(("attributes".to_owned(), HEXLOWER.encode(&wire::attributes(set))));
        }
        if keeps(&wanted.opens) {
            part.extend_from_slice(match wanted.sets.iter().any(|set| set.size.is_some()) {
                true => b"\nin what is there, which is cut off behind it",
                false => b"\nin what is there; what is behind it stays",
            });
        }
        unit
    }
}

/// Whether what is there is written over and not begun anew.
fn keeps(opens: &[u8]) -> bool {
    const ANEW: u32 = 16;
    const NEW: u32 = 8 | 32;
    let opened = wire::request(opens).ok().and_then(|request| match request.asks {
        Asks::Open { flags, .. } => Some(flags),
        _ => None,
    });
    opened.is_some_and(|flags| flags & ANEW == 0 && flags & NEW != NEW)
}

/// Contents in words, for people.
fn told(contents: &Contents) -> String {
    let digits = contents.bytes.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let bytes = String::from_utf8_lossy(&groups.join(&b","[..])).into_owned();
    format!("{bytes} bytes, SHA-256 {}", HEXLOWER.encode(&contents.sha256))
}

/// Contents as the transcript has them.
pub(super) fn sum(contents: &Contents) -> String {
    format!("{} bytes, SHA-256 {}", contents.bytes, HEXLOWER.encode(&contents.sha256))
}
