// Pools as they are stored at one moment, read for a decision. The periodic pass, the reconcile
// under the lock and the pool's page read with the same queries.
import type { Instant } from '../base/clock.ts';
import type { OrganizationId, PoolId } from '../base/id.ts';
import type { Brakes } from '../domain/pool/brakes.ts';
import {
  decidePool,
  type PoolDecision,
  type PoolWorld,
  type WorldPreset,
} from '../domain/pool/decide-pool.ts';
import type { PoolMember } from '../domain/pool/member.ts';
import {
  readAllJudged,
  readAllMembers,
  readAllPresets,
  readMoment as readMomentRow,
  readPoolRows,
  type MemberRow,
  type MomentRow,
  type PoolRows,
  type PresetRow,
} from '../store/pool-row.ts';
import { parsePrebuildSettings } from '../store/settings.ts';
import type { Executor } from '../store/statement.ts';
import type { DecisionOptions } from './options.ts';

/** What is the same for all pools at the moment of reading. */
export interface Moment {
  readonly now: Instant;
  /** Of everything. */
  readonly paused: boolean;
  /** Since when silence may be judged; null: not now. */
  readonly silenceJudgedFrom: Instant | null;
}

export interface SeenPool {
  readonly id: PoolId;
  readonly organizationId: OrganizationId;
  /** Its presets that are active or have anything alive; at least one. */
  readonly presets: readonly PresetRow[];
  readonly world: PoolWorld;
}

/** Two intervals without a look for silent agents are a gap: store/watch.ts draws the same line. */
const MISSED_SWEEPS = 2;

/** Throws SETTINGS_UNREADABLE: what cannot be read is never "not paused". */
export async function readMoment(on: Executor, options: DecisionOptions): Promise<Moment> {
  return toMoment(await readMomentRow.one(on, {}), options);
}

function toMoment(row: MomentRow, options: DecisionOptions): Moment {
  const { reconciliationPaused: paused } = parsePrebuildSettings(row.settings);
  const swept =
    row.sweptAt !== null && row.now - row.sweptAt <= MISSED_SWEEPS * options.sweepIntervalMs;
  return { now: row.now, paused, silenceJudgedFrom: swept ? row.judgingFrom : null };
}

/** Every pool that may have anything to decide. */
export async function readAllPools(
  on: Executor,
  moment: Moment,
  options: DecisionOptions,
): Promise<readonly SeenPool[]> {
  const rows = {
    presets: await readAllPresets.all(on, {}),
    members: await readAllMembers.all(on, {}),
    judged: await readAllJudged.all(on, {}),
  };
  return assemble(rows, moment, options);
}

export interface SomePools {
  readonly moment: Moment;
  /** One of which no preset is active or has anything alive is left out. */
  readonly pools: readonly SeenPool[];
}

/** By one statement. Throws SETTINGS_UNREADABLE. */
export async function readPools(
  on: Executor,
  poolIds: readonly PoolId[],
  options: DecisionOptions,
): Promise<SomePools> {
  const { moment: row, ...rows } = await readPoolRows(on, { poolIds });
  const moment = toMoment(row, options);
  return { moment, pools: assemble(rows, moment, options) };
}

export function decideSeenPool(
  { world }: SeenPool,
  { now }: Moment,
  options: DecisionOptions,
): PoolDecision {
  return decidePool(world, now, {
    hardLimit: options.failureHardLimit,
    cooldownMs: options.hardLimitCooldownMs,
    backoffIntervalMs: options.backoffIntervalMs,
    backoffLookbackMs: options.backoffLookbackMs,
    failedKept: options.failedKept,
  });
}

function assemble(rows: PoolRows, moment: Moment, options: DecisionOptions): readonly SeenPool[] {
  const members = groupByPool(rows.members);
  const judged = groupByPool(rows.judged);
  return [...groupByPool(rows.presets)].flatMap(([id, presets]) => {
    const first = presets[0];
    if (first === undefined) return [];
    const world: PoolWorld = {
      paused: first.paused || moment.paused,
      brakes: toBrakes(first),
      presets: presets.map((preset) => toPreset(preset, options)),
      members: (members.get(id) ?? []).map(toMember),
      judged: judged.get(id) ?? [],
      silenceJudgedFrom: moment.silenceJudgedFrom,
      waiting: first.waiting,
      unproven: first.unproven,
    };
    return [{ id, organizationId: first.organizationId, presets, world }];
  });
}

function groupByPool<Row extends { readonly poolId: PoolId }>(
  rows: readonly Row[],
): ReadonlyMap<PoolId, readonly Row[]> {
  const groups = new Map<PoolId, Row[]>();
  for (const row of rows) {
    const group = groups.get(row.poolId);
    if (group === undefined) groups.set(row.poolId, [row]);
    else group.push(row);
  }
  return groups;
}

function toBrakes(row: PresetRow): Brakes | null {
  const { brakesPresetId, judgedSince, limitedAt, trialAt, cooldownMs } = row;
  if (brakesPresetId === null || judgedSince === null) return null;
  const limit =
    limitedAt === null || trialAt === null || cooldownMs === null
      ? null
      : { since: limitedAt, trialAt, cooldownMs, trialWorkspaceId: row.trialWorkspaceId };
  return { presetId: brakesPresetId, judgedSince, limit };
}

function toPreset(row: PresetRow, options: DecisionOptions): WorldPreset {
  return {
    id: row.presetId,
    versionId: row.versionId,
    desired: row.sizeOverride ?? row.desired,
    maxInstances: row.maxInstances,
    ttlSeconds: row.ttlSeconds,
    usingActiveVersion: row.usingActiveVersion,
    deleted: row.deleted,
    deprecated: row.deprecated,
    lastInvalidatedAt: row.lastInvalidatedAt,
    timezone: row.timezone,
    schedules: row.overridesSchedules ? [] : row.schedules,
    status: row.status,
    unreadyGraceMs: row.unreadyGraceSeconds * 1000,
    failedRetentionMs: shorterLimit(row.failedRetentionSeconds * 1000, options.failedRetentionMs),
  };
}

/** Of two limits of which 0 means none. */
function shorterLimit(aMs: number, bMs: number): number {
  return aMs === 0 || bMs === 0 ? Math.max(aMs, bMs) : Math.min(aMs, bMs);
}

function toMember(row: MemberRow): PoolMember {
  const { jobStatus, attempt, bySystem, deletes } = row;
  return {
    workspaceId: row.workspaceId,
    presetId: row.presetId,
    buildNumber: row.buildNumber,
    transition: row.transition,
    job:
      jobStatus === null || attempt === null || bySystem === null || deletes === null
        ? null
        : { status: jobStatus, attempt, completedAt: row.completedAt, bySystem, deletes },
    bornAt: row.bornAt,
    runningSince: row.runningSince,
    ready: row.ready,
    lostAt: row.lostAt,
    broken: row.broken,
  };
}
