// A webhook receiver that begins wrong: it believes everything. It needs nothing but Node.
// The missions of the Build track correct it, step by step. Start it: node receiver.mjs

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

const { HOST = "127.0.0.1", PORT = "9000" } = process.env;
const FILE = "receiver.jsonl"; // one line of JSON for each booking
const bookings = existsSync(FILE) ? readLines() : [];

function readLines() {
  const lines = readFileSync(FILE, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
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
  const { event } = JSON.parse(await readBody(request));
  book(request.headers["webhook-id"], event);
  return 204;
}

createServer(async (request, response) => {
  const query = new URLSearchParams(request.url.split("?")[1]);
  if (request.method === "GET") { // GET /effects?message_id=msg_…
    return response.end(JSON.stringify(effects(query.get("message_id"))));
  }
  return response.writeHead(await receive(request)).end();
}).listen(Number(PORT), HOST);
