//! Who signs in over SSH by what they type, and what they find who name no target: the real `ssh`, and, for what it does not do
//! by itself, a client of our own.

use crate::keys::{self, Client, connected, gets_in};
use crate::ssh::{ASKED, FREE, Web, device};
use crate::world::{SOON, eventually, has, number};
use countersign_harness::countersign::authenticator_code;
use countersign_harness::{OpenSsh, Ssh, SshSession};
use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse as Answer};
use serde_json::{Value, json};

const REFUSED: &str = "Permission denied (publickey,keyboard-interactive,password).";

impl Web {
    /// Sets somebody's second factor; the secret of its authenticator. The code of now is used.
    fn second_factor(&self, person: &str) -> String {
        let begun =
            self.world.done(person, "/second-factor", &json!({ "password": self.world.server.password(person) }));
        let secret = begun["secret"].as_str().unwrap_or_default().to_owned();
        let code = authenticator_code(&secret, 0).expect("a code");
        self.world.done(person, "/second-factor/finish", &json!({ "code": code }));
        secret
    }

    /// An ssh of somebody who types this password and code.
    fn typing(&self, person: &str, password: &str, code: &str) -> Ssh {
        self.ssh(person).typing(password, code).unwrap_or_else(|error| panic!("{error}"))
    }

    fn audit(&self, kind: &str) -> Value {
        self.world.get("ada", &format!("/audit?kind={kind}"))
    }
}

/// A code that was not used.
fn fresh(secret: &str) -> String {
    authenticator_code(secret, 30).expect("a code")
}

fn refused(ssh: &Ssh) {
    assert_eq!(keys::refused(ssh), REFUSED);
}

/// R52: the password of the page signs in with the code of a second factor, once, and never alone; a token needs none.
#[test]
fn r52_a_password_and_a_code_that_are_typed_sign_in() {
    let web = Web::new(&[FREE]);
    web.world.api("alice");
    let secret = web.second_factor("alice");
    let password = |person: &str| {
        web.world.api(person);
        web.world.server.password(person)
    };
    let (right, code) = (password("alice"), fresh(&secret));
    refused(&web.typing("alice", "incorrect horse battery", &code));
    refused(&web.typing("alice", &right, ""));
    refused(&web.typing("alice", &right, "12345"));
    gets_in(&web.typing("alice", &right, &code));
    refused(&web.typing("alice", &right, &code));
    refused(&web.typing("bob", &password("bob"), &code));
    let told = web.audit("signed_in").to_string();
    has(&told, "alice signed in from 127.0.0.1 over SSH with a second factor");
    has(&web.audit("sign_in_failed").to_string(), "sign-in as `bob` from 127.0.0.1 over SSH failed");

    let bob = web.ssh("bob");
    let token = web.world.done("bob", "/tokens", &json!({ "target": "web-01" }));
    // The token is all that is asked of whoever has one.
    let mut bob = bob.with_password(token["token"].as_str().unwrap_or_default()).expect("written");
    bob.methods = "keyboard-interactive";
    gets_in(&bob);
}

