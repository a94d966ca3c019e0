-- phase: expand
-- why: what administrators have to know is written with what it is about, and told to each of them once

-- What is to be told, written by the transaction in which it happens.
create table announcements (
  id uuid primary key,
  kind text not null,
  organization_id uuid not null references organizations (id) on delete cascade,
  -- The build or preset that it is about: one is told of it once.
  subject_id uuid not null,
  details jsonb not null,
  created_at timestamptz(3) not null,
  -- When it was put into the inboxes of those who were to be told at that moment.
  delivered_at timestamptz(3),
  constraint announcements_kind_check check (kind in ('claim_replaced', 'rehearsal_replaces')),
  constraint announcements_kind_subject_id_key unique (kind, subject_id)
);

-- Holds what still has to be delivered, and nothing else.
create index announcements_undelivered_idx on announcements (id) where delivered_at is null;
create index announcements_delivered_at_idx on announcements (delivered_at)
  where delivered_at is not null;

-- Somebody's copy.
create table notifications (
  user_id uuid not null references users (id) on delete cascade,
  announcement_id uuid not null references announcements (id) on delete cascade,
  read_at timestamptz(3),
  primary key (user_id, announcement_id)
);

create index notifications_announcement_id_idx on notifications (announcement_id);
create index notifications_unread_idx on notifications (user_id, announcement_id)
  where read_at is null;
