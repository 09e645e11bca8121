// Package api is the REST routes of the plugin below /api/workflows: one short
// handler each, which checks who asks and hands over to Service.
//
// It must not know how executions are stored or run.
package api
