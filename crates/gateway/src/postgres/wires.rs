//! Both connections and their four buffers, moved by one future: whatever can move, moves; nothing waits for the other
//! side while it could be moving. Buffers are bounded, so a slow side slows the other down.

use super::relay::End;
use bytes::{Buf, BytesMut};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

/// What may wait to be written to one side, in bytes, before the other is no longer read.
const OUT_BYTES_MAX: usize = 256 * 1024;
/// What is read at a time, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// What a quiet connection keeps, in bytes.
const QUIET_BYTES: usize = 4 * 1024;

/// One connection with what was read from it and what waits to be written to it.
pub(super) struct Wire<S> {
    pub(super) stream: S,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    flush: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, input: BytesMut) -> Wire<S> {
        Wire { stream, input, output: BytesMut::new(), flush: false }
    }

    /// Writes and flushes what can be written now.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> std::io::Result<()> {
        while !self.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &self.output) {
                Poll::Ready(Ok(0)) => return Err(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.output.advance(n);
                    self.flush = true;
                }
                Poll::Ready(Err(e)) => return Err(e),
                Poll::Pending => return Ok(()),
            }
        }
        if self.flush {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flush = false,
                Poll::Ready(Err(e)) => return Err(e),
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// Reads what is there; `true` when something came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> std::io::Result<bool> {
        if self.input.is_empty() && self.input.capacity() < QUIET_BYTES {
            self.input.reserve(QUIET_BYTES);
        } else if !self.input.is_empty() || self.input.capacity() > QUIET_BYTES {
            self.input.reserve(READ_BYTES.min(OUT_BYTES_MAX));
        }
        let before = self.input.capacity();
        match pin!(self.stream.read_buf(&mut self.input)).poll(cx) {
            Poll::Ready(Ok(0)) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(Ok(n)) => {
                if n >= QUIET_BYTES && before < READ_BYTES {
                    self.input.reserve(READ_BYTES);
                }
                Ok(true)
            }
            Poll::Ready(Err(e)) => Err(e),
            Poll::Pending => Ok(false),
        }
    }
}

/// The client's side and the target's side.
pub(super) struct Wires {
    pub(super) client: Wire<tokio_rustls::server::TlsStream<TcpStream>>,
    pub(super) target: Wire<tokio_rustls::client::TlsStream<TcpStream>>,
}

impl Wires {
    /// Moves bytes until something was read. Dropping the future loses nothing.
    pub(super) async fn turn(&mut self, read_client: bool) -> Result<(), End> {
        std::future::poll_fn(|cx| self.poll_turn(cx, read_client)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, read_client: bool) -> Poll<Result<(), End>> {
        if self.target.poll_write(cx).is_err() {
            return Poll::Ready(Err(End::TargetLeft));
        }
        if self.client.poll_write(cx).is_err() {
            return Poll::Ready(Err(End::ClientLeft));
        }
        let mut read = false;
        if self.client.output.len() < OUT_BYTES_MAX {
            match self.target.poll_read(cx) {
                Ok(some) => read |= some,
                Err(_) => return Poll::Ready(Err(End::TargetLeft)),
            }
        }
        if read_client && self.target.output.len() < OUT_BYTES_MAX {
            match self.client.poll_read(cx) {
                Ok(some) => read |= some,
                Err(_) => return Poll::Ready(Err(End::ClientLeft)),
            }
        }
        if read { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
