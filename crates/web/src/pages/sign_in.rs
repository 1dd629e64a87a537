//! Signing in and out.

use super::{Page, page, see};
use crate::assets::address;
use crate::cookie;
use crate::fault::{sentence, status_of};
use crate::guard::Signed;
use crate::site::{Peer, Site, local_path};
use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use countersign_control::{Fault, SignInRefusal};
use secrecy::SecretString;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    handle: String,
    next: String,
    wrong: Option<String>,
    code_needed: bool,
    welcome: bool,
    css: &'static str,
    js: &'static str,
    mark: &'static str,
}

impl SignInPage {
    fn new(handle: &str, next: &str) -> SignInPage {
        SignInPage {
            handle: handle.to_owned(),
            next: local_path(next).to_owned(),
            wrong: None,
            code_needed: false,
            welcome: false,
            css: address("app.css"),
            js: address("app.js"),
            mark: address("favicon.svg"),
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct SignInParams {
    #[serde(default)]
    next: String,
    #[serde(default)]
    welcome: String,
}

/// `GET /sign-in`
pub(crate) async fn form(State(site): State<Site>, Query(params): Query<SignInParams>, headers: HeaderMap) -> Page {
    if let Some(credential) = cookie::value(&headers, cookie::SESSION)
        && site.control.actor(credential).await.is_some()
    {
        return see(local_path(&params.next));
    }
    let welcome = !params.welcome.is_empty();
    page(StatusCode::OK, &SignInPage { welcome, ..SignInPage::new("", &params.next) })
}

#[derive(Deserialize)]
pub(crate) struct SignInForm {
    handle: String,
    password: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in`
pub(crate) async fn submit(
    State(site): State<Site>,
    peer: Peer,
    headers: HeaderMap,
    Form(sent): Form<SignInForm>,
) -> Page {
    let code = sent.code.split_whitespace().collect::<String>();
    let code = Some(code.as_str()).filter(|c| !c.is_empty());
    let password = SecretString::from(sent.password);
    let session = match site.control.sign_in(&sent.handle, password, code, &peer.0).await {
        Ok(session) => session,
        Err(fault) => {
            let code_needed = matches!(fault, Fault::SignIn(SignInRefusal::CodeNeeded));
            let wrong = Some(sentence(&fault.to_string()));
            let again = SignInPage { wrong, code_needed, ..SignInPage::new(&sent.handle, &sent.next) };
            return page(status_of(&fault).0, &again);
        }
    };
    // A session this browser still had is not left behind.
    if let Some(old) = cookie::value(&headers, cookie::SESSION)
        && site.control.actor(old).await.is_some()
    {
        site.control.sign_out(old).await?;
    }
    let cookie =
        cookie::set(&session, site.control.now()).ok_or_else(|| Fault::trouble("a cookie could not be made"))?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(local_path(&sent.next))).into_response())
}

/// `POST /sign-out`
pub(crate) async fn sign_out(State(site): State<Site>, signed: Signed) -> Page {
    site.control.sign_out(&signed.credential).await?;
    Ok(([(header::SET_COOKIE, cookie::forget())], Redirect::to("/sign-in")).into_response())
}
