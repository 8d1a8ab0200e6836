// A simple order that the user places in person.
import { accountShown, connectedAccounts, consentNotice, environmentOf, loadConnections } from "./accounts.js";
import { get, segment } from "./api.js";
import { doubtView, orderInDoubt, sendOrder } from "./doubt.js";
import { announce, make, notice, refill } from "./elements.js";
import { amount, amountOf, choice, fault, Faults, field, form, tick } from "./forms.js";
import { rememberContract, TIMES_IN_FORCE } from "./words.js";

/** Which prices each type needs. */
const PRICES = { market: [], limit: ["limit_price"], stop: ["stop_price"], stop_limit: ["stop_price", "limit_price"] };
const TYPE_NAMES = [["limit", "Limit: at this price or better"], ["market", "Market: at whatever the price is"],
  ["stop", "Stop: a market order once this price trades"], ["stop_limit", "Stop limit: a limit order once the stop price trades"]];

export async function placeView(root, signal) {
  root.append(make("h1", null, "New order"));
  const place = make("div");
  root.append(place);
  const doubtful = orderInDoubt();
  if (doubtful) return doubtView(place, signal, doubtful, () => showForm(place, signal));
  await showForm(place, signal);
}

async function showForm(root, signal) {
  const connections = await loadConnections();
  if (signal.aborted) return;
  root.replaceChildren(consentNotice(connections));
  const accounts = connectedAccounts();
  if (accounts.length === 0) {
    root.append(notice("wait", make("p", null, "No account is connected. ", make("a", { href: "#accounts" }, "Connect one first"), ".")));
    return;
  }
  const fields = orderFields(accounts);
  const search = contractSearch();
  const place = async (element) => {
    const order = read(element, search.chosen, orderId);
    if (await sendOrder(order)) {
      announce("The order is on record.");
      location.hash = `#orders/${segment(orderId)}`;
    } else if (!signal.aborted) {
      root.replaceChildren();
      doubtView(root, signal, orderInDoubt(), () => showForm(root, signal));
    }
  };
  const element = form({ class: "panel" }, place,
    make("p", null, "You place this order in person. It needs no permission of an algorithm, but obeys your own limits and a stop of all trading."),
    fields.account, fields.money, search.elements,
    make("div", { class: "grid" }, fields.side, fields.quantity, fields.type, fields.limit, fields.stop, fields.time),
    make("div", { class: "actions" }, fields.submit));
  // One id for one order: whoever sends the form again after a lost answer sends the same order, not a second one.
  const orderId = newOrderId();
  root.append(element);
  fields.renew(element);
}

const MONEY = { live: "LIVE, real money", paper: "paper" };

function orderFields(accounts) {
  const type = choice(TYPE_NAMES, "limit", { onchange: () => renew() });
  const account = choice(accounts.map((one) => [one, `${one} (${MONEY[environmentOf(one)] ?? "not known to be paper"})`]), accounts[0], { onchange: () => renew() });
  const money = make("div", { class: "money" });
  const submit = make("button", { type: "submit", class: "main" });
  const limit = field("limit_price", "Limit price", amount(), "");
  const stop = field("stop_price", "Stop price", amount(), "");
  const renew = () => {
    limit.hidden = !PRICES[type.value].includes("limit_price");
    stop.hidden = !PRICES[type.value].includes("stop_price");
    const real = environmentOf(account.value) !== "paper";
    refill(money, make("p", null, accountShown(account.value)),
      real ? notice("alarm", tick("real_money", "yes", false, "This order trades real money, and I mean it.")) : null);
    submit.textContent = real ? "Place the order with real money" : "Place the paper order";
    submit.className = real ? "danger" : "main";
  };
  return {
    renew, money, submit, limit, stop,
    account: field("account_id", "Account", account, ""),
    type: field("type", "Type", type, ""),
    side: field("side", "Side", choice([["buy", "Buy"], ["sell", "Sell"]], "buy"), ""),
    quantity: field("quantity", "Quantity", amount(), "Shares, or units of the contract."),
    time: field("time_in_force", "Works", choice(Object.entries(TIMES_IN_FORCE).filter(([name]) => name !== "opg"), "day"), ""),
  };
}

