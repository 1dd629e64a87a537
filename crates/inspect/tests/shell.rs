//! Lines of a shell and what they are said to run; and the ways around a filter that others fell for.

use countersign_inspect::shell::{COMMANDS_MAX, DEPTH_MAX, DOUBTS_MAX, LINE_BYTES_MAX, facts};
use countersign_inspect::show::is_invisible;
use countersign_journal::{ActionFacts, CommandFacts};
use std::time::{Duration, Instant};

/// Generous: builds for testing are slow and the machine may be shared.
const TIME_MAX: Duration = Duration::from_secs(20);

/// A command as text: `?` before a program that is not listed, `∅` for none, `…` for words that are filled in.
fn shown(command: &CommandFacts) -> String {
    let mark = if command.unlisted { "?" } else { "" };
    let mut parts: Vec<String> = command.assignments.iter().map(|name| format!("{name}=")).collect();
    parts.push(format!("{mark}{}", command.program.as_deref().unwrap_or("∅")));
    let plain = |word: &str| !word.is_empty() && !word.contains([' ', '\n', '\t', '"', ';']);
    parts.extend(command.arguments.iter().map(|word| match word {
        None => "…".to_owned(),
        Some(word) if plain(word) => word.clone(),
        Some(word) => format!("{word:?}"),
    }));
    parts.extend(command.reads.iter().map(|path| format!("<{path}")));
    parts.extend(command.writes.iter().map(|path| format!(">{path}")));
    parts.join(" ")
}

fn commands(facts: &ActionFacts) -> String {
    facts.commands.iter().map(shown).collect::<Vec<_>>().join(" ; ")
}

/// The line is certain, and these are its commands.
fn certain(line: &str, expected: &str) {
    let facts = facts(line);
    assert_eq!(commands(&facts), expected, "{line:?}");
    assert!(facts.unknown.is_empty(), "{line:?}: {:?}", facts.unknown);
}

/// The line is not certain for a reason that holds these words.
fn unknown(line: &str, reason: &str) {
    let facts = facts(line);
    assert!(facts.unknown.iter().any(|why| why.contains(reason)), "{line:?}: {:?}", facts.unknown);
}

/// The line is not certain, and these are the commands that are seen all the same.
fn seen(line: &str, reason: &str, expected: &str) {
    unknown(line, reason);
    assert_eq!(commands(&facts(line)), expected, "{line:?}");
}

#[test]
fn r63_words_are_literal() {
    certain("", "");
    certain(" \n\t", "");
    certain("rm -rf /srv/data", "rm -rf /srv/data");
    certain("r\\m '-rf' \"/srv/my data\"", "rm -rf \"/srv/my data\"");
    certain("'r'm ''", "rm \"\"");
    certain("/bin/rm x", "/bin/rm x");
    certain("echo 'it'\\''s' \\$X \\* '$X `a` *?[]{}~!#'", "echo it's $X * \"$X `a` *?[]{}~!#\"");
    certain("echo 'größe' \"日本\"", "echo größe 日本");
    certain("echo 'a\nb'\tc", "echo \"a\\nb\" c");
    certain("echo a=b --x=y user@host:/p +x 10% a,b {} ]", "echo a=b --x=y user@host:/p +x 10% a,b {} ]");
    certain("TZ=UTC LANG='C' date", "LANG= TZ= date");
    certain("[ a = b ]", "[ a = b ]");
}

#[test]
fn r63_control_operators_and_redirections_are_read() {
    certain("cat a; rm b & ls\nid", "cat a ; rm b ; ls ; id");
    certain("cat a && rm b || ls | wc -l", "cat a ; rm b ; ls ; wc -l");
    certain("cat a &&\n\n rm b |\nwc;", "cat a ; rm b ; wc");
    certain("! true", "true");
    certain("(rm a; (rm b)) > /x", "rm a ; rm b ; ∅ >/x");
    certain("{ rm a; rm b; }", "rm a ; rm b");
    certain("if test -e a; then rm a; elif true; then rm b; else rm c; fi", "test -e a ; rm a ; true ; rm b ; rm c");
    certain("while true; do sleep 1; done", "true ; sleep 1");
    certain("until false\ndo sleep 1\ndone < /x", "false ; sleep 1 ; ∅ </x");
    certain("for f in a 'b c'; do ls /; done", "ls /");
    certain("cat </etc/hosts >>/tmp/o 2>/tmp/e", "cat </etc/hosts >/tmp/e >/tmp/o");
    certain(">/x cat <> y >| 'z w'", "cat <y >/x >y >z w");
    certain("ls 2>&1 >&2 <&- 2>/dev/null", "ls >/dev/null");
}

