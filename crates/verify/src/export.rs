//! The file: a line that says what it is, then each entry behind its length. Read as a stream; knows nothing of what
//! an entry means.

use crate::fault::Fault;
use countersign_journal::file::MAGIC;
use std::io::{self, BufReader, Read};

/// The longest entry, in bytes.
pub const ENTRY_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// An export being read.
pub(crate) struct Export<R> {
    reader: BufReader<R>,
}

impl<R: Read> Export<R> {
    /// Reads the first line.
    pub(crate) fn open(reader: R) -> Result<Export<R>, Fault> {
        let mut export = Export { reader: BufReader::new(reader) };
        let line = export.up_to(MAGIC.len() as u64, 0)?;
        if line == MAGIC { Ok(export) } else { Err(Fault::NotAnExport) }
    }

    /// The bytes of the next entry, which would be number `seq`; `None` at the end of the file.
    pub(crate) fn entry(&mut self, seq: u64) -> Result<Option<Vec<u8>>, Fault> {
        let length = self.up_to(4, seq)?;
        if length.is_empty() {
            return Ok(None);
        }
        let length = length.try_into().map_err(|_| Fault::Truncated { seq })?;
        let bytes = u32::from_be_bytes(length);
        if bytes > ENTRY_BYTES_MAX {
            return Err(Fault::TooLong { seq, bytes });
        }
        let entry = self.up_to(u64::from(bytes), seq)?;
        if entry.len() as u64 == u64::from(bytes) { Ok(Some(entry)) } else { Err(Fault::Truncated { seq }) }
    }

    /// As many bytes as there are, at most `bytes`. Memory grows with what the file has, not with what it claims.
    fn up_to(&mut self, bytes: u64, seq: u64) -> Result<Vec<u8>, Fault> {
        let mut found = Vec::new();
        let read: io::Result<usize> = self.reader.by_ref().take(bytes).read_to_end(&mut found);
        read.map_err(|fault| Fault::Trouble { seq, fault })?;
        Ok(found)
    }
}
