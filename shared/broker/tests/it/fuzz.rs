//! Whatever the broker's answer is made of: it is read or it is not, nothing panics, and nothing is believed that it does
//! not say. The corpus is in `corpus/`; a file is an answer, its status on the first line.

use std::path::Path;

use broker::{Answer, CallError, ReplyId};
use bytes::Bytes;
use http::Response;

use crate::support::{Order, Recorded, session};

#[test]
fn no_answer_makes_the_reader_panic_or_believe_what_it_does_not_say() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus");
    let fuzzed = fuzzing::fuzz(&corpus, |input| outcome(&response(input))).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.outcomes > 40, "the corpus reaches few outcomes: {fuzzed:?}");
}

fn response(input: &[u8]) -> Response<Bytes> {
    let (status, body) = input.split_at(input.iter().position(|byte| *byte == b'\n').unwrap_or(0));
    let status = str::from_utf8(status).ok().and_then(|status| status.parse().ok());
    let status = status.filter(|status| (100..600).contains(status)).unwrap_or(200_u16);
    Response::builder().status(status).body(Bytes::copy_from_slice(body)).unwrap()
}

/// Has every reader read the answer; names what each made of it.
fn outcome(response: &Response<Bytes>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let session = session(Recorded::new(vec![Ok(response.clone()); 16]));
        let order = Order::limit();
        let id = domain::BrokerOrderId::new(5).unwrap();
        let answers = [
            session.place(&order.request()).await,
            session.reply(&ReplyId::new("a").unwrap(), true).await,
            session.modify(id, &order.request()).await,
        ];
        let mut outcome: Vec<String> = answers.iter().map(|answer| what_was_believed(answer, response)).collect();
        let conid = 1_u64.try_into().unwrap();
        outcome.extend([
            name(&session.cancel(&order.account_id, id).await),
            name(&session.live_orders(&order.account_id).await),
            name(&session.trades(7).await),
            name(&session.order_status(id).await),
            name(&session.accounts().await),
            name(&session.tickle().await),
            name(&session.status().await),
            name(&session.preview(&order.request()).await),
            name(&session.stocks("A").await),
            name(&session.search_contracts("A", None).await),
            name(&session.market_price(conid).await),
            name(&session.contract_rules(conid, domain::Side::Buy).await),
        ]);
        outcome.join(" ")
    })
}

/// An order is placed, asked about or refused only by an answer that says so in its own bytes.
fn what_was_believed(answer: &Result<Answer, CallError>, response: &Response<Bytes>) -> String {
    let text = String::from_utf8_lossy(response.body());
    match answer {
        Ok(Answer::Placed(orders)) => {
            assert_eq!(response.status(), 200);
            assert!(!orders.is_empty());
            for order in orders {
                assert!(text.contains(&order.order_id.to_string()), "{order:?} of {text}");
            }
        }
        Ok(Answer::Question(_) | Answer::Prompt(_) | Answer::Refused { .. }) => assert_eq!(response.status(), 200),
        Err(error) if error.proves_not_delivered() => {
            let before_the_order_system = [
                "no bridge",
                "init session first",
                "not authenticated",
                "not logged in",
                "query /accounts first",
                "accountid is not valid",
            ];
            let lower = text.to_lowercase();
            let said = before_the_order_system.iter().any(|words| lower.contains(words));
            let proof = match response.status().as_u16() {
                401 | 404 | 429 => true,
                // The page of the network before the broker.
                403 => said || text.contains('<'),
                _ => said,
            };
            assert!(proof, "{error} of {} {text}", response.status());
        }
        _ => {}
    }
    name(answer)
}

/// The name of the variant, without what it holds.
fn name<T: std::fmt::Debug>(answer: &Result<T, CallError>) -> String {
    let shown = match answer {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{error:?}"),
    };
    let name: String = shown.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    if answer.is_ok() { name } else { format!("!{name}") }
}

/// Whatever the consumer's secret holds: read or named, never a panic, and no piece of it is told.
#[test]
fn no_text_makes_the_reader_of_the_consumers_secret_panic_or_tell_what_stands_in_it() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus_secrets");
    let fuzzed = fuzzing::fuzz(&corpus, |input| outcome_of_secret(&domain::text_of_bytes(input))).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.outcomes > 25, "the corpus reaches few outcomes: {fuzzed:?}");
}

fn outcome_of_secret(text: &str) -> String {
    let secret = broker::ConsumerSecret::read(text);
    let told = format!("{:?}", secret.faults());
    let long = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() > 40);
    for word in long {
        assert!(!told.contains(word), "{told}");
    }
    if secret.faults().is_empty() {
        let again = broker::ConsumerSecret::read(secret.text(true).expose());
        assert_eq!(
            (&again.consumer_key, again.realm(), again.faults()),
            (&secret.consumer_key, secret.realm(), secret.faults())
        );
    }
    told
}
