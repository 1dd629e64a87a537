//! The pages. Each works without scripts: a form is posted, and the answer leads to a page that says what was done.

pub(crate) mod access;
pub(crate) mod answer;
pub(crate) mod approvals;
pub(crate) mod audit;
pub(crate) mod calendar;
pub(crate) mod card;
pub(crate) mod configuration;
pub(crate) mod decide;
pub(crate) mod delegations;
pub(crate) mod editing;
pub(crate) mod fields;
pub(crate) mod invitation;
pub(crate) mod keys;
pub(crate) mod people;
pub(crate) mod planned;
pub(crate) mod profile;
pub(crate) mod request;
pub(crate) mod requests;
pub(crate) mod roles;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod things;
pub(crate) mod why;

use crate::assets::address;
use crate::draw::initials;
use crate::fault::PageFault;
use crate::guard::Signed;
use crate::reader::Reader;
use crate::site::Site;
use askama::Template;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use countersign_control::{Actor, Fault};
use countersign_core::Permission;
use countersign_journal::{RequestId, SessionId};
use std::collections::BTreeSet;

/// What a page answers.
pub(crate) type Page = Result<Response, PageFault>;

/// One signed-in reader on one page.
pub(crate) struct Visit {
    /// The site.
    pub(crate) site: Site,
    /// Who.
    pub(crate) signed: Signed,
    /// In what zone, and when.
    pub(crate) reader: Reader,
    /// The path and query asked for.
    pub(crate) here: String,
    is_get: bool,
    /// What was just done, as the address says.
    done: DoneParams,
}

impl FromRequestParts<Site> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let signed = Signed::from_request_parts(parts, site).await?;
        let reader = Reader::from_request_parts(parts, site).await.unwrap_or_else(|never| match never {});
        let here = parts.uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
        let is_get = parts.method.is_safe();
        let done = Query::<DoneParams>::try_from_uri(&parts.uri).ok().filter(|_| is_get);
        let done = done.map(|Query(done)| done).unwrap_or_default();
        Ok(Visit { site: site.clone(), signed, reader, here, is_get, done })
    }
}

impl Visit {
    /// Who reads.
    pub(crate) fn actor(&self) -> &Actor {
        &self.signed.actor
    }

    /// The frame of a page: its title, and which line of the rail it belongs to.
    pub(crate) fn shell(&self, title: impl Into<String>, at: &'static str) -> Shell {
        let actor = self.actor();
        Shell {
            title: title.into(),
            at,
            name: actor.name.clone(),
            initials: initials(&actor.name),
            permissions: actor.permissions.clone(),
            waiting: self.site.control.waiting_for(actor),
            refresh: if self.is_get { Some(self.here.clone()) } else { None },
            notice: self.done.notice(),
            css: address("app.css"),
            js: address("app.js"),
            mark: address("favicon.svg"),
        }
    }
}

/// What stands around every page.
pub(crate) struct Shell {
    /// Says where one is.
    pub(crate) title: String,
    /// The line of the rail.
    pub(crate) at: &'static str,
    pub(crate) name: String,
    pub(crate) initials: String,
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) waiting: usize,
    /// Where to fetch this page again when something changes; pages that answer a form stand still.
    pub(crate) refresh: Option<String>,
    /// What just happened.
    pub(crate) notice: Option<Notice>,
    pub(crate) css: &'static str,
    pub(crate) js: &'static str,
    pub(crate) mark: &'static str,
}

impl Shell {
    /// Whether the reader has a permission, by its name.
    pub(crate) fn may(&self, name: &str) -> bool {
        Permission::named(name).is_some_and(|p| self.permissions.contains(&p))
    }

    /// `page` on the line of the rail it belongs to, for assistive technology and style.
    pub(crate) fn current(&self, line: &str) -> &'static str {
        if self.at == line { "page" } else { "false" }
    }

    /// The same frame with a notice, if there is one.
    pub(crate) fn saying(mut self, notice: Option<Notice>) -> Shell {
        self.notice = notice.or(self.notice);
        self
    }
}

