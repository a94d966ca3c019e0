// Bad input, walked through the real program and its API: each case gives a code, an exit or HTTP
// status, a message with the value, a hint, and changes nothing.
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { peopleRoutes } from '../../src/contract/people/route.ts';
import { problemSchema, type Problem } from '../../src/contract/problem.ts';
import { createInstallation, type Installation } from '../support/installation.ts';
import { ask, createTestDatabase, type TestDatabase } from '../support/postgres.ts';
import { BIN, runBin } from '../support/program.ts';
import { bomb, entry, gz, header } from '../support/tar-bytes.ts';
import { readTable, wordsOf } from '../support/text-table.ts';
import { until } from '../support/until.ts';
import { readWorld, type World } from '../support/world.ts';

let scratch: string;
let database: TestDatabase;
let installation: Installation;
let client: Client;
let token: string;
let before: World;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-bad-input-'));
  database = await createTestDatabase({ schema: 'empty' });
  installation = await createInstallation({
    environment: { STANDBY_DATABASE_URL: database.url },
  });
  await installation.up();
  client = await installation.client();
  const credentials = await readFile(path.join(installation.dataDir, 'credentials.json'), 'utf8');
  ({ token } = JSON.parse(credentials) as { token: string });
  for (const [name, text] of Object.entries(TEMPLATES)) await writeTemplate(name, text);
  await makeSpecialFiles();
  tokens = await makeSpentTokens();
  await until(async () => expect(await openJobs()).toEqual([]));
  before = await readWorld(database.connection);
}, 120_000);

/** Once pools are full, claims from them are rehearsed. */
const openJobs = (): Promise<unknown> =>
  ask(database.connection, 'select type from jobs where completed_at is null');

afterEach(async () => {
  expect(await readWorld(database.connection)).toEqual(before);
});

afterAll(async () => {
  await installation.remove();
  await database.close();
  await rm(scratch, { recursive: true, force: true });
}, 120_000);

const pool = (zone: string, ...crons: readonly string[]): string => `presets:
  - name: p
    prebuilds:
      instances: 1
      scheduling:
        timezone: ${zone}
        schedules: [${crons.map((cron) => `{cron: "${cron}", instances: 1}`).join(', ')}]`;

/** What follows the name and the driver in standby.yaml, by the name of the template. */
const TEMPLATES: Readonly<Record<string, string>> = {
  'unknown-key': 'presets: [{name: p, prebuids: {instances: 1}}]',
  'missing-parameter': 'parameters: [{name: region}]\npresets: [{name: p}]',
  'wrong-option':
    'parameters: [{name: size, options: [s, m]}]\npresets: [{name: p, parameters: {size: xl}}]',
  overlap: pool('Europe/Berlin', '* 9-18 * * 1-5', '* 12 * * *'),
  unparsable: pool('UTC', '*/5 9-18 * *'),
  'unknown-zone': pool('Europe/Berln', '* 9 * * *'),
  'unknown-driver': 'driver: dokcer',
  'no-command': 'driver: process\nprocess: {command: [no-such-program]}\npresets: [{name: p}]',
  'no-daemon': 'driver: docker\ndocker: {image: x}\npresets: [{name: p}]',
  link: '',
  pipe: '',
  large: '',
};

async function writeTemplate(name: string, text: string): Promise<void> {
  const driver = text.startsWith('driver:') ? '' : 'driver: "null"\n';
  await mkdir(path.join(scratch, name));
  await writeFile(path.join(scratch, name, 'standby.yaml'), `name: ${name}\n${driver}${text}\n`);
}

async function makeSpecialFiles(): Promise<void> {
  await symlink('/etc/passwd', path.join(scratch, 'link', 'passwd'));
  execFileSync('mkfifo', [path.join(scratch, 'pipe', 'pipe')]);
  await writeFile(path.join(scratch, 'large', 'blob'), randomBytes(11 * 1024 * 1024));
}

let tokens: { readonly revoked: string; readonly expired: string };

