//! `make demo`: plays the main job with real programs, then stays up to be tried; `--once` ends instead.
//!
//! Must not know how Countersign works inside: it uses the program as people do.

mod commands;
mod play;
mod special;
mod stage;
mod tell;

use std::fs;
use std::process::ExitCode;

use countersign_harness::{HarnessError, countersign};

use crate::stage::Stage;
use crate::tell::DemoError;

/// The folder where cargo puts what it builds, which is also where the journal's copy stays.
const TARGET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");

fn main() -> ExitCode {
    let once = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [word] if word == "--once" => true,
        _ => {
            eprintln!("countersign-demo: the only argument is `--once`");
            return ExitCode::from(2);
        }
    };
    match run(once) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\ncountersign-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(once: bool) -> Result<(), DemoError> {
    println!(
        "Building Countersign, starting a PostgreSQL with a small shop, an OpenSSH server, a mail server and Countersign …"
    );
    let program = countersign::build()?;
    let stage = Stage::set_up(&program)?;
    let target = fs::canonicalize(TARGET)
        .map_err(|source| DemoError::File { what: "find the folder `target`".to_owned(), source })?;
    let second_factor = play::play(&stage, &target.join("demo-export"))?;
    println!("\nEvery step behaved. The journal's copy is in target/demo-export.");
    if once { Ok(()) } else { stay_up(&stage, &second_factor) }
}

/// Says how to go on by hand and waits for Ctrl-C; the caller's drops then stop everything.
fn stay_up(stage: &Stage, second_factor: &str) -> Result<(), DemoError> {
    let countersign = &stage.countersign;
    println!("\nIt stays up to be tried; Ctrl-C stops and removes everything.\n");
    println!("  Pages      {}", countersign.page_address());
    println!("             (its certificate comes from {})", countersign.ca_path().display());
    for (handle, what) in [
        ("alice", "developer: reserves, connects"),
        ("mia", "her manager: approves, revokes"),
        ("dora", "database team: countersigns"),
        ("ada", "administrator"),
        ("sam", "second administrator: approves what Ada changes"),
    ] {
        println!("  {handle:10} {}  {what}", countersign.password(handle));
    }
    println!("  Alice signs in with a code as well; the key for an authenticator is {second_factor}");
    let token = countersign.cli("alice", &["token", "prod-db"])?;
    println!(
        "\n  A token for Alice's psql, for 15 minutes, once she has reserved prod-db on the page and Mia approved:"
    );
    for line in token.stdout.lines().chain(token.stderr.lines()) {
        println!("  {line}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let waited = runtime.and_then(|runtime| runtime.block_on(tokio::signal::ctrl_c()));
    println!("\nStopping …");
    waited.map_err(|source| HarnessError::System { what: "wait for Ctrl-C".to_owned(), source }.into())
}
