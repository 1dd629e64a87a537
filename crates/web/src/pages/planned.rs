//! What a form would change, before it is proposed: shown as its approvers will see it, with the reason and the two ways
//! on, forward and back to the form. It holds what was typed and nothing else: the file is made anew when it is proposed.

use super::configuration::Difference;
use super::fields::Again;
use super::{Notice, Page, Shell, Visit, page, see};
use crate::fault::status_of;
use askama::Template;
use axum::http::StatusCode;
use countersign_control::view::{Base, DiffLine, Plan, Proposed, Typed};
use countersign_control::{Fault, Part, Thing};
use countersign_core::Refusal;
use secrecy::{ExposeSecret, SecretString};

/// What is said on the page itself and sent anew.
const ANEW: [&str; 3] = ["reason", "planned", "do"];

#[derive(Template)]
#[template(path = "planned.html")]
struct PlannedPage<'p> {
    shell: Shell,
    stands: Stands,
    /// Where the form goes.
    to: &'p str,
    typed: &'p Typed,
    file: &'p str,
    /// What was in force when this was made.
    now: Base,
    plan: Plan,
    /// Whether the reason is what is missing.
    unexplained: Option<String>,
}

impl PlannedPage<'_> {
    /// What the form said, to be sent again.
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.typed.fields().filter(|(name, _)| !ANEW.contains(name))
    }

    fn difference<'d>(&self, lines: &'d [DiffLine]) -> Difference<'d> {
        Difference { lines }
    }
}

/// Where things of one kind are listed.
#[derive(Clone, Copy)]
pub(super) struct Stands {
    path: &'static str,
    name: &'static str,
    /// The line of the rail.
    at: &'static str,
}

fn stands(part: Part<'_>) -> Stands {
    let (path, name, at) = match part {
        Part::Thing(Thing::Person, _) => ("/people", "People", "people"),
        Part::Thing(Thing::Group, _) => ("/groups", "Groups", "groups"),
        Part::Thing(Thing::Role, _) => ("/roles", "Roles", "roles"),
        Part::Thing(Thing::Device | Thing::DeviceGroup, _) => ("/devices", "Devices", "devices"),
        Part::Thing(Thing::Account, _) => ("/accounts", "Accounts", "accounts"),
        Part::Rule(_) => ("/rules", "Rules", "rules"),
        Part::Workflow(_) => ("/workflows", "Workflows", "workflows"),
        Part::Parameters => ("/parameters", "System parameters", "parameters"),
        Part::Whole => ("/configuration", "Configuration", "configuration"),
    };
    Stands { path, name, at }
}

/// The file with the password that was typed for an account; nothing when none was.
fn carried_into(visit: &Visit, part: Part<'_>, typed: &Typed, file: &str) -> Result<Option<SecretString>, Fault> {
    let carried = typed.text("carried");
    match part {
        Part::Thing(Thing::Account, known) if !carried.is_empty() && !typed.has("do", "remove") => {
            visit.site.control.with_password(visit.actor(), file, &label(known, typed), carried).map(Some)
        }
        _ => Ok(None),
    }
}

/// The account a form is about.
fn label(known: &str, typed: &Typed) -> String {
    match known {
        "" => format!("{}@{}", typed.text("name").trim(), typed.text("device").trim()),
        known => known.to_owned(),
    }
}

/// What was typed into the form of an account, its password sealed: no page shows it again.
pub(super) fn sealed(visit: &Visit, known: &str, fields: Vec<(String, String)>) -> Result<Typed, Fault> {
    let (passwords, rest): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == "password");
    let typed: Typed = rest.into_iter().collect();
    match passwords
        .into_iter()
        .map(|(_, password)| SecretString::from(password))
        .find(|p| !p.expose_secret().is_empty())
    {
        Some(password) => {
            let carried = visit.site.control.carry(visit.actor(), &label(known, &typed), &password)?;
            Ok(typed.with("carried", carried))
        }
        None => Ok(typed),
    }
}

/// The page for a file that a form made from what is in force `now`; or, when it is proposed as it was shown, where that
/// leads. What is in force at once leads back to its list.
pub(super) async fn planned(
    visit: &Visit,
    part: Part<'_>,
    typed: &Typed,
    file: &str,
    now: Base,
) -> Result<Page, Again> {
    let (control, stands) = (&visit.site.control, stands(part));
    let whole = carried_into(visit, part, typed, file).map_err(|fault| Again::said(&fault))?;
    let whole = whole.as_ref().map_or(file, |whole| whole.expose_secret());
    let mut said = None;
    if typed.has("do", "propose") {
        // Nothing is proposed that was not shown.
        let answer = match typed.text("planned") == now.to_string() {
            true => control.propose(visit.actor(), whole, typed.text("reason"), Some(now)).await,
            false => Err(Fault::Refused(Refusal::ChangedMeanwhile)),
        };
        match answer {
            Ok(Proposed { request: Some(id), applied: false, .. }) => {
                return Ok(see(&format!("/requests/{0}?done=asked&on={0}", id.0)));
            }
            Ok(Proposed { request: Some(id), .. }) => {
                return Ok(see(&format!("{}?done=applied&on={}", stands.path, id.0)));
            }
            Ok(Proposed { request: None, .. }) => return Ok(see(&format!("{}?done=unchanged", stands.path))),
            Err(fault) => said = Some(fault),
        }
    }
    // What cannot be put in force is said beside the form, where it is put right.
    let plan = control.plan(visit.actor(), whole, None).await.map_err(|fault| Again::said(&fault))?;
    let status = said.as_ref().map_or(StatusCode::OK, |fault| status_of(fault).0);
    let (unexplained, notice) = match said {
        Some(fault @ Fault::Refused(Refusal::ReasonTooShort { .. })) => {
            (Some(crate::fault::sentence(&fault.to_string())), None)
        }
        other => (None, other.as_ref().map(Notice::bad)),
    };
    let title = if plan.changes.is_empty() { "This would change nothing" } else { "This would change" };
    let mut shell = visit.shell(title, stands.at).saying(notice);
    // What is being decided on is not fetched anew.
    shell.refresh = None;
    let to = visit.here.as_str();
    Ok(page(status, &PlannedPage { shell, stands, to, typed, file, now, plan, unexplained }))
}
