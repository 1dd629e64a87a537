//! Export: a copy of the journal that `countersign verify` can check anywhere.

use crate::ask::Actor;
use crate::control::Control;
use crate::fault::Fault;
use countersign_core::Permission;
use countersign_journal::{Chain, Head, Note, file};

/// Entries read at a time.
const PAGE: u32 = 4_096;

/// A copy of the journal.
#[derive(Clone, Debug)]
pub struct Export {
    /// The file.
    pub bytes: Vec<u8>,
    /// Where it ends: keep it apart, and give it to `verify --expect`.
    pub head: Head,
}

impl Control {
    /// Copies the journal as it stands; the export itself is then noted in it.
    ///
    /// # Errors
    /// When the actor may not, or trouble.
    pub async fn export(&self, actor: &Actor) -> Result<Export, Fault> {
        actor.require(Permission::ExportJournal)?;
        let until = self.head().len;
        let (mut bytes, mut chain) = (file::MAGIC.to_vec(), Chain::default());
        while chain.head().len < until {
            let page = self.0.store.entries(chain.head().len, PAGE).await?;
            if page.is_empty() {
                return Err(Fault::trouble("the journal is shorter than its head"));
            }
            for entry in page {
                chain.follow(&entry.bytes).map_err(|e| Fault::trouble(format!("the journal is damaged: {e}")))?;
                file::put(&mut bytes, &entry.bytes).ok_or_else(|| Fault::trouble("an entry is too long"))?;
            }
        }
        let head = chain.head();
        self.note(Note::Exported { by: Some(actor.person), entries: head.len }, Vec::new()).await?;
        Ok(Export { bytes, head })
    }
}
