//! Our own authority for SSH targets: where an account is set up so, there is no secret to keep. Each connection to the target
//! signs in with a key made for it, and with a certificate of that key (OpenSSH, PROTOCOL.certkeys) that names one login, is good
//! for minutes, and says in the target's log whose session it is. A target takes it once its `TrustedUserCAKeys` has the authority.
//!
//! It names no `source-address`: which address of ours a target sees is for the network between (translation, jump hosts) to
//! say, and a wrong one would lock everybody out.

use crate::control::Control;
use crate::dice;
use crate::fault::Fault;
use crate::vault::{Answer, Call};
use countersign_journal::{RequestId, Seconds, SessionId, Timestamp};
use countersign_target::ssh::Certified;
use ssh_key::certificate::Builder;
use ssh_key::private::Ed25519Keypair;
use ssh_key::{HashAlg, PrivateKey, PublicKey};

/// How far the target's clock may be behind ours, in seconds.
const BEHIND_S: Seconds = 60;
/// How long a certificate signs in, in seconds: a sign-in takes a moment, and the clocks may differ.
const GOOD_S: Seconds = 300;
/// What a certificate lets its bearer do besides running commands: what rules may let people do. Its bearer is the gateway, which
/// asks for none of it unless they do. Whatever is not here, a target refuses (the start-up file `~/.ssh/rc`).
const EXTENSIONS: [&str; 4] =
    ["permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty"];
/// What stands behind the public key of the authority, so that whoever reads a target's file knows whose it is.
const COMMENT: &str = "countersign";

/// Whose certificate it is, and for what.
pub(crate) struct Bearer<'b> {
    /// Who, by handle.
    pub(crate) person: &'b str,
    /// In which session.
    pub(crate) session: SessionId,
    /// Under which request.
    pub(crate) request: RequestId,
    /// As whom on the target: the one login that the certificate names.
    pub(crate) login: &'b str,
    /// When the right to be there ends.
    pub(crate) ends: Timestamp,
}

impl Control {
    /// The public key of the authority as one line for `TrustedUserCAKeys`: the same for as long as the root key is.
    ///
    /// # Errors
    /// Trouble only.
    pub fn ssh_authority(&self) -> Result<String, Fault> {
        let mut key = self.authority_key()?;
        key.set_comment(COMMENT);
        key.to_openssh().map_err(Fault::trouble)
    }

    fn authority_key(&self) -> Result<PublicKey, Fault> {
        match self.0.vault.call(Call::Authority)? {
            Answer::Public(key) => Ok(*key),
            _ => Err(Fault::trouble("the vault answered another question")),
        }
    }

    /// A fresh key with a certificate of the authority, good from a minute ago for five minutes and never beyond the end of
    /// the right; and what the transcript says of it.
    ///
    /// # Errors
    /// Trouble only.
    pub(crate) fn certified(&self, bearer: &Bearer<'_>) -> Result<(Certified, String), Fault> {
        let now = self.now();
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&zeroize::Zeroizing::new(dice::bytes::<32>()?)));
        let serial = u64::from_be_bytes(dice::bytes()?);
        let says = says(bearer, &key, now, serial, dice::bytes::<32>()?)?;
        let certificate = match self.0.vault.call(Call::Certify { says: Box::new(says) })? {
            Answer::Certified(certificate) => certificate,
            _ => return Err(Fault::trouble("the vault answered another question")),
        };
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256);
        let left = certificate.valid_before().saturating_sub(unix(now));
        let told = format!(
            "signs in to the target as {} with a certificate made for this: key {fingerprint}, serial {serial}, good for {left} s",
            bearer.login
        );
        Ok((Certified::new(key, certificate), told))
    }
}

/// What the certificate of a key says.
fn says(bearer: &Bearer<'_>, key: &PrivateKey, now: Timestamp, serial: u64, nonce: [u8; 32]) -> Result<Builder, Fault> {
    let Bearer { person, session, request, login, ends } = bearer;
    let now = unix(now);
    let before = unix(*ends).min(now + GOOD_S);
    let made = || {
        let mut says = Builder::new(nonce, key.public_key().key_data().clone(), now.saturating_sub(BEHIND_S), before)?;
        says.serial(serial)?.valid_principal(*login)?;
        // sshd writes it into its log as it is; what people choose of it, a handle, has no blanks.
        says.key_id(format!("countersign person={person} session={} request={}", session.0, request.0))?;
        for extension in EXTENSIONS {
            says.extension(extension, "")?;
        }
        Ok(says)
    };
    made().map_err(|fault: ssh_key::Error| Fault::trouble(fault))
}

/// Whole seconds since 1970.
fn unix(at: Timestamp) -> u64 {
    at.seconds_since(Timestamp(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::certificate::{CertType, Certificate};

    const NOW: Timestamp = Timestamp(1_700_000_000_500_000);

    fn key(n: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[n; 32]))
    }

    fn certificate(ends: Timestamp) -> Certificate {
        let bearer = Bearer { person: "alice", session: SessionId(3), request: RequestId(7), login: "deploy", ends };
        says(&bearer, &key(1), NOW, 4711, [9; 32]).expect("a certificate").sign(&key(2)).expect("signed")
    }

    #[test]
    fn r52_a_certificate_names_one_login_and_is_good_for_minutes() {
        let made = certificate(Timestamp::MAX);
        assert_eq!((made.valid_after(), made.valid_before()), (1_699_999_940, 1_700_000_300));
        assert_eq!(made.cert_type(), CertType::User);
        assert_eq!(made.valid_principals(), ["deploy"]);
        assert_eq!((made.serial(), made.key_id()), (4711, "countersign person=alice session=3 request=7"));
        assert!(made.critical_options().is_empty());
        let may: Vec<_> = made.extensions().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(may, EXTENSIONS.map(|extension| (extension, "")));
    }

    /// Whatever the clocks say, it is over with the right it was made for.
    #[test]
    fn r35_a_certificate_does_not_outlive_its_grant() {
        assert_eq!(certificate(NOW.plus(20)).valid_before(), 1_700_000_020);
        assert_eq!(certificate(NOW.plus(300)).valid_before(), 1_700_000_300);
        assert_eq!(certificate(NOW.plus(3_600)).valid_before(), 1_700_000_300);
    }
}
