//! SCRAM-SHA-256 as a server (RFC 5802, RFC 7677), without channel binding: the connection is TLS and clients verify it.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, hmac};
use countersign_control::{Fault, Scram, dice};
use data_encoding::BASE64;

/// The mechanism's name.
pub(super) const MECHANISM: &str = "SCRAM-SHA-256";

/// What the client's first message said.
pub(super) struct FirstMessage {
    gs2: String,
    bare: String,
    nonce: String,
}

/// Waiting for the client's final message.
pub(super) struct Challenge {
    gs2: String,
    nonce: String,
    auth_message_begin: String,
    /// What to send.
    pub(super) message: String,
}

/// Reads a SASLInitialResponse body: mechanism and client-first-message. `None` when it is not well formed.
pub(super) fn first_message(body: &[u8]) -> Option<FirstMessage> {
    let end = body.iter().position(|b| *b == 0)?;
    let (mechanism, rest) = body.split_at(end);
    let (length, text) = rest.get(1..)?.split_at_checked(4)?;
    let length = usize::try_from(i32::from_be_bytes(length.try_into().ok()?)).ok()?;
    if mechanism != MECHANISM.as_bytes() || length != text.len() {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    // gs2-header: `n,,` or `y,,`; `p=` would ask for channel binding, which was not offered.
    let bare = text.strip_prefix("n,,").or_else(|| text.strip_prefix("y,,"))?;
    let nonce = bare.split(',').find_map(|part| part.strip_prefix("r="))?;
    if nonce.is_empty() || bare.starts_with("m=") {
        return None;
    }
    Some(FirstMessage { gs2: text[..3].to_owned(), bare: bare.to_owned(), nonce: nonce.to_owned() })
}

/// Answers the client's first message with salt, rounds and both nonces.
pub(super) fn challenge(first: FirstMessage, scram: &Scram) -> Result<Challenge, Fault> {
    let random = dice::bytes::<18>()?;
    let nonce = format!("{}{}", first.nonce, BASE64.encode(&random));
    let message = format!("r={nonce},s={},i={}", BASE64.encode(&scram.salt), scram.iterations);
    let auth_message_begin = format!("{},{message}", first.bare);
    Ok(Challenge { gs2: first.gs2, nonce, auth_message_begin, message })
}

/// Checks the client's final message; on success the server's proof to send back.
pub(super) fn prove(challenge: &Challenge, scram: &Scram, body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let (without_proof, proof) = text.rsplit_once(",p=")?;
    let mut parts = without_proof.split(',');
    let binding = parts.next()?.strip_prefix("c=")?;
    let nonce = parts.next()?.strip_prefix("r=")?;
    if BASE64.decode(binding.as_bytes()).ok()? != challenge.gs2.as_bytes() || nonce != challenge.nonce {
        return None;
    }
    let auth_message = format!("{},{without_proof}", challenge.auth_message_begin);
    let stored = hmac::Key::new(hmac::HMAC_SHA256, &scram.stored_key);
    let signature = hmac::sign(&stored, auth_message.as_bytes());
    let proof = BASE64.decode(proof.as_bytes()).ok()?;
    if proof.len() != signature.as_ref().len() {
        return None;
    }
    let client_key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let found = digest::digest(&digest::SHA256, &client_key);
    verify_slices_are_equal(found.as_ref(), &scram.stored_key).ok()?;
    let server = hmac::Key::new(hmac::HMAC_SHA256, &scram.server_key);
    Some(format!("v={}", BASE64.encode(hmac::sign(&server, auth_message.as_bytes()).as_ref())))
}
