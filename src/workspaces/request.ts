// A request for a workspace, judged: who may ask, for which template, and what exactly is wanted.
import { AppError } from '../base/app-error.ts';
import { excerpt } from '../base/excerpt.ts';
import type { AutomaticUpdates } from '../domain/workspace/automatic-updates.ts';
import type { OrganizationId, TemplateId, UserId, VersionId } from '../base/id.ts';
import { manifestSchema, type Manifest } from '../contract/manifest/schema.ts';
import { checkName, NO_PRESET } from '../domain/name/name.ts';
import {
  checkParameters,
  completeParameters,
  parametersInvalid,
  type ParameterValues,
} from '../domain/parameter/check.ts';
import { splitSensitive } from '../domain/parameter/sensitive.ts';
import type { StartSchedule } from '../domain/schedule/next-start.ts';
import { matchPreset } from '../domain/preset/match.ts';
import { checkOwnerValues, type OwnerValues } from '../domain/workspace/owner-values.ts';
import { resolveRequest, type ClaimPreset } from '../store/claim.ts';
import type { PriorRequest } from '../store/idempotency-key.ts';
import type { Executor } from '../store/statement.ts';

export interface WorkspaceRequest {
  readonly organization: string;
  readonly template: string;
  readonly name: string;
  /** A preset's name; `none` for explicitly without; the best match when left out. */
  readonly preset: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly onEmpty: 'create' | 'fail' | 'wait';
  /** Where others wait: those with the same or a higher one are served before. */
  readonly priority: number;
  /** How long to wait at most. */
  readonly waitTimeoutSeconds: number;
  /** How long it runs after each start; 0: for ever; as the template says when left out. */
  readonly ttlSeconds: number | undefined;
  /** When it starts by itself; never when left out. */
  readonly autostart: StartSchedule | undefined;
  /** Whether its starts are with the newest version; never when left out. */
  readonly automaticUpdates: AutomaticUpdates | undefined;
  readonly idempotencyKey: string | undefined;
  /** For the agents of the workspace to hand over. */
  readonly values: OwnerValues | undefined;
}

export interface Requester {
  readonly userId: UserId;
  readonly isAdmin: boolean;
}

export interface WantedWorkspace {
  readonly organizationId: OrganizationId;
  /** Its people may spend what their groups allow, and no more. */
  readonly enforcesQuota: boolean;
  readonly templateId: TemplateId;
  readonly versionId: VersionId;
  readonly manifest: Manifest;
  readonly preset: ClaimPreset | undefined;
  /** All of them, defaults included, without the values of sensitive ones. */
  readonly parameters: ParameterValues;
  /** Those that sensitive ones were given. */
  readonly secretParameters: ParameterValues;
  /** How they differ from what the preset's prebuilds were built with. */
  readonly difference: 'none' | 'mutable' | 'immutable';
}

/** What the names in a request stand for; null where for nothing. */
export interface ReadTemplate {
  readonly organizationId: OrganizationId | null;
  readonly enforcesQuota: boolean;
  readonly templateId: TemplateId | null;
  /** Why not to use it, empty when it may be. */
  readonly deprecated: string;
  /** The active one. */
  readonly version: ReadVersion | null;
}

interface ReadVersion {
  readonly id: VersionId;
  readonly manifest: Manifest;
  readonly presets: readonly ClaimPreset[];
}

export interface ReadRequest {
  readonly prior: PriorRequest | null;
  readonly isMember: boolean;
  readonly template: ReadTemplate;
}

export async function readRequest(
  on: Executor,
  { userId }: Pick<Requester, 'userId'>,
  {
    organization,
    template,
    idempotencyKey,
  }: Pick<WorkspaceRequest, 'organization' | 'template' | 'idempotencyKey'>,
): Promise<ReadRequest> {
  const named = { organization, template, userId };
  const row = await resolveRequest.one(on, { ...named, idempotencyKey: idempotencyKey ?? null });
  const { prior, isMember, organizationId, enforcesQuota, templateId, presets } = row;
  const { versionId: id } = row;
  const version =
    id === null ? null : { id, manifest: manifestSchema.parse(row.manifest), presets };
  const deprecated = row.deprecated ?? '';
  return {
    ...{ prior, isMember },
    template: { organizationId, enforcesQuota, templateId, deprecated, version },
  };
}

