//! Keeping what sessions recorded once they are over: what the journal says is erased is taken away, and nothing else ever is;
//! where there is a store outside, the rest is brought there.
//!
//! The journal says each erasure first, and a file is taken away here only once the store was seen to have it. What a crash
//! leaves in between is done at the next start, and doing it again does no harm: the files that are here are what is to be done.

use crate::control::{Control, Inner};
use crate::fault::Fault;
use crate::objects::{Elsewhere, Has, OBJECT_BYTES_MAX};
use crate::store::Row;
use crate::transcript::{self, Reading};
use countersign_journal::{Digest, Entry, Event, Note, SessionId, canonical};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;

/// Recordings taken away in one go.
const ERASED_AT_ONCE: u32 = 100;
/// So many recordings in a row that the store does not take are enough to leave the others for later.
const GIVES_UP_AFTER: u32 = 3;
/// When what did not work is tried again: at first, and at the longest.
const AGAIN: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(300));

/// How far recordings are brought to the store outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// How many are still here, those that stay here aside.
    pub waiting: usize,
    /// Whether the store did not take one when it was last tried.
    pub failing: bool,
    /// How many stay here, for something is wrong with them: damaged, too large, or something else has their place.
    pub wrong: usize,
}

impl Control {
    /// How far recordings are brought to the store, where there is one.
    #[must_use]
    pub fn recordings_kept(&self) -> Option<Kept> {
        self.0.elsewhere.get().map(|_| *self.0.kept.lock().expect("no holder of this lock panics"))
    }

    /// Keeps recordings from now on, until the last handle to this control plane is gone.
    pub(crate) fn begin_keeping(&self, word: watch::Receiver<()>) {
        tokio::spawn(keep(std::sync::Arc::downgrade(&self.0), word));
    }
}

async fn keep(inner: Weak<Inner>, mut word: watch::Receiver<()>) {
    let mut again = AGAIN.0;
    loop {
        word.mark_unchanged();
        let Some(control) = inner.upgrade().map(Control) else { return };
        let (erased, brought) = (control.take_away().await, control.bring_all().await);
        drop(control);
        let Err(fault) = erased.and(brought) else {
            again = AGAIN.0;
            if word.changed().await.is_err() {
                return;
            }
            continue;
        };
        tracing::warn!(%fault, "recordings wait to be erased or brought to their store; again in {} s", again.as_secs());
        // Others that come meanwhile change nothing about that.
        tokio::time::sleep(again).await;
        again = (again * 2).min(AGAIN.1);
    }
}

impl Control {
    /// Takes away what the journal says is erased, here and in the store.
    async fn take_away(&self) -> Result<(), Fault> {
        let (mut before, mut worst, mut is_away) = (SessionId(0), Ok(()), false);
        loop {
            let some = self.0.store.not_gone(before, ERASED_AT_ONCE).await?;
            let Some((last, _)) = some.last() else { return worst };
            before = *last;
            for (session, seq) in some {
                if let Err(fault) = self.is_erased(session, seq).await {
                    tracing::error!(%fault, "nothing is erased for it");
                    worst = Err(fault);
                    continue;
                }
                let (place, root) = (self.stored_at(session).await?, self.root_of(session).await?);
                // A store that does not answer is not asked again and again.
                let asks = !is_away;
                let taken =
                    self.aside(move |control| control.take_away_one(session, (place.as_deref(), root), asks)).await;
                match taken {
                    Ok(()) => {
                        self.0.store.commit(&[], &[Row::Gone { session }]).await?;
                        tracing::info!(%session, "what it recorded is erased");
                    }
                    Err(fault) => {
                        is_away |= matches!(fault, Fault::Away);
                        worst = Err(fault);
                    }
                }
            }
        }
    }

    /// A row alone erases nothing.
    async fn is_erased(&self, session: SessionId, seq: u64) -> Result<(), Fault> {
        match self.noted_at(seq).await? {
            Some(Note::RecordingErased { session: erased, .. }) if erased == session => Ok(()),
            _ => Err(Fault::trouble(format!("a row says that {session} is erased, and entry {seq} does not"))),
        }
    }

    async fn noted_at(&self, seq: u64) -> Result<Option<Note>, Fault> {
        let found = self.0.store.entries(seq, 1).await?;
        let entry = found.first().map(|stored| canonical::decode::<Entry>(&stored.bytes));
        match entry.transpose().map_err(Fault::trouble)?.map(|entry| entry.event) {
            Some(Event::Noted(note)) => Ok(Some(note)),
            _ => Ok(None),
        }
    }

    /// The root of what a session recorded, as the journal has it.
    async fn root_of(&self, session: SessionId) -> Result<Option<Digest>, Fault> {
        let case = self.case_of_session(session).await?;
        Ok(case.and_then(|case| case.sessions.iter().find(|s| s.id == session)?.transcript))
    }

