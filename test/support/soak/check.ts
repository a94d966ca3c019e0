// Whether what people were told and what the database holds can both be true. Pure: a history and a record in,
// a sentence for each fault out.
import type { Entry, Request } from './history.ts';

/** What the database holds of a workspace. */
export interface RecordedWorkspace {
  readonly id: string;
  /** Null: the pool's own. */
  readonly owner: string | null;
  readonly name: string;
  readonly epoch: number;
  readonly origin: 'prebuild' | 'user';
  /** It is deleted, or a build that deletes it was begun. */
  readonly isDeleted: boolean;
  /** Its pool counts it among its own. */
  readonly isMember: boolean;
  readonly handedOver: readonly HandOver[];
  /** When the pool last began a build of it. */
  readonly poolBuiltAt: number | null;
}

export interface HandOver {
  readonly owner: string;
  readonly epoch: number;
  readonly at: number;
}

type Given = Extract<Entry, { kind: 'given' }>;

/** A request, with all that its calls were answered. */
interface Told {
  readonly request: Request;
  readonly given: Given[];
  isRefused: boolean;
  /** Calls of which nobody knows what became of them. */
  readonly unknown: Set<number>;
}

export function findFaults(
  history: readonly Entry[],
  workspaces: readonly RecordedWorkspace[],
): readonly string[] {
  const { told, deletes, rush } = readTold(history);
  const recorded = new Map(workspaces.map((one) => [one.id, one]));
  return [
    ...findDoubled([...told.values()]),
    ...[...told.values()].flatMap((one) => findUntrue(one, recorded)),
    ...findUndeleted(deletes.begun, recorded),
    ...(rush === undefined ? [] : findUnserved(rush)),
    ...workspaces.flatMap((one) => [
      ...findMishandled(one),
      ...findUnasked(one, {
        told: told.get(nameOf(one)),
        isDeleteAsked: deletes.asked.has(one.id),
      }),
    ]),
  ];
}

/** Who asked at once, of a pool that had so many ready. */
interface Rush {
  readonly ready: number;
  readonly asked: Set<Told>;
}

interface Deletes {
  /** Workspaces whose delete somebody asked for. */
  readonly asked: Set<string>;
  /** Those who were answered that it has begun. */
  readonly begun: Set<string>;
}

interface Reading {
  /** By the name of the request, which is the workspace's too. */
  readonly told: ReadonlyMap<string, Told>;
  readonly deletes: Deletes;
  readonly rush: Rush | undefined;
}

function readTold(history: readonly Entry[]): Reading {
  const told = new Map<string, Told>();
  const byCall = new Map<number, Told>();
  const deleteOf = new Map<number, string>();
  const deletes: Deletes = { asked: new Set(), begun: new Set() };
  let rush: Rush | undefined;
  for (const entry of history) {
    if (entry.kind === 'rush') {
      rush = { ready: entry.ready, asked: new Set() };
      continue;
    }
    if (entry.kind === 'delete') {
      deletes.asked.add(entry.workspace);
      deleteOf.set(entry.call, entry.workspace);
    }
    if (entry.kind === 'claim') {
      const name = nameOf(entry);
      const asked = told.get(name) ?? newTold(entry);
      told.set(name, asked);
      byCall.set(entry.call, asked);
      asked.unknown.add(entry.call);
      rush?.asked.add(asked);
    }
    const begun = entry.kind === 'done' ? deleteOf.get(entry.call) : undefined;
    if (begun !== undefined) deletes.begun.add(begun);
    const one = byCall.get(entry.call);
    if (one === undefined || entry.kind === 'claim' || entry.kind === 'lost') continue;
    one.unknown.delete(entry.call);
    if (entry.kind === 'given') one.given.push(entry);
    if (entry.kind === 'refused') one.isRefused = true;
  }
  return { told, deletes, rush };
}

function newTold(request: Request): Told {
  return { request, given: [], isRefused: false, unknown: new Set() };
}

/** One workspace for two requests, or two for one. */
function* findDoubled(told: readonly Told[]): Iterable<string> {
  const first = new Map<string, Request>();
  for (const { request, given } of told) {
    const ids = [...new Set(given.map(({ workspace }) => workspace))];
    if (ids.length > 1) {
      const what = request.key === null ? 'the request' : `key ${request.key}`;
      yield `${what} of ${nameOf(request)} was given ${ids.join(' and ')}`;
    }
    for (const id of ids) {
      const other = first.get(id);
      if (other !== undefined) {
        yield `workspace ${id} was given to ${nameOf(other)} and to ${nameOf(request)}`;
      }
      first.set(id, request);
    }
  }
}

