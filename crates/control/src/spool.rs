//! What was uploaded and waits for approval: a file without a name, sealed under a key that is nowhere but in memory.
//!
//! A spool is written once, from the first byte to the last, and read from the first to the last. Each chunk is AES-256-GCM under
//! the spool's own key, with its place as its nonce: what is read is what was written there, or nothing is. File and key are gone
//! with the spool.

use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::shares::{Full, Share, Shares};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use countersign_journal::PersonId;
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::{Zeroize, Zeroizing};

/// Most bytes of one spool.
const SPOOL_BYTES_MAX: u64 = 1 << 30;
/// Most bytes of all spools: of one person, and of all.
const SPOOLS_BYTES_MAX: (u64, u64) = (1 << 30, 4 << 30);
/// Most spools at a time, of one person and of all: each has an open file, and a chunk in memory.
const SPOOLS_MAX: (u64, u64) = (64, 256);
/// Bytes that are sealed as one.
const CHUNK_BYTES: usize = 256 << 10;
/// What sealing adds to them.
const TAG_BYTES: usize = 16;

/// What all spools have taken of what they may.
pub(crate) struct Spooled {
    bytes: Arc<Shares>,
    spools: Arc<Shares>,
    /// Most bytes of one.
    most: u64,
}

impl Default for Spooled {
    fn default() -> Spooled {
        Spooled::new(SPOOL_BYTES_MAX, SPOOLS_BYTES_MAX, SPOOLS_MAX)
    }
}

impl Spooled {
    fn new(most: u64, bytes: (u64, u64), spools: (u64, u64)) -> Spooled {
        Spooled { bytes: Shares::new(bytes.0, bytes.1), spools: Shares::new(spools.0, spools.1), most }
    }
}

/// What is being uploaded.
pub struct Spool {
    sealed: Arc<Sealed>,
    waiting: Zeroizing<Vec<u8>>,
    chunks: u64,
    digest: Context,
}

/// What was uploaded, whole.
pub struct Contents {
    sealed: Arc<Sealed>,
    chunks: u64,
    /// How many bytes there are.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: [u8; SHA256_OUTPUT_LEN],
}

/// Contents being read.
pub struct Reading<'c> {
    contents: &'c Contents,
    next: u64,
    digest: Context,
}

/// The file, and the key to it.
struct Sealed {
    file: File,
    key: LessSafeKey,
    taken: Mine,
}

/// A spool's part of what its person and all may take; given back by dropping it.
struct Mine {
    bytes: Share,
    most: u64,
    _spool: Share,
}

impl Mine {
    /// One more spool, if there may be.
    fn begin(spooled: &Spooled, whose: PersonId) -> Result<Mine, Fault> {
        let spool = spooled.spools.place(Some(whose)).map_err(|full| {
            Fault::Input(match full {
                Full::Own => format!("{} files of yours wait for approval; try again later", SPOOLS_MAX.0),
                Full::All => format!("{} files wait for approval in all sessions; try again later", SPOOLS_MAX.1),
            })
        })?;
        Ok(Mine { bytes: spooled.bytes.share(Some(whose)), most: spooled.most, _spool: spool })
    }

    fn take(&self, bytes: u64) -> Result<(), Fault> {
        if self.bytes.taken() + bytes > self.most {
            return Err(too_large(self.most));
        }
        self.bytes.take(bytes).map_err(|full| {
            let (own, all) = (SPOOLS_BYTES_MAX.0 >> 30, SPOOLS_BYTES_MAX.1 >> 30);
            Fault::Input(match full {
                Full::Own => format!("what waits for approval of one person is {own} GiB at most; try again later"),
                Full::All => format!("what waits for approval in all sessions is {all} GiB at most; try again later"),
            })
        })
    }
}

fn too_large(most: u64) -> Fault {
    Fault::Input(format!("a file that waits for approval has {most} bytes at most"))
}

fn folder(data: &Path) -> PathBuf {
    data.join("spool")
}

/// Makes the folder, and empties it of what a crash may have left between a file's making and its losing its name.
pub(crate) fn begin(data: &Path) -> Result<(), Fault> {
    let folder = folder(data);
    let cleared = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::read_dir(&folder)?.try_for_each(|entry| std::fs::remove_file(entry?.path())));
    cleared.map_err(|e| Fault::trouble(format!("`{}`: {e}", folder.display())))
}

