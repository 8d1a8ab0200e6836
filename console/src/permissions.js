// Who may trade for the user, and how much: grants to algorithms, and the user's own limits.
import { accountShown, connectedAccounts, environmentOf, loadConnections } from "./accounts.js";
import { get, put, remove, segment } from "./api.js";
import { announce, confirmed, facts, make, notice, refill, tellFailure } from "./elements.js";
import { editedNames, fault, Faults, field, form, limitFacts, limitFields, readLimits, tick, withEdits } from "./forms.js";

export async function algorithmsView(root, signal) {
  root.append(make("h1", null, "Algorithms"),
    make("p", null, "An algorithm trades for you only what you allow here: in these accounts, within these limits. Your ",
      make("a", { href: "#limits" }, "own limits"), " hold besides."));
  const place = make("div");
  root.append(place);
  const renew = async () => {
    const [{ grants }] = await Promise.all([get("grants"), loadConnections()]);
    if (signal.aborted) return;
    place.replaceChildren(
      grants.length ? make("ul", { class: "cards" }, grants.map((grant) => make("li", null, ...grantCard(grant, renew))))
        : notice("wait", make("p", null, "No algorithm may trade for you.")),
      make("details", { class: "panel", open: grants.length === 0 }, make("summary", null, "Allow another algorithm"), grantForm(null, renew)));
  };
  await renew();
}

/** What a grant lets its algorithm do: its tone, in words, and what is said once it is so. Each lets less pass than the one before. */
const STANDINGS = {
  active: ["good", "May trade", "may trade again."],
  reducing: ["alarm", "Only reduces positions", "may only reduce positions."],
  halted: ["bad", "Stopped", "is stopped."],
};

const strictness = (status) => Object.keys(STANDINGS).indexOf(status);

/** The grant as it is now; undefined: there is none. What is shown may be old: another tab or a program may have changed it. */
async function grantNow(algorithmId) {
  return (await get("grants")).grants.find((one) => one.algorithm_id === algorithmId);
}

/** The same of one that is shown: one that was taken back meanwhile is not given anew. */
async function grantStill({ algorithm_id: algorithmId }) {
  const now = await grantNow(algorithmId);
  if (!now) throw new ChangedMeanwhile(`The permission of ${algorithmId} was taken back meanwhile.`);
  return now;
}

/** Whoever lets more pass again lifts no stop that this tab did not show. */
function holdToShown(now, shown, status) {
  if (now.status !== shown.status && strictness(status) < strictness(now.status)) {
    throw new ChangedMeanwhile(`It was ${now.status === "halted" ? "stopped" : "told to reduce positions only"} meanwhile. Look at it, and decide again.`);
  }
}

/**
 * Sends of a grant what `changed` gives of it as it is now, and nothing else: what is left out stays, but for the accounts, which
 * the API wants each time.
 */
async function changeGrant(shown, changed) {
  const now = await grantStill(shown);
  await put(`grants/${segment(shown.algorithm_id)}`, { account_ids: now.account_ids, ...changed(now) });
}

/** What is shown is no longer so: it is shown anew, and the person decides again. */
class ChangedMeanwhile extends Error {}

/** Does `work` on the grants and shows them anew. */
async function changing(work, renew) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ChangedMeanwhile)) throw error;
    await tellFailure("Not changed", error);
  }
  await renew();
}

function grantCard(grant, renew) {
  const [tone, words] = STANDINGS[grant.status];
  const active = grant.status !== "halted";
  const turnTo = (status) => changing(async () => {
    const now = await grantStill(grant);
    holdToShown(now, grant, status);
    const real = status === "active" ? realMoney(now.account_ids) : [];
    if (real.length && !(await confirmed({
      title: `Let ${grant.algorithm_id} trade real money again?`,
      text: make("p", null, "It may trade real money in ", real.join(", "), " from now on."), yes: "Let it trade real money",
    }))) return;
    await changeGrant(grant, (then) => {
      holdToShown(then, grant, status);
      return { status };
    });
    announce(`${grant.algorithm_id} ${STANDINGS[status][2]}`);
  }, renew);
  const other = grant.status === "reducing" ? "active" : "reducing";
  const turnToOther = async () => {
    try {
      await turnTo(other);
    } catch (error) {
      await tellFailure("Not changed", error);
    }
  };
  const limits = limitFacts(grant.limits);
  const unknown = grant.registered === false;
  return [
    make("div", { class: "card-head" }, make("h2", null, grant.algorithm_id),
      make("span", { class: `badge ${unknown ? "wait" : tone}` }, unknown ? "Not registered" : words)),
    unknown ? notice("wait", make("p", null, "No algorithm of this name is registered here, so nothing of it is sent. Compare the name letter by letter; else ask your operator to register it.")) : null,
    make("p", null, grant.account_ids.map((account) => [accountShown(account), " "])),
    limits.length ? facts(...limits) : make("p", { class: "hint" }, "No limits of its own."),
    form({ class: "actions" }, () => turnTo(active ? "halted" : "active"),
      make("button", { type: "submit", class: active ? "danger" : "main" }, active ? "Stop this algorithm" : "Let it trade again"),
      make("button", { type: "button", onclick: turnToOther }, other === "active" ? "Let it trade again" : "Let it only reduce positions"),
      make("button", { type: "button", onclick: () => takeBack(grant, renew) }, "Take the permission back")),
    make("details", null, make("summary", null, `Change what ${grant.algorithm_id} may do`), grantForm(grant, renew)),
  ];
}

