//! How many requests are made and decided in a second, each durable before it is answered; what one that is alive costs in
//! memory; and how long lists and searches take among very many that are over. These are copies of the rows of one request
//! that was made and taken back: rows as the server writes them, but in no journal.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use countersign_control::view::{RequestQuery, Scope};
use countersign_control::{Actor, Clock, Control, Fault, Reservation, RootKey, Settings, install};
use countersign_core::Position;
use countersign_journal::{RequestId, Timestamp, Verdict, Window};
use secrecy::{ExposeSecret, SecretString};

use crate::process::resident_kib;
use crate::report::Report;

/// Who asks and decides at once.
const AT_ONCE: u64 = 64;
/// Requests each of them makes and has decided.
const EACH: u64 = 300;
/// Requests that are over when lists and searches are measured.
const OVER: u64 = 1_000_000;
/// Of how many runs the median is taken.
const RUNS: usize = 5;

const POLICY: &str = r#"
[[person]]
handle = "ada"
role = "administrator"
[[person]]
handle = "alice"
[[person]]
handle = "mia"
[[group]]
name = "developers"
members = ["alice"]
managers = ["mia"]
[[device]]
name = "db"
host = "127.0.0.1"
database = "shop"
ca = """
CA"""
[[account]]
device = "db"
name = "app"
password = "unused"
[[rule]]
name = "ask"
act = "connect"
outcome = "approve"
groups = ["developers"]
exclusive = false
"#;

/// Asks and decides in `folder`, in this process: what pages and mail cost is not in it.
///
/// # Errors
/// Whatever the control plane found wrong.
pub fn measure(folder: &Path, report: &mut Report) -> Result<(), Fault> {
    eprintln!("requests decided");
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault::trouble(e.to_string()))?;
    runtime.block_on(async {
        let place = set_up(folder).await?;
        let before = resident_kib(std::process::id()).unwrap_or_default();
        report.put("decided_per_s", decided_per_s(&place).await?);
        let after = resident_kib(std::process::id()).unwrap_or_default();
        report.put("decided_kib_per_request", (after - before) / (AT_ONCE * EACH) as f64);
        eprintln!("filling in {OVER} requests that are over");
        let started = Instant::now();
        place.control.repeat_for_measuring(taken_back(&place).await?, OVER).await?;
        report.put("filled_s", started.elapsed().as_secs_f64());
        lists(&place, report).await?;
        report.put(&format!("decided_per_s_of_{OVER}"), decided_per_s(&place).await?);
        let resident = resident_kib(std::process::id()).unwrap_or_default();
        report.put(&format!("resident_mib_of_{OVER}"), resident / 1024.0);
        Ok(())
    })
}

async fn decided_per_s(place: &Arc<Place>) -> Result<f64, Fault> {
    let started = Instant::now();
    let all: Vec<_> = (0..AT_ONCE).map(|n| tokio::spawn(asked_and_decided(place.clone(), n))).collect();
    for one in all {
        one.await.map_err(|e| Fault::trouble(e.to_string()))??;
    }
    Ok((AT_ONCE * EACH) as f64 / started.elapsed().as_secs_f64())
}

/// A request that is over: made, and taken back.
async fn taken_back(place: &Place) -> Result<RequestId, Fault> {
    let Place { control, alice, .. } = place;
    let account = control.account_by_label("app@db").ok_or(Fault::NotFound)?;
    let window = Window::new(control.now(), control.now().plus(60)).ok_or(Fault::NotFound)?;
    let request = control.reserve(alice, Reservation::plain(account, window, "repeated over years")).await?;
    control.withdraw(alice, request).await.map(|()| request)
}

