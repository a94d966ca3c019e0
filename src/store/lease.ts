// A lease: one holder at a time, by the database's clock. It reads clock_timestamp() and not
// standby_now(), because a test that moves the time must not depose anybody.
import { count, float, nullable } from './column.ts';
import { statement, takes } from './statement.ts';

export interface LeaseArgs {
  readonly name: string;
  /** A UUID, new for every process. */
  readonly holder: string;
  readonly ttlMs: number;
}

const EXPIRY = `clock_timestamp() + make_interval(secs => $ttlMs::float8 / 1000)`;

/**
 * Takes the lease where it is free, renews it where it is one's own. Renewing keeps the epoch, also
 * after a lapse that nobody used. `atOnce` takes a lease whose holder is known to be gone. Where another
 * holds it, the epoch is null, and `leftMs` how long it is that one's still, as this statement found it;
 * no row where it was made meanwhile.
 */
export const takeLease = statement({
  name: 'lease.take',
  takes: takes<LeaseArgs & { readonly atOnce: boolean }>(),
  gives: { epoch: nullable(count), leftMs: float },
  sql: `
    with taken as (
      insert into leases as l (name, holder, epoch, expires_at)
      values ($name, $holder, 1, ${EXPIRY})
      on conflict (name) do update
      set holder = excluded.holder,
        epoch = case when l.holder = excluded.holder then l.epoch else l.epoch + 1 end,
        expires_at = ${EXPIRY}
      where l.holder = excluded.holder
        or l.expires_at <= clock_timestamp()
        or $atOnce
      returning epoch
    )
    select epoch, $ttlMs::float8 as left_ms
    from taken
    union all
    select null, extract(epoch from expires_at - clock_timestamp())::float8 * 1000
    from leases
    where name = $name
      and not exists (select from taken)`,
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
