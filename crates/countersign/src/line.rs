//! The command line. Its words are those of the API and the pages.

use clap::{ArgGroup, Args, Parser, Subcommand};
use countersign_journal::Head;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The command line.
#[derive(Parser)]
#[command(
    version,
    about = "Nothing privileged happens until the right people have countersigned it",
    max_term_width = 100
)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print the server's answer as JSON.
    #[arg(long, global = true)]
    json: bool,
}

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Human,
    Json,
}

impl Line {
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Human }
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Set up a new data folder and print a one-time link for the first administrator.
    Init(Init),
    /// Run the server.
    Serve {
        /// The configuration file that `init` wrote.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Make a one-time link on this machine, for somebody nobody else can make one for; the server must be stopped.
    Link {
        /// Whose password it lets set.
        handle: String,
        /// The configuration file that `init` wrote.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Check an export, offline.
    Verify {
        /// A file made by `export`.
        path: PathBuf,
        /// A head kept apart, as `export` prints it: LENGTH:HASH.
        #[arg(long, value_name = "HEAD")]
        expect: Option<Head>,
    },
    /// Tell an export again, offline: what happened, entry by entry, and what each one changed.
    Replay {
        /// A file made by `export`.
        path: PathBuf,
        /// Only entries about this request.
        #[arg(long, value_name = "NUMBER")]
        request: Option<u64>,
        /// The first entry told.
        #[arg(long, value_name = "ENTRY", default_value_t = 0)]
        from: u64,
        /// The last entry told.
        #[arg(long, value_name = "ENTRY")]
        to: Option<u64>,
    },
    #[command(flatten)]
    Api(Ask),
}

#[derive(Args)]
pub(crate) struct Init {
    /// The data folder to make; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Names and addresses people reach this server by; the first is shown to them.
    #[arg(long = "host", value_name = "NAME", required = true, num_args = 1..)]
    pub(crate) hosts: Vec<String>,
    /// Handle of the first administrator.
    #[arg(long, value_name = "HANDLE")]
    pub(crate) administrator: String,
    /// File of the root key, made if it does not exist [default: DIR.key].
    #[arg(long, value_name = "PATH", conflicts_with = "passphrase_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// File whose first line is the passphrase the root key is derived from.
    #[arg(long, value_name = "PATH")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Where pages and API will listen.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8443")]
    pub(crate) web_listen: SocketAddr,
    /// Where PostgreSQL clients will connect.
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:5432")]
    pub(crate) postgres_listen: SocketAddr,
}

/// What is asked of a server.
#[derive(Subcommand)]
pub(crate) enum Ask {
    /// Sign in; the password is asked for, or read from standard input.
    Login {
        /// Your handle.
        handle: String,
        /// The server, such as https://gate.example.com:8443.
        #[arg(long, value_name = "URL")]
        server: String,
        /// Certificate authority the server is checked against [default: this machine's].
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
        /// File whose first line is the password.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Code of your authenticator.
        #[arg(long, value_name = "DIGITS")]
        code: Option<String>,
    },
    /// Sign out.
    Logout,
    /// What you may reach, and what it needs.
    Access,
    /// Get an access token for a database client; it opens connections for 15 minutes.
    Token {
        /// `account@device`, or a device with only one account.
        target: String,
        /// Why; asks for the access too, where a reason is all the rules want.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// What is reserved on a target over some days, when the rules let you in, and what of that is free.
    Calendar {
        /// `account@device`, or a device with only one account.
        target: String,
        /// The first moment: a day (its start in UTC), or a moment with its zone [default: now].
        #[arg(long)]
        from: Option<String>,
        /// How many days, 1 to 31.
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Ask for a session.
    Request(NewRequest),
    /// List requests, the latest first.
    Requests(RequestList),
    /// Show one request whole.
    Show { number: u64 },
    /// Approve a request.
    Approve(Decision),
    /// Reject a request.
    Reject(Rejection),
    /// Take your own request back.
    Withdraw { number: u64 },
    /// Take your approval back while later levels are undecided.
    Retract { number: u64 },
    /// Take an approved request away, for good.
    Revoke {
        number: u64,
        /// Why; the requester reads it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Give back what a request of yours was granted.
    Surrender { number: u64 },
    /// Change the terms of an approved request, never beyond what was signed; an end that is past ends it now.
    Edit(Edit),
    /// Let those an open level escalates to decide it now; for administrators, who then cannot decide it.
    Escalate {
        number: u64,
        /// Which of several tracks, counted from 1 as `show` does.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        track: Option<u32>,
    },
    /// Get in before approval, where the rules let you; approvers are told and review it. Sign in with --code first: it
    /// demands a second factor not older than five minutes.
    Emergency {
        number: u64,
        /// Why it cannot wait; approvers read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Stop an emergency that has not opened yet; the request goes on waiting.
    Stop {
        number: u64,
        /// What you want to say with it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        comment: String,
    },
    /// Lend somebody your right to decide, for at most 92 days.
    Delegate {
        /// To whom.
        handle: String,
        /// From when, RFC 3339 [default: now].
        #[arg(long, value_name = "TIME")]
        start: Option<String>,
        /// Until when, RFC 3339.
        #[arg(long, value_name = "TIME")]
        until: String,
    },
    /// List lent rights to decide: those you lent and those lent to you, or everybody's if you may read everything.
    Delegations,
    /// End a lent right to decide early.
    Undelegate {
        /// Its number, as `delegations` shows it.
        number: u64,
    },
    /// List sessions.
    Sessions {
        /// Only those that are open now.
        #[arg(long)]
        live: bool,
    },
    /// End a session now; its grant stays.
    Terminate { number: u64 },
    /// Ask to watch a session, where that must be approved: `transcript` and `play` show it once it was. With `--typed`, ask to
    /// see everything that was typed in it, passwords included; without a reason, see it once that was approved.
    Watch(Watch),
    /// What was run in a session.
    Transcript { number: u64 },
    /// Save what a session recorded in a new file: its transcript as lines of JSON, or what one command's terminal showed as an
    /// asciicast. It is an act of its own in the audit, and rules may forbid it.
    ExportRecording {
        /// The session, as `sessions` shows it.
        session: u64,
        path: PathBuf,
        /// The command in it whose terminal it is, as `transcript` shows it.
        #[arg(long, value_name = "NUMBER")]
        terminal: Option<u64>,
    },
    /// Replay in this terminal what a terminal of a session showed; only characters and colours reach it. Where standard
    /// output is no terminal, the lines of the last screen.
    Play(Play),
    /// What applying a policy file would change.
    Plan { file: PathBuf },
    /// Propose a policy file: put in force, all of it or nothing, once those who decide it have approved.
    Apply {
        file: PathBuf,
        /// Why; demanded when others decide it.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// What is in force, as a policy file without its secrets, whose first line says which version it is: `plan` and
    /// `apply` refuse it once others changed something. Or the version a request made, to be compared or restored.
    Policy {
        request: Option<u64>,
        /// Print only what differs in it from the version this request made.
        #[arg(long, value_name = "NUMBER")]
        against: Option<u64>,
    },
    /// List the versions that were put in force, by the requests that made them, the latest first.
    Versions,
    /// The public key of the server's authority, for `TrustedUserCAKeys` of SSH servers.
    Authority,
    /// Set a second factor, confirm the new one with a code of it, or make it fresh for what demands it.
    #[command(subcommand)]
    SecondFactor(SecondFactor),
    /// Your SSH keys, each of which signs you in without an access token: list them, register one, or remove one.
    Keys {
        #[command(subcommand)]
        act: Option<Keys>,
    },
    /// Make a one-time link with which a person sets a password.
    Invite { handle: String },
    /// List people.
    People,
    /// Read the audit, the latest first.
    Audit(AuditList),
    /// Copy the journal into a new file and print its head, to be kept apart.
    Export { path: PathBuf },
    /// What an act would need of a person, by which rules, and who could decide.
    Explain {
        person: String,
        /// `account@device`, or a device with only one account.
        target: String,
        /// `connect`, or an SQL text.
        act: String,
        /// A policy file: says beside it what would be demanded were the file in force.
        #[arg(long)]
        with: Option<PathBuf>,
    },
}

#[derive(Args)]
#[command(group = ArgGroup::new("until").required(true).args(["minutes", "end"]))]
pub(crate) struct NewRequest {
    /// `account@device`, or a device with only one account.
    pub(crate) target: String,
    /// Database [default: the device's].
    #[arg(long, value_name = "NAME")]
    pub(crate) database: Option<String>,
    /// For how long.
    #[arg(long, value_name = "N")]
    pub(crate) minutes: Option<u64>,
    /// From when, RFC 3339 [default: now].
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Until when, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// Why; approvers read it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// One of the reasons the rules list, where they do.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) choice: String,
    /// The ticket this work belongs to, where the rules require one.
    #[arg(long, value_name = "ID", default_value = "")]
    pub(crate) ticket: String,
    /// Whom to ask, where a level leaves the choice; may be given more than once [default: everybody].
    #[arg(long = "ask", value_name = "HANDLE")]
    pub(crate) ask_whom: Vec<String>,
    /// Statements to be run, approved with the request: each then runs once without asking again, exactly as written.
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<PathBuf>,
    /// They may run in any order.
    #[arg(long, requires = "script")]
    pub(crate) any_order: bool,
}

/// What is done with a second factor.
#[derive(Subcommand)]
pub(crate) enum SecondFactor {
    /// Begin: asks for your password again, and prints a link for your authenticator, once.
    Begin {
        /// File whose first line is the password [default: asked for].
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Finish: the new second factor counts from now on.
    Finish { code: String },
    /// Confirm: this session's second factor is fresh for five minutes.
    Confirm { code: String },
}

/// What is done with one's SSH keys.
#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Register one: asks for your password again; whoever has a second factor confirms it first.
    Add {
        /// The file of the public key, which ends in `.pub`.
        file: PathBuf,
        /// What you call it [default: the file's name].
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// File whose first line is the password [default: asked for].
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove one: it signs nobody in any more.
    Remove {
        /// Its number, as `keys` shows it.
        number: u64,
    },
}

/// New terms of a request; what is left out stays.
#[derive(Args)]
#[command(group = ArgGroup::new("terms").required(true).multiple(true)
    .args(["start", "until", "minutes", "reset_after_use"]))]
pub(crate) struct Edit {
    pub(crate) number: u64,
    /// From when, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Until when, RFC 3339.
    #[arg(long, value_name = "TIME", conflicts_with = "minutes")]
    pub(crate) until: Option<String>,
    /// For how long from its start on.
    #[arg(long, value_name = "N")]
    pub(crate) minutes: Option<u32>,
    /// Make the password due for change after use; this cannot be taken back.
    #[arg(long)]
    pub(crate) reset_after_use: bool,
    /// Why; the requester reads it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) reason: String,
}

#[derive(Args)]
pub(crate) struct RequestList {
    /// Whose.
    #[arg(long, default_value = "mine", value_parser = ["mine", "for_me", "my_decisions", "all"])]
    pub(crate) scope: String,
    /// Only with this status, such as `pending`.
    #[arg(long, value_name = "WORD")]
    pub(crate) status: Option<String>,
    /// Only of this kind.
    #[arg(long, value_parser = ["connect", "query", "change"])]
    pub(crate) kind: Option<String>,
    /// Only made from then on, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Only made before then, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// Only with this text.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Only before this number.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: Option<u64>,
    /// At most this many, up to 200.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[derive(Args)]
pub(crate) struct Decision {
    pub(crate) number: u64,
    /// What you want to say with it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) comment: String,
    /// Grant it only from then, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,
    /// Grant it only until then, RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// Make the password due for change after use.
    #[arg(long)]
    pub(crate) reset_after_use: bool,
}

#[derive(Args)]
pub(crate) struct Rejection {
    pub(crate) number: u64,
    /// Why; the requester reads it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) comment: String,
}

#[derive(Args)]
pub(crate) struct Watch {
    pub(crate) number: u64,
    /// What you want to see and why; approvers read it.
    #[arg(long, value_name = "TEXT", required_unless_present = "typed")]
    pub(crate) reason: Option<String>,
    /// What was typed; always to be approved for itself.
    #[arg(long)]
    pub(crate) typed: bool,
    /// For how long, from now on.
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub(crate) minutes: u64,
}

#[derive(Args)]
pub(crate) struct Play {
    /// The session, as `sessions` shows it.
    pub(crate) session: u64,
    /// The command in it, as `transcript` shows it [default: the only one that was recorded].
    pub(crate) number: Option<u64>,
    /// How many times as fast, 0.1 to 100.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub(crate) speed: f64,
    /// Cut pauses to this many seconds, 0 to 3600.
    #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = idle)]
    pub(crate) idle: f64,
    /// Show the last screen without playing.
    #[arg(long)]
    pub(crate) at_once: bool,
}

fn speed(text: &str) -> Result<f64, String> {
    within(text, 0.1, 100.0)
}

fn idle(text: &str) -> Result<f64, String> {
    within(text, 0.0, 3_600.0)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|n| (least..=most).contains(n));
    number.ok_or_else(|| format!("not a number from {least} to {most}"))
}

#[derive(Args)]
pub(crate) struct AuditList {
    /// Only with this text in the sentence.
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// Only of this kind, such as `request_made`.
    #[arg(long, value_name = "WORD")]
    pub(crate) kind: Option<String>,
    /// Only before this entry.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) before: Option<u64>,
    /// At most this many, up to 500.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Line::command().debug_assert();
    }

    /// What `countersign` with these words is told; empty when it is understood.
    fn told(words: &str) -> String {
        let line = Line::try_parse_from(std::iter::once("countersign").chain(words.split(' ')));
        line.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn terms_and_tracks_are_checked_before_anything_is_sent() {
        for words in [
            "edit 12 --minutes 30 --reset-after-use",
            "edit 12 --start 2026-11-22T14:00:00Z --until 2026-11-22T15:00:00Z --reason earlier",
            "escalate 12",
            "escalate 12 --track 2",
            "emergency 12 --reason outage",
            "stop 12",
            "delegate bob --until 2026-12-01T00:00:00Z",
            "delegations",
            "play 12",
            "play 12 3 --speed 4 --idle 0.5",
            "undelegate 3",
            "keys",
            "keys add id_ed25519.pub --name laptop",
            "keys remove 3",
            "approve 12 --reset-after-use",
            "request app@db --minutes 5 --reason x --script change.sql --any-order",
            "request app@db --minutes 5 --reason x --choice repair --ticket T-1 --ask bob --ask carol",
        ] {
            assert_eq!(told(words), "", "{words}");
        }
        for (words, why) in [
            ("edit 12", "required"),
            ("edit 12 --reason x", "required"),
            ("edit 12 --until 2026-11-22T15:00:00Z --minutes 5", "cannot be used with"),
            ("escalate 12 --track 0", "0 is not in"),
            ("emergency 12", "--reason"),
            ("play 12 --speed 0", "not a number from 0.1 to 100"),
            ("play 12 --idle NaN", "not a number from 0 to 3600"),
            ("delegate bob", "--until"),
            ("keys add", "required"),
            ("keys remove laptop", "invalid digit"),
            ("request app@db --minutes 5 --reason x --any-order", "--script"),
        ] {
            assert!(told(words).contains(why), "{words}: {}", told(words));
        }
    }
}
