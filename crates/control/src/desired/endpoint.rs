//! How a device is spoken to, from its entry in the file.

use super::file::DeviceEntry;
use crate::fault::Fault;
use countersign_core::{Endpoint, PostgresEndpoint, Protocol, SshEndpoint};
use countersign_target::ssh::{legacy_algorithms, plain_host_key};

/// What a device is pinned to: what its protocol needs, and nothing that means nothing for it.
pub(super) fn endpoint(entry: &DeviceEntry) -> Result<Endpoint, Fault> {
    let wrong = |what: &str| Fault::Input(format!("device `{}`: {what}", entry.name));
    match entry.protocol {
        Protocol::Postgresql => {
            if entry.host_key.is_some() {
                return Err(wrong("`host_key` is for `protocol = \"ssh\"`; a database is pinned by `ca`"));
            }
            if !entry.legacy_algorithms.is_empty() {
                return Err(wrong("`legacy_algorithms` is for `protocol = \"ssh\"`"));
            }
            let needs = |what| wrong(&format!("`{what}` is missing"));
            Ok(Endpoint::Postgresql(PostgresEndpoint {
                database: entry.database.clone().filter(|d| !d.is_empty()).ok_or_else(|| needs("database"))?,
                ca_pem: entry.ca.clone().ok_or_else(|| needs("ca"))?,
                server_name: entry.server_name.clone().unwrap_or_else(|| entry.host.clone()),
            }))
        }
        Protocol::Ssh => {
            if entry.database.is_some() || entry.ca.is_some() || entry.server_name.is_some() {
                return Err(wrong(
                    "`database`, `ca` and `server_name` are for databases; an SSH server has a `host_key`",
                ));
            }
            if let Some(why) = entry.legacy_algorithms.iter().find_map(|name| no_legacy_algorithm(name)) {
                return Err(wrong(&format!("`legacy_algorithms`: {why}")));
            }
            let legacy_algorithms = entry.legacy_algorithms.iter().cloned().collect();
            let host_key = entry.host_key.as_deref().and_then(plain_host_key);
            host_key.map(|host_key| Endpoint::Ssh(SshEndpoint { host_key, legacy_algorithms })).ok_or_else(|| {
                wrong("`host_key` must be a public key as in `/etc/ssh/ssh_host_ed25519_key.pub`: `ssh-ed25519 AAAA…`")
            })
        }
    }
}

/// Why this is no algorithm that a device can be allowed, if it is none.
pub(super) fn no_legacy_algorithm(name: &str) -> Option<String> {
    let known = legacy_algorithms();
    (!known.contains(&name)).then(|| format!("`{name}` is none of these, which can be allowed: {}", known.join(", ")))
}
