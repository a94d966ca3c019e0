// An error as application/problem+json. What the server did not expect is told to the log, never to
// the caller.
import type { AppError } from '../../base/app-error.ts';
import type { ErrorCode } from '../../base/error-catalog.ts';

export interface ProblemResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export function renderProblem(error: AppError, requestId: string): ProblemResponse {
  const { http: status } = error.spec;
  const problem = {
    ...error.fields,
    type: `urn:standby:error:${error.code}`,
    title: titleOf(error.code),
    status,
    code: error.code,
    detail: error.code === 'INTERNAL' ? 'the server failed to answer this request' : error.detail,
    hint: error.hint,
    request_id: requestId,
  };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...headersOf(error) },
    body: JSON.stringify(problem),
  };
}

/** POOL_EMPTY → "Pool empty". */
function titleOf(code: ErrorCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function headersOf(error: AppError): Readonly<Record<string, string>> {
  switch (error.code) {
    case 'UNAUTHENTICATED':
      return { 'www-authenticate': 'Bearer realm="standby"' };
    case 'METHOD_NOT_ALLOWED':
      return { allow: String(error.fields['allow']) };
    case 'BODY_TOO_LARGE':
    case 'ARCHIVE_TOO_LARGE':
      // The rest of the body is not worth waiting for.
      return { connection: 'close' };
    default:
      return error.spec.http === 503 ? { 'retry-after': '1' } : {};
  }
}
