import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { answers, type Place } from './probe.ts';

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(status: number): Promise<{ place: Place; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status).end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { place: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, asked };
}

describe('a ready check of HTTP', () => {
  it('asks nobody but the workspace, whatever its path looks like', async () => {
    const own = await listen(404);
    const other = await listen(200);
    const { host, port } = other.place;
    const signal = new AbortController().signal;
    for (const path of [`//${host}:${port}/`, `/\\${host}:${port}/`, `/@${host}:${port}/`]) {
      expect(await answers(path, own.place, signal)).toBe(false);
    }
    expect(other.asked).toEqual([]);
    expect(own.asked).toHaveLength(3);
  });
});
