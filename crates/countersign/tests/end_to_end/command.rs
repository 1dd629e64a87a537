//! The special paths from a terminal: `countersign` as people type it.

use crate::world::{CONNECT_APPROVED, World, has, number};

const ESCALATES: &str = r#"
[[workflow]]
name = "flow"
[[workflow.level]]
managers_of = "developers"
timeout = "30m"
escalate_to_members_of = "dba"
[[rule]]
name = "reserve-prod"
act = "connect"
outcome = "approve"
groups = ["developers"]
workflow = "flow"
reasons = ["repair", "release"]
ticket = true
emergency = true
"#;

/// Runs `countersign` as a person, who is signed up at the first call; what it printed, or the refusal.
fn said(world: &World, person: &str, words: &str) -> Result<String, String> {
    world.api(person);
    let words: Vec<&str> = words.split(' ').collect();
    let ran = world.server.cli(person, &words).unwrap_or_else(|error| panic!("{error}"));
    if ran.code == 0 { Ok(ran.stdout) } else { Err(ran.stderr) }
}

fn done(world: &World, person: &str, words: &str) -> String {
    said(world, person, words).unwrap_or_else(|told| panic!("{words}: {told}"))
}

fn refused(world: &World, person: &str, words: &str, why: &str) {
    has(&said(world, person, words).expect_err(words), why);
}

/// R85, R7, R17, R39: a listed reason and a ticket, escalation by hand, and what an emergency demands.
#[test]
fn r85_r17_a_request_is_escalated_from_a_terminal() {
    let world = World::new(&[ESCALATES]);
    let ask = "request prod-db --minutes 60 --reason wrong-city";
    refused(&world, "alice", ask, "choose one of the listed reasons");
    refused(&world, "alice", &format!("{ask} --choice repair"), "a ticket id is required");
    has(&done(&world, "alice", &format!("{ask} --choice repair --ticket OPS-1")), "Waiting for mia.");
    let card = done(&world, "alice", "show 2");
    for line in ["Choice    repair", "Ticket    OPS-1", "if not decided by", "then members of dba decide"] {
        has(&card, line);
    }
    refused(&world, "alice", "emergency 2 --reason outage", "second factor");
    refused(&world, "mia", "stop 2", "no emergency is counting down");
    refused(&world, "mia", "escalate 2", "only an administrator");
    refused(&world, "ada", "escalate 2 --track 2", "no open level in track 2");
    let escalated = done(&world, "ada", "escalate 2");
    assert!(escalated.contains("dora") && escalated.contains("dave") && !escalated.contains("mia"), "{escalated}");
    has(&done(&world, "ada", "show 2"), "members of dba decide now: escalated by ada");
    refused(&world, "ada", "escalate 2", "nobody to escalate to, or was escalated already");
    refused(&world, "ada", "explain nobody prod-db connect", "nobody is called `nobody`");
    let why = done(&world, "ada", "explain alice prod-db connect");
    for line in [
        "Condition one of the reasons “release”, “repair”",
        "Condition a ticket",
        "Condition an emergency opens",
        "after 30 min members of dba decide",
        "after 1 h it expires",
    ] {
        has(&why, line);
    }
}

/// R85, R37, R42: terms are edited and rights lent from a terminal.
#[test]
fn r85_r37_r42_terms_are_edited_and_rights_lent_from_a_terminal() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserve("alice");
    let made = i64::try_from(number(&world.request(request)["made_at"])).expect("a moment");
    let later = jiff::Timestamp::from_microsecond(made + 3_600_000_000).expect("a moment");
    world.api("bob");
    let lent = done(&world, "mia", &format!("delegate bob --until {later}"));
    assert!(lent.contains("mia") && lent.contains("bob") && lent.trim_end().ends_with("live"), "{lent}");
    refused(&world, "mia", &format!("delegate nobody --until {later}"), "nobody is called `nobody`");
    has(&done(&world, "bob", &format!("approve {request}")), "is Approved");
    has(&done(&world, "mia", &format!("show {request}")), "bob for mia approved, ");
    has(&done(&world, "bob", "undelegate 1"), "ended");
    refused(&world, "bob", "undelegate 1", "this delegation is over");
    has(&done(&world, "mia", "delegations"), "ended");

    let window = |view: &serde_json::Value| (number(&view["window"]["start"]), number(&view["window"]["end"]));
    let (start, _) = window(&world.request(request));
    done(&world, "mia", &format!("edit {request} --minutes 20 --reason enough"));
    assert_eq!(window(&world.request(request)), (start, start + 20 * 60_000_000));
    refused(&world, "mia", &format!("edit {request} --minutes 90"), "wider than what was signed");
    refused(&world, "mia", &format!("edit {request} --until soon"), "`end` is not a time");
    done(&world, "mia", &format!("edit {request} --reset-after-use"));
    has(&done(&world, "alice", &format!("show {request}")), "After use the password is due for change");
}

/// R82, R85, R93: what is free, and what a draft of the rules would say, from a terminal.
#[test]
fn r85_r82_r93_the_calendar_and_a_draft_are_read_from_a_terminal() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserve("alice");
    world.approve("mia", request);
    let days = done(&world, "alice", "calendar prod-db --days 2");
    for line in ["@prod-db, ", "Free      ", "you", "To be used", &format!("#{request}")] {
        has(&days, line);
    }
    refused(&world, "alice", "calendar prod-db --days 32", "a calendar shows 1 to 31");
    refused(&world, "dora", "calendar prod-db", "no rule allows this to you");

    let draft = tempfile::NamedTempFile::new().expect("a file");
    let file = world.file(&[CONNECT_APPROVED]).replace("outcome = \"approve\"", "outcome = \"justify\"");
    std::fs::write(draft.path(), file).expect("the draft is written");
    let ask = format!("explain alice prod-db connect --with {}", draft.path().display());
    let both = done(&world, "ada", &ask);
    let (now, then) = both.split_once("WITH THE FILE").expect("both");
    has(now, "@prod-db needs approval for");
    has(then, "@prod-db needs a reason for");
    refused(&world, "alice", &ask, "your role does not include this");
}