    /// Takes one away, here and where the journal says that it was brought. What was brought and is not in the journal yet, since
    /// the server was stopped between, is still here and the same: that file goes last.
    fn take_away_one(
        &self,
        session: SessionId,
        (place, root): (Option<&str>, Option<Digest>),
        asks: bool,
    ) -> Result<(), Fault> {
        let (name, path) = (transcript::name(session), transcript::path(self, session));
        let asked = || if asks { Ok(()) } else { Err(Fault::Away) };
        match (place, self.0.elsewhere.get()) {
            (None, Some(Elsewhere { objects, .. })) if path.exists() => {
                asked()?;
                if self.has(&name, &path)? == Some(true) {
                    objects.erase(&name).map_err(away)?;
                }
                remove(&path).map(|_| ())
            }
            (None, _) => remove(&path).map(|_| ()),
            (Some(place), elsewhere) => {
                remove(&path)?;
                let has = elsewhere.map_or(Has::No, |elsewhere| elsewhere.objects.has_place(place, &name));
                if has != Has::No {
                    asked()?;
                }
                let is_there = match has {
                    Has::Yes => true,
                    Has::Perhaps => self.is_of(session, root)?,
                    Has::No => false,
                };
                match elsewhere {
                    Some(Elsewhere { objects, .. }) if is_there => objects.erase(&name).map_err(away),
                    _ => Err(Fault::trouble(format!(
                        "what {session} recorded is at `{place}`; the store that is set up is another one, or it has nothing \
                         or something else there, so that its erasure waits"
                    ))),
                }
            }
        }
    }

    /// Whether what the store has under the name of a session is what that session recorded. Where there is nothing, it may be in
    /// the store that was meant.
    fn is_of(&self, session: SessionId, root: Option<Digest>) -> Result<bool, Fault> {
        let fetched = match self.fetched(&transcript::name(session), None) {
            Ok(None) | Err(Fault::Damaged) => return Ok(false),
            fetched => fetched?.ok_or(Fault::NotFound)?,
        };
        // What cannot be read is not ours.
        let read = Reading::fetched(self, session, fetched).count().ok();
        Ok(root.is_some() && read.map(|(read, _)| read) == root)
    }

    /// Where the journal says that it was brought, if it does.
    pub(crate) async fn stored_at(&self, session: SessionId) -> Result<Option<String>, Fault> {
        let Some(seq) = self.0.store.stored(session).await? else { return Ok(None) };
        match self.noted_at(seq).await? {
            Some(Note::RecordingStored { session: stored, place }) if stored == session => Ok(Some(place)),
            _ => Err(Fault::trouble(format!(
                "a row says that {session} was brought to a store, and entry {seq} does not"
            ))),
        }
    }

    /// Brings what is here of closed sessions to the store.
    async fn bring_all(&self) -> Result<(), Fault> {
        if self.0.elsewhere.get().is_none() {
            return Ok(());
        }
        let mut here = self.aside(Control::closed_and_here).await?;
        let erased = self.0.store.erased(&here).await?;
        here.retain(|session| !erased.contains_key(session));
        let (mut kept, mut in_a_row) = (Kept { waiting: here.len(), ..Kept::default() }, 0);
        while let Some(session) = here.pop() {
            self.kept_so_far(kept);
            match self.bring(session).await {
                Ok(()) => (kept.waiting, in_a_row) = (kept.waiting - 1, 0),
                Err(Fault::Away | Fault::Busy) => {
                    (kept.failing, in_a_row) = (true, in_a_row + 1);
                    // The others would wait for the same.
                    if in_a_row == GIVES_UP_AFTER {
                        break;
                    }
                }
                Err(Fault::Damaged) => (kept.waiting, kept.wrong) = (kept.waiting - 1, kept.wrong + 1),
                Err(fault) => {
                    tracing::error!(%session, %fault, "what it recorded waits here");
                    kept.failing = true;
                }
            }
        }
        self.kept_so_far(kept);
        if kept.failing { Err(Fault::Away) } else { Ok(()) }
    }

    fn kept_so_far(&self, kept: Kept) {
        *self.0.kept.lock().expect("no holder of this lock panics") = kept;
    }

    /// Closed sessions whose transcripts are here, the oldest at the end.
    fn closed_and_here(&self) -> Result<Vec<SessionId>, Fault> {
        let folder = transcript::folder(self);
        let names = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let names = names.map_err(|e| Fault::trouble(format!("`{}`: {e}", folder.display())))?;
        let number =
            |name: &str| name.strip_suffix(".transcript").and_then(|number| number.parse().ok()).map(SessionId);
        let mut here: Vec<SessionId> =
            names.iter().filter_map(|entry| entry.file_name().to_str().and_then(number)).collect();
        let state = self.state();
        here.retain(|id| (1..=state.given.sessions).contains(&id.0) && !state.open_sessions.contains(id));
        here.sort_by_key(|id| std::cmp::Reverse(*id));
        Ok(here)
    }

