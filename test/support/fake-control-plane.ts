// A control plane for daemons, in memory: registrations with incarnations, jobs with attempts,
// heartbeats that tell of cancels, results that are fenced and may come twice. It can be away, and
// can lose the answer to what it did.
import { AppError } from '../../src/base/app-error.ts';
import { isAborted } from '../../src/base/abort.ts';
import type {
  AcquiredJob,
  JobResult,
  Replacement,
  RegisterBody,
  ReportBody,
} from '../../src/contract/provisioner/protocol.ts';
import type { AttemptRef, Caller, ControlPlane } from '../../src/provisioner/control-plane.ts';
import { decideLostAttempt } from '../../src/domain/job/lost-attempt.ts';

export interface FakeJob {
  readonly job: Omit<AcquiredJob, 'attempt'>;
  attempt: number;
  status: 'pending' | 'running' | 'ended';
  cancel: boolean;
  holder: Caller | undefined;
  takenByCall: string | undefined;
  result: JobResult | undefined;
  replaced: readonly Replacement[];
  /** Which attempt the result is of. */
  resultAttempt: number | undefined;
  beats: number;
  /** The log is full then. */
  maxLines: number;
  /** By seq, as stored: each once. */
  readonly lines: Map<number, string>;
}

type Wanted = 'keep' | 'restart' | 'remove';

export interface FakeControlPlane extends ControlPlane {
  readonly jobs: readonly FakeJob[];
  readonly registrations: number;
  /** What the newest registration said. */
  readonly announced: RegisterBody | undefined;
  /** The newest report; undefined before any. */
  readonly reported: ReportBody['workspaces'] | undefined;
  readonly reports: number;
  offer(job: Omit<AcquiredJob, 'attempt'>): FakeJob;
  /** As `cancel`, and tells who waits for that. */
  cancel(job: FakeJob): void;
  /** Another attempt counts from now on. */
  overtake(job: FakeJob): void;
  /** Another process of the same daemon registers. */
  replace(): void;
  /** Forgets its daemons, as one whose database was restored. */
  forget(): void;
  away: boolean;
  /** Calls that wait for work, or for a cancel. */
  readonly waiting: number;
  /** Calls that found it away. */
  readonly missedCalls: number;
  /** As many of the next completions are stored, and their answers lost. */
  loseAnswers: number;
  /** As many of the next jobs are handed out, and lost on their way to the daemon. */
  loseJobs: number;
  readonly files: Map<string, Uint8Array>;
  /** By workspace, oldest first. */
  readonly states: Map<string, readonly string[]>;
  readonly strays: Map<string, readonly string[]>;
  /** By workspace: `job/attempt` of every lock that was taken. */
  readonly stateLocks: Map<string, string[]>;
  /** A build and a clean-up of one workspace meet: neither gets its states. */
  isStateInUse: boolean;
  /** How often a build was told so. */
  readonly refusedTakes: number;
  /** What the next states are refused with. */
  readonly refusals: AppError[];
  /** What is answered to reports; keep unless said. */
  readonly wants: Map<string, Wanted>;
}

export interface FakeOptions {
  readonly heartbeatIntervalMs?: number;
  readonly reportIntervalMs?: number;
}

