// Canaries for the presets of a version: built like prebuilds, but of no pool, so that nobody claims them.
import { AppError } from '../base/app-error.ts';
import {
  createId,
  type BuildId,
  type JobId,
  type VersionId,
  type WorkspaceId,
} from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Manifest } from '../contract/manifest/schema.ts';
import { REHEARSALS_SINCE_PROTOCOL_VERSION } from '../domain/job/protocol.ts';
import { createPrebuildName } from '../domain/name/prebuild-name.ts';
import { completeParameters, parametersInvalid } from '../domain/parameter/check.ts';
import { limitCreations, type BudgetOptions } from '../domain/pool/budget.ts';
import { insertBuilds, insertWorkspaces } from '../store/build.ts';
import { CANARY, insertCanary, listPooledPresets } from '../store/canary.ts';
import { lockCreationBudget, readCreationBudget } from '../store/creation-budget.ts';
import type { Transaction } from '../store/database.ts';
import { PREBUILDS_USER_ID } from '../store/system-user.ts';
import type { TemplateRef } from './lock-template.ts';

export interface WantedCanaries {
  readonly template: TemplateRef;
  readonly versionId: VersionId;
  readonly manifest: Manifest;
  /** Names of those that need one. */
  readonly presets: readonly string[];
  readonly options: BudgetOptions;
}

export interface HeldCanary {
  readonly preset: string;
  readonly by: 'budget' | 'quota';
}

/**
 * Under the template's lock. Begins as many as may be begun now, as if their pools made them, and gives those
 * that may not. Throws PARAMETERS_INVALID for a preset that cannot be built, NO_DAEMON where nobody is there who
 * could rehearse, and REHEARSAL_REFUSED where several said nothing, so that none is begun for ever.
 */
export async function startCanaries(
  kit: Kit,
  tx: Transaction,
  { template, versionId, manifest, presets, options }: WantedCanaries,
): Promise<readonly HeldCanary[]> {
  const held: HeldCanary[] = [];
  const listed = await listPooledPresets.all(tx, { versionId });
  const wanted = listed.filter(({ name }) => presets.includes(name));
  for (const preset of wanted) checkPromising(template, manifest, preset);
  for (const preset of wanted) {
    const { values, issues } = completeParameters(manifest.parameters, preset.parameters);
    if (issues.length > 0) throw parametersInvalid(issues);
    const { organizationId, poolId, id: presetId, dailyCost } = preset;
    lockCreationBudget.later(tx, { organizationId });
    const budget = await readCreationBudget.one(tx, { organizationId, poolIds: [poolId] });
    const { allowed, overBudget } = limitCreations({ count: 1, dailyCost }, budget, options);
    if (allowed === 0) {
      held.push({ preset: preset.name, by: overBudget > 0 ? 'budget' : 'quota' });
      continue;
    }
    const { driver, tags } = manifest;
    const workspaceId = createId<WorkspaceId>(kit);
    insertWorkspaces(tx, [
      {
        ...{ id: workspaceId, organizationId, poolId, templateId: template.id },
        ...{ ownerId: PREBUILDS_USER_ID, origin: 'prebuild', epoch: 0 },
        name: createPrebuildName(kit.rng),
      },
    ]);
    await insertBuilds(tx, [
      {
        ...{ id: createId<BuildId>(kit), jobId: createId<JobId>(kit), workspaceId, organizationId },
        ...{ number: 1, transition: 'start', stage: 'none', reason: CANARY },
        ...{ versionId, presetId, initiatorId: PREBUILDS_USER_ID },
        ...{ parameters: values, secretParametersId: null },
        ...{ driver, tags, machineId: null, jobClass: 4 },
      },
    ]);
    insertCanary.later(tx, { presetId, workspaceId });
    tx.notify({ kind: 'queue', organizationId, driver });
  }
  return held;
}

/** Within an hour, of one preset. */
const MAX_TRIES = 3;

function checkPromising(
  { name: template }: TemplateRef,
  { driver, tags }: Manifest,
  preset: Awaited<ReturnType<typeof listPooledPresets.one>>,
): void {
  const { name, tries, lastError, isServed } = preset;
  const what = `template "${template}" was not promoted`;
  if (tries >= MAX_TRIES) {
    throw new AppError('REHEARSAL_REFUSED', {
      detail: `${what}: ${tries} canaries of preset "${name}" told nothing of a claim within an hour, the last one because ${lastError ?? 'it ended'}`,
      hint: 'See to the daemons that built them, and promote again an hour later.',
    });
  }
  if (!isServed) {
    throw new AppError('NO_DAEMON', {
      detail: `${what}: no daemon of protocol version ${REHEARSALS_SINCE_PROTOCOL_VERSION} or newer is there that could rehearse a claim of preset "${name}" (driver ${driver}, tags ${JSON.stringify(tags)})`,
      hint: 'Start a daemon of this release that offers these (`standby provisioner`), and promote again.',
    });
  }
}
