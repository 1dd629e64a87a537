//! Characters that nobody sees.

/// Whether a character shows nothing, or changes how others show: controls, bidirectional controls, zero-width and other
/// format characters, and spaces other than the space. The same as pages show by name.
#[must_use]
pub fn is_unseen(c: char) -> bool {
    let format = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    let control = c.is_control() && c != '\n' && c != '\t';
    let space = c.is_whitespace() && !c.is_ascii();
    format || control || space
}

/// How many characters of a text can be seen; blanks between words count once.
pub(crate) fn seen_chars(text: &str) -> usize {
    let seen: String =
        text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_unseen(*c)).collect();
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
