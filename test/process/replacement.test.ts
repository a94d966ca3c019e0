// Two templates of Terraform in a whole installation: one whose resources outlive a claim, and one
// whose owner stands where he forces a replacement.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInstallation, type Installation } from '../support/installation.ts';
import { runBin } from '../support/program.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const available = hasTool('terraform');

let installation: Installation;

beforeEach(async () => {
  if (!available) return;
  installation = await createInstallation();
  await installation.up();
}, 60_000);
afterEach(() => installation.remove(), 120_000);

/** What it prints; it must succeed. */
const tell = async (...argv: readonly string[]): Promise<string> => {
  const environment = { STANDBY_DATA_DIR: installation.dataDir };
  const { status, out, err } = await runBin(argv, { environment });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${err}`);
  return out;
};

/** Once the pool has one ready. */
const claim = async (name: string, template: string): Promise<void> => {
  await until(async () =>
    expect(await tell('pool', 'show', `${template}/default`)).toMatch(/^eligible +1$/m),
  );
  expect(await tell('create', name, '--template', template)).toContain('claimed from the pool');
};

/** What is shown of the pool once its rehearsal says this. */
const rehearsed = (template: string, told: string): Promise<string> =>
  until(async () => {
    const shown = await tell('pool', 'show', `${template}/default`);
    expect(shown).toContain(told);
    return shown;
  });

describe.runIf(available)('a claim', () => {
  it('is shown to lose what its template lets the owner replace, and nothing else', async () => {
    await tell('template', 'push', 'test/template/replaced-at-claim');
    await claim('kept', 'hello-terraform');

    // Known before anybody claims.
    await rehearsed('hello-terraform', 'clean: a claim destroys nothing');
    const warned = await rehearsed('replaced-at-claim', 'a claim does not keep 2 resources');
    expect(warned).toMatch(/^terraform_data\.volume +destroyed and made anew +triggers_replace$/m);
    expect(warned).toContain('ignore_changes = [triggers_replace]');
    expect(await tell('template', 'show', 'replaced-at-claim')).toMatch(
      /^default +v1 +a claim does not keep 2 resources$/m,
    );
    expect(await tell('template', 'show', 'hello-terraform')).toMatch(/^default +v1 +clean: /m);
    expect(await tell('job', 'list')).toMatch(/ rehearse replaced-at-claim\/default v1 /);

    await claim('lost', 'replaced-at-claim');

    const shown = await tell('workspace', 'show', 'lost');
    expect(shown).toMatch(
      /^terraform_data\.machine\[0\] +destroyed and made anew +triggers_replace$/m,
    );
    expect(shown).toMatch(/^terraform_data\.volume +destroyed and made anew +triggers_replace$/m);
    expect(shown).toContain('ignore_changes = [triggers_replace]');
    expect(await tell('pool', 'show', 'replaced-at-claim/default')).toMatch(
      /^claim_replaced .* 2 resources$/m,
    );

    await until(async () =>
      expect(await tell('notification', 'list')).toMatch(
        /default\/replaced-at-claim\/default +v1 +admin's claim of lost \(build 2\) lost terraform_data/,
      ),
    );
    expect(await tell('notification', 'read')).toBe('Marked 2 notifications as read.\n');

    expect(await tell('workspace', 'show', 'kept')).not.toContain('destroyed');
    expect(await tell('pool', 'show', 'hello-terraform/default')).not.toContain('claim_replaced');
  }, 240_000);

  it('that would lose something keeps its version from being promoted, where that is asked for', async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'standby-refusing-'));
    try {
      const from = 'test/template/replaced-at-claim';
      await cp(from, folder, { recursive: true });
      const manifest = await readFile(path.join(from, 'standby.yaml'), 'utf8');
      await writeFile(path.join(folder, 'standby.yaml'), `${manifest}rehearsal: refuse\n`);
      await expect(tell('template', 'push', folder)).rejects.toThrow(
        /a claim of preset "default" does not keep .*terraform_data\.volume \(triggers_replace\).* \(REHEARSAL_REFUSED\)/,
      );
      const shown = await tell('template', 'show', 'replaced-at-claim');
      expect(shown).toMatch(/^active +none yet/m);
      expect(shown).toMatch(/^default +v1 +a claim does not keep 2 resources$/m);
      const mended = (await readFile(path.join(from, 'main.tf'), 'utf8')).replace(
        'triggers_replace = { owner = var.standby_owner }',
        'input = { owner = var.standby_owner }',
      );
      await writeFile(path.join(folder, 'main.tf'), mended);
      expect(await tell('template', 'push', folder)).toMatch(/v2 .* is imported and active/);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 240_000);
});
