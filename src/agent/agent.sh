#!/bin/sh
# The agent for images that have a POSIX shell and curl, and no Node.js. It says and does what the other
# one does (docs/agent.md); both pass the same tests.
#
# The main loop waits in one call at a time: the heartbeat, which the control plane holds back. Scripts run
# in a worker beside it, one after the other. A worker says how it went by its status; it leaves a note that it
# ends, and ends the call that waits, so that it is told at once. One that is killed can do neither.
#
# Answers come as lines, `NAME VALUE`, in which every byte that is not plain is an octal escape: see
# src/api/http/lines.ts. Tokens go to curl by its standard input, never by its arguments.
set -u
umask 077

FIRST_RETRY_MS=200
# A workspace should be reachable again soon after its control plane is.
LAST_RETRY_MS=5000
# An answer without news that came sooner than this, although it might have waited.
HASTY_MS=50
# Beyond the time the server was asked to wait.
ANSWER_TIMEOUT_S=15
# What a script is given to end by itself after SIGTERM.
GRACE_MS=5000
MAX_LOG_BYTES=5000000
# A worker's status.
TIMED_OUT=3

main() {
  # A variable that the environment has already would be told to every program that is started.
  unset agent begun_epoch call curl_status decoded done_epoch done_ok epoch failures file fine_sleep \
    found fraction group hasty interval_ms known_epoch left lifecycle line log longest mode_of n name \
    name_of nap next ok on_claim on_claim_ms outcome owner owner_id owner_name path_of pending_epoch \
    pending_values quoted random run running said scratch script scripts seed session setsid shown \
    startup startup_ms state status step stored token token_file told_applied told_id told_name \
    told_ok told_owner took used value values wait_ms waiting watcher work worker works
  require STANDBY_AGENT_SCRIPT_DIR "${STANDBY_AGENT_SCRIPT_DIR:-}"
  require STANDBY_AGENT_NAME "${STANDBY_AGENT_NAME:-}"
  require STANDBY_URL "${STANDBY_URL:-}${STANDBY_URL_FILE:-}"
  require STANDBY_AGENT_TOKEN "${STANDBY_AGENT_TOKEN:-}${STANDBY_AGENT_TOKEN_FILE:-}"
  agent=$STANDBY_AGENT_NAME
  case $agent in *[!a-zA-Z0-9_.-]*) refuse 'STANDBY_AGENT_NAME is no name of an agent' ;; esac
  command -v curl >/dev/null || refuse 'curl is not installed'
  scripts=$STANDBY_AGENT_SCRIPT_DIR
  state=${STANDBY_AGENT_STATE_DIR:-$scripts/.standby-agent}
  # The token is the agent's alone.
  token=${STANDBY_AGENT_TOKEN:-}
  token_file=${STANDBY_AGENT_TOKEN_FILE:-}
  unset STANDBY_AGENT_TOKEN STANDBY_AGENT_TOKEN_FILE
  STANDBY_OWNER_DIR=$state/owner
  STANDBY_ACTIVITY_FILE=$state/activity
  export STANDBY_OWNER_DIR STANDBY_ACTIVITY_FILE
  mkdir -p "$state" || refuse "cannot make $state"
  # A worker of an agent that was killed may still write to its own.
  rm -rf "$state"/.run.*
  run=$state/.run.$$
  mkdir "$run" || refuse "cannot make $run"
  trap stop TERM INT
  setsid=$(command -v setsid)
  sleep 0.01 2>/dev/null && fine_sleep=yes || fine_sleep=
  seed=$$
  random=$(od -An -N3 -tu4 /dev/urandom 2>/dev/null) && seed=$((seed + random))

  session='' call='' worker='' work='' works='' lifecycle=starting
  # Before any claim there is no owner to be told of, so the first call waits for one.
  known_epoch=0 used=false pending_epoch=0 pending_values=none owner_id='' owner='' owner_name=''
  read_handed_over
  failures=0
  until get_manifest; do pause; done
  failures=0
  work_startup
  while :; do
    take_result
    begin_hand_over
    beat
    case $? in
      0) failures=0 ;;
      # There is something to tell at once.
      2) ;;
      *) pause ;;
    esac
  done
}

# --- Calls ---