async function makeSpentTokens(): Promise<typeof tokens> {
  const make = async (name: string): Promise<string> => {
    const { body } = await client.call(peopleRoutes.createToken, { body: { name } });
    return body.secret;
  };
  const made = { revoked: await make('revoked'), expired: await make('expired') };
  await ask(
    database.connection,
    `update tokens set revoked_at = standby_now() where name = 'revoked';
     update tokens set created_at = standby_now() - interval '2 hours',
       expires_at = standby_now() - interval '1 hour' where name = 'expired'`,
  );
  return made;
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

const ours = (): Readonly<Record<string, string>> => ({
  STANDBY_DATA_DIR: installation.dataDir,
  XDG_CONFIG_HOME: path.join(scratch, 'config'),
});

/** With --json, so that standard error is one document and nothing else. */
async function refusalOf(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Refusal & { readonly status: number | null }> {
  const { status, out, err } = await runBin([...argv, '--json'], {
    cwd: scratch,
    environment: { ...ours(), ...environment },
  });
  expect(out).toBe('');
  const refusal = JSON.parse(err) as Refusal;
  expect(refusal.hint).not.toBe('');
  return { ...refusal, status };
}

const COMMANDS = readTable(`
arguments                                            | exit | code               | message has
# A template
template push unknown-key                            | 65   | MANIFEST_INVALID   | 3:21: the key "prebuids" is not known here. Did you mean "prebuilds"?
template push missing-parameter                      | 65   | MANIFEST_INVALID   | 4:11: preset "p": the parameter "region" (string) needs a value: it has no default. Give it a value
template push wrong-option                           | 65   | MANIFEST_INVALID   | preset "p": the value "xl" of parameter "size" is not one of "s", "m"
template push overlap                                | 65   | MANIFEST_INVALID   | the schedules "* 9-18 * * 1-5" and "* 12 * * *" cover a common minute. Change one of the two
template push unparsable                             | 65   | MANIFEST_INVALID   | the schedule "*/5 9-18 * *" does not parse: five fields are needed, not 4. Write five fields
template push unknown-zone                           | 65   | MANIFEST_INVALID   | no time zone "Europe/Berln" in the IANA database, spelled exactly so. Did you mean "Europe/Berlin"?
template push unknown-driver                         | 65   | MANIFEST_INVALID   | driver is "dokcer", but must be one of terraform, docker, process, null. Did you mean "docker"?
template push link                                   | 65   | ARCHIVE_INVALID    | "passwd" is a symbolic link
template push pipe                                   | 65   | ARCHIVE_INVALID    | "pipe" is a named pipe
template push large                                  | 65   | ARCHIVE_TOO_LARGE  | more than the allowed 10485760 bytes packed
template push nowhere                                | 66   | FILE_UNREADABLE    | The folder "nowhere" cannot be read
# A workspace
create w -t hello --parameter greeting=Yo            | 65   | PARAMETERS_INVALID | The value "Yo" of parameter "greeting" is not one of "Hello"
create w -t hello --parameter region=eu              | 65   | PARAMETERS_INVALID | no parameter "region"
create w -t hello --parameter a=1 --parameter a=2    | 64   | USAGE              | --parameter gives "a" more than one value
create w -t hello --preset large                     | 66   | PRESET_UNKNOWN     | template hello has no preset "large"; its presets: default
create w -t helo                                     | 66   | NOT_FOUND          | there is no template "helo"
create w -t hello --org ""                           | 64   | BAD_REQUEST        | path.organization is ""
create prebuild-1 -t hello                           | 65   | NAME_INVALID       | "prebuild-1" must not begin with prebuild-
# Names
create a/b -t hello                                  | 65   | NAME_INVALID       | body.name is "a/b": must be 1 to 63 lower-case letters
user create "a b"                                    | 65   | NAME_INVALID       | body.username is "a b": must be 1 to 63 lower-case letters
org create <300>                                     | 65   | NAME_INVALID       | "… (300 characters): must be 1 to 63 lower-case letters
token create <300>                                   | 64   | BAD_REQUEST        | "… (300 characters): must have at most 128 characters
template show a/b                                    | 65   | NAME_INVALID       | path.template is "a/b"
template show ..                                     | 64   | BAD_REQUEST        | path.template is ".."
org create default                                   | 73   | NAME_TAKEN         | "default"
job show nope                                        | 64   | BAD_REQUEST        | path.job is "nope": must be an id
# The command line itself
worksapce list                                       | 64   | USAGE              | unknown command "standby worksapce"
create w -t hello --prest x                          | 64   | USAGE              | unknown option '--prest'
create w -t hello --on-empty hope                    | 64   | USAGE              | 'hope' is invalid. Allowed choices are create, wait, fail.
create -t hello                                      | 64   | USAGE              | missing required argument 'name'
whoami me                                            | 64   | USAGE              | argument "me" is one too many
# Where to, and who
login localhost:80                                   | 64   | USAGE              | "localhost:80" is not the address of a server
login http://127.0.0.1:9 --token sbt_x               | 69   | SERVER_UNREACHABLE | http://127.0.0.1:9 cannot be reached
whoami --url http://127.0.0.1:9                      | 77   | UNAUTHENTICATED    | no token for http://127.0.0.1:9
whoami --token sbt_wrong                             | 77   | UNAUTHENTICATED    | was revoked, or has expired
whoami --token "sbt_a\\nb"                           | 77   | UNAUTHENTICATED    | the token has a character in it that no token has
`);

describe('standby', () => {
  it.each(COMMANDS)('%s', async (argv, status, code, value) => {
    expect(await refusalOf(wordsOf(argv))).toMatchObject({
      ...{ status: Number(status), code },
      message: expect.stringContaining(value),
    });
  });

  it.each(['revoked', 'expired'] as const)('refuses a token that is %s', async (kind) => {
    const { status, code, message } = await refusalOf(['whoami', '--token', tokens[kind]]);
    expect({ status, code }).toEqual({ status: 77, code: 'UNAUTHENTICATED' });
    expect(message).not.toContain(tokens[kind]);
  });

  it('knows no control plane where none was started or logged in to', async () => {
    const elsewhere = { STANDBY_DATA_DIR: path.join(scratch, 'empty') };
    expect(await refusalOf(['whoami'], elsewhere)).toMatchObject({
      ...{ status: 77, code: 'UNAUTHENTICATED', message: 'no control plane is known here' },
      hint: expect.stringContaining('standby login URL'),
    });
  });

  it('tells people the same in words', async () => {
    const argv = ['create', 'w', '--template', 'hello', '--preset', 'large'];
    expect(await runBin(argv, { environment: ours() })).toEqual({
      status: 66,
      out: '',
      err:
        'error: template hello has no preset "large"; its presets: default (PRESET_UNKNOWN)\n' +
        'hint: Name one of the presets of the active version; `standby template show` lists them.\n',
    });
  });

  it.each<[string, readonly string[], 'stdout' | 'stderr', number]>([
    ['its answer', ['workspace', 'list'], 'stdout', 0],
    ['its error', ['worksapce'], 'stderr', 64],
  ])('ends as ever when nobody reads %s', async (_what, argv, stream, status) => {
    const child = spawn(BIN, argv, {
      env: { ...process.env, ...ours() },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child[stream].destroy();
    const other = stream === 'stdout' ? child.stderr : child.stdout;
    const [[ended], said] = await Promise.all([once(child, 'exit'), text(other)]);
    expect({ ended, said }).toEqual({ ended: status, said: '' });
  });

  it('says that its answer cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    const child = spawn(BIN, ['workspace', 'list', '--json'], {
      env: { ...process.env, ...ours() },
      stdio: ['ignore', full, 'pipe'],
    });
    closeSync(full);
    if (child.stderr === null) throw new Error('it is a pipe');
    const [[status], said] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
    expect(status).toBe(73);
    expect(JSON.parse(said)).toMatchObject({
      code: 'FILE_UNWRITABLE',
      message: expect.stringContaining('no space left'),
    });
  });
});

/** By what it says, and then hangs up. */
const STRANGERS = {
  'a page': 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>',
  'a redirect': 'HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\n\r\n',
  'another document': 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"user": 1}',
  'another protocol': 'SSH-2.0-OpenSSH_9.6\r\n',
} as const;

