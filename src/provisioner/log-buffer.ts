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
  /** Nothing more is wanted: what waits is dropped, and so is what still comes. */
  close(): void;
  readonly isEmpty: boolean;
}

/** Some minutes of a talkative build while the control plane is away. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;
/** Far below what the protocol allows: nobody reads such a line, and one must not fill a request. */
const MAX_LINE_CHARS = 8 * 1024;
/** Of one heartbeat. The control plane takes bodies of a mebibyte; what it refused would come again. */
const MAX_BATCH_LINES = 1_000;
const MAX_BATCH_BYTES = 512 * 1024;
/** Of a line's number, time and level; without it, empty lines could be kept without end. */
const LINE_OVERHEAD_BYTES = 128;

interface Waiting {
  readonly line: LogLine;
  readonly bytes: number;
}

export function createLogBuffer(clock: Clock): LogBuffer {
  const waiting: Waiting[] = [];
  let bufferedBytes = 0;
  let nextSeq = 0;
  let droppedCount = 0;
  let isClosed = false;

  const push = (level: LogLine['level'], line: string): void => {
    const bytes = sizeOf(line);
    const at = formatInstant(clock.now());
    waiting.push({ line: { seq: nextSeq, at, level, line: detach(line) }, bytes });
    nextSeq += 1;
    bufferedBytes += bytes;
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
      if (isClosed) return;
      const line = shorten(given);
      if (bufferedBytes + sizeOf(line) > MAX_BUFFERED_BYTES) {
        droppedCount += 1;
        return;
      }
      markDropped();
      push(level, line);
    },
    peek: () => {
      if (waiting.length === 0) markDropped();
      let bytes = 0;
      const batch = waiting.slice(0, MAX_BATCH_LINES);
      const end = batch.findIndex((entry) => (bytes += entry.bytes) > MAX_BATCH_BYTES);
      return (end <= 0 ? batch : batch.slice(0, end)).map(({ line }) => line);
    },
    delivered: (lines) => {
      // Those of a closed buffer are gone already.
      if (isClosed) return;
      for (const { bytes } of waiting.splice(0, lines.length)) bufferedBytes -= bytes;
    },
    close: () => {
      isClosed = true;
      waiting.length = 0;
      droppedCount = 0;
    },
    get isEmpty() {
      return waiting.length === 0 && droppedCount === 0;
    },
  };
}

/** A copy: a line cut out of a larger text would keep the whole of that in memory. */
function detach(line: string): string {
  return Buffer.from(line).toString();
}

function shorten(line: string): string {
  if (line.length <= MAX_LINE_CHARS) return line;
  return `${line.slice(0, MAX_LINE_CHARS)} … (${line.length - MAX_LINE_CHARS} characters more)`;
}

/** As it is sent: in JSON a control character takes six bytes. */
function sizeOf(line: string): number {
  return Buffer.byteLength(JSON.stringify(line)) + LINE_OVERHEAD_BYTES;
}
