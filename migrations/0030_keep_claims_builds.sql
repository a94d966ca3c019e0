-- phase: expand
-- why: whoever settles a claim for a control plane that died has to know whether a build of the request's is missing

alter table claims
  -- The workspace is handed over by a build, which begins once its agents have answered the claim.
  add column needs_build boolean not null default false;
