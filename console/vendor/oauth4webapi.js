/*
 * oauth4webapi@3.8.8: OAuth 2.0 and OpenID Connect for browsers (https://github.com/panva/oauth4webapi).
 * Only what this page uses of it, put into one file by esbuild@0.28.2; made by console/vendor/update, not by hand.
 *
 * The MIT License (MIT)
 *
 * Copyright (c) 2022 Filip Skokan
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
export const oauth = (() => {
  var __defProp = Object.defineProperty;
  var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
  var __getOwnPropNames = Object.getOwnPropertyNames;
  var __hasOwnProp = Object.prototype.hasOwnProperty;
  var __export = (target, all) => {
    for (var name in all)
      __defProp(target, name, { get: all[name], enumerable: true });
  };
  var __copyProps = (to, from, except, desc) => {
    if (from && typeof from === "object" || typeof from === "function") {
      for (let key of __getOwnPropNames(from))
        if (!__hasOwnProp.call(to, key) && key !== except)
          __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
    }
    return to;
  };
  var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

  // entry.js
  var entry_exports = {};
  __export(entry_exports, {
    None: () => None,
    allowInsecureRequests: () => allowInsecureRequests,
    authorizationCodeGrantRequest: () => authorizationCodeGrantRequest,
    calculatePKCECodeChallenge: () => calculatePKCECodeChallenge,
    discoveryRequest: () => discoveryRequest,
    generateRandomCodeVerifier: () => generateRandomCodeVerifier,
    generateRandomNonce: () => generateRandomNonce,
    generateRandomState: () => generateRandomState,
    processAuthorizationCodeResponse: () => processAuthorizationCodeResponse,
    processDiscoveryResponse: () => processDiscoveryResponse,
    validateAuthResponse: () => validateAuthResponse
  });

  // node_modules/oauth4webapi/build/index.js
  var USER_AGENT;
  if (typeof navigator === "undefined" || !navigator.userAgent?.startsWith?.("Mozilla/5.0 ")) {
    const NAME = "oauth4webapi";
    const VERSION = "v3.8.8";
    USER_AGENT = `${NAME}/${VERSION}`;
  }
  function looseInstanceOf(input, expected) {
    if (input == null) {
      return false;
    }
    try {
      return input instanceof expected || Object.getPrototypeOf(input)[Symbol.toStringTag] === expected.prototype[Symbol.toStringTag];
    } catch {
      return false;
    }
  }
  var ERR_INVALID_ARG_VALUE = "ERR_INVALID_ARG_VALUE";
  var ERR_INVALID_ARG_TYPE = "ERR_INVALID_ARG_TYPE";
  function CodedTypeError(message, code, cause) {
    const err = new TypeError(message, { cause });
    Object.assign(err, { code });
    return err;
  }
  var allowInsecureRequests = /* @__PURE__ */ Symbol();
  var clockSkew = /* @__PURE__ */ Symbol();
  var clockTolerance = /* @__PURE__ */ Symbol();
  var customFetch = /* @__PURE__ */ Symbol();
  var jweDecrypt = /* @__PURE__ */ Symbol();
  var encoder = new TextEncoder();
  var decoder = new TextDecoder();
  function buf(input) {
    if (typeof input === "string") {
      return encoder.encode(input);
    }
    return decoder.decode(input);
  }
  var encodeBase64Url;
  if (Uint8Array.prototype.toBase64) {
    encodeBase64Url = (input) => {
      if (input instanceof ArrayBuffer) {
        input = new Uint8Array(input);
      }
      return input.toBase64({ alphabet: "base64url", omitPadding: true });
    };
  } else {
    const CHUNK_SIZE = 32768;
    encodeBase64Url = (input) => {
      if (input instanceof ArrayBuffer) {
        input = new Uint8Array(input);
      }
      const arr = [];
      for (let i = 0; i < input.byteLength; i += CHUNK_SIZE) {
        arr.push(String.fromCharCode.apply(null, input.subarray(i, i + CHUNK_SIZE)));
      }
      return btoa(arr.join("")).replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_");
    };
  }
  var decodeBase64Url;
  if (Uint8Array.fromBase64) {
    decodeBase64Url = (input) => {
      try {
        return Uint8Array.fromBase64(input, { alphabet: "base64url" });
      } catch (cause) {
        throw CodedTypeError("The input to be decoded is not correctly encoded.", ERR_INVALID_ARG_VALUE, cause);
      }
    };
  } else {
    decodeBase64Url = (input) => {
      try {
        const binary = atob(input.replace(/-/g, "+").replace(/_/g, "/").replace(/\s/g, ""));
        const bytes = new Uint8Array(binary.length);
        for (let i = 0; i < binary.length; i++) {
          bytes[i] = binary.charCodeAt(i);
        }
        return bytes;
      } catch (cause) {
        throw CodedTypeError("The input to be decoded is not correctly encoded.", ERR_INVALID_ARG_VALUE, cause);
      }
    };
  }
  function b64u(input) {
    if (typeof input === "string") {
      return decodeBase64Url(input);
    }
    return encodeBase64Url(input);
  }
  var UnsupportedOperationError = class extends Error {
    code;
    constructor(message, options) {
      super(message, options);
      this.name = this.constructor.name;
      this.code = UNSUPPORTED_OPERATION;
      Error.captureStackTrace?.(this, this.constructor);
    }
  };
  var OperationProcessingError = class extends Error {
    code;
    constructor(message, options) {
      super(message, options);
      this.name = this.constructor.name;
      if (options?.code) {
        this.code = options?.code;
      }
      Error.captureStackTrace?.(this, this.constructor);
    }
  };
  function OPE(message, code, cause) {
    return new OperationProcessingError(message, { code, cause });
  }
  function isJsonObject(input) {
    if (input === null || typeof input !== "object" || Array.isArray(input)) {
      return false;
    }
    return true;
  }
  function prepareHeaders(input) {
    if (looseInstanceOf(input, Headers)) {
      input = Object.fromEntries(input.entries());
    }
    const headers = new Headers(input ?? {});
    if (USER_AGENT && !headers.has("user-agent")) {
      headers.set("user-agent", USER_AGENT);
    }
    if (headers.has("authorization")) {
      throw CodedTypeError('"options.headers" must not include the "authorization" header name', ERR_INVALID_ARG_VALUE);
    }
    return headers;
  }
  function signal(url, value) {
    if (value !== void 0) {
      if (typeof value === "function") {
        value = value(url.href);
      }
      if (!(value instanceof AbortSignal)) {
        throw CodedTypeError('"options.signal" must return or be an instance of AbortSignal', ERR_INVALID_ARG_TYPE);
      }
      return value;
    }
    return void 0;
  }
  function replaceDoubleSlash(pathname) {
    if (pathname.includes("//")) {
      return pathname.replace("//", "/");
    }
    return pathname;
  }
  function prependWellKnown(url, wellKnown, allowTerminatingSlash = false) {
    if (url.pathname === "/") {
      url.pathname = wellKnown;
    } else {
      url.pathname = replaceDoubleSlash(`${wellKnown}/${allowTerminatingSlash ? url.pathname : url.pathname.replace(/(\/)$/, "")}`);
    }
    return url;
  }
  function appendWellKnown(url, wellKnown) {
    url.pathname = replaceDoubleSlash(`${url.pathname}/${wellKnown}`);
    return url;
  }
  async function performDiscovery(input, urlName, transform, options) {
    if (!(input instanceof URL)) {
      throw CodedTypeError(`"${urlName}" must be an instance of URL`, ERR_INVALID_ARG_TYPE);
    }
    checkProtocol(input, options?.[allowInsecureRequests] !== true);
    const url = transform(new URL(input.href));
    const headers = prepareHeaders(options?.headers);
    headers.set("accept", "application/json");
    return (options?.[customFetch] || fetch)(url.href, {
      body: void 0,
      headers: Object.fromEntries(headers.entries()),
      method: "GET",
      redirect: "manual",
      signal: signal(url, options?.signal)
    });
  }
  async function discoveryRequest(issuerIdentifier, options) {
    return performDiscovery(issuerIdentifier, "issuerIdentifier", (url) => {
      switch (options?.algorithm) {
        case void 0:
        case "oidc":
          appendWellKnown(url, ".well-known/openid-configuration");
          break;
        case "oauth2":
          prependWellKnown(url, ".well-known/oauth-authorization-server");
          break;
        default:
          throw CodedTypeError('"options.algorithm" must be "oidc" (default), or "oauth2"', ERR_INVALID_ARG_VALUE);
      }
      return url;
    }, options);
  }
  function assertNumber(input, allow0, it, code, cause) {
    try {
      if (typeof input !== "number" || !Number.isFinite(input)) {
        throw CodedTypeError(`${it} must be a number`, ERR_INVALID_ARG_TYPE, cause);
      }
      if (input > 0)
        return;
      if (allow0) {
        if (input !== 0) {
          throw CodedTypeError(`${it} must be a non-negative number`, ERR_INVALID_ARG_VALUE, cause);
        }
        return;
      }
      throw CodedTypeError(`${it} must be a positive number`, ERR_INVALID_ARG_VALUE, cause);
    } catch (err) {
      if (code) {
        throw OPE(err.message, code, cause);
      }
      throw err;
    }
  }
  function assertString(input, it, code, cause) {
    try {
      if (typeof input !== "string") {
        throw CodedTypeError(`${it} must be a string`, ERR_INVALID_ARG_TYPE, cause);
      }
      if (input.length === 0) {
        throw CodedTypeError(`${it} must not be empty`, ERR_INVALID_ARG_VALUE, cause);
      }
    } catch (err) {
      if (code) {
        throw OPE(err.message, code, cause);
      }
      throw err;
    }
  }
  async function processDiscoveryResponse(expectedIssuerIdentifier, response) {
    const expected = expectedIssuerIdentifier;
    if (!(expected instanceof URL) && expected !== _nodiscoverycheck) {
      throw CodedTypeError('"expectedIssuerIdentifier" must be an instance of URL', ERR_INVALID_ARG_TYPE);
    }
    if (!looseInstanceOf(response, Response)) {
      throw CodedTypeError('"response" must be an instance of Response', ERR_INVALID_ARG_TYPE);
    }
    if (response.status !== 200) {
      throw OPE('"response" is not a conform Authorization Server Metadata response (unexpected HTTP status code)', RESPONSE_IS_NOT_CONFORM, response);
    }
    assertReadableResponse(response);
    const json = await getResponseJsonBody(response);
    assertString(json.issuer, '"response" body "issuer" property', INVALID_RESPONSE, { body: json });
    if (expected !== _nodiscoverycheck && new URL(json.issuer).href !== expected.href) {
      throw OPE('"response" body "issuer" property does not match the expected value', JSON_ATTRIBUTE_COMPARISON, { expected: expected.href, body: json, attribute: "issuer" });
    }
    return json;
  }
  function assertApplicationJson(response) {
    assertContentType(response, "application/json");
  }
  function notJson(response, ...types) {
    let msg = '"response" content-type must be ';
    if (types.length > 2) {
      const last = types.pop();
      msg += `${types.join(", ")}, or ${last}`;
    } else if (types.length === 2) {
      msg += `${types[0]} or ${types[1]}`;
    } else {
      msg += types[0];
    }
    return OPE(msg, RESPONSE_IS_NOT_JSON, response);
  }
  function assertContentType(response, contentType) {
    if (getContentType(response) !== contentType) {
      throw notJson(response, contentType);
    }
  }
  function randomBytes() {
    return b64u(crypto.getRandomValues(new Uint8Array(32)));
  }
  function generateRandomCodeVerifier() {
    return randomBytes();
  }
  function generateRandomState() {
    return randomBytes();
  }
  function generateRandomNonce() {
    return randomBytes();
  }
  async function calculatePKCECodeChallenge(codeVerifier) {
    assertString(codeVerifier, "codeVerifier");
    return b64u(await crypto.subtle.digest("SHA-256", buf(codeVerifier)));
  }
  function getClockSkew(client) {
    const skew = client?.[clockSkew];
    return typeof skew === "number" && Number.isFinite(skew) ? skew : 0;
  }
  function getClockTolerance(client) {
    const tolerance = client?.[clockTolerance];
    return typeof tolerance === "number" && Number.isFinite(tolerance) && Math.sign(tolerance) !== -1 ? tolerance : 30;
  }
  function epochTime() {
    return Math.floor(Date.now() / 1e3);
  }
  function assertAs(as) {
    if (typeof as !== "object" || as === null) {
      throw CodedTypeError('"as" must be an object', ERR_INVALID_ARG_TYPE);
    }
    assertString(as.issuer, '"as.issuer"');
  }
  function assertClient(client) {
    if (typeof client !== "object" || client === null) {
      throw CodedTypeError('"client" must be an object', ERR_INVALID_ARG_TYPE);
    }
    assertString(client.client_id, '"client.client_id"');
  }
  function None() {
    return (_as, client, body, _headers) => {
      body.set("client_id", client.client_id);
    };
  }
  var URLParse = URL.parse ? (url, base) => URL.parse(url, base) : (url, base) => {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  };
  function checkProtocol(url, enforceHttps) {
    if (enforceHttps && url.protocol !== "https:") {
      throw OPE("only requests to HTTPS are allowed", HTTP_REQUEST_FORBIDDEN, url);
    }
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      throw OPE("only HTTP and HTTPS requests are allowed", REQUEST_PROTOCOL_FORBIDDEN, url);
    }
  }
  function validateEndpoint(value, endpoint, useMtlsAlias, enforceHttps) {
    let url;
    if (typeof value !== "string" || !(url = URLParse(value))) {
      throw OPE(`authorization server metadata does not contain a valid ${useMtlsAlias ? `"as.mtls_endpoint_aliases.${endpoint}"` : `"as.${endpoint}"`}`, value === void 0 ? MISSING_SERVER_METADATA : INVALID_SERVER_METADATA, { attribute: useMtlsAlias ? `mtls_endpoint_aliases.${endpoint}` : endpoint });
    }
    checkProtocol(url, enforceHttps);
    return url;
  }
  function resolveEndpoint(as, endpoint, useMtlsAlias, enforceHttps) {
    if (useMtlsAlias && as.mtls_endpoint_aliases && endpoint in as.mtls_endpoint_aliases) {
      return validateEndpoint(as.mtls_endpoint_aliases[endpoint], endpoint, useMtlsAlias, enforceHttps);
    }
    return validateEndpoint(as[endpoint], endpoint, useMtlsAlias, enforceHttps);
  }
  var ResponseBodyError = class extends Error {
    cause;
    code;
    error;
    status;
    error_description;
    response;
    constructor(message, options) {
      super(message, options);
      this.name = this.constructor.name;
      this.code = RESPONSE_BODY_ERROR;
      this.cause = options.cause;
      this.error = options.cause.error;
      this.status = options.response.status;
      this.error_description = options.cause.error_description;
      Object.defineProperty(this, "response", { enumerable: false, value: options.response });
      Error.captureStackTrace?.(this, this.constructor);
    }
  };
  var AuthorizationResponseError = class extends Error {
    cause;
    code;
    error;
    error_description;
    constructor(message, options) {
      super(message, options);
      this.name = this.constructor.name;
      this.code = AUTHORIZATION_RESPONSE_ERROR;
      this.cause = options.cause;
      this.error = options.cause.get("error");
      this.error_description = options.cause.get("error_description") ?? void 0;
      Error.captureStackTrace?.(this, this.constructor);
    }
  };
  var WWWAuthenticateChallengeError = class extends Error {
    cause;
    code;
    response;
    status;
    constructor(message, options) {
      super(message, options);
      this.name = this.constructor.name;
      this.code = WWW_AUTHENTICATE_CHALLENGE;
      this.cause = options.cause;
      this.status = options.response.status;
      this.response = options.response;
      Object.defineProperty(this, "response", { enumerable: false });
      Error.captureStackTrace?.(this, this.constructor);
    }
  };
  var tokenMatch = "[a-zA-Z0-9!#$%&\\'\\*\\+\\-\\.\\^_`\\|~]+";
  var token68Match = "[a-zA-Z0-9\\-\\._\\~\\+\\/]+={0,2}";
  var quotedMatch = '"((?:[^"\\\\]|\\\\[\\s\\S])*)"';
  var quotedParamMatcher = "(" + tokenMatch + ")\\s*=\\s*" + quotedMatch;
  var paramMatcher = "(" + tokenMatch + ")\\s*=\\s*(" + tokenMatch + ")";
  var schemeRE = new RegExp("^[,\\s]*(" + tokenMatch + ")");
  var quotedParamRE = new RegExp("^[,\\s]*" + quotedParamMatcher + "[,\\s]*(.*)");
  var unquotedParamRE = new RegExp("^[,\\s]*" + paramMatcher + "[,\\s]*(.*)");
  var token68ParamRE = new RegExp("^(" + token68Match + ")(?:$|[,\\s])(.*)");
  function parseWwwAuthenticateChallenges(response) {
    if (!looseInstanceOf(response, Response)) {
      throw CodedTypeError('"response" must be an instance of Response', ERR_INVALID_ARG_TYPE);
    }
    const header = response.headers.get("www-authenticate");
    if (header === null) {
      return void 0;
    }
    const challenges = [];
    let rest = header;
    while (rest) {
      let match = rest.match(schemeRE);
      const scheme = match?.["1"].toLowerCase();
      if (!scheme) {
        return void 0;
      }
      const afterScheme = rest.substring(match[0].length);
      if (afterScheme && !afterScheme.match(/^[\s,]/)) {
        return void 0;
      }
      const spaceMatch = afterScheme.match(/^\s+(.*)$/);
      const hasParameters = !!spaceMatch;
      rest = spaceMatch ? spaceMatch[1] : void 0;
      const parameters = {};
      let token68;
      if (hasParameters) {
        while (rest) {
          let key;
          let value;
          if (match = rest.match(quotedParamRE)) {
            ;
            [, key, value, rest] = match;
            if (value.includes("\\")) {
              value = value.replace(/\\([\s\S])/g, "$1");
            }
            parameters[key.toLowerCase()] = value;
            continue;
          }
          if (match = rest.match(unquotedParamRE)) {
            ;
            [, key, value, rest] = match;
            parameters[key.toLowerCase()] = value;
            continue;
          }
          if (match = rest.match(token68ParamRE)) {
            if (Object.keys(parameters).length) {
              break;
            }
            ;
            [, token68, rest] = match;
            break;
          }
          return void 0;
        }
      } else {
        rest = afterScheme || void 0;
      }
      const challenge = { scheme, parameters };
      if (token68) {
        challenge.token68 = token68;
      }
      challenges.push(challenge);
    }
    if (!challenges.length) {
      return void 0;
    }
    return challenges;
  }
  async function parseOAuthResponseErrorBody(response) {
    if (response.status > 399 && response.status < 500) {
      assertReadableResponse(response);
      assertApplicationJson(response);
      try {
        const json = await response.clone().json();
        if (isJsonObject(json) && typeof json.error === "string" && json.error.length) {
          return json;
        }
      } catch {
      }
    }
    return void 0;
  }
  async function checkOAuthBodyError(response, expected, label) {
    if (response.status !== expected) {
      checkAuthenticationChallenges(response);
      let err;
      if (err = await parseOAuthResponseErrorBody(response)) {
        await response.body?.cancel();
        throw new ResponseBodyError("server responded with an error in the response body", {
          cause: err,
          response
        });
      }
      throw OPE(`"response" is not a conform ${label} response (unexpected HTTP status code)`, RESPONSE_IS_NOT_CONFORM, response);
    }
  }
  function assertDPoP(option) {
    if (!branded.has(option)) {
      throw CodedTypeError('"options.DPoP" is not a valid DPoPHandle', ERR_INVALID_ARG_VALUE);
    }
  }
  function getContentType(input) {
    return input.headers.get("content-type")?.split(";")[0];
  }
  async function authenticatedRequest(as, client, clientAuthentication, url, body, headers, options) {
    await clientAuthentication(as, client, body, headers);
    headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
    return (options?.[customFetch] || fetch)(url.href, {
      body,
      headers: Object.fromEntries(headers.entries()),
      method: "POST",
      redirect: "manual",
      signal: signal(url, options?.signal)
    });
  }
  async function tokenEndpointRequest(as, client, clientAuthentication, grantType, parameters, options) {
    const url = resolveEndpoint(as, "token_endpoint", client.use_mtls_endpoint_aliases, options?.[allowInsecureRequests] !== true);
    parameters.set("grant_type", grantType);
    const headers = prepareHeaders(options?.headers);
    headers.set("accept", "application/json");
    if (options?.DPoP !== void 0) {
      assertDPoP(options.DPoP);
      await options.DPoP.addProof(url, headers, "POST");
    }
    const response = await authenticatedRequest(as, client, clientAuthentication, url, parameters, headers, options);
    options?.DPoP?.cacheNonce(response, url);
    return response;
  }
  var idTokenClaims = /* @__PURE__ */ new WeakMap();
  var jwtRefs = /* @__PURE__ */ new WeakMap();
  function getValidatedIdTokenClaims(ref) {
    if (!ref.id_token) {
      return void 0;
    }
    const claims = idTokenClaims.get(ref);
    if (!claims) {
      throw CodedTypeError('"ref" was already garbage collected or did not resolve from the proper sources', ERR_INVALID_ARG_VALUE);
    }
    return claims;
  }
  async function processGenericAccessTokenResponse(as, client, response, additionalRequiredIdTokenClaims, decryptFn, recognizedTokenTypes) {
    assertAs(as);
    assertClient(client);
    if (!looseInstanceOf(response, Response)) {
      throw CodedTypeError('"response" must be an instance of Response', ERR_INVALID_ARG_TYPE);
    }
    await checkOAuthBodyError(response, 200, "Token Endpoint");
    assertReadableResponse(response);
    const json = await getResponseJsonBody(response);
    assertString(json.access_token, '"response" body "access_token" property', INVALID_RESPONSE, {
      body: json
    });
    assertString(json.token_type, '"response" body "token_type" property', INVALID_RESPONSE, {
      body: json
    });
    json.token_type = json.token_type.toLowerCase();
    if (json.expires_in !== void 0) {
      let expiresIn = typeof json.expires_in !== "number" ? parseFloat(json.expires_in) : json.expires_in;
      assertNumber(expiresIn, true, '"response" body "expires_in" property', INVALID_RESPONSE, {
        body: json
      });
      json.expires_in = expiresIn;
    }
    if (json.refresh_token !== void 0) {
      assertString(json.refresh_token, '"response" body "refresh_token" property', INVALID_RESPONSE, {
        body: json
      });
    }
    if (json.scope !== void 0 && typeof json.scope !== "string") {
      throw OPE('"response" body "scope" property must be a string', INVALID_RESPONSE, { body: json });
    }
    if (json.id_token !== void 0) {
      assertString(json.id_token, '"response" body "id_token" property', INVALID_RESPONSE, {
        body: json
      });
      const requiredClaims = [];
      if (client.require_auth_time === true) {
        requiredClaims.push("auth_time");
      }
      if (client.default_max_age !== void 0) {
        assertNumber(client.default_max_age, true, '"client.default_max_age"');
        requiredClaims.push("auth_time");
      }
      if (additionalRequiredIdTokenClaims?.length) {
        requiredClaims.push(...additionalRequiredIdTokenClaims);
      }
      const { claims, jwt } = await validateIdTokenClaims(as, client, json.id_token, requiredClaims, decryptFn);
      validateIdTokenAuthorizedParty(client, claims);
      validateIdTokenAuthTimeClaim(claims);
      jwtRefs.set(response, jwt);
      idTokenClaims.set(json, claims);
    }
    if (recognizedTokenTypes?.[json.token_type] !== void 0) {
      recognizedTokenTypes[json.token_type](response, json);
    } else if (json.token_type !== "dpop" && json.token_type !== "bearer") {
      throw new UnsupportedOperationError("unsupported `token_type` value", { cause: { body: json } });
    }
    return json;
  }
  function checkAuthenticationChallenges(response) {
    let challenges;
    if (challenges = parseWwwAuthenticateChallenges(response)) {
      throw new WWWAuthenticateChallengeError("server responded with a challenge in the WWW-Authenticate HTTP Header", { cause: challenges, response });
    }
  }
  function validateAudience(expected, result) {
    if (Array.isArray(result.claims.aud)) {
      if (!result.claims.aud.includes(expected)) {
        throw OPE('unexpected JWT "aud" (audience) claim value', JWT_CLAIM_COMPARISON, {
          expected,
          claims: result.claims,
          claim: "aud"
        });
      }
    } else if (result.claims.aud !== expected) {
      throw OPE('unexpected JWT "aud" (audience) claim value', JWT_CLAIM_COMPARISON, {
        expected,
        claims: result.claims,
        claim: "aud"
      });
    }
    return result;
  }
  function validateIssuer(as, result) {
    const expected = as[_expectedIssuer]?.(result) ?? as.issuer;
    if (result.claims.iss !== expected) {
      throw OPE('unexpected JWT "iss" (issuer) claim value', JWT_CLAIM_COMPARISON, {
        expected,
        claims: result.claims,
        claim: "iss"
      });
    }
    return result;
  }
  var branded = /* @__PURE__ */ new WeakSet();
  function brand(searchParams) {
    branded.add(searchParams);
    return searchParams;
  }
  var nopkce = /* @__PURE__ */ Symbol();
  async function authorizationCodeGrantRequest(as, client, clientAuthentication, callbackParameters, redirectUri, codeVerifier, options) {
    assertAs(as);
    assertClient(client);
    if (!branded.has(callbackParameters)) {
      throw CodedTypeError('"callbackParameters" must be an instance of URLSearchParams obtained from "validateAuthResponse()", or "validateJwtAuthResponse()', ERR_INVALID_ARG_VALUE);
    }
    assertString(redirectUri, '"redirectUri"');
    const code = getURLSearchParameter(callbackParameters, "code");
    if (!code) {
      throw OPE('no authorization code in "callbackParameters"', INVALID_RESPONSE);
    }
    const parameters = new URLSearchParams(options?.additionalParameters);
    parameters.set("redirect_uri", redirectUri);
    parameters.set("code", code);
    if (codeVerifier !== nopkce) {
      assertString(codeVerifier, '"codeVerifier"');
      parameters.set("code_verifier", codeVerifier);
    }
    return tokenEndpointRequest(as, client, clientAuthentication, "authorization_code", parameters, options);
  }
  var jwtClaimNames = {
    aud: "audience",
    c_hash: "code hash",
    client_id: "client id",
    exp: "expiration time",
    iat: "issued at",
    iss: "issuer",
    jti: "jwt id",
    nonce: "nonce",
    s_hash: "state hash",
    sub: "subject",
    ath: "access token hash",
    htm: "http method",
    htu: "http uri",
    cnf: "confirmation",
    auth_time: "authentication time"
  };
  function validatePresence(required, result) {
    for (const claim of required) {
      if (result.claims[claim] === void 0) {
        throw OPE(`JWT "${claim}" (${jwtClaimNames[claim]}) claim missing`, INVALID_RESPONSE, {
          claims: result.claims
        });
      }
    }
    return result;
  }
  function validateStringClaim(claim, result) {
    if (typeof result.claims[claim] !== "string") {
      throw OPE(`unexpected JWT "${claim}" (${jwtClaimNames[claim]}) claim type`, INVALID_RESPONSE, {
        claims: result.claims
      });
    }
    return result;
  }
  function validateIdTokenClaims(as, client, idToken, requiredClaims, decryptFn) {
    return validateJwt(idToken, checkSigningAlgorithm.bind(void 0, client.id_token_signed_response_alg, as.id_token_signing_alg_values_supported, "RS256"), getClockSkew(client), getClockTolerance(client), decryptFn).then(validatePresence.bind(void 0, ["aud", "exp", "iat", "iss", "sub", ...requiredClaims])).then(validateIssuer.bind(void 0, as)).then(validateAudience.bind(void 0, client.client_id)).then(validateStringClaim.bind(void 0, "sub"));
  }
  function resolveIdTokenMaxAge(client, maxAge) {
    if (maxAge === skipAuthTimeCheck) {
      return maxAge;
    }
    const fromClient = maxAge === void 0;
    if (fromClient) {
      maxAge = client.default_max_age;
    }
    if (maxAge === void 0) {
      return skipAuthTimeCheck;
    }
    assertNumber(maxAge, true, fromClient ? '"client.default_max_age"' : '"maxAge" argument');
    return maxAge;
  }
  function validateIdTokenAuthTimeClaim(claims) {
    if (claims.auth_time !== void 0) {
      assertNumber(claims.auth_time, true, 'ID Token "auth_time" (authentication time)', INVALID_RESPONSE, { claims });
    }
  }
  function validateIdTokenAuthTime(client, claims, maxAge) {
    if (maxAge === skipAuthTimeCheck) {
      return;
    }
    const now = epochTime() + getClockSkew(client);
    const tolerance = getClockTolerance(client);
    if (claims.auth_time + maxAge < now - tolerance) {
      throw OPE("too much time has elapsed since the last End-User authentication", JWT_TIMESTAMP_CHECK, { claims, now, tolerance, claim: "auth_time" });
    }
  }
  function validateIdTokenNonce(claims, expectedNonce) {
    const expected = expectedNonce === expectNoNonce ? void 0 : expectedNonce;
    if (claims.nonce !== expected) {
      throw OPE('unexpected ID Token "nonce" claim value', JWT_CLAIM_COMPARISON, {
        expected,
        claims,
        claim: "nonce"
      });
    }
  }
  function validateIdTokenAuthorizedParty(client, claims) {
    if (Array.isArray(claims.aud) && claims.aud.length !== 1) {
      if (claims.azp === void 0) {
        throw OPE('ID Token "aud" (audience) claim includes additional untrusted audiences', JWT_CLAIM_COMPARISON, { claims, claim: "aud" });
      }
      if (claims.azp !== client.client_id) {
        throw OPE('unexpected ID Token "azp" (authorized party) claim value', JWT_CLAIM_COMPARISON, {
          expected: client.client_id,
          claims,
          claim: "azp"
        });
      }
    }
  }
  var expectNoNonce = /* @__PURE__ */ Symbol();
  var skipAuthTimeCheck = /* @__PURE__ */ Symbol();
  async function processAuthorizationCodeResponse(as, client, response, options) {
    if (typeof options?.expectedNonce === "string" || typeof options?.maxAge === "number" || options?.requireIdToken) {
      return processAuthorizationCodeOpenIDResponse(as, client, response, options.expectedNonce, options.maxAge, options[jweDecrypt], options.recognizedTokenTypes);
    }
    return processAuthorizationCodeOAuth2Response(as, client, response, options?.maxAge, options?.[jweDecrypt], options?.recognizedTokenTypes);
  }
  async function processAuthorizationCodeOpenIDResponse(as, client, response, expectedNonce, maxAge, decryptFn, recognizedTokenTypes) {
    const additionalRequiredClaims = [];
    switch (expectedNonce) {
      case void 0:
        expectedNonce = expectNoNonce;
        break;
      case expectNoNonce:
        break;
      default:
        assertString(expectedNonce, '"expectedNonce" argument');
        additionalRequiredClaims.push("nonce");
    }
    maxAge = resolveIdTokenMaxAge(client, maxAge);
    if (maxAge !== skipAuthTimeCheck) {
      additionalRequiredClaims.push("auth_time");
    }
    const result = await processGenericAccessTokenResponse(as, client, response, additionalRequiredClaims, decryptFn, recognizedTokenTypes);
    assertString(result.id_token, '"response" body "id_token" property', INVALID_RESPONSE, {
      body: result
    });
    const claims = getValidatedIdTokenClaims(result);
    validateIdTokenAuthTime(client, claims, maxAge);
    validateIdTokenNonce(claims, expectedNonce);
    return result;
  }
  async function processAuthorizationCodeOAuth2Response(as, client, response, maxAge, decryptFn, recognizedTokenTypes) {
    const result = await processGenericAccessTokenResponse(as, client, response, void 0, decryptFn, recognizedTokenTypes);
    const claims = getValidatedIdTokenClaims(result);
    if (claims) {
      validateIdTokenAuthTime(client, claims, resolveIdTokenMaxAge(client, maxAge));
      validateIdTokenNonce(claims, expectNoNonce);
    }
    return result;
  }
  var WWW_AUTHENTICATE_CHALLENGE = "OAUTH_WWW_AUTHENTICATE_CHALLENGE";
  var RESPONSE_BODY_ERROR = "OAUTH_RESPONSE_BODY_ERROR";
  var UNSUPPORTED_OPERATION = "OAUTH_UNSUPPORTED_OPERATION";
  var AUTHORIZATION_RESPONSE_ERROR = "OAUTH_AUTHORIZATION_RESPONSE_ERROR";
  var PARSE_ERROR = "OAUTH_PARSE_ERROR";
  var INVALID_RESPONSE = "OAUTH_INVALID_RESPONSE";
  var RESPONSE_IS_NOT_JSON = "OAUTH_RESPONSE_IS_NOT_JSON";
  var RESPONSE_IS_NOT_CONFORM = "OAUTH_RESPONSE_IS_NOT_CONFORM";
  var HTTP_REQUEST_FORBIDDEN = "OAUTH_HTTP_REQUEST_FORBIDDEN";
  var REQUEST_PROTOCOL_FORBIDDEN = "OAUTH_REQUEST_PROTOCOL_FORBIDDEN";
  var JWT_TIMESTAMP_CHECK = "OAUTH_JWT_TIMESTAMP_CHECK_FAILED";
  var JWT_CLAIM_COMPARISON = "OAUTH_JWT_CLAIM_COMPARISON_FAILED";
  var JSON_ATTRIBUTE_COMPARISON = "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED";
  var MISSING_SERVER_METADATA = "OAUTH_MISSING_SERVER_METADATA";
  var INVALID_SERVER_METADATA = "OAUTH_INVALID_SERVER_METADATA";
  function assertReadableResponse(response) {
    if (response.bodyUsed) {
      throw CodedTypeError('"response" body has been used already', ERR_INVALID_ARG_VALUE);
    }
  }
  async function validateJwt(jws, checkAlg, clockSkew2, clockTolerance2, decryptJwt) {
    let { 0: protectedHeader, 1: payload, length } = jws.split(".");
    if (length === 5) {
      if (decryptJwt !== void 0) {
        jws = await decryptJwt(jws);
        ({ 0: protectedHeader, 1: payload, length } = jws.split("."));
      } else {
        throw new UnsupportedOperationError("JWE decryption is not configured", { cause: jws });
      }
    }
    if (length !== 3) {
      throw OPE("Invalid JWT", INVALID_RESPONSE, jws);
    }
    let header;
    try {
      header = JSON.parse(buf(b64u(protectedHeader)));
    } catch (cause) {
      throw OPE("failed to parse JWT Header body as base64url encoded JSON", PARSE_ERROR, cause);
    }
    if (!isJsonObject(header)) {
      throw OPE("JWT Header must be a top level object", INVALID_RESPONSE, jws);
    }
    checkAlg(header);
    if (header.crit !== void 0) {
      throw new UnsupportedOperationError('no JWT "crit" header parameter extensions are supported', {
        cause: { header }
      });
    }
    let claims;
    try {
      claims = JSON.parse(buf(b64u(payload)));
    } catch (cause) {
      throw OPE("failed to parse JWT Payload body as base64url encoded JSON", PARSE_ERROR, cause);
    }
    if (!isJsonObject(claims)) {
      throw OPE("JWT Payload must be a top level object", INVALID_RESPONSE, jws);
    }
    const now = epochTime() + clockSkew2;
    if (claims.exp !== void 0) {
      if (typeof claims.exp !== "number") {
        throw OPE('unexpected JWT "exp" (expiration time) claim type', INVALID_RESPONSE, { claims });
      }
      if (claims.exp <= now - clockTolerance2) {
        throw OPE('unexpected JWT "exp" (expiration time) claim value, expiration is past current timestamp', JWT_TIMESTAMP_CHECK, { claims, now, tolerance: clockTolerance2, claim: "exp" });
      }
    }
    if (claims.iat !== void 0) {
      if (typeof claims.iat !== "number") {
        throw OPE('unexpected JWT "iat" (issued at) claim type', INVALID_RESPONSE, { claims });
      }
    }
    if (claims.iss !== void 0) {
      if (typeof claims.iss !== "string") {
        throw OPE('unexpected JWT "iss" (issuer) claim type', INVALID_RESPONSE, { claims });
      }
    }
    if (claims.nbf !== void 0) {
      if (typeof claims.nbf !== "number") {
        throw OPE('unexpected JWT "nbf" (not before) claim type', INVALID_RESPONSE, { claims });
      }
      if (claims.nbf > now + clockTolerance2) {
        throw OPE('unexpected JWT "nbf" (not before) claim value', JWT_TIMESTAMP_CHECK, {
          claims,
          now,
          tolerance: clockTolerance2,
          claim: "nbf"
        });
      }
    }
    if (claims.aud !== void 0) {
      if (typeof claims.aud !== "string" && !Array.isArray(claims.aud)) {
        throw OPE('unexpected JWT "aud" (audience) claim type', INVALID_RESPONSE, { claims });
      }
    }
    return { header, claims, jwt: jws };
  }
  function checkSigningAlgorithm(client, issuer, fallback, header) {
    if (client !== void 0) {
      if (typeof client === "string" ? header.alg !== client : !client.includes(header.alg)) {
        throw OPE('unexpected JWT "alg" header parameter', INVALID_RESPONSE, {
          header,
          expected: client,
          reason: "client configuration"
        });
      }
      return;
    }
    if (Array.isArray(issuer)) {
      if (!issuer.includes(header.alg)) {
        throw OPE('unexpected JWT "alg" header parameter', INVALID_RESPONSE, {
          header,
          expected: issuer,
          reason: "authorization server metadata"
        });
      }
      return;
    }
    if (fallback !== void 0) {
      if (typeof fallback === "string" ? header.alg !== fallback : typeof fallback === "function" ? !fallback(header.alg) : !fallback.includes(header.alg)) {
        throw OPE('unexpected JWT "alg" header parameter', INVALID_RESPONSE, {
          header,
          expected: fallback,
          reason: "default value"
        });
      }
      return;
    }
    throw OPE('missing client or server configuration to verify used JWT "alg" header parameter', void 0, { client, issuer, fallback });
  }
  function getURLSearchParameter(parameters, name) {
    const { 0: value, length } = parameters.getAll(name);
    if (length > 1) {
      throw OPE(`"${name}" parameter must be provided only once`, INVALID_RESPONSE);
    }
    return value;
  }
  var skipStateCheck = /* @__PURE__ */ Symbol();
  var expectNoState = /* @__PURE__ */ Symbol();
  function validateAuthResponse(as, client, parameters, expectedState) {
    assertAs(as);
    assertClient(client);
    if (parameters instanceof URL) {
      parameters = parameters.searchParams;
    }
    if (!(parameters instanceof URLSearchParams)) {
      throw CodedTypeError('"parameters" must be an instance of URLSearchParams, or URL', ERR_INVALID_ARG_TYPE);
    }
    if (getURLSearchParameter(parameters, "response")) {
      throw OPE('"parameters" contains a JARM response, use validateJwtAuthResponse() instead of validateAuthResponse()', INVALID_RESPONSE, { parameters });
    }
    const iss = getURLSearchParameter(parameters, "iss");
    const state = getURLSearchParameter(parameters, "state");
    if (!iss && as.authorization_response_iss_parameter_supported) {
      throw OPE('response parameter "iss" (issuer) missing', INVALID_RESPONSE, { parameters });
    }
    if (iss && iss !== as.issuer) {
      throw OPE('unexpected "iss" (issuer) response parameter value', INVALID_RESPONSE, {
        expected: as.issuer,
        parameters
      });
    }
    switch (expectedState) {
      case void 0:
      case expectNoState:
        if (state !== void 0) {
          throw OPE('unexpected "state" response parameter encountered', INVALID_RESPONSE, {
            expected: void 0,
            parameters
          });
        }
        break;
      case skipStateCheck:
        break;
      default:
        assertString(expectedState, '"expectedState" argument');
        if (state !== expectedState) {
          throw OPE(state === void 0 ? 'response parameter "state" missing' : 'unexpected "state" response parameter value', INVALID_RESPONSE, { expected: expectedState, parameters });
        }
    }
    const error = getURLSearchParameter(parameters, "error");
    if (error) {
      throw new AuthorizationResponseError("authorization response from the server is an error", {
        cause: parameters
      });
    }
    const id_token = getURLSearchParameter(parameters, "id_token");
    const token = getURLSearchParameter(parameters, "token");
    if (id_token !== void 0 || token !== void 0) {
      throw new UnsupportedOperationError("implicit and hybrid flows are not supported");
    }
    return brand(new URLSearchParams(parameters));
  }
  async function getResponseJsonBody(response, check = assertApplicationJson) {
    let json;
    try {
      json = await response.json();
    } catch (cause) {
      check(response);
      throw OPE('failed to parse "response" body as JSON', PARSE_ERROR, cause);
    }
    if (!isJsonObject(json)) {
      throw OPE('"response" body must be a top level object', INVALID_RESPONSE, { body: json });
    }
    return json;
  }
  var _nodiscoverycheck = /* @__PURE__ */ Symbol();
  var _expectedIssuer = /* @__PURE__ */ Symbol();
  return __toCommonJS(entry_exports);
})();
