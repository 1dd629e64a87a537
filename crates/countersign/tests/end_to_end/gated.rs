//! The gated shell: the real `ssh -tt`, in front of a real OpenSSH server, where rules restrict commands. Each line is a
//! command of its own, whatever keys ended it and whatever the target drew.

use crate::ssh::{ASKED, FREE, Web, runs};
use crate::world::{DBA, SOON, eventually, has, number};
use countersign_harness::SshSession;
use serde_json::{Value, json};

/// Somebody of `dba` decides everything but these.
const ALL_BUT: &str = "[[rule]]\nname = \"all-but\"\nact = \"run\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n\
    free = [\"ls\", \"cat\", \"pwd\", \"printenv\", \"sleep\", \"echo\", \"true\"]\nworkflow = \"dba\"\nunknown = \"dba\"\n";
/// Nobody turns the server off, and whoever tries three times is out; and so much and no more risk is borne.
const WATCHFUL: &str = "[[rule]]\nname = \"no-shutdown\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
    programs = [\"shutdown\"]\ninterrupt_after = 3\n\
    [[rule]]\nname = \"risky\"\nact = \"run\"\noutcome = \"allow\"\nprograms = [\"sleep\"]\nrisk = 20\n\
    [[rule]]\nname = \"most\"\nact = \"run\"\noutcome = \"allow\"\nrisk_max = 50\n";
const INTERRUPT: &str = "\u{3}";
const CLOSE: &str = "\u{4}";

/// A person at a gated shell.
struct Person<'w> {
    web: &'w Web,
    ssh: SshSession,
    /// How often the terminal said that something is held, and that it was withdrawn.
    held: usize,
}

impl<'w> Person<'w> {
    fn new(web: &'w Web) -> Self {
        let person = Self { web, ssh: web.ssh("alice").terminal("").expect("ssh starts"), held: 0 };
        person.ssh.stderr.wait_for("each line is judged", SOON).expect("told what it is");
        person.sees("~$ ");
        person
    }

    fn types(&mut self, keys: &str) {
        self.ssh.send(keys).expect("typed");
    }

    fn sees(&self, text: &str) {
        eventually(&format!("{text:?} is shown"), || self.ssh.stdout.so_far().contains(text).then_some(()));
    }

    /// Types and waits for what is shown then, which was not before.
    fn gets(&mut self, keys: &str, text: &str) {
        let before = times(&self.ssh.stdout.so_far(), text);
        self.types(keys);
        let shown = || times(&self.ssh.stdout.so_far(), text) > before;
        eventually(&format!("{keys:?} shows {text:?}"), || shown().then_some(()));
    }

    /// Types what must be held; the request as it waits.
    fn is_held(&mut self, keys: &str) -> Value {
        self.types(keys);
        self.held += 1;
        let said = || times(&self.ssh.stderr.text(), "held for approval as") == self.held;
        eventually(&format!("{keys:?} is held"), || said().then_some(()));
        self.web.world.held("dora")
    }

    /// Gives up what is held, and has the prompt again.
    fn gives_up(&mut self) {
        let before = times(&self.ssh.stderr.text(), "is withdrawn");
        self.gets(INTERRUPT, "[126] ");
        let withdrawn = || times(&self.ssh.stderr.text(), "is withdrawn") > before;
        eventually("it is withdrawn", || withdrawn().then_some(()));
    }

    fn leaves(mut self, code: i32) -> countersign_harness::Ran {
        self.types(CLOSE);
        let ran = self.ssh.finish(SOON).expect("an end");
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        ran
    }
}

