// Statements whose one plan, which a connection makes by no values, shall be good whatever is in the tables at that time.

/**
 * A parameter whose value the planner does not look at. On our connections it looks at none (see `SESSION`), so this
 * matters only where something else decides on that, as when somebody explains a statement with its values: they see
 * the plan that is run.
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

/**
 * That a query gives as many rows as the array has at most, so that what they name is looked up row by row: of rows
 * from an array the planner expects ten, for which it reads a small table whole, and of a limit that it does not see a
 * tenth.
 */
export function asManyAs(array: string): string {
  return `limit cardinality(${unseen(array)})`;
}
