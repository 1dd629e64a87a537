//! What terminals showed, replayed: on the page in a real browser, and by the command line.

use crate::ssh::{FOLDERS, FREE, Web};
use crate::world::{DBA, SOON, eventually, has};
use countersign_harness::{Ran, browser};
use serde_json::{Value, json};
use std::path::Path;

/// What a target may send to whoever looks at it, in one line of 10 MB and some more: sequences that set titles, make links,
/// fill clipboards, ask, resize, print and open other screens, markup, and bytes that are no text.
fn hostile() -> Vec<u8> {
    let mut bytes = vec![b'x'; 10_000_000];
    bytes.extend_from_slice(
        b"\r\n\x1b]0;evil-title\x07\x1b]2;evil-title\x1b\\\x1b]8;;https://evil.example/\x1b\\evil-link\x1b]8;;\x1b\\\r\n\
          \x1b]52;c;ZXZpbC1jbGlwYm9hcmQ=\x07\x1b[6n\x1b[c\x1b[>c\x1b[18t\x1b[8;9999;9999t\x1bP$qm\x1b\\\x1b_Gf=100;AAAA\x1b\\\
          \x1b]1337;File=inline=1:AAAA\x07\x1b[5i\x1b[?1000h\x1b[?2004h\x1b(0qqq\x1b(B\x0e\x0f\x05\
          <script>globalThis.evil = true</script><img src=x onerror=\"globalThis.evil = true\">\r\n\
          \xff\xfe\xc3(\xc2\x9b31m\xe2\x80\xaeturned\xe2\x80\xac\r\n\x1b[1;31mred-\x1b[0mand-plain\r\n",
    );
    bytes
}

