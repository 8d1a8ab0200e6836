// The HTTP API, as the contract has it.
import { currentToken, forgetToken, ownAddress } from "./sign-in.js";

const ANSWER_WITHIN_MILLISECONDS = 35000;

/** What the API did not do, and why (RFC 9457). `errors` names each bad field. */
export class Problem extends Error {
  constructor(status, detail, errors = [], code = "") {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.code = code;
  }
}

/** Whether what was asked may have been done all the same: no answer was read, or one of a service that failed on the way. */
export function mayHaveHappened(error) {
  return error instanceof Problem && (error.status === 0 || error.status >= 500);
}

const NOT_REACHED = "The service was not reached. Look at your network; reading is tried again by itself.";
/** Every command may be given twice: it does the same as once. */
const NOT_KNOWN = "No answer came, so it is not known whether this was done. Look at your network, then do it once more: twice is the same as once.";

/** Asks; gives the answer's JSON. Throws a `Problem`. */
export async function ask(method, path, body) {
  const headers = { Authorization: `Bearer ${currentToken() ?? ""}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, ownAddress()), {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MILLISECONDS),
    });
  } catch {
    throw new Problem(0, method === "GET" ? NOT_REACHED : NOT_KNOWN);
  }
  if (answer.status === 401) {
    forgetToken();
    window.dispatchEvent(new Event("signed-out"));
    throw new Problem(401, "Your sign-in has ended. Sign in again.");
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok) return content;
  throw new Problem(answer.status, content?.detail ?? `The service answered ${answer.status}. Try again in a moment.`, content?.errors, content?.code);
}

export const get = (path) => ask("GET", path);
export const put = (path, body) => ask("PUT", path, body);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);

/** A part of a path. */
export const segment = encodeURIComponent;