fn times(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

/// R52, R63, R64: lines run one by one, in the directory and with the variables that are carried, and all is recorded.
#[test]
fn r63_r64_a_gated_shell_runs_line_by_line_and_is_recorded() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let mut alice = Person::new(&web);
    alice.sees(&format!("{}@web-01:~$ ", web.sshd.user()));
    alice.gets("echo hello\r", "\nhello\r");
    alice.gets("cd /usr/share\r", "web-01:/usr/share$ ");
    alice.gets("cd ..\r", "web-01:/usr$ ");
    alice.gets("pwd\r", "\n/usr\r");
    alice.gets("export TZ=UTC\r", "/usr$ ");
    alice.gets("printenv TZ\r", "\nUTC\r");
    alice.gets("if true\rthen echo a'\rb'\rfi\r", "\na\r\nb\r\n");
    alice.gets("ech\u{1b}[Do\u{1b}[C\u{7f}\u{1}\u{5}\u{15}echo cat\u{17}edi\u{1b}bX\u{5}ted\r", "\nXedited\r");
    alice.gets("\u{1b}[A\r", "\nXedited\r");
    alice.gets("cat\r", "/usr$ ");
    alice.gets("ls /nowhere\r", "[2] ");
    let ran = alice.leaves(2);
    has(&ran.stderr, "Ctrl-D leaves");
    assert!(!ran.stderr.contains("nowhere"), "what the target says is not told as ours: {}", ran.stderr);

    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let lines = eventually("the session is closed", || {
        let lines = web.world.get("ada", &format!("/sessions/{session}/transcript"));
        lines.to_string().contains("session closed").then_some(lines)
    });
    let line = |text: &str| {
        let found = lines.as_array().and_then(|all| all.iter().find(|line| line["text"] == text));
        found.cloned().unwrap_or_else(|| panic!("{text:?} is not in {lines}"))
    };
    assert_eq!(line("echo hello")["kind"], "allowed");
    assert_eq!(line("cd -- '/usr' && export TZ='UTC' && { printenv TZ\n}")["kind"], "allowed");
    has(&lines.to_string(), "exit status 2");
    let shell = line("gated-shell");
    assert_eq!((&shell["kind"], &shell["recorded"]), (&json!("allowed"), &json!(true)));
    let path = format!("/sessions/{session}/terminals/{}", shell["statement"]);
    let cast = web.world.api("ada").get(&path).expect("an answer").text;
    for shown in ["web-01:/usr$ ", "echo hello", "hello\\r\\n", "each line is judged", "exit"] {
        has(&cast, shown);
    }
}

/// R60, R61: a line that is held waits in its terminal, runs once as these bytes when it is approved, and not otherwise.
#[test]
fn r60_r61_a_line_of_a_gated_shell_is_held_and_runs_once() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let (mut alice, folder) = (Person::new(&web), web.path("made"));
    let make = format!("mkdir {}", folder.display());
    let held = alice.is_held(&format!("{make}\r"));
    assert_eq!(held["statement"]["texts"], json!([make]));
    assert_eq!(held["statement"]["kinds"], json!(["mkdir"]));
    has(&alice.ssh.stderr.text(), "dave, dora can decide: ");
    alice.types("echo too-early\r");
    assert!(!folder.exists());
    web.world.approve("dora", number(&held["id"]));
    alice.ssh.stderr.wait_for("is approved", SOON).expect("told");
    eventually("it ran", || folder.is_dir().then_some(()));
    std::fs::remove_dir(&folder).expect("removed");

    let again = alice.is_held("\u{1b}[A\r");
    assert_eq!(again["statement"]["texts"], json!([make]), "an approval is for one time");
    web.world.reject("dora", number(&again["id"]), "not on a Friday");
    alice.ssh.stderr.wait_for("dora wrote: not on a Friday", SOON).expect("told");
    alice.sees("[126] ");
    let third = number(&alice.is_held(&format!("cd /\r{make}\r"))["id"]);
    alice.gives_up();
    assert_eq!(web.world.status(third), "Canceled");
    assert_eq!(web.world.request(third)["statement"]["texts"], json!([format!("cd -- '/' && {{ {make}\n}}")]));
    alice.gets("echo goes-on\r", "\ngoes-on\r");
    assert!(!folder.exists());
    let ran = alice.leaves(0);
    assert!(!ran.stdout.contains("too-early"), "keys typed while it waits go nowhere: {}", ran.stdout);
}

/// R60: Ctrl-C that comes with its line, before anybody could look, is not lost: what is approved already is not run, and stays
/// approved.
#[test]
fn r60_ctrl_c_behind_a_line_keeps_what_is_approved_from_running() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let folder = web.path("made");
    let make = format!("mkdir {}", folder.display());
    let request = number(&Person::new(&web).is_held(&format!("{make}\r"))["id"]);
    web.world.approve("dora", request);
    let mut alice = Person::new(&web);
    alice.gets(&format!("{make}\r{INTERRUPT}"), "[126] ");
    assert!(!folder.exists());
    alice.types(&format!("{make}\r"));
    eventually("it ran", || folder.is_dir().then_some(()));
    alice.leaves(0);
}

