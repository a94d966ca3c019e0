// A template's folder as a server will see it: packed, unpacked again by the strict reader, and its
// manifest parsed with the files that it may name.
import { checkArchive, type ArchiveFile } from '../../archive/check-archive.ts';
import { packFolder, type PackedFolder } from '../../archive/pack-folder.ts';
import { parseManifest, type ParsedManifest } from '../../contract/manifest/parse.ts';

export interface TemplateFolder {
  readonly packed: PackedFolder;
  readonly files: readonly ArchiveFile[];
  readonly parsed: ParsedManifest;
}

/** Throws FILE_UNREADABLE, ARCHIVE_INVALID or ARCHIVE_TOO_LARGE; a bad manifest is a value. */
export async function readTemplateFolder(folder: string): Promise<TemplateFolder> {
  const packed = await packFolder(folder);
  const { files, manifestText } = await checkArchive(packed.bytes);
  return { packed, files, parsed: parseManifest(manifestText, files) };
}
