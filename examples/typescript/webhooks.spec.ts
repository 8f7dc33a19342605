// What a shop and a subscriber owe each other, without a browser.

import { expect, test } from "./hookshop";

test("an order is delivered and accepted", async ({ hookshop }) => {
  const order = await hookshop.shop.buy("fishing-rod");

  const delivery = await hookshop.waitForDelivery(order, { state: "succeeded" });
  const receipt = await hookshop.waitForReceipt(order, { verdict: "accepted" });

  expect(delivery.attemptCount).toBe(1);
  expect(receipt.messageId).toBe(delivery.messageId);
});

test("a failed attempt is repeated with the same message", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("503");
  const order = await hookshop.shop.buy("mug");
  await hookshop.waitForReceipt(order, { verdict: "rejected" });

  await hookshop.advanceTime({ to: "next_attempt" });

  const delivery = await hookshop.waitForDelivery(order, { state: "succeeded" });
  const receipts = await hookshop.subscriber.receipts(order);
  expect(delivery.attemptCount).toBe(2);
  expect(new Set(receipts.map((receipt) => receipt.messageId)).size).toBe(1);
});

test("a lost response does not book an order twice", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("accept_then_500");
  const order = await hookshop.shop.buy("teapot", { quantity: 2 });

  await hookshop.advanceTime({ hours: 1 });

  await hookshop.waitForReceipt(order, { verdict: "duplicate" });
  expect(await hookshop.subscriber.stats()).toMatchObject({ purchases: 1 });
});

test.describe("with a short schedule", () => {
  test.use({ hookshopSettings: { retrySchedule: "0,3600,86400" } });

  test("a delivery fails after its last attempt", async ({ hookshop }) => {
    await hookshop.subscriber.failAlways(500);
    const order = await hookshop.shop.buy("mug");

    await hookshop.advanceTime({ days: 2 });

    const delivery = await hookshop.waitForDelivery(order, { state: "failed" });
    expect(delivery.attemptCount).toBe(3);
  });
});

test("a paused endpoint gets its webhooks when it resumes", async ({ hookshop }) => {
  const [endpoint] = await hookshop.shop.endpoints();
  await hookshop.shop.pause(endpoint);
  const order = await hookshop.shop.buy("mug");
  await hookshop.waitUntilQuiet();
  expect(await hookshop.subscriber.receipts(order)).toEqual([]);

  await hookshop.shop.resume(endpoint);

  await hookshop.waitForReceipt(order, { verdict: "accepted" });
});

test("a refund is booked as one", async ({ hookshop }) => {
  const order = await hookshop.shop.buy("fishing-rod");
  await hookshop.waitForDelivery(order);

  await hookshop.shop.refund(order);

  await hookshop.waitForReceipt(order, { eventType: "purchase.refunded" });
  expect(await hookshop.subscriber.stats()).toMatchObject({ revenue_cents: 0 });
});

test("my own receiver verifies what the shop sends", async ({ hookshop, hookshopReceiver }) => {
  hookshopReceiver.failNext("drop");
  const order = await hookshop.shop.buy("fishing-rod");

  await hookshop.advanceTime({ hours: 1 });

  const webhook = await hookshopReceiver.waitForWebhook(order);
  expect(webhook.event?.type).toBe("purchase.created");
  expect(webhook.verification?.isGenuine).toBe(true);
});