/// R52: what is asked and what is answered say nothing of who there is; a connection has three tries.
#[tokio::test]
async fn r52_whoever_types_is_asked_the_same_whoever_they_are() {
    let web = Web::new(&[FREE]);
    web.world.api("alice");
    web.second_factor("alice");
    let (none, two, long) = ([], ["a", "b"], ["x".repeat(2_000)]);
    let long = [long[0].as_str()];
    let users = ["alice", "bob", "nobody", "alice+root@web-99"].map(|user| (user, &["wrong"][..], &["000000"][..], 2));
    let odd = [(&none[..], 1), (&two, 1), (&long, 1)].map(|(first, asked)| ("alice", first, &none[..], asked));
    let odd_codes = [&none[..], &two, &long].map(|code| ("alice", &["wrong"][..], code, 2));
    for (user, password, code, questions) in users.into_iter().chain(odd).chain(odd_codes) {
        let mut client = connected(&web).await;
        let mut answer = begun(&mut client, user).await.expect("an answer");
        let mut asked = Vec::new();
        for typed in [password, code] {
            let Answer::InfoRequest { prompts, .. } = &answer else { break };
            asked.extend(prompts.iter().map(|p| (p.prompt.clone(), p.echo)));
            answer = typing(&mut client, typed).await.expect("an answer");
        }
        let all = [("Access token or password: ", false), ("Code of your second factor: ", true)];
        let all = all.map(|(question, echo)| (question.to_owned(), echo));
        assert_eq!(asked, all[..questions], "{user}: {password:?}, {code:?}");
        let Answer::Failure { remaining_methods, partial_success: false } = &answer else { panic!("{answer:?}") };
        assert_eq!(remaining_methods.len(), 3, "{user}: {password:?}, {code:?}");
    }
    let mut client = connected(&web).await;
    for tries in 1..=4 {
        let again = begun(&mut client, "nobody").await;
        assert_eq!(again.is_ok(), tries <= 3, "{tries}: {again:?}");
        for typed in ["wrong", "000000"] {
            let _ = typing(&mut client, &[typed]).await;
        }
    }
    let mut client = connected(&web).await;
    for tries in 1..=4 {
        let again = client.authenticate_password("nobody", "no such token").await;
        // One that ended is told as a failure behind which nothing is left to try.
        let left = matches!(&again, Ok(AuthResult::Failure { remaining_methods, .. }) if !remaining_methods.is_empty());
        assert_eq!(left, tries <= 3, "{tries}: {again:?}");
    }
}

async fn begun(client: &mut Handle<Client>, user: &str) -> Result<Answer, russh::Error> {
    client.authenticate_keyboard_interactive_start(user, None).await
}

async fn typing(client: &mut Handle<Client>, answers: &[&str]) -> Result<Answer, russh::Error> {
    let answers = answers.iter().map(|answer| (*answer).to_owned()).collect();
    client.authenticate_keyboard_interactive_respond(answers).await
}

/// Three servers, of which developers reach one and ask for another.
struct Three {
    web: Web,
    alice: Ssh,
}

impl Three {
    fn new() -> Three {
        let sshd = OpenSsh::start().unwrap_or_else(|error| panic!("{error}"));
        let entry = device(&sshd, &sshd.host_key().expect("a host key"));
        let others = ["web-02", "web-03"].map(|name| entry.replace("web-01", name)).concat();
        let only = |rule: &str, device: &str| format!("{rule}devices = [\"{device}\"]\n");
        let database = only(&FREE.replace("free-web", "free-db"), "prod-db");
        let web = Web::in_front_of(sshd, &[&others, &only(FREE, "web-01"), &only(ASKED, "web-02"), &database]);
        let own = web.registered("alice", "own", &["-t", "ed25519"]);
        let alice = web.with_keys("alice", &[&own]).with_user("alice");
        Three { web, alice }
    }

    fn label(&self, device: &str) -> String {
        format!("{}@{device}", self.web.sshd.user())
    }

    /// A terminal at which the list is shown, with this in it.
    fn menu(&self, line: &str) -> SshSession {
        let shell = self.alice.terminal("").expect("ssh starts");
        shell.stderr.wait_for(line, SOON).expect("in the list");
        shell.stderr.wait_for("which one?", SOON).expect("asked");
        shell
    }
}

