//! What the inspector is certain of, beside what real shells do.
//!
//! Whatever is certain is run, in every shell that is installed, with recorders in place of programs: each writes down the
//! words it was given. Bash and dash must be there; zsh, the Korn shells, yash and busybox take part where they are.

use countersign_inspect::shell::facts;
use countersign_journal::CommandFacts;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
/// Those that run every line.
const MUST: [&str; 2] = ["bash", "dash"];
/// Lines that each of the others runs, in which recorders cost a process each.
const MOST_ELSEWHERE: usize = 2_000;
/// Random lines that are made, each of a few signs.
const LINES: usize = 40_000;
/// Where the random lines start.
const SEED: u64 = 0x5e11;
/// Lines that one process of a shell runs.
const BATCH: usize = 3_000;
/// What random lines are made of. No slash, so that no line can name a program or a file elsewhere; nothing that may
/// loop for ever.
const SIGNS: &[&str] = &[
    "'", "'", "\"", "\"", "\\", "$", "`", "{", "}", "{}", "{ ", "; }", "!", "! ", "~", "=", "*", "?", "[", "]", "#",
    ";", "; ", "&", "|", "<", ">", "(", ")", " ", " ", " ", "\t", "\n", "a", "a ", "b", "b ", "ab", "1", "2", "-", ".",
    ",", ":", "+", "@", "%", "^", "if ", "; then ", "; fi", "for ", "in ", "; do ", "; done", "é", "あ", "&&", "||",
    ">>", ">&", "2>", "a=", "<&-", "''", "\\\n", "''", "\\'", "'\\''", "a='b'", "<1-2>", "a<", "> ab", " >ab", "[ a ]",
    "x",
];

/// Every word of the letters `a` and `b` up to three letters is a recorder.
const RECORDERS: &str = "a b aa ab ba bb aaa aab aba abb baa bab bba bbb";

/// Runs the lines it is given. A recorder writes its words behind the number of the line, all at once, so that those
/// in a pipeline or in the background do not mix and are known for what they are however late they come. (What the
/// `printf` of some shells prints does not come at once; one shell has none.)
const RUNNER: &str = r#"
note() { "$printf" '%s\0' "$number" "$#" "$@" >&8; }
for one in $recorders; do
  eval "$one() { note $one \"\$@\"; }"
done
number=0
for line in "$@"; do
  case $line in
    *[\&\|]*) printf=$at_once ;;
    *) printf=$built_in ;;
  esac
  eval " $line"
  number=$((number + 1))
done
"$printf" 'end\0' >&8
"#;

