// A folder as one value: what a test compares before and after.
import { lstat, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** By path: `folder`, `link → target`, or `mode content` of a file; folders with odd modes too. */
export type FolderTree = Readonly<Record<string, string>>;

export async function readTree(root: string, folder = ''): Promise<FolderTree> {
  const tree: Record<string, string> = {};
  for (const name of (await readdir(join(root, folder))).sort()) {
    const path = join(folder, name);
    const stats = await lstat(join(root, path));
    const mode = (stats.mode & 0o7777).toString(8);
    if (stats.isDirectory()) {
      Object.assign(tree, { [path]: `folder ${mode}` }, await readTree(root, path));
    } else if (stats.isSymbolicLink()) {
      tree[path] = `link → ${await readlink(join(root, path))}`;
    } else {
      tree[path] = `${mode} ${(await readFile(join(root, path))).toString('latin1')}`;
    }
  }
  return tree;
}

/** Writes files by path; a path that ends with a slash is a folder. */
export async function writeTree(
  root: string,
  files: Readonly<Record<string, string | Buffer>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const full = join(root, path);
    await mkdir(path.endsWith('/') ? full : dirname(full), { recursive: true });
    if (!path.endsWith('/')) await writeFile(full, content);
  }
}
