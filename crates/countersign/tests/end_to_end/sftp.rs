//! Files over SSH: the real `sftp` and `scp`, and a client that sends what they would not, in front of a real OpenSSH server.

use crate::sftp_raw::{CLOSE, EXTENDED, Raw, STAT, open, packet, read, request, text, write};
use crate::ssh::{ASKED, FREE, Web};
use crate::world::{DBA, SOON, eventually, has};
use countersign_harness::Ran;
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

pub(crate) const MANY_BYTES: usize = 20 << 20;

impl Web {
    pub(crate) fn sftp(&self, lines: &str) -> Ran {
        self.ssh("alice").sftp(lines).expect("sftp runs")
    }

    pub(crate) fn raw(&self) -> Raw {
        Raw::new(&self.ssh("alice"))
    }

    /// A folder of the server's, which is this machine.
    pub(crate) fn folder(&self, name: &str) -> String {
        let folder = self.path(name);
        fs::create_dir_all(&folder).expect("a folder");
        folder.display().to_string()
    }

    /// What the transcript of the latest session says once it is closed.
    pub(crate) fn transcript(&self) -> String {
        eventually("the sessions are closed", || {
            let sessions = self.world.get("ada", "/sessions");
            let ids = sessions.as_array().expect("sessions").iter().map(|session| session["id"].to_string());
            let lines: Vec<_> =
                ids.map(|id| self.world.get("ada", &format!("/sessions/{id}/transcript")).to_string()).collect();
            lines.iter().all(|lines| lines.contains("session closed")).then(|| lines.concat())
        })
    }
}

pub(crate) fn done(ran: &Ran) {
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
}

/// A file of bytes that do not repeat.
pub(crate) fn many(path: &Path) -> Vec<u8> {
    let mut dice = fastrand::Rng::with_seed(0x5f7);
    let bytes: Vec<u8> = std::iter::repeat_with(|| dice.u8(..)).take(MANY_BYTES).collect();
    fs::write(path, &bytes).expect("written");
    bytes
}

pub(crate) fn sha256(path: &Path) -> String {
    let said = Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    String::from_utf8_lossy(&said.stdout).split_whitespace().next().expect("a sum").to_owned()
}

/// R52, R64: what goes up and what comes down is the same, and the transcript has its sum and not a byte of it.
#[test]
fn r52_r64_files_go_both_ways_byte_for_byte() {
    let web = Web::new(&[FREE]);
    let folder = web.folder("both ways");
    let at = |name: &str| Path::new(&folder).join(name);
    let bytes = many(&at("mine"));
    done(&web.sftp(&format!("put \"{folder}/mine\" \"{folder}/up\"\nget \"{folder}/up\" \"{folder}/down\"\n")));
    assert!(fs::read(at("up")).expect("it is there") == bytes && fs::read(at("down")).expect("it is there") == bytes);
    let (mine, there) = (format!("{folder}/mine"), format!("there:{folder}/copied"));
    done(&web.ssh("alice").scp(&["-p", &mine, &there]).expect("scp runs"));
    done(&web.ssh("alice").scp(&[&there, &format!("{folder}/back")]).expect("scp runs"));
    assert!(
        fs::read(at("copied")).expect("it is there") == bytes && fs::read(at("back")).expect("it is there") == bytes
    );
    let lines = web.transcript();
    let sum = sha256(&at("mine"));
    for line in [
        format!("wrote {MANY_BYTES} bytes, SHA-256 {sum}"),
        format!("read {MANY_BYTES} bytes, SHA-256 {sum}"),
        // As JSON has it: a path with a blank stands in quotes.
        format!("sftp-write \\\"{folder}/up\\\""),
        "sftp-setstat".to_owned(),
    ] {
        has(&lines, &line);
    }
    assert_eq!(lines.matches(&sum).count(), 4, "{lines}");
}

