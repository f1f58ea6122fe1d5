// Package doctor says what is wrong with what an exporter sends, and which line
// of the exporter's configuration repairs it.
//
// [Examine] takes the ledger of one of the exporter's observation domains, as the
// pipeline keeps it, and what was announced for it, and returns findings: an id
// that stays the same from version to version, how bad it is, and a sentence. A
// finding may name a repair: [Repairs] has the lines for a platform, which
// [Platform] guesses from the vendors' elements in templates. A [History] lets it
// tell what is wrong lately from what has been repaired.
package doctor
