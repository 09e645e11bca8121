package message

import (
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/routine"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

// User is somebody with an auth record.
type User struct {
	Collection string // its id or name
	ID         string
}

// Notify sends data, which is JSON, to the realtime connections on which one of the
// users is logged in and has subscribed to topic; it returns how many there were.
// Who is not connected gets nothing, also not later.
func Notify(app core.App, users []User, topic string, data []byte) (connections int) {
	for _, client := range app.SubscriptionsBroker().Clients() {
		record, _ := client.Get(apis.RealtimeClientAuthKey).(*core.Record)
		if record == nil || client.IsDiscarded() || !among(users, record) {
			continue
		}
		told := false
		for subscription := range client.Subscriptions(topic) {
			// With options a subscription is "topic?options=…".
			if name, _, _ := strings.Cut(subscription, "?"); name == topic {
				m := subscriptions.Message{Name: subscription, Data: data}
				routine.FireAndForget(func() { client.Send(m) }) // as PocketBase does: a slow reader holds nobody up
				told = true
			}
		}
		if told {
			connections++
		}
	}
	return connections
}

func among(users []User, record *core.Record) bool {
	c := record.Collection()
	for _, u := range users {
		if u.ID == record.Id && (u.Collection == c.Name || u.Collection == c.Id) {
			return true
		}
	}
	return false
}
