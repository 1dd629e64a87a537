//! Login shells that read as POSIX has it, and others. The login of these tests keeps its own shell, so that another is put behind
//! it by `ForceCommand`: it is given the line exactly as a login shell would be, by `-c`.

use crate::ssh::{FOLDERS, FREE, Web};
use crate::world::{DBA, SOON, eventually, has};
use countersign_harness::OpenSsh;

/// What is shown where a login shell is none that can be judged.
const NO: &str = "does not read commands as POSIX shells do";

/// A server whose login has this for a shell.
fn with_shell(command: &str, rules: &[&str]) -> Web {
    let further = format!("ForceCommand {command}\nMaxSessions 1\n");
    Web::in_front_of(OpenSsh::start_with(&further).unwrap_or_else(|error| panic!("{error}")), rules)
}

/// How often the login shell was asked in the latest session.
fn asked(web: &Web) -> usize {
    let session = web.world.get("ada", "/sessions")[0]["id"].to_string();
    let transcript = web.world.get("ada", &format!("/sessions/{session}/transcript")).to_string();
    transcript.matches("asks the login shell").count()
}

/// R62, R63: nothing is run or held that would be read otherwise there than here, and where nothing restricts all of it is theirs.
#[test]
fn r62_r63_another_family_of_shells_runs_nothing_where_rules_restrict() {
    for (shell, own) in [("fish", "set -l x in; echo $x"), ("tcsh", "set x = in; echo $x")] {
        let web = with_shell(&format!("exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""), &[FREE, FOLDERS, DBA]);
        let folder = web.path("made");
        for command in ["echo in", &format!("mkdir {}", folder.display())] {
            let ran = web.run("alice", command);
            assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{shell}: {command}");
            for words in [NO, "have its login given a shell such as sh, bash, zsh or ksh"] {
                has(&ran.stderr, words);
            }
            assert_eq!(asked(&web), 1);
        }
        assert!(!folder.exists());
        web.world.api("dora");
        assert!(web.world.inbox("dora").is_empty(), "nobody is asked to approve it");
        has(&web.world.get("ada", "/audit").to_string(), NO);

        web.world.apply(&[&web.device(), FREE]);
        assert_eq!(web.run("alice", own).stdout, "in\n", "{shell}");
        assert_eq!(asked(&web), 0, "what no rule restricts costs nothing");
    }
}

/// R62: what shows the line, or says something else, or nothing, is no shell that can be judged.
#[test]
fn r62_what_is_no_shell_runs_nothing_where_rules_restrict() {
    for force in ["echo \"$SSH_ORIGINAL_COMMAND\"", "/usr/sbin/nologin", "exit 0"] {
        let web = with_shell(force, &[FREE, FOLDERS, DBA]);
        let ran = web.run("alice", "echo in");
        assert_eq!((ran.stdout.as_str(), ran.code), ("", 126), "{force}");
        has(&ran.stderr, NO);
    }
    let web = with_shell("exec sleep 600", &[FREE, FOLDERS, DBA]);
    let ran = web.run("alice", "echo in");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", 126));
    has(&ran.stderr, "did not answer a question");
}

/// R62, R63: behind whatever start-up files show, once on a connection, in a channel that is free again; and so for a gated shell.
#[test]
fn r62_r63_a_posix_shell_is_asked_once_whatever_it_shows_first() {
    let noisy = "echo welcome; echo countersign-42; exec dash -c \"$SSH_ORIGINAL_COMMAND\"";
    let web = with_shell(noisy, &[FREE, FOLDERS, DBA]);
    let ran = web.run("alice", "echo in");
    assert_eq!((ran.stdout.as_str(), ran.code), ("welcome\ncountersign-42\nin\n", 0), "{}", ran.stderr);
    assert_eq!(asked(&web), 1);

    let mut shell = web.ssh("alice").terminal("").expect("ssh starts");
    shell.stderr.wait_for("each line is judged", SOON).expect("told what it is");
    for word in ["one", "two"] {
        shell.send(&format!("echo {word}\r")).expect("typed");
        let shown = format!("\n{word}\r");
        eventually("it ran", || shell.stdout.so_far().contains(&shown).then_some(()));
    }
    assert_eq!(asked(&web), 1, "each line of a shell goes over its one connection");
    shell.send("\u{4}").expect("typed");
    shell.finish(SOON).expect("an end");
}
