//! Whether a text that is being typed is complete, so that Enter sends it, or goes on in another line. Nothing rests on it: a
//! text that is sent is judged whole, whatever this says of it.

/// What is open, and is to be closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    Backticks,
    Parenthesis,
    Parameter,
    Word(&'static str),
}

/// Words that open something, with those that close it.
const PAIRS: [(&str, &str); 7] = [
    ("if", "fi"),
    ("while", "done"),
    ("until", "done"),
    ("for", "done"),
    ("select", "done"),
    ("case", "esac"),
    ("{", "}"),
];
/// Words behind which a command begins.
const BEFORE_COMMAND: [&str; 13] =
    ["if", "then", "elif", "else", "while", "until", "do", "{", "}", "!", "time", "fi", "done"];

/// Whether `text` is a whole text for a shell, as far as quotations, here-documents, parentheses and words that come in pairs
/// tell. What is closed that was not open is whole: the shell will say so.
#[must_use]
pub fn is_complete(text: &str) -> bool {
    let mut scan = Scan { rest: text, open: Vec::new(), documents: Vec::new(), begins: true, goes_on: false };
    while let Some(c) = scan.next() {
        if !scan.takes(c) {
            return false;
        }
    }
    scan.open.is_empty() && scan.documents.is_empty() && !scan.goes_on
}

struct Scan<'t> {
    rest: &'t str,
    open: Vec<Open>,
    /// What ends the here-documents of this line.
    documents: Vec<String>,
    /// Whether a command may begin here.
    begins: bool,
    /// Whether an operator stands behind which something must follow.
    goes_on: bool,
}

