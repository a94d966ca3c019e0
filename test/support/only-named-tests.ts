// A setup file: skips the tests whose full names do not match STANDBY_NAMED_TESTS, which is an expression of its
// own for each project, as vitest's `-t` is not.
import { beforeEach } from 'vitest';

const named = new RegExp(process.env['STANDBY_NAMED_TESTS'] ?? '');

beforeEach(({ task, skip }) => {
  skip(!named.test(task.fullTestName));
});
