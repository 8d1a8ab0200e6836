//! Holds infra/template.yaml to the contract, to least privilege, and to what its operator needs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops, its helpers too")]

mod operation;
mod reading;

use std::collections::BTreeSet;

use reading::{Function, Template, mapping, one_or_many, resource_name, text, workspace};
use serde_yaml_ng::Value;

/// Every route of the contract: method, path, function, whether it is open to callers without a token.
const ROUTES: [(&str, &str, &str, bool); 21] = [
    ("POST", "/connections", "oauth-start", false),
    ("GET", "/oauth/callback", "oauth-callback", true),
    ("GET", "/connections", "api", false),
    ("PUT", "/connections/{connection_id}", "api", false),
    ("DELETE", "/connections/{connection_id}", "api", false),
    ("PUT", "/grants/{algorithm_id}", "api", false),
    ("GET", "/grants", "api", false),
    ("DELETE", "/grants/{algorithm_id}", "api", false),
    ("PUT", "/limits", "api", false),
    ("GET", "/limits", "api", false),
    ("PUT", "/halt", "api", false),
    ("GET", "/halt", "api", false),
    ("POST", "/orders", "api", false),
    ("GET", "/orders", "api", false),
    ("GET", "/orders/{order_id}", "api", false),
    ("PUT", "/orders/{order_id}", "api", false),
    ("DELETE", "/orders/{order_id}", "api", false),
    ("GET", "/refusals", "api", false),
    ("GET", "/contracts", "api", false),
    ("GET", "/", "api", true),
    ("GET", "/openapi.json", "api", true),
];

/// Every parameter of the contract, with its default.
const PARAMETERS: [(&str, Option<&str>); 7] = [
    ("BrokerApiUrl", Some("https://api.ibkr.com/v1/api")),
    ("BrokerAuthorizeUrl", Some("https://interactivebrokers.com/authorize")),
    ("JwtIssuer", None),
    ("JwtAudience", None),
    ("ReturnUrl", Some("")),
    ("QuerySigning", Some("omit")),
    ("AlarmEmail", Some("")),
];

const OUTPUTS: [&str; 8] = [
    "ApiUrl",
    "OrderQueueUrl",
    "OrderQueueArn",
    "OrderDeadLetterQueueUrl",
    "ConsumerSecretArn",
    "OrdersTable",
    "ConnectionsTable",
    "EventBusName",
];

const EVENT_KINDS: [&str; 4] = ["SQS", "ScheduleV2", "HttpApi", "DynamoDB"];

#[test]
fn events_come_only_from_the_four_kinds_of_the_contract() {
    let template = Template::read();
    let kinds: BTreeSet<String> =
        template.functions().iter().flat_map(Function::events).map(|event| text(&event["Type"])).collect();
    assert_eq!(kinds, EVENT_KINDS.map(str::to_owned).into());
}

#[test]
fn every_function_is_a_folder_and_every_folder_is_a_function() {
    let functions = workspace().join("functions");
    let folders: BTreeSet<String> = std::fs::read_dir(functions)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("src").join("main.rs").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let binaries: BTreeSet<String> = Template::read().functions().iter().map(Function::binary).collect();
    assert_eq!(binaries, folders);
    for folder in folders {
        let manifest = std::fs::read_to_string(workspace().join("functions").join(&folder).join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("name = \"{folder}\"")), "{folder} has another crate name");
    }
}

#[test]
fn every_function_is_built_by_cargo_lambda_for_the_chosen_processor() {
    let template = Template::read();
    let globals = &template.0["Globals"]["Function"];
    assert_eq!(text(&globals["Runtime"]), "provided.al2023");
    assert_eq!(text(&globals["CodeUri"]), "..");
    assert_eq!(text(&globals["Architectures"][0]), "Architecture");
    for function in template.functions() {
        assert_eq!(text(&function.0["Metadata"]["BuildMethod"]), "rust-cargolambda", "{}", function.binary());
    }
}

#[test]
fn every_parameter_of_the_contract_has_its_default_and_every_other_one_has_a_default() {
    let template = Template::read();
    let parameters = mapping(&template.0["Parameters"]);
    for (name, default) in PARAMETERS {
        assert_eq!(parameters[name].get("Default").map(text).as_deref(), default, "{name}");
    }
    for (name, parameter) in parameters {
        let required = ["JwtIssuer", "JwtAudience"].contains(&text(name).as_str());
        assert_eq!(parameter.get("Default").is_none(), required, "{}", text(name));
    }
    assert_eq!(text(&parameters["Architecture"]["Default"]), "arm64");
}

