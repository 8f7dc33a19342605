// The receiver after mission 4: it verifies the signature, but of the wrong bytes.

import { createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const { HOST = "127.0.0.1", PORT = "9000", WEBHOOK_SECRET = "" } = process.env;
// The key is what follows whsec_, decoded. With an empty key, anybody could sign.
const KEY = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
if (KEY.length < 24) {
  console.error("Set WEBHOOK_SECRET to the secret that the shop showed.");
  process.exit(2);
}
const FILE = "receiver.jsonl"; // one line of JSON for each booking
const bookings = existsSync(FILE) ? readLines() : [];

function readLines() {
  const lines = readFileSync(FILE, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** Return whether our secret signed this webhook. */
function isGenuine(headers, body) {
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

/** Do the work: here, remember the money. */
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
  const document = JSON.parse(await readBody(request));
  if (!isGenuine(request.headers, JSON.stringify(document))) return 401;
  book(request.headers["webhook-id"], document.event);
  return 204;
}

createServer(async (request, response) => {
  const query = new URLSearchParams(request.url.split("?")[1]);
  if (request.method === "GET") { // GET /effects?message_id=msg_…
    return response.end(JSON.stringify(effects(query.get("message_id"))));
  }
  return response.writeHead(await receive(request)).end();
}).listen(Number(PORT), HOST);
