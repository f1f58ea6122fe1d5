// Package daemon is the collector as a whole: listeners and pipeline of
// collector/config, sinks, relays and the API, put together from one YAML file,
// started, reloaded and stopped.
package daemon
