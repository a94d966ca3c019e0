// Where a reader of a job's log stands: the last line that was shown, as `attempt.seq`.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';

export interface LogPosition {
  readonly attempt: number;
  readonly seq: number;
}

const POSITION = /^(\d{1,9})\.(-1|\d{1,9})$/;

/** The position that `text` names; before everything when there is none. Throws BAD_REQUEST. */
export function parseLogPosition(text: string | undefined): LogPosition {
  if (text === undefined) return { attempt: 0, seq: -1 };
  const [, attempt, seq] = POSITION.exec(text) ?? [];
  if (attempt === undefined || seq === undefined) {
    throw new AppError('BAD_REQUEST', `query.after is ${excerpt(text)}, not what \`next\` gave`);
  }
  return { attempt: Number(attempt), seq: Number(seq) };
}

export function formatLogPosition({ attempt, seq }: LogPosition): string {
  return `${attempt}.${seq}`;
}