    /// Brings one to the store, reads it back, has that in the journal, and only then takes it away here.
    async fn bring(&self, session: SessionId) -> Result<(), Fault> {
        let root = self.root_of(session).await?;
        let root =
            root.ok_or_else(|| stays(session, "the journal does not name it, so that nobody could check it there"))?;
        let (place, was_there) = self.aside(move |control| control.bring_one(session, root)).await?;
        if !was_there || self.stored_at(session).await?.as_ref() != Some(&place) {
            self.note(Note::RecordingStored { session, place }, Vec::new()).await?;
        }
        self.aside(move |control| remove(&transcript::path(control, session))).await.map(|_| ())
    }

    /// The place in which the store has it, and whether it had it before.
    fn bring_one(&self, session: SessionId, root: Digest) -> Result<(String, bool), Fault> {
        let Elsewhere { objects, .. } = self.0.elsewhere.get().ok_or(Fault::NotFound)?;
        let (name, path) = (transcript::name(session), transcript::path(self, session));
        let (read, _) = Reading::begin(self, session)?.count()?;
        if root != read {
            return Err(stays(session, "its transcript is not the one the journal names"));
        }
        let file = File::open(&path).map_err(Fault::trouble)?;
        if file.metadata().map_err(Fault::trouble)?.len() > OBJECT_BYTES_MAX {
            return Err(stays(session, "its transcript is larger than an object that is read"));
        }
        let was_there = match self.has(&name, &path)? {
            Some(true) => true,
            // What is there of that name may be all there is of it.
            Some(false) => {
                let place = objects.place(&name);
                return Err(stays(
                    session,
                    &format!("`{place}` is there already and is something else; it stays as it is"),
                ));
            }
            None => {
                objects.bring(&name, &file).map_err(away)?;
                if self.has(&name, &path)? != Some(true) {
                    return Err(Fault::trouble(format!("`{}` is not what was brought there", objects.place(&name))));
                }
                false
            }
        };
        Ok((objects.place(&name), was_there))
    }

    /// Whether the store has an object of that name, and whether it is that file, byte for byte.
    fn has(&self, name: &str, path: &Path) -> Result<Option<bool>, Fault> {
        let fetched = match self.fetched(name, None) {
            // It is larger than any that is brought.
            Err(Fault::Damaged) => return Ok(Some(false)),
            fetched => fetched?,
        };
        let Some(mut fetched) = fetched else { return Ok(None) };
        let mut file = File::open(path).map_err(Fault::trouble)?;
        same(&mut fetched.file, &mut file).map(Some).map_err(Fault::trouble)
    }

    /// Does what blocks, and keeps nobody else waiting.
    async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Control) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let control = self.clone();
        tokio::task::spawn_blocking(move || work(&control)).await.map_err(Fault::trouble)?
    }
}

/// Something is wrong with what a session recorded, for good.
fn stays(session: SessionId, why: &str) -> Fault {
    tracing::error!(%session, why, "what it recorded stays here");
    Fault::Damaged
}

fn away(away: crate::objects::Away) -> Fault {
    tracing::warn!(%away, "a recording could not be brought to its store or erased there");
    Fault::Away
}

/// Whether two files hold the same, from where they are.
fn same(one: &mut File, other: &mut File) -> std::io::Result<bool> {
    let (mut of_one, mut of_other) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let read = one.read(&mut of_one)?;
        if read == 0 {
            return Ok(other.read(&mut of_other)? == 0);
        }
        match other.read_exact(&mut of_other[..read]) {
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        if of_one[..read] != of_other[..read] {
            return Ok(false);
        }
    }
}

/// Takes a file away; whether it was there.
fn remove(path: &Path) -> Result<bool, Fault> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Fault::trouble(format!("`{}`: {e}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clock, RootKey, Settings, install};
    use countersign_journal::Timestamp;

    /// Whoever can write rows can have nothing erased by them.
    #[tokio::test]
    async fn a_row_alone_erases_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let settings = Settings {
            ca_file: data.join("ca.pem"),
            data,
            page_address: "https://countersign.test".into(),
            postgres_address: ("localhost".into(), 5432),
            ssh_address: None,
        };
        let root = RootKey::File(folder.path().join("key"));
        let hosts = ["localhost".to_owned()];
        let control = install(settings, &root, Clock::default(), &hosts, "ada").await.expect("installed").control;
        let session = SessionId(1);
        let path = transcript::path(&control, session);
        std::fs::write(&path, "what was recorded").expect("written");
        let lie = Row::Erased { session, seq: 0, at: Timestamp(0) };
        control.0.store.commit(&[], &[lie]).await.expect("written");
        assert!(control.take_away().await.is_err());
        assert!(path.exists());
    }

    #[test]
    fn files_are_the_same_to_the_last_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("written");
            File::open(folder.path().join(name)).expect("there")
        };
        let long = vec![7; 200_000];
        let mut other = long.clone();
        other[199_999] = 8;
        for (one, two, are) in [
            (&long[..], &long[..], true),
            (&long, &other, false),
            (&long, &long[..199_999], false),
            (&long[..199_999], &long, false),
            (&[], &[], true),
        ] {
            assert_eq!(same(&mut file("one", one), &mut file("two", two)).expect("read"), are);
        }
    }
}
