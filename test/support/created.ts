// Requests for a workspace by those who do not wait in line, and what they were answered with.
import type { RouteAnswer } from '../../src/contract/route.ts';
import type { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import type { CreatedWorkspace, Enlisted } from '../../src/workspaces/served.ts';

/** What a request for a workspace has to say of waiting, and that it brings nothing. */
export const NO_WAITING = {
  priority: 0,
  waitTimeoutSeconds: 3_600,
  ttlSeconds: undefined,
  autostart: undefined,
  automaticUpdates: undefined,
  values: undefined,
} as const;

export function asCreated(answer: CreatedWorkspace | Enlisted): CreatedWorkspace {
  if ('waiterId' in answer) throw new Error(`it stands in line: waiter ${answer.waiterId}`);
  return answer;
}

/** The body of an answer 201. */
export function bodyOfCreated(
  answer: RouteAnswer<typeof workspaceRoutes.createWorkspace>,
): CreateWorkspaceAnswer {
  if (answer.status === 202) throw new Error(`it stands in line: waiter ${answer.body.waiter.id}`);
  return answer.body;
}
