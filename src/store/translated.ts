// What pg throws when it is not about the statement, as errors of ours.
import { AppError } from '../base/app-error.ts';
import { isRefused, isUnavailable } from './sqlstate.ts';

/** Runs `work`. Throws DATABASE_UNAVAILABLE and DATABASE_REFUSED; other errors go on as they are. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isUnavailable(error)) {
      const detail = `PostgreSQL could not be used: ${(error as Error).message}`;
      throw new AppError('DATABASE_UNAVAILABLE', { detail }, { cause: error });
    }
    if (isRefused(error)) {
      const detail = `PostgreSQL refuses Standby: ${(error as Error).message}`;
      throw new AppError('DATABASE_REFUSED', { detail }, { cause: error });
    }
    throw error;
  }
}
