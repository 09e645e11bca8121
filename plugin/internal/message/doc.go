// Package message sends what people read: e-mails through PocketBase's mailer, and
// notices to the realtime connections of users.
//
// It must not know JavaScript, nor workflows.
package message