/** The accounts among these that are not known to be paper. */
function realMoney(accounts) {
  return accounts.filter((account) => environmentOf(account) !== "paper");
}

/** The form of a new grant, or of one that is changed. */
function grantForm(grant, renew) {
  const path = "limits.";
  const accounts = [...new Set([...connectedAccounts(), ...(grant?.account_ids ?? [])])].sort();
  const work = async (element) => {
    const algorithmId = grant?.algorithm_id ?? element.elements.namedItem("algorithm_id").value.trim();
    const chosen = chosenIn(element);
    const faults = new Faults();
    faults.of(() => {
      if (realMoney(chosen).length && !element.elements.namedItem("real_money")?.checked) throw fault("real_money", "say that you mean it: the algorithm would trade real money.");
    });
    faults.of(() => {
      if (chosen.length === 0) throw fault("account_ids", "choose at least one account.");
    });
    const limits = faults.of(() => readLimits(element, path, grant?.limits));
    faults.raise();
    await changing(async () => {
      await (grant ? changeGrant(grant, (now) => edits(now, grant, chosen, limits)) : giveGrant(algorithmId, chosen, limits));
      announce(`Saved: what ${algorithmId} may do.`);
    }, renew);
  };
  const money = make("div", { class: "money" });
  const renewMoney = (event) => {
    const real = realMoney(chosenIn(event.currentTarget));
    refill(money, real.length ? notice("alarm", tick("real_money", "yes", false, `It may trade real money in ${real.join(", ")}, and I mean it.`)) : null);
  };
  const fieldset = make("fieldset", { onchange: renewMoney }, make("legend", null, "It may trade in"),
    accounts.length ? accounts.map((account) => tick("account_ids", account, grant?.account_ids.includes(account) ?? false, accountShown(account)))
      : make("p", { class: "hint" }, "No account is connected yet."));
  renewMoney({ currentTarget: fieldset });
  return form({}, work,
    grant ? null : field("algorithm_id", "Algorithm", make("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: 64 }), "Its id, as its maker or your operator names it."),
    fieldset, money,
    make("fieldset", null, make("legend", null, "Within these limits"), limitFields(grant?.limits ?? {}, path)),
    make("div", { class: "actions" }, make("button", { type: "submit", class: "main" }, grant ? "Save" : "Allow it")));
}

function chosenIn(element) {
  return [...element.querySelectorAll("input[name=account_ids]:checked")].map((input) => input.value);
}

/** What the person changed of the grant that its form showed, `before`, against what is in force `now`. */
function edits(now, before, chosen, limits) {
  const isKept = (account) => chosen.includes(account) || !before.account_ids.includes(account);
  const added = chosen.filter((account) => !before.account_ids.includes(account));
  return {
    account_ids: [...new Set([...now.account_ids.filter(isKept), ...added])],
    ...(editedNames(before.limits, limits).length ? { limits: withEdits(now.limits, before.limits, limits) } : {}),
  };
}

/** A new grant. Whoever has one already changes that one: here its stop and its limits are not seen. */
async function giveGrant(algorithmId, accountIds, limits) {
  if (await grantNow(algorithmId)) throw new ChangedMeanwhile(`${algorithmId} has a permission already. Change that one.`);
  // Without a status: a stop that was set at this very moment stays.
  await put(`grants/${segment(algorithmId || " ")}`, { account_ids: accountIds, ...(Object.keys(limits).length ? { limits } : {}) });
}

async function takeBack(grant, renew) {
  const sure = await confirmed({
    title: `Take the permission of ${grant.algorithm_id} back?`,
    text: make("p", null, "From now on nothing new of it is sent, and what waits is not sent either. Orders that the broker has already stay there: cancel them in the list of orders."),
    yes: "Take it back",
  });
  if (!sure) return;
  try {
    await remove(`grants/${segment(grant.algorithm_id)}`);
    announce(`${grant.algorithm_id} may not trade for you any more.`);
    await renew();
  } catch (error) {
    await tellFailure("Not taken back", error);
  }
}

export async function limitsView(root, signal) {
  root.append(make("h1", null, "Your limits"),
    make("p", null, "They hold for every order: those of any algorithm, and those that you place in person. What is left empty is not limited. A change counts from the next order on; ",
      "an order beyond a limit is not sent, and says which limit."));
  let limits = await get("limits");
  if (signal.aborted) return;
  const saved = make("p", { class: "saved" });
  const grid = make("div", null, limitFields(limits, ""));
  root.append(form({ class: "panel" }, async (element) => {
    saved.textContent = "";
    const wanted = readLimits(element, "", limits);
    // They are replaced as a whole, so those of this moment go along.
    limits = await put("limits", withEdits(await get("limits"), limits, wanted));
    refill(grid, limitFields(limits, ""));
    saved.textContent = "Saved.";
    announce("Your limits are saved.");
  }, grid, make("div", { class: "actions" }, make("button", { type: "submit", class: "main" }, "Save the limits"), saved)));
}
