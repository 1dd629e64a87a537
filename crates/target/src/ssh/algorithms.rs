//! Which algorithms are agreed on with a target: what is modern, and behind it what a device's own setting allows besides.
//! Nothing weaker is ever agreed on because a target has nothing else.

use russh::client::GexParams;
use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::{AlgorithmKind, Preferred, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Signatures with SHA-1, by keys of hosts and of accounts (RFC 4253, 6.6; RFC 8332 ended them).
pub(super) const SSH_RSA: &str = "ssh-rsa";

/// What is agreed on with every target. RSA signs with SHA-2 only (RFC 8332), and strict key exchange is asked for
/// (draft-miller-sshm-strict-kex).
const MODERN: Preferred = Preferred {
    kex: Cow::Borrowed(&[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::DH_G18_SHA512,
        kex::DH_G17_SHA512,
        kex::DH_G16_SHA512,
        kex::DH_G15_SHA512,
        kex::DH_G14_SHA256,
        kex::DH_GEX_SHA256,
        kex::EXTENSION_SUPPORT_AS_CLIENT,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
    ]),
    key: Cow::Borrowed(&[
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]),
    host_key_certificates: Cow::Borrowed(&[]),
    // AES comes first: processors of servers have instructions for it, and half of what a transfer costs here is ciphers.
    cipher: Cow::Borrowed(&[
        cipher::AES_256_GCM,
        cipher::AES_128_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ]),
    mac: Cow::Borrowed(&[mac::HMAC_SHA512_ETM, mac::HMAC_SHA256_ETM, mac::HMAC_SHA512, mac::HMAC_SHA256]),
    compression: Cow::Borrowed(&[compression::NONE]),
};

// What a device may have besides, the better ones first.
const KEX: &[kex::Name] = &[kex::DH_GEX_SHA1, kex::DH_G14_SHA1, kex::DH_G1_SHA1];
const CIPHERS: &[cipher::Name] = &[cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];
const MACS: &[mac::Name] = &[mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

/// Smallest group of a key exchange that a target may choose, in bits (RFC 8270 has it so).
const GROUP_BITS_MIN: usize = 2_048;

/// How names begin that stand among key exchanges and are none (RFC 8308; draft-miller-sshm-strict-kex).
const MARKS: [&str; 2] = ["ext-info-", "kex-strict-"];

/// Names of a target's that are told, and how long one may be (RFC 4251, 6).
const TOLD_MAX: usize = 20;
const NAME_BYTES_MAX: usize = 64;

/// Every algorithm that a device may be allowed besides the modern ones, by its name (RFC 4253, IANA).
#[must_use]
pub fn legacy_algorithms() -> Vec<&'static str> {
    let kex = KEX.iter().map(AsRef::as_ref);
    let ciphers = CIPHERS.iter().map(AsRef::as_ref);
    kex.chain([SSH_RSA]).chain(ciphers).chain(MACS.iter().map(AsRef::as_ref)).collect()
}

/// Sizes of the groups that a target may choose, in bits.
pub(super) fn groups() -> GexParams {
    GexParams::new(GROUP_BITS_MIN, 3_072, 8_192).unwrap_or_default()
}

/// The modern ones, and behind them these. Of keys only those of the kind that is pinned: a target may have several, and would show
/// another.
pub(super) fn preferred(legacy: &BTreeSet<String>, pinned: &Algorithm) -> Preferred {
    let mut preferred = allowed(legacy);
    let kind = |of: &Algorithm| match of {
        Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
        other => other.clone(),
    };
    preferred.key.to_mut().retain(|key| kind(key) == kind(pinned));
    preferred
}

fn allowed(legacy: &BTreeSet<String>) -> Preferred {
    let mut preferred = MODERN;
    let is_allowed = |name: &str| legacy.contains(name);
    preferred.kex.to_mut().extend(KEX.iter().filter(|name| is_allowed(name.as_ref())));
    preferred.cipher.to_mut().extend(CIPHERS.iter().filter(|name| is_allowed(name.as_ref())));
    preferred.mac.to_mut().extend(MACS.iter().filter(|name| is_allowed(name.as_ref())));
    if is_allowed(SSH_RSA) {
        preferred.key.to_mut().push(Algorithm::Rsa { hash: None });
    }
    preferred
}

/// Why nothing could be agreed on: of which kind, what the target has, and what could be done.
pub(super) fn nothing_common(kind: AlgorithmKind, theirs: &[String]) -> String {
    let what = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "algorithm of host keys",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Mac => "MAC",
        AlgorithmKind::Compression => "compression",
    };
    // They come from the target, which may write anything there.
    let is_name = |name: &&String| name.len() <= NAME_BYTES_MAX && name.bytes().all(|byte| byte.is_ascii_graphic());
    let is_mark = |name: &&String| MARKS.iter().any(|mark| name.starts_with(mark));
    let told: Vec<&str> =
        theirs.iter().filter(is_name).filter(|name| !is_mark(name)).take(TOLD_MAX).map(String::as_str).collect();
    let known = legacy_algorithms();
    let could: Vec<&str> = told.iter().copied().filter(|name| known.contains(name)).collect();
    let remedy = match could.as_slice() {
        [] => "which its device cannot be allowed; whoever runs it must bring it up to date".to_owned(),
        could => format!(
            "bring it up to date, or have an administrator allow one of them for its device (`legacy_algorithms`: {})",
            could.join(", ")
        ),
    };
    format!("it has no {what} in common with us; it offers {}: {remedy}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r52_legacy_algorithms_come_behind_the_modern_ones_and_only_where_allowed() {
        let plain = allowed(&BTreeSet::new());
        let weak = legacy_algorithms();
        let names = |all: &Preferred| -> Vec<String> {
            let kex = all.kex.iter().map(|n| n.as_ref().to_owned());
            let keys = all.key.iter().map(ToString::to_string);
            let ciphers = all.cipher.iter().map(|n| n.as_ref().to_owned());
            kex.chain(keys).chain(ciphers).chain(all.mac.iter().map(|n| n.as_ref().to_owned())).collect()
        };
        assert!(names(&plain).iter().all(|name| !weak.contains(&name.as_str())), "{:?}", names(&plain));
        assert!(names(&plain).contains(&"kex-strict-c-v00@openssh.com".to_owned()));
        let all = allowed(&weak.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(names(&all).len(), names(&plain).len() + weak.len());
        assert_eq!(all.cipher[..plain.cipher.len()], plain.cipher[..]);
        assert_eq!(all.key.last(), Some(&Algorithm::Rsa { hash: None }));
        let one = allowed(&["hmac-sha1".to_owned()].into());
        assert_eq!((one.mac.last(), one.cipher.len()), (Some(&mac::HMAC_SHA1), plain.cipher.len()));
    }

    /// A target that has several keys shows the one that is pinned.
    #[test]
    fn r52_only_keys_of_the_pinned_kind_are_asked_for() {
        let asked = |pinned| preferred(&BTreeSet::new(), &pinned).key.into_owned();
        assert_eq!(asked(Algorithm::Ed25519), [Algorithm::Ed25519]);
        let rsa = |hash| Algorithm::Rsa { hash: Some(hash) };
        assert_eq!(asked(Algorithm::Rsa { hash: None }), [rsa(HashAlg::Sha512), rsa(HashAlg::Sha256)]);
        let nist = Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 };
        assert_eq!(asked(nist.clone()), [nist]);
    }

    #[test]
    fn r52_what_a_target_offers_is_told_as_names_and_nothing_else() {
        let theirs = ["aes128-cbc".to_owned(), "\u{1b}]0;x".to_owned(), "x".repeat(65), "rc4".to_owned()];
        let told = nothing_common(AlgorithmKind::Cipher, &theirs);
        assert!(
            told.contains("it offers aes128-cbc, rc4: ") && told.contains("`legacy_algorithms`: aes128-cbc)"),
            "{told}"
        );
        let hopeless =
            nothing_common(AlgorithmKind::Kex, &["old".to_owned(), "kex-strict-s-v00@openssh.com".to_owned()]);
        assert!(
            hopeless.contains("no key exchange in common with us; it offers old: ")
                && hopeless.contains("cannot be allowed"),
            "{hopeless}"
        );
    }
}
