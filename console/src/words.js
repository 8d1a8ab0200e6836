// What the words of the API mean, for people.
import { make } from "./elements.js";

/** Each status of an order: what it is called, how it is coloured, a sign beside the colour, and what it means. */
export const STATUSES = {
  received: ["Received", "wait", "○", "On record. Nothing was sent yet."],
  held: ["Waiting", "wait", "◔", "Not sent yet. The reason says what it waits for; once that has come, it goes on by itself."],
  sending: ["Being sent", "active", "➤", "It is on its way to the broker."],
  unknown: ["Outcome unknown", "alarm", "?", "It was sent, and the answer was not read. The broker is being asked; it is not sent twice."],
  working: ["Working", "active", "●", "The broker has it, and it waits for its price or its time."],
  partially_filled: ["Partly filled", "active", "◐", "A part is traded; the rest still works at the broker."],
  cancelling: ["Cancelling", "wait", "◌", "The broker was asked to cancel. It may still trade until the broker confirms."],
  filled: ["Filled", "good", "✓", "Traded in full."],
  cancelled: ["Cancelled", "done", "–", "It ended before it was filled in full."],
  rejected: ["Refused", "bad", "✕", "It did not come to work at the broker. The reason says whether the broker refused it, or its question was answered with no here."],
  denied: ["Not sent", "bad", "✕", "The reason says why. The broker never had it."],
  expired: ["Not sent: too late", "bad", "✕", "Its time ran out before it could be sent. The broker never had it."],
  not_placed: ["Never arrived", "bad", "✕", "It was sent, and proved never to have reached the broker."],
  needs_review: ["A person must decide", "alarm", "!", "The rules could not settle it. Look at the account at the broker; the operator was told. The broker is still asked about it, and a cancel still goes out."],
};

const ANEW = "The broker never had it. Where it is still wanted, send it under a new order id.";
const MENDED = "The broker never had it. A mended order takes a new order id.";
const NOT_ALLOWED = ["Not sent: not allowed", `A rule here said no: a limit, a stop, or a missing permission. ${ANEW}`];

/** A denied order by its reason's code: what it is called, and what that means. */
export const DENIALS = {
  halted: NOT_ALLOWED,
  only_reducing: NOT_ALLOWED,
  beyond_limits: NOT_ALLOWED,
  no_grant: NOT_ALLOWED,
  account_not_granted: NOT_ALLOWED,
  not_allowed: NOT_ALLOWED,
  algorithm_unknown: ["Not sent: not allowed", `The algorithm is not registered. Ask your operator. ${ANEW}`],
  malformed: ["Not sent: not readable", `The message could not be read. The reason names each fault. ${MENDED}`],
  unreadable: ["Not sent: not readable", `The order on record cannot be read. Tell your operator. ${ANEW}`],
  contract_unknown: ["Not sent: no such contract", `The broker knows no such contract. ${MENDED}`],
  contract_ambiguous: ["Not sent: contract not clear", `The words name several contracts. Name one by its conid. ${MENDED}`],
  contract_needs_conid: ["Not sent: contract not clear", `This kind of contract is named by its conid. ${MENDED}`],
  price_between_steps: ["Not sent: no such price", `A price lies between two that the contract may have. The reason names both. ${MENDED}`],
  cannot_be_sent: ["Not sent: not possible", `The order cannot be put into the broker's words. The reason says why. ${MENDED}`],
  account_not_connected: ["Not sent: account not connected", `None of your connections reaches the account. ${ANEW}`],
  too_many_waiting: ["Not sent: too many wait", `Too many of your orders wait already. ${ANEW}`],
};

/** What an order in this status is called, and what that means. */
function wordsOf(status, reason) {
  const [name, , , meaning] = STATUSES[status] ?? [status];
  return (status === "denied" && DENIALS[reason?.code]) || [name, meaning];
}

/** What the status of an order, or of an exit, is called. */
export function statusName({ status, reason }) {
  return wordsOf(status, reason)[0];
}

/** Types that name no price to wait for. */
const AT_ONCE = ["market", "midprice"];

/** What the status of this very order means. */
export function meaningOf(order) {
  if (order.status === "working" && AT_ONCE.includes(order.ticket?.type)) {
    return "The broker has it. It names no price to wait for: it trades as soon as its market does.";
  }
  return wordsOf(order.status, order.reason)[1];
}

const FINAL = ["filled", "cancelled", "rejected", "denied", "expired", "not_placed"];

/** Whether nothing more is done for an order in this status by itself. */
export function isFinal(status) {
  return FINAL.includes(status);
}

