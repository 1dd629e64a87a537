//! The text that is being typed at a gated shell, and how it is edited: bytes of a terminal in, what it is to draw out. It does
//! nothing else. What is sent is the text as it is shown, and only [`Key::Enter`] sends it.

use super::draw::Drawing;
use super::keys::{Key, Keys};
use countersign_inspect::shell::is_complete;
use countersign_target::ssh::Size;
use std::collections::{BTreeSet, VecDeque};

/// Longest text, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 64 << 10;
/// Bytes of keys taken at a time.
const AT_ONCE: usize = 64;
/// Texts that are kept, and their bytes.
const HISTORY_MAX: usize = 500;
const HISTORY_BYTES_MAX: usize = 1 << 20;
/// Words that are offered.
const CHOICES_MAX: usize = 60;

/// What a person types at a prompt.
pub(in crate::ssh) struct Editor {
    keys: Keys,
    text: String,
    /// Where the cursor is, in bytes.
    at: usize,
    /// Longest text that is taken, in bytes.
    text_max: usize,
    /// Whether something of it was not taken.
    too_long: bool,
    history: VecDeque<String>,
    history_bytes: usize,
    /// Which text of the history is shown, and what was typed before.
    recalled: Option<(usize, String)>,
    /// What was cut last.
    cut: String,
    /// Whether a key was pressed by which something comes into a text that is not typed.
    brought: bool,
    /// Programs that are offered.
    programs: Vec<String>,
    prompt: String,
    size: Size,
    /// What the terminal shows.
    drawn: Drawing,
}

/// What keys led to, besides another text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::ssh) enum Happened {
    /// A text was sent.
    Sent(String),
    /// What was typed is dropped.
    Dropped,
    /// It is, because not all of it was taken.
    TooLong,
    /// Ctrl-D with nothing typed.
    Closed,
    /// These words may be meant.
    Offered(Vec<String>),
    /// The screen is to be cleared.
    Cleared,
}

impl Editor {
    pub(in crate::ssh) fn new(size: Size, programs: Vec<String>) -> Editor {
        Editor {
            keys: Keys::default(),
            text: String::new(),
            at: 0,
            text_max: TEXT_BYTES_MAX,
            too_long: false,
            history: VecDeque::new(),
            history_bytes: 0,
            recalled: None,
            cut: String::new(),
            brought: false,
            programs,
            prompt: String::new(),
            size,
            drawn: Drawing::default(),
        }
    }

    /// Begins anew behind this prompt, which must be plain text.
    pub(in crate::ssh) fn begin(&mut self, prompt: String) {
        self.prompt = prompt;
        self.drawn = Drawing::default();
        self.set(String::new());
        self.too_long = false;
        self.recalled = None;
    }

    /// Takes bytes up to the first by which something happened; how many these were, and what.
    pub(in crate::ssh) fn typed(&mut self, bytes: &[u8]) -> (usize, Option<Happened>) {
        for (index, byte) in bytes.iter().enumerate().take(AT_ONCE) {
            if let Some(happened) = self.keys.press(*byte).and_then(|key| self.press(key)) {
                return (index + 1, Some(happened));
            }
        }
        (bytes.len().min(AT_ONCE), None)
    }

    /// What makes the terminal show the text as it is now.
    pub(super) fn draw(&mut self) -> String {
        let whole = Drawing::new(&self.prompt, &self.text, self.at, self.columns());
        let drawing = whole.within(usize::from(self.size.rows));
        let drawn = if drawing == self.drawn { String::new() } else { drawing.over(&self.drawn) };
        self.drawn = drawing;
        drawn
    }

    /// What makes it show all of the text, and go on below.
    pub(super) fn leave(&mut self, text: &str) -> String {
        let whole = Drawing::new(&self.prompt, text, text.len(), self.columns());
        let drawn = if whole == self.drawn { String::new() } else { whole.over(&self.drawn) };
        self.drawn = Drawing::default();
        drawn + "\r\n"
    }

    /// The terminal shows nothing of it any more.
    pub(super) fn forget_drawing(&mut self) {
        self.drawn = Drawing::default();
    }

    /// The text so far.
    pub(in crate::ssh) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a key was pressed, since this was last asked, by which a shell brings something into a text that was not typed: from
    /// its history, or by completing a word.
    pub(in crate::ssh) fn take_brought(&mut self) -> bool {
        std::mem::take(&mut self.brought)
    }

    /// Takes no longer texts than this.
    pub(in crate::ssh) fn with_text_max(self, bytes: usize) -> Editor {
        Editor { text_max: bytes.min(TEXT_BYTES_MAX), ..self }
    }

    /// Keeps nothing of texts that were sent or dropped, nor of what was cut.
    pub(in crate::ssh) fn forget(&mut self) {
        self.history.clear();
        self.history_bytes = 0;
        self.cut.clear();
    }

