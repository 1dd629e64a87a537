//! A script into its statements, each with the exact bytes a client sends for it.

use super::{PARSER, not_valid, tokens};
use pg_query::protobuf::Token;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

/// The statements of a script, by PostgreSQL's own parser: each as `psql` sends it, with its semicolon and its comments
/// inside, without the space and the `--` comments before it, and without empty lines outside quotations and comments.
///
/// # Errors
/// Why the script cannot be read, in words for whoever wrote it.
pub fn statements(script: &str) -> Result<Vec<String>, String> {
    super::measured(script)?;
    let tokens = tokens(script).map_err(|_| "cannot be read".to_owned())?;
    let place = |at: i32| usize::try_from(at).unwrap_or_default();
    let semicolons = tokens.iter().filter(|t| t.token() == Token::Ascii59);
    let ends: Vec<usize> = semicolons.map(|t| place(t.end)).collect();
    let inside = |at: usize| {
        let before = tokens.partition_point(|t| place(t.start) < at);
        before.checked_sub(1).is_some_and(|n| at < place(tokens[n].end))
    };
    let parsed = {
        let _only_one = PARSER.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| pg_query::split_with_parser(script)))
    };
    let parts = parsed.map_err(|_| "is not understood: the parser failed on it".to_owned())?;
    let parts = parts.map_err(|error| match error {
        pg_query::Error::Parse(message) | pg_query::Error::Split(message) => not_valid(&message),
        other => not_valid(&other.to_string()),
    })?;
    let text = |part: &str| {
        let first = part.as_ptr().addr().saturating_sub(script.as_ptr().addr());
        let over = first + part.len();
        // Behind the semicolon before it, so that a comment in front stays.
        let start = ends.partition_point(|end| *end <= first).checked_sub(1).map_or(0, |n| ends[n]);
        let end = ends.get(ends.partition_point(|end| *end <= over)).copied().unwrap_or(script.len());
        let whole = begun(script.get(start..end).unwrap_or(part));
        without_empty_lines(whole, |at| inside(end - whole.len() + at)).trim_end().to_owned()
    };
    Ok(parts.into_iter().map(text).filter(|t| !t.trim_end_matches(';').is_empty()).collect())
}

/// Without the lines of nothing that do not stand `inside` a quotation or comment.
fn without_empty_lines(text: &str, inside: impl Fn(usize) -> bool) -> String {
    let bytes = text.as_bytes();
    let empty = |at: usize| at > 0 && bytes[at] == b'\n' && bytes[at - 1] == b'\n' && !inside(at);
    text.char_indices().filter(|(at, _)| !empty(*at)).map(|(_, c)| c).collect()
}

/// Without the space and the comments to the end of a line in front.
fn begun(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
        let Some(comment) = text.strip_prefix("--") else { return text };
        text = comment.find('\n').map_or("", |end| &comment[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_script_is_split_into_what_psql_sends() {
        let script = "-- first\nUPDATE a SET b = ';' -- why;\n\n\n WHERE c = 1 ;\n\n ;;/* two;\n\n */ SELECT $$;\n\n$$;\nCREATE FUNCTION f() \
                      RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; DELETE FROM a\n";
        let expected = [
            "UPDATE a SET b = ';' -- why;\n WHERE c = 1 ;",
            "/* two;\n\n */ SELECT $$;\n\n$$;",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
            "DELETE FROM a",
        ];
        assert_eq!(statements(script).expect("a script"), expected);
        assert_eq!(statements(" \n-- nothing\n;").expect("nothing"), Vec::<String>::new());
        assert_eq!(statements("").expect("nothing"), Vec::<String>::new());
        let long = "--\n".repeat(90_000) + "SELECT 1" + &"\n".repeat(500_000) + ";";
        assert_eq!(statements(&long).expect("long"), ["SELECT 1\n;"]);
    }

    #[test]
    fn what_is_no_script_says_why() {
        assert!(statements("UPDATE SET;").expect_err("no table").contains("not valid PostgreSQL"));
        assert!(statements("\\i other.sql").expect_err("a command of psql's own").contains("not valid"));
        assert!(statements("SELECT 'a\0b'").expect_err("a NUL").contains("NUL"));
    }
}
