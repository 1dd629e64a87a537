//! The whole product from outside: the real program in front of a real PostgreSQL, reached by the real `psql`, by a
//! driver that speaks the extended protocol, by the command line and by the API. Each test is named after the
//! requirement it drives.

#[path = "end_to_end/alerts.rs"]
mod alerts;
#[path = "end_to_end/authority.rs"]
mod authority;
#[path = "end_to_end/bucket.rs"]
mod bucket;
#[path = "end_to_end/certificate.rs"]
mod certificate;
#[path = "end_to_end/clients.rs"]
mod clients;
#[path = "end_to_end/command.rs"]
mod command;
#[path = "end_to_end/connect.rs"]
mod connect;
#[path = "end_to_end/contact.rs"]
mod contact;
#[path = "end_to_end/decide.rs"]
mod decide;
#[path = "end_to_end/editors.rs"]
mod editors;
#[path = "end_to_end/end.rs"]
mod end;
#[path = "end_to_end/forward.rs"]
mod forward;
#[path = "end_to_end/forward_with.rs"]
mod forward_with;
#[path = "end_to_end/gated.rs"]
mod gated;
#[path = "end_to_end/hold.rs"]
mod hold;
#[path = "end_to_end/keys.rs"]
mod keys;
#[path = "end_to_end/legacy.rs"]
mod legacy;
#[path = "end_to_end/login_shell.rs"]
mod login_shell;
#[path = "end_to_end/plan.rs"]
mod plan;
#[path = "end_to_end/prove.rs"]
mod prove;
#[path = "end_to_end/recorded_first.rs"]
mod recorded_first;
#[path = "end_to_end/replay.rs"]
mod replay;
#[path = "end_to_end/rule.rs"]
mod rule;
#[path = "end_to_end/sftp.rs"]
mod sftp;
#[path = "end_to_end/sftp_held.rs"]
mod sftp_held;
#[path = "end_to_end/sftp_raw.rs"]
mod sftp_raw;
#[path = "end_to_end/special.rs"]
mod special;
#[path = "end_to_end/ssh.rs"]
mod ssh;
#[path = "end_to_end/ssh_odd.rs"]
mod ssh_odd;
#[path = "end_to_end/ssh_sign_in.rs"]
mod ssh_sign_in;
#[path = "end_to_end/table.rs"]
mod table;
#[path = "end_to_end/terminal.rs"]
mod terminal;
#[path = "end_to_end/wire.rs"]
mod wire;
#[path = "end_to_end/world.rs"]
mod world;
