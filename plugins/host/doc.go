// Package host runs detectors: each is a program in a process of its own, which
// is started, checked, fed, limited and started anew.
//
// [Start] runs a program and asks for its manifest. [Detector.Feed] copies rows,
// as the columns that the detector asked for, into a bounded queue, and one
// goroutine brings them to the process, batch by batch; what is found comes out
// through Deps.Findings. Whatever the process does (crash, hang, answer
// nonsense, write without end) costs the batch at hand and the detector's
// memory, never the host: the process is killed, and after a back-off a new one
// takes over. Rows that were lost so are counted, and lower the coverage that
// later findings about their time carry.
//
// An [Orderer] puts rows into the order that detectors are promised.
//
// Not limited yet: memory and processor time of a process.
package host