/// A file that nobody finds by a name, and that goes when it is closed.
pub(crate) fn nameless(data: &Path) -> Result<File, Fault> {
    let path = folder(data).join(dice::token()?);
    let mut options = File::options();
    let opened = options.create_new(true).read(true).write(true).mode(0o600).open(&path);
    let file = opened.and_then(|file| std::fs::remove_file(&path).map(|()| file));
    file.map_err(|e| Fault::trouble(format!("`{}`: {e}", path.display())))
}

impl Control {
    /// Begins a spool for a person.
    ///
    /// # Errors
    /// When its file cannot be made, or so much waits already.
    pub(crate) fn spool(&self, whose: PersonId) -> Result<Spool, Fault> {
        Spool::begin(self.data(), &self.0.spooled, whose)
    }
}

impl Spool {
    fn begin(data: &Path, spooled: &Spooled, whose: PersonId) -> Result<Spool, Fault> {
        let taken = Mine::begin(spooled, whose)?;
        let file = nameless(data)?;
        let key = Zeroizing::new(dice::bytes::<32>()?);
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| Fault::trouble("a key could not be made"))?;
        let sealed = Arc::new(Sealed { file, key: LessSafeKey::new(key), taken });
        Ok(Spool { sealed, waiting: Zeroizing::default(), chunks: 0, digest: Context::new(&SHA256) })
    }

    /// How many bytes it has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sealed.taken.bytes.taken()
    }

    /// Whether so many would be too many, wherever they come from.
    ///
    /// # Errors
    /// In words.
    pub fn may_have(&self, bytes: u64) -> Result<(), Fault> {
        let most = self.sealed.taken.most;
        if bytes > most { Err(too_large(most)) } else { Ok(()) }
    }

    /// Adds bytes behind those it has.
    ///
    /// # Errors
    /// When they are too many, in words; or trouble. Nothing more is to be added then.
    pub async fn add(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.sealed.taken.take(bytes.len() as u64)?;
        self.digest.update(bytes);
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.waiting.len()));
            // So that no copy of it is left where it was before.
            let room = CHUNK_BYTES + TAG_BYTES - self.waiting.len();
            self.waiting.reserve_exact(room);
            self.waiting.extend_from_slice(now);
            bytes = later;
            if self.waiting.len() == CHUNK_BYTES {
                self.seal().await?;
            }
        }
        Ok(())
    }

    async fn seal(&mut self) -> Result<(), Fault> {
        let (sealed, chunk, place) = (self.sealed.clone(), std::mem::take(&mut self.waiting), self.chunks);
        let written = tokio::task::spawn_blocking(move || sealed.write(place, chunk)).await.map_err(Fault::trouble)?;
        self.waiting =
            written.map_err(|e| Fault::trouble(format!("what waits for approval could not be kept: {e}")))?;
        self.chunks += 1;
        Ok(())
    }

    /// It is whole.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub async fn whole(mut self) -> Result<Contents, Fault> {
        if !self.waiting.is_empty() {
            self.seal().await?;
        }
        let (bytes, sha256) = (self.bytes(), summed(self.digest)?);
        Ok(Contents { sealed: self.sealed, chunks: self.chunks, bytes, sha256 })
    }
}

fn summed(digest: Context) -> Result<[u8; SHA256_OUTPUT_LEN], Fault> {
    digest.finish().as_ref().try_into().map_err(Fault::trouble)
}

impl Contents {
    /// Reads from the first byte on.
    #[must_use]
    pub fn read(&self) -> Reading<'_> {
        Reading { contents: self, next: 0, digest: Context::new(&SHA256) }
    }

    /// Reads all of it, to know that it can be.
    ///
    /// # Errors
    /// When it is not what was written.
    pub async fn check(&self) -> Result<(), Fault> {
        let mut reading = self.read();
        while reading.next().await?.is_some() {}
        Ok(())
    }
}

