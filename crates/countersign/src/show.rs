//! Answers of the API as a person reads them at a terminal: short, calm, and nothing that moves the cursor.

use comfy_table::{Table, presets};
use jiff::tz::TimeZone;
use serde_json::Value;

/// Text that cannot change how a terminal shows other text.
pub(crate) fn plain(text: &str) -> String {
    shown(text, '\n')
}

/// The same on one line.
fn line(text: &str) -> String {
    shown(text.trim_end(), '␊')
}

fn shown(text: &str, line_break: char) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push(line_break),
            '\t' => shown.push_str("    "),
            c if countersign_inspect::show::is_invisible(c) => shown.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// A text field on one line; empty when it is not there.
fn text(value: &Value, key: &str) -> String {
    match &value[key] {
        Value::String(text) => line(text),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A moment in the reader's zone.
fn moment(value: &Value) -> String {
    let moment = value.as_i64().and_then(|micros| jiff::Timestamp::from_microsecond(micros).ok());
    let at = moment.map(|m| m.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string());
    at.unwrap_or_default()
}

fn window(value: &Value) -> String {
    format!("{} to {}", moment(&value["start"]), moment(&value["end"]))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn texts(value: &Value) -> String {
    list(value).iter().filter_map(Value::as_str).map(line).collect::<Vec<_>>().join(", ")
}

fn person(value: &Value) -> String {
    let (handle, name) = (text(value, "handle"), text(value, "name"));
    if handle.eq_ignore_ascii_case(&name) { handle } else { format!("{name} ({handle})") }
}

/// A table without lines; `empty` when there is nothing in it.
fn table(header: &[&str], rows: Vec<Vec<String>>, empty: &str) -> String {
    if rows.is_empty() {
        return empty.to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn rows(answer: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    list(answer).iter().map(row).collect()
}

pub(crate) fn signed_in(answer: &Value) -> String {
    format!("Signed in until {}.", moment(&answer["expires_at"]))
}

pub(crate) fn signed_out(_: &Value) -> String {
    "Signed out.".to_owned()
}

pub(crate) fn terminated(_: &Value) -> String {
    "The session is being ended; its grant stays.".to_owned()
}

pub(crate) fn invitation(answer: &Value) -> String {
    text(answer, "link")
}

pub(crate) fn token(answer: &Value) -> String {
    text(answer, "token")
}

pub(crate) fn token_use(answer: &Value) -> String {
    format!("Until {}, with this token as password: {}", moment(&answer["expires_at"]), text(answer, "command"))
}

/// What an outcome asks of a person.
fn needs(outcome: &Value) -> &'static str {
    match outcome.as_str() {
        Some("allow") => "nothing",
        Some("justify") => "a reason",
        Some("approve") => "approval",
        _ => "not allowed",
    }
}

pub(crate) fn access(answer: &Value) -> String {
    let row = |one: &Value| {
        let now = match (&one["grant"], &one["pending"]) {
            (Value::Null, Value::Null) => String::new(),
            (Value::Null, number) => format!("#{number} is pending"),
            (grant, _) => format!("{} until {}", text(grant, "stage"), moment(&grant["window"]["end"])),
        };
        vec![text(one, "target"), text(one, "database"), needs(&one["outcome"]).to_owned(), now]
    };
    table(&["TARGET", "DATABASE", "NEEDS", "NOW"], rows(answer, row), "No rule lets you reach anything.")
}

pub(crate) fn requests(answer: &Value) -> String {
    let row = |one: &Value| {
        vec![
            format!("#{}", one["id"]),
            text(one, "status"),
            person(&one["person"]),
            text(one, "what"),
            moment(&one["window"]["end"]),
        ]
    };
    table(&["NUMBER", "STATUS", "WHO", "WHAT", "UNTIL"], rows(answer, row), "No requests.")
}

/// One request in one line.
pub(crate) fn request_line(answer: &Value) -> String {
    let grant = match &answer["grant"] {
        Value::Null => String::new(),
        grant => format!(", {}, {}", stage(grant), window(&grant["window"])),
    };
    format!("#{} is {}{grant}: {}", answer["id"], text(answer, "status"), text(answer, "what"))
}

fn stage(grant: &Value) -> String {
    match text(grant, "ended") {
        how if how.is_empty() => text(grant, "stage"),
        how => format!("{} ({how})", text(grant, "stage")),
    }
}

/// The line, and who can decide.
pub(crate) fn request_made(answer: &Value) -> String {
    let open = list(&answer["tracks"]).iter().flat_map(list).filter(|level| level["stage"] == "open");
    let able: Vec<String> = open.flat_map(|level| list(&level["approvers"])).map(person).collect();
    let line = request_line(answer);
    if able.is_empty() { line } else { format!("{line}\nWaiting for {}.", able.join(" or ")) }
}

/// One request whole, in the order of the card.
pub(crate) fn request(answer: &Value) -> String {
    let mut said = vec![
        format!("{} asks to {}", person(&answer["person"]), text(answer, "what")),
        format!("Number    #{}", answer["id"]),
        format!("Status    {}", text(answer, "status")),
        format!("Reason    {}", answer["reason"].as_str().map_or_else(|| "none given".to_owned(), indented)),
        format!("When      {}", window(&answer["window"])),
        format!("Rules     {}", texts(&answer["rules"])),
    ];
    if !answer["grant"].is_null() {
        said.push(format!("Grant     {}, {}", stage(&answer["grant"]), window(&answer["grant"]["window"])));
    }
    if !answer["statement"].is_null() {
        said.extend(statement(&answer["statement"]));
    }
    for (track, levels) in list(&answer["tracks"]).iter().enumerate() {
        said.extend(self::levels(track, list(&answer["tracks"]).len(), levels));
    }
    for comment in list(&answer["comments"]) {
        said.push(format!("{}: {}", person(&comment[0]), indented(comment[1].as_str().unwrap_or_default())));
    }
    said.push(format!("Digest    {}", text(answer, "digest")));
    let may = answer["may"].as_object().into_iter().flatten().filter(|(_, may)| may.as_bool() == Some(true));
    let may: Vec<&str> = may.map(|(act, _)| act.as_str()).collect();
    if !may.is_empty() {
        said.push(format!("You may   {}", may.join(", ")));
    }
    said.join("\n")
}

/// Lines after the first stand below it.
fn indented(text: &str) -> String {
    plain(text.trim_end()).replace('\n', "\n          ")
}

fn statement(statement: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for (number, sql) in list(&statement["texts"]).iter().enumerate() {
        said.push(format!("SQL       {}", indented(sql.as_str().unwrap_or_default())));
        let values = texts(&statement["parameters"][number]);
        if !values.is_empty() {
            said.push(format!("Values    {values}"));
        }
    }
    said.push(format!("Touches   {}", texts(&statement["touches"])));
    if !list(&statement["unknown"]).is_empty() {
        said.push(format!("Unknown   {}", texts(&statement["unknown"])));
    }
    let outcome = text(statement, "outcome");
    if !outcome.is_empty() {
        said.push(format!("Outcome   {outcome}"));
    }
    said
}

fn levels(track: usize, tracks: usize, levels: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for (number, level) in (1..).zip(list(levels)) {
        let of = if tracks > 1 { format!("{}.{number}", track + 1) } else { number.to_string() };
        let able: Vec<String> = list(&level["approvers"]).iter().map(person).collect();
        let able = if able.is_empty() { "nobody".to_owned() } else { able.join(", ") };
        let (who, state) = (text(level, "authority"), text(level, "stage"));
        said.push(format!("Level {of:<3} {state}: {who}, {} needed; able now: {able}", level["approvals"]));
        for vote in list(&level["votes"]) {
            let comment = text(vote, "comment");
            let comment = if comment.is_empty() { comment } else { format!(": {comment}") };
            let (who, what) = (person(&vote["approver"]), text(vote, "verdict"));
            said.push(format!("          {who} {what}, {}{comment}", moment(&vote["at"])));
        }
    }
    said
}

pub(crate) fn sessions(answer: &Value) -> String {
    let row = |one: &Value| {
        let state = match text(one, "ended") {
            live if live.is_empty() => "live".to_owned(),
            how => how,
        };
        let (who, request) = (person(&one["person"]), format!("#{}", one["request"]));
        vec![
            one["id"].to_string(),
            who,
            text(one, "target"),
            request,
            text(one, "from"),
            moment(&one["opened_at"]),
            state,
        ]
    };
    let header = ["NUMBER", "WHO", "TARGET", "REQUEST", "FROM", "OPENED", "STATE"];
    table(&header, rows(answer, row), "No sessions.")
}

pub(crate) fn transcript(answer: &Value) -> String {
    let row = |one: &Value| {
        vec![
            moment(&one["at"]),
            one["statement"].to_string(),
            text(one, "kind"),
            text(one, "text"),
            text(one, "detail"),
        ]
    };
    table(&["WHEN", "NO", "WHAT", "TEXT", "DETAIL"], rows(answer, row), "Nothing was run.")
}

pub(crate) fn planned(answer: &Value) -> String {
    changes(answer, "Applying this would change:", "Applying this would change nothing.")
}

pub(crate) fn applied(answer: &Value) -> String {
    changes(answer, "Applied:", "Nothing changed.")
}

fn changes(answer: &Value, some: &str, none: &str) -> String {
    let changes: Vec<String> = list(&answer["changes"]).iter().filter_map(Value::as_str).map(line).collect();
    if changes.is_empty() { none.to_owned() } else { format!("{some}\n{}", changes.join("\n")) }
}

pub(crate) fn people(answer: &Value) -> String {
    let yes = |one: &Value, key: &str| if one[key] == true { "yes" } else { "no" }.to_owned();
    let row = |one: &Value| {
        let who = &one["person"];
        vec![
            text(who, "handle"),
            text(who, "name"),
            text(one, "role"),
            text(one, "email"),
            yes(one, "enabled"),
            yes(one, "has_password"),
            yes(one, "has_second_factor"),
        ]
    };
    let header = ["HANDLE", "NAME", "ROLE", "MAIL", "ENABLED", "PASSWORD", "SECOND FACTOR"];
    table(&header, rows(answer, row), "Nobody.")
}

pub(crate) fn audit(answer: &Value) -> String {
    let row = |one: &Value| vec![one["seq"].to_string(), moment(&one["at"]), text(one, "sentence")];
    table(&["ENTRY", "WHEN", "WHAT"], rows(answer, row), "Nothing found.")
}

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
    for reason in list(&answer["reasons"]) {
        let note = text(reason, "note");
        let note = if note.is_empty() { note } else { format!(" ({note})") };
        said.push(format!("Rule      {}: {}{note}", text(reason, "rule"), text(reason, "outcome")));
    }
    if list(&answer["reasons"]).is_empty() {
        said.push("No rule speaks of it.".to_owned());
    }
    for (track, levels) in list(&preview["tracks"]).iter().enumerate() {
        said.extend(self::levels(track, list(&preview["tracks"]).len(), levels));
    }
    said.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\rc\n\td\u{202e}"), "a<U+001B>[2Jb<U+000D>c\n    d<U+202E>");
        let answer = json!([{ "seq": 3, "at": null, "sentence": "two\nlines\u{7}" }]);
        assert!(audit(&answer).contains("two␊lines<U+0007>"));
    }

    #[test]
    fn a_request_is_shown_in_the_order_of_the_card() {
        let who = |handle: &str, name: &str| json!({ "id": 1, "handle": handle, "name": name });
        let level = json!({
            "authority": "managers of dba", "approvers": [who("bob", "Bob")], "approvals": 1, "rejections": 1,
            "stage": "open",
            "votes": [{ "approver": who("eve", "eve"), "verdict": "approved", "comment": "fine", "at": null }],
        });
        let answer = json!({
            "id": 12, "person": who("alice", "Alice Ames"), "what": "connect to app@db", "status": "Pending",
            "reason": "order 1\nand 2", "window": {}, "rules": ["prod"], "tracks": [[level]], "grant": null,
            "statement": { "texts": ["update x\nset y = $1"], "parameters": [["5"]], "touches": ["update x"] },
            "digest": "abcd", "comments": [[who("bob", "Bob"), "enough"]], "may": { "decide": true, "revoke": false },
        });
        let expected = "Alice Ames (alice) asks to connect to app@db\nNumber    #12\nStatus    Pending\n\
                        Reason    order 1\n          and 2\nWhen       to \nRules     prod\n\
                        SQL       update x\n          set y = $1\nValues    5\nTouches   update x\n\
                        Level 1   open: managers of dba, 1 needed; able now: bob\n          eve approved, : fine\n\
                        bob: enough\nDigest    abcd\nYou may   decide";
        assert_eq!(request(&answer), expected);
        assert_eq!(request_made(&answer), "#12 is Pending: connect to app@db\nWaiting for bob.");
    }

    #[test]
    fn tables_are_short_and_say_when_they_are_empty() {
        let answer =
            json!([{ "target": "app@db", "database": "shop", "outcome": "approve", "grant": null, "pending": 7 }]);
        let shown = access(&answer);
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.contains("approval") && shown.contains("#7 is pending"), "{shown}");
        assert_eq!(requests(&json!([])), "No requests.");
        assert_eq!(planned(&json!({ "changes": [] })), "Applying this would change nothing.");
    }
}