/// R52: who names no target is shown what the rules let them reach, and nothing else, and opens what they pick.
#[test]
fn r52_who_names_no_target_picks_one_of_theirs() {
    let three = Three::new();
    let mut shell = three.menu("you are alice");
    shell.send("1\r").expect("typed");
    shell.stderr.wait_for(&format!("opening {}", three.label("web-01")), SOON).expect("told");
    shell.send("echo hello-$((6 * 7)); exit 3\n").expect("typed");
    let ran = shell.finish(SOON).expect("an end");
    assert_eq!((ran.stdout.contains("hello-42"), ran.code), (true, 3), "{}", ran.stderr);
    let shown = &ran.stderr;
    for line in [
        "you are alice; these are the accounts you may reach or ask for".to_owned(),
        format!("  1  {}  allowed", three.label("web-01")),
        format!("  2  {}  needs approval", three.label("web-02")),
    ] {
        has(shown, &line);
    }
    assert!(
        !shown.contains("web-03") && !shown.contains("prod-db"),
        "no rule speaks of it, or it is no server: {shown}"
    );
    let session = three.web.world.get("ada", "/sessions")[0].to_string();
    has(&session, &three.label("web-01"));
    for keys in ["\u{3}", "\u{4}"] {
        let mut shell = three.menu("you are alice");
        shell.send(keys).expect("typed");
        let ran = shell.finish(SOON).expect("an end");
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        has(&ran.stderr, "nothing was opened");
    }
    // What no rule speaks of cannot be picked by its name either.
    let mut shell = three.menu("you are alice");
    shell.send(&format!("{}\r", three.label("web-03"))).expect("typed");
    shell.stderr.wait_for("in the name of every one, or of none", SOON).expect("told");
    shell.send("\u{3}").expect("typed");
    assert_eq!(shell.finish(SOON).expect("an end").code, 1);
    assert_eq!(three.web.world.get("ada", "/sessions").as_array().map(Vec::len), Some(1), "nothing else was opened");
}

/// R20, R35: what is picked waits for its approval, and ends by a revoke, as if it had been named.
#[test]
fn r20_r35_what_is_picked_is_approved_and_revoked_as_if_it_were_named() {
    let three = Three::new();
    let mut shell = three.menu("you are alice");
    shell.send("WEB-02\r").expect("typed");
    shell.stderr.wait_for("Enter opens it", SOON).expect("narrowed");
    shell.send("\r").expect("typed");
    shell.stderr.wait_for("this needs approval; why do you need it?", SOON).expect("asked");
    shell.send("disk is full\r").expect("typed");
    shell.stderr.wait_for("waits for approval; mia can decide", SOON).expect("told");
    let request = number(&three.web.world.inbox("mia")[0]["id"]);
    has(&three.web.world.request(request).to_string(), &three.label("web-02"));
    let mut other = three.menu(&format!("#{request} waits for approval"));
    other.send("\u{3}").expect("typed");
    three.web.world.approve("mia", request);
    let hello = "echo hello-$((6 * 7))\n";
    eventually("the shell runs", || {
        shell.send(hello).expect("typed");
        shell.stdout.wait_for("hello-42", std::time::Duration::from_secs(1)).ok()
    });
    let mut other = three.menu(&format!("{}  open now", three.label("web-02")));
    other.send("\u{3}").expect("typed");
    three.web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    let ran = shell.finish(SOON).expect("an end");
    has(&ran.stderr, "is Revoked: mia wrote: over");
    assert_ne!(ran.code, 0);
}

/// R52: a command, files and a shell without a terminal need a target; they are told which there are, and run nowhere.
#[test]
fn r52_what_cannot_pick_is_told_how_to_name_a_target() {
    let three = Three::new();
    let port = three.web.world.server.ssh_port();
    let how = format!("name one, as in: ssh -p {port} alice+{}@", three.label("web-01"));
    let command = three.alice.run("echo ran", "").expect("ssh runs");
    let shell = three.alice.run_shell("echo ran\n").expect("ssh runs");
    let at_a_terminal = three.alice.terminal("echo ran").expect("ssh starts").finish(SOON).expect("an end");
    for ran in [&command, &shell, &at_a_terminal] {
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 1), "{}", ran.stderr);
        has(&ran.stderr, &how);
        has(&ran.stderr, &format!("{}  needs approval", three.label("web-02")));
        assert!(!ran.stderr.contains("web-03"), "{}", ran.stderr);
    }
    // Nor is there a second list in a connection, which is one session.
    let shared = three.alice.shared();
    let picking = shared.terminal("").expect("ssh starts");
    picking.stderr.wait_for("which one?", SOON).expect("asked");
    let second = shared.terminal("").expect("ssh starts").finish(SOON).expect("an end");
    assert_eq!(second.code, 1, "{}", second.stderr);
    has(&second.stderr, &how);
    drop(picking);
    let files = three.alice.sftp("ls\n").expect("sftp runs");
    assert_ne!(files.code, 0);
    has(&files.stderr, &how);
    assert_eq!(three.web.world.get("ada", "/sessions"), json!([]));
}
