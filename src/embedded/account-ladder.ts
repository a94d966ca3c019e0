// Finds an account that can run the server: that can reach the data folder and run the binaries.
// The page docs/embedded-postgresql.md explains the order to operators.
import { spawnSync } from 'node:child_process';
import { AppError } from '../base/app-error.ts';
import type { Kit } from '../base/kit.ts';
import { describeAccount, type ServerAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import type { ExistingCluster } from './cluster.ts';
import type { Layout } from './layout.ts';
import { runProgram } from './run-program.ts';
import { prepareSoftware, type Software } from './software.ts';

export interface LadderRequest {
  readonly layout: Layout;
  readonly found: Binaries;
  readonly cluster: ExistingCluster | undefined;
  readonly signal: AbortSignal | undefined;
}

export interface Standing {
  readonly account: ServerAccount;
  readonly software: Software;
}

export async function findStanding(kit: Kit, request: LadderRequest): Promise<Standing> {
  const refusals: string[] = [];
  for (const account of candidates(request, refusals)) {
    const standing = await tryAccount(kit, request, account);
    if (typeof standing !== 'string') return standing;
    refusals.push(`${describeAccount(account)}: ${standing}`);
  }
  const detail = `no account on this machine can run the PostgreSQL of ${request.layout.root}:\n${refusals.map((line) => `- ${line}`).join('\n')}`;
  throw new AppError('EMBEDDED_POSTGRES_UNSUPPORTED', {
    detail,
    hint: 'Name a data folder that the user postgres or nobody can reach (such as /var/lib/standby) in STANDBY_DATA_DIR, start Standby as an ordinary user, or set STANDBY_DATABASE_URL to a PostgreSQL of your own.',
  });
}

function* candidates(request: LadderRequest, refusals: string[]): Generator<ServerAccount> {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  if (uid === undefined || gid === undefined) {
    refusals.push(`${process.platform} has no user ids`);
    return;
  }
  if (uid !== 0) {
    yield { kind: 'self', uid, gid };
    return;
  }
  const { cluster } = request;
  if (cluster !== undefined && cluster.ownerUid !== 0) {
    // Whoever ran it before can run it again; files change hands once, when the cluster is made.
    const { ownerUid, ownerGid } = cluster;
    yield { kind: 'user', name: String(ownerUid), uid: ownerUid, gid: ownerGid };
    return;
  }
  const nobody = findUser('nobody');
  for (const user of [findUser('postgres'), nobody]) {
    if (typeof user === 'string') refusals.push(user);
    else yield { kind: 'user', ...user };
  }
  if (typeof nobody !== 'string') {
    yield { kind: 'namespace', uid: 0, gid: 0, mappedUid: nobody.uid, mappedGid: nobody.gid };
  }
}

async function tryAccount(
  kit: Kit,
  request: LadderRequest,
  account: ServerAccount,
): Promise<Standing | string> {
  const { layout, found, signal } = request;
  // Asked of the system rather than worked out from modes: links, ACLs and mounts count as well.
  const enter = ['/bin/sh', '-c', 'cd "$0" 2> /dev/null', layout.root] as const;
  const { exitCode, output } = await runProgram(account, enter, { signal });
  if (exitCode !== 0) return output.trim() || `cannot reach ${layout.root}`;
  const software = await prepareSoftware(kit, { found, account, layout, signal });
  return software.kind === 'usable' ? { account, software } : software.why;
}

/** Asks the system, which may know users that /etc/passwd does not list. */
function findUser(
  name: string,
): { readonly name: string; readonly uid: number; readonly gid: number } | string {
  const ask = (option: string): number => {
    const answer = spawnSync('id', [option, name], { encoding: 'utf8' });
    return /^\d+\n$/.test(answer.stdout) ? Number(answer.stdout) : Number.NaN;
  };
  const [uid, gid] = [ask('-u'), ask('-g')];
  if (Number.isNaN(uid) || Number.isNaN(gid)) return `user ${name}: there is none`;
  return { name, uid, gid };
}
