//! Who decides, in which order, and what can be taken back.

use crate::world::{CONNECT_APPROVED, DBA, SOON, World, eventually, has, number};
use serde_json::json;

/// First the manager, then a member of `dba`.
const TWO_LEVELS: &str = r#"
workflow = "both"
[[workflow]]
name = "both"
[[workflow.level]]
managers_of = "developers"
[[workflow.level]]
members_of = "dba"
"#;

#[test]
fn r10_r19_levels_are_asked_in_order() {
    let world = World::with_mail(&[CONNECT_APPROVED, TWO_LEVELS]);
    let mail = world.mail.as_ref().expect("a mail server");
    let request = world.reserve("alice");
    assert!(world.inbox("dora").is_empty());
    world.cannot_decide("dora", request);
    let to = |messages: &[countersign_harness::Mail]| messages.iter().flat_map(|m| m.to.clone()).collect::<Vec<_>>();
    let first = mail.wait_for(1, SOON).expect("the manager is told");
    assert_eq!(to(&first), ["mia@shop.example"]);
    has(&first[0].text, &format!("{}/requests/{request}", world.server.page_address()));
    has(&first[0].text, "ticket 4711: wrong city");

    world.approve("mia", request);
    assert_eq!(world.status(request), "Pending");
    assert_eq!(world.inbox("dora").len(), 1);
    let told = eventually("both members of dba are told", || {
        let told = to(&mail.messages().ok()?);
        let has = |who: &str| told.iter().any(|to| to == &format!("{who}@shop.example"));
        (has("dora") && has("dave")).then_some(told)
    });
    assert_eq!(told.iter().filter(|to| *to == "mia@shop.example").count(), 1, "{told:?}");
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);

    world.approve("dave", request);
    assert_eq!(world.status(request), "Approved");
    assert_eq!(world.psql("alice").run("SELECT 1").expect("psql runs").stdout, "1\n");
    eventually("the requester is told", || {
        to(&mail.messages().ok()?).iter().any(|to| to == "alice@shop.example").then_some(())
    });
}

#[test]
fn r13_a_level_may_need_two() {
    let levels =
        "workflow = \"two\"\n[[workflow]]\nname = \"two\"\n[[workflow.level]]\nmembers_of = \"dba\"\napprovals = 2\n";
    let world = World::new(&[CONNECT_APPROVED, levels]);
    let request = world.reserve("alice");
    world.approve("dora", request);
    assert_eq!(world.status(request), "Pending");
    let again = world.decide("dora", request, "approve", "");
    assert_eq!(again.status, 409, "{}", again.body);
    assert_eq!(world.status(request), "Pending");
    world.approve("dave", request);
    assert_eq!(world.status(request), "Approved");
}

#[test]
fn r38_nobody_decides_their_own_request() {
    let rule = r#"
[[rule]]
name = "own"
act = "connect"
outcome = "approve"
people = ["mia"]
workflow = "three"
[[workflow]]
name = "three"
[[workflow.level]]
people = ["mia", "ada"]
"#;
    let world = World::new(&[rule]);
    let request = world.reserve("mia");
    let by_api = world.decide("mia", request, "approve", "");
    assert_eq!(by_api.status, 409, "{}", by_api.body);
    has(by_api.message(), "nobody decides their own request");
    let position = json!({ "track": 0, "level": 0, "epoch": 0 });
    let forced = json!({ "verdict": "approve", "position": position });
    assert_eq!(world.post("mia", &format!("/requests/{request}/decision"), &forced).status, 409);
    let by_line = world.server.cli("mia", &["approve", &request.to_string()]).expect("it runs");
    assert_eq!(by_line.code, 1, "{}", by_line.stderr);
    assert_eq!(world.status(request), "Pending");
    assert!(world.inbox("mia").is_empty());
    world.approve("ada", request);
    assert_eq!(world.status(request), "Approved");
}

#[test]
fn r33_an_approval_can_be_taken_back_before_the_last_level() {
    let world = World::new(&[CONNECT_APPROVED, TWO_LEVELS]);
    let request = world.reserve("alice");
    world.approve("mia", request);
    let stranger = world.post("dora", &format!("/requests/{request}/retract"), &json!({}));
    assert!(matches!(stranger.status, 404 | 409), "{}", stranger.body);
    world.done("mia", &format!("/requests/{request}/retract"), &json!({}));
    assert_eq!(world.status(request), "Pending");
    assert!(world.inbox("dora").is_empty());
    world.cannot_decide("dora", request);
    world.approve("mia", request);
    world.approve("dora", request);
    assert_eq!(world.status(request), "Approved");
}

#[test]
fn r34_a_request_can_be_withdrawn_while_pending_or_unused() {
    let world = World::new(&[CONNECT_APPROVED]);
    let pending = world.reserve("alice");
    let other = world.post("bob", &format!("/requests/{pending}/withdraw"), &json!({}));
    assert!(matches!(other.status, 404 | 409), "{}", other.body);
    world.done("alice", &format!("/requests/{pending}/withdraw"), &json!({}));
    assert_eq!(world.status(pending), "Canceled");
    assert_eq!(world.decide("mia", pending, "approve", "").status, 409);

    let unused = world.reserved("alice");
    world.done("alice", &format!("/requests/{unused}/withdraw"), &json!({}));
    assert_eq!(world.status(unused), "Canceled");
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);
}

#[test]
fn r31_a_rejection_is_final_and_its_comment_is_read() {
    let world = World::new(&[CONNECT_APPROVED]);
    let request = world.reserve("alice");
    world.reject("mia", request, "not during the release");
    assert_eq!(world.status(request), "Disapproved");
    has(&world.get("alice", &format!("/requests/{request}")).to_string(), "not during the release");
    assert_eq!(world.decide("mia", request, "approve", "").status, 409);
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);
}

#[test]
fn r20_a_workflow_change_leaves_requests_made_before_alone() {
    let world = World::new(&[CONNECT_APPROVED]);
    let before = world.reserve("alice");
    world.apply(&[CONNECT_APPROVED, "workflow = \"dba\"\n", DBA]);
    let after = world.reserve("bob");
    world.cannot_decide("dora", before);
    world.cannot_decide("mia", after);
    world.approve("mia", before);
    world.approve("dora", after);
    assert_eq!((world.status(before), world.status(after)), ("Approved".to_owned(), "Approved".to_owned()));
    assert_eq!(number(&world.request(before)["id"]), before);
}
