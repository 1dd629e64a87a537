//! Answers of the API as a person reads them at a terminal: short, calm, and nothing that moves the cursor.

mod change;
mod explain;

pub(crate) use change::{applied, authority, compared, file, in_force, planned, versions};
pub(crate) use explain::{combined, explanation};

use comfy_table::{Table, presets};
use countersign_control::view::alerts;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Text that cannot change how a terminal shows other text.
pub(crate) fn plain(text: &str) -> String {
    shown(text, '\n')
}

/// The same on one line.
pub(crate) fn line(text: &str) -> String {
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

/// An answer as it is, for programs. What nobody would see is escaped, which to them is the same (RFC 8259 §7).
pub(crate) fn json(answer: &Value) -> String {
    let mut shown = String::new();
    for c in answer.to_string().chars() {
        if countersign_inspect::show::is_invisible(c) {
            let escaped = |unit: &u16| format!("\\u{unit:04x}");
            shown.extend(c.encode_utf16(&mut [0; 2]).iter().map(escaped));
        } else {
            shown.push(c);
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
    let known = text(answer, "known_host");
    let known = if known.is_empty() { known } else { format!("\nThe line for ~/.ssh/known_hosts: {known}") };
    format!("Until {}, with this token as password: {}{known}", moment(&answer["expires_at"]), text(answer, "command"))
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

/// What is free first: that is what one looks for.
pub(crate) fn calendar(answer: &Value) -> String {
    let free = list(&answer["free"]).iter().map(|w| format!("Free      {}", window(w)));
    let row = |one: &Value| {
        let who = match (&one["mine"], &one["person"]) {
            (Value::Bool(true), _) => "you".to_owned(),
            (_, Value::Null) => "somebody".to_owned(),
            (_, known) => person(known),
        };
        let number = one["request"].as_u64().map(|n| format!("#{n}")).unwrap_or_default();
        vec![window(&one["window"]), who, text(one, "status"), number, text(one, "reason")]
    };
    let alone = if answer["exclusive"] == true { "One at a time." } else { "Several may be in at once." };
    let mut said = vec![format!("{}, {}. {alone}", text(answer, "target"), window(&answer["window"]))];
    said.extend(free);
    if said.len() == 1 {
        said.push("Nothing is free.".to_owned());
    }
    said.push(table(
        &["RESERVED", "WHO", "STATUS", "NUMBER", "WHY"],
        rows(&answer["reserved"], row),
        "Nothing is reserved.",
    ));
    said.join("\n")
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
    let mut said = if able.is_empty() { line } else { format!("{line}\nWaiting for {}.", able.join(" or ")) };
    if answer["joined"] == true {
        let reason = self::line(answer["reason"].as_str().unwrap_or_default());
        said.push_str(&format!(
            "\nYou asked for this already, for this reason: {reason}\nThe one you gave now was not kept; withdraw #{} to \
             ask with another.",
            answer["id"]
        ));
    }
    said
}

/// One request whole, in the order of the card.
pub(crate) fn request(answer: &Value) -> String {
    let mut said = vec![
        format!("{} asks to {}", person(&answer["person"]), text(answer, "what")),
        format!("Number    #{}", answer["id"]),
        format!("Status    {}{}{}", text(answer, "status"), automatically(answer), expired(answer)),
        format!("Reason    {}", answer["reason"].as_str().map_or_else(|| "none given".to_owned(), indented)),
    ];
    for (label, key) in [("Choice", "choice"), ("Ticket", "ticket")] {
        let given = text(answer, key);
        if !given.is_empty() {
            said.push(format!("{label:<9} {given}"));
        }
    }
    said.push(format!("When      {}", window(&answer["window"])));
    said.push(format!("Rules     {}", texts(&answer["rules"])));
    said.extend(emergency(answer));
    if answer["reset_after_use"] == true {
        said.push("After use the password is due for change".to_owned());
    }
    if !answer["grant"].is_null() {
        said.push(format!("Grant     {}, {}", stage(&answer["grant"]), window(&answer["grant"]["window"])));
    }
    if !answer["statement"].is_null() {
        said.extend(statement(&answer["statement"]));
    }
    said.extend(plan(&answer["plan"]));
    said.extend(change::of_request(&answer["change"]));
    for (track, levels) in list(&answer["tracks"]).iter().enumerate() {
        said.extend(self::levels(track, list(&answer["tracks"]).len(), levels, answer["status"] == "Pending"));
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

fn expired(answer: &Value) -> String {
    answer["expired"].as_str().map(|why| format!(": {}", line(why))).unwrap_or_default()
}

fn automatically(answer: &Value) -> &'static str {
    if answer["automatic"] == true { ", automatically: inside the hours its rules name" } else { "" }
}

/// What was declared, and what became of it.
fn emergency(answer: &Value) -> Vec<String> {
    let declared = &answer["emergency"];
    if declared.is_null() {
        return Vec::new();
    }
    let opens_at = moment(&declared["opens_at"]);
    let became = match (&declared["stopped_by"], declared["owed"].as_u64().unwrap_or(0)) {
        (Value::Null, 0) if declared["opened"] == true => format!("opened {opens_at}; every level has reviewed it"),
        (Value::Null, owed) if declared["opened"] == true => {
            let levels = if owed == 1 { "level" } else { "levels" };
            format!("opened {opens_at}, before approval; {owed} {levels} still to review it")
        }
        (Value::Null, _) if answer["status"] == "Pending" => format!("opens {opens_at} unless an approver stops it"),
        (Value::Null, _) => "ended before it opened".to_owned(),
        (who, _) => format!("stopped by {} before it opened", person(who)),
    };
    let why = indented(declared["reason"].as_str().unwrap_or_default());
    vec![format!("Emergency {why}"), format!("          {became}")]
}

/// The line, and what became of the emergency declared on it.
pub(crate) fn emergency_line(answer: &Value) -> String {
    [vec![request_line(answer)], emergency(answer)].concat().join("\n")
}

/// Lines after the first stand below it.
fn indented(text: &str) -> String {
    plain(text.trim_end()).replace('\n', "\n          ")
}

fn statement(statement: &Value) -> Vec<String> {
    let mut said = Vec::new();
    for (number, sql) in list(&statement["texts"]).iter().enumerate() {
        let label = if statement["language"] == "shell" { "Command   " } else { "SQL       " };
        said.push(format!("{label}{}", indented(sql.as_str().unwrap_or_default())));
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

/// The planned statements, each with what became of it.
fn plan(plan: &Value) -> Vec<String> {
    let steps = list(&plan["steps"]);
    let order = if plan["in_order"] == true { "in this order" } else { "in any order" };
    let mut said = Vec::new();
    if !steps.is_empty() {
        said.push(format!("Plan      {} statements, once each, {order}", steps.len()));
    }
    for (number, step) in (1..).zip(steps) {
        said.push(format!("SQL {number:<5} {}", indented(step["text"].as_str().unwrap_or_default())));
        for (label, key) in [("touches", "touches"), ("not understood:", "unknown")] {
            let all = texts(&step[key]);
            if !all.is_empty() {
                said.push(format!("          {label} {all}"));
            }
        }
        if !step["ran_at"].is_null() {
            said.push(format!("          ran {}: {}", moment(&step["ran_at"]), text(step, "outcome")));
        }
    }
    said
}

fn levels(track: usize, tracks: usize, levels: &Value, pending: bool) -> Vec<String> {
    let mut said = Vec::new();
    for (number, level) in (1..).zip(list(levels)) {
        let of = if tracks > 1 { format!("{}.{number}", track + 1) } else { number.to_string() };
        let able: Vec<String> = list(&level["approvers"]).iter().map(person).collect();
        let able = if able.is_empty() { "nobody".to_owned() } else { able.join(", ") };
        let (who, stage) = (text(level, "authority"), text(level, "stage"));
        let state = match stage.as_str() {
            "open" | "blocked" if !pending => "was deciding when it ended",
            "waiting" if !pending => "did not start",
            stage => stage,
        };
        let able = if pending { format!("; able now: {able}") } else { String::new() };
        said.push(format!("Level {of:<3} {state}: {who}, {} needed{able}", level["approvals"]));
        let escalated = text(level, "escalated");
        if !escalated.is_empty() {
            said.push(format!("          {escalated}"));
        }
        if !level["due"].is_null() {
            said.push(format!("          if not decided by {}, {}", moment(&level["due"]), text(level, "then")));
        }
        for due in list(&level["times"]).iter().filter(|_| pending && stage == "waiting") {
            said.push(format!("          after {} {}", text(due, "after"), text(due, "then")));
        }
        for vote in list(&level["votes"]) {
            let comment = text(vote, "comment");
            let comment = if comment.is_empty() { comment } else { format!(": {comment}") };
            let behalf =
                if vote["behalf"].is_null() { String::new() } else { format!(" for {}", person(&vote["behalf"])) };
            let (who, what) = (person(&vote["approver"]), text(vote, "verdict"));
            said.push(format!("          {who}{behalf} {what}, {}{comment}", moment(&vote["at"])));
        }
    }
    said
}

pub(crate) fn delegations(answer: &Value) -> String {
    let row = |one: &Value| {
        vec![
            one["id"].to_string(),
            person(&one["from"]),
            person(&one["to"]),
            moment(&one["window"]["start"]),
            moment(&one["window"]["end"]),
            text(one, "stage"),
        ]
    };
    let header = ["NUMBER", "WHOSE RIGHT", "LENT TO", "FROM", "UNTIL", "STATE"];
    table(&header, rows(answer, row), "No right to decide was lent.")
}

pub(crate) fn sessions(answer: &Value) -> String {
    let row = |one: &Value| {
        let state = match text(one, "ended") {
            live if live.is_empty() => "live".to_owned(),
            how => how,
        };
        let alerts = match one["alerts"].as_u64().map(|n| u32::try_from(n).unwrap_or(u32::MAX)) {
            None | Some(0) => String::new(),
            Some(count) => format!(", {}", alerts(count)),
        };
        let (who, request) = (person(&one["person"]), format!("#{}", one["request"]));
        vec![
            one["id"].to_string(),
            who,
            text(one, "target"),
            request,
            text(one, "from"),
            moment(&one["opened_at"]),
            state + &alerts,
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

/// What was typed, with every control character named: nothing of it moves anything.
pub(crate) fn typed(answer: &Value) -> String {
    let row = |one: &Value| vec![moment(&one["at"]), one["statement"].to_string(), text(one, "text")];
    table(&["WHEN", "INTO", "TYPED"], rows(answer, row), "Nothing was typed.")
}

pub(crate) fn second_factor(answer: &Value) -> String {
    match answer["uri"].as_str() {
        Some(uri) => {
            format!("{}\nPut it into your authenticator, then run `countersign second-factor finish CODE`.", plain(uri))
        }
        None => "Your second factor counts.".to_owned(),
    }
}

pub(crate) fn keys(answer: &Value) -> String {
    let row = |one: &Value| {
        let used = if one["used_at"].is_null() { "never".to_owned() } else { moment(&one["used_at"]) };
        vec![
            one["number"].to_string(),
            text(one, "name"),
            text(one, "kind"),
            text(one, "fingerprint"),
            moment(&one["added_at"]),
            used,
        ]
    };
    let header = ["NUMBER", "NAME", "KIND", "FINGERPRINT", "REGISTERED", "LAST USED"];
    table(&header, rows(answer, row), "No SSH key is registered.")
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\rc\n\td\u{202e}"), "a<U+001B>[2Jb<U+000D>c\n    d<U+202E>");
        let answer = json!([{ "seq": 3, "at": null, "sentence": "two\nlines\u{7}" }]);
        assert!(audit(&answer).contains("two␊lines<U+0007>"));
        let odd = json!({ "name": "a\u{202e}b\u{9b}\u{e0041}\u{1b}c ü" });
        let shown = super::json(&odd);
        assert_eq!(shown, r#"{"name":"a\u202eb\u009b\udb40\udc41\u001bc ü"}"#);
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("still JSON"), odd);
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
    fn r63_the_list_of_sessions_has_alerts() {
        let session = |ended: &str, alerts: u32| json!({ "id": 7, "ended": ended, "alerts": alerts });
        let shown = sessions(&json!([session("", 0), session("", 1), session("expired", 21)]));
        let states: Vec<_> = shown.lines().skip(1).map(|line| line.split("  ").last().unwrap_or_default()).collect();
        assert_eq!(states, ["live", "live, 1 alert", "expired, more than 20 alerts"]);
    }

    /// R6, R16, R39, R42: what the special paths add to a request stands where it is looked for.
    #[test]
    fn the_special_paths_are_shown() {
        let who = |name: &str| json!({ "id": 1, "handle": name, "name": name });
        let level = json!({
            "authority": "managers of dba", "approvers": [who("dora")], "approvals": 1, "rejections": 1,
            "stage": "open", "due": 0, "then": "then it expires",
            "escalated": "members of dba decide now: escalated by ada",
            "votes": [{ "approver": who("eve"), "behalf": who("bob"), "verdict": "approved", "comment": "", "at": null }],
        });
        let emergency = |more: Value| {
            let mut declared =
                json!({ "reason": "outage\nof shop", "at": 0, "opens_at": null, "opened": false, "owed": 0 });
            declared.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            json!({ "id": 12, "status": "Pending", "what": "connect", "emergency": declared })
        };
        let answer = json!({
            "status": "Approved", "automatic": true, "choice": "repair", "ticket": "T-1\u{1b}", "reset_after_use": true,
            "emergency": null, "tracks": [[level]],
        });
        let shown = request(&answer);
        for line in [
            "Status    Approved, automatically: inside the hours its rules name",
            "Choice    repair",
            "Ticket    T-1<U+001B>",
            "After use the password is due for change",
            "          members of dba decide now: escalated by ada",
            "          eve for bob approved, ",
        ] {
            assert!(shown.lines().any(|l| l == line), "`{line}` is missing:\n{shown}");
        }
        assert!(shown.contains("if not decided by 1970-01-01 ") && shown.contains(", then it expires"), "{shown}");
        assert!(!shown.contains("Emergency"), "{shown}");
        for (more, became) in [
            (json!({}), "opens  unless an approver stops it"),
            (json!({ "stopped_by": who("bob") }), "stopped by bob before it opened"),
            (json!({ "opened": true, "owed": 1 }), "opened , before approval; 1 level still to review it"),
            (json!({ "opened": true }), "opened ; every level has reviewed it"),
        ] {
            let expected = format!("#12 is Pending: connect\nEmergency outage\n          of shop\n          {became}");
            assert_eq!(emergency_line(&emergency(more)), expected);
        }
    }

    #[test]
    fn lent_rights_are_shown() {
        let who = |name: &str| json!({ "id": 1, "handle": name, "name": name });
        let window = json!({ "start": null, "end": null });
        let lent = json!([{ "id": 3, "from": who("mia"), "to": who("bob"), "window": window, "stage": "live" }]);
        let shown = delegations(&lent);
        assert!(shown.lines().count() == 2 && shown.contains("mia") && shown.ends_with("live"), "{shown}");
        assert_eq!(delegations(&json!([])), "No right to decide was lent.");
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
