//! Which commands of a shell a rule speaks of. What is not known is not excluded: a word that the target fills in may be
//! any, and a path that depends on the directory may lead anywhere.

use countersign_journal::{CommandFacts, CommandMatch};
use std::collections::BTreeSet;

/// Whether a rule speaks of this command.
#[must_use]
pub(crate) fn selects(wanted: &CommandMatch, command: &CommandFacts) -> bool {
    let by_program = wanted.programs.is_empty() || command.name().is_some_and(|n| wanted.programs.contains(n));
    let by_argument = wanted.arguments.is_empty()
        || command.arguments.iter().any(|a| a.as_ref().is_none_or(|a| wanted.arguments.contains(a)));
    let by_path = wanted.paths.is_empty() || touches(wanted, command);
    by_program && by_argument && by_path && !is_free(wanted, command)
}

/// Whether a rule names this command for certain, so that it may be what lets it run: here what is not known is excluded.
#[must_use]
pub(crate) fn names_it(wanted: &CommandMatch, command: &CommandFacts) -> bool {
    let by_program = command.name().is_some_and(|name| wanted.programs.contains(name));
    let by_argument = wanted.arguments.is_empty()
        || command.arguments.iter().flatten().any(|argument| wanted.arguments.contains(argument));
    let paths: BTreeSet<&String> = command.reads.iter().chain(&command.writes).collect();
    let within = |path: &&String| wanted.paths.iter().any(|wanted| is_within(wanted, path));
    by_program && by_argument && (wanted.paths.is_empty() || (!paths.is_empty() && paths.iter().all(within)))
}

/// Whether a path as it is written is the wanted one, or in it.
fn is_within(wanted: &str, written: &str) -> bool {
    absolute(written).is_some_and(|plain| plain == wanted || (wanted.ends_with('/') && plain.starts_with(wanted)))
}

/// Whether the rule leaves this command out: one of its free programs, that opens no file to write. What must be named is no
/// reading.
fn is_free(wanted: &CommandMatch, command: &CommandFacts) -> bool {
    let only_reads = command.writes.is_empty() && !command.is_named_only();
    only_reads && command.name().is_some_and(|name| wanted.free.contains(name))
}

/// Whether this command may run something else of which the rule speaks, for all anybody here knows.
#[must_use]
pub(crate) fn is_unknown_to(wanted: &CommandMatch, command: &CommandFacts) -> bool {
    let free = if command.is_named_only() { None } else { Some(&wanted.free) };
    let vouched = |name| [&wanted.trusted, &wanted.programs].into_iter().chain(free).any(|known| known.contains(name));
    command.unlisted && !command.name().is_some_and(vouched)
}

/// Whether the command may read, write or be told of one of the rule's paths.
fn touches(wanted: &CommandMatch, command: &CommandFacts) -> bool {
    let program = command.program.iter().filter(|p| p.contains('/'));
    let opened: Vec<&String> = command.reads.iter().chain(&command.writes).chain(program).collect();
    let goes = command.name() == Some("cd");
    let named = |path, argument: &Option<String>| argument.as_deref().is_none_or(|a| names(path, a, goes));
    wanted.paths.iter().any(|path| {
        opened.iter().any(|written| leads_to(path, written)) || command.arguments.iter().any(|a| named(path, a))
    })
}

/// Whether a path as it is written may be the wanted one, hold it, or be in it.
fn leads_to(wanted: &str, written: &str) -> bool {
    absolute(written).is_none_or(|plain| {
        let beneath = if plain == "/" { "/".to_owned() } else { format!("{plain}/") };
        wanted == plain || wanted.starts_with(&beneath) || (wanted.ends_with('/') && beneath.starts_with(wanted))
    })
}

/// Whether an argument may name the wanted path. A word without a slash is taken for no path, but where one goes by it: what
/// it could reach is in the directory itself, which is the login's home until one goes elsewhere.
fn names(wanted: &str, argument: &str, goes: bool) -> bool {
    if argument.split('/').any(|part| part == "..") || (goes && !argument.starts_with('/')) {
        return true;
    }
    argument.split(['=', ':', ',']).filter_map(|piece| Some(piece.split_at(piece.find('/')?))).any(|(before, value)| {
        let begins = before.is_empty() || is_option_letter(before);
        !begins || leads_to(wanted, value)
    })
}

