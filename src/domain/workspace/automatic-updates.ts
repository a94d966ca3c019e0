// The words in which an owner says whether their workspace is kept up to date, as they stand in SQL, TypeScript and JSON.
/** Whether starts of a workspace are with the version of its template that is active then. */
export const AUTOMATIC_UPDATES = ['never', 'always'] as const;

export type AutomaticUpdates = (typeof AUTOMATIC_UPDATES)[number];
