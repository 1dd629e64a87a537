//! Speaking to targets as a client: connect with a secret to a pinned host, cancel, terminate.
//!
//! No secret is sent before the host has proved the pinned identity.
//!
//! This room must not know: rules, requests, the store, or people's clients.

pub mod postgres;
pub mod ssh;
mod tls;

use countersign_core::Device;
use std::time::Duration;
use tokio::net::TcpStream;

/// Longest wait for the target to answer one step of start-up.
const STEP_WAIT: Duration = Duration::from_secs(10);

/// Why a target could not be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetFault {
    /// Nothing answers there, or not in time.
    #[error("`{device}` does not answer at {address}: {why}; ask whoever runs it")]
    Unreachable {
        /// The device.
        device: String,
        /// Host and port.
        address: String,
        /// What the system said.
        why: String,
    },
    /// Something answers, but it does not prove the pinned identity. Nothing was sent to it.
    #[error(
        "`{device}` does not show the identity it is pinned to ({why}); nothing was sent to it, tell an administrator"
    )]
    WrongIdentity {
        /// The device.
        device: String,
        /// What was wrong.
        why: String,
    },
    /// There is no algorithm of some kind that both sides take. Nothing was sent to it.
    #[error("`{device}` cannot be spoken to safely: {why}")]
    Algorithms {
        /// The device.
        device: String,
        /// Of which kind, what it offers, and what can be done.
        why: String,
    },
    /// The target did not accept the login.
    #[error("`{device}` refused the login of the account: {message} ({code}); tell an administrator")]
    LoginRefused {
        /// The device.
        device: String,
        /// SQLSTATE.
        code: String,
        /// The target's words.
        message: String,
    },
    /// The target asked for something Countersign does not do.
    #[error("`{device}` asks for {what}; set it to SCRAM-SHA-256")]
    Unsupported {
        /// The device.
        device: String,
        /// What it asked for.
        what: String,
    },
    /// The target does not reach what it was asked for, or does not listen there.
    #[error("`{device}`: {why}")]
    NotReached {
        /// The device.
        device: String,
        /// What it said.
        why: String,
    },
    /// The target sent what it must not.
    #[error("`{device}` broke the protocol: {what}")]
    Protocol {
        /// The device.
        device: String,
        /// What was wrong.
        what: String,
    },
}

async fn reach(device: &Device) -> Result<TcpStream, TargetFault> {
    let connected = tokio::time::timeout(STEP_WAIT, TcpStream::connect((device.host.as_str(), device.port))).await;
    let tcp = connected
        .map_err(|_| unreachable(device, "no answer in time"))?
        .map_err(|e| unreachable(device, &e.to_string()))?;
    tcp.set_nodelay(true).map_err(|e| unreachable(device, &e.to_string()))?;
    Ok(tcp)
}

fn unreachable(device: &Device, why: &str) -> TargetFault {
    let address = format!("{}:{}", device.host, device.port);
    TargetFault::Unreachable { device: device.name.clone(), address, why: why.to_owned() }
}

fn broken(device: &Device, what: impl std::fmt::Display) -> TargetFault {
    TargetFault::Protocol { device: device.name.clone(), what: what.to_string() }
}
