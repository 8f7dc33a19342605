// A right receiver in Node, with the official library: npm install standardwebhooks

const { fsyncSync, openSync, readFileSync, writeSync } = require("node:fs");
const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const { WEBHOOK_SECRET, HOST = "127.0.0.1", PORT = "9000", DATABASE = "receiver.jsonl" } = process.env;
const MAX_BODY_BYTES = 1_000_000;
const STATES = ["purchase.created", "purchase.shipped", "purchase.refunded"];

const webhooks = WEBHOOK_SECRET.split(" ").map((secret) => new Webhook(secret));
const file = openSync(DATABASE, "a+");
const lines = readFileSync(file, "utf8").split("\n");
const stored = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
const messages = new Map(stored.map((message) => [message.id, message]));
writeSync(file, "\n"); // ends a line that a crash left incomplete: its message was not acknowledged

function receive(headers, body) {
  if (!/^application\/json *(;|$)/i.test(headers["content-type"])) return 415;
  if (!webhooks.some((webhook) => isGenuine(webhook, headers, body))) return 401;
  const event = parseEvent(body);
  if (!event) return 400;
  if (STATES.includes(event.type)) handleOnce(headers["webhook-id"], event);
  return 204;
}

function isGenuine(webhook, headers, body) {
  try {
    webhook.verify(body, headers, { jsonParse: false });
    return true;
  } catch {
    return false;
  }
}

function parseEvent(body) {
  try {
    const { event } = JSON.parse(body);
    return typeof event.type === "string" ? event : undefined;
  } catch {
    return undefined;
  }
}

/** Do the work of this message, unless it is done. No other request runs between these lines. */
function handleOnce(id, { type, order_id: orderId, value }) {
  if (messages.has(id)) return;
  const message = { id, type, orderId, value };
  writeSync(file, `${JSON.stringify(message)}\n`);
  fsyncSync(file); // on the disk before we respond
  messages.set(id, message);
}

/** Return what the exam asks about a message or an order. */
function probe(query) {
  if (query.has("order_id")) return { state: stateOf(query.get("order_id")) };
  const message = messages.get(query.get("message_id"));
  return { times: message ? 1 : 0, value: message?.value ?? 0 };
}

function stateOf(orderId) {
  const events = [...messages.values()].filter((message) => message.orderId === orderId);
  const latest = Math.max(...events.map((event) => STATES.indexOf(event.type)));
  return STATES[latest]?.replace("purchase.", "");
}

function read(request, response) {
  const parts = [];
  let size = 0;
  request.on("data", (part) => {
    size += part.length;
    if (size > MAX_BODY_BYTES) request.destroy(); // the sender sees a closed connection
    else parts.push(part);
  });
  request.on("end", () => {
    response.writeHead(receive(request.headers, Buffer.concat(parts))).end();
  });
}

const server = createServer({ requestTimeout: 10_000, connectionsCheckingInterval: 1000 });
server.on("request", (request, response) => {
  if (request.method === "POST") return read(request, response);
  if (!request.url.startsWith("/probe?")) return response.writeHead(405).end();
  return response.end(JSON.stringify(probe(new URLSearchParams(request.url.split("?")[1]))));
});
server.listen(Number(PORT), HOST);
