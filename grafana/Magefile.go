//go:build mage

// For those who build with mage, as Grafana's guides have it: mage -v build:linux.
package main

import (
	// mage:import
	build "github.com/grafana/grafana-plugin-sdk-go/build"
)

// Default configures the default target.
var Default = build.BuildAll
