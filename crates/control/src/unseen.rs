//! What counts of a text: the characters somebody sees; and how a stranger's text is told.

use countersign_journal::is_invisible;

/// How many characters of a text can be seen; blanks between words count once.
pub(crate) fn seen_chars(text: &str) -> usize {
    let seen: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    seen.split_whitespace().map(|word| word.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// So much of a text on one line, with everything in it that nobody would see named.
pub(crate) fn told(text: &str, chars_max: usize) -> String {
    let seen =
        |c: char| if is_invisible(c) || c.is_control() { format!("U+{:04X}", u32::from(c)) } else { c.to_string() };
    let mut told: String = text.chars().take(chars_max).map(seen).collect();
    if text.chars().nth(chars_max).is_some() {
        told.push('…');
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_told_on_one_line_and_in_part() {
        assert_eq!(told("a\u{200b}b\nc\u{1b}[2J", 100), "aU+200BbU+000AcU+001B[2J");
        assert_eq!((told("abc", 3), told("abcd", 3)), ("abc".to_owned(), "abc…".to_owned()));
    }

    #[test]
    fn what_nobody_sees_does_not_count() {
        for (text, seen) in [
            ("", 0),
            ("  \n\t ", 0),
            ("\u{200b}\u{2800}\u{3164}\u{202e}\u{7}", 0),
            ("a", 1),
            ("a\u{200b}b", 2),
            ("a  \n\u{a0}b", 3),
            ("größe 4711", 10),
        ] {
            assert_eq!(seen_chars(text), seen, "{text:?}");
        }
    }
}
