/**
 * Tools for tests of webhooks with Playwright Test: the Python package `hookshop.testing`, in one
 * file. Copy it into your project; it needs only `@playwright/test`.
 *
 * `test` has the fixtures `hookshop` (a shop and a subscriber of the test's own), `hookshopReceiver`
 * and `hookshopServer`; `hookshopDemo()` starts a demo for all workers. docs/testing.md describes
 * them.
 *
 * Reading order: fixtures, the demo, the pair (waiting and time), the shop, the subscriber, the
 * receiver, faults, verification, what a failed wait says, what a failed test leaves behind, calls of
 * the APIs.
 */

import { test as base, type PlaywrightTestConfig, type TestInfo } from "@playwright/test";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export { expect } from "@playwright/test";

/** Of this file; a demo must have the same. */
export const VERSION = "0.1.0";

const WAIT_MS = 10_000; // of waiting calls, unless the test says otherwise
const ADVANCE_MS = 25_000; // less than the 30 s of a test, so that our error comes first
const REQUEST_SECONDS = 15; // of a call that does not wait
const MAX_WAIT_SECONDS = 60; // of one call; the servers allow no more
const LIFETIME_SECONDS = 3600; // of a sandbox that nobody drops, because a run was interrupted
const MAX_LISTED = 100; // the largest page of the API

/** Any JSON document. */
export type Json = string | number | boolean | null | Json[] | JsonObject;
/** A JSON object. */
export type JsonObject = { [name: string]: Json };

// --- Errors ---

/** Something went wrong with Hookshop. The message says what, and what to do. */
export class HookshopError extends Error {
  constructor(message: string) {
    super(message);
    this.name = new.target.name;
    // Playwright shows the first line of the stack: let it be the line of the test.
    this.stack = (this.stack ?? "").replace(/\n +at .*[\\/]hookshop\.ts:\d+.*/g, "");
  }
}

/** A call was refused. `status`: of the response. `detail`: its sentence. */
export class ApiError extends HookshopError {
  readonly status: number;
  readonly detail: string;

  constructor(call: string, status: number, detail: string) {
    super(`${call} was refused with ${status}: ${detail}`);
    this.status = status;
    this.detail = detail;
  }
}

/** The server does not respond. `url`: its base URL. */
export class UnreachableError extends HookshopError {
  readonly url: string;

  constructor(url: string, reason: string) {
    super(`${url} does not respond: ${reason}`);
    this.url = url;
  }
}

/** There is no demo to test against. The message says why. */
export class ServerError extends HookshopError {}

/** What a test waited for did not happen. The message says what happened instead. */
export class WaitTimeoutError extends HookshopError {}

/** A word is not a fault. The message is one line for the user. */
export class BadFault extends HookshopError {}

// --- Fixtures ---

/** Where the demo is. Environment variables are the defaults: `HOOKSHOP_URL`, … */
export interface HookshopOptions {
  /** The shop of a demo that runs. */
  url?: string;
  /** Its subscriber; else the port after the shop's. */
  subscriberUrl?: string;
  /** The admin token of the shop, if it has one. */
  token?: string;
  /** The admin token of the subscriber. */
  subscriberToken?: string;
  /** By which the shop reaches the tests. */
  receiverHost?: string;
}

/** Settings of the shop's sandbox, as in `POST /v1/sandboxes`. */
export type HookshopSettings = {
  retrySchedule?: string;
  jitter?: number;
  requestTimeoutSeconds?: number;
  breakerFailures?: number;
  disableAfterFailures?: number;
};

export interface HookshopFixtures {
  /** A shop and a subscriber that no other test sees, without any data. */
  hookshop: Hookshop;
  /** A receiver in this process, registered at the shop of `hookshop`. */
  hookshopReceiver: Receiver;
  /** Set it with `test.use({ hookshopSettings: … })`. */
  hookshopSettings: HookshopSettings;
}

export interface HookshopWorkerFixtures {
  /** One demo for all tests and all workers. */
  hookshopServer: HookshopServer;
  /** Set it in `use` of playwright.config.ts. */
  hookshopOptions: HookshopOptions;
}

export const test = base.extend<HookshopFixtures, HookshopWorkerFixtures>({
  hookshopOptions: [{}, { option: true, scope: "worker" }],
  hookshopSettings: [{}, { option: true }],

  hookshopServer: [
    async ({ hookshopOptions }, use) => use(await findServer(hookshopOptions)),
    { scope: "worker" },
  ],

  hookshop: async ({ hookshopServer, hookshopSettings }, use, testInfo) => {
    const hookshop = await newPair(hookshopServer, hookshopSettings);
    await use(hookshop);
    if (hasFailed(testInfo)) {
      await reportFailure(testInfo, hookshop, hookshopServer);
    }
    if (!hasFailed(testInfo) || !hookshopServer.wasRunning) {
      await hookshop.drop();
    }
  },

  hookshopReceiver: async ({ hookshop, hookshopOptions }, use, testInfo) => {
    const receiver = await Receiver.start(hookshop, {
      host: hookshopOptions.receiverHost ?? process.env["HOOKSHOP_RECEIVER_HOST"] ?? LOOPBACK,
    });
    await use(receiver);
    await receiver.stop({ unregister: !hasFailed(testInfo) });
  },
});

function hasFailed(testInfo: TestInfo): boolean {
  return testInfo.status !== testInfo.expectedStatus && testInfo.status !== "interrupted";
}

// --- The demo ---

const SHOP = "Hookshop: the shop";
const SUBSCRIBER = "Hookshop: the subscriber";
const START_MS = 120_000; // a busy machine may need them
const STOP_MS = 15_000;
const SHOWN_LINES = 40; // of a log

type WebServer = Exclude<NonNullable<PlaywrightTestConfig["webServer"]>, readonly unknown[]>;

/**
 * Return the `webServer` of playwright.config.ts: a demo on free ports, in a temporary folder.
 * Without one, if `HOOKSHOP_URL` names a demo that runs.
 *
 * `command`: how to call hookshop. `options`: further ones of `hookshop demo`.
 */
