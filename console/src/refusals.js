// The messages in the user's name that became no order, and why.
import { get, segment } from "./api.js";
import { failureIn, KeyedList, make, moment, notice, prose } from "./elements.js";
import { inWordsOfThePage } from "./forms.js";
import { poll } from "./poll.js";
import { byWhom } from "./words.js";

export function refusalsView(root, signal) {
  const failure = make("div");
  const list = new KeyedList(make("ul", { class: "cards" }), (refusal) => refusal.message_id, refusalCard);
  const nothing = notice("wait", make("p", null, "Every message became an order."));
  const more = make("button", { type: "button", hidden: true, onclick: () => readMore() }, "Show more");
  root.append(make("p", null, make("a", { href: "#orders" }, "← All orders")), make("h1", null, "Messages that became no order"),
    make("p", null, "They were sent in your name and refused before anything was sent to the broker. Whoever sent one mends it and sends it again."),
    failure, nothing, list.element, make("div", { class: "actions" }, more));
  nothing.hidden = true;
  let earlier = [];
  let cursor = null;
  const look = async () => {
    const newest = await get("refusals");
    if (earlier.length === 0) cursor = newest.cursor ?? null;
    const known = new Set(newest.refusals.map((refusal) => refusal.message_id));
    const all = [...newest.refusals, ...earlier.filter((refusal) => !known.has(refusal.message_id))];
    list.show(all);
    nothing.hidden = all.length > 0;
    more.hidden = !cursor;
  };
  const readMore = async () => {
    more.disabled = true;
    try {
      const page = await get(`refusals?cursor=${segment(cursor)}`);
      earlier = [...earlier, ...page.refusals];
      cursor = page.cursor ?? null;
      await look();
    } catch (error) {
      failure.replaceChildren(notice("bad", error.message));
    }
    more.disabled = false;
  };
  return poll(signal, look, failureIn(failure));
}

function refusalCard(refusal) {
  return [
    make("h2", null, refusal.order_id ?? "A message that names no order"),
    make("p", { class: "reason" }, prose(inWordsOfThePage(refusal.reason.message))),
    make("p", { class: "hint" }, "Reason code: ", make("code", null, refusal.reason.code), ` · ${refusal.algorithm_id ? byWhom(refusal.algorithm_id) : "no algorithm named"} · `, moment(refusal.at)),
  ];
}
