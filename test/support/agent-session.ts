// A session of an agent, as it is opened for the workspace's bootstrap token.
import type { Kit } from '../../src/base/kit.ts';
import { createAgentsTogether } from '../../src/store/agent-together.ts';
import type { Database } from '../../src/store/database.ts';
import { exchangeBootstrapToken, type NewSession } from '../../src/workspaces/agent/exchange.ts';

export function openSession(
  kit: Kit,
  database: Database,
  agent: Parameters<typeof exchangeBootstrapToken>[1],
): Promise<NewSession> {
  const agents = createAgentsTogether({ ...kit, database });
  return exchangeBootstrapToken({ ...kit, database, agents }, agent);
}
