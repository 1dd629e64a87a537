//! The start: the journal is read from its beginning, its chain checked, and folded. What is over leaves the fold as it goes,
//! so that a long history needs no more memory than a short one; rows that do not match the journal are made again, from it
//! and from the texts it commits to.

use crate::control::Control;
use crate::fault::Fault;
use crate::gate::Unit;
use crate::marks::Mark;
use crate::store::{Row, Store};
use crate::writer::{Published, found_by, recording_row, rows_of};
use arc_swap::ArcSwap;
use countersign_core::{Case, Request, Roster, State, apply};
use countersign_journal::{Act, Chain, Commitment, GrantId, RequestId, canonical};
use std::collections::BTreeSet;
use std::sync::RwLock;
use std::sync::atomic::AtomicU64;

/// Entries read at a time.
const PAGE: u32 = 4_096;

/// A journal as far as it was folded.
#[derive(Default)]
struct Fold {
    chain: Chain,
    state: State,
    counted: Counted,
}

/// How many rows there are of what a journal says.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Requests that are over.
    over: u64,
    /// Recordings that were erased, and those that were brought to a store.
    recordings: (u64, u64),
}

/// What a page of the journal made over.
struct Over {
    cases: Vec<Case>,
    /// Rows of recordings.
    recordings: Vec<Row>,
}

impl Fold {
    /// Folds the next entries and takes out what is over by them; nothing once there are no more.
    async fn next(&mut self, store: &Store) -> Result<Option<Over>, Fault> {
        let page = store.entries(self.chain.head().len, PAGE).await?;
        if page.is_empty() {
            return Ok(None);
        }
        let (mut touched, mut recordings): (BTreeSet<RequestId>, _) = (BTreeSet::new(), Vec::new());
        for stored in page {
            let entry = self.chain.follow(&stored.bytes);
            let entry = entry.map_err(|e| Fault::trouble(format!("the journal is damaged: {e}")))?;
            apply(&mut self.state, entry.at, &entry.event);
            touched.extend(self.state.request_of(&entry.event));
            recordings.extend(recording_row(&entry.event, entry.seq, entry.at));
        }
        let cases: Vec<Case> = touched.into_iter().filter_map(|id| self.state.release(id)).collect();
        let erased = recordings.iter().filter(|row| matches!(row, Row::Erased { .. })).count() as u64;
        self.counted.over += cases.len() as u64;
        self.counted.recordings.0 += erased;
        self.counted.recordings.1 += recordings.len() as u64 - erased;
        Ok(Some(Over { cases, recordings }))
    }
}

/// Folds the journal; what is alive, and how many rows there are of what is over.
pub(crate) async fn fold(store: &Store) -> Result<(Published, Counted), Fault> {
    let mut fold = Fold::default();
    while fold.next(store).await?.is_some() {}
    let counted = fold.counted;
    let published = Published {
        state: RwLock::new(fold.state),
        directory: ArcSwap::from_pointee(Roster::new(store.directory().await?)),
        chain: RwLock::new(fold.chain),
        policy_epoch: AtomicU64::new(0),
    };
    Ok((published, counted))
}

impl Control {
    /// Makes the rows of requests and recordings again if there are not as many as the journal says, as in a data folder of before
    /// there were any.
    pub(crate) async fn match_rows(&self, counted: Counted) -> Result<(), Fault> {
        let store = &self.0.store;
        let alive: Vec<Request> = self.state().requests.values().cloned().collect();
        let there = Counted { over: store.cases().await?, recordings: store.recordings().await? };
        let all = there == counted;
        let found = all && (alive.is_empty() || store.has_marks().await?);
        if found {
            return Ok(());
        }
        // What is gone from where it was kept is not in the journal: those rows stay where there are as many as it says.
        store.forget_cases(there.recordings.0 != counted.recordings.0).await?;
        // The living first: once everything that is over has its row, nothing is missing.
        store.commit(&[], &self.marks_of(&alive).await?).await?;
        let mut fold = Fold::default();
        while let Some(Over { cases, recordings }) = fold.next(store).await? {
            let requests: Vec<Request> = cases.iter().map(|case| case.request.clone()).collect();
            let marks = self.marks_of(&requests).await?;
            let rows: Vec<Row> = cases.into_iter().flat_map(rows_of).chain(marks).chain(recordings).collect();
            store.commit(&[], &rows).await?;
        }
        Ok(())
    }

    async fn marks_of(&self, requests: &[Request]) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        for request in requests {
            let written = self.written_in(request).await?;
            rows.push(found_by(&self.0.vault, &self.directory(), request, &written)?);
        }
        Ok(rows)
    }

    /// The marks of what was written in a request, as far as it was not erased.
    async fn written_in(&self, request: &Request) -> Result<Vec<Mark>, Fault> {
        if let Act::Run(run) = &request.act {
            let unit: Option<Unit> = self.decoded(&run.text).await?;
            return self.written_of(run.grant, &unit.unwrap_or_default()).await;
        }
        let mut texts: Vec<String> = Vec::new();
        if let Some(reason) = &request.reason {
            texts.push(self.shown(reason).await?);
        }
        match &request.act {
            Act::Connect | Act::Run(_) | Act::Watch(_) => {}
            Act::Administer(change) => texts.extend(self.changes_of(change).await?),
        }
        if let Some(plan) = &request.plan {
            texts.extend(self.decoded::<Vec<String>>(&plan.texts).await?.into_iter().flatten());
        }
        self.marks_in(texts.iter().map(String::as_str))
    }

    /// The marks of a statement, and of the reason of the connection it is held in.
    pub(crate) async fn written_of(&self, grant: GrantId, unit: &Unit) -> Result<Vec<Mark>, Fault> {
        let connect = self.case_of_grant(grant).await?.map(|case| case.request);
        let mut texts = Vec::new();
        if let Some(reason) = connect.and_then(|r| r.reason) {
            texts.push(self.shown(&reason).await?);
        }
        texts.extend(unit.texts());
        self.marks_in(texts.iter().map(String::as_str))
    }

    /// What the text behind a commitment encodes; nothing when it was erased.
    pub(crate) async fn decoded<T>(&self, text: &Commitment) -> Result<Option<T>, Fault>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let bytes = self.text(text).await?;
        bytes.map(|bytes| canonical::decode(&bytes).map_err(Fault::trouble)).transpose()
    }
}
