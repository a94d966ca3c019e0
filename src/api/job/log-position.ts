// Where a reader of a job's log stands: the last line that was shown, as `attempt.seq`.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';

export interface LogPosition {
  readonly attempt: number;
  readonly seq: number;
}

const POSITION = /^(\d{1,9})\.(-1|\d{1,9})$/;

/** The position that `text` names, from a part of the request; before everything when there is none. Throws BAD_REQUEST. */
export function parseLogPosition(text: string | undefined, part = 'query.after'): LogPosition {
  if (text === undefined) return { attempt: 0, seq: -1 };
  const [, attempt, seq] = POSITION.exec(text) ?? [];
  if (attempt === undefined || seq === undefined) {
    throw new AppError('BAD_REQUEST', `${part} is ${excerpt(text)}, not the position of a line`);
  }
  return { attempt: Number(attempt), seq: Number(seq) };
}

export function formatLogPosition({ attempt, seq }: LogPosition): string {
  return `${attempt}.${seq}`;
}
