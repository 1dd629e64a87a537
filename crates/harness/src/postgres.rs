//! A private PostgreSQL: TLS only, SCRAM only, nothing durable.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::server::{self, Plan, RunAs, Server};
use crate::{Ca, CaFiles, HarnessError, Psql, program, random_password, reserve_port};

/// The superuser's name.
const SUPERUSER: &str = "postgres";
/// The Debian package.
const PACKAGE: &str = "postgresql-15";
/// Connections the server takes.
const CONNECTIONS_MAX: u16 = 120;
/// How long `initdb` may take; 1.3 s on an idle machine.
const INITDB_WITHIN: Duration = Duration::from_secs(120);
/// How long a start may take; 0.15 s on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(60);
/// The line of `postmaster.pid` (from 0) that says `ready` (PostgreSQL's `utils/pidfile.h`).
const PID_FILE_STATUS_LINE: usize = 7;

/// A PostgreSQL server of this test alone.
pub struct Postgres {
    // Declared before the folder: the server ends before its folder goes.
    server: Option<Server>,
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    password: String,
    ca: Ca,
    files: CaFiles,
}

impl Postgres {
    /// Makes a new data folder and starts a server with a certificate authority of its own.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without the package; else whatever kept it from starting, with its log.
    pub fn start() -> Result<Self, HarnessError> {
        Self::start_under(Ca::start()?)
    }

    /// As [`Postgres::start`], with a given authority.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn start_under(ca: Ca) -> Result<Self, HarnessError> {
        let programs = programs()?;
        let folder = server::private_folder("postgres", RunAs::PostgresIfRoot)?;
        let port = reserve_port()?;
        let password = random_password()?;
        init_data(&programs, folder.path(), &password)?;
        let files = ca.write_to(folder.path())?;
        let data = folder.path().join("data");
        fs::write(data.join("postgresql.conf"), configuration(port, folder.path(), &files))
            .and_then(|()| fs::write(data.join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n"))
            .map_err(HarnessError::system("configure PostgreSQL"))?;
        server::hand_over(folder.path(), RunAs::PostgresIfRoot)?;
        let mut postgres = Self { server: None, folder, programs, port, password, ca, files };
        postgres.launch()?;
        Ok(postgres)
    }

    /// One server for all tests of this process; it ends with the process, however that ends.
    ///
    /// # Panics
    /// When it cannot be started: every test that needs it fails with that reason.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start() {
            Ok(postgres) => postgres,
            Err(error) => panic!("{error}"),
        })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the postmaster, unless stopped.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    /// The authority behind its certificate.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// The root certificate.
    pub fn ca_pem(&self) -> &str {
        self.ca.ca_pem()
    }

    /// A file with the root certificate, there as long as this server.
    pub fn ca_path(&self) -> &Path {
        &self.files.ca
    }

    /// The superuser's name, `postgres`.
    pub fn superuser(&self) -> &'static str {
        SUPERUSER
    }

    /// The superuser's password.
    pub fn superuser_password(&self) -> &str {
        &self.password
    }

    /// Runs SQL as superuser through the real psql; the output is bare (`-A -t`) without its last line end.
    ///
    /// # Errors
    /// [`HarnessError::Failed`] with the server's words when a statement fails.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, HarnessError> {
        let output = self.psql_as(SUPERUSER, &self.password, database).run(sql)?.output("psql")?;
        Ok(output.strip_suffix('\n').unwrap_or(&output).to_owned())
    }

    /// A psql for any login.
    pub fn psql_as(&self, user: &str, password: &str, database: &str) -> Psql {
        Psql::new(self.port, user, password, database, &self.files.ca)
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// As [`Postgres::psql`].
    pub fn create_database(&self, name: &str) -> Result<(), HarnessError> {
        self.psql("postgres", &format!("CREATE DATABASE {}", quoted_name(name))).map(drop)
    }

    /// Creates a role that can log in and nothing more.
    ///
    /// # Errors
    /// As [`Postgres::psql`].
    pub fn create_login(&self, name: &str, password: &str) -> Result<(), HarnessError> {
        let sql = format!("CREATE ROLE {} LOGIN PASSWORD {}", quoted_name(name), quoted_text(password));
        self.psql("postgres", &sql).map(drop)
    }

    /// Stops the server (fast shutdown: sessions are disconnected) and starts it again on the same port and data.
    ///
    /// # Errors
    /// As [`Postgres::start`].
    pub fn restart(&mut self) -> Result<(), HarnessError> {
        self.stop();
        self.launch()
    }

    /// Stops the server; data and port stay for [`Postgres::restart`].
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop_keeping_folder();
        }
    }

    fn launch(&mut self) -> Result<(), HarnessError> {
        let data = self.folder.path().join("data");
        let server = Server::start(Plan {
            name: "postgres",
            program: &self.programs.join("postgres"),
            arguments: vec!["-D".to_owned(), data.display().to_string()],
            folder: self.folder.path(),
            run_as: RunAs::PostgresIfRoot,
            stop_signal: "INT",
            // Immediate shutdown: the postmaster takes its children along before it goes.
            orphan_signal: "QUIT",
        })?;
        let pid_file = data.join("postmaster.pid");
        server.wait_ready(START_WITHIN, || says_ready(&pid_file, server.pid()))?;
        self.server = Some(server);
        Ok(())
    }
}

/// The folder with `postgres` and `initdb`: the newest major version installed.
fn programs() -> Result<PathBuf, HarnessError> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("initdb").is_file())
        .max_by_key(|programs| programs.parent()?.file_name()?.to_str()?.parse::<u32>().ok())
        .ok_or_else(|| HarnessError::Missing { program: "initdb".to_owned(), package: PACKAGE })
}

fn init_data(programs: &Path, folder: &Path, password: &str) -> Result<(), HarnessError> {
    let password_file = folder.join("password");
    fs::write(&password_file, password).map_err(HarnessError::system("write a password file"))?;
    server::hand_over(&password_file, RunAs::PostgresIfRoot)?;
    let mut initdb = server::command_as(RunAs::PostgresIfRoot, &programs.join("initdb"))?;
    initdb.args(["-A", "scram-sha-256", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
    initdb.arg("--pwfile").arg(&password_file).arg("-D").arg(folder.join("data"));
    program::run(&mut initdb, "", INITDB_WITHIN)?.output("initdb")?;
    fs::remove_file(&password_file).map_err(HarnessError::system("remove a password file"))
}

fn configuration(port: u16, folder: &Path, files: &CaFiles) -> String {
    format!(
        "port = {port}\n\
         listen_addresses = '127.0.0.1'\n\
         unix_socket_directories = '{}'\n\
         max_connections = {CONNECTIONS_MAX}\n\
         password_encryption = scram-sha-256\n\
         ssl = on\n\
         ssl_cert_file = '{}'\n\
         ssl_key_file = '{}'\n\
         fsync = off\n\
         synchronous_commit = off\n\
         full_page_writes = off\n\
         timezone = 'UTC'\n",
        folder.display(),
        files.server.display(),
        files.server_key.display(),
    )
}

fn says_ready(pid_file: &Path, pid: u32) -> bool {
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let mut lines = text.lines();
    let is_ours = lines.next().is_some_and(|first| first.trim() == pid.to_string());
    is_ours && lines.nth(PID_FILE_STATUS_LINE - 1).is_some_and(|status| status.trim() == "ready")
}

fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn quoted_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
