//! The stack on this machine with a paper broker behind it, and `courier local`, which keeps it running.

mod addresses;
mod browser;
mod house;
mod http;
mod keys;
mod workspace;

use stack::Listener;

use crate::arguments::LocalArguments;
use crate::error::CourierError;
use crate::output::tell;

pub(crate) use addresses::keep_open;
pub(crate) use browser::Consent;
pub(crate) use house::{House, USERNAME};
pub(crate) use http::{Api, expect, read};
pub(crate) use workspace::workspace_root;

/// The user that the demo and `courier local` connect.
pub(crate) const DEMO_USER: &str = "demo-user";
/// The algorithm that they register.
pub(crate) const DEMO_ALGORITHM: &str = "demo-algorithm";

pub(crate) async fn run(arguments: &LocalArguments) -> Result<(), CourierError> {
    let root = workspace_root()?;
    let house = House::start(&root, &arguments.house, &arguments.user, &Listener::terminal()).await?;
    house.register_algorithm().await?;
    // Who works on the consent flow itself needs the stack all the more when the flow fails.
    match house.connect(&arguments.user).await {
        Ok(_) => tell(&format!("{} is connected.", arguments.user)),
        Err(error) => tell(&format!("{} is not connected: {}", arguments.user, error.with_causes())),
    }
    keep_open(house, &arguments.user, arguments.json).await
}