#[test]
fn r63_programs_that_run_others_are_followed() {
    certain("sudo -n -u www rm -rf /x", "sudo -n -u www rm -rf /x ; rm -rf /x");
    certain(
        "sudo -- env -i TZ=UTC nice -n 5 rm a",
        "sudo -- env -i TZ=UTC nice -n 5 rm a ; env -i TZ=UTC nice -n 5 rm a ; TZ= nice -n 5 rm a ; rm a",
    );
    certain("/usr/bin/nohup /bin/rm a &", "/usr/bin/nohup /bin/rm a ; /bin/rm a");
    certain("timeout -k 5 10 rm a", "timeout -k 5 10 rm a ; rm a");
    certain(
        "time setsid -f stdbuf -oL doas -u root ls",
        "time setsid -f stdbuf -oL doas -u root ls ; setsid -f stdbuf -oL doas -u root ls ; stdbuf -oL doas -u root ls ; doas -u root ls ; ls",
    );
    certain("bash -c 'rm a; ls > /x'", "bash -c \"rm a; ls > /x\" ; rm a ; ls >/x");
    certain("busybox rm a", "busybox rm a ; rm a");
    certain("printf '%-5s%05.1f%%\\n' 1 2", "printf %-5s%05.1f%%\\n 1 2");
    certain("cat /etc/environment.old profiles .b2 binary/x", "cat /etc/environment.old profiles .b2 binary/x");
    certain("watch -n 5 'rm a; ls'", "watch -n 5 \"rm a; ls\" ; rm a ; ls");
    certain("echo x | sudo tee -a /etc/hosts", "echo x ; sudo tee -a /etc/hosts ; tee -a /etc/hosts >/etc/hosts");
    certain("dd if=/dev/sda of=/dev/sdb bs=1M", "dd if=/dev/sda of=/dev/sdb bs=1M </dev/sda >/dev/sdb");
    certain("find /x -name '*.log' -mtime +7", "find /x -name *.log -mtime +7");
    certain(
        "sed -n '5,10p' /x | awk '{print $1}' | sed 's/a/b/g'",
        "sed -n 5,10p /x ; awk \"{print $1}\" ; sed s/a/b/g",
    );
    certain("tar czf /b.tgz -C /srv data", "tar czf /b.tgz -C /srv data");
    certain("systemctl restart nginx", "systemctl restart nginx");
    certain(
        "rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/x",
        "rsync --server --sender -vlogDtpre.iLsfxCIvu . /srv/x",
    );
    certain("scp -r -t /srv", "scp -r -t /srv");
    certain("git-receive-pack '/srv/a.git'", "?git-receive-pack /srv/a.git");
    certain("/opt/app/bin/deploy now", "?/opt/app/bin/deploy now");
    certain("deploy now", "?deploy now");
    seen("find / -name x -exec rm -f {} +", "`find` fills in", "find / -name x -exec rm -f {} + ; rm -f …");
    seen("find / -delete", "`find` removes", "find / -delete");
    seen("cat l | xargs -n 1 rm -f", "`xargs` adds", "cat l ; xargs -n 1 rm -f ; rm -f …");
    unknown("find / -fprint /etc/x", "`-fprint`");
    unknown("sudo -s", "`-s`");
    unknown("sudo rm -rf / --opt $X", "`$X`");
    unknown("timeout 5 python3 x.py", "`python3` runs whatever");
    unknown("sudo bash", "`bash` is a shell");
    unknown("env X=1 ls", "sets `X`");
    unknown("sudo LD_PRELOAD=/x ls", "sets `LD_PRELOAD`");
    unknown("sed 's/a/id/e'", "`sed`");
    unknown("sed -n '/x/w /etc/y'", "`sed`");
    unknown("sed -i 's/a/b/' /x", "`sed`");
    unknown("awk 'BEGIN{system(\"id\")}'", "`awk`");
    unknown("awk '{print > \"/x\"}'", "`awk`");
    unknown("tar xf a --to-command=id", "`tar`");
    unknown("tar xf a --checkpoint-action=exec=id", "`tar`");
    unknown("tar cf host:a b", "`tar`");
    unknown("rsync -e id a b:", "`rsync`");
    unknown("rsync --server -e id . /x", "`rsync`");
    unknown("rsync --server -vs . /x", "`rsync`");
    unknown("scp -S id a b:", "`scp`");
    unknown("sort --compress-program=id x", "`sort`");
    unknown("systemctl edit nginx", "`edit`");
    unknown("systemctl enable /tmp/x.service", "`/tmp/x.service`");
    unknown("docker exec c sh", "`exec`");
    unknown("ip netns exec n id", "`netns`");
    unknown("printf -v PATH x", "`printf`");
    unknown("printf %d 'a[$(id)]'", "`printf`");
    unknown("[ 'a[$(id)]' -eq 1 ]", "`[`");
    unknown("test -v 'a[$(id)]'", "`test`");
    unknown("[ x -eq 1 ]", "`[`");
    for line in [
        "vi x",
        "less x",
        "man ls",
        "ssh h id",
        "git pull",
        "make",
        "crontab x",
        "at now",
        "mysql",
        "perl x",
        "su -c id",
    ] {
        unknown(line, "runs whatever");
    }
    for line in [
        "eval ls",
        ". x",
        "source x",
        "exec ls",
        "command ls",
        "builtin cd",
        "trap ls EXIT",
        "alias ls=rm",
        "set -x",
        "export A=b",
        "unset PATH",
        "read x",
        "fc -s",
        "history",
        "bind -x a",
        "hash -p /x ls",
        "enable -f x y",
        "let a",
        "sched 1 ls",
    ] {
        unknown(line, "changes the shell");
    }
}

