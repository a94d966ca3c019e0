// `standby login`: keeps a token for a control plane, after trying it.
import { AppError } from '../../base/app-error.ts';
import { createClient } from '../../client/client.ts';
import { peopleRoutes } from '../../contract/people/route.ts';
import { defineCommand, type CommandContext } from '../command.ts';
import { storeLogin } from '../session/login-file.ts';
import { answer } from '../show/answer.ts';
import { harmless, sentence } from '../show/harmless.ts';

export const command = defineCommand({
  name: 'login',
  summary: 'keep a token for a control plane, and use that from now on',
  description:
    'The token is read from standard input unless --token gives it. It is tried, and kept in a ' +
    'file of mode 0600 in the configuration folder of this user.',
  arguments: { url: { summary: 'the address of the control plane' } },
  options: {},
  examples: [
    'standby login http://127.0.0.1:7850',
    'standby login https://standby.example < token',
  ],
  run: async (context, { url }) => {
    // Before a token is asked for: an address that is none.
    const { url: address } = createClient({ url });
    const token = context.globals.token ?? (await readToken(context, address));
    const client = createClient({ url: address, token });
    const { body } = await client.call(peopleRoutes.whoami, {});
    const file = await storeLogin(context.environment, { url: client.url, token });
    const login = { url: client.url, username: body.user.username, file };
    answer(context, login, () => sentence`Logged in to ${client.url} as ${login.username}.\n`);
    return 0;
  },
});

async function readToken({ io }: CommandContext, url: string): Promise<string> {
  if (io.isErrTty) io.err(`Token for ${harmless(url)} (make one with \`standby token create\`): `);
  let text = '';
  for await (const chunk of io.input()) {
    text += Buffer.from(chunk).toString('utf8');
    if (text.includes('\n')) break;
  }
  const token = text.split('\n', 1)[0]?.trim() ?? '';
  if (token !== '') return token;
  throw new AppError('USAGE', {
    detail: 'no token was given',
    hint: 'Type or pipe it into `standby login`, or give it with --token.',
  });
}
