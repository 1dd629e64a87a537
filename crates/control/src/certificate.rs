//! Certificates of people's keys as OpenSSH has them (PROTOCOL.certkeys): which authorities sign for people is configuration, and
//! what one of them says of a key counts for the person it names, while it says so. What a certificate lets its bearer do is not
//! its business: extensions count for nothing here, the rules do.

use crate::control::Control;
use crate::fault::Fault;
use crate::keys::{fits, read};
use crate::ssh::Proven;
use crate::unseen::told;
use countersign_journal::{Note, Timestamp, is_invisible};
use ssh_key::certificate::{CertType, Certificate};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Fingerprint, HashAlg, PublicKey};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Most authorities that sign for people.
const AUTHORITIES_MAX: usize = 16;
/// Longest comment of one, in characters.
const COMMENT_CHARS_MAX: usize = 100;
/// What the audit keeps of a certificate's name, in characters.
const KEY_ID_CHARS_MAX: usize = 100;
/// Longest list of addresses a certificate counts from, in bytes, as OpenSSH has it.
const ADDRESSES_BYTES_MAX: usize = 1_024;

/// Why a certificate proves nobody. Its bearer is told none of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
enum Void {
    #[error("it is not for a person")]
    Host,
    #[error("none of the authorities in `ssh.user.ca` signed it")]
    Authority,
    #[error("its signature is wrong, or made in a way that is not taken")]
    Signature,
    #[error("its key is of a kind that is not taken")]
    Key,
    #[error("it is not valid now")]
    Time,
    #[error("it does not name this person")]
    Principal,
    #[error("it has a critical option that is not understood here")]
    Option,
    #[error("it does not count from this address")]
    Address,
}

/// Reads the authorities of the configuration: plain public keys, each once.
///
/// # Errors
/// What is wrong with which.
pub(crate) fn authorities(lines: &[String]) -> Result<Vec<String>, String> {
    if lines.len() > AUTHORITIES_MAX {
        return Err(format!("{} keys are listed, and {AUTHORITIES_MAX} may be", lines.len()));
    }
    let mut seen = BTreeSet::new();
    let mut read_so_far = Vec::new();
    for (line, n) in lines.iter().zip(1..) {
        let key = read(line).map_err(|refusal| format!("key {n}: {refusal}"))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let comment = words[2..].join(" ");
        if comment.chars().count() > COMMENT_CHARS_MAX || comment.chars().any(is_invisible) {
            return Err(format!(
                "key {n}: its comment has at most {COMMENT_CHARS_MAX} characters, all of them visible"
            ));
        }
        if !seen.insert(key.fingerprint(HashAlg::Sha256).to_string()) {
            return Err(format!("key {n}: it is listed twice"));
        }
        read_so_far.push(words.join(" "));
    }
    Ok(read_so_far)
}

impl Control {
    /// Whether certificates can prove anybody.
    #[must_use]
    pub fn takes_certificates(&self) -> bool {
        !self.state().policy.parameters.ssh_user_ca.is_empty()
    }

    /// Whom a certificate proves under a user name, to whoever signed with its key; nobody where no authority of the
    /// configuration says of that key that it is theirs, here and now. What it says goes into the audit.
    ///
    /// # Errors
    /// Trouble only.
    pub async fn certificate_proved(
        &self,
        user: &str,
        certificate: &Certificate,
        from: &str,
    ) -> Result<Option<Proven>, Fault> {
        let Some(named) = self.named_over_ssh(user) else { return Ok(None) };
        let handle = self.directory().enabled(named.person).map(|known| known.handle.clone()).unwrap_or_default();
        let listed = self.state().policy.parameters.ssh_user_ca.clone();
        let authorities: Vec<PublicKey> = listed.iter().filter_map(|line| PublicKey::from_openssh(line).ok()).collect();
        let bearer = Bearer { handle: &handle, from: from.parse().ok(), now: self.now() };
        if let Err(void) = counts(certificate, &authorities, &bearer) {
            tracing::info!("a certificate for `{handle}` from {from} proves nobody: {void}");
            return Ok(None);
        }
        let note = Note::CertificateUsed {
            person: named.person,
            from: from.to_owned(),
            authority: fingerprint(certificate.signature_key()).to_string(),
            serial: certificate.serial(),
            key_id: told(certificate.key_id(), KEY_ID_CHARS_MAX),
        };
        self.note(note, Vec::new()).await?;
        Ok(Some(named))
    }
}

