// Package setup writes the configuration of exporters, to be pasted into them:
// a text for each platform under platforms/, whose first lines say what it is
// and which protocol it makes the exporter speak.
package setup
