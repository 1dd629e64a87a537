//! My access: what one may reach, asking for it, and connecting.

use super::calendar::{Calendar, DAYS};
use super::card::Card;
use super::{Notice, Page, Shell, Visit, ok, page, see};
use crate::fault::{sentence, status_of};
use crate::reader::{Reader, span};
use crate::script::{self, Texts};
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use countersign_control::view::{AccessView, CalendarView, Preview, RequestQuery, RequestView, Scope, TokenView};
use countersign_control::{Fault, Reservation};
use countersign_core::Refusal;
use countersign_journal::{AccountId, Outcome, Timestamp, Window};
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::collections::HashMap;

/// Requests shown on the first page before a link leads to all of them.
const WAITING_SHOWN: usize = 3;
/// How long a reservation is at first, in seconds.
const USUAL_S: u64 = 3_600;

#[derive(Template)]
#[template(path = "access.html")]
struct AccessPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    waiting: &'p [RequestView],
    access: Vec<AccessView>,
    text: String,
    known: usize,
}

impl AccessPage<'_> {
    fn demand(&self, line: &AccessView) -> &'static str {
        match line.outcome {
            Outcome::Allow => "Open to you",
            Outcome::Justify => "Needs a reason",
            Outcome::Approve => "Needs approval",
            Outcome::Deny => "Denied",
        }
    }

    fn connects(&self, line: &AccessView) -> bool {
        let granted = line.grant.as_ref().is_some_and(|g| g.window.contains(self.reader.now) && g.ended.is_empty());
        granted || line.outcome == Outcome::Allow
    }

    fn reserves(&self, line: &AccessView) -> bool {
        matches!(line.outcome, Outcome::Approve | Outcome::Justify)
    }
}

#[derive(Deserialize)]
pub(crate) struct ListParams {
    #[serde(default)]
    text: String,
}

/// `GET /`
pub(crate) async fn list(visit: Visit, Query(params): Query<ListParams>) -> Page {
    let query = RequestQuery { scope: Scope::ForMe, limit: WAITING_SHOWN, ..RequestQuery::default() };
    let waiting = visit.site.control.requests(visit.actor(), &query).await?;
    let mut access = visit.site.control.my_access(visit.actor());
    let known = access.len();
    let wanted = params.text.trim().to_lowercase();
    access.retain(|line| format!("{} {}", line.target, line.database).to_lowercase().contains(&wanted));
    let shell = visit.shell("My access", "access");
    ok(&AccessPage { shell, reader: &visit.reader, waiting: &waiting, access, text: params.text, known })
}

/// What was typed, kept when it must be typed better.
#[derive(Deserialize, Default)]
pub(crate) struct ReserveForm {
    #[serde(default)]
    database: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    choice: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    script: String,
    #[serde(default)]
    any_order: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    end: String,
    #[serde(default)]
    zone: String,
    /// Whom to ask: a box for each person, `ask.HANDLE`.
    #[serde(flatten)]
    more: HashMap<String, String>,
}

impl ReserveForm {
    fn ask_whom(&self) -> Vec<String> {
        self.more.keys().filter_map(|name| name.strip_prefix("ask.")).map(str::to_owned).collect()
    }

    fn asks(&self, handle: &str) -> bool {
        self.more.contains_key(&format!("ask.{handle}"))
    }
}

/// What is wrong with it, beside the field it is about.
#[derive(Default)]
struct Wrong {
    reason: Option<String>,
    ticket: Option<String>,
    start: Option<String>,
    end: Option<String>,
    script: Option<String>,
}

#[derive(Template)]
#[template(path = "reserve.html")]
struct ReservePage {
    shell: Shell,
    reader: Reader,
    line: AccessView,
    preview: Preview,
    form: ReserveForm,
    wrong: Wrong,
    days: CalendarView,
}

impl ReservePage {
    fn calendar(&self) -> Calendar<'_> {
        let moment = |text: &str| self.reader.read(text);
        let wanted =
            moment(&self.form.start).zip(moment(&self.form.end)).and_then(|(start, end)| Window::new(start, end));
        let lasts = usual_s(&self.preview);
        let page = format!("/access/{}/reserve", self.line.account.0);
        Calendar::of(&self.days, &self.reader, page, wanted, lasts)
    }

    fn longest(&self) -> Option<String> {
        self.preview.duration_max_s.map(span)
    }

    fn asks(&self) -> bool {
        self.preview.outcome == Outcome::Approve
    }
}

