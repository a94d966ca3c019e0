// The image of a template: there already, pulled, or built from the template's folder. Once, however
// many workspaces want it at the same time.
import { packFolder } from '../../../archive/pack-folder.ts';
import { whenAborted } from '../../../base/abort.ts';
import { createKeyedMutex } from '../../../base/keyed-mutex.ts';
import type { DockerSettings } from '../../../contract/manifest/schema.ts';
import { hashField } from '../../../contract/provisioner/protocol.ts';
import type { DriverContext, FileCache, JobTemplate } from '../../driver.ts';
import type { Engine } from './engine/engine.ts';
import { DAEMON_LABEL } from './mark.ts';

/**
 * What is built has such a name, and nothing that is pulled. The daemon's own: another one at the same
 * engine asks another control plane what is needed.
 */
const builtName = (daemon: string, hash: string): string => `standby-template-${daemon}:${hash}`;

export interface Images {
  /** What was built, by the archives of the versions that it was built for. */
  readonly built: FileCache;
  /** Gives `work` an image that is not taken away meanwhile. */
  use<T>(
    wanted: WantedImage,
    context: DriverContext,
    work: (image: UsedImage) => Promise<T>,
  ): Promise<T>;
}

export interface UsedImage {
  /** What containers are made from. */
  readonly name: string;
  /** Pulls or builds it unless it is there. */
  readonly provide: () => Promise<void>;
}

export interface WantedImage {
  readonly settings: DockerSettings;
  readonly template: JobTemplate;
}

export function createImages(engine: Engine, identify: () => Promise<string>): Images {
  const turns = createKeyedMutex();
  /** How many use each now. */
  const users = new Map<string, number>();

  const pull = async (image: string, context: DriverContext): Promise<void> => {
    context.log('info', `pulling ${image}`);
    await engine.pullImage(image, workOf(context));
  };
  const build = async (
    { template, settings }: WantedImage,
    tag: string,
    context: DriverContext,
  ): Promise<void> => {
    const dockerfile = (settings.build ?? '').replace(/^(\.\/)+/, '');
    context.log('info', `building ${tag} from ${dockerfile} of ${template.name}`);
    const { bytes } = await packFolder(await context.templateFolder());
    const { limits, network } = settings;
    const recipe = {
      ...{ tag, dockerfile, labels: { [DAEMON_LABEL]: await identify() } },
      // A workspace without a network may be made of packages all the same.
      network: network === 'none' ? 'bridge' : network,
      memoryBytes: limits.memory_bytes,
      cpus: limits.cpus,
    };
    await engine.buildImage(bytes, recipe, workOf(context));
  };

  const provide = async (
    wanted: WantedImage,
    image: string,
    context: DriverContext,
  ): Promise<void> => {
    const provided = turns.run(image, async () => {
      context.signal.throwIfAborted();
      if ((await engine.findImage(image)) !== undefined) return;
      if (wanted.settings.image === null) await build(wanted, image, context);
      else await pull(image, context);
    });
    // Who is canceled waits for nobody's pull: his turn comes, and ends at once.
    await Promise.race([provided, whenAborted(context.signal)]);
    context.signal.throwIfAborted();
  };

  return {
    built: {
      list: async () => {
        const daemon = await identify();
        const own = builtName(daemon, '');
        const names = await engine.listImages({ [DAEMON_LABEL]: daemon });
        // Whatever somebody made of one has its labels as well.
        const tags = names.flatMap((name) => (name.startsWith(own) ? name.slice(own.length) : []));
        // Somebody may have given one a tag of his own.
        return tags.filter((tag) => hashField.safeParse(tag).success);
      },
      remove: async (fileHash) => {
        const image = builtName(await identify(), fileHash);
        // One that a container is about to be made of stays, as one that has a container does.
        return turns.run(image, async () => !users.has(image) && engine.removeImage(image));
      },
    },
    use: async (wanted, context, work) => {
      const { settings, template } = wanted;
      const image =
        settings.image === null
          ? builtName(await identify(), template.file_hash)
          : withTag(settings.image);
      users.set(image, (users.get(image) ?? 0) + 1);
      try {
        return await work({ name: image, provide: () => provide(wanted, image, context) });
      } finally {
        const others = (users.get(image) ?? 1) - 1;
        if (others === 0) users.delete(image);
        else users.set(image, others);
      }
    },
  };
}

/** A name without one would pull every tag there is. */
function withTag(image: string): string {
  const last = image.slice(image.lastIndexOf('/') + 1);
  return /[:@]/.test(last) ? image : `${image}:latest`;
}

function workOf(context: DriverContext): Parameters<Engine['pullImage']>[1] {
  return { signal: context.signal, onProgress: (line) => context.log('info', line) };
}
