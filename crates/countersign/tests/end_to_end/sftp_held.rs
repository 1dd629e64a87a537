//! Files over SSH that somebody must approve: the real `sftp` and `scp`, and a client that sends what they would not, in front of a
//! real OpenSSH server.

use crate::sftp::{CHANGES, MANY_BYTES, done, many, sha256};
use crate::sftp_raw::{CLOSE, EXTENDED, FSETSTAT, FSTAT, REMOVE, RENAME, STAT, open, read, request, text, write};
use crate::ssh::{ASKED, FREE, Web};
use crate::world::{DBA, SOON, eventually, has, number};
use countersign_harness::SshSession;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Flags of an upload as `sftp` opens one: to write, create and truncate.
const UPLOAD: u32 = 2 | 8 | 16;

/// A server on which all that concerns one folder needs a member of `dba`, and a folder beside it that needs nobody.
pub(crate) struct Files {
    pub(crate) web: Web,
    pub(crate) kept: String,
    beside: String,
}

impl Files {
    pub(crate) fn new(connect: &str) -> Files {
        let web = Web::new(&[connect]);
        let (kept, beside) = (web.folder("kept"), web.folder("beside"));
        let files = Files { web, kept, beside };
        files.apply(connect, "approve");
        files
    }

    fn apply(&self, connect: &str, outcome: &str) {
        let workflow = if outcome == "approve" { "workflow = \"dba\"\n" } else { "" };
        let rule = format!(
            "[[rule]]\nname = \"kept\"\nact = \"run\"\noutcome = \"{outcome}\"\ngroups = [\"developers\"]\n\
             paths = [\"{}/\"]\ntrusted = {CHANGES:?}\nfree = [\"sftp-stat\"]\n{workflow}",
            self.kept
        );
        self.web.world.apply(&[&self.web.device(), connect, &rule, DBA]);
    }

    fn begin(&self, lines: &str) -> SshSession {
        self.web.ssh("alice").spawn_sftp(lines).expect("sftp starts")
    }

    fn there(&self, name: &str) -> PathBuf {
        Path::new(&self.kept).join(name)
    }

    /// A file of this text beside what is kept.
    pub(crate) fn mine(&self, name: &str, text: &str) -> String {
        let path = Path::new(&self.beside).join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    /// The held request whose text has this; its number and its whole text.
    pub(crate) fn held(&self, part: &str) -> (u64, String) {
        self.web.world.api("dora");
        eventually("it waits for a decision", || {
            let texts = |view: &Value| view["statement"]["texts"][0].as_str().unwrap_or_default().to_owned();
            let inbox = self.web.world.inbox("dora");
            inbox.iter().map(|view| (number(&view["id"]), texts(view))).find(|(_, text)| text.contains(part))
        })
    }

    /// Approves what is held, whose text has this, and waits until the transcript has that it is sent.
    fn approved_and_sent(&self, part: &str) -> u64 {
        let (request, _) = self.held(part);
        self.web.world.approve("dora", request);
        eventually("it is sent", || {
            let sessions = self.web.world.get("ada", "/sessions");
            let mut ids = sessions.as_array()?.iter().map(|session| session["id"].to_string());
            let told = |id: String| self.web.world.get("ada", &format!("/sessions/{id}/transcript")).to_string();
            ids.any(|id| told(id).contains(&format!("released #{request}\""))).then_some(())
        });
        request
    }

    fn outcome(&self, request: u64, words: &str) {
        eventually("the outcome is in the request", || {
            let outcome = self.web.world.request(request)["statement"]["outcome"].to_string();
            outcome.contains(words).then_some(())
        });
    }
}

/// R60, R61, R64: an upload is not on the target before it is approved; the card has its path, length and sum; then it is there once,
/// byte for byte.
#[test]
fn r60_r61_an_approved_upload_is_written_once_byte_for_byte() {
    let files = Files::new(FREE);
    let mine = Path::new(&files.beside).join("mine");
    let bytes = many(&mine);
    fs::set_permissions(&mine, fs::Permissions::from_mode(0o640)).expect("its mode is set");
    let line = format!("put -p {} {}/up\n", mine.display(), files.kept);
    let alice = files.begin(&line);
    let (first, card) = files.held("sftp-write");
    let sum = sha256(&mine);
    for part in [
        &format!("sftp-write {}/up (20,971,520 bytes, SHA-256 {sum})", files.kept),
        "\nopened to write, create, truncate mode=0640",
        "\nthen sets: mode=0640 times=",
    ] {
        has(&card, part);
    }
    let told = alice.stderr.wait_for("held for approval as", SOON).expect("told");
    has(&told, &format!("{}/up: held for approval as #{first}; dave, dora can decide: https://", files.kept));
    assert!(!files.there("up").exists());
    has(&files.web.world.request(first)["what"].to_string(), "set attributes and write a file on ");
    files.web.world.approve("dora", first);
    done(&alice.finish(SOON).expect("an end"));
    assert!(fs::read(files.there("up")).expect("it is there") == bytes);
    assert_eq!(fs::metadata(files.there("up")).expect("it is there").permissions().mode() & 0o777, 0o640);
    files.outcome(first, "exit status 0");

    // The approval is used up.
    fs::remove_file(files.there("up")).expect("removed");
    let again = files.begin(&line);
    let (second, _) = files.held("sftp-write");
    assert_ne!(first, second);
    files.web.world.reject("dora", second, "once is enough");
    let ran = again.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "dora wrote: once is enough");
    assert!(!files.there("up").exists());

