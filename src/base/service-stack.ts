// Services that are started one after the other and stopped in the opposite order.
import type { Log } from './log.ts';
import type { Service } from './service.ts';

export interface ServiceStack {
  /** Starts a service and remembers it for the stop. */
  start(service: Service): Promise<void>;
  /** Stops all, the last one first, each within `deadlineMs`; gives the names of those that took longer. */
  stop(cause: string, deadlineMs: number): Promise<readonly string[]>;
}

export function createServiceStack(log: Log): ServiceStack {
  const started: Service[] = [];
  return {
    start: async (service) => {
      // Remembered first: one whose start failed half-way has something to release, too.
      started.push(service);
      await service.start();
    },
    stop: async (cause, deadlineMs) => {
      const late: string[] = [];
      for (let service = started.pop(); service !== undefined; service = started.pop()) {
        const { name } = service;
        try {
          if ((await service.stop(cause, deadlineMs)) === 'deadline') late.push(name);
        } catch (error) {
          // One that cannot be stopped must not keep the others from it.
          log.error('service.stop_failed', { service: name, error });
        }
      }
      if (late.length > 0) log.warn('service.stop_late', { services: late });
      return late;
    },
  };
}
