//! What a command with literal words runs: itself, and whatever the table says it runs in turn.

use super::grammar::is_reserved;
use super::later;
use super::programs::{How, Leads, Options, Special, how};
use super::word::is_variable;
use super::{Read, Reader};
use crate::reason::quoted;
use countersign_journal::CommandFacts;

/// Variables of which only messages, sorting and times depend. `COLUMNS` and `LINES` are none: zsh computes what they are set to.
const HARMLESS: &[&str] = &["DEBIAN_FRONTEND", "LANG", "LANGUAGE", "LC_ALL", "NO_COLOR", "TERM", "TZ"];

/// Whether a variable is one of those.
pub(super) fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name)
}

/// Arguments, of which some may be filled in on the target.
type Words = [Option<String>];

fn literal(word: &Option<String>) -> &str {
    word.as_deref().unwrap_or_default()
}

impl Reader<'_> {
    /// Notes `command`, and what it runs in turn.
    pub(super) fn runs(&mut self, mut command: CommandFacts) -> Read<()> {
        for name in command.assignments.iter().filter(|name| !is_harmless(name)) {
            self.doubt(format!("sets {}, which may change what a program does", quoted(name)));
        }
        let named = command.program.as_deref().map(|program| self.is_name(program));
        if named != Some(true) {
            command.program = None;
            self.doubt("which program it runs is not certain");
            return self.push(command);
        }
        let how = command.name().and_then(how);
        command.unlisted = how.is_none();
        let (name, words) = (command.name().unwrap_or_default().to_owned(), command.arguments.clone());
        if let Some(How::Special(special)) = how {
            paths(special, &mut command);
        }
        // The words of what a wrapper runs are those of a command of their own.
        let wraps = matches!(how, Some(How::Wrapper(..)));
        self.named_later(&command, !wraps);
        self.push(command)?;
        how.map_or(Ok(()), |how| self.deeper(|reader| reader.runs_in_turn(&name, &words, how)))
    }

    /// Notes that a word of the command, with or without its arguments, may mean more than it says.
    pub(super) fn named_later(&mut self, command: &CommandFacts, arguments: bool) {
        if let Some(word) = later::named(command, arguments) {
            self.doubt(format!("names {}, by which other files or later commands may be meant", quoted(word)));
        }
    }

    /// Whether `program` names one program to every shell; if not, a doubt says why.
    fn is_name(&mut self, program: &str) -> bool {
        let plain = program.chars().all(|c| c.is_ascii_alphanumeric() || "_-./+".contains(c));
        // A line that begins with a sign is an option to the shell that is to read it.
        let signed = program.starts_with(['-', '+']);
        if is_reserved(program) || program.is_empty() || signed || !(plain || ["[", ":"].contains(&program)) {
            self.doubt(format!("{} is the name of a program not to every shell", quoted(program)));
            return false;
        }
        let Some((folder, name)) = program.rsplit_once('/') else {
            let dots = program.trim_matches('.').is_empty() && program != ".";
            if dots {
                self.doubt(format!("{} is the name of a program not to every shell", quoted(program)));
            }
            return !dots;
        };
        let clean =
            folder.split('/').skip(1).all(|part| !["", ".", ".."].contains(&part)) && !["", ".", ".."].contains(&name);
        if !program.starts_with('/') || !clean {
            self.doubt(format!("which program {} is depends on folders of the target", quoted(program)));
            return false;
        }
        true
    }

    fn runs_in_turn(&mut self, name: &str, words: &Words, how: How) -> Read<()> {
        match how {
            How::Itself => {}
            How::Unless(starts) => {
                let odd = words.iter().map(literal).find(|word| starts.iter().any(|start| word.starts_with(start)));
                odd.into_iter().for_each(|word| self.doubt_of(name, word));
            }
            How::Only(first, options) => self.only(name, words, first, options),
            How::Wrapper(options, leads) => return self.wraps(name, words, options, leads),
            How::Whatever => self.doubt(format!("{} runs whatever it is told or given", quoted(name))),
            How::Shell => self.doubt(format!("{} changes the shell, or what it runs", quoted(name))),
            How::Special(special) => return self.special(name, words, special),
        }
        Ok(())
    }

    fn doubt_of(&mut self, name: &str, word: &str) {
        self.doubt(format!("what {} does with {} is not known here", quoted(name), quoted(word)));
    }

    /// Options that are known, and the first other word, of which the rest depends.
    fn only(&mut self, name: &str, words: &Words, first: &[&str], options: Options) {
        let mut others = Vec::new();
        let mut rest = words.iter().map(literal);
        while let Some(word) = rest.next() {
            if options.with_value.contains(&word) {
                rest.next();
            } else if !word.starts_with('-') {
                others.push(word);
            } else if !options.alone.contains(&word) {
                self.doubt_of(name, word);
            }
        }
        let named = others.first().is_none_or(|word| first.contains(word));
        if let Some(odd) = others.first().filter(|_| !named).or(others.iter().find(|word| word.contains('/'))) {
            self.doubt_of(name, odd);
        }
    }

    fn wraps(&mut self, name: &str, words: &Words, options: Options, leads: Leads) -> Read<()> {
        let mut at = 0;
        while let Some(word) = words.get(at).map(literal).filter(|word| word.starts_with('-')) {
            at += 1;
            if word == "--" {
                break;
            } else if options.with_value.contains(&word) {
                at += 1;
            } else if !options.alone.contains(&word) {
                self.doubt_of(name, word);
                return Ok(());
            }
        }
        let mut command = CommandFacts::default();
        if leads == Leads::OneWord {
            at += 1;
        } else if leads == Leads::Variables {
            while let Some((variable, _)) = words.get(at).and_then(|word| literal(word).split_once('=')) {
                if !is_variable(variable) {
                    break;
                }
                command.assignments.insert(variable.to_owned());
                at += 1;
            }
        }
        self.inner(command, words.get(at..).unwrap_or_default())
    }

    /// Notes the command that `words` are, if they are any.
    fn inner(&mut self, mut command: CommandFacts, words: &Words) -> Read<()> {
        let Some((program, arguments)) = words.split_first() else { return Ok(()) };
        command.program.clone_from(program);
        command.arguments = arguments.to_vec();
        self.runs(command)
    }

    fn special(&mut self, name: &str, words: &Words, special: Special) -> Read<()> {
        let all: Vec<&str> = words.iter().map(literal).collect();
        match special {
            Special::Find => return self.find(words),
            Special::Sh => return self.shell(name, words),
            Special::Watch => return self.watch(words),
            Special::Xargs => return self.xargs(words),
            Special::DiskDump | Special::Tee => {}
            Special::Awk if awk(&all) => {}
            Special::ChangeDirectory if all.len() < 2 && all.iter().all(|word| !word.starts_with(['-', '+'])) => {}
            Special::Copy if copies(&all) => {}
            Special::Exit if all.len() < 2 && all.iter().all(|word| is_number(word)) => {}
            Special::Print if prints(&all) => {}
            Special::Rsync if rsync(&all) => {}
            Special::Sed if sed(&all) => {}
            Special::Tar if tar(&all) => {}
            Special::Test if test(&all) => {}
            _ => self.doubt(format!("what {} does with these words is not known here", quoted(name))),
        }
        Ok(())
    }

    /// A shell is read if it is given one text to run and nothing else.
    fn shell(&mut self, name: &str, words: &Words) -> Read<()> {
        match words {
            [Some(option), Some(text)] if option == "-c" && !text.starts_with(['-', '+']) => self.nested(text),
            _ => {
                self.doubt(format!("{} is a shell: what it is told there is not seen", quoted(name)));
                Ok(())
            }
        }
    }

    /// `watch` gives its words, joined by blanks, to a shell of its own.
    fn watch(&mut self, words: &Words) -> Read<()> {
        let mut command = words;
        while let [Some(option), rest @ ..] = command
            && option.starts_with('-')
        {
            let value = usize::from(option == "-n");
            if value == 0 && !["-d", "-t", "-g", "-e"].contains(&option.as_str()) {
                self.doubt_of("watch", option);
                return Ok(());
            }
            command = rest.get(value..).unwrap_or_default();
        }
        let known: Option<Vec<&str>> = command.iter().map(Option::as_deref).collect();
        match known {
            Some(words) => self.nested(&words.join(" ")),
            None => {
                self.doubt("which program `watch` runs is not certain");
                Ok(())
            }
        }
    }

    fn xargs(&mut self, words: &Words) -> Read<()> {
        let mut at = 0;
        while let Some(word) = words.get(at).map(literal).filter(|word| word.starts_with('-')) {
            at += match word {
                "-0" | "-r" | "-t" => 1,
                "-n" | "-P" | "-L" | "-d" | "-s" => 2,
                _ => {
                    self.doubt_of("xargs", word);
                    return Ok(());
                }
            };
        }
        self.doubt("`xargs` adds words that it reads");
        let command = words.get(at..).unwrap_or_default();
        if command.is_empty() { Ok(()) } else { self.inner(CommandFacts::default(), &[command, &[None]].concat()) }
    }

    fn find(&mut self, words: &Words) -> Read<()> {
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match literal(word) {
                "-exec" | "-execdir" | "-ok" | "-okdir" => {
                    let command = rest.as_slice();
                    let length =
                        command.iter().position(|word| [";", "+"].contains(&literal(word))).unwrap_or(command.len());
                    let filled = |word: &Option<String>| word.clone().filter(|word| !word.contains("{}"));
                    let inner: Vec<_> = command[..length].iter().map(filled).collect();
                    rest = command[length..].iter();
                    self.doubt("`find` fills in the names of what it finds");
                    self.inner(CommandFacts::default(), &inner)?;
                }
                "-delete" => self.doubt("`find` removes what it finds"),
                odd if odd.starts_with("-f") && odd != "-follow" && odd != "-fstype" && odd != "-false" => {
                    self.doubt_of("find", odd);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Notes the paths that the arguments of a program say it reads and writes.
fn paths(special: Special, command: &mut CommandFacts) {
    let words = command.arguments.iter().flatten();
    match special {
        Special::Tee => command.writes.extend(words.filter(|word| !word.starts_with('-')).cloned()),
        Special::DiskDump => {
            let named = |key: &'static str| move |word: &String| word.strip_prefix(key).map(str::to_owned);
            command.writes.extend(words.clone().filter_map(named("of=")));
            command.reads.extend(words.filter_map(named("if=")));
        }
        _ => {}
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_digit())
}

/// Whether every option is one of these letters, in any combination.
fn only_letters(word: &str, letters: &str) -> bool {
    word.strip_prefix('-').is_none_or(|rest| !rest.is_empty() && rest.chars().all(|c| letters.contains(c)))
}

/// A script that can neither run a program nor open a file of its own naming.
fn awk(words: &[&str]) -> bool {
    let script = match words {
        ["-F", _, script, ..] => script,
        [option, script, ..] if option.starts_with("-F") => script,
        [script, ..] => script,
        [] => return true,
    };
    let files = words.iter().skip_while(|word| *word != script);
    let plain = script.chars().all(|c| (' '..='~').contains(&c) && !"|<>@\\".contains(c));
    plain
        && !script.contains("system")
        && !script.contains("getline")
        && !script.contains("ARG")
        && files.into_iter().all(|word| !word.starts_with('-'))
}

/// The two ends that a copying client starts on a target.
fn copies(words: &[&str]) -> bool {
    let ends = words.iter().take_while(|word| word.starts_with('-')).any(|word| ["-t", "-f"].contains(word));
    ends && words.iter().all(|word| only_letters(word, "tfrpdqv") || *word == "--")
}

/// The end that a client starts on a target. What follows `e` among the letters names abilities of the client; `s` before
/// it would have more arguments come later, unseen.
fn rsync(words: &[&str]) -> bool {
    const LONG: [&str; 11] = [
        "--server",
        "--sender",
        "--delete",
        "--delete-before",
        "--delete-during",
        "--delete-after",
        "--numeric-ids",
        "--partial",
        "--inplace",
        "--size-only",
        "--existing",
    ];
    let known = |word: &&str| {
        let letters = word.split_once("e.").map_or(*word, |(letters, _)| letters);
        let letters = letters.strip_prefix('-').unwrap_or("?");
        LONG.contains(word) || letters.chars().all(|c| c.is_ascii_alphabetic() && !"esM".contains(c))
    };
    let options: Vec<&&str> = words.iter().take_while(|word| **word != ".").collect();
    let paths = &words[options.len()..];
    words.first() == Some(&"--server")
        && paths.len() > 1
        && options.into_iter().all(known)
        && paths.iter().all(|path| !path.starts_with('-'))
}

/// Printing or deleting lines by number, and plain substitutions.
fn sed(words: &[&str]) -> bool {
    let mut rest = words.iter().skip_while(|word| ["-n", "-E", "-r", "-u", "-s", "-z"].contains(word));
    let Some(script) = rest.next() else { return false };
    let lines = script.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',' || c == '$');
    (["p", "d", "q", "="].contains(&lines) || substitutes(lines)) && rest.all(|word| !word.starts_with('-'))
}

fn substitutes(script: &str) -> bool {
    let Some(rest) = script.strip_prefix('s') else { return false };
    let Some(sign) = rest.chars().next().filter(|c| "/|,:#@".contains(*c)) else { return false };
    let parts: Vec<&str> = rest[1..].split(sign).collect();
    let plain = rest.chars().all(|c| (' '..='~').contains(&c) && c != '\\' && c != '[');
    plain && parts.len() == 3 && parts[2].chars().all(|c| c.is_ascii_digit() || c == 'g' || c == 'p')
}

/// Archives in files of this machine, by the letters of the old form.
fn tar(words: &[&str]) -> bool {
    let Some((first, rest)) = words.split_first() else { return false };
    let letters = first.strip_prefix('-').unwrap_or(first);
    let known = !letters.is_empty() && letters.chars().all(|c| "cxtrzjJfvpkmOhP".contains(c));
    let option = |word: &&str| !word.starts_with('-') || *word == "-C" || word.starts_with("--exclude=");
    known && rest.iter().all(|word| option(word) && !word.contains(':'))
}

/// Where a shell takes a word for a sum, it may run what stands in brackets behind a variable there.
fn computes_nothing(words: &[&str]) -> bool {
    words.iter().all(|word| !word.contains(['[', '$', '`']))
}

/// A format of conversions that only print. `%n` sets a variable; a number that is none may be taken for a sum.
fn prints(words: &[&str]) -> bool {
    let Some((format, words)) = words.split_first() else { return true };
    let mut pieces = format.replace("%%", "").split('%').map(str::to_owned).collect::<Vec<_>>().into_iter();
    let plain = pieces.next().is_some_and(|before| !before.starts_with('-'));
    let conversions = pieces
        .map(|piece| piece.trim_start_matches(['-', '+', ' ', '#', '.']).trim_start_matches(digit).chars().next());
    let numbers = words.iter().all(|word| is_number(word));
    let prints = |conversion| match conversion {
        Some('s' | 'c' | 'b') => true,
        Some('d' | 'i' | 'u' | 'o' | 'x' | 'X' | 'e' | 'f' | 'g') => numbers,
        _ => false,
    };
    plain && computes_nothing(words) && conversions.into_iter().all(prints)
}

fn digit(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

/// A test of numbers, files and words as they stand.
fn test(words: &[&str]) -> bool {
    const COMPUTES: [&str; 6] = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    let numbers =
        |at: usize| at > 0 && is_number(words[at - 1]) && words.get(at + 1).is_some_and(|word| is_number(word));
    computes_nothing(words)
        && (0..words.len()).all(|at| !COMPUTES.contains(&words[at]) || numbers(at))
        && !words.iter().any(|word| ["-v", "-t"].contains(word))
}
