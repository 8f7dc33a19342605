// BullMQ with undici, as a baseline: `node run.mjs TASK.json REDIS_SOCKET` prints the seconds.
//
// It signs and posts each webhook once and records nothing. As with the other baselines, all jobs are
// in Redis and the connections are open when the clock starts; it stops when the last response is read.

import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";

import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { Agent, request } from "undici";

import { signingHeaders } from "./signing.mjs";

const IN_FLIGHT = 50;
const WARM_UP = 200; // jobs: the JavaScript is compiled, and each connection is open
const JOBS_AT_ONCE = 500;
const [taskFile, socket] = argv.slice(2);
const { webhooks, secret } = JSON.parse(readFileSync(taskFile, "utf8"));
const agent = new Agent({ connections: IN_FLIGHT });

let answered = 0;
let waiting = { count: Infinity, resolve: () => {} };

async function deliver(job) {
  const { url, message_id: messageId, body } = job.data;
  const timestamp = Math.floor(Date.now() / 1000);
  const response = await request(url, {
    method: "POST",
    body,
    dispatcher: agent,
    headers: {
      "Content-Type": "application/json",
      ...signingHeaders({ messageId, timestamp, body }, { id: "sec_bench", secret }, url),
    },
  });
  await response.body.dump();
  if (response.statusCode !== 200) throw new Error(`answered with ${response.statusCode}`);
  answered += 1;
  if (answered === waiting.count) waiting.resolve();
}

function untilAnswered(count) {
  return new Promise((resolve) => {
    waiting = { count, resolve };
    if (answered >= count) resolve();
  });
}

async function enqueue(some) {
  for (let start = 0; start < some.length; start += JOBS_AT_ONCE) {
    const jobs = some.slice(start, start + JOBS_AT_ONCE);
    await queue.addBulk(jobs.map((data) => ({ name: "deliver", data })));
  }
}

function connect() {
  return new Redis({ path: socket, maxRetriesPerRequest: null });
}

const removed = { removeOnComplete: true, removeOnFail: true };
const queue = new Queue("deliveries", { connection: connect(), defaultJobOptions: removed });
const worker = new Worker("deliveries", deliver, { connection: connect(), concurrency: IN_FLIGHT });
worker.on("failed", (_job, error) => {
  console.error(error);
  exit(1);
});

await enqueue(Array(WARM_UP).fill(webhooks[0]));
await untilAnswered(WARM_UP);
await worker.pause();
await enqueue(webhooks);
const started = performance.now();
worker.resume();
await untilAnswered(WARM_UP + webhooks.length);
console.log((performance.now() - started) / 1000);
exit(0);
