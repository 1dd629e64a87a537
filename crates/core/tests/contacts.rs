//! Contacts (R11): they decide where a level names them, by the link in their mail, and do nothing else.

mod scene;

use countersign_core::{Contact, Directory, Person, Role, validate};
use countersign_journal::{
    ActMatch, Authority, Conditions, Evidence, Level, Outcome, PersonId, Policy, Rule, RuleId, Subjects, Targets,
    Tools, Workflow, WorkflowId, canonical,
};
use scene::check;

#[test]
fn r11_a_contact_decides_the_level_that_names_them_by_link_only() {
    check(
        "
        rule connect approve by dba by out:vera
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        vera approves #1
          no: you are not an approver of the open level of request #1
        bob approves #1
          bob approves level 1
          level 2 waits for vera
        vera approves #1 plainly
          no: contacts decide by the link in their mail, and nobody else does
        vera approves #1 strongly
          no: contacts decide by the link in their mail, and nobody else does
        walt approves #1
          no: you are not an approver of the open level of request #1
        carol approves #1
          no: you are not an approver of the open level of request #1
        vera approves #1
          vera approves level 2
          #1 approved, grant 1 09:00-17:00
        ",
    );
}

#[test]
fn r11_a_link_is_nothing_to_a_person() {
    check(
        "
        rule connect approve by dba
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        bob approves #1 linked
          no: contacts decide by the link in their mail, and nobody else does
        ",
    );
}

#[test]
fn r38_a_contact_does_nothing_but_decide() {
    check(
        "
        rule connect approve by out:vera by out:walt with emergency=3600
        apply
        vera asks
          no: this person is unknown or disabled; an administrator can enable them
        alice asks
          #1 made, approve
          level 1 waits for vera
        vera opens
          no: this person is unknown or disabled; an administrator can enable them
        vera withdraws #1
          no: only the requester of #1 can do this
        vera escalates #1
          no: only an administrator can escalate a request by hand
        vera lends to bob 09:00-17:00
          no: this person is unknown or disabled; an administrator can enable them
        bob lends to vera 09:00-17:00
          no: this person is unknown or disabled; an administrator can enable them
        alice declares #1
          #1 emergency, opens 10:00, told vera, walt
        vera stops #1
          no: this person is unknown or disabled; an administrator can enable them
        vera approves #1
          vera approves level 1
          level 2 waits for walt
        vera retracts #1
          no: this person is unknown or disabled; an administrator can enable them
        walt approves #1
          walt approves level 2
          #1 approved, grant 1 09:00-17:00
        vera retracts #1
          no: this person is unknown or disabled; an administrator can enable them
        vera revokes #1
          no: only an approver of the request or an administrator can change or revoke it
        vera edits #1 09:00-10:00
          no: only an approver of the request or an administrator can change or revoke it
        ",
    );
}

#[test]
fn r11_a_disabled_contact_decides_nothing_and_their_level_waits() {
    check(
        "
        rule connect approve by out:vera
        apply
        alice asks
          #1 made, approve
          level 1 waits for vera
        vera disabled
          level 1 blocked
          administrators are alarmed
        vera approves #1
          no: this person is unknown or disabled; an administrator can enable them
        vera administers
          level 1 freed, waits for vera
        vera approves #1
          vera approves level 1
          #1 approved, grant 1 09:00-17:00
        vera disabled
        alice asks 10:00-11:00
          no: nobody can decide this: level 1 has no approver besides the requester; an administrator must name an approver
        ",
    );
}

#[test]
fn r39_a_contact_reviews_an_emergency() {
    check(
        "
        rule connect approve by dba by out:vera with emergency=0
        apply
        alice asks
          #1 made, approve
          level 1 waits for bob, carol
        alice declares #1
          #1 emergency, opens 09:00, told bob, carol, vera
          #1 approved, grant 1 09:00-17:00
        vera rejects #1 seeing 1/2/0 plainly
          no: contacts decide by the link in their mail, and nobody else does
        vera rejects #1 seeing 1/2/0
          vera reviews level 2: rejects
          #1 revoked by vera
          grant 1 ended, revoked
        ",
    );
}

#[test]
fn r7_what_a_link_is_not_is_not_asked_of_contacts_by_another_rule() {
    check(
        "
        rule connect approve by out:vera
        rule connect approve by dba with strong
        apply
        alice asks
          no: nobody can decide this: a rule demands a second factor where contacts decide, who have none; an administrator must name an approver
        ",
    );
}

const VERA: PersonId = PersonId(7);

fn directory() -> Directory {
    let person = |handle: &str, email: Option<&str>| Person {
        handle: handle.into(),
        name: handle.into(),
        email: email.map(Into::into),
        enabled: true,
        role: Role::Member,
        manager: None,
        former_emails: ["old@example.test".to_owned()].into(),
    };
    let vera = Contact { name: "Vera".into(), email: "vera@example.test".into(), enabled: true };
    Directory {
        people: [(PersonId(1), person("alice", Some(" Alice@Example.test "))), (PersonId(2), person("bob", None))]
            .into(),
        contacts: [(VERA, vera)].into(),
        next_id: 8,
        ..Directory::default()
    }
}

