//! Shells and terminals over SSH: the real `ssh`, in front of a real OpenSSH server, and what is recorded of them.

use crate::keys::connected;
use crate::ssh::{ASKED, FOLDERS, FREE, Web, running, runs};
use crate::world::{DBA, SOON, eventually, has, number};
use countersign_harness::{Answer, OpenSsh, SshSession};
use serde_json::{Value, json};

/// What a shell is asked for first, whose answer is not among what was typed.
const HELLO: &str = "echo hello-$((6 * 7))\n";

/// A shell that answered.
fn shell(web: &Web) -> SshSession {
    let mut shell = web.ssh("alice").terminal("").expect("ssh starts");
    shell.send(HELLO).expect("typed");
    shell.stdout.wait_for("hello-42", SOON).expect("it runs");
    shell
}

/// The transcript of the latest session, once it is closed.
fn transcript(web: &Web) -> (String, Value) {
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let lines = eventually("the session is closed", || {
        let lines = web.world.get("ada", &format!("/sessions/{session}/transcript"));
        lines.to_string().contains("session closed").then_some(lines)
    });
    (session, lines)
}

fn recording(web: &Web, person: &str, session: &str, number: u64) -> Answer {
    web.world.api(person).get(&format!("/sessions/{session}/terminals/{number}")).expect("an answer")
}

/// R52, R70: where no rule restricts commands, a shell runs as it would without us, and what it showed is recorded.
#[test]
fn r52_r70_a_shell_runs_and_what_it_shows_is_recorded() {
    let web = Web::new(&[FREE]);
    let mut alice = shell(&web);
    alice.send("test -t 0 && echo terminal-$TERM\n").expect("typed");
    alice.stdout.wait_for("terminal-xterm-256color", SOON).expect("it has a terminal");
    let asks = "stty -echo; echo asks-$((6 * 7)); read -r secret; echo read-${#secret}; exit 3\n";
    alice.send(asks).expect("typed");
    alice.stdout.wait_for("asks-42", SOON).expect("it asks");
    alice.send("correct horse battery\n").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    has(&ran.stdout, "read-21");
    assert_eq!(ran.code, 3, "{}", ran.stderr);

    let (session, lines) = transcript(&web);
    let first = lines.as_array().and_then(|l| l.iter().find(|l| l["text"] == "login-shell")).cloned().expect("a line");
    assert_eq!((&first["kind"], &first["recorded"]), (&json!("allowed"), &json!(true)), "{lines}");
    has(&lines.to_string(), "exit status 3");
    let cast = recording(&web, "ada", &session, number(&first["statement"]));
    assert_eq!(cast.status, 200);
    let cast = cast.text;
    let mut events = cast.lines().map(|line| serde_json::from_str::<Value>(line).expect("lines of JSON"));
    let header = events.next().expect("a header");
    assert_eq!((&header["version"], header["term"]["cols"].is_u64()), (&json!(3), true), "{header}");
    let shown: String = events.filter(|e| e[1] == "o").filter_map(|e| e[2].as_str().map(str::to_owned)).collect();
    has(&shown, "hello-42");
    has(&shown, "read-21");
    assert!(!cast.contains("correct horse"), "what the target did not echo is not shown: {cast}");
    assert_eq!(recording(&web, "bob", &session, 1).status, 404, "nor is any of it to others");
    assert_eq!(recording(&web, "ada", &session, 9).status, 404);
}