/** Whether the broker may have an order in this status. */
export function isAtBroker(status) {
  return ["sending", "unknown", "working", "partially_filled", "cancelling", "needs_review"].includes(status);
}

export function statusBadge(status, reason) {
  const [, tone, sign] = STATUSES[status] ?? [status, "wait", "○"];
  return make("span", { class: `badge ${tone}` }, make("span", { "aria-hidden": "true" }, `${sign} `), statusName({ status, reason }));
}

/** Paper or real money: in words, in form and in colour. */
export function environmentBadge(environment) {
  if (environment === "live") return make("span", { class: "environment live" }, "LIVE · real money");
  if (environment === "paper") return make("span", { class: "environment paper" }, "PAPER");
  return make("span", { class: "environment unclear" }, "not known");
}

/** What the exits of a bracket are called within a sentence. */
export const EXITS = { take_profit: "take profit", stop_loss: "stop loss" };

const TYPES = {
  market: "at the market's price",
  limit: "limit",
  stop: "stop",
  stop_limit: "stop limit",
  trailing_stop: "trailing stop",
  trailing_stop_limit: "trailing stop limit",
  midprice: "at the midprice",
};

export const TIMES_IN_FORCE = { day: "today only", gtc: "until cancelled", ioc: "at once, and what does not trade is cancelled", opg: "at the opening" };

const NAMES_KEY = "courier.contract_names";

/** What contracts are called that were looked up here. Orders name a contract by the broker's number alone. */
export function contractNames() {
  try {
    return JSON.parse(localStorage.getItem(NAMES_KEY) ?? "{}");
  } catch {
    return {};
  }
}

export function rememberContract(conid, symbol) {
  localStorage.setItem(NAMES_KEY, JSON.stringify({ ...contractNames(), [conid]: symbol }));
}

export function contractName(contract) {
  if (!contract) return "unreadable contract";
  if (contract.symbol) return [contract.symbol, contract.exchange].filter(Boolean).join(" · ");
  return contractNames()[contract.conid] ?? `conid ${contract.conid}`;
}

/** `Buy 10 AAPL`. */
export function whatOf(order) {
  const ticket = order.ticket;
  if (!ticket) return `Order ${order.order_id}, which cannot be read`;
  const size = order.cash_quantity ? `for ${order.cash_quantity} of` : (order.quantity ?? "");
  return `${ticket.side === "buy" ? "Buy" : "Sell"} ${size} ${order.symbol ?? contractName(ticket.contract)}`;
}

/** `limit 187.50, today only`. */
export function howOf(ticket) {
  if (!ticket) return "";
  const trail = ticket.trail && (ticket.trail.percent ? `${ticket.trail.percent} % behind` : `${ticket.trail.amount} behind`);
  const prices = [ticket.stop_price, ticket.limit_price].filter(Boolean).join(" → ");
  const how = [TYPES[ticket.type] ?? ticket.type, trail, prices].filter(Boolean).join(" ");
  const outside = ticket.outside_regular_hours ? ", also outside regular hours" : "";
  return `${how}, ${TIMES_IN_FORCE[ticket.time_in_force] ?? ticket.time_in_force}${outside}`;
}

export function byWhom(algorithmId) {
  return algorithmId === "self" ? "you, in person" : algorithmId;
}

/** Where a connection stands, in one sentence each: what is, and what to do. */
export function standing(connection) {
  const session = connection.session ?? {};
  switch (connection.status) {
    case "pending":
      return ["wait", "Waiting for your consent at the broker.", "Finish on the broker's page within ten minutes, or connect again."];
    case "needs_consent":
      return ["bad", "The broker does not accept our access any more: you took it back there, or the broker lost it.",
        "Connect again: you go to the broker's page and consent once more. Until then orders of these accounts wait, and expire."];
    case "disconnected":
      if (connection.last_error?.code === "username_taken") {
        return ["bad", "This username is another user's here.", session.remedy ?? "Connect with a username of your own."];
      }
      return ["done", "Ended.", "Connect again whenever you like."];
  }
  if (session.condition === "no_account") {
    return ["bad", "Connected, and the broker names no account that can be traded here.", session.remedy];
  }
  switch (session.state) {
    case "established":
      return ["good", "Ready: the trading session is open.", "Nothing to do."];
    case "competing":
      return ["alarm", "Somebody else has the trading session: this username is logged in elsewhere, and the broker gives one session for each.",
        "Log out of TWS, the mobile app and Client Portal; or tick below that this platform may take the session; or use a second username for it. Orders wait meanwhile."];
    default:
      return ["wait", "Connected; no trading session is open at the moment.", "Nothing to do: the next order opens one by itself."];
  }
}
