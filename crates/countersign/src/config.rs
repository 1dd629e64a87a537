//! The configuration file: read, checked, written once by `init`. `docs/configuration.md` describes every key.

use crate::failure::Failure;
use crate::place;
use countersign_channels::{Bucket, MailConfig, Security, StoreConfig, TicketConfig, TicketSystem};
use countersign_control::RootKey;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file, with every path made absolute.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: PathBuf,
    key_file: Option<PathBuf>,
    passphrase_file: Option<PathBuf>,
    pub(crate) web: Web,
    pub(crate) postgres: Postgres,
    pub(crate) ssh: Option<Ssh>,
    #[serde(default)]
    tls: Tls,
    mail: Option<Mail>,
    tickets: Option<Tickets>,
    recordings: Option<Recordings>,
    #[serde(default)]
    pub(crate) log: Log,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Web {
    pub(crate) listen: SocketAddr,
    pub(crate) address: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Postgres {
    pub(crate) listen: SocketAddr,
    pub(crate) address: String,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ssh {
    pub(crate) listen: SocketAddr,
    pub(crate) address: String,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Mail {
    server: String,
    port: u16,
    security: SecurityWord,
    user: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Tickets {
    url: String,
    token_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Recordings {
    store: String,
    endpoint: Option<String>,
    region: String,
    access_key: String,
    secret_file: PathBuf,
    ca_file: Option<PathBuf>,
}

#[derive(Deserialize, Debug, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum SecurityWord {
    Tls,
    StartTls,
    None,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    #[serde(default)]
    pub(crate) format: LogFormat,
}

#[derive(Deserialize, Debug, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Config {
    /// Reads and checks a file; relative paths are relative to it.
    pub(crate) fn read(path: &Path) -> Result<Config, Failure> {
        let wrong = |what: String| Failure::Usage(format!("`{}`: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let mut config: Config = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let folder = place::real(path)?.parent().unwrap_or(Path::new("/")).to_owned();
        let mail = config.mail.as_mut().and_then(|m| m.password_file.as_mut());
        let given = [&mut config.key_file, &mut config.passphrase_file, &mut config.postgres.ca_file];
        let given =
            given.into_iter().chain([&mut config.tls.certificate, &mut config.tls.key]).filter_map(Option::as_mut);
        let tickets = config.tickets.iter_mut().flat_map(|t| [&mut t.token_file, &mut t.ca_file]).flatten();
        let recordings = config.recordings.iter_mut();
        let recordings = recordings.flat_map(|r| std::iter::once(&mut r.secret_file).chain(r.ca_file.as_mut()));
        for path in given.chain(mail).chain(tickets).chain(recordings).chain([&mut config.data]) {
            *path = folder.join(&*path);
        }
        config.check().map_err(wrong)?;
        Ok(config)
    }

    fn check(&mut self) -> Result<(), String> {
        if self.key_file.is_some() == self.passphrase_file.is_some() {
            return Err("give `key_file` or `passphrase_file`, one of them".into());
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return Err("[tls] needs `certificate` and `key`, or neither".into());
        }
        self.web.address = self.web.address.trim_end_matches('/').to_owned();
        let host = self.web.address.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '#', '@']) {
            return Err("web.address is what people open, such as `https://gate.example.com:8443`".into());
        }
        let is_address = |address: &String| split_address(address).is_some();
        if !is_address(&self.postgres.address) {
            return Err("postgres.address is a host and a port, such as `gate.example.com:5432`".into());
        }
        if self.ssh.as_ref().is_some_and(|ssh| !is_address(&ssh.address)) {
            return Err("ssh.address is a host and a port, such as `gate.example.com:2222`".into());
        }
        Ok(())
    }

    /// Where the root key comes from, if the file it comes from is private.
    pub(crate) fn root_key(&self) -> Result<RootKey, Failure> {
        match (&self.key_file, &self.passphrase_file) {
            (Some(file), _) => {
                place::private_file(file)?;
                Ok(RootKey::File(file.clone()))
            }
            (None, Some(file)) => Ok(RootKey::Passphrase(place::secret_line(file)?)),
            (None, None) => Err(Failure::Usage("give `key_file` or `passphrase_file`, one of them".into())),
        }
    }

    /// Files of the server's certificate and key.
    pub(crate) fn certificate(&self) -> (PathBuf, PathBuf) {
        let or = |given: &Option<PathBuf>, name: &str| given.clone().unwrap_or_else(|| self.data.join(name));
        (or(&self.tls.certificate, "server.pem"), or(&self.tls.key, "server.key"))
    }

    /// The certificate authority file as people name it in their clients.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.postgres.ca_file.clone().unwrap_or_else(|| self.data.join("ca.pem"))
    }

    /// The mail set-up, if any, checked.
    pub(crate) fn mail(&self) -> Result<Option<MailConfig>, Failure> {
        let Some(mail) = &self.mail else { return Ok(None) };
        let password = mail.password_file.as_deref().map(place::secret_line).transpose()?;
        let security = match mail.security {
            SecurityWord::Tls => Security::Tls,
            SecurityWord::StartTls => Security::StartTls,
            SecurityWord::None => Security::None,
        };
        let config = MailConfig {
            server: mail.server.clone(),
            port: mail.port,
            security,
            user: mail.user.clone(),
            password,
            from: mail.from.clone(),
        };
        config.check().map_err(|e| Failure::Usage(format!("[mail]: {e}")))?;
        Ok(Some(config))
    }

    /// Whom to ask about tickets, if anybody, checked.
    pub(crate) fn tickets(&self) -> Result<Option<TicketSystem>, Failure> {
        let Some(tickets) = &self.tickets else { return Ok(None) };
        let wrong = |what: String| Failure::Usage(format!("[tickets]: {what}"));
        let token = tickets.token_file.as_deref().map(place::secret_line).transpose()?;
        let ca_pem = tickets.ca_file.as_deref().map(read).transpose().map_err(wrong)?;
        let system = TicketSystem::new(TicketConfig { url: tickets.url.clone(), token, ca_pem });
        system.map(Some).map_err(|e| wrong(e.to_string()))
    }

    /// Where recordings are kept, if not here, checked. To be called within the runtime.
    pub(crate) fn recordings(&self) -> Result<Option<Bucket>, Failure> {
        let Some(recordings) = &self.recordings else { return Ok(None) };
        let wrong = |what: String| Failure::Usage(format!("[recordings]: {what}"));
        let config = StoreConfig {
            store: recordings.store.clone(),
            endpoint: recordings.endpoint.clone(),
            region: recordings.region.clone(),
            access_key: recordings.access_key.clone(),
            secret_key: place::secret_line(&recordings.secret_file)?,
            ca_pem: recordings.ca_file.as_deref().map(read).transpose().map_err(wrong)?,
        };
        Bucket::new(config).map(Some).map_err(|e| wrong(e.to_string()))
    }
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("`{}` cannot be read: {e}", file.display()))
}

/// Host and port of `host:port`, `[v6]:port` or `v4:port`.
pub(crate) fn split_address(address: &str) -> Option<(String, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?,
        None => host,
    };
    let fine = !host.is_empty() && !host.contains(['/', '[', ']', ' ', '\'', '"', '\\']);
    let port = port.parse().ok()?;
    fine.then(|| (host.to_owned(), port))
}

