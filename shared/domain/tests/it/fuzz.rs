//! Whatever a message is made of: it is an order, or every fault of it is named, and nothing panics.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;

use domain::{Command, Order};

#[test]
fn no_message_makes_the_parser_panic_and_what_it_refuses_has_a_named_fault() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let fuzzed = fuzzing::fuzz(&corpus, outcome).unwrap();
    println!("{fuzzed:?}");
    assert!(fuzzed.outcomes > 60, "the corpus reaches few outcomes: {fuzzed:?}");
}

fn outcome(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    match Command::parse(&text) {
        Ok(command) => accepted(&command),
        Err(malformed) => {
            assert!(!malformed.faults.is_empty(), "{text}");
            let mut fields: Vec<_> = malformed.faults.iter().map(|fault| fault.field.as_str()).collect();
            assert!(malformed.faults.iter().all(|fault| !fault.message.is_empty()), "{text}");
            fields.truncate(3);
            // Unknown fields have as many names as there are inputs.
            let known = |field: &&str| field.chars().all(|letter| letter.is_ascii_lowercase() || "_.".contains(letter));
            fields.into_iter().filter(known).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What was accepted means the same when it comes back from the ledger, and is the same order again.
fn accepted(command: &Command) -> String {
    let Command::Place(place) = command else { return format!("{command:?}").chars().take(6).collect() };
    let order = Order::receive(place.clone(), "2026-11-24T15:00:00Z".parse().unwrap());
    let stored: Order = serde_json::from_str(&serde_json::to_string(&order).unwrap()).unwrap();
    assert_eq!(stored, order);
    assert_eq!(stored.request.unwrap().fingerprint(), place.fingerprint());
    let ticket = &place.ticket;
    format!("place {} {:?} {}", ticket.order_type.as_str(), ticket.time_in_force, ticket.attached.is_some())
}
