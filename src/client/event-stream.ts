// The body of an answer as server-sent events, checked against the route's schemas as they come.
import { OVER } from '../base/abort.ts';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import type { EventSchemas } from '../contract/route.ts';

export interface IncomingEvent {
  readonly event: string;
  readonly id: string;
  readonly data: unknown;
}

/** Three of the server's signs of life missed: whatever is in between has forgotten this connection. */
const SILENCE_MS = 45_000;
/** No event of Standby comes near; whoever sends more is not a Standby server. */
const MAX_EVENT_CHARS = 1024 * 1024;

/**
 * The events until the server ends the stream; those that this version does not know are left out.
 * Throws ANSWER_UNEXPECTED for what is no such stream; what the connection fails with is thrown as it is.
 */
export async function* readEvents(
  response: Response,
  schemas: EventSchemas,
  clock: Clock,
): AsyncGenerator<IncomingEvent, void, undefined> {
  const fields = createFieldReader();
  for await (const text of readText(response, clock)) {
    for (const { event, id, data } of fields.read(text)) {
      const schema = schemas[event];
      if (schema === undefined) continue;
      const parsed = schema.safeParse(parseJson(data));
      if (!parsed.success) throw unexpected(`an event "${event}" that cannot be read`);
      yield { event, id, data: parsed.data };
    }
  }
}

async function* readText(
  response: Response,
  clock: Clock,
): AsyncGenerator<string, void, undefined> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await withinSilence(clock, reader.read());
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    // Also when nobody wants more: else the connection would stay.
    await reader.cancel().catch(() => undefined); // it has failed already
  }
}

/** What was read. Throws SERVER_UNREACHABLE when nothing comes for too long. */
async function withinSilence<T>(clock: Clock, reading: Promise<T>): Promise<T> {
  const heard = new AbortController();
  const silence = clock.sleep(SILENCE_MS, heard.signal).then(() => {
    throw new AppError('SERVER_UNREACHABLE', `the server was silent for ${SILENCE_MS / 1000} s`);
  });
  try {
    return await Promise.race([reading, silence]);
  } finally {
    // A timer that is left would keep the program from ending.
    silence.catch(() => undefined);
    heard.abort(OVER);
  }
}

interface RawEvent {
  readonly event: string;
  readonly id: string;
  readonly data: string;
}

/** Puts events together from pieces of text that may end anywhere. */
function createFieldReader(): { read(text: string): readonly RawEvent[] } {
  let rest = '';
  let event = '';
  let id = '';
  let data: string[] = [];

  const readLine = (line: string): RawEvent | undefined => {
    if (line === '') {
      const complete = data.length === 0 ? undefined : { event, id, data: data.join('\n') };
      event = '';
      data = [];
      return complete;
    }
    const [, name = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === 'event') event = value;
    else if (name === 'id') id = value;
    else if (name === 'data') data.push(value);
    return undefined; // a comment, or a field that says nothing here
  };

  return {
    read: (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length + data.join('').length > MAX_EVENT_CHARS)
        throw unexpected('an endless event');
      return lines.flatMap((line) => readLine(line.replace(/\r$/, '')) ?? []);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no schema accepts it
  }
}

function unexpected(what: string): AppError {
  return new AppError('ANSWER_UNEXPECTED', `the server sent ${what}`);
}
