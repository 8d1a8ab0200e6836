// One order: all about it, its history as a time line, and its end.
import { accountShown } from "./accounts.js";
import { get, remove, segment } from "./api.js";
import { announce, confirmed, facts, failureIn, lasted, make, moment, notice, prose, refill, tellFailure } from "./elements.js";
import { lookNow, poll } from "./poll.js";
import { inWordsOfThePage } from "./forms.js";
import { byWhom, EXITS, howOf, isAtBroker, isFinal, meaningOf, STATUSES, statusBadge, statusName, whatOf } from "./words.js";

export function orderView(root, signal, orderId) {
  const failure = make("div");
  const content = make("div");
  root.append(make("p", null, make("a", { href: "#orders" }, "← All orders")), failure, content);
  let print = null;
  const look = async () => {
    const order = await get(`orders/${segment(orderId)}`);
    const newPrint = JSON.stringify(order);
    if (signal.aborted || newPrint === print) return;
    if (print) announce(`${whatOf(order)}: ${statusName(order)}`);
    print = newPrint;
    refill(content, ...orderContent(order));
  };
  return poll(signal, look, failureIn(failure));
}

function orderContent(order) {
  const meaning = meaningOf(order);
  return [
    make("div", { class: "heading" }, make("h1", null, whatOf(order)), statusBadge(order.status, order.reason)),
    meaning ? make("p", { class: "meaning" }, meaning) : null,
    order.cancel_asked ? notice("wait", make("p", null, make("strong", null, "A cancel was asked for."), " It may still trade until the broker confirms.")) : null,
    order.warning ? notice("alarm", make("h2", null, "Warning"), make("p", null, prose(order.warning.message))) : null,
    order.reason ? notice(toneOf(order), make("p", null, prose(inWordsOfThePage(order.reason.message))), codeOf(order.reason)) : null,
    order.change ? changeNotice(order.change) : null,
    order.late_facts ? lateFacts(order.late_facts) : null,
    mayCancel(order) ? make("div", { class: "actions" },
      make("button", { type: "button", class: "danger", "data-focus": "cancel", onclick: () => cancel(order) }, order.status === "cancelling" ? "Ask once more to cancel" : "Cancel this order")) : null,
    orderFacts(order),
    order.legs?.length ? exits(order) : null,
    make("h2", null, "What happened"),
    timeLine(order),
  ];
}

function toneOf(order) {
  const tone = STATUSES[order.status]?.[1] ?? "wait";
  return tone === "good" || tone === "active" ? "wait" : tone;
}

function codeOf(reason) {
  return make("p", { class: "hint" }, "Reason code: ", make("code", null, reason.code));
}

const STAGES = {
  asked: ["wait", "is asked for, and waits to be sent"],
  sending: ["wait", "is on its way to the broker"],
  unknown: ["alarm", "was sent, and its answer was not read; the broker is being asked"],
  applied: ["good", "is in force"],
  refused: ["bad", "is not in force, and will not be"],
};

function changeNotice(change) {
  const [tone, words] = STAGES[change.status] ?? ["wait", change.status];
  const exit = EXITS[change.leg] ?? change.leg;
  return notice(tone,
    make("p", null, make("strong", null, `Change ${change.revision}${exit ? ` of the ${exit}` : ""} ${words}.`)),
    make("p", null, `It makes the ${exit ?? "order"}: ${change.ticket.quantity ?? change.ticket.cash_quantity ?? ""} ${howOf(change.ticket)}. Asked for at `, moment(change.asked_at), "."),
    change.reason ? make("p", null, prose(inWordsOfThePage(change.reason.message))) : null);
}

const ROLES = { take_profit: "Take profit", stop_loss: "Stop loss" };

/** The exits of a bracket, each with its state and its end. */
function exits(order) {
  const items = order.legs.map((leg) => make("li", null,
    make("p", null, make("strong", null, ROLES[leg.role] ?? leg.role), " ", statusBadge(leg.status, leg.reason)),
    make("p", { class: "hint" }, exitFacts(leg)),
    leg.reason ? make("p", { class: "reason" }, prose(leg.reason.message)) : null,
    mayCancelExit(leg) ? make("button", { type: "button", class: "danger", "data-focus": `cancel-${leg.role}`, onclick: () => cancel(order, leg) }, "Cancel this exit") : null));
  return make("section", { class: "exits" }, make("h2", null, "Exits"), make("ul", { class: "exits" }, items));
}

