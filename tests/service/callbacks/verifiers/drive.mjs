import { readCallback } from "./callback.mjs";

const known = new Set();
const remember = (id) => known.size < known.add(id).size;
let text = "";
for await (const part of process.stdin) text += part;
for (const { secret, headers, body } of JSON.parse(text)) {
  const told = await readCallback(secret, headers, Buffer.from(body, "base64"), remember);
  console.log(told.verdict, told.process?.process_id ?? "-");
}