    let lines = files.web.transcript();
    for part in [
        format!("held #{first}"),
        format!("released #{first}"),
        format!("wrote {MANY_BYTES} bytes, SHA-256 {sum}"),
        format!("held #{second}"),
        "not done: request".to_owned(),
    ] {
        has(&lines, &part);
    }
    assert!(!lines.contains(&format!("released #{second}")), "{lines}");
}

/// R60: `scp` writes over what is there and cuts it off behind; the card says so, and so it is done.
#[test]
fn r60_an_upload_by_scp_waits_too() {
    let files = Files::new(FREE);
    let mine = files.mine("mine", "short\n");
    fs::write(files.there("up"), "what was there before\n").expect("written");
    let there = format!("there:{}/up", files.kept);
    let alice = files.web.ssh("alice").spawn_scp(&[&mine, &there]).expect("scp starts");
    let (request, card) = files.held("sftp-write");
    has(&card, "(6 bytes, SHA-256 ");
    has(&card, "\nin what is there, which is cut off behind it");
    assert_eq!(fs::read_to_string(files.there("up")).expect("it is there"), "what was there before\n");
    files.web.world.approve("dave", request);
    done(&alice.finish(SOON).expect("an end"));
    assert_eq!(fs::read_to_string(files.there("up")).expect("it is there"), "short\n");
}

/// R60, R61: whoever leaves loses nothing: the approval waits for the same bytes, and for no others.
#[test]
fn r60_r61_an_approved_upload_waits_for_a_client_that_left() {
    let files = Files::new(FREE);
    let (mine, other) = (files.mine("mine", "the right one\n"), files.mine("other", "the wrong one\n"));
    let put = |what: &str| format!("put {what} {}/up\n", files.kept);
    let alice = files.begin(&put(&mine));
    let (request, _) = files.held("sftp-write");
    drop(alice);
    files.web.world.approve("dora", request);
    assert!(!files.there("up").exists());

    // Other bytes, another mode and another name are asked for anew.
    let wrong = files.begin(&put(&other));
    let (asked, _) = files.held("sftp-write");
    assert_ne!(asked, request);
    files.web.world.reject("dora", asked, "no");
    assert_ne!(wrong.finish(SOON).expect("an end").code, 0);
    assert!(!files.there("up").exists());

    let ran = files.begin(&put(&mine)).finish(SOON).expect("an end");
    done(&ran);
    has(&ran.stderr, &format!("#{request} is approved"));
    assert_eq!(fs::read_to_string(files.there("up")).expect("it is there"), "the right one\n");
    files.outcome(request, "exit status 0");
    let third = files.begin(&put(&mine));
    let (asked, _) = files.held("sftp-write");
    assert_ne!(asked, request);
    drop(third);

    // What a rule denies since then is not done, whoever approved it.
    files.web.world.approve("dora", asked);
    files.apply(FREE, "deny");
    fs::remove_file(files.there("up")).expect("removed");
    let ran = files.begin(&put(&mine)).finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr.to_lowercase(), "refused by `kept`");
    assert!(!files.there("up").exists());
}

