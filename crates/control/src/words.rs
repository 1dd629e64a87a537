//! Events in words, for the audit: one kind and one sentence each.

use countersign_core::Directory;
use countersign_journal::{
    ALERTS_MAX, Act, ActionFacts, Alert, Authority, CommandFacts, Event, Expiry, Exported, FORWARD_AGENT,
    FORWARD_LOCAL, FORWARD_LOCAL_SOCKET, FORWARD_REMOTE, FORWARD_REMOTE_SOCKET, FORWARD_X11, GrantEnd, GrantId, Hours,
    LOGIN_SHELL, Language, Note, Opening, Outcome, PersonId, RequestId, RequestMade, RunOutcome, SET_ENVIRONMENT,
    SessionEnd, SessionId, Verdict, Weekday,
};
use std::collections::BTreeSet;

/// The kind of an event: its variant's name, as stored beside it for searching.
pub(crate) fn kind(event: &Event) -> &'static str {
    match event {
        Event::PolicyApplied { .. } => "policy_applied",
        Event::DirectoryApplied { .. } => "directory_applied",
        Event::RequestMade(_) => "request_made",
        Event::LevelStarted { .. } => "level_started",
        Event::Voted { .. } => "voted",
        Event::Retracted { .. } => "retracted",
        Event::RequestApproved { .. } => "request_approved",
        Event::RequestDisapproved { .. } => "request_disapproved",
        Event::RequestCanceled { .. } => "request_canceled",
        Event::RequestExpired { .. } => "request_expired",
        Event::RequestRevoked { .. } => "request_revoked",
        Event::Escalated { .. } => "escalated",
        Event::LevelBlocked { .. } => "level_blocked",
        Event::LevelFreed { .. } => "level_freed",
        Event::EmergencyConfirmed { .. } => "emergency_confirmed",
        Event::EmergencyStopped { .. } => "emergency_stopped",
        Event::Reviewed { .. } => "reviewed",
        Event::Delegated { .. } => "delegated",
        Event::DelegationEnded { .. } => "delegation_ended",
        Event::LinkMade { .. } => "link_made",
        Event::GrantEdited { .. } => "grant_edited",
        Event::GrantEnded { .. } => "grant_ended",
        Event::SessionOpened { .. } => "session_opened",
        Event::SessionClosed { .. } => "session_closed",
        Event::Used { .. } => "used",
        Event::Ran { .. } => "ran",
        Event::PlanUsed { .. } => "plan_used",
        Event::PlanRan { .. } => "plan_ran",
        Event::Noted(note) => note_kind(note),
    }
}

fn note_kind(note: &Note) -> &'static str {
    match note {
        Note::Installed { .. } => "installed",
        Note::SignedIn { .. } => "signed_in",
        Note::SignInFailed { .. } => "sign_in_failed",
        Note::SignedOut { .. } => "signed_out",
        Note::InvitationMade { .. } => "invitation_made",
        Note::PasswordSet { .. } => "password_set",
        Note::PasswordChanged { .. } => "password_changed",
        Note::SecondFactorSet { .. } => "second_factor_set",
        Note::KeyAdded { .. } => "key_added",
        Note::KeyRemoved { .. } => "key_removed",
        Note::CertificateUsed { .. } => "certificate_used",
        Note::TokenIssued { .. } => "token_issued",
        Note::SecretStored { .. } => "secret_stored",
        Note::ConnectRefused { .. } => "connect_refused",
        Note::StatementRefused { .. } => "statement_refused",
        Note::NotificationSent { .. } => "notification_sent",
        Note::NotificationFailed { .. } => "notification_failed",
        Note::TranscriptRead { exported: Some(_), .. } => "recording_exported",
        Note::TranscriptRead { typed: true, .. } => "typed_read",
        Note::TranscriptRead { .. } => "transcript_read",
        Note::Alerted { .. } => "alerted",
        Note::RecordingErased { .. } => "recording_erased",
        Note::RecordingStored { .. } => "recording_stored",
        Note::RecordingUnread { .. } => "recording_unread",
        Note::RecordingTorn { .. } => "recording_torn",
        Note::Exported { .. } => "exported",
    }
}

