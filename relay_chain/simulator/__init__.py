"""Seeded simulation of the consensus machine: virtual time, network, disks, Byzantine nodes."""