export function hookshopDemo({ command = "hookshop", options = "" } = {}): WebServer[] {
  const isWorker = "TEST_WORKER_INDEX" in process.env; // Playwright reads its settings there, too
  if (process.env["HOOKSHOP_URL"] || isWorker) {
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "hookshop-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const log = `'${logIn(folder)}'`;
  const demo = `${command} demo --json --shop-port 0 --subscriber-port 0 --var '${folder}/var'`;
  return [
    {
      name: "hookshop",
      command: `${demo} ${options} 2> ${log} || { tail -n ${SHOWN_LINES} ${log} >&2; exit 1; }`,
      // Playwright makes environment variables of the groups, which all workers see.
      wait: {
        stdout:
          /"shop_url": "(?<hookshop_demo_url>.+?)", "subscriber_url": "(?<hookshop_demo_subscriber_url>.+?)", "var": "(?<hookshop_demo_var>.+?)"/,
      },
      gracefulShutdown: { signal: "SIGTERM", timeout: STOP_MS },
      timeout: START_MS,
    },
  ];
}

/**
 * A running demo. `shopToken`, `subscriberToken`: the admin tokens, undefined where everything is
 * open. `wasRunning`: whether it goes on after the tests. `log`: the file with its output, if the
 * tests started it.
 */
export interface HookshopServer {
  readonly shopUrl: string;
  readonly subscriberUrl: string;
  readonly shopToken: string | undefined;
  readonly subscriberToken: string | undefined;
  readonly wasRunning: boolean;
  readonly log: string | undefined;
}

async function findServer(options: HookshopOptions): Promise<HookshopServer> {
  const env = process.env;
  const url = options.url ?? env["HOOKSHOP_URL"];
  if (url) {
    return connect(url, {
      subscriberUrl: options.subscriberUrl ?? env["HOOKSHOP_SUBSCRIBER_URL"],
      shopToken: options.token ?? env["HOOKSHOP_TOKEN"],
      subscriberToken: options.subscriberToken ?? env["HOOKSHOP_SUBSCRIBER_TOKEN"],
    });
  }
  const started = env["HOOKSHOP_DEMO_URL"];
  if (!started) {
    throw new ServerError(
      "There is no demo. Set HOOKSHOP_URL, or put `webServer: hookshopDemo()` into " +
        "playwright.config.ts: then the tests start one.",
    );
  }
  const server = await connect(started, {
    subscriberUrl: env["HOOKSHOP_DEMO_SUBSCRIBER_URL"],
    shopToken: env["SHOP_ADMIN_TOKEN"],
    subscriberToken: env["SUBSCRIBER_ADMIN_TOKEN"],
  });
  return { ...server, wasRunning: false, log: logIn(dirname(env["HOOKSHOP_DEMO_VAR"] ?? "")) };
}

/**
 * Return a demo that is already running. Throw `ServerError` if there is none.
 *
 * `subscriberUrl`: by default the port after the shop's, as `hookshop demo` has it.
 */
export async function connect(
  shopUrl: string,
  found: {
    subscriberUrl?: string | undefined;
    shopToken?: string | undefined;
    subscriberToken?: string | undefined;
  } = {},
): Promise<HookshopServer> {
  checkUrl(shopUrl);
  await checkApplication(shopUrl, SHOP, "HOOKSHOP_URL");
  const subscriberUrl = found.subscriberUrl || nextPort(shopUrl);
  checkUrl(subscriberUrl);
  await checkApplication(subscriberUrl, SUBSCRIBER, "HOOKSHOP_SUBSCRIBER_URL");
  return {
    shopUrl: withoutSlash(shopUrl),
    subscriberUrl: withoutSlash(subscriberUrl),
    shopToken: found.shopToken || undefined,
    subscriberToken: found.subscriberToken || undefined,
    wasRunning: true,
    log: undefined,
  };
}

function checkUrl(url: string): void {
  const isUrl = URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
  if (!isUrl) {
    throw new ServerError(`"${url}" is not a URL of a demo, such as http://127.0.0.1:8000`);
  }
}

async function checkApplication(url: string, wanted: string, option: string): Promise<void> {
  let health: { application?: string; version?: string };
  try {
    health = await new ApiClient(url).get("/healthz");
  } catch (error) {
    throw new ServerError(
      `${option}: ${messageOf(error)}. Start a demo with \`hookshop demo\`, or leave out ` +
        "HOOKSHOP_URL and put `webServer: hookshopDemo()` into playwright.config.ts.",
    );
  }
  if (health.application !== wanted) {
    const found = health.application ?? "no Hookshop";
    throw new ServerError(`${option}: ${url} is "${found}", not "${wanted}".`);
  }
  if (health.version !== VERSION) {
    throw new ServerError(
      `${option}: ${url} is Hookshop ${health.version}, but this test kit is ${VERSION}. ` +
        "Install the same version on both sides.",
    );
  }
}

function nextPort(shopUrl: string): string {
  const url = new URL(shopUrl);
  if (!url.port) {
    throw new ServerError("HOOKSHOP_SUBSCRIBER_URL is needed: the URL of the shop has no port.");
  }
  return `${url.protocol}//${url.hostname}:${Number(url.port) + 1}`;
}

/** Return the reason with the last lines of the log; undefined if both applications respond. */
async function whyItIsGone(server: HookshopServer): Promise<string | undefined> {
  try {
    await new ApiClient(server.shopUrl).get("/healthz");
    await new ApiClient(server.subscriberUrl).get("/healthz");
  } catch (error) {
    return [messageOf(error), ...lastLines(server.log)].join("\n");
  }
  return undefined;
}

function logIn(folder: string): string {
  return join(folder, "demo.log");
}

function lastLines(log: string | undefined): string[] {
  if (log === undefined) {
    return [];
  }
  try {
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    return ["The last lines of its log:", ...lines.slice(-SHOWN_LINES)];
  } catch (error) {
    return [`Its log cannot be read: ${messageOf(error)}`];
  }
}

// --- The pair: waiting and time ---

/** What a waiting call responds with. */
type Waited = JsonObject & { satisfied: boolean };
type WaitedRows<Row> = JsonObject & { satisfied: boolean; data: Row[] };

/** How long to wait, in milliseconds. */
export interface Timeout {
  timeout?: number;
}

/**
 * Make a sandbox in each application, the one subscribed to the other. Drop both with `drop`.
 *
 * `settings`: of the shop's sandbox. Both expire after an hour.
 */
export async function newPair(
  server: HookshopServer,
  settings: HookshopSettings = {},
): Promise<Hookshop> {
  type Sandbox = { id: string; base_url: string; token: string | null; endpoint_id?: string };
  const shops = new ApiClient(server.shopUrl, server.shopToken);
  const subscribers = new ApiClient(server.subscriberUrl, server.subscriberToken);
  const lifetime = { expires_in_seconds: LIFETIME_SECONDS };
  const ofShop = { ...lifetime, jitter: 0, ...inSnakeCase(settings) };
  const shop = await shops.post<Sandbox>("/v1/sandboxes", ofShop);
  const dropShop = () => shops.delete(`/v1/sandboxes/${shop.id}`);
  try {
    const wanted = { ...lifetime, shop_url: shop.base_url, shop_token: shop.token };
    const subscriber = await subscribers.post<Sandbox>("/v1/sandboxes", wanted);
    return new Hookshop(
      new Shop(shop.base_url, shop.token),
      new Subscriber(subscriber.base_url, subscriber.token, subscriber.endpoint_id),
      async () => {
        await unlessRefused(() => subscribers.delete(`/v1/sandboxes/${subscriber.id}`));
        await unlessRefused(dropShop);
      },
    );
  } catch (error) {
    await unlessRefused(dropShop);
    throw error;
  }
}

/** A shop and its subscriber. No other test sees them. */
export class Hookshop {
  readonly shop: Shop;
  readonly subscriber: Subscriber;
  /** Delete both sandboxes. */
  readonly drop: () => Promise<void>;
  /** Those that were started for this shop. */
  readonly receivers: Receiver[] = [];

  constructor(shop: Shop, subscriber: Subscriber, drop: () => Promise<void>) {
    this.shop = shop;
    this.subscriber = subscriber;
    this.drop = drop;
  }

  /** Place an order in the shop. */
  buy(product?: string, options?: Purchase): Promise<Order> {
    return this.shop.buy(product, options);
  }

  /**
   * Return a delivery of the order with this state, as soon as there is one. Throw
   * `WaitTimeoutError`, which says what happened instead.
   */
  waitForDelivery(
    order: Order | string,
    options: Timeout & { state?: DeliveryState; eventType?: string } = {},
  ): Promise<Delivery> {
    const { state = "succeeded", eventType, timeout = WAIT_MS } = options;
    const wanted = `a delivery${ofType(eventType)} in state ${state}`;
    return base.step(`Wait for ${wanted}`, async () => {
      const query = { order_id: idOf(order), state, event_type: eventType };
      const found = await waitAt<WaitedRows<DeliveryDocument>>(
        this.shop.api,
        "/v1/deliveries",
        query,
        timeout,
      );
      const [row] = found.data;
      if (!found.satisfied || !row) {
        throw await noDelivery(this, idOf(order), wanted, timeout);
      }
      return readDelivery(row);
    });
  }

  /** Return the newest receipt of the order with this verdict, when there are `count`. */
  waitForReceipt(
    order: Order | string,
    options: Timeout & { verdict?: Verdict; eventType?: string; count?: number } = {},
  ): Promise<Receipt> {
    const { verdict = "accepted", eventType, count = 1, timeout = WAIT_MS } = options;
    const howMany = count === 1 ? "a receipt" : `${count} receipts`;
    const wanted = `${howMany}${ofType(eventType)} with verdict ${verdict}`;
    return base.step(`Wait for ${wanted}`, async () => {
      const query = { order_id: idOf(order), verdict, event_type: eventType, min_count: count };
      const found = await waitAt<WaitedRows<ReceiptDocument>>(
        this.subscriber.api,
        "/v1/receipts",
        query,
        timeout,
      );
      const [row] = found.data;
      if (!found.satisfied || !row) {
        throw await noReceipt(this, idOf(order), wanted, timeout);
      }
      return readReceipt(row);
    });
  }

  /**
   * Wait until nothing is being sent (idle), or until no retry is planned either (settled).
   *
   * Then look whether something did *not* happen.
   */
  waitUntilQuiet(
    level: "idle" | "settled" = "settled",
    { timeout = WAIT_MS }: Timeout = {},
  ): Promise<void> {
    return base.step(`Wait until the shop is ${level}`, async () => {
      const found = await waitAt<Waited>(this.shop.api, "/v1/quiescence", { level }, timeout);
      if (!found.satisfied) {
        throw await notQuiet(this, level, found, timeout);
      }
    });
  }

  /**
   * Skip time, and return when everything that became due on the way has ended.
   *
   * Each retry is really made, in order. `to`: skip up to the next attempt. `timeout`: of the real
   * time that this takes, in milliseconds.
   */
  advanceTime(
    distance: Timeout & {
      days?: number;
      hours?: number;
      minutes?: number;
      seconds?: number;
      to?: "next_attempt";
    },
  ): Promise<void> {
    const { days = 0, hours = 0, minutes = 0, seconds = 0, to, timeout = ADVANCE_MS } = distance;
    const sum = ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
    return base.step(to ? "Skip to the next attempt" : `Skip ${sum} s`, async () => {
      // Which moves the shop's clock, too.
      await this.subscriber.api.post("/v1/clock/advance", to ? { to } : { seconds: sum });
      const deadline = performance.now() + timeout;
      for (const api of [this.shop.api, this.subscriber.api]) {
        const left = deadline - performance.now();
        const found = await waitAt<Waited>(api, "/v1/clock", {}, left);
        if (!found.satisfied) {
          throw await stillAdvancing(this, found, timeout);
        }
      }
    });
  }
}

/** Return the first response that is satisfied, or the last one before the time-out. */
async function waitAt<Response extends Waited>(
  api: ApiClient,
  path: string,
  query: Query,
  timeout: number,
): Promise<Response> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const left = Math.max(0, deadline - performance.now()) / 1000;
    const wait = Math.min(left, MAX_WAIT_SECONDS);
    const found = await api.get<Response>(path, { ...query, wait: wait.toFixed(3) }, wait);
    if (found.satisfied || performance.now() >= deadline) {
      return found;
    }
  }
}

