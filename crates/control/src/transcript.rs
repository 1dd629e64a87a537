//! Transcripts: what a session ran, what its terminals showed and what became of it, written before the target gets a byte.
//!
//! A transcript is a file of frames: four bytes length (big-endian) and a sealed chunk of records, packed where that helps.
//! Each chunk is hashed, as it was before it was packed, onto the one before; the last hash is the root that enters the journal
//! when the session closes. In `normal`
//! recording a chunk is handed to the operating system before release and durable within 250 ms; in `strict`
//! recording it is durable before release.

use crate::control::Control;
use crate::fault::Fault;
use crate::live::Grows;
use crate::objects::{Fetched, Has};
use crate::pack::{pack, unpack};
use crate::shares::Share;
use crate::vault::Purpose;
use countersign_core::digest::UnitPart;
use countersign_journal::{Digest, PersonId, Recording, RequestId, SessionId, Timestamp, canonical};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

/// Transcripts that are brought to the disk at a time.
static SYNCS: Semaphore = Semaphore::const_new(16);
/// How long a chunk may wait for the disk in `normal` recording.
const SYNC_EVERY: Duration = Duration::from_millis(250);
/// Largest chunk that is read back, packed or not.
const CHUNK_BYTES_MAX: usize = 64 << 20;
/// What the terminals of one session may show in all, in bytes.
const SHOWN_BYTES_MAX: usize = 256 << 20;

/// One thing that happened in a session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// The session began or ended, or something worth a line.
    Note(String),
    /// A statement that needed no approval.
    Allowed(UnitPart),
    /// A unit that is held for a request.
    Held(RequestId, Vec<UnitPart>),
    /// The unit of that request was released.
    Released(RequestId),
    /// A unit that was released as a planned statement of that request.
    Planned(RequestId, Vec<UnitPart>),
    /// A unit that was refused, and why.
    Refused(Vec<UnitPart>, String),
    /// What became of a statement: rows, or an error.
    Outcome(String),
    /// The size of a terminal, when it began and whenever it changed.
    Terminal {
        /// Characters in a line.
        columns: u16,
        /// Lines.
        rows: u16,
    },
    /// What the target sent to the client's terminal.
    Shown(#[serde(with = "serde_bytes")] Vec<u8>),
    /// What was typed into a free shell and would not have been let run as a command of its own, in words.
    Alert(String),
    /// What was typed, sealed once more: what the target does not echo may be a password.
    Typed(#[serde(with = "serde_bytes")] Vec<u8>),
}

/// A record as it is written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) at: Timestamp,
    pub(crate) statement: u64,
    pub(crate) what: Recorded,
}

/// Writes one session's transcript.
pub(crate) struct Recorder {
    control: Control,
    session: SessionId,
    recording: Recording,
    disk: Arc<Disk>,
    grows: Grows,
    waiting: Vec<Record>,
    root: Digest,
    chunks: u64,
    records: u64,
    /// Bytes its terminals showed.
    shown: usize,
}

struct Disk {
    file: File,
    /// Told when something was handed over, or the transcript is closed.
    told: Notify,
    failed: AtomicBool,
    closed: AtomicBool,
}

impl Recorder {
    pub(crate) fn begin(
        control: &Control,
        session: SessionId,
        recording: Recording,
        grows: Grows,
    ) -> Result<Recorder, Fault> {
        let path = path(control, session);
        let file = File::options().create_new(true).append(true).open(&path);
        let file = file.map_err(|e| Fault::trouble(format!("transcript `{}`: {e}", path.display())))?;
        let flag = || AtomicBool::new(false);
        let disk = Arc::new(Disk { file, told: Notify::new(), failed: flag(), closed: flag() });
        tokio::spawn(keep_durable(disk.clone()));
        let (waiting, root) = (Vec::new(), Digest::ZERO);
        Ok(Recorder {
            control: control.clone(),
            session,
            recording,
            disk,
            grows,
            waiting,
            root,
            chunks: 0,
            records: 0,
            shown: 0,
        })
    }

    pub(crate) fn add(&mut self, statement: u64, what: Recorded) {
        self.waiting.push(Record { at: self.control.now(), statement, what });
    }

    /// Whether what is handed over is durable before anything goes on.
    pub(crate) fn is_strict(&self) -> bool {
        self.recording == Recording::Strict
    }

    /// Adds what was shown.
    pub(crate) fn add_shown(&mut self, statement: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.shown += bytes.len();
        if self.shown > SHOWN_BYTES_MAX {
            let most = SHOWN_BYTES_MAX >> 20;
            return Err(Fault::Input(format!("a session is recorded up to {most} MiB of output; begin a new one")));
        }
        self.add(statement, Recorded::Shown(bytes.to_vec()));
        Ok(())
    }

