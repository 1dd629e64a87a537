//! The dice: the only place that asks for randomness, and it asks the operating system.

use crate::fault::Fault;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// `N` random bytes.
///
/// # Errors
/// When the operating system has none; nothing may go on then.
pub fn bytes<const N: usize>() -> Result<[u8; N], Fault> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).map_err(|_| Fault::trouble("the system gives no random bytes"))?;
    Ok(out)
}

/// A token of 160 random bits in 32 characters (`a`–`z`, `2`–`7`) that need no quoting anywhere.
///
/// # Errors
/// As [`bytes`].
pub fn token() -> Result<String, Fault> {
    Ok(data_encoding::BASE32_NOPAD.encode(&bytes::<20>()?).to_lowercase())
}
