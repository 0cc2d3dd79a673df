// Package orders has the contracts of this folder, for the programs that keep
// them.
package orders

import "embed"

// Contracts are the documents.
//
//go:embed *.asyncapi.yaml
var Contracts embed.FS