/// A sentence about what just happened, or could not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Notice {
    /// `good`, `bad`, `warn`, `info`.
    pub(crate) tone: &'static str,
    /// Its icon.
    pub(crate) icon: &'static str,
    /// The sentence.
    pub(crate) text: String,
    /// The request it is about, where that is another page.
    pub(crate) about: Option<RequestId>,
}

impl Notice {
    /// What was done.
    pub(crate) fn good(text: impl Into<String>) -> Notice {
        Notice { tone: "good", icon: "check", text: text.into(), about: None }
    }

    /// What is wrong.
    pub(crate) fn wrong(text: impl Into<String>) -> Notice {
        Notice { tone: "bad", icon: "triangle-alert", text: text.into(), about: None }
    }

    /// What could not be done.
    pub(crate) fn bad(fault: &Fault) -> Notice {
        Notice::wrong(crate::fault::sentence(&fault.to_string()))
    }
}

/// What was done, as it travels in an address: `?done=approved&on=12`.
#[derive(serde::Deserialize, Default)]
pub(crate) struct DoneParams {
    done: Option<String>,
    on: Option<String>,
}

impl DoneParams {
    /// The sentence for it; words in an address choose among sentences and are never shown.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let number = self.on.as_deref().and_then(|on| on.parse().ok()).unwrap_or_default();
        let (on, session) = (RequestId(number), SessionId(number));
        let text = match self.done.as_deref()? {
            "approved" => format!("Your approval of {on} counts."),
            "rejected" => format!("Your rejection of {on} counts."),
            "withdrawn" => format!("You withdrew {on}. Nothing will happen under it."),
            "retracted" => format!("You took back your approval of {on}; its level is open again."),
            "revoked" => format!("You revoked {on}. Its sessions are being cut."),
            "edited" => format!("You changed the terms of {on}."),
            "escalated" => format!("You escalated {on}. Others decide it now."),
            "emergency" => format!("You declared an emergency on {on}. All its approvers are told and will review it."),
            "stopped" => format!("You stopped the emergency on {on}. It waits for its approvers."),
            "surrendered" => format!("You gave {on} back."),
            "asked" => format!("Request {on} was sent."),
            "joined" => format!(
                "You asked for this already: {on} waits, with the reason you gave then. What you typed now was not kept; \
                 withdraw {on} to ask with another reason."
            ),
            "granted" => format!("{on} was granted at once: nobody needs to decide it."),
            "lent" => "Your right to decide is lent.".to_owned(),
            "unlent" => "The delegation has ended.".to_owned(),
            "applied" => format!("{on} is in force."),
            "unchanged" => "Nothing would change, so nothing was proposed.".to_owned(),
            "terminated" => format!("The server is ending {session}."),
            "password" => "Your password is changed. Your other sessions and your access tokens have ended.".to_owned(),
            "factor" => "Your second factor is set; you will be asked for a code when you sign in.".to_owned(),
            "confirmed" => {
                "Your second factor is confirmed for five minutes. Now do again what asked for it.".to_owned()
            }
            "key" => "Your key is registered. It signs you in from now on.".to_owned(),
            "unkey" => "The key is removed. It signs nobody in any more.".to_owned(),
            _ => return None,
        };
        let about = matches!(self.done.as_deref(), Some("applied")).then_some(on);
        Some(Notice { about, ..Notice::good(text) })
    }
}

/// A rendered page.
pub(crate) fn page(status: StatusCode, template: &impl Template) -> Page {
    let html = aside(|| template.render().map(|page| crate::draw::seen(&page)))
        .map_err(|e| Fault::trouble(format!("a page could not be made: {e}")))?;
    Ok((status, Html(html)).into_response())
}

/// Drawing a long text takes seconds: everything else goes on meanwhile.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// A rendered page, all being well.
pub(crate) fn ok(template: &impl Template) -> Page {
    page(StatusCode::OK, template)
}

/// Leads to another page after a form was posted.
pub(crate) fn see(path: &str) -> Page {
    Ok(Redirect::to(path).into_response())
}
