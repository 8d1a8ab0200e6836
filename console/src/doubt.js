// An order that was sent and whose answer was not read. It keeps its id, so whatever is done about it, it stays one order.
import { get, mayHaveHappened, post, segment } from "./api.js";
import { announce, make, moment, notice, prose } from "./elements.js";
import { lookNow, poll } from "./poll.js";
import { currentUser } from "./sign-in.js";
import { howOf, whatOf } from "./words.js";

const DOUBT_KEY = "courier.order_in_doubt";
/** Nothing arrives later than this: the gateway ends a request after 30 s (Amazon API Gateway, quotas of HTTP APIs). */
const ARRIVES_WITHIN_MILLISECONDS = 60000;

/** The order of this user in this tab of which it is not known whether it was placed, and when it was last sent; or null. */
export function orderInDoubt() {
  const kept = JSON.parse(sessionStorage.getItem(DOUBT_KEY) ?? "null");
  return kept?.user === currentUser() ? kept : null;
}

function keepInDoubt(order) {
  sessionStorage.setItem(DOUBT_KEY, JSON.stringify({ user: currentUser(), order, sent_at: Date.now() }));
}

function settle() {
  sessionStorage.removeItem(DOUBT_KEY);
}

/** Sends a new order. True: it is on record. False: that is not known. Throws where it was refused. */
export async function sendOrder(order) {
  // Before the first byte: a page that is closed or loaded anew meanwhile finds the order again, under its id.
  keepInDoubt(order);
  try {
    await post("orders", order);
  } catch (error) {
    if (mayHaveHappened(error)) return false;
    settle();
    throw error;
  }
  settle();
  return true;
}

/** Asks what became of the order until it is known, and can send it again. `leave`: it was not placed, and goes no further. */
export function doubtView(root, signal, doubtful, leave) {
  const { order } = doubtful;
  const ends = new AbortController();
  signal.addEventListener("abort", () => ends.abort());
  let sentAt = doubtful.sent_at;
  const said = make("p", { role: "status" }, "The service is being asked.");
  const drop = make("button", { type: "button", hidden: true, onclick: () => gaveUp() }, "Leave it");
  const again = make("button", { type: "button", class: "main", onclick: () => sendAgain() }, "Send the same order again");
  const placed = () => {
    ends.abort();
    settle();
    announce("The order is on record.");
    location.hash = `#orders/${segment(order.order_id)}`;
  };
  const gaveUp = () => {
    ends.abort();
    settle();
    leave();
  };
  const absent = () => {
    const certainAt = sentAt + ARRIVES_WITHIN_MILLISECONDS;
    const certain = Date.now() > certainAt;
    drop.hidden = !certain;
    said.replaceChildren(...(certain
      ? ["It was not placed, and cannot arrive any more. Send it again, or leave it."]
      : ["The service has no such order so far. It may still be on its way until ", moment(new Date(certainAt).toISOString()), "; it is asked for again by itself."]));
  };
  const look = async () => {
    try {
      await get(`orders/${segment(order.order_id)}`);
    } catch (error) {
      if (error.status !== 404) throw error;
      return absent();
    }
    placed();
  };
  const sendAgain = async () => {
    again.disabled = true;
    sentAt = Date.now();
    drop.hidden = true;
    keepInDoubt(order);
    try {
      await post("orders", order);
      placed();
    } catch (error) {
      // A refusal of this try says nothing of the one before it.
      said.replaceChildren(...prose(error.message));
      lookNow();
    }
    again.disabled = false;
  };
  // Texts of its kind need the ticket where an order shows it.
  const shown = { ...order, ticket: order };
  root.append(notice("alarm",
    make("h2", null, "It is not known whether this order was placed"),
    make("p", null, `${whatOf(shown)}, ${howOf(order)}. It was sent, and no answer was read.`),
    make("p", null, "It keeps its id ", make("code", null, order.order_id), ": however often it is sent, it is placed once at most. Do not type it in anew."),
    said, make("div", { class: "actions" }, again, drop)));
  return poll(ends.signal, look, (error) => error && said.replaceChildren(`${error.message} Whether the order was placed is not known yet.`));
}
