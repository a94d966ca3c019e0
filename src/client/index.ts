// `standby/client`: what programs import to use Standby (docs/client.md). Nothing of the server is in it.
export { AppError as StandbyError } from '../base/app-error.ts';
export type { ErrorCode } from '../base/error-catalog.ts';
export type { Route, RouteAnswer, RouteInput } from '../contract/route.ts';
export { routes } from '../contract/routes.ts';
export type { WaiterView } from '../contract/waiter/schema.ts';
export type { WorkspaceView } from '../contract/workspace/schema.ts';
export type { Claim, ClaimOptions, ClaimRequest } from './claim.ts';
export type { CallOptions, Client, ClientOptions } from './client.ts';
export { followJobLog, type JobLogEvent } from './job-log.ts';
export { readPages } from './pages.ts';
export { createStandby, type Standby, type StandbyOptions } from './standby.ts';
