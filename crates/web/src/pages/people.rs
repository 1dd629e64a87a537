//! Who is there, and one-time links for those who come.

use super::things::{TextParams, found};
use super::{Notice, Page, Shell, Visit, page};
use crate::fault::status_of;
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use countersign_control::view::PersonRow;
use countersign_core::Role;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    people: Vec<PersonRow>,
    text: String,
    /// For whom a link was just made, and the link.
    link: Option<(String, String)>,
}

impl PeoplePage {
    fn role(&self, row: &PersonRow) -> &'static str {
        match row.role {
            Role::Member => "Member",
            Role::Auditor => "Auditor",
            Role::Administrator => "Administrator",
            Role::SuperAdministrator => "Super administrator",
        }
    }
}

/// `GET /people`
pub(crate) async fn list(visit: Visit, Query(TextParams { text }): Query<TextParams>) -> Page {
    render(&visit, StatusCode::OK, text, None, None).await
}

async fn render(
    visit: &Visit,
    status: StatusCode,
    text: String,
    notice: Option<Notice>,
    link: Option<(String, String)>,
) -> Page {
    let mut people = visit.site.control.people(visit.actor()).await?;
    people.retain(|row| {
        let person = [row.person.name.as_str(), row.person.handle.as_str(), row.email.as_deref().unwrap_or_default()];
        found(&text, person.into_iter().chain(row.groups.iter().map(String::as_str)))
    });
    page(status, &PeoplePage { shell: visit.shell("People", "people").saying(notice), people, text, link })
}

/// `POST /people/{handle}/invitation`
pub(crate) async fn invite(visit: Visit, Path(handle): Path<String>) -> Page {
    match visit.site.control.invite(visit.actor(), &handle).await {
        Ok(link) => render(&visit, StatusCode::OK, String::new(), None, Some((handle, link))).await,
        Err(fault) => render(&visit, status_of(&fault).0, String::new(), Some(Notice::bad(&fault)), None).await,
    }
}