/**
 * Finds the contract that a symbol means: one symbol names many, so the user chooses. What is chosen is always of the text
 * that stands in the field: an edit, by whatever means, takes the choice back.
 */
function contractSearch() {
  const symbol = make("input", { type: "text", autocomplete: "off", autocapitalize: "characters", maxlength: 32, spellcheck: "false" });
  const find = make("button", { type: "button" }, "Find");
  const results = make("fieldset", { class: "contracts", hidden: true });
  const text = () => symbol.value.trim().toUpperCase();
  /** The text whose contracts are shown; null while none are. */
  let foundFor = null;
  const show = (...children) => {
    results.replaceChildren(...children);
    results.hidden = children.length === 0;
  };
  const forget = () => {
    foundFor = null;
    show();
  };
  const search = async () => {
    const wanted = text();
    if (!wanted) return symbol.focus();
    forget();
    find.disabled = true;
    let found;
    try {
      found = contractsShown((await get(`contracts?symbol=${segment(wanted)}`)).contracts);
    } catch (error) {
      found = [notice("bad", error.message)];
    }
    find.disabled = false;
    // An answer to what stood in the field before is no answer any more.
    if (wanted !== text()) return;
    foundFor = wanted;
    show(...found);
  };
  symbol.addEventListener("input", () => text() !== foundFor && forget());
  find.addEventListener("click", search);
  symbol.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    search();
  });
  return {
    elements: [make("div", { class: "search" }, field("symbol", "Symbol", symbol, "Find it, then choose which one you mean."), find), results],
    chosen() {
      const contract = foundFor !== null && foundFor === text() ? results.querySelector("input[name=conid]:checked") : null;
      if (!contract) throw fault("symbol", `Find ${text() || "a symbol"}, and choose which contract you mean.`);
      return { conid: Number(contract.value), symbol: contract.dataset.symbol };
    },
  };
}

function contractsShown(contracts) {
  if (contracts.length === 0) {
    announce("The broker knows no such contract.");
    return [notice("wait", "The broker knows no such contract.")];
  }
  announce(`${contracts.length} contracts found.`);
  return [
    make("legend", null, "Which one?"),
    // Which of several is meant, only the user knows.
    ...contracts.map((one) => make("label", { class: "tick" },
      make("input", { type: "radio", name: "conid", value: one.conid, "data-symbol": one.symbol, checked: contracts.length === 1 }),
      ` ${[one.symbol, one.exchange, one.name].filter(Boolean).join(" · ")} `, make("span", { class: "hint" }, `${one.security_type ?? ""} ${one.conid}`))),
  ];
}

/** The order as the form says it. */
function read(element, chosen, orderId) {
  const value = (name) => element.elements.namedItem(name)?.value.trim() ?? "";
  const faults = new Faults();
  const amountIn = (name) => faults.of(() => amountOf(name, value(name)));
  const sure = element.elements.namedItem("real_money");
  faults.of(() => {
    if (sure && !sure.checked) throw fault("real_money", "say that you mean it: this account trades real money.");
  });
  const contract = faults.of(chosen);
  const order = {
    order_id: orderId, account_id: value("account_id"), contract: { conid: contract?.conid }, side: value("side"),
    quantity: amountIn("quantity"), type: value("type"), time_in_force: value("time_in_force"),
  };
  for (const price of PRICES[order.type]) order[price] = amountIn(price);
  faults.raise();
  rememberContract(contract.conid, contract.symbol);
  return order;
}

/** Begins with the date, as lists come by id from the last to the first. */
function newOrderId() {
  const now = new Date().toISOString().replace(/\D/g, "");
  const chance = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).padStart(7, "0");
  return `${now.slice(0, 8)}-${now.slice(8, 14)}-hand-${chance}`;
}
