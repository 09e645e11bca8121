// Package nodes holds the tests of the demo workflows that show how NocoBase's nodes
// are written here: each runs the very file that ships, on the demo's own schema, and
// is held to the README's table of nodes.
//
// It has no code of its own.
package nodes
