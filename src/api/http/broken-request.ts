// What arrives at the port and is no request: answered below the application, then cut off.
import type { Duplex } from 'node:stream';
import { AppError } from '../../base/app-error.ts';
import { renderProblem } from './problem.ts';

export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = renderProblem(new AppError('BAD_REQUEST', describe(error)), 'none');
  socket.end(
    'HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n' +
      `content-length: ${Buffer.byteLength(problem.body)}\r\nconnection: close\r\n\r\n${problem.body}`,
  );
}

function describe(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'the request did not arrive in time';
    case 'HPE_HEADER_OVERFLOW':
      return 'the headers of the request are too large';
    default:
      return `what was sent is not HTTP: ${error.message}`;
  }
}
