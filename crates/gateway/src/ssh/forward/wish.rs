//! What a client may ask for besides commands, and what that is to the rules: a command with a program of our own name, which
//! runs only where a rule names it.

use countersign_control::Unit;
use countersign_core::digest::UnitPart;
use countersign_inspect::shell;
use countersign_journal::{
    ActionFacts, CommandFacts, FORWARD_AGENT, FORWARD_LOCAL, FORWARD_LOCAL_SOCKET, FORWARD_REMOTE,
    FORWARD_REMOTE_SOCKET, FORWARD_X11, Language, SET_ENVIRONMENT,
};
use countersign_target::ssh::{Display, With};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;

/// Longest name of a host (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 255;
/// Longest path of a socket (`sun_path`, less what ends it).
const PATH_BYTES_MAX: usize = 107;
/// Longest name and value of a variable.
const NAME_BYTES_MAX: usize = 64;
const VALUE_BYTES_MAX: usize = 4_096;
/// Longest words of a display.
const DISPLAY_BYTES_MAX: usize = 256;
/// What stands for all addresses of the target (RFC 4254, 7.1).
const ALL: &str = "*";

/// Something a client asks for.
#[derive(Clone, Debug)]
pub(in crate::ssh) enum Wish {
    /// A connection from the target.
    Local { host: String, port: u16 },
    /// One to a socket of the target.
    LocalSocket(String),
    /// Connections to the target; the port is chosen there where it is 0.
    Remote { address: String, port: u16 },
    /// Connections to a socket of the target.
    RemoteSocket(String),
    /// The client's agent.
    Agent,
    /// The client's display.
    Display(Display),
    /// A variable and its value.
    Variable(String, String),
}

impl Wish {
    pub(in crate::ssh) fn local(host: &str, port: u32) -> Result<Wish, &'static str> {
        let port = u16::try_from(port).ok().filter(|port| *port > 0).ok_or("there is no such port")?;
        if host.is_empty() {
            return Err(NO_HOST);
        }
        Ok(Wish::Local { host: named(host)?, port })
    }

    pub(in crate::ssh) fn remote(address: &str, port: u32) -> Result<Wish, &'static str> {
        let port = u16::try_from(port).map_err(|_| "there is no such port")?;
        let address = if address.is_empty() || address == ALL { String::new() } else { named(address)? };
        Ok(Wish::Remote { address, port })
    }

    pub(in crate::ssh) fn local_socket(path: &str) -> Result<Wish, &'static str> {
        Ok(Wish::LocalSocket(plain(path)?))
    }

    pub(in crate::ssh) fn remote_socket(path: &str) -> Result<Wish, &'static str> {
        Ok(Wish::RemoteSocket(plain(path)?))
    }

    pub(in crate::ssh) fn display(
        single: bool,
        protocol: &str,
        cookie: &str,
        screen: u32,
    ) -> Result<Wish, &'static str> {
        let is_word = |text: &str| text.len() <= DISPLAY_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_word(protocol) || !is_word(cookie) {
            return Err("nobody proves by that that they may draw on a display");
        }
        Ok(Wish::Display(Display { single, protocol: protocol.to_owned(), cookie: SecretString::from(cookie), screen }))
    }

    pub(in crate::ssh) fn variable(name: &str, value: &str) -> Result<Wish, &'static str> {
        if !shell::is_variable(name) || name.len() > NAME_BYTES_MAX {
            return Err("no variable has this name");
        }
        if value.len() > VALUE_BYTES_MAX || value.contains('\0') {
            return Err("no variable has this value");
        }
        Ok(Wish::Variable(name.to_owned(), value.to_owned()))
    }

    /// Whether nobody is told where it is refused: OpenSSH asks for these by itself.
    pub(in crate::ssh) fn is_quiet(&self) -> bool {
        matches!(self, Wish::Variable(name, _) if name == "LANG" || name.starts_with("LC_"))
    }

    /// Its program, and the words behind it.
    fn words(&self) -> (&'static str, Vec<String>) {
        let at = |host: &str, port: &u16| {
            let (host, port) = (if host.is_empty() { ALL } else { host }, port.to_string());
            let both = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            vec![both, host.to_owned(), port]
        };
        match self {
            Wish::Local { host, port } => (FORWARD_LOCAL, at(host, port)),
            Wish::LocalSocket(path) => (FORWARD_LOCAL_SOCKET, vec![path.clone()]),
            Wish::Remote { address, port } => (FORWARD_REMOTE, at(address, port)),
            Wish::RemoteSocket(path) => (FORWARD_REMOTE_SOCKET, vec![path.clone()]),
            Wish::Agent => (FORWARD_AGENT, Vec::new()),
            Wish::Display(_) => (FORWARD_X11, Vec::new()),
            Wish::Variable(name, _) => (SET_ENVIRONMENT, vec![name.clone()]),
        }
    }

    /// What the rules are asked.
    pub(in crate::ssh) fn facts(&self) -> ActionFacts {
        if let Wish::Variable(name, value) = self {
            return shell::variable(name, value);
        }
        let (program, words) = self.words();
        let paths: BTreeSet<String> = match self {
            Wish::LocalSocket(path) | Wish::RemoteSocket(path) => [path.clone()].into(),
            _ => BTreeSet::new(),
        };
        let command = CommandFacts {
            program: Some(program.to_owned()),
            arguments: words.into_iter().map(Some).collect(),
            reads: paths.clone(),
            writes: paths,
            // What it leads to may run anything.
            unlisted: true,
            ..CommandFacts::default()
        };
        ActionFacts { language: Language::Shell, commands: vec![command], ..ActionFacts::default() }
    }

    /// As the transcript and the card have it.
    pub(in crate::ssh) fn text(&self) -> String {
        let (program, words) = self.words();
        match words.first() {
            Some(word) if word.contains(|c: char| c.is_whitespace() || c.is_control() || "\"\\".contains(c)) => {
                format!("{program} {word:?}")
            }
            Some(word) => format!("{program} {word}"),
            None => program.to_owned(),
        }
    }

    /// What is approved where it is asked for by itself.
    pub(in crate::ssh) fn unit(&self) -> Unit {
        Unit { parts: vec![UnitPart::alone(self.text().as_bytes())], ..Unit::default() }
    }

    /// What it adds to what is approved where it is asked for with a command. What proves that one may draw on a display is made
    /// anew for each connection, and opens nothing but the client's own.
    pub(in crate::ssh) fn setting(&self) -> (String, String) {
        match self {
            Wish::Variable(name, value) => (format!("environment {name}"), value.clone()),
            Wish::Display(Display { single, screen, .. }) => {
                let connections = if *single { "one connection" } else { "any number of connections" };
                ("display".to_owned(), format!("the client's, screen {screen}, for {connections}"))
            }
            _ => ("agent".to_owned(), "the client's".to_owned()),
        }
    }
}

