import { describe, expect, it } from 'vitest';
import { dockerSettings } from '../../../../test/support/docker-home.ts';
import { createRedactor } from '../../tool/redact.ts';
import type { DriverContext } from '../../driver.ts';
import type { Engine } from './engine/engine.ts';
import { createImages, type UsedImage, type WantedImage } from './image.ts';

const provide = (image: UsedImage): Promise<void> => image.provide();
const HASH = 'a'.repeat(64);
const wanted: WantedImage = {
  settings: dockerSettings({ image: 'slow:1' }),
  template: {} as WantedImage['template'],
};

function contextWith(signal: AbortSignal): DriverContext {
  const none = (): Promise<never> => Promise.reject(new Error('there is none'));
  return {
    redactor: createRedactor(),
    log: () => undefined,
    tellReplaced: () => undefined,
    signal,
    templateFolder: none,
    stateFile: none,
    folder: '',
  };
}

describe('an image', () => {
  it('that another one pulls keeps nobody who is canceled', async () => {
    let pulls = 0;
    const engine: Pick<Engine, 'findImage' | 'pullImage'> = {
      findImage: () => Promise.resolve(undefined),
      pullImage: (_name, { signal }) => {
        pulls += 1;
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
      },
    };
    const images = createImages(engine as Engine, () => Promise.resolve('d'));
    const [first, second] = [new AbortController(), new AbortController()];
    const one = images.use(wanted, contextWith(first.signal), provide);
    const other = images.use(wanted, contextWith(second.signal), provide);
    const reasons = [new Error('canceled'), new Error('canceled too')];
    second.abort(reasons[1]);
    await expect(other).rejects.toBe(reasons[1]);
    first.abort(reasons[0]);
    await expect(one).rejects.toBe(reasons[0]);
    expect(pulls).toBe(1);
  });

  it('is listed by its hash, and not by the tag that somebody gave it', async () => {
    const engine: Pick<Engine, 'listImages'> = {
      listImages: () =>
        Promise.resolve([
          ...['standby-template-d:mine', `standby-template-d:${HASH}`, 'made-of-it:1'],
          `standby-template-other:${'b'.repeat(64)}`,
        ]),
    };
    const { built } = createImages(engine as Engine, () => Promise.resolve('d'));
    expect(await built.list()).toEqual([HASH]);
  });

  it('is not taken away before a container is made of it', async () => {
    const removed: string[] = [];
    const engine: Pick<Engine, 'findImage' | 'removeImage'> = {
      findImage: (name) => Promise.resolve(name),
      removeImage: (name) => {
        removed.push(name);
        return Promise.resolve(true);
      },
    };
    const images = createImages(engine as Engine, () => Promise.resolve('d'));
    const built: WantedImage = {
      settings: dockerSettings({ image: null, build: 'Dockerfile' }),
      template: { ...wanted.template, file_hash: HASH },
    };
    const context = contextWith(new AbortController().signal);
    const goes = await images.use(built, context, () => images.built.remove(HASH));
    expect([goes, removed]).toEqual([false, []]);
    expect(await images.built.remove(HASH)).toBe(true);
    expect(removed).toEqual([`standby-template-d:${HASH}`]);
  });
});
