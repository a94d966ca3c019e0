#!/usr/bin/env node
// Ends well as soon as the server says that it is warm; the agent's time limit ends it otherwise.
const url = `http://127.0.0.1:${process.env.PORT}/healthz`;

for (;;) {
  const answer = await fetch(url).catch(() => undefined); // not listening yet
  if (answer?.ok) break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
