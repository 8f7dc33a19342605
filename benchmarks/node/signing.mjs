// The headers of a webhook, as the shop signs it: Standard Webhooks and a bearer token.

import { createHash, createHmac } from "node:crypto";

const ISSUER = "http://shop.example";
const TOKEN_LIFETIME_SECONDS = 300;

export function signingHeaders({ messageId, timestamp, body }, { id, secret }, audience) {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const token = bearerToken({ messageId, timestamp, body }, { id, key }, audience);
  return {
    "webhook-id": messageId,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": `v1,${hmac(key, `${messageId}.${timestamp}.${body}`, "base64")}`,
    Authorization: `Bearer ${token}`,
  };
}

function bearerToken({ messageId, timestamp, body }, { id, key }, audience) {
  const header = { alg: "HS256", typ: "webhook+jwt", kid: id };
  const claims = {
    iss: ISSUER,
    aud: audience,
    jti: messageId,
    iat: timestamp,
    exp: timestamp + TOKEN_LIFETIME_SECONDS,
    payload_hash: createHash("sha256").update(body).digest("hex"),
  };
  const signed = `${base64url(header)}.${base64url(claims)}`;
  return `${signed}.${hmac(key, signed, "base64url")}`;
}

function hmac(key, content, encoding) {
  return createHmac("sha256", key).update(content).digest(encoding);
}

function base64url(document) {
  return Buffer.from(JSON.stringify(document)).toString("base64url");
}