fn line_of(visit: &Visit, account: &str) -> Result<AccessView, Fault> {
    let account = account.parse().map(AccountId).map_err(|_| Fault::NotFound)?;
    let mut all = visit.site.control.my_access(visit.actor()).into_iter();
    all.find(|line| line.account == account).ok_or(Fault::NotFound)
}

/// What a link to the page may fill in.
#[derive(Deserialize, Default)]
pub(crate) struct ReserveParams {
    /// From which day on the calendar is shown.
    #[serde(default)]
    from: String,
    #[serde(default)]
    start: String,
    #[serde(default)]
    end: String,
}

/// How long a reservation is at first.
fn usual_s(preview: &Preview) -> u64 {
    preview.duration_max_s.map_or(USUAL_S, |most| most.min(USUAL_S))
}

/// `GET /access/{account}/reserve`
pub(crate) async fn reserve(visit: Visit, Path(account): Path<String>, Query(params): Query<ReserveParams>) -> Page {
    let line = line_of(&visit, &account)?;
    let preview = visit.site.control.preview_connect(visit.actor(), line.account)?;
    let (reader, seconds) = (visit.reader.clone(), usual_s(&preview));
    let filled = |text: &str, else_at: Timestamp| reader.field(&reader.read(text).unwrap_or(else_at));
    let form = ReserveForm {
        database: line.database.clone(),
        start: filled(&params.start, reader.now),
        end: filled(&params.end, reader.now.plus(seconds)),
        zone: reader.zone_name.clone(),
        ..ReserveForm::default()
    };
    let mut shell = visit.shell(format!("Reserve {}", line.target), "access");
    // Nobody's typing is disturbed, and the preview says when it was made.
    shell.refresh = None;
    let days = days_around(&visit, &line, &reader, &params.from, &form.start).await?;
    ok(&ReservePage { shell, reader, line, preview, form, wrong: Wrong::default(), days })
}

/// What is reserved in the days from `from` on, or around the wanted start.
async fn days_around(
    visit: &Visit,
    line: &AccessView,
    reader: &Reader,
    from: &str,
    start: &str,
) -> Result<CalendarView, Fault> {
    let today = reader.midnight(&reader.now, 0);
    let around = || reader.read(start).map(|start| reader.midnight(&start, -1));
    let from = reader.read_date(from)?.or_else(around).unwrap_or(today).max(today);
    let window = Window::new(from, reader.midnight(&from, DAYS)).ok_or(Refusal::NoPeriod)?;
    visit.site.control.calendar(visit.actor(), line.account, window).await
}

/// `POST /access/{account}/reserve`
pub(crate) async fn ask(visit: Visit, Path(account): Path<String>, Form(form): Form<ReserveForm>) -> Page {
    let line = line_of(&visit, &account)?;
    let (wrong, fault) = match try_ask(&visit, &line, &form).await {
        Ok(path) => return see(&path),
        Err(why) => why,
    };
    let preview = visit.site.control.preview_connect(visit.actor(), line.account)?;
    let status = fault.as_ref().map_or(StatusCode::UNPROCESSABLE_ENTITY, |f| status_of(f).0);
    let shell = visit.shell(format!("Reserve {}", line.target), "access").saying(fault.as_ref().map(Notice::bad));
    let reader = Reader::new(visit.reader.now, &form.zone);
    let days = days_around(&visit, &line, &reader, "", &form.start).await?;
    page(status, &ReservePage { shell, reader, line, preview, form, wrong, days })
}

