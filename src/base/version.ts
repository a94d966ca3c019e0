// The version of this build, written into every bundle from package.json.
import manifest from '../../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;