function ofType(eventType: string | undefined): string {
  return eventType ? ` of ${eventType}` : "";
}

async function unlessRefused(call: () => Promise<void>): Promise<void> {
  try {
    await call(); // a test may have dropped it, and a server that has ended has none
  } catch (error) {
    if (!(error instanceof HookshopError)) {
      throw error;
    }
  }
}

// --- What the APIs return ---

export type DeliveryState = "pending" | "sending" | "succeeded" | "failed" | "cancelled";
export type Verdict = "accepted" | "duplicate" | "ignored" | "rejected";

/** An order. `totalCents`: in the shop's currency. `document`: all fields of the API. */
export interface Order {
  readonly id: string;
  readonly totalCents: number;
  readonly document: JsonObject;
}

/**
 * One message to one endpoint. `lastStatus`: of the last response; null if there was none.
 * `lastError`: why there was none, such as timeout. `nextAttemptAt`: null if none is planned.
 * `document`: all fields of the API.
 */
export interface Delivery {
  readonly id: string;
  readonly messageId: string;
  readonly orderId: string | null;
  readonly endpointId: string;
  readonly eventType: string;
  readonly state: DeliveryState;
  readonly attemptCount: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly nextAttemptAt: Date | null;
  readonly document: JsonObject;
}

/**
 * One request that the subscriber received. `reason`: of a rejection. `status`: of the response;
 * null if there was none. `document`: all fields of the API.
 */
export interface Receipt {
  readonly id: string;
  readonly verdict: Verdict;
  readonly reason: string | null;
  readonly status: number | null;
  readonly fault: string | null;
  readonly messageId: string | null;
  readonly eventType: string | null;
  readonly orderId: string | null;
  readonly document: JsonObject;
}

/** A registered receiver. `document`: all fields of the API. */
export interface Endpoint {
  readonly id: string;
  readonly webhookUrl: string;
  readonly status: "active" | "paused" | "disabled";
  readonly breaker: "closed" | "open" | "half_open";
  readonly document: EndpointDocument;
}

type OrderDocument = JsonObject & { id: string; total_cents: number };
type DeliveryDocument = JsonObject & {
  id: string;
  message_id: string;
  order_id: string | null;
  endpoint_id: string;
  event_type: string;
  state: DeliveryState;
  attempt_count: number;
  last_status: number | null;
  last_error: string | null;
  next_attempt_at: string | null;
};
type ReceiptDocument = JsonObject & {
  id: string;
  verdict: Verdict;
  reason: string | null;
  status: number | null;
  fault: string | null;
  message_id: string | null;
  event_type: string | null;
  order_id: string | null;
};
type EndpointDocument = JsonObject & {
  id: string;
  webhook_url: string;
  event_types: string[];
  status: Endpoint["status"];
  disabled_reason: string | null;
  breaker: {
    state: Endpoint["breaker"];
    consecutive_failures: number;
    next_probe_at: string | null;
  };
};

function readOrder(document: OrderDocument): Order {
  return { id: document.id, totalCents: document.total_cents, document };
}

function readDelivery(document: DeliveryDocument): Delivery {
  const nextAt = document.next_attempt_at;
  return {
    id: document.id,
    messageId: document.message_id,
    orderId: document.order_id,
    endpointId: document.endpoint_id,
    eventType: document.event_type,
    state: document.state,
    attemptCount: document.attempt_count,
    lastStatus: document.last_status,
    lastError: document.last_error,
    nextAttemptAt: nextAt ? new Date(nextAt) : null,
    document,
  };
}

function readReceipt(document: ReceiptDocument): Receipt {
  return {
    id: document.id,
    verdict: document.verdict,
    reason: document.reason,
    status: document.status,
    fault: document.fault,
    messageId: document.message_id,
    eventType: document.event_type,
    orderId: document.order_id,
    document,
  };
}

function readEndpoint(document: EndpointDocument): Endpoint {
  return {
    id: document.id,
    webhookUrl: document.webhook_url,
    status: document.status,
    breaker: document.breaker.state,
    document,
  };
}

function idOf(thing: { readonly id: string } | string): string {
  return typeof thing === "string" ? thing : thing.id;
}

// --- The shop and the subscriber ---

/** `customer`: shown on the order. `idempotencyKey`: makes the order safe to repeat. */
export interface Purchase {
  quantity?: number;
  customer?: string;
  idempotencyKey?: string;
}

/** Filters of a list of the API, in camelCase. */
export type Filters = Record<string, string | number>;

/** A base URL. `api` makes any other call. */
class Application {
  readonly api: ApiClient;
  readonly token: string | null;

  constructor(url: string, token: string | null = null) {
    this.api = new ApiClient(url, token ?? undefined);
    this.token = token;
  }

  /** The base URL, with a page for `page.goto`. */
  get url(): string {
    return this.api.url;
  }

  /** Where a browser enters a sandbox that needs a token; else the base URL. */
  get enterUrl(): string {
    return this.token ? `${this.url}/enter#${this.token}` : this.url;
  }
}

/** The shop of a test: orders, deliveries and endpoints. */
export class Shop extends Application {
  /** Place an order of one product, given by its id such as `fishing-rod`. */
  async buy(product = "mug", options: Purchase = {}): Promise<Order> {
    const { quantity = 1, customer = "", idempotencyKey } = options;
    const body = { items: [{ product_id: product, quantity }], customer_name: customer };
    const key = idempotencyKey ? [["Idempotency-Key", idempotencyKey]] : [];
    return readOrder(await this.api.post("/v1/orders", body, Object.fromEntries(key)));
  }

  /** Ship the order, which sends `purchase.shipped`. */
  async ship(order: Order | string): Promise<Order> {
    return readOrder(await this.api.post(`/v1/orders/${idOf(order)}/ship`));
  }

  /** Refund the order, which sends `purchase.refunded`. */
  async refund(order: Order | string): Promise<Order> {
    return readOrder(await this.api.post(`/v1/orders/${idOf(order)}/refund`));
  }

  /**
   * Return the newest deliveries, at most 100, newest first.
   *
   * `filters`: as in `GET /v1/deliveries`, for example `{ state: "failed" }`.
   */
  async deliveries(order?: Order | string | null, filters: Filters = {}): Promise<Delivery[]> {
    const rows = await listed<DeliveryDocument>(this.api, "/v1/deliveries", order, filters);
    return rows.map(readDelivery);
  }

  /** Return the delivery as it is now. Its `document` has all `attempts`. */
  async delivery(delivery: Delivery | string): Promise<Delivery> {
    return readDelivery(await this.api.get(`/v1/deliveries/${idOf(delivery)}`));
  }

  /** Send the delivery again now, whatever its state. */
  async resend(delivery: Delivery | string): Promise<Delivery> {
    return readDelivery(await this.api.post(`/v1/deliveries/${idOf(delivery)}/attempts`));
  }

  /** Cancel a pending delivery: no more attempts. */
  async cancel(delivery: Delivery | string): Promise<Delivery> {
    return readDelivery(await this.api.post(`/v1/deliveries/${idOf(delivery)}/cancel`));
  }

  /** Return all endpoints, with their circuit breakers. */
  async endpoints(): Promise<Endpoint[]> {
    const found = await this.api.get<{ data: EndpointDocument[] }>("/v1/webhooks");
    return found.data.map(readEndpoint);
  }

