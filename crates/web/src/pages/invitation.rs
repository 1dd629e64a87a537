//! Setting a password by a one-time link. Looking at the link uses nothing up: mail scanners look at links.

use super::{Page, page, see};
use crate::assets::address;
use crate::fault::{error_page, sentence, status_of};
use crate::site::Site;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use countersign_control::view::PersonView;
use countersign_control::{Fault, SignInRefusal};
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    person: PersonView,
    wrong: Option<String>,
    css: &'static str,
    js: &'static str,
    mark: &'static str,
}

impl InvitationPage {
    fn new(person: PersonView, wrong: Option<String>) -> InvitationPage {
        InvitationPage { person, wrong, css: address("app.css"), js: address("app.js"), mark: address("favicon.svg") }
    }
}

/// Of a link that was used, replaced or is too old.
fn over() -> Page {
    let fault = Fault::SignIn(SignInRefusal::LinkOver);
    Ok(error_page(status_of(&fault).0, "This link no longer works", &fault.to_string()))
}

/// `GET /invitation/{token}`
pub(crate) async fn form(State(site): State<Site>, Path(token): Path<String>) -> Page {
    let Some(person) = site.control.invitation(&token).await else { return over() };
    page(StatusCode::OK, &InvitationPage::new(person, None))
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    password: String,
    again: String,
}

/// `POST /invitation/{token}`
pub(crate) async fn submit(
    State(site): State<Site>,
    Path(token): Path<String>,
    Form(sent): Form<PasswordForm>,
) -> Page {
    let Some(person) = site.control.invitation(&token).await else { return over() };
    if sent.password != sent.again {
        let wrong = Some("The two entries differ; type the same password twice.".to_owned());
        return page(StatusCode::UNPROCESSABLE_ENTITY, &InvitationPage::new(person, wrong));
    }
    match site.control.accept_invitation(&token, SecretString::from(sent.password)).await {
        Ok(()) => see("/sign-in?welcome=1"),
        Err(fault) => page(status_of(&fault).0, &InvitationPage::new(person, Some(sentence(&fault.to_string())))),
    }
}
