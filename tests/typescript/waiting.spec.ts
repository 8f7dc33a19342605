// What the calls of the kit return, and what they say when something does not happen.

import {
  ApiError,
  BadFault,
  expect,
  ServerError,
  test,
  WaitTimeoutError,
  connect,
} from "./hookshop";

const SHORT = { timeout: 300 }; // for what does not happen

test.use({ hookshopSettings: { retrySchedule: "0,600,600" } }); // too long to wait for

/** Return the message of the error of this class that the call throws. */
async function errorOf<Thrown extends Error>(
  kind: abstract new (...given: never[]) => Thrown,
  call: Promise<unknown>,
): Promise<string> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(kind);
  return error instanceof kind ? error.message : "";
}

test("an order is found at the shop and at the subscriber", async ({ hookshop }) => {
  const order = await hookshop.buy("fishing-rod", { quantity: 2, customer: "Ada" });

  const delivery = await hookshop.waitForDelivery(order);
  const receipt = await hookshop.waitForReceipt(order);

  expect(delivery).toMatchObject({ orderId: order.id, state: "succeeded", lastStatus: 200 });
  expect(receipt).toMatchObject({ messageId: delivery.messageId, verdict: "accepted" });
  expect(order.document.customer_name).toBe("Ada");
  expect(order.totalCents).toBe(2 * 5075);
});

test("time is skipped to the next attempt and by hours", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("503", "503");
  const order = await hookshop.shop.buy();
  await hookshop.waitForReceipt(order, { verdict: "rejected" });

  await hookshop.advanceTime({ to: "next_attempt" });
  const afterOne = await hookshop.waitForDelivery(order, { state: "pending" });
  await hookshop.advanceTime({ hours: 1 });

  expect(afterOne.attemptCount).toBe(2);
  expect((await hookshop.waitForDelivery(order)).attemptCount).toBe(3);
});

test("a time-out says state, result, next attempt and where to look", async ({ hookshop }) => {
  await hookshop.subscriber.failAlways(503);
  const order = await hookshop.shop.buy();
  const receipt = await hookshop.waitForReceipt(order, { verdict: "rejected" });
  await hookshop.waitUntilQuiet("idle");

  const said = await errorOf(WaitTimeoutError, hookshop.waitForDelivery(order, SHORT));

  expect(said).toContain(
    `After 0.3 s, order ${order.id} does not have a delivery in state succeeded.`,
  );
  expect(said).toContain("/v1/new-purchase: pending after 1 attempt; the last response was 503");
  expect(said).toContain("the next attempt is in");
  expect(said).toContain(hookshop.subscriber.tracePage(String(receipt.messageId)));
  expect(said).toContain('hookshop.advanceTime({ to: "next_attempt" })');
});

test("a time-out says what holds a delivery up", async ({ hookshop }) => {
  const [endpoint] = await hookshop.shop.endpoints();
  await hookshop.shop.pause(endpoint);
  const order = await hookshop.shop.buy();

  const said = await errorOf(WaitTimeoutError, hookshop.waitForDelivery(order, SHORT));

  expect(said).toContain("on hold: the endpoint is paused");
  await hookshop.shop.resume(endpoint);
  await hookshop.waitForDelivery(order);
});

test.describe("with a sensitive circuit breaker", () => {
  test.use({ hookshopSettings: { retrySchedule: "0,600,600", breakerFailures: 2 } });

  test("a time-out says that it is open", async ({ hookshop }) => {
    await hookshop.subscriber.failAlways(503);
    const order = await hookshop.shop.buy();
    await hookshop.shop.buy();
    await hookshop.waitUntilQuiet("idle");

    const said = await errorOf(WaitTimeoutError, hookshop.waitForDelivery(order, SHORT));

    expect(said).toContain("on hold: the circuit breaker is open after 2 failures in a row");
  });
});

test("a time-out lists near misses", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("503");
  const order = await hookshop.shop.buy();
  await hookshop.waitForReceipt(order, { verdict: "rejected" });

  const said = await errorOf(WaitTimeoutError, hookshop.waitForReceipt(order, SHORT));

  expect(said).toContain("does not have a receipt with verdict accepted");
  expect(said).toContain("not read: rejected (simulated_fault), answered with 503, fault 503");
});

test("a time-out about an unknown order names those that there are", async ({ hookshop }) => {
  const order = await hookshop.shop.buy();
  await hookshop.waitForDelivery(order);

  const waiting = hookshop.waitForReceipt("ord_of_another_sandbox", { ...SHORT, count: 2 });
  const said = await errorOf(WaitTimeoutError, waiting);

  expect(said).toContain("does not have 2 receipts with verdict accepted");
  expect(said).toContain("no receipt of this order, and 1 of others");
  expect(said).toContain(`The newest deliveries are about ${order.id}.`);
});