export function createFakeControlPlane(options: FakeOptions = {}): FakeControlPlane {
  const jobs: FakeJob[] = [];
  const incarnations = new Map<string, number>();
  const wakers = new Set<() => void>();
  let registrations = 0;
  let announced: RegisterBody | undefined;
  let reports = 0;
  let missedCalls = 0;
  let refusedTakes = 0;
  let reported: ReportBody['workspaces'] | undefined;

  const reach = (): void => {
    if (!fake.away) return;
    missedCalls += 1;
    throw new AppError('SERVER_UNREACHABLE', 'the control plane is away');
  };
  const standing = ({ daemonId, incarnation }: Caller): void => {
    reach();
    const current = incarnations.get(daemonId);
    if (current === undefined) throw new AppError('NOT_FOUND', `there is no daemon ${daemonId}`);
    if (current !== incarnation) throw new AppError('DAEMON_REPLACED', `${daemonId} is newer`);
  };
  const find = (attempt: AttemptRef): FakeJob => {
    standing(attempt);
    const found = jobs.find(({ job }) => job.id === attempt.jobId);
    if (found === undefined) throw new AppError('NOT_FOUND', `there is no job ${attempt.jobId}`);
    const holds = found.holder?.daemonId === attempt.daemonId;
    if (!holds || found.attempt !== attempt.attempt) throw stale(attempt);
    return found;
  };
  const stale = ({ jobId, attempt }: AttemptRef): AppError =>
    new AppError('ATTEMPT_STALE', `attempt ${attempt} of ${jobId} does not count`);
  const endHeld = (daemonId: string): { job_id: string; attempt: number }[] => {
    const held = jobs.filter(
      ({ status, holder }) => status === 'running' && holder?.daemonId === daemonId,
    );
    return held.map((entry) => {
      const { job, attempt, cancel } = entry;
      const lost = decideLostAttempt({
        type: job.type,
        transition: job.workspace?.transition ?? null,
        status: cancel ? 'canceling' : 'running',
        attempt,
      });
      entry.holder = undefined;
      entry.status = lost === 'requeue' ? 'pending' : 'ended';
      if (lost === 'fail') {
        entry.result = { outcome: 'failed', error: 'lost', error_code: 'daemon_lost' };
      }
      return { job_id: job.id, attempt };
    });
  };
  const take = ({ daemonId, incarnation }: Caller, callId: string): AcquiredJob | undefined => {
    const entry = jobs.find(({ status }) => status === 'pending');
    if (entry === undefined) return undefined;
    entry.status = 'running';
    entry.attempt += 1;
    entry.holder = { daemonId, incarnation };
    entry.takenByCall = callId;
    return { ...entry.job, attempt: entry.attempt };
  };
  const giveBackTaken = (calls: readonly string[]): void => {
    for (const entry of jobs) {
      if (entry.status !== 'running' || !calls.includes(entry.takenByCall ?? '')) continue;
      entry.status = 'pending';
      entry.attempt -= 1;
      entry.holder = undefined;
    }
  };
  const wake = (): void => {
    for (const waker of [...wakers]) waker();
  };

  const poll = async <T>(
    { caller, waitMs, signal }: { caller: Caller; waitMs: number; signal: AbortSignal },
    look: () => T | undefined,
  ): Promise<T | undefined> => {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), waitMs);
    try {
      for (;;) {
        standing(caller);
        const found = look();
        if (found !== undefined) return found;
        await news(wakers, AbortSignal.any([signal, deadline.signal]));
        signal.throwIfAborted();
        if (isAborted(deadline.signal)) return undefined;
      }
    } finally {
      clearTimeout(timer);
    }
  };

  const fake: FakeControlPlane = {
    jobs,
    files: new Map(),
    states: new Map(),
    strays: new Map(),
    stateLocks: new Map(),
    refusals: [],
    wants: new Map(),
    away: false,
    isStateInUse: false,
    loseAnswers: 0,
    loseJobs: 0,
    get registrations() {
      return registrations;
    },
    get announced() {
      return announced;
    },
    get waiting() {
      return wakers.size;
    },
    get missedCalls() {
      return missedCalls;
    },
    get refusedTakes() {
      return refusedTakes;
    },
    get reports() {
      return reports;
    },
    get reported() {
      return reported;
    },
    offer: (job) => {
      const entry: FakeJob = {
        job,
        attempt: 0,
        status: 'pending',
        cancel: false,
        holder: undefined,
        takenByCall: undefined,
        result: undefined,
        replaced: [],
        resultAttempt: undefined,
        beats: 0,
        maxLines: Infinity,
        lines: new Map(),
      };
      jobs.push(entry);
      wake();
      return entry;
    },
    cancel: (entry) => {
      entry.cancel = true;
      wake();
    },
    overtake: (entry) => {
      entry.attempt += 1;
      entry.holder = undefined;
    },
    replace: () => {
      for (const [id, incarnation] of incarnations) incarnations.set(id, incarnation + 1);
      wake();
    },
    forget: () => {
      incarnations.clear();
      wake();
    },

    register: async (body) => {
      reach();
      registrations += 1;
      // Said again it is no other process.
      const isNew = body.registration_id !== announced?.registration_id;
      announced = body;
      const incarnation = (incarnations.get(body.daemon_id) ?? 0) + (isNew ? 1 : 0);
      incarnations.set(body.daemon_id, incarnation);
      return {
        incarnation,
        heartbeat_interval_ms: options.heartbeatIntervalMs ?? 20,
        report_interval_ms: options.reportIntervalMs ?? 10_000,
        ended_attempts: isNew ? endHeld(body.daemon_id) : [],
      };
    },
    giveBack: async (caller, calls) => {
      standing(caller);
      giveBackTaken(calls);
    },
    acquire: async (caller, { waitMs, callId, lostCalls }, signal) => {
      giveBackTaken(lostCalls);
      const taken = await poll({ caller, waitMs, signal }, () => take(caller, callId));
      if (taken !== undefined && fake.loseJobs > 0) {
        fake.loseJobs -= 1;
        throw new AppError('SERVER_UNREACHABLE', 'the job was lost on its way');
      }
      return taken;
    },
    awaitCancels: async (caller, { known, waitMs }, signal) => {
      const found = await poll({ caller, waitMs, signal }, () => {
        const canceled = jobs.filter(
          ({ job, status, cancel, holder }) =>
            cancel &&
            status === 'running' &&
            holder?.daemonId === caller.daemonId &&
            !known.includes(job.id),
        );
        return canceled.length > 0 ? canceled : undefined;
      });
      return (found ?? []).map(({ job, attempt }) => ({ job_id: job.id, attempt }));
    },
    heartbeat: async (attempt, lines) => {
      const entry = find(attempt);
      if (entry.status !== 'running') throw stale(attempt);
      entry.beats += 1;
      for (const { seq, line } of lines) {
        if (entry.lines.size < entry.maxLines) entry.lines.set(seq, line);
      }
      return { cancel: entry.cancel, log_full: entry.lines.size >= entry.maxLines };
    },
    complete: async (attempt, { result, replaced, nextCallId }) => {
      const entry = find(attempt);
      const isAgain = entry.status === 'ended';
      if (isAgain && JSON.stringify(entry.result) !== JSON.stringify(result)) throw stale(attempt);
      entry.status = 'ended';
      entry.result = result;
      entry.replaced = replaced;
      entry.resultAttempt = attempt.attempt;
      const next = nextCallId === undefined ? undefined : take(attempt, nextCallId);
      if (!isAgain && fake.loseAnswers > 0) {
        fake.loseAnswers -= 1;
        throw new AppError('SERVER_UNREACHABLE', 'the answer was lost');
      }
      return next;
    },
    takeState: async (attempt) => {
      const { job } = find(attempt);
      if (fake.isStateInUse) {
        refusedTakes += 1;
        throw new AppError('STATE_IN_USE', 'a clean-up runs');
      }
      const id = job.workspace?.id ?? '';
      const locks = fake.stateLocks.get(id) ?? [];
      fake.stateLocks.set(id, locks);
      const name = `${attempt.jobId}/${attempt.attempt}`;
      if (locks.at(-1) !== name) locks.push(name);
      return { lock: locks.length, state: fake.states.get(id)?.at(-1) ?? null };
    },
    keepState: async (attempt, { lock, state }) => {
      reach();
      const refusal = fake.refusals.pop();
      if (refusal !== undefined) throw refusal;
      const entry = [...fake.stateLocks].find(
        ([, locks]) => locks[lock - 1] === `${attempt.jobId}/${attempt.attempt}`,
      );
      if (entry === undefined) throw new AppError('NOT_FOUND', 'no such lock');
      const [id, locks] = entry;
      const kept = locks.length === lock ? fake.states : fake.strays;
      kept.set(id, [...(kept.get(id) ?? []), state]);
      return kept === fake.states ? 'current' : 'stray';
    },
    readStray: async (attempt) => {
      if (fake.isStateInUse) throw new AppError('BUILD_IN_PROGRESS', 'a build is under way');
      const id = find(attempt).job.workspace?.id ?? '';
      return {
        stray: fake.strays.get(id)?.at(-1) ?? '{}',
        current: fake.states.get(id)?.at(-1) ?? null,
      };
    },
    copyState: async (attempt) => {
      const id = find(attempt).job.workspace?.id ?? '';
      return fake.states.get(id)?.at(-1) ?? null;
    },
    report: async (caller, workspaces) => {
      standing(caller);
      reports += 1;
      reported = workspaces;
      return workspaces.map(({ id }) => ({ id, want: fake.wants.get(id) ?? 'keep' }));
    },
    findUnusedFiles: async (hashes) => {
      reach();
      return hashes.filter((hash) => !fake.files.has(hash));
    },
    getFile: async (hash) => {
      reach();
      const file = fake.files.get(hash);
      if (file === undefined) throw new AppError('NOT_FOUND', `there is no file ${hash}`);
      return file;
    },
  };
  return fake;
}

function news(wakers: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      wakers.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    wakers.add(done);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
