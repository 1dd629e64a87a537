//! SQL as evidence: the text cut into runs that a page can colour, with everything visible that could deceive.
//!
//! Nothing is lost or changed: the texts of the pieces, one after the other, are the input. It must not know what the
//! text means; that is [`crate::sql`]'s.

mod lookalike;

use crate::scan::tokens;
pub use countersign_journal::is_invisible;
use pg_query::protobuf::{KeywordKind, ScanToken, Token};
use serde::Serialize;

/// What a run of text is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A word of the grammar, reserved or not.
    Keyword,
    /// A string constant of any form: quoted, escaped, dollar-quoted, bit, hexadecimal.
    String,
    /// A number, or a parameter such as `$1`.
    Number,
    /// A comment. PostgreSQL never runs one, not even one another database would.
    Comment,
    /// An operator.
    Operator,
    /// A name, quoted or not.
    Identifier,
    /// Space, punctuation, and text that could not be cut into tokens.
    Plain,
    /// One character a reader would not see, or would take for another; its label says which.
    Hidden,
}

/// A run of text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Piece<'t> {
    /// The text as it is.
    pub text: &'t str,
    /// What it is.
    pub class: Class,
    /// For a hidden piece what to show in its place: `U+202E`, or `U+0430 like a` for a look-alike.
    pub label: Option<String>,
}

/// Cuts `text` into pieces that cover it without loss and in order.
///
/// Text that the scanner refuses, or that is beyond the limits of [`crate::sql`], is plain, but its hidden characters
/// are still pieces of their own.
#[must_use]
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let tokens = tokens(text).unwrap_or_default();
    let mut pieces = Vec::new();
    let mut shown = 0;
    for token in &tokens {
        let Some((start, end)) = bounds(token, shown, text) else { continue };
        cut(&text[shown..start], Class::Plain, &mut pieces);
        cut(&text[start..end], class(token), &mut pieces);
        shown = end;
    }
    cut(&text[shown..], Class::Plain, &mut pieces);
    pieces
}

/// The same for a text that is no SQL: nothing in it is told apart but hidden characters.
#[must_use]
pub fn plain(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    cut(text, Class::Plain, &mut pieces);
    pieces
}

/// A token's place, if it lies on characters behind what has been shown.
fn bounds(token: &ScanToken, shown: usize, text: &str) -> Option<(usize, usize)> {
    let (start, end) = (usize::try_from(token.start).ok()?, usize::try_from(token.end).ok()?);
    (shown <= start && text.get(start..end).is_some_and(|token| !token.is_empty())).then_some((start, end))
}

fn class(token: &ScanToken) -> Class {
    if token.keyword_kind() != KeywordKind::NoKeyword {
        return Class::Keyword;
    }
    match token.token() {
        Token::Sconst | Token::Usconst | Token::Bconst | Token::Xconst => Class::String,
        Token::Iconst | Token::Fconst | Token::Param => Class::Number,
        Token::SqlComment | Token::CComment => Class::Comment,
        Token::Ident | Token::Uident => Class::Identifier,
        // ( ) , . ; [ ]
        Token::Ascii40
        | Token::Ascii41
        | Token::Ascii44
        | Token::Ascii46
        | Token::Ascii59
        | Token::Ascii91
        | Token::Ascii93 => Class::Plain,
        _ => Class::Operator,
    }
}

/// Adds `text` as pieces of `class`, with each hidden character a piece of its own.
fn cut<'t>(text: &'t str, class: Class, pieces: &mut Vec<Piece<'t>>) {
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let Some(label) = label(c, class) else { continue };
        let end = at + c.len_utf8();
        run(&text[start..at], class, pieces);
        pieces.push(Piece { text: &text[at..end], class: Class::Hidden, label: Some(label) });
        start = end;
    }
    run(&text[start..], class, pieces);
}

fn run<'t>(text: &'t str, class: Class, pieces: &mut Vec<Piece<'t>>) {
    if !text.is_empty() {
        pieces.push(Piece { text, class, label: None });
    }
}

/// What to show in place of a hidden character. Look-alikes count only in names: other scripts are at home in strings.
fn label(c: char, class: Class) -> Option<String> {
    if is_invisible(c) {
        return Some(format!("U+{:04X}", u32::from(c)));
    }
    let latin = lookalike::of(c).filter(|_| class == Class::Identifier)?;
    Some(format!("U+{:04X} like {latin}", u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::{Class, pieces};
    use std::fmt::Write;

    fn check(text: &str, expected: &str) {
        let pieces = pieces(text);
        assert_eq!(pieces.iter().map(|p| p.text).collect::<String>(), text);
        let mut shown = String::new();
        for piece in pieces.iter().filter(|p| p.class != Class::Plain || !p.text.trim().is_empty()) {
            let text = piece.label.as_deref().unwrap_or(piece.text);
            write!(shown, "{:?}:{text} ", piece.class).expect("a string takes text");
        }
        assert_eq!(shown.trim_end(), expected);
    }

    #[test]
    fn tokens_have_classes() {
        check("", "");
        check("SELECT a1", "Keyword:SELECT Identifier:a1");
        check("x >= 1.5", "Identifier:x Operator:>= Number:1.5");
        check("f($1);", "Identifier:f Plain:( Number:$1 Plain:) Plain:;");
        check("'it''s' \"A b\"", "String:'it''s' Identifier:\"A b\"");
        check("$q$ 'x' $q$", "String:$q$ 'x' $q$");
        check("U&\"\\0441\" E'\\n'", "Identifier:U&\"\\0441\" String:E'\\n'");
        check("DROP/**/TABLE t -- now", "Keyword:DROP Comment:/**/ Keyword:TABLE Identifier:t Comment:-- now");
        check("/*!50000 x /* y */ */", "Comment:/*!50000 x /* y */ */");
    }

    #[test]
    fn what_the_scanner_refuses_is_plain() {
        check("SELECT 'a", "Plain:SELECT 'a");
        check("/* a", "Plain:/* a");
        check("a\0b", "Plain:a Hidden:U+0000 Plain:b");
        check("x\u{202e}'", "Plain:x Hidden:U+202E Plain:'");
    }

    #[test]
    fn hidden_characters_are_pieces_of_their_own() {
        check("a\u{200b}b", "Identifier:a Hidden:U+200B Identifier:b");
        check("-- \u{202e}x\r\n", "Comment:--  Hidden:U+202E Comment:x Hidden:U+000D");
        check("'\u{7}'", "String:' Hidden:U+0007 String:'");
        check("a\u{a0}b", "Identifier:a Hidden:U+00A0 Identifier:b");
        check("c\n\td", "Identifier:c Identifier:d");
    }

    #[test]
    fn look_alikes_are_hidden_in_names_only() {
        check("us\u{435}rs", "Identifier:us Hidden:U+0435 like e Identifier:rs");
        check("'\u{435}\u{43b}'", "String:'\u{435}\u{43b}'");
        check("\u{ff44}", "Hidden:U+FF44 like d");
        check("\u{1d41a}", "Hidden:U+1D41A like a");
        check("größe", "Identifier:größe");
    }
}
