//! The sample event of the repository is read as the stream's own would be.

use aws_lambda_events::dynamodb::Event;
use order_events::of_record;

#[test]
fn the_sample_event_tells_that_its_order_is_being_sent() {
    let batch: Event = serde_json::from_str(include_str!("../../../events/order-events.json")).unwrap();
    let events = of_record(&batch.records[0]).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].source, "courier.orders");
    assert_eq!(events[0].detail_type, "Order Status Changed");
    assert_eq!(events[0].detail["previous_status"], "received");
    assert_eq!(events[0].detail["status"], "sending");
    assert_eq!(events[0].detail["sequence"], 2);
    assert_eq!(events[0].detail["order_id"], "demo-limit");
}
