//! `link`: a one-time link made on the server's own machine, for whoever cannot sign in any more and whom nobody who can
//! could make one. It needs the root key, the data folder, and the server stopped.

use crate::config::Config;
use crate::failure::Failure;
use crate::serve::{self, Found};
use crate::{place, say};
use countersign_control::{Clock, Control};
use std::path::Path;

pub(crate) fn link(config: &Path, handle: &str) -> Result<(), Failure> {
    let config = Config::read(config)?;
    place::private_folder(&config.data)?;
    let (root, settings) = (config.root_key()?, serve::settings(&config, &Found::as_configured(&config)));
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::Trouble(format!("cannot start: {e}")))?;
    let made = runtime.block_on(async {
        let control = Control::open(settings, &root, Clock::default()).await?;
        control.invite_as_operator(handle).await
    });
    say(&format!("{}\nOnce, within three days, after the server was started again.", made?));
    Ok(())
}
