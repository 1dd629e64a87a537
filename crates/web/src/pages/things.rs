//! Groups and devices as lists, and a form for each person, group, role, device, device group and new account. What a form says
//! becomes a file, and a page says what proposing it would change. The password of an account goes sealed
//! through the page that says so, which shows none.

use super::fields::{Again, Field, Filled, MadeFrom, Names, Wrong, base_of, proposed};
use super::planned::sealed;
use super::{Page, Shell, Visit, ok, page};
use crate::guard::escaped;
use askama::Template;
use axum::Form;
use axum::extract::Query;
use countersign_control::view::{DeviceView, GroupView, Known, LoginView, Typed};
use countersign_control::{Fault, Part, Thing};
use countersign_core::Permission;
use countersign_core::permission::{Line, TABLE};
use countersign_journal::Outcome;
use serde::Deserialize;

const PROTOCOLS: [(&str, &str); 2] = [("postgresql", "PostgreSQL"), ("ssh", "SSH")];
const ROLES: [(&str, &str); 4] = [
    ("member", "Member"),
    ("auditor", "Auditor"),
    ("administrator", "Administrator"),
    ("super_administrator", "Super administrator"),
];

#[derive(Template)]
#[template(path = "groups.html")]
struct GroupsPage {
    shell: Shell,
    groups: Vec<GroupView>,
    text: String,
    may_propose: bool,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    shell: Shell,
    devices: Vec<DeviceView>,
    /// Each with the devices in it.
    groups: Vec<(String, Vec<String>)>,
    text: String,
    reads: bool,
    may_propose: bool,
}

impl DevicesPage {
    fn demand(&self, login: &LoginView) -> &'static str {
        match login.access.as_ref().map(|a| a.outcome) {
            Some(Outcome::Allow) => "open to you",
            Some(Outcome::Justify) => "needs a reason",
            Some(Outcome::Approve) => "needs approval",
            Some(Outcome::Deny) | None => "not for you",
        }
    }

    fn reserves(&self, login: &LoginView) -> bool {
        login.access.as_ref().is_some_and(|a| a.outcome != Outcome::Deny)
    }
}

/// The authority that an SSH server trusts, for certificates to sign in with: what to put where.
#[derive(Template)]
#[template(path = "authority.html")]
pub(super) struct Authority {
    line: String,
}

impl askama::filters::HtmlSafe for Authority {}

impl Authority {
    pub(super) fn of(visit: &Visit) -> Result<Authority, Fault> {
        Ok(Authority { line: visit.site.control.ssh_authority()? })
    }
}

/// What is said around the form of one kind of thing.
struct Words {
    /// Where its list is.
    list: &'static str,
    /// What the list is called.
    of: &'static str,
    /// The line of the rail.
    at: &'static str,
    /// Where the form goes.
    to: &'static str,
    /// What it is.
    one: &'static str,
    /// How it is taken away.
    remove: &'static str,
}

fn words(thing: Thing) -> Words {
    let (list, of, at, to, one, remove) = match thing {
        Thing::Person => ("/people", "People", "people", "/people", "person", "Disable this person"),
        Thing::Group => ("/groups", "Groups", "groups", "/groups", "group", "Remove this group"),
        Thing::Role => ("/roles", "Roles", "roles", "/roles", "role", "Remove this role"),
        Thing::Device => ("/devices", "Devices", "devices", "/devices", "device", "Remove this device"),
        Thing::DeviceGroup => {
            ("/devices", "Devices", "devices", "/device-groups", "device group", "Remove this device group")
        }
        Thing::Account => ("/devices", "Devices", "devices", "/accounts", "account", "Remove this account"),
    };
    Words { list, of, at, to, one, remove }
}

#[derive(Template)]
#[template(path = "thing.html")]
struct ThingPage {
    shell: Shell,
    thing: Thing,
    words: Words,
    /// The one that is changed; empty for a new one.
    name: String,
    form: Filled,
    from: MadeFrom,
    known: Known,
    authority: Authority,
}

impl ThingPage {
    fn names(&self) -> Names<'_> {
        Names { known: &self.known }
    }

    fn protocol(&self) -> Field<'_> {
        self.form.choice("protocol", "Protocol", "", &PROTOCOLS)
    }

    fn role(&self) -> Field<'_> {
        self.form.choice("role", "Role", "the Roles page says what each may do", &ROLES)
    }

    fn wrong(&self, field: &str) -> Wrong<'_> {
        Wrong { text: self.form.wrongs.get(field).map(String::as_str), field: field.to_owned() }
    }

    fn permissions(&self) -> &'static [Line] {
        &TABLE
    }
}

#[derive(Deserialize)]
pub(crate) struct TextParams {
    #[serde(default)]
    pub(crate) text: String,
}

/// Whether one of these texts has what is looked for.
pub(crate) fn found<'t>(wanted: &str, texts: impl IntoIterator<Item = &'t str>) -> bool {
    let wanted = wanted.trim().to_lowercase();
    texts.into_iter().any(|t| t.to_lowercase().contains(&wanted))
}

/// `GET /groups`
pub(crate) async fn groups(visit: Visit, Query(TextParams { text }): Query<TextParams>) -> Page {
    let mut groups = visit.site.control.groups(visit.actor())?;
    groups.retain(|g| {
        let people = g.members.iter().chain(&g.managers).flat_map(|p| [p.name.as_str(), p.handle.as_str()]);
        found(&text, people.chain([g.name.as_str()]).chain(g.groups.iter().map(String::as_str)))
    });
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    ok(&GroupsPage { shell: visit.shell("Groups", "groups"), groups, text, may_propose })
}

