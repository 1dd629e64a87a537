//! Who is there, and one-time links for those who come.

use super::things::{TextParams, found};
use super::{Notice, Page, Shell, Visit, page};
use crate::fault::status_of;
use crate::reader::Reader;
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use countersign_control::INVITATION_S;
use countersign_control::view::PersonRow;
use countersign_core::Role;
use countersign_journal::Timestamp;

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    people: Vec<PersonRow>,
    text: String,
    reader: Reader,
    /// For whom a link was just made, the link, and until when it works.
    link: Option<(String, String, Timestamp)>,
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
    link: Option<(String, String, Timestamp)>,
) -> Page {
    let mut people = visit.site.control.people(visit.actor()).await?;
    people.retain(|row| {
        let person = [row.person.name.as_str(), row.person.handle.as_str(), row.email.as_deref().unwrap_or_default()];
        found(&text, person.into_iter().chain(row.groups.iter().map(String::as_str)))
    });
    let (shell, reader) = (visit.shell("People", "people").saying(notice), visit.reader.clone());
    page(status, &PeoplePage { shell, people, text, reader, link })
}

/// `POST /people/{handle}/invitation`
pub(crate) async fn invite(visit: Visit, Path(handle): Path<String>) -> Page {
    match visit.site.control.invite(visit.actor(), &handle).await {
        Ok(link) => {
            let until = visit.site.control.now().plus(INVITATION_S);
            render(&visit, StatusCode::OK, String::new(), None, Some((handle, link, until))).await
        }
        Err(fault) => render(&visit, status_of(&fault).0, String::new(), Some(Notice::bad(&fault)), None).await,
    }
}
