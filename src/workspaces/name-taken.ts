// A name that its owner has given to another workspace, or waits with.
import { AppError } from '../base/app-error.ts';
import { isUniqueViolation } from '../store/sqlstate.ts';

export function isNameTaken(error: unknown): boolean {
  return (
    isUniqueViolation(error, 'workspaces_owner_id_name_key') ||
    isUniqueViolation(error, 'waiters_user_id_name_key')
  );
}

export function nameTaken(name: string, cause: unknown): AppError {
  const detail = isUniqueViolation(cause, 'waiters_user_id_name_key')
    ? `the name ${name} is kept for who waits for a prebuild with it`
    : `the name ${name} is that of another workspace of the same owner`;
  return new AppError('NAME_TAKEN', detail, { cause });
}
