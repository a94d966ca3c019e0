// The canonical manifest: what standby.yaml means, as it is stored and sent to daemons. Durations are
// seconds, defaults are filled in, and everything optional is null or empty.
import { z } from 'zod';
import { nameField, parametersField, tagsField } from '../field.ts';

export const DRIVERS = ['terraform', 'docker', 'process', 'null'] as const;

const seconds = z.number().min(0);

export const parameterSchema = z.object({
  name: z.string(),
  type: z.enum(['string', 'number', 'bool']),
  description: z.string(),
  /** Null: a value must be given. Numbers and booleans are written as text. */
  default: z.string().nullable(),
  /** Empty: any value of the type. */
  options: z.array(z.string()),
  /** Whether a later build may change it. */
  mutable: z.boolean(),
  /** Whether its values are to be kept secret. Versions pushed before there was such a thing say nothing. */
  sensitive: z.boolean().default(false),
});

export const scheduleSchema = z.object({ cron: z.string(), instances: z.int().min(0).max(1000) });

export const prebuildsSchema = z.object({
  instances: z.int().min(0).max(1000),
  max_instances: z.int().min(0).max(1000).nullable(),
  /** 0: prebuilds do not expire. */
  ttl_seconds: z.int().min(0),
  claim_order: z.enum(['oldest', 'newest']),
  scheduling: z.object({ timezone: z.string(), schedules: z.array(scheduleSchema) }).nullable(),
});

export const presetSchema = z.object({
  name: z.string(),
  description: z.string(),
  default: z.boolean(),
  parameters: parametersField,
  /** Null: no pool; 0 instances is a pool of size zero. */
  prebuilds: prebuildsSchema.nullable(),
});

/** Readiness of a template without agents, checked by the daemon; one of the three kinds. */
export const readyCheckSchema = z.object({
  http: z.string().nullable(),
  /** The port, null for the workspace's own. */
  tcp: z.int().nullable(),
  command: z.array(z.string()).nullable(),
  interval_seconds: seconds,
  timeout_seconds: seconds,
});

export const agentSchema = z.object({
  name: z.string(),
  startup: z.string().nullable(),
  on_claim: z.string().nullable(),
  startup_timeout_seconds: seconds,
  on_claim_timeout_seconds: seconds,
});

/** What becomes of a workspace by itself, once a person has it. */
export const lifeSchema = z.object({
  /** How long it runs after each start; null: for ever. */
  ttl_seconds: z.int().nullable(),
  /** How long it lives at most; null: for ever. */
  max_lifetime_seconds: z.int().nullable(),
  /** For how long nobody may use it while it runs; null: for ever. */
  idle_stop_seconds: z.int().nullable().default(null),
  /** After how long without use it becomes dormant; null: never. */
  dormant_after_seconds: z.int().nullable().default(null),
  /** For how long a dormant one is kept; null: for ever. */
  delete_dormant_after_seconds: z.int().nullable().default(null),
});

/** What a workspace of the process driver may use; null: without a limit. */
export const processLimits = z.object({
  memory_bytes: z.int().nullable(),
  cpus: z.number().nullable(),
  /** With their threads. */
  processes: z.int().nullable(),
});

export const NO_LIMITS: ProcessLimits = { memory_bytes: null, cpus: null, processes: null };

/** What the process driver can put its programs in. */
export const SANDBOXES = ['none', 'bubblewrap'] as const;

/** Settings of the process driver. */
export const processSettings = z.object({
  /** The program and its arguments; text in the manifest becomes `sh -c`. */
  command: z.array(z.string()).min(1),
  environment: z.record(z.string(), z.string()),
  /** Versions pushed before there was such a thing say nothing. */
  limits: processLimits.prefault(NO_LIMITS),
  sandbox: z.enum(SANDBOXES).prefault('none'),
});

/** Settings of the docker driver; exactly one of image and build is not null. */
export const dockerSettings = z.object({
  image: z.string().nullable(),
  /** The Dockerfile, a path in the template's folder. */
  build: z.string().nullable(),
  /** Null: the image's own. */
  command: z.array(z.string()).min(1).nullable(),
  environment: z.record(z.string(), z.string()),
  /** The first one is the workspace's own. */
  ports: z.array(z.int()),
  /** Where in the container each is, by its name. */
  volumes: z.record(z.string(), z.string()),
  limits: z.object({
    /** Null: none, as for the processors. */
    memory_bytes: z.int().nullable(),
    cpus: z.number().nullable(),
    processes: z.int(),
  }),
  network: z.string(),
});

/** Settings of the null driver, which builds nothing: for benches and simulations. */
export const nullSettings = z.object({
  start_seconds: seconds,
  /** Every start fails with this text; null: none does. */
  start_error: z.string().nullable(),
});

export const manifestSchema = z
  .object({
    name: nameField,
    description: z.string(),
    driver: z.enum(DRIVERS),
    parameters: z.array(parameterSchema),
    presets: z.array(presetSchema),
    claim: z.enum(['apply', 'instant']),
    rehearsal: z.enum(['report', 'refuse', 'off']),
    ready: readyCheckSchema.nullable(),
    agents: z.array(agentSchema),
    agent_timeout_seconds: seconds,
    unready_grace_seconds: seconds,
    failed_retention_seconds: seconds,
    /** Versions pushed before there was such a thing say nothing. */
    life: lifeSchema.prefault({ ttl_seconds: null, max_lifetime_seconds: null }),
    cost: z.object({ hourly: z.number().min(0), currency: z.string() }).nullable(),
    tags: tagsField,
    terraform: z.record(z.string(), z.unknown()).nullable(),
    docker: dockerSettings.nullable(),
    process: processSettings.nullable(),
    null: nullSettings.nullable(),
  })
  .meta({ id: 'Manifest' });

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestParameter = z.output<typeof parameterSchema>;
export type ManifestPreset = z.output<typeof presetSchema>;
export type ProcessSettings = z.output<typeof processSettings>;
export type ProcessLimits = z.output<typeof processLimits>;
export type DockerSettings = z.output<typeof dockerSettings>;
export type ReadyCheck = z.output<typeof readyCheckSchema>;
