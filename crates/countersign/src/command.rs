//! Every command that is a client of the API: one call each, and what is said about its answer.

use crate::client::{Client, Load, encoded};
use crate::failure::Failure;
use crate::line::{Ask, AuditList, Decision, Format, Keys, NewRequest, RequestList, SecondFactor};
use crate::policy_file::PolicyFile;
use crate::session::Session;
use crate::{place, policy_file, say, show, special};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};
use std::path::Path;
use ureq::Body;
use ureq::http::Response;

/// Asks the server and prints its answer.
pub(crate) fn run(ask: &Ask, format: Format) -> Result<(), Failure> {
    let (answer, shown): (Value, fn(&Value) -> String) = match ask {
        Ask::Login { handle, server, ca, password_file, code } => {
            let password = password(password_file.as_deref(), handle)?;
            (login(handle, server, ca.as_deref(), &password, code.as_deref())?, show::signed_in)
        }
        Ask::Logout => (logout()?, show::signed_out),
        Ask::Access => (get("/access", &[])?, show::access),
        Ask::Token { target, reason } => return token(target, reason, format),
        Ask::Calendar { target, from, days } => (calendar(target, from.as_deref(), *days)?, show::calendar),
        Ask::Request(new) => (request(new)?, show::request_made),
        Ask::Requests(list) => (requests(list)?, show::requests),
        Ask::Show { number } => (get(&format!("/requests/{number}"), &[])?, show::request),
        Ask::Approve(decision) => (approve(decision)?, show::request_line),
        Ask::Reject(no) => (reject(no.number, &no.comment)?, show::request_line),
        Ask::Withdraw { number } => (act(*number, "withdraw")?, show::request_line),
        Ask::Retract { number } => (act(*number, "retract")?, show::request_line),
        Ask::Surrender { number } => (act(*number, "surrender")?, show::request_line),
        Ask::Revoke { number, reason } => {
            let body = Load::Json(json!({ "reason": reason }));
            (post(&format!("/requests/{number}/revoke"), body)?, show::request_line)
        }
        Ask::Edit(edit) => (special::edit(edit)?, show::request_line),
        Ask::Escalate { number, track } => (special::escalate(*number, *track)?, show::request_made),
        Ask::Emergency { number, reason } => (special::emergency(*number, reason)?, show::emergency_line),
        Ask::Stop { number, comment } => (special::stop(*number, comment)?, show::emergency_line),
        Ask::Delegate { handle, start, until } => {
            (special::delegate(handle, start.as_deref(), until)?, show::delegations)
        }
        Ask::Delegations => (get("/delegations", &[])?, show::delegations),
        Ask::Undelegate { number } => (post(&format!("/delegations/{number}/end"), Load::Nothing)?, show::delegations),
        Ask::Sessions { live } => (get("/sessions", &[("live", live.to_string())])?, show::sessions),
        Ask::Terminate { number } => (post(&format!("/sessions/{number}/terminate"), Load::Nothing)?, show::terminated),
        Ask::Watch(watch) if watch.reason.is_none() => (special::typed(watch)?, show::typed),
        Ask::Watch(watch) => (special::watch(watch)?, show::request_made),
        Ask::Transcript { number } => (get(&format!("/sessions/{number}/transcript"), &[])?, show::transcript),
        Ask::ExportRecording { session, path, terminal } => return export_recording(*session, path, *terminal, format),
        Ask::Play(play) => return crate::play::play(play, format),
        Ask::Plan { file } => (send("/plan", Vec::new(), file)?, show::planned),
        Ask::Apply { file, reason } => (send("/apply", vec![("reason", reason.clone())], file)?, show::applied),
        Ask::Policy { request: None, against: None } => (get("/configuration", &[])?, show::in_force),
        Ask::Policy { request: Some(number), against: None } => {
            (get(&format!("/configuration/versions/{number}"), &[])?, show::file)
        }
        Ask::Policy { request, against: Some(before) } => (compared(*before, *request)?, show::compared),
        Ask::Versions => (get("/configuration/versions", &[])?, show::versions),
        Ask::Authority => (get("/ssh/authority", &[])?, show::authority),
        Ask::SecondFactor(act) => (second_factor(act)?, show::second_factor),
        Ask::Keys { act } => (keys(act.as_ref())?, show::keys),
        Ask::Invite { handle } => {
            (post(&format!("/people/{}/invitation", encoded(handle)), Load::Nothing)?, show::invitation)
        }
        Ask::People => (get("/people", &[])?, show::people),
        Ask::Audit(list) => (audit(list)?, show::audit),
        Ask::Export { path } => return export(path, format),
        Ask::Explain { person, target, act, with: None } => {
            (get("/explain", &about(person, target, act))?, show::explanation)
        }
        Ask::Explain { person, target, act, with: Some(file) } => {
            let (query, file) = (about(person, target, act), policy_file::read(file)?);
            (Client::signed_in()?.call("POST", "/explain", &query, Load::Toml(&file.text))?, show::combined)
        }
    };
    match format {
        Format::Human => say(&shown(&answer)),
        Format::Json => say(&show::json(&answer)),
    }
    Ok(())
}

