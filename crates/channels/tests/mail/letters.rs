//! Who gets which letter, and what each kind of letter says.

use super::{Mail, MailSink, Verdict, Worker, World, arrived};
use countersign_control::{Actor, Fault, Reservation};
use std::time::Duration;

/// A file in which the level and the rule say what is put in place of `LEVEL` and `RULE`.
const POLICY: &str = r#"
person = [
  { handle = "root", role = "administrator", email = "root@example.test" },
  { handle = "alice", name = "Alice", email = "alice@example.test" },
  { handle = "bob", name = "Bob", email = "bob@example.test" },
  { handle = "carol", name = "Carol", email = "carol@example.test" },
  { handle = "sam", name = "Sam", email = "sam@example.test" },
  { handle = "flo", name = "Flo", email = "flo@example.test" },
]
group = [
  { name = "dba", members = ["alice"], managers = ["bob"] },
  { name = "sec", members = ["sam"] },
  { name = "boss", members = ["flo"] },
]
device = [{ name = "prod-db", host = "localhost", database = "shop", ca = "" }]
account = [{ device = "prod-db", name = "app" }]
workflow = [{ name = "flow", level = [LEVEL] }]
rule = [{ name = "prod", act = "connect", outcome = "approve", groups = ["dba"], workflow = "flow"RULE }]
"#;
pub(super) const TWO_LEVELS: &str = "{ managers_of = \"dba\" }, { people = [\"carol\"] }";

pub(super) fn policy(levels: &str, rule: &str) -> String {
    POLICY.replace("LEVEL", levels).replace("RULE", rule)
}

/// A control plane, a mail server, and what brings mail from one to the other.
pub(super) struct Post {
    pub(super) world: World,
    sink: MailSink,
    worker: Worker,
}

impl Post {
    pub(super) async fn start(levels: &str, rule: &str) -> Post {
        Post::of(World::with(&policy(levels, rule)).await)
    }

    pub(super) fn of(world: World) -> Post {
        let sink = MailSink::start().expect("a mail server");
        let worker = world.mail_through(sink.port());
        Post { world, sink, worker }
    }

    /// Every mail there is once nothing more is due; so many.
    pub(super) async fn all(&self, count: usize) -> Vec<Mail> {
        arrived(&self.sink, count);
        let mut changes = self.world.control.changes();
        let sent = async {
            while !self.world.control.letters().await.expect("readable").is_empty() {
                let _ = changes.recv().await;
            }
        };
        tokio::time::timeout(super::SOON, sent).await.expect("no letter stays due");
        arrived(&self.sink, count)
    }

    pub(super) async fn stop(self) {
        self.worker.stop().await;
    }
}

/// Whom mail was for, each as often as they got one.
pub(super) fn readers(mails: &[Mail]) -> Vec<&str> {
    let mut readers: Vec<&str> = mails.iter().flat_map(|m| &m.to).filter_map(|to| to.split('@').next()).collect();
    readers.sort_unstable();
    readers
}

/// The last mail to somebody.
pub(super) fn last<'m>(mails: &'m [Mail], reader: &str) -> &'m Mail {
    let found = mails.iter().rev().find(|m| m.to == [format!("{reader}@example.test")]);
    found.unwrap_or_else(|| panic!("{reader} got no mail: {mails:?}"))
}

/// Checks how the subject begins and that the text says all of this.
pub(super) fn says(mail: &Mail, subject: &str, words: &[&str]) {
    assert!(mail.subject.starts_with(&format!("[Countersign] {subject}")), "{}", mail.subject);
    for word in words {
        assert!(mail.text.contains(word), "`{word}` is missing: {}", mail.text);
    }
}

const ASKS: &str = "Alice asks: connect to app@prod-db";
const APPROVER: &str = "You get this because a workflow names you as an approver.";