/// A shell: its name, its program, and what goes before a script.
type Shell = (&'static str, PathBuf, &'static [&'static str]);

fn installed() -> Vec<Shell> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    let found: Vec<_> = SHELLS.iter().filter_map(|(name, with)| Some((*name, find(name)?, *with))).collect();
    for must in MUST {
        assert!(found.iter().any(|(name, _, _)| *name == must), "`{must}` is not installed");
    }
    found
}

/// The words of one recorder, its name first.
type Record = Vec<String>;

/// What each of `lines` made the recorders write down.
fn recorded(
    shell: &(&'static str, PathBuf, &'static [&'static str]),
    lines: &[&str],
    folder: &Path,
) -> Vec<Vec<Record>> {
    let (name, program, with) = shell;
    let (script, inside) = (folder.join("runner"), folder.join("inside"));
    fs::create_dir_all(&inside).expect("a folder");
    fs::write(&script, RUNNER.replace("$recorders", RECORDERS)).expect("a script");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec 8>&1 >/dev/null; exec \"$@\"", "sh"]).arg(program).args(*with).arg(&script).args(lines);
    command.current_dir(&inside).env_clear().env("PATH", folder.join("nothing")).env("LC_ALL", "C.UTF-8");
    let external = "/usr/bin/printf";
    command.env("built_in", if *name == "mksh" { external } else { "printf" });
    command.env("at_once", if MUST.contains(name) { "printf" } else { external });
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().expect("the shell runs");
    let text = String::from_utf8(output.stdout).expect("records are UTF-8");
    let mut ran = vec![Vec::new(); lines.len()];
    let (mut parts, mut whole) = (text.split_terminator('\0'), false);
    while let Some(part) = parts.next() {
        if part == "end" {
            whole = true;
            continue;
        }
        let [line, words] = [Some(part), parts.next()].map(|number| number.and_then(|n| n.parse::<usize>().ok()));
        let words = parts.by_ref().take(words.expect("the number of words")).map(str::to_owned).collect();
        ran[line.expect("the number of a line")].push(words);
    }
    let last = ran.iter().rposition(|records: &Vec<Record>| !records.is_empty());
    assert!(whole, "{name} ended ({}) after {:?}", output.status, last.map(|at| &lines[at..lines.len().min(at + 3)]));
    ran
}

/// A recorder that is a program: it adds its words to a file.
const RECORDER: &str = "#!/bin/sh\nprintf '%s\\0' $(($# + 1)) \"${0##*/}\" \"$@\" >>\"$RECORDS\"\n";

/// What one line made programs write down when it was given to a shell as sshd gives it.
fn executed(shell: &Shell, line: &str, folder: &Path) -> Vec<Record> {
    let (programs, inside, records) = (folder.join("programs"), folder.join("inside"), folder.join("records"));
    fs::create_dir_all(&programs).expect("a folder");
    fs::create_dir_all(&inside).expect("a folder");
    for name in RECORDERS.split(' ').map(|name| programs.join(name)).filter(|name| !name.exists()) {
        fs::write(&name, RECORDER).expect("a recorder");
        fs::set_permissions(&name, fs::Permissions::from_mode(0o755)).expect("it may run");
    }
    fs::write(&records, "").expect("no records yet");
    let mut command = Command::new(&shell.1);
    command.args(shell.2).arg("-c").arg(line).current_dir(&inside);
    command.env_clear().env("PATH", programs).env("LC_ALL", "C.UTF-8").env("RECORDS", &records);
    // Read to their ends, these pipes end when the last recorder does.
    command.stdin(Stdio::null()).output().expect("the shell runs");
    fs::remove_dir_all(inside).expect("the folder is ours");
    let text = fs::read_to_string(&records).expect("records are UTF-8");
    let mut parts = text.split_terminator('\0');
    let mut found = Vec::new();
    while let Some(words) = parts.next().map(|words| words.parse().expect("the number of words")) {
        found.push(parts.by_ref().take(words).map(str::to_owned).collect());
    }
    found
}

/// The records that a certain command leaves.
fn record(command: &CommandFacts) -> Option<Record> {
    let program = command.program.clone().filter(|program| RECORDERS.split(' ').any(|name| name == program))?;
    let words = command.arguments.iter().map(|word| word.clone().expect("nothing is filled in"));
    Some([program].into_iter().chain(words).collect())
}

/// Checks what a shell did with one certain line against what was said of it.
fn check(shell: &str, line: &str, said: &[CommandFacts], ran: &[Record]) {
    let mut expected: Vec<Record> = said.iter().filter_map(record).collect();
    let mut ran = ran.to_vec();
    let may_skip = ["&&", "||", "if", "for", "until", "<", ">"].iter().any(|sign| line.contains(sign));
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

/// Whether something runs that can be recorded: where the one special built-in command that is certain fails, its shell
/// ends; and a shell may write a line feed apart from what follows it, so that two records could mix.
fn recordable(said: &[CommandFacts]) -> bool {
    let breaks = |command: &CommandFacts| command.arguments.iter().flatten().any(|word| word.contains('\n'));
    let special = |command: &CommandFacts| command.program.as_deref() == Some(":");
    !said.is_empty() && !said.iter().any(|command| breaks(command) || special(command))
}

/// A line at random: signs without order, or a well-formed line into which some sign may have fallen.
fn random_line(dice: &mut fastrand::Rng) -> String {
    if dice.u8(..8) == 0 {
        return (0..dice.usize(2..9)).map(|_| pick(dice, SIGNS)).collect();
    }
    let mut line = list(dice, 0);
    for _ in 0..[0, 0, 1, 2][dice.usize(..4)] {
        let place = dice.usize(..=line.chars().count());
        let at = line.char_indices().nth(place).map_or(line.len(), |(at, _)| at);
        line.insert_str(at, pick(dice, SIGNS));
    }
    line
}

fn list(dice: &mut fastrand::Rng, depth: usize) -> String {
    const BETWEEN: [&str; 14] =
        [";", "; ", " ;\t", "\n", " \n\n ", "&", " & ", "&&", " &&\n", "||", " || ", "|", " | ", "|\n"];
    let mut list = command(dice, depth);
    while dice.u8(..5) == 0 {
        list += pick(dice, &BETWEEN);
        list += &command(dice, depth);
    }
    list
}

fn command(dice: &mut fastrand::Rng, depth: usize) -> String {
    let compound = if depth < 3 { dice.u8(..24) } else { u8::MAX };
    match compound {
        0 => format!("({})", list(dice, depth + 1)),
        1 => format!("{{ {}; }}", list(dice, depth + 1)),
        2 => format!("if {}; then {}\nfi", list(dice, depth + 1), list(dice, depth + 1)),
        3 => format!("if {}; then {}; else {}; fi", command(dice, 3), list(dice, depth + 1), command(dice, 3)),
        4 => format!("for x in {} b; do {}; done", word(dice), list(dice, depth + 1)),
        5 => format!("! {}", command(dice, depth + 1)),
        6 => format!("({})>{}", list(dice, depth + 1), word(dice)),
        _ => simple(dice),
    }
}

fn simple(dice: &mut fastrand::Rng) -> String {
    const REDIRECTS: [&str; 12] =
        [" >", " > ", ">", " >>", " 2>", " 2> ", " 2>&1", " >&2 ", " <&- ", " <", " <> ", " >|"];
    let mut simple = pick(dice, &["", "", "", "", " ", "\t", "TZ=b ", "LANG='b a' TZ=\"a\" ", ">b "]).to_owned();
    simple += pick(dice, &["a", "b", "ab", "'a'", "\\b", "a\"b\"", "aa\\b", "\"a\"'b'"]);
    for _ in 0..dice.usize(..4) {
        simple += pick(dice, &[" ", " ", "  ", "\t", " \t "]);
        simple += &word(dice);
        if dice.u8(..6) == 0 {
            let redirect = pick(dice, &REDIRECTS);
            simple += redirect;
            simple += &if redirect.contains('&') { String::new() } else { word(dice) };
        }
    }
    simple
}

/// A word of parts that mostly stand for themselves.
fn word(dice: &mut fastrand::Rng) -> String {
    let mut word = String::new();
    for _ in 0..dice.usize(1..4) {
        let inside: String = (0..dice.usize(..4)).map(|_| pick(dice, SIGNS)).collect();
        word += &match dice.u8(..12) {
            0..4 => pick(
                dice,
                &["a", "b", "x", "1", "2", "-", ".", "a.b", "a:b", "x=", "{}", "]", "=", "a@b", "%", "+", ","],
            )
            .to_owned(),
            4..6 => format!("'{}'", inside.replace('\'', "")),
            6..9 => format!("\"{}\"", inside.replace(['"', '$', '`', '\\', '!'], "")),
            _ => format!("\\{}", dice.choice(&NASTY).expect("there are some")),
        };
    }
    word
}

/// Characters that mean something to some shell.
const NASTY: [char; 34] = [
    '\'', '"', '\\', '$', '`', '{', '}', '!', '~', '=', '*', '?', '[', ']', '#', ';', '&', '|', '<', '>', '(', ')',
    ' ', 'a', 'b', 'n', '1', '-', '%', '^', ':', ',', '+', '@',
];

fn pick<'s>(dice: &mut fastrand::Rng, from: &[&'s str]) -> &'s str {
    dice.choice(from).expect("there is something")
}

