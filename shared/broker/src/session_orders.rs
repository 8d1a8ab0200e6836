//! Sending orders. Each method sends once; what its answer means is decided in `meaning`.

use domain::{AccountId, BrokerOrderId};
use http::Method;
use serde::Serialize;

use crate::api::Question;
use crate::error::CallError;
use crate::looks::Preview;
use crate::meaning::{OrderAct, cancel_answer, done, order_answer, read_with_own_error};
use crate::orders::{Answer, CancelAnswer, OrderRequest, Prompt, ReplyId};
use crate::session::Session;
use crate::wire::rows::PreviewBody;
use crate::wire::ticket::{WireOrders, WireTicket};

#[derive(Serialize)]
struct ReplyBody {
    confirmed: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PromptBody<'a> {
    order_id: u64,
    req_id: &'a str,
    text: &'a str,
}

impl Session {
    /// Places an order, with its exits if it is a bracket. At [`CallError::Unknown`] it may have arrived: settle it.
    pub async fn place(&self, order: &OrderRequest<'_>) -> Result<Answer, CallError> {
        let orders = WireTicket::with_exits(order).map_err(CallError::Invalid)?;
        let path = format!("/iserver/account/{}/orders", order.account_id);
        let response = self.call(Question::post(path).json(&WireOrders { orders })?).await?;
        order_answer(OrderAct::Place, &response)
    }

    /// Answers a question, so that the order goes on or ends. Nothing else of orders may be sent in between.
    pub async fn reply(&self, reply_id: &ReplyId, confirmed: bool) -> Result<Answer, CallError> {
        let question =
            Question::post(format!("/iserver/reply/{}", reply_id.as_str())).json(&ReplyBody { confirmed })?;
        order_answer(OrderAct::Reply, &self.call(question).await?)
    }

    /// Chooses one of a prompt's options. What became of the order then shows in live orders.
    pub async fn answer_prompt(&self, prompt: &Prompt, option: &str) -> Result<(), CallError> {
        if !prompt.options.iter().any(|offered| offered == option) {
            return Err(CallError::Invalid(format!("{option:?} is not one of the prompt's options")));
        }
        let body = PromptBody { order_id: prompt.order_id.get(), req_id: &prompt.request_id, text: option };
        done(&self.call(Question::post("/iserver/notification").json(&body)?).await?)
    }

    /// Modifies an order: the whole ticket, with what changed. The exits of a bracket are orders of their own.
    pub async fn modify(&self, order_id: BrokerOrderId, order: &OrderRequest<'_>) -> Result<Answer, CallError> {
        let path = format!("/iserver/account/{}/order/{order_id}", order.account_id);
        let response = self.call(Question::post(path).json(&WireTicket::nameless(order))?).await?;
        order_answer(OrderAct::Modify, &response)
    }

    /// Asks for an order's end. It may be asked again; "requested" is not cancelled.
    pub async fn cancel(&self, account_id: &AccountId, order_id: BrokerOrderId) -> Result<CancelAnswer, CallError> {
        let path = format!("/iserver/account/{account_id}/order/{order_id}");
        cancel_answer(&self.call(Question::new(Method::DELETE, path)).await?)
    }

    /// Tells what an order would do, without sending it to the market. Its exits, if it has any, are left out. The broker
    /// wants the contract's price to be asked for first ([`Session::market_price`]).
    pub async fn preview(&self, order: &OrderRequest<'_>) -> Result<Preview, CallError> {
        let orders = vec![WireTicket::nameless(order)];
        let path = format!("/iserver/account/{}/orders/whatif", order.account_id);
        let response = self.call(Question::post(path).json(&WireOrders { orders })?).await?;
        read_with_own_error::<PreviewBody>(&response).map(preview)
    }
}

fn preview(body: PreviewBody) -> Preview {
    let amount = body.amount.unwrap_or_default();
    Preview {
        amount: amount.amount.decimal(),
        commission: amount.commission.decimal(),
        total: amount.total.decimal(),
        initial_margin_after: body.initial.and_then(|change| change.after.decimal()),
        equity_after: body.equity.and_then(|change| change.after.decimal()),
        warning: body.warn.into_text(),
        error: body.error.into_text(),
    }
}
