// Millions of rows at once: checked one by one, their foreign keys take most of the time; made anew
// afterwards, which checks all rows, they take a small part of it.
import type pg from 'pg';

interface ForeignKey {
  readonly relation: string;
  readonly name: string;
  readonly definition: string;
}

/** The keys are as valid afterwards as they were before. */
export async function checkLater(client: pg.Client, write: () => Promise<void>): Promise<void> {
  const { rows: keys } = await client.query<ForeignKey>(
    `select conrelid::regclass::text as relation, quote_ident(conname) as name,
       pg_get_constraintdef(oid) as definition
     from pg_constraint
     where contype = 'f'
     order by conrelid::regclass::text, conname`,
  );
  const change = (keysTo: (key: ForeignKey) => string): Promise<unknown> =>
    client.query(keys.map((key) => `alter table ${key.relation} ${keysTo(key)}`).join(';\n'));
  await change(({ name }) => `drop constraint ${name}`);
  await write();
  await change(({ name, definition }) => `add constraint ${name} ${definition}`);
}
