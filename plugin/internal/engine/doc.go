// Package engine takes committed executions up, runs them on a bounded pool of
// workers, journals their steps and, after a crash, goes on where they were.
//
// It must not know PocketBase, SQL or JavaScript: storage and scripts are the
// small interfaces Store and Runner.
//
//	Submit ─► buffer ─► worker ─► Execute ─► Runner.Run ─► Session (journal)
//	   ▲         ▲                                             │
//	   │         └── refill from Store.Active              Store.Save…
//	   └── after the commit of the triggering write
package engine
