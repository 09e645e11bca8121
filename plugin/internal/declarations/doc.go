// Package declarations writes workflows.d.ts: what TypeScript, and with it every
// editor, knows of workflow files. It is a fixed part, the files in static, after a
// part of the app's collections.
//
// It must not know how workflows are loaded, stored or run.
package declarations
