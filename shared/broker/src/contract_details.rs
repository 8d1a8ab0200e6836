//! What a contract is, and how much one of it is worth in units of its price.

use std::collections::BTreeMap;

use domain::Conid;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Question;
use crate::error::CallError;
use crate::meaning::{read, read_with_own_error};
use crate::session::Session;
use crate::session_looks::{conid, listing};
use crate::wire::lenient::lenient;
use crate::wire::loose::Loose;

/// Contracts whose definitions one call tells (IBKR Web API, contract lookup: secdef).
const DEFINITIONS_MAX: usize = 200;
/// Kinds of contracts of which one is worth its price, where the broker names no multiplier.
const WORTH_THEIR_PRICE: [&str; 5] = ["STK", "CASH", "CRYPTO", "FUND", "CFD"];

/// What the broker tells of a contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContractDetails {
    /// Its kind, such as `STK`, `FUT`, `OPT`.
    pub security_type: Option<String>,
    /// The multiplier that it names; positive.
    pub multiplier: Option<Decimal>,
    /// The currency that it trades in, such as `USD`.
    pub currency: Option<String>,
}

impl ContractDetails {
    /// How many units of its price one contract is worth; `None` where the broker does not tell and it may be any number.
    #[must_use]
    pub fn worth(&self) -> Option<Decimal> {
        let is_plain = self.security_type.as_deref().is_some_and(|kind| WORTH_THEIR_PRICE.contains(&kind));
        self.multiplier.or(is_plain.then_some(Decimal::ONE))
    }
}

/// `/iserver/contract/{conid}/info-and-rules`.
#[derive(Deserialize)]
struct InfoBody {
    #[serde(default)]
    instrument_type: Loose,
    #[serde(default)]
    multiplier: Loose,
    #[serde(default)]
    currency: Loose,
}

/// `/trsrv/secdef`.
#[derive(Deserialize)]
struct DefinitionsBody {
    #[serde(default, deserialize_with = "lenient")]
    secdef: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionRow {
    #[serde(default)]
    conid: Loose,
    #[serde(default)]
    asset_class: Loose,
    #[serde(default)]
    multiplier: Loose,
    #[serde(default)]
    currency: Loose,
}

impl Session {
    /// What a contract is (IBKR Web API, contract lookup: info and rules).
    pub async fn contract_details(&self, conid: Conid) -> Result<ContractDetails, CallError> {
        let question = Question::get(format!("/iserver/contract/{conid}/info-and-rules")).query("isBuy", "true");
        let response = self.call(question).await?;
        let body: InfoBody = read_with_own_error(&response)?;
        Ok(details(&body.instrument_type, &body.multiplier, &body.currency))
    }

    /// The same from the tier that needs no brokerage session, where the contract is defined (IBKR Web API, contract
    /// lookup: secdef).
    pub async fn contract_definition(&self, conid: Conid) -> Result<ContractDetails, CallError> {
        Ok(self.contract_definitions(&[conid]).await?.remove(&conid).unwrap_or_default())
    }

    /// The definitions of several contracts; one that the broker does not tell, or not legibly, is left out.
    pub async fn contract_definitions(&self, conids: &[Conid]) -> Result<BTreeMap<Conid, ContractDetails>, CallError> {
        let mut definitions = BTreeMap::new();
        for asked in conids.chunks(DEFINITIONS_MAX) {
            let list: Vec<String> = asked.iter().map(|conid| u64::from(*conid).to_string()).collect();
            let response = self.call(Question::get("/trsrv/secdef").query("conids", list.join(","))).await?;
            let body: DefinitionsBody = read(&response)?;
            let definition = |row: &DefinitionRow| {
                let told = details(&row.asset_class, &row.multiplier, &row.currency);
                Some((conid(&row.conid).filter(|conid| asked.contains(conid))?, told))
            };
            definitions.extend(listing(&body.secdef, definition).rows);
        }
        Ok(definitions)
    }
}

fn details(security_type: &Loose, multiplier: &Loose, currency: &Loose) -> ContractDetails {
    ContractDetails {
        security_type: security_type.text().map(str::to_ascii_uppercase),
        multiplier: multiplier.decimal().filter(|multiplier| *multiplier > Decimal::ZERO),
        currency: currency.text().map(str::to_ascii_uppercase),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(body: &str) -> Option<String> {
        let body: InfoBody = serde_json::from_str(body).unwrap();
        details(&body.instrument_type, &body.multiplier, &body.currency).worth().map(|worth| worth.to_string())
    }

    #[test]
    fn what_one_contract_is_worth_is_told_by_the_multiplier_or_by_a_kind_that_has_none() {
        for (body, told) in [
            (r#"{"instrument_type":"FUT","multiplier":"50"}"#, Some("50")),
            (r#"{"instrument_type":"OPT","multiplier":100}"#, Some("100")),
            (r#"{"instrument_type":"STK","multiplier":null}"#, Some("1")),
            (r#"{"instrument_type":"stk","multiplier":0.0}"#, Some("1")),
            (r#"{"instrument_type":"FUT","multiplier":null}"#, None),
            (r#"{"instrument_type":"OPT","multiplier":"null"}"#, None),
            (r#"{"instrument_type":"FUT","multiplier":-5}"#, None),
            (r#"{"instrument_type":"BOND"}"#, None),
            (r#"{"multiplier":""}"#, None),
        ] {
            assert_eq!(worth(body).as_deref(), told, "{body}");
        }
    }
}
