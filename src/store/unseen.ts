// Statements that PostgreSQL shall plan once for each connection, whatever is in the tables at that time.

/**
 * A parameter whose value the planner does not look at. To plan a large statement takes longer than to
 * run it, but PostgreSQL keeps a plan only where knowing the values promises no cheaper one, as it
 * would where they say how many rows there are.
 */
export function unseen(parameter: string): string {
  return `(select ${parameter})`;
}

/**
 * A look-up for each row of what stands before it, which it may name. The planner neither joins it in another
 * order nor reads all that it could look up: before there are statistics it takes large tables for small ones.
 */
export function oneByOne(lookUp: string): string {
  return `cross join lateral (${lookUp}
      offset 0)`;
}

/**
 * That a column has a value which few rows have. A plan by no values expects an average share of all rows: half of them
 * where there are two owners, the pools' one and a person. As a range it expects one in two hundred of that.
 */
export function fewHave(column: string, parameter: string): string {
  return `${column} = ${parameter} and ${column} between ${parameter} and ${parameter}`;
}
