// A web server that has something to do before it is of use, like most things worth prebuilding:
// it computes a table of primes. Then it greets whoever the workspace belongs to.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const PORT = Number(process.env.PORT);
const GREETING = process.env.STANDBY_PARAMETER_GREETING ?? 'Hello';
const WARM_UP_MS = 3_000;
// Written by greet.sh when the workspace gets its owner.
const OWNER_FILE = 'owner';

const startedAt = performance.now();
const primes = [2];
let warm = false;

// In small steps, so that the server answers while it warms up.
function warmUp() {
  const stepEnd = performance.now() + 10;
  for (let n = primes.at(-1) + 1; performance.now() < stepEnd; n++) {
    if (primes.every((prime) => prime * prime > n || n % prime !== 0)) primes.push(n);
  }
  warm = performance.now() - startedAt >= WARM_UP_MS;
  if (!warm) setTimeout(warmUp, 20);
}

function owner() {
  try {
    return readFileSync(OWNER_FILE, 'utf8');
  } catch {
    return undefined; // nobody yet
  }
}

function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page() {
  const name = owner();
  const title = name === undefined ? 'Waiting for an owner' : `${GREETING}, ${name}!`;
  return `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${escapeHtml(title)}</title>
  <style>
    body { font: 18px/1.6 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1rem; color: #1d2733; }
    h1 { font-size: 2.4rem; margin: 0 0 .5rem; }
    p { color: #5b6775; margin: 0; }
  </style>
  <h1>${escapeHtml(title)}</h1>
  <p>This process started ${Math.round((performance.now() - startedAt) / 1000)} seconds ago
  and knows ${primes.length} primes.</p>
</html>
`;
}

createServer((request, response) => {
  if (request.url === '/healthz') {
    response.writeHead(warm ? 200 : 503, { 'content-type': 'text/plain' });
    response.end(warm ? 'warm\n' : 'warming up\n');
  } else {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(page());
  }
}).listen(PORT, '127.0.0.1', warmUp);
