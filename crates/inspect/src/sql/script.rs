//! A script into its statements, each with the exact bytes a client sends for it.

use super::{PARSER, not_valid, tokens};
use pg_query::protobuf::Token;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

/// The statements of a script, by PostgreSQL's own parser: each as `psql` sends it, with its semicolon and its comments
/// inside, without the space and the `--` comments before it.
///
/// # Errors
/// Why the script cannot be read, in words for whoever wrote it.
pub fn statements(script: &str) -> Result<Vec<String>, String> {
    super::measured(script)?;
    let ends: Vec<usize> = semicolons(script)?;
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
        let first = part.as_ptr().addr() - script.as_ptr().addr();
        let over = first + part.len();
        // Behind the semicolon before it, so that a comment in front stays.
        let start = ends.iter().copied().rfind(|end| *end <= first).unwrap_or(0);
        let end = ends.iter().copied().find(|end| *end > over).unwrap_or(script.len());
        let whole = script.get(start..end).unwrap_or(part);
        begun(whole).trim_end().to_owned()
    };
    Ok(parts.into_iter().map(text).filter(|t| !t.trim_end_matches(';').is_empty()).collect())
}

/// Where each semicolon that is no part of a text or comment ends.
fn semicolons(script: &str) -> Result<Vec<usize>, String> {
    let tokens = tokens(script).map_err(|_| "cannot be read".to_owned())?;
    let ends = tokens.iter().filter(|t| t.token() == Token::Ascii59).map(|t| usize::try_from(t.end));
    Ok(ends.filter_map(Result::ok).collect())
}

/// Without the space and the comments to the end of a line in front.
fn begun(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    match text.strip_prefix("--") {
        Some(comment) => begun(comment.find('\n').map_or("", |end| &comment[end..])),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn a_script_is_split_into_what_psql_sends() {
        let script = "-- first\nUPDATE a SET b = ';' -- why;\n WHERE c = 1 ;\n\n ;;/* two; */ SELECT $$;$$;\nCREATE FUNCTION f() \
                      RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; DELETE FROM a\n";
        let expected = [
            "UPDATE a SET b = ';' -- why;\n WHERE c = 1 ;",
            "/* two; */ SELECT $$;$$;",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;",
            "DELETE FROM a",
        ];
        assert_eq!(statements(script).expect("a script"), expected);
        assert_eq!(statements(" \n-- nothing\n;").expect("nothing"), Vec::<String>::new());
        assert_eq!(statements("").expect("nothing"), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_script_says_why() {
        assert!(statements("UPDATE SET;").expect_err("no table").contains("not valid PostgreSQL"));
        assert!(statements("\\i other.sql").expect_err("a command of psql's own").contains("not valid"));
        assert!(statements("SELECT 'a\0b'").expect_err("a NUL").contains("NUL"));
    }
}