/// What an event is about and how to say it.
pub(crate) struct Said {
    pub(crate) sentence: String,
    pub(crate) request: Option<RequestId>,
    /// What the request yielded, where the event names that and not the request.
    pub(crate) grant: Option<GrantId>,
    pub(crate) session: Option<SessionId>,
}

/// Says an event in one sentence, with today's names for its ids; `asker` is who made the request it is about, which only
/// the declaration of an emergency needs.
pub(crate) fn say(event: &Event, asker: Option<PersonId>, directory: &Directory) -> Said {
    let who = |person: &PersonId| name(directory, *person);
    let by = |person: &Option<PersonId>| person.map_or_else(|| "set-up".to_owned(), |p| name(directory, p));
    let (sentence, request, session) = match event {
        Event::PolicyApplied { version, policy, by: who, .. } => {
            let (rules, workflows) = (policy.rules.len(), policy.workflows.len());
            (format!("{} applied policy {version}: {rules} rules, {workflows} workflows", by(who)), None, None)
        }
        Event::DirectoryApplied { version, digest, by: who, .. } => {
            (format!("{} applied directory {version} ({})", by(who), digest.short()), None, None)
        }
        Event::RequestMade(made) => (request_made(made), Some(made.request), None),
        Event::LevelStarted { request, level, approvers, .. } => {
            let names: Vec<String> = approvers.iter().map(who).collect();
            let sentence = match (names.is_empty(), *level) {
                (false, _) => format!("{request} level {} opened: {}", level + 1, names.join(", ")),
                (true, 0) => format!("{request} level 1 opened: nobody can decide it"),
                // Also of a track that is passed whole, while another one is not.
                (true, before) => format!("{request} passed level {before}; nobody is asked next on this track"),
            };
            (sentence, Some(*request), None)
        }
        Event::Voted { request, .. } => (voted(event, directory), Some(*request), None),
        Event::Retracted { request, level, by, .. } => (
            format!("{} took back the approval of {request}, level {} is open again", who(by), level + 1),
            Some(*request),
            None,
        ),
        Event::Escalated { .. }
        | Event::LevelBlocked { .. }
        | Event::LevelFreed { .. }
        | Event::EmergencyConfirmed { .. }
        | Event::EmergencyStopped { .. }
        | Event::Reviewed { .. }
        | Event::Delegated { .. }
        | Event::DelegationEnded { .. }
        | Event::LinkMade { .. }
        | Event::GrantEdited { .. } => return say_special(event, asker, directory),
        Event::RequestApproved { request, grant, .. } => {
            (format!("{request} approved, yields {grant}"), Some(*request), None)
        }
        Event::RequestDisapproved { request, by } => {
            (format!("{request} disapproved, last by {}", who(by)), Some(*request), None)
        }
        Event::RequestCanceled { request } => (format!("{request} withdrawn by the requester"), Some(*request), None),
        Event::RequestExpired { request, why } => (format!("{request} expired: {}", expiry(why)), Some(*request), None),
        Event::RequestRevoked { request, by, .. } => (format!("{} revoked {request}", who(by)), Some(*request), None),
        Event::GrantEnded { grant, how } => (format!("{grant} ended: {}", grant_end(*how)), None, None),
        Event::SessionOpened { session, grant, from, .. } => {
            (format!("{session} opened under {grant} from {from}"), None, Some(*session))
        }
        Event::SessionClosed { session, why, records, .. } => {
            (format!("{session} closed: {}, {records} transcript records", session_end(*why)), None, Some(*session))
        }
        Event::Used { grant, session, .. } => (format!("{grant} used in {session}"), None, Some(*session)),
        Event::Ran { grant, outcome } => (format!("{grant} ran: {}", run_outcome(outcome)), None, None),
        Event::PlanUsed { grant, session, step, .. } => {
            (format!("statement {} of {grant} used in {session}", step + 1), None, Some(*session))
        }
        Event::PlanRan { grant, step, outcome } => {
            (format!("statement {} of {grant} ran: {}", step + 1, run_outcome(outcome)), None, None)
        }
        Event::Noted(note) => return say_note(note, directory),
    };
    Said { sentence, request, grant: grant_of(event), session }
}

