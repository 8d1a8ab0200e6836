// Who may trade for the user, and how much: grants to algorithms, and the user's own limits.
import { accountShown, connectedAccounts, environmentOf, loadConnections } from "./accounts.js";
import { get, put, remove, segment } from "./api.js";
import { announce, confirmed, facts, make, notice, refill, tellFailure } from "./elements.js";
import { fault, Faults, field, form, limitFacts, limitFields, readLimits, tick } from "./forms.js";

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

/** What a grant lets its algorithm do: its tone, in words, and what is said once it is so. */
const STANDINGS = {
  active: ["good", "May trade", "may trade again."],
  reducing: ["alarm", "Only reduces positions", "may only reduce positions."],
  halted: ["bad", "Stopped", "is stopped."],
};

function grantCard(grant, renew) {
  const [tone, words] = STANDINGS[grant.status];
  const active = grant.status !== "halted";
  const turnTo = async (status) => {
    const real = status === "halted" ? [] : realMoney(grant.account_ids);
    if (real.length && status === "active" && !(await confirmed({
      title: `Let ${grant.algorithm_id} trade real money again?`,
      text: make("p", null, "It may trade real money in ", real.join(", "), " from now on."), yes: "Let it trade real money",
    }))) return;
    await put(`grants/${segment(grant.algorithm_id)}`, bodyOf({ ...grant, status }));
    announce(`${grant.algorithm_id} ${STANDINGS[status][2]}`);
    await renew();
  };
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

/** The form of a new grant, or of one that is changed: a grant is replaced as a whole. */
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
    await put(`grants/${segment(algorithmId || " ")}`, bodyOf({ ...grant, account_ids: chosen, limits, status: grant?.status ?? "active" }));
    announce(`Saved: what ${algorithmId} may do.`);
    await renew();
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

/** A grant is replaced as a whole: what this page has no field for goes along as it was. */
function bodyOf({ account_ids, limits, status, read, warm_at }) {
  return { account_ids, limits, status, read, warm_at };
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
  const limits = await get("limits");
  if (signal.aborted) return;
  const saved = make("p", { class: "saved" });
  root.append(form({ class: "panel" }, async (element) => {
    saved.textContent = "";
    await put("limits", readLimits(element, "", limits));
    saved.textContent = "Saved.";
    announce("Your limits are saved.");
  }, limitFields(limits, ""), make("div", { class: "actions" }, make("button", { type: "submit", class: "main" }, "Save the limits"), saved)));
}
