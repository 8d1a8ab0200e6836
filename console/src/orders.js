// The list of orders, live.
import { accountShown, consentNotice, loadConnections } from "./accounts.js";
import { get, segment } from "./api.js";
import { announce, failureIn, KeyedList, make, moment, notice, prose } from "./elements.js";
import { inWordsOfThePage } from "./forms.js";
import { poll } from "./poll.js";
import { byWhom, howOf, statusBadge, statusName, whatOf } from "./words.js";

const PAGE_ORDERS = 50;

export function ordersView(root, signal) {
  const failure = make("div");
  const consent = make("div");
  const list = new KeyedList(make("ul", { class: "cards orders" }), (order) => order.order_id, orderCard);
  const nothing = notice("wait", make("p", null, "There are no orders here."));
  const onlyOpen = make("input", { type: "checkbox", onchange: () => beginAgain() });
  const more = make("button", { type: "button", hidden: true, onclick: () => readMore() }, "Show more orders");
  const tally = make("p", { class: "hint" });
  root.append(
    make("div", { class: "heading" }, make("h1", null, "Orders"), make("label", { class: "tick" }, onlyOpen, " Only open ones")),
    failure, consent, nothing, list.element, make("div", { class: "actions" }, more), tally,
    make("p", null, make("a", { href: "#refusals" }, "Messages that became no order")),
  );

  let pages = 1;
  let orders = [];
  let cursor = null;
  const statuses = new Map();

  const show = () => {
    list.show(orders);
    nothing.hidden = orders.length > 0;
    more.hidden = !cursor;
    tally.textContent = cursor ? `The newest ${orders.length} orders are shown; there are more.` : "";
  };

  const look = async () => {
    const open = onlyOpen.checked;
    const read = await readPages(pages, open, signal);
    if (!read || signal.aborted || open !== onlyOpen.checked) return;
    ({ orders, cursor } = read);
    show();
    tellChanges(orders, statuses);
  };

  const read = async (count) => {
    const before = pages;
    more.disabled = true;
    pages = count;
    try {
      await look();
    } catch (error) {
      pages = before;
      failure.replaceChildren(notice("bad", error.message));
    }
    more.disabled = false;
  };
  const readMore = () => read(pages + 1);
  const beginAgain = () => read(1);

  // Whoever must act before an order can be sent reads it here; that this could not be read is told by the list itself.
  loadConnections().then((connections) => consent.replaceChildren(consentNotice(connections)), () => {});
  return poll(signal, look, failureIn(failure));
}

/** The first pages, one after the other by their cursors. */
async function readPages(count, open, signal) {
  let cursor = null;
  const orders = [];
  for (let page = 0; page < count && (page === 0 || cursor); page += 1) {
    if (signal.aborted) return null;
    const answer = await get(`orders?limit=${PAGE_ORDERS}${open ? "&open=true" : ""}${cursor ? `&cursor=${segment(cursor)}` : ""}`);
    orders.push(...answer.orders);
    cursor = answer.cursor ?? null;
  }
  return { orders, cursor };
}

/** Says what became of orders since the last look. */
function tellChanges(orders, statuses) {
  const known = statuses.size > 0;
  const changed = orders.filter((order) => statuses.get(order.order_id) !== order.status);
  if (known && changed.length) {
    announce(changed.map((order) => `${whatOf(order)}: ${statusName(order)}`).join(". "));
  }
  for (const order of changed) statuses.set(order.order_id, order.status);
}

function orderCard(order) {
  const filled = order.filled_quantity !== "0" && order.average_price ? `${order.filled_quantity} filled at ${order.average_price}` : "";
  return [
    make("div", { class: "card-head" },
      make("h2", null, make("a", { href: `#orders/${segment(order.order_id)}`, "data-focus": order.order_id }, whatOf(order))),
      statusBadge(order.status, order.reason)),
    make("p", null, howOf(order.ticket), filled ? make("span", { class: "filled" }, ` — ${filled}`) : null),
    order.warning ? notice("alarm", make("p", null, prose(order.warning.message))) : null,
    order.reason ? make("p", { class: "reason" }, prose(inWordsOfThePage(order.reason.message))) : null,
    make("p", { class: "hint" }, accountShown(order.account_id), ` · ${byWhom(order.algorithm_id)} · `, moment(order.updated_at)),
  ];
}
