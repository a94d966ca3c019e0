// Random cron expressions over the whole grammar, for property tests.
import fc from 'fast-check';

interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const field = ({ min, max, names }: FieldRange): fc.Arbitrary<string> => {
  const write = (n: number, style: string): string => {
    const name = names[n - min];
    if (name === undefined || style === 'number') return String(n);
    return style === 'upper' ? name : name.toLowerCase();
  };
  const value = fc
    .tuple(fc.integer({ min, max }), fc.constantFrom('number', 'upper', 'lower'))
    .map(([n, style]) => ({ n, text: write(n, style) }));
  const step = fc.integer({ min: 1, max: max - min + 1 });
  const range = fc
    .tuple(value, value)
    .map((ends) => ends.sort((a, b) => a.n - b.n).map((end) => end.text))
    // The implementation that ours is compared with reads -SUN as -7.
    .map(([a, b]) => `${a}-${/sun/i.test(b ?? '') ? '0' : b}`);
  const item = fc.oneof(
    value.map(({ text }) => text),
    range,
    step.map((n) => `*/${n}`),
    fc.tuple(range, step).map(([text, n]) => `${text}/${n}`),
  );
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    {
      weight: 4,
      arbitrary: fc.array(item, { minLength: 1, maxLength: 3 }).map((list) => list.join(',')),
    },
  );
};

/** Any expression that is accepted, but for a bare star inside a list. */
export const cronExpression: fc.Arbitrary<string> = fc
  .tuple(
    field({ min: 0, max: 59, names: [] }),
    field({ min: 0, max: 23, names: [] }),
    field({ min: 1, max: 31, names: [] }),
    field({ min: 1, max: 12, names: MONTHS }),
    field({ min: 0, max: 6, names: DAYS }),
  )
  .map((fields) => fields.join(' '));
