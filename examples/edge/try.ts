// Sends requests to worker.ts without a server: a fetch handler is a function that a program can call. Run it
// with `npm run example edge/try`, after `npm run example edge/train`.

import worker from "./worker.ts";

const address = "https://example.com/";
async function show(request: Request): Promise<void> {
  const response = await worker.fetch(request);
  console.log(`${request.method}: ${response.status} ${await response.text()}`);
}
const post = (body: string): Request =>
  new Request(address, { method: "POST", body, headers: { "content-type": "application/json" } });

// A question about the service, a good request, and three requests with different faults.
const film = { film: "Snow Fox", genre: "family", year: "1967", hour: 10, price: 1.99 };
await show(new Request(address));
await show(post(JSON.stringify(["u39", "u1"].map((user) => ({ user, ...film })))));
await show(post('[{ "user": "u39", "flim": "Snow Fox" }]'));
await show(post("hello"));
await show(new Request(address, { method: "DELETE" }));
