// What a driver is: it turns a template and parameters into a workspace, and that into nothing again.
// test/conformance/driver.ts says what every driver has to hold to.
import type {
  AcquiredJob,
  JobWorkspace,
  LogLine,
  ReportBody,
} from '../contract/provisioner/protocol.ts';

export interface Driver {
  /** As manifests name it. */
  readonly name: string;
  /** Checks a pushed version. Throws TEMPLATE_REFUSED with what is wrong. */
  check(template: JobTemplate, context: DriverContext): Promise<void>;
  /**
   * Brings a workspace to life, whether it is new, stopped or already running as asked; gives its
   * connection details. When it fails or `context.signal` aborts, nothing that was not there before
   * stays behind; then it throws, after an abort the signal's reason itself.
   */
  start(build: Build, context: DriverContext): Promise<Outputs>;
  /** Ends what runs and keeps what is stored. Asked twice, the second time does nothing. */
  stop(build: Build, context: DriverContext): Promise<void>;
  /** Takes away every trace. Without a trace it does nothing. */
  delete(build: Build, context: DriverContext): Promise<void>;
  /**
   * Takes away a workspace that this very attempt made, because the attempt no longer counts. One
   * that was there before the attempt stays.
   */
  undo(attempt: AttemptName): Promise<void>;
  /** Only of drivers whose workspaces live on the daemon's machine. */
  readonly machine?: Machine;
}

/** The side of a driver that looks after workspaces between jobs. */
export interface Machine {
  /** Settles what an earlier life of the daemon left half done, and begins to watch. Before any job. */
  open(): Promise<void>;
  /** Stops watching; the workspaces live on. */
  close(): Promise<void>;
  inspect(): Promise<ReportBody['workspaces']>;
  /** Calls `listener` whenever a report would read differently from the last one. */
  onChange(listener: () => void): void;
  /** Brings a workspace back that should run and does not. */
  restart(workspaceId: string): Promise<void>;
  /** Takes away every trace of a workspace. */
  remove(workspaceId: string): Promise<void>;
}

export type JobTemplate = AcquiredJob['template'];

export interface AttemptName {
  readonly jobId: string;
  readonly attempt: number;
}

/** What a start, stop or delete is about. */
export interface Build extends AttemptName {
  readonly template: JobTemplate;
  readonly workspace: JobWorkspace;
}

export interface DriverContext {
  log(level: LogLine['level'], line: string): void;
  /** Aborted when the work is no longer wanted: canceled, overtaken, or the daemon goes. */
  readonly signal: AbortSignal;
  /**
   * The template's files, unpacked for this attempt alone: the driver may take them away. They are
   * fetched when asked for, so that a delete needs no archive.
   */
  templateFolder(): Promise<string>;
}

export type Outputs = Readonly<Record<string, string>>;
