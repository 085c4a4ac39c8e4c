// Callbacks of Darkroom in Node: whether one is authentic, and whether it is new.
import { createHmac, timingSafeEqual } from "node:crypto";

const TOLERANCE_SECONDS = 5 * 60;

/**
 * Tell what to do with a callback: "new", "repeated" or "refused", and the status it brings.
 *
 * @param {string} secret the webhook secret of your service, `whsec_…`
 * @param {Record<string, string>} headers with names in lower case, as `request.headers` has them
 * @param {Buffer} body the bytes as they came, before they are parsed
 * @param {(id: string) => boolean | Promise<boolean>} remember stores an id; false if it was known
 */
export async function readCallback(secret, headers, body, remember) {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": given } = headers;
  if (!id || !given || !/^\d{1,12}$/.test(time ?? "")) return { verdict: "refused" };
  if (Math.abs(Date.now() / 1000 - Number(time)) > TOLERANCE_SECONDS) return { verdict: "refused" };
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const digest = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${digest}`);
  // every signature is compared, each in constant time: two are sent while a secret is rotated
  const matches = given.split(" ").filter((each) => {
    const signature = Buffer.from(each);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
  if (matches.length === 0) return { verdict: "refused" };
  if (!(await remember(id))) return { verdict: "repeated" };
  return { verdict: "new", process: JSON.parse(body.toString("utf8")) };
}
