//! What somebody finds who named no target: the accounts that the rules let them reach or ask for. At a terminal they pick one,
//! and all that follows is as if they had named it; anything else is told how to name one, and runs nowhere.

use super::command::Wanted;
use super::serve::{Client, Event, Events};
use super::session::UNUSED_WAIT;
use super::talk::Talk;
use crate::enter::{Asked, Client as _};
use countersign_control::Control;
use countersign_control::view::{AccessView, PersonView};
use countersign_inspect::show;
use countersign_journal::{AccountId, Outcome, PersonId};
use russh::server::RunningSession;
use tokio::task::JoinSet;

/// Accounts shown at a time.
const SHOWN_MAX: usize = 20;
/// What a client exits with for which nothing was opened.
const NOTHING_OPENED: u32 = 1;
const QUESTION: &str = "which one? Type its number or name, or a part of names to see those; Ctrl-C leaves";
const UNNAMED: &str = "name a target in the user name to forward anything there";
const DISABLED: &str = "you are not enabled here any more";

/// Serves a connection whose user named no target until they pick one, which its first shell then opens; nothing when it is over
/// before.
pub(super) async fn picked(
    control: &Control,
    person: PersonId,
    running: &mut RunningSession<Client>,
    asked: &mut Events,
) -> Option<(AccountId, Wanted)> {
    let menu = Menu { control: control.clone(), person };
    let mut picking = JoinSet::new();
    let mut unused = std::pin::pin!(tokio::time::sleep(UNUSED_WAIT));
    loop {
        let refused = tokio::select! {
            _ = &mut *running => return None,
            () = &mut unused => return None,
            Some(picked) = picking.join_next(), if !picking.is_empty() => match picked {
                Ok(Some(picked)) => return Some(picked),
                _ => continue,
            },
            event = asked.recv() => match *event? {
                // A connection is one session: one menu at a time.
                Event::Run(wanted) if wanted.line.is_none() && wanted.terminal.is_some() && picking.is_empty() => {
                    picking.spawn(menu.clone().pick(wanted));
                    continue;
                }
                Event::Run(wanted) => wanted.talk,
                Event::Files(channel, _) => Talk::new(channel, false),
                Event::Forward(forward) => {
                    forward.refuse(UNNAMED).await;
                    continue;
                }
                // Whoever asks is told no where nobody answers.
                Event::Listen(_) | Event::Unlisten(_) => continue,
                Event::Proved(_) => return None,
            },
        };
        menu.refuse(refused).await;
    }
}

#[derive(Clone)]
struct Menu {
    control: Control,
    person: PersonId,
}

/// What the rules let somebody reach, as they were a moment ago.
struct List {
    who: PersonView,
    accounts: Vec<Line>,
}

struct Line {
    account: AccountId,
    /// `account@device`, with everything in it that nobody would see named.
    name: String,
    state: String,
}

/// What somebody typed.
enum Typed<'l> {
    Pick(&'l Line),
    Part(String),
}

impl Menu {
    /// Shows the list at a terminal until one is picked.
    async fn pick(self, mut wanted: Wanted) -> Option<(AccountId, Wanted)> {
        let mut part = String::new();
        let mut met = false;
        loop {
            let Some(list) = self.list() else {
                wanted.talk.end(Some(DISABLED), NOTHING_OPENED).await;
                return None;
            };
            if !met {
                wanted.talk.tell.say(&list.greeting()).await;
                met = true;
            }
            let shown = list.matching(&part);
            for line in said(&shown, list.accounts.len(), &part) {
                wanted.talk.tell.say(&line).await;
            }
            match wanted.talk.ask(QUESTION).await {
                Asked::Given(typed) => match understood(&typed, &shown, &list) {
                    Typed::Pick(picked) => {
                        wanted.talk.tell.say(&format!("opening {}", picked.name)).await;
                        return Some((picked.account, wanted));
                    }
                    Typed::Part(typed) => part = typed,
                },
                Asked::Gone | Asked::Nobody => {
                    wanted.talk.end(Some("nothing was opened"), NOTHING_OPENED).await;
                    return None;
                }
            }
        }
    }

    /// Says what there is and how it is named, to whoever picks nothing.
    async fn refuse(&self, talk: Talk) {
        let Some(list) = self.list() else { return talk.end(Some(DISABLED), NOTHING_OPENED).await };
        let first = list.accounts.first().map_or("ACCOUNT@DEVICE", |line| line.name.as_str());
        let named = self.control.ssh_command(&format!("{}+{first}", seen(&list.who.handle)));
        let lines = list.accounts.iter().map(|line| format!("{}  {}", line.name, line.state));
        let how = format!("no target is named; name one, as in: {}", named.unwrap_or_default());
        let lines: Vec<String> = [list.greeting()].into_iter().chain(lines).collect();
        // A client that takes no more of it is not waited for.
        let told = async {
            for line in &lines {
                talk.tell.say(line).await;
            }
            talk
        };
        if let Ok(talk) = tokio::time::timeout(super::talk::LAST_WORD_WAIT, told).await {
            talk.end(Some(&how), NOTHING_OPENED).await;
        }
    }

    fn list(&self) -> Option<List> {
        let (who, accounts) = self.control.access_over_ssh(self.person)?;
        let line = |access: AccessView| Line {
            account: access.account,
            state: self.state(&access),
            name: seen(&access.target),
        };
        Some(List { who, accounts: accounts.into_iter().map(line).collect() })
    }

