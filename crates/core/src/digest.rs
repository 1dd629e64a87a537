//! What is signed and what is released: the two digests, defined once.
//!
//! [`attempt`] covers everything that decides what a unit of statements does. [`request`] is what approvers sign: it
//! covers the act (with its attempt), the people, the reason, the rules and the frozen levels.

use crate::directory::Directory;
use countersign_journal::{
    Act, Attempt, Change, ChangePlan, Commitment, Digest, GrantId, PersonFacts, PersonId, Policy, RequestId, RuleId,
    TargetFacts, Terms, TrackPlan,
};
use serde::{Deserialize, Serialize};

/// One statement text with its bound values, exactly as the client sent them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct UnitPart {
    /// The SQL text, byte for byte.
    #[serde(with = "serde_bytes")]
    pub sql: Vec<u8>,
    /// Parameter type ids as the client declared them.
    pub parameter_types: Vec<u32>,
    /// Parameter format codes.
    pub parameter_formats: Vec<i16>,
    /// Parameter values; `None` is SQL NULL.
    pub parameters: Vec<Option<serde_bytes::ByteBuf>>,
    /// Result format codes.
    pub result_formats: Vec<i16>,
    /// Row limits of its executions, in order.
    pub row_limits: Vec<i32>,
}

impl UnitPart {
    /// A text alone, without values.
    #[must_use]
    pub fn alone(text: &[u8]) -> UnitPart {
        UnitPart {
            sql: text.to_vec(),
            parameter_types: Vec::new(),
            parameter_formats: Vec::new(),
            parameters: Vec::new(),
            result_formats: Vec::new(),
            row_limits: Vec::new(),
        }
    }
}

/// Everything that decides what a unit does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AttemptParts<'a> {
    /// Whose session.
    pub person: PersonId,
    /// On what, with its pinned identity and database.
    pub target: &'a TargetFacts,
    /// Which protocol, e.g. `postgresql`.
    pub protocol: &'a str,
    /// Under which connect grant.
    pub grant: GrantId,
    /// The statements.
    pub unit: &'a [UnitPart],
    /// Settings of the session that change meaning, as read on the target.
    pub settings: &'a [(String, String)],
    /// Views, functions, triggers and tables touched, with a fingerprint of each.
    pub objects: &'a [(String, String)],
}

/// The digest of a unit: equal bytes under equal settings under the same grant, and nothing else, give the same.
#[must_use]
pub fn attempt(parts: &AttemptParts<'_>) -> Attempt {
    Attempt(Digest::of_value("countersign attempt v1", parts))
}

/// Everything a request is.
#[derive(Clone, Debug, Serialize)]
pub struct RequestParts<'a> {
    /// Its number.
    pub request: RequestId,
    /// Who asks.
    pub person: &'a PersonFacts,
    /// On what.
    pub target: &'a TargetFacts,
    /// For what.
    pub act: &'a Act,
    /// Why.
    pub reason: Option<Commitment>,
    /// The asked terms.
    pub terms: Terms,
    /// The rules it came from.
    pub rules: &'a [RuleId],
    /// The frozen levels.
    pub tracks: &'a [TrackPlan],
    /// The reason chosen from a list.
    pub choice: Option<&'a str>,
    /// The ticket it belongs to.
    pub ticket: Option<&'a str>,
    /// The statements to be run in its sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<&'a ChangePlan>,
    /// Makes it unpredictable.
    #[serde(with = "serde_bytes")]
    pub nonce: [u8; 32],
}

/// What approvers sign.
#[must_use]
pub fn request(parts: &RequestParts<'_>) -> Digest {
    Digest::of_value("countersign request v2", parts)
}

/// What a change of directory is known by in the journal.
#[must_use]
pub fn directory(directory: &Directory) -> Digest {
    Digest::of_value("countersign directory v1", directory)
}

/// What directory and policy are together known by, to those who approve them.
#[must_use]
pub fn change(new: &Directory, policy: &Policy) -> Digest {
    Change::digest_of(directory(new), policy)
}