/// R63: however a line is written, sent or pasted, whatever the target drew before: it is held, and what is listed runs.
#[test]
fn r63_no_way_of_typing_gets_around_a_gated_shell() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let (mut alice, kept, forged) = (Person::new(&web), web.path("kept"), web.path("forged"));
    std::fs::write(&kept, "").expect("written");
    let draws = "\u{1b}[?1049h\u{1b}[?47h\u{1b}[2J\u{1b}]0;t\u{7}**\u{18}B00000000000000\r\nPS1='password:'\npassword:root@web-01:~$ \u{1b}]0;";
    std::fs::write(&forged, draws).expect("written");
    let rm = format!("rm {}", kept.display());
    let ways = [
        (format!("{rm}\n"), rm.clone()),
        (format!("{rm}\u{f}"), rm.clone()),
        (format!("{rm}\r"), rm.clone()),
        (format!("\u{1b}[?1049h\u{1b}]0;x\u{7}\u{1b}P1$r0m\u{1b}\\{rm}\r"), rm.clone()),
        (format!("\u{1b}[200~ls\n{rm}\n\u{1b}[201~\r"), format!("ls\n{rm}\n")),
        (format!("ls -d /\n{rm}\nls -d /pasted\n"), rm.clone()),
        (format!("**\u{18}B00{rm}\r"), format!("**B00{rm}")),
        (format!("bind -x '\"a\": {rm}'\r"), format!("bind -x '\"a\": {rm}'")),
        (format!("alias ls='{rm}'\r"), format!("alias ls='{rm}'")),
        ("!!\r".to_owned(), "!!".to_owned()),
        ("fc -s\r".to_owned(), "fc -s".to_owned()),
        (format!("r\\m {}\r", kept.display()), format!("r\\m {}", kept.display())),
        (format!("$'\\x72\\x6d' {}\r", kept.display()), format!("$'\\x72\\x6d' {}", kept.display())),
        ("\u{ff52}\u{ff4d} x\r".to_owned(), "\u{ff52}\u{ff4d} x".to_owned()),
        (format!("ls; {rm}\r"), format!("ls; {rm}")),
        (format!("ls `{rm}`\r"), format!("ls `{rm}`")),
        (format!("ls > {}\r", kept.display()), format!("ls > {}", kept.display())),
        (format!("ls &\u{0}& {rm}\r"), format!("ls && {rm}")),
        ("bash -l\r".to_owned(), "bash -l".to_owned()),
        ("vi x\r".to_owned(), "vi x".to_owned()),
        ("export PATH=/tmp\rls\r".to_owned(), "export PATH='/tmp' && { ls\n}".to_owned()),
    ];
    for (keys, text) in ways {
        alice.gets("true\r", "~$ ");
        alice.gets(&format!("cat {}\r", forged.display()), "password:");
        let held = alice.is_held(&keys);
        assert_eq!(held["statement"]["texts"], json!([text]), "{keys:?}");
        let typed = held["statement"]["kinds"].to_string().contains("login-shell");
        assert_eq!(typed, ["bash -l", "vi x"].contains(&text.as_str()), "{held}");
        alice.gives_up();
    }
    alice.gets("unset PATH\rls -d /etc\r", "\n/etc\r");
    let ran = alice.leaves(0);
    assert!(kept.exists() && std::fs::read(&kept).expect("read").is_empty());
    assert!(!ran.stdout.contains("\n/pasted"), "what was pasted behind what is held goes nowhere");
    has(&ran.stdout, "<U+FF52><U+FF4D> x");
    // Whatever a line left the terminal in, it is out of it before anything of ours is shown.
    let reset = "\u{1b}]0;\u{18}\u{1b}\\\u{1b}]8;;\u{1b}\\\u{1b}[?1047l\u{1b}[!p";
    assert_eq!(times(&ran.stdout, reset), times(&ran.stdout, "\u{1b}[?47h"), "{:?}", ran.stdout);
    has(&ran.stderr, "ends with its line");
}

/// R63: what is approved as a whole has the terminal until it ends; then the prompt is back.
#[test]
fn r60_r63_a_free_shell_is_held_as_a_whole_in_a_gated_one() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let mut alice = Person::new(&web);
    let held = alice.is_held("bash -l\recho typed-behind\r");
    assert_eq!(held["statement"]["kinds"], json!(["bash", "login-shell"]));
    alice.types("echo typed-too-early\r");
    web.world.approve("dora", number(&held["id"]));
    alice.ssh.stderr.wait_for("is approved", SOON).expect("told");
    alice.gets("test -t 0 && echo hello-$((6 * 7))\n", "hello-42");
    alice.gets("exit 7\n", "[7] ");
    alice.gets("true\r", "~$ ");
    let shown = alice.leaves(0).stdout;
    assert!(!shown.contains("typed-too-early") && !shown.contains("typed-behind"), "{shown}");

    let never = "[[rule]]\nname = \"never\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
                 programs = [\"login-shell\"]\n";
    web.world.apply(&[&web.device(), FREE, ALL_BUT, never, DBA]);
    let mut alice = Person::new(&web);
    alice.gets("bash -l\r", "[126] ");
    alice.ssh.stderr.wait_for("refused by `never`", SOON).expect("told why");
    alice.gets("echo still-gated\r", "\nstill-gated\r");
    alice.leaves(0);
}

