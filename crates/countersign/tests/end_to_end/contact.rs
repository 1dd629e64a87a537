//! Contacts: somebody outside decides by the link in a mail, from the mail server to psql.

use crate::world::{CONNECT_APPROVED, SOON, World, eventually, has};
use countersign_harness::Mail;

/// First the manager, then somebody of the vendor, known by an address only.
const MANAGER_THEN_VENDOR: &str = r#"
workflow = "outside"
[[contact]]
name = "Vera Vendor"
email = "vera@vendor.example"
[[workflow]]
name = "outside"
[[workflow.level]]
managers_of = "developers"
[[workflow.level]]
contacts = ["Vera Vendor"]
"#;

/// The links in the mails to the contact, once there are so many.
fn links(world: &World, many: usize) -> Vec<String> {
    let mail = world.mail.as_ref().expect("a mail server");
    let link = |m: &Mail| m.text.split_whitespace().find(|w| w.contains("/answer/")).expect("a link").to_owned();
    eventually("the contact is written to", || {
        let all = mail.messages().ok()?;
        let links: Vec<String> = all.iter().filter(|m| m.to == ["vera@vendor.example"]).map(link).collect();
        (links.len() == many).then_some(links)
    })
}

fn look(world: &World, link: &str) -> (u16, String) {
    world.server.page(link, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn answer(world: &World, link: &str, verdict: &str) -> u16 {
    let sent = world.server.page(link, &[("verdict", verdict), ("comment", "fine with us")]);
    sent.unwrap_or_else(|error| panic!("{error}")).0
}

/// R11, R38: a mail, a look that decides nothing, an answer that does, and a journal that proves it.
#[test]
fn r11_r38_a_contact_decides_by_the_link_in_the_mail() {
    let world = World::with_mail(&[CONNECT_APPROVED, MANAGER_THEN_VENDOR]);
    let mail = world.mail.as_ref().expect("a mail server");
    let request = world.reserve("alice");
    assert_eq!(mail.wait_for(1, SOON).expect("the manager is told")[0].to, ["mia@shop.example"]);
    world.approve("mia", request);
    let link = links(&world, 1).remove(0);
    assert!(link.starts_with(&world.server.page_address()), "{link}");
    let (status, page) = look(&world, &link);
    assert_eq!(status, 200, "{page}");
    has(&page, "ticket 4711: wrong city");
    has(&page, "connect to app_");
    assert_eq!(world.status(request), "Pending");
    assert_ne!(world.psql("alice").run("SELECT 1").expect("psql runs").code, 0);

    let mut forged = link.clone();
    let last = if forged.pop() == Some('a') { 'b' } else { 'a' };
    forged.push(last);
    assert_eq!((answer(&world, &forged, "approve"), world.status(request).as_str()), (404, "Pending"));
    assert_eq!((answer(&world, &link, "approve"), world.status(request).as_str()), (303, "Approved"));
    has(&look(&world, &link).1, "Your approval counts.");
    assert_eq!(answer(&world, &link, "reject"), 409, "once");
    assert_eq!(world.psql("alice").run("SELECT 1").expect("psql runs").stdout, "1\n");

    let export = world.server.scratch_dir().join("journal").display().to_string();
    let ran = world.server.cli("ada", &["export", &export]).and_then(|ran| ran.output("countersign export"));
    ran.unwrap_or_else(|error| panic!("{error}"));
    let verified = world.server.cli("ada", &["verify", &export]).and_then(|ran| ran.output("countersign verify"));
    has(&verified.unwrap_or_else(|error| panic!("{error}")), "the journal verifies");
}

/// R33: a level that begins anew is asked for by a new mail, and the old link is over.
#[test]
fn r11_r33_a_link_ends_with_its_level_and_with_the_contact() {
    let world = World::with_mail(&[CONNECT_APPROVED, MANAGER_THEN_VENDOR]);
    let request = world.reserve("alice");
    world.approve("mia", request);
    let old = links(&world, 1).remove(0);
    world.done("mia", &format!("/requests/{request}/retract"), &serde_json::Value::Null);
    world.approve("mia", request);
    let new = links(&world, 2).into_iter().find(|l| *l != old).expect("another link");
    assert_eq!((answer(&world, &old, "approve"), world.status(request).as_str()), (409, "Pending"));
    has(&look(&world, &old).1, "use the link in the latest mail");
    world.apply(&[CONNECT_APPROVED, &MANAGER_THEN_VENDOR.replace("vera@vendor", "vera.new@vendor")]);
    assert_eq!((answer(&world, &new, "approve"), world.status(request).as_str()), (409, "Pending"));
    has(&look(&world, &new).1, "decides nothing here any more");
}
