//! How many requests are made and decided in a second, each durable before it is answered; what one costs in memory; and
//! how long lists take when there are many.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use countersign_control::view::{RequestQuery, Scope};
use countersign_control::{Actor, Clock, Control, Fault, Reservation, RootKey, Settings, install};
use countersign_core::Position;
use countersign_journal::{Verdict, Window};
use secrecy::{ExposeSecret, SecretString};

use crate::process::resident_kib;
use crate::report::Report;

/// Who asks and decides at once.
const AT_ONCE: u64 = 64;
/// Requests each of them makes and has decided.
const EACH: u64 = 300;

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
        let started = Instant::now();
        let all: Vec<_> = (0..AT_ONCE).map(|n| tokio::spawn(asked_and_decided(place.clone(), n))).collect();
        for one in all {
            one.await.map_err(|e| Fault::trouble(e.to_string()))??;
        }
        let requests = (AT_ONCE * EACH) as f64;
        report.put("decided_per_s", requests / started.elapsed().as_secs_f64());
        let after = resident_kib(std::process::id()).unwrap_or_default();
        report.put("decided_kib_per_request", (after - before) / requests);
        for (name, text) in [("list_ms", ""), ("search_ms", "nobody wrote this")] {
            let query = RequestQuery { scope: Scope::All, limit: 50, text: text.to_owned(), ..RequestQuery::default() };
            let started = Instant::now();
            place.control.requests(&place.ada, &query).await?;
            report.put(&format!("{name}_of_{requests:.0}"), started.elapsed().as_secs_f64() * 1e3);
        }
        Ok(())
    })
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
