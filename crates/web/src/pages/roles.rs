//! Roles and permissions, as one table (R87).

use super::{Page, Shell, Visit, ok};
use askama::Template;
use countersign_control::view::RolesView;

#[derive(Template)]
#[template(path = "roles.html")]
struct RolesPage {
    shell: Shell,
    table: RolesView,
    /// What the reader may do, by name.
    mine: Vec<&'static str>,
    may_change: bool,
}

impl RolesPage {
    fn words(&self, role: &str) -> String {
        let words = role.replace('_', " ");
        let mut letters = words.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }
}

/// `GET /roles`
pub(crate) async fn show(visit: Visit) -> Page {
    let table = visit.site.control.roles(visit.actor());
    let may_change = visit.site.control.may_change_roles(visit.actor());
    let mine = visit.actor().permissions.iter().map(|p| p.name()).collect();
    ok(&RolesPage { shell: visit.shell("Roles", "roles"), table, mine, may_change })
}
