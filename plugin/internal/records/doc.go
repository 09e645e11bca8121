// Package records does to many records at once what a script would otherwise
// spell out: it aggregates, changes and deletes those that satisfy a filter in
// PocketBase's language.
//
// It must not know JavaScript, nor workflows: the app it is given may be a
// transaction's, and then everything happens in that transaction.
package records
