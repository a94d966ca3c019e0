// What a driver is: it turns a template and parameters into a workspace, and that into nothing again.
// test/conformance/driver.ts says what every driver has to hold to.
import type {
  AcquiredJob,
  JobWorkspace,
  LogLine,
  Replacement,
  ReportBody,
  Resource,
} from '../contract/provisioner/protocol.ts';
import type { Redactor } from './tool/redact.ts';

export interface Driver {
  /** As manifests name it. */
  readonly name: string;
  /** Only of drivers that work with a tool of the machine: which one, and its version. */
  readonly tool?: string;
  /** Checks a pushed version. Throws TEMPLATE_REFUSED, or another refusal, with what is wrong. */
  check(template: JobTemplate, context: DriverContext): Promise<void>;
  /**
   * Brings a workspace to life, whether it is new, stopped or already running as asked. When it fails
   * or `context.signal` aborts, nothing that was not there before stays behind but what its stored
   * state names; then it throws, after an abort the signal's reason itself.
   */
  start(build: Build, context: DriverContext): Promise<Started>;
  /** Ends what runs and keeps what is stored. Asked twice, the second time does nothing. */
  stop(build: Build, context: DriverContext): Promise<void>;
  /** Takes away every trace. Without a trace it does nothing. */
  delete(build: Build, context: DriverContext): Promise<void>;
  /**
   * Destroys what a state of an overtaken attempt names and the current one does not. Only of drivers
   * that keep a state.
   */
  readonly destroyStray?: (stray: StrayBuild, context: DriverContext) => Promise<void>;
  /**
   * Only of drivers whose tool can plan: tells what the build of a claim would destroy, by a plan on this
   * copy of the prebuild's state. Changes nothing. Where claims build nothing, any difference is told.
   */
  readonly rehearse?: (rehearsal: Rehearsal, context: DriverContext) => Promise<void>;
  /**
   * Only of drivers whose tool writes its state elsewhere when it cannot write it to the state file:
   * once the tool has ended, moves a newer state from there into the file. Throws BUILD_FAILED when
   * something is there that cannot be told to be older.
   */
  readonly rescueState?: (attempt: AttemptFiles) => Promise<void>;
  /**
   * Takes away a workspace that this very attempt made, because the attempt no longer counts. One
   * that was there before the attempt stays, and so does one that somebody else has started since: a
   * later attempt of the job that made it takes its place, another build keeps it for good.
   */
  undo(attempt: AttemptName): Promise<void>;
  /** Only of drivers whose workspaces live on the daemon's machine. */
  readonly machine?: Machine;
  /** Only of drivers that keep what they made of a version's archive, such as an image. */
  readonly fileCache?: FileCache;
}

export interface FileCache {
  /** The hashes of the archives that something is kept of. */
  list(): Promise<readonly string[]>;
  /** Gives whether it is gone: what a workspace uses stays. */
  remove(fileHash: string): Promise<boolean>;
}

/** The side of a driver that looks after workspaces between jobs. */
export interface Machine {
  /** Settles what an earlier life of the daemon left half done, and begins to watch. Before any job. */
  open(): Promise<void>;
  /** Stops watching; the workspaces live on. */
  close(): Promise<void>;
  inspect(): Promise<ReportBody['workspaces']>;
  /** Calls `listener` whenever a report would read differently from the last one. */
  onChange(listener: ChangeListener): void;
  /** Brings a workspace back that should run and does not. */
  restart(workspaceId: string): Promise<void>;
  /** Takes away every trace of a workspace. */
  remove(workspaceId: string): Promise<void>;
}

/** How soon it is to be reported: somebody may wait for that a workspace is ready. */
export type ChangeListener = (report: 'at once' | 'soon') => void;

export type JobTemplate = AcquiredJob['template'];

export interface AttemptName {
  readonly jobId: string;
  readonly attempt: number;
}

export interface AttemptFiles {
  /** The attempt's, as in `DriverContext`. */
  readonly folder: string;
  readonly stateFile: string;
}

/** What a start, stop or delete is about. */
export interface Build extends AttemptName {
  readonly template: JobTemplate;
  readonly workspace: JobWorkspace;
}

/** The build whose attempt made the stray, as a delete. */
export interface StrayBuild extends Build {
  readonly stray: string;
  /** Undefined when nothing of the workspace is left. */
  readonly current: string | undefined;
}

/** The build of a claim that nobody makes. */
export interface Rehearsal extends Build {
  /** Of the prebuild; undefined when it has none. */
  readonly state: string | undefined;
}

export interface DriverContext {
  /** Of this attempt: what the driver adds is blotted out of its log and its error from then on. */
  readonly redactor: Redactor;
  /** Without what is secret. */
  log(level: LogLine['level'], line: string): void;
  /** What the build of a claim throws away of the workspace that it takes over, before it does; or would. */
  tellReplaced(replaced: readonly Replacement[]): void;
  /** Aborted when the work is no longer wanted: canceled, overtaken, or the daemon goes. */
  readonly signal: AbortSignal;
  /**
   * The template's files, unpacked for this attempt alone: the driver may take them away. They are
   * fetched when asked for, so that a delete needs no archive.
   */
  templateFolder(): Promise<string>;
  /**
   * For drivers whose tool keeps a state, a JSON document: takes the lock of the workspace's state
   * for this attempt, and gives the file that holds the newest one, or does not exist yet. Whatever
   * is written there is stored at the control plane, at every change; the attempt ends when the last
   * is. When another attempt takes the lock, the signal aborts.
   */
  stateFile(): Promise<string>;
  /** The attempt's, gone with it: for what the driver's tool needs beside the template. */
  readonly folder: string;
}

/** Connection details, such as `url`. */
export type Outputs = Readonly<Record<string, string>>;

export interface Started {
  /** For whoever may see the workspace. */
  readonly outputs: Outputs;
  /** For its owner alone. */
  readonly secretOutputs?: Outputs;
  /** What stands for the workspace now, where the driver's tool has names for it. */
  readonly resources?: readonly Resource[];
}

/**
 * In the environment of every process that works for an attempt: its folder. By it the next life of
 * a daemon that was killed ends them.
 */
export const ATTEMPT_MARK = 'STANDBY_ATTEMPT_DIR';
