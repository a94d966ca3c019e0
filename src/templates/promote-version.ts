// Making a version the active one. Its pools fill, those of the former one drain, in the turns that
// the notices start.
import { AppError } from '../base/app-error.ts';
import type { PoolId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Manifest } from '../contract/manifest/schema.ts';
import type { BudgetOptions } from '../domain/pool/budget.ts';
import { judgePromotion } from '../domain/job/rehearsal.ts';
import type { Replacement } from '../domain/job/replacement.ts';
import { tellPools, type Operator } from '../pools/operation.ts';
import type { Transaction } from '../store/database.ts';
import {
  findVersion,
  listPoolsOfVersions,
  retryValidation,
  type VersionRow,
} from '../store/template-version.ts';
import { activateVersion } from '../store/template.ts';
import { startCanaries, type HeldCanary } from './canary.ts';
import { lockTemplate, type TemplateRef } from './lock-template.ts';

export interface Promotion {
  readonly template: TemplateRef;
  readonly version: string;
  readonly by: Operator;
  readonly options: BudgetOptions;
  /** Go on as if what is awaited were clean: everything is taken back again. */
  readonly isDryRun?: boolean;
}

/** Of a version that is not promoted before the claims of these presets were rehearsed. */
export interface AwaitedRehearsals {
  readonly presets: readonly string[];
  /** Those whose canary is not begun yet. */
  readonly held: readonly HeldCanary[];
}

export interface Promoted {
  /** Those concerned. */
  readonly poolIds: readonly PoolId[];
  /** Without any, and in a dry run, it is promoted. */
  readonly awaited: AwaitedRehearsals;
}

export const NOTHING_AWAITED: AwaitedRehearsals = { presets: [], held: [] };

/**
 * Of the version that is the active one already, it lets parameters be tried again that did not fit. A version
 * that refuses to replace anything at a claim is rehearsed first. Throws NOT_FOUND, VERSION_NOT_IMPORTED unless
 * its import succeeded, REHEARSAL_REFUSED with what claims would replace, PARAMETERS_INVALID for a preset that
 * cannot be rehearsed, QUOTA_EXCEEDED where nothing can be, for what it costs, and NO_DAEMON.
 */
export async function promoteVersion(
  kit: Kit,
  tx: Transaction,
  { template, version: name, by, options, isDryRun = false }: Promotion,
): Promise<Promoted> {
  await lockTemplate(tx, template);
  const version = await findVersion(tx, template.id, name);
  if (version === undefined) {
    throw new AppError('NOT_FOUND', `template "${template.name}" has no version "${name}"`);
  }
  let awaited = NOTHING_AWAITED;
  if (version.importStatus === 'succeeded' && !version.active) {
    awaited = await rehearse(kit, tx, { template, version, options });
    if (awaited.presets.length > 0 && !isDryRun) return { poolIds: [], awaited };
  }
  // While the former one still is the active one.
  const poolIds = await listPoolsOfVersions(tx, template.id, version.id);
  if (!(await activateVersion(tx, template.id, version.id))) {
    throw new AppError(
      'VERSION_NOT_IMPORTED',
      `version "${name}" of template "${template.name}" has no successful import: it ${describeImport(version)}`,
    );
  }
  await retryValidation(tx, version.id);
  const reason = `version ${name} is the active one`;
  tellPools(kit, tx, { poolIds, kind: 'promoted', by, reason });
  return { poolIds, awaited };
}

/** Gives what has to end first. */
async function rehearse(
  kit: Kit,
  tx: Transaction,
  {
    template,
    version,
    options,
  }: Pick<Promotion, 'template' | 'options'> & { readonly version: VersionRow },
): Promise<AwaitedRehearsals> {
  const { refused, begin, awaited } = judgePromotion(version.rehearsals);
  if (refused.length > 0) throw rehearsalRefused(template, version);
  // The manifest was checked when its version was pushed, and versions never change.
  const manifest = version.manifest as Manifest;
  const wanted = { template, versionId: version.id, manifest, presets: begin, options };
  const held = await startCanaries(kit, tx, wanted);
  const presets = [...begin, ...awaited];
  // Nothing is under way that could make room.
  if (held.length > 0 && held.length === presets.length && held.every(({ by }) => by === 'quota')) {
    throw new AppError('QUOTA_EXCEEDED', {
      detail: `version "${version.name}" of template "${template.name}" was not promoted: a canary would cost more than the pools of the organization may spend`,
      hint: 'Ask an administrator for a larger allowance of the group "prebuilt-workspaces"; `standby quota show` tells what is used.',
    });
  }
  return { presets, held };
}

const MAX_TOLD = 5;

function rehearsalRefused(
  { name }: TemplateRef,
  { name: version, rehearsals }: VersionRow,
): AppError {
  const reasons = rehearsals.flatMap(({ preset, outcome, findings, error }) => {
    if (outcome === 'failed') return [`of preset "${preset}" cannot be planned: ${error ?? ''}`];
    if (outcome !== 'replaces') return [];
    const told = findings.slice(0, MAX_TOLD).map(describeFinding).join(', ');
    const more = findings.length > MAX_TOLD ? ` and ${findings.length - MAX_TOLD} more` : '';
    return [`of preset "${preset}" does not keep ${told}${more}`];
  });
  return new AppError('REHEARSAL_REFUSED', {
    detail: `version "${version}" of template "${name}" was not promoted: a claim ${reasons.join('; ')}`,
    fields: {
      rehearsals: rehearsals.map(({ preset, findings, error }) => ({ preset, findings, error })),
    },
  });
}

function describeFinding({ address, paths }: Replacement): string {
  return paths.length === 0 ? address : `${address} (${paths.join(', ')})`;
}

function describeImport({ importStatus, importError }: VersionRow): string {
  return importError === null ? `is ${importStatus}` : `${importStatus}: ${importError}`;
}
