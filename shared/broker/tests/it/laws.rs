//! No answer can make the client panic, or believe what was not said.

use broker::{Answer, CallError, ReplyId};
use bytes::Bytes;
use http::Response;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Order, Recorded, session};

fn respond(status: u16, body: Vec<u8>) -> Response<Bytes> {
    Response::builder().status(status).body(body.into()).unwrap()
}

/// Runs every way of sending an order, and every look, against this answer.
fn answers(response: &Response<Bytes>) -> Vec<Result<Answer, CallError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let session = session(Recorded::new(vec![Ok(response.clone()); 16]));
        let order = Order::limit();
        let id = domain::BrokerOrderId::new(5).unwrap();
        let answers = vec![
            session.place(&order.request()).await,
            session.reply(&ReplyId::new("a").unwrap(), true).await,
            session.modify(id, &order.request()).await,
        ];
        let _ = session.cancel(&order.account_id, id).await;
        let _ = session.live_orders(&order.account_id).await;
        let _ = session.trades(7).await;
        let _ = session.order_status(id).await;
        let _ = session.accounts().await;
        let _ = session.tickle().await;
        let _ = session.status().await;
        let _ = session.preview(&order.request()).await;
        let _ = session.stocks("A").await;
        let _ = session.search_contracts("A", None).await;
        let _ = session.contract_rules(1_u64.try_into().unwrap(), domain::Side::Buy).await;
        answers
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![
        Just("error"),
        Just("order_id"),
        Just("order_status"),
        Just("id"),
        Just("message"),
        Just("messageIds"),
        Just("orderId"),
        Just("reqId"),
        Just("text"),
        Just("options"),
        Just("orders"),
        Just("snapshot"),
        Just("status"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9 -]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5)
                .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

#[test]
fn a_list_in_the_place_of_an_order_is_no_order() {
    for body in ["[[null,1]]", r#"[["","7","Submitted"]]"#, "[null]", "[1]"] {
        for answer in answers(&respond(200, body.as_bytes().to_vec())) {
            assert!(matches!(answer, Err(CallError::Unknown { .. })), "{body}: {answer:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_as_an_answer_leave_the_outcome_open(status in 100_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
        for answer in answers(&respond(status, body.clone())) {
            prop_assert!(answer.is_err(), "{answer:?} of {body:?}");
            let error = answer.unwrap_err();
            // A 403 is the network's where it is a page, and the broker's own where it is none.
            let is_page = body.trim_ascii_start().starts_with(b"<");
            let before_the_order_system = matches!(status, 401 | 404 | 429) || (status == 403 && is_page);
            prop_assert_eq!(error.proves_not_delivered(), before_the_order_system, "{}", error);
        }
    }

    #[test]
    fn an_order_is_placed_or_refused_only_by_a_200_that_says_so(status in prop_oneof![Just(200_u16), 100_u16..600], body in json_value()) {
        for answer in answers(&respond(status, body.to_string().into_bytes())) {
            match answer {
                Ok(Answer::Placed(orders)) => {
                    prop_assert_eq!(status, 200);
                    let items = body.as_array().cloned().unwrap_or_else(|| vec![body.clone()]);
                    prop_assert_eq!(orders.len(), items.len());
                    for (order, item) in orders.iter().zip(items) {
                        let shown = item["order_id"].to_string();
                        prop_assert_eq!(shown.trim_matches('"').trim(), order.order_id.to_string());
                    }
                }
                Ok(Answer::Refused { message }) => {
                    prop_assert_eq!(status, 200);
                    let error = body["error"].to_string();
                    prop_assert!(!message.is_empty() && error.contains(&message), "{} of {}", message, body);
                }
                Ok(Answer::Question(question)) => {
                    prop_assert!(status == 200 && body.to_string().contains(question.reply_id.as_str()));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_placed_answer_cut_anywhere_is_open(cut in 0_usize..70, number in 1_u32..) {
        let whole = json!([{"order_id": number.to_string(), "order_status": "Submitted"}]).to_string();
        let cut = cut.min(whole.len() - 1);
        for answer in answers(&respond(200, whole.as_bytes()[..cut].to_vec())) {
            let open = matches!(answer, Err(CallError::Unknown { .. }));
            prop_assert!(open, "{:?}", answer);
        }
    }
}
