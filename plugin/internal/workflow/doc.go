// Package workflow is the domain: definitions, versions, executions, steps,
// their statuses and the errors they end with.
//
// It uses the standard library only and knows nothing of PocketBase, SQL,
// JavaScript or HTTP; every other package of the plugin speaks in its words.
package workflow