/// R60: what has no contents waits as well, and is what was approved.
#[test]
fn r60_what_else_one_does_with_files_waits() {
    let files = Files::new(FREE);
    fs::write(files.there("a b"), "text\n").expect("written");
    let (kept, down) = (&files.kept, format!("{}/down", files.beside));
    for (line, text, code) in [
        (format!("get \"{kept}/a b\" {down}"), format!("sftp-read \"{kept}/a b\"\nopened to read"), 0),
        (format!("rename \"{kept}/a b\" {kept}/c"), "c\nby posix-rename@openssh.com".to_owned(), 0),
        (format!("chmod 600 {kept}/c"), format!("sftp-setstat {kept}/c mode=0600\nby SSH_FXP_SETSTAT"), 0),
        (format!("ln -s {kept}/c {kept}/l"), format!("sftp-link {kept}/c {kept}/l\nby SSH_FXP_SYMLINK"), 0),
        (format!("mkdir {kept}/d"), format!("sftp-mkdir {kept}/d mode=0777"), 0),
        (format!("rmdir {kept}/d"), format!("sftp-rmdir {kept}/d"), 0),
        (format!("rm {kept}/none"), format!("sftp-remove {kept}/none"), 1),
        (format!("rm {kept}/c"), format!("sftp-remove {kept}/c"), 0),
    ] {
        let there = || fs::read_dir(kept).expect("a folder").count();
        let (before, alice) = (there(), files.begin(&format!("{line}\n")));
        let (request, card) = files.held("sftp-");
        has(&card, &text);
        assert_eq!(there(), before, "{line}");
        files.web.world.approve("dora", request);
        let ran = alice.finish(SOON).expect("an end");
        assert_eq!(ran.code, code, "{line}: {}", ran.stderr);
        files.outcome(request, if code == 0 { "exit status 0" } else { "no such file" });
    }
    assert_eq!(fs::read_to_string(&down).expect("it is there"), "text\n");
    assert!(!files.there("c").exists() && !files.there("d").exists());
    // One that is rejected is not done, and says why.
    let alice = files.begin(&format!("rename {kept}/l {kept}/m\n"));
    let (request, _) = files.held("sftp-rename");
    files.web.world.reject("dora", request, "it is used");
    let ran = alice.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "dora wrote: it is used");
    assert!(files.there("l").is_symlink());
}

