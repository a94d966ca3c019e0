// What agents ask when they begin, with each heartbeat and when they are claimed, done by one statement for all that ask at
// the same time: a control plane that is back hears of all of its agents at once.
import type { AgentSessionId } from '../base/id.ts';
import {
  findAgentSessions,
  handOverSessions,
  replaceSessions,
  type AgentSessionRow,
  type HandedOverSession,
  type ReplacedSession,
  type SessionToHandOver,
  type SessionToOpen,
} from './agent-session.ts';
import { findAgentOwners, type AgentLifecycle, type AgentOwnerRow } from './agent.ts';
import type { RowOf } from './column.ts';
import { inPlaces } from './in-places.ts';
import { readTogether } from './read-together.ts';
import { runTogether, type RunTogetherDeps } from './run-together.ts';
import { hearAgents, recordSignsOfLife, type SignOfLife } from './sign-of-life.ts';
import { isOfOneRow } from './sqlstate.ts';

/** What an agent says, and shows for it. */
export interface AgentCall {
  /** Of its session's token, in hexadecimal. */
  readonly hash: string;
  readonly lifecycle: AgentLifecycle;
  readonly appliedEpoch: number;
  /** The newest that it has heard of. */
  readonly newestEpoch: number;
}

/** One for each control plane. */
export interface AgentsTogether {
  /** The live session of a token's hash, in hexadecimal. */
  findSession(hash: string): Promise<AgentSessionRow | undefined>;
  findOwner(sessionId: AgentSessionId): Promise<AgentOwnerRow | undefined>;
  /** Undefined: there is no such agent. Throws what breaks agent_sessions_live_key by this one alone. */
  replaceSession(session: SessionToOpen): Promise<ReplacedSession | undefined>;
  /** Undefined: it is not one to hand over. Throws what breaks agent_sessions_live_key by this one alone. */
  handOver(session: SessionToHandOver): Promise<HandedOverSession | undefined>;
  /** Undefined: it shows no live session. */
  hear(call: AgentCall): Promise<RowOf<typeof hearAgents.columns> | undefined>;
  /** Undefined: it has to be stored in its turn with others. */
  recordSignOfLife(sign: SignOfLife): Promise<RowOf<typeof recordSignsOfLife.columns> | undefined>;
}

const MAX_ITEMS = 100;
/** Waits for nobody. */
const WITHOUT_LOCKS = { maxItems: MAX_ITEMS, isOfOneItem: () => false };
const WITH_LOCKS = { maxItems: MAX_ITEMS, isOfOneItem: isOfOneRow };

export function createAgentsTogether(deps: RunTogetherDeps): AgentsTogether {
  const { database } = deps;
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
    replaceSession: runTogether(
      deps,
      (sessions) => replaceSessions(database, sessions),
      WITH_LOCKS,
    ),
    handOver: runTogether(deps, (sessions) => handOverSessions(database, sessions), WITH_LOCKS),
    hear: runTogether(
      deps,
      async (calls: readonly AgentCall[]) => {
        const heard = await hearAgents.all(database, {
          hashes: calls.map(({ hash }) => Buffer.from(hash, 'hex')),
          lifecycles: calls.map(({ lifecycle }) => lifecycle),
          appliedEpochs: calls.map(({ appliedEpoch }) => appliedEpoch),
          newestEpochs: calls.map(({ newestEpoch }) => newestEpoch),
        });
        return inPlaces(calls, heard);
      },
      WITHOUT_LOCKS,
    ),
    recordSignOfLife: runTogether(
      deps,
      async (signs: readonly SignOfLife[]) => {
        const recorded = await recordSignsOfLife.all(database, {
          agentIds: signs.map(({ agentId }) => agentId),
          lifecycles: signs.map(({ lifecycle }) => lifecycle),
          appliedEpochs: signs.map(({ appliedEpoch }) => appliedEpoch),
          appliedOks: signs.map(({ appliedOk }) => appliedOk),
        });
        return inPlaces(signs, recorded);
      },
      WITHOUT_LOCKS,
    ),
  };
}