    /// Adds what was typed. Nothing here opens it again but a purpose of its own.
    pub(crate) fn add_typed(&mut self, statement: u64, bytes: &[u8]) -> Result<(), Fault> {
        let number = self.records + self.waiting.len() as u64;
        let sealed = self.control.seal(Purpose::Typed, &row(self.session), number, bytes)?;
        self.add(statement, Recorded::Typed(sealed));
        Ok(())
    }

    /// Hands everything added so far to the operating system, and in `strict` recording to the disk.
    pub(crate) async fn hand_over(&mut self) -> Result<(), Fault> {
        if self.disk.failed.load(Ordering::Acquire) {
            return Err(Fault::trouble("the transcript cannot be made durable"));
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let chunk = canonical::encode(&self.waiting);
        let root = next_root(&self.root, &chunk);
        let packed = pack(chunk)?;
        let sealed = self.control.seal(Purpose::Transcript, &row(self.session), self.chunks, &packed)?;
        let mut frame = u32::try_from(sealed.len()).map_err(Fault::trouble)?.to_be_bytes().to_vec();
        frame.extend_from_slice(&sealed);
        if let Err(e) = (&self.disk.file).write_all(&frame) {
            // Part of it may stand in the file, behind which nothing could be read.
            self.disk.failed.store(true, Ordering::Release);
            return Err(Fault::trouble(format!("transcript: {e}")));
        }
        self.root = root;
        self.chunks += 1;
        self.records += self.waiting.len() as u64;
        self.waiting.clear();
        self.disk.told.notify_one();
        self.grows.send_replace(());
        match self.recording {
            Recording::Normal => Ok(()),
            Recording::Strict => sync(self.disk.clone()).await,
        }
    }

    /// Closes the transcript: durable, with its root and number of records.
    pub(crate) async fn finish(&mut self) -> Result<(Digest, u64), Fault> {
        self.hand_over().await?;
        sync(self.disk.clone()).await?;
        self.disk.close();
        Ok((self.root, self.records))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.disk.close();
    }
}

impl Disk {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.told.notify_one();
    }
}

/// Brings what was handed over to the disk within [`SYNC_EVERY`], until the transcript is closed. A session in which nothing
/// happens wakes nobody.
async fn keep_durable(disk: Arc<Disk>) {
    loop {
        disk.told.notified().await;
        tokio::time::sleep(SYNC_EVERY).await;
        if disk.closed.load(Ordering::Acquire) || sync(disk.clone()).await.is_err() {
            return;
        }
    }
}

async fn sync(disk: Arc<Disk>) -> Result<(), Fault> {
    // A thread waits for the disk each time.
    let _turn = SYNCS.acquire().await.map_err(Fault::trouble)?;
    let synced = tokio::task::spawn_blocking(move || {
        let synced = disk.file.sync_data();
        disk.failed.fetch_or(synced.is_err(), Ordering::AcqRel);
        synced
    });
    synced.await.map_err(Fault::trouble)?.map_err(|e| Fault::trouble(format!("transcript: {e}")))
}

fn next_root(root: &Digest, chunk: &[u8]) -> Digest {
    Digest::of("countersign transcript v1", &[&root.0, chunk])
}

pub(crate) fn row(session: SessionId) -> String {
    format!("transcript of {session}")
}

/// What the file is called, here and elsewhere: it tells the session's number and nothing more.
pub(crate) fn name(session: SessionId) -> String {
    format!("{}.transcript", session.0)
}

/// Where the files of sessions are that were not brought elsewhere.
pub(crate) fn folder(control: &Control) -> PathBuf {
    control.data().join("transcripts")
}

pub(crate) fn path(control: &Control, session: SessionId) -> PathBuf {
    folder(control).join(name(session))
}

/// A transcript being read back, chunk by chunk, as far as it is whole.
pub(crate) struct Reading {
    control: Control,
    session: SessionId,
    from: From,
    /// Where in the file the next frame begins.
    at: u64,
    chunks: u64,
    /// Of what was read so far.
    root: Digest,
    /// Whether what was read last ends within a frame.
    torn: bool,
    /// What whoever reads it has taken, which goes with it and not with who waits for it.
    _place: Option<Share>,
}

/// Where a transcript is read from.
enum From {
    Here(File),
    Elsewhere(Fetched),
}

impl From {
    fn file(&mut self) -> &mut File {
        match self {
            From::Here(file) => file,
            From::Elsewhere(fetched) => &mut fetched.file,
        }
    }
}