/// R60: others of the channel go on while some wait, but for what would change what waits; each has its own verdict.
#[test]
fn r60_others_go_on_and_what_waits_is_not_overtaken() {
    let files = Files::new(FREE);
    let (kept, beside) = (&files.kept, files.mine("beside", "beside\n"));
    fs::write(files.there("old"), "old\n").expect("written");
    let path = |name: &str| text(format!("{kept}/{name}").as_bytes());
    let mut raw = files.web.raw();
    let (other, to) = (format!("{}/other", files.beside), text(format!("{}/other", files.beside).as_bytes()));
    let before = raw.ask(&open(40, &other, UPLOAD)).handle();
    assert_eq!(raw.ask(&write(41, &before, 0, b"before")).code(), 0);
    raw.send(&request(RENAME, 42, &[&path("old"), &to]));
    let (onto, _) = files.held("/other");
    let copy = [text(b"copy-data"), before.clone(), vec![0; 16], before.clone(), vec![0; 8]].concat();
    for packet in [write(43, &before, 6, b"more"), request(EXTENDED, 43, &[&copy])] {
        let answer = raw.ask(&packet);
        assert_eq!((answer.id, answer.code()), (43, 4));
        has(&answer.words(), "wait until it is decided");
    }
    files.web.world.reject("dora", onto, "not onto it");
    assert_eq!((raw.answer().id, raw.ask(&write(44, &before, 6, b"more")).code()), (42, 0));
    raw.send(&request(RENAME, 1, &[&path("old"), &path("new")]));
    let (rename, _) = files.held("sftp-rename");
    let one = raw.ask(&open(2, &format!("{kept}/one"), UPLOAD)).handle();
    let two = raw.ask(&open(3, &format!("{kept}/two"), UPLOAD)).handle();
    assert_eq!(raw.ask(&write(4, &one, 0, b"first")).code(), 0);
    assert_eq!(raw.ask(&write(5, &two, 0, b"second")).code(), 0);
    let state = raw.ask(&request(FSTAT, 6, &[&one]));
    assert_eq!((state.kind, &state.rest[..]), (105, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5][..]));
    for (id, packet, code, words) in [
        (7, read(7, &one, 0, 1), 3, "not opened for this"),
        (8, request(EXTENDED, 8, &[&text(b"fsync@openssh.com"), &one]), 8, "on the target before it is approved"),
        (9, open(9, &format!("{kept}/one"), UPLOAD), 4, "wait until it is decided"),
        (10, request(REMOVE, 10, &[&path("new")]), 4, "wait until it is decided"),
        (11, request(RENAME, 11, &[&text(kept.as_bytes()), &text(b"/elsewhere")]), 4, "wait until it is decided"),
        (1, request(STAT, 1, &[&path("old")]), 5, "another request of this number"),
    ] {
        let answer = raw.ask(&packet);
        assert_eq!((answer.id, answer.code()), (id, code), "{}", answer.words());
        has(&answer.words(), words);
    }
    // Two of one number that come together: the second is none, and closes nothing.
    raw.send(&[request(CLOSE, 20, &[&one]), request(CLOSE, 20, &[&two]), request(CLOSE, 21, &[&two])].concat());
    let answer = raw.answer();
    assert_eq!((answer.id, answer.code()), (20, 5));
    has(&answer.words(), "another request of this number");
    let ((first, _), (second, _)) = (files.held("/one (5 bytes"), files.held("/two (6 bytes"));
    // Reading, and what is beside it, goes on.
    assert_eq!(raw.ask(&request(STAT, 22, &[&path("old")])).kind, 105);
    let there = raw.ask(&open(23, &beside, 1)).handle();
    assert_eq!(raw.ask(&read(24, &there, 0, 100)).rest, text(b"beside\n"));
    assert_eq!(raw.ask(&write(25, &one, 5, b"more")).code(), 4, "it was closed");
    files.web.world.approve("dora", first);
    let answer = raw.answer();
    assert_eq!((answer.id, answer.code()), (20, 0));
    files.web.world.reject("dora", second, "not this one");
    let answer = raw.answer();
    assert_eq!((answer.id, answer.code()), (21, 3));
    has(&answer.words(), "dora wrote: not this one");
    assert_eq!(fs::read_to_string(files.there("one")).expect("it is there"), "first");
    assert!(!files.there("two").exists() && files.there("old").exists());
    files.web.world.approve("dora", rename);
    let answer = raw.answer();
    assert_eq!((answer.id, answer.code()), (1, 0));
    assert_eq!(fs::read_to_string(files.there("new")).expect("it is there"), "old\n");
    // What was in the way is no more.
    raw.ask(&open(30, &format!("{kept}/two"), UPLOAD)).handle();
}

/// R60: what cannot be shown as a whole does not wait: holes, other orders, both ways at once, and too much.
#[test]
fn r60_what_would_not_be_whole_is_refused() {
    let files = Files::new(FREE);
    let file = format!("{}/up", files.kept);
    let mut raw = files.web.raw();
    for (flags, words) in [(3 | 8, "not both"), (2 | 4 | 8, "begins at the first byte"), (16, "not both")] {
        let answer = raw.ask(&open(1, &file, flags));
        assert_eq!(answer.code(), 3, "{flags}");
        has(&answer.words(), words);
    }
    for (offset, words) in [(1, "written in order"), (1 << 30, "1073741824 bytes at most"), (u64::MAX, "bytes at most")]
    {
        let handle = raw.ask(&open(2, &file, UPLOAD)).handle();
        let answer = raw.ask(&write(3, &handle, offset, b"x"));
        assert_eq!(answer.code(), 4);
        has(&answer.words(), words);
        // From then on it is broken, whatever comes.
        assert_eq!(raw.ask(&write(4, &handle, 0, b"x")).code(), 4);
        let answer = raw.ask(&request(CLOSE, 5, &[&handle]));
        assert_eq!(answer.code(), 3);
        has(&answer.words(), "it is not whole");
    }
    let handle = raw.ask(&open(6, &file, UPLOAD)).handle();
    assert_eq!(raw.ask(&write(7, &handle, 0, b"text")).code(), 0);
    let size = |size: u64| [&[0, 0, 0, 1][..], &size.to_be_bytes()].concat();
    let answer = raw.ask(&request(FSETSTAT, 8, &[&handle, &size(3)]));
    assert_eq!(answer.code(), 4);
    has(&answer.words(), "as long as what was written");
    assert_eq!(raw.ask(&request(FSETSTAT, 9, &[&handle, &size(4)])).code(), 0);
    has(&raw.ask(&write(10, &handle, 4, b"x")).words(), "its size was set");
    assert_eq!(fs::read_dir(&files.kept).expect("a folder").count(), 0);
    assert!(files.web.world.inbox("dora").is_empty());
}

