// Named points in the code where a test may wait or kill the process, so that every instant of a
// procedure can be tried. Without a test they do nothing.

export type ProbeListener = (point: string) => void | Promise<void>;

let installed: ProbeListener | undefined;

export async function probe(point: string): Promise<void> {
  await installed?.(point);
}

/** For tests only; undefined removes it. */
export function installProbe(listener: ProbeListener | undefined): void {
  installed = listener;
}
