// From what was written to what it means: durations in seconds, defaults filled in, absent things
// null or empty, parameter values in their one form.
import { checkParameters } from '../../domain/parameter/check.ts';
import { canonicalValue, type ParameterType } from '../../domain/parameter/value.ts';
import type { Manifest, ManifestParameter, ManifestPreset } from './schema.ts';
import type { ManifestSource } from './source.ts';

type ParameterSource = ManifestSource['parameters'][number];
type PresetSource = ManifestSource['presets'][number];

/** Values that do not fit their parameter stay as they were written; the checks report them. */
export function toManifest(source: ManifestSource): Manifest {
  const parameters = source.parameters.map(toParameter);
  return {
    name: source.name,
    description: source.description,
    driver: source.driver,
    parameters,
    presets: source.presets.map((preset) => toPreset(preset, parameters)),
    claim: source.claim,
    rehearsal: source.rehearsal,
    ready: toReady(source.ready),
    agents: source.agents.map((agent) => ({
      name: agent.name,
      startup: agent.startup ?? null,
      on_claim: agent.on_claim ?? null,
      startup_timeout_seconds: agent.startup_timeout,
      on_claim_timeout_seconds: agent.on_claim_timeout,
    })),
    agent_timeout_seconds: source.agent_timeout,
    unready_grace_seconds: source.unready_grace,
    failed_retention_seconds: source.failed_retention,
    life: {
      ttl_seconds: source.life.ttl ?? null,
      max_lifetime_seconds: source.life.max_lifetime ?? null,
      idle_stop_seconds: source.life.idle_stop ?? null,
      dormant_after_seconds: source.life.dormant_after ?? null,
      delete_dormant_after_seconds: source.life.delete_dormant_after ?? null,
    },
    cost: source.cost ?? null,
    tags: source.tags,
    ...toDriverSettings(source),
  };
}

function toParameter(source: ParameterSource): ManifestParameter {
  const { name, type, description, mutable, sensitive } = source;
  return {
    name,
    type,
    description,
    mutable,
    sensitive,
    default: source.default === undefined ? null : inOneForm(type, source.default),
    options: source.options.map((option) => inOneForm(type, option)),
  };
}

function inOneForm(type: ParameterType, text: string): string {
  return canonicalValue(type, text) ?? text;
}

function toPreset(source: PresetSource, parameters: readonly ManifestParameter[]): ManifestPreset {
  const { values } = checkParameters(parameters, source.parameters);
  return {
    name: source.name,
    description: source.description,
    default: source.default,
    parameters: { ...source.parameters, ...values },
    prebuilds: toPrebuilds(source.prebuilds),
  };
}

function toPrebuilds(source: PresetSource['prebuilds']): ManifestPreset['prebuilds'] {
  if (source === undefined) return null;
  return {
    instances: source.instances,
    max_instances: source.max_instances ?? null,
    ttl_seconds: source.ttl,
    claim_order: source.claim_order,
    scheduling: source.scheduling ?? null,
  };
}

function toReady(source: ManifestSource['ready']): Manifest['ready'] {
  if (source === undefined) return null;
  const { http, tcp, command } = source;
  return {
    http: http ?? null,
    // True is the workspace's own port, which is what null means when nothing else is checked.
    tcp: typeof tcp === 'number' ? tcp : null,
    command: command ?? null,
    interval_seconds: source.interval,
    timeout_seconds: source.timeout,
  };
}

/** What was set, and the driver's own settings where all of them have defaults. */
function toDriverSettings(
  source: ManifestSource,
): Pick<Manifest, 'terraform' | 'docker' | 'process' | 'null'> {
  const { driver } = source;
  return {
    terraform: source.terraform ?? (driver === 'terraform' ? {} : null),
    docker: toDocker(source.docker),
    process: toProcess(source.process),
    null:
      source.null === undefined && driver !== 'null'
        ? null
        : { start_seconds: source.null?.start ?? 0, start_error: source.null?.start_error ?? null },
  };
}

function toProcess(source: ManifestSource['process']): Manifest['process'] {
  if (source === undefined) return null;
  const { limits, ...others } = source;
  return {
    ...others,
    limits: {
      memory_bytes: limits.memory ?? null,
      cpus: limits.cpus ?? null,
      processes: limits.processes ?? null,
    },
  };
}

function toDocker(source: ManifestSource['docker']): Manifest['docker'] {
  if (source === undefined) return null;
  const { image, build, command, limits, ...others } = source;
  return {
    ...others,
    image: image ?? null,
    build: build ?? null,
    command: command ?? null,
    limits: {
      memory_bytes: limits.memory ?? null,
      cpus: limits.cpus ?? null,
      processes: limits.processes,
    },
  };
}
