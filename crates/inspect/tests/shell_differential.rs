//! What the inspector is certain of, beside what real shells do.
//!
//! Whatever is certain is run, in every shell that is installed, with recorders in place of programs: each writes down the
//! words it was given. Bash and dash must be there; zsh, the Korn shells, yash and busybox take part where they are.

use countersign_inspect::shell::facts;
use countersign_journal::CommandFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Shells by the name of their program, with what goes before a script.
const SHELLS: [(&str, &[&str]); 8] = [
    ("bash", &[]),
    ("dash", &[]),
    ("zsh", &["-f"]),
    ("ksh", &[]),
    ("ksh93", &[]),
    ("mksh", &[]),
    ("yash", &[]),
    ("busybox", &["sh"]),
];
/// Random lines that are made, each of a few signs.
const LINES: usize = 150_000;
/// Where the random lines start.
const SEED: u64 = 0x5e11;
/// Lines that one process of a shell runs.
const BATCH: usize = 3_000;
/// What random lines are made of. No slash, so that no line can name a program or a file elsewhere; nothing that may
/// loop for ever.
const SIGNS: &[&str] = &[
    "'", "'", "\"", "\"", "\\", "$", "`", "{", "}", "{}", "{ ", "; }", "!", "! ", "~", "=", "*", "?", "[", "]", "#", ";", "; ",
    "&", "|", "<", ">", "(", ")", " ", " ", " ", "\t", "\n", "a", "a ", "b", "b ", "ab", "1", "2", "-", ".", ",", ":", "+",
    "@", "%", "^", "if ", "; then ", "; fi", "for ", "in ", "; do ", "; done", "é", "あ", "&&", "||", ">>", ">&", "2>", "a=", "<&-",
    "''", "\\\n", "''", "\\'", "'\\''", "a='b'", "<1-2>", "a<", "> ab", " >ab", "[ a ]", "x",
];

/// Every word of the letters `a` and `b` up to three letters is a recorder.
fn is_recorder(name: &str) -> bool {
    (1..=3).contains(&name.len()) && name.chars().all(|c| "ab".contains(c))
}

/// Runs the lines it is given. A recorder writes its words to one descriptor, at once, so that those in a pipeline or
/// in the background do not mix; a line ends with a record of its own, for which what runs in the background is awaited.
const RUNNER: &str = r#"
n() { "$printf" '%s\0' "$#" "$@" >&8; }
for one in a b aa ab ba bb aaa aab aba abb baa bab bba bbb; do
  eval "$one() { n $one \"\$@\"; }"
done
for line in "$@"; do
  eval " $line"
  wait
  "$printf" 'end\0' >&8
done
"#;