#[test]
fn every_output_of_the_contract_is_there() {
    let template = Template::read();
    for output in OUTPUTS {
        assert!(template.0["Outputs"][output].get("Value").is_some(), "{output}");
    }
}

#[test]
fn every_route_of_the_contract_leads_to_its_function_and_no_other_route_exists() {
    let expected: BTreeSet<_> =
        ROUTES.map(|(method, path, function, open)| (method.into(), path.into(), function.into(), open)).into();
    let template = Template::read();
    let found: BTreeSet<(String, String, String, bool)> = template.functions().iter().flat_map(routes).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_token_is_what_the_operator_s_issuer_made_for_this_audience() {
    let template = Template::read();
    let auth = &template.0["Resources"]["HttpApi"]["Properties"]["Auth"];
    // A default would have to be undone on the open routes, by a word that the gateway's import warns of.
    assert!(auth.get("DefaultAuthorizer").is_none());
    let configuration = &auth["Authorizers"]["Jwt"]["JwtConfiguration"];
    assert_eq!(text(&configuration["issuer"]), "JwtIssuer");
    assert_eq!(text(&configuration["audience"][0]), "JwtAudience");
}

#[test]
fn other_origins_may_call_only_where_the_operator_says_so_and_everybody_only_so_often() {
    let template = Template::read();
    let api = &template.0["Resources"]["HttpApi"]["Properties"];
    let cors = &api["CorsConfiguration"];
    assert_eq!(one_or_many(&cors["AllowOrigins"]), ["CorsOrigin"]);
    assert_eq!(text(&template.0["Parameters"]["CorsOrigin"]["Default"]), "https://none.invalid");
    let methods: BTreeSet<String> = ROUTES.map(|(method, ..)| method.to_owned()).into();
    assert_eq!(one_or_many(&cors["AllowMethods"]).into_iter().collect::<BTreeSet<_>>(), methods);
    let settings = &api["DefaultRouteSettings"];
    assert!(settings["ThrottlingRateLimit"].as_u64().is_some_and(|rate| rate > 0));
    assert!(settings["ThrottlingBurstLimit"].as_u64().is_some_and(|burst| burst > 0));
}

/// A rate counts for each route over all its callers, so what stops trading must not be the one that runs out first.
#[test]
fn what_stops_trading_has_a_rate_of_its_own() {
    let template = Template::read();
    let api = &template.0["Resources"]["HttpApi"]["Properties"];
    for route in ["PUT /halt", "DELETE /orders/{order_id}"] {
        for setting in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            let rate = |settings: &Value| settings[setting].as_u64().unwrap_or_default();
            assert!(rate(&api["RouteSettings"][route]) >= 5 * rate(&api["DefaultRouteSettings"]), "{route} {setting}");
        }
    }
}

#[test]
fn no_function_may_do_anything_by_wildcard() {
    for (role, statement) in Template::read().statements() {
        for action in one_or_many(&statement["Action"]) {
            assert!(!action.contains('*'), "{role} may do {action}");
            for resource in one_or_many(&statement["Resource"]) {
                // The permission to list a table's streams knows no single stream.
                let excused = action == "dynamodb:ListStreams" && resource.ends_with(".Arn}/stream/*");
                assert!(excused || !resource.contains('*'), "{role} may {action} on {resource}");
            }
        }
    }
}

#[test]
fn only_those_who_ask_for_tokens_may_read_the_consumer_s_secret() {
    let expected = ["OauthStartRole", "OauthCallbackRole", "SessionRefreshRole"];
    assert_eq!(readers_of("ConsumerSecret"), expected.map(str::to_owned).into());
}

#[test]
fn only_the_function_that_opens_access_token_secrets_may_read_the_encryption_key_s_own_secret() {
    assert_eq!(readers_of("EncryptionKeySecret"), ["OauthCallbackRole"].map(str::to_owned).into());
}

