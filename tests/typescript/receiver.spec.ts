// The receiver in the process of a test.

import { once } from "node:events";
import { connect as openSocket } from "node:net";
import { expect, Receiver, test, WaitTimeoutError } from "./hookshop";

test.use({ hookshopSettings: { retrySchedule: "0,600,600,600,600" } });

test("it verifies every webhook and keeps its bytes", async ({ hookshop, hookshopReceiver }) => {
  const order = await hookshop.shop.buy("fishing-rod");

  const webhook = await hookshopReceiver.waitForWebhook(order);

  expect(webhook.verification?.isGenuine).toBe(true);
  expect(webhook.verification?.steps.map((step) => step.result)).toEqual(Array(6).fill("passed"));
  expect(webhook.body.toString()).toContain(order.id);
  const raw = webhook.raw.toString();
  expect(raw).toMatch(/^POST \/webhooks HTTP\/1\.1\r\n/);
  expect(raw.endsWith(`\r\n\r\n${webhook.body.toString()}`)).toBe(true);
});

test("it keeps the bytes of each request on one connection", async ({
  hookshop,
  hookshopReceiver,
}) => {
  for (const product of ["mug", "teapot"]) {
    await hookshopReceiver.waitForWebhook(await hookshop.shop.buy(product));
  }

  const heads = hookshopReceiver.webhooks.map(({ raw }) => raw.toString().match(/POST /g)?.length);
  expect(heads).toEqual([1, 1]);
});

test("it fails by script and then gets the same message again", async ({
  hookshop,
  hookshopReceiver,
}) => {
  hookshopReceiver.failNext("drop", "503", "429:5", "accept_then_500");
  const order = await hookshop.shop.buy();

  await hookshop.advanceTime({ hours: 1 });

  const webhook = await hookshopReceiver.waitForWebhook(order);
  expect(webhook.fault).toBeNull();
  const { webhooks } = hookshopReceiver;
  expect(webhooks.map((each) => [each.fault, each.status])).toEqual([
    ["drop", null],
    ["503", 503],
    ["429:5", 429],
    ["accept_then_500", 500],
    [null, 204],
  ]);
  expect(new Set(webhooks.map((each) => each.messageId)).size).toBe(1);
  const [delivery] = await hookshop.shop.deliveries(order, {
    endpointId: hookshopReceiver.endpointId,
  });
  const { document } = await hookshop.shop.delivery(delivery);
  expect(document.attempts).toMatchObject([{ error: "connection_reset" }, {}, {}, {}, {}]);
});

test("it responds late, after it has verified", async ({ hookshop, hookshopReceiver }) => {
  hookshopReceiver.failNext("slow:1");
  const order = await hookshop.shop.buy();

  const delivery = await hookshop.waitForDelivery(order, { eventType: "purchase.created" });

  const [webhook] = hookshopReceiver.webhooks;
  expect(webhook).toMatchObject({ fault: "slow:1", status: 204 });
  expect(webhook.verification?.isGenuine).toBe(true);
  expect(delivery.state).toBe("succeeded");
});

test.describe("with a short deadline", () => {
  test.use({ hookshopSettings: { requestTimeoutSeconds: 0.5, retrySchedule: "0,600" } });

  test("it holds a connection without a response", async ({ hookshop, hookshopReceiver }) => {
    hookshopReceiver.failNext("timeout");
    const order = await hookshop.shop.buy();
    await hookshop.advanceTime({ to: "next_attempt" });

    await hookshopReceiver.waitForWebhook(order);

    const [first] = hookshopReceiver.webhooks;
    expect(first).toMatchObject({ fault: "timeout", status: null });
  });
});

test("it does not accept what the shop did not sign", async ({ hookshopReceiver }) => {
  const body = JSON.stringify({ event: { type: "purchase.created", order_id: "ord_1" } });
  const headers = { "Content-Type": "application/json", "webhook-id": "msg_1" };

  const response = await fetch(hookshopReceiver.url, { method: "POST", body, headers });

  expect(response.status).toBe(401);
  const [webhook] = hookshopReceiver.webhooks;
  expect(webhook.verification?.failure).toMatchObject({
    name: "headers",
    reason: "missing_header",
    detail: "webhook-timestamp is missing",
  });
});

test("it refuses a body that is too large", async ({ hookshopReceiver }) => {
  const body = "x".repeat(256 * 1024 + 1);

  const response = await fetch(hookshopReceiver.url, { method: "POST", body });

  expect(response.status).toBe(413);
  expect(hookshopReceiver.webhooks).toEqual([]);
});

test("it goes on after a sender that has gone in the middle of a body", async ({
  hookshop,
  hookshopReceiver,
}) => {
  const socket = openSocket(Number(new URL(hookshopReceiver.url).port), "127.0.0.1");
  const head = "POST /webhooks HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{";
  await once(socket.end(head).resume(), "close");

  const order = await hookshop.shop.buy();

  await hookshopReceiver.waitForWebhook(order);
  expect(hookshopReceiver.webhooks).toHaveLength(1);
});

test("when it waits in vain it lists what it received", async ({ hookshop, hookshopReceiver }) => {
  hookshopReceiver.failNext("503");
  const order = await hookshop.shop.buy();
  await hookshop.waitForDelivery(order);
  await hookshop.waitUntilQuiet("idle");

  const options = { eventType: "purchase.shipped", timeout: 300 };
  const waiting = hookshopReceiver.waitForWebhook(order, options);

  const error = await waiting.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WaitTimeoutError);
  expect(String(error)).toContain(
    `has 0 of 1 genuine webhooks purchase.shipped of order ${order.id}.\n` +
      `It received 1 requests:\n  purchase.created of order ${order.id}: fault 503`,
  );
});

test("it unregisters itself", async ({ hookshop }) => {
  const urls = async () => (await hookshop.shop.endpoints()).map((each) => each.webhookUrl);
  const receiver = await Receiver.start(hookshop);
  const registered = await urls();

  await receiver.stop();

  expect(registered).toContain(receiver.url);
  expect(await urls()).not.toContain(receiver.url);
});

test("the shop reaches it by the name of a host", async ({ hookshop }) => {
  const receiver = await Receiver.start(hookshop, { host: "localhost" });
  const order = await hookshop.shop.buy();

  const webhook = await receiver.waitForWebhook(order);

  expect(webhook.headers).toContainEqual(["host", new URL(receiver.url).host]);
  await receiver.stop();
});