fn check_contact(change: impl FnOnce(&mut Directory), fault: Option<&str>) {
    let mut directory = directory();
    change(&mut directory);
    let found = validate::directory(&directory).err().map(|f| f.to_string());
    assert_eq!(found.as_deref(), fault);
}

/// DESIGN §1: never an address any person holds or held.
#[test]
fn r11_a_contact_is_nobody_else() {
    let email = |text: &str| {
        let text = text.to_owned();
        move |d: &mut Directory| d.contacts.get_mut(&VERA).expect("she is there").email = text
    };
    let theirs =
        "contact `Vera`: a person has its address or had it once; name the person instead, or give another address";
    check_contact(|_| {}, None);
    check_contact(email("alice@example.test"), Some(theirs));
    check_contact(email("old@example.test"), Some(theirs));
    check_contact(
        email("Vera@example.test"),
        Some("contact `Vera`: its address is written with blanks or capitals; write it plainly"),
    );
    check_contact(
        |d| d.people.get_mut(&PersonId(2)).expect("he is there").email = Some("VERA@example.test".into()),
        Some(theirs),
    );
    check_contact(
        |d| {
            email("alice@example.test")(d);
            d.contacts.get_mut(&VERA).expect("she is there").enabled = false;
        },
        None,
    );
    let twin = |name: &str, email: &str| {
        let twin = Contact { name: name.into(), email: email.into(), enabled: true };
        move |d: &mut Directory| drop(d.contacts.insert(PersonId(6), twin))
    };
    check_contact(
        twin("Walt", "vera@example.test"),
        Some("contact `Walt`: another contact has its address; keep one of them"),
    );
    check_contact(
        twin("Vera", "walt@example.test"),
        Some("contact `Vera`: another contact has its name; give each its own"),
    );
    check_contact(
        |d| drop(d.people.insert(VERA, d.people[&PersonId(2)].clone())),
        Some("contact `Vera`: it has the number of a person; leave numbers to the product"),
    );
}

fn check_policy(level: Level, change: impl FnOnce(&mut Rule), fault: Option<&str>) {
    let mut rule = Rule {
        id: RuleId(1),
        name: "prod".into(),
        subjects: Subjects::default(),
        targets: Targets::default(),
        acts: ActMatch::Connect,
        outcome: Outcome::Approve,
        workflow: Some(WorkflowId(1)),
        unknown: None,
        exclusions: Subjects::default(),
        conditions: Conditions::default(),
        automatic: None,
        emergency: None,
    };
    change(&mut rule);
    let workflow = Workflow { id: WorkflowId(1), name: "outside".into(), levels: vec![level] };
    let policy = Policy { rules: vec![rule], workflows: [(1, workflow)].into(), ..Policy::default() };
    let found = validate::policy(&policy, &directory()).err().map(|f| f.to_string());
    assert_eq!(found.as_deref(), fault);
}

/// What cannot be decided by a link is refused when it is saved, and names the field and the remedy.
#[test]
fn r11_nothing_is_saved_that_contacts_could_not_decide() {
    let vera = || Level::of(Authority::Contacts([VERA].into()));
    check_policy(vera(), |_| {}, None);
    check_policy(Level { evidence: Evidence::Link, ..vera() }, |_| {}, None);
    check_policy(
        Level { evidence: Evidence::SecondFactor, ..vera() },
        |_| {},
        Some(
            "workflow `outside`, level 1: `second_factor` cannot be asked of `contacts`, who decide by a link; leave it \
             out, or name people instead",
        ),
    );
    check_policy(
        Level { tools: Tools { mail: false, sms: false }, ..vera() },
        |_| {},
        Some("workflow `outside`, level 1: `mail` is the only way to `contacts`; leave it on, or name people instead"),
    );
    let nobody = "workflow `outside`, level 1: its approvers do not exist; name a group or people that do";
    check_policy(Level::of(Authority::Contacts([].into())), |_| {}, Some(nobody));
    check_policy(Level::of(Authority::Contacts([PersonId(1)].into())), |_| {}, Some(nobody));
    check_policy(Level::of(Authority::Persons([VERA].into())), |_| {}, Some(nobody));
    check_policy(
        vera(),
        |r| r.conditions.evidence = Evidence::SecondFactor,
        Some(
            "rule `prod`: `second_factor` cannot be asked where `contacts` decide, as in workflow `outside`; leave it out, \
             or name another workflow",
        ),
    );
    check_policy(
        vera(),
        |r| r.acts = ActMatch::Administer,
        Some("rule `prod`: `contacts` cannot decide on changes, as in workflow `outside`; name people instead"),
    );
}

/// A directory without contacts is written as it ever was, so that journals name it by the same digest.
#[test]
fn a_directory_without_contacts_keeps_its_bytes() {
    let mut plain = directory();
    plain.contacts.clear();
    plain.people.values_mut().for_each(|p| p.former_emails.clear());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let bytes = text(&canonical::encode(&plain));
    assert!(!bytes.contains("contacts") && !bytes.contains("former"), "{bytes}");
    assert!(text(&canonical::encode(&directory())).contains("contacts"));
}
