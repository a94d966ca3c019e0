// Whether the driver's settings make sense: its own are there, no others are, and they do not
// depend on the owner where a claim is instant.
import type { Finding } from '../issue.ts';
import { DRIVERS, type Manifest } from '../schema.ts';

/** Terraform and null have defaults for everything. */
const NEEDS_SETTINGS: ReadonlySet<string> = new Set(['docker', 'process']);

export function checkDriver(manifest: Manifest): readonly Finding[] {
  const { driver } = manifest;
  const findings: Finding[] = [];
  if (NEEDS_SETTINGS.has(driver) && manifest[driver] === null) {
    findings.push({
      code: 'DRIVER_SETTINGS_MISSING',
      message: `the driver ${driver} needs the settings \`${driver}\``,
      hint: '',
      path: ['driver'],
      at: 'value',
    });
  }
  for (const other of DRIVERS) {
    if (other === driver || manifest[other] === null) continue;
    findings.push({
      code: 'DRIVER_SETTINGS_FOREIGN',
      message: `the settings \`${other}\` are not those of the driver ${driver}`,
      hint: '',
      path: [other],
      at: 'key',
    });
  }
  return [...findings, ...checkInstant(manifest)];
}

/** A prebuild's name, which a claim replaces; the daemon gives it to every command. */
const CLAIM_CHANGES = /\bSTANDBY_WORKSPACE_NAME\b/;

function checkInstant(manifest: Manifest): readonly Finding[] {
  if (manifest.claim !== 'instant') return [];
  const issue = {
    code: 'INSTANT_NEEDS_OWNER',
    message:
      'STANDBY_WORKSPACE_NAME is the name before the claim, and an instant claim starts nothing anew',
    hint: 'Do it in on_claim of an agent, or use `claim: apply`.',
    at: 'value',
  } as const;
  return (['process', 'docker'] as const)
    .filter((driver) => manifest[driver]?.command?.some((word) => CLAIM_CHANGES.test(word)))
    .map((driver) => ({ ...issue, path: [driver, 'command'] }));
}
