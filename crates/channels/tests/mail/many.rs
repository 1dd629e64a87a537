//! Whoever asks a hundred times floods nobody: what is beyond ten letters of a kind comes together.

use super::letters::{Post, TWO_LEVELS, last, link, policy, readers, says};
use super::{Actor, Mail, Verdict, World};
use countersign_control::Reservation;
use countersign_journal::{RequestId, Window};
use std::time::Duration;

const BOB: &str = "{ managers_of = \"dba\" }";
const LAST: &str = "These are many: what follows within 10 minutes comes together in one letter.";
/// Longer than letters count.
const LATER: Duration = Duration::from_secs(601);

impl World {
    /// Asks so many times, each time for another period.
    async fn ask_often(&self, alice: &Actor, times: u64) -> Vec<RequestId> {
        let mut requests = Vec::new();
        for n in 0..times {
            let plain = self.an_hour("restore");
            let window = Window::new(plain.window.start, plain.window.end.plus(60 * n)).expect("an hour and more");
            requests.push(self.control.reserve(alice, Reservation { window, ..plain }).await.expect("asked"));
        }
        requests
    }

    /// Later, and looked at.
    async fn later(&self) {
        self.clock.advance(LATER);
        self.person("flo").await;
    }
}

fn to<'m>(mails: &'m [Mail], reader: &str) -> Vec<&'m Mail> {
    mails.iter().filter(|m| m.to == [format!("{reader}@example.test")]).collect()
}

/// R40: ten letters about requests, and then one about all that came since, when the ten are ten minutes old.
#[tokio::test(flavor = "multi_thread")]
async fn r40_what_is_beyond_ten_letters_comes_together() {
    let post = Post::start(BOB, "").await;
    let (alice, bob) = (post.world.person("alice").await, post.world.person("bob").await);
    let requests = post.world.ask_often(&alice, 33).await;
    let mails = post.all(10).await;
    let noted: Vec<bool> = mails.iter().map(|m| m.text.contains(LAST)).collect();
    assert_eq!(noted, [[false; 9].as_slice(), &[true]].concat(), "the last one says so");

    // What was decided meanwhile is not among them, and its answer does not wait.
    post.world.decide(&bob, requests[32], Verdict::Approve).await;
    assert_eq!(readers(&post.all(11).await).iter().filter(|r| **r == "alice").count(), 1);
    post.world.later().await;
    let mails = post.all(12).await;
    let together = last(&mails, "bob");
    let asks = format!("{}: Alice, connect to app@prod-db", requests[10]);
    let words = [
        "22 more requests wait for you.",
        asks.as_str(),
        "And 2 others.",
        "Open your approvals: https://gate.example.test:8443/approvals\n",
    ];
    says(together, "22 more requests wait for you", &words);
    assert!(!together.text.contains(&format!("{}:", requests[31])), "twenty are named: {}", together.text);
    let told = post.world.told("bob").await;
    assert!(requests[..32].iter().all(|r| told.iter().any(|said| said.contains(&r.to_string()))), "{told:?}");

    // One that comes afterwards has a letter of its own.
    post.world.ask_often(&alice, 1).await;
    says(last(&post.all(13).await, "bob"), "Alice asks: connect", &["Reason: restore"]);
    post.stop().await;
}

/// R40: what is held is held in the store; one that is left of many has the letter it would have had.
#[tokio::test(flavor = "multi_thread")]
async fn r40_what_is_held_outlives_a_stop_and_one_alone_is_told_as_ever() {
    let world = World::with(&policy(BOB, "")).await;
    let (alice, bob) = (world.person("alice").await, world.person("bob").await);
    let requests = world.ask_often(&alice, 12).await;
    let first = world.control.letters().await.expect("readable");
    assert_eq!(first.len(), 10);
    for letter in &first {
        world.control.letter_sent(letter).await.expect("noted");
    }
    assert_eq!(world.control.letters().await.expect("readable"), [], "no room");
    world.control.withdraw(&alice, requests[11]).await.expect("withdrawn");
    world.clock.advance(LATER);
    let post = Post::of(world);
    let mails = post.all(1).await;
    says(&mails[0], "Alice asks: connect", &[&format!("Open {}: ", requests[10])]);
    assert!(post.world.control.request(&bob, requests[10]).await.expect("visible").may.decide);
    post.stop().await;
}

/// R40: letters that failed are counted by none, and those that leave are never more than ten.
#[tokio::test(flavor = "multi_thread")]
async fn r40_a_mail_server_that_comes_back_floods_nobody() {
    let world = World::with(&policy(BOB, "")).await;
    let alice = world.person("alice").await;
    world.ask_often(&alice, 30).await;
    for _ in 0..2 {
        for letter in world.control.letters().await.expect("readable") {
            world.control.letter_failed(&letter, "no answer").await.expect("noted");
        }
        world.clock.advance(Duration::from_secs(60));
    }
    let post = Post::of(world);
    let mails = post.all(10).await;
    let together = mails.iter().filter(|m| m.subject.contains("more requests wait for you")).count();
    assert_eq!((together, readers(&mails).len()), (1, 10), "what was held is among the ten: {mails:?}");
    post.stop().await;
}

/// R39, R11: emergencies, answers to whoever asked, and links that decide are each a letter of its own, however many.
#[tokio::test(flavor = "multi_thread")]
async fn r39_r11_what_cannot_wait_is_never_held() {
    let post = Post::start(TWO_LEVELS, ", emergency = true").await;
    let alice = post.world.person("alice").await;
    let confirmed = Actor { second_factor_at: Some(post.world.control.now()), ..alice.clone() };
    let requests = post.world.ask_often(&alice, 12).await;
    post.all(10).await;
    for request in &requests {
        post.world.control.emergency(&confirmed, *request, "customers cannot pay").await.expect("declared");
    }
    // To bob, to carol, and to alice that she is in, twelve times each.
    let mails = post.all(10 + 3 * 12).await;
    assert_eq!(to(&mails, "bob").iter().filter(|m| m.subject.contains("EMERGENCY")).count(), 12);
    assert_eq!((to(&mails, "carol").len(), to(&mails, "alice").len()), (12, 12));
    post.stop().await;

    let people = "contact = [{ name = \"Vera\", email = \"vera@example.test\" }]\n";
    let post = Post::of(World::with(&(policy("{ contacts = [\"Vera\"] }", "") + people)).await);
    let alice = post.world.person("alice").await;
    post.world.ask_often(&alice, 12).await;
    let mails = post.all(12).await;
    let links: std::collections::BTreeSet<String> = mails.iter().map(link).collect();
    assert_eq!(links.len(), 12, "each decides one request");
    post.stop().await;
}