/// The grant that an event names instead of its request.
fn grant_of(event: &Event) -> Option<GrantId> {
    match event {
        Event::GrantEdited { grant, .. }
        | Event::GrantEnded { grant, .. }
        | Event::SessionOpened { grant, .. }
        | Event::Used { grant, .. }
        | Event::Ran { grant, .. }
        | Event::PlanUsed { grant, .. }
        | Event::PlanRan { grant, .. } => Some(*grant),
        _ => None,
    }
}

/// Who decided what, and which way.
fn voted(event: &Event, directory: &Directory) -> String {
    let Event::Voted { request, level, approver, verdict, behalf, authority, .. } = event else { return String::new() };
    let who = |person: &PersonId| name(directory, *person);
    let said = if *verdict == Verdict::Approve { "approved" } else { "rejected" };
    let behalf = behalf.map(|p| format!(" for {}", who(&p))).unwrap_or_default();
    // They decide nothing else (R73).
    let watching = if matches!(authority, Authority::Approvers(_)) { ", to watch a session" } else { "" };
    format!("{}{behalf} {said} {request} on level {}{watching}", who(approver), level + 1)
}

/// The special paths: escalation, emergency, delegation, edits.
fn say_special(event: &Event, asker: Option<PersonId>, directory: &Directory) -> Said {
    let who = |person: &PersonId| name(directory, *person);
    let names = |people: &std::collections::BTreeSet<PersonId>| people.iter().map(who).collect::<Vec<_>>().join(", ");
    let (sentence, request) = match event {
        Event::Escalated { request, level, to, by, approvers, .. } => {
            let hand = by.map_or_else(|| "timed out".to_owned(), |p| format!("was escalated by {}", who(&p)));
            let to = crate::view::authority_words(directory, to);
            (format!("{request} level {} {hand}; {to} decide now: {}", level + 1, names(approvers)), Some(*request))
        }
        Event::LevelBlocked { request, level, .. } => {
            (format!("{request} level {} waits: too few people can decide it", level + 1), Some(*request))
        }
        Event::LevelFreed { request, level, approvers, .. } => {
            (format!("{request} level {} can be decided again: {}", level + 1, names(approvers)), Some(*request))
        }
        Event::EmergencyConfirmed { request, approvers, .. } => {
            let asker = asker.map(|p| who(&p)).unwrap_or_default();
            (format!("{asker} declared an emergency on {request}; told: {}", names(approvers)), Some(*request))
        }
        Event::EmergencyStopped { request, by, .. } => {
            (format!("{} stopped the emergency on {request}", who(by)), Some(*request))
        }
        Event::Reviewed { request, level, approver, verdict, .. } => {
            let said = if *verdict == Verdict::Approve { "approved" } else { "rejected" };
            let at = level + 1;
            (format!("{} reviewed the emergency on {request}, level {at}: {said}", who(approver)), Some(*request))
        }
        Event::Delegated { from, to, .. } => (format!("{} lent the right to decide to {}", who(from), who(to)), None),
        Event::DelegationEnded { delegation, by } => (format!("{} ended {delegation}", who(by)), None),
        Event::LinkMade { person, by } => {
            (format!("{} made a link that can replace the password of {}", who(by), who(person)), None)
        }
        Event::GrantEdited { grant, by, .. } => (format!("{} changed the terms of {grant}", who(by)), None),
        _ => (String::new(), None),
    };
    Said { sentence, request, grant: grant_of(event), session: None }
}

/// What somebody did with what a session recorded.
fn looked(exported: Option<&Exported>, typed: bool) -> String {
    match exported {
        Some(Exported::Transcript) => "exported the transcript of".to_owned(),
        Some(Exported::Terminal(number)) => format!("exported what command {number} showed in"),
        None if typed => "saw everything that was typed in".to_owned(),
        None => "watched".to_owned(),
    }
}

