// Reads vitest's JSON report: prints what was skipped, then "N passed, N failed, N skipped" as the
// last line. Fails when a test failed, when a file could not be run, or when nothing ran at all.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const report = read(process.argv[2]);
const tests = report.testResults.flatMap((file) =>
  file.assertionResults.map((test) => ({ ...test, file: relative(process.cwd(), file.name) })),
);
const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
const broken = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'),
);
const passed = tests.filter(({ status }) => status === 'passed').length;
const failed = tests.filter(({ status }) => status === 'failed').length + broken.length;

for (const { file, fullName } of skipped) process.stdout.write(`skipped: ${file}: ${fullName}\n`);
for (const { name, message } of broken) {
  process.stdout.write(`could not run: ${relative(process.cwd(), name)}: ${message}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped.length} skipped\n`);
if (failed > 0 || passed === 0) process.exitCode = 1;

function read(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    process.stdout.write(`no test report at ${path}: ${error.message}\n`);
    return { testResults: [] };
  }
}
