// What arrives at the port and is no request: answered below the application, then cut off.
import type { Duplex } from 'node:stream';
import { AppError } from '../../base/app-error.ts';
import { renderProblem } from './problem.ts';

export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { line, problem } = problemOf(error);
  const { body } = renderProblem(problem, 'none');
  socket.end(
    `HTTP/1.1 ${line}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function problemOf(error: NodeJS.ErrnoException): {
  readonly line: string;
  readonly problem: AppError;
} {
  // Of a server that stood still, too: it finds the time over before it reads what had arrived.
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const problem = new AppError('REQUEST_TIMEOUT', 'the request did not arrive in time');
    return { line: '408 Request Timeout', problem };
  }
  const detail =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? 'the headers of the request are too large'
      : `what was sent is not HTTP: ${error.message}`;
  return { line: '400 Bad Request', problem: new AppError('BAD_REQUEST', detail) };
}
