//! `courier doctor`: why the broker does not know the consumer, and what to do about it.

mod access_secret;
mod calls;
mod case;
mod causes;
mod checks;
mod errors;
mod exchange;
mod foreign_header;
mod report;
mod uploads;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use broker::{AccessTokenSecret, ConsumerSecret, HttpTransport};
use domain::Clock;
use platform::{SystemClock, SystemEntropy};
use url::Url;

use crate::access_token;
use crate::arguments::DoctorArguments;
use crate::error::CourierError;
use crate::files::read_file;
use crate::output::{print, print_json};
use crate::resources::Resources;
use calls::Instruments;
use case::Case;
use foreign_header::ForeignHeader;
use report::{Finding, Report};
use uploads::Uploads;

/// Where the broker is unless somebody says otherwise (contract, `BrokerApiUrl`).
const BROKER_API_URL: &str = "https://api.ibkr.com/v1/api";
/// What is left open without a call.
const NOT_ASKED: &str = "the broker was not asked: a consumer key that is not active yet looks well all the same";

pub(crate) async fn run(arguments: &DoctorArguments) -> Result<ExitCode, CourierError> {
    let clock = SystemClock;
    let (mut case, mut findings) = if arguments.reads_only_a_header() {
        (Case::default(), Vec::new())
    } else {
        let (case, mut findings) = Case::read(secret(arguments).await?);
        findings.extend(checks::of_consumer(&case));
        (case, findings)
    };
    let (url, address) = checks::address(&api_url(arguments).await?);
    // Nothing is sent to the old host: what it says of a request is about another API.
    case.address = url.filter(|_| !address.causes.contains(&&causes::OLD_HOST));
    // Of another client's request the address is its own.
    if !arguments.reads_only_a_header() || arguments.api_url.is_some() {
        findings.push(address);
    }
    case.first_party = arguments.first_party;
    findings.extend(examine_uploads(arguments, &mut case)?);
    findings.extend(read_access_token(arguments, &mut case)?);
    let (access_secret, found) = open_access_secret(arguments, &case);
    findings.extend(found);
    findings.extend(examine_header(arguments, &case, access_secret.as_ref(), &clock)?);
    let mut exchanges = Vec::new();
    if arguments.offline || arguments.reads_only_a_header() {
        findings.push(Finding::skipped(report::CALLS, NOT_ASKED));
    } else {
        let examined = calls::examine(&case, access_secret, instruments()?).await;
        uploads::believe_the_broker(&mut findings, examined.proved);
        findings.extend(examined.findings);
        exchanges = examined.exchanges;
    }
    if !arguments.explain {
        exchanges.clear();
    }
    let report = Report::new(findings, exchanges);
    if arguments.json {
        print_json(&report);
    } else {
        print(&report.text());
    }
    Ok(if report.well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn instruments() -> Result<Instruments, CourierError> {
    let failed = CourierError::machine("making the client of the broker");
    let transport = HttpTransport::new().map_err(|error| failed(error.into()))?;
    Ok(Instruments { transport: Arc::new(transport), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) })
}

/// The consumer's secret: from the file, else from the stack.
async fn secret(arguments: &DoctorArguments) -> Result<ConsumerSecret, CourierError> {
    if let Some(path) = &arguments.secret_file {
        return read_file(path).map(|text| ConsumerSecret::read(&text));
    }
    let secret = Resources::of_stack(&arguments.stack).await.consumer_secret().await;
    // Who names a stack means it.
    let means_a_stack = arguments.stack.named.is_some();
    secret.map_err(|error| if means_a_stack { error } else { CourierError::NothingToExamine(Box::new(error)) })
}

async fn api_url(arguments: &DoctorArguments) -> Result<String, CourierError> {
    match &arguments.api_url {
        Some(url) => Ok(url.clone()),
        None if arguments.secret_file.is_some() || arguments.reads_only_a_header() => Ok(BROKER_API_URL.to_owned()),
        None => Resources::of_stack(&arguments.stack).await.broker_api_url().await,
    }
}

fn examine_uploads(arguments: &DoctorArguments, case: &mut Case) -> Result<Vec<Finding>, CourierError> {
    let read = |path: &Option<PathBuf>| path.as_deref().map(read_file).transpose();
    let sent = Uploads {
        signature: read(&arguments.public_signature)?,
        encryption: read(&arguments.public_encryption)?,
        dhparam: read(&arguments.dhparam)?,
    };
    let (findings, pair_up) = uploads::examine(case, &sent);
    case.uploads_pair_up = pair_up;
    Ok(findings)
}

fn examine_header(
    arguments: &DoctorArguments,
    case: &Case,
    access_secret: Option<&AccessTokenSecret>,
    clock: &impl Clock,
) -> Result<Vec<Finding>, CourierError> {
    let Some(path) = &arguments.header else { return Ok(Vec::new()) };
    let text = read_file(path)?;
    let base = case.address.as_ref().map_or(BROKER_API_URL, Url::as_str).trim_end_matches('/');
    let url = match arguments.header_url.as_deref().map(Url::parse).transpose() {
        Ok(url) => url,
        Err(error) => {
            let says = format!("--header-url is no URL: {error}");
            return Ok(vec![Finding::fault("header", says, &causes::ADDRESS_UNUSABLE)]);
        }
    };
    let method = arguments.header_method.as_deref();
    let header = ForeignHeader { text: &text, method, url: url.as_ref(), base, access_secret };
    Ok(header.examine(case, clock.now()))
}

/// What can be told of the access token's secret without a call.
fn open_access_secret(arguments: &DoctorArguments, case: &Case) -> (Option<AccessTokenSecret>, Option<Finding>) {
    match &case.access {
        Some(access) if !arguments.reads_only_a_header() => {
            let (secret, finding) = access_secret::open(case, access);
            (secret, Some(finding))
        }
        _ => (None, None),
    }
}

fn read_access_token(arguments: &DoctorArguments, case: &mut Case) -> Result<Option<Finding>, CourierError> {
    let Some(path) = &arguments.access_token else { return Ok(None) };
    match access_token::read(&read_file(path)?) {
        Ok(access) => {
            case.access = Some(access);
            Ok(None)
        }
        Err(problem) => Ok(Some(Finding::fault("access_token", problem, &causes::ACCESS_TOKEN_FORM))),
    }
}