/// R71: a password that was typed at a prompt that shows nothing is found in what was typed, and nowhere else; that is seen by
/// an approval for itself, whatever the parameter says, by everybody alike, and each look is in the audit as what it is.
#[test]
fn r71_a_password_that_was_typed_is_seen_under_its_own_approval_only() {
    let approvers = "[parameters.approvers]\npam_core = [\"mia\", \"dora\"]\n";
    let web = Web::new(&[FREE, approvers]);
    let mut alice = shell(&web);
    alice.send("stty -echo; echo asks-$((6 * 7)); read -r secret; echo read-${#secret}\n").expect("typed");
    alice.stdout.wait_for("asks-42", SOON).expect("it asks");
    alice.send("correct horse battery\u{1B}[2J\n").expect("typed");
    alice.stdout.wait_for("read-25", SOON).expect("it read");
    alice.send("exit\n").expect("typed");
    assert_eq!(alice.finish(SOON).expect("an end").code, 0);
    let (session, lines) = transcript(&web);
    let typed = format!("/sessions/{session}/typed");
    assert!(!lines.to_string().contains("correct horse"), "{lines}");
    let nobody = |why: &str| {
        for person in ["ada", "aron", "alice"] {
            let told = web.world.api(person).get(&typed).expect("an answer");
            assert_eq!(told.status, 409, "{why}: {person}: {}", told.text);
            has(&told.text, "must be approved for itself before anybody sees it");
            let ran = web.world.server.cli(person, &["watch", &session, "--typed"]).expect("it runs");
            assert!(ran.code != 0 && !ran.stdout.contains("correct horse"), "{}", ran.stdout);
        }
        assert_eq!(web.world.api("bob").get(&typed).expect("an answer").status, 404, "others learn nothing");
    };
    nobody("without a request");
    let to_watch = json!({ "reason": "to see what went wrong", "minutes": 30 });
    web.world.done("ada", &format!("/sessions/{session}/watch"), &to_watch);
    nobody("by a request to watch, which needs nobody");

    let asks = ["watch", &session, "--typed", "--reason", "the password was used elsewhere"];
    let asked = web.world.server.cli("ada", &asks).expect("it runs");
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let waits = &web.world.inbox("mia")[0];
    let request = number(&waits["id"]);
    has(&waits.to_string(), "passwords included");
    assert_eq!(waits["watch"]["typed"], json!(true), "{waits}");
    nobody("while nobody decided");
    web.world.cannot_decide("ada", request);
    let reset = json!({ "verdict": "approve", "reset_after_use": true });
    let told = web.world.post("mia", &format!("/requests/{request}/decision"), &reset);
    assert_eq!(told.status, 409, "{}", told.text);
    has(&told.text, "is for no password");
    web.world.approve("mia", request);
    let seen = web.world.get("ada", &typed).to_string();
    has(&seen, "correct horse battery");
    let ran = web.world.server.cli("ada", &["watch", &session, "--typed"]).expect("it runs");
    has(&ran.stdout, "correct horse battery");
    assert!(!ran.stdout.contains('\u{1B}'), "no key of theirs reaches a terminal as itself: {}", ran.stdout);
    let cast = recording(&web, "ada", &session, 1).text;
    assert!(!cast.contains("correct horse"), "it is in nothing that is watched: {cast}");
    let others = web.world.api("aron").get(&typed).expect("an answer");
    assert_eq!(others.status, 409, "one's approval is nobody else's");
    let audit = web.world.get("ada", "/audit?kind=typed_read").to_string();
    has(&audit, &format!("ada saw everything that was typed in session {session} under grant"));
    assert_eq!(audit.matches("typed_read").count(), 2, "each look: {audit}");
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "seen" }));
    nobody("after it was taken away");
    let export = web.path("journal");
    let ran = web.world.server.cli("ada", &["export", &export.display().to_string()]).expect("it runs");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = web.world.server.cli("ada", &["verify", &export.display().to_string()]).expect("it runs");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// R52: what the rules would let anybody type into a shell may be given to a command as well: scripts, files, archives.
