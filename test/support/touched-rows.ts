// How many rows of each table a statement touches when it runs, as PostgreSQL explains it.
import type { TestStore } from './store.ts';

interface Node {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Node[];
}

export interface Explained {
  readonly text: string;
  readonly parameters: readonly string[];
}

/** Rows that the plan touched in each table, whatever became of them. The statement is really run. */
export async function touchedRows(
  store: Pick<TestStore, 'sql'>,
  { text, parameters }: Explained,
  args: object,
): Promise<Map<string, number>> {
  const values = parameters.map((key) => (args as Record<string, unknown>)[key]);
  const [row] = await store.sql<{ 'QUERY PLAN': readonly { readonly Plan: Node }[] }>(
    `explain (analyze, format json) ${text}`,
    values,
  );
  const touched = new Map<string, number>();
  addUp(row!['QUERY PLAN'][0]!.Plan, touched);
  return touched;
}

function addUp(node: Node, into: Map<string, number>): void {
  const table = node['Relation Name'];
  if (table !== undefined) {
    const rows =
      (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
    into.set(table, (into.get(table) ?? 0) + rows);
  }
  for (const child of node.Plans ?? []) addUp(child, into);
}
