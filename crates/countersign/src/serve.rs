//! `serve`: opens the control plane, starts pages, gateway and mail, and ends them in order.

use crate::config::{self, Config, LogFormat};
use crate::failure::Failure;
use crate::{place, say};
use countersign_control::{Clock, Control, Settings};
use countersign_gateway::postgres::Postgres;
use countersign_gateway::ssh::Ssh;
use countersign_web::{WebConfig, WebError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::future::Future;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

/// How long everything may take to end once it was told to.
const STOP_WITHIN: Duration = Duration::from_secs(10);

pub(crate) fn serve(path: &Path) -> Result<(), Failure> {
    let config = Config::read(path)?;
    start_log(config.log.format)?;
    // A second call in one process changes nothing, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    place::private_folder(&config.data)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::Trouble(format!("cannot start: {e}")))?;
    let done = runtime.block_on(run(&config));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

/// Starts everything, waits for the end, ends everything.
async fn run(config: &Config) -> Result<(), Failure> {
    let mut stops = Stops::new()?;
    let (mail, tickets, recordings) = (config.mail()?, config.tickets()?, config.recordings()?);
    let tls = Arc::new(tls(config)?);
    let root = config.root_key()?;
    let taken = |e| cannot_listen("postgres", config.postgres.listen, &e);
    let databases = countersign_gateway::bind(config.postgres.listen).await.map_err(taken)?;
    let shells = match config.ssh.as_ref().map(|ssh| ssh.listen) {
        Some(at) => Some(countersign_gateway::bind(at).await.map_err(|e| cannot_listen("ssh", at, &e))?),
        None => None,
    };
    let pages = countersign_web::bind(WebConfig { listen: config.web.listen, tls: tls.clone() })
        .map_err(|WebError::Listen { listen, cause }| cannot_listen("web", listen, &cause))?;
    let found = Found {
        web: pages.local_addr().port(),
        postgres: port(&databases)?,
        ssh: shells.as_ref().map(port).transpose()?,
    };
    let settings = settings(config, &found);
    let addresses = (settings.page_address.clone(), settings.postgres_address.clone(), settings.ssh_address.clone());
    let control = Control::open(settings, &root, Clock::default()).await?;
    drop(root);
    if let Some(tickets) = tickets {
        control.ask_about_tickets(Arc::new(tickets));
    }
    if let Some(recordings) = recordings {
        control.keep_recordings_in(Arc::new(recordings));
    }

    let (stop, _) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let pages = pages.serve(control.clone(), stopped(&stop));
    tasks.spawn(async { pages.await.map_err(|e| Failure::Trouble(e.to_string())) });
    let clients = databases.serve(Postgres::new(tls), control.clone(), stopped(&stop));
    tasks.spawn(async {
        clients.await;
        Ok(())
    });
    if let Some(shells) = shells {
        let shells = shells.serve(Ssh::new(&control)?, control.clone(), stopped(&stop));
        tasks.spawn(async {
            shells.await;
            Ok(())
        });
    }
    if let Some(mail) = mail {
        let letters = countersign_channels::run(control.clone(), mail, stopped(&stop));
        tasks.spawn(async { letters.await.map_err(|e| Failure::Usage(format!("[mail]: {e}"))) });
    }

    let (page, (host, port), ssh) = &addresses;
    let ssh = ssh.as_ref().map(|(host, port)| format!(" and ssh {}", config::address(host, *port))).unwrap_or_default();
    say(&format!("listening on {page} and postgres {}{ssh}", config::address(host, *port)));
    let ended = tokio::select! {
        ended = early_end(&mut tasks) => Some(ended),
        () = stops.wait() => None,
    };
    stop.send_replace(true);
    control.cut_all();
    let rest = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WITHIN, rest).await.is_err() {
        tracing::warn!("not everything ended within {} s", STOP_WITHIN.as_secs());
    }
    match ended {
        None => {
            tracing::info!("stopped");
            Ok(())
        }
        Some(failure) => Err(failure),
    }
}

/// What ended a part of the server before it was told to.
async fn early_end(tasks: &mut JoinSet<Result<(), Failure>>) -> Failure {
    match tasks.join_next().await {
        Some(Ok(Err(failure))) => failure,
        Some(Err(e)) => Failure::Trouble(format!("a part of the server stopped: {e}; restart it, and report this")),
        Some(Ok(Ok(()))) | None => Failure::Trouble("a part of the server ended by itself; restart it".into()),
    }
}

/// Resolves when the server was told to stop.
fn stopped(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut stop = stop.subscribe();
    async move {
        // An error means that the sender is gone, which is an end as well.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// The signals that end the server.
struct Stops {
    terminate: Signal,
    interrupt: Signal,
}

impl Stops {
    fn new() -> Result<Stops, Failure> {
        let on = |kind| signal(kind).map_err(|e| Failure::Trouble(format!("cannot listen for signals: {e}")));
        Ok(Stops { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        tracing::info!("stopping");
    }
}

/// The ports that were taken.
pub(crate) struct Found {
    pub(crate) web: u16,
    pub(crate) postgres: u16,
    pub(crate) ssh: Option<u16>,
}

impl Found {
    /// As the file has them, before any was taken.
    pub(crate) fn as_configured(config: &Config) -> Found {
        let ssh = config.ssh.as_ref().map(|ssh| ssh.listen.port());
        Found { web: config.web.listen.port(), postgres: config.postgres.listen.port(), ssh }
    }
}

fn port(bound: &countersign_gateway::Bound) -> Result<u16, Failure> {
    bound.local_addr().map(|at| at.port()).map_err(|e| Failure::Trouble(format!("a port is not known: {e}")))
}

/// Where people find us. A port the system chose is known to nobody, so it replaces the one that is configured.
pub(crate) fn settings(config: &Config, found: &Found) -> Settings {
    let web_address = config.web.address.trim_start_matches("https://");
    let page_address = match (config.web.listen.port(), config::split_address(web_address)) {
        (0, Some((host, _))) => format!("https://{}", config::address(&host, found.web)),
        (0, None) => format!("https://{web_address}:{}", found.web),
        _ => config.web.address.clone(),
    };
    let at = |address: &str, listen: SocketAddr, found: u16| {
        let (host, port) = config::split_address(address).expect("checked when the file was read");
        (host, if listen.port() == 0 { found } else { port })
    };
    Settings {
        data: config.data.clone(),
        page_address,
        postgres_address: at(&config.postgres.address, config.postgres.listen, found.postgres),
        ssh_address: config.ssh.as_ref().zip(found.ssh).map(|(ssh, found)| at(&ssh.address, ssh.listen, found)),
        ca_file: config.ca_file(),
    }
}

fn cannot_listen(what: &str, listen: SocketAddr, e: &std::io::Error) -> Failure {
    Failure::Trouble(format!(
        "cannot listen on {what}.listen `{listen}`: {e}; choose another address, or end what holds it"
    ))
}

/// The server's side of TLS, for pages and gateway alike.
fn tls(config: &Config) -> Result<rustls::ServerConfig, Failure> {
    let (certificate, key) = config.certificate();
    place::private_file(&key)?;
    let wrong = |path: &Path, e: String| Failure::Usage(format!("`{}` cannot be used: {e}", path.display()));
    let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|e| wrong(&certificate, e.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|e| wrong(&key, e.to_string()))?;
    let server = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    server.map_err(|e| wrong(&certificate, e.to_string()))
}

/// The log has a handle of its own: the SQL parser borrows standard error for itself while it parses.
fn start_log(format: LogFormat) -> Result<(), Failure> {
    let no_handle = |e| Failure::Trouble(format!("standard error cannot be used for the log: {e}"));
    let errors = std::io::stderr().as_fd().try_clone_to_owned().map_err(no_handle)?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Mutex::new(File::from(errors)));
    let log = log.with_ansi(std::io::stderr().is_terminal());
    // Nobody else starts a log in this process.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}
