-- phase: expand
-- why: the rows that were there before are held to the rules of their table, too, while others write

alter table workspaces validate constraint workspaces_row_check;
alter table jobs validate constraint jobs_row_check;
alter table builds validate constraint builds_row_check;
