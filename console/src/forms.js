// Forms: fields with their labels, and what the API found wrong shown at each.
import { Problem } from "./api.js";
import { make, retold } from "./elements.js";
import { contractNames } from "./words.js";

/** What is wrong with a field, found before the API was asked. */
export function fault(field, message) {
  return faulty([{ field, message }]);
}

/** The same of several fields: each is marked. */
export function faulty(errors) {
  return new Problem(422, "Something in the form is not right.", errors);
}

/** Takes what is found wrong in a form together, so that all of it is told at once. */
export class Faults {
  found = [];

  /** What `read` gives; where it throws a fault, that is kept and nothing given. */
  of(read) {
    try {
      return read();
    } catch (error) {
      if (!error.errors?.length) throw error;
      this.found.push(...error.errors);
      return undefined;
    }
  }

  raise() {
    if (this.found.length) throw faulty(this.found);
  }
}

/** An amount as the API takes it, or a fault that says how it is written. */
export function amountOf(name, text) {
  if (/^(?!0+(\.0+)?$)\d+(\.\d+)?$/.test(text)) return text;
  throw fault(name, text === "" ? "Write a number." : `${text} is no positive number. Write it as 1250.50: a point before the fraction, and nothing between thousands.`);
}

let fields = 0;

/** What is asked by ticking: its fault says in its own words what it is about. */
const PLAIN = ["real_money", "account_ids"];

/** A field with its label and a hint. `name` is the API's name for it, so that its faults find it. */
export function field(name, label, input, hint) {
  fields += 1;
  const id = `field-${fields}`;
  input.id = id;
  input.name = name;
  input.setAttribute("aria-describedby", `${id}-hint ${id}-fault`);
  return make("div", { class: "field" },
    make("label", { for: id }, label), input,
    make("p", { class: "hint", id: `${id}-hint` }, hint ?? ""),
    make("p", { class: "fault", id: `${id}-fault`, "data-of": name }));
}

/** Amounts are texts all the way: never rounded by the browser. */
export function amount(value, attributes) {
  return make("input", { type: "text", inputmode: "decimal", autocomplete: "off", maxlength: 40, value: value ?? "", ...attributes });
}

export function choice(options, chosen, attributes) {
  return make("select", attributes, options.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
}

export function tick(name, value, checked, ...label) {
  return make("label", { class: "tick" }, make("input", { type: "checkbox", name, value, checked }), " ", ...label);
}

/** A form that does `work` once at a time, and shows its faults where they belong. */
export function form(attributes, work, ...children) {
  const summary = make("div", { class: "notice bad", role: "alert", tabindex: "-1", hidden: true });
  const submitted = async (event) => {
    event.preventDefault();
    const button = event.submitter ?? element.querySelector("button[type=submit]");
    if (button.disabled) return;
    button.disabled = true;
    clear(element, summary);
    try {
      await work(element);
    } catch (error) {
      show(element, summary, error);
    } finally {
      button.disabled = false;
    }
  };
  const element = make("form", { ...attributes, novalidate: true, onsubmit: submitted }, summary, ...children);
  return element;
}

function clear(element, summary) {
  summary.hidden = true;
  for (const input of element.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    const place = document.getElementById(`${input.id}-fault`);
    if (place) place.textContent = "";
  }
}

function show(element, summary, error) {
  const elsewhere = [];
  let first = null;
  for (const { field: name, message } of error.errors ?? []) {
    const input = element.elements.namedItem(name);
    const place = input?.id && document.getElementById(`${input.id}-fault`);
    if (place) {
      input.setAttribute("aria-invalid", "true");
      place.textContent = message;
      first ??= input;
    } else {
      elsewhere.push(inWordsOfThePage(!name || PLAIN.includes(name) ? message : `${name}: ${message}`));
    }
  }
  summary.replaceChildren(make("p", null, error.message), elsewhere.length ? make("ul", null, elsewhere.map((text) => make("li", null, text))) : "");
  summary.hidden = false;
  (first ?? summary).focus();
}

const LIMITS = [
  ["max_order_quantity", "Largest order, in shares", "amount", "Orders by cash name no quantity, and are refused while this is set."],
  ["max_order_notional", "Largest order, in money", "amount", "In the contract's own currency."],
  ["max_daily_notional", "All orders of a day, in money", "amount", "A day is a UTC date. What was sent counts with its whole value, however it ended."],
  ["max_daily_orders", "Orders in a day", "count", "0 lets none through."],
  ["max_open_orders", "Open orders at the broker", "count", "A bracket is one order. 0 lets none through."],
  ["allowed_conids", "Only these contracts", "conids", "The broker's numbers (conids), with commas between them."],
  ["price_collar_percent", "Prices at most so far from the market, in per cent", "amount", "For each price of an order; a market order names none."],
  ["duplicate_window_seconds", "No second order that looks the same within, in seconds", "count", "Same account, contract, side, type, quantity and prices. The second one is not sent."],
];

/** The limits as fields; `path` stands before their names in the API's faults. */
export function limitFields(limits, path) {
  return make("div", { class: "grid" }, LIMITS.map(([name, label, kind, hint]) => {
    const value = kind === "conids" ? limits[name]?.join(", ") : limits[name];
    return field(path + name, label, amount(value, { placeholder: "not limited", ...(kind === "count" ? { inputmode: "numeric" } : {}) }), hint);
  }));
}

/** The limits as they stand in the form. What is empty is not limited; what the form has no field for stays as it was `before`. */
export function readLimits(element, path, before) {
  const names = LIMITS.map(([name]) => name);
  const limits = Object.fromEntries(Object.entries(before ?? {}).filter(([name]) => !names.includes(name)));
  const faults = new Faults();
  for (const [name, , kind] of LIMITS) {
    const text = element.elements.namedItem(path + name).value.trim();
    if (text === "") continue;
    limits[name] = faults.of(() => kind === "amount" ? amountOf(path + name, text) : kind === "count" ? whole(path + name, text) : text.split(/[\s,]+/).filter(Boolean).map((one) => whole(path + name, one)));
  }
  faults.raise();
  return limits;
}

/**
 * What is in force `now`, with what the person changed of `before`, which the form showed, to `after`. A form may have stood
 * open for long: what was changed elsewhere meanwhile stays.
 */
export function withEdits(now, before, after) {
  const edited = editedNames(before, after);
  const kept = Object.entries(now).filter(([name]) => !edited.includes(name));
  return Object.fromEntries([...kept, ...edited.filter((name) => after[name] !== undefined).map((name) => [name, after[name]])]);
}

/** The names of what the person changed. */
export function editedNames(before, after) {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

/** A text of the API in which limits are called as this page calls them. */
export function inWordsOfThePage(text) {
  return retold(text, (part) => LIMITS.reduce((told, [name, label]) => told.replaceAll(name, `“${label}”`), part)
    .replace(/\bcontract (\d+)\b/g, (whole, conid) => (contractNames()[conid] ? `contract ${conid} (${contractNames()[conid]})` : whole))).join("");
}

function whole(name, text) {
  if (!/^\d{1,15}$/.test(text)) throw fault(name, `${text} is no whole number.`);
  return Number(text);
}

/** The limits that are set, in words. */
export function limitFacts(limits) {
  return LIMITS.filter(([name]) => limits?.[name] !== undefined)
    .map(([name, label]) => [label, Array.isArray(limits[name]) ? limits[name].join(", ") || "none" : String(limits[name])]);
}
