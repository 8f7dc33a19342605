// A right receiver in Node, without packages. docs/receivers.md builds it.

import { createHmac, timingSafeEqual } from "node:crypto";
import { fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";

const { WEBHOOK_SECRET, HOST = "127.0.0.1", PORT = "9000", DATABASE = "receiver.jsonl" } = process.env;
const SECRETS = (WEBHOOK_SECRET ?? "").split(/\s+/).filter(Boolean); // two of them while you rotate
const MAX_BODY_BYTES = 1_000_000;
const MAX_BODY_MILLISECONDS = 10_000;
const MAX_AGE_SECONDS = 300;
const MIN_KEY_BYTES = 24;

/** Ends a request with a status from 400 to 499. */
class Rejected extends Error {
  constructor(status) {
    super(`rejected with ${status}`);
    this.status = status;
  }
}

/** Return the raw bytes of the body as a Buffer. Node joins chunks. */
async function readBody(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new Rejected(413);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Return whether one of our secrets signed these bytes within the last five minutes. */
function isGenuine(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id || !isRecent(timestamp)) return false;
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return SECRETS.some((secret) => {
    const expected = signatureOf(id, timestamp, body, secret);
    return given.some((signature) => isSame(signature, expected));
  });
}

/** Return whether these are unix seconds, and at most five minutes off: old or ahead. */
function isRecent(timestamp) {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  return Math.abs(Date.now() / 1000 - Number(timestamp)) <= MAX_AGE_SECONDS;
}

function signatureOf(id, timestamp, body, secret) {
  const mac = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.`).update(body);
  return `v1,${mac.digest("base64")}`;
}

function keyOf(secret) {
  return Buffer.from(secret.replace(/^whsec_/, ""), "base64");
}

/** Return whether no key is missing or short. With an empty key, everybody could sign. */
function areUsable(secrets) {
  return secrets.length > 0 && secrets.every((each) => keyOf(each).length >= MIN_KEY_BYTES);
}

/** Compare in a time that does not depend on where the two differ. */
function isSame(given, expected) {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Return the event in a body. Verify the body first: until then, anyone may have written it. */
function parseEvent(body) {
  try {
    const { type, order_id: orderId, value = 0 } = JSON.parse(body).event;
    const cents = Math.round(value * 100);
    if (typeof type === "string" && Number.isSafeInteger(cents)) return { type, orderId, cents };
  } catch {
    // not JSON, or no object
  }
  throw new Rejected(400);
}

// The state of an order after each event. A later state is never replaced by an earlier one.
const STATES = ["purchase.created", "purchase.shipped", "purchase.refunded"];
// One line for each message, with its id and its work. In your receiver: one transaction.
const file = openSync(DATABASE, "a+");
const messages = new Map(readLines().map((message) => [message.id, message]));

/** Return the stored messages. Cut off a last line that a crash left incomplete. */
function readLines() {
  const text = readFileSync(file, "utf8");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  ftruncateSync(file, Buffer.byteLength(complete));
  return complete.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** Do the work of this message, unless it is done. No other request runs between these lines. */
function handleOnce(id, event) {
  if (messages.has(id)) return;
  writeSync(file, `${JSON.stringify({ id, ...event })}\n`);
  fsyncSync(file); // on the disk before we respond
  messages.set(id, { id, ...event });
}

/** Return the status of the response to a webhook. */
async function receive(request) {
  const body = await readBody(request);
  const [contentType] = (request.headers["content-type"] ?? "").split(";"); // without parameters
  if (contentType.trim().toLowerCase() !== "application/json") return 415;
  if (!isGenuine(request.headers, body)) return 401;
  const event = parseEvent(body);
  // Acknowledge other types: new ones may come at any time.
  if (STATES.includes(event.type)) handleOnce(request.headers["webhook-id"], event);
  return 204;
}

async function respond(request, response) {
  try {
    const [path, query] = request.url.split("?"); // new URL() would refuse some paths
    if (request.method === "GET" && path === "/probe") {
      return response.end(JSON.stringify(probe(new URLSearchParams(query))));
    }
    const status = request.method === "POST" ? await receive(request) : 405;
    return response.writeHead(status).end();
  } catch (error) {
    if (!(error instanceof Rejected)) console.error(error);
    return response.writeHead(error.status ?? 500, { Connection: "close" }).end();
  }
}

/** Return what the exam asks about a message or an order. It changes nothing. */
function probe(query) {
  if (query.has("order_id")) return { state: stateOf(query.get("order_id")) };
  const message = messages.get(query.get("message_id"));
  return { times: message ? 1 : 0, value: (message?.cents ?? 0) / 100 };
}

function stateOf(orderId) {
  const events = [...messages.values()].filter((message) => message.orderId === orderId);
  const latest = Math.max(...events.map((event) => STATES.indexOf(event.type)));
  return STATES[latest]?.replace("purchase.", "") ?? null;
}

if (!areUsable(SECRETS)) {
  console.error("set WEBHOOK_SECRET: whsec_ and at least 24 bytes in base64");
  process.exit(2);
}
const deadlines = { requestTimeout: MAX_BODY_MILLISECONDS, connectionsCheckingInterval: 1000 };
createServer(deadlines, respond).listen(Number(PORT), HOST);
