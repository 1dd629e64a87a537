//! A letter as a mail: plain text and HTML that say the same, one link, no remote content.

use crate::plain::{cut, escaped, line, lines};
use countersign_control::Letter;
use countersign_journal::{Digest, Timestamp};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{Address, Message};
use std::time::{Duration, UNIX_EPOCH};

/// Longest subject, in characters; the first line of the mail says it whole.
const SUBJECT_CHARS_MAX: usize = 200;
/// Longest name beside an address, in characters.
const NAME_CHARS_MAX: usize = 100;

/// Writes the mail.
///
/// # Errors
/// What is wrong with the address, in words.
pub(crate) fn write(letter: &Letter, from: &Mailbox, page_address: &str, now: Timestamp) -> Result<Message, String> {
    let unusable = |e: &dyn std::fmt::Display| format!("the address `{}` cannot be used: {e}", line(&letter.address));
    let address: Address = letter.address.trim().parse().map_err(|e| unusable(&e))?;
    let name = cut(line(&letter.name), NAME_CHARS_MAX);
    let (text, html) = (text(letter), html(letter));
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(name), address))
        .subject(cut(line(&letter.subject), SUBJECT_CHARS_MAX))
        .date(UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or(0)))
        .message_id(Some(message_id(letter, from, page_address)))
        // RFC 3834 §5: says to absence replies that nobody is there to read them.
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(|e| unusable(&e))
}

/// The same for every try of one letter, so that a second arrival can be recognised (RFC 5322 §3.6.4).
fn message_id(letter: &Letter, from: &Mailbox, page_address: &str) -> String {
    let unique = Digest::of("countersign mail v1", &[page_address.as_bytes(), letter.id.as_bytes()]);
    let id: String = letter.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("<{id}.{}@{}>", unique.short(), from.email.domain())
}

fn text(letter: &Letter) -> String {
    let said: Vec<String> = letter.lines.iter().map(|l| lines(l)).collect();
    // "-- " begins what mail programs show as a footer (RFC 3676 §4.3).
    format!(
        "{}\n\nOpen {}: {}\n\n-- \n{}\n",
        said.join("\n\n"),
        line(&letter.opens),
        letter.link.expose(),
        lines(&letter.footer)
    )
}

fn html(letter: &Letter) -> String {
    let said: String = letter
        .lines
        .iter()
        .map(|l| format!("<p style=\"white-space:pre-wrap\">{}</p>\n", escaped(&lines(l))))
        .collect();
    let (link, footer) = (escaped(letter.link.expose()), escaped(&lines(&letter.footer)));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"></head>\n\
         <body style=\"font-family:system-ui,sans-serif;font-size:15px;line-height:1.5\">\n{said}\
         <p>Open {}: <a href=\"{link}\">{link}</a></p>\n<hr>\n<p><small>{footer}</small></p>\n</body></html>\n",
        escaped(&line(&letter.opens))
    )
}