/// R52: what else one does with files.
#[test]
fn r52_files_are_listed_renamed_linked_and_removed() {
    let web = Web::new(&[FREE]);
    let folder = web.folder("much");
    let here = web.path("here");
    fs::write(&here, "text\n").expect("written");
    let here = here.display();
    done(&web.sftp(&format!(
        "cd {folder}\nmkdir in\ncd in\nput {here} a\nchmod 640 a\nrename a b\nln -s b soft\nln b hard\nput {here} gone\n\
         rm gone\nmkdir empty\nrmdir empty\ndf .\ncd ..\n"
    )));
    let at = |name: &str| Path::new(&folder).join("in").join(name);
    assert_eq!(fs::metadata(at("b")).expect("it is there").permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(at("soft")).expect("a link"), Path::new("b"));
    assert_eq!(fs::read_to_string(at("hard")).expect("it is there"), "text\n");
    assert!(!at("a").exists() && !at("gone").exists() && !at("empty").exists());
    let listed = web.sftp(&format!("ls -l {folder}/in\npwd\n"));
    done(&listed);
    has(&listed.stdout, "-rw-r-----");
    has(&listed.stdout, "hard");
    done(&web.ssh("alice").scp(&["-r", "-q", &format!("there:{folder}/in"), &format!("{folder}/out")]).expect("runs"));
    assert_eq!(fs::read_to_string(Path::new(&folder).join("out/soft")).expect("it is there"), "text\n");
    // What the target says no to is told, by the client and in the transcript.
    let none = web.sftp(&format!("rm {folder}/none\n"));
    assert_ne!(none.code, 0);
    let lines = web.transcript();
    has(&lines, &format!("sftp-rename {folder}/in/a {folder}/in/b"));
    has(&lines, &format!("sftp-setstat {folder}/in/a mode=0640"));
    has(&lines, "no such file (status 2)");
}

/// What changes something on the target.
pub(crate) const CHANGES: [&str; 7] =
    ["sftp-write", "sftp-rename", "sftp-remove", "sftp-mkdir", "sftp-rmdir", "sftp-setstat", "sftp-link"];

/// R62, R63: a rule on a path keeps its files however they are asked for, and what is beside it is as before.
#[test]
fn r62_a_rule_on_a_path_keeps_its_files() {
    let web = Web::new(&[FREE]);
    let (kept, open_to_all) = (web.folder("kept"), web.folder("open"));
    let deny = format!(
        "[[rule]]\nname = \"kept\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\npaths = [\"{kept}/\"]\n\
         trusted = {CHANGES:?}\n"
    );
    web.world.apply(&[&web.device(), FREE, &deny]);
    let secret = Path::new(&kept).join("secret");
    fs::write(&secret, "secret\n").expect("written");
    let here = web.path("here");
    fs::write(&here, "mine\n").expect("written");
    let here = here.display().to_string();
    for line in [
        format!("get {kept}/secret {here}.got"),
        format!("put {here} {kept}/secret"),
        format!("put {here} {kept}/new"),
        format!("ls {kept}"),
        format!("rm {kept}/secret"),
        format!("rename {kept}/secret {open_to_all}/x"),
        format!("rename {kept} {open_to_all}/x"),
        format!("mkdir {kept}/new"),
        format!("rmdir {kept}"),
        format!("chmod 666 {kept}/secret"),
        format!("ln {kept}/secret {open_to_all}/x"),
        format!("ln -s {kept}/secret {open_to_all}/x"),
        format!("ln -s ../kept {open_to_all}/x"),
    ] {
        let ran = web.sftp(&format!("{line}\n"));
        assert_ne!(ran.code, 0, "{line}: {}", ran.stdout);
        has(&format!("{}{}", ran.stdout, ran.stderr).to_lowercase(), "refused by `kept`");
    }
    done(&web.sftp(&format!("put {here} {open_to_all}/new\nrename {open_to_all}/new {open_to_all}/x\n")));
    let ran = web.sftp(&format!("rename {open_to_all}/x {kept}/secret\n"));
    assert_ne!(ran.code, 0);
    has(&ran.stderr.to_lowercase(), "refused by `kept`");
    assert_eq!(fs::read_to_string(&secret).expect("it is there"), "secret\n");
    assert_eq!(fs::read_dir(&kept).expect("a folder").count(), 1);

    // As no client of its own writes them.
    let mut raw = web.raw();
    let home = std::env::var("HOME").unwrap_or_default();
    let up = "../".repeat(home.matches('/').count());
    for path in [
        format!("{up}{}/secret", &kept[1..]),
        format!("./{up}/.{kept}//secret"),
        format!("{open_to_all}/../kept/secret"),
        format!("/../{kept}/./secret"),
    ] {
        for flags in [1, 2, 4 | 2, 8 | 2, 16 | 2, 3, 0] {
            let answer = raw.ask(&open(7, &path, flags));
            assert_eq!((answer.code(), answer.id), (3, 7), "{path} {flags}: {}", answer.words());
            has(&answer.words(), "refused by `kept`");
        }
    }
    assert_eq!(fs::read_to_string(&secret).expect("it is there"), "secret\n");
    drop(raw);
    let lines = web.transcript();
    has(&lines, &format!("sftp-remove {kept}/secret"));
    has(&lines, "refused by `kept`");
}

