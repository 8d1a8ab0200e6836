// Signing in: the authorization code flow with PKCE (RFC 7636) at whatever OIDC issuer the stack was deployed with.
// The token lives in this tab (sessionStorage), never in an address that stays and never on disk beyond the tab.
import { oauth } from "../vendor/oauth4webapi.js";

export const settings = JSON.parse(document.getElementById("settings").textContent);

const TOKEN_KEY = "courier.token";
const ATTEMPT_KEY = "courier.signing_in";

/** Why signing in did not work, in words for the user. */
export class SignInError extends Error {}

/** The page's own address, without what follows it: where the issuer sends the browser back to. */
export function ownAddress() {
  return location.origin + location.pathname;
}

/** The token of this tab, unless it has ended. */
export function currentToken() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const ends = token && claimsOf(token)?.exp;
  return token && !(ends && ends * 1000 < Date.now()) ? token : null;
}

/** Who is signed in: the JWT's `sub`. */
export function currentUser() {
  return claimsOf(currentToken() ?? "")?.sub ?? "";
}

export function forgetToken() {
  sessionStorage.removeItem(TOKEN_KEY);
}

/** Takes a token that the user pasted. */
export function usePastedToken(text) {
  const token = text.trim().replace(/^Bearer\s+/i, "");
  const claims = claimsOf(token);
  if (!claims) throw new SignInError("This is no token: a JWT has three parts with points between them.");
  if (claims.exp && claims.exp * 1000 < Date.now()) throw new SignInError("This token has ended. Get a new one.");
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** Sends the browser to the issuer. */
export async function beginSignIn() {
  const issuer = await discovered();
  const attempt = {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
    hash: location.hash,
  };
  sessionStorage.setItem(ATTEMPT_KEY, JSON.stringify(attempt));
  const address = new URL(issuer.authorization_endpoint);
  const asked = {
    response_type: "code",
    client_id: settings.client_id,
    redirect_uri: ownAddress(),
    scope: settings.scope,
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: "S256",
  };
  // Some issuers give a token for an API only when it is named so; the others must ignore it (RFC 6749, section 3.1).
  if (settings.audience !== settings.client_id) asked.audience = settings.audience;
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  location.assign(address);
}

/** Whether the browser comes back from the issuer. */
export function comesFromIssuer() {
  const query = new URLSearchParams(location.search);
  return query.has("state") && (query.has("code") || query.has("error"));
}

/** Turns the code in the address into a token, and takes it out of the address first. */
export async function finishSignIn() {
  const back = new URL(location.href);
  const attempt = JSON.parse(sessionStorage.getItem(ATTEMPT_KEY) ?? "null");
  sessionStorage.removeItem(ATTEMPT_KEY);
  history.replaceState(null, "", ownAddress() + (attempt?.hash ?? ""));
  if (!attempt) throw new SignInError("This sign-in was not begun in this tab. Begin again.");
  try {
    const issuer = await discovered();
    const client = { client_id: settings.client_id };
    const parameters = oauth.validateAuthResponse(issuer, client, back, attempt.state);
    const answer = await oauth.authorizationCodeGrantRequest(
      issuer, client, oauth.None(), parameters, ownAddress(), attempt.verifier, forThisMachine(issuer.token_endpoint));
    const tokens = await oauth.processAuthorizationCodeResponse(issuer, client, answer, { expectedNonce: attempt.nonce, requireIdToken: true });
    sessionStorage.setItem(TOKEN_KEY, tokenForApi(tokens));
  } catch (error) {
    throw inWords(error);
  }
}

/** The one of the two tokens that the API's authorizer takes: it compares `aud`, or `client_id`, with the audience. */
function tokenForApi(tokens) {
  const fits = (token) => {
    const claims = claimsOf(token ?? "");
    const audiences = [claims?.aud].flat();
    return claims && (audiences.includes(settings.audience) || (claims.client_id === settings.audience && !claims.aud));
  };
  const token = [tokens.access_token, tokens.id_token].find(fits);
  if (token) return token;
  throw new SignInError(`The issuer gave no token for the audience ${settings.audience}. The operator sets the template's parameters JwtAudience and ConsoleScope.`);
}

async function discovered() {
  const address = new URL(settings.issuer);
  let issuer;
  try {
    issuer = await oauth.processDiscoveryResponse(address, await oauth.discoveryRequest(address, forThisMachine(address)));
  } catch (error) {
    throw new SignInError(`The issuer ${settings.issuer} was not reached, or does not describe itself (${error.message}). Try again in a moment.`);
  }
  const origin = new URL(issuer.token_endpoint).origin;
  if (!settings.origins.includes(origin)) {
    throw new SignInError(`This page may not ask for tokens at ${origin}. The operator sets the template's parameter ConsoleTokenOrigin to it.`);
  }
  return issuer;
}

/** Without TLS only on this machine. */
function forThisMachine(address) {
  const name = new URL(address).hostname;
  return { [oauth.allowInsecureRequests]: ["127.0.0.1", "localhost"].includes(name) };
}

function inWords(error) {
  if (error instanceof SignInError) return error;
  if (error.error === "access_denied") return new SignInError("You cancelled signing in.");
  const said = [error.error, error.error_description].filter(Boolean).join(": ") || error.message;
  return new SignInError(`The issuer did not sign you in (${said}). Try again.`);
}

/** What a JWT claims. The API proves it; here it only tells which token it is and when it ends. */
function claimsOf(token) {
  try {
    const [, claims, signature] = token.split(".");
    if (!signature) return null;
    const bytes = Uint8Array.from(atob(claims.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