async fn try_ask(visit: &Visit, line: &AccessView, form: &ReserveForm) -> Result<String, (Wrong, Option<Fault>)> {
    let window = window_of(visit, form).map_err(|wrong| (wrong, None))?;
    let control = &visit.site.control;
    // A form sends each line's end as two characters; psql sends one.
    let texts = Texts::Script(form.script.replace("\r\n", "\n"));
    let script = script::script(texts, script::order(&form.any_order)).map_err(beside_the_script)?;
    let reservation = Reservation {
        account: line.account,
        database: Some(form.database.trim().to_owned()).filter(|d| !d.is_empty()),
        window,
        reason: form.reason.clone(),
        choice: form.choice.clone(),
        ticket: form.ticket.clone(),
        ask_whom: form.ask_whom(),
        script,
    };
    let asked = control.reserve(visit.actor(), reservation).await;
    let id = asked.map_err(beside_the_field)?;
    let waits = control.request(visit.actor(), id).await.ok().filter(|r| r.status == "Pending");
    let done = match waits {
        None => "granted",
        // One that waited already is joined, and keeps its reason.
        Some(r) if r.reason.as_deref().unwrap_or_default() != form.reason.trim() => "joined",
        Some(_) => "asked",
    };
    Ok(format!("/requests/{}?done={done}&on={}", id.0, id.0))
}

fn window_of(visit: &Visit, form: &ReserveForm) -> Result<Window, Wrong> {
    // The zone the form was filled in, which may not be the one of this moment's cookie.
    let reader = Reader::new(visit.reader.now, &form.zone);
    let missing = |what: &str| Some(format!("Enter a date and time for the {what}."));
    let start = match form.start.trim() {
        "" => reader.now,
        text => reader.read(text).ok_or_else(|| Wrong { start: missing("start"), ..Wrong::default() })?,
    };
    let end = reader.read(&form.end).ok_or_else(|| Wrong { end: missing("end"), ..Wrong::default() })?;
    let start: Timestamp = start.max(reader.now);
    let late = || Wrong { end: Some("The end must lie after the start and in the future.".into()), ..Wrong::default() };
    Window::new(start, end).ok_or_else(late)
}

fn beside_the_script(fault: Fault) -> (Wrong, Option<Fault>) {
    (Wrong { script: Some(sentence(&fault.to_string())), ..Wrong::default() }, None)
}

/// A refusal about one field stands beside it; any other above the form.
fn beside_the_field(fault: Fault) -> (Wrong, Option<Fault>) {
    let text = Some(sentence(&fault.to_string()));
    match &fault {
        Fault::Refused(Refusal::ReasonTooShort { .. } | Refusal::ReasonNotListed { .. }) => {
            (Wrong { reason: text, ..Wrong::default() }, None)
        }
        Fault::Refused(Refusal::TicketMissing | Refusal::BadTicket) | Fault::Ticket(_) => {
            (Wrong { ticket: text, ..Wrong::default() }, None)
        }
        Fault::Refused(Refusal::StepDenied { .. } | Refusal::BadPlan(_)) => beside_the_script(fault),
        Fault::Refused(Refusal::TooLong { most, .. }) => {
            let text = format!("At most {} may be asked for here; choose an earlier end.", span(*most));
            (Wrong { end: Some(text), ..Wrong::default() }, None)
        }
        Fault::Refused(Refusal::NoPeriod | Refusal::OutsideHours { .. } | Refusal::TooFarAhead { .. }) => {
            (Wrong { end: text, ..Wrong::default() }, None)
        }
        Fault::Input(_) => (Wrong { reason: text, ..Wrong::default() }, None),
        _ => (Wrong::default(), Some(fault)),
    }
}

#[derive(Template)]
#[template(path = "connect.html")]
struct ConnectPage<'p> {
    shell: Shell,
    reader: &'p Reader,
    line: AccessView,
    token: Option<TokenView>,
}

/// `GET /access/{account}/connect`
pub(crate) async fn connect(visit: Visit, Path(account): Path<String>) -> Page {
    let line = line_of(&visit, &account)?;
    let shell = visit.shell(format!("Connect to {}", line.target), "access");
    ok(&ConnectPage { shell, reader: &visit.reader, line, token: None })
}

/// `POST /access/{account}/connect`
pub(crate) async fn issue(visit: Visit, Path(account): Path<String>) -> Page {
    let line = line_of(&visit, &account)?;
    let issued = visit.site.control.issue_token(visit.actor(), line.account, "").await;
    let shell = visit.shell(format!("Connect to {}", line.target), "access");
    let (status, notice, token) = match issued {
        Ok(token) => (StatusCode::OK, None, Some(token)),
        Err(fault) => (status_of(&fault).0, Some(Notice::bad(&fault)), None),
    };
    page(status, &ConnectPage { shell: shell.saying(notice), reader: &visit.reader, line, token })
}
