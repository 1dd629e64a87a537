use super::*;
use data_encoding::BASE64;

/// A field as SSH writes it (RFC 4251 §5).
fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes(), bytes].concat()
}

/// A key of a kind with these fields behind its name.
fn line(kind: &str, fields: &[&[u8]]) -> String {
    let fields = fields.iter().flat_map(|f| field(f));
    let whole: Vec<u8> = field(kind.as_bytes()).into_iter().chain(fields).collect();
    format!("{kind} {}", BASE64.encode(&whole))
}

fn rsa(bits: usize, exponent: &[u8]) -> String {
    let (bytes, first) = (bits.div_ceil(8), 1u8 << ((bits - 1) % 8));
    let mut modulus = vec![0xff; bytes];
    modulus[0] = first;
    if first >= 0x80 {
        modulus.insert(0, 0);
    }
    line("ssh-rsa", &[exponent, &modulus])
}

fn ecdsa(curve: &str, point: usize) -> String {
    let point = [vec![4], vec![7; point]].concat();
    line(&format!("ecdsa-sha2-{curve}"), &[curve.as_bytes(), &point])
}

fn ed25519() -> String {
    line("ssh-ed25519", &[&[7; 32]])
}

fn refusal(text: &str) -> Option<KeyRefusal> {
    read(text).err()
}

const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
const LIKE_65537: &[u8] = &RSA_EXPONENT;

#[test]
fn keys_of_every_kind_that_is_taken_are_read() {
    let point = [vec![4], vec![7; 64]].concat();
    for text in [
        ed25519(),
        ecdsa("nistp256", 64),
        ecdsa("nistp384", 96),
        ecdsa("nistp521", 132),
        rsa(3072, LIKE_65537),
        rsa(3073, LIKE_65537),
        rsa(8192, LIKE_65537),
        line(SK_ED25519, &[&[7; 32], b"ssh:"]),
        line(SK_ECDSA, &[b"nistp256", &point, b"ssh:"]),
    ] {
        let kind = text.split(' ').next().unwrap_or_default();
        let key = read(&text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
        assert_eq!(key.algorithm().to_string(), kind);
        // A comment is no part of it, whatever stands in it.
        let commented = read(&format!("  {kind}\t  {} \u{202e}a\u{1b}[2J b  \n", text.split(' ').nth(1).unwrap_or("")))
            .expect("read");
        assert_eq!(commented, key);
    }
}

/// As `ssh-keygen -l` shows it.
#[test]
fn the_fingerprint_is_that_of_openssh() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGCp1fd+vwrBnwOBKcgMbLGkjntBHuvlb0RMORSCRvUt";
    let fingerprint = read(key).expect("read").fingerprint(HashAlg::Sha256).to_string();
    assert_eq!(fingerprint, "SHA256:LmZRxk5npTPtf1LftJppznMr0zC5+nanbEpglGwfPZA");
}

#[test]
fn what_is_no_key_or_a_weak_one_is_refused_with_the_reason() {
    let truncated = ed25519()[..60].to_owned();
    let longer = line("ssh-ed25519", &[&[7; 32], &[1]]);
    let other_name = ed25519().replace("ssh-ed25519", "ssh-rsa");
    for (text, expected) in [
        (String::new(), KeyRefusal::Unread),
        ("ssh-ed25519".to_owned(), KeyRefusal::Unread),
        ("hello world".to_owned(), KeyRefusal::Unread),
        (truncated, KeyRefusal::Unread),
        (longer, KeyRefusal::Unread),
        (other_name, KeyRefusal::Unread),
        (line("ssh-ed25519", &[&[7; 31]]), KeyRefusal::Unread),
        (ecdsa("nistp256", 96), KeyRefusal::Unread),
        (format!("{}\n{}", ed25519(), ed25519()), KeyRefusal::Unread),
        (format!("no-pty {}", ed25519()), KeyRefusal::Unread),
        (format!("{} {}", ed25519(), "c".repeat(TEXT_BYTES_MAX)), KeyRefusal::Length),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n".to_owned(), KeyRefusal::Private),
        ("ssh-ed25519-cert-v01@openssh.com AAAA".to_owned(), KeyRefusal::Certificate),
        ("rsa-sha2-512-cert-v01@openssh.com AAAA".to_owned(), KeyRefusal::Certificate),
        (line("ssh-dss", &[&[7; 128], &[7; 20], &[7; 128], &[7; 128]]), KeyRefusal::Kind),
        (line("ssh-xmss@openssh.com", &[&[7; 32]]), KeyRefusal::Kind),
        (rsa(1024, LIKE_65537), KeyRefusal::RsaBits(1024)),
        (rsa(2048, LIKE_65537), KeyRefusal::RsaBits(2048)),
        (rsa(3071, LIKE_65537), KeyRefusal::RsaBits(3071)),
        (rsa(8193, LIKE_65537), KeyRefusal::RsaBits(8193)),
        (rsa(3072, &[1]), KeyRefusal::RsaExponent),
        (rsa(3072, &[3]), KeyRefusal::RsaExponent),
    ] {
        assert_eq!(refusal(&text), Some(expected), "{text}");
    }
}

#[test]
fn a_name_is_short_and_all_of_it_is_seen() {
    for name in ["a", " my laptop ", "größe 4711", &"n".repeat(60)] {
        assert_eq!(named(name).as_deref(), Ok(name.trim()));
    }
    for name in ["", "   ", &"n".repeat(61), "a\u{202e}b", "a\nb", "a\u{1b}[2J", "a\u{200b}"] {
        assert_eq!(named(name), Err(KeyRefusal::Name), "{name:?}");
    }
}