fn installed() -> Vec<(&'static str, PathBuf, &'static [&'static str])> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    let found: Vec<_> = SHELLS.iter().filter_map(|(name, with)| Some((*name, find(name)?, *with))).collect();
    for must in ["bash", "dash"] {
        assert!(found.iter().any(|(name, _, _)| *name == must), "`{must}` is not installed");
    }
    found
}

/// The words of one recorder, its name first.
type Record = Vec<String>;

/// What each of `lines` made the recorders write down.
fn recorded(shell: &(&'static str, PathBuf, &'static [&'static str]), lines: &[&str], folder: &Path) -> Vec<Vec<Record>> {
    let (name, program, with) = shell;
    let (script, records) = (folder.join("runner"), folder.join(format!("{name}.records")));
    let inside = folder.join("inside");
    fs::create_dir_all(&inside).expect("a folder");
    fs::write(&script, RUNNER).expect("a script");
    let opens = r#"records=$1; shift; exec 8>>"$records"; exec "$@""#;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", opens, "sh"]).arg(&records).arg(program).args(*with).arg(&script).args(lines);
    command.current_dir(&inside).env_clear().env("PATH", folder.join("nothing")).env("LC_ALL", "C.UTF-8");
    // One shell does not have it built in.
    command.env("printf", if *name == "mksh" { "/usr/bin/printf" } else { "printf" });
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().expect("the shell runs");
    let written = fs::read(&records).expect("records");
    fs::remove_file(&records).expect("the records are ours");
    let text = String::from_utf8(written).expect("records are UTF-8");
    let ran = parted(&text);
    let at = ran.len();
    assert_eq!(at, lines.len(), "{name} ended ({status}) at {:?}", lines.get(at));
    ran
}

fn parted(text: &str) -> Vec<Vec<Record>> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    let mut parts = text.split_terminator('\0');
    while let Some(part) = parts.next() {
        if part == "end" {
            lines.push(std::mem::take(&mut line));
        } else {
            let words = part.parse().expect("a record begins with its length");
            line.push(parts.by_ref().take(words).map(str::to_owned).collect());
        }
    }
    lines
}

/// The records that a certain command leaves.
fn record(command: &CommandFacts) -> Option<Record> {
    let program = command.program.clone().filter(|program| is_recorder(program))?;
    let words = command.arguments.iter().map(|word| word.clone().expect("nothing is filled in"));
    Some([program].into_iter().chain(words).collect())
}

/// Checks what a shell did with one certain line against what was said of it.
fn check(shell: &str, line: &str, said: &[CommandFacts], ran: &[Record]) {
    let mut expected: Vec<Record> = said.iter().filter_map(record).collect();
    let mut ran = ran.to_vec();
    let may_skip = ["&&", "||", "if ", "<", ">"].iter().any(|sign| line.contains(sign)) || line.contains("for ");
    if may_skip {
        for record in &ran {
            assert!(expected.contains(record), "{shell} ran {record:?} in {line:?}, of which was said {said:?}");
        }
    } else {
        expected.sort();
        ran.sort();
        assert_eq!(ran, expected, "{shell} in {line:?}, of which was said {said:?}");
    }
}

/// Whether something runs, and not the one special built-in command that is certain: where one fails, its shell ends.
fn runs(said: &[CommandFacts]) -> bool {
    !said.is_empty() && said.iter().all(|command| command.program.as_deref() != Some(":"))
}

/// A line of signs at random; the same for the same number.
fn random_line(dice: &mut fastrand::Rng) -> String {
    let mut line = String::new();
    if dice.bool() {
        line += "a ";
    }
    for _ in 0..dice.usize(1..9) {
        line += dice.choice(SIGNS).expect("there are signs");
    }
    line
}

#[test]
fn r63_what_is_certain_every_shell_reads_alike() {
    let mut dice = fastrand::Rng::with_seed(SEED);
    let lines = (0..LINES).map(|_| random_line(&mut dice));
    let known = lines.filter_map(|line| Some((facts(&line), line)).filter(|(facts, _)| facts.unknown.is_empty()));
    let certain: BTreeMap<String, Vec<CommandFacts>> = known.map(|(facts, line)| (line, facts.commands)).collect();
    let certain: Vec<(String, Vec<CommandFacts>)> = certain.into_iter().filter(|(_, said)| runs(said)).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let shells = installed();
    for shell in &shells {
        for batch in certain.chunks(BATCH) {
            let lines: Vec<&str> = batch.iter().map(|(line, _)| line.as_str()).collect();
            for ((line, said), ran) in batch.iter().zip(recorded(shell, &lines, folder.path())) {
                check(shell.0, line, said, &ran);
            }
            let writes: BTreeSet<&String> = batch.iter().flat_map(|(_, said)| said).flat_map(|c| &c.writes).collect();
            let inside = folder.path().join("inside");
            for made in fs::read_dir(&inside).expect("the folder is there") {
                let made = made.expect("an entry").file_name().into_string().expect("UTF-8");
                assert!(writes.contains(&made), "{} made the file {made:?}, which nothing was said of", shell.0);
            }
            fs::remove_dir_all(inside).expect("the folder is ours");
        }
    }
    let names: Vec<_> = shells.iter().map(|(name, _, _)| *name).collect();
    println!("{} certain lines of {LINES}, in {names:?}", certain.len());
    assert!(certain.len() > 5_000, "few lines are certain: {}", certain.len());
}
