//! One user's orders in a second, at a broker that takes its time and lets one dialogue at a time.

use std::time::Instant;

use broker::OrderRequest;
use domain::{ClientOrderId, Command, Conid, OrderKey, UserId};

use super::Settings;
use super::path::{per_second, place, warm};
use crate::Failure;
use crate::house::{House, HouseUser};
use crate::orders::{CONID, order};
use crate::report::{Report, Row};

/// What the broker takes for an answer.
const ANSWER_MILLISECONDS: u64 = 5;
const ORDERS: usize = 200;

/// Places orders of one user through order-submit, and as many directly, one dialogue after the other.
pub(crate) async fn measure(settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    let house = House::open(1).await?;
    let mut function = settings.order_submit(&house).await?;
    warm(&mut function, &house).await?;
    house.answer_orders_after(ANSWER_MILLISECONDS);
    let limit = directly(&house).await?;
    let began = Instant::now();
    place(&mut function, &house.users[0], ORDERS, Settings::BATCH).await?;
    let reached = per_second(ORDERS, began.elapsed().as_secs_f64());
    report.add(Row::at_least("orders per second of one user / the broker's limit, 5 ms answers", reached / limit, 0.8));
    report.add(Row::told("  through order-submit", reached));
    report.add(Row::told("  directly, one dialogue at a time", limit));
    Ok(())
}

async fn directly(house: &House) -> Result<f64, Failure> {
    let (session, account_id) = house.foreign_session(0).await?;
    let user_id: UserId = "foreign".parse()?;
    let user = HouseUser { user_id: user_id.clone(), account_id: account_id.clone() };
    let Command::Place(command) =
        Command::parse(&order(&user, "direct").to_string()).map_err(|faults| format!("{faults:?}"))?
    else {
        return Err("an order is no order".into());
    };
    let began = Instant::now();
    for number in 0..ORDERS {
        let key = OrderKey { user_id: user_id.clone(), order_id: format!("d-{number}").parse()? };
        let request = OrderRequest {
            account_id: &account_id,
            client_order_id: &ClientOrderId::of(&key),
            conid: Conid::try_from(u64::from(CONID))?,
            ticket: &command.ticket,
            manual_order_time: None,
        };
        session.place(&request).await?;
    }
    Ok(per_second(ORDERS, began.elapsed().as_secs_f64()))
}