#[test]
fn r63_what_shells_fill_in_or_read_differently_is_unknown() {
    seen("rm $X", "`$X` is filled in", "rm …");
    seen("rm \"$X\" ${Y} $1 $? $(ls /a; id) b", "`$(…)`", "ls /a ; id ; rm … … … … … b");
    seen("`ls`", "not certain", "ls ; ∅");
    seen("echo `echo \\`id\\``", "backticks", "id ; echo … ; echo …");
    seen("cat <(ls) >(id)", "`<(…)`", "ls ; id ; cat … …");
    seen("$X -rf /", "not certain", "∅ -rf /");
    seen("rm a; case x in x) rm b;; esac", "`case` is not read", "rm a");
    let rows = [
        ("rm *", "names of files"),
        ("rm ?", "names of files"),
        ("rm [a]", "names of files"),
        ("rm {a,b}", "`{…}`"),
        ("rm ~", "`~`"),
        ("rm a=~", "`~`"),
        ("ls =rm", "zsh"),
        ("ls ''=rm", "zsh"),
        ("A==rm", "zsh"),
        ("ls <1-9>x", "zsh"),
        ("ls !x", "history"),
        ("!!", "history"),
        ("!x", "history"),
        ("ls \"a!x\"", "history"),
        ("ls $'\\x72'", "`$`"),
        ("ls $\"a\"", "`$`"),
        ("$'\\x72m' x", "`$`"),
        ("ls ${X:-a}", "more than one step"),
        ("ls $((1))", "computed"),
        ("((1))", "computed"),
        ("ls \"a\\b\"", "backslash"),
        ("ls a\\\nb", "next line"),
        ("ls # x", "comment"),
        ("ls a#b", "`#`"),
        ("ls 'a''b'", "quotation mark"),
        ("ls 'a", "inside a quotation"),
        ("ls \"a", "inside a quotation"),
        ("ls `a", "backticks"),
        ("ls \\", "backslash"),
        ("cat <<X\na\nX", "`<<`"),
        ("cat <<< a", "`<<`"),
        ("ls &> x", "`&>`"),
        ("ls |& id", "`|&`"),
        ("ls >&x", "`>&`"),
        ("ls >&1x", "`>&`"),
        ("ls 12>x", "above 9"),
        ("ls >1>2", "between"),
        ("> x", "redirects nothing"),
        ("A=b", "variable `A`"),
        ("PATH=/x", "variable `PATH`"),
        ("PATH=/x ls", "sets `PATH`"),
        ("LD_PRELOAD=/x ls", "sets `LD_PRELOAD`"),
        ("COLUMNS='psvar[$(id)0]' ls", "sets `COLUMNS`"),
        ("echo 'ls() { rm a; }' > .bashrc", "may be meant"),
        ("cp x ~root/.profile", "filled in"),
        ("cp x /home/a/.zshenv", "may be meant"),
        ("tee -a .ssh/authorized_keys", "may be meant"),
        ("ln -s x ./.bash_profile", "may be meant"),
        ("dd if=x of=/etc/profile.d/y.sh", "may be meant"),
        ("cp /bin/rm /usr/local/bin/ls", "may be meant"),
        ("mv x /usr//bin/./ls", "may be meant"),
        ("cd /usr/local/bin", "may be meant"),
        ("echo /x > /etc/ld.so.preload", "may be meant"),
        ("sudo cp x /lib/y.so", "may be meant"),
        ("cat /proc/thread-self/root/etc/shadow", "may be meant"),
        ("cat < /dev/fd/3", "may be meant"),
        ("cd /proc/1", "may be meant"),
        ("cp x /../usr/local/bin/tree", "may be meant"),
        ("cp -t/usr/local/bin x", "may be meant"),
        ("cp x local/bin/tree", "may be meant"),
        ("cp x profile", "may be meant"),
        ("cp -b -S rc y .bash", "may be meant"),
        ("sed -irc s/x/y/ .bash", "may be meant"),
        ("cp x /etc/cron.d/y", "may be meant"),
        ("tee systemd/system/x.service", "may be meant"),
        ("awk 'BEGIN{ARGV[1]=x}{print}'", "not known here"),
        ("printf '1234567%n' PATH; uname", "not known here"),
        ("printf '%d' PATH=7", "not known here"),
        ("printf '%*d' PATH=7 1", "not known here"),
        ("printf '%(%s)T' x", "not known here"),
        ("sort --files0-from=-", "not known here"),
        ("md5sum -c x", "not known here"),
        ("for i in 'path[$(rm a)]'; do printf '%d' i; done", "for a sum"),
        ("for i in 'path[$(rm a)]'; do [ -t i ]; done", "for a sum"),
        ("BASH_ENV=x bash -c ls", "sets `BASH_ENV`"),
        ("A+=b ls", "name of a program"),
        ("ls > /dev/tcp/h/1", "no file"),
        ("ls > $X", "filled in"),
        ("ls ;;", "`;;`"),
        ("; ls", "belongs"),
        ("ls &&", "belongs"),
        ("()", "nothing where"),
        ("(ls", "belongs"),
        ("ls)", "belongs"),
        ("ls (a)", "function"),
        ("ls() { id; }", "function"),
        ("function f { id; }", "`function`"),
        ("[[ a ]]", "`[[`"),
        ("coproc ls", "`coproc`"),
        ("select a in b; do ls; done", "`select`"),
        ("repeat 3 ls", "`repeat`"),
        ("noglob ls", "`noglob`"),
        ("- ls", "`-`"),
        ("-x", "name of a program"),
        ("{ ls }", "`}`"),
        ("{ls;}", "`{…}`"),
        ("! ! ls", "`!`"),
        ("a | ! b", "`!`"),
        ("!(ls)", "`!`"),
        ("{ ls; } always { id; }", "goes on"),
        ("(ls) id", "goes on"),
        ("for PATH in /x; do ls; done", "sets `PATH`"),
        ("for ((;;)); do ls; done", "shape"),
        ("for a; do ls; done", "shape"),
        ("./x", "folders of the target"),
        ("a/b", "folders of the target"),
        ("/usr/bin/../x/rm", "folders of the target"),
        ("..", "not to every shell"),
        ("time noglob ls", "not to every shell"),
        ("TZ=b if", "not to every shell"),
        ("'a b'", "not to every shell"),
        ("%1", "job"),
        ("ls a; echo [", "word of its own"),
    ];
    for (line, reason) in rows {
        unknown(line, reason);
    }
}

