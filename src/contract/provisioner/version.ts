// Which versions of the provisioner protocol understand each other. The first message names its
// version and is asked for it before anything else in it is looked at: what a version of the future
// sends may be anything.
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';

export interface ProtocolVersions {
  readonly oldest: number;
  readonly newest: number;
}

/**
 * What this code speaks. Raised when a daemon and a control plane of different versions would
 * misunderstand each other; a field that has a default, or that the other side may ignore, is no
 * reason. docs/provisioners.md has the history.
 */
export const PROVISIONER_PROTOCOL_VERSION = 4;

/** What a control plane understands: also the version before, so that daemons can be upgraded later. */
export const SUPPORTED_PROTOCOL_VERSIONS: ProtocolVersions = {
  oldest: Math.max(1, PROVISIONER_PROTOCOL_VERSION - 1),
  newest: PROVISIONER_PROTOCOL_VERSION,
};

/**
 * Throws PROTOCOL_UNSUPPORTED for a first message in a version that is not supported. One that names
 * no version is left to the schema, which says what is missing.
 */
export function checkProtocolVersion(
  message: unknown,
  { oldest, newest }: ProtocolVersions = SUPPORTED_PROTOCOL_VERSIONS,
): void {
  const { protocol_version: version, name, version: release } = fieldsOf(message);
  if (!Number.isSafeInteger(version)) return;
  const spoken = version as number;
  if (spoken >= oldest && spoken <= newest) return;
  const who = typeof name === 'string' ? `daemon ${excerpt(name)}` : 'the daemon';
  const which = typeof release === 'string' ? ` (release ${excerpt(release)})` : '';
  const ours = oldest === newest ? `version ${newest}` : `versions ${oldest} to ${newest}`;
  throw new AppError('PROTOCOL_UNSUPPORTED', {
    detail: `${who}${which} speaks version ${spoken} of the provisioner protocol, this control plane ${ours}`,
    hint:
      spoken > newest
        ? 'Upgrade the control plane before its daemons, or run an older daemon.'
        : 'Upgrade the daemon to the release of the control plane.',
    fields: { daemon: spoken, oldest, newest },
  });
}

function fieldsOf(message: unknown): Readonly<Record<string, unknown>> {
  return typeof message === 'object' && message !== null
    ? (message as Readonly<Record<string, unknown>>)
    : {};
}
