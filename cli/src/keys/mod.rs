//! `courier keys`: the consumer's keys, from their making to what IBKR is sent of them.

mod files;
mod prime;

use std::path::Path;

use broker::{DiffieHellmanParameters, EncryptionKey, SignatureKey, default_realm};
use domain::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::arguments::{KeysConsumerArguments, KeysExportArguments, KeysGenerateArguments, StackArguments};
use crate::error::CourierError;
use crate::files::read_file;
use crate::key_pair::{KeyPair, public_half};
use crate::output::{print, print_json, tell};
use crate::resources::Resources;

const WHAT_IBKR_NEEDS: &str = "Send IBKR these three files and your callback address ({ApiUrl}/oauth/callback). Once it gives you the \
     consumer key: `courier keys consumer KEY`, and after a night `courier doctor`.";

/// The consumer's secret (contract: Stack). Not `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsumerSecret {
    /// Empty until IBKR gave it.
    #[serde(default)]
    consumer_key: String,
    private_signature_pem: String,
    private_encryption_pem: String,
    dhparam_pem: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    realm: Option<String>,
}

/// What may be seen of the keys.
#[derive(Serialize)]
struct Shown {
    consumer_key: Option<String>,
    realm: Option<String>,
    /// SHA-256 of the public half, DER of its SPKI.
    signature_key_sha256: String,
    encryption_key_sha256: String,
    /// The prime's first digits.
    prime_begins: String,
}

pub(crate) async fn run_generate(arguments: &KeysGenerateArguments) -> Result<(), CourierError> {
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    if let Some(folder) = &arguments.out {
        files::nothing_there(folder, &files::ALL)?;
    } else {
        files::nothing_there(&arguments.public_files, &files::PUBLIC)?;
        refuse_to_replace(&resources, arguments.replace).await?;
    }
    let secret = make(arguments).await?;
    let public_files = secret.public_files()?;
    if let Some(folder) = &arguments.out {
        files::write_private(folder, &secret.private_files())?;
        files::write(folder, &public_files)?;
        tell(&format!("The private files are in {}: keep them, and show them to nobody.", folder.display()));
        return report(&secret, folder, arguments.stack.json);
    }
    let arn = resources.put_consumer_secret(&secret.text()).await?;
    tell(&format!("The private keys are in {arn}, and nowhere else."));
    files::write(&arguments.public_files, &public_files)?;
    report(&secret, &arguments.public_files, arguments.stack.json)
}

/// Writes down which consumer key IBKR gave.
pub(crate) async fn run_consumer(arguments: &KeysConsumerArguments) -> Result<(), CourierError> {
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    let mut secret = ConsumerSecret::parse(&resources.consumer_secret().await?)?;
    secret.consumer_key.clone_from(&arguments.consumer_key);
    secret.realm.clone_from(&arguments.realm);
    let arn = resources.put_consumer_secret(&secret.text()).await?;
    tell(&format!("{arn} names the consumer {}. The functions read it within five minutes.", arguments.consumer_key));
    show(&secret, arguments.stack.json)
}

pub(crate) async fn run_show(arguments: &StackArguments) -> Result<(), CourierError> {
    let secret = Resources::of_stack(&arguments.stack).await.consumer_secret().await?;
    show(&ConsumerSecret::parse(&secret)?, arguments.json)
}

/// Moves the encryption key into a secret of its own.
pub(crate) async fn run_part(arguments: &StackArguments) -> Result<(), CourierError> {
    let arn = Resources::of_stack(&arguments.stack).await.part_encryption_key().await?;
    if arguments.json {
        print_json(&json!({ "encryption_key_secret": arn }));
        return Ok(());
    }
    print(&arn);
    tell(
        "The encryption key is there, and in the consumer's secret no more. The functions read it within five minutes.",
    );
    Ok(())
}

/// Writes the public files again, from the private keys.
pub(crate) async fn run_export(arguments: &KeysExportArguments) -> Result<(), CourierError> {
    files::nothing_there(&arguments.folder, &files::PUBLIC)?;
    let secret = Resources::of_stack(&arguments.stack.stack).await.consumer_secret().await?;
    let secret = ConsumerSecret::parse(&secret)?;
    files::write(&arguments.folder, &secret.public_files()?)?;
    report(&secret, &arguments.folder, arguments.stack.json)
}

async fn refuse_to_replace(resources: &Resources, replace: bool) -> Result<(), CourierError> {
    let filled = !resources.consumer_secret().await?.expose().trim().is_empty();
    if filled && !replace { Err(CourierError::KeysThere) } else { Ok(()) }
}