/// Who shows a certificate.
struct Bearer<'b> {
    handle: &'b str,
    from: Option<IpAddr>,
    now: Timestamp,
}

/// Whether a certificate counts for its bearer. That they signed with its key is not asked here.
fn counts(certificate: &Certificate, authorities: &[PublicKey], bearer: &Bearer<'_>) -> Result<(), Void> {
    if certificate.cert_type() != CertType::User {
        return Err(Void::Host);
    }
    if !authorities.iter().any(|authority| authority.key_data() == certificate.signature_key()) {
        return Err(Void::Authority);
    }
    fits(certificate.public_key()).map_err(|_| Void::Key)?;
    if is_old(&certificate.signature().algorithm()) {
        return Err(Void::Signature);
    }
    let now = u64::try_from(bearer.now.0 / 1_000_000).map_err(|_| Void::Time)?;
    if !(certificate.valid_after()..certificate.valid_before()).contains(&now) {
        return Err(Void::Time);
    }
    // The signature of the authority over all of it; and once more what was asked above.
    let authority = fingerprint(certificate.signature_key());
    certificate.validate_at(now, [&authority]).map_err(|_| Void::Signature)?;
    // One without names would be for everybody.
    if !certificate.valid_principals().iter().any(|principal| principal == bearer.handle) {
        return Err(Void::Principal);
    }
    for (option, value) in certificate.critical_options().iter() {
        match option.as_str() {
            "source-address" if bearer.from.is_some_and(|from| lists(value, from)) => {}
            "source-address" => return Err(Void::Address),
            _ => return Err(Void::Option),
        }
    }
    Ok(())
}

/// Signatures that are not taken any more (SHA-1), and those that nobody knows.
fn is_old(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Dsa | Algorithm::Rsa { hash: None } | Algorithm::Other(_))
}

fn fingerprint(key: &KeyData) -> Fingerprint {
    key.fingerprint(HashAlg::Sha256)
}

/// Whether an address is in a list such as `192.0.2.0/24,2001:db8::1`; never in one that cannot be read to its end.
fn lists(list: &str, from: IpAddr) -> bool {
    if list.len() > ADDRESSES_BYTES_MAX {
        return false;
    }
    let nets: Option<Vec<Net>> = list.split(',').map(Net::read).collect();
    nets.is_some_and(|nets| nets.iter().any(|net| net.has(from)))
}

/// Addresses that begin with the same bits.
struct Net {
    base: IpAddr,
    bits: u32,
}

impl Net {
    /// `192.0.2.0/24`, without bits behind those that count; or one address.
    fn read(text: &str) -> Option<Net> {
        let (base, bits) = match text.split_once('/') {
            Some((base, bits)) if bits.bytes().all(|b| b.is_ascii_digit()) => (base, Some(bits.parse().ok()?)),
            Some(_) => return None,
            None => (text, None),
        };
        let base: IpAddr = base.parse().ok()?;
        let length = if base.is_ipv4() { 32 } else { 128 };
        let net = Net { base, bits: bits.unwrap_or(length) };
        (net.bits <= length && net.start(base) == raw(base)).then_some(net)
    }

    fn has(&self, address: IpAddr) -> bool {
        // A socket for both families tells addresses of IPv4 as such of IPv6.
        let address = address.to_canonical();
        address.is_ipv4() == self.base.is_ipv4() && self.start(address) == raw(self.base)
    }

    /// The bits of an address that count, at the start of 128.
    fn start(&self, address: IpAddr) -> u128 {
        raw(address) & u128::MAX.checked_shl(128 - self.bits).unwrap_or(0)
    }
}

/// An address at the start of 128 bits.
fn raw(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    }
}

#[cfg(test)]
mod tests;
