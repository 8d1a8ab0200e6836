//! The template as tests read it.

use std::path::PathBuf;

use serde_yaml_ng::{Mapping, Value};

pub(crate) struct Template(pub(crate) Value);

impl Template {
    pub(crate) fn read() -> Self {
        let file = std::fs::read_to_string(workspace().join("infra").join("template.yaml")).unwrap();
        Self(serde_yaml_ng::from_str(&file).unwrap())
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let resources = mapping(&self.0["Resources"]).values();
        let functions = resources.filter(|resource| text(&resource["Type"]) == "AWS::Serverless::Function");
        functions.cloned().map(Function).collect()
    }

    /// Every resource of a type, with its name.
    pub(crate) fn resources(&self, of_type: &str) -> Vec<(String, &Value)> {
        let resources = mapping(&self.0["Resources"]).iter();
        let found: Vec<_> = resources
            .filter(|(_, resource)| text(&resource["Type"]) == of_type)
            .map(|(name, resource)| (text(name), &resource["Properties"]))
            .collect();
        assert!(!found.is_empty(), "no {of_type}");
        found
    }

    /// Every statement of every role, with the role's name.
    pub(crate) fn statements(&self) -> Vec<(String, Value)> {
        let mut statements = Vec::new();
        for (name, resource) in mapping(&self.0["Resources"]) {
            for policy in resource["Properties"].get("Policies").and_then(Value::as_sequence).into_iter().flatten() {
                let of_policy = policy["PolicyDocument"]["Statement"].as_sequence().unwrap();
                statements.extend(of_policy.iter().map(|statement| (text(name), statement.clone())));
            }
        }
        assert!(!statements.is_empty());
        statements
    }
}

pub(crate) struct Function(pub(crate) Value);

impl Function {
    pub(crate) fn binary(&self) -> String {
        text(&self.0["Metadata"]["BuildProperties"]["Binary"])
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Value> {
        mapping(&self.0["Properties"]["Events"]).values()
    }
}

/// The text of a value, or of what an intrinsic function (`!Ref`, `!Sub`, `!GetAtt`) is given.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Tagged(tagged) => text(&tagged.value),
        Value::String(text) => text.clone(),
        other => panic!("not a text: {other:?}"),
    }
}

/// `OrdersTable` of `OrdersTable`, `OrdersTable.Arn` and `${OrdersTable.Arn}/index/due`.
pub(crate) fn resource_name(reference: &str) -> &str {
    reference.trim_start_matches("${").split(['.', '}']).next().unwrap()
}

pub(crate) fn one_or_many(value: &Value) -> Vec<String> {
    value.as_sequence().map_or_else(|| vec![text(value)], |values| values.iter().map(text).collect())
}

pub(crate) fn mapping(value: &Value) -> &Mapping {
    value.as_mapping().unwrap()
}

pub(crate) fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..")
}
