//! What would be demanded of somebody, by which rules, and who could decide.

use super::{line, list, person, text};
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
    let conditions = list(&answer["conditions"]).iter().filter_map(Value::as_str);
    said.extend(conditions.map(|condition| format!("Condition {}", line(condition))));
    if preview["automatic"] == true {
        said.push("Automatic asked now, it is approved at once".to_owned());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_condition_is_shown_and_what_happens_while_nobody_decides() {
        let times =
            json!([{ "after": "30 min", "then": "members of dba decide" }, { "after": "1 h", "then": "it expires" }]);
        let level = json!({
            "authority": "managers of dba", "approvers": [], "approvals": 1, "stage": "waiting", "due": null, "times": times,
        });
        let answer = json!({
            "person": { "handle": "alice", "name": "alice" }, "target": "app@db", "act": "connect",
            "preview": { "outcome": "approve", "automatic": true, "tracks": [[level]] },
            "conditions": ["a reason of at least 10 characters", "an emergency opens after 10 min\u{7}"], "reasons": [],
        });
        let expected = "connect on app@db needs approval for alice\n\
                        Condition a reason of at least 10 characters\n\
                        Condition an emergency opens after 10 min<U+0007>\n\
                        Automatic asked now, it is approved at once\n\
                        No rule speaks of it.\n\
                        Level 1   waiting: managers of dba, 1 needed; able now: nobody\n          \
                        after 30 min members of dba decide\n          after 1 h it expires";
        assert_eq!(explanation(&answer), expected);
    }
}
