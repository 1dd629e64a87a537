//! Signing in and out, and who one is.

use super::{Answer, Body, DONE, Done};
use crate::guard::Signed;
use crate::site::{Peer, Site};
use axum::Json;
use axum::extract::State;
use countersign_core::{Permission, Role};
use countersign_journal::{PersonId, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    handle: String,
    password: String,
    code: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Opened {
    token: String,
    expires_at: Timestamp,
}

/// `POST /session`
pub(crate) async fn open(State(site): State<Site>, peer: Peer, Body(who): Body<Credentials>) -> Answer<Opened> {
    let password = SecretString::from(who.password);
    let code = who.code.as_deref().map(str::trim).filter(|c| !c.is_empty());
    let session = site.control.sign_in(&who.handle, password, code, &peer.0).await?;
    Ok(Json(Opened { token: session.cookie.expose_secret().to_owned(), expires_at: session.expires_at }))
}

/// `DELETE /session`
pub(crate) async fn close(State(site): State<Site>, signed: Signed) -> Answer<Done> {
    site.control.sign_out(&signed.credential).await?;
    Ok(DONE)
}

#[derive(Serialize)]
pub(crate) struct Me {
    person: PersonId,
    handle: String,
    name: String,
    role: Role,
    permissions: BTreeSet<Permission>,
    has_second_factor: bool,
    second_factor_at: Option<Timestamp>,
    waiting: usize,
}

/// `GET /me`
pub(crate) async fn me(State(site): State<Site>, signed: Signed) -> Json<Me> {
    let waiting = site.control.waiting_for(&signed.actor);
    let actor = signed.actor;
    Json(Me {
        person: actor.person,
        handle: actor.handle,
        name: actor.name,
        role: actor.role,
        permissions: actor.permissions,
        has_second_factor: actor.has_second_factor,
        second_factor_at: actor.second_factor_at,
        waiting,
    })
}