pub(crate) type Query<'q> = [(&'q str, String)];

pub(crate) fn get(path: &str, query: &Query) -> Result<Value, Failure> {
    Client::signed_in()?.call("GET", path, query, Load::Nothing)
}

pub(crate) fn post(path: &str, load: Load) -> Result<Value, Failure> {
    Client::signed_in()?.call("POST", path, &[], load)
}

/// What differs between two versions; what is in force is the later one where none is named.
fn compared(before: u64, after: Option<u64>) -> Result<Value, Failure> {
    let mut query = vec![("before", before.to_string())];
    query.extend(after.map(|after| ("after", after.to_string())));
    get("/configuration/compare", &query)
}

/// Sends a policy file, with the version it says it was written from.
fn send(path: &str, mut query: Vec<(&str, String)>, file: &Path) -> Result<Value, Failure> {
    let PolicyFile { text, base } = policy_file::read(file)?;
    query.extend(base.map(|base| ("base", base)));
    Client::signed_in()?.call("POST", path, &query, Load::Toml(&text))
}

fn second_factor(act: &SecondFactor) -> Result<Value, Failure> {
    let with = |code: &String| Load::Json(json!({ "code": code }));
    match act {
        SecondFactor::Begin { password_file } => {
            let password = password(password_file.as_deref(), "your account")?;
            post("/second-factor", Load::Json(json!({ "password": password.expose_secret() })))
        }
        SecondFactor::Finish { code } => post("/second-factor/finish", with(code)),
        SecondFactor::Confirm { code } => post("/second-factor/confirm", with(code)),
    }
}

fn keys(act: Option<&Keys>) -> Result<Value, Failure> {
    match act {
        None => get("/keys", &[]),
        Some(Keys::Add { file, name, password_file }) => {
            let key = readable(file)?;
            let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let name = name.clone().unwrap_or_else(stem);
            let password = password(password_file.as_deref(), "your account")?;
            let body = json!({ "name": name, "key": key, "password": password.expose_secret() });
            post("/keys", Load::Json(body))
        }
        Some(Keys::Remove { number }) => {
            Client::signed_in()?.call("DELETE", &format!("/keys/{number}"), &[], Load::Nothing)
        }
    }
}

/// The text of a file.
fn readable(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::Refused(format!("`{}` cannot be read: {e}", path.display())))
}

fn act(number: u64, act: &str) -> Result<Value, Failure> {
    post(&format!("/requests/{number}/{act}"), Load::Nothing)
}

