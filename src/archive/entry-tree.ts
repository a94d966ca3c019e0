// The files and folders seen so far, to refuse entries that contradict each other: on one file
// system they would be two things, on another one would replace the other.
import { excerpt } from '../base/excerpt.ts';
import type { EntryKind } from './entry-kind.ts';
import { archiveInvalid, archiveTooLarge } from './fault.ts';
import type { ArchiveLimits } from './limits.ts';

export interface EntryTree {
  /** Adds an entry and the folders it lies in, or throws. */
  add(path: string, kind: EntryKind): void;
}

interface Node {
  readonly path: string;
  readonly kind: EntryKind;
  /** False for a folder that only occurred in the paths of others so far. */
  stated: boolean;
}

export function createEntryTree(limits: ArchiveLimits): EntryTree {
  const nodes = new Map<string, Node>();

  /** Makes or finds the node; `stated` when it has an entry of its own. */
  const place = (path: string, kind: EntryKind, stated: boolean): void => {
    const key = foldPath(path);
    const known = nodes.get(key);
    if (known === undefined) {
      if (nodes.size >= limits.entries) throw archiveTooLarge(limits, 'entries', path);
      nodes.set(key, { path, kind, stated });
      return;
    }
    if (known.path !== path) {
      const problem = `has the same name as ${excerpt(known.path)} where case or accents are not told apart`;
      throw archiveInvalid({ reason: 'collision', problem, path });
    }
    if (known.kind !== kind) {
      const problem = 'occurs both as a file and as a folder';
      throw archiveInvalid({ reason: 'file_as_folder', problem, path });
    }
    if (stated && known.stated) {
      throw archiveInvalid({ reason: 'duplicate', problem: 'occurs twice', path });
    }
    known.stated ||= stated;
  };

  return {
    add: (path, kind) => {
      for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
        place(path.slice(0, slash), 'folder', false);
      }
      place(path, kind, true);
    },
  };
}

/**
 * Equal for names that a file system which ignores case and composition takes for one. Upper case
 * first: it also folds what has no lower case of its own (ß and ss, long s and s).
 */
function foldPath(path: string): string {
  return path.normalize('NFD').toUpperCase().toLowerCase().normalize('NFC');
}
