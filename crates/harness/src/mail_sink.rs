//! A real SMTP server that keeps every message, for reading what people would have read.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use mail_parser::{Address, MessageParser};
use tempfile::TempDir;

use crate::server::{self, Plan, RunAs, Server};
use crate::{HarnessError, program, reserve_port, wait_until};

/// The Debian package.
const PACKAGE: &str = "python3-aiosmtpd";
/// How long a start may take; 0.35 s on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(60);

/// One received message, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Addresses of the `To` header, without names.
    pub to: Vec<String>,
    /// Address of the `From` header, without name.
    pub from: String,
    /// Subject, decoded.
    pub subject: String,
    /// The first text body, decoded; made from HTML when there is no plain one.
    pub text: String,
    /// The message as received, for everything else.
    pub raw: String,
}

/// An SMTP server without TLS or sign-in that accepts every recipient.
pub struct MailSink {
    server: Server,
    folder: TempDir,
    port: u16,
}

impl MailSink {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// [`HarnessError::Missing`] without the package; else whatever kept it from starting, with its log.
    pub fn start() -> Result<Self, HarnessError> {
        let program = program::find("aiosmtpd", PACKAGE)?;
        let folder = server::private_folder("mail", RunAs::Caller)?;
        let port = reserve_port()?;
        let mailbox = folder.path().join("mailbox");
        let server = Server::start(Plan {
            name: "aiosmtpd",
            program: &program,
            arguments: vec![
                "-n".to_owned(),
                "-l".to_owned(),
                format!("127.0.0.1:{port}"),
                "-c".to_owned(),
                "aiosmtpd.handlers.Mailbox".to_owned(),
                mailbox.display().to_string(),
            ],
            folder: folder.path(),
            run_as: RunAs::Caller,
            stop_signal: "TERM",
            orphan_signal: "KILL",
        })?;
        server.wait_ready(START_WITHIN, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok())?;
        Ok(Self { server, folder, port })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// All messages so far, oldest first.
    ///
    /// # Errors
    /// [`HarnessError::System`] when a message cannot be read.
    pub fn messages(&self) -> Result<Vec<Mail>, HarnessError> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.folder.path().join("mailbox/new"))
            .map_err(HarnessError::system("list received mail"))?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.sort_by_key(|file| arrival(file));
        files
            .iter()
            .map(|file| fs::read(file).map(|raw| parse(&raw)))
            .collect::<Result<_, _>>()
            .map_err(HarnessError::system("read received mail"))
    }

    /// Waits until at least `count` messages are there and returns them all.
    ///
    /// # Errors
    /// [`HarnessError::Late`] when they did not arrive in time.
    pub fn wait_for(&self, count: usize, within: Duration) -> Result<Vec<Mail>, HarnessError> {
        let arrived = wait_until(within, || self.messages().ok().filter(|mails| mails.len() >= count));
        arrived.ok_or_else(|| HarnessError::Late {
            what: format!("the arrival of {count} messages"),
            waited: within,
            log: format!("{:?}", self.messages().unwrap_or_default()),
        })
    }
}

/// The place of a message in the order of arrival: Python names a Maildir file `<seconds>.M<µs>P<pid>Q<count>.<host>`.
fn arrival(file: &std::path::Path) -> u64 {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let count = name.split('.').nth(1).and_then(|middle| middle.split('Q').nth(1));
    count.and_then(|count| count.parse().ok()).unwrap_or(u64::MAX)
}

fn parse(raw: &[u8]) -> Mail {
    let message = MessageParser::default().parse(raw).unwrap_or_default();
    Mail {
        to: addresses(message.to()),
        from: addresses(message.from()).into_iter().next().unwrap_or_default(),
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        raw: String::from_utf8_lossy(raw).into_owned(),
    }
}

fn addresses(header: Option<&Address<'_>>) -> Vec<String> {
    let all = header.into_iter().flat_map(Address::iter);
    all.filter_map(|one| one.address()).map(str::to_owned).collect()
}