/// `GET /devices`
pub(crate) async fn devices(visit: Visit, Query(TextParams { text }): Query<TextParams>) -> Page {
    let reads = visit.actor().may(Permission::ReadConfiguration);
    let mut devices = visit.site.control.devices(visit.actor()).await?;
    devices.retain(|d| {
        let accounts = d.accounts.iter().map(|a| a.name.as_str());
        let device =
            [d.name.as_str(), d.database.as_deref().unwrap_or_default(), d.address.as_deref().unwrap_or_default()];
        found(&text, device.into_iter().chain(accounts).chain(d.groups.iter().map(String::as_str)))
    });
    let groups = if reads { visit.site.control.device_groups(visit.actor())? } else { Vec::new() };
    let may_propose = visit.actor().may(Permission::ProposeChanges);
    ok(&DevicesPage { shell: visit.shell("Devices", "devices"), devices, groups, text, reads, may_propose })
}

#[derive(Deserialize)]
pub(crate) struct NameParams {
    #[serde(default)]
    name: String,
    /// The device a new account is on.
    #[serde(default)]
    device: String,
}

type Named = Query<NameParams>;
type Fields = Form<Vec<(String, String)>>;

/// `GET /people/edit`
pub(crate) async fn person(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::Person, params)
}

/// `POST /people`
pub(crate) async fn change_person(visit: Visit, Form(fields): Fields) -> Page {
    change(&visit, Thing::Person, fields).await
}

/// `GET /groups/edit`
pub(crate) async fn group(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::Group, params)
}

/// `POST /groups`
pub(crate) async fn change_group(visit: Visit, Form(fields): Fields) -> Page {
    change(&visit, Thing::Group, fields).await
}

/// `GET /roles/edit`
pub(crate) async fn role(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::Role, params)
}

/// `POST /roles`
pub(crate) async fn change_role(visit: Visit, Form(fields): Fields) -> Page {
    change(&visit, Thing::Role, fields).await
}

/// `GET /devices/edit`
pub(crate) async fn device(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::Device, params)
}

/// `POST /devices`
pub(crate) async fn change_device(visit: Visit, Form(fields): Fields) -> Page {
    change(&visit, Thing::Device, fields).await
}

/// `GET /device-groups/edit`
pub(crate) async fn device_group(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::DeviceGroup, params)
}

/// `POST /device-groups`
pub(crate) async fn change_device_group(visit: Visit, Form(fields): Fields) -> Page {
    change(&visit, Thing::DeviceGroup, fields).await
}

/// `GET /devices/account`
pub(crate) async fn new_account(visit: Visit, Query(params): Named) -> Page {
    edit(&visit, Thing::Account, NameParams { name: String::new(), ..params })
}

/// `POST /accounts`
pub(crate) async fn add_account(visit: Visit, Form(fields): Fields) -> Page {
    let known = fields.iter().find(|(name, _)| name == "known").map(|(_, known)| known.clone()).unwrap_or_default();
    let typed = sealed(&visit, &known, fields)?;
    changed(&visit, Thing::Account, typed).await
}

fn edit(visit: &Visit, thing: Thing, NameParams { name, device }: NameParams) -> Page {
    let typed = match visit.site.control.typed(visit.actor(), thing, &name)? {
        Some(typed) => typed,
        None if name.is_empty() => Typed::default().or("device", &device),
        None => return Err(Fault::NotFound.into()),
    };
    // Somebody who was disabled is not in the file: they are added again, as they were.
    let there = thing != Thing::Person || visit.site.control.known(visit.actor())?.people.contains(&name);
    let name = if there { name } else { String::new() };
    show(visit, thing, name, typed, Again::default())
}

async fn change(visit: &Visit, thing: Thing, fields: Vec<(String, String)>) -> Page {
    changed(visit, thing, fields.into_iter().collect()).await
}

async fn changed(visit: &Visit, thing: Thing, typed: Typed) -> Page {
    let (control, name) = (&visit.site.control, typed.text("known").to_owned());
    let made = || match typed.has("do", "remove") {
        true => control.without(visit.actor(), thing, &name),
        false => control.with(visit.actor(), thing, &name, &typed),
    };
    match proposed(visit, Part::Thing(thing, &name), &typed, made).await {
        Ok(page) => page,
        Err(again) => show(visit, thing, name, typed, again),
    }
}

fn show(visit: &Visit, thing: Thing, name: String, typed: Typed, again: Again) -> Page {
    let Again { status, wrongs, notice, meanwhile } = again;
    let words = words(thing);
    let title = if name.is_empty() { format!("New {}", words.one) } else { name.clone() };
    let mut shell = visit.shell(title, words.at).saying(notice);
    // What is being edited is not fetched anew under the editor's hands.
    shell.refresh = None;
    let known = visit.site.control.known(visit.actor())?;
    let afresh = match thing {
        Thing::Account => "/accounts".to_owned(),
        _ => format!("{}/edit?name={}", words.to, escaped(&name)),
    };
    let from = MadeFrom::of(visit, base_of(&typed), meanwhile, afresh);
    let authority = Authority::of(visit)?;
    page(status, &ThingPage { shell, thing, words, name, form: Filled { typed, wrongs }, from, known, authority })
}
