// A simple order by the user's own hand.
import { accountShown, connectedAccounts, environmentOf, loadConnections } from "./accounts.js";
import { get, post, segment } from "./api.js";
import { announce, make, notice, refill } from "./elements.js";
import { amount, choice, fault, field, form, tick } from "./forms.js";
import { rememberContract, TIMES_IN_FORCE } from "./words.js";

/** Which prices each type needs. */
const PRICES = { market: [], limit: ["limit_price"], stop: ["stop_price"], stop_limit: ["stop_price", "limit_price"] };
const TYPE_NAMES = [["limit", "Limit: at this price or better"], ["market", "Market: at whatever the price is"],
  ["stop", "Stop: a market order once this price trades"], ["stop_limit", "Stop limit: a limit order once the stop price trades"]];

export async function placeView(root, signal) {
  root.append(make("h1", null, "New order"));
  await loadConnections();
  if (signal.aborted) return;
  const accounts = connectedAccounts();
  if (accounts.length === 0) {
    root.append(notice("wait", make("p", null, "No account is connected. ", make("a", { href: "#accounts" }, "Connect one first"), ".")));
    return;
  }
  const fields = orderFields(accounts);
  const contracts = make("fieldset", { class: "contracts", hidden: true });
  const element = form({ class: "panel" }, (placed) => place(placed, orderId),
    make("p", null, "This is an order by your own hand: it needs no permission of an algorithm, but obeys your own limits and a stop of all trading."),
    fields.account, fields.money, contractSearch(contracts), contracts,
    make("div", { class: "grid" }, fields.side, fields.quantity, fields.type, fields.limit, fields.stop, fields.time),
    make("div", { class: "actions" }, fields.submit));
  // One id for one order: whoever sends the form again after a lost answer sends the same order, not a second one.
  const orderId = newOrderId();
  root.append(element);
  fields.renew(element);
}

function orderFields(accounts) {
  const type = choice(TYPE_NAMES, "limit", { onchange: () => renew() });
  const account = choice(accounts.map((one) => [one, `${one} (${environmentOf(one) === "live" ? "LIVE, real money" : "paper"})`]), accounts[0], { onchange: () => renew() });
  const money = make("div", { class: "money" });
  const submit = make("button", { type: "submit", class: "main" });
  const limit = field("limit_price", "Limit price", amount(), "");
  const stop = field("stop_price", "Stop price", amount(), "");
  const renew = () => {
    limit.hidden = !PRICES[type.value].includes("limit_price");
    stop.hidden = !PRICES[type.value].includes("stop_price");
    const live = environmentOf(account.value) === "live";
    refill(money, make("p", null, accountShown(account.value)),
      live ? notice("alarm", tick("real_money", "yes", false, "This order trades real money, and I mean it.")) : null);
    submit.textContent = live ? "Place the order with real money" : "Place the paper order";
    submit.className = live ? "danger" : "main";
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

/** Finds the contract that a symbol means: one symbol names many, so the user chooses. */
function contractSearch(results) {
  const symbol = make("input", { type: "text", autocomplete: "off", autocapitalize: "characters", maxlength: 32, spellcheck: "false" });
  const find = make("button", { type: "button" }, "Find");
  const search = async () => {
    if (!symbol.value.trim()) return symbol.focus();
    find.disabled = true;
    try {
      const { contracts } = await get(`contracts?symbol=${segment(symbol.value.trim().toUpperCase())}`);
      showContracts(results, contracts);
    } catch (error) {
      results.replaceChildren(notice("bad", error.message));
    }
    results.hidden = false;
    find.disabled = false;
  };
  find.addEventListener("click", search);
  symbol.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    search();
  });
  return make("div", { class: "search" }, field("symbol", "Symbol", symbol, "Find it, then choose which one you mean."), find);
}

function showContracts(results, contracts) {
  if (contracts.length === 0) {
    results.replaceChildren(notice("wait", "The broker knows no such contract."));
    announce("The broker knows no such contract.");
    return;
  }
  announce(`${contracts.length} contracts found.`);
  results.replaceChildren(
    make("legend", null, "Which one?"),
    ...contracts.map((one, index) => make("label", { class: "tick" },
      make("input", { type: "radio", name: "conid", value: one.conid, "data-symbol": one.symbol, checked: index === 0 }),
      ` ${[one.symbol, one.exchange, one.name].filter(Boolean).join(" · ")} `, make("span", { class: "hint" }, `${one.security_type ?? ""} ${one.conid}`))));
}

async function place(element, orderId) {
  const value = (name) => element.elements.namedItem(name)?.value.trim() ?? "";
  const contract = element.querySelector("input[name=conid]:checked");
  if (!contract) throw fault("symbol", "Find a symbol, and choose which contract you mean.");
  const sure = element.elements.namedItem("real_money");
  if (sure && !sure.checked) throw fault("real_money", "say that you mean it: this account trades real money.");
  const order = {
    order_id: orderId, account_id: value("account_id"), contract: { conid: Number(contract.value) }, side: value("side"),
    quantity: value("quantity"), type: value("type"), time_in_force: value("time_in_force"),
  };
  for (const price of PRICES[order.type]) order[price] = value(price);
  rememberContract(contract.value, contract.dataset.symbol);
  await post("orders", order);
  announce("The order is on record.");
  location.hash = `#orders/${segment(orderId)}`;
}

/** Begins with the date, as lists come by id from the last to the first. */
function newOrderId() {
  const now = new Date().toISOString().replace(/\D/g, "");
  const chance = crypto.getRandomValues(new Uint32Array(1))[0].toString(36).padStart(7, "0");
  return `${now.slice(0, 8)}-${now.slice(8, 14)}-hand-${chance}`;
}