impl Reading<'_> {
    /// The next bytes; nothing behind the last. The last ones come only where all of them have the sum that is known.
    ///
    /// # Errors
    /// When they are not what was written.
    pub async fn next(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let Contents { sealed, chunks, bytes, sha256 } = self.contents;
        if self.next == *chunks {
            return Ok(None);
        }
        let (place, before) = (self.next, self.next * CHUNK_BYTES as u64);
        let length = usize::try_from((bytes - before).min(CHUNK_BYTES as u64)).map_err(Fault::trouble)?;
        let sealed = sealed.clone();
        let read = tokio::task::spawn_blocking(move || sealed.read(place, length)).await.map_err(Fault::trouble)?;
        let wrong = || Fault::trouble("what was kept for approval is not what it was; nothing more of it is sent");
        let chunk = read.ok_or_else(wrong)?;
        self.digest.update(&chunk);
        self.next += 1;
        if self.next == *chunks && summed(self.digest.clone())? != *sha256 {
            return Err(wrong());
        }
        Ok(Some(chunk))
    }
}

impl Sealed {
    fn write(&self, place: u64, mut chunk: Zeroizing<Vec<u8>>) -> std::io::Result<Zeroizing<Vec<u8>>> {
        let sealed = self.key.seal_in_place_append_tag(nonce(place), Aad::empty(), &mut *chunk);
        sealed.map_err(|_| std::io::Error::other("it could not be sealed"))?;
        self.file.write_all_at(&chunk, at(place))?;
        chunk.clear();
        Ok(chunk)
    }

    /// The bytes of a place; nothing where they are not what was written there.
    fn read(&self, place: u64, length: usize) -> Option<Zeroizing<Vec<u8>>> {
        let mut chunk = Zeroizing::new(vec![0; length + TAG_BYTES]);
        self.file.read_exact_at(&mut chunk, at(place)).ok()?;
        let opened = self.key.open_in_place(nonce(place), Aad::empty(), &mut chunk).is_ok();
        if !opened {
            chunk.zeroize();
            return None;
        }
        chunk.truncate(length);
        Some(chunk)
    }
}