# Calls METHOD PATH TOKEN BODY SECONDS, and leaves the status in $status and the lines in $run/answer.
call() {
  status=0
  rm -f "$run/answer" "$run/told"
  set -- "$1" "$(read_url)$2" "$3" "$4" "$5"
  curl --disable --silent --max-time "$5" --request "$1" ${4:+--header 'content-type: application/json'} \
    ${4:+--data "$4"} --header 'accept: text/x-standby-lines' --max-filesize 4000000 \
    --output "$run/answer" --write-out '%{http_code} %{time_total}' --config - >"$run/told" <<EOF &
url = "$2"
header = "authorization: Bearer $3"
EOF
  call=$!
  echo "$call" >"$run/call"
  # A worker that ended before it could see the call.
  [ -e "$run/ends" ] && end_call "$call"
  wait "$call"
  curl_status=$?
  rm -f "$run/call"
  call=''
  [ "$curl_status" = 0 ] || return 1
  read -r status took <"$run/told" || [ -n "$took" ] || return 1
  [ "$status" = 200 ] || return 1
  # The last line of a whole answer.
  [ "$(tail -n 1 "$run/answer")" = end ]
}

end_call() { kill "$1" 2>/dev/null; }

read_url() {
  found=${STANDBY_URL:-}
  [ -n "${STANDBY_URL_FILE:-}" ] && { read -r found <"$STANDBY_URL_FILE" || :; }
  printf %s "${found%/}"
}

# Gives whether there is a session.
open_session() {
  [ -n "$session" ] && return 0
  shown=$token
  [ -n "$token_file" ] && { read -r shown <"$token_file" || :; }
  call POST /api/v1/agent/exchange "$shown" "{\"agent\":\"$agent\"}" "$ANSWER_TIMEOUT_S" || return 1
  while read -r name value; do
    [ "$name" = session ] && session=$value
  done <"$run/answer"
  [ -n "$session" ]
}

# As call, with the session. One that has ended, as by a claim between two calls, is opened anew at once: somebody
# may wait for this very call. One that was opened just now is left to the next call.
call_in_session() {
  if [ -n "$session" ]; then
    try_session "$@" && return 0
    [ -z "$session" ] || return 1
  fi
  open_session && try_session "$@"
}

try_session() {
  call "$1" "$2" "$session" "$3" "$4" && return 0
  [ "$status" = 401 ] && session=''
  return 1
}

get_manifest() {
  startup='' on_claim='' startup_ms='' on_claim_ms='' interval_ms=''
  call_in_session GET /api/v1/agent/manifest '' "$ANSWER_TIMEOUT_S" || {
    say warn agent.call_failed "$status"
    return 1
  }
  while read -r name value; do
    case $name in
      startup) decode "$value" && startup=$decoded ;;
      on_claim) decode "$value" && on_claim=$decoded ;;
      startup_timeout_ms) startup_ms=$value ;;
      on_claim_timeout_ms) on_claim_ms=$value ;;
      heartbeat_interval_ms) interval_ms=$value ;;
    esac
  done <"$run/answer"
  is_count "$startup_ms" && is_count "$on_claim_ms" && is_count "$interval_ms"
}

