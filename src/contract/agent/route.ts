// The routes an agent calls.
import { route, SHELL_SCRIPT } from '../route.ts';
import {
  agentHeartbeatAnswer,
  agentHeartbeatBody,
  agentManifest,
  agentValues,
  exchangeAnswer,
  exchangeBody,
} from './protocol.ts';

export const agentRoutes = {
  getShellAgent: route({
    id: 'getShellAgent',
    method: 'get',
    path: '/agent.sh',
    audience: 'anyone',
    summary: 'The agent for images with a shell and curl, and no Node.js',
    answers: { 200: SHELL_SCRIPT },
    errors: [],
  }),
  exchangeAgentToken: route({
    id: 'exchangeAgentToken',
    method: 'post',
    path: '/api/v1/agent/exchange',
    audience: 'agent_bootstrap',
    summary: 'Exchange the bootstrap token for a session; ends the former one',
    body: exchangeBody,
    answers: { 200: exchangeAnswer },
    errors: ['AGENT_UNKNOWN'],
  }),
  getAgentManifest: route({
    id: 'getAgentManifest',
    method: 'get',
    path: '/api/v1/agent/manifest',
    audience: 'agent',
    summary: 'What the agent has to run',
    answers: { 200: agentManifest },
    errors: [],
  }),
  getAgentValues: route({
    id: 'getAgentValues',
    method: 'get',
    path: '/api/v1/agent/values',
    audience: 'agent',
    summary: 'What the present owner gave for the workspace',
    answers: { 200: agentValues },
    errors: ['OWNER_VALUES_GONE'],
  }),
  heartbeatAgent: route({
    id: 'heartbeatAgent',
    method: 'post',
    path: '/api/v1/agent/heartbeat',
    audience: 'agent',
    summary: 'Show a sign of life and wait for a change of owner',
    body: agentHeartbeatBody,
    // It is read before it is known who calls.
    maxBodyBytes: 4_096,
    answers: { 200: agentHeartbeatAnswer },
    errors: [],
  }),
} as const;