#[test]
fn r63_what_is_certain_every_shell_reads_alike() {
    let mut dice = fastrand::Rng::with_seed(SEED);
    let lines = (0..LINES).map(|_| random_line(&mut dice));
    let known = lines.filter_map(|line| Some((facts(&line), line)).filter(|(facts, _)| facts.unknown.is_empty()));
    let certain: BTreeMap<String, Vec<CommandFacts>> = known.map(|(facts, line)| (line, facts.commands)).collect();
    let mut certain: Vec<(String, Vec<CommandFacts>)> =
        certain.into_iter().filter(|(_, said)| recordable(said)).collect();
    dice.shuffle(&mut certain);
    let folder = tempfile::tempdir().expect("a folder");
    let shells = installed();
    for shell in &shells {
        let most = if MUST.contains(&shell.0) { usize::MAX } else { MOST_ELSEWHERE };
        for batch in certain[..certain.len().min(most)].chunks(BATCH) {
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

#[test]
fn r63_what_is_certain_runs_as_said_when_sshd_runs_it() {
    let mut lines: Vec<String> = [
        "a 'x\ny' \"z\n\" b",
        "a\nb\n\nab",
        "(a; b) | ab",
        "a 'é' 'あ'",
        "a -c 'x'; b --",
        "a ''",
        "a {} ] = a%",
        " a",
        "\ta",
        "'a' b",
        "\\a \\b",
        "if a; then b; fi",
        "until a; do b; done",
        "! a",
        "{ a; }",
        "a >x 2>&1 <&-",
        "for x in a b; do ab; done",
        "a \\- -",
        "TZ=b a",
        "a\t\tb;",
    ]
    .map(str::to_owned)
    .into();
    assert!(lines.iter().all(|line| facts(line).unknown.is_empty()), "these are certain");
    let mut dice = fastrand::Rng::with_seed(!SEED);
    lines.extend((0..300).map(|_| random_line(&mut dice)));
    let folder = tempfile::tempdir().expect("a folder");
    let mut compared = 0;
    for line in lines {
        let said = facts(&line);
        // Behind such a redirection a recorder in the background may be late, and nothing shows that it still runs.
        let apart = line.replace("&&", "").replace("2>&1", "");
        let late = apart.contains("2>") && apart.contains(['&', '|']);
        if late || !said.unknown.is_empty() || !(said.commands.len() == 1 || recordable(&said.commands)) {
            continue;
        }
        for shell in installed() {
            check(shell.0, &line, &said.commands, &executed(&shell, &line, folder.path()));
            compared += 1;
        }
    }
    assert!(compared > 100, "few lines are certain: {compared}");
}
