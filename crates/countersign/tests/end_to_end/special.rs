//! Levels in time, conditions, lent rights and edits, with a real server and a real psql.

use crate::world::{CONNECT_APPROVED, World, eventually, has, number};
use countersign_harness::TicketStandIn;
use serde_json::json;

/// A connection rule with this workflow, and whatever else it says.
fn decided_by(level: &str, more: &str) -> String {
    let workflow = format!("[[workflow]]\nname = \"flow\"\n[[workflow.level]]\n{level}\n");
    let rule = "[[rule]]\nname = \"reserve-prod\"\nact = \"connect\"\noutcome = \"approve\"\ngroups = [\"developers\"]";
    format!("{workflow}{rule}\nworkflow = \"flow\"\n{more}\n")
}

const SECONDS: &str = "[parameters]\n\"approval.workflow.level.timeout.period.values\" = [\"2s\", \"30m\"]\n";

/// R15, R16: a level nobody decides in time is decided by those it escalates to.
#[test]
fn r15_r16_a_level_that_times_out_escalates() {
    let level = "managers_of = \"developers\"\ntimeout = \"2s\"\nescalate_to_members_of = \"dba\"";
    let world = World::new(&[&decided_by(level, ""), SECONDS]);
    let request = world.reserve("alice");
    assert_eq!(world.inbox("dora").len(), 0, "not theirs yet");
    eventually("the level escalates", || (world.inbox("dora").len() == 1).then_some(()));
    world.cannot_decide("mia", request);
    let view = world.request(request);
    has(view["tracks"][0][0]["escalated"].as_str().unwrap_or_default(), "members of dba decide now");
    world.approve("dora", request);
    assert_eq!(world.status(request), "Approved");
}

/// R15: a timeout must be one of the listed ones.
#[test]
fn r15_a_timeout_that_is_not_listed_is_refused() {
    let world = World::new(&[CONNECT_APPROVED]);
    let file = decided_by("managers_of = \"developers\"\ntimeout = \"7m\"", "");
    has(&world.refused(&[&file]), "approval.workflow.level.timeout.period.values");
}

/// R17: an administrator escalates by hand, and then cannot decide.
#[test]
fn r17_an_administrator_escalates_by_hand() {
    let level = "managers_of = \"developers\"\ntimeout = \"30m\"\nescalate_to_members_of = \"dba\"";
    let world = World::new(&[&decided_by(level, ""), SECONDS]);
    let request = world.reserve("alice");
    let at = json!({ "position": { "track": 0, "level": 0, "epoch": 0 } });
    let path = format!("/requests/{request}/escalate");
    assert_eq!(world.post("mia", &path, &at).status, 409, "only an administrator");
    world.done("ada", &path, &at);
    assert_eq!(world.post("ada", &path, &at).status, 409, "the level moved");
    world.cannot_decide("ada", request);
    world.approve("dave", request);
    assert_eq!(world.status(request), "Approved");
}

/// R42, R38: a lent right is used in the lender's place, and never for oneself.
#[test]
fn r42_r38_the_right_to_decide_can_be_lent() {
    let world = World::new(&[CONNECT_APPROVED]);
    world.api("bob");
    world.api("alice");
    let until = json!({ "to": "bob", "end": "2099-01-01T00:00:00Z" });
    assert_eq!(world.post("mia", "/delegations", &until).status, 409, "for at most 92 days");
    let soon = |to: &str| json!({ "to": to, "end": in_an_hour(&world) });
    world.done("mia", "/delegations", &soon("bob"));
    let request = world.reserve("alice");
    let view = world.approve("bob", request);
    assert_eq!(view["tracks"][0][0]["votes"][0]["behalf"]["handle"], "mia");
    let own = world.reserve("bob");
    world.cannot_decide("bob", own);
    let lent = world.get("mia", "/delegations");
    world.done("mia", &format!("/delegations/{}/end", number(&lent[0]["id"])), &json!({}));
    assert_eq!(world.get("mia", "/delegations")[0]["stage"], "ended");
}

/// R37: terms are edited while in use; an end that is past cuts the session.
#[test]
fn r37_a_grant_is_edited_while_it_is_used() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserved("alice");
    let mut psql = world.terminal("alice");
    psql.say("SELECT 1");
    let path = format!("/requests/{request}/edit");
    let wider = json!({ "end": "2098-01-01T00:00:00Z" });
    assert_eq!(world.post("mia", &path, &wider).status, 409, "wider than signed");
    assert_eq!(world.post("alice", &path, &json!({ "end": in_an_hour(&world) })).status, 409, "not by the holder");
    let started = number(&world.request(request)["window"]["start"]);
    let moment = |micros: u64| json!({ "end": rfc3339(micros), "reason": "enough for today" });
    world.done("mia", &path, &moment(started + 1_000_000));
    eventually("the grant ends", || (world.stage(request) == "Ended").then_some(()));
    eventually("the backend is gone", || (world.backends() == "0").then_some(()));
}

