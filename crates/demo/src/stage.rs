//! The stage: a real PostgreSQL with a small shop, a real OpenSSH server, a real mail server, and Countersign between people
//! and all of them.

use std::fs;
use std::path::Path;

use countersign_harness::countersign::Options;
use countersign_harness::{Countersign, MailSink, OpenSsh, Postgres, random_password};

use crate::tell::DemoError;

const SHOP: &str = include_str!("shop.sql");
const POLICY: &str = include_str!("policy.toml");
/// The account Countersign uses on the target; nobody else knows its password.
const LOGIN: &str = "app";
/// The target's database.
pub const DATABASE: &str = "shop";

/// Everything that runs. Dropping it stops and removes it.
pub struct Stage {
    /// The server in front; declared first, so that it ends first.
    pub countersign: Countersign,
    /// The target.
    pub postgres: Postgres,
    /// The server one reaches by SSH: this machine, as whoever runs the demo.
    pub sshd: OpenSsh,
    /// Where mail goes.
    pub mail: MailSink,
}

impl Stage {
    /// Starts everything, puts the policy in force and signs everybody up.
    ///
    /// # Errors
    /// Whatever kept a component from starting.
    pub fn set_up(program: &Path) -> Result<Self, DemoError> {
        let postgres = Postgres::start()?;
        let password = random_password()?;
        postgres.create_database(DATABASE)?;
        postgres.create_login(LOGIN, &password)?;
        postgres.psql(
            DATABASE,
            &format!("ALTER SCHEMA public OWNER TO {LOGIN}; SET ROLE {LOGIN}; {SHOP}; RESET ROLE; ANALYZE"),
        )?;
        let (sshd, mail) = (OpenSsh::start()?, MailSink::start()?);
        let options = Options { mail_port: Some(mail.port()), ..Options::default() };
        let countersign = Countersign::start(program, options)?;
        let stage = Self { countersign, postgres, sshd, mail };
        stage.put(&password)?;
        for handle in ["alice", "mia", "dora", "sam"] {
            stage.countersign.sign_up(handle)?;
        }
        Ok(stage)
    }

    /// The policy file stands beside the two files it names.
    fn put(&self, password: &str) -> Result<(), DemoError> {
        let folder = self.countersign.scratch_dir();
        let policy = POLICY
            .replace("port = 5432", &format!("port = {}", self.postgres.port()))
            .replace("port = 22", &format!("port = {}", self.sshd.port()))
            .replace("HOST KEY", &self.sshd.host_key()?)
            .replace("LOGIN", self.sshd.user())
            .replace("PRIVATE KEY", &self.sshd.user_key()?);
        let secret = folder.join("target-password");
        fs::write(folder.join("target-ca.pem"), self.postgres.ca_pem())
            .and_then(|()| fs::write(&secret, password))
            .map_err(|source| DemoError::File { what: "write the files of the policy".to_owned(), source })?;
        self.countersign.apply(&policy)?;
        // The vault has it now.
        fs::remove_file(&secret)
            .map_err(|source| DemoError::File { what: "remove the password file".to_owned(), source })
    }

    /// What the target itself says, asked behind Countersign's back by its superuser.
    ///
    /// # Errors
    /// What the target finds wrong in it.
    pub fn target(&self, sql: &str) -> Result<String, DemoError> {
        Ok(self.postgres.psql(DATABASE, sql)?)
    }

    /// How many backends of the target serve Countersign, as text.
    ///
    /// # Errors
    /// As [`Stage::target`].
    pub fn backends(&self) -> Result<String, DemoError> {
        self.target(&format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{LOGIN}'"))
    }
}
