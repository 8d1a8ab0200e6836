// Connections to the broker and the accounts that they reach.
import { get, post, remove, segment } from "./api.js";
import { announce, confirmed, facts, KeyedList, make, moment, notice, prose, tellFailure } from "./elements.js";
import { form } from "./forms.js";
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
  return poll(signal, look, (error) => failure.replaceChildren(error ? notice("bad", error.message) : ""));
}

function connectForm() {
  const connect = async () => {
    const begun = await post("connections");
    location.assign(begun.authorize_url);
  };
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
      ["Session since", session?.since && moment(session.since)],
      ["Access is renewed before", session?.live_session_token_expires_at && moment(session.live_session_token_expires_at)],
      ["Begun", moment(connection.created_at)],
      ["Connection", make("code", null, connection.connection_id)],
    ),
    ended ? null : make("button", { type: "button", "data-focus": connection.connection_id, onclick: () => disconnect(connection) }, "Disconnect"),
  ];
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