#[test]
fn r52_a_command_has_its_input_where_a_shell_could_run() {
    let web = Web::new(&[FREE]);
    let script = web.ssh("alice").run("sh -s", "echo from-$((6 * 7))\n").expect("ssh runs");
    assert_eq!((script.stdout.as_str(), script.code), ("from-42\n", 0), "{}", script.stderr);
    let piped = web.ssh("alice").run_shell("echo piped-$((6 * 7)); exit 5\n").expect("ssh runs");
    assert_eq!((piped.stdout.contains("piped-42"), piped.code), (true, 5), "{}", piped.stderr);
    let much = "0123456789abcde\n".repeat(200_000);
    let file = web.path("uploaded");
    let upload = web.ssh("alice").run(format!("cat > {}", file.display()), &much).expect("ssh runs");
    assert_eq!(upload.code, 0, "{}", upload.stderr);
    assert!(std::fs::read(&file).expect("uploaded") == much.as_bytes(), "it came as it was sent");
    let back = web.ssh("alice").run(format!("tee /dev/null < {}", file.display()), "").expect("ssh runs");
    assert!(back.stdout == much, "and goes back so");
    let both = web.ssh("alice").run("cat", &much).expect("ssh runs");
    assert!(both.stdout == much, "in both directions at once");
    let session = web.world.get("ada", "/sessions")[2]["id"].to_string();
    let lines = web.world.get("ada", &format!("/sessions/{session}/transcript")).to_string();
    let sum = std::process::Command::new("sha256sum").arg(&file).output().expect("sha256sum runs");
    let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().unwrap_or_default().to_owned();
    has(&lines, &format!("had 3200000 bytes, of which not all are kept; their SHA-256 is {sum}"));
}

/// R60, R63: where a rule restricts commands, a shell is something that may run anything, and somebody approves just that.
#[test]
fn r60_r63_a_shell_is_held_as_something_that_may_run_anything() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let mut alice = web.ssh("alice").terminal("bash -l").expect("ssh starts");
    let held = web.world.held("dora");
    let request = number(&held["id"]);
    assert_eq!(held["statement"]["texts"][0], "bash -l");
    assert_eq!(held["statement"]["kinds"], json!(["bash", "login-shell"]));
    alice.send("echo typed-too-early\n").expect("typed");
    web.world.approve("dora", request);
    alice.stderr.wait_for("is approved", SOON).expect("told");
    alice.send(HELLO).expect("typed");
    alice.stdout.wait_for("hello-42", SOON).expect("it runs");
    alice.send("exit\n").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        !ran.stdout.contains("typed-too-early"),
        "what is typed while nobody approved goes nowhere: {}",
        ran.stdout
    );

    // The approval was for one shell; whoever gives up withdraws.
    let mut alice = web.ssh("alice").terminal("ls /").expect("ssh starts");
    let held = web.world.held("dora");
    let again = number(&held["id"]);
    assert_eq!(
        held["statement"]["kinds"],
        json!(["login-shell", "ls"]),
        "a command with a terminal takes what is typed"
    );
    alice.stderr.wait_for("held for approval", SOON).expect("told");
    alice.send("\u{3}").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!((ran.code, web.world.status(again).as_str()), (126, "Canceled"), "{}", ran.stderr);
    has(&ran.stderr, "is withdrawn");
    has(&web.run("alice", "ls /").stdout, "etc");
}

/// R61: what was approved without a terminal is not approved with one, into which anything could be typed.
#[test]
fn r61_a_command_that_is_approved_without_a_terminal_is_not_with_one() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let made = web.path("made");
    let make = format!("mkdir {}", made.display());
    let alice = web.ssh("alice").spawn(&make).expect("ssh starts");
    let request = number(&web.world.held("dora")["id"]);
    drop(alice);
    web.world.approve("dora", request);
    let alice = web.ssh("alice").terminal(&make).expect("ssh starts");
    alice.stderr.wait_for("held for approval as", SOON).expect("asked anew");
    assert_ne!(number(&web.world.held("dora")["id"]), request);
    drop(alice);
    assert!(!made.exists());
    let ran = web.run("alice", &make);
    assert_eq!((ran.code, made.is_dir()), (0, true), "{}", ran.stderr);
}

/// A rule that comes into force ends what it would not have let run, at the next key.
#[test]
fn r63_a_new_rule_ends_a_shell_it_would_not_have_let_run() {
    let web = Web::new(&[FREE]);
    let mut alice = shell(&web);
    web.world.apply(&[&web.device(), FREE, FOLDERS, DBA]);
    alice.send("echo late-$((6 * 7))\n").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    assert!(!ran.stdout.contains("late-42") && ran.code == 126, "{}", ran.stdout);
    has(&ran.stderr, "the rules no longer let this run without approval");
}

