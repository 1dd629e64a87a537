//! PostgreSQL text to [`ActionFacts`], with PostgreSQL's own grammar.
//!
//! The parser answers with a tree of generated types; [`tree`] turns it, whole, into plain named nodes, and [`walk`]
//! reads those. Nothing is skipped: a node the walk does not know is entered all the same and named as a doubt.
//!
//! Three properties of the C parser shape this file. It recurses, so text is measured before it is parsed; release
//! builds were measured to need less than 192 KiB of stack at the deepest, builds without optimisation 1.7 MiB. It
//! points the process's standard error into a pipe of its own while it parses, which is safe for one thread at a time
//! only, so one lock stands before it (whoever logs to standard error should log to a duplicate of it). And for each
//! warning it counts characters from the start of the text, so the words that make it warn are limited.

#[cfg(any(test, fuzzing))]
pub mod laws;
mod nodes;
mod pure;
mod script;
mod tree;
mod utility;
mod walk;

pub use crate::reason::{DOUBTS_MAX, QUOTE_CHARS_MAX};
pub use crate::scan::{SIGN_WORK_MAX, TEXT_BYTES_MAX};
pub use pure::is_pure_function;
pub use script::statements;

use crate::reason::quotable;
use crate::scan::{Unscanned, tokens};
use countersign_journal::ActionFacts;
use pg_query::protobuf::Token;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Most tokens in a text that is parsed: what bounds the memory of its tree.
pub const TOKENS_MAX: usize = 100_000;
/// Most operator tokens (`+`, `=`, `AND`, `LIKE`, `::` and so on) in a text that is parsed.
pub const OPERATORS_MAX: usize = 10_000;
/// Most uses of `GLOBAL`, the word that makes the parser warn, at a cost that grows with the length of the text.
pub const WARNINGS_MAX: usize = 100;
/// Deepest tree that is read, in nodes. The library that carries the tree stops at 100 of its own accord.
pub const DEPTH_MAX: usize = 120;

const TOO_DEEP: &str = "nests too deeply to be understood";

/// Serialises every call of the parser in this process: it borrows standard error while it runs.
static PARSER: Mutex<()> = Mutex::new(());

/// What `text`, one unit of PostgreSQL text, is and touches.
///
/// Never fails: text that cannot be parsed, or is too long or complex to be, is opaque and says why. Empty text has
/// no statements and no doubts. Names stand as the parser folds them; a name without a schema has none here.
#[must_use]
pub fn facts(text: &str) -> ActionFacts {
    if let Err(why) = measured(text) {
        return ActionFacts::opaque(why);
    }
    // The wrapper around the parser indexes into lists that the grammar promises not to be empty; a broken promise
    // must cost this one text, not the session.
    let parsed = {
        let _only_one = PARSER.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| pg_query::parse(text, 0)))
    };
    match parsed {
        Err(_) => ActionFacts::opaque("is not understood: the parser failed on it"),
        Ok(Err(pg_query::Error::Decode(_))) => ActionFacts::opaque(TOO_DEEP),
        Ok(Err(pg_query::Error::Parse(message))) if out_of_room(&message) => ActionFacts::opaque(TOO_DEEP),
        Ok(Err(pg_query::Error::Parse(message))) => ActionFacts::opaque(not_valid(&message)),
        Ok(Err(error)) => ActionFacts::opaque(not_valid(&error.to_string())),
        Ok(Ok(result)) => match tree::of(&result.protobuf) {
            Ok(root) => walk::facts(&root),
            Err(tree::TooDeep) => ActionFacts::opaque(TOO_DEEP),
        },
    }
}

/// What is counted, how much of it may be there, and which tokens count.
type Limit = (&'static str, usize, fn(Token) -> bool);

/// Whether `text` is within the limits; otherwise why it is not, in words for an approver.
fn measured(text: &str) -> Result<(), String> {
    let tokens = tokens(text).map_err(|why| match why {
        Unscanned::TooLong => format!("is too long to be understood: {} bytes of at most {TEXT_BYTES_MAX}", text.len()),
        Unscanned::HasNul => "holds a NUL character, behind which a server may read something else".to_owned(),
        Unscanned::TooManySigns => "is too complex to be understood: long runs of operator signs".to_owned(),
        Unscanned::NotValid(message) => not_valid(&message),
    })?;
    let limits: [Limit; 3] = [
        ("tokens", TOKENS_MAX, |_| true),
        ("operators", OPERATORS_MAX, is_operator),
        ("words that make the parser warn", WARNINGS_MAX, warns),
    ];
    for (what, most, counts) in limits {
        let found = tokens.iter().filter(|t| counts(t.token())).count();
        if found > most {
            return Err(format!("is too complex to be understood: {found} {what} of at most {most}"));
        }
    }
    Ok(())
}

/// Whether the C parser stopped because its stack, or that of its grammar, was full.
fn out_of_room(message: &str) -> bool {
    message == "stack depth limit exceeded" || message.starts_with("memory exhausted")
}

fn is_operator(token: Token) -> bool {
    use Token::{
        And, Ascii37, Ascii42, Ascii43, Ascii45, Ascii47, Ascii60, Ascii61, Ascii62, Ascii94, Between, GreaterEquals,
        Ilike, InP, LessEquals, Like, Not, NotEquals, Op, Or, Similar, Typecast,
    };
    let signs = [Ascii37, Ascii42, Ascii43, Ascii45, Ascii47, Ascii60, Ascii61, Ascii62, Ascii94];
    let words = [And, Between, Ilike, InP, Like, Not, Or, Similar];
    let long = [GreaterEquals, LessEquals, NotEquals, Op, Typecast];
    signs.contains(&token) || words.contains(&token) || long.contains(&token)
}

fn warns(token: Token) -> bool {
    token == Token::Global
}

fn not_valid(message: &str) -> String {
    format!("is not valid PostgreSQL: {}", quotable(message))
}