/// A place is sealed once, and each spool has its own key.
fn nonce(place: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&place.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Where a place is in the file.
fn at(place: u64) -> u64 {
    place * (CHUNK_BYTES + TAG_BYTES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn spool(data: &tempfile::TempDir, spooled: &Spooled, whose: u64) -> Spool {
        begin(data.path()).expect("a folder");
        Spool::begin(data.path(), spooled, PersonId(whose)).expect("a spool")
    }

    async fn read(contents: &Contents) -> Result<Vec<u8>, Fault> {
        let (mut reading, mut all) = (contents.read(), Vec::new());
        while let Some(chunk) = reading.next().await? {
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }

    /// Of so many bytes, which do not repeat soon.
    async fn filled(data: &tempfile::TempDir, bytes: usize) -> (Vec<u8>, Contents) {
        let mut spool = spool(data, &Spooled::default(), 1);
        let all: Vec<u8> = (0..bytes).map(|n| (n % 251) as u8).collect();
        for piece in all.chunks(10_007) {
            spool.add(piece).await.expect("added");
        }
        (all, spool.whole().await.expect("whole"))
    }

    #[tokio::test]
    async fn what_is_kept_is_what_was_written() {
        let data = tempfile::tempdir().expect("a folder");
        for bytes in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let (all, contents) = filled(&data, bytes).await;
            assert_eq!((contents.bytes, read(&contents).await.expect("read") == all), (bytes as u64, true));
            let sum = aws_lc_rs::digest::digest(&SHA256, &all);
            assert_eq!(contents.sha256, sum.as_ref());
            contents.check().await.expect("whole");
        }
    }

    #[tokio::test]
    async fn what_is_on_disk_has_no_name_and_says_nothing() {
        let data = tempfile::tempdir().expect("a folder");
        let mut spool = spool(&data, &Spooled::default(), 1);
        spool.add("canary ".repeat(100_000).as_bytes()).await.expect("added");
        let contents = spool.whole().await.expect("whole");
        assert_eq!(std::fs::read_dir(folder(data.path())).expect("a folder").count(), 0);
        let mut kept = vec![0; usize::try_from(at(contents.chunks) - 200_000).expect("short")];
        contents.sealed.file.read_exact_at(&mut kept, 0).expect("read");
        assert!(!kept.windows(6).any(|window| window == b"canary"));
    }

    /// One chunk is not told from another by what is on disk, nor are two files that are the same; and nobody but the server
    /// may open one.
    #[tokio::test]
    async fn what_is_the_same_is_not_the_same_on_disk() {
        let data = tempfile::tempdir().expect("a folder");
        let mut kept = Vec::new();
        for _ in 0..2 {
            let mut spool = spool(&data, &Spooled::default(), 1);
            spool.add(&vec![0; 2 * CHUNK_BYTES]).await.expect("added");
            let contents = spool.whole().await.expect("whole");
            let file = &contents.sealed.file;
            assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
            for place in 0..2 {
                let mut chunk = vec![0; CHUNK_BYTES + TAG_BYTES];
                file.read_exact_at(&mut chunk, at(place)).expect("read");
                kept.push(chunk);
            }
        }
        kept.sort();
        kept.dedup();
        assert_eq!(kept.len(), 4);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_gone_when_the_server_begins() {
        let data = tempfile::tempdir().expect("a folder");
        begin(data.path()).expect("a folder");
        let left = folder(data.path()).join("left");
        std::fs::write(&left, "sealed").expect("written");
        begin(data.path()).expect("a folder");
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn what_was_changed_is_not_read() {
        let data = tempfile::tempdir().expect("a folder");
        let (first, second) = (at(0), at(1));
        let (all, contents) = filled(&data, 2 * CHUNK_BYTES).await;
        let file = &contents.sealed.file;
        let mut kept = [vec![0; CHUNK_BYTES + TAG_BYTES], vec![0; CHUNK_BYTES + TAG_BYTES]];
        file.read_exact_at(&mut kept[0], first).expect("read");
        file.read_exact_at(&mut kept[1], second).expect("read");
        // One bit, in the first and in the last; one for the other; the end cut off.
        file.write_all_at(&[kept[0][5] ^ 1], first + 5).expect("written");
        assert!(contents.read().next().await.is_err(), "nothing is read of what was changed");
        assert!(contents.check().await.is_err());
        file.write_all_at(&kept[0], first).expect("written");
        file.write_all_at(&[kept[1][5] ^ 1], second + 5).expect("written");
        assert!(contents.check().await.is_err());
        file.write_all_at(&kept[0], second).expect("written");
        assert!(contents.check().await.is_err());
        file.set_len(second).expect("cut off");
        assert!(contents.check().await.is_err());
        file.write_all_at(&kept[1], second).expect("written");
        assert!(read(&contents).await.expect("as it was") == all);
        // What opens, and is not what was signed.
        let other = Contents { sha256: [0; SHA256_OUTPUT_LEN], ..contents };
        let mut reading = other.read();
        assert!(reading.next().await.is_ok(), "the last is withheld");
        assert!(reading.next().await.is_err());
    }

    #[tokio::test]
    async fn one_spool_those_of_a_person_and_all_of_them_have_limits() {
        let (data, spooled) = (tempfile::tempdir().expect("a folder"), Spooled::new(100, (120, 150), (2, 3)));
        let mut one = spool(&data, &spooled, 1);
        one.add(&[0; 100]).await.expect("as much as one may");
        assert!(one.add(&[0]).await.expect_err("too much").to_string().contains("100 bytes at most"));
        assert!(one.may_have(100).is_ok() && one.may_have(101).is_err());
        let mut another = spool(&data, &spooled, 1);
        assert!(another.add(&[0; 21]).await.expect_err("too much").to_string().contains("of one person"));
        another.add(&[0; 20]).await.expect("as much as this person may");
        let more = Spool::begin(data.path(), &spooled, PersonId(1)).err().expect("too many");
        assert!(more.to_string().contains("64 files of yours wait"), "{more}");
        let mut two = spool(&data, &spooled, 2);
        assert!(two.add(&[0; 31]).await.expect_err("too much").to_string().contains("in all sessions"));
        two.add(&[0; 30]).await.expect("as much as all may");
        let more = Spool::begin(data.path(), &spooled, PersonId(3)).err().expect("too many");
        assert!(more.to_string().contains("256 files wait for approval in all sessions"), "{more}");
        drop(one);
        two.add(&[0; 50]).await.expect("there is room again");
        let contents = two.whole().await.expect("whole");
        spool(&data, &spooled, 3).add(&[0; 50]).await.expect("what waits, whole, has its room");
        drop((contents, another));
        spool(&data, &spooled, 1).add(&[0; 100]).await.expect("all was given back");
    }
}
