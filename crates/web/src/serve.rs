//! Listens: TLS, limits, and an end without cutting anybody off.

use crate::routes::router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use countersign_control::Control;
use hyper_util::rt::TokioTimer;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to send its headers.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// How long open requests may take to finish once the server stops.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// Streams one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 64;
/// Bytes of headers one request may have.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// Where and how to listen.
#[derive(Clone)]
pub struct WebConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// Certificate and protocol versions.
    pub tls: Arc<rustls::ServerConfig>,
}

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Listening failed.
    #[error("cannot serve pages on `{listen}`: {cause}; choose another address, or end what holds this one")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
}

/// Listening pages and API.
pub struct Bound {
    listener: TcpListener,
    listen: SocketAddr,
    config: WebConfig,
}

/// Takes the port; whoever connects waits until [`Bound::serve`].
///
/// # Errors
/// When the address cannot be listened on.
pub fn bind(config: WebConfig) -> Result<Bound, WebError> {
    let taken = |cause| WebError::Listen { listen: config.listen, cause };
    let listener = TcpListener::bind(config.listen).map_err(taken)?;
    listener.set_nonblocking(true).map_err(taken)?;
    let listen = listener.local_addr().map_err(taken)?;
    Ok(Bound { listener, listen, config })
}

impl Bound {
    /// Where it really listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.listen
    }

    /// Serves until `shutdown` is done and open requests are answered.
    ///
    /// # Errors
    /// When listening breaks.
    pub async fn serve(
        self,
        control: Control,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), WebError> {
        let broken = |cause| WebError::Listen { listen: self.listen, cause };
        let handle = Handle::new();
        let stopping = {
            let handle = handle.clone();
            tokio::spawn(async move {
                shutdown.await;
                handle.graceful_shutdown(Some(FINISH_WITHIN));
            })
        };
        let mut tls = (*self.config.tls).clone();
        if tls.alpn_protocols.is_empty() {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        let tls = RustlsConfig::from_config(Arc::new(tls));
        let mut server = axum_server::from_tcp_rustls(self.listener, tls).map_err(broken)?.handle(handle);
        let http = server.http_builder();
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_WITHIN).max_buf_size(HEADER_BYTES_MAX);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(32 * 1024);
        let service = router(control).into_make_service_with_connect_info::<SocketAddr>();
        let served = server.serve(service).await;
        stopping.abort();
        served.map_err(broken)
    }
}
