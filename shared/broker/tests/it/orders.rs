//! What every answer to the sending of an order means, by the tables of IBKR's Web API.

use crate::support::{Order, Recorded, answer, page, session};
use broker::{Answer, CallError, CancelAnswer, ReplyId, TransportError};
use bytes::Bytes;
use domain::{BrokerOrderId, BrokerStatus};
use http::Response;

#[derive(Clone, Copy, Debug)]
enum Act {
    Place,
    Reply,
    Modify,
}

const ACTS: [Act; 3] = [Act::Place, Act::Reply, Act::Modify];

async fn meaning(act: Act, outcome: Result<Response<Bytes>, TransportError>) -> Result<Answer, CallError> {
    let transport = Recorded::new(vec![outcome]);
    let session = session(transport.clone());
    let order = Order::limit();
    let answer = match act {
        Act::Place => session.place(&order.request()).await,
        Act::Reply => session.reply(&ReplyId::new("a12c-77").unwrap(), true).await,
        Act::Modify => session.modify(BrokerOrderId::new(1234).unwrap(), &order.request()).await,
    };
    assert_eq!(transport.count(), 1, "sent once");
    answer
}

async fn placed(body: &str) -> Result<Answer, CallError> {
    meaning(Act::Place, Ok(answer(200, body))).await
}

#[tokio::test]
async fn an_order_with_a_number_is_placed_in_a_list_or_alone() {
    for body in [
        r#"[{"order_id":"1234","order_status":"Submitted","encrypt_message":"1"}]"#,
        r#"{"order_id":"1234","order_status":"Submitted","encrypt_message":"1"}"#,
        r#"[{"order_id":1234,"order_status":"Submitted","error":null}]"#,
    ] {
        let Answer::Placed(orders) = placed(body).await.unwrap() else { panic!("{body}") };
        assert_eq!((orders[0].order_id.get(), &orders[0].status), (1234, &BrokerStatus::Submitted));
    }
}

#[tokio::test]
async fn a_bracket_is_placed_with_its_exits() {
    let body = r#"[{"order_id":"1","order_status":"Submitted"},{"order_id":"2","order_status":"PreSubmitted","parent_order_id":"1"}]"#;
    let Answer::Placed(orders) = placed(body).await.unwrap() else { panic!("{body}") };
    assert_eq!(orders.iter().map(|order| order.order_id.get()).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_question_names_whom_to_reply_to_and_what_it_is() {
    let body = r#"[{"id":"07a13a5a-4a48-44a5-bb25-5ab37b79186c","message":["The price exceeds the <b>constraint</b> of 3%."],
                    "isSuppressed":false,"messageIds":["o163"],"messageOptions":["Yes","No"]}]"#;
    let Answer::Question(question) = placed(body).await.unwrap() else { panic!("{body}") };
    assert_eq!(question.reply_id.as_str(), "07a13a5a-4a48-44a5-bb25-5ab37b79186c");
    assert_eq!((question.message_ids.as_slice(), question.options.len()), (&["o163".to_owned()][..], 2));
    let two = r#"[{"id":"a","message":["x"],"messageIds":["o354"]},{"id":"b","message":"y","messageIds":["o383"]}]"#;
    let Answer::Question(question) = placed(two).await.unwrap() else { panic!("{two}") };
    assert_eq!((question.reply_id.as_str(), question.message_ids.len()), ("a", 2), "a policy sees them all");
}

#[tokio::test]
async fn an_advanced_reject_is_a_prompt() {
    let body = r#"{"orderId":987,"reqId":"12","text":"Use the Price Management Algo?","options":["Yes","No"],
                   "type":"modal","messageId":"p12","prompt":true}"#;
    let Answer::Prompt(prompt) = placed(body).await.unwrap() else { panic!("{body}") };
    assert_eq!((prompt.order_id.get(), prompt.message_id.as_deref()), (987, Some("p12")));

    let transport = Recorded::new(vec![Ok(answer(200, "Success"))]);
    let session = session(transport.clone());
    assert!(matches!(session.answer_prompt(&prompt, "Maybe").await, Err(CallError::Invalid(_))));
    session.answer_prompt(&prompt, "Yes").await.unwrap();
    let request = transport.request(0);
    assert_eq!(request.uri().path(), "/v1/api/iserver/notification");
    assert_eq!(request.body(), &r#"{"orderId":987,"reqId":"12","text":"Yes"}"#);
}

