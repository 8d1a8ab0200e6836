//! What the operator needs: that nothing fails in silence, nothing is lost, and every alarm has its page.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_yaml_ng::Value;

use super::reading::{Template, mapping, one_or_many, resource_name, text, workspace};

const ALARM: &str = "AWS::CloudWatch::Alarm";
const QUEUE: &str = "AWS::SQS::Queue";
const FORTNIGHT_SECONDS: u64 = 14 * 24 * 3600;
/// What these hold is found again by the schedule each minute: old work would only stand before new.
const WORK_QUEUES: [&str; 2] = ["SessionQueue", "TrackQueue"];
/// Losing a row of an attempt costs a user one click. In the lanes' table only what an order looked like expires, a day after it
/// was sent, and whose turn it was to read: lanes and the penalty box name no time. Of connections only those that were ended
/// 90 days ago.
const EPHEMERAL_TABLES: [&str; 3] = ["AttemptsTable", "ConnectionsTable", "LanesTable"];

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
    let polled: BTreeSet<String> = template.functions().iter().flat_map(polled_queues).collect();
    assert!(polled.contains("OrderDeadLetterQueue"), "{polled:?}");
    for (name, queue) in template.resources(QUEUE) {
        if name.ends_with("DeadLetterQueue") {
            // A queue that a function polls shows no message to a sample: what is received of it counts.
            let metric =
                if polled.contains(&name) { "NumberOfMessagesReceived" } else { "ApproximateNumberOfMessagesVisible" };
            let watched = |alarm: &Value| {
                watches(alarm, "AWS/SQS", metric, "QueueName", &name) && alarm["Threshold"].as_u64() == Some(1)
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
fn an_alarm_that_ends_a_rollout_is_not_set_off_by_one_message_that_is_given_back() {
    let template = Template::read();
    let alarms = template.resources(ALARM);
    for name in one_or_many(&template.0["Resources"]["OrderSubmit"]["Properties"]["DeploymentPreference"]["Alarms"]) {
        let (_, alarm) = alarms.iter().find(|(alarm, _)| *alarm == name).unwrap();
        assert_ne!(text(&alarm["MetricName"]), "ApproximateAgeOfOldestMessage", "{name} counts messages in flight");
    }
}

/// SAM publishes a version by its own hash of the function, which knows no parameter's value; a version's description can only be set when
/// it is made.
#[test]
fn every_parameter_that_the_function_with_versions_takes_makes_a_new_version() {
    let template = Template::read();
    let parameters: BTreeSet<String> = mapping(&template.0["Parameters"]).keys().map(text).collect();
    let function = &template.0["Resources"]["OrderSubmit"]["Properties"];
    let globals = &template.0["Globals"]["Function"];
    let mut taken: BTreeSet<String> = mapping(&function["Environment"]["Variables"]).values().map(text).collect();
    taken.extend(one_or_many(&globals["Architectures"]));
    taken.insert(text(&globals["Tracing"]));
    taken.retain(|name| parameters.contains(name));
    assert!(taken.contains("BrokerApiUrl") && taken.len() > 5, "{taken:?}");
    let described = match &function["VersionDescription"] {
        Value::Tagged(join) => one_or_many(&join.value[1]).into_iter().collect::<BTreeSet<_>>(),
        other => panic!("not joined: {other:?}"),
    };
    assert_eq!(described, taken);
    // Lambda takes 256 characters of it.
    let longest = |name: &String| {
        let parameter = &template.0["Parameters"][name.as_str()];
        let allowed = parameter
            .get("AllowedValues")
            .map(|values| values.as_sequence().unwrap().iter().map(text).map(|value| value.len()).max().unwrap());
        allowed
            .or_else(|| {
                parameter.get("MaxLength").and_then(Value::as_u64).and_then(|length| usize::try_from(length).ok())
            })
            .or_else(|| parameter.get("MaxValue").map(|_| 20))
            .unwrap_or_else(|| panic!("{name} has no longest value"))
    };
    assert!(described.iter().map(|name| longest(name) + 1).sum::<usize>() <= 256);
}

/// Lambda ends a chain of functions and queues after about 16 links unless each function of it says that it is meant.
#[test]
fn every_function_that_may_send_to_a_queue_which_leads_back_to_it_is_allowed_to_and_watched() {
    let template = Template::read();
    let sends: Vec<(String, BTreeSet<String>)> = template
        .resources("AWS::Serverless::Function")
        .into_iter()
        .map(|(name, function)| (name, queues_of(&template, &text(&function["Role"]), "sqs:SendMessage")))
        .collect();
    let takes = |name: &str| polled_queues(&super::reading::Function(template.0["Resources"][name].clone()));
    let next = |name: &str| -> BTreeSet<String> {
        let sent = &sends.iter().find(|(sender, _)| sender == name).unwrap().1;
        sends
            .iter()
            .filter(|(taker, _)| takes(taker).iter().any(|queue| sent.contains(queue)))
            .map(|(taker, _)| taker.clone())
            .collect()
    };
    let mut chained = BTreeSet::new();
    for (name, _) in &sends {
        let mut reached = next(name);
        for _ in 0..sends.len() {
            reached = reached.iter().flat_map(|reached| next(reached)).chain(reached.iter().cloned()).collect();
        }
        if reached.contains(name) {
            chained.insert(name.clone());
        }
    }
    assert!(chained.contains("OrderTrack"), "{chained:?}");
    for (name, function) in template.resources("AWS::Serverless::Function") {
        let allowed = function.get("RecursiveLoop").is_some_and(|word| text(word) == "Allow");
        assert_eq!(allowed, chained.contains(&name), "{name}");
        let watched =
            |alarm: &Value| watches(alarm, "AWS/Lambda", "RecursiveInvocationsDropped", "FunctionName", &name);
        let is_watched = template.resources(ALARM).iter().any(|(_, alarm)| watched(alarm));
        assert_eq!(is_watched, allowed, "{name}");
    }
}

#[test]
fn the_log_of_the_http_api_is_json_whatever_its_callers_send() {
    let template = Template::read();
    let format = text(&template.0["Resources"]["HttpApi"]["Properties"]["AccessLogSettings"]["Format"]);
    let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&format).unwrap();
    assert!(line.contains_key("request_id"));
    // Values that come from the caller, or as texts with quotes of their own.
    for free in ["$context.path", "messageString", "error.message", "MESSAGE", "integrationErrorMessage", "userAgent"] {
        assert!(!format.contains(free), "{free}");
    }
}

#[test]
fn the_build_reads_the_same_parameters_as_the_deployment() {
    let file = std::fs::read_to_string(workspace().join("infra").join("samconfig.toml")).unwrap();
    let (_, global) = file.split_once("[default.global.parameters]").unwrap();
    let (global, others) = global.split_once("\n[").unwrap();
    assert!(global.contains("parameter_overrides = ") && !others.contains("parameter_overrides = "));
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

/// The queues that a function's events poll.
fn polled_queues(function: &super::reading::Function) -> Vec<String> {
    let events = function.events().filter(|event| text(&event["Type"]) == "SQS");
    events.map(|event| resource_name(&text(&event["Properties"]["Queue"])).to_owned()).collect()
}

/// The queues on which a role may do this.
fn queues_of(template: &Template, role: &str, wanted: &str) -> BTreeSet<String> {
    let role = resource_name(role);
    let statements = template.statements().into_iter().filter(|(of, statement)| {
        of == role && one_or_many(&statement["Action"]).iter().any(|action| action == wanted)
    });
    statements
        .flat_map(|(_, statement)| one_or_many(&statement["Resource"]))
        .map(|resource| resource_name(&resource).to_owned())
        .collect()
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
