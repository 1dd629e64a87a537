//! Text from people, made safe to put into a header or a body: nothing that a reader would not see, nothing that could
//! pass for a line of ours.

use countersign_journal::is_invisible;

/// One line: line breaks and every other control or invisible character are shown, not obeyed.
pub(crate) fn line(text: &str) -> String {
    shown(text, "␊")
}

/// A text of several lines: those after the first are marked, so that none can pass for a line of ours.
pub(crate) fn lines(text: &str) -> String {
    shown(text, "\n  | ")
}

fn shown(text: &str, line_break: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.trim_end().replace("\r\n", "\n").chars() {
        match c {
            '\n' => shown.push_str(line_break),
            '\0'..='\u{1f}' => shown.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\u{7f}' => shown.push('␡'),
            c if is_invisible(c) => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// Text for the inside of an HTML element or a quoted attribute.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// At most `chars_max` characters, with a mark where something was left out.
pub(crate) fn cut(text: String, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text,
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_deceive_is_shown() {
        let check =
            |text: &str, one: &str, many: &str| assert_eq!((line(text).as_str(), lines(text).as_str()), (one, many));
        check("plain, with ümlauts", "plain, with ümlauts", "plain, with ümlauts");
        check("a\r\nBcc: eve@example.test", "a␊Bcc: eve@example.test", "a\n  | Bcc: eve@example.test");
        check("a\rb\tc\u{1b}[2J\u{7f}", "a␍b␉c␛[2J␡", "a␍b␉c␛[2J␡");
        check("a\u{202e}b\u{85}c\u{feff}", "a<U+202E>b<U+0085>c<U+FEFF>", "a<U+202E>b<U+0085>c<U+FEFF>");
        check("over\n\n", "over", "over");
    }

    #[test]
    fn markup_is_escaped() {
        assert_eq!(escaped("<a href=\"x\">'&'"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;");
    }

    #[test]
    fn a_cut_says_so() {
        assert_eq!(cut("üüü".into(), 3), "üüü");
        assert_eq!(cut("üüüü".into(), 3), "üüü…");
    }
}
