//! What would be demanded of somebody, by which rules, and who could decide.

use super::{list, person, text, texts};
use serde_json::Value;

pub(crate) fn explanation(answer: &Value) -> String {
    let preview = &answer["preview"];
    let outcome = match preview["outcome"].as_str() {
        Some("allow") => "is allowed",
        Some("justify") => "needs a reason",
        Some("approve") => "needs approval",
        _ => "is not allowed",
    };
    let (who, target, act) = (person(&answer["person"]), text(answer, "target"), text(answer, "act"));
    let mut said = vec![format!("{act} on {target} {outcome} for {who}")];
    if let Some(longest) = preview["duration_max_s"].as_u64() {
        said.push(format!("At most   {} min", longest / 60));
    }
    said.extend(conditions(preview));
    for reason in list(&answer["reasons"]) {
        let note = text(reason, "note");
        let note = if note.is_empty() { note } else { format!(" ({note})") };
        said.push(format!("Rule      {}: {}{note}", text(reason, "rule"), text(reason, "outcome")));
    }
    if list(&answer["reasons"]).is_empty() {
        said.push("No rule speaks of it.".to_owned());
    }
    for (track, levels) in list(&preview["tracks"]).iter().enumerate() {
        said.extend(super::levels(track, list(&preview["tracks"]).len(), levels, true));
    }
    said.join("\n")
}

/// As it is, beside what it would be under another file.
pub(crate) fn combined(answer: &Value) -> String {
    let one = |key: &str| match &answer[key] {
        Value::Null => "There is no such person or target.".to_owned(),
        known => explanation(known),
    };
    format!("NOW\n{}\n\nWITH THE FILE\n{}", one("now"), one("then"))
}

/// What rules demand besides approval, and what they allow instead of it; only what is so.
fn conditions(preview: &Value) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(ahead) = preview["ahead_max_s"].as_u64() {
        said.push(format!("Ahead     at most {} min", ahead / 60));
    }
    if !list(&preview["hours"]).is_empty() {
        said.push(format!("Hours     {}", texts(&preview["hours"])));
    }
    if !list(&preview["reasons"]).is_empty() {
        said.push(format!("Choice    one of: {}", texts(&preview["reasons"])));
    }
    for (key, sentence) in [
        ("ticket", "Ticket    required"),
        ("automatic", "Automatic asked now, it is approved at once"),
        ("emergency", "Emergency can be declared once it is asked"),
        ("exclusive", "Exclusive nobody else can use the account meanwhile"),
    ] {
        if preview[key] == true {
            said.push(sentence.to_owned());
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn conditions_are_shown() {
        let preview = json!({
            "outcome": "approve", "ahead_max_s": 3600, "hours": ["Mon 09:00–17:00 (UTC)"], "reasons": ["repair", "release"],
            "ticket": true, "automatic": false, "emergency": true, "exclusive": true, "tracks": [],
        });
        let expected = [
            "Ahead     at most 60 min",
            "Hours     Mon 09:00–17:00 (UTC)",
            "Choice    one of: repair, release",
            "Ticket    required",
            "Emergency can be declared once it is asked",
            "Exclusive nobody else can use the account meanwhile",
        ];
        assert_eq!(conditions(&preview), expected);
    }
}
