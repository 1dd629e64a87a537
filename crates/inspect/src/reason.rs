//! The words of a doubt: quotations that are safe to show, and how many reasons are kept.
//!
//! It must not know what is doubted.

use std::collections::BTreeSet;

/// Most reasons of doubt that are listed for one text.
pub const DOUBTS_MAX: usize = 50;
/// Longest quotation inside a reason, in characters.
pub const QUOTE_CHARS_MAX: usize = 120;

/// Adds `why` to `doubts`, unless there are enough.
pub(crate) fn add(doubts: &mut BTreeSet<String>, why: impl Into<String>) {
    if doubts.len() < DOUBTS_MAX {
        doubts.insert(why.into());
    } else {
        doubts.insert("and more reasons, which are left out".to_owned());
    }
}

/// `text` fit to stand in a reason: no line breaks, nothing invisible, not long.
pub(crate) fn quotable(text: &str) -> String {
    let mut quoted = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == QUOTE_CHARS_MAX {
            quoted.push('…');
            break;
        }
        if c == '`' {
            quoted.push('\'');
        } else if c.is_control() || crate::show::is_invisible(c) {
            quoted.extend(c.escape_unicode());
        } else {
            quoted.push(c);
        }
    }
    quoted
}

/// `text` in backticks, fit to stand in a reason.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", quotable(text))
}