/// R3, R20: whoever types at a terminal is asked for the reason there, told who can decide, and let in once they did.
#[test]
fn r3_r20_a_shell_asks_for_its_reason_and_waits_for_approval() {
    let web = Web::new(&[&format!("{ASKED}reason_chars_min = 10\n")]);
    let asked = || {
        let shell = web.ssh("alice").terminal("").expect("ssh starts");
        shell.stderr.wait_for("this needs approval; why do you need it?", SOON).expect("asked");
        shell
    };
    let mut alice = asked();
    alice.send("short\r").expect("typed");
    alice.stderr.wait_for("it has 5; this needs approval", SOON).expect("asked again");
    alice.send("disk is fulx\u{7f}l\r").expect("typed");
    alice.stderr.wait_for("waits for approval; mia can decide", SOON).expect("told");
    let waiting = web.world.inbox("mia");
    assert_eq!(waiting[0]["reason"], "disk is full");
    alice.send(HELLO).expect("typed");
    web.world.approve("mia", number(&waiting[0]["id"]));
    alice.send(HELLO).expect("typed");
    alice.stdout.wait_for("hello-42", SOON).expect("it runs");
    alice.send("exit\n").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    assert_eq!((ran.stdout.matches("hello-42").count(), ran.code), (1, 0), "what is typed too early goes nowhere");
    assert_eq!(web.world.get("aron", "/audit?kind=connect_refused"), json!([]), "who waits is not refused");

    web.world.done("alice", &format!("/requests/{}/surrender", waiting[0]["id"]), &json!({}));
    for (keys, said, status) in [
        ("\u{3}", "the client left before a reason was given", None),
        ("disk is full again\r\u{3}", "is withdrawn", Some("Canceled")),
    ] {
        let mut alice = asked();
        alice.send(keys.split_inclusive('\r').next().unwrap_or_default()).expect("typed");
        if let Some(rest) = keys.split_once('\r').map(|(_, rest)| rest) {
            alice.stderr.wait_for("waits for approval", SOON).expect("told");
            alice.send(rest).expect("typed");
        }
        let ran = alice.finish(SOON).expect("an end");
        has(&ran.stderr, said);
        assert_eq!(ran.code, 126);
        let request = web.world.get("alice", "/requests")[0].clone();
        assert!(status.is_none_or(|status| request["status"] == status), "{request}");
    }
    let mut alice = asked();
    alice.send("disk is full again\r").expect("typed");
    alice.stderr.wait_for("waits for approval", SOON).expect("told");
    web.world.reject("mia", number(&web.world.inbox("mia")[0]["id"]), "clean up first");
    has(&alice.finish(SOON).expect("an end").stderr, "is Disapproved: mia wrote: clean up first");
    let refused = web.run("alice", "echo ran");
    assert_eq!((refused.stdout.as_str(), refused.code), ("", 126), "where nobody types, nobody is asked");
    has(&refused.stderr, "must be requested first");
}

/// R3: a window that changes its size while the reason is asked is neither an answer nor a leaving.
#[tokio::test]
async fn r3_a_window_that_changes_is_no_answer() {
    let web = Web::new(&[ASKED]);
    let token = web.world.done("alice", "/tokens", &json!({ "target": "web-01" }));
    let text = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
    let mut client = connected(&web).await;
    let signed_in = client.authenticate_password(text("user"), text("token")).await.expect("an answer");
    assert!(signed_in.success());
    let mut channel = client.channel_open_session().await.expect("a channel");
    channel.request_pty(false, "xterm", 80, 24, 0, 0, &[]).await.expect("sent");
    channel.request_shell(false).await.expect("sent");
    let mut said = String::new();
    for (wanted, then) in [("> ", "disk is full\r"), ("waits for approval", "")] {
        while !said.contains(wanted) {
            let Some(message) = channel.wait().await else { panic!("it ended: {said}") };
            if let russh::ChannelMsg::ExtendedData { data, .. } = message {
                said.push_str(&String::from_utf8_lossy(&data));
            }
        }
        channel.window_change(100, 40, 0, 0).await.expect("sent");
        channel.data_bytes(then.as_bytes().to_vec()).await.expect("sent");
    }
}

