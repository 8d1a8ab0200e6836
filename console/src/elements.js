// Making and renewing elements. Texts become text nodes and never markup, so nothing that an order or the broker says can run.

/** An element with attributes and children. `onclick` and the like add listeners; what is null or false is left out. */
export function make(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) {
      element.addEventListener(key.slice(2), value);
    } else if (value === true) {
      element.setAttribute(key, "");
    } else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(key, String(value));
    }
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Says something to whoever listens to the page instead of looking at it. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}

/** A list that keeps the elements of entries that stay, so that focus and scrolling survive a new look. */
export class KeyedList {
  constructor(element, keyOf, fill) {
    this.element = element;
    this.keyOf = keyOf;
    this.fill = fill;
    this.known = new Map();
  }

  /** Shows these entries in this order. */
  show(entries) {
    const before = this.known;
    this.known = new Map();
    let place = this.element.firstElementChild;
    for (const entry of entries) {
      const key = this.keyOf(entry);
      const print = JSON.stringify(entry);
      const kept = before.get(key) ?? { item: make("li"), print: null };
      before.delete(key);
      if (kept.print !== print) {
        refill(kept.item, this.fill(entry));
        kept.print = print;
      }
      this.known.set(key, kept);
      if (kept.item === place) {
        place = place.nextElementSibling;
      } else {
        this.element.insertBefore(kept.item, place);
      }
    }
    for (const { item } of before.values()) {
      item.remove();
    }
  }
}

/** Replaces what is in an element; what had the focus there has it again, by its `data-focus`. */
export function refill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
  element.replaceChildren(...children.flat(9).filter(Boolean));
  if (focused) {
    [...element.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focused)?.focus();
  }
}

/** Pairs of a term and what it is, without those that are nothing. */
export function facts(...pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return make("dl", { class: "facts" }, shown.map(([term, value]) => make("div", null, make("dt", null, term), make("dd", null, value))));
}

/** A box that says something of weight. `tone`: wait, good, bad, alarm. */
export function notice(tone, ...children) {
  return make("div", { class: `notice ${tone}` }, ...children);
}

/** Says in `place` that a look failed, and of when what is shown is: for `poll`. */
export function failureIn(place) {
  return (error, seenAt) => place.replaceChildren(error ? notice("bad", make("p", null, prose(error.message)),
    seenAt ? make("p", null, "What is shown here is as of ", moment(seenAt), ".") : null) : "");
}

const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** A moment in the reader's own time zone; the UTC time is its title. */
export function moment(text) {
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  return make("time", { datetime: text, title: `${text} (UTC)` }, (today ? clockTime : dayAndTime).format(at));
}

/** What stays as it is written: an example of a format, a quotation, a value such as `since=…`. Somebody may have to type it. */
const AS_WRITTEN = /((?:\b(?:such as|for example|like)|\be\.g\.) +(?:"(?:[^"\\]|\\.)*"|\S+)|"(?:[^"\\]|\\.)*"|`[^`]*`|“[^”]*”|'[^'\s]*'|[\w?&./-]{1,80}=\S+)/i;

/** A text of the API in parts: `tell` tells those anew that need not stay as they are written. */
export function retold(text, tell) {
  return text.split(AS_WRITTEN).flatMap((part, index) => (index % 2 ? part : tell(part)));
}

/** A text of the API; moments in it are told in the reader's own time zone. */
export function prose(text) {
  return retold(text, (told) => told.split(/(\d{4}-\d\d-\d\dT[\d:.]+Z)/).map((part, index) => (index % 2 ? moment(part) : part)));
}

/** How long it was from one moment to another, in words. */
export function lasted(from, to) {
  const seconds = Math.max(0, (new Date(to) - new Date(from)) / 1000);
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** Asks for a yes in a dialog. True only for the yes. */
export function confirmed({ title, text, yes, no = "Go back", dangerous = true, extra = null }) {
  return new Promise((resolve) => {
    let answer = false;
    const dialog = make(
      "dialog",
      { "aria-labelledby": "dialog-title", onclose: () => { dialog.remove(); resolve(answer); } },
      make("h2", { id: "dialog-title" }, title),
      ...[text, extra].flat(),
      make("div", { class: "actions" },
        yes && make("button", { type: "button", class: dangerous ? "danger" : "main", onclick: () => { answer = true; dialog.close(); } }, yes),
        make("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, no)),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Tells in a dialog that something was not done, and why. */
export function tellFailure(title, error) {
  return confirmed({ title, text: make("p", null, prose(error.message)), yes: null, no: "Close" });
}
