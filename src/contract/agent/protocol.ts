// What an agent in a workspace and the control plane say to each other.
import { z } from 'zod';
import { idField } from '../field.ts';

export const AGENT_LIFECYCLES = [
  /** when it was planned with the build, and has not called yet */
  'created',
  /** when its startup script runs */
  'starting',
  /** when its startup script ended well, or there is none */
  'ready',
  /** when its startup script failed */
  'start_error',
  /** when its startup script did not end in time */
  'start_timeout',
  /** when the workspace is being stopped */
  'shutting_down',
  /** when it said goodbye */
  'off',
] as const;

export const exchangeBody = z.object({
  /** The agent's name in the manifest. */
  agent: z.string().min(1).max(63),
});

/** Who the workspace belongs to; null while it is the pool's. */
export const agentOwner = z
  .object({ id: idField, username: z.string(), display_name: z.string() })
  .nullable();

export const exchangeAnswer = z.object({
  /** Good for this workspace and this epoch; the former session of this agent has ended. */
  session: z.string(),
  epoch: z.int(),
});

export const agentManifest = z.object({
  agent: z.string(),
  workspace_id: idField,
  /** Paths of scripts in the workspace's template folder. */
  startup: z.string().nullable(),
  on_claim: z.string().nullable(),
  startup_timeout_ms: z.int(),
  on_claim_timeout_ms: z.int(),
  heartbeat_interval_ms: z.int(),
});

export const agentHeartbeatBody = z.object({
  lifecycle: z.enum(AGENT_LIFECYCLES),
  /** The newest epoch whose owner the agent has taken over; 0 before any. */
  applied_epoch: z.int().min(0),
  /** Whether its on_claim ended well. Agents from before this was told say nothing. */
  applied_ok: z.boolean().default(true),
  /**
   * The newest epoch an earlier heartbeat told; 0 before any, since what nobody has claimed has no owner to tell of. A newer
   * one is answered at once, and so is the -1 that agents of before begin with.
   */
  known_epoch: z.int().min(-1),
  /** The answer waits at most this long for an epoch newer than the known one. */
  wait_ms: z.int().min(0).max(60_000),
  /** Somebody has used the workspace since the last heartbeat that was answered. */
  used: z.boolean().default(false),
});

export const agentHeartbeatAnswer = z.object({
  epoch: z.int(),
  owner: agentOwner,
  /** The newest epoch whose owner this agent has said to have taken over: for one that has lost what it knew. */
  applied_epoch: z.int(),
  /** Whether it said that this had ended well. */
  applied_ok: z.boolean(),
  /** Whether the owner gave values to fetch before on_claim; `expired`: they were not fetched in time. */
  values: z.enum(['none', 'given', 'expired']),
  /** The session of the new epoch, when the one that asked ended by a claim while it waited. */
  session: z.string().nullable(),
});

const namedValue = z.object({ name: z.string(), value: z.string() });

export const agentValues = z.object({
  epoch: z.int(),
  environment: z.array(namedValue),
  secrets: z.array(namedValue),
  files: z.array(
    z.object({
      path: z.string(),
      /** Octal digits, such as 600. */
      mode: z.string(),
      content: z.object({ base64: z.string() }),
    }),
  ),
});

export type AgentLifecycle = (typeof AGENT_LIFECYCLES)[number];
export type AgentOwner = z.output<typeof agentOwner>;
export type AgentManifest = z.output<typeof agentManifest>;
export type AgentValues = z.output<typeof agentValues>;
export type ExchangeAnswer = z.output<typeof exchangeAnswer>;
export type AgentHeartbeatBody = z.output<typeof agentHeartbeatBody>;
export type AgentHeartbeatAnswer = z.output<typeof agentHeartbeatAnswer>;
