//! The handle every other room holds: opens the store, starts the writer, submits inputs, reads what is published.

use crate::clock::Clock;
use crate::dice;
use crate::fault::Fault;
use crate::fold::fold;
use crate::live::Live;
use crate::marks::Mark;
use crate::shares::Shares;
use crate::spool::{self, Spooled};
use crate::store::{Row, Store};
use crate::transcript::Recovered;
use crate::turns::Turns;
use crate::unseen::seen_chars;
use crate::vault::{self, Purpose, RootKey, Vault};
use crate::watch::WATCHED_MAX;
use crate::writer::{Command, Published, QUEUE_MAX, Writer};
use countersign_core::validate::REASON_CHARS_MAX;
use countersign_core::{Answer, Input, Roster, State};
use countersign_journal::{Commitment, Head, Note, RunOutcome, SessionEnd, Timestamp};
use secrecy::{ExposeSecret, SecretSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock, RwLockReadGuard};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Passwords hashed at the same time, as many as a small server has cores.
const HASHING_AT_ONCE: usize = 2;
/// Passwords that wait for that.
pub(crate) const HASHING_WAITING_MAX: usize = 64;
/// Changes a slow listener may fall behind by before it is told to look at everything.
const CHANGES_MAX: usize = 64;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// The address people open, e.g. `https://countersign.example:8443`.
    pub page_address: String,
    /// Host and port people's PostgreSQL clients connect to.
    pub postgres_address: (String, u16),
    /// Host and port people's SSH clients connect to; none where nobody listens for them.
    pub ssh_address: Option<(String, u16)>,
    /// The certificate authority clients check the gateway against, if it is our own.
    pub ca_file: PathBuf,
}

/// The control plane. Cheap to clone.
#[derive(Clone)]
pub struct Control(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    /// Held for as long as this process has the data folder.
    _alone: std::fs::File,
    pub(crate) clock: Clock,
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) published: Arc<Published>,
    pub(crate) live: Arc<Live>,
    pub(crate) watchers: Arc<Shares>,
    inbox: mpsc::Sender<Command>,
    changes: broadcast::Sender<()>,
    pub(crate) settled: watch::Sender<u64>,
    /// Word to whoever keeps recordings that there is something to do.
    pub(crate) to_keep: watch::Sender<()>,
    /// What uploads that wait for approval take.
    pub(crate) spooled: Spooled,
    /// Held while what was approved is put in force.
    pub(crate) applying: tokio::sync::Mutex<()>,
    pub(crate) sign_in_gate: tokio::sync::Mutex<()>,
    /// Turns at hashing a password, which takes 19 MiB and a core.
    pub(crate) hashing: Turns,
    pub(crate) tickets: std::sync::OnceLock<crate::tickets::Asked>,
    /// Where recordings are kept, if not here.
    pub(crate) elsewhere: OnceLock<crate::objects::Elsewhere>,
    /// How far that is.
    pub(crate) kept: std::sync::Mutex<crate::keep::Kept>,
    pub(crate) mock_key: [u8; 32],
    /// The public key by which SSH clients know us, once the gateway said it.
    pub(crate) ssh_host_key: OnceLock<String>,
}

/// Keeps every other process out of the data folder: there is one writer only.
fn alone(data: &Path) -> Result<std::fs::File, Fault> {
    let path = data.join("lock");
    let file = std::fs::File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| Fault::trouble(format!("`{}` cannot be written: {e}", path.display())))?;
    file.try_lock()
        .map_err(|_| Fault::Input(format!("`{}` is in use; stop the server that has it first", data.display())))?;
    Ok(file)
}

