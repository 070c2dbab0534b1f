# A cluster of Slurm's in namespaces: a controller and two nodes, each with a network, processes and a name of its own, on this machine;
# all of it dies with the sandbox that it is started in (sandbox.bash), or a node by itself. $work is the file system that they share.
# shellcheck shell=bash disable=SC2154,SC2016 # $work: sandbox.bash's; a shell in the node expands

cluster_programs() {
	local program
	for program in slurmctld slurmd sbatch squeue scontrol munged; do
		command -v "$program" >/dev/null || { echo "$program"; return 1; }
	done
}

# cluster_up: the controller is in the caller's namespaces; afterwards both nodes are idle.
cluster_up() {
	local node number=1
	hostname controller
	ip link set lo up
	ip link add fabric type bridge
	ip addr add 10.77.0.1/24 dev fabric
	ip link set fabric up
	printf '127.0.0.1 localhost\n10.77.0.1 controller\n10.77.0.2 nodea\n10.77.0.3 nodeb\n' >"$work/hosts"
	mount --bind "$work/hosts" /etc/hosts
	mkdir -p /run/munge /run/slurm "$work/slurm" "$work/munge"
	chmod 755 /run/munge "$work/munge"
	(umask 077 && head -c 1024 /dev/urandom >"$work/munge/key")
	munged --force --key-file="$work/munge/key" --log-file="$work/munge/log" --seed-file="$work/munge/seed" --pid-file=/run/munge/pid \
		--socket=/run/munge/munge.socket.2
	cat >"$work/slurm/slurm.conf" <<-END
		ClusterName=liquidnet
		SlurmctldHost=controller(10.77.0.1)
		SlurmUser=root
		SlurmdUser=root
		AuthType=auth/munge
		CredType=cred/munge
		AuthInfo=cred_expire=5
		StateSaveLocation=$work/slurm/state
		SlurmdSpoolDir=$work/slurm/spool-%n
		SlurmctldPidFile=/run/slurm/controller.pid
		SlurmdPidFile=/run/slurm/%n.pid
		SlurmctldLogFile=$work/slurm/controller.log
		SlurmdLogFile=$work/slurm/%n.log
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		MpiDefault=none
		JobAcctGatherType=jobacct_gather/none
		AccountingStorageType=accounting_storage/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_CPU
		ReturnToService=2
		SlurmdTimeout=10
		KillWait=5
		NodeName=nodea NodeAddr=10.77.0.2 CPUs=1 State=UNKNOWN
		NodeName=nodeb NodeAddr=10.77.0.3 CPUs=1 State=UNKNOWN
		PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
	END
	mkdir -p "$work/slurm/state"
	export SLURM_CONF=$work/slurm/slurm.conf
	slurmctld -c
	for node in nodea nodeb; do
		number=$((number + 1))
		node_up "$node" "$number"
	done
	until_is $'idle\nidle' node_states
}

# Jobs that a dead node had begin anew when their credentials have expired, cred_expire above. A node is missed 10 to 30 s after its death.
await_jobs() { patience=600 until_true no_jobs || { squeue --noheader --array >&2; return 1; }; }
no_jobs() { [ -z "$(squeue --noheader)" ]; }

node_states() { scontrol --oneliner show nodes | sed -n 's/.* State=\([A-Z]*\).*/\L\1/p'; }

# node_up NAME NUMBER: a node that runs until node_down, or the sandbox's end
node_up() {
	unshare --net --uts --pid --fork --kill-child --mount --mount-proc bash -c '
		hostname "$1" && ip link set lo up && read -r _ && ip link set "$1" name eth0 && ip addr add "10.77.0.$2/24" dev eth0 &&
		ip link set eth0 up && exec slurmd -D -N "$1"' node "$1" "$2" < <(node_wire "$1") >>"$work/slurm/$1.out" 2>&1 &
	echo $! >"$work/slurm/$1.unshare"
}

# The wire is pushed into the node's network once that is there; then the node may go on.
node_wire() {
	until_true test -s "$work/slurm/$1.unshare"
	until_true node_has_network "$(<"$work/slurm/$1.unshare")"
	ip link add "$1" netns "$(node_process "$(<"$work/slurm/$1.unshare")")" type veth peer name "wire-$1"
	ip link set "wire-$1" master fabric up
	echo go
	exec sleep infinity # standard input stays open
}

# The child that is in a network of its own; the other one is node_wire.
node_process() {
	local child
	for child in $(pgrep -P "$1"); do
		if [ "$(readlink "/proc/$child/ns/net")" != "$(readlink /proc/self/ns/net)" ]; then
			echo "$child"
			return 0
		fi
	done
	return 1
}
node_has_network() { node_process "$1" >/dev/null; }

# node_down NAME: as when its power goes
node_down() {
	kill -KILL "$(<"$work/slurm/$1.unshare")"
	rm "$work/slurm/$1.unshare"
	ip link del "wire-$1" 2>/dev/null || true
}