/// R60, R61: attributes are approved with their upload, byte for byte, and by a path; not by a handle that was open before.
#[test]
fn r60_r61_attributes_are_part_of_what_is_approved() {
    let files = Files::new(FREE);
    let file = format!("{}/up", files.kept);
    let mode = |mode: u32| [&[0, 0, 0, 4][..], &mode.to_be_bytes()].concat();
    let uploads = |mode: &[u8]| {
        let mut raw = files.web.raw();
        let handle = raw.ask(&open(1, &file, UPLOAD)).handle();
        assert_eq!(raw.ask(&write(2, &handle, 0, b"text")).code(), 0);
        assert_eq!(raw.ask(&request(FSETSTAT, 3, &[&handle, mode])).code(), 0);
        raw.send(&request(CLOSE, 4, &[&handle]));
        raw
    };
    let raw = uploads(&mode(0o600));
    let (first, card) = files.held("sftp-write");
    has(&card, "\nthen sets: mode=0600");
    drop(raw);
    files.web.world.approve("dora", first);
    // The same in words, and another request.
    let raw = uploads(&mode(0o100_600));
    let (second, _) = files.held("sftp-write");
    assert_ne!(first, second);
    drop(raw);
    assert!(!files.there("up").exists());
    let mut raw = uploads(&mode(0o600));
    assert_eq!(raw.answer().code(), 0);
    assert_eq!(fs::metadata(files.there("up")).expect("it is there").permissions().mode() & 0o777, 0o600);
    files.outcome(first, "exit status 0");

    let handle = raw.ask(&open(5, &format!("{file}-2"), UPLOAD)).handle();
    for id in 10..26 {
        assert_eq!(raw.ask(&request(FSETSTAT, id, &[&handle, &mode(0o600)])).code(), 0);
    }
    let answer = raw.ask(&request(FSETSTAT, 26, &[&handle, &mode(0o600)]));
    assert_eq!(answer.code(), 4);
    has(&answer.words(), "set too often");

    let modes = format!(
        "[[rule]]\nname = \"modes\"\nact = \"run\"\noutcome = \"approve\"\ngroups = [\"developers\"]\n\
         programs = [\"sftp-setstat\"]\ntrusted = {CHANGES:?}\nworkflow = \"dba\"\n"
    );
    files.web.world.apply(&[&files.web.device(), FREE, &modes, DBA]);
    let mut raw = files.web.raw();
    let handle = raw.ask(&open(1, &format!("{}/open", files.beside), UPLOAD)).handle();
    let answer = raw.ask(&request(FSETSTAT, 2, &[&handle, &mode(0o600)]));
    assert_eq!(answer.code(), 3);
    has(&answer.words(), "set it by its path");
}

