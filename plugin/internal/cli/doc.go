// Package cli holds the console commands.
package cli
