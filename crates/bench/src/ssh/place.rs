//! One target, three ways to it: direct, over a jump host, through Countersign.

use std::fs;
use std::path::{Path, PathBuf};

use countersign_harness::countersign::Options;
use countersign_harness::{Countersign, HarnessError, OpenSsh, Ssh};
use tempfile::TempDir;

/// Where files lie whose way is measured and not the disk.
const MEMORY: &str = "/dev/shm";
/// So many sessions begin at once that OpenSSH would turn some away.
const MANY: &str = "MaxStartups 1000\n";

const POLICY: &str = r#"
[[person]]
handle = "ada"
role = "administrator"
[[person]]
handle = "alice"
[[person]]
handle = "mia"
[[group]]
name = "developers"
members = ["alice"]
managers = ["mia"]
DEVICES
[[rule]]
name = "free"
act = "connect"
outcome = "allow"
groups = ["developers"]
devices = ["free"]
[[rule]]
name = "reserve"
act = "connect"
outcome = "approve"
groups = ["developers"]
devices = ["reserved"]
"#;

/// One way to the target.
pub struct Way {
    /// Its name in tables and keys.
    pub name: &'static str,
    /// The real `ssh` on that way.
    pub ssh: Ssh,
    /// The same for a client of ours.
    pub door: Door,
    /// The process in between.
    pub gateway: Option<u32>,
}

/// Where to sign in, and how.
#[derive(Clone)]
pub struct Door {
    /// On 127.0.0.1.
    pub port: u16,
    /// As whom.
    pub user: String,
    /// With what.
    pub proof: Proof,
    /// What is signed in to first, and forwards to it.
    pub over: Option<Box<Door>>,
}

/// What proves who somebody is.
#[derive(Clone)]
pub enum Proof {
    /// A password, in this file.
    Password(PathBuf),
    /// A private key.
    Key(String),
}

/// Everything that runs. Dropping it stops and removes it.
pub struct Place {
    /// The server in front of the target.
    pub countersign: Countersign,
    /// The target.
    pub target: OpenSsh,
    /// The jump host.
    jump: OpenSsh,
    /// A folder in memory.
    pub files: TempDir,
}

impl Place {
    /// Starts everything.
    ///
    /// # Errors
    /// Whatever kept a component from starting.
    pub fn set_up(program: &Path) -> Result<Self, HarnessError> {
        let (target, jump) = (OpenSsh::start_with(MANY)?, OpenSsh::start()?);
        let countersign = Countersign::start(program, Options::default())?;
        countersign.apply(&policy(&target)?)?;
        countersign.sign_up("alice")?;
        countersign.sign_up("mia")?;
        let in_memory = if Path::new(MEMORY).is_dir() { MEMORY.into() } else { std::env::temp_dir() };
        let system = |source| HarnessError::System { what: "make a folder in memory".to_owned(), source };
        let files = tempfile::tempdir_in(in_memory).map_err(system)?;
        Ok(Self { countersign, target, jump, files })
    }

    /// All ways, the order of a table's columns.
    ///
    /// # Errors
    /// When there is no token.
    pub fn ways(&self) -> Result<Vec<Way>, HarnessError> {
        let direct = self.target.ssh()?;
        let door = door(&self.target)?;
        let over = Door { over: Some(Box::new(self::door(&self.jump)?)), ..door.clone() };
        let jumped = direct.over(&self.jump.ssh()?)?;
        let ours = self.countersign.ssh("alice", "free")?;
        let gateway = self.countersign.pid();
        Ok(vec![
            Way { name: "direct", ssh: direct, door, gateway: None },
            Way { name: "ssh_jump", ssh: jumped, door: over, gateway: None },
            Way { name: "countersign", door: self.door("free")?, ssh: ours, gateway },
        ])
    }

    /// Through Countersign, to one of its devices.
    ///
    /// # Errors
    /// When there is no token.
    pub fn door(&self, device: &str) -> Result<Door, HarnessError> {
        let ssh = self.countersign.ssh("alice", device)?;
        let proof = Proof::Password(ssh.password_file());
        Ok(Door { port: ssh.port(), user: ssh.user().to_owned(), proof, over: None })
    }

    /// A file in memory, of so many bytes.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn file(&self, bytes: u64) -> Result<PathBuf, HarnessError> {
        let path = self.files.path().join(format!("of-{bytes}"));
        let made = fs::File::create(&path).and_then(|file| match bytes {
            0 => Ok(()),
            _ => std::io::copy(&mut std::io::Read::take(fs::File::open("/dev/zero")?, bytes), &mut &file).map(drop),
        });
        made.map(|()| path).map_err(|source| HarnessError::System { what: "make a file".to_owned(), source })
    }
}

fn door(server: &OpenSsh) -> Result<Door, HarnessError> {
    let proof = Proof::Key(server.user_key()?);
    Ok(Door { port: server.port(), user: server.user().to_owned(), proof, over: None })
}

fn policy(target: &OpenSsh) -> Result<String, HarnessError> {
    let (port, user, host_key, key) = (target.port(), target.user(), target.host_key()?, target.user_key()?);
    let device = |name: &str| {
        format!(
            "[[device]]\nname = \"{name}\"\nprotocol = \"ssh\"\nhost = \"127.0.0.1\"\nport = {port}\n\
             host_key = \"{host_key}\"\n[[account]]\ndevice = \"{name}\"\nname = \"{user}\"\npassword = '''\n{key}'''\n"
        )
    };
    Ok(POLICY.replace("DEVICES", &["free", "reserved"].map(device).concat()))
}
