// `standby template push`: packs a folder, pushes it, shows the import, and promotes the version.
import { promoteVersion } from '../../../client/promote-version.ts';
import { pushTemplate } from '../../../client/push-template.ts';
import { manifestInvalid } from '../../../contract/manifest/issue.ts';
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { harmlessLine, sentence } from '../../show/harmless.ts';
import { createProgress } from '../../show/progress.ts';
import { readTemplateFolder } from '../../template/read-folder.ts';

export const command = defineCommand({
  name: 'template push',
  summary: 'push a folder as a version of its template (administrators)',
  description:
    'The folder holds standby.yaml and the files of its driver. A daemon checks the version; then ' +
    'it becomes the active one, unless --no-promote is given.',
  arguments: { folder: { summary: 'the folder' } },
  options: {
    org: ORGANIZATION_OPTION,
    versionName: { kind: 'text', value: 'NAME', summary: 'its name; else v1, v2 and so on' },
    message: { kind: 'text', value: 'TEXT', summary: 'what changed', short: 'm' },
    noPromote: { kind: 'flag', summary: 'leave the active version as it is' },
  },
  examples: ['standby template push templates/hello', 'standby template push . --no-promote'],
  run: async (context, { folder, org, versionName, message, noPromote }) => {
    const { packed, parsed } = await readTemplateFolder(folder);
    // Mistakes are told here, before anything is sent.
    if (parsed.kind === 'invalid') throw manifestInvalid(parsed.issues);
    const { name } = parsed.manifest;
    const progress = createProgress(context);
    if (packed.skipped.length > 0) progress.keep(`Left out: ${packed.skipped.join(', ')}`);
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);

    const farewell = `The import goes on without you: see \`standby template show ${name}\`.`;
    return interruptible(context, farewell, async (signal) => {
      progress.say(`Pushing ${name} (${packed.bytes.byteLength} bytes) …`);
      const version = await pushTemplate(
        { ...context.kit, client },
        {
          ...{ organization, template: name, archive: packed.bytes },
          ...(versionName === undefined ? {} : { versionName }),
          ...(message === undefined ? {} : { message }),
        },
        {
          signal,
          onLog: ({ line }) => progress.keep(`  ${harmlessLine(line)}`),
          onWaiting: (reason) => progress.say(`The import waits: ${reason}`),
        },
      ).finally(() => progress.clear());
      if (!noPromote) {
        const promoted = { organization, template: name, version: version.name };
        await promoteVersion({ ...context.kit, client }, promoted, {
          signal,
          onWaiting: () => progress.say('A claim of its pools is rehearsed …'),
        }).finally(() => progress.clear());
      }
      const state = noPromote ? 'not active yet' : 'active';
      answer(
        context,
        { ...version, active: !noPromote || version.active },
        () => sentence`Version ${version.name} of template ${name} is imported and ${state}.\n`,
      );
      return 0;
    });
  },
});
