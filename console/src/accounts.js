// Connections to the broker and the accounts that they reach.
import { get, post, put, remove, segment } from "./api.js";
import { announce, confirmed, facts, failureIn, KeyedList, make, moment, notice, prose, tellFailure } from "./elements.js";
import { form, tick } from "./forms.js";
import { lookNow, poll } from "./poll.js";
import { environmentBadge, standing } from "./words.js";

const environments = new Map();
let connections = [];

/** The user's connections; from here on it is known which account is paper and which is live. */
export async function loadConnections() {
  connections = (await get("connections")).connections;
  // The first one that has an account tells: those that work come last here, and so have the last word.
  const byWorth = [...connections].sort((one, other) => (one.status === "connected") - (other.status === "connected"));
  for (const connection of byWorth) {
    for (const account of connection.accounts) environments.set(account, connection.environment);
  }
  return connections;
}

export function environmentOf(accountId) {
  return environments.get(accountId) ?? null;
}

/** The accounts that can be traded now. */
export function connectedAccounts() {
  return [...new Set(connections.filter((one) => one.status === "connected").flatMap((one) => one.accounts))].sort();
}

/** An account, with whether it is real money. */
export function accountShown(accountId) {
  return accountId ? make("span", { class: "account" }, environmentBadge(environmentOf(accountId)), " ", accountId) : "no account";
}

export function accountsView(root, signal) {
  const failure = make("div");
  const list = new KeyedList(make("ul", { class: "cards" }), (one) => one.connection_id, connectionCard);
  const past = new KeyedList(make("ul", { class: "cards" }), (one) => one.connection_id, connectionCard);
  const nothing = notice("wait", make("p", null, "No account is connected yet."));
  const earlier = make("details", null, make("summary", null, "Earlier connections"), past.element);
  // Until they are loaded there are none.
  earlier.hidden = true;
  root.append(
    make("h1", null, "Accounts"),
    failure, nothing, list.element, connectForm(), earlier,
  );
  const look = async () => {
    const all = await loadConnections();
    const isPast = (one) => one.status === "disconnected" || (one.status === "pending" && one.last_error);
    list.show(all.filter((one) => !isPast(one)));
    past.show(all.filter(isPast));
    nothing.hidden = all.some((one) => !isPast(one));
    earlier.hidden = !all.some(isPast);
  };
  return poll(signal, look, failureIn(failure));
}

async function connect() {
  const begun = await post("connections");
  location.assign(begun.authorize_url);
}

/** A button that leads to the broker's page, for whoever must consent once more. */
function connectAgain() {
  return form({ class: "actions" }, connect, make("button", { type: "submit", class: "main" }, "Connect again"));
}

/** Says which accounts the broker refuses until their user consents again, and lets them; nothing where there are none. */
export function consentNotice(all) {
  const working = new Set(connectedAccounts());
  const refused = all.filter((one) => one.status === "needs_consent" && !one.accounts.every((account) => working.has(account)));
  if (refused.length === 0) return "";
  const [tone, state, remedy] = standing(refused[0]);
  const accounts = refused.flatMap((one) => one.accounts).map((account) => [accountShown(account), " "]);
  return notice(tone, make("p", null, accounts, make("strong", null, state)), make("p", null, remedy), connectAgain());
}

function connectForm() {
  return form({ class: "panel" }, connect,
    make("h2", null, "Connect an account"),
    make("p", null, "You go to the broker's own page, log in there with the username whose accounts you want, and come back. Your password never comes here. ",
      "Paper and live trading have different usernames, so each is a connection of its own."),
    make("button", { type: "submit", class: "main" }, "Connect an account"));
}

function connectionCard(connection) {
  const [tone, state, remedy] = standing(connection);
  const { session, last_error: lastError } = connection;
  const ended = connection.status === "disconnected";
  return [
    make("h2", null, connection.environment ? environmentBadge(connection.environment) : "New connection", " ", connection.accounts.join(", ")),
    notice(tone, make("p", null, make("strong", null, state)), make("p", null, remedy)),
    lastError && lastError.message !== state ? notice(ended ? "done" : "bad", make("p", null, prose(lastError.message))) : null,
    facts(
      ["The broker last answered", session?.last_success_at && moment(session.last_success_at)],
      ["Session since", session?.since && moment(session.since)],
      ["Access is renewed before", session?.live_session_token_expires_at && moment(session.live_session_token_expires_at)],
      ["Begun", moment(connection.created_at)],
      ["Connection", make("code", null, connection.connection_id)],
    ),
    connection.status === "needs_consent" ? connectAgain() : null,
    connection.status === "connected" ? sessionChoices(connection) : null,
    ended ? null : make("button", { type: "button", "data-focus": connection.connection_id, onclick: () => disconnect(connection) }, "Disconnect"),
  ];
}

const CHOICES = [
  ["take_session", "Take the session from my other logins (TWS, mobile app, Client Portal) when an order needs it"],
  ["keep_warm", "Keep the session open without orders, so that the next one need not wait for it"],
];

/** What the user decides about the sessions of a connection: each counts at once. */
function sessionChoices({ connection_id: id, choices }) {
  const choose = async ({ target }) => {
    target.disabled = true;
    try {
      await put(`connections/${segment(id)}`, { [target.value]: target.checked });
      announce("Saved.");
    } catch (error) {
      target.checked = !target.checked;
      await tellFailure("Not saved", error);
    }
    target.disabled = false;
    lookNow();
  };
  const boxes = CHOICES.map(([name, words]) => {
    const box = tick(`${name}-${id}`, name, choices?.[name] ?? false, words);
    box.querySelector("input").dataset.focus = `${name}-${id}`;
    return box;
  });
  return make("fieldset", { onchange: choose }, make("legend", null, "The trading session"), boxes);
}

async function disconnect(connection) {
  const accounts = connection.accounts.join(", ") || "this connection";
  const sure = await confirmed({
    title: `Disconnect ${accounts}?`,
    text: make("p", null, "We log out at the broker and forget the access. Orders that the broker has already stay there, and are no longer watched from here. ",
      "The broker's own list of third parties names this platform until you remove it there."),
    yes: "Disconnect",
  });
  if (!sure) return;
  try {
    await remove(`connections/${segment(connection.connection_id)}`);
    announce("Disconnected.");
  } catch (error) {
    await tellFailure("Not disconnected", error);
  }
  lookNow();
}
