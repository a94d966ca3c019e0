// The owner of every prebuild that nobody has claimed yet; a row of the first migrations.
import type { UserId } from '../base/id.ts';

export const PREBUILDS_USER_ID = '00000000-0000-7000-8000-000000000001' as UserId;