/** What was told, and the database knows otherwise. */
function findUntrue(
  { request, given }: Told,
  recorded: ReadonlyMap<string, RecordedWorkspace>,
): readonly string[] {
  const faults = given.flatMap(({ workspace, owner, epoch, claimed }) => {
    const told = `${nameOf(request)} was told of workspace ${workspace}`;
    const found = recorded.get(workspace);
    if (found === undefined) return [`${told}, which is lost`];
    const isAsTold =
      owner === request.owner && found.owner === owner && found.epoch === epoch && isNamed(found);
    if (!isAsTold) {
      return [
        `${told} in epoch ${epoch} as ${owner}'s; it is ${nameOf(found)} in epoch ${found.epoch}`,
      ];
    }
    const isRecorded = found.handedOver.some((one) => one.owner === owner && one.epoch === epoch);
    return isRecorded === claimed ? [] : [`${told}, whose hand-over is not recorded as told`];
  });
  // Several calls may have told the same.
  return [...new Set(faults)];

  function isNamed({ name }: RecordedWorkspace): boolean {
    return name === request.name;
  }
}

/** What somebody gave back and was told to be rid of. */
function* findUndeleted(
  begun: ReadonlySet<string>,
  recorded: ReadonlyMap<string, RecordedWorkspace>,
): Iterable<string> {
  for (const id of begun) {
    const found = recorded.get(id);
    if (found?.isDeleted === false) {
      yield `workspace ${id} of ${nameOf(found)} is not deleted, which was told to have begun`;
    }
  }
}

/** As many are served as there are prebuilds: whoever is refused while one is ready was told what is not true. */
function* findUnserved({ ready, asked }: Rush): Iterable<string> {
  const served = [...asked].filter(({ given }) => given.some(({ claimed }) => claimed)).length;
  const should = Math.min(ready, asked.size);
  if (served === should) return;
  yield `${asked.size} asked a pool with ${ready} ready at once: ${served} were served, not ${should}`;
}

/** What pools must never do, whoever asked for what. */
function* findMishandled(one: RecordedWorkspace): Iterable<string> {
  const { id, owner, handedOver, isMember, isDeleted, poolBuiltAt } = one;
  const [first, ...others] = handedOver;
  if (others.length > 0) yield `workspace ${id} was handed over ${handedOver.length} times`;
  if (first !== undefined && poolBuiltAt !== null && poolBuiltAt >= first.at) {
    yield `workspace ${id} was built by its pool after ${first.owner} had it`;
  }
  if (one.origin !== 'prebuild') return;
  const isTheirs = first !== undefined && owner !== null && !isMember;
  const isThePools = first === undefined && owner === null && (isMember || isDeleted);
  if (isTheirs || isThePools) return;
  yield (
    `prebuild ${id} of ${nameOf(one)} is ${first === undefined ? 'not ' : ''}handed over, ` +
    `${isMember ? 'a' : 'no'} member of its pool and ${isDeleted ? '' : 'not '}deleted`
  );
}

/** What somebody has whom nobody meant to have it, and what is gone without being asked for. */
function* findUnasked(
  one: RecordedWorkspace,
  { told, isDeleteAsked }: { readonly told: Told | undefined; readonly isDeleteAsked: boolean },
): Iterable<string> {
  if (one.owner === null) return;
  if (told === undefined) {
    yield `workspace ${one.id} is ${nameOf(one)}, who never asked for it`;
  } else if (told.given.length === 0 && told.unknown.size === 0) {
    const how = told.isRefused ? 'was refused it' : 'was never told';
    yield `workspace ${one.id} is ${nameOf(one)}, who ${how}`;
  }
  if (one.isDeleted && !isDeleteAsked) {
    yield `workspace ${one.id} of ${nameOf(one)} is deleted, which nobody asked for`;
  }
}

function nameOf({ owner, name }: { readonly owner: string | null; readonly name: string }): string {
  return `${owner ?? 'the pool'}/${name}`;
}
