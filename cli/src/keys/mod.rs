//! `courier keys`: the consumer's keys, from their making to what IBKR is sent of them.

mod files;
mod name;
mod prime;

use std::path::Path;

use broker::{ConsumerSecret, DiffieHellmanParameters, EncryptionKey, SignatureKey, SigningError};
use domain::Secret;
use serde::Serialize;
use serde_json::json;

use crate::arguments::{
    KeysConsumerArguments, KeysExportArguments, KeysGenerateArguments, KeysPartArguments, StackArguments,
};
use crate::error::CourierError;
use crate::files::read_file;
use crate::key_pair::KeyPair;
use crate::output::{print, print_json, tell};
use crate::resources::Resources;

pub(crate) use name::is_of_usual_form;

const WHAT_IBKR_NEEDS: &str = "Send IBKR these three files and your callback address ({ApiUrl}/oauth/callback). Once it gives you the \
     consumer key: `courier keys consumer KEY`, and after a night `courier doctor`.";

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
    let public_files = Keys::of(&secret)?.public_files()?;
    if let Some(folder) = &arguments.out {
        files::write_private(folder, &private_files(&secret))?;
        files::write(folder, &public_files)?;
        tell(&format!("The private files are in {}: keep them, and show them to nobody.", folder.display()));
        return report(&secret, folder, arguments.stack.json, &next_with_files(&secret, folder));
    }
    let arn = resources.put_consumer_secret(&secret).await?;
    tell(&format!("The private keys are in {arn}, and nowhere else."));
    if arguments.replace {
        tell(
            "What was there is the secret's version AWSPREVIOUS, until the next write: where users are connected under those keys, put it back before.",
        );
    }
    files::write(&arguments.public_files, &public_files)?;
    report(&secret, &arguments.public_files, arguments.stack.json, WHAT_IBKR_NEEDS)
}

/// Writes down which consumer key IBKR gave.
pub(crate) async fn run_consumer(arguments: &KeysConsumerArguments) -> Result<(), CourierError> {
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    let mut secret = usable(resources.consumer_secret().await?)?;
    name::name(&mut secret, &arguments.consumer_key, arguments.realm.as_deref(), arguments.yes)?;
    let arn = resources.put_consumer_secret(&secret).await?;
    tell(&format!("{arn} names the consumer {}. The functions read it within five minutes.", secret.consumer_key));
    show(&secret, arguments.stack.json)
}

pub(crate) async fn run_show(arguments: &StackArguments) -> Result<(), CourierError> {
    let secret = Resources::of_stack(&arguments.stack).await.consumer_secret().await?;
    show(&usable(secret)?, arguments.json)
}

/// Moves the encryption key into a secret of its own.
pub(crate) async fn run_part(arguments: &KeysPartArguments) -> Result<(), CourierError> {
    let KeysPartArguments { yes, stack } = arguments;
    let [from, to] = Resources::of_stack(&stack.stack).await.part_encryption_key(*yes).await?;
    if stack.json {
        print_json(&json!({ "encryption_key_secret": to, "done": yes }));
    } else {
        print(&to);
    }
    if *yes {
        tell(
            "The encryption key is there, and in the consumer's secret no more. The functions read it within five minutes.",
        );
    } else {
        tell(&format!(
            "Nothing is done. With --yes the encryption key goes there, out of {from}, where every reader of that secret can read it."
        ));
    }
    Ok(())
}

/// Writes the public files again, from the private keys.
pub(crate) async fn run_export(arguments: &KeysExportArguments) -> Result<(), CourierError> {
    files::nothing_there(&arguments.folder, &files::PUBLIC)?;
    let secret = Resources::of_stack(&arguments.stack.stack).await.consumer_secret().await?;
    let secret = usable(secret)?;
    files::write(&arguments.folder, &Keys::of(&secret)?.public_files()?)?;
    report(&secret, &arguments.folder, arguments.stack.json, WHAT_IBKR_NEEDS)
}

async fn refuse_to_replace(resources: &Resources, replace: bool) -> Result<(), CourierError> {
    let filled = !resources.consumer_secret().await?.is_empty();
    if filled && !replace { Err(CourierError::KeysThere) } else { Ok(()) }
}

async fn make(arguments: &KeysGenerateArguments) -> Result<ConsumerSecret, CourierError> {
    let mut secret = ConsumerSecret::default();
    if let Some(key) = &arguments.consumer_key {
        name::name(&mut secret, key, None, false).map_err(|error| match error {
            CourierError::ConsumerKeyDoubted(doubt) => CourierError::ConsumerKeyRefused(doubt),
            other => other,
        })?;
    }
    // The file is read before anything long is begun.
    let dhparam = arguments.dhparam.as_deref().map(dhparam_of).transpose()?;
    tell("Making two RSA key pairs of 2048 bits …");
    let [signature, encryption] = KeyPair::make_two().await?;
    let dhparam = if let Some(pem) = dhparam {
        pem
    } else {
        let made = prime::make().await?;
        written_anew(&made)
            .map_err(|error| CourierError::File { path: "dhparam.pem".into(), problem: error.to_string() })?
    };
    secret.signature_pem = Some(Secret::new(signature.private_pem));
    secret.encryption_pem = Some(Secret::new(encryption.private_pem));
    secret.dhparam_pem = Some(Secret::new(dhparam));
    Ok(secret)
}