/// Where a text runs, and with which variables, is no command; what runs there may read and write there.
#[test]
fn r62_what_says_where_a_text_runs_is_its_context() {
    certain("cd -- /srv/app && ls", "ls </srv/app");
    certain("cd /srv/app && ls", "ls </srv/app");
    certain("cd -- '/srv/a b' && { ls\n}", "ls </srv/a b");
    certain("cd /srv && ls | wc && id", "ls </srv ; wc </srv ; id </srv");
    certain("cd /srv && cat a/b c > out < in", "cat a/b c </srv </srv/in >/srv/out");
    certain("cd /srv && { ls; rm x; } >> log", "ls </srv ; rm x </srv ; ∅ </srv >/srv/log");
    certain("cd -- ./app && ls > out", "ls <./app >./app/out");
    certain("cd / && tee out", "tee out </ >/out");
    certain("export TZ='UTC' && date", "TZ= date");
    certain("cd /srv && export TZ='UTC' LANG=C && { date; ls\n}", "LANG= TZ= date </srv ; LANG= TZ= ls </srv");
    // Where something may run elsewhere, going there is a command like any other, and so is one that goes on.
    certain("cd /etc && true || cat shadow", "cd /etc ; true ; cat shadow");
    certain("cd /etc && true; cat shadow", "cd /etc ; true ; cat shadow");
    certain("cd /etc && true & cat shadow", "cd /etc ; true ; cat shadow");
    certain("cd /etc\ncat shadow", "cd /etc ; cat shadow");
    certain("(cd /etc && cat shadow)", "cd /etc ; cat shadow");
    certain("cd /srv && cd /etc && cat < shadow", "cd /etc </srv ; cat </srv <shadow");
    certain("cd /srv && { cat < x; sh -c 'cd /etc'\n}", "cat </srv <x ; sh -c \"cd /etc\" </srv ; cd /etc </srv");
    seen("cd /etc &&", "belongs", "cd /etc");
    seen("cd /etc && A=b", "variable `A`", "A= ∅ </etc");
    seen("cd - && ls", "`cd`", "cd - ; ls");
    seen("cd -P /etc && ls", "`cd`", "cd -P /etc ; ls");
    seen("cd $X && ls", "`$X`", "cd … ; ls");
    seen("cd /proc/1 && ls", "may be meant", "ls </proc/1");
    seen("cd / && cat < proc/1/root/x", "may be meant", "cat </ </proc/1/root/x");
    seen("cd /usr/local/bin && cat > tree", "may be meant", "cat </usr/local/bin >/usr/local/bin/tree");
    seen("cd /srv && find . -execdir cat x \\; > y", "fills in", "find . -execdir cat x \";\" </srv >y ; cat x </srv");
    seen("cd /srv && { eval x; cat < y\n}", "changes the shell", "eval x </srv ; cat </srv <y");
    for (line, why) in [
        ("export PATH='/x' && ls", "sets `PATH`"),
        ("export LD_PRELOAD=/x && ls", "sets `LD_PRELOAD`"),
        ("export IFS=x && ls", "sets `IFS`"),
        ("export LC_ALL=ja_JP.SJIS && ls", "sets `LC_ALL`"),
        ("export A && ls", "changes the shell"),
        ("export -f x && ls", "changes the shell"),
        ("export TZ=$X && date", "`$X`"),
        ("export TZ=UTC && rm *", "names of files"),
        ("export TZ=UTC; date", "changes the shell"),
    ] {
        unknown(line, why);
    }
}

