// Statements that go to PostgreSQL in one message. Each but the last saves a turn: the way there and back, and a
// wake-up on either side.
import pg from 'pg';
import {
  MessageQuery,
  type Answer,
  type MessageParts,
  type Portal,
  type Readers,
} from './message-query.ts';
import type { Query } from './statement.ts';
import { limitMsOf } from './time-limit.ts';

/**
 * What each connection has prepared, by name, with how it reads their rows: what these are like is asked for once. Of a
 * message, only the last statement may be new to it.
 */
const prepared = new WeakMap<pg.ClientBase, Map<string, Readers>>();

// Of this pg's types say nothing.
const { prepareValue } = (
  pg as unknown as { readonly utils: { readonly prepareValue: (value: unknown) => unknown } }
).utils;

/** The statements, in their order, in as few messages as this connection can take them. */
export function* inMessages(
  client: pg.ClientBase,
  statements: readonly Query[],
): Generator<readonly Query[]> {
  let message: Query[] = [];
  for (const [index, statement] of statements.entries()) {
    message.push(statement);
    const isLast = index === statements.length - 1;
    if (!isLast && prepared.get(client)?.has(statement.name) === true) continue;
    yield message;
    message = [];
  }
}

/**
 * Runs the statements of a message and gives what the last one gives. What comes behind one that fails does not run.
 * Whatever the others give is not read.
 */
export async function sendMessage(
  client: pg.ClientBase,
  message: readonly Query[],
): Promise<Answer> {
  // Before anything is sent: what cannot be told would leave PostgreSQL waiting for the rest.
  const portals = message.map(({ name, values }): Portal => ({
    statement: name,
    values: values.map(prepareValue),
  }));
  const { name, text } = message.at(-1) as Query;
  const known = prepared.get(client) ?? new Map<string, Readers>();
  const ahead = portals.slice(0, -1);
  const parts: MessageParts = {
    ...{ ahead, last: portals.at(-1) as Portal, text, readers: known.get(name) },
    timeoutMs: ahead.length > 0 ? limitMsOf(message.length) : undefined,
  };
  try {
    const { answer, readers } = await run(client, parts);
    if (name !== '' && !known.has(name)) prepared.set(client, known.set(name, readers));
    return answer;
  } catch (error) {
    // As pg does, so that it tells whose statement it was and not which socket was read.
    Error.captureStackTrace(error as Error);
    throw error;
  }
}

function run(
  client: pg.ClientBase,
  parts: MessageParts,
): Promise<{ readonly answer: Answer; readonly readers: Readers }> {
  return new Promise((resolve, reject) => {
    const query = new MessageQuery(parts, (error, answer) => {
      if (error !== undefined) reject(error);
      else resolve({ answer: answer as Answer, readers: query.readers ?? [] });
    });
    // pg's types know the least of what it runs.
    client.query(query as unknown as pg.Submittable);
  });
}
