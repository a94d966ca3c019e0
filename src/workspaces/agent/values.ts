// What the present owner gave for the workspace, told to whoever holds an agent's live session.
import { AppError } from '../../base/app-error.ts';
import type { AgentId, AgentSessionId, WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { AgentValues } from '../../contract/agent/protocol.ts';
import { openOwnerValues } from '../../keys/owner-values.ts';
import type { Keyring } from '../../keys/keyring.ts';
import type { Database } from '../../store/database.ts';
import type { AgentsTogether } from '../../store/agent-together.ts';
import { recordCall } from '../../store/agent.ts';
import { findOwnerValues } from '../../store/owner-values.ts';
import { readOwnership } from './owner.ts';

interface Deps extends Pick<Kit, 'log'> {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly agents: Pick<AgentsTogether, 'findOwner'>;
}

/**
 * Throws OWNER_VALUES_GONE when there are none, or none any more, and UNAUTHENTICATED when it is the session
 * that has ended: an agent takes the one for the end of the hand-over, and after the other asks again.
 */
export async function readAgentValues(
  { database, keyring, agents, log }: Deps,
  agent: {
    readonly sessionId: AgentSessionId;
    readonly agentId: AgentId;
    readonly workspaceId: WorkspaceId;
    readonly epoch: number;
  },
): Promise<AgentValues> {
  const { workspaceId, agentId } = agent;
  // Some fetch and write all of it before their next sign of life; whoever claimed waits for an answer.
  await recordCall.run(database, { agentId });
  database.announce([{ kind: 'workspace', workspaceId }]);
  const found = await findOwnerValues.maybe(database, agent);
  if (found === undefined) await checkSession(agents, agent);
  if (found === undefined || found.keyId === null || found.sealed === null) {
    throw new AppError(
      'OWNER_VALUES_GONE',
      `the owner of workspace ${workspaceId} gave no values, or they were not fetched in time`,
    );
  }
  const { epoch, keyId, sealed } = found;
  const values = await openOwnerValues(keyring, found, { keyId, sealed });
  log.info('owner_values.told', { workspaceId, agentId, epoch });
  return {
    epoch,
    environment: named(values.environment),
    secrets: named(values.secrets),
    files: values.files.map(({ path, mode, base64 }) => ({
      path,
      mode: mode.toString(8).padStart(3, '0'),
      content: { base64 },
    })),
  };
}

async function checkSession(
  agents: Deps['agents'],
  agent: {
    readonly sessionId: AgentSessionId;
    readonly workspaceId: WorkspaceId;
    readonly epoch: number;
  },
): Promise<void> {
  const { epoch } = await readOwnership(agents.findOwner, agent);
  if (epoch === agent.epoch) return;
  throw new AppError('UNAUTHENTICATED', {
    detail: 'the session has ended: the workspace was claimed',
    hint: 'Exchange the bootstrap token for a new session.',
  });
}

function named(values: Readonly<Record<string, string>>): AgentValues['secrets'] {
  return Object.entries(values).map(([name, value]) => ({ name, value }));
}
