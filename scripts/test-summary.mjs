// The last lines of a CI run: what was skipped or failed, and "N passed, N failed" of vitest's JSON report.
// usage: test-summary.mjs <report> <number of other steps that failed> <exit code of the tests>
import { readFileSync } from 'node:fs';

const [file, failedSteps, exitCode] = process.argv.slice(2);

function readReport() {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch {
    return [];
  }
}

const files = readReport();
const tests = files.flatMap(({ assertionResults }) => assertionResults);
const passed = tests.filter(({ status }) => status === 'passed');
// Nothing may be skipped here, so what did not pass has failed. A file can fail before it has any test.
const notPassed = tests.filter(({ status }) => status !== 'passed').map(({ status, fullName }) => `${status}: ${fullName}`);
const broken = files
  .filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0)
  .map(({ name }) => `failed: ${name}`);
const problems = [...notPassed, ...broken];
for (const problem of problems) console.log(problem);
// Tests can end badly without one that failed: a build that does not compile, an error outside of every test, no test at all.
const endedBadly = problems.length === 0 && (exitCode !== '0' || passed.length === 0);
const failed = problems.length + Number(failedSteps) + Number(endedBadly);
console.log(`${passed.length} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