function exitFacts(leg) {
  const price = leg.average_price ? ` at ${leg.average_price}` : "";
  const asked = leg.cancel_asked && !isFinal(leg.status) ? " A cancel was asked for." : "";
  return `${howOf(leg.ticket)}. ${leg.filled_quantity} of ${leg.quantity ?? "?"} filled${price}.${asked}`;
}

function mayCancelExit(leg) {
  return !isFinal(leg.status);
}

function lateFacts(late) {
  const lines = late.map((fact) => make("li", null, moment(fact.at), `: ${fact.status}${fact.filled_quantity ? `, ${fact.filled_quantity} filled` : ""}`));
  return notice("alarm",
    make("h2", null, "The broker showed more after the end"),
    make("p", null, "What it changed here, the status and the filled quantity on this page show. Look at the account at the broker."),
    make("ul", null, lines));
}

function orderFacts(order) {
  const exits = order.ticket?.attached;
  return facts(
    ["Account", accountShown(order.account_id)],
    ["How", howOf(order.ticket)],
    ["Filled", `${order.filled_quantity} of ${order.quantity ?? order.cash_quantity ?? "?"}`],
    ["Average price", order.average_price],
    ["Take profit at", exits?.take_profit?.limit_price],
    ["Stop loss at", exits?.stop_loss && [exits.stop_loss.stop_price, exits.stop_loss.limit_price].filter(Boolean).join(" → ")],
    ["Sent by", byWhom(order.algorithm_id)],
    ["Not sent after", moment(order.good_until)],
    ["Order id", make("code", null, order.order_id)],
    ["Broker's order ids", order.broker_order_ids.join(", ")],
    ["Client order id", make("code", null, order.client_order_id)],
    ["Revision", order.revision > 1 ? String(order.revision) : ""],
  );
}

/** The history, the oldest first, with how long each state lasted. */
function timeLine(order) {
  const entries = order.history;
  const items = entries.map((entry, index) => {
    const [, tone] = STATUSES[entry.leg?.status ?? entry.status] ?? [];
    const before = entries[index - 1];
    return make("li", { class: tone },
      make("p", null, entry.leg ? make("strong", null, `${ROLES[entry.leg.role] ?? entry.leg.role}: `) : null,
        entry.revision ? make("strong", null, `Change ${entry.revision} was refused; the order stays: `) : null,
        statusBadge(entry.leg?.status ?? entry.status, entry.reason), " ", moment(entry.at), before ? make("span", { class: "hint" }, ` after ${lasted(before.at, entry.at)}`) : null),
      entry.reason ? make("p", { class: "reason" }, prose(inWordsOfThePage(entry.reason.message))) : null);
  });
  return make("ol", { class: "time-line" }, items);
}

function mayCancel(order) {
  // Of a filled bracket its exits are what is left.
  if (order.legs?.some(mayCancelExit) && isFinal(order.status)) return true;
  // Each request makes a call: the broker may not have carried the one before out.
  return !isFinal(order.status);
}

/** Ends the order with all its exits, or one exit. */
async function cancel(order, leg) {
  const atBroker = isAtBroker(leg?.status ?? order.status) || isFinal(order.status);
  const ofBracket = leg || (isFinal(order.status) && order.legs?.length);
  const exit = leg && (EXITS[leg.role] ?? leg.role);
  const sure = await confirmed({
    title: leg ? `Cancel the ${exit} of: ${whatOf(order)}?` : `Cancel: ${whatOf(order)}?`,
    text: make("p", null, atBroker
      ? "The broker is asked to cancel. What trades before it confirms stays traded."
      : "It was not sent yet, and will not be.",
      ofBracket ? " A position that was bought stays, without what is cancelled here." : ""),
    yes: leg ? `Cancel the ${exit}` : "Cancel the order",
    no: "Keep it",
  });
  if (!sure) return;
  try {
    await remove(`orders/${segment(order.order_id)}${leg ? `?leg=${leg.role}` : ""}`);
    announce("The cancel is on record.");
  } catch (error) {
    await tellFailure("Not cancelled", error);
  }
  lookNow();
}
