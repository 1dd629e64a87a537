//! What the target sends, by message header, in place: nearly every byte is forwarded from the buffer it was read
//! into; only messages that settle something are looked at whole.

use super::pipeline::{Expect, For, Owed, Pipeline};
use bytes::BytesMut;
use countersign_control::Release;
use countersign_journal::RunOutcome;

/// Largest message that is looked at whole.
const LOOKED_AT_BYTES_MAX: usize = 1 << 20;
/// Rows our own questions may answer with, in bytes.
const OUR_ROWS_BYTES_MAX: usize = 4 << 20;

/// What the target did that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the target broke the protocol: {0}")]
pub(super) struct Broken(pub(super) String);

/// What became of statements, in the order the target said so.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// A statement finished, in the target's words.
    Finished(u64, String),
    /// A statement failed: SQLSTATE and words.
    Failed(u64, String, String),
    /// A released unit is over.
    ReleaseEnded(Release, RunOutcome),
    /// What a released unit did was taken back with its transaction, or with a part of it.
    TakenBack(Release),
}

/// Reads the target's stream.
#[derive(Default)]
pub(super) struct Backend {
    /// Bytes of the current body that are still to come and are forwarded as they are.
    passing: usize,
    /// Rows of our own question so far, each column `None` when NULL.
    pub(super) our_rows: Vec<Vec<Option<String>>>,
    our_rows_bytes: usize,
    /// Why our own question failed.
    pub(super) our_failure: Option<String>,
    /// What the client is told in place of a failure made on purpose.
    pub(super) refusal: Option<BytesMut>,
    /// The released unit that is under way, and the rows it had so far.
    under_way: Option<(Release, u64)>,
    pub(super) happened: Vec<Happened>,
    /// The target reported an error that was not for us.
    pub(super) errored: bool,
    /// Released units that completed in a transaction whose end is not known yet.
    open: Vec<Release>,
    /// Whether an error will take all of it back.
    failing: bool,
}

impl Backend {
    /// Forgets the answers of the last question of ours.
    pub(super) fn ask_anew(&mut self) {
        self.our_rows.clear();
        self.our_rows_bytes = 0;
        self.our_failure = None;
    }

    /// A released unit starts now.
    pub(super) fn release_begins(&mut self, release: Release) {
        self.under_way = Some((release, 0));
    }

    /// The released unit that is under way ends here, with an error.
    pub(super) fn release_fails(&mut self, code: &str) {
        if let Some((release, _)) = self.under_way.take() {
            self.happened.push(Happened::ReleaseEnded(release, RunOutcome::Failed { code: code.to_owned() }));
        }
    }

    /// Moves what can be forwarded from `input` to `out`.
    pub(super) fn scan(
        &mut self,
        input: &mut BytesMut,
        out: &mut BytesMut,
        pipeline: &mut Pipeline,
    ) -> Result<(), Broken> {
        let mut at = 0; // everything before this goes to the client
        loop {
            if self.passing > 0 {
                let here = self.passing.min(input.len() - at);
                self.passing -= here;
                at += here;
                if self.passing > 0 {
                    break;
                }
            }
            let Some(header) = input.get(at..at + 5) else { break };
            let tag = header[0];
            let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
            let whole = usize::try_from(length).ok().filter(|l| *l >= 4);
            let whole = whole.ok_or_else(|| Broken(format!("a message of {length} bytes")))? + 1;
            let ours = pipeline.front().is_some_and(|o| o.to == For::Us);
            if !ours && !settles(tag) {
                self.passing = whole;
                continue;
            }
            if whole > LOOKED_AT_BYTES_MAX {
                return Err(Broken(format!("a `{}` message of {length} bytes", tag.escape_ascii())));
            }
            let Some(message) = input.get(at..at + whole) else {
                input.reserve(whole);
                break;
            };
            match self.look(tag, message, pipeline)? {
                Fate::Forward => at += whole,
                Fate::Keep => {
                    forward(input, at, out);
                    let _kept = input.split_to(whole);
                    at = 0;
                }
                Fate::Replace(with) => {
                    forward(input, at, out);
                    let _replaced = input.split_to(whole);
                    at = 0;
                    out.extend_from_slice(&with);
                }
            }
        }
        forward(input, at, out);
        Ok(())
    }

