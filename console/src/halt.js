// The kill switch.
import { get, put } from "./api.js";
import { announce, confirmed, failureIn, make, moment, notice, tellFailure } from "./elements.js";
import { poll } from "./poll.js";

const REASON_CHARACTERS_MAX = 500;
// The release before says not whose a halt is.
const unsaid = { set_by: [] };
let now = { halted: false, ...unsaid };
let shown = null;

/** Whether the user stopped trading, and whether the operator did. One that does not say whose it is, the user may lift. */
const isOwn = () => now.halted && (now.set_by.includes("user") || !isOperators());
const isOperators = () => now.halted && now.set_by.includes("operator");

/** What two looks at the switch must agree in for one to be taken for the other. */
const printOf = ({ halted, mode, reason, set_by }) => JSON.stringify([halted, mode ?? null, reason ?? null, [...set_by].sort()]);

/** Whether the switch is still as it was when the person was asked, so that no stop is loosened which they did not see. */
async function isAsAsked(asked, lifting) {
  now = { ...unsaid, ...await get("halt") };
  showHalt();
  return lifting ? printOf(now) === printOf(asked) : !isOwn();
}

/** Watches the switch, and shows its state above everything else. */
export function watchHalt(place, button, signal) {
  const state = make("div");
  const unseen = make("div");
  place.replaceChildren(state, unseen);
  shown = { place: state, button };
  const look = async () => {
    now = { ...unsaid, ...await get("halt") };
    showHalt();
  };
  button.addEventListener("click", turnHalt);
  const tellUnseen = failureIn(unseen);
  return poll(signal, look, (error, seenAt) => tellUnseen(error && { message: "Whether trading is stopped could not be read just now." }, seenAt));
}

function showHalt() {
  const { place, button } = shown;
  const print = JSON.stringify(now);
  if (place.dataset.print === print) return;
  place.dataset.print = print;
  // The operator's halt is not the user's to lift; their own they may set beside it.
  button.textContent = !isOwn() ? "Stop all trading" : isOperators() ? "Lift your own stop" : "Resume trading";
  button.className = isOwn() ? "" : "danger";
  const reducing = now.mode === "reducing";
  const by = [now.set_by.includes("user") ? "by you" : "", isOperators() ? "by the operator" : ""].filter(Boolean).join(" and ");
  place.replaceChildren(now.halted
    ? notice("alarm", make("p", null, make("strong", null, reducing ? "Only orders that reduce a position are sent" : "All trading is stopped"), by ? ` (${by})` : "", now.since ? [" since ", moment(now.since)] : "", now.reason ? `: ${now.reason}` : "", "."),
      make("p", null, reducing ? "Nothing else that is new is sent, by you or by any algorithm; of changes only those that make an order smaller. " : "Nothing new is sent, by you or by any algorithm. ",
        "Orders that the broker has already stay there unless they were cancelled; cancels still pass."),
      isOperators() ? make("p", null, "Only the operator lifts the operator's stop.") : "")
    : "");
}

async function turnHalt() {
  const reason = make("input", { type: "text", id: "halt-reason", maxlength: REASON_CHARACTERS_MAX, autocomplete: "off" });
  const reducing = make("input", { type: "checkbox" });
  const cancelling = make("input", { type: "checkbox" });
  const asked = now;
  const lifting = isOwn();
  const sure = await confirmed(lifting ? isOperators() ? {
    title: "Lift your own stop?",
    text: make("p", null, "The operator has stopped your trading too. Nothing new is sent until the operator lifts that, whether or not you lift your own stop."),
    yes: "Lift your own stop", dangerous: false,
  } : {
    title: "Resume trading?",
    text: make("p", null, "New orders are sent again from now on: yours, and those of algorithms that you allowed. Orders that were refused meanwhile are not sent after all."),
    yes: "Resume trading", dangerous: false,
  } : {
    title: "Stop all trading?",
    text: [
      make("p", null, "From the next moment on no new order is sent: not yours, and not of any algorithm. What is on record and not sent yet is refused, and must be sent again under a new id."),
      make("p", null, "Orders that the broker has already stay there, and may still trade, unless you cancel them; cancels still pass."),
    ],
    extra: [
      make("label", { class: "tick" }, reducing, " Let orders pass that reduce a position"),
      make("label", { class: "tick" }, cancelling, " Cancel the orders that the broker has, also the stops and take profits of filled orders: their positions stay without them"),
      make("div", { class: "field" }, make("label", { for: "halt-reason" }, "Why (optional)"), reason),
    ],
    yes: "Stop all trading",
  });
  if (!sure) return;
  try {
    // Stopping everything is never held up: it loosens nothing.
    if ((lifting || reducing.checked) && !(await isAsAsked(asked, lifting))) {
      await tellFailure(lifting ? "Not resumed" : "Not changed", { message: "The stop was changed meanwhile. Look at it above, and decide again." });
      return;
    }
    const { cancels_asked: cancels, ...halt } = await put("halt", lifting ? { halted: false, reason: null } : {
      halted: true, reason: reason.value.trim() || null,
      ...(reducing.checked ? { mode: "reducing" } : {}), ...(cancelling.checked ? { cancel_working: true } : {}),
    });
    now = { ...unsaid, ...halt };
    showHalt();
    announce(lifting && now.halted ? "Your own stop is lifted. The operator's stop stands: trading stays stopped." : now.halted ? `${now.mode === "reducing" ? "Only orders that reduce a position are sent." : "All trading is stopped."}${cancels ? ` ${cancels} orders are being cancelled.` : ""}`
      : "Trading goes on.");
  } catch (error) {
    await tellFailure(lifting ? "Not resumed" : "NOT stopped: try again", error);
  }
}
