// Package config is what an operator sets: the components' own Config structs
// put together, read from a YAML file or from a host's properties, and started.
package config
