//! Certificates made here, for each thing that is asked of one.

use super::*;
use ssh_key::certificate::Builder;
use ssh_key::private::Ed25519Keypair;
use ssh_key::public::RsaPublicKey;
use ssh_key::{Mpint, PrivateKey};

const NOW: u64 = 1_700_000_000;

fn key(n: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[n; 32]))
}

/// A certificate of authority 1 for alice, changed by `change` before it is signed.
fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
    signed(1, NOW - 60, NOW + 60, |builder| {
        builder.valid_principal("alice").expect("a name");
        change(builder);
    })
}

fn signed(by: u8, after: u64, before: u64, change: impl FnOnce(&mut Builder)) -> Certificate {
    let mut builder = Builder::new(vec![7; 16], key(9).public_key().key_data().clone(), after, before).expect("times");
    builder.key_id("laptop of alice").expect("a name").serial(4711).expect("once");
    change(&mut builder);
    builder.sign(&key(by)).expect("signed")
}

/// The same of a key that is not taken, though the authority took it: RSA with 1024 bits.
fn weak() -> Certificate {
    let (exponent, modulus) = (Mpint::from_positive_bytes(&[1, 0, 1]), Mpint::from_positive_bytes(&[0xff; 128]));
    let key = KeyData::Rsa(RsaPublicKey::new(exponent, modulus).expect("a key"));
    let mut builder = Builder::new(vec![7; 16], key, NOW - 60, NOW + 60).expect("times");
    builder.valid_principal("alice").expect("a name");
    builder.sign(&self::key(1)).expect("signed")
}

/// What becomes of a certificate that alice shows from an address, where authority 1 and 2 are listed.
fn judged(certificate: &Certificate, from: &str) -> Result<(), Void> {
    let authorities = [key(2).public_key().clone(), key(1).public_key().clone()];
    let now = Timestamp(i64::try_from(NOW * 1_000_000).expect("a time"));
    counts(certificate, &authorities, &Bearer { handle: "alice", from: from.parse().ok(), now })
}

fn critical(option: &'static str, value: &'static str) -> impl FnOnce(&mut Builder) {
    move |builder| {
        builder.critical_option(option, value).expect("once");
    }
}

#[test]
fn r52_a_certificate_counts_for_whom_it_names_while_it_says_so() {
    let here = "192.0.2.7";
    let plain = certificate(|_| ());
    assert_eq!(judged(&plain, here), Ok(()));
    let bytes = plain.to_bytes().expect("bytes");
    let again = Certificate::from_bytes(&bytes).expect("a certificate");
    assert_eq!(judged(&again, here), Ok(()));
    let principal = |builder: &mut Builder| {
        builder.valid_principal("alice").expect("a name");
    };
    let host = |builder: &mut Builder| {
        builder.cert_type(CertType::Host).expect("once");
    };
    for (what, void, certificate) in [
        ("of another authority", Void::Authority, signed(3, NOW - 60, NOW + 60, principal)),
        ("of a host", Void::Host, certificate(host)),
        ("over", Void::Time, signed(1, NOW - 60, NOW, principal)),
        ("not yet", Void::Time, signed(1, NOW + 1, NOW + 60, principal)),
        (
            "another's",
            Void::Principal,
            signed(1, NOW - 60, NOW + 60, |builder| {
                builder.valid_principal("bob").expect("a name").valid_principal("Alice").expect("a name");
            }),
        ),
        (
            "nobody's",
            Void::Principal,
            signed(1, NOW - 60, NOW + 60, |builder| {
                builder.all_principals_valid().expect("once");
            }),
        ),
        ("with a command", Void::Option, certificate(critical("force-command", "true"))),
        ("with what nobody knows", Void::Option, certificate(critical("verify-required", ""))),
        ("from elsewhere", Void::Address, certificate(critical("source-address", "192.0.2.8,2001:db8::/32"))),
        ("of a weak key", Void::Key, weak()),
        ("from nowhere", Void::Address, certificate(critical("source-address", ""))),
    ] {
        assert_eq!(judged(&certificate, here), Err(void), "{what}");
    }
    assert_eq!(judged(&certificate(critical("source-address", "10.0.0.0/8,192.0.2.0/24")), here), Ok(()));
    assert_eq!(judged(&certificate(critical("source-address", "192.0.2.0/24")), "nowhere"), Err(Void::Address));
    assert_eq!(judged(&signed(1, 0, u64::MAX >> 1, principal), here), Ok(()), "for ever");
}

/// Each bit of a certificate is under its authority's signature: with any other it counts for nothing.
#[test]
fn r52_a_certificate_that_was_changed_counts_for_nothing() {
    let bytes = certificate(|_| ()).to_bytes().expect("bytes");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Certificate::from_bytes(&changed);
        assert!(read.is_err() || judged(&read.expect("read"), "192.0.2.7").is_err(), "byte {at}");
    }
}

#[test]
fn addresses_are_read_to_their_end_or_not_at_all() {
    for (list, from, expected) in [
        ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "::ffff:192.0.2.7", true),
        ("192.0.2.0/24", "192.0.3.1", false),
        ("0.0.0.0/0", "198.51.100.1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("2001:db8::1", "2001:db8::1", true),
        ("192.0.2.1/24", "192.0.2.1", false),
        ("192.0.2.1/24,192.0.2.7", "192.0.2.7", false),
        ("192.0.2.0/33", "192.0.2.0", false),
        ("192.0.2.0/-1", "192.0.2.0", false),
        ("192.0.2.0/+24", "192.0.2.0", false),
        ("192.0.2.0/", "192.0.2.0", false),
        ("192.0.2.7,nonsense", "192.0.2.7", false),
        ("192.0.2.7,", "192.0.2.7", false),
        ("!192.0.2.7", "192.0.2.7", false),
        ("192.0.2.*", "192.0.2.7", false),
        ("", "192.0.2.7", false),
    ] {
        assert_eq!(lists(list, from.parse().expect("an address")), expected, "{list} and {from}");
    }
    let long = format!("{}192.0.2.7", "192.0.2.7,".repeat(200));
    assert!(!lists(&long, "192.0.2.7".parse().expect("an address")));
}

#[test]
fn r52_authorities_are_plain_keys_each_once() {
    let line = |n: u8| key(n).public_key().to_openssh().expect("a line");
    let listed = authorities(&[format!("  {}  people  CA ", line(1)), line(2)]).expect("read");
    assert_eq!(listed, [format!("{} people CA", line(1)), line(2)]);
    let certificate = certificate(|_| ()).to_openssh().expect("a line");
    let many: Vec<String> = (0..17).map(line).collect();
    let rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7";
    let dsa = "ssh-dss AAAAB3NzaC1kc3MAAACBAP";
    for (lines, told) in [
        (vec![line(1), line(1)], "key 2: it is listed twice"),
        (vec![certificate], "key 1: certificates are not taken"),
        (vec![rsa.to_owned()], "key 1: this is not one public key"),
        (vec![dsa.to_owned()], "key 1: this is not one public key"),
        (vec![String::new()], "key 1: this is not one public key"),
        (vec![format!("{}\n{}", line(1), line(2))], "key 1: this is not one public key"),
        (vec![format!("{} a\u{202e}b", line(1))], "key 1: its comment"),
        (vec![format!("{} {}", line(1), "x".repeat(101))], "key 1: its comment"),
        (many, "17 keys are listed, and 16 may be"),
    ] {
        let wrong = authorities(&lines).expect_err("refused");
        assert!(wrong.contains(told), "{wrong}");
    }
}