/// R18: an extra group hears what is meant for approvers or for requesters, and gets no authority by it.
#[tokio::test(flavor = "multi_thread")]
async fn r18_a_group_is_told_and_asked_nothing() {
    let level = "{ managers_of = \"dba\", notify = [{ group = \"sec\", scope = \"approver\" }, \
                 { group = \"boss\", scope = \"requester\" }] }";
    let post = Post::start(level, "").await;
    let (bob, sam) = (post.world.person("bob").await, post.world.person("sam").await);
    let request = post.world.ask("restore order 4711").await;
    let mails = post.all(2).await;
    assert_eq!(readers(&mails), ["bob", "sam"]);
    says(last(&mails, "bob"), ASKS, &[APPROVER]);
    let nothing = ["For your information; others decide this.", "It asks nothing of you.", "restore order 4711"];
    says(last(&mails, "sam"), ASKS, &nothing);
    assert!(!last(&mails, "sam").text.contains(APPROVER), "{}", last(&mails, "sam").text);
    let control = &post.world.control;
    let position = control.request(&bob, request).await.expect("visible").position.expect("decidable").into();
    let refused = control.decide(&sam, request, position, Verdict::Approve, None, "").await;
    assert!(matches!(refused, Err(Fault::NotFound)), "{refused:?}");
    assert_eq!(control.waiting_for(&sam), 0);

    post.world.decide(&bob, request, Verdict::Approve).await;
    let mails = post.all(4).await;
    assert_eq!(readers(&mails), ["alice", "bob", "flo", "sam"]);
    let ending = ["is Approved.", "Bob approved it.", "Bob wrote: fine"];
    says(last(&mails, "alice"), "Approved: connect to app@prod-db", &ending[..2]);
    says(last(&mails, "flo"), "Approved: connect to app@prod-db", &ending[..2]);
    assert!(last(&mails, "alice").text.starts_with("Your request to connect"), "{mails:?}");
    assert!(last(&mails, "flo").text.starts_with("Alice's request to connect"), "{mails:?}");
    says(last(&mails, "flo"), "Approved", &["you made the request, or a workflow tells your group."]);
    post.stop().await;
}

/// R12: where the level leaves the choice, only the chosen approver is written to.
#[tokio::test(flavor = "multi_thread")]
async fn r12_only_the_chosen_approver_is_written_to() {
    let post = Post::start("{ people = [\"bob\", \"carol\"], choose = true }", "").await;
    let (alice, bob) = (post.world.person("alice").await, post.world.person("bob").await);
    let chosen = Reservation { ask_whom: vec!["carol".into()], ..post.world.an_hour("restore") };
    let request = post.world.control.reserve(&alice, chosen).await.expect("asked");
    assert_eq!(readers(&post.all(1).await), ["carol"]);
    post.world.decide(&bob, request, Verdict::Approve).await;
    assert_eq!(readers(&post.all(2).await), ["alice", "carol"], "the others may still decide");
    post.stop().await;
}

/// R14: a level with mail off writes to nobody; the page works, and the next level is told as ever.
#[tokio::test(flavor = "multi_thread")]
async fn r14_a_level_with_mail_off_writes_to_nobody() {
    let post = Post::start("{ managers_of = \"dba\", mail = false }, { people = [\"carol\"] }", "").await;
    let bob = post.world.person("bob").await;
    let request = post.world.ask("restore").await;
    assert_eq!(post.world.control.letters().await.expect("readable"), []);
    post.world.decide(&bob, request, Verdict::Approve).await;
    assert_eq!(readers(&post.all(1).await), ["carol"], "the first mail there is");
    post.stop().await;
}

/// R6: what approved itself is told to those who would have decided, and to the requester.
#[tokio::test(flavor = "multi_thread")]
async fn r6_approvers_are_told_of_what_approved_itself() {
    let always = ", automatic = { zone = \"UTC\", open = [\"Mon-Sun 00:00-24:00\"] }";
    let post = Post::start(TWO_LEVELS, always).await;
    post.world.ask("restore").await;
    let mails = post.all(3).await;
    assert_eq!(readers(&mails), ["alice", "bob", "carol"]);
    for reader in ["bob", "carol"] {
        let words = ["This was approved automatically, inside the hours the rule names.", APPROVER];
        says(last(&mails, reader), &format!("Approved automatically · {ASKS}"), &words);
    }
    says(last(&mails, "alice"), "Approved: connect to app@prod-db", &["Your request", "is Approved."]);
    post.stop().await;
}

/// R39: all approvers of all levels are told of an emergency, why, and when access opens.
#[tokio::test(flavor = "multi_thread")]
async fn r39_an_emergency_is_told_to_every_level() {
    let post = Post::start(TWO_LEVELS, ", emergency = true").await;
    let alice = post.world.person("alice").await;
    let request = post.world.control.reserve(&alice, post.world.an_hour("restore")).await.expect("asked");
    assert_eq!(readers(&post.all(1).await), ["bob"]);
    let confirmed = Actor { second_factor_at: Some(post.world.control.now()), ..alice };
    post.world.control.emergency(&confirmed, request, "customers cannot pay").await.expect("declared");
    let mails = post.all(4).await;
    assert_eq!(readers(&mails), ["alice", "bob", "bob", "carol"]);
    for reader in ["bob", "carol"] {
        let words = [
            "EMERGENCY: Alice takes this before approval. Review it on the page.",
            "Reason: restore",
            "Emergency reason: customers cannot pay",
            "Access opens: ",
            APPROVER,
        ];
        says(last(&mails, reader), &format!("EMERGENCY · {ASKS}"), &words);
    }
    says(last(&mails, "alice"), "Approved: connect to app@prod-db", &["Your request"]);
    post.stop().await;
}

