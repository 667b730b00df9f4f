#!/usr/bin/env bash
# A SLURM cluster of this one machine, to try sweeps on: munge, the controller and one node, all below one directory.
#
#   bash scripts/slurm_cluster.sh run COMMAND ...          # install if need be, bring up, run the command, take down
#   eval "$(bash scripts/slurm_cluster.sh up DIRECTORY)"   # then sbatch, srun and hydra/launcher=slurm find it
#   bash scripts/slurm_cluster.sh down DIRECTORY
#
# Exits with 77 where no cluster can be had: installing takes root, and apt-get (Debian, Ubuntu). The node says that it
# has eight processors, whatever there are.
set -euo pipefail

readonly none=77 # the exit code
port=$((20000 + RANDOM % 10000))

write_conf() {
  local memory user
  memory=$(awk '/^MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
  user=$(id -un)
  cat >"$conf" <<CONF
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
# a requeued job waits until the credential of its first start has expired
AuthInfo=socket=$place/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobRequeue=1
ReturnToService=2
MinJobAge=86400
KillWait=10
SchedulerParameters=batch_sched_delay=1,sched_interval=5
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=$memory State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF
}

# Without a database of accounts sacct knows nothing, and submitit would wait for a killed job without end.
write_sacct() {
  mkdir -p "$place/bin"
  cat >"$place/bin/sacct" <<'SACCT'
#!/usr/bin/env bash
# The columns that submitit asks for, of the jobs that the controller remembers.
echo "JobID|State|NodeList"
scontrol --oneliner show jobs | while read -r job; do
  value() { sed -n "s/^\(.* \)\?$1=\([^ ]*\).*/\2/p" <<<"$job"; }
  array=$(value ArrayJobId) task=$(value ArrayTaskId)
  echo "${array:-$(value JobId)}${task:+_$task}|$(value JobState)|$(value NodeList)"
done
SACCT
  chmod +x "$place/bin/sacct"
}

is_installed() {
  for program in munged slurmctld slurmd srun; do
    command -v "$program" >/dev/null || return 1
  done
}

install() {
  is_installed && return
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "SLURM is not installed; on Debian and Ubuntu, as root: apt-get install slurm-wlm munge" >&2
    exit $none
  fi
  export DEBIAN_FRONTEND=noninteractive
  local patience=(-o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 -o Acquire::Retries=0)
  { timeout 120 apt-get "${patience[@]}" update -qq &&
    timeout 300 apt-get "${patience[@]}" install -qq -y --no-install-recommends slurm-wlm munge; } >&2 || {
    echo "SLURM could not be installed: apt-get install slurm-wlm munge failed" >&2
    exit $none
  }
}

up() {
  install
  mkdir -p "$place/state" "$place/spool"
  chmod 755 "$place"
  write_conf
  write_sacct
  if [ ! -s "$place/munge.key" ]; then
    (umask 077 && head -c 128 /dev/urandom >"$place/munge.key")
  fi
  export SLURM_CONF=$conf
  # what does not start is seen below: the node never becomes idle
  {
    munged --force --key-file="$place/munge.key" --socket="$place/munge.socket" --pid-file="$place/munged.pid" \
      --seed-file="$place/munge.seed" --log-file="$place/munged.log" &&
      slurmctld -c -f "$conf" && slurmd -c -N localhost -f "$conf"
  } >&2 || true
  for _ in $(seq 60); do
    if [ "$(timeout 5 sinfo --noheader --format=%t 2>/dev/null)" = idle ]; then
      echo "export SLURM_CONF='$conf' PATH='$place/bin:$PATH'"
      return
    fi
    sleep 0.5
  done
  echo "the node does not become idle:" >&2
  tail -n 20 "$place"/*.log >&2 || true
  down
  echo "SLURM does not come up here" >&2
  exit $none
}

down() {
  SLURM_CONF=$conf timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
  for daemon in slurmd slurmctld munged; do
    [ -s "$place/$daemon.pid" ] || continue
    process=$(cat "$place/$daemon.pid")
    kill "$process" 2>/dev/null || true
    for _ in $(seq 40); do
      kill -0 "$process" 2>/dev/null || break
      sleep 0.25
    done
    kill -9 "$process" 2>/dev/null || true
    rm -f "$place/$daemon.pid"
  done
}

run() {
  local exports
  exports=$(up) || exit $?
  eval "$exports"
  "$@"
}

case ${1:-} in
  up | down)
    place=$(realpath -m "${2:?a directory}") conf=$place/slurm.conf
    "$1"
    ;;
  run)
    place=$(mktemp -d) conf=$place/slurm.conf
    trap 'down; rm -rf "$place"' EXIT
    run "${@:2}"
    ;;
  *)
    sed -n '2,/^set/p' "$0" | sed '$d' >&2
    exit 2
    ;;
esac
