// The module of a Coder template: its blocks with their places, and what names in it stand for.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../base/app-error.ts';
import { excerpt } from '../../base/excerpt.ts';
import { createEvaluate, type HclValue } from '../../hcl/evaluate.ts';
import { readHcl, type Attribute, type Block } from '../../hcl/read-hcl.ts';

export interface CoderModule {
  /** Of all files, in their order. */
  readonly blocks: readonly PlacedBlock[];
  /** Files of the module that are in another language. */
  readonly unread: readonly string[];
  /** A value of an attribute; undefined where there is none. */
  valueOf(block: Block, name: string): HclValue | undefined;
}

export interface PlacedBlock {
  readonly file: string;
  readonly block: Block;
}

/** What could not be carried over. */
export interface Note {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Throws FILE_UNREADABLE, and HCL_INVALID for a file that is no HCL. */
export async function readCoderModule(folder: string): Promise<CoderModule> {
  const names = await readdir(folder).catch((error: unknown) => {
    const detail = `The folder ${excerpt(folder)} cannot be read: ${(error as Error).message}.`;
    throw new AppError('FILE_UNREADABLE', detail, { cause: error });
  });
  const blocks: PlacedBlock[] = [];
  for (const file of names.filter((name) => name.endsWith('.tf')).sort()) {
    for (const block of await readBlocks(join(folder, file))) blocks.push({ file, block });
  }
  const texts = textsOf(blocks);
  const evaluate = createEvaluate((name) => texts.get(name));
  return {
    blocks,
    unread: names.filter((name) => /\.(tf\.json|tofu)$/.test(name)).sort(),
    valueOf: (block, name) => {
      const attribute = attributeOf(block, name);
      return attribute === undefined ? undefined : evaluate(attribute.text);
    },
  };
}

export function attributeOf({ body }: Block, name: string): Attribute | undefined {
  return body.attributes.find((one) => one.name === name);
}

export function blocksOf({ body }: Block, type: string): readonly Block[] {
  return body.blocks.filter((block) => block.type === type);
}

async function readBlocks(file: string): Promise<readonly Block[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const detail = `${excerpt(file)} cannot be read: ${(error as Error).message}.`;
    throw new AppError('FILE_UNREADABLE', detail, { cause: error });
  }
  try {
    return readHcl(text).blocks;
  } catch (error) {
    const detail = `${excerpt(file)} is no HCL: ${(error as Error).message}.`;
    throw new AppError('HCL_INVALID', detail, { cause: error });
  }
}

/** Locals, defaults of variables, and names of parameters, as far as they are written out. */
function textsOf(blocks: readonly PlacedBlock[]): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const { block } of blocks) {
    const [first = '', label = ''] = block.labels;
    if (block.type === 'locals') {
      for (const { name, text } of block.body.attributes) texts.set(`local.${name}`, text);
    }
    const given = attributeOf(block, 'default');
    if (block.type === 'variable' && given !== undefined) texts.set(`var.${first}`, given.text);
    if (block.type === 'data' && first === 'coder_parameter') {
      for (const { name, text } of block.body.attributes) {
        texts.set(`data.coder_parameter.${label}.${name}`, text);
      }
    }
  }
  return texts;
}
