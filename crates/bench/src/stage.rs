//! One target, three ways to it: direct, PgBouncer, Countersign; TLS on each.

use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_harness::countersign::Options;
use countersign_harness::{Api, Countersign, HarnessError, PgBouncer, Postgres, Psql, random_password};

use crate::load;

/// The target's database and login.
const DATABASE: &str = "bench";
const LOGIN: &str = "app";

/// Tables for COPY: 1 kB and 97 bytes a row, line end included.
const TABLES: &str = "\
    CREATE TABLE wide AS SELECT repeat('w', 999) AS text FROM generate_series(1, 150000);
    CREATE TABLE narrow AS SELECT repeat('n', 96) AS text FROM generate_series(1, 1000000);
    CREATE TABLE customers (id int)";

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
DEVICES
[[workflow]]
name = "manager"
[[workflow.level]]
managers_of = "developers"
[[rule]]
name = "free"
act = "connect"
outcome = "allow"
groups = ["developers"]
devices = ["inspected", "plain"]
[[rule]]
name = "reserve"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["reserved"]
workflow = "manager"
[[rule]]
name = "customers"
act = "query"
outcome = "approve"
groups = ["developers"]
devices = ["inspected"]
kinds = ["update", "delete"]
tables = ["customers"]
workflow = "manager"
unknown = "manager"
"#;

/// One way to the target.
#[derive(Clone)]
pub struct Way {
    /// Its name in tables and keys.
    pub name: &'static str,
    /// How to connect.
    pub psql: Psql,
    /// The process in between.
    pub gateway: Option<u32>,
}

/// Everything that runs. Dropping it stops and removes it.
pub struct Stage {
    /// The server in front of two of the ways.
    pub countersign: Countersign,
    /// The other gateway, until it was measured.
    pub bouncer: Option<PgBouncer>,
    /// The target.
    pub postgres: Postgres,
    password: String,
}

impl Stage {
    /// Starts everything and fills the tables.
    ///
    /// # Errors
    /// Whatever kept a component from starting.
    pub fn set_up(program: &Path) -> Result<Self, HarnessError> {
        let postgres = Postgres::start()?;
        let password = random_password()?;
        postgres.create_database(DATABASE)?;
        postgres.create_login(LOGIN, &password)?;
        postgres.psql(DATABASE, &format!("ALTER SCHEMA public OWNER TO {LOGIN}; SET ROLE {LOGIN}; {TABLES}"))?;
        load::fill(&postgres.psql_as(LOGIN, &password, DATABASE))?;
        let bouncer = Some(PgBouncer::start(&postgres, DATABASE, LOGIN, &password)?);
        let countersign = Countersign::start(program, Options::default())?;
        countersign.apply(&policy(&postgres, &password))?;
        countersign.sign_up("alice")?;
        countersign.sign_up("mia")?;
        Ok(Self { countersign, bouncer, postgres, password })
    }

    /// All ways, the order of a table's columns.
    ///
    /// # Errors
    /// When there is no token.
    pub fn ways(&self) -> Result<Vec<Way>, HarnessError> {
        let direct = self.postgres.psql_as(LOGIN, &self.password, DATABASE);
        let mut ways = vec![Way { name: "direct", psql: direct, gateway: None }];
        let bouncer = self.bouncer.as_ref();
        ways.extend(bouncer.map(|b| Way { name: "pgbouncer", psql: b.psql(), gateway: Some(b.pid()) }));
        for (name, device) in [("countersign", "inspected"), ("countersign_no_rules", "plain")] {
            ways.push(Way { name, psql: self.countersign.psql("alice", device)?, gateway: self.countersign.pid() });
        }
        Ok(ways)
    }

    /// A PgBouncer that has served nobody.
    ///
    /// # Errors
    /// Whatever kept it from starting.
    pub fn fresh_bouncer(&self) -> Result<PgBouncer, HarnessError> {
        PgBouncer::start(&self.postgres, DATABASE, LOGIN, &self.password)
    }

    /// How many sessions of the benchmark's login the target has.
    ///
    /// # Errors
    /// As [`Postgres::psql`].
    pub fn sessions(&self) -> Result<usize, HarnessError> {
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{LOGIN}'");
        Ok(self.postgres.psql(DATABASE, &sql)?.parse().unwrap_or(0))
    }

    /// A psql of the target's superuser.
    pub fn superuser(&self) -> Psql {
        self.postgres.psql_as(self.postgres.superuser(), self.postgres.superuser_password(), DATABASE)
    }

    /// The APIs of the requester and of her manager.
    ///
    /// # Errors
    /// When a sign-in fails.
    pub fn requester_and_approver(&self) -> Result<(Api, Api), HarnessError> {
        Ok((self.countersign.api("alice")?, self.countersign.api("mia")?))
    }
}

fn policy(postgres: &Postgres, password: &str) -> String {
    let (port, ca) = (postgres.port(), postgres.ca_pem());
    let device = |name: &str| {
        format!(
            "[[device]]\nname = \"{name}\"\nhost = \"127.0.0.1\"\nport = {port}\ndatabase = \"{DATABASE}\"\n\
             ca = \"\"\"\n{ca}\"\"\"\n[[account]]\ndevice = \"{name}\"\nname = \"{LOGIN}\"\npassword = \"{password}\"\n"
        )
    };
    POLICY.replace("DEVICES", &["inspected", "plain", "reserved"].map(device).concat())
}

/// Gives a command what libpq needs to connect like this psql does.
pub fn connect_like<'c>(command: &'c mut Command, psql: &Psql) -> &'c mut Command {
    command
        .env("PGHOST", &psql.host)
        .env("PGPORT", psql.port.to_string())
        .env("PGUSER", &psql.user)
        .env("PGPASSWORD", &psql.password)
        .env("PGDATABASE", &psql.database)
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", &psql.ca)
}

/// The folder where cargo puts what it builds, which is also where results go.
pub fn target_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}
