// A server that lets everybody in and ends each connection in the same breath, as PostgreSQL does with
// one that is terminated while it connects: both messages arrive together. Or one that never answers.
import net, { type AddressInfo } from 'node:net';
import type { ConnectionParts } from '../../src/store/database.ts';

export interface UnwelcomingPostgres extends AsyncDisposable {
  readonly connection: ConnectionParts;
}

export async function startUnwelcomingPostgres({
  isSilent = false,
} = {}): Promise<UnwelcomingPostgres> {
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket.on('error', () => undefined));
    socket.once('data', () => {
      if (!isSilent) socket.end(WELCOME_AND_END);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    connection: { host: '127.0.0.1', port, user: 'anybody', database: 'any' },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const message = (type: string, body: Buffer): Buffer => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
};
const WELCOME_AND_END = Buffer.concat([
  message('R', Buffer.alloc(4)), // authenticated
  message('Z', Buffer.from('I')), // ready
  message('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminated by an administrator\0\0')),
]);