    /// The terminal has another size.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        self.drawn = std::mem::take(&mut self.drawn).reflowed(size);
    }

    fn columns(&self) -> usize {
        usize::from(self.size.columns).max(2)
    }

    fn set(&mut self, text: String) {
        self.at = text.len();
        self.text = text;
    }

    fn press(&mut self, key: Key) -> Option<Happened> {
        self.brought |= matches!(key, Key::Tab | Key::Up | Key::Down | Key::Search);
        match key {
            Key::Char(c) => self.insert(c.encode_utf8(&mut [0; 4])),
            Key::Enter => return self.enter(),
            Key::Tab => return self.complete(),
            Key::Interrupt => return Some(Happened::Dropped),
            Key::Close if self.text.is_empty() => return Some(Happened::Closed),
            Key::Clear => return Some(Happened::Cleared),
            Key::Search => {}
            Key::Left => self.at = self.before(),
            Key::Right => self.at = self.behind(),
            Key::WordLeft => self.at = self.word_before(),
            Key::WordRight => self.at = self.word_behind(),
            Key::Home => self.at = self.line_start(),
            Key::End => self.at = self.line_end(),
            Key::Up => self.up(),
            Key::Down => self.down(),
            Key::Backspace => self.remove(self.before(), self.at),
            Key::Delete | Key::Close => self.remove(self.at, self.behind()),
            Key::WordBackspace => self.cut(self.word_before(), self.at),
            Key::WordDelete => self.cut(self.at, self.word_behind()),
            Key::CutToEnd => self.cut(self.at, self.line_end()),
            Key::CutToStart => self.cut(self.line_start(), self.at),
            Key::PutBack => self.insert(&self.cut.clone()),
        }
        None
    }

    fn insert(&mut self, text: &str) {
        if self.text.len() + text.len() <= self.text_max {
            self.text.insert_str(self.at, text);
            self.at += text.len();
        } else {
            self.too_long = true;
        }
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.drain(from..to);
        self.at = from;
    }

    fn cut(&mut self, from: usize, to: usize) {
        if from < to {
            self.cut = self.text[from..to].to_owned();
            self.remove(from, to);
        }
    }

    /// Sends the text, or goes on in another line of it.
    fn enter(&mut self) -> Option<Happened> {
        if !self.too_long && !is_complete(&self.text) {
            self.at = self.text.len();
            self.insert("\n");
            return None;
        }
        if self.too_long {
            return Some(Happened::TooLong);
        }
        let text = std::mem::take(&mut self.text);
        self.at = 0;
        self.recalled = None;
        self.remember(&text);
        Some(Happened::Sent(text))
    }

    fn remember(&mut self, text: &str) {
        if text.trim().is_empty() || self.history.back().is_some_and(|last| last == text) {
            return;
        }
        self.history_bytes += text.len();
        self.history.push_back(text.to_owned());
        while self.history.len() > HISTORY_MAX || self.history_bytes > HISTORY_BYTES_MAX {
            self.history_bytes -= self.history.pop_front().map_or(0, |oldest| oldest.len());
        }
    }

    fn before(&self) -> usize {
        self.text[..self.at].char_indices().next_back().map_or(0, |(index, _)| index)
    }

    fn behind(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    /// Where the word before the cursor begins.
    fn word_before(&self) -> usize {
        let before = &self.text[..self.at];
        let word = before.trim_end_matches(|c: char| !c.is_alphanumeric());
        word.trim_end_matches(char::is_alphanumeric).len()
    }

    /// Where the word behind the cursor ends.
    fn word_behind(&self) -> usize {
        let behind = &self.text[self.at..];
        let word = behind.trim_start_matches(|c: char| !c.is_alphanumeric());
        self.text.len() - word.trim_start_matches(char::is_alphanumeric).len()
    }

    fn line_start(&self) -> usize {
        self.text[..self.at].rfind('\n').map_or(0, |index| index + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.at..].find('\n').map_or(self.text.len(), |index| self.at + index)
    }

    fn up(&mut self) {
        let start = self.line_start();
        if start > 0 {
            let column = self.text[start..self.at].chars().count();
            self.at = start - 1;
            self.at = self.in_line(self.line_start(), column);
            return;
        }
        let (shown, typed) = match self.recalled.take() {
            Some((shown, typed)) => (shown.saturating_sub(1), typed),
            None if self.history.is_empty() => return,
            None => (self.history.len() - 1, std::mem::take(&mut self.text)),
        };
        self.set(self.history[shown].clone());
        self.recalled = Some((shown, typed));
    }

    fn down(&mut self) {
        let end = self.line_end();
        if end < self.text.len() {
            let column = self.text[self.line_start()..self.at].chars().count();
            self.at = self.in_line(end + 1, column);
            return;
        }
        let Some((shown, typed)) = self.recalled.take() else { return };
        match self.history.get(shown + 1) {
            Some(text) => {
                self.set(text.clone());
                self.recalled = Some((shown + 1, typed));
            }
            None => self.set(typed),
        }
    }

    /// The place of a column in the line that begins at `start`, or its end.
    fn in_line(&self, start: usize, column: usize) -> usize {
        let line = self.text[start..].split('\n').next().unwrap_or_default();
        line.char_indices().nth(column).map_or(start + line.len(), |(index, _)| start + index)
    }

    /// Completes the word before the cursor by programs that may run and by words that were typed before.
    fn complete(&mut self) -> Option<Happened> {
        let start = self.text[..self.at].rfind([' ', '\t', '\n', ';', '|', '&', '(']).map_or(0, |index| index + 1);
        let begun = &self.text[start..self.at];
        if begun.is_empty() {
            return None;
        }
        let words = self.history.iter().flat_map(|text| text.split_whitespace());
        let known = self.programs.iter().map(String::as_str).chain(words);
        let fitting: BTreeSet<&str> =
            known.filter(|word| word.len() > begun.len() && word.starts_with(begun)).collect();
        let first = *fitting.first()?;
        let mut common = first.len();
        for word in &fitting {
            let same = first.char_indices().zip(word.chars()).find(|((_, a), b)| a != b);
            common = common.min(same.map_or(word.len(), |((index, _), _)| index));
        }
        let adds = first.get(begun.len()..common).unwrap_or_default().to_owned();
        if adds.is_empty() {
            return Some(Happened::Offered(fitting.into_iter().take(CHOICES_MAX).map(str::to_owned).collect()));
        }
        let ends = if fitting.len() == 1 { " " } else { "" };
        self.insert(&(adds + ends));
        None
    }
}

#[cfg(any(test, fuzzing))]
pub mod laws;
#[cfg(test)]
mod tests;
