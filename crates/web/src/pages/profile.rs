//! One's own name, second factor, password, SSH keys and way out.

use super::fields::Wrong;
use super::{Notice, Page, Shell, Visit, page, see};
use crate::fault::{sentence, status_of};
use crate::reader::Reader;
use crate::site::local_path;
use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use countersign_control::view::KeyView;
use countersign_control::{Actor, Fault, SecondFactorSetup, SignInRefusal};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage<'p> {
    shell: Shell,
    reader: &'p Reader,
    actor: &'p Actor,
    setup: Option<SecondFactorSetup>,
    /// Whether a code is asked for to confirm, and where that leads.
    confirm: Option<String>,
    /// Whether a code is asked for to finish the set-up whose secret was shown before.
    finishing: bool,
    keys: Vec<KeyView>,
    /// Whether the second factor must be confirmed before a key is registered.
    confirm_for_keys: bool,
    /// A key as it was typed.
    typed: KeyForm,
    /// What is wrong with a form, and at which field.
    wrong: Option<(&'static str, String)>,
}

/// A key that is to be registered.
#[derive(Deserialize, Default)]
pub(crate) struct KeyForm {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) key: String,
    #[serde(default)]
    pub(super) password: SecretString,
}

impl ProfilePage<'_> {
    /// What is wrong with a field.
    fn wrong_with(&self, field: &str) -> Wrong<'_> {
        let text = self.wrong.as_ref().filter(|(at, _)| *at == field).map(|(_, text)| text.as_str());
        Wrong { text, field: field.to_owned() }
    }

    /// The secret in groups of four, as people type it.
    fn grouped(&self, secret: &str) -> String {
        let chars: Vec<char> = secret.chars().collect();
        chars.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
    }
}

#[derive(Deserialize)]
pub(crate) struct ShowParams {
    confirm: Option<String>,
}

#[derive(Default)]
pub(super) struct Shown {
    pub(super) status: StatusCode,
    pub(super) notice: Option<Notice>,
    pub(super) setup: Option<SecondFactorSetup>,
    pub(super) confirm: Option<String>,
    pub(super) finishing: bool,
    pub(super) typed: KeyForm,
    pub(super) wrong: Option<(&'static str, String)>,
}

pub(super) async fn render(visit: &Visit, shown: Shown) -> Page {
    let Shown { status, notice, setup, confirm, finishing, typed, wrong } = shown;
    let (control, actor) = (&visit.site.control, visit.actor());
    let keys = control.keys(actor).await?;
    let confirm_for_keys = actor.must_confirm(control.now());
    let (shell, reader) = (visit.shell("Profile", "profile").saying(notice), &visit.reader);
    let all = ProfilePage { shell, reader, actor, setup, confirm, finishing, keys, confirm_for_keys, typed, wrong };
    page(status, &all)
}

/// A code that does not count.
const WRONG_CODE: &str = "This code is not right, or was used already. Wait for the next one and enter it.";

/// A password that is not the present one.
pub(super) const WRONG_PASSWORD: &str = "This password is not right. Enter the one you sign in with.";

pub(super) fn failed(fault: &Fault, wrong: &str) -> Shown {
    if matches!(fault, Fault::SignIn(SignInRefusal::Wrong)) {
        let notice = Notice::wrong(wrong);
        return Shown { status: StatusCode::UNPROCESSABLE_ENTITY, notice: Some(notice), ..Shown::default() };
    }
    Shown { status: status_of(fault).0, notice: Some(Notice::bad(fault)), ..Shown::default() }
}

/// `GET /profile`
pub(crate) async fn show(visit: Visit, Query(params): Query<ShowParams>) -> Page {
    let confirm = params.confirm.as_deref().map(|next| local_path(next).to_owned());
    render(&visit, Shown { confirm, ..Shown::default() }).await
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    #[serde(default)]
    password: String,
}

/// `POST /profile/second-factor`: a new secret, shown once; it counts once a code proves that it was kept.
pub(crate) async fn begin(visit: Visit, Form(form): Form<PasswordForm>) -> Page {
    match visit.site.control.begin_second_factor(visit.actor(), form.password.into()).await {
        Ok(setup) => render(&visit, Shown { setup: Some(setup), finishing: true, ..Shown::default() }).await,
        Err(fault) => render(&visit, failed(&fault, WRONG_PASSWORD)).await,
    }
}

#[derive(Deserialize)]
pub(crate) struct ChangeForm {
    present: SecretString,
    new: SecretString,
    again: SecretString,
}

/// `POST /profile/password`
pub(crate) async fn change_password(visit: Visit, Form(form): Form<ChangeForm>) -> Page {
    if form.new.expose_secret() != form.again.expose_secret() {
        let wrong = ("again", "The two entries differ; type the same password twice.".to_owned());
        return render(
            &visit,
            Shown { status: StatusCode::UNPROCESSABLE_ENTITY, wrong: Some(wrong), ..Shown::default() },
        )
        .await;
    }
    let credential = &visit.signed.credential;
    match visit.site.control.change_password(visit.actor(), credential, form.present, form.new).await {
        Ok(()) => see("/profile?done=password"),
        Err(fault) => {
            let (field, text) = match &fault {
                Fault::SignIn(SignInRefusal::PasswordLength) => ("new", sentence(&fault.to_string())),
                Fault::SignIn(SignInRefusal::Wrong) => ("present", WRONG_PASSWORD.to_owned()),
                _ => return render(&visit, failed(&fault, WRONG_PASSWORD)).await,
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            render(&visit, Shown { status, wrong: Some((field, text)), ..Shown::default() }).await
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct CodeForm {
    code: String,
    #[serde(default)]
    next: String,
}

impl CodeForm {
    fn code(&self) -> String {
        self.code.split_whitespace().collect()
    }
}

/// `POST /profile/second-factor/finish`
pub(crate) async fn finish(visit: Visit, Form(form): Form<CodeForm>) -> Page {
    match visit.site.control.finish_second_factor(visit.actor(), &form.code()).await {
        Ok(()) => see("/profile?done=factor"),
        Err(fault) => render(&visit, Shown { finishing: true, ..failed(&fault, WRONG_CODE) }).await,
    }
}

/// `POST /profile/second-factor/confirm`: makes the second factor fresh, for decisions that demand it.
pub(crate) async fn confirm(visit: Visit, Form(form): Form<CodeForm>) -> Page {
    let next = local_path(&form.next);
    match visit.site.control.confirm_second_factor(&visit.signed.credential, &form.code()).await {
        Ok(()) => see(&format!("{}?done=confirmed", next.split('?').next().unwrap_or("/"))),
        Err(fault) => render(&visit, Shown { confirm: Some(next.to_owned()), ..failed(&fault, WRONG_CODE) }).await,
    }
}
