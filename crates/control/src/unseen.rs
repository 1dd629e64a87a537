//! What counts of a text: the characters somebody sees.

use countersign_journal::is_invisible;

/// How many characters of a text can be seen; blanks between words count once.
pub(crate) fn seen_chars(text: &str) -> usize {
    let seen: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_invisible(*c)).collect();
    seen.split_whitespace().map(|word| word.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

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