/// R2, R10, R84: an account's own set-up decides whom its connections ask.
#[test]
fn r2_r10_r84_an_account_decides_whom_its_connections_ask() {
    let set_up =
        "approval = { levels = [{ people = [\"dora\"] }, { members_of = \"dba\" }], exclude_people = [\"mia\"] }\n";
    let world = World::new(&[set_up]);
    let request = world.reserve("alice");
    world.cannot_decide("dave", request);
    world.approve("dora", request);
    world.approve("dave", request);
    assert_eq!(world.status(request), "Approved");
    has(&world.request(request)["rules"].to_string(), "account app_");
    has(&done(&world, "ada", "explain mia prod-db connect"), "is allowed for mia");
    has(&world.refused(&["approval = { levels = [] }\n"]), "1 to 3 levels");
}

/// R83, R85, R93: a change is read before it is approved, and a file that was written before others changed something takes
/// nothing back, from a terminal.
#[test]
fn r83_r85_r93_changes_are_read_and_nothing_is_taken_back_from_a_terminal() {
    let world = World::new(&[CONNECT_APPROVED]);
    let two =
        world.file(&[CONNECT_APPROVED]).replace("handle = \"dave\"\n", "handle = \"dave\"\nrole = \"administrator\"\n");
    world.server.apply(&two).expect("ada alone decides");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let written = done(&world, "ada", "policy");
    assert!(written.starts_with("# from version ") && written.contains("duration_max_minutes = 240"), "{written}");
    let with = |name: &str, old: &str, new: &str| {
        std::fs::write(path(name), written.replacen(old, new, 1)).expect("written");
        path(name)
    };
    let shorter = with("shorter", "duration_max_minutes = 240", "duration_max_minutes = 60");
    let unmanaged = with("unmanaged", "managers = [\"mia\"]", "managers = []");

    let planned = done(&world, "ada", &format!("plan {shorter}"));
    for line in ["~ rule reserve-prod", "- duration_max_minutes = 240", "+ duration_max_minutes = 60"] {
        assert!(planned.lines().any(|l| l == line), "{line}: {planned}");
    }
    let asked = done(&world, "ada", &format!("apply {unmanaged} --reason reorganised"));
    has(&asked, "Request #3 waits for its approvers");
    let card = done(&world, "dave", "show 3");
    for line in ["Changes   ~ group developers", "          - managers = [\"mia\"]", "too few people can decide it for"]
    {
        has(&card, line);
    }
    has(&card, "\nWarning   rule `reserve-prod`, level 1: ");
    has(&done(&world, "dave", "approve 3"), "#3 is Approved");
    assert!(!done(&world, "dave", "show 3").contains("\nWarning"), "it is in force");

    for words in [format!("plan {shorter}"), format!("apply {shorter} --reason shorter")] {
        refused(&world, "dave", &words, "with #3 (~ group developers)");
        refused(&world, "dave", &words, "the configuration was changed since version");
    }
    let bare = written.split_once('\n').expect("a first line").1.replacen("240", "60", 1);
    std::fs::write(path("bare"), bare).expect("written");
    let takes_back = done(&world, "ada", &format!("plan {}", path("bare")));
    has(&takes_back, "+ managers = [\"mia\"]");
    assert!(!done(&world, "ada", "policy 3").starts_with('#'), "what is restored is put in the place of what is there");
}

/// R80, R83, R85: requests are found by kind, status and time, and versions are listed and compared, from a terminal.
#[test]
fn r80_r83_r85_requests_are_found_and_versions_compared_from_a_terminal() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserve("alice");
    world.apply(&[&CONNECT_APPROVED.replace("= 240", "= 60")]);
    let found = |more: &str| done(&world, "ada", &format!("requests --scope all {more}"));
    let mine = format!("#{request} ");
    for (more, is) in [
        ("--kind connect", true),
        ("--kind change", false),
        ("--kind connect --status pending", true),
        ("--status revoked", false),
        ("--from 2020-01-01T00:00:00Z", true),
        ("--until 2020-01-01T00:00:00Z", false),
        ("--from 2100-01-01T00:00:00Z", false),
    ] {
        let list = found(more);
        assert_eq!(list.contains(&mine), is, "{more}: {list}");
    }
    has(&found("--kind change"), "change rule reserve-prod");
    refused(&world, "ada", "requests --from soon", "`from` is not a time");
    refused(&world, "ada", "requests --kind anything", "possible values");

    let listed = done(&world, "ada", "versions");
    let (latest, first) = (listed.find("#3 ").expect("the latest"), listed.find("#1 ").expect("the first"));
    assert!(latest < first && listed.contains("~ rule reserve-prod"), "{listed}");
    for words in ["policy 3 --against 1", "policy --against 1"] {
        let differs = done(&world, "aron", words);
        for line in ["- duration_max_minutes = 240", "+ duration_max_minutes = 60"] {
            assert!(differs.lines().any(|l| l == line), "{words}, {line}: {differs}");
        }
    }
    has(&done(&world, "ada", "policy 1 --against 3"), "+ duration_max_minutes = 240");
    assert_eq!(done(&world, "ada", "policy --against 3"), "Nothing differs.\n");
    refused(&world, "ada", &format!("policy --against {request}"), "no such thing");
    refused(&world, "alice", "versions", "your role does not include this");
}