#[tokio::test]
async fn an_error_in_a_200_is_a_refusal() {
    for text in [
        "No trading permissions.",
        "invalid order price fields",
        "invalid order attribute : Outside Regular Trading Hours",
        "java.lang.Exception: price too far",
        "Order not confirmed ",
    ] {
        for act in ACTS {
            let body =
                serde_json::json!({"error": text, "statusCode": 200, "cqe": {"post_payload": {"rejections": ["x"]}}});
            let meant = meaning(act, Ok(answer(200, &body.to_string()))).await;
            assert_eq!(meant.unwrap(), Answer::Refused { message: text.trim().to_owned() });
        }
    }
}

#[tokio::test]
async fn a_failure_told_in_a_200_is_no_refusal() {
    let unknown = ["Internal Server Error", "503", "503 Service Unavailable", "502 Bad Gateway", "Request timed out"];
    let bodies = unknown.map(|text| serde_json::json!({"error": text}).to_string());
    let told = [r#"{"error":"oops","statusCode":500}"#, r#"{"title":"oops","status":503}"#].map(str::to_owned);
    for body in bodies.into_iter().chain(told) {
        for act in ACTS {
            let meant = meaning(act, Ok(answer(200, &body))).await;
            assert!(matches!(meant, Err(CallError::Unknown { .. })), "{act:?} {body}: {meant:?}");
        }
        let transport = Recorded::new(vec![Ok(answer(200, &body))]);
        let cancelled = session(transport).cancel(&"DU1".parse().unwrap(), BrokerOrderId::new(7).unwrap()).await;
        assert!(matches!(cancelled, Err(CallError::Unknown { .. })), "{body}: {cancelled:?}");
    }
    for text in ["Please init session first", "not authenticated", "no bridge"] {
        let body = serde_json::json!({"error": text}).to_string();
        for status in [200, 400, 500] {
            let meant = meaning(Act::Place, Ok(answer(status, &body))).await;
            assert_eq!(meant, Err(CallError::NoBridge), "{status} {text}");
        }
    }
    let refused = meaning(Act::Place, Ok(answer(200, r#"{"error":"500 shares exceed the limit"}"#))).await;
    assert!(matches!(refused, Ok(Answer::Refused { .. })), "{refused:?}");
    let lost = meaning(Act::Place, Ok(answer(200, r#"{"error":"Unauthorized","statusCode":401}"#))).await;
    assert!(matches!(lost, Err(CallError::Unknown { .. })), "a 200 proves nothing by a status in its body: {lost:?}");
}

#[tokio::test]
async fn a_client_order_id_that_is_registered_means_that_the_first_copy_arrived() {
    let body = r#"{"error":"Order couldn't be submitted: Local order ID=c123 is already registered."}"#;
    for status in [200, 400, 500] {
        for act in [Act::Place, Act::Reply] {
            let meant = meaning(act, Ok(answer(status, body))).await;
            assert!(matches!(meant, Ok(Answer::AlreadyRegistered { .. })), "{status} {act:?}");
        }
        // A modification carries no client order id, so this text tells nothing about it.
        let meant = meaning(Act::Modify, Ok(answer(status, body))).await;
        assert!(matches!(meant, Err(CallError::Unknown { .. })), "{status}");
    }
}

#[tokio::test]
async fn a_stale_question_and_an_unknown_order_are_told_apart() {
    let stale = r#"{"error":"reply id not found: 'a12c-77'"}"#;
    for status in [200, 400] {
        let meant = meaning(Act::Reply, Ok(answer(status, stale))).await;
        assert!(matches!(meant, Ok(Answer::ReplyNotFound { .. })), "{status}");
    }
    let unknown = r#"{"error":"OrderID 1234 doesn't exist"}"#;
    for status in [200, 400, 404] {
        let meant = meaning(Act::Modify, Ok(answer(status, unknown))).await;
        assert!(matches!(meant, Ok(Answer::NoSuchOrder { .. })), "{status}");
    }
}

#[tokio::test]
async fn what_comes_from_before_the_order_system_proves_that_the_order_is_not_there() {
    let cases = [
        (answer(400, r#"{"error":"Bad Request: no bridge","statusCode":400}"#), CallError::NoBridge),
        (answer(500, r#"{"error":"no bridge"}"#), CallError::NoBridge),
        (answer(400, r#"{"error":"Bad Request: Please query /accounts first"}"#), CallError::AccountsNotAsked),
        (answer(500, r#"{"error":"Please query /accounts first"}"#), CallError::AccountsNotAsked),
        (
            answer(400, r#"{"error":"Bad Request: accountId is not valid: DU1"}"#),
            CallError::AccountInvalid { message: "Bad Request: accountId is not valid: DU1".into() },
        ),
        (answer(401, r#"{"error":"Unauthorized"}"#), CallError::Unauthorized { message: "Unauthorized".into() }),
        (answer(401, ""), CallError::Unauthorized { message: "without a word".into() }),
        (page(403), CallError::Forbidden),
        (answer(404, ""), CallError::WrongPath),
        (answer(429, ""), CallError::Paced),
        (answer(429, r#"{"error":"Too many requests"}"#), CallError::Paced),
    ];
    for (response, expected) in cases {
        for act in ACTS {
            let error = meaning(act, Ok(response.clone())).await.unwrap_err();
            assert_eq!(error, expected);
            assert!(error.proves_not_delivered(), "{error}");
        }
    }
    let error = meaning(Act::Place, Err(TransportError::NotSent("refused".into()))).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)) && error.proves_not_delivered());
}

#[tokio::test]
async fn everything_else_leaves_the_outcome_open() {
    let long = format!(r#"{{"error":"{}""#, "x".repeat(5000));
    for response in [
        answer(500, r#"{"error":"Internal error"}"#),
        answer(503, ""),
        answer(503, r#"{"error":"Service Unavailable","statusCode":503}"#),
        answer(502, "<html>bad gateway</html>"),
        answer(410, ""),
        answer(400, r#"{"error":"Bad Request"}"#),
        answer(400, ""),
        answer(403, r#"{"error":"forbidden"}"#),
        answer(302, ""),
        answer(202, r#"[{"order_id":"1234","order_status":"Submitted"}]"#),
        answer(200, ""),
        answer(200, "null"),
        answer(200, "{}"),
        answer(200, "[]"),
        answer(200, "Success"),
        answer(200, r#"{"error":null}"#),
        answer(200, r#"{"error":""}"#),
        answer(200, r#"{"error":{"code":7}}"#),
        answer(200, r#"{"error":"timeout"}"#),
        answer(200, r#"{"error":"Read timed out"}"#),
        answer(200, r#"{"error":"no","order_id":"1234"}"#),
        answer(200, r#"[{"error":"no"}]"#),
        answer(200, r#"[{"order_id":"-1","order_status":"Submitted"}]"#),
        answer(200, r#"[{"order_id":"0","order_status":"Submitted"}]"#),
        answer(200, r#"[{"order_id":"abc"}]"#),
        answer(200, r#"[{"order_id":"1","order_status":"Submitted"},{"id":"a","message":["x"]}]"#),
        answer(200, r#"[{"order_id":"1","order_status":"Submitted"}"#),
        answer(200, r#"[{"order_id":"1","order_id":"2"}]"#),
        answer(200, r#"[{"id":"../logout","message":["x"]}]"#),
        answer(200, r#"[{"id":"a"}]"#),
        answer(200, &long),
        page(200),
    ] {
        for act in ACTS {
            let meant = meaning(act, Ok(response.clone())).await;
            let Err(CallError::Unknown { why }) = &meant else { panic!("{response:?} gave {meant:?}") };
            assert!(why.chars().count() < 600 && !CallError::Unknown { why: why.clone() }.proves_not_delivered());
        }
    }
    let meant = meaning(Act::Place, Err(TransportError::Unread("timed out".into()))).await;
    assert!(matches!(meant, Err(CallError::Unknown { .. })));
}

#[tokio::test]
async fn a_cancel_is_requested_or_there_is_no_such_order() {
    let cancel = async |response: Response<Bytes>| {
        let transport = Recorded::new(vec![Ok(response)]);
        let answer =
            session(transport.clone()).cancel(&"DU0000001".parse().unwrap(), BrokerOrderId::new(1234).unwrap()).await;
        let request = transport.request(0);
        assert_eq!(
            (request.method().as_str(), request.uri().path()),
            ("DELETE", "/v1/api/iserver/account/DU0000001/order/1234")
        );
        assert_eq!(request.headers()["content-length"], "0");
        answer
    };
    let requested = answer(200, r#"{"msg":"Request was submitted","order_id":1234,"conid":-1,"account":null}"#);
    assert_eq!(cancel(requested).await.unwrap(), CancelAnswer::Requested);
    let none = answer(400, r#"{"error":"OrderID 1234 doesn't exist"}"#);
    assert!(matches!(cancel(none).await, Ok(CancelAnswer::NoSuchOrder { .. })));
    let refused = answer(200, r#"{"error":"Order cannot be cancelled"}"#);
    assert!(matches!(cancel(refused).await, Ok(CancelAnswer::Refused { .. })));
    assert_eq!(cancel(answer(400, r#"{"error":"Bad Request: no bridge"}"#)).await, Err(CallError::NoBridge));
    assert_eq!(cancel(answer(410, "")).await, Err(CallError::Gone));
    assert!(matches!(cancel(answer(503, "")).await, Err(CallError::Unknown { .. })));
    assert!(matches!(cancel(answer(200, "{}")).await, Err(CallError::Unknown { .. })));
}
