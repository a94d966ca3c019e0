// The terraform driver with the program itself; what every driver has to hold to is in
// test/conformance/terraform.test.ts.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createId } from '../../src/base/id.ts';
import { createKit } from '../../src/base/kit.ts';
import { silentLog } from '../../src/base/log.ts';
import { isGroupAlive } from '../../src/base/process-group.ts';
import { parseManifest } from '../../src/contract/manifest/parse.ts';
import { readState } from '../../src/provisioner/drivers/terraform/state.ts';
import { sampleOwner } from '../support/acquired-job.ts';
import { ENDLESS_MODULE, FAILING_MODULE, WORLD_MODULE } from '../support/terraform-home.ts';
import { next, workWithTerraform } from '../support/terraform-work.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const available = hasTool('terraform');
const terraform = workWithTerraform(available);
const { start, stop, remove } = terraform;

describe.runIf(available)('a workspace of the terraform driver', () => {
  beforeEach(() => terraform.home.write({ 'main.tf': WORLD_MODULE }));

  it('is what its module makes, with its connection details and resources', async () => {
    const build = terraform.home.build();
    const { outputs, secretOutputs, resources } = await start(build);
    const { id } = build.workspace;
    expect(outputs).toEqual({ url: `http://${id}/`, size: '1' });
    expect(secretOutputs).toEqual({});
    expect(resources).toEqual([
      { address: 'terraform_data.disk', type: 'terraform_data' },
      { address: 'terraform_data.machine[0]', type: 'terraform_data' },
    ]);
    expect(await terraform.home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
    await remove(build);
    expect(await terraform.home.world()).toEqual([]);
  });

  it('tells what becomes of each resource as it happens', async () => {
    const build = terraform.home.build();
    const { lines } = await start(build);
    const told = lines.filter((line) => line.startsWith('info ')).map((line) => line.slice(5));
    expect(told[0]).toMatch(/^(Terraform|OpenTofu) \d/);
    expect(told).toContain('plan: 2 to create, 0 to change, 0 to destroy');
    expect(told).toContain('terraform_data.disk: creating');
    expect(told).toContainEqual(
      expect.stringMatching(/^terraform_data\.machine\[0\]: created after \d+\.\d s \(2 of 2\)$/),
    );
  });

  it('gives up what counts starts when it stops, and has it again when it starts', async () => {
    const build = terraform.home.build();
    const { id } = build.workspace;
    await start(build);
    await stop(build);
    expect(await terraform.home.world()).toEqual([`${id}-disk`]);
    await start(build);
    expect(await terraform.home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
  });

  it('keeps its resources when a claim changes its owner', async () => {
    const build = terraform.home.build();
    await start(build);
    const before = await readFile(terraform.home.attempt(build).stateFile, 'utf8');
    const owner = sampleOwner({ username: 'ann' });
    const { lines } = await start(next(build, { stage: 'claim', owner }));
    const after = await readFile(terraform.home.attempt(build).stateFile, 'utf8');
    expect(idsIn(after)).toEqual(idsIn(before));
    expect(after).toContain('"owner": "ann"');
    expect(lines.filter((line) => line.startsWith('warn '))).toEqual([]);
  });

  it('is told to lose what a claim replaces, and why', async () => {
    const build = terraform.home.build();
    await start(build);
    const parameters = { ...build.workspace.parameters, size: '2' };
    const { lines, replaced } = await start(next(build, { stage: 'claim', parameters }));
    expect(lines).toContain(
      'warn terraform_data.disk: this claim destroys it and makes it anew, because of triggers_replace',
    );
    expect(replaced).toEqual([
      { address: 'terraform_data.disk', action: 'replace', paths: ['triggers_replace'] },
    ]);
  });

  it('is told to lose what a claim destroys under one address and makes under another', async () => {
    await terraform.home.write({
      'owned.tf': `
resource "terraform_data" "home" {
  for_each = toset([var.standby_owner])
}
`,
    });
    const build = terraform.home.build();
    await start(build);
    const owner = sampleOwner({ username: 'ann' });
    const { lines, replaced } = await start(next(build, { stage: 'claim', owner }));
    expect(replaced).toEqual([
      { address: 'terraform_data.home["u"]', action: 'delete', paths: [] },
    ]);
    expect(lines).toContain('warn terraform_data.home["u"]: this claim destroys it');
  });

  it('loses by a claim what it loses although the build fails then', async () => {
    const build = terraform.home.build();
    await start(build);
    await terraform.home.write({ 'main.tf': FAILING_MODULE });
    const parameters = { ...build.workspace.parameters, size: '2' };
    const { context, replaced } = terraform.home.attempt(build);
    const claim = next(build, { stage: 'claim', parameters });
    await expect(terraform.driver.start(claim, context)).rejects.toThrow('BUILD_FAILED');
    expect(replaced).toMatchObject([{ address: 'terraform_data.disk' }]);
  });

  it('is told nothing of what any other build destroys or replaces', async () => {
    const build = terraform.home.build();
    await start(build);
    const parameters = { ...build.workspace.parameters, size: '2' };
    const { lines, replaced } = await start(next(build, { parameters }));
    expect(lines.filter((line) => line.startsWith('warn '))).toEqual([
      'warn terraform_data.disk: this build destroys it and makes it anew, because of triggers_replace',
    ]);
    expect(replaced).toEqual([]);
    expect((await stop(next(build, { parameters }))).join()).not.toContain('warn');
  });

  it('is not touched where there is nothing to stop or delete', async () => {
    const build = terraform.home.build();
    expect(await stop(build)).toEqual([]);
    expect(await remove(build)).toEqual([]);
  });

  it('has no state of what its template brings along, wherever the daemon is killed', async () => {
    await terraform.home.write({ 'errored.tfstate': '{"lineage":"foreign","serial":9}' });
    const build = terraform.home.build();
    const { context, stateFile } = terraform.home.attempt(build);
    const templateFolder = async (): Promise<string> => {
      const folder = await context.templateFolder();
      // As the daemon's next life does when this one ends here.
      await terraform.driver.rescueState?.({ folder: context.folder, stateFile });
      expect(existsSync(stateFile)).toBe(false);
      return folder;
    };
    await terraform.driver.start(build, { ...context, templateFolder });
    await terraform.driver.rescueState?.({ folder: context.folder, stateFile });
    expect(await readState(stateFile)).toBeDefined();
    await remove(build);
  });

  it('has a state that could not be saved rescued from where terraform leaves it', async () => {
    await terraform.home.write({
      'main.tf': WORLD_MODULE.replace(
        'command = "touch',
        'command = "echo half > errored.tfstate; touch',
      ),
    });
    const build = terraform.home.build();
    const { context, stateFile } = terraform.home.attempt(build);
    await terraform.driver.start(build, context);
    const rescue = terraform.driver.rescueState?.({ folder: context.folder, stateFile });
    await expect(rescue).rejects.toThrow(/errored\.tfstate holds no state/);
    await remove(build);
  });

  it('can be built beside another of the same template', async () => {
    const builds = [terraform.home.build(), terraform.home.build(), terraform.home.build()];
    const started = await Promise.all(builds.map(start));
    expect(started.map(({ outputs }) => outputs['url'])).toEqual(
      builds.map(({ workspace }) => `http://${workspace.id}/`),
    );
    await Promise.all(builds.map(remove));
    expect(await terraform.home.world()).toEqual([]);
  });
});

describe.runIf(available)('a stray of the terraform driver', () => {
  it('is destroyed but for what the current state names', async () => {
    await terraform.home.write({ 'main.tf': WORLD_MODULE });
    const build = terraform.home.build();
    const { id } = build.workspace;
    await start(build);
    const current = await readFile(terraform.home.attempt(build).stateFile, 'utf8');
    // Another attempt made a disk of its own: nothing but its state knows of it.
    const other = next(build, { id: createId(createKit(silentLog)) });
    await start(next(other, { transition: 'start' }));
    const stray = await readFile(terraform.home.attempt(other).stateFile, 'utf8');
    const { resources } = JSON.parse(current) as { readonly resources: readonly unknown[] };
    const both = JSON.parse(stray) as { resources: unknown[] };
    both.resources.push(...resources.map((one) => ({ ...(one as object), name: 'shared' })));

    const { context, lines } = terraform.home.attempt(build);
    const late = { ...next(build, { transition: 'delete' }), stray: JSON.stringify(both), current };
    await terraform.driver.destroyStray?.(late, context);
    expect(await terraform.home.world()).toEqual([`${id}-disk`, `${id}-disk.machine`]);
    expect(lines).toContain('info plan: 0 to create, 0 to change, 2 to destroy');
  });
});

function idsIn(state: string): readonly string[] {
  return [...state.matchAll(/"id": "([^"]+)"/g)].map(([, id]) => id ?? '');
}

describe.runIf(available)('the example hello-terraform', () => {
  it('is built, claimed, stopped, started and deleted, and a claim replaces nothing', async () => {
    const example = path.resolve('templates/hello-terraform');
    const parsed = parseManifest(await readFile(path.join(example, 'standby.yaml'), 'utf8'));
    if (parsed.kind === 'invalid') throw new Error('its manifest is invalid');
    const { manifest } = parsed;
    await terraform.home.write({
      'main.tf': await readFile(path.join(example, 'main.tf'), 'utf8'),
    });
    const owner = sampleOwner({ username: 'prebuilds', is_system: true });
    const build = terraform.home.build({ parameters: { greeting: 'Hello' }, owner }, manifest);
    await terraform.driver.check(build.template, terraform.home.attempt(build).context);
    const { resources } = await start(build);
    const before = await readFile(terraform.home.attempt(build).stateFile, 'utf8');

    const ann = next(build, { stage: 'claim', owner: sampleOwner({ username: 'ann' }) });
    const { outputs, lines } = await start(ann);
    expect(outputs).toEqual({ greeting: 'Hello, ann!' });
    expect(lines).toContain('info plan: 0 to create, 1 to change, 0 to destroy');
    expect(idsIn(await readFile(terraform.home.attempt(build).stateFile, 'utf8'))).toEqual(
      idsIn(before),
    );

    await stop(ann);
    expect((await start(next(ann, { stage: 'none' }))).resources).toEqual(resources);
    await remove(ann);
    expect((await readState(terraform.home.attempt(build).stateFile))?.resources).toEqual([]);
  });
});

describe.runIf(available)('a start of the terraform driver that is canceled', () => {
  it('leaves no program, and what it made is in the state, for the delete', async () => {
    await terraform.home.write({ 'main.tf': ENDLESS_MODULE });
    const build = terraform.home.build();
    const cancel = new AbortController();
    const { context, stateFile } = terraform.home.attempt(build, cancel.signal);
    const reason = new Error('canceled');
    const started = terraform.driver.start(build, context);
    const group = groupOf(await waitingIn(context.folder));
    expect(isGroupAlive(group)).toBe(true);
    cancel.abort(reason);
    await expect(started).rejects.toBe(reason);
    expect(isGroupAlive(group)).toBe(false);
    const state = await readState(stateFile);
    expect(state?.resources.map(({ name }) => name)).toContain('disk');
    await remove(build);
    expect(await terraform.home.world()).toEqual([]);
  });

  it('fails, and says what may be lost, when an interrupt is not enough', async () => {
    // What is stopped heeds nothing but SIGKILL.
    const stopsTerraform = ENDLESS_MODULE.replace('sleep 600', 'kill -STOP $PPID; sleep 600');
    await terraform.home.write({ 'main.tf': stopsTerraform });
    terraform.driver = terraform.home.open({ patience: { interruptMs: 100, terminateMs: 100 } });
    const build = terraform.home.build();
    const cancel = new AbortController();
    const { context } = terraform.home.attempt(build, cancel.signal);
    const started = terraform.driver.start(build, context);
    const group = groupOf(await waitingIn(context.folder));
    cancel.abort(new Error('canceled'));
    await expect(started).rejects.toThrow(/was forced to; what it was making then may exist/);
    expect(isGroupAlive(group)).toBe(false);
  });
});

/** The pid of the program in which the endless module waits. */
function waitingIn(folder: string): Promise<number> {
  const look = (): number => {
    const pid = Number(readFileSync(path.join(folder, 'waiting'), 'utf8'));
    expect(pid).toBeGreaterThan(0);
    return pid;
  };
  return until(look);
}

/** Field 5 of its /proc line. */
function groupOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[2]);
}