  /** Register an endpoint. Return the response, which has the `secret`. */
  register(webhookUrl: string, eventTypes = ["purchase.created"]): Promise<Registered> {
    const body = { webhook_url: webhookUrl, event_types: eventTypes };
    return this.api.post("/v1/webhooks/register", body);
  }

  /** Delete the endpoint. */
  unregister(endpoint: Endpoint | string): Promise<void> {
    return this.api.delete(`/v1/webhooks/${idOf(endpoint)}`);
  }

  /** Pause an endpoint: its deliveries are on hold. */
  pause(endpoint: Endpoint | string): Promise<Endpoint> {
    return this.#setStatus(endpoint, "paused");
  }

  /** Resume an endpoint that is paused or disabled: its pending deliveries are sent. */
  resume(endpoint: Endpoint | string): Promise<Endpoint> {
    return this.#setStatus(endpoint, "active");
  }

  /** Send a test event to the endpoint. */
  ping(endpoint: Endpoint | string): Promise<JsonObject> {
    return this.api.post(`/v1/webhooks/${idOf(endpoint)}/ping`);
  }

  /** Return the address of the page about the delivery. */
  deliveryPage(delivery: Delivery): string {
    return `${this.url}/deliveries/${delivery.id}`;
  }

  async #setStatus(endpoint: Endpoint | string, status: string): Promise<Endpoint> {
    return readEndpoint(await this.api.patch(`/v1/webhooks/${idOf(endpoint)}`, { status }));
  }
}

/** The response to a registration. */
export type Registered = JsonObject & { id: string; secret: string; issuer: string | null };

/** The subscriber of a test: receipts, faults and defenses. `url` is the page of the inbox. */
export class Subscriber extends Application {
  /** Of its endpoint at the shop. */
  readonly endpointId: string | undefined;

  constructor(url: string, token: string | null = null, endpointId?: string) {
    super(url, token);
    this.endpointId = endpointId;
  }

  /**
   * Let the next requests fail, one word for each; after them, responses are normal.
   *
   * Words: a status such as `503`, `429:5` (with Retry-After), `slow:3`, `timeout`, `drop`,
   * `accept_then_500`, and `200` for a normal response. They replace earlier ones.
   */
  async failNext(...faults: string[]): Promise<void> {
    await this.api.put("/v1/faults", { mode: "script", script: faults.join(" ") });
  }

  /** Respond to all requests with this status, until `respondNormally`. */
  async failAlways(status = 503): Promise<void> {
    await this.api.put("/v1/faults", { mode: "status", status });
  }

  /** End all faults. */
  async respondNormally(): Promise<void> {
    await this.api.put("/v1/faults", { mode: "none" });
  }

  /**
   * Return the newest receipts, at most 100, newest first.
   *
   * `filters`: as in `GET /v1/receipts`, for example `{ verdict: "rejected" }`.
   */
  async receipts(order?: Order | string | null, filters: Filters = {}): Promise<Receipt[]> {
    const rows = await listed<ReceiptDocument>(this.api, "/v1/receipts", order, filters);
    return rows.map(readReceipt);
  }

  /** Switch defenses, for example `{ deduplication: false }`; the others stay. */
  async switchDefenses(defenses: Record<string, boolean>): Promise<void> {
    await this.api.patch("/v1/defences", inSnakeCase(defenses));
  }

  /** Return the totals of `GET /v1/stats`. */
  stats(): Promise<JsonObject> {
    return this.api.get("/v1/stats");
  }

  /** Return the address of the page about the receipt. */
  receiptPage(receipt: Receipt): string {
    return `${this.url}/receipts/${receipt.id}`;
  }

  /** Return the address of the page that shows a message in both applications. */
  tracePage(messageId: string): string {
    return `${this.url}/story?message_id=${messageId}`;
  }
}

async function listed<Row>(
  api: ApiClient,
  path: string,
  order: Order | string | null | undefined,
  filters: Filters,
): Promise<Row[]> {
  const query = { limit: MAX_LISTED, order_id: order ? idOf(order) : null };
  const found = await api.get<{ data: Row[] }>(path, { ...query, ...inSnakeCase(filters) });
  return found.data;
}

function inSnakeCase<Value>(object: { [name: string]: Value }): { [name: string]: Value } {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [snake(name), value]));
}

// --- The receiver ---

const EVENT_TYPES = ["purchase.created", "purchase.shipped", "purchase.refunded"];
const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0"; // only if the shop is elsewhere
const MAX_BODY_BYTES = 256 * 1024;
const MAX_HOLD_SECONDS = 60; // how long a connection stays open without a response
const MAX_SHOWN = 10; // webhooks in an error

/** Names in lower case, in order. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/**
 * One request, genuine or not.
 *
 * `body`: the raw bytes. `raw`: the whole request as it came. `receivedAt`: Unix seconds. `fault`:
 * the script word that was due; null for the normal response. `verification`: null if a fault came
 * first. `status`: of the response; null if none was sent. `messageId`: the `webhook-id`, the same
 * for every attempt to deliver one message. `event`: of the body, verified or not; null if it has
 * none.
 */
export interface ReceivedWebhook {
  readonly path: string;
  readonly headers: RawHeaders;
  readonly body: Buffer;
  readonly raw: Buffer;
  readonly receivedAt: number;
  readonly fault: string | null;
  readonly verification: Verification | null;
  readonly status: number | null;
  readonly messageId: string | null;
  readonly event: JsonObject | null;
}

/**
 * A receiver in the process of a test: keeps, verifies and answers webhooks, or fails by script.
 *
 * It answers 204 to genuine webhooks, and 401 to others.
 */
export class Receiver {
  /** Every request so far, oldest first, verified or not. */
  readonly webhooks: ReceivedWebhook[] = [];
  /** As registered. */
  url = "";
  endpointId = "";
  /** `whsec_` and base64. */
  secret = "";

  readonly #hookshop: Hookshop;
  readonly #arrivals = new EventEmitter();
  readonly #stopping = new AbortController();
  readonly #faults: (Fault | null)[] = [];
  readonly #bytes = new WeakMap<Socket, Buffer[]>();
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  #issuer: string | null = null;

