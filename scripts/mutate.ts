// Plants every known fault (mutations/), each in a copy of the tree, and runs the test that has to
// notice it: `npm run mutations`, or `npm run mutations -- lease claim` for those with such a word in their
// name, or `npm run mutations -- --count 40 --seed 7` for so many of them: those that
// everything rests on, and others with each seed.
// With --simulated, the simulation of the whole system has to notice those that say so.
import { parseArgs } from 'node:util';
import { drawCases } from '../test/support/chosen-cases.ts';
import { mutations } from './mutations/all.ts';
import { createCopies, UNCHANGED, type Copies, type Run } from './mutations/copies.ts';
import type { Mutation } from './mutations/mutation.ts';
import { simulateEach } from './mutations/simulate.ts';

const { values, positionals: words } = parseArgs({
  options: {
    simulated: { type: 'boolean', default: false },
    count: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});
const named = mutations
  .filter(({ simulated }) => !values.simulated || simulated === true)
  .filter(({ fault }) => words.length === 0 || words.some((word) => fault.includes(word)));
if (named.length === 0) throw new Error(`no fault is named like ${words.join(' ')}`);
const seed = wholeNumber('seed', values.seed);
const count = wholeNumber('count', values.count ?? String(named.length));
const fixed = named.filter(({ always }) => always);
const others = named.filter(({ always }) => !always);
const chosen = [...fixed, ...drawCases(others, { count: Math.max(0, count - fixed.length), seed })];
{
  using copies = createCopies();
  const survived = values.simulated ? simulateEach(copies, chosen) : testEach(copies, chosen);
  const covered = `${chosen.length} of ${mutations.length} faults, drawn with seed ${seed}`;
  process.stdout.write(`${chosen.length - survived} noticed, ${survived} survived (${covered})\n`);
  if (survived > 0) process.exitCode = 1;
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new Error(`--${option} ${text} is no whole number from 1 on`);
  return Number(text);
}

/** All in one run; gives how many were not noticed. */
function testEach(copies: Copies, planted: readonly Mutation[]): number {
  copies.plant(UNCHANGED, []);
  planted.forEach(({ changes }, n) => copies.plant(String(n), changes));
  const projects = [
    // What fails without any fault shows nothing when it fails with one.
    { name: UNCHANGED, files: [...new Set(planted.map(({ noticedBy }) => noticedBy.file))] },
    ...planted.map(({ noticedBy: { file, title } }, n) => ({
      ...{ name: String(n), files: [file], titles: [title] },
    })),
  ];
  const titles = [...new Set(planted.map(({ noticedBy }) => noticedBy.title))];
  const run = copies.run(projects, { titles });
  return planted.filter((mutation, n) => !isNoticed(run, mutation, String(n))).length;
}

function isNoticed(run: Run, { fault, noticedBy }: Mutation, copy: string): boolean {
  const before = run.statusesOf(UNCHANGED, noticedBy);
  const after = run.statusesOf(copy, noticedBy);
  const isSound = before.length > 0 && before.every((status) => status === 'passed');
  const verdict = !isSound
    ? 'no such test passes without the fault'
    : after.length === 0
      ? 'the test could not be run'
      : after.includes('failed')
        ? 'noticed'
        : 'SURVIVED';
  process.stdout.write(`${verdict}: ${fault}\n`);
  if (verdict !== 'noticed') process.stdout.write(`  ${noticedBy.file}: ${noticedBy.title}\n`);
  return verdict === 'noticed';
}