/// Runs a browser script with one page to look at; what it prints belongs to the test's output.
pub fn look(web: &Web, script: &str, page: &str) {
    let passwords =
        json!({ "ada": web.world.server.password("ada"), "bob": web.world.server.password("bob") }).to_string();
    let env = [
        ("COUNTERSIGN_ADDRESS", web.world.server.page_address()),
        ("COUNTERSIGN_PASSWORDS", passwords),
        ("COUNTERSIGN_REPLAY", page.to_owned()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ran = browser::run_script(Path::new(script), &env).unwrap_or_else(|error| panic!("{script}: {error}"));
    println!("{}", ran.stdout);
    assert!(ran.succeeded(), "{script}:\n{}\n{}", ran.stdout, ran.stderr);
}

pub fn play(web: &Web, person: &str, words: &[&str]) -> Ran {
    web.world.api(person);
    let words: Vec<&str> = ["play"].into_iter().chain(words.iter().copied()).collect();
    web.world.server.cli(person, &words).unwrap_or_else(|error| panic!("{error}"))
}

/// The latest session.
fn session(web: &Web) -> String {
    web.world.get("ada", "/sessions")[0]["id"].to_string()
}

fn ended(web: &Web, session: &str) {
    eventually("the session is closed", || {
        let lines = web.world.get("ada", &format!("/sessions/{session}/transcript"));
        lines.to_string().contains("session closed").then_some(())
    });
}

/// How often somebody read what was shown, as the audit says.
fn readings(web: &Web) -> usize {
    let lines = web.world.get("ada", "/audit?kind=transcript_read&limit=500");
    lines.as_array().map_or(0, Vec::len)
}

/// R70: whatever a target sends to the terminal is drawn as cells where it is replayed, and does nothing else there.
#[test]
fn r70_hostile_output_is_drawn_as_cells_and_does_nothing() {
    let web = Web::new(&[FREE]);
    web.world.api("bob");
    let file = web.path("hostile");
    std::fs::write(&file, hostile()).expect("written");
    let shown = web.ssh("alice").terminal(&format!("cat {}", file.display())).expect("ssh starts");
    assert_eq!(shown.finish(SOON).expect("an end").code, 0);
    let session = session(&web);
    ended(&web, &session);

    let before = readings(&web);
    let ran = play(&web, "ada", &[&session, "1"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    has(&ran.stdout, "red-and-plain");
    has(&ran.stdout, "<script>globalThis.evil = true</script>");
    has(&ran.stderr, "exit status 0");
    let telling = |c: char| c.is_control() && c != '\n';
    assert!(!ran.stdout.contains(telling) && !ran.stderr.contains(telling), "{:?} {:?}", ran.stdout, ran.stderr);
    assert!(!ran.stdout.contains("evil-title") && !ran.stdout.contains("evil.example"), "{}", ran.stdout);
    assert!(!ran.stdout.contains('\u{202e}'), "{}", ran.stdout);
    assert_eq!(readings(&web), before + 1, "reading it is in the audit");

    look(&web, "replay_hostile.mjs", &format!("/sessions/{session}/terminals/1"));
    assert_eq!(readings(&web), before + 2, "the page and what it fetches are one reading");
}

/// R70: the page seeks, jumps to what was held, released and over, finds text, and says who, what and when.
#[test]
fn r70_a_recording_is_replayed_with_its_marks() {
    let web = Web::new(&[FREE, FOLDERS, DBA]);
    web.world.api("bob");
    let ssh = web.ssh("alice").shared();
    let mut shell = ssh.terminal("bash -l").expect("ssh starts");
    web.world.approve("dora", web.world.held_number("dora"));
    shell.stderr.wait_for("is approved", SOON).expect("told");
    shell
        .send("echo \"hello-$((6 * 7))\"; printf '\\033[1;32mgreen\\033[0m \\033[31mred\\033[0m\\n'\n")
        .expect("typed");
    shell.stdout.wait_for("hello-42", SOON).expect("it runs");
    // Another command of the same session is held and released while the shell is open.
    let made = web.path("made");
    let other = ssh.spawn(&format!("mkdir {}", made.display())).expect("ssh starts");
    let held = web.world.held_number("dora");
    let open = session(&web);
    let so_far = play(&web, "ada", &[&open, "1"]);
    has(&so_far.stdout, "hello-42");
    web.world.approve("dora", held);
    assert_eq!(other.finish(SOON).expect("an end").code, 0);
    shell.send("echo 'second-'hello; exit 3\n").expect("typed");
    assert_eq!(shell.finish(SOON).expect("an end").code, 3);
    drop(ssh);

    let ran = play(&web, "ada", &[&open]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    has(&ran.stdout, "second-hello");
    for mark in [format!("held #{held}"), format!("released #{held}"), "exit status 3".to_owned()] {
        has(&ran.stderr, &mark);
    }
    let lines = play(&web, "ada", &[&open, "1", "--json"]);
    let events: Vec<Value> = lines.stdout.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(events[0]["version"], 3);
    for (person, words) in [("bob", [open.as_str(), "1"]), ("ada", [open.as_str(), "9"])] {
        assert_eq!(play(&web, person, &words).code, 1, "{person}: not found");
    }
    look(&web, "replay.mjs", &format!("/sessions/{open}/terminals/1"));
}

/// Watching must be approved, by bob.
const WATCHED: &str = "[parameters]\n\"session.video.approval\" = true\n[parameters.approvers]\npam_core = [\"bob\"]\n";

/// R71, R74: a shell is watched live once that was approved, shows at once what it shows, and is ended from there; the command
/// line asks for it and is told why not before.
#[test]
fn r71_r74_a_shell_is_watched_live_once_approved_and_ended() {
    let web = Web::new(&[FREE, WATCHED]);
    web.world.api("bob");
    let mut shell = web.ssh("alice").terminal("").expect("ssh starts");
    shell.send("echo hello-$((6 * 7)); i=0; while sleep 0.5; do i=$((i+1)); echo tick-$i; done\n").expect("typed");
    shell.stdout.wait_for("tick-2", SOON).expect("it runs");
    let open = session(&web);
    let ran = play(&web, "ada", &[&open, "1"]);
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    has(&ran.stderr, "must be approved first");
    look(&web, "live.mjs", &format!("/sessions/{open}/terminals/1"));
    let ran = shell.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0, "it was ended");

    let asked = web.world.server.cli("alice", &["watch", &open, "--reason", "to learn from it"]).expect("asked");
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    let number = web.world.get("bob", "/requests?scope=for_me")[0]["id"].as_u64().expect("it waits for bob");
    web.world.approve("bob", number);
    has(&play(&web, "alice", &[&open, "1"]).stdout, "tick-2");
}

/// Where developers connect and what is recorded stays.
const STAYS: &str = "[[rule]]\nname = \"stays here\"\nact = \"connect\"\noutcome = \"allow\"\ngroups = [\"developers\"]\n\
                     recording_export = false\n";

/// R70: what was recorded is saved as a file, an act of its own under the right to watch, unless one of the rules of its request
/// forbids it, whatever the others say; it is watched then as before.
#[test]
fn r70_a_recording_is_exported_unless_a_rule_forbids_it() {
    let web = Web::new(&[FREE]);
    let shown = |web: &Web| {
        let mut shell = web.ssh("alice").terminal("").expect("ssh starts");
        shell.send("echo hello-$((6 * 7))\nexit\n").expect("typed");
        assert_eq!(shell.finish(SOON).expect("an end").code, 0);
        let session = session(web);
        ended(web, &session);
        session
    };
    let first = shown(&web);
    let cli = |words: &[&str]| {
        let words: Vec<&str> = ["export-recording"].into_iter().chain(words.iter().copied()).collect();
        web.world.server.cli("ada", &words).expect("it runs")
    };
    let scratch = |name: &str| web.world.server.scratch_dir().join(name).display().to_string();
    let (transcript, cast) = (scratch("session.jsonl"), scratch("session.cast"));
    let saved = cli(&[&first, &transcript]);
    let bytes = std::fs::metadata(&transcript).expect("saved").len();
    let said = format!("The transcript of session {first} is in `{transcript}`, {bytes} bytes.\n");
    assert_eq!((saved.code, saved.stdout), (0, said));
    let saved = cli(&[&first, &cast, "--terminal", "1", "--json"]);
    let said: Value = serde_json::from_str(&saved.stdout).expect("JSON");
    let bytes = std::fs::metadata(&cast).expect("saved").len();
    assert_eq!((saved.code, said), (0, json!({ "path": cast, "bytes": bytes })));
    let lines = std::fs::read_to_string(&transcript).expect("saved");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told = web.world.get("ada", &format!("/sessions/{first}/transcript"));
    assert_eq!(Value::Array(lines), told, "a line for each");
    let cast = std::fs::read_to_string(&cast).expect("saved");
    let watched = web.world.api("ada").get(&format!("/sessions/{first}/terminals/1")).expect("an answer");
    assert!(cast.contains("hello-42") && cast == watched.text, "{cast}");
    assert_eq!(web.world.api("bob").get(&format!("/sessions/{first}/export")).expect("an answer").status, 404);
    let audit = web.world.get("ada", "/audit?kind=recording_exported").to_string();
    for words in ["exported the transcript of session", "exported what command 1 showed in session"] {
        has(&audit, words);
    }
    assert_eq!(audit.matches("recording_exported").count(), 2, "{audit}");

    web.world.apply(&[&web.device(), FREE, STAYS]);
    // What she has is what the rules were when she was given it.
    let request = web.world.get("ada", "/sessions")[0]["request"].to_string();
    web.world.done("alice", &format!("/requests/{request}/surrender"), &json!({}));
    let second = shown(&web);
    assert_ne!(first, second);
    for path in ["export", "terminals/1/export"] {
        let told = web.world.api("ada").get(&format!("/sessions/{second}/{path}")).expect("an answer");
        assert_eq!(told.status, 409, "{}", told.text);
        has(&told.text, "what this session recorded is not exported, by `stays here`");
    }
    let refused = cli(&[&second, &scratch("none.cast"), "--terminal", "1"]);
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    has(&refused.stderr, "by `stays here`");
    assert!(!Path::new(&scratch("none.cast")).exists());
    let played = play(&web, "ada", &[&second, "1"]);
    has(&played.stdout, "hello-42");
    let journal = scratch("journal");
    assert_eq!(web.world.server.cli("ada", &["export", &journal]).expect("it runs").code, 0);
    let verified = web.world.server.cli("ada", &["verify", &journal]).expect("it runs");
    assert_eq!(verified.code, 0, "{}", verified.stderr);
}
