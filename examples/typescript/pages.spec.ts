// The same shop and subscriber, in a browser.

import { expect, test } from "./hookshop";

test("a crash of the receiver costs no order", async ({ hookshop, page }) => {
  await hookshop.subscriber.failNext("503", "drop");
  const order = await hookshop.shop.buy("fishing-rod");
  await hookshop.advanceTime({ hours: 1 });
  await hookshop.waitForDelivery(order, { state: "succeeded" });

  await page.goto(hookshop.subscriber.url);

  const row = page.getByRole("row").filter({ hasText: order.id }).first();
  await expect(row).toContainText("accepted");
});

test("a customer buys and the subscriber books", async ({ hookshop, page }) => {
  await page.goto(hookshop.shop.url);
  await page.getByRole("button", { name: "Add Teapot to cart" }).click();
  await page.getByRole("link", { name: "Cart 1", exact: true }).click();
  await page.getByLabel("Your name").fill("Ada");
  await page.getByRole("button", { name: "Place order" }).click();
  await expect(page.getByTestId("delivery")).toHaveAttribute("data-state", "succeeded");

  await page.goto(`${hookshop.subscriber.url}/purchases`);

  await expect(page.getByTestId("purchase")).toHaveAttribute("data-state", "bought");
});

test("the inbox shows a receipt without a reload", async ({ hookshop, page }) => {
  await page.goto(hookshop.subscriber.url);
  await expect(page.getByText("Live", { exact: true })).toBeVisible();

  const order = await hookshop.shop.buy("mug");

  const link = page.getByRole("link", { name: `purchase.created, order ${order.id}` });
  await expect(link).toBeVisible();
});
