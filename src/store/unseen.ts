// Statements that PostgreSQL shall plan once for each connection.

/**
 * A parameter whose value the planner does not look at. To plan a large statement takes longer than to
 * run it, but PostgreSQL keeps a plan only where knowing the values promises no cheaper one, as it
 * would where they say how many rows there are.
 */
export function unseen(parameter: string): string {
  return `(select ${parameter})`;
}
