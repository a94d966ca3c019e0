// A command's answer: for people, or with --json the API's own document on one line.
import type { CommandContext } from '../command.ts';
import { colorsOf, type Colors } from './colors.ts';
import { harmlessJson } from './harmless.ts';

/** Writes `value` as JSON, or what `render` makes of it. */
export function answer<T>(
  context: CommandContext,
  value: T,
  render: (value: T, colors: Colors) => string,
): void {
  const { io, globals } = context;
  io.out(globals.json ? `${harmlessJson(value)}\n` : render(value, colorsOf(context)));
}
