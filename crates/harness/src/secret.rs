//! Passwords for throw-away components.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;

use crate::HarnessError;

/// Bytes of randomness in a password.
const PASSWORD_BYTES: usize = 16;

/// A random password of 32 hexadecimal digits, safe inside SQL, shells and configuration files.
///
/// # Errors
/// [`HarnessError::System`] when the kernel gives no randomness.
pub fn random_password() -> Result<String, HarnessError> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(HarnessError::system("read `/dev/urandom`"))?;
    Ok(bytes.iter().fold(String::new(), |mut password, byte| {
        let _ = write!(password, "{byte:02x}");
        password
    }))
}
