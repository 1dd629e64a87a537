//! What is typed, as the rows that show it: every character is shown as what it is, and rows end where the terminal's do.

use countersign_inspect::show::is_invisible;
use countersign_target::ssh::Size;
use unicode_width::UnicodeWidthChar;

/// What stands before a line behind the first.
const NEXT: &str = "> ";
/// What a tabulator is shown as.
const TAB: &str = "    ";

/// Rows, and where the cursor is in them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Drawing {
    pub(super) rows: Vec<Row>,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// One row of a terminal.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) width: usize,
}

/// A text as a terminal of one line shows it: what nobody would see, or would take for something else, by its number.
pub(super) fn seen(text: &str) -> String {
    text.chars().map(|c| shown(c).0).collect()
}

/// What stands for a character, and how wide each character of that is.
fn shown(c: char) -> (String, usize) {
    let wide = ('\u{ff00}'..='\u{ffef}').contains(&c);
    match c.width() {
        _ if c == '\t' => (TAB.to_owned(), 1),
        Some(width @ (1 | 2)) if !is_invisible(c) && !wide && (width == 1 || c.is_alphanumeric()) => (c.into(), width),
        _ => (format!("<U+{:04X}>", u32::from(c)), 1),
    }
}

impl Drawing {
    /// A prompt, which is plain text, and the text behind it, with the cursor before its byte `at`.
    pub(super) fn new(prompt: &str, text: &str, at: usize, columns: usize) -> Drawing {
        let mut drawing = Drawing { rows: vec![Row::default()], row: 0, column: 0 };
        prompt.chars().for_each(|c| drawing.put(c, 1, columns));
        for (index, c) in text.char_indices() {
            if index == at {
                drawing.cursor(columns);
            }
            if c == '\n' {
                drawing.rows.push(Row::default());
                NEXT.chars().for_each(|c| drawing.put(c, 1, columns));
                continue;
            }
            let (stands, width) = shown(c);
            stands.chars().for_each(|c| drawing.put(c, width, columns));
        }
        if at >= text.len() {
            drawing.cursor(columns);
        }
        drawing
    }

    fn last(&mut self) -> &mut Row {
        if self.rows.is_empty() {
            self.rows.push(Row::default());
        }
        self.rows.last_mut().expect("one was put there")
    }

    fn put(&mut self, c: char, width: usize, columns: usize) {
        if self.last().width + width > columns && self.last().width > 0 {
            self.rows.push(Row::default());
        }
        let row = self.last();
        row.text.push(c);
        row.width += width;
    }

    /// The cursor is here: behind a full row that is the next.
    fn cursor(&mut self, columns: usize) {
        if self.last().width >= columns {
            self.rows.push(Row::default());
        }
        (self.row, self.column) = (self.rows.len() - 1, self.last().width);
    }

    /// As much of it, around the cursor, as there are rows in the terminal.
    pub(super) fn within(mut self, rows: usize) -> Drawing {
        let rows = rows.max(1);
        if self.rows.len() > rows {
            let first = self.row.saturating_sub(rows / 2).min(self.rows.len() - rows);
            self.rows = self.rows.split_off(first);
            self.rows.truncate(rows);
            self.row -= first;
        }
        self
    }

    /// What draws it over `before`, which the terminal shows, cursor and all.
    pub(super) fn over(&self, before: &Drawing) -> String {
        if let Some(rest) = self.adds_to(before) {
            return rest.to_owned();
        }
        let up = if before.row > 0 { format!("\x1B[{}A", before.row) } else { String::new() };
        let rows: Vec<&str> = self.rows.iter().map(|row| row.text.as_str()).collect();
        let mut drawn = format!("{up}\r\x1B[J{}", rows.join("\r\n"));
        let below = self.rows.len().saturating_sub(1) - self.row;
        if below > 0 {
            drawn += &format!("\x1B[{below}A");
        }
        drawn.push('\r');
        if self.column > 0 {
            drawn += &format!("\x1B[{}C", self.column);
        }
        drawn
    }

    /// What was added in the last row, where nothing else changed.
    fn adds_to(&self, before: &Drawing) -> Option<&str> {
        let (last, rows) = self.rows.split_last()?;
        let (was, rows_were) = before.rows.split_last()?;
        let ends = |drawing: &Drawing, row: &Row| {
            drawing.row + 1 == drawing.rows.len() && drawing.column == row.width && row.width > 0
        };
        if rows != rows_were || !ends(self, last) || !ends(before, was) {
            return None;
        }
        last.text.strip_prefix(&was.text)
    }

    /// The same drawing in a terminal that has this size now, as far as that goes: rows that became too long for it go on in
    /// the next.
    pub(super) fn reflowed(mut self, size: Size) -> Drawing {
        let columns = usize::from(size.columns).max(1);
        let above = self.rows.iter().take(self.row).map(|row| row.width.div_ceil(columns).max(1)).sum::<usize>();
        self.row = above + self.column / columns;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str, at: usize, columns: usize) -> (Vec<String>, usize, usize) {
        let drawing = Drawing::new("$ ", text, at, columns);
        (drawing.rows.into_iter().map(|row| row.text).collect(), drawing.row, drawing.column)
    }

    #[test]
    fn rows_end_where_those_of_the_terminal_do() {
        let of = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
        assert_eq!(rows("ls", 2, 80), (of(&["$ ls"]), 0, 4));
        assert_eq!(rows("abcdefg", 7, 4), (of(&["$ ab", "cdef", "g"]), 2, 1));
        assert_eq!(rows("abcdef", 6, 4), (of(&["$ ab", "cdef", ""]), 2, 0));
        assert_eq!(rows("abcdef", 2, 4), (of(&["$ ab", "cdef"]), 1, 0));
        assert_eq!(rows("a\nb", 3, 80), (of(&["$ a", "> b"]), 1, 3));
        assert_eq!(rows("a日本", 7, 4), (of(&["$ a", "日本", ""]), 2, 0), "what is two wide is not cut");
    }

    #[test]
    fn r63_what_nobody_would_see_is_shown_as_what_it_is() {
        assert_eq!(seen("a\u{202e}b\u{200b}\u{1b}[2J"), "a<U+202E>b<U+200B><U+001B>[2J");
        assert_eq!(seen("\u{ff52}\u{ff4d}"), "<U+FF52><U+FF4D>", "full-width letters are no letters");
        assert_eq!(seen("a\u{2800}b\u{a0}c"), "a<U+2800>b<U+00A0>c", "blanks that are none");
        assert_eq!(seen("größe 日本 e\u{301}"), "größe 日本 e<U+0301>");
    }
}
