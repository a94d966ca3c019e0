// `standby template deprecate`
import { AppError } from '../../../base/app-error.ts';
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { sentence } from '../../show/harmless.ts';
import { CHANGE_OPTIONS, runChange } from '../../template/change.ts';

export const command = defineCommand({
  name: 'template deprecate',
  summary: 'let nobody create from a template any more; its pools drain (administrators)',
  description:
    "People's workspaces stay as they are. Whoever asks for the template is told the message. --undo " +
    'ends it, and the pools fill again.',
  arguments: {
    name: { summary: 'the template' },
    message: { summary: 'why, and what to use instead', optional: true },
  },
  options: { ...CHANGE_OPTIONS, undo: { kind: 'flag', summary: 'end it' } },
  examples: [
    'standby template deprecate hello "use hello-world instead"',
    'standby template deprecate hello --undo',
  ],
  run: (context, { message, undo, ...values }) => {
    const told = chooseMessage(message, undo);
    return runChange(context, values, {
      tell: (is) =>
        told === ''
          ? sentence`Template ${values.name} ${is} not deprecated.\n`
          : sentence`Template ${values.name} ${is} deprecated: ${told}\n`,
      ask: (client, asked) =>
        client.call(templateRoutes.deprecateTemplate, { ...asked, body: { message: told } }),
    });
  },
});

/** Empty: the deprecation ends. Throws USAGE. */
function chooseMessage(message: string | undefined, undo: boolean): string {
  if (undo && message === undefined) return '';
  if (!undo && message !== undefined && message.trim() !== '') return message;
  throw new AppError('USAGE', {
    detail: undo ? '--undo takes no message' : 'the message is missing',
    hint: 'Give a message that says what to use instead, or --undo.',
  });
}
