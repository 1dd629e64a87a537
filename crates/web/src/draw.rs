//! What stands on a page beside text: icons, status shapes, statements cut into lines.

use countersign_control::view::RequestView;
use countersign_inspect::show::{self, Class, is_invisible};
use countersign_journal::Language;
use std::fmt;

/// Markup made here from parts that are ours or escaped; never from what people sent.
pub(crate) struct Markup(pub(crate) String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An icon, hidden from screen readers: the word beside it says what it says.
pub(crate) fn icon(name: &str) -> Markup {
    let drawing = crate::assets::drawings().get(name).map_or("", String::as_str);
    Markup(format!(r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{drawing}</svg>"#))
}

/// A message as a page shows it: what stands in backticks is set apart as what it is, a name or a text.
pub(crate) fn said(text: &str) -> Markup {
    let mut shown = String::with_capacity(text.len() + 32);
    let parts: Vec<&str> = text.split('`').collect();
    for (at, part) in parts.iter().enumerate() {
        let escaped =
            askama::filters::escape(part, askama::filters::Html).map_or_else(|never| match never {}, |e| e.to_string());
        match at % 2 == 1 && at + 1 < parts.len() {
            true => shown.push_str(&format!("<code>{escaped}</code>")),
            // A backtick that nothing closes stays one.
            false if at % 2 == 1 => shown.push_str(&format!("`{escaped}")),
            false => shown.push_str(&escaped),
        }
    }
    Markup(shown)
}

/// A link as squares that a camera reads; nothing when it is too long for them.
pub(crate) fn squares(link: &str) -> Markup {
    let Ok(code) = qrcode::QrCode::new(link) else { return Markup(String::new()) };
    let drawn = code.render::<qrcode::render::svg::Color<'_>>().min_dimensions(220, 220).build();
    // Only the drawing: the page has its own first line.
    Markup(drawn.split_once("?>").map_or(drawn.as_str(), |(_, svg)| svg).to_owned())
}

/// A rendered page in which nothing stays hidden: every character that nobody would see is named in its place. Every page
/// passes here, so that what people wrote is shown wherever a template prints it. Markup is ours and stays as it is; fields
/// keep what they hold, to be sent again.
pub(crate) fn seen(page: &str) -> String {
    let mut shown = String::with_capacity(page.len());
    let (mut place, mut tag) = (Place::Text, false);
    for (at, c) in page.char_indices() {
        if c == '<' {
            tag = true;
            place = place.entered(&page[at..]);
        }
        match place {
            _ if tag || !is_invisible(c) => shown.push(c),
            Place::Field => shown.push(c),
            // Forms end their lines with both.
            _ if page[at..].starts_with("\r\n") => {}
            Place::Words => shown.push_str(&format!("U+{:04X}", u32::from(c))),
            Place::Text => shown.push_str(&format!(r#"<span class="t-hidden">U+{:04X}</span>"#, u32::from(c))),
        }
        tag &= c != '>';
    }
    shown
}

/// Where in a page a character stands.
#[derive(Clone, Copy)]
enum Place {
    /// Between markup.
    Text,
    /// Where no markup may stand.
    Words,
    /// In a field of several lines.
    Field,
}

impl Place {
    /// Where it is after a tag.
    fn entered(self, markup: &str) -> Place {
        match markup {
            _ if markup.starts_with("<textarea") => Place::Field,
            _ if markup.starts_with("<title") || markup.starts_with("<option") => Place::Words,
            _ if markup.starts_with("</textarea") || markup.starts_with("</title") => Place::Text,
            _ if markup.starts_with("</option") => Place::Text,
            _ => self,
        }
    }
}

/// A status: word, shape and colour, each sufficient alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// The word.
    pub(crate) word: &'static str,
    /// The class that colours it.
    pub(crate) class: &'static str,
    /// The icon that draws it.
    pub(crate) icon: &'static str,
}

/// The shape of a request's status, in the words of the buttons that lead to it, with what came of it.
pub(crate) fn shape(request: &RequestView) -> Shape {
    let stage = request.grant.as_ref().map(|g| g.stage).unwrap_or_default();
    let (word, class, icon) = match (request.status, stage) {
        ("Pending", _) => ("Pending", "pending", "circle"),
        ("Approved", "In use") => ("In use", "in-use", "circle"),
        ("Approved", "Ended") => ended(request),
        ("Approved", _) => ("Approved · To be used", "ready", "circle-dot"),
        ("Disapproved", _) => ("Rejected", "disapproved", "x"),
        ("Canceled", _) => ("Withdrawn", "canceled", "slash"),
        ("Revoked", _) => ("Revoked", "revoked", "circle-dashed"),
        ("Expired", _) => ("Expired", "expired", "hourglass"),
        (other, _) => (other, "ended", "minus"),
    };
    Shape { word, class, icon }
}

/// What came of what was approved and is over.
fn ended(request: &RequestView) -> (&'static str, &'static str, &'static str) {
    let outcome = request.statement.as_ref().map_or("", |s| s.outcome.as_str());
    let applied = request.change.as_ref().is_some_and(|c| c.applied);
    match (outcome, request.grant.as_ref().map_or("", |g| g.ended)) {
        _ if applied => ("Put in force", "done", "check"),
        (failed, _) if failed.starts_with("failed") => ("Failed", "failed", "x"),
        ("outcome unknown", _) => ("Outcome unknown", "failed", "circle-question-mark"),
        (ran, _) if !ran.is_empty() && ran != "running" => ("Done", "done", "check"),
        (_, "unused") => ("Not used", "ended", "minus"),
        (_, "surrendered") => ("Given back", "ended", "minus"),
        _ => ("Ended", "ended", "minus"),
    }
}

/// One run of a line.
pub(crate) struct Run {
    /// The class that colours it.
    pub(crate) class: &'static str,
    /// What is shown: the text, or for a character nobody would see, its name.
    pub(crate) text: String,
}

/// A text as numbered lines of runs, coloured where it is SQL, nothing left out.
pub(crate) fn lines(text: &str, language: Language) -> Vec<Vec<Run>> {
    let mut lines = vec![Vec::new()];
    let pieces = match language {
        Language::Sql => show::pieces(text),
        Language::Shell => show::plain(text),
    };
    for piece in pieces {
        if piece.class == Class::Hidden {
            let label = piece.label.unwrap_or_else(|| "hidden".to_owned());
            push(&mut lines, Run { class: "t-hidden", text: label });
            continue;
        }
        let class = class_of(piece.class);
        for (at, part) in piece.text.split('\n').enumerate() {
            if at > 0 {
                lines.push(Vec::new());
            }
            if !part.is_empty() {
                push(&mut lines, Run { class, text: part.to_owned() });
            }
        }
    }
    lines
}

fn push(lines: &mut [Vec<Run>], run: Run) {
    if let Some(line) = lines.last_mut() {
        line.push(run);
    }
}

fn class_of(class: Class) -> &'static str {
    match class {
        Class::Keyword => "t-keyword",
        Class::String => "t-string",
        Class::Number => "t-number",
        Class::Comment => "t-comment",
        Class::Operator => "t-operator",
        Class::Identifier | Class::Plain => "t-plain",
        Class::Hidden => "t-hidden",
    }
}

/// Up to two letters for a person without a picture.
pub(crate) fn initials(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    let ends = [words.first(), words.last().filter(|_| words.len() > 1)];
    ends.into_iter().flatten().filter_map(|w| w.chars().next()).flat_map(char::to_uppercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a template printed as text hides nothing; markup and fields stay as they are.
    #[test]
    fn nothing_on_a_page_is_hidden() {
        let hidden = |name: &str| format!(r#"<span class="t-hidden">{name}</span>"#);
        for (page, expected) in [
            (
                "<p>a\u{202e}b\u{200b}\nnext\r\n\r</p>",
                format!("<p>a{}b{}\nnext\n{}</p>", hidden("U+202E"), hidden("U+200B"), hidden("U+000D")),
            ),
            ("<input value=\"a\u{ad}\"><b>\u{ad}</b>", format!("<input value=\"a\u{ad}\"><b>{}</b>", hidden("U+00AD"))),
            (
                "<textarea name=\"x\">\u{a0}\r\n</textarea>\u{a0}",
                format!("<textarea name=\"x\">\u{a0}\r\n</textarea>{}", hidden("U+00A0")),
            ),
            ("<title>\u{7}</title><option>\u{7}</option>", "<title>U+0007</title><option>U+0007</option>".to_owned()),
            ("&lt;b&gt; größe", "&lt;b&gt; größe".to_owned()),
        ] {
            assert_eq!(seen(page), expected);
        }
    }

    fn shown(text: &str) -> String {
        let line = |runs: &Vec<Run>| runs.iter().map(|r| r.text.as_str()).collect::<String>();
        lines(text, Language::Sql).iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines_lose_nothing() {
        for text in ["", "select 1", "select 1;\n-- two\n\nselect 'a\nb'", "\n"] {
            assert_eq!(shown(text), text, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_would_see_is_named() {
        assert!(shown("select\u{202e} 1").contains("U+202E"), "{}", shown("select\u{202e} 1"));
        assert!(shown("a\r\nb").contains("U+000D"), "{}", shown("a\r\nb"));
    }

    #[test]
    fn what_is_in_backticks_is_set_apart_and_escaped() {
        for (text, shown) in [
            ("no group `d<b`.", "no group <code>d&#60;b</code>."),
            ("`a` and `b", "<code>a</code> and `b"),
            ("plain & simple", "plain &#38; simple"),
        ] {
            assert_eq!(said(text).to_string(), shown);
        }
    }

    #[test]
    fn initials_are_short() {
        assert_eq!(initials("Ada Augusta King"), "AK");
        assert_eq!(initials("émile"), "É");
        assert_eq!(initials(""), "");
    }
}
