// Plans for snapshots in a file, without a server.
import { createReadStream } from 'node:fs';
import { AppError } from '../../base/app-error.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { harmlessJson } from '../show/harmless.ts';
import { planDocument } from './plan-document.ts';
import { readDocuments } from './read-documents.ts';

/** `-` is standard input. */
export async function printSnapshotPlans(
  { io }: CommandContext,
  file: string,
): Promise<ExitStatus> {
  let status = 0;
  for await (const document of readDocuments(file === '-' ? io.input() : openFile(file))) {
    const answer = planDocument(document);
    if ('error' in answer) status = 1;
    io.out(`${harmlessJson(answer)}\n`);
  }
  return status;
}

async function* openFile(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>;
  } catch (error) {
    // Only the reading can fail in here: what the consumer throws does not pass through.
    throw new AppError(
      'FILE_UNREADABLE',
      `${file}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
