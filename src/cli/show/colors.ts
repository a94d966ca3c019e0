// Colours, where a person looks: on a terminal, unless NO_COLOR is set.
import { createColors } from 'picocolors';
import type { CommandContext } from '../command.ts';

export type Colors = ReturnType<typeof createColors>;

export function colorsOf({ io, environment }: Pick<CommandContext, 'io' | 'environment'>): Colors {
  return createColors(io.isOutTty && (environment['NO_COLOR'] ?? '') === '');
}