impl Control {
    /// Opens an installed data folder, folds its journal and starts the writer. Sessions that were open when the
    /// server last stopped are closed, and what they ran without report is marked unknown.
    ///
    /// # Errors
    /// When the vault does not unseal, the store cannot be read, or the journal is damaged.
    pub async fn open(settings: Settings, root: &RootKey, clock: Clock) -> Result<Control, Fault> {
        let seal = std::fs::read_to_string(settings.data.join("vault.json")).map_err(|e| {
            Fault::Input(format!("`{}` is not set up ({e}); run `countersign init`", settings.data.display()))
        })?;
        let seal = serde_json::from_str(&seal).map_err(Fault::trouble)?;
        let vault = Arc::new(Vault::unseal(root, &seal)?);
        let alone = alone(&settings.data)?;
        spool::begin(&settings.data)?;
        let store = Store::open(&settings.data).await?;
        let (published, over) = fold(&store).await?;
        let published = Arc::new(published);
        let live = Arc::new(Live::default());
        let (inbox, receiver) = mpsc::channel(QUEUE_MAX);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (settled, _) = watch::channel(0);
        let (to_keep, keeps) = watch::channel(());
        let after_commit = {
            let (live, changes, settled, to_keep) = (live.clone(), changes.clone(), settled.clone(), to_keep.clone());
            Box::new(move |effects: &[countersign_core::Effect]| {
                live.follow(effects);
                settled.send_modify(|n| *n += 1);
                if effects.iter().any(|effect| matches!(effect, countersign_core::Effect::Keep { .. })) {
                    to_keep.send_replace(());
                }
                // Nobody listening is fine.
                let _ = changes.send(());
            })
        };
        let writer = Writer::new(store.clone(), vault.clone(), clock.clone(), published.clone(), after_commit);
        let control = Control(Arc::new(Inner {
            settings,
            _alone: alone,
            clock,
            store,
            vault,
            published,
            live,
            watchers: Shares::new(WATCHED_MAX.0, WATCHED_MAX.1),
            inbox,
            changes,
            settled,
            to_keep,
            spooled: Spooled::default(),
            applying: tokio::sync::Mutex::new(()),
            sign_in_gate: tokio::sync::Mutex::new(()),
            hashing: Turns::new(HASHING_AT_ONCE, HASHING_WAITING_MAX),
            tickets: std::sync::OnceLock::new(),
            elsewhere: OnceLock::new(),
            kept: std::sync::Mutex::default(),
            mock_key: dice::bytes()?,
            ssh_host_key: OnceLock::new(),
        }));
        control.match_rows(over).await?;
        tokio::spawn(writer.run(receiver));
        control.close_what_was_open().await?;
        control.begin_keeping(keeps);
        if let Err(fault) = control.put_approved_in_force().await {
            tracing::warn!(%fault, "a change that was approved could not be put in force");
        }
        Ok(control)
    }

    async fn close_what_was_open(&self) -> Result<(), Fault> {
        let open: Vec<_> = self.state().open_sessions.iter().copied().collect();
        for session in open {
            let why = SessionEnd::ServerStopped;
            let recovered = crate::transcript::recover(self, session);
            let (wrong, counted) = match recovered {
                Ok(Recovered { counted, torn: false }) => (None, Some(counted)),
                Ok(Recovered { counted, torn: true }) => {
                    tracing::warn!(%session, "what it recorded ends within a frame; what is before that counts");
                    (Some(Note::RecordingTorn { session }), Some(counted))
                }
                Err(fault) => {
                    tracing::error!(%session, ?fault, "what it recorded is missing or cannot be read; it stays as it is");
                    (Some(Note::RecordingUnread { session }), None)
                }
            };
            if let Some(wrong) = wrong {
                self.note(wrong, Vec::new()).await?;
            }
            let (transcript, records) = counted.map_or((None, 0), |(root, records)| (Some(root), records));
            self.submit(Input::Close { session, why, transcript, records }, Vec::new()).await?;
        }
        let unreported: Vec<_> = {
            let state = self.state();
            let once = state.unreported.iter().map(|grant| (*grant, None));
            once.chain(state.unreported_steps.iter().map(|(grant, step)| (*grant, Some(*step)))).collect()
        };
        for (grant, step) in unreported {
            self.submit(Input::Ran { grant, step, outcome: RunOutcome::Unknown }, Vec::new()).await?;
        }
        Ok(())
    }

    /// Cuts every live session, for stopping.
    pub fn cut_all(&self) {
        self.0.live.cut_all(SessionEnd::ServerStopped);
    }

    /// The address people open.
    #[must_use]
    pub fn page_address(&self) -> &str {
        &self.0.settings.page_address
    }

