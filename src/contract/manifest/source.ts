// What may stand in standby.yaml: every key, its type, its default. The schema for editors and the
// table in docs/templates.md come from here; what it means is in canonical.ts.
import { z } from 'zod';
import { PARAMETER_TYPES, type ParameterType } from '../../domain/parameter/value.ts';
import { MAX_PARAMETERS, nameField } from '../field.ts';
import { dockerSource } from './docker-source.ts';
import { DRIVERS, SANDBOXES } from './schema.ts';
import {
  commandField,
  cpusField,
  durationField,
  environmentField,
  folderPathField,
  memoryField,
  plainTextField,
  recordField,
} from './source-field.ts';

const MAX_INSTANCES = 1000;
const INSTANCES_RULE = `must be a whole number from 0 to ${MAX_INSTANCES}`;
/** Of names that become variables of Terraform and, in capitals, of the environment. */
const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_-]{0,62}$/;
const IDENTIFIER_RULE =
  'must be 1 to 63 letters, digits, _ and -, must not begin with a digit or -, nor with "standby"';

const parameterTypes = Object.keys(PARAMETER_TYPES) as [ParameterType, ...ParameterType[]];
const instances = z.int(INSTANCES_RULE).min(0, INSTANCES_RULE).max(MAX_INSTANCES, INSTANCES_RULE);
const description = (max: number): z.ZodDefault<z.ZodString> => z.string().max(max).default('');
const parameterValue = plainTextField(10_000);

const parameterSource = z.strictObject({
  name: z
    .string()
    .regex(IDENTIFIER, IDENTIFIER_RULE)
    .refine((name) => !/^standby/i.test(name), IDENTIFIER_RULE),
  type: z.enum(parameterTypes).default('string'),
  description: description(1_000),
  default: parameterValue
    .optional()
    .meta({ description: 'Without one, a value must be given with every request and preset' }),
  options: z
    .array(parameterValue)
    .max(1_000)
    .prefault([])
    .meta({ description: 'The only values allowed; empty: any of the type' }),
  mutable: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether a later build of a workspace may change it' }),
  sensitive: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether its values are kept secret: stored sealed, and never shown' }),
});

const scheduleSource = z.strictObject({
  cron: z.string().max(500).meta({
    description: 'minute hour day-of-month month day-of-week: the minutes it is in force',
  }),
  instances: instances.meta({ description: 'The count while the schedule is in force' }),
});

const prebuildsSource = z.strictObject({
  instances: instances.meta({ description: 'How many to keep ready; schedules override it' }),
  max_instances: instances
    .optional()
    .meta({ description: 'How far the pool may grow for those who wait' }),
  ttl: z
    .union(
      [z.literal(0), durationField({ minMs: 60_000, whole: true })],
      'must be 0 (never) or a duration of at least 1m and at most 365d, such as 8h',
    )
    .prefault(0)
    .meta({ description: 'When an unclaimed one is replaced; 0 means never' }),
  claim_order: z.enum(['oldest', 'newest']).default('oldest'),
  scheduling: z
    .strictObject({
      timezone: z
        .string()
        .max(64)
        .meta({ description: 'A name of the IANA database in its exact spelling' }),
      schedules: z.array(scheduleSource).min(1).max(50),
    })
    .optional(),
});

const presetSource = z.strictObject({
  name: nameField,
  description: description(128),
  default: z.boolean().default(false),
  parameters: recordField(z.string().max(63), parameterValue, MAX_PARAMETERS).prefault({}),
  prebuilds: prebuildsSource.optional().meta({ description: 'Absent: the preset has no pool' }),
});