/// Lists and searches of fifty: the latest, by status, far back, of one who decides; words that all have, few have, none
/// has, and that never come together.
async fn lists(place: &Place, report: &mut Report) -> Result<(), Fault> {
    let all = RequestQuery { scope: Scope::All, limit: 50, ..RequestQuery::default() };
    let text = |text: &str| RequestQuery { text: text.to_owned(), ..all.clone() };
    let status = |status: &str| RequestQuery { status: status.to_owned(), ..all.clone() };
    let oldest = Timestamp(0);
    let measured = [
        ("list", &place.ada, all.clone(), 50),
        ("list_canceled", &place.ada, status("Canceled"), 50),
        ("list_revoked", &place.ada, status("Revoked"), 0),
        ("list_before_all", &place.ada, RequestQuery { until: Some(oldest), ..all.clone() }, 0),
        ("list_mine", &place.alice, RequestQuery { scope: Scope::Mine, ..all.clone() }, 50),
        ("list_my_decisions", &place.mia, RequestQuery { scope: Scope::MyDecisions, ..all.clone() }, 50),
        ("search_all_have_it", &place.ada, text("alice"), 50),
        ("search_hit", &place.ada, text("lot7 repeated"), 50),
        ("search_none", &place.ada, text("nobody wrote this"), 0),
        ("search_never_together", &place.ada, text("even odd"), 0),
    ];
    for (name, who, query, expected) in measured {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let found = place.control.requests(who, &query).await?.len();
            times.push(started.elapsed().as_secs_f64() * 1e3);
            if found != expected {
                return Err(Fault::trouble(format!("{name} found {found} and not {expected}")));
            }
        }
        report.put(&format!("{name}_ms_of_{OVER}"), Report::median(times));
    }
    Ok(())
}

/// The control plane and who speaks to it.
struct Place {
    control: Control,
    ada: Actor,
    alice: Actor,
    mia: Actor,
}

async fn asked_and_decided(place: Arc<Place>, lane: u64) -> Result<(), Fault> {
    let Place { control, alice, mia, .. } = &*place;
    let account = control.account_by_label("app@db").ok_or(Fault::NotFound)?;
    for n in 0..EACH {
        let start = control.now().plus(60 * (1 + lane * EACH + n));
        let window = Window::new(start, start.plus(60)).ok_or(Fault::NotFound)?;
        let request = control.reserve(alice, Reservation::plain(account, window, "measured")).await?;
        let position = Position { track: 0, level: 0, epoch: 0 };
        control.decide(mia, request, position, Verdict::Approve, None, "").await?;
    }
    Ok(())
}

async fn set_up(folder: &Path) -> Result<Arc<Place>, Fault> {
    let data = folder.join("data");
    let settings = Settings {
        page_address: "https://countersign.example".to_owned(),
        postgres_address: ("localhost".to_owned(), 5432),
        ssh_address: None,
        ca_file: data.join("ca.pem"),
        data: data.clone(),
    };
    let root = RootKey::File(folder.join("key"));
    let installed = install(settings, &root, Clock::default(), &["localhost".to_owned()], "ada").await?;
    let control = installed.control;
    let ada = signed_in(&control, &installed.invitation, "ada").await?;
    let ca = std::fs::read_to_string(data.join("ca.pem")).map_err(|e| Fault::trouble(e.to_string()))?;
    control.propose(&ada, &POLICY.replace("CA", &ca), "", None).await?;
    let link = control.invite(&ada, "alice").await?;
    let alice = signed_in(&control, &link, "alice").await?;
    let link = control.invite(&ada, "mia").await?;
    let mia = signed_in(&control, &link, "mia").await?;
    Ok(Arc::new(Place { control, ada, alice, mia }))
}

async fn signed_in(control: &Control, link: &str, handle: &str) -> Result<Actor, Fault> {
    let password = || SecretString::from("correct horse battery");
    control.accept_invitation(link.rsplit('/').next().unwrap_or_default(), password()).await?;
    let session = control.sign_in(handle, password(), None, "bench").await?;
    control.actor(session.cookie.expose_secret()).await.ok_or(Fault::NotFound)
}
