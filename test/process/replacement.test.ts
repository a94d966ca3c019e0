// Two templates of Terraform in a whole installation: one whose resources outlive a claim, and one
// whose owner stands where he forces a replacement.
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
      /^default +a claim does not keep 2 resources$/m,
    );
    expect(await tell('template', 'show', 'hello-terraform')).toMatch(/^default +clean: /m);
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
});
