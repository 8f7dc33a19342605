// The receiver after mission 9: it can say "not now". And its work takes time: it sends mail.

import { createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
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
const FILE = "receiver.jsonl"; // one line of JSON for each booking
const bookings = existsSync(FILE) ? readLines() : [];
const known = new Set(bookings.map(({ id }) => id)); // the messages that we have

function readLines() {
  const lines = readFileSync(FILE, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
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

/** Remember the id, and return whether it is new. Nothing else runs between these lines. */
function isNew(id) {
  if (known.has(id)) return false;
  known.add(id);
  return true;
}

async function work(id, event) {
  await sendMail(event.order_id);
  book(id, event);
}

/** Play a mail server, which is busy and takes more than a second. */
async function sendMail(orderId) {
  await sleep(1200);
  console.log(`Mail sent for order ${orderId}`);
}

/** Remember the money. */
function book(id, { type, order_id: orderId, value = 0 }) {
  const booking = { id, type, orderId, cents: Math.round(value * 100) };
  bookings.push(booking);
  appendFileSync(FILE, `${JSON.stringify(booking)}\n`);
}

/** Return what was done about a message. Missions and the exam ask this; it changes nothing. */
function effects(id) {
  const own = bookings.filter((booking) => booking.id === id);
  return { times: own.length, value: own.reduce((sum, { cents }) => sum + cents, 0) / 100 };
}

/** Return the bytes of the body. Node joins chunks. */
async function readBody(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

/** Return the status of the response to a webhook. */
async function receive(request) {
  const body = await readBody(request); // the signature covers these bytes, and no others
  if (existsSync(CLOSED)) return Number(readFileSync(CLOSED, "utf8"));
  if (!isGenuine(request.headers, body)) return 401;
  const [id, { event }] = [request.headers["webhook-id"], JSON.parse(body)];
  if (isNew(id)) await work(id, event);
  return 204; // for a copy, too: after an error, the shop would send it again
}

createServer(async (request, response) => {
  const query = new URLSearchParams(request.url.split("?")[1]);
  if (request.method === "GET") { // GET /effects?message_id=msg_…
    return response.end(JSON.stringify(effects(query.get("message_id"))));
  }
  const status = await receive(request);
  return response.writeHead(status, existsSync(CLOSED) ? RETRY_AFTER : {}).end();
}).listen(Number(PORT), HOST);