/// Host and port as an address is written.
pub(crate) fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// What `init` fills the file with.
pub(crate) struct Fresh<'f> {
    pub(crate) data: &'f Path,
    /// `key_file` or `passphrase_file`, and its path.
    pub(crate) root: (&'static str, &'f Path),
    pub(crate) web_listen: SocketAddr,
    pub(crate) web_address: &'f str,
    pub(crate) postgres_listen: SocketAddr,
    pub(crate) postgres_address: &'f str,
}

impl Fresh<'_> {
    /// The file, with comments.
    pub(crate) fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let path = |path: &Path| quoted(&path.display().to_string());
        let (root_key, root) = self.root;
        format!(
            "# Countersign. Every key is described in docs/configuration.md.\n\
             # Relative paths are relative to this file.\n\n\
             # The data folder; for its owner only.\n\
             data = {}\n\
             # What unseals the vault; keep it apart from the data and from its backups.\n\
             {root_key} = {}\n\n\
             [web]\n\
             # Where pages and API listen.\n\
             listen = \"{}\"\n\
             # What people open; links in mails begin with it.\n\
             address = {}\n\n\
             [postgres]\n\
             # Where PostgreSQL clients connect.\n\
             listen = \"{}\"\n\
             # What people put into their clients.\n\
             address = {}\n\
             # Where people keep the certificate authority (default: ca.pem in the data folder).\n\
             # ca_file = \"/etc/countersign/ca.pem\"\n\n\
             # A certificate of your own instead of the one made at set-up.\n\
             # [tls]\n\
             # certificate = \"/etc/ssl/gate.pem\"\n\
             # key = \"/etc/ssl/private/gate.key\"\n\n\
             # Without this nobody is told by mail.\n\
             # [mail]\n\
             # server = \"mail.example.com\"\n\
             # port = 587\n\
             # security = \"starttls\"  # or \"tls\"; \"none\" only on this machine\n\
             # user = \"gate\"\n\
             # password_file = \"/etc/countersign/mail-password\"\n\
             # from = \"Countersign <gate@example.com>\"\n\n\
             # Without this nobody is asked about tickets.\n\
             # [tickets]\n\
             # url = \"https://tickets.example.com/api/changes/{{ticket}}\"\n\
             # token_file = \"/etc/countersign/tickets-token\"\n\
             # ca_file = \"/etc/countersign/tickets-ca.pem\"  # without: the system's authorities\n\n\
             # Without this recordings stay in the data folder.\n\
             # [recordings]\n\
             # store = \"s3://recordings/gate-1\"\n\
             # endpoint = \"https://s3.example.com\"  # without: Amazon's, by the region\n\
             # region = \"eu-central-1\"\n\
             # access_key = \"GATE1\"\n\
             # secret_file = \"/etc/countersign/store-key\"\n\n\
             [log]\n\
             # \"text\" or \"json\"; how much is said by the environment variable RUST_LOG.\n\
             format = \"text\"\n",
            path(self.data),
            path(root),
            self.web_listen,
            quoted(self.web_address),
            self.postgres_listen,
            quoted(self.postgres_address),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> String {
        let listen = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let fresh = Fresh {
            data: Path::new("/var/lib/counter \"sign\""),
            root: ("key_file", Path::new("/etc/countersign/root.key")),
            web_listen: listen(8443),
            web_address: "https://gate.example.test:8443",
            postgres_listen: listen(5432),
            postgres_address: "gate.example.test:5432",
        };
        fresh.text()
    }

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("countersign.toml");
        std::fs::write(&path, text).expect("written");
        Config::read(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn what_init_writes_can_be_read() {
        let config = read(&fresh()).expect("it is right");
        assert_eq!(config.data, Path::new("/var/lib/counter \"sign\""));
        assert_eq!(config.web.address, "https://gate.example.test:8443");
        assert_eq!(config.certificate().0, config.data.join("server.pem"));
        assert!(config.mail().expect("right").is_none());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |from: &str, to: &str, word: &str| {
            assert!(fresh().contains(from), "{from}");
            let told = read(&fresh().replace(from, to)).expect_err(to);
            assert!(told.contains(word) && told.contains("countersign.toml"), "{to}: {told}");
        };
        check("[log]", "[logs]", "logs");
        check("key_file", "passphrase_file = \"/x\"\nkey_file", "one of them");
        check("https://gate", "http://gate", "web.address");
        check("test:8443", "test:8443/sub", "web.address");
        check("test:5432\"", "test\"", "postgres.address");
        check("# [tls]", "[tls]\ncertificate = \"/x\"", "[tls]");
        check("\"text\"\n", "\"xml\"\n", "xml");
    }

    #[test]
    fn addresses_are_split_and_joined() {
        for (text, host, port) in [("gate:5432", "gate", 5432), ("[::1]:1", "::1", 1), ("10.0.0.1:2", "10.0.0.1", 2)] {
            assert_eq!(split_address(text), Some((host.to_owned(), port)));
            assert_eq!(address(host, port), text);
        }
        for wrong in ["gate", "gate:", ":5432", "gate:70000", "https://gate:1", "[::1:5", "ga te:1"] {
            assert_eq!(split_address(wrong), None, "{wrong}");
        }
    }
}
