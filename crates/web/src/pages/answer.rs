//! What the link in a contact's mail opens (R11): one request, as the card everybody reads, and the two buttons. Nobody is
//! signed in by it, nothing else is reached from it, and looking at it decides nothing: mail scanners look at links.
//!
//! It runs no script and sets no cookie. What the link is worth now is asked of the control plane each time.

use super::card::Card;
use super::{Notice, Page, page, see};
use crate::assets::address;
use crate::fault::status_of;
use crate::reader::Reader;
use crate::site::Site;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use countersign_control::{Fault, LinkView};
use countersign_journal::Verdict;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage<'p> {
    title: String,
    /// What the link is for; nothing when it is none of ours.
    link: Option<&'p LinkView>,
    reader: &'p Reader,
    /// Where the form goes.
    here: String,
    /// Why something was not done.
    notice: Option<Notice>,
    /// What was typed and could not be sent.
    typed: String,
    css: &'static str,
    mark: &'static str,
}

impl AnswerPage<'_> {
    fn card(&self) -> Option<Card<'_>> {
        let card = self.link?.card.as_ref()?;
        Some(Card::outside(card, self.reader, &self.here, &self.typed))
    }
}

/// What the page is called: what was said, or what is asked.
fn title(link: Option<&LinkView>) -> String {
    match link {
        None => "This link opens nothing".to_owned(),
        Some(LinkView { card: Some(_), request, .. }) => format!("Request {request} waits for you"),
        Some(LinkView { said: Some((Verdict::Approve, _)), request, .. }) => format!("You approved request {request}"),
        Some(LinkView { said: Some((Verdict::Reject, _)), request, .. }) => format!("You rejected request {request}"),
        Some(LinkView { request, .. }) => format!("Nothing is left to decide on request {request}"),
    }
}

/// `GET /answer/{token}`
pub(crate) async fn show(State(site): State<Site>, reader: Reader, Path(token): Path<String>) -> Page {
    render(&site, &reader, &token, StatusCode::OK, None, String::new()).await
}

#[derive(Deserialize)]
pub(crate) struct AnswerForm {
    verdict: Verdict,
    #[serde(default)]
    comment: String,
}

/// `POST /answer/{token}`
pub(crate) async fn decide(
    State(site): State<Site>,
    reader: Reader,
    Path(token): Path<String>,
    Form(form): Form<AnswerForm>,
) -> Page {
    match site.control.decide_by_link(&token, form.verdict, &form.comment).await {
        Ok(()) => see(&format!("/answer/{token}")),
        Err(fault) => {
            let notice = Some(Notice::bad(&fault)).filter(|_| !matches!(fault, Fault::NotFound));
            render(&site, &reader, &token, status_of(&fault).0, notice, form.comment).await
        }
    }
}

async fn render(
    site: &Site,
    reader: &Reader,
    token: &str,
    status: StatusCode,
    notice: Option<Notice>,
    typed: String,
) -> Page {
    let (status, link) = match site.control.linked(token).await {
        Ok(link) => (status, Some(link)),
        Err(Fault::NotFound) => (StatusCode::NOT_FOUND, None),
        Err(fault) => return Err(fault.into()),
    };
    let shown = AnswerPage {
        title: title(link.as_ref()),
        link: link.as_ref(),
        reader,
        here: format!("/answer/{token}"),
        notice,
        typed,
        css: address("app.css"),
        mark: address("favicon.svg"),
    };
    page(status, &shown)
}