/// Prime and generator of a file, in whatever form they stand there, as openssl writes them.
fn dhparam_of(path: &Path) -> Result<String, CourierError> {
    let text = read_file(path)?;
    written_anew(&text).map_err(|error| CourierError::File { path: path.to_owned(), problem: error.to_string() })
}

fn written_anew(dhparam: &str) -> Result<String, SigningError> {
    DiffieHellmanParameters::from_pem(dhparam)?.to_pem()
}

/// The secret, if nothing is wrong with it but its consumer key or its realm, which a command of this page mends.
fn usable(secret: ConsumerSecret) -> Result<ConsumerSecret, CourierError> {
    if secret.is_empty() {
        return Err(CourierError::NoKeys);
    }
    let of_others = |fault: &&broker::ConsumerSecretFault| !fault.is_of_consumer_key() && !fault.is_of_realm();
    match secret.faults().iter().find(of_others).cloned().or_else(|| secret.encryption_key_missing()) {
        Some(fault) => Err(CourierError::KeysMalformed(fault.to_string())),
        None => Ok(secret),
    }
}

/// What to do with keys that are in this folder and in no stack yet.
fn next_with_files(secret: &ConsumerSecret, folder: &Path) -> String {
    let file = folder.join("consumer.json").display().to_string();
    let named = if secret.consumer_key.is_empty() {
        format!("Once IBKR gives you the consumer key, write it into `consumer_key` of {file}.\n")
    } else {
        String::new()
    };
    format!(
        "Send IBKR the three public files and your callback address ({{ApiUrl}}/oauth/callback). No stack has these keys yet.\n{named}\
         After a night check them: `courier doctor --secret-file {file}`.\n\
         Then put them into the stack's secret, its output ConsumerSecretArn (docs/operations.md, Rotation):\n\
         aws secretsmanager put-secret-value --secret-id ARN --secret-string file://{file}"
    )
}

fn report(secret: &ConsumerSecret, folder: &Path, json: bool, next: &str) -> Result<(), CourierError> {
    let paths: Vec<String> = files::PUBLIC.iter().map(|name| folder.join(name).display().to_string()).collect();
    if json {
        print_json(&json!({"public_files": paths, "keys": Keys::of(secret)?.shown(secret)}));
        return Ok(());
    }
    print(&paths.join("\n"));
    tell(next);
    Ok(())
}

fn show(secret: &ConsumerSecret, json: bool) -> Result<(), CourierError> {
    let shown = Keys::of(secret)?.shown(secret);
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

/// The secret's keys, read.
struct Keys {
    signature: SignatureKey,
    encryption: EncryptionKey,
    group: DiffieHellmanParameters,
}

impl Keys {
    fn of(secret: &ConsumerSecret) -> Result<Self, CourierError> {
        Ok(Self {
            signature: SignatureKey::from_pem(text(secret.signature_pem.as_ref())).map_err(malformed)?,
            encryption: EncryptionKey::from_pem(text(secret.encryption_pem.as_ref())).map_err(malformed)?,
            group: DiffieHellmanParameters::from_pem(text(secret.dhparam_pem.as_ref())).map_err(malformed)?,
        })
    }

    fn shown(&self, secret: &ConsumerSecret) -> Shown {
        let consumer_key = Some(secret.consumer_key.clone()).filter(|key| !key.is_empty());
        Shown {
            realm: consumer_key.as_ref().map(|_| secret.realm().to_owned()),
            consumer_key,
            signature_key_sha256: self.signature.fingerprint().to_owned(),
            encryption_key_sha256: self.encryption.fingerprint().to_owned(),
            prime_begins: hex::encode(self.group.prime()).chars().take(16).collect(),
        }
    }

    /// Written anew as openssl writes them, whatever the secret holds: IBKR's portal refuses what was typed in another form.
    fn public_files(&self) -> Result<[(&'static str, String); 3], CourierError> {
        let [signature, encryption, dhparam] = files::PUBLIC;
        Ok([
            (signature, self.signature.public_pem().map_err(malformed)?),
            (encryption, self.encryption.public_pem().map_err(malformed)?),
            (dhparam, self.group.to_pem().map_err(malformed)?),
        ])
    }
}

#[expect(clippy::needless_pass_by_value, reason = "an error is mapped by it")]
fn malformed(error: SigningError) -> CourierError {
    CourierError::KeysMalformed(error.to_string())
}

fn text(pem: Option<&Secret>) -> &str {
    pem.map_or("", Secret::expose)
}

fn private_files(secret: &ConsumerSecret) -> [(&'static str, String); 3] {
    let [signature, encryption, consumer] = files::PRIVATE;
    [
        (signature, text(secret.signature_pem.as_ref()).to_owned()),
        (encryption, text(secret.encryption_pem.as_ref()).to_owned()),
        (consumer, secret.text(true).expose().to_owned()),
    ]
}

#[cfg(test)]
mod tests;
