//! Text made to exhaust the stack, the memory or the time of whoever reads it. Test threads have 2 MiB of stack, as
//! a worker of an asynchronous runtime has.

use countersign_inspect::show::{is_invisible, pieces};
use countersign_inspect::sql::{DOUBTS_MAX, TEXT_BYTES_MAX, facts};
use std::io::Write;
use std::time::{Duration, Instant};

/// Generous: builds for testing are slow and the machine may be shared.
const TIME_MAX: Duration = Duration::from_secs(20);

fn check(text: &str, expected: &str) {
    let start = Instant::now();
    let found = facts(text);
    let whole: usize = pieces(text).iter().map(|piece| piece.text.len()).sum();
    assert_eq!(whole, text.len());
    let told = found.unknown.iter().next().map_or("understood", String::as_str);
    assert!(told.contains(expected), "{told}");
    assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("SELECT {}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn long_chains_of_operators() {
    check(&format!("SELECT 1{}", " + 1".repeat(64_000)), "too complex");
    check(&format!("SELECT 1{}", " + 1".repeat(9_000)), "too deep");
    check(&format!("SELECT 1{}", " + 1".repeat(30)), "understood");
    check(&format!("SELECT a{}", " OR a".repeat(120_000)), "too complex");
    check(&format!("SELECT a{}", " OR a".repeat(9_000)), "understood");
    check(&format!("SELECT {}a", "NOT ".repeat(9_000)), "");
    check(&format!("SELECT {}a", "- ".repeat(9_000)), "");
    check(&format!("SELECT a{}", "::int".repeat(9_000)), "");
    check(&format!("SELECT a{}", "[1]".repeat(20_000)), "");
    check(&format!("SELECT a{}", ".b".repeat(40_000)), "");
    check(&format!("SELECT a{}", " COLLATE \"C\"".repeat(20_000)), "");
    check(&format!("SELECT a{}", " IS NULL".repeat(20_000)), "");
}

#[test]
fn deep_nesting() {
    check(&nested("(", "1", ")", 50_000), "");
    check(&nested("(", "1", ")", 500_000), "too complex");
    check(&nested("(", "1", ")", 4_000), "");
    check(&nested("f(", "1", ")", 4_000), "");
    check(&nested("CASE WHEN a THEN 1 ELSE ", "1", " END", 3_000), "");
    check(&nested("(SELECT ", "1", ")", 4_000), "");
    check(&nested("(SELECT ", "1", ")", 10), "understood");
    check(&nested("ARRAY[", "1", "]", 4_000), "");
    check(&nested("ROW(", "1", ")", 4_000), "");
    check(&format!("SELECT 1{}", " UNION SELECT 1".repeat(20_000)), "");
    check(&format!("SELECT * FROM a{}", " JOIN a ON true".repeat(15_000)), "");
    check(&format!("{}SELECT 1{}", "WITH a AS (".repeat(5_000), ") SELECT 1".repeat(5_000)), "");
    check(&format!("{}SELECT 1", "EXPLAIN ".repeat(5_000)), "");
    check(&"/*".repeat(400_000), "long runs");
    check(&"/*".repeat(4_000), "unterminated");
    check(&"+-".repeat(400_000), "long runs");
    check(&"+-".repeat(4_000), "");
    check(&format!("/* {} */ SELECT '{}'", "*".repeat(500), "=".repeat(500)), "understood");
    check(&"CREATE SCHEMA a ".repeat(9_000), "");
}

#[test]
fn size_and_number() {
    check(&format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX)), "too long");
    check(&format!("SELECT '{}'", "x".repeat(TEXT_BYTES_MAX - 9)), "understood");
    check(&format!("SELECT {}1", "1,".repeat(400_000)), "too complex");
    check(&format!("SELECT {}1", "1,".repeat(49_000)), "understood");
    check(&"SELECT 1;".repeat(30_000), "understood");
    check(&";".repeat(90_000), "understood");
    check(&format!("SELECT {}1", format!("{},", "a".repeat(70)).repeat(14_000)), "understood");
    check(&format!("SELECT 1 IN (1{})", ",1".repeat(45_000)), "understood");
    check(&"\u{202e}".repeat(300_000), "not valid");
    check("SELECT 1\0; DROP TABLE t", "NUL");
    check("", "understood");
    check(" \n\t", "understood");
}

#[test]
fn warnings_do_not_cost_the_square_of_the_text() {
    check(&"CREATE GLOBAL TEMP TABLE t(a int);".repeat(90), "understood");
    check(&"CREATE GLOBAL TEMP TABLE t(a int);".repeat(15_000), "too complex");
}

#[test]
fn reasons_are_limited_and_safe_to_show() {
    let many: String = (0..2_000).map(|n| format!("SELECT f{n}();")).collect();
    assert_eq!(facts(&many).unknown.len(), DOUBTS_MAX + 1);
    for text in ["SELECT \"a\u{202e}b\n`c\"(); COPY t TO PROGRAM 'x\u{7}y'", "SELEC\u{200b} 1", "SELECT 'a\u{202e}"] {
        for why in facts(text).unknown {
            assert!(!why.chars().any(|c| c.is_control() || is_invisible(c)), "{why:?}");
        }
    }
}

#[test]
fn many_threads_may_ask_at_once() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    assert!(facts("SELECT a FROM t WHERE b = 1").unknown.is_empty());
                    assert!(!facts("SELEC").unknown.is_empty());
                }
            });
        }
    });
    assert!(std::io::stderr().write_all(b"standard error is still open\n").is_ok());
}
