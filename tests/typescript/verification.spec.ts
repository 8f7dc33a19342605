// The kit verifies webhooks as the subscriber does. The requests come from the tests in Python.

import { readFileSync } from "node:fs";
import { type Expected, expect, test, verify } from "./hookshop";

type Variant = { name: string; headers: [string, string][]; body: string; reason: string | null };
type Corpus = { expected: Expected; variants: Variant[] };

const { expected, variants }: Corpus = JSON.parse(readFileSync("corpus.json", "utf8"));

test("each request of the corpus gets the reason of the subscriber", () => {
  const verified = variants.map(({ name, headers, body }) => {
    const { failure } = verify(headers, Buffer.from(body, "base64"), expected);
    return [name, failure?.reason ?? null];
  });

  expect(verified.length).toBeGreaterThan(100);
  expect(verified).toEqual(variants.map(({ name, reason }) => [name, reason]));
});

test("each step says what was compared", () => {
  const genuine = variants.find((variant) => variant.reason === null);
  const body = Buffer.from(genuine?.body ?? "", "base64");

  const { steps } = verify(genuine?.headers ?? [], body, expected);

  const details = Object.fromEntries(steps.map(({ name, detail }) => [name, detail]));
  expect(details.signature).toContain(`the ${body.length} bytes of the body with our secret`);
  expect(details.token).toContain("aud our URL");
  expect(details.event).toBe('"purchase.created", order_id "ord_1", value 50.75');
});

test("steps after a failure are not reached", () => {
  const late = { ...expected, now: expected.now + 1000 };
  const genuine = variants.find((variant) => variant.reason === null);

  const { steps, isGenuine } = verify(genuine?.headers ?? [], Buffer.from(""), late);

  expect(isGenuine).toBe(false);
  expect(steps.map((step) => step.result)).toEqual([
    ...["passed", "passed", "failed"],
    ...["not reached", "not reached", "not reached"],
  ]);
});
