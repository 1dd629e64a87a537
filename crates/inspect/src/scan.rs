//! The tokens of a text, by the parser's own scanner, within limits that keep it quick.
//!
//! Unlike the parser, the scanner leaves standard error alone and needs no lock. It must not know what tokens mean.

use pg_query::protobuf::ScanToken;

/// Longest text that is scanned or parsed, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Most work that runs of operator signs may cause, as the sum of the squares of their lengths. After a sign or the
/// opening of a comment the scanner reads such a run again to its end, so that `/*/*/*` costs its square.
pub const SIGN_WORK_MAX: usize = 1 << 26;

/// One more token: the binding makes a slice from a null pointer where there is none at all. It stands on a line of its
/// own, which ends a comment and continues nothing.
const END: &str = "\n;";

/// Why there are no tokens, in words for an approver.
pub(crate) enum Unscanned {
    TooLong,
    HasNul,
    TooManySigns,
    /// In the scanner's words, which may quote the text.
    NotValid(String),
}

/// The tokens of `text`, comments included.
pub(crate) fn tokens(text: &str) -> Result<Vec<ScanToken>, Unscanned> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Unscanned::TooLong);
    }
    if text.contains('\0') {
        return Err(Unscanned::HasNul);
    }
    if sign_work(text) > SIGN_WORK_MAX {
        return Err(Unscanned::TooManySigns);
    }
    let scanned = pg_query::scan_tokens(&format!("{text}{END}"));
    let mut tokens = scanned.map_err(|error| {
        let message = if let pg_query::Error::Scan(message) = error { message } else { error.to_string() };
        Unscanned::NotValid(message.replace(END, ""))
    })?;
    tokens.retain(|token| usize::try_from(token.end).is_ok_and(|end| end <= text.len()));
    Ok(tokens)
}

fn sign_work(text: &str) -> usize {
    let is_sign = |b: &u8| b"+-*/<>=~!@#%^&|`?".contains(b);
    text.as_bytes().split(|b| !is_sign(b)).map(|run| run.len() * run.len()).sum()
}