/// Approval of a shell is not stronger than a rule that denies it from now on.
#[test]
fn r63_a_new_rule_that_denies_ends_an_approved_shell() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    let mut alice = web.ssh("alice").terminal("bash -l").expect("ssh starts");
    web.world.approve("dora", web.world.held_number("dora"));
    alice.stderr.wait_for("is approved", SOON).expect("told");
    alice.send(HELLO).expect("typed");
    alice.stdout.wait_for("hello-42", SOON).expect("it runs");
    let more = FOLDERS.replace("\"rmdir\"", "\"rmdir\", \"touch\"");
    web.world.apply(&[&web.device(), FREE, &more, DBA]);
    alice.send("echo still-$((6 * 7))\n").expect("typed");
    alice.stdout.wait_for("still-42", SOON).expect("a rule that would ask again does not end it");
    let never = "[[rule]]\nname = \"never\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n";
    web.world.apply(&[&web.device(), FREE, &more, DBA, never]);
    alice.send("echo late-$((6 * 7))\n").expect("typed");
    let ran = alice.finish(SOON).expect("an end");
    assert!(!ran.stdout.contains("late-42") && ran.code == 126, "{}", ran.stdout);
    has(&ran.stderr, "refused by `never`");
}

/// R52: what shows a lot keeps no other command of its connection from running, nor a revoke from ending it.
#[test]
fn r52_r35_a_terminal_that_shows_a_lot_is_in_nobodys_way() {
    let web = Web::new(&[ASKED]);
    let request = web.reserved("alice");
    let ssh = web.ssh("alice").shared();
    let mark = format!("66{}", web.sshd.port());
    let first = ssh.spawn(&format!("echo begun; sleep {mark}")).expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    let chatty = ssh.terminal("yes").expect("ssh starts");
    chatty.stdout.wait_for("y", SOON).expect("it shows something");
    assert_eq!(ssh.run("echo ran", "").expect("ssh runs").stdout, "ran\n");
    drop(chatty);
    assert_eq!(ssh.run("echo ran", "").expect("ssh runs").stdout, "ran\n", "and once it is gone");
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
    assert_ne!(first.finish(SOON).expect("an end").code, 0);
}

/// R35: a revoke ends what takes no input and what nobody reads the output of, as it does anything else.
#[test]
fn r35_a_revoke_ends_what_is_stalled_and_what_is_beside_it() {
    let web = Web::new(&[ASKED]);
    let request = web.reserved("alice");
    let ssh = web.ssh("alice").shared();
    let mark = format!("67{}", web.sshd.port());
    let first = ssh.spawn(&format!("echo begun; sleep {mark}")).expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    // It takes no input, of which there is more than anything between here and there holds.
    let mut stalled = ssh.piped(&format!("echo begun; sleep {mark}")).expect("ssh starts");
    stalled.stdout.wait_for("begun", SOON).expect("it runs");
    let much = "0123456789abcde\n".repeat(1 << 20);
    let typing = std::thread::spawn(move || {
        let _ = stalled.send(&much);
        stalled
    });
    eventually("both run", || (running(&mark) == 2).then_some(()));
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    eventually("the target runs none of them", || (!runs(&mark)).then_some(()));
    assert_ne!(first.finish(SOON).expect("an end").code, 0);
    drop(typing.join().expect("it ends"));
}

/// R35: a revoke ends a shell and what was started in it, whatever that does about being hung up on.
#[test]
fn r35_a_revoke_ends_a_shell_and_what_runs_in_it() {
    let web = Web::new(&[ASKED]);
    let request = web.reserved("alice");
    let mut alice = shell(&web);
    let mark = format!("63{}", web.sshd.port());
    alice.send(&format!("nohup sleep {mark} > /dev/null 2>&1 &\n")).expect("typed");
    eventually("the target runs it", || runs(&mark).then_some(()));
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "wrong person on the ticket" }));
    let ran = alice.finish(SOON).expect("an end");
    has(&ran.stderr, "is Revoked: mia wrote: wrong person on the ticket");
    assert_ne!(ran.code, 0);
    eventually("the target runs it no more", || (!runs(&mark)).then_some(()));
}

