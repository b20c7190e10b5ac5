#!/bin/sh
# A sweep in eight shards, as a Slurm array. Submit it from a folder that all machines
# share, with keyfold in the PATH:
#
#     sbatch slurm.sh
#
# The array is the shards. It counts from 0 or 1, without gaps.
#SBATCH --array=0-7
#SBATCH --job-name=sweep
#SBATCH --cpus-per-task=4
#SBATCH --mem=2G
#SBATCH --time=04:00:00
# A task whose machine fails starts again, and goes on from its journal.
#SBATCH --requeue

mkdir -p results
exec keyfold eval -device cpu -trained -tasks fact,needle -length 512 -n 200 -seeds 3 \
    -methods window,kvmerger,gvote -budgets 0.5,0.35 -json results/sweep.json
