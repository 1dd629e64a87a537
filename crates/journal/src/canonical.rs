//! Canonical bytes, digests and commitments.
//!
//! One value has one sequence of bytes: deterministic CBOR (RFC 8949 §4.2.1) in its DAG-CBOR profile. Hashes are
//! SHA-256 with a domain byte in front, so that a leaf can never be read as an inner node (RFC 6962 §2.1).

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 value.
///
/// In canonical bytes it is a byte string; in forms for people (JSON) it is 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { to.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        if from.is_human_readable() {
            let hex = String::deserialize(from)?;
            return Digest::parse(&hex).ok_or_else(|| D::Error::custom("not 64 hexadecimal digits"));
        }
        serde_bytes::deserialize(from).map(Digest)
    }
}

impl Digest {
    /// What stands where there is no entry before.
    pub const ZERO: Digest = Digest([0; 32]);

    /// SHA-256 over `domain`, a zero byte, and each part behind its length, so that no two lists of parts collide.
    #[must_use]
    pub fn of(domain: &str, parts: &[&[u8]]) -> Digest {
        let mut hash = Sha256::new();
        hash.update(domain.as_bytes());
        hash.update([0]);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Digest(hash.finalize().into())
    }

    /// The RFC 6962 leaf hash: SHA-256 over 0x00 and the bytes.
    #[must_use]
    pub fn leaf(bytes: &[u8]) -> Digest {
        let mut hash = Sha256::new();
        hash.update([0]);
        hash.update(bytes);
        Digest(hash.finalize().into())
    }

    /// The digest of a value's canonical bytes under `domain`.
    #[must_use]
    pub fn of_value<T: Serialize>(domain: &str, value: &T) -> Digest {
        Digest::of(domain, &[&encode(value)])
    }

    /// The first eight hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..4])
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn parse(hex: &str) -> Option<Digest> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
        Some(Digest(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A text that may hold secrets, named without being told: SHA-256 over a random salt and the text.
///
/// The text and its salt live together, encrypted, outside the journal; once they are erased nobody can tell the
/// text from the commitment, and the journal still verifies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(pub Digest);

impl Commitment {
    /// Commits to `text` under `salt`.
    #[must_use]
    pub fn new(salt: &[u8; 32], text: &[u8]) -> Commitment {
        Commitment(Digest::of("countersign text v1", &[salt, text]))
    }
}

/// Bytes that are not canonical or not of the expected shape.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not canonical bytes of the expected shape: {0}")]
pub struct DecodeFault(String);

/// The canonical bytes of a value.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    serde_ipld_dagcbor::to_vec(value).expect("every type of the vocabulary has a CBOR form and memory is at hand")
}

/// Reads a value and insists that `bytes` are its one canonical form.
///
/// # Errors
/// When the bytes do not decode, or decode to a value whose canonical bytes differ.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeFault> {
    let value: T = serde_ipld_dagcbor::from_slice(bytes).map_err(|e| DecodeFault(e.to_string()))?;
    if encode(&value) == bytes { Ok(value) } else { Err(DecodeFault("another encoding of the same value".into())) }
}

/// Whether a field has its default value, and so is left out of the bytes: entries written before the field was there
/// keep their one encoding.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A map whose keys are numbers, written as a list of pairs in the order of keys: DAG-CBOR has only texts as keys.
pub mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
    use std::collections::BTreeMap;

    /// Writes the pairs.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer, K: Serialize, V: Serialize>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    /// Reads the pairs.
    ///
    /// # Errors
    /// Those of the deserializer, and when a key comes twice or out of order.
    pub fn deserialize<'de, D, K, V>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        D: Deserializer<'de>,
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
    {
        let pairs: Vec<(K, V)> = Vec::deserialize(from)?;
        let rises = pairs.is_sorted_by(|a, b| a.0 < b.0);
        if rises { Ok(pairs.into_iter().collect()) } else { Err(D::Error::custom("keys do not rise")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn map_keys_are_sorted_whatever_the_declaration_order() {
        #[derive(Serialize)]
        struct Declared {
            zebra: u8,
            ant: u8,
        }
        let sorted: BTreeMap<&str, u8> = [("ant", 2), ("zebra", 1)].into();
        assert_eq!(encode(&Declared { zebra: 1, ant: 2 }), encode(&sorted));
    }

    #[test]
    fn another_encoding_of_the_same_number_is_refused() {
        assert_eq!(decode::<u8>(&[0x05]), Ok(5));
        assert!(decode::<u8>(&[0x18, 0x05]).is_err(), "5 in two bytes is not canonical");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest::of("d", &[b"ab", b"c"]), Digest::of("d", &[b"a", b"bc"]));
    }
}
