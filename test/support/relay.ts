// A reverse proxy before control planes: each request goes to the next one that can be reached, and
// answers can be lost on their way back, when what was asked is done.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Relay extends AsyncDisposable {
  readonly url: string;
}

export interface RelayOptions {
  /** Of the control planes, as they are at the moment. */
  readonly ports: () => readonly number[];
  /** Whether the caller gets no answer to this request, which the control plane has answered. */
  readonly loses?: (method: string, path: string) => boolean;
}

export async function startRelay({ ports, loses = () => false }: RelayOptions): Promise<Relay> {
  let turn = 0;
  const server = http.createServer((request, response) => {
    const { method = 'GET', url: path = '/', headers } = request;
    const chunks: Buffer[] = [];

    const send = (targets: readonly number[]): void => {
      const [port, ...others] = targets;
      if (port === undefined) {
        response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad gateway</h1>');
        return;
      }
      const asked = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false });
      const hangUp = (): void => void asked.destroy();
      response.once('close', hangUp);
      asked.on('response', (answer) => {
        if (loses(method, path)) {
          answer.resume().once('end', () => response.destroy());
          return;
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        answer.once('error', () => response.destroy());
      });
      asked.on('error', (error: NodeJS.ErrnoException) => {
        response.off('close', hangUp);
        // Nothing of the request has arrived anywhere.
        if (error.code === 'ECONNREFUSED') send(others);
        else response.destroy();
      });
      asked.end(Buffer.concat(chunks));
    };
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const all = ports();
      const first = turn++ % all.length;
      send([...all.slice(first), ...all.slice(0, first)]);
    });
  });
  // Callers go by what a control plane's answer says of its own connections, which is longer than the 5 s of this one:
  // a request would arrive at one that is being closed.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
