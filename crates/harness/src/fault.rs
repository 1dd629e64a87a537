//! A TCP proxy on loopback that can be cut or paused: the network's bad days, on demand.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::HarnessError;

/// Connections relayed at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 64;
/// Bytes in flight per direction.
const BUFFER_BYTES: usize = 16 << 10;
/// How long connecting upstream may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a pause lasts at most: a forgotten one must not hang a test run.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A proxy from a free port to an upstream port, both on 127.0.0.1. Dropping it cuts everything.
pub struct FaultProxy {
    port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    upstream_port: u16,
    state: Mutex<State>,
    resumed: Condvar,
}

#[derive(Default)]
struct State {
    paused_until: Option<Instant>,
    closing: bool,
    next: u64,
    live: HashMap<u64, [TcpStream; 2]>,
}

impl FaultProxy {
    /// Starts relaying to `upstream_port`.
    ///
    /// # Errors
    /// [`HarnessError::System`] when no port is free.
    pub fn start(upstream_port: u16) -> Result<Self, HarnessError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(HarnessError::system("listen as a proxy"))?;
        let port = listener.local_addr().map_err(HarnessError::system("listen as a proxy"))?.port();
        let shared = Arc::new(Shared { upstream_port, state: Mutex::default(), resumed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        let listener = std::thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.lock().closing {
                    return;
                }
                // Trouble with one connection is that connection's end, as on a real network.
                let _ = client.and_then(|client| relay(&accepting, client));
            }
        });
        Ok(Self { port, shared, listener: Some(listener) })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections are being relayed.
    pub fn connections(&self) -> usize {
        self.shared.lock().live.len()
    }

    /// Closes every live connection on both sides; new ones pass.
    pub fn cut(&self) {
        let live = std::mem::take(&mut self.shared.lock().live);
        live.values().flatten().for_each(close);
    }

    /// Holds all bytes back, in both directions, until [`FaultProxy::resume`] or for at most a minute.
    pub fn pause(&self) {
        self.shared.lock().paused_until = Some(Instant::now() + PAUSE_MAX);
    }

    /// Lets the bytes flow again; nothing was lost.
    pub fn resume(&self) {
        self.shared.lock().paused_until = None;
        self.shared.resumed.notify_all();
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.resume();
        self.cut();
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when bytes may flow.
    fn wait_while_paused(&self) {
        let mut state = self.lock();
        while let Some(until) = state.paused_until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.paused_until = None;
                return;
            }
            let waited = self.resumed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn relay(shared: &Arc<Shared>, client: TcpStream) -> std::io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, shared.upstream_port));
    let upstream = TcpStream::connect_timeout(&address, CONNECT_WITHIN)?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let ends = [client.try_clone()?, upstream.try_clone()?];
    let mut state = shared.lock();
    if state.closing || state.live.len() >= CONNECTIONS_MAX {
        ends.iter().for_each(close);
        return Ok(());
    }
    let number = state.next;
    state.next += 1;
    state.live.insert(number, ends);
    drop(state);
    carry(shared, number, client.try_clone()?, upstream.try_clone()?);
    carry(shared, number, upstream, client);
    Ok(())
}

/// Carries one direction in a thread of its own; the end of either direction ends the connection.
fn carry(shared: &Arc<Shared>, number: u64, mut from: TcpStream, mut to: TcpStream) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut buffer = [0_u8; BUFFER_BYTES];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            shared.wait_while_paused();
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        shared.wait_while_paused();
        if let Some(ends) = shared.lock().live.remove(&number) {
            ends.iter().for_each(close);
        }
    });
}

fn close(stream: &TcpStream) {
    // A peer that is already gone needs no closing.
    let _ = stream.shutdown(Shutdown::Both);
}