  private constructor(hookshop: Hookshop) {
    this.#hookshop = hookshop;
    this.#server.on("connection", (socket: Socket) => {
      this.#bytes.set(socket, []);
      socket.on("data", (bytes: Buffer) => this.#bytes.get(socket)?.push(bytes));
    });
  }

  /**
   * Listen on a free port, registered at the shop for all event types of purchases.
   *
   * `host`: by which the shop reaches this machine.
   */
  static async start(hookshop: Hookshop, { host = LOOPBACK } = {}): Promise<Receiver> {
    const receiver = new Receiver(hookshop);
    receiver.#server.listen(0, host === LOOPBACK ? LOOPBACK : EVERYWHERE);
    await once(receiver.#server, "listening");
    const { port } = receiver.#server.address() as AddressInfo;
    receiver.url = `http://${host}:${port}/webhooks`;
    try {
      const registered = await hookshop.shop.register(receiver.url, EVENT_TYPES);
      receiver.endpointId = registered.id;
      receiver.secret = registered.secret;
      receiver.#issuer = registered.issuer;
    } catch (error) {
      await receiver.stop({ unregister: false });
      throw error;
    }
    hookshop.receivers.push(receiver);
    return receiver;
  }

  /** Stop listening, and end requests that are being held. */
  async stop({ unregister = true } = {}): Promise<void> {
    if (unregister) {
      await unlessRefused(() => this.#hookshop.shop.unregister(this.endpointId));
    }
    this.#stopping.abort();
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  /** Let the next requests fail, one word for each, as `Subscriber.failNext`. */
  failNext(...faults: string[]): void {
    this.#faults.push(...parseScript(faults));
  }

  /**
   * Return the newest genuine webhook of the order, when there are `count` of them.
   *
   * Those that met a fault do not count. Throw `WaitTimeoutError`, which lists all requests.
   */
  waitForWebhook(
    order?: Order | string | null,
    options: Timeout & { eventType?: string; count?: number } = {},
  ): Promise<ReceivedWebhook> {
    const { eventType, count = 1, timeout = WAIT_MS } = options;
    const orderId = order ? idOf(order) : null;
    const fits = ({ fault, verification, event }: ReceivedWebhook) =>
      fault === null &&
      verification?.isGenuine === true &&
      (orderId === null || event?.["order_id"] === orderId) &&
      (eventType === undefined || event?.["type"] === eventType);
    const wanted =
      `${count} genuine webhooks` +
      (eventType ? ` ${eventType}` : "") +
      (orderId ? ` of order ${orderId}` : "");
    return base.step(`Wait for ${wanted}`, async () => {
      const deadline = AbortSignal.timeout(timeout);
      for (;;) {
        const found = this.webhooks.filter(fits);
        const newest = found.at(-1);
        if (newest && found.length >= count) {
          return newest;
        }
        if (!(await happens(this.#arrivals, "webhook", deadline))) {
          throw this.#tooFew(found.length, wanted, timeout);
        }
      }
    });
  }

  #tooFew(found: number, wanted: string, timeout: number): WaitTimeoutError {
    return new WaitTimeoutError(
      [
        `After ${timeout / 1000} s, ${this.url} has ${found} of ${wanted}.`,
        `It received ${this.webhooks.length} requests:`,
        ...this.webhooks.slice(-MAX_SHOWN).map((webhook) => `  ${describe(webhook)}`),
      ].join("\n"),
    );
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (body === null) {
      respond(response, 413);
      return;
    }
    const fault = this.#faults.shift() ?? null;
    const headers = headersOf(request);
    const receivedAt = Date.now() / 1000;
    const expected = { secrets: [this.secret], url: this.url, issuer: this.#issuer };
    const verifies = fault === null || fault.kind === "slow" || fault.kind === "accept_then_500";
    const verification = verifies ? verify(headers, body, { ...expected, now: receivedAt }) : null;
    const status = statusOf(fault, verification);
    this.webhooks.push({
      path: request.url ?? "",
      headers,
      body,
      raw: Buffer.concat(this.#bytes.get(request.socket)?.splice(0) ?? []),
      receivedAt,
      fault: fault?.word ?? null,
      verification,
      status,
      messageId: valuesOf(headers, "webhook-id")[0] ?? null,
      event: parseEvent(body),
    });
    this.#arrivals.emit("webhook");
    await this.#answer(request.socket, response, fault, status);
  }

  async #answer(
    socket: Socket,
    response: ServerResponse,
    fault: Fault | null,
    status: number | null,
  ): Promise<void> {
    const seconds = fault?.kind === "timeout" ? MAX_HOLD_SECONDS : (fault?.seconds ?? 0);
    if (seconds) {
      await this.#hold(response, seconds);
    }
    if (status === null) {
      socket.resetAndDestroy(); // which is what a crashed process does
    } else {
      respond(response, status, fault?.retryAfter);
    }
  }

  /** Wait, but not after the sender has gone or the receiver is stopping. */
  async #hold(response: ServerResponse, seconds: number): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#stopping.signal]);
    await delay(seconds * 1000, undefined, { signal }).catch(() => undefined);
  }
}

/** Return whether the event comes before the signal. */
async function happens(emitter: EventEmitter, name: string, before: AbortSignal): Promise<boolean> {
  try {
    await once(emitter, name, { signal: before });
    return true;
  } catch {
    return false;
  }
}

/** Return the body, or null if it is too large, or the sender has gone. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
      }
    }
  } catch {
    return null;
  }
  return size <= MAX_BODY_BYTES ? Buffer.concat(chunks) : null;
}

function headersOf(request: IncomingMessage): RawHeaders {
  const raw = request.rawHeaders;
  const names = raw.filter((_, index) => index % 2 === 0);
  return names.map((name, index) => [name.toLowerCase(), raw[index * 2 + 1] ?? ""] as const);
}

/** Return the status of the response; null for no response. */
function statusOf(fault: Fault | null, verification: Verification | null): number | null {
  if (fault?.kind === "timeout" || fault?.kind === "drop") {
    return null;
  }
  if (fault?.kind === "status") {
    return fault.status ?? null;
  }
  if (!verification?.isGenuine) {
    return 401;
  }
  return fault?.kind === "accept_then_500" ? 500 : 204;
}

function respond(response: ServerResponse, status: number, retryAfter?: number): void {
  const headers: Record<string, string | number> = {};
  if (retryAfter !== undefined) {
    headers["Retry-After"] = retryAfter;
  }
  if (status >= 300 && status < 400) {
    headers["Location"] = "/";
  }
  if (status >= 300) {
    headers["Connection"] = "close";
  }
  response.writeHead(status, headers).end();
}

/** Return one line about a request. */
function describe(webhook: ReceivedWebhook): string {
  const event = webhook.event ?? {};
  const what = `${event["type"] ?? "no event"} of order ${event["order_id"] ?? "–"}`;
  if (webhook.fault) {
    return `${what}: fault ${webhook.fault}`;
  }
  const failure = webhook.verification?.failure;
  const verdict = failure ? `not genuine: ${failure.name}: ${failure.detail}` : "genuine";
  return `${what}: ${verdict}, answered with ${webhook.status}`;
}

// --- Faults: what a receiver does wrong on purpose, as words of a script ---

const MIN_STATUS = 300;
const MAX_STATUS = 599;
const RETRY_AFTER_STATUSES = [429, 503]; // the shop ignores Retry-After with any other status
const MAX_RETRY_AFTER_SECONDS = 86_400;
const MAX_SLOW_SECONDS = 60;
const MAX_WORDS = 100;
const WORDS =
  "200 (a normal response), a status (503), a status with Retry-After (429:5), slow:3, timeout, " +
  "drop, accept_then_500";

/** One fault. `word`: as written in scripts. `retryAfter`, `seconds`: in seconds. */
interface Fault {
  readonly word: string;
  readonly kind: "status" | "slow" | "timeout" | "drop" | "accept_then_500";
  readonly status?: number;
  readonly retryAfter?: number;
  readonly seconds?: number;
}

/** Return one fault for each word; null for `200`, the normal response. Throw `BadFault`. */
function parseScript(words: string[]): (Fault | null)[] {
  if (words.length === 0 || words.length > MAX_WORDS) {
    throw new BadFault(`A fault script has 1 to ${MAX_WORDS} words. Words are ${WORDS}.`);
  }
  return words.map(parseWord);
}

function parseWord(word: string): Fault | null {
  if (word === "200") {
    return null;
  }
  if (word === "timeout" || word === "drop" || word === "accept_then_500") {
    return { word, kind: word };
  }
  const slow = /^slow:([0-9]{1,6})$/.exec(word);
  if (slow) {
    return { word, kind: "slow", seconds: inRange(word, Number(slow[1]), 1, MAX_SLOW_SECONDS) };
  }
  const found = /^([0-9]{3})(?::([0-9]{1,6}))?$/.exec(word);
  if (!found) {
    const shown = JSON.stringify(word.slice(0, 30));
    throw new BadFault(`${shown} is not a fault. Use ${WORDS}.`);
  }
  const status = inRange(word, Number(found[1]), MIN_STATUS, MAX_STATUS);
  if (found[2] === undefined) {
    return { word, kind: "status", status };
  }
  if (!RETRY_AFTER_STATUSES.includes(status)) {
    throw new BadFault(`"${word}": only 429 and 503 can have Retry-After, as in 429:5.`);
  }
  const retryAfter = inRange(word, Number(found[2]), 0, MAX_RETRY_AFTER_SECONDS);
  return { word, kind: "status", status, retryAfter };
}

function inRange(word: string, number: number, lowest: number, highest: number): number {
  if (number < lowest || number > highest) {
    throw new BadFault(`"${word}": ${number} is not from ${lowest} to ${highest}.`);
  }
  return number;
}

// --- Verification: whether a webhook is genuine, step by step, as docs/contract.md says ---

const TOLERANCE_SECONDS = 300;
const MAX_SIGNATURES = 20;
const MAX_TOKEN_LENGTH = 4096; // characters
const MAX_TOKEN_LIFETIME_SECONDS = 300;
const MAX_SHOWN_LENGTH = 60; // characters
const CREDENTIALS = ["webhook-signature", "authorization"];
const UNIQUE = [
  ...["webhook-id", "webhook-timestamp", ...CREDENTIALS],
  ...["content-type", "content-encoding"],
];
// Fixed by us: a token must not choose how it is verified (RFC 8725, section 3.1).
const TOKEN_HEADER = [
  ["alg", "HS256", "token_algorithm"],
  ["typ", "webhook+jwt", "token_type"],
] as const;

/**
 * One check. `detail`: a sentence: what was compared with what. `reason`: of a failure.
 *
 * The reasons are those of the subscriber, which docs/receipts.md explains.
 */
export interface Step {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped" | "not reached";
  readonly detail: string;
  readonly reason: string | null;
}

/** The result of all steps, in their order. `failure`: the step that failed, or null. */
export interface Verification {
  readonly steps: readonly Step[];
  readonly failure: Step | null;
  readonly isGenuine: boolean;
}

/**
 * What a genuine webhook must match. `secrets`: every valid secret, each `whsec_` and base64. `url`:
 * as registered. `issuer`: from the response to the registration; null accepts any. `now`: Unix
 * seconds.
 */
export interface Expected {
  readonly secrets: readonly string[];
  readonly url: string;
  readonly issuer: string | null;
  readonly now: number;
}

/**
 * Return each step and its result. It never throws, whatever was received.
 *
 * `body`: the raw bytes, never parsed and serialized again. Signature or token is enough, and each
 * that is present must be valid.
 */
export function verify(headers: RawHeaders, body: Buffer, expected: Expected): Verification {
  const request = { headers, body };
  const steps: Step[] = [];
  let failure: Step | null = null;
  for (const [name, check] of Object.entries(CHECKS)) {
    const step: Step = failure
      ? { name, result: "not reached", detail: "", reason: null }
      : runCheck(name, check, request, expected);
    steps.push(step);
    failure ??= step.result === "failed" ? step : null;
  }
  return { steps, failure, isGenuine: failure === null };
}

/** Return the member `event` of the body, or null if the body is not an event. */
export function parseEvent(body: Buffer): JsonObject | null {
  const event = jsonObject(body)?.["event"];
  return isObject(event) && typeof event["type"] === "string" ? event : null;
}

interface Request {
  readonly headers: RawHeaders;
  readonly body: Buffer;
}

/** Returns what was compared. Throws `Mismatch`, or `NothingToCheck` if it does not apply. */
type Check = (request: Request, expected: Expected) => string;

class Mismatch extends Error {
  readonly reason: string;

  constructor(reason: string, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

class NothingToCheck extends Error {}

const CHECKS: Record<string, Check> = {
  "content type": checkContentType,
  headers: checkHeaders,
  timestamp: checkTimestamp,
  signature: checkSignature,
  token: checkToken,
  event: checkEvent,
};

function runCheck(name: string, check: Check, request: Request, expected: Expected): Step {
  try {
    return { name, result: "passed", detail: check(request, expected), reason: null };
  } catch (error) {
    if (error instanceof NothingToCheck) {
      return { name, result: "skipped", detail: error.message, reason: null };
    }
    if (error instanceof Mismatch) {
      return { name, result: "failed", detail: error.message, reason: error.reason };
    }
    throw error;
  }
}

function valuesOf(headers: RawHeaders, name: string): string[] {
  return headers.filter(([other]) => other === name).map(([, value]) => value);
}

function valueOf(request: Request, name: string): string {
  return valuesOf(request.headers, name)[0] ?? "";
}

function checkContentType(request: Request): string {
  const given = valueOf(request, "content-type");
  if (given.split(";")[0]?.trim().toLowerCase() !== "application/json") {
    const detail = `Expected application/json, got ${shown(given)}`;
    throw new Mismatch("unsupported_content_type", detail);
  }
  for (const encoding of valuesOf(request.headers, "content-encoding")) {
    if (!["", "identity"].includes(encoding.toLowerCase())) {
      const detail = `The body is encoded: ${shown(encoding)}`;
      throw new Mismatch("unsupported_content_encoding", detail);
    }
  }
  return `content-type is ${given}`;
}

function checkHeaders(request: Request): string {
  const count = (name: string) => valuesOf(request.headers, name).length;
  for (const name of UNIQUE) {
    if (count(name) > 1) {
      const detail = `${name} is there ${count(name)} times instead of once`;
      throw new Mismatch("duplicate_header", detail);
    }
  }
  for (const name of ["webhook-id", "webhook-timestamp"]) {
    if (!count(name)) {
      throw new Mismatch("missing_header", `${name} is missing`);
    }
  }
  const present = CREDENTIALS.filter(count);
  if (present.length === 0) {
    throw new Mismatch("no_credential", `Neither ${CREDENTIALS.join(" nor ")} is there`);
  }
  const messageId = valueOf(request, "webhook-id");
  // A dot in the id would make the signed text "id.timestamp.body" ambiguous.
  if (!/^[A-Za-z0-9_-]{1,128}$/.test(messageId)) {
    const detail = `webhook-id is ${shown(messageId)} instead of 1 to 128 letters, digits, - and _`;
    throw new Mismatch("malformed_id", detail);
  }
  return `webhook-id, webhook-timestamp, ${present.join(" and ")} are there, each once`;
}

function checkTimestamp(request: Request, expected: Expected): string {
  const text = valueOf(request, "webhook-timestamp");
  if (!/^[0-9]{1,15}$/.test(text)) {
    const detail = `webhook-timestamp is ${shown(text)} instead of unix seconds`;
    throw new Mismatch("malformed_timestamp", detail);
  }
  const age = expected.now - Number(text);
  const limit = `the limit is ${TOLERANCE_SECONDS} s, to stop replays`;
  if (age > TOLERANCE_SECONDS) {
    const detail = `webhook-timestamp is ${age.toFixed(0)} s old; ${limit}`;
    throw new Mismatch("timestamp_too_old", detail);
  }
  if (-age > TOLERANCE_SECONDS) {
    const detail = `webhook-timestamp is ${(-age).toFixed(0)} s in the future; ${limit}`;
    throw new Mismatch("timestamp_too_new", detail);
  }
  const when =
    age >= 0 ? `${age.toFixed(1)} s ago` : `${(-age).toFixed(1)} s ahead of this machine's clock`;
  return `webhook-timestamp ${text} is ${when}; ${limit}`;
}

function checkSignature(request: Request, expected: Expected): string {
  const [header] = valuesOf(request.headers, "webhook-signature");
  if (header === undefined) {
    throw new NothingToCheck("There is no webhook-signature; the token is enough");
  }
  const given = header.split(" ");
  if (given.length > MAX_SIGNATURES) {
    const detail = `There are ${given.length} signatures; the limit is ${MAX_SIGNATURES}`;
    throw new Mismatch("signature_mismatch", detail);
  }
  const signed = `${valueOf(request, "webhook-id")}.${valueOf(request, "webhook-timestamp")}.`;
  const what = `HMAC-SHA256 of ${shown(signed)} and the ${request.body.length} bytes of the body`;
  const bytes = Buffer.concat([Buffer.from(signed), request.body]);
  const ours = digests(expected, bytes).map((digest) => `v1,${digest.toString("base64")}`);
  // Compare as text: decoding would accept other spellings of the same bytes.
  const matching = given.findIndex((one) => ours.some((own) => areEqual(one, own)));
  if (matching < 0) {
    const detail = `No signature (${given.length} checked) equals the ${what} with our secret`;
    throw new Mismatch("signature_mismatch", detail);
  }
  return `Signature ${matching + 1} of ${given.length} equals the ${what} with our secret`;
}

function checkToken(request: Request, expected: Expected): string {
  const [authorization] = valuesOf(request.headers, "authorization");
  if (authorization === undefined) {
    throw new NothingToCheck("There is no authorization; the signature is enough");
  }
  // Three parts in base64url without padding (RFC 7515, section 7.1).
  const found = /^bearer ([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)$/i.exec(
    authorization,
  );
  if (!found || authorization.length - "bearer ".length > MAX_TOKEN_LENGTH) {
    throw new Mismatch("malformed_token", "authorization is not “Bearer header.claims.signature”");
  }
  const [, header = "", payload = "", signature = ""] = found;
  checkTokenHeader(tokenObject(header));
  const ours = digests(expected, Buffer.from(`${header}.${payload}`));
  if (!ours.some((digest) => areEqual(signature, digest.toString("base64url")))) {
    throw new Mismatch("token_signature", "The signature of the token is not one with our secret");
  }
  checkClaims(tokenObject(payload), request, expected);
  return (
    "HS256 with our secret; iss is the shop, aud our URL, jti the webhook-id, iat the " +
    "webhook-timestamp, payload_hash the SHA-256 of the body"
  );
}

function checkTokenHeader(header: JsonObject): void {
  for (const [name, wanted, reason] of TOKEN_HEADER) {
    if (header[name] !== wanted) {
      const detail = `${name} of the token is ${shown(header[name])} instead of ${wanted}`;
      throw new Mismatch(reason, detail);
    }
  }
  // Both change how the token must be read (RFC 7515, section 4.1.11; RFC 7797).
  for (const name of ["crit", "b64"]) {
    if (name in header) {
      throw new Mismatch("malformed_token", `The header of the token has ${name}`);
    }
  }
}

function checkClaims(claims: JsonObject, request: Request, expected: Expected): void {
  const check = (name: string, wanted: string | number, reason: string) => {
    if (claims[name] !== wanted) {
      const detail = `${name} of the token is ${shown(claims[name])} instead of ${wanted}`;
      throw new Mismatch(reason, detail);
    }
  };
  const timestamp = Number(valueOf(request, "webhook-timestamp"));
  check("iat", timestamp, "token_timestamp");
  checkLifetime(timestamp, claims["exp"], claims["nbf"] ?? 0, expected.now);
  if (expected.issuer !== null) {
    check("iss", expected.issuer, "token_issuer");
  }
  check("aud", expected.url, "token_audience");
  check("jti", valueOf(request, "webhook-id"), "token_message_id");
  const hash = createHash("sha256").update(request.body).digest("hex");
  check("payload_hash", hash, "token_payload_hash");
}

function checkLifetime(
  issued: number,
  expires: Json | undefined,
  notBefore: Json,
  now: number,
): void {
  if (!isWhole(expires) || !isWhole(notBefore)) {
    throw new Mismatch("token_lifetime", "exp or nbf of the token is not in whole seconds");
  }
  if (expires <= issued || expires - issued > MAX_TOKEN_LIFETIME_SECONDS) {
    const detail = `The token is not valid for 1 to ${MAX_TOKEN_LIFETIME_SECONDS} s`;
    throw new Mismatch("token_lifetime", detail);
  }
  if (expires <= now) {
    throw new Mismatch("token_expired", `The token expired ${(now - expires).toFixed(0)} s ago`);
  }
  if (notBefore > now) {
    throw new Mismatch("token_not_yet_valid", "nbf of the token is in the future");
  }
}

function checkEvent(request: Request): string {
  const event = parseEvent(request.body);
  if (event === null) {
    throw new Mismatch("malformed_event", "The body is not a JSON object with an event");
  }
  const facts = ["order_id", "value"].filter((name) => name in event);
  return [shown(event["type"]), ...facts.map((name) => `${name} ${shown(event[name])}`)].join(", ");
}

function tokenObject(part: string): JsonObject {
  const document = jsonObject(Buffer.from(part, "base64url"));
  if (document === null) {
    const detail = "A part of the token is not a JSON object in base64url";
    throw new Mismatch("malformed_token", detail);
  }
  return document;
}

function digests(expected: Expected, signed: Buffer): Buffer[] {
  return expected.secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    return createHmac("sha256", key).update(signed).digest();
  });
}

/** Compare in constant time. */
function areEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Return the object, or null if the bytes are no JSON object in UTF-8 with unique keys. */
function jsonObject(bytes: Buffer): JsonObject | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    let kept = 0;
    const document: unknown = JSON.parse(text, function (this: unknown, _name, value: unknown) {
      kept += Array.isArray(this) ? 0 : 1;
      return value;
    });
    // JSON.parse keeps the last of two members with the same name. It also calls back for the root.
    const written = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)].filter(([, colon]) => colon);
    return isObject(document) && written.length === kept - 1 ? document : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWhole(value: Json | undefined): value is number {
  return Number.isInteger(value);
}

/** Return untrusted data for a sentence: short, and without invisible characters. */
function shown(value: Json | undefined): string {
  const text = (JSON.stringify(value) ?? "nothing").replace(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length <= MAX_SHOWN_LENGTH ? text : `${text.slice(0, MAX_SHOWN_LENGTH)}…`;
}

// --- What a wait that timed out says: what is there instead, what holds it up, what to do ---

const MAX_LINES = 10; // of one list
const UNFINISHED = ["pending", "sending"];

async function noDelivery(
  hookshop: Hookshop,
  orderId: string,
  wanted: string,
  timeout: number,
): Promise<WaitTimeoutError> {
  return new WaitTimeoutError(
    [
      `After ${timeout / 1000} s, order ${orderId} does not have ${wanted}.`,
      ...(await aboutOrder(hookshop, orderId)),
    ].join("\n"),
  );
}

async function noReceipt(
  hookshop: Hookshop,
  orderId: string,
  wanted: string,
  timeout: number,
): Promise<WaitTimeoutError> {
  const { subscriber } = hookshop;
  const lines = [`After ${timeout / 1000} s, order ${orderId} does not have ${wanted}.`];
  const receipts = await subscriber.receipts(orderId);
  if (receipts.length > 0) {
    lines.push("The subscriber has these receipts of the order:");
    lines.push(...cut(receipts.map((receipt) => `  ${receiptLine(receipt)}`)));
  } else {
    const others = (await subscriber.receipts()).length;
    lines.push(`The subscriber has no receipt of this order, and ${others} of others.`);
  }
  return new WaitTimeoutError([...lines, ...(await aboutOrder(hookshop, orderId))].join("\n"));
}

async function notQuiet(
  hookshop: Hookshop,
  level: string,
  found: JsonObject,
  timeout: number,
): Promise<WaitTimeoutError> {
  const names = ["in_flight", "due", "pending", "held"];
  const counts = names.map((name) => `${found[name]} ${name.replace("_", " ")}`).join(", ");
  return new WaitTimeoutError(
    [
      `After ${timeout / 1000} s, the shop is not ${level}: ${counts}.`,
      ...(await aboutUnfinished(hookshop)),
    ].join("\n"),
  );
}

async function stillAdvancing(
  hookshop: Hookshop,
  found: JsonObject,
  timeout: number,
): Promise<WaitTimeoutError> {
  const state = found["state"] ?? "advancing";
  const lines = [`After ${timeout / 1000} s, the clock is still ${state}.`];
  const waits = found["step_waits_for"];
  if (isObject(waits)) {
    const until = waits["until"] ? `, until ${waits["until"]} at the latest` : "";
    lines.push(
      `Each step waits for real attempts: ${waits["in_flight"]} in flight${until}, ` +
        `and ${waits["due"]} due.`,
    );
  }
  return new WaitTimeoutError([...lines, ...(await aboutUnfinished(hookshop))].join("\n"));
}

async function aboutOrder(hookshop: Hookshop, orderId: string): Promise<string[]> {
  const deliveries = await hookshop.shop.deliveries(orderId);
  return deliveries.length > 0
    ? aboutDeliveries(hookshop, deliveries)
    : whyNoDelivery(hookshop.shop, orderId);
}

async function aboutUnfinished(hookshop: Hookshop): Promise<string[]> {
  const lists = UNFINISHED.map((state) => hookshop.shop.deliveries(null, { state }));
  return aboutDeliveries(hookshop, (await Promise.all(lists)).flat());
}

/** Return the state of each delivery, its page, and what to do about those that wait. */
async function aboutDeliveries(
  { shop, subscriber }: Hookshop,
  deliveries: Delivery[],
): Promise<string[]> {
  if (deliveries.length === 0) {
    return [];
  }
  const endpoints = new Map((await shop.endpoints()).map((endpoint) => [endpoint.id, endpoint]));
  const traces = new Set(deliveries.map(({ messageId }) => subscriber.tracePage(messageId)));
  const lines = [
    "Deliveries:",
    ...cut(deliveries.map((each) => deliveryLine(shop, each, endpoints.get(each.endpointId)))),
    "Traces:",
    ...cut([...traces].map((page) => `  ${page}`)),
  ];
  if (deliveries.some(({ state, nextAttemptAt }) => state === "pending" && nextAttemptAt)) {
    lines.push('To skip the wait: hookshop.advanceTime({ to: "next_attempt" }), or { hours: 1 }.');
  }
  return lines;
}

function deliveryLine(shop: Shop, delivery: Delivery, endpoint: Endpoint | undefined): string {
  const target = endpoint?.webhookUrl ?? `a deleted endpoint ${delivery.endpointId}`;
  const state = `${delivery.state} after ${counted(delivery.attemptCount, "attempt")}`;
  const parts = [
    `  ${delivery.eventType} to ${target}: ${state}`,
    ...lastResult(delivery),
    ...nextAttempt(delivery),
    ...(endpoint && UNFINISHED.includes(delivery.state) ? hold(endpoint) : []),
  ];
  return `${parts.join("; ")}\n    ${shop.deliveryPage(delivery)}`;
}

function lastResult({ lastStatus, lastError }: Delivery): string[] {
  if (lastStatus !== null) {
    return [`the last response was ${lastStatus}`];
  }
  return lastError ? [`the last attempt had no response: ${lastError}`] : [];
}

function nextAttempt({ state, nextAttemptAt }: Delivery): string[] {
  if (!nextAttemptAt || state !== "pending") {
    return [];
  }
  const seconds = (nextAttemptAt.getTime() - Date.now()) / 1000;
  return [`the next attempt is ${seconds > 0 ? `in ${seconds.toFixed(1)} s` : "due now"}`];
}

function hold({ status, breaker, document }: Endpoint): string[] {
  if (status !== "active") {
    const reason = document.disabled_reason;
    return [`on hold: the endpoint is ${status}${reason ? ` (${reason})` : ""}`];
  }
  if (breaker === "closed") {
    return [];
  }
  const failures = counted(document.breaker.consecutive_failures, "failure");
  return [
    `on hold: the circuit breaker is ${breaker} after ${failures} in a row, ` +
      `next probe at ${document.breaker.next_probe_at}`,
  ];
}

async function whyNoDelivery(shop: Shop, orderId: string): Promise<string[]> {
  const endpoints = await shop.endpoints();
  if (endpoints.length === 0) {
    return ["The shop has no endpoint, so it sends nothing. Subscribe before you buy."];
  }
  const lines = endpoints.map(
    ({ webhookUrl, status, document }) =>
      `  ${webhookUrl}: ${status}, subscribed to ${document.event_types.join(", ")}`,
  );
  const newest = (await shop.deliveries())
    .slice(0, MAX_LINES)
    .flatMap((each) => each.orderId ?? []);
  const others = [...new Set(newest)].join(", ");
  return [
    "The order has no delivery. The endpoints of the shop are:",
    ...cut(lines),
    ...(others
      ? [`Is ${orderId} of this sandbox? The newest deliveries are about ${others}.`]
      : []),
  ];
}

function receiptLine(receipt: Receipt): string {
  const reason = receipt.reason ? ` (${receipt.reason})` : "";
  const status = receipt.status ? `answered with ${receipt.status}` : "not answered";
  const fault = receipt.fault ? `, fault ${receipt.fault}` : "";
  return `${receipt.eventType ?? "not read"}: ${receipt.verdict}${reason}, ${status}${fault}`;
}

function cut(lines: string[]): string[] {
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `  and ${more} more`] : lines;
}

function counted(number: number, noun: string): string {
  return number === 1 ? `${number} ${noun}` : `${number} ${noun}s`;
}

// --- What a failed test leaves behind ---

const MAX_TRACES = 5; // in a report
const MAX_DETAILS = 50; // deliveries and receipts with all their parts

/** Attach to a failed test where to look, and the story of its sandboxes. */
async function reportFailure(
  testInfo: TestInfo,
  hookshop: Hookshop,
  server: HookshopServer,
): Promise<void> {
  const reason = await whyItIsGone(server);
  if (reason) {
    attachText(testInfo, "Hookshop: the demo is gone", reason);
    return;
  }
  const file = testInfo.outputPath("hookshop-story.json");
  const story = { test: testInfo.titlePath.join(" › "), ...(await tellStory(hookshop)) };
  writeFileSync(file, `${JSON.stringify(story, null, 2)}\n`);
  attachText(testInfo, "Hookshop: what happened", await whereToLook(hookshop, server));
  const contentType = "application/json";
  testInfo.attachments.push({ name: "hookshop-story.json", contentType, path: file });
}

function attachText(testInfo: TestInfo, name: string, text: string): void {
  // Reporters print texts.
  testInfo.attachments.push({ name, contentType: "text/plain", body: Buffer.from(text) });
}

async function whereToLook(hookshop: Hookshop, server: HookshopServer): Promise<string> {
  const messages = (await hookshop.shop.deliveries()).map((delivery) => delivery.messageId);
  // First the traces: reporters cut a text off after 300 characters.
  const traces = [...new Set(messages)].map((each) => hookshop.subscriber.tracePage(each));
  return [
    ...traces.slice(0, MAX_TRACES).map((page) => `trace: ${page}`),
    `shop: ${hookshop.shop.url}`,
    `subscriber: ${hookshop.subscriber.url}`,
    server.wasRunning
      ? "The sandboxes stay for an hour."
      : "The pages end with the tests. To keep them, start `hookshop demo` and set HOOKSHOP_URL.",
  ].join("\n");
}

/** Return what happened in the sandboxes of a test. What cannot be read is a sentence. */
async function tellStory({ shop, subscriber, receivers }: Hookshop): Promise<JsonObject> {
  const read = (api: ApiClient, path: string) => orSentence(api.get<JsonObject>(path));
  return {
    hookshop: VERSION,
    shop: {
      url: shop.url,
      endpoints: await orSentence(allRows(shop.api, "/v1/webhooks")),
      deliveries: await orSentence(withDetails(shop.api, "/v1/deliveries")),
      quiescence: await read(shop.api, "/v1/quiescence"),
      stats: await read(shop.api, "/v1/stats"),
    },
    subscriber: {
      url: subscriber.url,
      subscription: await read(subscriber.api, "/v1/subscription"),
      fault: await read(subscriber.api, "/v1/faults"),
      defenses: await read(subscriber.api, "/v1/defences"),
      receipts: await orSentence(withDetails(subscriber.api, "/v1/receipts")),
      stats: await read(subscriber.api, "/v1/stats"),
    },
    receiver: receivers.flatMap((receiver) => receiver.webhooks.map(describe)),
  };
}

async function allRows(api: ApiClient, path: string): Promise<JsonObject[]> {
  return (await api.get<{ data: JsonObject[] }>(path)).data;
}

async function withDetails(api: ApiClient, path: string): Promise<JsonObject[]> {
  const rows = await allRows(api, `${path}?limit=${MAX_DETAILS}`);
  return Promise.all(rows.map((row) => api.get<JsonObject>(`${path}/${row["id"]}`)));
}

async function orSentence(reading: Promise<Json>): Promise<Json> {
  try {
    return await reading;
  } catch (error) {
    return messageOf(error);
  }
}

// --- Calls of the APIs ---

/** Of an address; what is null or undefined is left out. */
export type Query = { [name: string]: string | number | null | undefined };

/** Calls a JSON API. `url`: the base URL, of a sandbox or not. */
export class ApiClient {
  readonly url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, token?: string) {
    this.url = withoutSlash(url);
    // A connection that is kept may be closed by the server just when it is used again.
    this.#headers = { Accept: "application/json", Connection: "close" };
    if (token) {
      this.#headers["Authorization"] = `Bearer ${token}`;
    }
  }

  /** Return the document. `seconds`: how long the server may wait before it responds. */
  get<Document = JsonObject>(path: string, query: Query = {}, seconds = 0): Promise<Document> {
    const wanted = Object.entries(query).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, String(value)]],
    );
    const address = wanted.length > 0 ? `${path}?${new URLSearchParams(wanted)}` : path;
    return this.#call("GET", address, { seconds });
  }

  /** Return the document of the response. */
  post<Document = JsonObject>(
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<Document> {
    return this.#call("POST", path, { body, headers });
  }

  /** Return the document of the response. */
  put<Document = JsonObject>(path: string, body: object): Promise<Document> {
    return this.#call("PUT", path, { body });
  }

  /** Return the document of the response. */
  patch<Document = JsonObject>(path: string, body: object): Promise<Document> {
    return this.#call("PATCH", path, { body });
  }

  /** Delete what is at the path. */
  async delete(path: string): Promise<void> {
    await this.#call("DELETE", path);
  }

  /** Throw `ApiError` for a status of 400 or more, `UnreachableError` without a response. */
  async #call<Document>(
    method: string,
    path: string,
    options: { body?: object | undefined; headers?: Record<string, string>; seconds?: number } = {},
  ): Promise<Document> {
    const { body, headers = {}, seconds = 0 } = options;
    const address = this.url + path;
    const sent = { ...this.#headers, ...headers };
    const signal = AbortSignal.timeout(Math.ceil(seconds + REQUEST_SECONDS) * 1000);
    let response: { status: number; statusText: string };
    let document: JsonObject;
    try {
      const found = await fetch(address, {
        method,
        signal,
        headers: body ? { ...sent, "Content-Type": "application/json" } : sent,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      response = found;
      document = jsonObject(Buffer.from(await found.arrayBuffer())) ?? {};
    } catch (error) {
      throw new UnreachableError(this.url, causeOf(error));
    }
    if (response.status >= 400) {
      const detail = String(document["detail"] ?? response.statusText);
      throw new ApiError(`${method} ${address}`, response.status, detail);
    }
    return document as Document;
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Return why `fetch` failed: it says so only in the cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return messageOf(cause ?? error) || String(cause);
}
