//! What the operator needs: that nothing fails in silence, nothing is lost, and every alarm has its page.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_yaml_ng::Value;

use super::reading::{Template, one_or_many, resource_name, text, workspace};

const ALARM: &str = "AWS::CloudWatch::Alarm";
const QUEUE: &str = "AWS::SQS::Queue";
const FORTNIGHT_SECONDS: u64 = 14 * 24 * 3600;
/// What these hold is found again by the schedule each minute: old work would only stand before new.
const WORK_QUEUES: [&str; 2] = ["SessionQueue", "TrackQueue"];
/// Losing a row of an attempt costs a user one click. In the lanes' table only what an order looked like expires, a day after it
/// was sent: lanes and the penalty box name no time.
const EPHEMERAL_TABLES: [&str; 2] = ["AttemptsTable", "LanesTable"];

#[test]
fn every_alarm_is_told_to_the_topic_and_has_its_page_in_the_runbook() {
    let template = Template::read();
    let runbook = std::fs::read_to_string(workspace().join("docs").join("operations.md")).unwrap();
    for (name, alarm) in template.resources(ALARM) {
        assert_eq!(one_or_many(&alarm["AlarmActions"]), ["AlarmTopic"], "{name}");
        assert!(runbook.contains(&format!("`{name}`")), "docs/operations.md says nothing of {name}");
        assert!(!text(&alarm["AlarmDescription"]).is_empty(), "{name}");
    }
}