/// The password: from a file, else asked for without echo, else the first line of standard input.
fn password(file: Option<&Path>, handle: &str) -> Result<SecretString, Failure> {
    if let Some(file) = file {
        return place::first_line(file);
    }
    let trouble = |e: std::io::Error| Failure::Trouble(format!("the password cannot be read: {e}"));
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("Password of {handle}: ")).map(SecretString::from).map_err(trouble);
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(trouble)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn login(
    handle: &str,
    server: &str,
    ca: Option<&Path>,
    password: &SecretString,
    code: Option<&str>,
) -> Result<Value, Failure> {
    let ca = ca.map(place::real).transpose()?;
    let client = Client::new(server, ca.as_deref())?;
    let body = json!({ "handle": handle, "password": password.expose_secret(), "code": code });
    let mut answer = client.call("POST", "/session", &[], Load::Json(body))?;
    let token = answer.as_object_mut().and_then(|a| a.remove("token"));
    let Some(Value::String(token)) = token else {
        return Err(Failure::Trouble(format!("`{server}` sent no token; is it a Countersign server?")));
    };
    Session { server: server.to_owned(), ca, token: token.into() }.write()?;
    Ok(answer)
}

fn logout() -> Result<Value, Failure> {
    let ended = Client::signed_in().and_then(|client| client.call("DELETE", "/session", &[], Load::Nothing));
    Session::forget()?;
    match ended {
        // No session there, or none here: signed out is what was wanted.
        Err(Failure::Refused(_)) => Ok(json!({ "done": true })),
        other => other,
    }
}

/// The token alone on standard output, for `PGPASSWORD=$(countersign token …)`; how to use it beside it.
fn token(target: &str, reason: &str, format: Format) -> Result<(), Failure> {
    let answer = post("/tokens", Load::Json(json!({ "target": target, "reason": reason })))?;
    match format {
        Format::Json => say(&show::json(&answer)),
        Format::Human => {
            eprintln!("{}", show::plain(&show::token_use(&answer)));
            say(&show::token(&answer));
        }
    }
    Ok(())
}

fn request(new: &NewRequest) -> Result<Value, Failure> {
    let body = json!({
        "target": new.target,
        "database": new.database,
        "start": new.start,
        "end": new.end,
        "minutes": new.minutes,
        "reason": new.reason,
        "choice": new.choice,
        "ticket": new.ticket,
        "ask_whom": new.ask_whom,
        "plan": new.script.as_deref().map(readable).transpose()?,
        "in_order": !new.any_order,
    });
    let mut answer = post("/requests", Load::Json(body))?;
    // One that waited already is joined, and keeps its reason.
    if answer["status"] == "Pending" && answer["reason"].as_str().unwrap_or_default() != new.reason.trim() {
        answer["joined"] = Value::Bool(true);
    }
    Ok(answer)
}

fn requests(list: &RequestList) -> Result<Value, Failure> {
    let mut query = vec![("scope", list.scope.clone())];
    let words = [("status", &list.status), ("kind", &list.kind), ("from", &list.from), ("until", &list.until)];
    query.extend(words.into_iter().filter_map(|(key, word)| Some((key, word.clone()?))));
    query.extend(list.text.clone().map(|t| ("text", t)));
    query.extend(list.before.map(|b| ("before", b.to_string())));
    query.extend(list.limit.map(|l| ("limit", l.to_string())));
    get("/requests", &query)
}

fn reject(number: u64, comment: &str) -> Result<Value, Failure> {
    let body = Load::Json(json!({ "verdict": "reject", "comment": comment }));
    post(&format!("/requests/{number}/decision"), body)
}

fn approve(decision: &Decision) -> Result<Value, Failure> {
    let body = json!({
        "verdict": "approve",
        "comment": decision.comment,
        "start": decision.start,
        "end": decision.end,
        "reset_after_use": decision.reset_after_use,
    });
    post(&format!("/requests/{}/decision", decision.number), Load::Json(body))
}

fn audit(list: &AuditList) -> Result<Value, Failure> {
    let mut query = Vec::new();
    query.extend(list.text.clone().map(|t| ("text", t)));
    query.extend(list.kind.clone().map(|k| ("kind", k)));
    query.extend(list.before.map(|b| ("before", b.to_string())));
    query.extend(list.limit.map(|l| ("limit", l.to_string())));
    get("/audit", &query)
}