impl Scan<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        self.rest.strip_prefix(text).map(|rest| self.rest = rest).is_some()
    }

    /// Takes one character and what belongs to it; false where the text ends in it.
    fn takes(&mut self, c: char) -> bool {
        match (self.open.last().copied(), c) {
            (Some(Open::Single), '\'') | (Some(Open::Double), '"') | (Some(Open::Parameter), '}') => {
                self.open.pop();
            }
            (Some(Open::Single), _) => {}
            (_, '\\') => return self.escaped(),
            (Some(Open::Backticks), '`') => {
                self.open.pop();
                self.stands();
            }
            (_, '`') => self.opens(Open::Backticks),
            (_, '$') if self.eat("(") => self.opens(Open::Parenthesis),
            (_, '$') if self.eat("{") => self.open.push(Open::Parameter),
            (_, '"') => {
                self.open.push(Open::Double);
                self.stands();
            }
            (Some(Open::Double), _) => {}
            (_, '\'') => {
                self.open.push(Open::Single);
                self.stands();
            }
            (Some(Open::Parameter), _) => {}
            (_, c) => return self.plain(c),
        }
        true
    }

    /// Takes what stands behind a backslash; false where the text ends there.
    fn escaped(&mut self) -> bool {
        match self.next() {
            None => return false,
            Some('\n') => return !self.rest.is_empty(),
            Some(_) => self.stands(),
        }
        true
    }

    /// A word, or part of one, stands here.
    fn stands(&mut self) {
        self.begins = false;
        self.goes_on = false;
    }

    fn opens(&mut self, open: Open) {
        self.open.push(open);
        self.begins = true;
        self.goes_on = false;
    }

    /// A character outside quotations.
    fn plain(&mut self, c: char) -> bool {
        match c {
            ' ' | '\t' => {}
            '\n' => {
                self.begins = true;
                return self.documents_end();
            }
            '#' => {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            }
            '(' => self.opens(Open::Parenthesis),
            ')' => {
                if self.open.last() == Some(&Open::Parenthesis) {
                    self.open.pop();
                }
                // Behind a pattern of `case` a command begins.
                self.begins = true;
                self.goes_on = false;
            }
            ';' => self.begins = true,
            '&' | '|' => {
                self.goes_on = c == '|' || self.rest.starts_with('&');
                if self.rest.starts_with(c) {
                    self.next();
                }
                self.begins = true;
            }
            '<' if self.rest.starts_with('<') && !self.rest.starts_with("<<") => {
                self.next();
                self.document();
            }
            '<' | '>' => {
                // Behind `<<<`, `>&` and the like.
                while self.eat("<") || self.eat("&") || self.eat(">") || self.eat("|") {}
                self.stands();
            }
            c => self.word(c),
        }
        true
    }

    /// A word that begins with `first`.
    fn word(&mut self, first: char) {
        let ends = |c: char| " \t\n;&|<>()'\"\\`$".contains(c);
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let word = format!("{first}{}", &self.rest[..length]);
        self.rest = &self.rest[length..];
        let whole = !self.rest.starts_with(['\'', '"', '\\', '`', '$']);
        let begins = std::mem::replace(&mut self.begins, false);
        self.goes_on = false;
        if !begins || !whole {
            return;
        }
        if let Some((_, closing)) = PAIRS.iter().find(|(opening, _)| *opening == word) {
            self.open.push(Open::Word(closing));
        } else if let Some(Open::Word(closing)) = self.open.last()
            && *closing == word
        {
            self.open.pop();
        }
        self.begins = BEFORE_COMMAND.contains(&word.as_str());
    }

    /// What ends the here-document that begins here.
    fn document(&mut self) {
        self.eat("-");
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let length = self.rest.find([' ', '\t', '\n', ';', '&', '|', '<', '>', '(', ')']).unwrap_or(self.rest.len());
        let end = self.rest[..length].replace(['\'', '"', '\\'], "");
        self.rest = &self.rest[length..];
        self.documents.push(end);
        self.stands();
    }

    /// Passes over the here-documents whose lines begin here; false where one does not end.
    fn documents_end(&mut self) -> bool {
        for end in std::mem::take(&mut self.documents) {
            let found = loop {
                if self.rest.is_empty() {
                    break false;
                }
                let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
                self.rest = rest;
                if line.trim_start_matches('\t') == end {
                    break true;
                }
            };
            if !found {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_text_goes_on_while_something_is_open() {
        for text in [
            "",
            "ls",
            "ls -l | wc",
            "echo 'a b' \"c $(ls 'x') d\" `id`",
            "if true; then ls; fi",
            "if true; then\nls\nfi",
            "for f in a if; do echo $f; done",
            "echo if",
            "while read x; do echo; done < f",
            "case x in a) ls;; b) id;; esac",
            "cat <<E\nx\nE",
            "cat <<-'E' > f\nx\n\tE\nls",
            "cat <<< x",
            "f() { ls; }",
            "ls &",
            "ls # if",
            "echo ${x:-'a b'}",
            "fi",
            ")",
            "}",
            "a\\\nb",
            "echo a#'b'",
            "r\\m x",
            "ls >& x",
        ] {
            assert!(is_complete(text), "{text:?}");
        }
        for text in [
            "echo 'a",
            "echo \"a",
            "echo \"$(ls",
            "echo `ls",
            "ls \\",
            "ls \\\n",
            "if true",
            "if true; then ls",
            "for f in a b; do",
            "while true; do ls",
            "case x in a) ls;;",
            "cat <<E",
            "cat <<E\nx",
            "cat <<'E' && ls\nx\nF",
            "ls |",
            "ls &&",
            "ls ||\n",
            "(ls",
            "{ ls",
            "f() {",
            "echo ${x",
            "if true; then if true; then ls; fi",
        ] {
            assert!(!is_complete(text), "{text:?}");
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        const SEED: u64 = 0xc0de;
        const SIGNS: [&str; 24] = [
            "'", "\"", "\\", "$", "$(", "${", "`", "{ ", "}", "(", ")", "<<", "E", "\n", " ", "if ", "fi", "do ", "é",
            ";", "&&", "|", "#", "case ",
        ];
        let mut dice = fastrand::Rng::with_seed(SEED);
        for _ in 0..20_000 {
            let text: String = (0..dice.usize(..12)).map(|_| SIGNS[dice.usize(..SIGNS.len())]).collect();
            let _ = is_complete(&text);
        }
    }
}
