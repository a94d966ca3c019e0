// What the catalog says of an error code.

export interface ErrorSpec {
  readonly http: number;
  readonly exit: number;
  /** Whether the same request may succeed without being changed. */
  readonly retry: 'never' | 'later';
  readonly hint: string;
}
