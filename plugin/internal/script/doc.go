// Package script runs workflow files on goja: it loads and checks them, keeps
// pools of VMs with PocketBase's own bindings, and gives handlers their ctx.
//
// It must not know SQL, nor where journals are kept: every step goes through
// the small interface Journal.
package script
