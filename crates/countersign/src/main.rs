//! The program: wiring, configuration, command line. `init`, `serve`, `link`, `verify` and `replay` work here; every other
//! command is a client of the API of a server and knows no more than any other client.
//!
//! This room must not know: how anything is decided, stored, shown or spoken; it starts those who do.

mod client;
mod command;
mod config;
mod failure;
mod init;
mod line;
mod link;
mod place;
mod play;
mod policy_file;
mod replay;
mod screen;
mod serve;
mod session;
mod show;
mod special;
mod verify;

use crate::line::{Command, Line};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let line = Line::parse();
    let done = match &line.command {
        Command::Init(init) => init::init(init),
        Command::Serve { config } => serve::serve(config),
        Command::Link { handle, config } => link::link(config, handle),
        Command::Verify { path, expect } => verify::verify(path, *expect),
        Command::Replay { path, request, from, to } => {
            replay::replay(path, &replay::Wanted { request: *request, from: *from, to: *to })
        }
        Command::Api(ask) => command::run(ask, line.format()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("countersign: {}", show::plain(&failure.to_string()));
            failure.exit_code()
        }
    }
}

/// Writes to standard output, and nothing that moves a cursor; who closed it early wants no more.
pub(crate) fn say(text: &str) {
    let (text, mut out) = (show::plain(text), std::io::stdout().lock());
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}
