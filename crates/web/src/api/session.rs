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

#[derive(Serialize)]
pub(crate) struct SecondFactor {
    secret: String,
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    password: String,
}

/// `POST /second-factor`: a new secret, shown once; it counts once a code proves that it was kept.
pub(crate) async fn begin(
    State(site): State<Site>,
    signed: Signed,
    Body(given): Body<Password>,
) -> Answer<SecondFactor> {
    let setup = site.control.begin_second_factor(&signed.actor, given.password.into()).await?;
    let (secret, uri) = (setup.secret.expose_secret().to_owned(), setup.uri.expose_secret().to_owned());
    Ok(Json(SecondFactor { secret, uri }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    code: String,
}

/// `POST /second-factor/finish`
pub(crate) async fn finish(State(site): State<Site>, signed: Signed, Body(given): Body<Code>) -> Answer<Done> {
    site.control.finish_second_factor(&signed.actor, &given.code).await?;
    Ok(DONE)
}

/// `POST /second-factor/confirm`: makes the second factor of this session fresh, for what demands it.
pub(crate) async fn confirm(State(site): State<Site>, signed: Signed, Body(given): Body<Code>) -> Answer<Done> {
    site.control.confirm_second_factor(&signed.credential, &given.code).await?;
    Ok(DONE)
}