#[test]
fn every_queue_leads_to_dead_letters_and_every_dead_letter_raises_an_alarm() {
    let template = Template::read();
    for (name, queue) in template.resources(QUEUE) {
        if name.ends_with("DeadLetterQueue") {
            let watched = |alarm: &Value| {
                watches(alarm, "AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", &name)
                    && alarm["Threshold"].as_u64() == Some(1)
            };
            assert!(template.resources(ALARM).iter().any(|(_, alarm)| watched(alarm)), "{name} has no alarm");
        } else {
            let dead_letters = text(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
            assert!(dead_letters.ends_with("DeadLetterQueue.Arn"), "{name} leads to {dead_letters}");
        }
    }
}

#[test]
fn every_queue_is_encrypted_and_keeps_a_fortnight_what_nothing_else_finds_again() {
    for (name, queue) in Template::read().resources(QUEUE) {
        assert_eq!(queue["SqsManagedSseEnabled"], Value::from(true), "{name}");
        let kept = queue["MessageRetentionPeriod"].as_u64().unwrap();
        assert_eq!(kept == FORTNIGHT_SECONDS, !WORK_QUEUES.contains(&name.as_str()), "{name} keeps {kept} s");
    }
}

#[test]
fn every_table_is_encrypted_and_can_be_restored_and_only_what_may_be_lost_expires() {
    for (name, table) in Template::read().resources("AWS::DynamoDB::Table") {
        assert_eq!(table["SSESpecification"]["SSEEnabled"], Value::from(true), "{name}");
        let recovery = &table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"];
        assert_eq!(*recovery, Value::from(true), "{name}");
        let expires = table.get("TimeToLiveSpecification").is_some();
        assert_eq!(expires, EPHEMERAL_TABLES.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_function_is_watched_for_errors_throttles_and_four_fifths_of_its_own_time() {
    let template = Template::read();
    let alarms = template.resources(ALARM);
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let alarm = |metric: &str| {
            let of_function =
                |(_, alarm): &&(String, &Value)| watches(alarm, "AWS/Lambda", metric, "FunctionName", &name);
            alarms.iter().find(of_function).unwrap_or_else(|| panic!("{name} has no alarm of its {metric}")).1
        };
        assert_eq!([&alarm("Errors")["Threshold"], &alarm("Throttles")["Threshold"]], [&Value::from(1); 2], "{name}");
        let timeout_seconds = function.get("Timeout").unwrap_or(&template.0["Globals"]["Function"]["Timeout"]);
        let four_fifths = timeout_seconds.as_u64().unwrap() * 800;
        assert_eq!(alarm("Duration")["Threshold"].as_u64(), Some(four_fifths), "{name}, in milliseconds");
    }
}

#[test]
fn every_function_and_the_http_api_log_into_a_group_that_forgets() {
    let template = Template::read();
    let groups = template.resources("AWS::Logs::LogGroup");
    for (name, group) in &groups {
        assert_eq!(text(&group["RetentionInDays"]), "LogRetentionDays", "{name}");
    }
    let has = |wanted: &str| groups.iter().any(|(name, _)| name == wanted);
    for (name, function) in template.resources("AWS::Serverless::Function") {
        assert!(has(&text(&function["LoggingConfig"]["LogGroup"])), "{name}");
    }
    let api = &template.0["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"];
    assert!(has(resource_name(&text(&api["DestinationArn"]))));
}

#[test]
fn every_queue_starts_only_so_many_functions_at_once() {
    for function in Template::read().functions() {
        for event in function.events().filter(|event| text(&event["Type"]) == "SQS") {
            let most = &event["Properties"]["ScalingConfig"]["MaximumConcurrency"];
            let by_parameter =
                !most.is_u64() && ["OrderConcurrency", "SessionConcurrency"].contains(&text(most).as_str());
            assert!(most.is_u64() || by_parameter, "{}", function.binary());
        }
    }
}

#[test]
fn a_new_version_of_the_function_that_sends_comes_in_steps_and_goes_at_an_alarm() {
    let template = Template::read();
    let function = &template.0["Resources"]["OrderSubmit"]["Properties"];
    assert_eq!(text(&function["AutoPublishAlias"]), "live");
    assert_eq!(text(&template.0["Parameters"]["Rollout"]["Default"]), "Canary10Percent5Minutes");
    let alarms: BTreeSet<String> = template.resources(ALARM).into_iter().map(|(name, _)| name).collect();
    let asked: BTreeSet<String> = one_or_many(&function["DeploymentPreference"]["Alarms"]).into_iter().collect();
    assert!(asked.contains("OrderSubmitErrorAlarm") && asked.is_subset(&alarms), "{asked:?}");
}

#[test]
fn every_metric_that_is_counted_is_on_the_dashboard_and_every_one_that_is_watched_is_counted() {
    let template = Template::read();
    let counted = counted_metrics();
    let (_, dashboard) = template.resources("AWS::CloudWatch::Dashboard").remove(0);
    let body = text(&dashboard["DashboardBody"]);
    for name in &counted {
        assert!(body.contains(&format!("\"{name}\"")), "{name} is not on the dashboard");
    }
    for (name, alarm) in template.resources(ALARM) {
        if alarm.get("Namespace").is_some_and(|namespace| text(namespace) == "Courier") {
            assert!(counted.contains(&text(&alarm["MetricName"])), "nobody counts what {name} watches");
            assert_eq!(text(&alarm["Dimensions"][0]["Name"]), "Stack", "{name}");
            assert_eq!(text(&alarm["Dimensions"][0]["Value"]), "AWS::StackName", "{name}");
        }
    }
    // What CloudFormation fills in leaves JSON.
    assert!(serde_json::from_str::<serde_json::Value>(&body).unwrap()["widgets"].as_array().unwrap().len() > 8);
}

/// Whether an alarm watches this metric of this resource.
fn watches(alarm: &Value, namespace: &str, metric: &str, dimension: &str, resource: &str) -> bool {
    let is = |name: &str, wanted: &str| alarm.get(name).is_some_and(|value| text(value) == wanted);
    is("Namespace", namespace)
        && is("MetricName", metric)
        && text(&alarm["Dimensions"][0]["Name"]) == dimension
        && resource_name(&text(&alarm["Dimensions"][0]["Value"])) == resource
}

/// Every `metric.NAME` in the functions' code.
fn counted_metrics() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in sources() {
        let text = std::fs::read_to_string(source).unwrap();
        let counts = text.split("metric.").skip(1).filter_map(|rest| rest.split_once(" = ").map(|(name, _)| name));
        names.extend(counts.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).map(str::to_owned));
    }
    assert!(names.len() > 5, "{names:?}");
    names
}

fn sources() -> Vec<PathBuf> {
    let (mut folders, mut sources) = (vec![workspace().join("functions"), workspace().join("shared")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("telemetry/tests.rs")
            {
                sources.push(path);
            }
        }
    }
    sources
}
