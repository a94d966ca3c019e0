// An HTTP response as a route's answer, or as the error it stands for.
import { AppError } from '../base/app-error.ts';
import { isErrorCode, type ErrorCode } from '../base/error-catalog.ts';
import { problemSchema, type Problem } from '../contract/problem.ts';
import { ARCHIVE, type Route } from '../contract/route.ts';

/** Throws the AppError of a problem document, and ANSWER_UNEXPECTED for what no Standby server says. */
export async function readAnswer(
  route: Route,
  response: Response,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { status } = response;
  const schema = route.answers[status];
  if (schema === undefined) throw await errorOf(response);
  if (schema === null) return { status, body: null };
  if (schema === ARCHIVE) return { status, body: new Uint8Array(await response.arrayBuffer()) };
  const parsed = schema.safeParse(parseJson(await response.text()));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined ? '' : ` (${issue.path.join('.')}: ${issue.message})`;
    throw unexpected(response, `an answer to ${route.id} that cannot be read${where}`);
  }
  return { status, body: parsed.data };
}

async function errorOf(response: Response): Promise<AppError> {
  const problem = problemSchema.safeParse(parseJson(await response.text()));
  if (!problem.success) return unexpected(response, 'something that is not an answer of Standby');
  return toAppError(problem.data);
}

function toAppError(problem: Problem): AppError {
  const { type: _type, title: _title, status, code, detail, hint, ...fields } = problem;
  if (isErrorCode(code)) return new AppError(code, { detail, hint, fields });
  // A newer server knows more codes: the nearest one decides the exit status, its text is kept.
  return new AppError(nearest(status), {
    detail: `${code}: ${detail}`,
    hint,
    fields: { ...fields, server_code: code },
  });
}

function nearest(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    default:
      return status >= 500 ? 'INTERNAL' : 'BAD_REQUEST';
  }
}

function unexpected(response: Response, what: string): AppError {
  const from = response.url === '' ? 'the server' : new URL(response.url).origin;
  return new AppError('ANSWER_UNEXPECTED', `${from} gave ${what}: HTTP ${response.status}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // no schema accepts it
  }
}
