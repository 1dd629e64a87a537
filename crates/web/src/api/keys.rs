//! One's own SSH keys.

use super::{Answer, Body};
use crate::guard::Signed;
use crate::site::Site;
use axum::Json;
use axum::extract::{Path, State};
use countersign_control::Fault;
use countersign_control::view::KeyView;
use secrecy::SecretString;
use serde::Deserialize;

/// `GET /keys`
pub(crate) async fn list(State(site): State<Site>, signed: Signed) -> Answer<Vec<KeyView>> {
    Ok(Json(site.control.keys(&signed.actor).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewKey {
    name: String,
    key: String,
    password: SecretString,
}

/// `POST /keys`
pub(crate) async fn add(State(site): State<Site>, signed: Signed, Body(new): Body<NewKey>) -> Answer<Vec<KeyView>> {
    site.control.add_key(&signed.actor, new.password, &new.name, &new.key).await?;
    list(State(site), signed).await
}

/// `DELETE /keys/{id}`
pub(crate) async fn remove(
    State(site): State<Site>,
    signed: Signed,
    Path(number): Path<String>,
) -> Answer<Vec<KeyView>> {
    let number = number.parse().map_err(|_| Fault::NotFound)?;
    site.control.remove_key(&signed.actor, number).await?;
    list(State(site), signed).await
}