/// R11: a level that loses its last approver is never skipped; administrators are told.
#[tokio::test(flavor = "multi_thread")]
async fn r11_administrators_are_told_when_nobody_is_left_to_decide() {
    let post = Post::start(TWO_LEVELS, "").await;
    post.world.ask("restore").await;
    assert_eq!(readers(&post.all(1).await), ["bob"]);
    let without_bob = policy(TWO_LEVELS, "").replace("managers = [\"bob\"]", "managers = []");
    post.world.control.propose(&post.world.root, &without_bob, "", None).await.expect("applied");
    let mails = post.all(2).await;
    assert_eq!(readers(&mails), ["bob", "root"]);
    let words = ["Too few people can decide this. Name another approver", "because you are an administrator."];
    says(last(&mails, "root"), &format!("Nobody can decide · {ASKS}"), &words);
    post.stop().await;
}

/// R16: when time runs out, those it escalates to are asked, and those who did not answer are not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn r16_those_it_escalates_to_are_asked() {
    let level = "{ managers_of = \"dba\", timeout = \"30m\", escalate_to_members_of = \"sec\" }";
    let post = Post::start(level, "").await;
    post.world.ask("restore").await;
    assert_eq!(readers(&post.all(1).await), ["bob"]);
    post.world.clock.advance(Duration::from_secs(1_800));
    // Anything that is decided lets the engine look at the clock first.
    post.world.person("sam").await;
    let mails = post.all(2).await;
    assert_eq!(readers(&mails), ["bob", "sam"]);
    says(last(&mails, "sam"), ASKS, &[APPROVER]);
    post.stop().await;
}

/// What the link of a contact's mail leads to, without the page's address.
pub(super) fn link(mail: &Mail) -> String {
    let (_, rest) = mail.text.split_once("https://gate.example.test:8443/answer/").expect("a link that decides");
    rest.split_whitespace().next().expect("a link").to_owned()
}

/// R11: a contact is written to when their level opens, with the card everybody gets and a link that decides; the link is
/// in no other mail, and in no journal.
#[tokio::test(flavor = "multi_thread")]
async fn r11_a_contact_is_written_to_with_a_link_that_decides() {
    let outside = "{ managers_of = \"dba\" }, { contacts = [\"Vera\"] }";
    let with_vera = |file: String| format!("{file}contact = [{{ name = \"Vera\", email = \"Vera@example.test\" }}]\n");
    let post = Post::of(World::with(&with_vera(policy(outside, ""))).await);
    let (control, bob) = (&post.world.control, post.world.person("bob").await);
    let request = post.world.ask("restore order 4711").await;
    assert_eq!(readers(&post.all(1).await), ["bob"]);
    post.world.decide(&bob, request, Verdict::Approve).await;
    let mails = post.all(2).await;
    assert_eq!(readers(&mails), ["bob", "vera"]);
    let words = [
        "Alice asks to connect to app@prod-db",
        "Reason: restore order 4711",
        "You get this because a workflow names this address as an approver from outside.",
        "do not pass it on",
    ];
    says(last(&mails, "vera"), ASKS, &words);
    assert!(!last(&mails, "vera").text.contains("/requests/"), "no page that asks for a sign-in");
    assert!(!last(&mails, "bob").text.contains("/answer/"));
    let link = link(last(&mails, "vera"));
    let tag = link.rsplit('.').next().expect("a tag");
    assert!(tag.len() * 5 >= 128, "at least 128 bits: {tag}");
    assert!(control.linked(&link).await.expect("a link").card.is_some(), "looking decides nothing");
    assert_eq!(control.request(&bob, request).await.expect("visible").status, "Pending");
    control.decide_by_link(&link, Verdict::Approve, "fine").await.expect("decided");
    assert_eq!(control.request(&bob, request).await.expect("visible").status, "Approved");
    let mails = post.all(3).await;
    says(last(&mails, "alice"), "Approved: connect to app@prod-db", &["Vera approved it."]);
    let bytes = control.export(&post.world.root).await.expect("may").bytes;
    assert!(!bytes.windows(tag.len()).any(|w| w == tag.as_bytes()), "the link is nowhere in the journal");
    post.stop().await;
}

