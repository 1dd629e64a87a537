//! Alerts in free shells: what is typed runs, and where the rules would not have let it run as a command of its own, that is told
//! to who is to know. The real `ssh`, at a terminal of a real OpenSSH server.

use crate::replay::{look, play};
use crate::ssh::{FREE, Web, device};
use crate::world::{DBA, SOON, World, eventually, has, number};
use countersign_harness::{Mail, OpenSsh, SshSession};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

/// What deletes is decided by a member of `dba`; `asks` may be run by anybody.
fn deleting(asks: &str) -> String {
    format!(
        "[[rule]]\nname = \"deleting\"\nact = \"run\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n\
         programs = [\"rm\"]\ntrusted = [\"{asks}\"]\nworkflow = \"dba\"\nunknown = \"dba\"\n"
    )
}

/// Somebody at a free shell that dora approved.
struct Person<'w> {
    web: &'w Web,
    ssh: SshSession,
}

impl<'w> Person<'w> {
    fn new(web: &'w Web) -> Self {
        let ssh = web.ssh("alice").terminal("env PS1='shell> ' HISTFILE= bash --norc").expect("ssh starts");
        web.world.approve("dora", web.world.held_number("dora"));
        let person = Self { web, ssh };
        person.sees("shell> ");
        person
    }

    fn types(&mut self, keys: &str) {
        self.ssh.send(keys).expect("typed");
    }

    fn sees(&self, text: &str) {
        eventually(&format!("{text:?} is shown"), || self.ssh.stdout.so_far().contains(text).then_some(()));
    }

    /// Waits for the prompt: what a shell brings in is known behind one only.
    fn is_asked(&self) {
        eventually("there is a prompt", || self.ssh.stdout.so_far().ends_with("shell> ").then_some(()));
    }

    /// Types what raises an alert: the so manieth.
    fn is_alerted(&mut self, keys: &str, so_many: u64) {
        self.types(keys);
        eventually(&format!("{keys:?} is alert {so_many}"), || (alerts(self.web) >= so_many).then_some(()));
        assert_eq!(alerts(self.web), so_many, "{keys:?}: {}", audit(self.web));
    }

    /// Leaves; the session, and what its transcript says.
    fn leaves(mut self) -> (String, Value) {
        self.types("exit\n");
        let ran = self.ssh.finish(SOON).expect("an end");
        assert!(!ran.stderr.contains("alert"), "whoever types is told nothing: {}", ran.stderr);
        closed(self.web)
    }
}

/// The latest session once it is closed, and its transcript.
fn closed(web: &Web) -> (String, Value) {
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let lines = eventually("the session is closed", || {
        let lines = web.world.get("ada", &format!("/sessions/{session}/transcript"));
        lines.to_string().contains("session closed").then_some(lines)
    });
    (session, lines)
}

/// How many alerts the latest session has.
fn alerts(web: &Web) -> u64 {
    number(&web.world.get("ada", "/sessions")[0]["alerts"])
}

/// What the audit says of alerts.
fn audit(web: &Web) -> Value {
    web.world.get("ada", "/audit?kind=alerted&limit=500")
}

fn letters(web: &Web) -> Vec<Mail> {
    let all = web.world.mail.as_ref().expect("a mail server").messages().expect("letters");
    all.into_iter().filter(|mail| mail.subject.contains("Alert:")).collect()
}

