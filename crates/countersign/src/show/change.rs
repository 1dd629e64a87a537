//! Changes of the configuration: what they change line by line, and what those who propose or approve them should not pass
//! by.

use super::{line, list, moment, person, plain, rows, table, text};
use crate::policy_file;
use serde_json::Value;

pub(crate) fn planned(answer: &Value) -> String {
    let mut said = vec![changes(answer, "Applying this would change:", "Applying this would change nothing.")];
    said.extend(difference(&answer["lines"], ""));
    said.extend(texts(&answer["warnings"]).map(|warning| format!("Warning: {warning}")));
    for past in list(&answer["past"]) {
        let (what, before, after) = (text(past, "what"), text(past, "before"), text(past, "after"));
        let who = person(&past["person"]);
        said.push(format!("#{} by {who}, {what}: now {before}; then {after}", past["request"]));
    }
    said.join("\n")
}

pub(crate) fn applied(answer: &Value) -> String {
    if answer["applied"] == true {
        return changes(answer, "Applied:", "Nothing changed.");
    }
    let waits = format!("Request #{} waits for its approvers; once approved it is applied:", answer["request"]);
    changes(answer, &waits, "Nothing would change.")
}

/// What a request changes, in the order of the card.
pub(super) fn of_request(change: &Value) -> Vec<String> {
    let mut said: Vec<String> = texts(&change["changes"]).map(|one| format!("Changes   {one}")).collect();
    said.extend(texts(&change["warnings"]).map(|warning| format!("Warning   {warning}")));
    if let Some(first) = change["overtaken_by"].as_u64() {
        said.push(format!("Overtaken #{first} was put in force first; propose this again from what is in force now"));
    }
    said.extend(difference(&change["lines"], "          "));
    said
}

pub(crate) fn file(answer: &Value) -> String {
    answer["file"].as_str().map(plain).unwrap_or_default()
}

/// What is in force, to be edited and applied.
pub(crate) fn in_force(answer: &Value) -> String {
    policy_file::written(&text(answer, "base"), &file(answer))
}

/// The public key of the server's authority.
pub(crate) fn authority(answer: &Value) -> String {
    text(answer, "public_key")
}

/// What differs between two versions.
pub(crate) fn compared(answer: &Value) -> String {
    let lines: Vec<String> = difference(answer, "").collect();
    if lines.is_empty() { "Nothing differs.".to_owned() } else { lines.join("\n") }
}

pub(crate) fn versions(answer: &Value) -> String {
    let row = |one: &Value| {
        let changes: Vec<String> = texts(&one["changes"]).collect();
        vec![format!("#{}", one["request"]), moment(&one["at"]), person(&one["by"]), changes.join(", ")]
    };
    table(&["NUMBER", "IN FORCE FROM", "PROPOSED BY", "CHANGES"], rows(answer, row), "No versions.")
}

/// The lines that differ, as the page has them.
fn difference<'l>(lines: &'l Value, margin: &'l str) -> impl Iterator<Item = String> + 'l {
    list(lines)
        .iter()
        .map(move |one| format!("{margin}{:1} {}", text(one, "sign"), text(one, "text")).trim_end().to_owned())
}

fn changes(answer: &Value, some: &str, none: &str) -> String {
    let changes: Vec<String> = texts(&answer["changes"]).collect();
    if changes.is_empty() { none.to_owned() } else { format!("{some}\n{}", changes.join("\n")) }
}

fn texts(value: &Value) -> impl Iterator<Item = String> {
    list(value).iter().filter_map(Value::as_str).map(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_lines_that_differ_are_shown() {
        let line = |sign: &str, text: &str| json!({ "sign": sign, "text": text });
        let lines = json!([
            line("…", "[[rule]] name = \"a\""),
            line(" ", "x = 1"),
            line("-", "y = \"\u{1b}\""),
            line("+", "  y = 2"),
            line(" ", ""),
        ]);
        let changes = json!(["~ rule a"]);
        let expected = "Applying this would change:\n~ rule a\n… [[rule]] name = \"a\"\n  x = 1\n- y = \"<U+001B>\"\n\
                        +   y = 2\n\nWarning: too few";
        assert_eq!(planned(&json!({ "changes": changes, "lines": lines, "warnings": ["too few"] })), expected);
        assert_eq!(planned(&json!({ "changes": [] })), "Applying this would change nothing.");
        let change =
            json!({ "changes": changes, "warnings": ["too few"], "overtaken_by": 4, "lines": [line("+", "z = 3")] });
        let expected = [
            "Changes   ~ rule a",
            "Warning   too few",
            "Overtaken #4 was put in force first; propose this again from what is in force now",
            "          + z = 3",
        ];
        assert_eq!(of_request(&change), expected);
        assert_eq!(of_request(&Value::Null), [""; 0]);
    }
}