/// What `explain` is asked about.
fn about(person: &str, target: &str, act: &str) -> Vec<(&'static str, String)> {
    let mut query = vec![("person", person.to_owned()), ("target", target.to_owned())];
    if act != "connect" {
        query.push(("text", act.to_owned()));
    }
    query
}

fn calendar(target: &str, from: Option<&str>, days: u64) -> Result<Value, Failure> {
    let mut query = vec![("days", days.to_string())];
    query.extend(from.map(|from| ("from", from.to_owned())));
    get(&format!("/access/{}/calendar", encoded(target)), &query)
}

/// Saves what a session recorded: its transcript, or what one of its terminals showed.
fn export_recording(session: u64, path: &Path, terminal: Option<u64>, format: Format) -> Result<(), Failure> {
    let of_terminal = terminal.map(|number| format!("/terminals/{number}")).unwrap_or_default();
    let answer = to_save(path, &format!("/sessions/{session}{of_terminal}/export"))?;
    let bytes = saved(path, answer)?;
    match format {
        Format::Json => say(&json!({ "path": path.display().to_string(), "bytes": bytes }).to_string()),
        Format::Human => {
            let what =
                terminal.map_or_else(|| "The transcript of".to_owned(), |n| format!("What command {n} showed in"));
            say(&format!("{what} session {session} is in `{}`, {bytes} bytes.", path.display()));
        }
    }
    Ok(())
}

/// An answer that is to be saved in a new file.
fn to_save(path: &Path, from: &str) -> Result<Response<Body>, Failure> {
    if path.exists() {
        return Err(Failure::Refused(format!("`{}` exists; choose another name", path.display())));
    }
    Client::signed_in()?.send("GET", from, &[], Load::Nothing)
}

/// Saves an answer in a new file, whole or not at all; how many bytes it is.
fn saved(path: &Path, mut answer: Response<Body>) -> Result<u64, Failure> {
    let trouble = |e: std::io::Error| Failure::Trouble(format!("`{}` cannot be written: {e}", path.display()));
    let mut file = place::new_private(path).map_err(trouble)?;
    let copied = std::io::copy(&mut answer.body_mut().as_reader(), &mut file);
    copied.and_then(|bytes| file.sync_all().map(|()| bytes)).map_err(|e| {
        let _ = std::fs::remove_file(path);
        trouble(e)
    })
}

/// Saves a copy of the journal, if the head came with it, by which it can be checked.
fn journal_saved(path: &Path, answer: Response<Body>) -> Result<String, Failure> {
    let head = answer.headers().get("x-countersign-head").and_then(|head| head.to_str().ok()).map(str::to_owned);
    let head = head.ok_or_else(|| Failure::Trouble("the server sent no head; is it a Countersign server?".into()))?;
    saved(path, answer).map(|_| head)
}

/// Copies the journal into a file that does not exist yet. Half a copy is not left behind.
fn export(path: &Path, format: Format) -> Result<(), Failure> {
    let head = journal_saved(path, to_save(path, "/export")?)?;
    match format {
        Format::Json => say(&json!({ "head": head }).to_string()),
        Format::Human => {
            eprintln!("Keep this head apart from the copy, for `countersign verify {} --expect HEAD`:", path.display());
            say(&head);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_without_its_head_is_not_saved() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let answer = || Response::builder().header("x-countersign-head", "5:abc");
        let without = Response::builder().body(Body::builder().data("entries")).expect("an answer");
        assert!(matches!(journal_saved(&path, without), Err(Failure::Trouble(_))));
        assert!(!path.exists());
        let whole = answer().body(Body::builder().data("entries")).expect("an answer");
        assert_eq!(journal_saved(&path, whole).ok().as_deref(), Some("5:abc"));
        assert_eq!(std::fs::read_to_string(&path).expect("saved"), "entries");
        let again = answer().body(Body::builder().data("others")).expect("an answer");
        assert!(journal_saved(&path, again).is_err());
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), "entries");
    }
}
