-- phase: expand
-- why: what the build of a claim threw away of the prebuilt workspace is kept, and shown

alter table builds
  add column replaced jsonb not null default '[]',
  add constraint builds_replaced_check
    check (replaced = '[]' or (stage = 'claim' and jsonb_typeof(replaced) = 'array'));
