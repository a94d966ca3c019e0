// Finds Terraform or OpenTofu on this machine.
import { execFile, type ExecFileException } from 'node:child_process';
import path from 'node:path';
import { COMMON_VARIABLES, inheritEnvironment, type Environment } from '../../tool/environment.ts';

export interface TerraformTool {
  /** A name on the PATH, or a path. */
  readonly file: string;
  readonly product: 'terraform' | 'tofu';
  readonly version: string;
}

export type FoundTool =
  | { readonly kind: 'found'; readonly tool: TerraformTool }
  | { readonly kind: 'missing'; readonly because: string };

/** Older ones do not write `init -json`. */
const MIN_VERSIONS = { terraform: [1, 9], tofu: [1, 8] } as const;
const NAMES = { terraform: 'Terraform', tofu: 'OpenTofu' } as const;
const ANSWER_MS = 10_000;

/** Looks for the program that is given, or for terraform and then tofu. */
export async function findTool(
  given: string | undefined,
  environment: Environment,
): Promise<FoundTool> {
  const reasons: string[] = [];
  const named = given?.includes('/') === true ? path.resolve(given) : given;
  for (const file of named === undefined ? ['terraform', 'tofu'] : [named]) {
    const found = await tryTool(file, environment);
    if (found.kind === 'found') return found;
    reasons.push(found.because);
  }
  return { kind: 'missing', because: reasons.join('; ') };
}

export function describeTool({ product, version }: TerraformTool): string {
  return `${NAMES[product]} ${version}`;
}

async function tryTool(file: string, environment: Environment): Promise<FoundTool> {
  const env = {
    ...inheritEnvironment(environment, [...COMMON_VARIABLES, 'HOME']),
    CHECKPOINT_DISABLE: '1',
  };
  return new Promise((resolve) => {
    execFile(file, ['version'], { env, timeout: ANSWER_MS }, (error, stdout) => {
      if (error === null) resolve(readVersion(file, stdout.split('\n')));
      else resolve({ kind: 'missing', because: describeFailure(file, error) });
    });
  });
}

function describeFailure(file: string, { code, message }: ExecFileException): string {
  if (code !== 'ENOENT') return `${file} does not run: ${message}`;
  return file.includes('/') ? `there is no ${file}` : `there is no ${file} on the PATH`;
}

function readVersion(file: string, lines: readonly string[]): FoundTool {
  const [, name, version = ''] =
    lines.map((line) => /^(Terraform|OpenTofu) v(\d+\.\d+\S*)$/.exec(line)).find(Boolean) ?? [];
  if (name === undefined) {
    const because = `${file} does not answer as Terraform or OpenTofu does`;
    return { kind: 'missing', because };
  }
  const product = name === NAMES.terraform ? 'terraform' : 'tofu';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minMajor, minMinor] = MIN_VERSIONS[product];
  if (major > minMajor || (major === minMajor && minor >= minMinor)) {
    return { kind: 'found', tool: { file, product, version } };
  }
  const because = `${file} is ${name} ${version}; ${minMajor}.${minMinor} or newer is needed`;
  return { kind: 'missing', because };
}
