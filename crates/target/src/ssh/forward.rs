//! What goes by a connection besides commands: channels to what the target reaches, and those that it opens by itself, for what was
//! asked of it. Nothing that it opens is taken here: whoever asked says which it may.

use super::{Connection, Pinned};
use crate::{STEP_WAIT, TargetFault, broken, unreachable};
use russh::client::{self, ChannelOpenHandle};
use russh::{Channel, ChannelOpenFailure};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a target may try to reach what it is asked for.
const REACH_WAIT: Duration = Duration::from_secs(30);

/// A channel to or from the target.
pub type Line = Channel<client::Msg>;

/// A channel that the target opens; refused when it is dropped.
pub struct Came {
    /// What it says it is for.
    pub by: By,
    line: Line,
    reply: ChannelOpenHandle,
}

/// What a target says a channel is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum By {
    /// Somebody connected to an address and port of it (RFC 4254, 7.2).
    Port {
        /// As it was asked for.
        address: String,
        /// The port.
        port: u32,
        /// Who connected, and from which port.
        from: (String, u32),
    },
    /// Somebody connected to a socket of it.
    Socket(String),
    /// What runs there asks the client's agent.
    Agent,
    /// What runs there draws on the client's display; who, and from which port.
    Display(String, u32),
}

impl Came {
    /// Takes it.
    pub async fn accept(self) -> Line {
        self.reply.accept().await;
        self.line
    }
}

/// What is set for something that runs, before it does.
#[derive(Clone, Debug, Default)]
pub struct With {
    /// Variables and their values.
    pub environment: Vec<(String, String)>,
    /// Whether it may ask the client's agent.
    pub agent: bool,
    /// The client's display.
    pub display: Option<Display>,
}

/// A display as a client describes it (RFC 4254, 6.3.1).
#[derive(Clone, Debug)]
pub struct Display {
    /// Whether it is for one connection only.
    pub single: bool,
    /// How one proves that one may draw there.
    pub protocol: String,
    /// With what.
    pub cookie: SecretString,
    /// Which screen.
    pub screen: u32,
}

impl With {
    /// Asks for all of it. A target need not do any of it, and does not say whether it does.
    pub(super) async fn asked(&self, channel: &Line) -> Result<(), russh::Error> {
        for (name, value) in &self.environment {
            channel.set_env(false, name, value).await?;
        }
        if self.agent {
            channel.agent_forward(false).await?;
        }
        if let Some(Display { single, protocol, cookie, screen }) = &self.display {
            channel.request_x11(false, *single, protocol, cookie.expose_secret(), *screen).await?;
        }
        Ok(())
    }
}

impl Connection {
    /// A channel to a host and port, as the target reaches them; `from` is where the client says it comes from.
    ///
    /// # Errors
    /// When the target does not reach it.
    pub async fn to_port(&self, host: &str, port: u32, from: (&str, u32)) -> Result<Line, TargetFault> {
        self.reached(self.handle.channel_open_direct_tcpip(host, port, from.0, from.1)).await
    }

    /// A channel to a socket of the target.
    ///
    /// # Errors
    /// When the target does not reach it.
    pub async fn to_socket(&self, path: &str) -> Result<Line, TargetFault> {
        self.reached(self.handle.channel_open_direct_streamlocal(path)).await
    }

    async fn reached(&self, opens: impl Future<Output = Result<Line, russh::Error>>) -> Result<Line, TargetFault> {
        let device = &self.device;
        let not = |why: String| TargetFault::NotReached { device: device.name.clone(), why };
        match timeout(REACH_WAIT, opens).await {
            Err(_) => Err(not("no answer in time".to_owned())),
            Ok(Ok(line)) => Ok(line),
            Ok(Err(russh::Error::ChannelOpenFailure(why))) => Err(not(match why {
                ChannelOpenFailure::AdministrativelyProhibited => "it does not let anybody".to_owned(),
                why => why.description().to_lowercase(),
            })),
            Ok(Err(fault)) => Err(broken(device, fault)),
        }
    }

    /// Has the target listen at an address and port; the port, which it chooses where that is 0.
    ///
    /// # Errors
    /// When it does not.
    pub async fn listen(&self, address: &str, port: u32) -> Result<u32, TargetFault> {
        let chosen = self.answered(self.handle.tcpip_forward(address, port)).await?;
        match (port, chosen) {
            (0, 0) => Err(broken(&self.device, "it does not say which port it chose")),
            (0, chosen) => Ok(chosen),
            (asked, _) => Ok(asked),
        }
    }

    /// Has the target listen at a socket.
    ///
    /// # Errors
    /// When it does not.
    pub async fn listen_at(&self, path: &str) -> Result<(), TargetFault> {
        self.answered(self.handle.streamlocal_forward(path)).await
    }

    /// Has the target listen no more at an address and port.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn listen_no_more(&self, address: &str, port: u32) -> Result<(), TargetFault> {
        self.answered(self.handle.cancel_tcpip_forward(address, port)).await
    }

    /// Has the target listen no more at a socket.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn listen_at_no_more(&self, path: &str) -> Result<(), TargetFault> {
        self.answered(self.handle.cancel_streamlocal_forward(path)).await
    }

    async fn answered<T>(&self, asks: impl Future<Output = Result<T, russh::Error>>) -> Result<T, TargetFault> {
        let device = &self.device;
        match timeout(STEP_WAIT, asks).await {
            Err(_) => Err(unreachable(device, "it did not answer in time")),
            Ok(Err(russh::Error::RequestDenied)) => {
                let why = "it does not listen there".to_owned();
                Err(TargetFault::NotReached { device: device.name.clone(), why })
            }
            Ok(answer) => answer.map_err(|fault| broken(device, fault)),
        }
    }
}

impl Pinned {
    /// Hands on what the target opens. Where nobody takes it, or too many wait, it is refused.
    pub(super) fn comes(&self, by: By, line: Line, reply: ChannelOpenHandle) {
        if let Some(taken) = &self.came {
            // Dropped where there is no room, which refuses it.
            let _ = taken.try_send(Box::new(Came { by, line, reply }));
        }
    }
}

/// Who is handed what the target opens. In boxes, since a queue keeps room for more than there ever is.
pub type Taken = mpsc::Sender<Box<Came>>;
