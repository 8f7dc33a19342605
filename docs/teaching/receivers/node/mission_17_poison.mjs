// The receiver after mission 17: it rejects what it cannot use. It passes the exam.

import { createHmac, timingSafeEqual } from "node:crypto";
import { existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const { HOST = "127.0.0.1", PORT = "9000", WEBHOOK_SECRET = "" } = process.env;
// The key is what follows whsec_, decoded. With an empty key, anybody could sign.
const KEY = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
if (KEY.length < 24) {
  console.error("Set WEBHOOK_SECRET to the secret that the shop showed.");
  process.exit(2);
}
// Close with `echo 503 > closed`, open again with `rm closed`.
const CLOSED = "closed";
const RETRY_AFTER = { "Retry-After": "7" }; // seconds
const MAX_BODY_BYTES = 1_000_000;
// An order moves forward in this list, and never back.
const STATES = ["purchase.created", "purchase.shipped", "purchase.refunded"];
const file = openSync("receiver.jsonl", "a+"); // a line of JSON for each booking and each sent mail
const lines = readLines();
const bookings = lines.filter(({ mailed }) => !mailed);
const mailed = new Set(lines.map((line) => line.mailed).filter(Boolean));
const known = new Set(bookings.map(({ id }) => id)); // the messages that we have

/** Return the stored lines. Cut off a last one that a crash left incomplete. */
function readLines() {
  const text = readFileSync(file, "utf8");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1);
  ftruncateSync(file, Buffer.byteLength(complete));
  return complete.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/** Store a line, and wait until it is on the disk. A crash leaves all of it, or nothing. */
function store(line) {
  writeSync(file, `${JSON.stringify(line)}\n`);
  fsyncSync(file);
}

/** Return whether these are unix seconds, at most five minutes ago or ahead. */
function isRecent(timestamp) {
  if (!/^[0-9]{1,12}$/.test(timestamp)) return false;
  return Math.abs(Date.now() / 1000 - Number(timestamp)) <= 300;
}

/** Return whether our secret signed this webhook within the last five minutes. */
function isGenuine(headers, body) {
  if (!isRecent(headers["webhook-timestamp"])) return false;
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`;
  const expected = `v1,${createHmac("sha256", KEY).update(signed).update(body).digest("base64")}`;
  // While the shop rotates its secret there are two signatures: one match is enough.
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return given.some((signature) => isSame(signature, expected));
}

/** Compare. Unlike ===, this takes as long for any difference: its time tells an attacker nothing. */
function isSame(given, expected) {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Do the work of this message, unless it is done. Nothing else runs between these lines. */
function handleOnce(id, event) {
  if (known.has(id)) return;
  book(id, event);
  known.add(id); // not before: if the disk is full, the shop must send it again
}

/** Send the mails of all bookings, also of those from before a crash. One may go out twice. */
async function sendMails() {
  for (;;) {
    const booking = bookings.find(({ id }) => !mailed.has(id));
    if (booking) {
      await sendMail(booking.orderId);
      mailed.add(booking.id);
      store({ mailed: booking.id });
    } else {
      await sleep(200);
    }
  }
}

/** Play a mail server, which is busy and takes more than a second. */
async function sendMail(orderId) {
  await sleep(1200);
  console.log(`Mail sent for order ${orderId}`);
}

/** Return the event of a genuine body. Reject what is no event: sending it again is no use. */
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

/** Remember the money. */
function book(id, event) {
  const booking = { id, ...event };
  store(booking);
  bookings.push(booking);
}

/** Return what was done about a message. Missions and the exam ask this; it changes nothing. */
function effects(id) {
  const own = bookings.filter((booking) => booking.id === id);
  return { times: own.length, value: own.reduce((sum, { cents }) => sum + cents, 0) / 100 };
}

/** Return the state of an order, for the exam: that of its latest event, not of the last to come. */
function stateOf(orderId) {
  const events = bookings.filter((booking) => booking.orderId === orderId);
  const state = Math.max(...events.map(({ type }) => STATES.indexOf(type)));
  return { state: STATES[state]?.replace("purchase.", "") ?? null };
}

/** Ends a request with a status from 400 to 499. */
class Rejected extends Error {
  constructor(status) {
    super(`rejected with ${status}`);
    this.status = status;
  }
}

/** Return the bytes of the body. Node joins chunks. */
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

/** Return the status of the response to a webhook. */
async function receive(request) {
  const body = await readBody(request); // the signature covers these bytes, and no others
  if (existsSync(CLOSED)) return Number(readFileSync(CLOSED, "utf8"));
  const [contentType] = (request.headers["content-type"] ?? "").split(";"); // without charset=utf-8
  if (contentType.trim().toLowerCase() !== "application/json") return 415;
  if (!isGenuine(request.headers, body)) return 401;
  const [id, event] = [request.headers["webhook-id"], parseEvent(body)];
  // Acknowledge other types: new ones may come at any time.
  if (STATES.includes(event.type)) handleOnce(id, event); // stored before we answer
  return 204; // for a copy, too: after an error, the shop would send it again
}

/** Answer, whatever happens: an error that nobody catches would end the process. */
async function serve(request, response) {
  try {
    await respond(request, response);
  } catch (error) {
    if (!(error instanceof Rejected)) console.error(error);
    response.writeHead(error.status ?? 500, { Connection: "close" }).end();
  }
}

async function respond(request, response) {
  const query = new URLSearchParams(request.url.split("?")[1]);
  // GET /effects?message_id=msg_… or ?order_id=ord_…
  if (request.method === "GET" && query.size) {
    const orderId = query.get("order_id");
    const answer = orderId ? stateOf(orderId) : effects(query.get("message_id"));
    return response.end(JSON.stringify(answer));
  }
  const status = request.method === "POST" ? await receive(request) : 405;
  return response.writeHead(status, existsSync(CLOSED) ? RETRY_AFTER : {}).end();
}

sendMails();
// A request that is not complete after ten seconds ends.
const deadlines = { requestTimeout: 10_000, connectionsCheckingInterval: 1000 };
createServer(deadlines, serve).listen(Number(PORT), HOST);