/// What is set for something that runs.
pub(in crate::ssh) fn with(wishes: &[Wish]) -> With {
    let mut with = With::default();
    for wish in wishes {
        match wish {
            Wish::Variable(name, value) => with.environment.push((name.clone(), value.clone())),
            Wish::Agent => with.agent = true,
            Wish::Display(display) => with.display = Some(display.clone()),
            Wish::Local { .. } | Wish::LocalSocket(_) | Wish::Remote { .. } | Wish::RemoteSocket(_) => {}
        }
    }
    with
}

const NO_HOST: &str = "no host has this name";

/// A host as one may write it. A number would be taken for a port where rules list words, and a name with a colon for a host and
/// its port.
fn named(host: &str) -> Result<String, &'static str> {
    let plain =
        host.len() <= HOST_BYTES_MAX && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:%".contains(&b));
    let address = host.split('%').next().unwrap_or_default();
    let colon_is_right = !host.contains([':', '%']) || address.parse::<Ipv6Addr>().is_ok();
    if plain && colon_is_right && host.parse::<u64>().is_err() { Ok(host.to_owned()) } else { Err(NO_HOST) }
}

fn plain(path: &str) -> Result<String, &'static str> {
    let is_one = (1..=PATH_BYTES_MAX).contains(&path.len()) && !path.contains('\0');
    if is_one { Ok(path.to_owned()) } else { Err("no socket has this path") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(wish: &Wish) -> Vec<String> {
        wish.facts().commands[0].arguments.iter().flatten().cloned().collect()
    }

    /// No host reads as another word of a rule than its own.
    #[test]
    fn r62_a_forward_goes_where_its_words_say() {
        let local = |host, port| Wish::local(host, port).map(|wish| (words(&wish), wish.text()));
        let (all, text) = local("db.internal", 5432).expect("a host");
        assert_eq!(all, ["db.internal:5432", "db.internal", "5432"]);
        assert_eq!(text, "forward-local db.internal:5432");
        assert_eq!(local("fd00::1", 22).expect("an address").0, ["[fd00::1]:22", "fd00::1", "22"]);
        assert!(local("fe80::1%eth0", 22).is_ok() && local("10.0.0.1", 65_535).is_ok());
        let long = "a".repeat(256);
        for host in ["", "5432", "2130706433", "db:5432", "[::1]", "a b", "a\nb", "é", "%x", long.as_str()] {
            assert!(local(host, 22).is_err(), "{host:?}");
        }
        for port in [0, 65_536, u32::MAX] {
            assert!(local("db", port).is_err(), "{port}");
        }
        let remote = |address| words(&Wish::remote(address, 0).expect("an address"));
        assert_eq!(remote("localhost"), ["localhost:0", "localhost", "0"]);
        assert_eq!(remote(""), ["*:0", "*", "0"]);
        assert_eq!(remote("*"), remote(""));
        assert!(Wish::remote("5432", 1).is_err() && Wish::remote("", 65_536).is_err());
    }

    #[test]
    fn r62_sockets_variables_and_displays_have_limits() {
        let socket = Wish::local_socket("/run/a b").expect("a path");
        let command = socket.facts().commands[0].clone();
        assert!(command.reads.contains("/run/a b") && command.writes.contains("/run/a b") && command.unlisted);
        assert_eq!(socket.text(), "forward-local-socket \"/run/a b\"");
        assert!(Wish::remote_socket("").is_err() && Wish::remote_socket(&"a".repeat(108)).is_err());
        assert!(Wish::local_socket("a\0b").is_err());
        for (name, value) in [("", "x"), ("1A", "x"), ("A=B", "x"), ("A", "x\0y"), ("A B", "x")] {
            assert!(Wish::variable(name, value).is_err(), "{name}={value}");
        }
        assert!(Wish::variable(&"A".repeat(65), "").is_err() && Wish::variable("A", &"x".repeat(4_097)).is_err());
        assert!(Wish::display(false, "MIT-MAGIC-COOKIE-1", "c0ffee", 0).is_ok());
        assert!(Wish::display(false, "a b", "00", 0).is_err());
        let quiet = |name| Wish::variable(name, "C").expect("a variable").is_quiet();
        assert!(quiet("LANG") && quiet("LC_ALL") && !quiet("PATH"));
    }
}