/// R61: what fails on the target is told as that; what was being sent when it was cut off, nobody knows the end of.
#[test]
fn r61_what_became_of_an_upload_is_what_the_target_says() {
    let files = Files::new(ASKED);
    let access = files.web.reserved("alice");
    let mine = files.mine("mine", "text\n");
    std::os::unix::fs::symlink("/dev/full", files.there("full")).expect("a link");
    let alice = files.begin(&format!("put {mine} {}/full\n", files.kept));
    let (full, _) = files.held("sftp-write");
    files.web.world.approve("dora", full);
    assert_ne!(alice.finish(SOON).expect("an end").code, 0);
    files.outcome(full, "failed (status 4)");

    let pipe = files.there("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    // Whoever asks no more does not end what is being done: the server opens a pipe once somebody reads.
    let name = format!("{}/pipe", files.kept);
    let mut raw = files.web.raw();
    let handle = raw.ask(&open(1, &name, UPLOAD)).handle();
    assert_eq!(raw.ask(&write(2, &handle, 0, b"text\n")).code(), 0);
    raw.send(&request(CLOSE, 3, &[&handle]));
    files.approved_and_sent("/pipe");
    raw.no_more();
    // A pipe takes no write at a place; that it does not is heard.
    assert_eq!(fs::read_to_string(&pipe).expect("read"), "");
    let answer = raw.answer();
    assert_eq!((answer.id, answer.code()), (3, 4));
    let alice = files.begin(&format!("put {mine} {name}\n"));
    let cut = files.approved_and_sent("/pipe");
    files.web.world.done("mia", &format!("/requests/{access}/revoke"), &json!({ "reason": "wrong file" }));
    assert_ne!(alice.finish(SOON).expect("an end").code, 0);
    files.outcome(cut, "unknown");
    drop(fs::File::options().read(true).write(true).open(&pipe));
}

/// R35: a revoke ends what waits; nothing of it is done, and nothing of it is left.
#[test]
fn r35_a_revoke_ends_uploads_that_wait() {
    let files = Files::new(ASKED);
    let mine = files.mine("mine", "text\n");
    let access = files.web.reserved("alice");
    let alice = files.begin(&format!("put {mine} {}/up\n", files.kept));
    let (request, _) = files.held("sftp-write");
    assert_eq!(files.spools().len(), 1);
    files.web.world.done("mia", &format!("/requests/{access}/revoke"), &json!({ "reason": "wrong file" }));
    let ran = alice.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "mia wrote: wrong file");
    assert_eq!(files.web.world.status(request), "Expired");
    eventually("nothing of it is left", || files.spools().is_empty().then_some(()));
    assert!(!files.there("up").exists());
}

/// What waits is on disk without a name and says nothing there; what somebody changes there is not sent.
#[test]
fn what_waits_cannot_be_read_or_changed_on_disk() {
    const CANARY: &str = "the canary sings\n";
    let files = Files::new(FREE);
    let mine = files.mine("mine", &CANARY.repeat(50_000));
    let alice = files.begin(&format!("put {mine} {}/up\n", files.kept));
    let (request, _) = files.held("sftp-write");
    assert!(!found(&files.web.world.server.data_dir(), CANARY.trim().as_bytes()));
    let spools = files.spools();
    let [spool] = &spools[..] else { panic!("one upload waits: {spools:?}") };
    let kept = fs::read(spool).expect("it can be read by who may look into the server");
    assert!(kept.len() >= 50_000 * CANARY.len() && !has_bytes(&kept, CANARY.trim().as_bytes()));
    let mut changed = kept.clone();
    changed[300_000] ^= 1;
    fs::write(spool, &changed).expect("changed");
    files.web.world.approve("dora", request);
    let ran = alice.finish(SOON).expect("an end");
    assert_ne!(ran.code, 0);
    has(&ran.stderr, "the server could not do this; nothing was changed");
    assert!(!files.there("up").exists());
    // The approval is not used up by it.
    done(&files.begin(&format!("put {mine} {}/up\n", files.kept)).finish(SOON).expect("an end"));
    assert!(fs::read_to_string(files.there("up")).expect("it is there") == CANARY.repeat(50_000));
}

impl Files {
    /// What the server has open in its folder for uploads.
    fn spools(&self) -> Vec<PathBuf> {
        let pid = self.web.world.server.pid().expect("it runs");
        let folder = self.web.world.server.data_dir().join("spool");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 0, "nothing there has a name");
        let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").filter_map(Result::ok);
        open.map(|entry| entry.path()).filter(|fd| fs::read_link(fd).is_ok_and(|to| to.starts_with(&folder))).collect()
    }
}

/// Whether any file in a folder has these bytes.
fn found(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).expect("a folder").filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        if path.is_dir() { found(&path, bytes) } else { has_bytes(&fs::read(&path).unwrap_or_default(), bytes) }
    })
}

fn has_bytes(all: &[u8], bytes: &[u8]) -> bool {
    all.windows(bytes.len()).any(|window| window == bytes)
}