/// R35, R63: Ctrl-C ends the line that runs, on the target, and no other command of the connection; so does leaving.
#[test]
fn r35_ctrl_c_ends_a_line_of_a_gated_shell_and_nothing_else() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let ssh = web.ssh("alice").shared();
    let (other, mark) = (format!("71{}", web.sshd.port()), format!("72{}", web.sshd.port()));
    let beside = ssh.spawn(&format!("echo begun; sleep {other}")).expect("ssh starts");
    beside.stdout.wait_for("begun", SOON).expect("it runs");
    let mut alice = Person { web: &web, ssh: ssh.terminal("").expect("ssh starts"), held: 0 };
    alice.sees("~$ ");
    alice.types(&format!("sleep {mark}\r"));
    eventually("it runs", || runs(&mark).then_some(()));
    alice.types("echo ahead\r");
    alice.gets(INTERRUPT, "[130] ");
    eventually("it runs no more", || (!runs(&mark)).then_some(()));
    assert!(runs(&other), "what runs beside it goes on");
    alice.gets("echo goes-on\r", "\ngoes-on\r");
    assert!(!alice.ssh.stdout.so_far().contains("\nahead\r"), "Ctrl-C drops what was typed ahead");
    // What is left in the background keeps the prompt until it is stopped.
    alice.gets(&format!("sleep 5 & true\r{INTERRUPT}"), "[130] ");
    alice.gets("echo goes-on-still\r", "\ngoes-on-still\r");
    alice.types(&format!("sleep {mark}\r"));
    eventually("it runs", || runs(&mark).then_some(()));
    drop(alice);
    // A connection of OpenSSH that clients share may say that one of them is gone only once something wakes it: our question
    // whether it is there.
    eventually("it does not outlive its client", || (!runs(&mark)).then_some(()));
    assert!(runs(&other), "what runs beside it goes on");
}

/// R35: a revoke ends a gated shell with what runs in it, or waits at its prompt.
#[test]
fn r35_a_revoke_ends_a_gated_shell() {
    let web = Web::new(&[ASKED, ALL_BUT, DBA]);
    let mark = format!("73{}", web.sshd.port());
    for line in ["", &format!("sleep {mark}\r")] {
        let request = web.reserved("alice");
        let mut alice = Person::new(&web);
        alice.types(line);
        eventually("it runs", || (line.is_empty() || runs(&mark)).then_some(()));
        web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "wrong person" }));
        let ran = alice.ssh.finish(SOON).expect("an end");
        has(&ran.stderr, "is Revoked: mia wrote: wrong person");
        assert_ne!(ran.code, 0);
        eventually("it runs no more", || (!runs(&mark)).then_some(()));
    }
}

/// A rule that comes into force speaks of the next line.
#[test]
fn r63_a_new_rule_speaks_of_the_next_line() {
    let web = Web::new(&[FREE, ALL_BUT, DBA]);
    let mut alice = Person::new(&web);
    alice.gets("echo before\r", "\nbefore\r");
    let fewer = ALL_BUT.replace("\"echo\", ", "");
    web.world.apply(&[&web.device(), FREE, &fewer, DBA]);
    alice.is_held("echo later\r");
    alice.gives_up();
    web.world.apply(&[&web.device(), FREE, DBA]);
    alice.gets("mkdir -p /tmp\r", "~$ ");
    // A line has no input, even where a shell would be free by now.
    alice.gets("cat; echo end\r", "\nend\r");
    alice.leaves(0);
}

/// R63: what would bring a session beyond the risk that is borne is refused; and as many refused tries as a rule bears end it.
#[test]
fn r63_refused_tries_end_the_session_and_risk_is_added_up() {
    let web = Web::new(&[FREE, WATCHFUL]);
    let mut alice = Person::new(&web);
    for _ in 0..2 {
        alice.gets("sleep 0\r", "~$ ");
    }
    alice.gets("sleep 0\r", "[126] ");
    has(&alice.ssh.stderr.text(), "it would bring the risk of this session to 60, of at most 50");
    alice.gets("echo still here\r", "\nstill here\r");
    alice.gets("shutdown now\r", "[126] ");
    assert!(!alice.ssh.stderr.text().contains("ends the session"), "{}", alice.ssh.stderr.text());
    alice.types("shutdown -r now\r");
    let ran = alice.ssh.finish(SOON).expect("an end");
    has(&ran.stderr, "refused by `no-shutdown`");
    has(&ran.stderr, "3 tries were refused, which ends the session");

    let session = eventually("the session is closed", || {
        let session = web.world.get("ada", "/sessions")[0].clone();
        (session["ended"] != "").then_some(session)
    });
    assert_eq!(session["ended"], "refused too often", "{session}");
    let lines = web.world.get("ada", &format!("/sessions/{}/transcript", session["id"])).to_string();
    has(&lines, "risk 20, 40 in this session so far");
    assert!(!lines.contains("60 in this session so far"), "{lines}");
    // The next session begins anew.
    let mut again = Person::new(&web);
    again.gets("sleep 0\r", "~$ ");
    again.leaves(0);
}
