"""Protobuf messages with the standard package names, and strict, Go-identical encoding."""