test("a time-out says that nobody is subscribed", async ({ hookshop }) => {
  const [endpoint] = await hookshop.shop.endpoints();
  await hookshop.shop.unregister(endpoint);
  const order = await hookshop.shop.buy();

  const said = await errorOf(WaitTimeoutError, hookshop.waitForDelivery(order, SHORT));

  expect(said).toContain("The shop has no endpoint, so it sends nothing");
});

test("a time-out of quiet says what is unfinished", async ({ hookshop }) => {
  await hookshop.subscriber.failAlways(503);
  const order = await hookshop.shop.buy();
  await hookshop.waitForReceipt(order, { verdict: "rejected" });
  await hookshop.waitUntilQuiet("idle");

  const said = await errorOf(WaitTimeoutError, hookshop.waitUntilQuiet("settled", SHORT));

  expect(said).toContain("the shop is not settled: 0 in flight, 0 due, 1 pending, 0 held.");
  expect(said).toContain("pending after 1 attempt");
});

test("a receiver that hangs holds the clock up and the time-out says so", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("timeout");
  await hookshop.shop.buy();

  const said = await errorOf(WaitTimeoutError, hookshop.advanceTime({ hours: 1, ...SHORT }));

  expect(said).toContain("Each step waits for real attempts: 1 in flight");
});

for (const word of ["banana", "200000", "429:x"]) {
  test(`the word ${word} is refused with the words that there are`, async ({
    hookshop,
    hookshopReceiver,
  }) => {
    const said = await errorOf(ApiError, hookshop.subscriber.failNext(word));

    expect(said).toMatch(/400: .* is not a script word; use 200/);
    expect(() => hookshopReceiver.failNext(word)).toThrow(BadFault);
    expect(() => hookshopReceiver.failNext(word)).toThrow(`"${word}" is not a fault. Use 200`);
  });
}

test("an unknown product is refused with a sentence", async ({ hookshop }) => {
  expect(await errorOf(ApiError, hookshop.shop.buy("unicorn"))).toMatch(/404.*unicorn/);
});

test("the same idempotency key places one order", async ({ hookshop }) => {
  const first = await hookshop.shop.buy("mug", { idempotencyKey: "once" });
  const second = await hookshop.shop.buy("mug", { idempotencyKey: "once" });

  expect(second.id).toBe(first.id);
});

test("filters and defenses have names in camelCase", async ({ hookshop }) => {
  const order = await hookshop.shop.buy();
  await hookshop.waitForDelivery(order);
  await hookshop.shop.ship(order);
  await hookshop.waitForDelivery(order, { eventType: "purchase.shipped" });

  const shipped = await hookshop.shop.deliveries(order, { eventType: "purchase.shipped" });
  await hookshop.subscriber.switchDefenses({ deduplication: false });

  expect(shipped.map((delivery) => delivery.eventType)).toEqual(["purchase.shipped"]);
  const defenses = await hookshop.subscriber.api.get("/v1/defences");
  expect(defenses).toMatchObject({ deduplication: false });
});

test("a delivery is resent, and a pending one is cancelled", async ({ hookshop }) => {
  await hookshop.subscriber.failNext("503", "200");
  const [sent, kept] = [await hookshop.shop.buy(), await hookshop.shop.buy("teapot")];
  await hookshop.waitUntilQuiet("idle");
  const [failed] = await hookshop.shop.deliveries(null, { state: "pending" });
  const [succeeded] = await hookshop.shop.deliveries(null, { state: "succeeded" });

  await hookshop.shop.resend(succeeded);
  await hookshop.shop.cancel(failed);

  await hookshop.waitForReceipt(String(succeeded.orderId), { verdict: "duplicate" });
  expect((await hookshop.shop.delivery(failed)).state).toBe("cancelled");
  expect([sent.id, kept.id].sort()).toEqual([failed.orderId, succeeded.orderId].sort());
});

for (const [url, sentence] of [
  ["127.0.0.1:8000", '"127.0.0.1:8000" is not a URL of a demo'],
  ["ftp://127.0.0.1", "is not a URL of a demo"],
  ["http://127.0.0.1:99999", "is not a URL of a demo"],
  ["http://127.0.0.1:2", "HOOKSHOP_URL: http://127.0.0.1:2 does not respond: connect ECONN"],
]) {
  test(`${url} is no demo, and one line says so`, async () => {
    const said = await errorOf(ServerError, connect(url));

    expect(said).toContain(sentence);
    expect(said).not.toContain("\n");
  });
}

test("the URL of the other application is one line", async ({ hookshopServer }) => {
  const said = await errorOf(ServerError, connect(hookshopServer.subscriberUrl));

  expect(said).toContain('is "Hookshop: the subscriber", not "Hookshop: the shop"');
});