fn say_note(note: &Note, directory: &Directory) -> Said {
    let who = |person: &PersonId| name(directory, *person);
    let (sentence, request, session) = match note {
        Note::Installed { name } => (format!("Countersign was set up as {name}"), None, None),
        Note::SignedIn { person, from, second_factor } => {
            let how = if *second_factor { " with a second factor" } else { "" };
            (format!("{} signed in from {from}{how}", who(person)), None, None)
        }
        Note::SignInFailed { handle, from } => (format!("sign-in as `{handle}` from {from} failed"), None, None),
        Note::SignedOut { person } => (format!("{} signed out", who(person)), None, None),
        Note::InvitationMade { person, .. } => (format!("a one-time link was made for {}", who(person)), None, None),
        Note::PasswordSet { person } => (format!("{} set a password", who(person)), None, None),
        Note::PasswordChanged { person } => (format!("{} changed their password", who(person)), None, None),
        Note::SecondFactorSet { person } => (format!("{} set a second factor", who(person)), None, None),
        Note::KeyAdded { person, fingerprint } => {
            (format!("{} registered the SSH key {fingerprint}", who(person)), None, None)
        }
        Note::KeyRemoved { person, fingerprint } => {
            (format!("{} removed the SSH key {fingerprint}", who(person)), None, None)
        }
        Note::CertificateUsed { person, from, authority, serial, key_id } => {
            let what = format!("by the certificate `{key_id}`, serial {serial}, of {authority}");
            (format!("{} signed in from {from} over SSH {what}", who(person)), None, None)
        }
        Note::TokenIssued { person, target } => {
            (format!("{} got an access token for {target}", who(person)), None, None)
        }
        Note::SecretStored { account, version } => {
            (format!("secret of {account} stored, version {version}"), None, None)
        }
        Note::ConnectRefused { who, target, from, why } => {
            (format!("{who} could not connect to {target} from {from}: {why}"), None, None)
        }
        Note::StatementRefused { session, why, .. } => {
            (format!("a statement was refused: {why}"), None, Some(*session))
        }
        Note::NotificationSent { request, to, .. } => {
            (format!("{} was told of {request}", who(to)), Some(*request), None)
        }
        Note::NotificationFailed { request, to, why } => {
            (format!("{} could not be told of {request}: {why}", who(to)), Some(*request), None)
        }
        Note::TranscriptRead { session, by, under, typed, exported } => {
            let under = under.map(|grant| format!(" under {grant}")).unwrap_or_default();
            (format!("{} {} {session}{under}", who(by), looked(exported.as_ref(), *typed)), None, Some(*session))
        }
        Note::Alerted { alert, last, .. } => (alert_in_session(alert, *last), None, Some(alert.session)),
        Note::RecordingErased { session, request, kept_days } => {
            let days = if *kept_days == 1 { "a day".to_owned() } else { format!("{kept_days} days") };
            let why = format!("the rules of {request} keep it for {days} after the session's end");
            (format!("what {session} recorded was erased: {why}"), Some(*request), Some(*session))
        }
        Note::RecordingStored { session, place } => {
            (format!("what {session} recorded is kept at {place}"), None, Some(*session))
        }
        Note::RecordingUnread { session } => {
            let what = "is missing or could not be read when the server began again, and stays as it is";
            (format!("what {session} recorded {what}"), None, Some(*session))
        }
        Note::RecordingTorn { session } => {
            let what = "ended in the middle of something when the server began again: what is before that counts";
            (format!("what {session} recorded {what}"), None, Some(*session))
        }
        Note::Exported { entries, .. } => (format!("{entries} entries were exported"), None, None),
    };
    Said { sentence, request, grant: None, session }
}

