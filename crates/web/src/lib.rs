//! Pages, HTTP API, live updates: what people and programs see of the control plane over HTTPS.
//!
//! [`routes`] holds one table of every path, method and who may; pages and API come from it and from nothing else.
//! Every answer is built from the values of `countersign_control::view`, every act is one call of `Control`. Pages
//! work without scripts; scripts add live updates and keys.
//!
//! This room must not know: the database, the journal's encoding, wire protocols of targets, how a decision is
//! reached. It decides nothing: it shows and passes on.

mod api;
mod assets;
mod cookie;
mod draw;
mod fault;
mod follow;
mod guard;
mod headers;
mod live;
mod origin;
mod pages;
mod period;
mod reader;
mod routes;
mod script;
mod serve;
mod site;
mod turn;
mod written;

pub use routes::{RouteLine, Surface, Who, router, table_lines};
pub use serve::{Bound, WebConfig, WebError, bind};
