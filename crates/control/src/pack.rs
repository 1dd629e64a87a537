//! Packing: chunks of a transcript are compressed before they are sealed (Zstandard, RFC 8878), where that makes them smaller.
//!
//! What is packed begins with the magic number of its format, whose first byte begins no list of records in their canonical
//! form (RFC 8949, 3.1: it would be a negative number): chunks that are as they were are told by that, from whenever they are.

use crate::fault::Fault;
use secrecy::{ExposeSecret, SecretSlice};
use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::get_frame_content_size;

/// The first bytes of what is packed (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// The fastest of the format's own levels: a session waits for it.
const LEVEL: i32 = 1;
/// Chunks of fewer bytes stay as they are: what a key echoes.
const PACKED_BYTES_MIN: usize = 128;

thread_local! {
    /// What packing needs, once for each thread: many transcripts wait while few are written to.
    static PACKING: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// What is to be sealed in the place of a chunk.
pub(crate) fn pack(chunk: Vec<u8>) -> Result<Vec<u8>, Fault> {
    if chunk.len() < PACKED_BYTES_MIN {
        return Ok(chunk);
    }
    let packed = PACKING.with_borrow_mut(|packing| match packing {
        Some(begun) => begun.compress(&chunk),
        none => none.insert(Compressor::new(LEVEL)?).compress(&chunk),
    });
    let packed = packed.map_err(Fault::trouble)?;
    Ok(if packed.len() < chunk.len() { packed } else { chunk })
}

/// The chunk that was sealed; it has so many bytes at most.
pub(crate) fn unpack(sealed: SecretSlice<u8>, bytes_max: usize) -> Result<SecretSlice<u8>, Fault> {
    let packed = sealed.expose_secret();
    if !packed.starts_with(&MAGIC) {
        return Ok(sealed);
    }
    let bytes = get_frame_content_size(packed).ok().flatten().and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = bytes.filter(|bytes| *bytes <= bytes_max);
    let bytes =
        bytes.ok_or_else(|| Fault::trouble(format!("a packed chunk says that it has over {bytes_max} bytes")))?;
    let unpacked = Decompressor::new().and_then(|mut unpacking| unpacking.decompress(packed, bytes));
    unpacked.map(SecretSlice::from).map_err(|_| Fault::trouble("a packed chunk is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_journal::canonical;

    const MOST: usize = 1 << 20;

    fn unpacked(packed: &[u8]) -> Result<Vec<u8>, Fault> {
        unpack(SecretSlice::from(packed.to_vec()), MOST).map(|chunk| chunk.expose_secret().to_vec())
    }

    #[test]
    fn what_is_packed_comes_back_and_what_would_not_shrink_stays() {
        let noise: Vec<u8> = std::iter::successors(Some(1u32), |n| Some(n.wrapping_mul(1_664_525).wrapping_add(1_013)))
            .map(|n| (n >> 24) as u8)
            .take(10_000)
            .collect();
        let text = "drwxr-xr-x 2 root root 4096 ".repeat(1_000).into_bytes();
        for (chunk, smaller) in [(text.clone(), true), (noise, false), (text[..100].to_vec(), false), (text, true)] {
            let chunk = canonical::encode(&serde_bytes::ByteBuf::from(chunk));
            let packed = pack(chunk.clone()).expect("packed");
            assert_eq!(packed.len() < chunk.len() / 10, smaller);
            assert_eq!(packed == chunk, !smaller);
            assert!(unpacked(&packed).expect("unpacked") == chunk);
        }
    }

    /// Chunks from before there was packing.
    #[test]
    fn no_list_of_records_looks_packed() {
        for records in [0usize, 1, 23, 24, 255, 256, 65_536] {
            let chunk = canonical::encode(&vec![0u8; records]);
            assert_ne!(chunk[0], MAGIC[0], "{records}");
            assert!(unpacked(&chunk).expect("as it is") == chunk);
        }
    }

    #[test]
    fn what_would_not_end_or_is_damaged_is_refused() {
        let packed = |bytes: usize| pack(vec![0; bytes]).expect("packed");
        assert!(unpacked(&packed(MOST)).is_ok());
        let bomb = packed(MOST + 1);
        assert!(bomb.len() < 1_000);
        assert!(matches!(unpacked(&bomb), Err(Fault::Trouble(why)) if why.contains("over 1048576 bytes")));
        // Two in one, of which the first says little; one that says nothing of its size; one that is cut.
        let twice = [packed(1_000), packed(MOST)].concat();
        assert!(unpacked(&twice).is_err());
        let mut unsaid = zstd::stream::encode_all(vec![0u8; MOST * 2].as_slice(), LEVEL).expect("packed");
        assert!(unpacked(&unsaid).is_err());
        unsaid.truncate(10);
        assert!(unpacked(&unsaid).is_err());
        let whole = packed(1_000);
        assert!(unpacked(&whole[..whole.len() - 1]).is_err());
    }
}
