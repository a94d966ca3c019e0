// A lease: one holder at a time, by the database's clock. It reads clock_timestamp() and not
// standby_now(), because a test that moves the time must not depose anybody.
import { count } from './column.ts';
import { statement, takes } from './statement.ts';

export interface LeaseArgs {
  readonly name: string;
  /** A UUID, new for every process. */
  readonly holder: string;
  readonly ttlMs: number;
}

const EXPIRY = `clock_timestamp() + make_interval(secs => $ttlMs::float8 / 1000)`;

/**
 * Takes the lease where it is free, renews it where it is one's own; no row: another holds it.
 * Renewing keeps the epoch, also after a lapse that nobody used. `atOnce` takes a lease whose
 * holder is known to be gone.
 */
export const takeLease = statement({
  name: 'lease.take',
  takes: takes<LeaseArgs & { readonly atOnce: boolean }>(),
  gives: { epoch: count },
  sql: `
    insert into leases as l (name, holder, epoch, expires_at)
    values ($name, $holder, 1, ${EXPIRY})
    on conflict (name) do update
    set holder = excluded.holder,
      epoch = case when l.holder = excluded.holder then l.epoch else l.epoch + 1 end,
      expires_at = ${EXPIRY}
    where l.holder = excluded.holder
      or l.expires_at <= clock_timestamp()
      or $atOnce
    returning epoch`,
});

/** Cut to what the column holds: rounded up, it would still be held when the next one tries. */
export const releaseLease = statement({
  name: 'lease.release',
  takes: takes<Omit<LeaseArgs, 'ttlMs'>>(),
  gives: {},
  sql: `
    update leases
    set expires_at = date_trunc('milliseconds', clock_timestamp())
    where name = $name
      and holder = $holder`,
});
