package sflow

// Flow records that are looked into (sFlow Version 5, flow_data of enterprise 0).
const (
	SampledHeader   = 1
	SampledEthernet = 2
	SampledIPv4     = 3
	SampledIPv6     = 4
	ExtendedSwitch  = 1001
	ExtendedRouter  = 1002
	ExtendedGateway = 1003
	ExtendedUser    = 1004
	ExtendedMPLS    = 1006
	ExtendedNAT     = 1007
	ExtendedNATPort = 1020
	SocketIPv4      = 2100
	SocketIPv6      = 2101
)