/// R63: it runs at once, and there is one alert with the rule's name and nothing of what was typed: in the audit, the recording, the
/// lists, the export, and in one letter to who approved it.
#[test]
fn r63_a_free_shell_alerts_and_keeps_nothing_from_running() {
    let sshd = OpenSsh::start().unwrap_or_else(|error| panic!("{error}"));
    let place = device(&sshd, &sshd.host_key().expect("a host key"));
    let web = Web { world: World::with_mail(&[&place, FREE, &deleting("/nowhere"), DBA]), sshd };
    let (first, second) = (web.path("first-folder"), web.path("second-folder"));
    [&first, &second].iter().for_each(|folder| std::fs::create_dir(folder).expect("made"));
    let mut alice = Person::new(&web);
    alice.types("echo hello-42\n");
    alice.is_alerted(&format!("rm -rf {}\n", first.display()), 1);
    eventually("it ran", || (!first.exists()).then_some(()));
    let said = audit(&web).to_string();
    has(&said, "`rm` would have been held by `deleting`");
    let letter = eventually("dora is told", || letters(&web).into_iter().next());
    assert_eq!(letter.to, ["dora@shop.example"]);
    has(&letter.text, "1 alert, by `deleting`");
    has(&letter.text, "It ran all the same");
    // She decided on the shell, and on nothing else of this; what her letter leads to she sees all the same.
    let linked = letter.text.split("/requests/").nth(1).unwrap_or_else(|| panic!("no link: {}", letter.text));
    let linked = linked.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    assert_eq!(web.world.get("dora", &format!("/requests/{linked}"))["id"].to_string(), linked);
    assert_eq!(
        web.world.api("dave").get(&format!("/requests/{linked}")).expect("an answer").status,
        404,
        "others do not"
    );
    assert_eq!(web.world.get("dora", "/sessions")[0]["request"].to_string(), linked);
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    look(&web, "alerts.mjs", &format!("/sessions/{session}/terminals/1"));

    // What stands right before the end is judged, and the rule is told of once.
    alice.types(&format!("rm -rf {}\n", second.display()));
    let (session, lines) = alice.leaves();
    assert_eq!((second.exists(), alerts(&web)), (false, 2));
    let ran = play(&web, "ada", &[&session, "1"]);
    assert_eq!(ran.stderr.matches("alert: `rm` would have been held by `deleting`").count(), 2, "{}", ran.stderr);
    assert_eq!(letters(&web).len(), 1, "{:?}", letters(&web));
    let told = [lines.to_string(), audit(&web).to_string(), letter.raw];
    for text in told {
        assert!(
            !text.contains("first-folder") && !text.contains("second-folder"),
            "what was typed is not told: {text}"
        );
    }
    let export = web.path("journal").display().to_string();
    for words in [["export", export.as_str()], ["verify", export.as_str()]] {
        let ran = web.world.server.cli("ada", &words).expect("it runs");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
}

/// R63: what the target does not show raises nothing and is nowhere, also where it reads as a command.
#[test]
fn r63_a_password_that_is_typed_raises_nothing() {
    let asks = OpenSsh::start().unwrap_or_else(|error| panic!("{error}"));
    let web = Web::in_front_of(asks, &[FREE]);
    let script = web.path("asks");
    std::fs::write(&script, "#!/bin/bash\nread -rsp 'Password: ' secret\necho \"got-${#secret}\"\n").expect("written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("set");
    web.world.apply(&[&web.device(), FREE, &deleting(&script.display().to_string()), DBA]);
    let mut alice = Person::new(&web);
    alice.types(&format!("{}\n", script.display()));
    alice.sees("Password: ");
    alice.types("rm -rf hunter2\n");
    alice.sees("got-14");
    // What is judged is judged in order.
    alice.is_alerted("rm -rf /nowhere\n", 1);
    let (session, lines) = alice.leaves();
    let cast = web.world.api("ada").get(&format!("/sessions/{session}/terminals/1")).expect("an answer").text;
    for text in [lines.to_string(), audit(&web).to_string(), cast] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

/// R63: corrected, pasted, brought back from the history, completed, wrapped; in a shell that a gated one leads to.
#[test]
fn r63_a_line_is_what_the_shell_shows_of_it() {
    let web = Web::new(&[FREE, &deleting("/nowhere"), DBA]);
    std::fs::create_dir(web.path("complete-me")).expect("made");
    let mut alice = Person::new(&web);
    alice.is_alerted("rn\u{7f}m -rf /nowhere/1\n", 1);
    alice.is_alerted("-rf /nowhere/2\u{1}rm \u{5}\n", 2);
    alice.is_alerted("echo one\nrm -rf /nowhere/3\necho two\n", 3);
    alice.is_alerted("\u{1b}[200~rm -rf /nowhere/4\u{1b}[201~\n", 4);
    alice.is_asked();
    alice.is_alerted("\u{1b}[A\n", 5);
    alice.is_asked();
    alice.is_alerted(&format!("rm -rf {}\t\n", web.path("complete-").display()), 6);
    eventually("what was completed ran", || (!web.path("complete-me").exists()).then_some(()));
    alice.is_alerted(&format!("rm -rf /nowhere/{}\n", "long/".repeat(60)), 7);
    alice.types("rm -rf /nowhere\u{3}");
    alice.is_alerted("rm -rf /nowhere/8\n", 8);
    alice.leaves();

    let mut gated = web.ssh("alice").terminal("").expect("ssh starts");
    gated.stderr.wait_for("each line is judged", SOON).expect("told");
    gated.send("bash --norc\r").expect("typed");
    web.world.approve("dora", web.world.held_number("dora"));
    gated.stderr.wait_for("is approved", SOON).expect("told");
    gated.send("rm -rf /nowhere/9\n").expect("typed");
    eventually("it is alerted to", || (alerts(&web) == 1).then_some(()));
    let before = gated.stdout.so_far().matches(":~$ ").count();
    gated.send("exit\n").expect("typed");
    let again = || gated.stdout.so_far().matches(":~$ ").count() > before;
    eventually("the gated shell is there again", || again().then_some(()));
    gated.send("\u{4}").expect("typed");
    gated.finish(SOON).expect("an end");
}

/// R63: what gets by, as the documents say: where a program has the whole screen, and where nothing is shown.
#[test]
fn r63_alerts_are_got_around() {
    let web = Web::new(&[FREE, &deleting("/nowhere"), DBA]);
    let (apart, hidden) = (web.path("apart"), web.path("hidden"));
    [&apart, &hidden].iter().for_each(|folder| std::fs::create_dir(folder).expect("made"));
    let mut alice = Person::new(&web);
    alice.types("echo $'\\e[?1049h'\n");
    alice.sees("\u{1b}[?1049h");
    alice.types(&format!("rm -rf {}\n", apart.display()));
    eventually("it ran", || (!apart.exists()).then_some(()));
    alice.types("echo $'\\e[?1049l'\n");
    alice.sees("\u{1b}[?1049l");
    let before = alerts(&web);
    alice.types("bash --norc --noediting\n");
    alice.types("stty -echo; echo quiet-4''2\n");
    alice.sees("quiet-42");
    alice.types(&format!("rm -rf {}\n", hidden.display()));
    eventually("it ran", || (!hidden.exists()).then_some(()));
    alice.types("stty echo; echo loud-4''2\n");
    alice.sees("loud-42");
    alice.types("exit\n");
    alice.types("rm -rf /nowhere\n");
    let (_, lines) = alice.leaves();
    let named = lines.to_string().matches("`rm` would have been held").count();
    assert_eq!(named, 1, "only the last: {before} {lines}");
}

/// R63: where no rule restricts, or it leaves this person out, nothing is raised.
#[test]
fn r63_nothing_is_raised_where_the_rules_let_run() {
    let left_out = format!("{}exclude_people = [\"alice\"]\n", deleting("/nowhere"));
    for rules in [vec![FREE], vec![FREE, &left_out, DBA]] {
        let web = Web::new(&rules);
        let mut alice = web.ssh("alice").terminal("").expect("ssh starts");
        alice.send("rm -rf /nowhere; echo ran-$((6 * 7)); exit\n").expect("typed");
        has(&alice.finish(SOON).expect("an end").stdout, "ran-42");
        let (_, lines) = closed(&web);
        assert!(!lines.to_string().contains("\"alert\""), "{lines}");
        assert_eq!((alerts(&web), audit(&web)), (0, serde_json::json!([])));
    }
}

/// R63: so many are told one by one, then one that says that more came.
#[test]
fn r63_alerts_are_bounded() {
    let web = Web::new(&[FREE, &deleting("/nowhere"), DBA]);
    let mut alice = Person::new(&web);
    alice.types(&"rm -rf /nowhere\n".repeat(30));
    // What is typed behind them may be shown before them, by the terminal itself, and they would be forgotten by that.
    eventually("each ran", || (alice.ssh.stdout.so_far().matches("shell> ").count() > 30).then_some(()));
    alice.is_asked();
    let (_, lines) = alice.leaves();
    let said = lines.to_string();
    assert_eq!(said.matches("`rm` would have been held by `deleting`").count(), 20, "{said}");
    assert_eq!(said.matches("more alerts came, of which none is noted from here on").count(), 1, "{said}");
    assert_eq!((alerts(&web), audit(&web).as_array().map_or(0, Vec::len)), (21, 21));
}