describe('standby, sent to what is no control plane,', () => {
  it.each(Object.entries(STRANGERS))('says so of %s', async (_what, answer) => {
    const stranger = net.createServer((socket) => {
      socket.on('error', () => undefined); // it hung up first
      socket.once('data', () => socket.end(answer));
    });
    stranger.listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const refusal = await refusalOf(['login', url, '--token', 'sbt_x']);
    stranger.close();
    expect(refusal).toMatchObject({ status: 69, code: 'ANSWER_UNEXPECTED' });
    expect(refusal.message).toContain(url);
    expect(await readdir(scratch)).not.toContain('config');
  });
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestInit['body'];
}

const JSON_TYPE = { 'content-type': 'application/json' };

async function problemOf({ method, path: to, headers = {}, body = null }: Sent): Promise<Problem> {
  const answer = await fetch(client.url + to, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    body,
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const problem = problemSchema.parse(await answer.json());
  expect(problem.status).toBe(answer.status);
  expect(problem.hint).not.toBe('');
  return problem;
}

const REQUESTS = readTable(`
request                                                                            | status | code                 | detail has
# Names in paths and queries
GET /api/v1/organizations/a%2Fb/templates                                          | 400    | NAME_INVALID         | path.organization is "a/b"
GET /api/v1/organizations/a%20b/jobs                                               | 400    | NAME_INVALID         | path.organization is "a b"
GET /api/v1/organizations/default/templates/<300>                                  | 400    | NAME_INVALID         | (300 characters)
GET /api/v1/organizations/default/templates/hello/versions/a%2Fb                   | 400    | BAD_REQUEST          | path.version is "a/b"
GET /api/v1/organizations/default/pools/hello/<300>                                | 400    | BAD_REQUEST          | (300 characters): must have at most 128 characters
GET /api/v1/workspaces?name=a%20b                                                  | 400    | NAME_INVALID         | query.name is "a b"
GET /api/v1/workspaces?owner=<300>                                                 | 400    | NAME_INVALID         | (300 characters)
PUT /api/v1/organizations/default/members/a%2Fb                                    | 400    | NAME_INVALID         | path.username is "a/b"
DELETE /api/v1/tokens/a%2Fb                                                        | 400    | BAD_REQUEST          | path.token is "a/b"
GET /api/v1/workspaces/%00                                                         | 400    | BAD_REQUEST          | path.workspace is "\\u0000"
GET /api/v1/workspaces?limit=1&limit=2                                             | 400    | BAD_REQUEST          | query.limit is given twice: "1" and "2"
GET /api/v1/workspaces?limt=1                                                      | 400    | BAD_REQUEST          | query."limt" is not known
GET /api/v1/nothing                                                                | 404    | NOT_FOUND            | there is no GET /api/v1/nothing
PATCH /api/v1/users                                                                | 405    | METHOD_NOT_ALLOWED   | does not know PATCH
# Names and values in bodies
POST /api/v1/organizations {"name":"a/b"}                                          | 400    | NAME_INVALID         | body.name is "a/b"
POST /api/v1/users {"username":"<300>"}                                            | 400    | NAME_INVALID         | (300 characters)
POST /api/v1/users {"username":"a","organizations":["a b"]}                        | 400    | NAME_INVALID         | body.organizations.0 is "a b"
POST /api/v1/users {"username":"a","admn":true}                                    | 400    | BAD_REQUEST          | body."admn" is not known
POST /api/v1/users {}                                                              | 400    | BAD_REQUEST          | body.username is missing
POST /api/v1/tokens {"name":""}                                                    | 400    | BAD_REQUEST          | body.name is "": must have at least 1 character
POST /api/v1/tokens {"name":"a","lifetime_seconds":1e999}                          | 400    | BAD_REQUEST          | body.lifetime_seconds is Infinity: must be a number
POST /api/v1/tokens {"name":"a","username":"nobody"}                               | 404    | NOT_FOUND            | "nobody"
POST /api/v1/organizations/default/workspaces {"name":"a b","template":"hello"}    | 400    | NAME_INVALID         | body.name is "a b"
POST /api/v1/organizations/default/workspaces {"name":"a","template":"../hello"}   | 400    | NAME_INVALID         | body.template is "../hello"
POST /api/v1/organizations/nowhere/workspaces {"name":"a","template":"hello"}      | 404    | NOT_FOUND            | there is no organization "nowhere"
POST /api/v1/organizations/default/workspaces {"name":"a","template":"hello","parameters":{"__proto__":"x"}} | 400 | BAD_REQUEST | the key "__proto__" is not known
# What is no JSON, or none that anybody can mean
POST /api/v1/users {"username":                                                    | 400    | MALFORMED_JSON       | line 1, column 13: expected a value
POST /api/v1/users {"username":"a"} {}                                             | 400    | MALFORMED_JSON       | line 1, column 18: expected nothing more
POST /api/v1/users {"username":NaN}                                                | 400    | MALFORMED_JSON       | line 1, column 13: expected a value
POST /api/v1/users {"username":"a","username":"b"}                                 | 400    | MALFORMED_JSON       | the key "username" stands twice in one object
POST /api/v1/users {"username":"a","display_name":"\\u0000"}                       | 400    | BAD_REQUEST          | the value of "display_name" has a character that cannot be stored
POST /api/v1/users {"username":"a","display_name":"\\ud800"}                       | 400    | BAD_REQUEST          | the value of "display_name" has a character that cannot be stored
`);

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const post = (body: RequestInit['body'], headers: Sent['headers'] = JSON_TYPE): Sent => {
  return { method: 'POST', path: '/api/v1/users', headers, body };
};
const authorized = (authorization: string): Sent => {
  return { method: 'GET', path: '/api/v1/whoami', headers: { authorization } };
};

describe('the API', () => {
  it.each(REQUESTS)('%s', async (request, status, code, value) => {
    const [, method = '', to = '', body] = /^(\S+) (\S+)(?: (.*))?$/.exec(request) ?? [];
    const sent = body === undefined ? {} : { body, headers: JSON_TYPE };
    expect(await problemOf({ method, path: to, ...sent })).toMatchObject({
      ...{ status: Number(status), code },
      detail: expect.stringContaining(value),
    });
  });

  it.each<[string, Sent, number, string, string]>([
    ['no body', post(''), 400, 'MALFORMED_JSON', 'the body is empty'],
    ['bytes', post(Buffer.from('"\xff"', 'latin1')), 400, 'MALFORMED_JSON', 'not UTF-8'],
    ['depth', post(`{"a":${nested(100_000)}}`), 400, 'MALFORMED_JSON', 'more than 100 levels'],
    ['2 MiB', post(' '.repeat(2 ** 21)), 413, 'BODY_TOO_LARGE', '2097152 were announced'],
    ['text', post('{}', {}), 415, 'UNSUPPORTED_MEDIA_TYPE', '"text/plain;charset=UTF-8" was sent'],
    ['no token', authorized(''), 401, 'UNAUTHENTICATED', 'not "Bearer" and a token'],
    ['another scheme', authorized('Basic eA=='), 401, 'UNAUTHENTICATED', 'not "Bearer"'],
    ['a daemon key', authorized('Bearer sbp_x'), 401, 'UNAUTHENTICATED', 'begins with sbt_'],
    ['a wrong token', authorized('Bearer sbt_x'), 401, 'UNAUTHENTICATED', 'was revoked'],
  ])('refuses %s', async (_what, sent, status, code, value) => {
    expect(await problemOf(sent)).toMatchObject({
      ...{ status, code },
      detail: expect.stringContaining(value),
    });
  });

  const manifest = entry('standby.yaml', 'name: x\ndriver: "null"\n');
  const zeros = (mib: number): Buffer => header({ name: 'zeros', size: mib * 2 ** 20 });
  const bombOf = (mib: number): Buffer =>
    bomb(Buffer.concat([manifest, zeros(mib)]), Buffer.alloc(2 ** 20), mib);

  it.each<[string, Buffer, string, string]>([
    [
      'a link',
      gz(manifest, header({ name: 'l', type: '2' })),
      'ARCHIVE_INVALID',
      '"l" is a symbolic',
    ],
    [
      'a hard link',
      gz(manifest, header({ name: 'l', type: '1' })),
      'ARCHIVE_INVALID',
      '"l" is a hard',
    ],
    [
      'an absolute path',
      gz(manifest, entry('/etc/x')),
      'ARCHIVE_INVALID',
      '"/etc/x" is an absolute',
    ],
    ['..', gz(manifest, entry('a/../../x')), 'ARCHIVE_INVALID', '"a/../../x" leads to a parent'],
    [
      'a device',
      gz(manifest, header({ name: 'd', type: '3' })),
      'ARCHIVE_INVALID',
      '"d" is a device',
    ],
    ['11 MiB', randomBytes(11 * 2 ** 20), 'ARCHIVE_TOO_LARGE', '10485760 bytes packed'],
    ['a bomb', bombOf(90), 'ARCHIVE_TOO_LARGE', '100 times its packed size'],
    ['a larger bomb', bombOf(4_000), 'ARCHIVE_TOO_LARGE', '104857600 bytes unpacked at "zeros"'],
    ['no archive', Buffer.from('hello'), 'ARCHIVE_INVALID', 'shorter than a gzip header'],
    ['no manifest', gz(entry('a')), 'ARCHIVE_INVALID', 'no standby.yaml at its top'],
    [
      'another name',
      gz(entry('standby.yaml', 'name: y\ndriver: "null"\n')),
      'MANIFEST_INVALID',
      '"y"',
    ],
  ])('refuses an archive with %s', async (_what, body, code, value) => {
    const sent = {
      method: 'POST',
      path: '/api/v1/organizations/default/templates/x/versions',
      headers: { 'content-type': 'application/gzip' },
      body: new Uint8Array(body),
    };
    expect(await problemOf(sent)).toMatchObject({ code, detail: expect.stringContaining(value) });
  });
});

describe('a version that cannot be imported', () => {
  afterEach(async () => {
    // It stays, for people to look at; nothing else has changed, and nobody gets it.
    const { template_versions: _v, templates: _t, jobs: _j, files: _f, ...others } = before;
    const { presets: _p, pools: _q, ...untouched } = others;
    const world = await readWorld(database.connection);
    expect(world).toMatchObject(untouched);
    before = world;
  });

  it('because its command is not there stays inactive, and says why', async () => {
    expect(await refusalOf(['template', 'push', 'no-command'])).toMatchObject({
      ...{ status: 65, code: 'IMPORT_FAILED' },
      message: expect.stringContaining('the command "no-such-program" is not in the PATH here'),
      hint: expect.stringContaining('standby job logs'),
    });
    expect(await refusalOf(['template', 'promote', 'no-command', 'v1'])).toMatchObject({
      ...{ status: 75, code: 'VERSION_NOT_IMPORTED' },
      message: expect.stringContaining('it failed: the command "no-such-program"'),
    });
    expect(await refusalOf(['create', 'w', '--template', 'no-command'])).toMatchObject({
      ...{ status: 75, code: 'TEMPLATE_NOT_READY' },
    });
  });

  it('because no daemon offers its driver waits, and says for what', async () => {
    expect(await refusalOf(['template', 'push', 'no-daemon'])).toMatchObject({
      ...{ status: 75, code: 'NO_DAEMON' },
      message:
        'version v1 of template no-daemon waits for its import: no_provisioner: no daemon offers driver "docker"',
      hint: expect.stringContaining('standby template promote no-daemon v1'),
    });
  });
});

describe('standby up', () => {
  const place = (name: string): string => path.join(scratch, name);

  const refusedStart = (
    folder: string,
    environment: Readonly<Record<string, string>>,
  ): ReturnType<typeof refusalOf> =>
    refusalOf(['up', '--data-dir', place(folder)], { STANDBY_HTTP_PORT: '0', ...environment });

  it('touches nothing of a data folder of a newer version', async () => {
    await mkdir(place('newer'));
    await writeFile(path.join(place('newer'), 'layout-version'), '2\n');
    expect(await refusedStart('newer', {})).toMatchObject({
      ...{ status: 78, code: 'DATA_FOLDER_NEWER' },
      message: `${place('newer')} has layout version 2; this program knows 1`,
    });
    expect(await readdir(place('newer'))).toEqual(['layout-version']);
  });

  it('names a port that is in use, and leaves nothing running', async () => {
    await using other = await createTestDatabase({ schema: 'empty' });
    const { port } = new URL(client.url);
    const environment = { STANDBY_DATABASE_URL: other.url, STANDBY_HTTP_PORT: port };
    expect(await refusedStart('second', environment)).toMatchObject({
      ...{ status: 69, code: 'ADDRESS_IN_USE' },
      message: `another program listens on 127.0.0.1:${port}`,
      hint: expect.stringContaining('--http-port'),
    });
    const connections = `select count(*)::int from pg_stat_activity where datname = current_database()`;
    // PostgreSQL hears of the program's end a moment later.
    await expect.poll(() => ask(other.connection, connections)).toEqual([1]);
  });

  it('changes nothing in a database of a newer version', async () => {
    await using other = await createTestDatabase({ schema: 'empty' });
    await ask(
      other.connection,
      `create table schema_migrations (name text primary key, checksum text not null,
         applied_at timestamptz(3) not null default now());
       insert into schema_migrations values ('9999_come_later.sql', 'x')`,
    );
    expect(await refusedStart('third', { STANDBY_DATABASE_URL: other.url })).toMatchObject({
      ...{ status: 78, code: 'SCHEMA_NEWER' },
      message: expect.stringContaining('9999_come_later.sql'),
    });
    expect(
      await ask(other.connection, `select tablename from pg_tables where schemaname = 'public'`),
    ).toEqual(['schema_migrations']);
  });

  it.each<[string, string, string, string]>([
    [
      'STANDBY_HTTP_PORT',
      '80a',
      'CONFIG_INVALID',
      'STANDBY_HTTP_PORT is "80a"; allowed is a whole',
    ],
    ['STANDBY_DATABASE_URL', 'nonsense', 'CONFIG_INVALID', 'STANDBY_DATABASE_URL is "nonsense"'],
    ['STANDBY_ACCESS_URL', 'here', 'CONFIG_INVALID', 'allowed is an http or https URL'],
    ['STANDBY_CONFIG_FILE', '/nowhere', 'CONFIG_INVALID', '"/nowhere", which cannot be read'],
  ])('refuses the setting %s=%s', async (name, value, code, message) => {
    expect(await refusedStart('fourth', { [name]: value })).toMatchObject({
      ...{ status: 78, code },
      message: expect.stringContaining(message),
    });
    expect(await readdir(scratch)).not.toContain('fourth');
  });

  it('says what PostgreSQL refuses', async () => {
    const url = database.url.replace(/:[^:@]*@/, ':wrong@');
    expect(await refusedStart('fifth', { STANDBY_DATABASE_URL: url })).toMatchObject({
      ...{ status: 78, code: 'DATABASE_REFUSED' },
      message: expect.stringContaining('password authentication failed'),
    });
  });
});

describe('standby down', () => {
  it('makes no folder where there is none', async () => {
    const { status, out } = await runBin(['down', '--data-dir', path.join(scratch, 'typo')]);
    expect({ status, out }).toEqual({
      status: 0,
      out: `No server was running in ${path.join(scratch, 'typo')}; 0 workspaces stopped.\n`,
    });
    expect(await readdir(scratch)).not.toContain('typo');
  });
});