    fn look(&mut self, tag: u8, message: &[u8], pipeline: &mut Pipeline) -> Result<Fate, Broken> {
        let body = &message[5..];
        let to = pipeline.front().map_or(For::Client, |o| o.to);
        match tag {
            b'Z' => pipeline.transaction = *body.first().unwrap_or(&b'E'),
            b'G' if !pipeline.copy_begins() => return Err(Broken("COPY where none was asked for".into())),
            b'W' => return Err(Broken("replication in a session".into())),
            b'S' => pipeline.reports(body),
            b'D' if to == For::Us => self.our_row(body)?,
            b'E' => return Ok(self.error(body, to, pipeline)),
            b'R' | b'K' | b'V' => return Err(Broken(format!("message `{}` in a session", tag.escape_ascii()))),
            // Asynchronous: for the client, whoever asked the current question.
            b'N' | b'A' => return Ok(Fate::Forward),
            _ => {}
        }
        if tag == b'S' {
            return Ok(Fate::Forward);
        }
        if tag == b'C' && to != For::Us {
            self.completed(body, pipeline.front());
        }
        if pipeline.answered(tag).is_some_and(|owed| owed.ends_release) {
            self.release_completes();
        }
        if tag == b'Z' && pipeline.transaction != b'E' {
            self.transaction_moves(pipeline.transaction == b'I');
        }
        Ok(if to == For::Us { Fate::Keep } else { Fate::Forward })
    }

    /// The target is ready, and no error stands: an implicit transaction that failed is over, and so is one that did not.
    fn transaction_moves(&mut self, ended: bool) {
        if std::mem::take(&mut self.failing) {
            self.taken_back();
        } else if ended {
            self.open.clear();
        }
    }

    fn taken_back(&mut self) {
        self.happened.extend(self.open.drain(..).map(Happened::TakenBack));
    }

    fn error(&mut self, body: &[u8], to: For, pipeline: &mut Pipeline) -> Fate {
        let (code, words) = (field(body, b'C'), field(body, b'M'));
        let number = pipeline.front().and_then(|o| number(&o.what));
        pipeline.errored();
        self.failing = true;
        if to != For::Us {
            self.errored = true;
            self.release_fails(&code);
        }
        match to {
            For::Us => {
                self.our_failure = Some(format!("{words} ({code})"));
                Fate::Keep
            }
            For::Refusal => Fate::Replace(self.refusal.take().unwrap_or_default()),
            For::Client => {
                if let Some(number) = number {
                    self.happened.push(Happened::Failed(number, code, words));
                }
                Fate::Forward
            }
        }
    }

