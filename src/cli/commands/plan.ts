// `standby plan`: what the next pass would do and why, without doing it.
import { createReadStream } from 'node:fs';
import { AppError } from '../../base/app-error.ts';
import { defineCommand, type CommandContext, type ExitStatus } from '../command.ts';
import { planDocument } from '../plan/plan-document.ts';
import { harmlessJson } from '../show/harmless.ts';
import { readDocuments } from '../plan/read-documents.ts';

export const command = defineCommand({
  name: 'plan',
  summary: 'show what the next pass would do and why, changing nothing',
  description:
    'With --snapshot the decision is made from a file, without a server: one JSON object or JSON ' +
    'Lines of them in, one plan per line out, in order. A line that is no snapshot gives an error ' +
    'in its place and exit status 1 at the end.',
  arguments: {},
  options: {
    snapshot: {
      kind: 'text',
      value: 'FILE',
      summary: 'plan for the snapshots in this file; - is standard input',
      required: true,
    },
  },
  examples: ['standby plan --snapshot pools.jsonl', 'standby plan --snapshot - < pools.jsonl'],
  run: (context, { snapshot }) => printPlans(context, snapshot),
});

async function printPlans({ io }: CommandContext, file: string): Promise<ExitStatus> {
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
