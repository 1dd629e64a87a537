//! PgBouncer as an honest comparison in benchmarks: session mode, TLS and SCRAM on both sides.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::server::{self, Plan, RunAs, Server};
use crate::{HarnessError, Postgres, Psql, program, reserve_port};

/// How long a start may take.
const START_WITHIN: Duration = Duration::from_secs(30);
/// Server connections of the one pool.
const POOL_SIZE: u16 = 100;
/// Client connections it takes.
const CLIENTS_MAX: u16 = 1_000;

/// A PgBouncer in front of one database of a [`Postgres`], for one login.
pub struct PgBouncer {
    server: Server,
    _folder: TempDir,
    port: u16,
    database: String,
    user: String,
    password: String,
    ca: PathBuf,
}

impl PgBouncer {
    /// Starts it with the certificate of `postgres`, which must outlive it. The login must exist there.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without the package; else whatever kept it from starting, with its log.
    pub fn start(postgres: &Postgres, database: &str, user: &str, password: &str) -> Result<Self, HarnessError> {
        let program = program::find("pgbouncer", "pgbouncer")?;
        let folder = server::private_folder("pgbouncer", RunAs::PostgresIfRoot)?;
        let port = reserve_port()?;
        let files = postgres.ca().write_to(folder.path())?;
        let users = folder.path().join("users.txt");
        let settings = folder.path().join("pgbouncer.ini");
        fs::write(&users, format!("{} {}\n", quoted(user), quoted(password)))
            .and_then(|()| fs::write(&settings, configuration(folder.path(), port, postgres.port(), database)))
            .map_err(HarnessError::system("configure PgBouncer"))?;
        server::hand_over(folder.path(), RunAs::PostgresIfRoot)?;
        let server = Server::start(Plan {
            name: "pgbouncer",
            program: &program,
            arguments: vec![settings.display().to_string()],
            folder: folder.path(),
            run_as: RunAs::PostgresIfRoot,
            stop_signal: "INT",
            orphan_signal: "KILL",
        })?;
        server.wait_ready(START_WITHIN, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Self {
            server,
            _folder: folder,
            port,
            database: database.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            ca: files.ca,
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// A psql through it.
    pub fn psql(&self) -> Psql {
        Psql::new(self.port, &self.user, &self.password, &self.database, &self.ca)
    }
}

fn configuration(folder: &Path, port: u16, upstream_port: u16, database: &str) -> String {
    let folder = folder.display();
    format!(
        "[databases]\n\
         {database} = host=127.0.0.1 port={upstream_port} dbname={database}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         pool_mode = session\n\
         default_pool_size = {POOL_SIZE}\n\
         max_client_conn = {CLIENTS_MAX}\n\
         auth_type = scram-sha-256\n\
         auth_file = {folder}/users.txt\n\
         client_tls_sslmode = require\n\
         client_tls_cert_file = {folder}/server.pem\n\
         client_tls_key_file = {folder}/server.key\n\
         server_tls_sslmode = verify-full\n\
         server_tls_ca_file = {folder}/ca.pem\n\
         ignore_startup_parameters = extra_float_digits\n"
    )
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