const readySource = z
  .strictObject({
    http: z
      .string()
      .regex(/^\/[^\s#]{0,2000}$/, 'must be a path that begins with /')
      .optional()
      .meta({ description: "A path on the workspace's own port that answers 2xx or 3xx" }),
    tcp: z
      .union(
        [z.literal(true), z.int().min(1).max(65_535)],
        'must be a port from 1 to 65535, or true',
      )
      .optional()
      .meta({ description: "A port that accepts; true means the workspace's own" }),
    command: commandField('A command that ends with 0').optional(),
    interval: durationField({ minMs: 100, maxMs: 600_000, description: 'Between tries' }).prefault(
      '1s',
    ),
    timeout: durationField({ minMs: 100, maxMs: 600_000, description: 'For one try' }).prefault(
      '5s',
    ),
  })
  .refine(
    ({ http, tcp, command }) =>
      [http, tcp, command].filter((check) => check !== undefined).length === 1,
    'must have exactly one of http, tcp and command',
  );

const scriptTimeout = (text: string): z.ZodType<number, string | undefined> =>
  durationField({ minMs: 1_000, maxMs: 86_400_000 }).prefault(text);

const agentSource = z.strictObject({
  name: nameField,
  startup: folderPathField.optional().meta({ description: 'Runs once, before the agent is ready' }),
  on_claim: folderPathField.optional().meta({ description: 'Runs once for each new owner' }),
  startup_timeout: scriptTimeout('10m'),
  on_claim_timeout: scriptTimeout('1m'),
});

const lifeLimit = (description: string): z.ZodOptional<z.ZodType<number, string>> =>
  durationField({ minMs: 60_000, whole: true, description }).optional();

const lifeSource = z.strictObject({
  ttl: lifeLimit('How long a workspace runs after each start, unless it is extended'),
  max_lifetime: lifeLimit('When a workspace is deleted, however it was extended'),
  idle_stop: lifeLimit('When a workspace that runs is stopped, as nobody uses it'),
  dormant_after: lifeLimit(
    'When one that nobody uses becomes dormant: stopped until somebody wakes it',
  ),
  delete_dormant_after: lifeLimit('When a dormant one is deleted'),
});

/** The supervisor's own share, and some for a command; agents need more. */
export const MIN_PROCESS_MEMORY_BYTES = 64 * 1024 ** 2;
export const MIN_PROCESSES = 32;

const processSource = z.strictObject({
  command: commandField('What runs in the workspace: a line for `sh -c`, or a list of words'),
  environment: environmentField,
  limits: z
    .strictObject({
      memory: memoryField(MIN_PROCESS_MEMORY_BYTES).optional(),
      cpus: cpusField.optional(),
      processes: z.int().min(MIN_PROCESSES).max(4_194_304).optional().meta({
        description: 'With their threads',
      }),
    })
    .prefault({}),
  sandbox: z
    .enum(SANDBOXES)
    .default('none')
    .meta({ description: 'What keeps its programs from the rest of the machine' }),
});

const nullSource = z.strictObject({
  start: durationField({ maxMs: 86_400_000, description: 'How long a start takes' }).prefault('0s'),
  start_error: z
    .string()
    .min(1)
    .max(1_000)
    .optional()
    .meta({ description: 'Every start fails with this text' }),
});

export const manifestSource = z
  .strictObject({
    name: nameField,
    description: description(1_000),
    driver: z.enum(DRIVERS),
    parameters: z.array(parameterSource).max(MAX_PARAMETERS).prefault([]),
    presets: z.array(presetSource).max(100).prefault([]),
    claim: z.enum(['apply', 'instant']).default('apply').meta({
      description: 'apply: a claim runs a build; instant: nothing built depends on the owner',
    }),
    rehearsal: z.enum(['report', 'refuse', 'off']).default('report').meta({
      description:
        'report: it is planned and shown what a claim would replace; refuse: a version whose claims would is not promoted',
    }),
    ready: readySource.optional().meta({ description: 'For templates without agents' }),
    agents: z.array(agentSource).max(16).prefault([]),
    agent_timeout: durationField({
      minMs: 1_000,
      maxMs: 86_400_000,
      description: 'How long an agent may be silent before it counts as not ready',
    }).prefault('60s'),
    unready_grace: durationField({
      minMs: 1_000,
      description: 'How long a started one may take until it is ready',
    }).prefault('10m'),
    failed_retention: durationField({
      description: 'How long failed prebuilds are kept to be looked at; 0s means not by age',
    }).prefault('24h'),
    life: lifeSource
      .prefault({})
      .meta({ description: 'What becomes of a workspace by itself, once a person has it' }),
    cost: z
      .strictObject({
        hourly: z.number().min(0).max(1_000_000),
        currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters, such as EUR'),
      })
      .optional()
      .meta({ description: 'Of one workspace' }),
    tags: recordField(z.string().min(1).max(64), plainTextField(256), 50)
      .prefault({})
      .meta({ description: 'Which daemons may run it: those that have all of them' }),
    terraform: z.strictObject({}).optional(),
    docker: dockerSource.optional(),
    process: processSource.optional(),
    null: nullSource.optional().meta({ description: 'No infrastructure: for benches and tests' }),
  })
  .meta({ title: 'Standby template manifest (standby.yaml)' });

export type ManifestSource = z.output<typeof manifestSource>;

/** Where text stays text although it looks like a number, a boolean or null. */
export const TEXT_PATTERNS = [
  ['driver'],
  ['parameters', '*', 'default'],
  ['parameters', '*', 'options', '*'],
  ['presets', '*', 'parameters', '*'],
  ['tags', '*'],
  ['docker', 'environment', '*'],
  ['docker', 'network'],
  ['process', 'environment', '*'],
] as const;
