//! Accounts, in both tiers (section 4 of the facts).

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::contracts::Market;
use crate::oauth::Caller;
use crate::options::Spelling;
use crate::state::Desk;

/// `GET /iserver/accounts`: empty until the session is established.
pub(crate) fn brokerage_accounts(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    let (now, all) = (desk.now, desk.accounts(caller));
    let allow_customer_time = desk.state.options.allow_customer_time;
    let is_paper = is_paper(desk, caller);
    let Some(session) = desk.session(caller) else {
        return Answer::error(400, "Bad Request: no bridge");
    };
    session.accounts_read = session.is_established(now);
    let accounts = if session.accounts_read { all } else { Vec::new() };
    let (selected_account, session_id) = (session.selected_account.clone(), session.id.clone());
    // An advisor's groups stand in the list of accounts as well; `groups` names some of them again.
    let groups = if accounts.is_empty() { Vec::new() } else { desk.state.options.account_groups.clone() };
    let named: Vec<&String> = groups.iter().take(1).collect();
    let listed: Vec<&String> = groups.iter().chain(&accounts).collect();
    let properties: Map<String, Value> = accounts
        .iter()
        .map(|account| {
            let properties = json!({
                "hasChildAccounts": false, "supportsCashQty": true, "supportsFractions": false,
                "allowCustomerTime": allow_customer_time, "liteUnderPro": false, "noFXConv": false, "isProp": false,
            });
            (account.clone(), properties)
        })
        .collect();
    let aliases: Map<String, Value> = listed.iter().map(|entry| ((*entry).clone(), json!(entry))).collect();
    Answer::json(&json!({
        "accounts": listed,
        "acctProps": properties,
        "aliases": aliases,
        "allowFeatures": {"showGFIS": true, "allowFXConv": true, "allowTypeAhead": true, "snapshotRefreshTimeout": 30, "liteUser": false},
        "chartPeriods": {"STK": ["*"]},
        "groups": named,
        "profiles": [],
        "selectedAccount": selected_account,
        "serverInfo": {"serverName": "JifN19053", "serverVersion": "Build 10.25.0p, Dec 5, 2023 5:48:12 PM"},
        "sessionId": session_id,
        "isFT": false,
        "isPaper": is_paper,
    }))
}

/// `POST /iserver/account`: selects the account that orders and their status are read for.
pub(crate) fn select(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let body = call.json_value();
    let Some(account) = body.get("acctId").and_then(Value::as_str) else {
        return Answer::error(400, "Bad Request: acctId is missing");
    };
    if !desk.accounts(caller).iter().any(|known| known == account) {
        return Answer::error(500, format!("unknown account {account}"));
    }
    let Some(session) = desk.session(caller) else {
        return Answer::error(400, "Bad Request: no bridge");
    };
    if session.selected_account == account {
        return Answer::json(&json!({"success": "Account already set"}));
    }
    account.clone_into(&mut session.selected_account);
    session.orders_preflighted = false;
    Answer::json(&json!({"set": true, "acctId": account}))
}

/// `GET /portfolio/accounts`: the read-only tier; must come before other portfolio calls.
pub(crate) fn portfolio_accounts(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    if let Some(live) = desk.state.registry.access.get_mut(&caller.access_token).and_then(|access| access.live.as_mut())
    {
        live.portfolio_accounts_read = true;
    }
    let entries = [desk.state.options.account_groups.clone(), desk.accounts(caller)].concat();
    let rows: Vec<Value> = entries
        .iter()
        .map(|account| {
            json!({
                "id": account, "accountId": account, "accountVan": account, "accountTitle": caller.username, "displayName": account,
                "accountAlias": null, "accountStatus": 1_646_197_200_000_i64, "currency": "USD", "type": "DEMO", "tradingType": "STKNOPT",
                "faclient": false, "clearingStatus": "O", "covestor": false, "parent": {"mmc": [], "accountId": "", "isMParent": false,
                "isMChild": false, "isMultiplex": false}, "desc": account,
            })
        })
        .collect();
    Answer::json(&Value::Array(rows))
}

/// `GET /portfolio/{account}/positions/{page}`: empty, without an error, if the accounts were not read before.
pub(crate) fn positions(desk: &mut Desk<'_>, caller: &Caller, account: &str, page: &str) -> Answer {
    let read = desk.state.registry.access.get(&caller.access_token).and_then(|access| access.live.as_ref());
    if page != "0"
        || !read.is_some_and(|live| live.portfolio_accounts_read)
        || !desk.accounts(caller).iter().any(|known| known == account)
    {
        return Answer::json(&json!([]));
    }
    let spelling = desk.state.options.spelling;
    let written = |conid: i64| match spelling {
        Spelling::Described => json!(conid),
        Spelling::Recorded => json!(conid.to_string()),
    };
    let rows: Vec<Value> = desk
        .state
        .book
        .positions(account)
        .into_iter()
        .map(|(conid, position)| {
            json!({"acctId": account, "conid": written(conid), "contractDesc": Market::symbol(conid),
                   "position": crate::orders::number(position), "currency": "USD", "assetClass": Market::security_type(conid)})
        })
        .collect();
    Answer::json(&Value::Array(rows))
}

/// `POST /portfolio/{account}/positions/invalidate`: positions here are always fresh.
pub(crate) fn invalidate_positions(desk: &Desk<'_>, caller: &Caller, account: &str) -> Answer {
    if !desk.accounts(caller).iter().any(|known| known == account) {
        return Answer::error(400, format!("unknown account {account}"));
    }
    Answer::json(&json!({"message": "success"}))
}

fn is_paper(desk: &Desk<'_>, caller: &Caller) -> bool {
    desk.state.registry.users.get(&caller.username).is_some_and(|user| user.paper)
}
