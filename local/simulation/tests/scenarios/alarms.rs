//! Each alarm of our own metrics, as infra/template.yaml defines it, against what the functions write when its cause is there: the
//! lines that CloudWatch would read.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Clock;
use paper_broker::{Fault, FaultKind, QuestionRules, TokenLoss};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use simulation::{CONSUMER, USER, USERNAME, World};
use tracing::subscriber::DefaultGuard;

const ORDERS: &str = "/iserver/account/*/orders";
const STACK: &str = "paper";

/// The lines that the functions of this thread write, until this is dropped.
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

struct Writer(Arc<Mutex<Vec<u8>>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// At the level that says least: what alarms are made of is written at any.
    fn open() -> Self {
        let written = Arc::new(Mutex::new(Vec::new()));
        let writer = Arc::clone(&written);
        let subscriber =
            platform::telemetry::subscriber(Some("error"), Some(STACK.to_owned()), move || Writer(Arc::clone(&writer)));
        Self { written, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Every line since the last look.
    fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.written.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Whether an alarm of the template would go off by what was written since the last look.
    fn sets_off(&self, alarm: &str) -> bool {
        Alarm::of_template(alarm).goes_off(&self.take())
    }
}

/// An alarm, as the template defines it.
struct Alarm {
    metric: String,
    statistic: String,
    threshold: f64,
    period: Duration,
    /// Whether it goes off where too little is counted.
    below: bool,
}

impl Alarm {
    fn of_template(name: &str) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/template.yaml");
        let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let alarm = &template["Resources"][name]["Properties"];
        let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
        assert_eq!(text("Namespace"), "Courier");
        let comparison = text("ComparisonOperator");
        assert!(["GreaterThanOrEqualToThreshold", "LessThanThreshold"].contains(&comparison.as_str()), "{comparison}");
        let statistic = text("Statistic");
        assert!(["Sum", "Maximum"].contains(&statistic.as_str()), "{name} takes the {statistic}");
        Self {
            metric: text("MetricName"),
            statistic,
            threshold: alarm["Threshold"].as_f64().unwrap(),
            period: Duration::from_secs(alarm["Period"].as_u64().unwrap()),
            below: comparison == "LessThanThreshold",
        }
    }

    /// Whether these lines, of one period, reach its threshold.
    fn goes_off(&self, lines: &[Value]) -> bool {
        let values = lines.iter().filter_map(|line| counted(line, &self.metric));
        let value = match self.statistic.as_str() {
            "Sum" => values.sum(),
            _ => values.fold(f64::NEG_INFINITY, f64::max),
        };
        if self.below { value < self.threshold } else { value >= self.threshold }
    }
}

/// What a line counts of a metric, as CloudWatch reads it.
fn counted(line: &Value, metric: &str) -> Option<f64> {
    let directive = line.get("_aws")?["CloudWatchMetrics"][0].clone();
    assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("Courier"), &json!([["Stack"]])));
    assert_eq!(line["Stack"], STACK);
    let named = directive["Metrics"].as_array().unwrap().iter().any(|counted| counted["Name"] == metric);
    named.then(|| line[metric].as_f64().unwrap())
}

async fn without_questions() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world
}

#[tokio::test(start_paused = true)]
async fn an_order_that_stays_unknown_for_a_minute_sets_off_its_alarm() {
    let log = Log::open();
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::DropBefore));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_secs(50)).await;
    assert!(!log.sets_off("OrderUnknownAlarm"), "it is unknown for less than a minute");
    world.run_for(Alarm::of_template("OrderUnknownAlarm").period).await;
    assert!(log.sets_off("OrderUnknownAlarm"));
}

#[tokio::test(start_paused = true)]
async fn orders_that_are_due_and_not_looked_at_set_off_their_alarm() {
    let log = Log::open();
    let world = without_questions().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(Duration::from_mins(3)).await;
    assert!(!log.sets_off("OrdersOverdueAlarm"));
    let mut order = world.store().orders.get(&world.order("first").await.key).await.unwrap().unwrap();
    order.value.check_again_at(world.clock.now() - jiff::SignedDuration::from_mins(5));
    world.store().orders.save(&mut order).await.unwrap();
    world.tick().await;
    assert!(log.sets_off("OrdersOverdueAlarm"));
}

#[tokio::test(start_paused = true)]
async fn a_penalty_of_the_broker_sets_off_its_alarm() {
    let log = Log::open();
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::TooManyRequests));
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.deliver_all().await;
    assert!(log.sets_off("PenaltyBoxAlarm"));
}