async fn make(arguments: &KeysGenerateArguments) -> Result<ConsumerSecret, CourierError> {
    tell("Making two RSA key pairs of 2048 bits …");
    let [signature, encryption] = KeyPair::make_two().await?;
    let dhparam_pem = match &arguments.dhparam {
        Some(path) => read_file(path)?,
        None => prime::make().await?,
    };
    let path = arguments.dhparam.clone().unwrap_or_else(|| "dhparam.pem".into());
    DiffieHellmanParameters::from_pem(&dhparam_pem)
        .map_err(|error| CourierError::File { path, problem: error.to_string() })?;
    Ok(ConsumerSecret {
        consumer_key: arguments.consumer_key.clone().unwrap_or_default(),
        private_signature_pem: signature.private_pem,
        private_encryption_pem: encryption.private_pem,
        dhparam_pem,
        realm: None,
    })
}

fn report(secret: &ConsumerSecret, folder: &Path, json: bool) -> Result<(), CourierError> {
    let paths: Vec<String> = files::PUBLIC.iter().map(|name| folder.join(name).display().to_string()).collect();
    if json {
        print_json(&json!({"public_files": paths, "keys": secret.shown()?}));
        return Ok(());
    }
    print(&paths.join("\n"));
    tell(WHAT_IBKR_NEEDS);
    Ok(())
}

fn show(secret: &ConsumerSecret, json: bool) -> Result<(), CourierError> {
    let shown = secret.shown()?;
    if json {
        print_json(&shown);
        return Ok(());
    }
    let none = "none yet: `courier keys consumer KEY`";
    print(&format!(
        "consumer key                {}\nrealm                       {}\nsignature key, SHA-256      {}\nencryption key, SHA-256     {}\nprime begins                {}",
        shown.consumer_key.as_deref().unwrap_or(none),
        shown.realm.as_deref().unwrap_or_default(),
        shown.signature_key_sha256,
        shown.encryption_key_sha256,
        shown.prime_begins
    ));
    Ok(())
}

impl ConsumerSecret {
    /// Reads it, without a piece of it in the error.
    fn parse(text: &Secret) -> Result<Self, CourierError> {
        if text.expose().trim().is_empty() {
            return Err(CourierError::NoKeys);
        }
        serde_json::from_str(text.expose())
            .map_err(|_| CourierError::KeysMalformed("it is not the JSON object that it should be".to_owned()))
    }

    fn text(&self) -> Secret {
        // Plain texts always serialise.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }

    fn shown(&self) -> Result<Shown, CourierError> {
        let malformed = |error: broker::SigningError| CourierError::KeysMalformed(error.to_string());
        let signature = SignatureKey::from_pem(&self.private_signature_pem).map_err(malformed)?;
        let encryption = EncryptionKey::from_pem(&self.private_encryption_pem).map_err(malformed)?;
        let group = DiffieHellmanParameters::from_pem(&self.dhparam_pem).map_err(malformed)?;
        let consumer_key = Some(self.consumer_key.clone()).filter(|key| !key.is_empty());
        let realm =
            consumer_key.as_deref().map(|key| self.realm.clone().unwrap_or_else(|| default_realm(key).to_owned()));
        Ok(Shown {
            consumer_key,
            realm,
            signature_key_sha256: signature.fingerprint().to_owned(),
            encryption_key_sha256: encryption.fingerprint().to_owned(),
            prime_begins: hex::encode(group.prime()).chars().take(16).collect(),
        })
    }

    fn public_files(&self) -> Result<[(&'static str, String); 3], CourierError> {
        let half = |what: &str, pem| {
            public_half(pem).ok_or_else(|| CourierError::KeysMalformed(format!("{what} is no private RSA key")))
        };
        let [signature, encryption, dhparam] = files::PUBLIC;
        Ok([
            (signature, half("private_signature_pem", &self.private_signature_pem)?),
            (encryption, half("private_encryption_pem", &self.private_encryption_pem)?),
            (dhparam, self.dhparam_pem.clone()),
        ])
    }

    fn private_files(&self) -> [(&'static str, String); 3] {
        let [signature, encryption, consumer] = files::PRIVATE;
        [
            (signature, self.private_signature_pem.clone()),
            (encryption, self.private_encryption_pem.clone()),
            (consumer, self.text().expose().to_owned()),
        ]
    }
}
