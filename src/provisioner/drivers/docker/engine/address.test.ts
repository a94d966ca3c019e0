import { describe, expect, it } from 'vitest';
import { readEngineAddress } from './address.ts';

describe('the address of an engine', () => {
  it('is a socket, or TCP of this machine', async () => {
    const read = async (text: string) => (await readEngineAddress(text, undefined)).connection;
    expect(await read('unix:///run/user/1000/docker.sock')).toEqual({
      socketPath: '/run/user/1000/docker.sock',
    });
    expect(await read('tcp://127.0.0.1:2375')).toMatchObject({ host: '127.0.0.1', port: 2375 });
    expect(await read('tcp://[::1]:2375')).toMatchObject({ host: '::1', port: 2375 });
    expect(await read('tcp://localhost:2375/')).toMatchObject({ host: 'localhost', port: 2375 });
  });

  it.each(['', 'docker.sock', 'unix://', 'unix://relative', 'tcp://host', 'tcp://host:0'])(
    'is nothing else: %j',
    async (text) => {
      await expect(readEngineAddress(text, undefined)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        detail: `STANDBY_DOCKER_HOST is ${JSON.stringify(text)}; allowed is unix:///PATH or tcp://HOST:PORT`,
      });
    },
  );

  it.each(['tcp://10.0.0.5:2376', 'tcp://127.example.com:2376'])(
    'of another machine needs certificates: %s',
    async (text) => {
      await expect(readEngineAddress(text, undefined)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        hint: expect.stringContaining('STANDBY_DOCKER_TLS_DIR') as string,
      });
      await expect(readEngineAddress(text, '/nonexistent')).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        detail: expect.stringContaining('/nonexistent/ca.pem cannot be read') as string,
      });
    },
  );
});
