// Package engine takes committed executions up, runs them on a bounded pool of
// workers, journals their steps and, after a crash, goes on where they were.
//
// It must not know PocketBase, SQL or JavaScript: storage and scripts are the
// small interfaces Store and Runner.
//
//	Submit ─► queue, a lane for each workflow ─► turn, slot, group ─► Runner.Run ─► Session (journal)
//	   ▲         ▲                                                        │
//	   │         └── scan, load and due read the store        Store.Finish or Waits.Park
//	   └── after the commit of the triggering write                       │
//	             ▲                                                        ▼
//	             └── Wake, the alarm ◄── an event, the end of a child, a time
package engine