/// R63: a rule that holds all but what it names holds files too; what cannot wait for approval is refused, and says so.
#[test]
fn r63_all_but_a_few_operations_are_refused() {
    let all = "[[rule]]\nname = \"all\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
               free = [\"ls\", \"sftp-stat\", \"sftp-read\"]\n";
    let web = Web::new(&[FREE, all]);
    let folder = web.folder("few");
    fs::write(Path::new(&folder).join("a"), "text\n").expect("written");
    done(&web.sftp(&format!("get {folder}/a {folder}/b\n")));
    for line in ["put {}/a {}/c", "ls {}", "rm {}/a", "rename {}/a {}/c", "mkdir {}/d"] {
        let ran = web.sftp(&format!("{}\n", line.replace("{}", &folder)));
        assert_ne!(ran.code, 0, "{line}: {}", ran.stdout);
        has(&format!("{}{}", ran.stdout, ran.stderr).to_lowercase(), "refused by `all`");
    }
    let left = fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(left, 2);

    let held = "[[rule]]\nname = \"writing\"\nact = \"run\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n\
                programs = [\"sftp-write\"]\nworkflow = \"dba\"\n";
    web.world.apply(&[&web.device(), FREE, held, DBA]);
    // One that is opened for both is written as well, and both at once cannot wait.
    let answer = web.raw().ask(&open(1, &format!("{folder}/a"), 3));
    assert_eq!(answer.code(), 3, "{}", answer.words());
    has(&answer.words(), "to be read or to be written, not both");
    // What is changed by a file may be run later: to a rule that does not say that it knows better, it may be anything.
    let folders = "[[rule]]\nname = \"folders\"\nact = \"run\"\noutcome = \"deny\"\ngroups = [\"developers\"]\n\
                   programs = [\"mkdir\"]\n";
    web.world.apply(&[&web.device(), FREE, folders]);
    done(&web.sftp(&format!("ls {folder}\nget {folder}/a {folder}/e\n")));
    for line in
        ["put {}/a {}/.bashrc", "mkdir {}/d", "rm {}/a", "rename {}/a {}/c", "chmod 777 {}/a", "ln -s {}/a {}/c"]
    {
        let ran = web.sftp(&format!("{}\n", line.replace("{}", &folder)));
        assert_ne!(ran.code, 0, "{line}: {}", ran.stdout);
        has(&format!("{}{}", ran.stdout, ran.stderr).to_lowercase(), "refused by `folders`");
    }
}

/// R35: a revoke cuts a running upload, and what was open is noted.
#[test]
fn r35_a_revoke_cuts_a_running_upload() {
    let web = Web::new(&[ASKED]);
    let folder = web.folder("cut");
    let (mine, up) = (Path::new(&folder).join("mine"), Path::new(&folder).join("up"));
    many(&mine);
    let request = web.reserved("alice");
    // Kilobits in a second: it would take longer than anybody waits.
    let arguments = ["-l", "800", &mine.display().to_string(), &format!("there:{}", up.display())];
    let alice = web.ssh("alice").spawn_scp(&arguments).expect("scp starts");
    eventually("it goes up", || fs::metadata(&up).is_ok_and(|up| up.len() > 0).then_some(()));
    web.world.done("mia", &format!("/requests/{request}/revoke"), &json!({ "reason": "wrong file" }));
    let ran = alice.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "mia wrote: wrong file");
    let length = fs::metadata(&up).expect("it is there").len();
    assert!(length < MANY_BYTES as u64);
    has(&web.transcript(), "not closed; wrote ");
    assert_eq!(fs::metadata(&up).expect("it is there").len(), length);
}

