//! Free loopback ports. Must not know who listens on them.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Mutex;

use crate::HarnessError;

/// Tries before giving up on finding a port this process has not handed out yet.
const TRIES_MAX: usize = 200;

static HANDED_OUT: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A loopback port that is free now and that this process has not handed out before.
///
/// Another process can still take it before the component listens; the kernel hands out ephemeral ports at
/// random, so this is rare, and the component then fails loudly.
///
/// # Errors
/// [`HarnessError::System`] when the machine has no free port.
pub fn reserve_port() -> Result<u16, HarnessError> {
    let mut handed_out = HANDED_OUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let handed_out = handed_out.get_or_insert_default();
    for _ in 0..TRIES_MAX {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .map_err(HarnessError::system("reserve a loopback port"))?
            .port();
        if handed_out.insert(port) {
            return Ok(port);
        }
    }
    Err(HarnessError::System {
        what: "reserve a loopback port".to_owned(),
        source: std::io::ErrorKind::AddrInUse.into(),
    })
}