fn request_made(made: &RequestMade) -> String {
    let what = match &made.act {
        Act::Connect => format!("a connection to {}", made.target.label()),
        Act::Run(run) => format!("{} on {}", kinds(&run.facts), made.target.label()),
        Act::Administer(_) => "a change of the configuration".to_owned(),
        Act::Watch(watch) if watch.typed => {
            format!("everything that was typed in {} on {}", watch.session, made.target.label())
        }
        Act::Watch(watch) => format!("watching {} on {}", watch.session, made.target.label()),
    };
    let plan = made.plan.as_ref().map(|p| format!(" with {} planned statements", p.steps.len())).unwrap_or_default();
    let how = match (made.ruling.outcome, made.tracks.is_empty()) {
        _ if made.automatic.is_some() => ", approved automatically",
        (Outcome::Justify, _) => ", justified",
        (_, true) => ", allowed",
        _ => "",
    };
    format!("{} asks for {what}{plan} ({}){how}", made.person.handle, made.request)
}

/// A kind of statement as people write it: `COPY IN`.
pub(crate) fn kind_word(kind: countersign_journal::StatementKind) -> String {
    let name = format!("{kind:?}");
    let spaced = name.char_indices().flat_map(|(n, c)| [(n > 0 && c.is_uppercase()).then_some(' '), Some(c)]);
    spaced.flatten().collect::<String>().to_uppercase()
}

/// What a unit is, in words: the kinds of its statements, or the programs it runs.
pub(crate) fn kinds(facts: &ActionFacts) -> String {
    let words: Vec<String> = match facts.language {
        Language::Sql => facts.kinds().iter().map(|k| format!("{k:?}").to_uppercase()).collect(),
        Language::Shell => kind_words(facts),
    };
    match (facts.language, words.is_empty()) {
        (Language::Sql, true) => "a statement nobody can read".to_owned(),
        (Language::Shell, true) => "a command nobody can read".to_owned(),
        (_, false) => words.join(", "),
    }
}

/// Operations on files, as the gateway names them to the rules.
const FILES: [(&str, &str); 10] = [
    ("sftp-read", "read a file"),
    ("sftp-write", "write a file"),
    ("sftp-rename", "rename a file"),
    ("sftp-remove", "remove a file"),
    ("sftp-mkdir", "make a folder"),
    ("sftp-rmdir", "remove a folder"),
    ("sftp-setstat", "set attributes"),
    ("sftp-link", "make a link"),
    ("sftp-list", "list a folder"),
    ("sftp-stat", "look at a path"),
];

/// What a command does, without its asker: `run mkdir on root@web-01`, `forward to db:5432 through root@web-01`.
pub(crate) fn command(facts: &ActionFacts, target: &str) -> String {
    let (beside, commands): (Vec<_>, Vec<_>) = facts.commands.iter().cloned().partition(CommandFacts::is_named_only);
    if beside.is_empty() {
        return only_commands(facts, target);
    }
    if commands.is_empty() {
        let words: Vec<String> = beside.iter().map(|command| forward(command, target)).collect();
        return words.join(" and ");
    }
    let with: Vec<String> = beside.iter().map(lent).collect();
    format!("{} with {}", only_commands(&ActionFacts { commands, ..facts.clone() }, target), with.join(" and "))
}

/// What is asked for by itself.
fn forward(command: &CommandFacts, target: &str) -> String {
    let word = first_word(command);
    match command.name() {
        Some(FORWARD_LOCAL | FORWARD_LOCAL_SOCKET) => format!("forward to {word} through {target}"),
        Some(FORWARD_REMOTE | FORWARD_REMOTE_SOCKET) => format!("listen at {word} of {target}"),
        _ => format!("use {} on {target}", lent(command)),
    }
}

/// What comes with a command.
fn lent(command: &CommandFacts) -> String {
    match command.name() {
        Some(FORWARD_AGENT) => "the client's agent".to_owned(),
        Some(FORWARD_X11) => "the client's display".to_owned(),
        Some(SET_ENVIRONMENT) => format!("the variable {}", first_word(command)),
        program => format!("{} {}", program.unwrap_or_default(), first_word(command)),
    }
}

fn first_word(command: &CommandFacts) -> &str {
    command.arguments.first().and_then(Option::as_deref).unwrap_or_default()
}

