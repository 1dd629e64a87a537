//! Servers that speak nothing modern of one kind: refused in words, unless their device allows what they have.

use crate::ssh::FREE;
use crate::world::{World, has};
use countersign_harness::{OpenSsh, Ran};

/// A server that has only one algorithm of a kind.
struct Old {
    name: &'static str,
    sshd: OpenSsh,
    /// What it has.
    only: &'static str,
    /// As the person is told.
    kind: &'static str,
}

fn old(name: &'static str, kind: &'static str, only: &'static str, keys: &[&str], lines: &str) -> Old {
    Old { name, sshd: OpenSsh::start_keyed(keys, lines).unwrap_or_else(|error| panic!("{error}")), only, kind }
}

/// A device in front of it, with further lines.
fn entry(old: &Old, further: &str) -> String {
    let (sshd, name) = (&old.sshd, old.name);
    let (port, user, key) = (sshd.port(), sshd.user(), sshd.user_key().expect("a key"));
    let host_key = sshd.host_key().expect("a host key");
    format!(
        "[[device]]\nname = \"{name}\"\nprotocol = \"ssh\"\nhost = \"127.0.0.1\"\nport = {port}\nhost_key = \"{host_key}\"\n\
         {further}\n[[account]]\ndevice = \"{name}\"\nname = \"{user}\"\npassword = \'\'\'\n{key}\'\'\'\n"
    )
}

fn run(world: &World, target: &str) -> Ran {
    world.api("alice");
    let ssh = world.server.ssh("alice", target).unwrap_or_else(|error| panic!("{error}"));
    ssh.run("echo in", "").expect("ssh runs")
}

/// R52: each kind by itself. The server signs its host key and takes the account's by SHA-1 only, in the last.
#[test]
fn r52_legacy_algorithms_are_agreed_on_only_where_the_device_allows_them() {
    let (ed25519, rsa) = (["-t", "ed25519"], ["-t", "rsa", "-b", "3072"]);
    let sha1 = "HostKeyAlgorithms ssh-rsa\nPubkeyAcceptedAlgorithms ssh-rsa\n";
    let servers = [
        old(
            "old-kex",
            "key exchange",
            "diffie-hellman-group14-sha1",
            &ed25519,
            "KexAlgorithms diffie-hellman-group14-sha1\n",
        ),
        old("old-cipher", "cipher", "aes128-cbc", &ed25519, "Ciphers aes128-cbc\n"),
        old("old-mac", "MAC", "hmac-sha1", &ed25519, "MACs hmac-sha1\nCiphers aes128-ctr\n"),
        old("old-key", "algorithm of host keys", "ssh-rsa", &rsa, sha1),
    ];
    let devices =
        |further: &dyn Fn(&Old) -> String| servers.iter().map(|old| entry(old, &further(old))).collect::<String>();
    let world = World::new(&[&devices(&|_| String::new()), FREE]);
    for Old { name, only, kind, .. } in &servers {
        let refused = run(&world, name);
        assert_eq!((refused.stdout.as_str(), refused.code), ("", 126), "{name}");
        let why = format!("no {kind} in common with us; it offers {only}: ");
        for words in [why.as_str(), &format!("(`legacy_algorithms`: {only})")] {
            has(&refused.stderr, words);
        }
        has(&world.server.log_tail(), &why);
    }

    // What one device is allowed, no other is; and it is warned of before it is proposed.
    let allowed = devices(&|old| format!("legacy_algorithms = [\"{}\"]", old.only));
    let first = devices(&|old| {
        if old.name == "old-kex" { format!("legacy_algorithms = [\"{}\"]", old.only) } else { String::new() }
    });
    world.apply(&[&first, FREE]);
    let runs = |name: &str| run(&world, name).stdout == "in\n";
    assert!(runs("old-kex") && !runs("old-cipher"));
    world.apply(&[&allowed, FREE]);
    for Old { name, only, .. } in &servers {
        let ran = run(&world, name);
        assert_eq!((ran.stdout.as_str(), ran.code), ("in\n", 0), "{name}: {}", ran.stderr);
        let plan = world.file(&[&devices(&|_| String::new()), FREE]);
        let file = world.server.scratch_dir().join("plan.toml");
        std::fs::write(&file, world.file(&[&allowed, FREE]) + "[[group]]\nname = \"more\"\n").expect("written");
        let planned = |file: &std::path::Path| {
            world.server.cli("ada", &["plan", &file.display().to_string()]).expect("it runs").stdout
        };
        has(&planned(&file), &format!("device `{name}`: {only} may be agreed on with it"));
        std::fs::write(&file, plan).expect("written");
        assert!(!planned(&file).contains("may be agreed on"));
    }
    let in_force = world.server.cli("ada", &["policy"]).expect("it runs").stdout;
    has(&in_force, "legacy_algorithms = [\"aes128-cbc\"]");
    let unknown = devices(&|_| "legacy_algorithms = [\"rc4\"]".to_owned());
    let why = world.refused(&[&unknown, FREE]);
    has(
        &why,
        "`legacy_algorithms`: `rc4` is none of these, which can be allowed: diffie-hellman-group-exchange-sha1, ",
    );
}
