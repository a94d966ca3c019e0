// Log lines of one attempt until a heartbeat delivers them. Bounded: what comes too fast is dropped
// and counted, never kept in memory and never made to block the work.
import { formatInstant, type Clock } from '../base/clock.ts';
import type { LogLine } from '../contract/provisioner/protocol.ts';

export interface LogBuffer {
  add(level: LogLine['level'], line: string): void;
  /** The oldest lines that fit one heartbeat; they stay until `delivered`. */
  peek(): readonly LogLine[];
  /** The lines that `peek` gave last have arrived. */
  delivered(lines: readonly LogLine[]): void;
  readonly isEmpty: boolean;
}

/** Some minutes of a talkative build while the control plane is away; about 4 MiB at most. */
const MAX_BUFFERED_CHARS = 4 * 1024 * 1024;
/** Far below what the protocol allows: nobody reads such a line, and one must not fill a request. */
const MAX_LINE_CHARS = 8 * 1024;
/** Of one heartbeat: its body stays below a megabyte even where a character takes three bytes. */
const MAX_BATCH_LINES = 1_000;
const MAX_BATCH_CHARS = 256 * 1024;

export function createLogBuffer(clock: Clock): LogBuffer {
  const waiting: LogLine[] = [];
  let bufferedChars = 0;
  let nextSeq = 0;
  let droppedCount = 0;

  const push = (level: LogLine['level'], line: string): void => {
    waiting.push({ seq: nextSeq, at: formatInstant(clock.now()), level, line });
    nextSeq += 1;
    bufferedChars += line.length;
  };
  const markDropped = (): void => {
    if (droppedCount === 0) return;
    push(
      'warn',
      `${droppedCount} lines are missing here: they came faster than they could be sent`,
    );
    droppedCount = 0;
  };

  return {
    add: (level, given) => {
      const line = shorten(given);
      if (bufferedChars + line.length > MAX_BUFFERED_CHARS) {
        droppedCount += 1;
        return;
      }
      markDropped();
      push(level, line);
    },
    peek: () => {
      if (waiting.length === 0) markDropped();
      let chars = 0;
      const batch = waiting.slice(0, MAX_BATCH_LINES);
      const end = batch.findIndex(({ line }) => (chars += line.length) > MAX_BATCH_CHARS);
      return end <= 0 ? batch : batch.slice(0, end);
    },
    delivered: (lines) => {
      waiting.splice(0, lines.length);
      for (const { line } of lines) bufferedChars -= line.length;
    },
    get isEmpty() {
      return waiting.length === 0 && droppedCount === 0;
    },
  };
}

function shorten(line: string): string {
  if (line.length <= MAX_LINE_CHARS) return line;
  return `${line.slice(0, MAX_LINE_CHARS)} … (${line.length - MAX_LINE_CHARS} characters more)`;
}
