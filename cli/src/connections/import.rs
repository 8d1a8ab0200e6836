//! `courier connections import`: a first party's access token becomes a connection.

use std::sync::Arc;

use broker::AccessToken;
use domain::Connection;
use platform::{SystemClock, SystemEntropy};
use sessions::{CompleteError, Import};

use super::show;
use crate::access_token;
use crate::arguments::ImportArguments;
use crate::error::CourierError;
use crate::files::read_file;
use crate::output::tell;
use crate::resources::Resources;

pub(crate) async fn run(arguments: &ImportArguments) -> Result<(), CourierError> {
    let access = access_token::read(&read_file(&arguments.access_token)?).map_err(CourierError::AccessToken)?;
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    let import = Import {
        connections: resources.connections().await?,
        tokens: resources.tokens().await?,
        sharing: resources.account_sharing().await?,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let loaded = resources.consumer().await?;
    let token =
        AccessToken::new(access.token.expose()).map_err(|error| CourierError::AccessToken(error.to_string()))?;
    tell("Asking the broker for a live session token, then for the brokerage session: half a minute at most …");
    let user = &arguments.user;
    let encryption_key = loaded.encryption_key.as_ref().ok_or(CourierError::NoKeys)?;
    let imported: Result<Connection, _> =
        import.import(&loaded.consumer, encryption_key, user, token, &access.sealed_secret).await;
    let refused = |error| match error {
        // The token is well: what is wrong is not the doctor's to see.
        CompleteError::UsernameTaken | CompleteError::Store(_) | CompleteError::Seal(_) => {
            CourierError::ImportRefused(error)
        }
        error => CourierError::Import(error),
    };
    show(&imported.map_err(refused)?, arguments.stack.json);
    Ok(())
}

#[cfg(test)]
mod tests;