/// A target that gives no terminal runs nothing in its place, as far as its client can tell, and nothing is left running.
#[test]
fn r52_what_the_target_does_not_run_as_asked_is_ended() {
    let sshd = OpenSsh::start_with("PermitTTY no\n").expect("a server without terminals");
    let web = Web::in_front_of(sshd, &[FREE]);
    let mark = format!("65{}", web.sshd.port());
    let ran = web.ssh("alice").terminal(&format!("sleep {mark}")).expect("ssh starts").finish(SOON).expect("an end");
    assert_eq!(ran.code, 126, "{}", ran.stdout);
    has(&ran.stderr, "does not run commands or shells");
    eventually("nothing is left running", || (!runs(&mark)).then_some(()));
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n");
}

/// R35: terminals that were closed and do not mind are ended by a revoke all the same, however many there are.
#[test]
fn r35_a_revoke_ends_terminals_that_were_closed_and_went_on() {
    let web = Web::new(&[ASKED]);
    let request = web.reserved("alice");
    let ssh = web.ssh("alice").shared();
    let first = ssh.spawn("echo begun; sleep 600").expect("ssh starts");
    first.stdout.wait_for("begun", SOON).expect("it runs");
    let mark = format!("64{}", web.sshd.port());
    for _ in 0..11 {
        let other = ssh.terminal(&format!("trap '' HUP; echo begun; while :; do sleep {mark}; done")).expect("starts");
        // The last are refused by the target, which takes ten at a time.
        let _ = other.stdout.wait_for("begun", std::time::Duration::from_secs(2));
        drop(other);
    }
    eventually("the target runs some", || runs(&mark).then_some(()));
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
    eventually("the target runs none of them", || (!runs(&mark)).then_some(()));
    assert_ne!(first.finish(SOON).expect("an end").code, 0);
}

/// R50: whoever is at a terminal, free or gated, is told that their access is about to end; whoever runs a command is not.
#[test]
fn r50_a_terminal_is_told_before_access_ends() {
    let web = Web::new(&[ASKED, FOLDERS, DBA]);
    let request = web.reserved("alice");
    let ssh = web.ssh("alice").shared();
    let mut gated = ssh.terminal("").expect("ssh starts");
    gated.stderr.wait_for("each line is judged", SOON).expect("told what it is");
    gated.send("echo not-sent-ye").expect("typed");
    eventually("it is shown", || gated.stdout.so_far().contains("not-sent-ye").then_some(()));
    let mut free = ssh.terminal("cat").expect("ssh starts");
    web.world.approve("dora", web.world.held_number("dora"));
    free.send("begun\n").expect("typed");
    free.stdout.wait_for("begun", SOON).expect("it runs");
    let command = ssh.spawn("echo begun; sleep 600").expect("ssh starts");
    command.stdout.wait_for("begun", SOON).expect("it runs");

    let now = number(&web.world.request(web.world.reserve("alice"))["made_at"]);
    let end = jiff::Timestamp::from_microsecond(i64::try_from(now).expect("a moment") + 62_000_000).expect("a moment");
    let edit = json!({ "end": end.to_string(), "reason": "enough for today" });
    web.world.done("mia", &format!("/requests/{request}/edit"), &edit);
    free.stderr.wait_for("your access ends", SOON).expect("told");
    gated.stderr.wait_for("your access ends", SOON).expect("told");
    // What was typed stands there still.
    gated.send("t\r").expect("typed");
    eventually("it runs", || gated.stdout.so_far().contains("\nnot-sent-yet\r").then_some(()));
    assert!(!command.stderr.text().contains("your access ends"), "{}", command.stderr.text());
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "over" }));
}
