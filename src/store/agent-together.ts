// What agents ask when they begin, with each heartbeat and when they are claimed, done by one statement for all that ask at
// the same time: a control plane that is back hears of all of its agents at once.
import type { AgentId, AgentSessionId, WorkspaceId } from '../base/id.ts';
import { together } from '../base/together.ts';
import {
  findAgentOwners,
  findAgentSessions,
  handOverAgentSessions,
  replaceAgentSessions,
  type AgentLifecycle,
  type AgentOwnerRow,
  type AgentSessionRow,
} from './agent.ts';
import type { RowOf } from './column.ts';
import { inPlaces } from './in-places.ts';
import { readTogether, type ReadTogetherDeps } from './read-together.ts';
import { isOfOneRow } from './sqlstate.ts';
import type { Executor } from './statement.ts';
import { hearAgents, recordSignsOfLife, type SignOfLife } from './sign-of-life.ts';

/** What an agent says, and shows for it. */
export interface AgentCall {
  /** Of its session's token, in hexadecimal. */
  readonly hash: string;
  readonly lifecycle: AgentLifecycle;
  readonly appliedEpoch: number;
  /** The newest that it has heard of. */
  readonly newestEpoch: number;
}

/** An agent, and the session that is to be opened for it. */
export interface SessionToOpen {
  readonly workspaceId: WorkspaceId;
  readonly name: string;
  readonly nextId: AgentSessionId;
  readonly nextHash: Buffer;
}

/** A session, and the one that is to be opened in its place. */
export interface SessionToHandOver {
  readonly sessionId: AgentSessionId;
  readonly agentId: AgentId;
  readonly workspaceId: WorkspaceId;
  readonly nextId: AgentSessionId;
  readonly nextHash: Buffer;
}

/** One for each control plane. */
export interface AgentsTogether {
  /** The live session of a token's hash, in hexadecimal. */
  findSession(hash: string): Promise<AgentSessionRow | undefined>;
  findOwner(sessionId: AgentSessionId): Promise<AgentOwnerRow | undefined>;
  /** Undefined: there is no such agent. Throws what breaks agent_sessions_live_key by this one alone. */
  replaceSession(
    session: SessionToOpen,
  ): Promise<RowOf<typeof replaceAgentSessions.columns> | undefined>;
  /** Undefined: it is not one to hand over. Throws what breaks agent_sessions_live_key by this one alone. */
  handOver(
    session: SessionToHandOver,
  ): Promise<RowOf<typeof handOverAgentSessions.columns> | undefined>;
  /** Undefined: it shows no live session. */
  hear(call: AgentCall): Promise<RowOf<typeof hearAgents.columns> | undefined>;
  /** Undefined: it has to be stored in its turn with others. */
  recordSignOfLife(sign: SignOfLife): Promise<RowOf<typeof recordSignsOfLife.columns> | undefined>;
}

/** It takes some milliseconds: one that is late is stuck. */
const LATE_MS = 50;
const MAX_SIGNS = 100;

export function createAgentsTogether(deps: ReadTogetherDeps): AgentsTogether {
  const { clock, database } = deps;
  const options = {
    ...{ lateMs: LATE_MS, most: database.maxConnections, maxItems: MAX_SIGNS },
    isOfOneItem: () => false,
  };
  return {
    findSession: readTogether(deps, {
      read: (hashes: readonly string[]) =>
        findAgentSessions.all(database, { hashes: hashes.map((hash) => Buffer.from(hash, 'hex')) }),
      keyOf: ({ hash }) => hash,
    }),
    findOwner: readTogether(deps, {
      read: (sessionIds: readonly AgentSessionId[]) =>
        findAgentOwners.all(database, { sessionIds }),
      keyOf: ({ sessionId }) => sessionId,
    }),
    replaceSession: together(clock, (sessions) => replaceSessions(database, sessions), {
      ...options,
      isOfOneItem: isOfOneRow,
    }),
    handOver: together(
      clock,
      async (sessions: readonly SessionToHandOver[]) => {
        const handedOver = await handOverAgentSessions.all(database, {
          sessionIds: sessions.map(({ sessionId }) => sessionId),
          agentIds: sessions.map(({ agentId }) => agentId),
          workspaceIds: sessions.map(({ workspaceId }) => workspaceId),
          nextIds: sessions.map(({ nextId }) => nextId),
          nextHashes: sessions.map(({ nextHash }) => nextHash),
        });
        return inPlaces(sessions, handedOver);
      },
      { ...options, isOfOneItem: isOfOneRow },
    ),
    hear: together(
      clock,
      async (calls: readonly AgentCall[]) => {
        const heard = await hearAgents.all(database, {
          hashes: calls.map(({ hash }) => Buffer.from(hash, 'hex')),
          lifecycles: calls.map(({ lifecycle }) => lifecycle),
          appliedEpochs: calls.map(({ appliedEpoch }) => appliedEpoch),
          newestEpochs: calls.map(({ newestEpoch }) => newestEpoch),
        });
        return inPlaces(calls, heard);
      },
      options,
    ),
    recordSignOfLife: together(
      clock,
      async (signs: readonly SignOfLife[]) => {
        const recorded = await recordSignsOfLife.all(database, {
          agentIds: signs.map(({ agentId }) => agentId),
          lifecycles: signs.map(({ lifecycle }) => lifecycle),
          appliedEpochs: signs.map(({ appliedEpoch }) => appliedEpoch),
          appliedOks: signs.map(({ appliedOk }) => appliedOk),
        });
        return inPlaces(signs, recorded);
      },
      options,
    ),
  };
}

/** Of each agent, in their order. */
export async function replaceSessions(
  on: Executor,
  sessions: readonly SessionToOpen[],
): Promise<readonly (RowOf<typeof replaceAgentSessions.columns> | undefined)[]> {
  const replaced = await replaceAgentSessions.all(on, {
    workspaceIds: sessions.map(({ workspaceId }) => workspaceId),
    names: sessions.map(({ name }) => name),
    nextIds: sessions.map(({ nextId }) => nextId),
    nextHashes: sessions.map(({ nextHash }) => nextHash),
  });
  return inPlaces(sessions, replaced);
}
