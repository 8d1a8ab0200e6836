// The page: who is signed in, and which part of it is shown.
import { accountsView, loadConnections } from "./accounts.js";
import { announce, make, notice } from "./elements.js";
import { field, form } from "./forms.js";
import { watchHalt } from "./halt.js";
import { orderView } from "./order.js";
import { ordersView } from "./orders.js";
import { algorithmsView, limitsView } from "./permissions.js";
import { placeView } from "./place.js";
import { refusalsView } from "./refusals.js";
import { beginSignIn, comesFromIssuer, currentToken, currentUser, finishSignIn, forgetToken, ownAddress, settings, usePastedToken } from "./sign-in.js";

const VIEWS = { orders: ordersView, place: placeView, accounts: accountsView, algorithms: algorithmsView, limits: limitsView, refusals: refusalsView };
const content = document.getElementById("content");
const navigation = document.getElementById("navigation");
const who = document.getElementById("who");
const haltPlace = document.getElementById("halt");

/** Ends what the present view does; another one takes its place. */
let viewEnds = new AbortController();
/** Ends what runs while somebody is signed in. */
let sessionEnds = new AbortController();
/** What is to be said above the next view, once. */
let news = null;
/** Ends once it is known which accounts are live, or that this cannot be known now. */
let accountsKnown = Promise.resolve();

async function start() {
  news = newsFromBroker();
  if (comesFromIssuer()) {
    try {
      await finishSignIn();
    } catch (error) {
      news = notice("bad", error.message);
    }
  }
  window.addEventListener("hashchange", () => currentToken() && showView(true));
  window.addEventListener("signed-out", () => showSignIn("Your sign-in has ended. Sign in again."));
  if (currentToken()) await enter();
  else showSignIn();
}

/** The broker sent the browser back to here: says how it went, and takes that out of the address. */
function newsFromBroker() {
  const outcome = new URLSearchParams(location.search).get("connection");
  if (!outcome) return null;
  history.replaceState(null, "", `${ownAddress()}#accounts`);
  return outcome === "connected" ? notice("good", make("p", null, "You are connected."))
    : notice("wait", make("p", null, "You cancelled at the broker; nothing was connected."));
}

async function enter() {
  sessionEnds = new AbortController();
  const halt = make("button", { type: "button" }, "Stop all trading");
  const signOut = () => {
    forgetToken();
    showSignIn("You are signed out.");
  };
  who.replaceChildren(halt, make("span", { class: "user" }, currentUser()), make("button", { type: "button", class: "quiet", onclick: signOut }, "Sign out"));
  navigation.hidden = false;
  watchHalt(haltPlace, halt, sessionEnds.signal);
  accountsKnown = loadConnections().catch(() => {});
  await showView(false);
}

async function showView(byUser) {
  viewEnds.abort();
  viewEnds = new AbortController();
  const { signal } = viewEnds;
  const [name, argument] = location.hash.replace(/^#/, "").split("/");
  const root = make("div");
  content.replaceChildren(...[news].filter(Boolean), root);
  news = null;
  mark(VIEWS[name] && name !== "refusals" ? name : "orders");
  // Which accounts are live must be known before the first order is shown; without it they show as not known. Whoever goes
  // elsewhere meanwhile gets that view once, so that nothing is taken from under their hands.
  await accountsKnown;
  if (signal.aborted) return;
  try {
    const view = name === "orders" && argument ? orderView : (VIEWS[name] ?? ordersView);
    const shown = view(root, signal, decodeURIComponent(argument ?? ""));
    if (byUser) content.focus({ preventScroll: false });
    await shown;
  } catch (error) {
    if (!signal.aborted) root.append(notice("bad", make("p", null, error.message)), make("button", { type: "button", onclick: () => showView(true) }, "Try again"));
  }
}

function mark(name) {
  for (const link of navigation.querySelectorAll("a")) {
    const here = link.getAttribute("href") === `#${name}`;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (here) document.title = `${link.textContent} – Courier`;
  }
}

function showSignIn(why) {
  viewEnds.abort();
  sessionEnds.abort();
  navigation.hidden = true;
  who.replaceChildren();
  haltPlace.replaceChildren();
  document.title = "Sign in – Courier";
  if (why) announce(why);
  content.replaceChildren(...[news].filter(Boolean), make("h1", null, "Courier"),
    make("p", null, "See your accounts and orders at Interactive Brokers, say which algorithms may trade for you and how much, and stop them."),
    why ? notice("wait", make("p", null, why)) : "",
    settings.client_id ? signInForm() : tokenForm());
  news = null;
}

function signInForm() {
  return form({}, beginSignIn, make("button", { type: "submit", class: "main" }, "Sign in"));
}

function tokenForm() {
  const token = make("textarea", { rows: 4, autocomplete: "off", spellcheck: "false" });
  const use = async () => {
    usePastedToken(token.value);
    await enter();
  };
  return form({ class: "panel" }, use,
    make("p", null, `This stack knows no client for signing in here, so paste a token (JWT) of ${settings.issuer} for the audience ${settings.audience}. It is kept in this tab only.`),
    field("token", "Token", token, ""),
    make("div", { class: "actions" }, make("button", { type: "submit", class: "main" }, "Use this token")));
}

await start();