# 0: the answer had news, or was waited for; 2: it was cut short by a worker's result; else 1.
beat() {
  said=$lifecycle
  [ "$lifecycle" = ready ] && [ "$done_ok" = false ] && said=start_error
  wait_ms=$interval_ms
  # What cannot be taken away counts for nothing, or it would count for ever.
  [ -e "$STANDBY_ACTIVITY_FILE" ] && rm -f "$STANDBY_ACTIVITY_FILE" 2>/dev/null && used=true
  # What an owner gave could not be fetched: it is tried again soon.
  [ -z "$worker" ] && [ "$pending_epoch" -gt "$done_epoch" ] && [ "$wait_ms" -gt 1000 ] && wait_ms=1000
  call_in_session POST /api/v1/agent/heartbeat \
    "{\"lifecycle\":\"$said\",\"applied_epoch\":$done_epoch,\"applied_ok\":$done_ok,\"known_epoch\":$known_epoch,\"wait_ms\":$wait_ms,\"used\":$used}" \
    $((wait_ms / 1000 + ANSWER_TIMEOUT_S)) || {
    [ -e "$run/ends" ] && return 2
    say warn agent.heartbeat_failed "$status"
    return 1
  }
  used=false
  epoch='' told_id='' told_owner='' told_name='' told_applied='' told_ok=true values=none next=''
  while read -r name value; do
    case $name in
      epoch) epoch=$value ;;
      owner.id) told_id=$value ;;
      owner.username) decode "$value" && told_owner=$decoded ;;
      owner.display_name) decode "$value" && told_name=$decoded ;;
      applied_epoch) told_applied=$value ;;
      # A control plane that does not know this does not say it.
      applied_ok) [ "$value" = false ] && told_ok=false ;;
      values) values=$value ;;
      session) next=$value ;;
    esac
  done <"$run/answer"
  is_count "$epoch" || return 1
  # An owner is told of as a whole or not at all.
  [ -z "$told_id$told_owner" ] || { [ -n "$told_id" ] && [ -n "$told_owner" ]; } || return 1
  [ -n "$next" ] && session=$next
  # This workspace's agent has taken its owner over before, and what it remembered is lost.
  if is_count "$told_applied" && [ "$told_applied" -gt "$done_epoch" ]; then
    done_epoch=$told_applied done_ok=$told_ok
  fi
  if [ -n "$told_id" ] && [ "$epoch" -gt "$done_epoch" ] && [ "$epoch" -gt "$pending_epoch" ]; then
    pending_epoch=$epoch pending_values=$values
    owner_id=$told_id owner=$told_owner owner_name=$told_name
  fi
  store_handed_over
  if [ "$epoch" -gt "$known_epoch" ]; then
    known_epoch=$epoch
    return 0
  fi
  known_epoch=$epoch
  hasty=$((interval_ms / 2))
  [ "$hasty" -gt "$HASTY_MS" ] && hasty=$HASTY_MS
  fraction=${took#*.}000
  [ "${took%%.*}" -gt 0 ] || [ "1${fraction%"${fraction#???}"}" -ge $((1000 + hasty)) ]
}

# --- Scripts ---

work_startup() {
  allow_work startup
  {
    run_script startup "$startup" "$startup_ms" startup.log
    end_worker
  } &
  worker=$! work=startup
}

# Hands the workspace to the owner that was told last, unless something else runs.
begin_hand_over() {
  [ -z "$worker" ] && [ "$pending_epoch" -gt "$done_epoch" ] || return 0
  begun_epoch=$pending_epoch
  case $pending_values in
    none) replace_owner_folder || { end_hand_over failed; return; } ;;
    given)
      if call_in_session GET /api/v1/agent/values '' "$ANSWER_TIMEOUT_S"; then
        replace_owner_folder "$run/answer"
        case $? in 0) ;; 2) return ;; *) end_hand_over failed; return ;; esac
      elif [ "$status" = 410 ]; then
        end_hand_over failed
        return
      else
        say warn agent.call_failed "$status"
        return
      fi
      ;;
    *) end_hand_over failed; return ;;
  esac
  allow_work "$begun_epoch"
  {
    export STANDBY_OWNER="$owner" STANDBY_OWNER_NAME="$owner_name" STANDBY_OWNER_ID="$owner_id"
    export STANDBY_EPOCH="$begun_epoch"
    run_script on_claim "$on_claim" "$on_claim_ms" on-claim.log
    end_worker
  } &
  worker=$! work=hand_over
}

# What the next worker starts may begin until $works is gone; NAME is of no other worker.
allow_work() {
  works=$run/works.$1
  : >"$works"
}

end_hand_over() {
  done_epoch=$begun_epoch
  [ "$1" = ok ] && done_ok=true || done_ok=false
  say info agent.handed_over "$1"
  store_handed_over
}

# How it went, if the worker has ended.
take_result() {
  [ -n "$worker" ] || return 0
  [ -e "$run/ends" ] || ! kill -0 "$worker" 2>/dev/null || return 0
  wait "$worker"
  case $? in 0) outcome=ok ;; "$TIMED_OUT") outcome=timeout ;; *) outcome=failed ;; esac
  worker=''
  rm -f "$works" "$run/ends" "$run/timeout"
  # One that was killed leaves its script behind.
  end_script KILL
  if [ "$work" = hand_over ]; then
    end_hand_over "$outcome"
    return
  fi
  case $outcome in ok) lifecycle=ready ;; timeout) lifecycle=start_timeout ;; *) lifecycle=start_error ;; esac
  say info agent.started "$outcome"
}

