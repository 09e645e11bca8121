// Package owner decides which process runs the workflows of a data folder
// (pb_data), and lets the others ring it when they have committed something to
// run.
//
// It must not know PocketBase, JavaScript, SQL or any other package of the
// plugin: what owning means is the functions of Config. No database is asked
// or polled.
//
//	          Start            the lock is free: OnAcquire
//	stopped ─────────► waiting ───────────────────────────► owning ─► OnRing …
//	   ▲                │   ▲                                │  │
//	   │      Stop      │   │   lock file replaced, taken by │  │
//	   ├────────────────┘   └── another process: OnRelease ──┘  │
//	   └───────────────────────── Stop: OnRelease ──────────────┘
//
// Start tries once before it returns, so a process that is alone goes from
// stopped to owning at once.
//
// # Files
//
// They have a folder of their own, DirName, below the data folder, and the one
// that is watched has another within: neither SQLite, which writes into the
// data folder all the time, nor the heartbeat wakes who watches.
//
//	.workflows/workflows.lock       empty, locked with the operating system for
//	                                as long as its owner owns: a killed process
//	                                loses the lock at once. Never deleted, else two
//	                                processes could each lock a file of that name
//	.workflows/owner.json           Info of the owner
//	.workflows/bell/workflows.wake  written by Ring, watched by the owner
//
// # Backups
//
// The folder says nothing that is worth keeping, and should be left out of
// backups and restores (the Exclude of PocketBase's backup events). A backup
// fails when a file cannot be read: a locked one on Windows, or the one that a
// heartbeat has renamed since the folder was listed. Stale files that a restored backup brings do no
// harm. The lock is not the file but what the operating system knows of the
// processes that have it open, so a lock file out of a backup is free. Info
// asks for the lock before it believes owner.json, and the next owner
// overwrites it. A restored workflows.wake is at most a ring too many. A
// restore that moves the folder away under its owner is what an owner looks
// for with every heartbeat: it locks the new file too, or, when another process
// was faster, stops owning.
package owner