#[test]
fn the_api_writes_no_rule_but_a_users_own() {
    let writes = |statement: &Value| {
        let rights = one_or_many(&statement["Action"]);
        rights
            .iter()
            .any(|right| ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"].contains(&right.as_str()))
    };
    let of_api = Template::read().statements().into_iter().filter(|(role, _)| role == "ApiRole");
    let of_rules = of_api.filter(|(_, statement)| {
        one_or_many(&statement["Resource"]).iter().any(|resource| resource_name(resource) == "RulesTable")
    });
    let writing: Vec<Value> = of_rules.map(|(_, statement)| statement).filter(writes).collect();
    assert!(!writing.is_empty());
    for statement in writing {
        let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        assert_eq!(one_or_many(keys), ["user#*"], "{statement:?}");
    }
}

/// The roles that may do anything with this resource.
fn readers_of(wanted: &str) -> BTreeSet<String> {
    Template::read()
        .statements()
        .into_iter()
        .filter(|(_, statement)| {
            one_or_many(&statement["Resource"]).iter().any(|resource| resource_name(resource) == wanted)
        })
        .map(|(role, _)| role)
        .collect()
}

#[test]
fn functions_are_told_only_of_what_they_may_touch() {
    let template = Template::read();
    let statements = template.statements();
    for function in template.functions() {
        let role = text(&function.0["Properties"]["Role"]).trim_end_matches(".Arn").to_owned();
        let touched: BTreeSet<String> = statements
            .iter()
            .filter(|(of, _)| *of == role)
            .flat_map(|(_, statement)| one_or_many(&statement["Resource"]))
            .map(|resource| resource_name(&resource).to_owned())
            .collect();
        for (name, value) in mapping(&function.0["Properties"]["Environment"]["Variables"]) {
            let told = text(value);
            let told = resource_name(&told);
            // Who sends is told by a role's id: a role is nothing to be touched.
            let resource = template.0["Resources"].get(told).filter(|resource| resource["Type"] != "AWS::IAM::Role");
            let is_resource = resource.is_some();
            assert!(!is_resource || touched.contains(told), "{role} is told {} and may not touch it", text(name));
        }
    }
}

#[test]
fn a_message_stays_hidden_six_times_as_long_as_its_function_may_run() {
    let template = Template::read();
    for function in template.functions() {
        let timeout = function.0["Properties"].get("Timeout").unwrap_or(&template.0["Globals"]["Function"]["Timeout"]);
        for event in function.events().filter(|event| text(&event["Type"]) == "SQS") {
            let properties = &event["Properties"];
            assert_eq!(text(&properties["FunctionResponseTypes"][0]), "ReportBatchItemFailures");
            let queue = text(&properties["Queue"]);
            let queue = &template.0["Resources"][queue.trim_end_matches(".Arn")]["Properties"];
            let hidden = queue["VisibilityTimeout"].as_u64().unwrap();
            assert!(hidden >= 6 * timeout.as_u64().unwrap(), "{}", function.binary());
            // Only a queue of dead letters has nowhere to send what cannot be worked on: it keeps it.
            let keeps = text(&properties["Queue"]).contains("DeadLetter");
            assert!(queue.get("RedrivePolicy").is_some() != keeps, "{}", function.binary());
        }
    }
}

#[test]
fn every_table_and_every_secret_outlives_the_stack() {
    let template = Template::read();
    for (name, resource) in mapping(&template.0["Resources"]) {
        if ["AWS::DynamoDB::Table", "AWS::SecretsManager::Secret"].contains(&text(&resource["Type"]).as_str()) {
            // What a first deployment made and then gave up is not kept: it would stand in the next one's way.
            assert_eq!(text(&resource["DeletionPolicy"]), "RetainExceptOnCreate", "{}", text(name));
            assert_eq!(text(&resource["UpdateReplacePolicy"]), "Retain", "{}", text(name));
        }
    }
}

fn routes(function: &Function) -> Vec<(String, String, String, bool)> {
    let events = function.events().filter(|event| text(&event["Type"]) == "HttpApi");
    let route = |event: &Value| {
        let properties = &event["Properties"];
        let authorizer = properties.get("Auth").map(|auth| text(&auth["Authorizer"]));
        assert!(authorizer.as_deref().is_none_or(|name| name == "Jwt"), "{authorizer:?}");
        let open = authorizer.is_none();
        (text(&properties["Method"]), text(&properties["Path"]), function.binary(), open)
    };
    events.map(route).collect()
}
