// Where a Docker engine listens: a socket of this machine, or TCP with TLS.
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { AppError } from '../../../../base/app-error.ts';

export interface EngineAddress {
  /** As it was written. */
  readonly text: string;
  readonly connection:
    | { readonly socketPath: string }
    | { readonly host: string; readonly port: number; readonly tls: TlsFiles | undefined };
}

export interface TlsFiles {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws CONFIG_INVALID where the address needs certificates and they are not there. */
export async function readEngineAddress(
  text: string,
  tlsFolder: string | undefined,
): Promise<EngineAddress> {
  const parsed = parse(text);
  if (parsed === undefined) {
    throw invalid(
      `STANDBY_DOCKER_HOST is ${JSON.stringify(text)}; allowed is unix:///PATH or tcp://HOST:PORT`,
    );
  }
  if ('socketPath' in parsed) return { text, connection: parsed };
  if (tlsFolder === undefined && !isLoopback(parsed.host)) {
    throw invalid(
      `${text} is another machine's, and whoever reaches an engine without TLS is root there`,
      'Name a folder with ca.pem, cert.pem and key.pem in STANDBY_DOCKER_TLS_DIR.',
    );
  }
  const tls = tlsFolder === undefined ? undefined : await readTlsFiles(tlsFolder);
  return { text, connection: { ...parsed, tls } };
}

function parse(text: string): { socketPath: string } | { host: string; port: number } | undefined {
  const socketPath = /^unix:\/\/(\/[^\0]+)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { socketPath };
  const [, host, port] = /^tcp:\/\/([^/:@\s]+|\[[0-9a-f:]+\]):(\d{1,5})\/?$/i.exec(text) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

async function readTlsFiles(folder: string): Promise<TlsFiles> {
  const read = async (name: string): Promise<Buffer> => {
    const file = path.join(folder, name);
    return readFile(file).catch((error: unknown) => {
      throw invalid(`${file} cannot be read: ${(error as Error).message}`);
    });
  };
  const [ca, cert, key] = [await read('ca.pem'), await read('cert.pem'), await read('key.pem')];
  return { ca, cert, key };
}

function invalid(detail: string, hint?: string): AppError {
  return new AppError('CONFIG_INVALID', hint === undefined ? detail : { detail, hint });
}
