//! One's own SSH keys: registering one, and taking one back.

use super::profile::{KeyForm, Shown, WRONG_PASSWORD, failed, render};
use super::{Page, Visit, see};
use crate::fault::{sentence, status_of};
use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use countersign_control::{Fault, KeyRefusal, SignInRefusal};
use secrecy::SecretString;

/// `POST /profile/keys`
pub(crate) async fn add(visit: Visit, Form(form): Form<KeyForm>) -> Page {
    let added = visit.site.control.add_key(visit.actor(), form.password, &form.name, &form.key).await;
    let Err(fault) = added else { return see("/profile?done=key") };
    let (field, text) = match &fault {
        Fault::Key(KeyRefusal::Name) => ("key-name", sentence(&fault.to_string())),
        Fault::Key(_) => ("key", sentence(&fault.to_string())),
        Fault::SignIn(SignInRefusal::Wrong) => ("key-password", WRONG_PASSWORD.to_owned()),
        _ => return render(&visit, failed(&fault, WRONG_PASSWORD)).await,
    };
    let status = match status_of(&fault).0 {
        StatusCode::CONFLICT => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    // What is no key is not shown again: it may be what nobody else should see.
    let key = if matches!(fault, Fault::Key(KeyRefusal::Private)) { String::new() } else { form.key };
    let typed = KeyForm { name: form.name, key, password: SecretString::default() };
    render(&visit, Shown { status, typed, wrong: Some((field, text)), ..Shown::default() }).await
}

/// `POST /profile/keys/{id}/remove`
pub(crate) async fn remove(visit: Visit, Path(number): Path<String>) -> Page {
    let number = number.parse().map_err(|_| Fault::NotFound)?;
    visit.site.control.remove_key(visit.actor(), number).await?;
    see("/profile?done=unkey")
}
