// Whether the settings of the docker driver fit each other, the ready check and the folder.
import { excerpt } from '../../../base/excerpt.ts';
import { AGENT_HOME } from '../agent-home.ts';
import type { Finding, ManifestIssueCode, ManifestPath } from '../issue.ts';
import type { DockerSettings, Manifest, ReadyCheck } from '../schema.ts';
import type { TemplateFile } from './agent.ts';

/** Without `files` the Dockerfile is not looked for. */
export function checkDocker(
  { docker, ready, agents }: Manifest,
  files: readonly TemplateFile[] | undefined,
): readonly Finding[] {
  if (docker === null) return [];
  const { build, ports, network } = docker;
  const findings = [
    ...checkTwice(docker),
    ...(agents.length === 0 ? [] : checkAgentHome(docker)),
    ...(ready === null ? [] : checkReach(docker, ready)),
  ];
  if (['none', 'host'].includes(network) && ports.length > 0) {
    const message = `the network "${network}" publishes no ports, and some are to be published`;
    findings.push(found('PORT_UNREACHABLE', message, ['docker', 'ports']));
  }
  const hasFile = files?.some(({ path }) => path === build?.replace(/^(\.\/)+/, '')) ?? true;
  if (build !== null && !hasFile) {
    const message = `there is no file ${excerpt(build)} in the folder`;
    findings.push(found('DOCKERFILE_MISSING', message, ['docker', 'build']));
  }
  return findings;
}

function checkTwice({ ports, volumes }: DockerSettings): readonly Finding[] {
  const twice = ports.flatMap((port, index): readonly Finding[] =>
    ports.indexOf(port) === index
      ? []
      : [found('INVALID_VALUE', `the port ${port} is there twice`, ['docker', 'ports', index])],
  );
  const places = Object.values(volumes);
  const over = Object.entries(volumes).flatMap(([name, place], index): readonly Finding[] => {
    if (places.indexOf(place) === index) return [];
    const message = `two volumes are to be at ${excerpt(place)}`;
    return [found('INVALID_VALUE', message, ['docker', 'volumes', name])];
  });
  return [...twice, ...over];
}

/** What an agent remembers there has to be its own: a volume of the template would take its place. */
function checkAgentHome({ volumes }: DockerSettings): readonly Finding[] {
  return Object.entries(volumes).flatMap(([name, place]): readonly Finding[] => {
    if (!`${place}/`.startsWith(`${AGENT_HOME}/`)) return [];
    const message = `what is at ${AGENT_HOME} is the agent's, and a volume is to be at ${excerpt(place)}`;
    return [found('INVALID_VALUE', message, ['docker', 'volumes', name])];
  });
}

/** The daemon reaches what is published, and nothing else. */
function checkReach({ ports }: DockerSettings, { http, tcp, command }: ReadyCheck): Finding[] {
  if (command !== null) return [];
  if (ports.length > 0 && (tcp === null || ports.includes(tcp))) return [];
  const what = http !== null || tcp === null ? "the workspace's own port" : `port ${tcp}`;
  const message = `ready needs ${what}, which \`docker\` does not publish`;
  return [found('PORT_UNREACHABLE', message, ['ready'])];
}

function found(code: ManifestIssueCode, message: string, path: ManifestPath): Finding {
  const hint = code === 'PORT_UNREACHABLE' ? 'See `ports` and `network` of `docker`.' : '';
  return { code, message, hint, path, at: 'value' };
}
