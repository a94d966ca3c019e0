// Whether what came is an answer of the agent protocol, and not that of some proxy on the way. Without
// a library, because every workspace carries this program.
import type {
  AgentHeartbeatAnswer,
  AgentManifest,
  AgentValues,
  ExchangeAnswer,
} from '../contract/agent/protocol.ts';

export function isExchangeAnswer(body: unknown): body is ExchangeAnswer {
  return isRecord(body) && isText(body['session']) && isCount(body['epoch']);
}

export function isManifest(body: unknown): body is AgentManifest {
  return (
    isRecord(body) &&
    [body['startup'], body['on_claim']].every((script) => script === null || isText(script)) &&
    ['startup_timeout_ms', 'on_claim_timeout_ms', 'heartbeat_interval_ms'].every((name) =>
      isCount(body[name]),
    )
  );
}

/** Control planes from before `applied_ok` was told do not say it. */
type HeardAnswer = Omit<AgentHeartbeatAnswer, 'applied_ok'> &
  Partial<Pick<AgentHeartbeatAnswer, 'applied_ok'>>;

export function isHeartbeatAnswer(body: unknown): body is HeardAnswer {
  return (
    isRecord(body) &&
    isCount(body['epoch']) &&
    (body['owner'] === null || isOwner(body['owner'])) &&
    (body['session'] === null || isText(body['session'])) &&
    (body['applied_epoch'] === undefined || isCount(body['applied_epoch'])) &&
    (body['applied_ok'] === undefined || typeof body['applied_ok'] === 'boolean') &&
    [undefined, 'none', 'given', 'expired'].some((known) => known === body['values'])
  );
}

export function isAgentValues(body: unknown): body is AgentValues {
  return (
    isRecord(body) &&
    isCount(body['epoch']) &&
    isListOf(body['environment'], isNamedValue) &&
    isListOf(body['secrets'], isNamedValue) &&
    isListOf(body['files'], isFile)
  );
}

function isNamedValue(value: unknown): boolean {
  return isRecord(value) && isText(value['name']) && typeof value['value'] === 'string';
}

function isFile(value: unknown): boolean {
  return (
    isRecord(value) &&
    isText(value['path']) &&
    isText(value['mode']) &&
    isRecord(value['content']) &&
    typeof value['content']['base64'] === 'string'
  );
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem);
}

function isOwner(value: unknown): boolean {
  return (
    isRecord(value) &&
    isText(value['id']) &&
    isText(value['username']) &&
    typeof value['display_name'] === 'string'
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