    fn completed(&mut self, body: &[u8], front: Option<&Owed>) {
        let tag = String::from_utf8_lossy(body.strip_suffix(b"\0").unwrap_or(body)).into_owned();
        let rows = tag.rsplit(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        if let Some((_, so_far)) = &mut self.under_way {
            *so_far = so_far.saturating_add(rows);
        }
        match tag.as_str() {
            "COMMIT" => self.open.clear(),
            // Also that of a COMMIT that failed, and of a part of a transaction. What is prepared may still be.
            "ROLLBACK" | "PREPARE TRANSACTION" => self.taken_back(),
            _ => {}
        }
        if let Some(number) = front.and_then(|o| number(&o.what)) {
            self.happened.push(Happened::Finished(number, tag));
        }
    }

    fn release_completes(&mut self) {
        if let Some((release, rows)) = self.under_way.take() {
            self.open.push(release);
            self.happened.push(Happened::ReleaseEnded(release, RunOutcome::Completed { rows }));
        }
    }

    fn our_row(&mut self, body: &[u8]) -> Result<(), Broken> {
        self.our_rows_bytes += body.len();
        if self.our_rows_bytes > OUR_ROWS_BYTES_MAX {
            return Err(Broken("too large an answer to a catalogue question".into()));
        }
        let short = || Broken("a short row".into());
        let (count, mut rest) = body.split_at_checked(2).ok_or_else(short)?;
        let mut row = Vec::new();
        for _ in 0..u16::from_be_bytes([count[0], count[1]]) {
            let (length, after) = rest.split_at_checked(4).ok_or_else(short)?;
            let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            rest = after;
            row.push(match usize::try_from(length) {
                Err(_) => None,
                Ok(length) => {
                    let (value, after) = rest.split_at_checked(length).ok_or_else(short)?;
                    rest = after;
                    let text = std::str::from_utf8(value).ok();
                    if text.is_none() {
                        self.our_failure = Some("a name in the answer is not UTF-8; use client_encoding UTF8".into());
                    }
                    text.map(str::to_owned)
                }
            });
        }
        self.our_rows.push(row);
        Ok(())
    }
}

enum Fate {
    Forward,
    Keep,
    Replace(BytesMut),
}

/// Whether a message settles something or must be looked at; everything else (rows, COPY data) passes by its header. What
/// may come while nothing runs goes whole, since what we say to a client that waits must not come into the midst of it.
fn settles(tag: u8) -> bool {
    matches!(
        tag,
        b'1' | b'2'
            | b'3'
            | b'A'
            | b'C'
            | b'E'
            | b'G'
            | b'I'
            | b'K'
            | b'N'
            | b'R'
            | b'S'
            | b'T'
            | b'V'
            | b'W'
            | b'Z'
            | b'n'
            | b's'
    )
}

/// Moves the first `at` bytes from `input` to `out`, without copying when `out` is empty.
fn forward(input: &mut BytesMut, at: usize, out: &mut BytesMut) {
    if at == 0 {
        return;
    }
    let part = input.split_to(at);
    if out.is_empty() {
        *out = part;
    } else {
        out.extend_from_slice(&part);
    }
}

fn number(what: &Expect) -> Option<u64> {
    match what {
        Expect::Query(number) | Expect::Execute(number) => Some(*number),
        _ => None,
    }
}

/// One field of an ErrorResponse body.
fn field(body: &[u8], wanted: u8) -> String {
    let fields = body.split(|b| *b == 0).filter_map(|f| f.split_first());
    let mut found = fields.filter(|(kind, _)| **kind == wanted);
    found.next().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::message::put;
    use super::*;

    fn messages(list: &[(u8, &[u8])]) -> BytesMut {
        let mut out = BytesMut::new();
        for (tag, body) in list {
            put(*tag, body, &mut out);
        }
        out
    }

    /// However the stream is cut into reads, the client gets the same bytes.
    #[test]
    fn forwarding_does_not_depend_on_how_the_stream_is_cut() {
        let whole = messages(&[(b'T', b"x"), (b'D', &[7; 300]), (b'C', b"SELECT 1\0"), (b'Z', b"I")]);
        for size in 1..whole.len() {
            let (mut backend, mut pipeline) = (Backend::default(), Pipeline::new(b'I'));
            pipeline.expect(Expect::Query(1), For::Client);
            let (mut input, mut got) = (BytesMut::new(), Vec::new());
            for chunk in whole.chunks(size) {
                input.extend_from_slice(chunk);
                let mut out = BytesMut::new();
                backend.scan(&mut input, &mut out, &mut pipeline).expect("fine");
                got.extend_from_slice(&out);
            }
            assert_eq!(got, whole, "cut every {size} bytes");
            assert!(pipeline.is_idle());
            assert_eq!(backend.happened, vec![Happened::Finished(1, "SELECT 1".into())]);
        }
    }

    #[test]
    fn what_comes_while_nothing_runs_goes_whole() {
        for tag in [b'A', b'N', b'S'] {
            let (mut backend, mut pipeline) = (Backend::default(), Pipeline::new(b'I'));
            let whole = messages(&[(tag, b"\0\0\0\x01channel\0payload\0")]);
            let (mut input, mut out) = (BytesMut::from(&whole[..9]), BytesMut::new());
            backend.scan(&mut input, &mut out, &mut pipeline).expect("fine");
            assert!(out.is_empty(), "half of a `{}`", tag.escape_ascii());
            input.extend_from_slice(&whole[9..]);
            backend.scan(&mut input, &mut out, &mut pipeline).expect("fine");
            assert_eq!(out, whole);
        }
    }

    #[test]
    fn our_own_answers_are_kept_from_the_client() {
        let (mut backend, mut pipeline) = (Backend::default(), Pipeline::new(b'I'));
        for what in [Expect::Parse(b"c".to_vec(), Statement::Opaque), Expect::Bind, Expect::Execute(0), Expect::Sync] {
            pipeline.expect(what, For::Us);
        }
        let row = b"\x00\x02\x00\x00\x00\x02hi\xff\xff\xff\xff";
        let mut input =
            messages(&[(b'1', b""), (b'2', b""), (b'D', row), (b'N', b"M!\0\0"), (b'C', b"SELECT 1\0"), (b'Z', b"T")]);
        let mut out = BytesMut::new();
        backend.scan(&mut input, &mut out, &mut pipeline).expect("fine");
        assert_eq!(backend.our_rows, vec![vec![Some("hi".to_owned()), None]]);
        assert_eq!(out, messages(&[(b'N', b"M!\0\0")]), "only the notice is the client's");
        assert_eq!(pipeline.transaction, b'T');
    }

    use super::super::pipeline::Statement;

    #[test]
    fn a_length_that_lies_is_refused() {
        let (mut backend, mut pipeline) = (Backend::default(), Pipeline::new(b'I'));
        let mut input = BytesMut::from(&b"D\x00\x00\x00\x01"[..]);
        assert!(backend.scan(&mut input, &mut BytesMut::new(), &mut pipeline).is_err());
    }
}