fn only_commands(facts: &ActionFacts, target: &str) -> String {
    let named: Vec<String> = kind_words(facts).into_iter().filter(|kind| kind != LOGIN_SHELL).collect();
    let file = |name: &String| FILES.iter().find(|(program, _)| program == name).map(|(_, words)| *words);
    if let Some(words @ [_, ..]) = named.iter().map(file).collect::<Option<Vec<_>>>().as_deref() {
        return format!("{} on {target}", words.join(" and "));
    }
    match (facts.is_typed(), named.is_empty()) {
        (true, true) => format!("open a shell on {target}"),
        (true, false) => format!("run {} in a terminal on {target}", named.join(", ")),
        (false, _) => format!("run {} on {target}", kinds(facts)),
    }
}

/// The kinds of statement of a unit, or the programs it runs, each in its word.
pub(crate) fn kind_words(facts: &ActionFacts) -> Vec<String> {
    match facts.language {
        Language::Sql => facts.kinds().iter().map(|k| format!("{k:?}").to_lowercase()).collect(),
        Language::Shell => {
            let programs: BTreeSet<&str> = facts.commands.iter().filter_map(CommandFacts::name).collect();
            programs.into_iter().map(str::to_owned).collect()
        }
    }
}

/// What a unit touches: `update public.customers`, `write /etc/hosts`.
pub(crate) fn touches(facts: &ActionFacts) -> Vec<String> {
    let relations = facts.relations().map(|u| format!("{} {}", format!("{:?}", u.kind).to_lowercase(), u.relation));
    let read = facts.commands.iter().flat_map(|c| &c.reads).map(|path| format!("read {path}"));
    let written = facts.commands.iter().flat_map(|c| &c.writes).map(|path| format!("write {path}"));
    let paths: BTreeSet<String> = read.chain(written).collect();
    relations.chain(paths).collect()
}

/// A person's handle, a contact's name, or the id when the directory no longer knows them.
pub(crate) fn name(directory: &Directory, person: PersonId) -> String {
    if person == PersonId::OPERATOR {
        return "the operator of the server".to_owned();
    }
    let contact = || directory.contacts.get(&person).map(|c| format!("{} (contact)", c.name));
    let known = directory.people.get(&person).map(|p| p.handle.clone());
    known.or_else(contact).unwrap_or_else(|| person.to_string())
}

/// Changes named in one sentence.
const CHANGES_NAMED: usize = 3;

/// What a change changes, in words, from its lines: `add person carol, change group dba`.
pub(crate) fn changed(lines: &[String]) -> String {
    let one = |line: &String| -> Option<String> {
        let (sign, what) = line.split_once(' ')?;
        Some(match (sign, what.split_once(": a new version is stored")) {
            ("~", Some((secret, _))) => format!("store a new password of {}", secret.strip_prefix("secret of ")?),
            ("+", _) => format!("add {what}"),
            ("-", _) if what.starts_with("person ") => format!("disable {what}"),
            ("-", _) => format!("remove {what}"),
            ("~", _) => format!("change {what}"),
            _ => return None,
        })
    };
    let named: Option<Vec<String>> = lines.iter().take(CHANGES_NAMED).map(one).collect();
    match named.filter(|named| !named.is_empty()) {
        None => "change the configuration".to_owned(),
        Some(named) if lines.len() > named.len() => {
            format!("{} and {} more", named.join(", "), lines.len() - named.len())
        }
        Some(named) => named.join(", "),
    }
}