/**
 * Throws NOT_FOUND for what the requester may not see, and TEMPLATE_DEPRECATED, TEMPLATE_NOT_READY,
 * PRESET_UNKNOWN, NAME_INVALID, PARAMETERS_INVALID, NO_AGENT or OWNER_VALUES_… for what cannot be served
 * by anybody.
 */
export function judgeRequest(
  read: Pick<ReadRequest, 'isMember' | 'template'>,
  requester: Requester,
  request: WorkspaceRequest,
): WantedWorkspace {
  const { organizationId, enforcesQuota } = read.template;
  if (organizationId === null || !(read.isMember || requester.isAdmin)) {
    throw new AppError('NOT_FOUND', `there is no organization ${excerpt(request.organization)}`);
  }
  const nameIssue = checkName('workspace', request.name);
  if (nameIssue !== null) throw new AppError(nameIssue.code, nameIssue);
  const { templateId, version } = checkTemplate(read.template, request);
  const { manifest } = version;
  checkValues(manifest, request);
  const preset = choosePreset(version, request);
  const built = preset?.parameters ?? {};
  const parameters = complete(manifest, { ...built, ...request.parameters });
  const { plain, secret } = splitSensitive(manifest.parameters, parameters);
  return {
    ...{ organizationId, enforcesQuota, templateId, versionId: version.id, manifest, preset },
    parameters: plain,
    secretParameters: secret,
    difference: preset === undefined ? 'none' : findDifference(manifest, built, parameters),
  };
}

function checkTemplate(
  { templateId, deprecated, version }: ReadTemplate,
  { template }: WorkspaceRequest,
): { readonly templateId: TemplateId; readonly version: ReadVersion } {
  if (templateId === null) {
    throw new AppError('NOT_FOUND', `there is no template ${excerpt(template)}`);
  }
  if (deprecated !== '') {
    throw new AppError('TEMPLATE_DEPRECATED', `template ${template} is deprecated: ${deprecated}`);
  }
  if (version === null) {
    throw new AppError('TEMPLATE_NOT_READY', `template ${template} has no active version`);
  }
  return { templateId, version };
}

function checkValues({ agents }: Manifest, { template, values }: WorkspaceRequest): void {
  if (values === undefined) return;
  if (agents.length === 0) {
    const detail = `template ${template} has no agent to hand over environment, secrets or files`;
    throw new AppError('NO_AGENT', detail);
  }
  checkOwnerValues(values);
}

function choosePreset(
  { manifest, presets }: ReadVersion,
  request: WorkspaceRequest,
): ClaimPreset | undefined {
  if (request.preset === NO_PRESET) return undefined;
  if (request.preset === undefined) {
    // Who says nothing gets what the template says is the default.
    const fallback = presets.find(({ isDefault }) => isDefault);
    if (fallback !== undefined && Object.keys(request.parameters).length === 0) return fallback;
    return matchPreset(presets, checkParameters(manifest.parameters, request.parameters).values);
  }
  const named = presets.find(({ name }) => name === request.preset);
  if (named === undefined) {
    const known = presets.map(({ name }) => name).join(', ') || 'none';
    throw new AppError(
      'PRESET_UNKNOWN',
      `template ${request.template} has no preset ${excerpt(request.preset)}; its presets: ${known}`,
    );
  }
  return named;
}

function complete(manifest: Manifest, given: ParameterValues): ParameterValues {
  const { values, issues } = completeParameters(manifest.parameters, given);
  if (issues.length > 0) throw parametersInvalid(issues);
  return values;
}

function findDifference(
  { parameters }: Manifest,
  given: ParameterValues,
  wanted: ParameterValues,
): WantedWorkspace['difference'] {
  // A preset without a pool may miss what is sensitive: nothing is built with it but on request.
  const { values: built } = completeParameters(parameters, given);
  const other = parameters.filter(({ name }) => built[name] !== wanted[name]);
  if (other.length === 0) return 'none';
  return other.every(({ mutable }) => mutable) ? 'mutable' : 'immutable';
}