# In a worker: whoever waits is woken. An empty file finds room on a full disk, too.
end_worker() {
  : >"$run/ends"
  waiting=''
  read -r waiting 2>/dev/null <"$run/call"
  [ -n "$waiting" ] && end_call "$waiting"
  case $outcome in ok) exit 0 ;; timeout) exit "$TIMED_OUT" ;; *) exit 1 ;; esac
}

# In a worker: runs a script in a process group of its own: NAME SCRIPT MILLISECONDS LOG.
run_script() {
  outcome=ok
  [ -n "$2" ] || return 0
  outcome=failed
  case $2 in /*) script=$2 ;; *) script=$scripts/$2 ;; esac
  log=$state/$4
  : >>"$log" 2>/dev/null || log=/dev/null
  cd "$scripts" || return 0
  # It notes itself before it begins, since this worker may be killed before it can; and does not begin once the worker
  # is given up.
  $setsid sh -c ': >"$1/group.$$"; [ -e "$2" ] && exec "$3"; rm -f "$1/group.$$"; exit 1' \
    "$2" "$run" "$works" "$script" >>"$log" 2>&1 </dev/null &
  group=$!
  : >"$run/group.$group"
  watch "$3" &
  watcher=$!
  wait "$group" && outcome=ok
  kill "$watcher" 2>/dev/null
  wait "$watcher" 2>/dev/null
  if [ -e "$run/timeout" ]; then
    rm -f "$run/timeout"
    outcome=timeout
  fi
  # Whatever way it ended, it may leave children behind.
  end_script KILL
}

# SIGNAL, for the script that runs, if any.
end_script() {
  for running in "$run"/group.*; do
    [ -e "$running" ] || continue
    signal_group "$1" "${running##*.}"
    [ "$1" = KILL ] && rm -f "$running"
  done
}

# Ends the script after so many milliseconds, and keeps its log short until then.
watch() {
  nap=''
  trap '[ -n "$nap" ] && kill "$nap" 2>/dev/null; exit' TERM
  left=$1
  while [ "$left" -gt 0 ]; do
    step=$((left < 1000 ? left : 1000))
    nap_ms "$step"
    left=$((left - step))
    # It was ended, or the agent begun anew: by now the script's number may be another program's.
    [ -e "$run/group.$group" ] || exit
    shorten "$log"
  done
  : >"$run/timeout"
  signal_group TERM "$group"
  nap_ms "$GRACE_MS"
  signal_group KILL "$group"
}

script_runs() {
  for running in "$run"/group.*; do
    [ -e "$running" ] && kill -0 "${running##*.}" 2>/dev/null && return 0
  done
  return 1
}

signal_group() {
  if [ -n "$setsid" ]; then kill -"$1" -"$2" 2>/dev/null; else kill -"$1" "$2" 2>/dev/null; fi
}

shorten() {
  [ -f "$1" ] && [ "$(wc -c <"$1")" -gt "$MAX_LOG_BYTES" ] || return 0
  tail -c "$MAX_LOG_BYTES" "$1" >"$1.old" 2>/dev/null
  : >"$1"
}

# --- What is kept ---

# The newest epoch whose owner was taken over, in the other agent's own form.
read_handed_over() {
  done_epoch=0 done_ok=true stored=''
  line=''
  read -r line 2>/dev/null <"$state/handed-over.json"
  case $line in '{"epoch":'*',"ok":true}') ok=true ;; '{"epoch":'*',"ok":false}') ok=false ;; *) return ;; esac
  epoch=${line#*:}
  epoch=${epoch%%,*}
  is_count "$epoch" || return 0
  done_epoch=$epoch done_ok=$ok stored=$line
}

# On a full disk it is made up for later.
store_handed_over() {
  line="{\"epoch\":$done_epoch,\"ok\":$done_ok}"
  [ "$line" = "$stored" ] || [ "$done_epoch" = 0 ] && return 0
  if { printf %s "$line" >"$state/.handed-over.json" &&
    mv "$state/.handed-over.json" "$state/handed-over.json"; } 2>/dev/null; then
    stored=$line
  else
    say error agent.hand_over_not_stored "$done_epoch"
  fi
}

# Puts what the owner gave beside its place first, so that nobody ever finds half of it. Without a file of
# values there is nothing, and what a former owner gave goes. 2: the values are another owner's.
replace_owner_folder() {
  scratch=$state/.owner
  rm -rf "$scratch" || return 1
  if [ $# -gt 0 ]; then
    mkdir "$scratch" "$scratch/secrets" "$scratch/files" && : >"$scratch/environment" || return 1
    name_of='' path_of='' mode_of=''
    while read -r name value; do
      case $name in
        epoch) [ "$value" = "$begun_epoch" ] || return 2 ;;
        environment.*.name | secrets.*.name) name_of=$value ;;
        environment.*.value) add_variable "$name_of" "$value" || return 1 ;;
        secrets.*.value) add_file "$scratch/secrets" "$name_of" "$value" 600 || return 1 ;;
        files.*.path) decode "$value" && path_of=$decoded ;;
        files.*.mode) mode_of=$value ;;
        files.*.content) add_file "$scratch/files" "$path_of" "$value" "$mode_of" || return 1 ;;
      esac
    done <"$1"
  fi
  rm -rf "$STANDBY_OWNER_DIR" || return 1
  [ $# = 0 ] || mv "$scratch" "$STANDBY_OWNER_DIR"
}

add_variable() {
  case $1 in '' | [0-9]* | *[!A-Za-z0-9_]*) return 1 ;; esac
  decode "$2"
  quoted=$(printf '%s.' "$decoded" | sed "s/'/'\\\\''/g")
  printf "export %s='%s'\n" "$1" "${quoted%.}" >>"$scratch/environment"
}

# FOLDER PATH CONTENT MODE. The control plane refuses paths that lead out; nothing is written elsewhere
# even should it not.
add_file() {
  case /$2/ in *//* | */./* | */../*) return 1 ;; esac
  case $4 in [0-7][0-7][0-7]) ;; *) return 1 ;; esac
  file=$1/$2
  mkdir -p "${file%/*}" || return 1
  [ ! -e "$file" ] && [ ! -L "$file" ] || return 1
  printf %b "$3" >"$file" && chmod "$4" "$file"
}

# --- The rest ---

# Full jitter: after a restart of the control plane its agents must not all come back at once.
pause() {
  longest=$FIRST_RETRY_MS n=$failures
  while [ "$n" -gt 0 ] && [ "$longest" -lt "$LAST_RETRY_MS" ]; do
    longest=$((longest * 2)) n=$((n - 1))
  done
  [ "$longest" -gt "$LAST_RETRY_MS" ] && longest=$LAST_RETRY_MS
  failures=$((failures + 1))
  seed=$(((seed * 1103515245 + 12345) & 2147483647))
  nap_ms $((longest * (100 + (seed >> 8) % 900) / 1000))
}

# Not every sleep knows fractions of a second: then it is at least one.
nap_ms() {
  if [ -n "$fine_sleep" ]; then
    fraction=000$(($1 % 1000))
    sleep "$(($1 / 1000)).${fraction#"${fraction%???}"}" &
  else
    sleep $((($1 + 999) / 1000)) &
  fi
  nap=$!
  wait "$nap"
}

# $decoded: with a mark at the end, because the shell takes line breaks off there.
decode() {
  decoded=$(printf '%b.' "$1")
  decoded=${decoded%.}
}

is_count() {
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  [ "${#1}" -le 9 ] || [ "$1" -le 2147483647 ] 2>/dev/null
}

# LEVEL EVENT WHAT; what was found out is a word or a number.
say() {
  printf '{"level":"%s","time":"%s","event":"%s","result":"%s"}\n' \
    "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2" "$3" >&2
}

require() { [ -n "$2" ] || refuse "$1 is not set"; }

refuse() {
  echo "$1" >&2
  exit 1
}

stop() {
  trap '' TERM INT
  [ -n "$call" ] && end_call "$call"
  [ -n "${nap:-}" ] && kill "$nap" 2>/dev/null
  [ -n "$works" ] && rm -f "$works"
  [ -n "$worker" ] && kill "$worker" 2>/dev/null
  end_script TERM
  left=$GRACE_MS
  while [ "$left" -gt 0 ] && script_runs; do
    nap_ms 100
    left=$((left - 100))
  done
  end_script KILL
  rm -rf "$run"
  exit 0
}

main