impl Reading {
    /// Reads the file that is here.
    pub(crate) fn begin(control: &Control, session: SessionId) -> Result<Reading, Fault> {
        let file = File::open(path(control, session)).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Fault::NotFound,
            _ => Fault::trouble(format!("transcript of {session}: {e}")),
        })?;
        Ok(Reading::over(control, session, From::Here(file)))
    }

    /// Reads the file that is here, or what was brought elsewhere, for a person: from where the journal says that it is, and from
    /// no other store. It blocks.
    pub(crate) fn of(control: &Control, session: SessionId, by: PersonId) -> Result<Reading, Fault> {
        let read = Reading::begin(control, session);
        let Err(Fault::NotFound) = read else { return read };
        // Only now: it is taken away here behind the journal's word of where it is.
        let Some(place) = Handle::current().block_on(control.stored_at(session))? else { return read };
        let (name, objects) = (name(session), control.0.elsewhere.get().map(|elsewhere| &elsewhere.objects));
        if objects.is_none_or(|objects| objects.has_place(&place, &name) == Has::No) {
            tracing::error!(%session, place, "what it recorded is in another store than the one that is set up");
            return Err(Fault::OtherStore);
        }
        let fetched = control.fetched(&name, Some(by))?.ok_or(Fault::NotFound)?;
        Ok(Reading::fetched(control, session, fetched))
    }

    /// Reads what was fetched.
    pub(crate) fn fetched(control: &Control, session: SessionId, fetched: Fetched) -> Reading {
        Reading::over(control, session, From::Elsewhere(fetched))
    }

    fn over(control: &Control, session: SessionId, from: From) -> Reading {
        Reading {
            control: control.clone(),
            session,
            from,
            at: 0,
            chunks: 0,
            root: Digest::ZERO,
            torn: false,
            _place: None,
        }
    }

    /// The same, with the place that somebody reads it from.
    pub(crate) fn holding(self, place: Share) -> Reading {
        Reading { _place: Some(place), ..self }
    }

    /// The records of the next chunk; nothing at the end, which later is somewhere else while the session goes on.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Record>>, Fault> {
        let mut length = [0; 4];
        if !self.filled(&mut length)? {
            return self.ended();
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > CHUNK_BYTES_MAX {
            return Err(Fault::trouble(format!("the transcript of {} is damaged", self.session)));
        }
        let mut sealed = vec![0; length];
        if !self.filled(&mut sealed)? {
            // Its length is there, whatever follows of it.
            self.torn = true;
            return self.ended();
        }
        self.at += (4 + length) as u64;
        let packed = self.control.unseal(Purpose::Transcript, &row(self.session), self.chunks, sealed)?;
        let chunk = unpack(packed, CHUNK_BYTES_MAX)?;
        self.root = next_root(&self.root, chunk.expose_secret());
        self.chunks += 1;
        canonical::decode(chunk.expose_secret()).map(Some).map_err(Fault::trouble)
    }

    /// Reads so many bytes; whether they are all there. A file that cannot be read has no end.
    fn filled(&mut self, bytes: &mut [u8]) -> Result<bool, Fault> {
        let mut read = 0;
        while read < bytes.len() {
            match self.from.file().read(&mut bytes[read..]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(Fault::trouble(format!("transcript of {}: {e}", self.session))),
            }
        }
        self.torn = read > 0 && read < bytes.len();
        Ok(read == bytes.len())
    }

    /// Nothing follows yet. A frame that is not whole is being written, or was cut by a crash: what it held was never released
    /// in `strict` recording.
    fn ended(&mut self) -> Result<Option<Vec<Record>>, Fault> {
        let at = self.at;
        self.from.file().seek(SeekFrom::Start(at)).map_err(Fault::trouble)?;
        Ok(None)
    }

    /// Reads to the end: the root of it all, and how many records there are. It is read from its beginning again then.
    pub(crate) fn count(&mut self) -> Result<(Digest, u64), Fault> {
        let mut records = 0;
        while let Some(chunk) = self.next()? {
            records += chunk.len() as u64;
        }
        let counted = (self.root, records);
        (self.at, self.chunks, self.root) = (0, 0, Digest::ZERO);
        self.ended()?;
        Ok(counted)
    }
}

/// What there is of a session that was cut by a crash.
pub(crate) struct Recovered {
    /// The root of what is whole, and how many records that is.
    pub(crate) counted: (Digest, u64),
    /// Whether a part of a frame follows, as after a loss of power, or where somebody cut the file.
    pub(crate) torn: bool,
}

/// Reads what there is of a session that was cut by a crash.
///
/// # Errors
/// When there is nothing, or it cannot be read.
pub(crate) fn recover(control: &Control, session: SessionId) -> Result<Recovered, Fault> {
    let mut reading = Reading::begin(control, session)?;
    let counted = reading.count()?;
    Ok(Recovered { counted, torn: reading.torn })
}