/// `-I`, as in `-I/usr/include`.
fn is_option_letter(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letter| letter.chars().count() == 1)
}

/// An absolute path without empty parts and dots; nothing where it is relative or goes up, which may lead anywhere.
fn absolute(path: &str) -> Option<String> {
    let parts = path.strip_prefix('/')?.split('/').filter(|p| !matches!(*p, "" | "."));
    let mut plain = String::new();
    for part in parts {
        if part == ".." {
            return None;
        }
        plain.push('/');
        plain.push_str(part);
    }
    Some(if plain.is_empty() { "/".to_owned() } else { plain })
}

/// Whether a path of a rule is written as [`touches`] compares it.
#[must_use]
pub(crate) fn is_plain_path(path: &str) -> bool {
    let folder = path.strip_suffix('/').unwrap_or(path);
    path == "/" || absolute(path).is_some_and(|plain| plain == folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> CommandFacts {
        let mut words = words.iter().map(|w| (*w != "?").then(|| (*w).to_owned()));
        CommandFacts { program: words.next().flatten(), arguments: words.collect(), ..CommandFacts::default() }
    }

    fn wanting(programs: &[&str], arguments: &[&str], paths: &[&str]) -> CommandMatch {
        let set = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect();
        let (free, trusted) = (set(&[]), set(&[]));
        CommandMatch { programs: set(programs), arguments: set(arguments), paths: set(paths), free, trusted }
    }

    #[test]
    fn r62_a_rule_speaks_of_programs_and_words() {
        let restart = wanting(&["systemctl"], &["restart", "stop"], &[]);
        assert!(selects(&restart, &command(&["/usr/bin/systemctl", "restart", "nginx"])));
        assert!(selects(&restart, &command(&["systemctl", "?"])), "a word that the target fills in may be any");
        assert!(!selects(&restart, &command(&["systemctl", "status", "nginx"])));
        assert!(!selects(&restart, &command(&["/tmp/systemctl", "restart"])));
        assert!(selects(&wanting(&[], &[], &[]), &command(&["ls"])));
        assert!(!selects(&wanting(&["ls"], &[], &[]), &command(&["?"])), "its text is among the unknown");
    }

    /// Every way in which a file or folder is named, and what is no such way.
    #[test]
    fn r62_a_path_is_met_however_it_is_named() {
        let (file, folder) = (wanting(&[], &[], &["/etc/shadow"]), wanting(&[], &[], &["/etc/"]));
        for words in [
            ["cat", "/etc/shadow"],
            ["cat", "//etc/./shadow"],
            ["cat", "/var/../etc/shadow"],
            ["cat", "../etc/shadow"],
            ["cat", "etc/shadow"],
            ["cd", ".."],
            ["cd", "/etc"],
            ["cd", "etc"],
            ["rm", "/"],
            ["dd", "if=/etc/shadow"],
            ["grep", "-f/etc/shadow"],
            ["curl", "--upload-file=etc/shadow"],
            ["scp", "host:/etc/shadow"],
            ["x", "a:/srv/y,/etc/shadow"],
            ["cat", "?"],
            ["/etc/shadow", ""],
        ] {
            assert!(selects(&file, &command(&words)), "{words:?}");
            assert!(selects(&folder, &command(&words)), "{words:?}");
        }
        for words in
            [["cat", "/var/log/syslog"], ["cat", "notes"], ["cat", "/etcetera"], ["curl", "https://e/etc/shadow"]]
        {
            assert!(!selects(&file, &command(&words)) && !selects(&folder, &command(&words)), "{words:?}");
        }
        assert!(
            selects(&folder, &command(&["cat", "/etc/passwd"])) && !selects(&file, &command(&["cat", "/etc/passwd"]))
        );
        let redirected = CommandFacts { writes: ["shadow".to_owned()].into(), ..command(&["echo", "x"]) };
        assert!(selects(&file, &redirected), "what is opened by a relative path may be anywhere");
    }

    #[test]
    fn what_runs_others_is_unknown_unless_it_is_vouched_for() {
        let tool = CommandFacts { unlisted: true, ..command(&["/opt/tool"]) };
        let rule = wanting(&["reboot"], &[], &[]);
        assert!(is_unknown_to(&rule, &tool));
        assert!(!is_unknown_to(&CommandMatch { trusted: ["/opt/tool".to_owned()].into(), ..rule.clone() }, &tool));
        assert!(!is_unknown_to(&wanting(&["/opt/tool"], &[], &[]), &tool));
        assert!(!is_unknown_to(&rule, &command(&["ls"])));
    }

    /// What a rule leaves out is left out only where it writes no file; everything else it holds.
    #[test]
    fn r63_a_rule_may_speak_of_all_but_what_it_names() {
        let free: std::collections::BTreeSet<String> = ["ls".to_owned(), "/opt/report".to_owned()].into();
        let rule = CommandMatch { free, ..CommandMatch::default() };
        let writes = |words: &[&str]| CommandFacts { writes: ["x".to_owned()].into(), ..command(words) };
        assert!(!selects(&rule, &command(&["/bin/ls", "-l"])) && selects(&rule, &writes(&["ls"])));
        assert!(selects(&rule, &command(&["rm", "x"])) && selects(&rule, &command(&["?"])));
        let report = CommandFacts { unlisted: true, ..command(&["/opt/report"]) };
        assert!(!selects(&rule, &report) && !is_unknown_to(&rule, &report));
    }

    /// What must be named is never free, and named only where nothing is left to guess.
    #[test]
    fn r62_what_must_be_named_is_named_for_certain() {
        let to = |words: &[&str]| CommandFacts { unlisted: true, ..command(words) };
        let forward = to(&["forward-local", "db:5432", "db", "5432"]);
        for words in [&[][..], &["db"], &["5432"], &["other", "db:5432"]] {
            assert!(names_it(&wanting(&["forward-local"], words, &[]), &forward), "{words:?}");
        }
        assert!(!names_it(&wanting(&["forward-local"], &["other"], &[]), &forward));
        assert!(!names_it(&wanting(&["forward-local"], &["db"], &[]), &to(&["forward-local", "?"])));
        assert!(!names_it(&wanting(&["forward-local"], &[], &["/run/"]), &forward), "it goes to no path");
        assert!(!names_it(&wanting(&[], &[], &[]), &forward) && !names_it(&wanting(&["ls"], &[], &[]), &forward));
        let socket = |path: &str| {
            let paths = BTreeSet::from([path.to_owned()]);
            CommandFacts { reads: paths.clone(), writes: paths, ..to(&["forward-local-socket", path]) }
        };
        let named = wanting(&["forward-local-socket"], &[], &["/run/x.sock", "/srv/y/"]);
        for (path, lets) in [
            ("/run/x.sock", true),
            ("/run//./x.sock", true),
            ("/srv/y/z", true),
            ("/run", false),
            ("/srv/y/../z", false),
            ("x.sock", false),
            ("../run/x.sock", false),
        ] {
            assert_eq!(names_it(&named, &socket(path)), lets, "{path}");
        }
        let all = |word: &str| {
            let free = [word.to_owned()].into();
            CommandMatch { free, ..CommandMatch::default() }
        };
        assert!(selects(&all("forward-local"), &forward), "it is not free");
        let some = |rule: CommandMatch| CommandMatch { programs: ["mkdir".to_owned()].into(), ..rule };
        assert!(is_unknown_to(&some(all("forward-local")), &forward));
        let trusted = CommandMatch { trusted: ["forward-local".to_owned()].into(), ..CommandMatch::default() };
        assert!(!is_unknown_to(&some(trusted), &forward));
    }

    #[test]
    fn paths_of_rules_are_plain() {
        for path in ["/", "/etc/", "/etc/shadow"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in ["", "etc", "~/x", "/etc//x", "/etc/../x", "/./", "/etc//"] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