/// A mail that asks a contact what is asked no more does not leave, and none goes to whoever is no contact any more.
#[tokio::test(flavor = "multi_thread")]
async fn r11_a_contact_is_not_asked_what_is_no_longer_theirs() {
    let outside = |more: &str| {
        let people = format!("contact = [{{ name = \"Vera\", email = \"vera@example.test\" }}{more}]\n");
        policy("{ contacts = [\"Vera\"] }", "") + &people
    };
    let world = World::with(&outside("")).await;
    let request = world.ask("restore").await;
    let letters = world.control.letters().await.expect("readable");
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert!(!format!("{letters:?}").contains("/answer/"), "a link is never printed");
    let moved = outside("").replace("vera@example.test", "vera@elsewhere.test");
    world.control.propose(&world.root, &moved, "", None).await.expect("applied");
    assert!(world.control.letters().await.expect("readable").iter().all(|l| l.name == "root"), "{letters:?}");
    let failed = world.noted("notification_failed").await;
    assert!(failed.starts_with("Vera (contact) could not be told of"), "{failed}");
    let link = letters[0].link.expose().rsplit('/').next().expect("a link").to_owned();
    let refused = world.control.decide_by_link(&link, Verdict::Approve, "").await;
    assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
    assert_eq!(world.control.request(&world.root, request).await.expect("visible").status, "Pending");
}

/// R33: a mail that waited while the level was taken back does not leave; the one about the level begun anew does.
#[tokio::test(flavor = "multi_thread")]
async fn r11_r33_a_mail_to_a_contact_that_was_overtaken_does_not_leave() {
    let people = "contact = [{ name = \"Vera\", email = \"vera@example.test\" }]\n";
    let world = World::with(&(policy("{ managers_of = \"dba\" }, { contacts = [\"Vera\"] }", "") + people)).await;
    let bob = world.person("bob").await;
    let request = world.ask("restore").await;
    world.decide(&bob, request, Verdict::Approve).await;
    world.control.retract(&bob, request).await.expect("taken back");
    let waits =
        async || world.control.letters().await.expect("readable").into_iter().filter(|l| l.name == "Vera").count();
    assert_eq!(waits().await, 0);
    let failed = world.noted("notification_failed").await;
    assert!(failed.ends_with("it asks nothing of them any more"), "{failed}");
    world.decide(&bob, request, Verdict::Approve).await;
    assert_eq!(waits().await, 1);
}

/// R39, R6: contacts of every level hear of an emergency and of what approved itself, as other approvers do.
#[tokio::test(flavor = "multi_thread")]
async fn r39_r6_contacts_hear_of_emergencies_and_of_what_approved_itself() {
    let outside = |rule: &str| {
        let levels = "{ managers_of = \"dba\" }, { contacts = [\"Vera\"] }";
        policy(levels, rule) + "contact = [{ name = \"Vera\", email = \"vera@example.test\" }]\n"
    };
    let always = ", automatic = { zone = \"UTC\", open = [\"Mon-Sun 00:00-24:00\"] }";
    for (rule, words, review) in [(", emergency = true", "EMERGENCY", true), (always, "approved automatically", false)]
    {
        let world = World::with(&outside(rule)).await;
        let alice = world.person("alice").await;
        let request = world.control.reserve(&alice, world.an_hour("restore")).await.expect("asked");
        if review {
            let confirmed = Actor { second_factor_at: Some(world.control.now()), ..alice };
            world.control.emergency(&confirmed, request, "customers cannot pay").await.expect("declared");
        }
        let letters = world.control.letters().await.expect("readable");
        let to_vera = letters.iter().find(|l| l.name == "Vera").unwrap_or_else(|| panic!("{letters:?}"));
        assert!(to_vera.lines.iter().any(|l| l.contains(words)), "{:?}", to_vera.lines);
        let link = to_vera.link.expose().rsplit('/').next().expect("a link").to_owned();
        assert_eq!(world.control.linked(&link).await.expect("a link").card.is_some(), review);
        assert_eq!(world.control.decide_by_link(&link, Verdict::Reject, "").await.is_ok(), review);
    }
}