/// R6: inside its hours a rule approves by itself.
#[test]
fn r6_inside_its_hours_a_rule_approves_by_itself() {
    let always = "automatic = { zone = \"Europe/Berlin\", open = [\"Mon-Sun 00:00-24:00\"] }";
    let world = World::new(&[&decided_by("managers_of = \"developers\"", always)]);
    let request = world.reserve("alice");
    let view = world.request(request);
    assert_eq!((view["status"].as_str(), view["automatic"].as_bool()), (Some("Approved"), Some(true)));
    let said = world.terminal("alice").say("SELECT 40 + 2");
    has(&said.out, "42");
}

/// R7: a listed reason, a ticket, and how far ahead.
#[test]
fn r7_a_listed_reason_a_ticket_and_no_more_than_a_day_ahead() {
    let more = "reasons = [\"repair\", \"release\"]\nticket = true\nahead_max_minutes = 1440";
    let world = World::new(&[&decided_by("managers_of = \"developers\"", more)]);
    let ask = |more: serde_json::Value| {
        let mut wanted = json!({ "target": "prod-db", "minutes": 60, "reason": "wrong city" });
        wanted.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        world.post("alice", "/requests", &wanted)
    };
    has(&ask(json!({})).body.to_string(), "choose one of the listed reasons");
    has(&ask(json!({ "choice": "repair" })).body.to_string(), "a ticket id is required");
    let far = json!({ "choice": "repair", "ticket": "OPS-1", "start": "2096-01-01T00:00:00Z" });
    assert_eq!(ask(far).status, 409);
    let asked = ask(json!({ "choice": "repair", "ticket": "OPS-1" }));
    assert_eq!(asked.status, 200, "{}", asked.body);
    let view = world.request(2);
    assert_eq!((&view["choice"], &view["ticket"]), (&json!("repair"), &json!("OPS-1")));
}

/// R7, R30: a ticket is asked about where it is kept; any answer but yes asks for nothing.
#[test]
fn r7_a_ticket_is_checked_where_it_is_kept() {
    let answers = [("/OPS-1", 200), ("/OPS-2", 404), ("/OPS-3", 500), ("/OPS-4", 302), ("/OPS-5", 0), ("/OPS-6", 401)];
    let tickets = TicketStandIn::start(&answers).expect("a ticket system");
    let world = World::with_tickets(&[&decided_by("managers_of = \"developers\"", "ticket = true")], &tickets);
    let ask = |ticket: &str| {
        let wanted = json!({ "target": "prod-db", "minutes": 60, "reason": "wrong city", "ticket": ticket });
        world.post("alice", "/requests", &wanted)
    };
    let refused = |ticket: &str, status: u16, words: &str| {
        let answer = ask(ticket);
        assert_eq!(answer.status, status, "{ticket}: {}", answer.body);
        has(&answer.body.to_string(), words);
    };
    refused("OPS-2", 409, "not one that work may be done under now");
    for unanswered in ["OPS-3", "OPS-4", "OPS-5", "OPS-6"] {
        refused(unanswered, 503, "could not be checked, so nothing was asked for");
    }
    refused("", 409, "a ticket id is required");
    let before = tickets.asked().len();
    refused("two words", 409, "1 to 64 printable characters");
    assert_eq!(tickets.asked().len(), before, "what is no ticket is not asked about");
    assert_eq!(world.get("alice", "/requests").as_array().map(Vec::len), Some(0), "nothing was asked for");
    assert_eq!(ask("OPS-1").status, 200);
    assert_eq!(ask("a/../OPS-1").status, 409, "a ticket is one segment of the path");
    let asked = tickets.asked();
    assert_eq!(asked.first().map(String::as_str), Some("GET /OPS-2 Bearer ticket-token"));
    assert_eq!(asked.last().map(String::as_str), Some("GET /a%2F..%2FOPS-1 Bearer ticket-token"));
}

/// R39: no emergency without a second factor, and none where the rules allow none.
#[test]
fn r39_an_emergency_needs_a_second_factor_and_a_rule_that_allows_it() {
    let world = World::new(&[&decided_by("managers_of = \"developers\"", "emergency = true")]);
    let request = world.reserve("alice");
    let why = json!({ "reason": "production is down" });
    let answer = world.post("alice", &format!("/requests/{request}/emergency"), &why);
    has(&answer.body.to_string(), "second factor");
    assert_eq!(world.status(request), "Pending");
    world.apply(&[CONNECT_APPROVED]);
    let other = world.reserve("bob");
    let answer = world.post("bob", &format!("/requests/{other}/emergency"), &why);
    has(&answer.body.to_string(), "the rules allow no emergency access here");
}