/// Why a request expired, in words.
pub(crate) fn expiry(why: &Expiry) -> String {
    let said = match why {
        Expiry::Undecided => "nobody decided in time",
        Expiry::NobodyLeft => "nobody was left who could decide it",
        Expiry::NotOpened => "its emergency could not be opened any more when the countdown was over",
        Expiry::PersonGone => "whoever asked was disabled",
        Expiry::TargetGone => "its account was removed, or changed into another one",
        Expiry::Denied(rules) if rules.is_empty() => "the rules were changed, and none allows it any more",
        Expiry::Denied(rules) => {
            let names: Vec<String> = rules.iter().map(|r| format!("`{r}`")).collect();
            return format!("the rules were changed, and it is denied by {} now", names.join(", "));
        }
        Expiry::Overtaken(Some(first)) => {
            return format!("change {first} was put in force first, and this was written before it");
        }
        Expiry::Overtaken(None) => "another change was put in force first, and this was written before it",
        Expiry::AccessEnded => "the access it was asked under ended",
    };
    said.to_owned()
}

/// How a grant ended, in words.
pub(crate) fn grant_end(how: GrantEnd) -> &'static str {
    match how {
        GrantEnd::Surrendered => "surrendered",
        GrantEnd::Expired => "expired",
        GrantEnd::Revoked => "revoked",
        GrantEnd::Unused => "unused",
        GrantEnd::UsedUp => "used",
        GrantEnd::Overruled => "no longer allowed",
    }
}

/// So many alerts: the last says that more came.
pub fn alerts(count: u32) -> String {
    match count {
        1 => "1 alert".to_owned(),
        count if count > ALERTS_MAX => format!("more than {ALERTS_MAX} alerts"),
        count => format!("{count} alerts"),
    }
}

fn alert_in_session(alert: &Alert, last: bool) -> String {
    format!("typed in a free shell of {}: {}", alert.session, alert_words(alert, last))
}

/// What an alert says, in words.
pub(crate) fn alert_words(alert: &Alert, last: bool) -> String {
    if last {
        return "more alerts came, of which none is noted from here on".to_owned();
    }
    let what = match &alert.program {
        Some(program) if alert.opaque => format!("`{program}`, in a line that nobody can understand,"),
        Some(program) => format!("`{program}`"),
        None if alert.opaque => "a line that nobody can understand".to_owned(),
        None => "a line".to_owned(),
    };
    let done = if alert.outcome == Outcome::Deny { "refused" } else { "held" };
    let rules: Vec<String> = alert.rules.iter().map(|rule| format!("`{rule}`")).collect();
    format!("{what} would have been {done} by {}", rules.join(" and "))
}

/// Why a session closed, in words.
pub(crate) fn session_end(why: SessionEnd) -> &'static str {
    match why {
        SessionEnd::ClientLeft => "the client left",
        SessionEnd::TargetLeft => "the target closed",
        SessionEnd::GrantEnded => "the grant ended",
        SessionEnd::Terminated => "terminated",
        SessionEnd::ServerStopped => "the server stopped",
        SessionEnd::Interrupted => "refused too often",
    }
}

/// What became of a released statement, in words.
pub(crate) fn run_outcome(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Completed { rows: 1 } => "1 row".to_owned(),
        RunOutcome::Completed { rows } => format!("{rows} rows"),
        RunOutcome::Failed { code } => format!("failed ({code})"),
        RunOutcome::Exited { status } => format!("exit status {status}"),
        RunOutcome::Unknown => "outcome unknown".to_owned(),
    }
}

/// Recurring hours in words: `Mon–Fri 09:00–17:00 (Europe/Berlin)`.
pub(crate) fn hours(hours: &Hours) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    let opening = |o: &Opening| format!("{} {}–{}", days(&o.days), clock(o.from_minute), clock(o.until_minute));
    let openings: Vec<String> = hours.openings.iter().map(opening).collect();
    format!("{} ({})", openings.join(", "), hours.zone)
}

/// Weekdays in words; runs of three or more as a range.
fn days(days: &std::collections::BTreeSet<Weekday>) -> String {
    let runs = Weekday::ALL.chunk_by(|a, b| days.contains(a) == days.contains(b));
    let words = runs.filter(|run| days.contains(&run[0])).map(|run| match run {
        [first, .., last] if run.len() > 2 => format!("{first:?}–{last:?}"),
        few => few.iter().map(|d| format!("{d:?}")).collect::<Vec<_>>().join(", "),
    });
    words.collect::<Vec<_>>().join(", ")
}