#[tokio::test(start_paused = true)]
async fn a_position_without_its_stop_sets_off_the_alarm_that_calls_a_person() {
    let log = Log::open();
    let world = World::with_a_connected_user().await;
    let attached = json!({"take_profit": {"limit_price": "190.00"}, "stop_loss": {"stop_price": "185.50"}});
    world.place("first", &json!({"type": "limit", "limit_price": "187.00", "attached": attached}));
    world.settle().await;
    let parent = world.tickets("first")[0].order_id;
    let ledger = world.broker().ledger();
    let stop = ledger.iter().find(|entry| entry.parent_order_id == Some(parent) && entry.order_type == "STP").unwrap();
    assert!(world.broker().reject_order(stop.order_id, paper_broker::OrderStatus::Inactive));
    assert!(!log.sets_off("OrderForAPersonAlarm"));
    world.broker().set_price(265_598, Some(Decimal::new(18690, 2)));
    world.run_for(Duration::from_secs(30)).await;
    assert!(log.sets_off("OrderForAPersonAlarm"));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_shows_after_its_end_sets_off_the_alarm_that_calls_a_person() {
    let log = Log::open();
    let world = without_questions().await;
    world.broker().add_fault(Fault::next("POST", ORDERS, FaultKind::Park { release_after_ms: None }));
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(7)).await;
    assert!(!log.sets_off("OrderForAPersonAlarm"));
    assert_eq!(world.broker().release_parked(), 1);
    world.run_for(Duration::from_mins(10)).await;
    assert!(log.sets_off("OrderForAPersonAlarm"));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_not_carried_out_sets_off_the_alarm_that_calls_a_person() {
    let log = Log::open();
    let world = without_questions().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    let ignored = Fault::next("DELETE", "/iserver/account/*/order/*", FaultKind::NotCarriedOut);
    world.broker().add_fault(Fault { times: 1_000, ..ignored });
    world.cancel("first");
    world.run_for(Duration::from_secs(10)).await;
    assert!(!log.sets_off("OrderForAPersonAlarm"), "a broker may take its time");
    world.run_for(Duration::from_mins(2)).await;
    assert!(log.sets_off("OrderForAPersonAlarm"));
}

#[tokio::test(start_paused = true)]
async fn a_refused_dead_letter_sets_off_the_alarm_that_calls_a_person() {
    let log = Log::open();
    let world = World::with_a_connected_user().await;
    assert_eq!(world.submit_dead_letters(&[json!({"schema": "courier.order/1"})]).await, Some(vec![]));
    assert!(log.sets_off("OrderForAPersonAlarm"));
}

/// A connected user whose live session token is renewed within the hour.
async fn with_a_renewal_ahead() -> World {
    let world = World::start().await;
    world.broker().change_options(|options| options.live_session_token_life_seconds = 60 * 60);
    world.connect_user().await;
    world
}

/// Whether the alarm of failed renewals goes off in any of the periods of the next hour and a quarter.
async fn renewals_set_off_their_alarm(log: &Log, world: &World) -> bool {
    let mut went_off = false;
    for _ in 0..5 {
        world.run_for(Alarm::of_template("RefreshFailureAlarm").period).await;
        went_off |= log.sets_off("RefreshFailureAlarm");
    }
    went_off
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_again_and_again_set_off_their_alarm() {
    let log = Log::open();
    let world = with_a_renewal_ahead().await;
    for _ in 0..6 {
        let away = FaultKind::Unavailable { executed: false, delay_ms: 0 };
        world.broker().add_fault(Fault::next("POST", "/oauth/live_session_token", away));
    }
    assert!(renewals_set_off_their_alarm(&log, &world).await);
}

#[tokio::test(start_paused = true)]
async fn one_user_who_revoked_does_not_set_off_the_alarm_of_renewals() {
    let log = Log::open();
    let world = with_a_renewal_ahead().await;
    world.broker().lose_tokens(USERNAME, TokenLoss::SecretLost);
    assert!(!renewals_set_off_their_alarm(&log, &world).await);
    assert_eq!(world.connections().await[0].status, domain::ConnectionStatus::NeedsConsent);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_the_broker_does_not_take_sets_off_its_alarm() {
    let log = Log::open();
    let world = World::start().await;
    world.broker().set_consumer_active(CONSUMER, false);
    assert_eq!(world.try_to_begin().await.status, 502);
    assert!(log.sets_off("ConsumerRefusedAlarm"));
}

#[tokio::test(start_paused = true)]
async fn an_empty_secret_of_the_consumer_sets_off_the_same_alarm() {
    let log = Log::open();
    let mut world = World::start().await;
    world.replace_consumer_secret(|secret| *secret = json!({}));
    assert_eq!(world.try_to_begin().await.status, 503);
    assert!(log.sets_off("ConsumerRefusedAlarm"));
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_order_sets_off_no_alarm_and_tells_how_long_it_took() {
    let log = Log::open();
    let world = crate::with_every_question_asked().await;
    world.place("first", &json!({"type": "market"}));
    world.run_for(Duration::from_mins(3)).await;
    assert_eq!(world.status("first").await, "filled");
    let lines = log.take();
    for alarm in [
        "OrderUnknownAlarm",
        "OrdersOverdueAlarm",
        "PenaltyBoxAlarm",
        "OrderForAPersonAlarm",
        "RefreshFailureAlarm",
        "ConsumerRefusedAlarm",
    ] {
        assert!(!Alarm::of_template(alarm).goes_off(&lines), "{alarm}");
    }
    let values = |metric: &str| lines.iter().filter_map(|line| counted(line, metric)).collect::<Vec<_>>();
    assert_eq!(values("acknowledgement_milliseconds").len(), 1, "an order is acknowledged once");
    assert!(values("queue_age_milliseconds").iter().all(|age| (0.0..60_000.0).contains(age)));
    assert!(values("questions").iter().sum::<f64>() >= 1.0);
    assert!(values("questions_declined").iter().all(|declined| *declined < 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_lost_tells_for_how_long_once_it_is_back() {
    let log = Log::open();
    let world = World::with_a_connected_user().await;
    world.broker().log_in_elsewhere(USERNAME);
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(Duration::from_mins(3)).await;
    world.broker().log_out_elsewhere(USERNAME);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(world.status("first").await, "working");
    let lost: f64 = log.take().iter().filter_map(|line| counted(line, "session_lost_seconds")).sum();
    assert!((120.0..300.0).contains(&lost), "{lost} s");
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_stands_still_sets_off_its_alarm_though_the_queues_go_on() {
    let log = Log::open();
    let world = without_questions().await;
    log.take();
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    let lines = log.take();
    for alarm in ["OrderTrackSilentAlarm", "SessionRefreshSilentAlarm"] {
        assert!(Alarm::of_template(alarm).goes_off(&lines), "{alarm}");
    }
    world.run_for(Alarm::of_template("OrderTrackSilentAlarm").period).await;
    let lines = log.take();
    for alarm in ["OrderTrackSilentAlarm", "SessionRefreshSilentAlarm"] {
        assert!(!Alarm::of_template(alarm).goes_off(&lines), "{alarm}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_be_recorded_sets_off_its_alarm() {
    let log = Log::open();
    let world = without_questions().await;
    world.set_database_faults(|call| {
        let of_a_refusal = call.operation == "TransactWriteItems" && call.body.contains("refused from");
        if of_a_refusal { embedded_dynamodb::Fault::Throttled } else { embedded_dynamodb::Fault::None }
    });
    world.place("bad", &json!({"type": "market", "account_id": "DU0000011"}));
    world.deliver_all().await;
    assert!(!log.sets_off("RefusalUnrecordedAlarm"), "it is tried again first");
    world.run_for(Duration::from_mins(30)).await;
    let lines = log.take();
    assert!(Alarm::of_template("RefusalUnrecordedAlarm").goes_off(&lines));
    let told = lines.iter().find(|line| counted(line, "refusals_unrecorded").is_some()).unwrap().to_string();
    for part in ["account_not_granted", "bad", simulation::SENDER] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_change_cannot_be_read_sets_off_its_alarm_and_the_others_are_told() {
    let log = Log::open();
    let world = without_questions().await;
    let row = json!({"TableName": "orders", "Item": {"user_id": {"S": USER}, "order_id": {"S": "odd"},
        "order": {"S": "written by hand"}}});
    world.database_answer("PutItem", &row);
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    let told = world.tell_changes().await;
    assert!(told.iter().any(|event| event["Detail"].as_str().unwrap().contains("\"working\"")), "{told:?}");
    let lines = log.take();
    assert!(Alarm::of_template("RecordUnreadableAlarm").goes_off(&lines));
    let line = lines.iter().find(|line| counted(line, "records_unreadable").is_some()).unwrap().to_string();
    assert!(line.contains(&format!("{USER}/odd")), "{line}");
}

#[tokio::test(start_paused = true)]
async fn no_metric_is_told_by_user() {
    let log = Log::open();
    let world = World::with_a_connected_user().await;
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.run_for(Duration::from_mins(1)).await;
    let lines = log.take();
    let dimensions: Vec<&Value> = lines.iter().filter_map(|line| line.get("_aws")).collect();
    assert!(!dimensions.is_empty());
    assert!(dimensions.iter().all(|directive| !directive.to_string().contains(USER)));
}