/// R52: what nobody should send is answered, and brings nothing down.
#[test]
fn r52_odd_packets_are_refused_and_bring_nothing_down() {
    let web = Web::new(&[FREE]);
    let folder = web.folder("odd");
    let file = format!("{folder}/file");
    fs::write(&file, "text\n").expect("written");
    let mut raw = web.raw();
    let stat = |id, path: &[u8]| request(STAT, id, &[&text(path)]);
    let handle = raw.ask(&open(1, &file, 1)).handle();
    for (id, packet, code, words) in [
        (2, request(99, 2, &[]), 8, "not known"),
        (3, packet(1, &[&3_u32.to_be_bytes()]), 8, "not known"),
        (4, request(EXTENDED, 4, &[&text(b"run@example.org"), &text(b"id")]), 8, "not known"),
        (5, request(EXTENDED, 5, &[]), 5, "not as it should"),
        (6, request(STAT, 6, &[&[0, 0, 0, 9], b"x"]), 5, "not as it should"),
        (7, request(STAT, 7, &[&text(file.as_bytes()), b"x"]), 5, "not as it should"),
        (8, open(8, &file, 64), 5, "not as it should"),
        (9, stat(9, b"/\xff"), 3, "UTF-8"),
        (10, stat(10, &[b'a'; 4097]), 3, "longer than"),
        (11, stat(11, b"/x\0y"), 3, "a byte that ends it"),
        (12, write(12, &text(b"none"), 0, b"x"), 4, "no such handle"),
        (13, request(CLOSE, 13, &[&text(b"")]), 4, "no such handle"),
        (14, write(14, &handle, 0, b"x"), 3, "not opened for this"),
        (15, request(12, 15, &[&handle]), 4, "no folder"),
    ] {
        let answer = raw.ask(&packet);
        assert_eq!((answer.id, answer.code()), (id, code), "{}", answer.words());
        has(&answer.words(), words);
    }
    // Two of one number: the second is told no before the first has its answer, or after it.
    raw.send(&[stat(20, file.as_bytes()), stat(20, file.as_bytes())].concat());
    let answers = [raw.answer(), raw.answer()];
    assert!(answers.iter().any(|answer| answer.kind == 101 && answer.code() == 5), "{answers:?}");
    assert_eq!(raw.ask(&read(21, &handle, 0, 100)).rest, text(b"text\n"));
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "text\n");
    for (end, words) in [
        (vec![0, 4, 0, 1, 3], "longer than 262144 bytes"),
        (vec![255; 32], "longer than 262144 bytes"),
        (vec![0, 0, 0, 0], "is empty or longer"),
        (vec![0, 0, 0, 2, 3, 3], "too short"),
    ] {
        let mut raw = web.raw();
        raw.send(&end);
        let (status, said) = raw.end();
        assert!(!status.success());
        has(&said, words);
    }
    let mut old = Raw::silent(&web.ssh("alice"));
    old.send(&packet(1, &[&2_u32.to_be_bytes()]));
    has(&old.end().1, "version 3 or later");
    assert_eq!(raw.ask(&stat(22, file.as_bytes())).kind, 105);
    assert_eq!(web.run("alice", "echo ran").stdout, "ran\n");
}

/// Requests are not held up by those before them, and there are limits to what is open and under way.
#[test]
fn r52_many_requests_are_answered_and_so_many_files_are_open() {
    let web = Web::new(&[FREE]);
    let file = format!("{}/file", web.folder("many"));
    fs::write(&file, "text\n").expect("written");
    let mut raw = web.raw();
    let handle = raw.ask(&open(1, &file, 1)).handle();
    let both = [read(2, &handle, 0, 2), read(3, &handle, 2, 3)].concat();
    raw.send(&both);
    let answers = [raw.answer(), raw.answer()].map(|answer| (answer.id, answer.rest));
    assert_eq!(answers, [(2, text(b"te")), (3, text(b"xt\n"))]);
    let all: Vec<u8> = (10..3010).flat_map(|id| request(STAT, id, &[&text(file.as_bytes())])).collect();
    raw.send(&all);
    for id in 10..3010 {
        assert_eq!((raw.answer().id, id), (id, id));
    }
    for id in 4000..4511 {
        raw.ask(&open(id, &file, 1)).handle();
    }
    let answer = raw.ask(&open(5000, &file, 1));
    assert_eq!(answer.code(), 4);
    has(&answer.words(), "too many files");
    assert_eq!(raw.ask(&request(CLOSE, 5001, &[&handle])).code(), 0);
    assert_eq!(raw.ask(&read(5002, &handle, 0, 1)).code(), 4, "it was closed");
    raw.ask(&open(5003, &file, 1)).handle();
}

/// R52: a transfer takes the place of a command, so that a channel of the target is left by which all can be ended.
#[test]
fn r52_transfers_and_commands_share_their_places() {
    let web = Web::new(&[FREE]);
    let ssh = web.ssh("alice").shared();
    let mut transfers = vec![Raw::new(&ssh)];
    transfers.extend((1..9).map(|_| Raw::new(&ssh)));
    let commands: Vec<_> = (0..3).map(|n| ssh.spawn(&format!("sleep 1; echo {n}")).expect("starts")).collect();
    // The first has the connection that the others share.
    drop(transfers.pop());
    for (n, command) in commands.into_iter().enumerate() {
        let ran = command.finish(SOON).expect("an end");
        assert_eq!((ran.stdout, ran.code), (format!("{n}\n"), 0), "{}", ran.stderr);
    }
}
