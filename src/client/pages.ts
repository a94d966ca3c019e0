// Lists that come in pages, as one sequence.

interface Page<T> {
  readonly body: { readonly items: readonly T[]; readonly next_cursor: string | null };
}

/**
 * Every item of a list, page by page: `ask` calls the route with the given part of its query.
 * Whoever stops early reads no further pages.
 */
export async function* readPages<T>(
  ask: (part: { readonly cursor?: string }) => Promise<Page<T>>,
): AsyncGenerator<T, void, undefined> {
  let part: { readonly cursor?: string } = {};
  for (;;) {
    const { body } = await ask(part);
    yield* body.items;
    if (body.next_cursor === null) return;
    part = { cursor: body.next_cursor };
  }
}
