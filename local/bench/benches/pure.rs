//! `cargo bench -p bench`: the pure code behind an order and a session.

#![allow(missing_docs, unreachable_pub, reason = "the macros of criterion make a public function without words")]

use bench::pure::{AnswerCase, HeaderCase, OrderCase, TokenCase, Unusable, message};
use criterion::{Criterion, criterion_group, criterion_main};
use domain::Command;

fn signing(criterion: &mut Criterion) {
    let header = usable(HeaderCase::new());
    criterion.bench_function("signing: base string", |bencher| bencher.iter(|| header.base_string()));
    criterion.bench_function("signing: header by HMAC-SHA256", |bencher| bencher.iter(|| header.header()));
    for (number, case) in usable(TokenCase::all()).iter().enumerate() {
        if number == 0 {
            criterion.bench_function("signing: request by RSA-SHA256", |bencher| bencher.iter(|| usable(case.sign())));
        }
        let name = format!("signing: live session token ({})", case.name);
        criterion.bench_function(&name, |bencher| bencher.iter(|| usable(case.make())));
    }
}

fn domain(criterion: &mut Criterion) {
    let (text, order) = (message(), usable(OrderCase::new()));
    criterion.bench_function("domain: a message is parsed", |bencher| bencher.iter(|| Command::parse(&text)));
    criterion.bench_function("domain: an order goes through the state table", |bencher| {
        bencher.iter(|| usable(order.live()));
    });
}

fn answers(criterion: &mut Criterion) {
    let case = usable(AnswerCase::new());
    criterion.bench_function("broker: an order is sent and its answer read", |bencher| {
        bencher.iter(|| usable(case.place()));
    });
    criterion.bench_function("broker: 50 live orders are read", |bencher| bencher.iter(|| usable(case.live_orders())));
}

#[expect(clippy::panic, reason = "a case that cannot be made is no measurement")]
fn usable<T>(made: Result<T, Unusable>) -> T {
    made.unwrap_or_else(|error| panic!("{error}"))
}

criterion_group!(pure, signing, domain, answers);
criterion_main!(pure);