/// R39: in at once, marked, everybody told, reviewed afterwards; a rejected review cuts what is still open.
#[test]
fn r39_an_emergency_gets_in_and_is_reviewed() {
    let world = World::with_mail(&[&decided_by("managers_of = \"developers\"", "emergency = true")]);
    world.api("alice").use_second_factor().unwrap_or_else(|error| panic!("{error}"));
    let request = world.reserve("alice");
    let path = format!("/requests/{request}/emergency");
    let declared = world.done("alice", &path, &json!({ "reason": "production is down" }));
    assert_eq!((&declared["status"], &declared["emergency"]["opened"]), (&json!("Approved"), &json!(true)));
    let mut alice = world.terminal("alice");
    assert_eq!(alice.say("SELECT 1").out, "1");
    let owed = world.request(request);
    assert_eq!(owed["emergency"]["owed"], 1, "{owed}");
    alice.begin("SELECT pg_sleep(60)");
    eventually("the statement runs", || (world.running("pg_sleep") == "1").then_some(()));
    let reviewed = world.decide("mia", request, "reject", "this could have waited");
    assert_eq!(reviewed.status, 200, "{}", reviewed.body);
    has(&alice.told("FATAL"), "57P01");
    assert_eq!(world.status(request), "Revoked");
    assert_eq!(world.request(request)["emergency"]["owed"], 0);
}

/// R39: an emergency that counts down lets nobody in; an approver stops it, and it never opens.
#[test]
fn r39_a_countdown_is_stopped_by_an_approver() {
    let counts = decided_by("managers_of = \"developers\"", "emergency = true\nemergency_countdown_s = 600");
    let world = World::new(&[&counts]);
    world.api("alice").use_second_factor().unwrap_or_else(|error| panic!("{error}"));
    let request = world.reserve("alice");
    let (declare, stop) = (format!("/requests/{request}/emergency"), format!("/requests/{request}/stop"));
    let why = json!({ "reason": "production is down" });
    let declared = world.done("alice", &declare, &why);
    assert_eq!((&declared["status"], &declared["emergency"]["opened"]), (&json!("Pending"), &json!(false)));
    let wait = number(&declared["emergency"]["opens_at"]) - number(&declared["emergency"]["at"]);
    assert_eq!(wait, 600_000_000, "the moment it opens is told");
    has(&world.get("mia", &format!("/requests/{request}"))["may"].to_string(), "\"stop\":true");
    let refused = || world.psql("alice").run("SELECT 1").expect("psql runs").stderr;
    has(&refused(), "must be requested first");
    assert_eq!(world.post("alice", &stop, &why).status, 409, "not by whoever declared it");
    assert_eq!(world.post("dora", &stop, &why).status, 404, "not by whom it does not concern");
    let stopped = world.done("mia", &stop, &json!({ "reason": "it can wait" }));
    assert_eq!(stopped["emergency"]["stopped_by"]["handle"], "mia");
    assert_eq!(world.post("alice", &declare, &why).status, 409, "not again on this request");
    has(&refused(), "must be requested first");
    assert_eq!(world.backends(), "0");
}

/// R39: a countdown that nobody stops opens, whether or not anybody looks.
#[test]
fn r39_a_countdown_that_runs_out_opens() {
    let counts = decided_by("managers_of = \"developers\"", "emergency = true\nemergency_countdown_s = 2");
    let world = World::new(&[&counts]);
    world.api("alice").use_second_factor().unwrap_or_else(|error| panic!("{error}"));
    let request = world.reserve("alice");
    world.done("alice", &format!("/requests/{request}/emergency"), &json!({ "reason": "production is down" }));
    eventually("the emergency opens", || (world.stage(request) == "To be used").then_some(()));
    assert_eq!(world.terminal("alice").say("SELECT 1").out, "1");
    let late = world.post("mia", &format!("/requests/{request}/stop"), &json!({ "reason": "no" }));
    has(&late.body.to_string(), "no emergency is counting down");
    assert_eq!(world.request(request)["emergency"]["owed"], 1);
}

fn in_an_hour(world: &World) -> String {
    // The server's clock, as far as its last request tells it.
    let request = world.reserve("alice");
    let made = number(&world.request(request)["made_at"]);
    world.done("alice", &format!("/requests/{request}/withdraw"), &json!({}));
    rfc3339(made + 3_600_000_000)
}

fn rfc3339(micros: u64) -> String {
    jiff::Timestamp::from_microsecond(i64::try_from(micros).expect("a moment")).expect("a moment").to_string()
}