#[test]
fn r63_hidden_and_look_alike_characters_are_unknown() {
    let rows = [
        ("\u{ff52}\u{ff4d} x", "U+FF52"),
        ("ls '\u{ff52}'", "U+FF52"),
        ("r\u{43c} x", "U+043C"),
        ("ls\u{a0}x", "U+00A0"),
        ("ls \"\u{a0}\"", "U+00A0"),
        ("ls '\u{202e}x'", "U+202E"),
        ("ls \u{200b}", "U+200B"),
        ("ls '\u{2028}'", "U+2028"),
        ("ls größe", "U+00F6"),
        ("ls \\ö", "U+00F6"),
        ("'größe'", "not to every shell"),
        ("ls\rid", "U+000D"),
        ("ls\0id", "U+0000"),
        ("ls '\u{1b}[2J'", "U+001B"),
        ("ls\u{b}id", "U+000B"),
        ("ls \u{7f}", "U+007F"),
        ("ls \u{85}", "U+0085"),
        ("ls '\u{2019}'", "U+2019"),
    ];
    for (line, reason) in rows {
        unknown(line, reason);
    }
}

#[test]
fn r63_hostile_lines_end_in_words() {
    fn check(line: &str, reason: &str) {
        let start = Instant::now();
        unknown(line, reason);
        assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
        for why in facts(line).unknown {
            assert!(!why.chars().any(|c| c.is_control() || is_invisible(c)), "{why:?}");
        }
    }
    let many = |part: &str| part.repeat(LINE_BYTES_MAX / part.len());
    check(&"a".repeat(LINE_BYTES_MAX + 1), "too long");
    for deep in
        ["( ", "$(", "\"$(", "{ ", "if ", "while ", "<(", "sudo ", "watch ", "xargs ", "find -exec ", "(a;", "echo `"]
    {
        check(&many(deep), if deep == "echo `" { "" } else { "too deeply" });
    }
    check(&many("a;"), "more than 1000 commands");
    check(&many("$X "), "filled in");
    check(&many("a$X|"), "");
    check(&many("'"), "");
    check(&many("\\`"), "");
    check(&many("`"), "");
    check(&many("=a "), "");
    let found = facts(&many("$(a)"));
    assert_eq!(found.commands.len(), COMMANDS_MAX);
    let doubts: String = (0..2_000).map(|n| format!("$X{n} ")).collect();
    assert_eq!(facts(&doubts).unknown.len(), DOUBTS_MAX + 1);
    certain("(ls)", "ls");
    let nested = format!("{}ls{}", "{ ".repeat(DEPTH_MAX - 2), "; }".repeat(DEPTH_MAX - 2));
    certain(&nested, "ls");
}

#[test]
fn r63_mutated_lines_never_panic() {
    const SEED: u64 = 0x0dd;
    let lines = [
        "sudo -u a env TZ=b timeout 5 rm -rf '/x y' 2>&1 | tee /z",
        "if [ a = b ]; then for f in $(ls *); do rm \"$f\"; done; fi >x",
        "find / -exec sh -c 'rm {}' \\; `id \\`x\\``",
    ];
    let mut dice = fastrand::Rng::with_seed(SEED);
    for round in 0..5_000 {
        let mut bytes = lines[dice.usize(..lines.len())].as_bytes().to_vec();
        for _ in 0..dice.usize(1..6) {
            let at = dice.usize(..=bytes.len());
            match dice.u8(..4) {
                0 => bytes.insert(at, dice.u8(..)),
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..bytes.len().min(at + dice.usize(..9)))),
                _ => bytes.insert(at, *dice.choice(b"'\"$`\\(){}<>|&;=!#~ \n1").expect("there are signs")),
            }
        }
        let line = String::from_utf8_lossy(&bytes).into_owned();
        assert!(std::panic::catch_unwind(|| facts(&line)).is_ok(), "round {round} of seed {SEED:#x}: {line:?}");
    }
}