    /// The authority clients check the gateway's certificate against, in PEM, if its file can be read here. A file that
    /// holds a private key as well is not shown to anybody.
    #[must_use]
    pub fn authority_pem(&self) -> Option<String> {
        std::fs::read_to_string(&self.0.settings.ca_file).ok().filter(|pem| !pem.contains("PRIVATE KEY"))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Tells that something committed changed. A listener that lags should look at everything.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Where the journal ends.
    #[must_use]
    pub fn head(&self) -> Head {
        self.0.published.chain.read().expect("no holder of this lock panics").head()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.0.settings.data
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.0.published.state.read().expect("no holder of this lock panics")
    }

    pub(crate) fn directory(&self) -> Roster {
        Roster::clone(&self.0.published.directory.load())
    }

    pub(crate) fn policy_epoch(&self) -> u64 {
        self.0.published.policy_epoch.load(Ordering::Acquire)
    }

    /// Hands an input and its rows to the writer and waits until it is committed.
    pub(crate) async fn submit(&self, input: Input, rows: Vec<Row>) -> Result<Answer, Fault> {
        self.submit_written(input, rows, Vec::new()).await
    }

    /// The same for an input that may make a request, with the marks of what is written in it.
    pub(crate) async fn submit_written(
        &self,
        input: Input,
        rows: Vec<Row>,
        written: Vec<Mark>,
    ) -> Result<Answer, Fault> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Fault::trouble("the writer has stopped");
        self.0.inbox.send(Command { input, rows, written, reply }).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    pub(crate) async fn note(&self, note: Note, rows: Vec<Row>) -> Result<(), Fault> {
        self.submit(Input::Note(note), rows).await.map(|_| ())
    }

    pub(crate) fn seal(&self, purpose: Purpose, row: &str, version: u64, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let plain = SecretSlice::from(plain.to_vec());
        match self.0.vault.call(vault::Call::Seal { purpose, row: row.to_owned(), version, plain })? {
            vault::Answer::Sealed(sealed) => Ok(sealed),
            _ => Err(Fault::trouble("the vault answered another question")),
        }
    }

    pub(crate) fn unseal(
        &self,
        purpose: Purpose,
        row: &str,
        version: u64,
        sealed: Vec<u8>,
    ) -> Result<SecretSlice<u8>, Fault> {
        match self.0.vault.call(vault::Call::Open { purpose, row: row.to_owned(), version, sealed })? {
            vault::Answer::Opened(plain) => Ok(plain),
            _ => Err(Fault::trouble("the vault answered another question")),
        }
    }

    /// The tag of what a link stands for.
    pub(crate) fn tag(&self, link: Vec<u8>) -> Result<SecretSlice<u8>, Fault> {
        match self.0.vault.call(vault::Call::Tag { link })? {
            vault::Answer::Tagged(tag) => Ok(tag),
            _ => Err(Fault::trouble("the vault answered another question")),
        }
    }

    /// Commits to a text and seals it; the row goes in with the event that names the commitment.
    pub(crate) fn commit_text(&self, text: &[u8]) -> Result<(Commitment, Row), Fault> {
        let salt = dice::bytes::<32>()?;
        let commitment = Commitment::new(&salt, text);
        let mut salted = salt.to_vec();
        salted.extend_from_slice(text);
        let sealed = self.seal(Purpose::Text, &commitment.0.to_string(), 1, &salted)?;
        Ok((commitment, Row::Text { commitment, sealed }))
    }

    /// The text behind a commitment, checked against it; `None` when it was erased.
    pub(crate) async fn text(&self, commitment: &Commitment) -> Result<Option<Vec<u8>>, Fault> {
        let Some(sealed) = self.0.store.text(commitment).await? else { return Ok(None) };
        let salted = self.unseal(Purpose::Text, &commitment.0.to_string(), 1, sealed)?;
        let (salt, text) =
            salted.expose_secret().split_at_checked(32).ok_or_else(|| Fault::trouble("a text is cut"))?;
        let salt = salt.try_into().map_err(Fault::trouble)?;
        if Commitment::new(&salt, text) != *commitment {
            return Err(Fault::trouble(format!("the text of {} is not what was committed to", commitment.0.short())));
        }
        Ok(Some(text.to_vec()))
    }

    /// A reason or comment, trimmed, and how many of its characters can be seen; `None` when there are none.
    pub(crate) fn words(&self, text: &str) -> Result<Option<(Commitment, u32, Row)>, Fault> {
        let text = text.trim();
        let chars = text.chars().count();
        if chars > REASON_CHARS_MAX as usize {
            return Err(Fault::Input(format!("at most {REASON_CHARS_MAX} characters are kept; this has {chars}")));
        }
        let seen = seen_chars(text);
        if seen == 0 {
            return Ok(None);
        }
        let (commitment, row) = self.commit_text(text.as_bytes())?;
        Ok(Some((commitment, u32::try_from(seen).unwrap_or(u32::MAX), row)))
    }
}
