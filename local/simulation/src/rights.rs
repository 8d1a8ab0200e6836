//! What each function may do, as the template says, held against what it does: no call of a simulated function passes
//! that its role would not allow, and what no function ever does is found in the template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::Value as Json;
use serde_yaml_ng::Value;

/// A function's name, an action of IAM, and the resource of the template that it is done to.
pub type Right = (String, &'static str, String);

/// Lambda's own doing for a function: its log.
const LOG: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
/// Lambda's own doing for a function that a queue starts.
const POLL: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
/// Lambda's own doing for a function that a stream starts.
const STREAM: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
/// Every action that a role of the template may have. What is not here is no part of this house.
const ACTIONS: [&str; 21] = [
    "dynamodb:BatchGetItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "events:PutEvents",
    "secretsmanager:GetSecretValue",
    "sqs:ChangeMessageVisibility",
    "sqs:SendMessage",
    LOG[0],
    LOG[1],
    POLL[0],
    POLL[1],
    POLL[2],
    STREAM[0],
    STREAM[1],
    STREAM[2],
    STREAM[3],
];

static TEMPLATE: LazyLock<Template> = LazyLock::new(Template::read);

/// What the template allows, and what Lambda itself needs of it.
struct Template {
    allowed: BTreeSet<Right>,
    needed_by_lambda: BTreeSet<Right>,
}

/// The rights that the template gives and nobody uses: neither a function, of which `used` tells, nor Lambda for its
/// triggers and its log.
#[must_use]
pub fn unused_rights(used: &BTreeSet<Right>) -> Vec<Right> {
    let template = &*TEMPLATE;
    template
        .allowed
        .iter()
        .filter(|right| !used.contains(right) && !template.needed_by_lambda.contains(right))
        .cloned()
        .collect()
}

/// The rights that Lambda needs for the triggers and logs of the functions, and that the template does not give.
#[must_use]
pub fn rights_that_lambda_lacks() -> Vec<Right> {
    TEMPLATE.needed_by_lambda.difference(&TEMPLATE.allowed).cloned().collect()
}

/// The rights of all functions of a world. Clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    used: Arc<Mutex<BTreeSet<Right>>>,
}

/// The rights of one function.
#[derive(Debug, Clone)]
pub(crate) struct FunctionRights {
    function: &'static str,
    rights: Rights,
}

impl Rights {
    pub(crate) fn of(&self, function: &'static str) -> FunctionRights {
        FunctionRights { function, rights: self.clone() }
    }

    pub(crate) fn used(&self) -> BTreeSet<Right> {
        self.used.lock().unwrap().clone()
    }
}

impl FunctionRights {
    /// Takes in that the function does this; one that may not ends the test.
    pub(crate) fn exercise(&self, action: &str, resource: &str) {
        let known = ACTIONS.into_iter().find(|known| *known == action);
        let right = known.map(|action| (self.function.to_owned(), action, resource.to_owned()));
        let allowed = right.filter(|right| TEMPLATE.allowed.contains(right));
        let Some(right) = allowed else {
            panic!("infra/template.yaml does not let {} do {action} on {resource}", self.function);
        };
        self.rights.used.lock().unwrap().insert(right);
    }

    /// A call to the database.
    pub(crate) fn call_the_database(&self, operation: &str, body: &str) {
        let body: Json = serde_json::from_str(body).unwrap();
        if operation == "BatchGetItem" {
            for name in body["RequestItems"].as_object().into_iter().flat_map(|tables| tables.keys()) {
                self.exercise("dynamodb:BatchGetItem", &table_of(name));
            }
            return;
        }
        if operation != "TransactWriteItems" {
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
            return self.exercise(&format!("dynamodb:{operation}"), &format!("{}{index}", table(&body)));
        }
        // A transaction needs the right to each of its parts (DynamoDB, IAM and transactions).
        for part in body["TransactItems"].as_array().into_iter().flatten() {
            for (kind, part) in part.as_object().into_iter().flatten() {
                let action = if kind == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{kind}Item") };
                self.exercise(&format!("dynamodb:{action}"), &table(part));
            }
        }
    }
}

/// The table of a call.
fn table(body: &Json) -> String {
    table_of(body["TableName"].as_str().unwrap_or_default())
}

/// `OrdersTable` of the table `orders`.
fn table_of(name: &str) -> String {
    let (first, rest) = name.split_at(1.min(name.len()));
    format!("{}{rest}Table", first.to_uppercase())
}

impl Template {
    fn read() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../infra/template.yaml");
        let file: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let resources = file["Resources"].as_mapping().unwrap();
        let functions: BTreeMap<String, &Value> = resources
            .values()
            .filter(|resource| resource["Type"] == "AWS::Serverless::Function")
            .map(|function| (text(&function["Metadata"]["BuildProperties"]["Binary"]), function))
            .collect();
        let mut template = Self { allowed: BTreeSet::new(), needed_by_lambda: BTreeSet::new() };
        for (name, function) in functions {
            let role = text(&function["Properties"]["Role"]);
            let role = &file["Resources"][role.trim_end_matches(".Arn")]["Properties"];
            for policy in list(&role["Policies"]) {
                for statement in list(&policy["PolicyDocument"]["Statement"]) {
                    template.allow(&name, statement);
                }
            }
            template.need_for_lambda(&name, &function["Properties"]);
        }
        template
    }

    fn allow(&mut self, function: &str, statement: &Value) {
        for action in list(&statement["Action"]) {
            let action = text(action);
            let known = ACTIONS.into_iter().find(|known| *known == action);
            let known = known.unwrap_or_else(|| panic!("{function} may {action}, which no part of this house does"));
            for resource in list(&statement["Resource"]) {
                self.allowed.insert((function.to_owned(), known, resource_name(resource)));
            }
        }
    }

    fn need_for_lambda(&mut self, function: &str, properties: &Value) {
        let mut need = |actions: &[&'static str], resource: &str| {
            let rights = actions.iter().map(|action| (function.to_owned(), *action, resource.to_owned()));
            self.needed_by_lambda.extend(rights);
        };
        need(&LOG, &text(&properties["LoggingConfig"]["LogGroup"]));
        for event in properties["Events"].as_mapping().into_iter().flat_map(|events| events.values()) {
            let of_event = &event["Properties"];
            match text(&event["Type"]).as_str() {
                "SQS" => need(&POLL, &resource_name(&of_event["Queue"])),
                "DynamoDB" => {
                    need(&STREAM, &resource_name(&of_event["Stream"]));
                    need(
                        &["sqs:SendMessage"],
                        &resource_name(&of_event["DestinationConfig"]["OnFailure"]["Destination"]),
                    );
                }
                _ => {}
            }
        }
    }
}

/// `OrdersTable` of its `Arn`, `OrdersTable/index/due` of an index, `OrdersTable/stream` of its stream.
fn resource_name(reference: &Value) -> String {
    let text = text(reference).replace("${", "").replace('}', "");
    let text = text.replace(".StreamArn", "/stream").replace(".Arn", "").replace(".Id", "");
    text.trim_end_matches("/*").to_owned()
}

/// The text of a value, or of what an intrinsic function (`!Ref`, `!Sub`, `!GetAtt`) is given.
fn text(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => text(&tagged.value),
        Value::String(text) => text.clone(),
        other => panic!("not a text: {other:?}"),
    }
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_sequence().map_or_else(|| vec![value], |values| values.iter().collect())
}
