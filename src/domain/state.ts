// States are tables: each state with the sentence that says when it holds, for documents and people.

/** The states of such a table, in its order. */
export function statesOf<State extends string>(
  table: Readonly<Record<State, string>>,
): readonly State[] {
  return Object.keys(table) as State[];
}
