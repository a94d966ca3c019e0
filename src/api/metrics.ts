// What Prometheus scrapes.
import type { Handlers } from './handler.ts';

export interface MetricsApiDeps {
  /** In the text format of Prometheus. */
  readonly render: () => Promise<string>;
}

export function createMetricsHandlers({ render }: MetricsApiDeps): Handlers<'readMetrics'> {
  return { readMetrics: async () => ({ status: 200, body: await render() }) };
}