    fn state(&self, access: &AccessView) -> String {
        if self.control.has_grant(self.person, access.account, None) {
            return "open now".to_owned();
        }
        match (access.pending, access.outcome) {
            (Some(request), _) => format!("{request} waits for approval"),
            (None, Outcome::Allow) => "allowed".to_owned(),
            (None, Outcome::Justify) => "needs a reason".to_owned(),
            (None, Outcome::Approve) => "needs approval".to_owned(),
            (None, Outcome::Deny) => "denied".to_owned(),
        }
    }
}

impl List {
    fn greeting(&self) -> String {
        let (name, handle) = (seen(&self.who.name), seen(&self.who.handle));
        let what = match self.accounts.len() {
            0 => "the rules let you reach no account over SSH",
            1 => "there is one account you may reach or ask for",
            _ => "these are the accounts you may reach or ask for",
        };
        if name == handle { format!("you are {handle}; {what}") } else { format!("you are {name} ({handle}); {what}") }
    }

    /// The accounts with this part in their names; all of them where none has it.
    fn matching(&self, part: &str) -> Vec<&Line> {
        let part = part.to_lowercase();
        let found: Vec<&Line> = self.accounts.iter().filter(|l| l.name.to_lowercase().contains(&part)).collect();
        if found.is_empty() { self.accounts.iter().collect() } else { found }
    }
}

/// What was typed below these lines: a number counts as the one that was shown, whatever changed meanwhile.
fn understood<'l>(typed: &str, shown: &[&'l Line], list: &'l List) -> Typed<'l> {
    let numbered = typed.parse().ok().and_then(|n: usize| n.checked_sub(1)).filter(|n| *n < SHOWN_MAX);
    let only = (typed.is_empty() && shown.len() == 1).then(|| shown[0]);
    let named = || list.accounts.iter().find(|line| line.name == typed);
    let picked = numbered.and_then(|n| shown.get(n).copied()).or(only).or_else(named);
    picked.map_or_else(|| Typed::Part(typed.to_owned()), Typed::Pick)
}

fn said(shown: &[&Line], all: usize, part: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !part.is_empty() && shown.len() == all {
        lines.push(format!("`{}` is in the name of every one, or of none; these are all", seen(part)));
    }
    let first = shown.iter().take(SHOWN_MAX);
    let width = first.clone().map(|line| line.name.chars().count()).max().unwrap_or(0);
    lines.extend(first.zip(1..).map(|(line, n)| format!("{n:>3}  {:<width$}  {}", line.name, line.state)));
    match shown.len().checked_sub(SHOWN_MAX) {
        Some(more) if more > 0 => lines.push(format!("and {more} more; type a part of the name")),
        _ if shown.len() == 1 => lines.push("Enter opens it".to_owned()),
        _ => {}
    }
    lines
}

/// A text of the configuration or of a client on one line, with what nobody would see named.
fn seen(text: &str) -> String {
    let one_line = text.replace(char::is_control, "\u{7f}");
    let named =
        |piece: &show::Piece<'_>| piece.label.as_ref().map_or(piece.text.to_owned(), |label| format!("<{label}>"));
    show::plain(&one_line).iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> List {
        let line = |(n, name): (u64, &&str)| Line { account: AccountId(n), name: seen(name), state: "allowed".into() };
        let who = PersonView { id: PersonId(1), handle: "alice".into(), name: "Alice Adams".into() };
        List { who, accounts: (1..).zip(names).map(line).collect() }
    }

    /// What is picked by typing this below the accounts whose names have that part.
    fn picked(list: &List, part: &str, typed: &str) -> Option<u64> {
        match understood(typed, &list.matching(part), list) {
            Typed::Pick(line) => Some(line.account.0),
            Typed::Part(_) => None,
        }
    }

    #[test]
    fn a_number_a_name_or_the_only_one_left_is_picked() {
        let list = list(&["app@db-1", "root@web-01", "root@web-02"]);
        for (part, typed, expected) in [
            ("", "2", Some(2)),
            ("web", "2", Some(3)),
            ("WEB-02", "", Some(3)),
            ("", "root@web-02", Some(3)),
            ("db", "root@web-02", Some(3)),
            ("", "", None),
            ("", "0", None),
            ("", "4", None),
            ("", "web", None),
            ("nothing", "", None),
            ("", "18446744073709551616", None),
        ] {
            assert_eq!(picked(&list, part, typed), expected, "{part:?}, {typed:?}");
        }
    }

    #[test]
    fn many_are_shown_in_part_and_only_what_is_shown_has_a_number() {
        let names: Vec<String> = (100..400).map(|n| format!("root@web-{n}")).collect();
        let list = list(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let shown = said(&list.matching(""), 300, "");
        assert_eq!((shown.len(), shown[20].as_str()), (21, "and 280 more; type a part of the name"));
        assert_eq!(picked(&list, "", "21"), None);
        assert_eq!(said(&list.matching("web-399"), 300, "web-399"), ["  1  root@web-399  allowed", "Enter opens it"]);
    }

    #[test]
    fn what_nobody_would_see_is_named() {
        let list = list(&["root@web-01", "root\u{200b}@web-01", "root@w\u{1b}[2Je\nb"]);
        let names: Vec<&str> = list.accounts.iter().map(|line| line.name.as_str()).collect();
        assert_eq!(names, ["root@web-01", "root<U+200B>@web-01", "root@w<U+007F>[2Je<U+007F>b"]);
        assert_eq!(picked(&list, "", "root@web-01"), Some(1));
    }
}
