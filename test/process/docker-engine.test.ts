// How the docker driver finds an engine and speaks to it: whatever listens there, and with TLS.
import { execFileSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { readEngineAddress } from '../../src/provisioner/drivers/docker/engine/address.ts';
import {
  findEngine,
  type FoundEngine,
} from '../../src/provisioner/drivers/docker/engine/find-engine.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { hasTool } from '../support/tool.ts';

const servers: Server[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const find = async (host: string, tlsFolder?: string): Promise<FoundEngine> =>
  findEngine(systemClock, await readEngineAddress(host, tlsFolder));

const version = (api: string, oldest: string): string =>
  JSON.stringify({ Version: '99.1', ApiVersion: api, MinAPIVersion: oldest });

/** What it was asked, and an engine that answers so. */
function engineThat(answer: string): { readonly asked: string[]; readonly server: Server } {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(request.url === '/version' ? answer : '[]');
  });
  return { asked, server };
}

describe('an engine', () => {
  it.each([
    ['1.41', '1.12', '/v1.41/'],
    ['1.52', '1.44', '/v1.47/'],
  ])('that speaks %s down to %s is spoken to at %s', async (api, oldest, prefix) => {
    const { asked, server } = engineThat(version(api, oldest));
    const found = await find(await listen(server));
    if (found.kind === 'missing') throw new Error(found.because);
    await found.engine.listContainers({ a: 'b' });
    expect(asked[1]).toMatch(new RegExp(`^${prefix}containers/json`));
  });

  it.each([
    ['1.40', '1.12'],
    ['1.60', '1.50'],
  ])('that speaks %s down to %s is not understood', async (api, oldest) => {
    const found = await find(await listen(engineThat(version(api, oldest)).server));
    expect(found).toMatchObject({
      kind: 'missing',
      because: expect.stringContaining(`speaks the API ${oldest} to ${api}`) as string,
    });
  });

  it.each(['', '<html>', '[]', '{"Version": 1}', '{"ApiVersion": "x", "Version": "y"}'])(
    'is not what answers %j',
    async (answer) => {
      expect(await find(await listen(engineThat(answer).server))).toMatchObject({
        kind: 'missing',
      });
    },
  );

  it('is not there where nobody listens', async () => {
    expect(await find('unix:///nonexistent/docker.sock')).toEqual({
      kind: 'missing',
      because:
        'the Docker engine at unix:///nonexistent/docker.sock does not answer: connect ENOENT /nonexistent/docker.sock',
    });
  });
});

describe.runIf(hasTool('openssl'))('an engine with TLS', () => {
  it('is spoken to with the certificate of the daemon, and only if its own is right', async () => {
    await using folder = await makeTemporaryFolder();
    await makeCertificates(folder.path);
    const read = (name: string): Promise<Buffer> => readFile(path.join(folder.path, name));
    const [ca, cert, key] = [await read('ca.pem'), await read('cert.pem'), await read('key.pem')];
    const options = { ca, cert, key, requestCert: true, rejectUnauthorized: true };
    const answer = version('1.41', '1.41');
    const host = await listen(
      https.createServer(options, (_request, response) => response.end(answer)),
    );
    expect(await find(host, folder.path)).toMatchObject({ kind: 'found', version: '99.1' });
    expect(await find(host)).toMatchObject({ kind: 'missing' });

    await using others = await makeTemporaryFolder();
    await makeCertificates(others.path);
    expect(await find(host, others.path)).toMatchObject({
      kind: 'missing',
      because: expect.stringMatching(/certificate|alert/) as string,
    });
    for (const name of ['cert.pem', 'key.pem']) {
      await copyFile(path.join(folder.path, name), path.join(others.path, name));
    }
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await find(host, others.path)).toMatchObject({
      kind: 'missing',
      because: expect.stringContaining('certificate') as string,
    });
  });
});

/** An authority, and one certificate by it for both sides. */
async function makeCertificates(folder: string): Promise<void> {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(...['req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca']);
  openssl('req', ...newKey, '-keyout', 'key.pem', '-out', 'cert.csr', '-subj', '/CN=engine');
  await writeFile(path.join(folder, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  openssl(
    ...['x509', '-req', '-in', 'cert.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-CAcreateserial', '-extfile', 'names', '-out', 'cert.pem'],
  );
}
