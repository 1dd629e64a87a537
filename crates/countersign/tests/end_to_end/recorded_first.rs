//! What cannot be written into the transcript is neither done nor shown: the real `ssh` and `sftp`, once the files of transcripts
//! grow no more.

use crate::sftp_held::Files;
use crate::ssh::{FREE, Web};
use crate::world::{SOON, eventually, has};
use countersign_harness::Ran;
use std::fs;
use std::path::Path;
use std::process::Command;

/// So much is shown first that no other file of the server is as long as the transcript, in which it is packed: nothing that repeats.
const SHOWN_BYTES: usize = 12 << 20;
/// What it says of trouble of its own.
const TROUBLE: &str = "the server could not do this";

impl Web {
    /// From now on no file of the server grows beyond what its longest transcript has.
    fn fills_up(&self) {
        let lengths = |folder: &Path| {
            let files = fs::read_dir(folder).expect("a folder").filter_map(|entry| entry.ok()?.metadata().ok());
            files.filter(fs::Metadata::is_file).map(|file| file.len()).max().unwrap_or_default()
        };
        let data = self.world.server.data_dir();
        let (longest, other) = (lengths(&data.join("transcripts")), lengths(&data));
        assert!(other + (2 << 20) < longest, "{other} and {longest}: other files go on growing");
        let pid = self.world.server.pid().expect("it runs").to_string();
        let ran = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={longest}")]).status();
        assert!(ran.expect("prlimit runs").success());
    }
}

fn refused(ran: &Ran) {
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    has(&ran.stderr, TROUBLE);
}

/// R64: a command, an operation on files, a key and a line of output: none goes on that the transcript does not have.
#[test]
fn r64_what_cannot_be_recorded_is_neither_done_nor_shown() {
    let web = Web::new(&[FREE]);
    let (run, typed, made, go) = (web.path("run"), web.path("typed"), web.path("made"), web.path("go"));
    let ssh = web.ssh("alice").shared();
    let mut shell = ssh.terminal("").expect("ssh starts");
    shell
        .send(&format!("head -c {} /dev/urandom | base64; echo all-$((6 * 7))\n", SHOWN_BYTES / 4 * 3))
        .expect("typed");
    shell.stdout.wait_for("all-42", SOON).expect("it is shown");
    let mut keys = ssh.terminal("").expect("ssh starts");
    keys.send("echo begun-$((6 * 7))\n").expect("typed");
    keys.stdout.wait_for("begun-42", SOON).expect("it runs");
    let waits =
        format!("echo waits-$((6 * 7)); until test -e {}; do sleep 0.1; done; echo later-$((6 * 7))\n", go.display());
    shell.send(&waits).expect("typed");
    shell.stdout.wait_for("waits-42", SOON).expect("it waits");
    web.fills_up();
    refused(&ssh.run(format!("touch {}", run.display()), "").expect("ssh runs"));
    assert_ne!(ssh.sftp(&format!("mkdir {}\n", made.display())).expect("sftp runs").code, 0);
    keys.send(&format!("touch {}\n", typed.display())).expect("typed");
    refused(&keys.finish(SOON).expect("an end"));
    fs::write(&go, "").expect("written");
    let ran = shell.finish(SOON).expect("an end");
    refused(&ran);
    assert!(!ran.stdout.contains("later-42"), "it was not recorded, and shown");
    assert!(!run.exists() && !typed.exists() && !made.exists());
}

/// R60, R64: what was approved is not done either, and a gated shell shows nothing more.
#[test]
fn r60_r64_what_was_approved_and_cannot_be_recorded_is_not_done() {
    let files = Files::new(FREE);
    let many = files.mine("many", "");
    let fill = format!("head -c {} /dev/urandom | base64 > {many}", SHOWN_BYTES / 4 * 3);
    assert!(Command::new("sh").args(["-c", &fill]).status().expect("sh runs").success());
    let mine = files.mine("mine", "text\n");
    let ssh = files.web.ssh("alice").shared();
    let mut shell = ssh.terminal("").expect("ssh starts");
    shell.stderr.wait_for("each line is judged", SOON).expect("told what it is");
    shell.send(&format!("cat {many}; echo 'all of 'it\r")).expect("typed");
    eventually("it is shown", || shell.stdout.so_far().contains("\nall of it").then_some(()));
    let upload = ssh.spawn_sftp(&format!("put {mine} {}/up\n", files.kept)).expect("sftp starts");
    let folder = ssh.spawn_sftp(&format!("mkdir {}/made\n", files.kept)).expect("sftp starts");
    let requests = ["sftp-write", "sftp-mkdir"].map(|text| files.held(text).0);
    files.web.fills_up();
    for request in requests {
        files.web.world.approve("dora", request);
    }
    for waits in [upload, folder] {
        assert_ne!(waits.finish(SOON).expect("an end").code, 0);
    }
    assert_eq!(fs::read_dir(&files.kept).expect("a folder").count(), 0);
    shell.send("echo not-recorded\r").expect("typed");
    let ran = shell.finish(SOON).expect("an end");
    refused(&ran);
    assert!(!ran.stdout.contains("not-recorded"), "it was not recorded, and shown");
}
